/*
 * engine.c -- one execution of a compiled definition, as a state machine.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/clock.h"
#include "core/jsonb.h"
#include "core/uuid.h"
#include "engine/internal.h"
#include "engine/settings.h"

static void change_state(CnExecution *execution, CnExecState state);

/* ---- what templates read ---- */

static CnJson *
self_value(CnExecution *execution)
{
	CnJsonMember *member = palloc(sizeof(CnJsonMember));
	char		id[CN_UUID_TEXT_LEN + 1];

	member->key = "id";
	member->key_len = strlen("id");
	member->value = cn_json_string(cn_uuid_text(&execution->id, id), -1);
	return cn_json_object(member, 1);
}

/* RFC 3339, UTC, microseconds. */
static CnJson *
now_value(TimestampTz at)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "timestamp out of range");
	return cn_json_string(psprintf("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year, tm.tm_mon,
								   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int) fsec), -1);
}

static const CnJson *
scope_root(void *arg, const char *name)
{
	CnExecution *execution = arg;
	MemoryContext old = MemoryContextSwitchTo(execution->context);
	const CnJson *value = NULL;

	if (strcmp(name, "input") == 0)
	{
		if (execution->input == NULL)
			execution->input = cn_json_from_jsonb(execution->given.input);
		value = execution->input;
	}
	else if (strcmp(name, "workspace") == 0)
		value = execution->secrets.scope;
	else if (strcmp(name, "execution") == 0)
	{
		if (execution->self == NULL)
			execution->self = self_value(execution);
		value = execution->self;
	}
	else if (strcmp(name, "now") == 0)
	{
		if (execution->now == NULL)
			execution->now = now_value(execution->outcome.started_at);
		value = execution->now;
	}
	MemoryContextSwitchTo(old);
	return value;
}

/* ---- life ---- */

CnExecution *
cn_exec_create(const CnExecInput *input, MemoryContext context)
{
	CnExecution *execution = MemoryContextAllocZero(context, sizeof(CnExecution));

	execution->context = context;
	execution->given = *input;
	execution->scope.root = scope_root;
	execution->scope.arg = execution;
	execution->scope.output_limit = (int64) cn_engine_max_request_size * 1024;
	execution->outcome.started_at = cn_now();
	execution->outcome.step.id = "step_1";
	execution->started_us = cn_monotonic_us();
	cn_uuid_v7(&execution->id);
	return execution;
}

void
cn_exec_keep_details(CnExecution *execution)
{
	execution->keep_details = true;
}

CnExecState
cn_exec_state(const CnExecution *execution)
{
	return execution->state;
}

const pg_uuid_t *
cn_exec_id(const CnExecution *execution)
{
	return &execution->id;
}

const CnOutcome *
cn_exec_outcome(const CnExecution *execution)
{
	Assert(execution->state == CN_EXEC_DONE);
	return &execution->outcome;
}

/* ---- states ---- */

/* SENDING is left here: the reply is there, or there will be none. */
static void
on_reply(CnHttpTransfer *transfer, void *arg)
{
	CnExecution *execution = arg;
	MemoryContext old = MemoryContextSwitchTo(execution->context);

	cn_reply_read(execution);
	cn_http_release(execution->transfer);
	execution->transfer = NULL;
	change_state(execution, CN_EXEC_DONE);
	MemoryContextSwitchTo(old);
}

static void
enter_done(CnExecution *execution)
{
	CnOutcome  *outcome = &execution->outcome;

	outcome->execution_time_ms = (cn_monotonic_us() - execution->started_us) / 1000.0;
	if (outcome->failure.code != CN_OK)
		outcome->output = NULL;
	if (execution->done)
		execution->done(execution, execution->done_arg);
}

static void
change_state(CnExecution *execution, CnExecState state)
{
	Assert(state > execution->state);
	execution->state = state;
	if (state == CN_EXEC_DONE)
		enter_done(execution);
}

void
cn_exec_refuse(CnExecution *execution, const CnFailure *failure)
{
	Assert(execution->state == CN_EXEC_NEW);
	execution->outcome.failure = *failure;
	change_state(execution, CN_EXEC_DONE);
}

void
cn_exec_start(CnExecution *execution, CnHttpMux *mux, CnExecDone done, void *arg)
{
	MemoryContext old = MemoryContextSwitchTo(execution->context);

	Assert(execution->state == CN_EXEC_NEW);
	execution->done = done;
	execution->done_arg = arg;
	if (!cn_secrets_init(&execution->secrets, execution->given.credential, execution->context,
						 &execution->outcome.failure) ||
		!cn_request_build(execution))
		change_state(execution, CN_EXEC_DONE);
	else
	{
		execution->outcome.step.attempts = 1;
		change_state(execution, CN_EXEC_SENDING);
		execution->transfer = cn_http_start(mux, &execution->request, execution->context,
											on_reply, execution);
	}
	MemoryContextSwitchTo(old);
}
