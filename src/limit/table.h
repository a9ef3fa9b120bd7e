/*
 * table.h -- the table of limits in shared memory.
 *
 * Inside the module only.  All of it is read and written under CN_LOCK_LIMITS: shared to
 * look, exclusive to change.  Entries do not move; one is given to another key only while it is
 * idle, which one with a request in flight is not, while that has its place.
 */
#ifndef CN_LIMIT_TABLE_H
#define CN_LIMIT_TABLE_H

#include "postgres.h"

#include "limit/gcra.h"
#include "limit/limit.h"
#include "limit/places.h"

#define CN_LIMIT_MINUTE_US INT64CONST(60000000)
#define CN_LIMIT_HOUR_US (60 * CN_LIMIT_MINUTE_US)

/* No padding: it is compared and hashed as bytes. */
typedef struct CnLimitKey
{
	Oid			database;
	int32		kind;			/* CnLimitKind */
	pg_uuid_t	workspace;
	pg_uuid_t	id;				/* connector, credential; of a service a hash of its name */
} CnLimitKey;

typedef struct CnLimitEntry
{
	CnLimitKey	key;			/* kind 0: free */
	int32		next;			/* in its bucket, or the free list; -1: the last */
	CnPlaces	in_flight;
	int64		asked_us;		/* when it was last asked for: not thrown out at that moment */
	CnServiceLimits limits; /* last seen; what is used of them is below */
	CnGcra		minute;
	CnGcra		hour;
	int64		held_until_us;
	CnBreaker	breaker;
	char		name[CN_LIMIT_NAME_LEN];
} CnLimitEntry;

extern void cn_limit_table_init(int max_entries);	/* from _PG_init */

extern CnLimitKey cn_limit_key(CnLimitKind kind, const pg_uuid_t *workspace, const pg_uuid_t *id);
extern CnLimitKey cn_limit_service_key(const pg_uuid_t *workspace, const char *service);

extern CnLimitEntry *cn_limit_find(const CnLimitKey *key);

/* The entry, made if there is none; NULL: there is no room for it. */
extern CnLimitEntry *cn_limit_make(const CnLimitKey *key, const char *name, int64 now_us);

extern int	cn_limit_number(const CnLimitEntry *entry);
extern CnLimitEntry *cn_limit_entry(int number);

/* The entry behind number that is in use, from -1 on; NULL: there are no more. */
extern CnLimitEntry *cn_limit_next(int number);
extern int	cn_limit_used(void);

/* Is it time to warn that the table is full?  Once a minute, over all processes. */
extern bool cn_limit_may_warn(int64 now_us);

/* settings.c */
extern CnBreakerPolicy cn_limit_policy(void);

/* limit.c: may the entry be forgotten? */
extern bool cn_limit_is_idle(const CnLimitEntry *entry, int64 now_us);

#endif							/* CN_LIMIT_TABLE_H */
