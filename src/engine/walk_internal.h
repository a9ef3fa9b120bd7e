/*
 * walk_internal.h -- what the files of a walk share.
 *
 * walk.c gives records out, walk_page.c asks for pages and takes them in, walk_turn.c begins: with
 * an input, with each record of a parent, and anew.  Nobody else includes this.
 */
#ifndef CN_ENGINE_WALK_INTERNAL_H
#define CN_ENGINE_WALK_INTERNAL_H

#include "postgres.h"

#include "core/seen.h"
#include "engine/paging.h"
#include "engine/records.h"
#include "engine/walk.h"

/* A text or number that outlives its record. */
typedef struct CnWalkMark
{
	char	   *text;			/* NULL: there is none */
	bool		numeric;
} CnWalkMark;

typedef struct CnPage
{
	MemoryContext context;
	MemoryContext run;			/* of the execution; NULL: it is over */
	CnExecution *execution;
	CnPageAsk	ask;
	int64		number;
	uint64		turn;
	bool		needed;			/* it was asked for when nothing else was left to give out */
	Jsonb	   *note;			/* what records get as _parent; NULL: nothing */

	CnPageFound found;
	CnRecords	records;
	int			next;			/* record to be given out */
	bool		decided;		/* whether there is a page behind it */
	CnWalkMark	newest;			/* cursors of its records, as in the walk */
	CnWalkMark	before;
	const CnJson *bound;		/* what the reply says of a later walk; NULL: nothing */
} CnPage;

struct CnWalk
{
	CnWalkInput given;
	const CnStream *stream;
	MemoryContext context;
	MemoryContext record_context;	/* what is read of one record */
	CnWalk	   *parent;			/* NULL: none, or the caller has chosen one record of it */
	const CnJson *own_input;	/* what of the caller's input the stream knows */

	MemoryContext turn_context; /* what follows is in it */
	uint64		turn;			/* which one; 0: none yet */
	CnJson	   *input;
	const CnJson *parent_value; /* templates read it as parent; NULL: none */
	const CnJson *note;			/* likewise, what came of it */
	CnPaging	paging;
	CnWalkMark	last;			/* of a stream in ascending order: the cursor of the last record */

	bool		more;			/* paging stands before a page */
	bool		complete;		/* the stream has ended, and not only the pages that were wanted */
	CnPage	   *current;		/* its records are given out */
	CnPage	   *ahead;			/* it is under way, or waits for its turn */
	int64		asked;			/* pages */
	CnWalkCounts counts;

	uint64		salt;			/* of the digests of keys: no remote can make them meet */
	CnSeen		page_keys[2];	/* of the page before, and of this one */
	CnSeen		window_keys[2]; /* likewise since the stream began anew */
	bool		new_window;		/* the next page is the first of that */
	CnFailure	failure;		/* once the current page is used up */

	/* Of pages that were given out whole: the greatest cursor, the greatest below it, what replies said. */
	CnWalkMark	newest;
	CnWalkMark	before;
	CnWalkMark	bound;
};

/* ---- walk.c ---- */

/* Let it fail, with a copy of failure that says where. */
extern void cn_walk_fail(CnWalk *walk, const CnFailure *failure, const char *where);

/* Can value (may be NULL) be kept as a mark?  A text or number can. */
extern bool cn_walk_is_mark(const CnJson *value);

/* value: a text or number.  In context, the same each time. */
extern void cn_walk_mark_set(CnWalkMark *mark, MemoryContext context, const CnJson *value);

/* NULL: there is none. */
extern CnJson *cn_walk_mark_value(const CnWalkMark *mark);

/* A cursor may change *newest, or *before, the greatest below that.  Both are in context. */
extern void cn_walk_see_cursor(const CnJson *value, MemoryContext context, CnWalkMark *newest,
							   CnWalkMark *before);

/* ---- walk_page.c ---- */

/* Ask for the next page, if there is one: RECORD if it is under way. */
extern CnWalkResult cn_walk_ask(CnWalk *walk, bool needed);

extern bool cn_walk_page_is_done(const CnPage *page);

/* The page asked for is over: it is the current one now, or the walk goes another way. */
extern void cn_walk_arrive(CnWalk *walk);

extern void cn_walk_drop_page(CnPage **page);

/* ---- walk_turn.c ---- */

/* The next record of the parent: RECORD if a turn was begun with it. */
extern CnWalkResult cn_walk_next_turn(CnWalk *walk);

/* The first page again, with input set to last, a text or number; in the turn's context. */
extern void cn_walk_restart_at(CnWalk *walk, const char *input, const CnJson *last);

/*
 * A rule of the author's says that the remote has forgotten where we were.  False if there is
 * nowhere else to go on from, or that was tried.  A stream whose bound is such a place itself
 * begins at the first page of all there is.
 */
extern bool cn_walk_restart_after_failure(CnWalk *walk, const CnPage *page);

#endif							/* CN_ENGINE_WALK_INTERNAL_H */
