/*
 * compat.h -- what differs between the major versions we build on (15, 16, 17).
 *
 * Each shim names what changed and in which major, so that it can go when the
 * older one does.
 */
#ifndef CN_CORE_COMPAT_H
#define CN_CORE_COMPAT_H

#include "postgres.h"

#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "executor/executor.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

/*
 * 17: the first argument became the resource owner that frees the set, NULL
 * for one that lives as long as the process; before, it was the context.
 */
static inline WaitEventSet *
cn_create_wait_event_set(int nevents)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(NULL, nevents);
#else
	return CreateWaitEventSet(TopMemoryContext, nevents);
#endif
}

/* 17: extensions name their wait events (ConnectorHttp); before, all are "Extension". */
static inline uint32
cn_wait_event(uint32 *event, const char *name)
{
#if PG_VERSION_NUM >= 170000
	if (*event == 0)
		*event = WaitEventExtensionNew(name);
	return *event;
#else
	return PG_WAIT_EXTENSION;
#endif
}

static inline uint32
cn_wait_event_http(void)
{
	static uint32 event = 0;

	return cn_wait_event(&event, "ConnectorHttp");
}

/* The launcher: until something changes. */
static inline uint32
cn_wait_event_launcher(void)
{
	static uint32 event = 0;

	return cn_wait_event(&event, "ConnectorLauncher");
}

/* A worker with nothing to do. */
static inline uint32
cn_wait_event_worker_idle(void)
{
	static uint32 event = 0;

	return cn_wait_event(&event, "ConnectorWorkerIdle");
}

/* A session that waits for the workers of a database to leave. */
static inline uint32
cn_wait_event_workers_leave(void)
{
	static uint32 event = 0;

	return cn_wait_event(&event, "ConnectorWorkersLeave");
}

/* A session that waits for an execution to end. */
static inline uint32
cn_wait_event_await(void)
{
	static uint32 event = 0;

	return cn_wait_event(&event, "ConnectorAwait");
}

/* The token process with nothing to do. */
static inline uint32
cn_wait_event_tokens_idle(void)
{
	static uint32 event = 0;

	return cn_wait_event(&event, "ConnectorTokensIdle");
}

/* The token process with nothing to do. */
static inline uint32
cn_wait_event_polls_idle(void)
{
	static uint32 event = 0;

	return cn_wait_event(&event, "ConnectorPollsIdle");
}

/* A session that waits for a new token. */
static inline uint32
cn_wait_event_token(void)
{
	static uint32 event = 0;

	return cn_wait_event(&event, "ConnectorToken");
}

/* A session while a background worker does something in another database. */
static inline uint32
cn_wait_event_errand(void)
{
	static uint32 event = 0;

	return cn_wait_event(&event, "ConnectorErrand");
}

/* 17: MyProcNumber; before, the number was a field of PGPROC.  Its latch is in ProcGlobal->allProcs. */
static inline int
cn_my_procno(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProcNumber;
#else
	return MyProc->pgprocno;
#endif
}

/* 16: one function for all kinds of objects; before, each had its own. */
static inline bool
cn_owns_database(Oid database, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, database, role);
#else
	return pg_database_ownercheck(database, role);
#endif
}

static inline bool
cn_owns_extension(Oid extension, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(ExtensionRelationId, extension, role);
#else
	return pg_extension_ownercheck(extension, role);
#endif
}

/* 15.4: a database whose DROP was interrupted is marked by its connection limit. */
#ifndef DATCONNLIMIT_INVALID_DB
#define DATCONNLIMIT_INVALID_DB (-2)
#endif

/* 16: a last argument asks for summarizing indexes only. */
static inline void
cn_insert_index_tuples(ResultRelInfo *target, TupleTableSlot *slot, EState *estate)
{
	if (target->ri_NumIndices == 0)
		return;
#if PG_VERSION_NUM >= 160000
	(void) ExecInsertIndexTuples(target, slot, estate, false, false, NULL, NIL, false);
#else
	(void) ExecInsertIndexTuples(target, slot, estate, false, false, NULL, NIL);
#endif
}

/* 16: a setting's extra data must come from guc_malloc; before, from malloc. */
static inline void *
cn_guc_malloc(size_t size)
{
#if PG_VERSION_NUM >= 160000
	return guc_malloc(LOG, size);
#else
	return malloc(size);
#endif
}

/*
 * 16: a compiled regex lives in the memory context it was made in, and the regex code
 * checks for interrupts itself; before, it was malloc'ed, for pg_regfree to free, and a
 * cancelled match came back as REG_CANCEL.
 */
#if PG_VERSION_NUM >= 160000
#define CN_REGEX_IS_MALLOCED 0
#define CN_REGEX_CANCELLED(code) false
#else
#define CN_REGEX_IS_MALLOCED 1
#define CN_REGEX_CANCELLED(code) ((code) == REG_CANCEL)
#endif

#endif							/* CN_CORE_COMPAT_H */
