/*
 * stream_source.h -- what a walk through a provider's stream takes from the tables.
 *
 * engine/walk.h says how it is used.
 */
#ifndef CN_QUEUE_STREAM_SOURCE_H
#define CN_QUEUE_STREAM_SOURCE_H

#include "postgres.h"

#include "catalog/service_limits.h"
#include "catalog/stream.h"
#include "engine/engine.h"

typedef struct CnStreamSource
{
	pg_uuid_t	workspace;
	const char *owner;			/* whose credentials count beside the workspace's; NULL: nobody's */
	MemoryContext context;		/* of all of it */
	const CnStream *stream;
	char	   *name;			/* "github.issues" */
	CnExecCredential *credentials;
	const CnServiceLimitSet *limits;
	bool		stale;			/* a later token is there to be read */
} CnStreamSource;

/*
 * label: of the credential; NULL is the usual one.  NULL and *failure, config_invalid, if there is no
 * such provider or stream; raises if what is stored of it cannot be compiled.  What is wrong with a credential is for the page that needs it.  In a transaction;
 * the provider stays pinned until context is reset.
 */
extern CnStreamSource *cn_stream_source_open(const pg_uuid_t *workspace, const char *owner,
											 const char *provider, const char *label,
											 const char *stream, MemoryContext context,
											 CnFailure *failure);

/*
 * For CnExecRenew.  now: a transaction is open, so what has come is read at once; without one,
 * *stale is set, and the step waits until cn_stream_source_refresh was called.
 */
extern CnRenewal cn_stream_source_renew(CnStreamSource *source, int i, CnRenewReason reason,
										bool now, CnFailure *failure);

/* Read later tokens, if some are there.  In a transaction. */
extern void cn_stream_source_refresh(CnStreamSource *source);

#endif							/* CN_QUEUE_STREAM_SOURCE_H */
