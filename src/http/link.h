/*
 * link.h -- the Link header.  Pure.
 */
#ifndef CN_HTTP_LINK_H
#define CN_HTTP_LINK_H

#include "core/pure.h"

/*
 * Target of the first link in value that has the relation rel ("next"), as
 * written: resolve it with cn_url_resolve.  NULL if there is none.
 */
extern char *cn_http_link_find(const char *value, const char *rel);

#endif							/* CN_HTTP_LINK_H */
