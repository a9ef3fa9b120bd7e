/*
 * engine.h -- one execution of a compiled definition, as a state machine.
 *
 * The engine is given a definition, an input, credentials and a mux, and
 * calls back when it is done.  It knows no table, takes no lock and never
 * waits: a backend turns the mux for one execution, a worker for thousands.
 *
 *   execution   NEW --start--> RUNNING --last step over--> DONE
 *                 \______________ refused _______________/
 *
 *   step        PENDING --> SENDING --reply--> OVER
 *                   |          |  ^             ^
 *                   |          v  | timer       |
 *                   |        WAITING            |
 *                   \____ skipped, refused _____/
 *
 * change_state in engine.c and set_state in step.c are the only ones that assign
 * states.  docs/internals/engine.md has the states and who may change them.
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
	CN_EXEC_RUNNING,
	CN_EXEC_DONE
} CnExecState;

typedef struct CnExecution CnExecution;

typedef void (*CnExecDone) (CnExecution *execution, void *arg);

/* One of the credentials a definition names. */
typedef struct CnExecCredential
{
	CnCredential *opened;		/* NULL: failure says why not */
	CnFailure	failure;		/* of the step that needs it */
} CnExecCredential;

/* What is kept of requests and replies, beside the outcome. */
typedef enum CnKeep
{
	CN_KEEP_NONE,
	CN_KEEP_PAYLOADS,			/* bodies and values, for the history */
	CN_KEEP_ALL					/* headers and the query string, too (connector_test) */
} CnKeep;

/* What an execution is given; all of it must outlive the execution. */
typedef struct CnExecInput
{
	pg_uuid_t	workspace;
	CnDefinition *definition;
	CnExecCredential *credentials;	/* in the order of the definition's list */
	Jsonb	   *input;
	int			timeout_ms;		/* the connector's, for steps without their own */
	int			max_retries;	/* likewise */
	bool		continue_on_error;	/* likewise */
	CnKeep		keep;
} CnExecInput;

typedef enum CnStepStatus
{
	CN_STEP_NOT_REACHED,
	CN_STEP_SUCCESS,
	CN_STEP_SKIPPED,			/* its condition did not hold */
	CN_STEP_FAILED				/* failure says how */
} CnStepStatus;

/* What a step did, for the history; redacted. */
typedef struct CnStepRecord
{
	const CnStepDef *def;
	CnStepStatus status;
	CnFailure	failure;
	const char *method;			/* NULL: no request was made */
	const char *url;			/* without the credential's values */
	Jsonb	   *request_headers;	/* CN_KEEP_ALL */
	Jsonb	   *request_body;	/* CN_KEEP_PAYLOADS */
	Jsonb	   *reply;			/* the reply's value, before output paths; CN_KEEP_PAYLOADS */
	Jsonb	   *output;			/* NULL unless success */
	int			http_status;	/* of the last attempt that got one */
	int			attempts;
	int64		request_bytes;
	int64		response_bytes;
	int			redirects;
	double		started_ms;		/* from the execution's start to the step's */
	double		duration_ms;	/* waits between attempts included */
} CnStepRecord;

/* The outcome; valid in state DONE, in the execution's context. */
typedef struct CnOutcome
{
	CnFailure	failure;		/* code CN_OK: success */
	const char *failed_step;	/* id; NULL: success, or no step's failure */
	Jsonb	   *output;			/* NULL unless the steps succeeded */
	int			http_status;	/* of the step that failed, or the last one; 0: none */
	TimestampTz started_at;
	double		execution_time_ms;
} CnOutcome;

/*
 * A new execution in context, which it lives and dies with: deleting the
 * context ends requests under way.  id is new (UUID version 7).
 */
extern CnExecution *cn_exec_create(const CnExecInput *input, MemoryContext context);

/* A success turns into failure after all: what was to be done with the output failed.  It is kept. */
extern void cn_exec_fail(CnExecution *execution, const CnFailure *failure);

/*
 * Start the first step; done is called when all is over: from here, or from the mux' turn.
 * It may start other executions; the context must outlive the turn.
 */
extern void cn_exec_start(CnExecution *execution, CnHttpMux *mux, CnExecDone done, void *arg);

/* Let it fail instead, before anything was sent. */
extern void cn_exec_refuse(CnExecution *execution, const CnFailure *failure, CnExecDone done,
						   void *arg);

extern CnExecState cn_exec_state(const CnExecution *execution);
extern const pg_uuid_t *cn_exec_id(const CnExecution *execution);

/* How statuses are called everywhere: "success", "failed", ...; a step's may be "skipped", too. */
extern const char *cn_status_name(const CnFailure *failure);
extern const char *cn_step_status_name(const CnStepRecord *step);

/* The id of the step or group under way, or of the last one; NULL before the first. */
extern const char *cn_exec_current_step(const CnExecution *execution);

/* What a template may read now: input, steps, execution, now. */
extern const CnScope *cn_exec_scope(const CnExecution *execution);

/* Once it is done. */
extern const CnOutcome *cn_exec_outcome(const CnExecution *execution);

/* Once it is done: what the steps did, in the order of the definition. */
extern int	cn_exec_step_count(const CnExecution *execution);
extern const CnStepRecord *cn_exec_step(const CnExecution *execution, int i);

#endif							/* CN_ENGINE_ENGINE_H */
