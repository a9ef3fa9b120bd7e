/*
 * stats.h -- exact counts of executions, without hot rows.
 *
 * Counts are kept in memory while a transaction runs, undone with its
 * subtransactions, and written as one row a connector and credential just
 * before it commits.  A worker, or connector_maintain(), folds the rows (fold.c).
 */
#ifndef CN_STATS_STATS_H
#define CN_STATS_STATS_H

#include "postgres.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

typedef struct CnStatDelta
{
	pg_uuid_t	workspace;
	pg_uuid_t	connector;
	pg_uuid_t	credential;		/* zeros: none */
	int64		successes;
	int64		failures;
	TimestampTz last_at;
	int			level;			/* nesting level of the (sub)transaction */
} CnStatDelta;

extern void cn_stats_init(void);	/* from _PG_init */

/* Count one execution; credential may be NULL. */
extern void cn_stats_count(const pg_uuid_t *workspace, const pg_uuid_t *connector,
						   const pg_uuid_t *credential, bool success, TimestampTz at);

/* One of its further credentials was used; only that is noted. */
extern void cn_stats_used(const pg_uuid_t *workspace, const pg_uuid_t *connector,
						  const pg_uuid_t *credential, TimestampTz at);

/* What this transaction has counted so far; valid until the next count. */
extern const CnStatDelta *cn_stats_pending(int *count);

/*
 * For workers.  Deltas wait to be folded: an atomic read.  When that becomes true, the hook is
 * called in the process whose transaction has written them, so a worker may sleep until then.
 * (Those of a prepared transaction that is committed are found with the next ones.)
 */
extern bool cn_stats_fold_wanted(void);
extern void (*cn_stats_unfolded_hook) (Oid database);

/*
 * Fold a batch, in a transaction that does nothing else and is committed at once; about
 * once a second while it is wanted.  Returns the deltas it took, maybe none: it waits for
 * nobody, and what it had to leave is wanted again.
 */
extern int64 cn_stats_fold(void);

/* The same with all deltas there are, for maintenance. */
extern int64 cn_stats_fold_all(void);

extern void cn_stats_fold_init(void);	/* from cn_stats_init */

#endif							/* CN_STATS_STATS_H */
