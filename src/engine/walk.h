/*
 * walk.h -- the records of a stream, one after the other or page by page.
 *
 * A walk asks for a page when half of the one before it is used up, so whoever turns the mux now
 * and then while it works on records seldom waits; and whoever stops early has asked for one page.
 * It never waits itself, knows no table and holds two pages at most, for each level of parents.
 *
 *   cn_walk_begin --> cn_walk_next: RECORD, RECORD, ... WAIT (turn the mux) ... END or FAILED
 *
 * What it takes from tables (the stream, credentials, limits) queue/stream_source.h reads.  A
 * session that waits, and a worker that does not, go the same way:
 *
 *	source = cn_stream_source_open(...);            -- in a transaction
 *	walk = cn_walk_begin(&input, context);          -- from here on none is needed
 *	while ((result = cn_walk_next_page(walk, &page)) != CN_WALK_END)
 *		RECORD: transaction: use page.records, store cn_walk_cursor(walk); commit
 *		WAIT:   a session waits for the mux and turns it; a worker goes back to its loop, and
 *		        is here again when wake was called
 *		FAILED: cn_walk_failure(walk); what was stored stays good
 *	END:    transaction: store cn_walk_cursor(walk); commit
 *
 * Incremental walks: the next one is given, as the member stream->bound_input of its input, what
 * cn_walk_cursor said last.  It says NULL until there is something that a later walk may begin
 * with and miss nothing: before the end, that is so of streams in ascending order and of those
 * whose replies say it (Dropbox); of others, newest first for example, only at the end.  Records at
 * the bound itself come again from services whose bound includes it: remember their keys.
 */
#ifndef CN_ENGINE_WALK_H
#define CN_ENGINE_WALK_H

#include "postgres.h"

#include "catalog/stream.h"
#include "engine/engine.h"

typedef struct CnWalk CnWalk;

/* What became of a page; valid during the call. */
typedef struct CnPageReport
{
	const char *stream;
	int64		number;			/* from 1 */
	const CnStepRecord *record;
	int64		records;
	const CnFailure *failure;	/* code CN_OK: none */
} CnPageReport;

/* A page has come, or failed.  Must not raise, and must not touch the walk. */
typedef void (*CnPageDone) (const CnPageReport *report, void *arg);

/*
 * A page is over, so cn_walk_next may have something else to say than WAIT.  Called from the mux'
 * turn, and from cn_walk_next itself: take note and no more; the walk must outlive the turn.
 */
typedef void (*CnWalkWake) (void *arg);

/* All of it must outlive the walk. */
typedef struct CnWalkInput
{
	pg_uuid_t	workspace;
	const pg_uuid_t *id;		/* of the execution that the pages are of */
	const CnStream *stream;
	CnExecCredential *credentials;	/* of its definition, in the order of its list */
	const CnServiceLimitSet *limits;
	const CnJson *input;		/* an object */
	bool		shared;			/* it is that of a stream below: what this one does not know is not its */
	int64		max_pages;		/* of the stream, not its parents; 0: what its author says */
	CnHttpMux  *mux;
	bool		cursor;			/* find out where a later walk goes on; takes time for each record */
	CnExecRenew renew;			/* NULL: tokens are used as they are */
	CnPageDone	page_done;		/* NULL: nobody wants to know */
	CnWalkWake	wake;			/* likewise */
	void	   *arg;			/* of the three */
} CnWalkInput;

typedef enum CnWalkResult
{
	CN_WALK_RECORD,
	CN_WALK_WAIT,				/* turn the mux, and ask again */
	CN_WALK_END,
	CN_WALK_FAILED				/* cn_walk_failure */
} CnWalkResult;

/* A new walk in context; deleting that ends what is under way.  Nothing is asked for yet. */
extern CnWalk *cn_walk_begin(const CnWalkInput *input, MemoryContext context);

/* The next record, in the current context. */
extern CnWalkResult cn_walk_next(CnWalk *walk, Jsonb **record);

/* The records of a page that were not on the one before. */
typedef struct CnWalkPage
{
	int64		number;			/* from 1; of a stream with parents in each of its turns */
	int			count;			/* may be 0 */
	Jsonb	  **records;
} CnWalkPage;

/* All that is left of the current page, or the next one: RECORD, and *page in the current context. */
extern CnWalkResult cn_walk_next_page(CnWalk *walk, CnWalkPage *page);

/*
 * What a later walk has to be given as bound so that it goes on behind what this one has given
 * out: a text or number in the current context.  NULL: keep the one there is.
 */
extern CnJson *cn_walk_cursor(const CnWalk *walk);

/* Has the stream ended, and not only the pages that were wanted? */
extern bool cn_walk_is_complete(const CnWalk *walk);

/* Is a page under way that a turn of the mux may bring on? */
extern bool cn_walk_in_flight(const CnWalk *walk);

/* Why it ended; the message names the page. */
extern const CnFailure *cn_walk_failure(const CnWalk *walk);

/* What came so far: pages of the stream, records on them, records left out as repeated. */
typedef struct CnWalkCounts
{
	int64		pages;
	int64		records;
	int64		repeated;
} CnWalkCounts;

extern CnWalkCounts cn_walk_counts(const CnWalk *walk);

#endif							/* CN_ENGINE_WALK_H */
