/*
 * memory.h -- the records that a trigger knows: connector_trigger_seen.
 */
#ifndef CN_TRIGGER_MEMORY_H
#define CN_TRIGGER_MEMORY_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "trigger/store.h"

/* One record of a page. */
typedef struct CnNews
{
	Jsonb	   *record;
	pg_uuid_t	key;
	pg_uuid_t	version;		/* zeros: it does not count */
	bool		old;			/* created before the trigger, or none that counts: not new, nor remembered */
	bool		fresh;			/* from cn_memory_compare: new, or changed */
} CnNews;

/* What tells record apart, and when it was created; in the current context. */
extern void cn_news_describe(CnNews *news, const CnTriggerPlan *plan, TimestampTz known_since);

typedef struct CnMemory CnMemory;

/*
 * Find out which of a page's records are fresh: not known, or in another version, nor twice on
 * the page.  In the current context; in a transaction that holds the trigger.
 */
extern CnMemory *cn_memory_compare(const CnTriggerId *id, CnNews *list, int count);

/*
 * Remember one of them.  Those that are not remembered (because no more may be started now) are
 * fresh again next time; those that are known count as seen now.
 */
extern void cn_memory_add(CnMemory *memory, const CnNews *news);
extern void cn_memory_write(CnMemory *memory);

/* How many it remembers. */
extern int64 cn_memory_count(const CnTriggerId *id);

/* Forget what was seen before then, and (most is not 0) the oldest of more than that; how many. */
extern int64 cn_memory_forget(const CnTriggerId *id, TimestampTz before, int64 most);

#endif							/* CN_TRIGGER_MEMORY_H */
