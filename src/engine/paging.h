/*
 * paging.h -- from one page of a stream to the next.  Pure.
 *
 * The walk knows where it is; it says what the next page asks for, takes what was found on it,
 * and says whether there is another.  What a remote sent (cursors, URLs) is only ever a value:
 * it is put beside or in place of what the definition renders to, and is never a template.
 *
 *   cn_paging_ask --> the page is fetched --> cn_paging_check --> cn_paging_decide --> cn_paging_move
 *        ^                                                                                   |
 *        +-----------------------------------------------------------------------------------+
 *
 * A remote that repeats itself ends the walk with a failure that names the page.
 */
#ifndef CN_ENGINE_PAGING_H
#define CN_ENGINE_PAGING_H

#include "catalog/pagination.h"
#include "core/errors.h"
#include "core/seen.h"

/* A parameter of a page, in place of one of that name. */
typedef struct CnPageParameter
{
	const char *name;			/* in a JSON body a dotted path */
	const CnJson *value;		/* a text or number */
	bool		in_body;
} CnPageParameter;

#define CN_PAGE_PARAMETERS 2

/* What a page asks for beside what the definition of its stream says. */
typedef struct CnPageAsk
{
	const char *url;			/* in place of URL and query; NULL: those */
	bool		following;		/* the request for pages behind the first, if the author gave one */
	CnPageParameter parameters[CN_PAGE_PARAMETERS];
	int			count;
} CnPageAsk;

/* What was found on a page.  Values that are not there, or null, are NULL. */
typedef struct CnPageFound
{
	int64		records;		/* also those that were there before */
	uint64		digest;			/* of all of them */
	bool		keyed;			/* they have keys: what is equal is the same */
	const CnJson *cursor;		/* by the paths of the pagination: */
	const CnJson *next;
	const CnJson *more;
	const CnJson *total;
	const CnJson *last;			/* of the last record, what its stream is ordered by */
	const char *link;			/* the Link headers, joined by commas; NULL: none */
	const char *url;			/* where it came from; NULL: not known */
} CnPageFound;

typedef enum CnPagingVerdict
{
	CN_PAGING_END,
	CN_PAGING_MORE,
	CN_PAGING_RESET,			/* likewise, with the reset's input set to restart */
	CN_PAGING_FAILED
} CnPagingVerdict;

/* Where a page leads. */
typedef struct CnPagingStep
{
	CnPagingVerdict verdict;
	const CnJson *cursor;		/* a text or number, or */
	const char *url;			/* absolute; neither: the next position */
	const CnJson *restart;		/* RESET: what the last record had; a text or number */
	CnFailure	failure;		/* FAILED */
} CnPagingStep;

/* A walk through the pages of a stream. */
typedef struct CnPaging
{
	const CnPagination *def;
	int64		max_pages;		/* the definition's, unless the caller wants others */
	bool		same_origin;	/* a next URL must not lead anywhere else */
	int64		page;			/* pages that were taken, also those before a reset */
	int64		records;		/* on them */
	int64		window;			/* records since the beginning, or the last reset */
	int64		turn;			/* pages likewise */
	int			empty;			/* pages in a row without a record */
	char	   *cursor;			/* what the next page asks for; NULL: nothing */
	bool		numeric;		/* it is a number */
	char	   *url;			/* likewise; NULL: what the definition says */
	uint64		restart;		/* digest of what the last reset began with; 0: there was none */
	uint64		digest;			/* of the last page */
	CnSeen		seen;			/* cursors and URLs */
} CnPaging;

/* same_origin: the request has no credential whose hosts would bind it. */
extern void cn_paging_begin(CnPaging *paging, const CnPagination *def, bool same_origin);

/* The first page is the one behind cursor, a text or number.  Memory as for cn_paging_move. */
extern void cn_paging_resume(CnPaging *paging, const CnJson *cursor);

/* What the next page asks for; it points into the walk and the definition. */
extern void cn_paging_ask(const CnPaging *paging, CnPageAsk *ask);

/* {"number", "offset", "cursor"} of the next page, for templates; in the current context. */
extern CnJson *cn_paging_scope(const CnPaging *paging);

/* A page has come.  False and *failure if it is the one before once more: do not use it. */
extern bool cn_paging_check(const CnPaging *paging, const CnPageFound *found, CnFailure *failure);

/* Is there another behind it, and where?  *step points into the current context and *found. */
extern void cn_paging_decide(const CnPaging *paging, const CnPageFound *found, CnPagingStep *step);

/* Go there.  What the walk keeps is in the current context, the same each time. */
extern void cn_paging_move(CnPaging *paging, const CnPageFound *found, const CnPagingStep *step);

/*
 * The first page again, of what comes behind last, a text or number.  False if that is where the
 * walk was begun again before.  Memory as for cn_paging_move.
 */
extern bool cn_paging_restart(CnPaging *paging, const CnJson *last);

/*
 * body with value at the dotted path name, in the current context; parts are shared.  Objects
 * that are missing on the way are made; NULL if something else is in the way.
 */
extern CnJson *cn_paging_set(const CnJson *body, const char *name, const CnJson *value);

#endif							/* CN_ENGINE_PAGING_H */
