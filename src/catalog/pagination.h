/*
 * pagination.h -- how a stream is divided into pages, checked and compiled.  Pure.
 *
 * docs/fetch.md describes what authors write under "pagination".  What a page asks for, and
 * whether there is another one behind it, is engine/paging.h's to say.
 */
#ifndef CN_CATALOG_PAGINATION_H
#define CN_CATALOG_PAGINATION_H

#include "catalog/definition.h"

/* Pages of one stream unless its author or the caller says otherwise, and the most they can say. */
#define CN_PAGES_DEFAULT 1000
#define CN_PAGES_MAX 1000000

typedef enum CnPageKind
{
	CN_PAGES_NONE,				/* there is one page */
	CN_PAGES_CURSOR,			/* the reply, or its last record, has a value for a parameter */
	CN_PAGES_NEXT_URL,			/* the reply has the URL of the next page */
	CN_PAGES_LINK_HEADER,		/* a Link header has it (RFC 8288) */
	CN_PAGES_OFFSET,			/* a parameter counts records */
	CN_PAGES_NUMBER				/* a parameter counts pages */
} CnPageKind;

typedef struct CnPagination
{
	CnPageKind	kind;
	const char *parameter;		/* CURSOR, OFFSET, NUMBER: gets the cursor or number; NULL: none does */
	bool		in_body;		/* it is put into the body, else into the query */
	CnPath		cursor;			/* CURSOR: in the reply, or */
	CnPath		last_record;	/* in its last record */
	CnPath		next;			/* NEXT_URL: in the reply */
	const char *rel;			/* LINK_HEADER: the relation that leads on */
	int64		start;			/* OFFSET, NUMBER: of the first page */

	const char *size_parameter; /* gets size; NULL: none */
	bool		size_in_body;
	int			size;			/* records a page has unless it is the last; 0: not known */

	const CnJson *following;	/* members of the stream that pages behind the first have otherwise; NULL:
								 * none */

	CnPath		more;			/* in the reply: false ends it; no text: none */
	CnPath		total;			/* in the reply: of all records; no text: none */
	int			max_pages;		/* one more is a failure */
	int64		reset_after;	/* after so many records it begins anew, with */
	const char *reset_input;	/* this input set to what the last record has; 0 and NULL: never */
} CnPagination;

/*
 * Check and compile the pagination object of a stream, which stands at path; NULL (the value):
 * one page.  NULL if it has problems, which are added to those there are.  value must outlive the
 * result.  check_path may be NULL.
 */
extern CnPagination *cn_pagination_compile(const CnJson *value, const char *path,
										   CnPathCheck check_path, CnProblems *problems);

/* The stream as its pages behind the first have it: with the members of following in place of its own. */
extern const CnJson *cn_pagination_following(const CnJson *stream, const CnJson *following);

#endif							/* CN_CATALOG_PAGINATION_H */
