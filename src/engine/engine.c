/*
 * engine.c -- one execution of a compiled definition: its life, and the order of its steps.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "core/clock.h"
#include "core/jsonb.h"
#include "core/uuid.h"
#include "engine/internal.h"
#include "engine/settings.h"

/* ---- life ---- */

CnExecution *
cn_exec_create(const CnExecInput *input, MemoryContext context)
{
	CnExecution *execution = MemoryContextAllocZero(context, sizeof(CnExecution));
	const CnDefinition *def = input->definition;
	int64		deadline_ms = cn_engine_max_execution_time;

	if (def->deadline_ms)
		deadline_ms = Min(deadline_ms, def->deadline_ms);
	execution->context = context;
	execution->given = *input;
	execution->outcome.started_at = cn_now();
	execution->started_us = cn_monotonic_us();
	execution->deadline_us = execution->started_us + deadline_ms * 1000;
	cn_uuid_v7(&execution->id);
	cn_scope_of_execution(execution, &execution->scope);
	execution->steps = MemoryContextAllocZero(context, sizeof(CnStep) * def->all_count);
	for (int i = 0; i < def->all_count; i++)
		cn_step_init(execution, &execution->steps[i], def->all[i]);
	return execution;
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

const char *
cn_exec_current_step(const CnExecution *execution)
{
	return execution->current ? execution->current->def->id : NULL;
}

const CnScope *
cn_exec_scope(const CnExecution *execution)
{
	return &execution->scope;
}

const CnOutcome *
cn_exec_outcome(const CnExecution *execution)
{
	Assert(execution->state == CN_EXEC_DONE);
	return &execution->outcome;
}

int
cn_exec_step_count(const CnExecution *execution)
{
	return execution->given.definition->all_count;
}

const CnStepRecord *
cn_exec_step(const CnExecution *execution, int i)
{
	return &execution->steps[i].record;
}

int64
cn_exec_remaining_ms(const CnExecution *execution)
{
	return (execution->deadline_us - cn_monotonic_us()) / 1000;
}

const char *
cn_status_name(const CnFailure *failure)
{
	switch (failure->code)
	{
		case CN_OK:
			return "success";
		case CN_TIMEOUT:
			return "timeout";
		case CN_CANCELLED:
			return "cancelled";
		default:
			return "failed";
	}
}

const char *
cn_step_status_name(const CnStepRecord *step)
{
	return step->status == CN_STEP_SKIPPED ? "skipped" : cn_status_name(&step->failure);
}

/* ---- states ---- */

/* The status of the step that failed, or of the last one that got any. */
static int
final_http_status(const CnExecution *execution)
{
	int			status = 0;

	for (int i = 0; i < execution->given.definition->all_count; i++)
		if (execution->steps[i].record.http_status)
			status = execution->steps[i].record.http_status;
	return status;
}

static void
enter_done(CnExecution *execution)
{
	CnOutcome  *outcome = &execution->outcome;

	outcome->execution_time_ms = (cn_monotonic_us() - execution->started_us) / 1000.0;
	if (outcome->failure.code != CN_OK)
		outcome->output = NULL;
	if (outcome->failed_step == NULL)
		outcome->http_status = final_http_status(execution);
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

/* ---- the end ---- */

static Jsonb *
jsonb_of(const CnJson *value)
{
	return value ? cn_jsonb_from_json(value) : cn_jsonb_null();
}

/* What the definition's result makes of the outputs; NULL and the outcome's failure. */
static Jsonb *
shaped_result(CnExecution *execution)
{
	CnTemplateError error;
	const char *path = NULL;
	const CnJson *value = cn_json_template_eval(execution->given.definition->result,
												&execution->scope, &error, &path);

	if (value)
		return jsonb_of(value);
	cn_template_failed(execution, &execution->outcome.failure, path, &error);
	return NULL;
}

static void
succeed(CnExecution *execution)
{
	const CnDefinition *def = execution->given.definition;
	CnStep	   *last = &execution->steps[def->steps[def->step_count - 1]->index];

	if (def->result)
		execution->outcome.output = shaped_result(execution);
	else if (last->record.output)
		execution->outcome.output = last->record.output;
	else
		execution->outcome.output = jsonb_of(cn_step_output(last));
	change_state(execution, CN_EXEC_DONE);
}

static void
fail_with(CnExecution *execution, const CnStepRecord *record)
{
	execution->outcome.failure = record->failure;
	execution->outcome.failed_step = record->def->id;
	execution->outcome.http_status = record->http_status;
	change_state(execution, CN_EXEC_DONE);
}

/* ---- on the way ---- */

void
cn_exec_advance(CnExecution *execution)
{
	const CnDefinition *def = execution->given.definition;

	Assert(execution->state == CN_EXEC_RUNNING);
	for (;;)
	{
		const CnStepRecord *fatal;

		if (execution->current)
		{
			if (!cn_step_is_over(execution->current))
				return;
			cn_step_close(execution->current);
			fatal = cn_step_fatal(execution->current);
			if (fatal)
			{
				fail_with(execution, fatal);
				return;
			}
		}
		if (execution->next == def->step_count)
		{
			succeed(execution);
			return;
		}
		execution->current = &execution->steps[def->steps[execution->next++]->index];
		cn_step_begin(execution->current);
	}
}

void
cn_exec_refuse(CnExecution *execution, const CnFailure *failure, CnExecDone done, void *arg)
{
	Assert(execution->state == CN_EXEC_NEW);
	execution->done = done;
	execution->done_arg = arg;
	execution->outcome.failure = *failure;
	change_state(execution, CN_EXEC_DONE);
}

void
cn_exec_fail(CnExecution *execution, const CnFailure *failure)
{
	Assert(execution->state == CN_EXEC_DONE && execution->outcome.failure.code == CN_OK);
	execution->outcome.failure = *failure;
}

void
cn_exec_start(CnExecution *execution, CnHttpMux *mux, CnExecDone done, void *arg)
{
	MemoryContext old = MemoryContextSwitchTo(execution->context);

	execution->mux = mux;
	execution->done = done;
	execution->done_arg = arg;
	change_state(execution, CN_EXEC_RUNNING);
	cn_exec_advance(execution);
	MemoryContextSwitchTo(old);
}
