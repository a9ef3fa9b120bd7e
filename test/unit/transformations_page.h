/*
 * transformations_page.h -- docs/transformations.md, out of the table of filters.
 */
#ifndef CN_TEST_TRANSFORMATIONS_PAGE_H
#define CN_TEST_TRANSFORMATIONS_PAGE_H

#include "core/pure.h"

/* Where it is, seen from test/unit. */
#define TRANSFORMATIONS_PAGE "../../docs/transformations.md"

/*
 * The page with its tables written anew: what stands between a line
 * "<!-- filters: CATEGORY -->" and the next "<!-- end -->".  *rows: how many
 * filters there are in them.
 */
extern char *transformations_page(const char *page, int *rows);

/* A file as text; NULL if it cannot be read. */
extern char *read_whole_file(const char *path);

#endif							/* CN_TEST_TRANSFORMATIONS_PAGE_H */
