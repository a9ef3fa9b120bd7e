/*
 * internal.h -- what the files of the engine share.
 */
#ifndef CN_ENGINE_INTERNAL_H
#define CN_ENGINE_INTERNAL_H

#include "postgres.h"

#include "engine/engine.h"
#include "engine/secrets.h"

struct CnExecution
{
	MemoryContext context;
	CnExecState state;
	pg_uuid_t	id;
	CnExecInput given;
	bool		keep_details;

	CnScope		scope;			/* what templates read */
	CnJson	   *input;			/* made when first read */
	CnJson	   *self;			/* {"id": ...}, likewise */
	CnJson	   *now;			/* likewise */
	CnSecrets	secrets;

	CnHttpRequest request;
	CnHttpTransfer *transfer;
	int64		started_us;		/* monotonic */

	CnOutcome	outcome;
	CnExecDone	done;
	void	   *done_arg;
};

/*
 * Render the request of the execution into execution->request and its record;
 * false and the outcome's failure if it cannot be made or must not be sent.
 */
extern bool cn_request_build(CnExecution *execution);

/* A multipart body; returns its content type.  RFC 7578. */
extern bool cn_multipart_render(CnExecution *execution, StringInfo body, char **content_type);

/* Turn the transfer's reply into output or failure. */
extern void cn_reply_read(CnExecution *execution);

#endif							/* CN_ENGINE_INTERNAL_H */
