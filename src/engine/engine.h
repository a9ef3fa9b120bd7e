/*
 * engine.h -- one execution of a compiled definition, as a state machine.
 *
 * The engine is given a definition, an input, a credential and a mux, and
 * calls back when it is done.  It knows no table, takes no lock and never
 * waits: a backend turns the mux for one execution, a worker for thousands.
 *
 *   NEW --start--> SENDING --reply--> DONE
 *     \____ refused before it was sent ____/
 *
 * Each state has one function in engine.c; change_state is the only one that
 * assigns it.  docs/internals/engine.md has the states and who may change them.
 */
#ifndef CN_ENGINE_ENGINE_H
#define CN_ENGINE_ENGINE_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "catalog/definition.h"
#include "core/errors.h"
#include "credentials/store.h"
#include "http/client.h"

typedef enum CnExecState
{
	CN_EXEC_NEW,
	CN_EXEC_SENDING,
	CN_EXEC_DONE
} CnExecState;

typedef struct CnExecution CnExecution;

typedef void (*CnExecDone) (CnExecution *execution, void *arg);

/* What an execution is given; all of it must outlive the execution. */
typedef struct CnExecInput
{
	pg_uuid_t	workspace;
	CnDefinition *definition;
	CnCredential *credential;	/* opened; NULL: the definition names none */
	Jsonb	   *input;
	int			timeout_ms;		/* the connector's, for steps without their own */
} CnExecInput;

/* What a step did, for the history; redacted. */
typedef struct CnStepRecord
{
	const char *id;
	const char *method;
	const char *url;			/* without the credential's values */
	Jsonb	   *request_headers;	/* only when asked for (connector_test) */
	Jsonb	   *request_body;
	int			http_status;
	int			attempts;
	int64		request_bytes;
	int64		response_bytes;
	int			redirects;
	double		duration_ms;
} CnStepRecord;

/* The outcome; valid in state DONE, in the execution's context. */
typedef struct CnOutcome
{
	CnFailure	failure;		/* code CN_OK: success */
	Jsonb	   *output;			/* NULL unless success */
	Jsonb	   *reply;			/* the reply's value, before output paths (connector_test) */
	CnStepRecord step;
	TimestampTz started_at;
	double		execution_time_ms;
} CnOutcome;

/*
 * A new execution in context, which it lives and dies with: deleting the
 * context ends a request under way.  id is new (UUID version 7).
 */
extern CnExecution *cn_exec_create(const CnExecInput *input, MemoryContext context);

/* Keep the request's headers and body, and the reply, in the outcome. */
extern void cn_exec_keep_details(CnExecution *execution);

/* Fail it before it starts, with the given failure. */
extern void cn_exec_refuse(CnExecution *execution, const CnFailure *failure);

/* Send the first request; done is called when it is over, from the mux' turn. */
extern void cn_exec_start(CnExecution *execution, CnHttpMux *mux, CnExecDone done, void *arg);

extern CnExecState cn_exec_state(const CnExecution *execution);
extern const pg_uuid_t *cn_exec_id(const CnExecution *execution);
extern const CnOutcome *cn_exec_outcome(const CnExecution *execution);

#endif							/* CN_ENGINE_ENGINE_H */
