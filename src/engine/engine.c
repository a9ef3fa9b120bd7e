/*
 * engine.c -- one execution of a compiled definition: its life, and the order of its steps.
 *
 * An execution that was begun before goes through its list like any other; the steps that a
 * checkpoint says are over are over at once.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "core/clock.h"
#include "core/jsonb.h"
#include "core/uuid.h"
#include "engine/internal.h"
#include "engine/settings.h"

/* The innermost that runs, or did when an error came up. */
static CnExecution *running = NULL;

/* ---- life ---- */

/*
 * The clock of an execution that was begun before goes on: what is measured from its start
 * counts from the first one.  Its deadline does not.
 */
static void
set_times(CnExecution *execution)
{
	int64		now_us = cn_monotonic_us();
	int64		deadline_ms = cn_engine_max_execution_time;

	if (execution->given.definition->deadline_ms)
		deadline_ms = Min(deadline_ms, execution->given.definition->deadline_ms);
	execution->deadline_us = now_us + deadline_ms * 1000;
	execution->started_us = now_us;
	execution->outcome.started_at = cn_now();
}

static void
set_ids(CnExecution *execution)
{
	const CnExecInput *given = &execution->given;

	if (given->id)
		execution->id = *given->id;
	else
		cn_uuid_v7(&execution->id);
	execution->key_id = given->key_id ? *given->key_id : execution->id;
}

CnExecution *
cn_exec_create(const CnExecInput *input, MemoryContext context)
{
	CnExecution *execution = MemoryContextAllocZero(context, sizeof(CnExecution));
	const CnDefinition *def = input->definition;

	execution->context = context;
	execution->given = *input;
	execution->marked = input->marked;
	set_times(execution);
	set_ids(execution);
	cn_scope_of_execution(execution, &execution->scope);
	execution->steps = MemoryContextAllocZero(context, sizeof(CnStep) * def->all_count);
	for (int i = 0; i < def->all_count; i++)
		cn_step_init(execution, &execution->steps[i], def->all[i]);
	if (input->checkpoint || input->interrupted)
		cn_checkpoint_restore(execution);
	return execution;
}

void
cn_exec_enter(CnExecution *execution, CnExecTurn *turn)
{
	turn->context = MemoryContextSwitchTo(execution->context);
	turn->outer = running;
	running = execution;
}

void
cn_exec_leave(const CnExecTurn *turn)
{
	running = turn->outer;
	MemoryContextSwitchTo(turn->context);
}

CnExecution *
cn_exec_interrupted(void)
{
	CnExecution *execution = running;

	running = NULL;
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

TimestampTz
cn_exec_started_at(const CnExecution *execution)
{
	return execution->outcome.started_at;
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

const CnExecCredential *
cn_exec_credential(const CnExecution *execution, const CnStepDef *def)
{
	if (def->credential < 0 || execution->given.credentials == NULL)
		return NULL;
	return &execution->given.credentials[def->credential];
}

const pg_uuid_t *
cn_exec_used_credential(const CnExecution *execution, int i)
{
	const CnStepRecord *step = cn_exec_step(execution, i);
	const CnExecCredential *credential = cn_exec_credential(execution, step->def);

	if (step->attempts == 0 || credential == NULL || credential->opened == NULL)
		return NULL;
	return &credential->opened->id;
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

static bool
may_follow(CnExecState from, CnExecState to)
{
	switch (from)
	{
		case CN_EXEC_NEW:
			return to == CN_EXEC_RUNNING || to == CN_EXEC_DONE;
		case CN_EXEC_RUNNING:
			return to == CN_EXEC_HELD || to == CN_EXEC_DONE;
		case CN_EXEC_HELD:
			return to == CN_EXEC_RUNNING || to == CN_EXEC_DONE;
		case CN_EXEC_DONE:
			break;
	}
	return false;
}

static void
change_state(CnExecution *execution, CnExecState state)
{
	if (!may_follow(execution->state, state))
		elog(ERROR, "an execution cannot go from state %d to %d", execution->state, state);
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

/* All that is left is to wait, and for longer than this run may take. */
static void
park(CnExecution *execution, const CnStep *waiting)
{
	execution->outcome.park_until = waiting->park_until;
	fail_with(execution, &waiting->record);
}

/* ---- standing still ---- */

CnStep *
cn_exec_next_step(const CnExecution *execution)
{
	const CnDefinition *def = execution->given.definition;

	for (int i = 0; i < def->step_count; i++)
	{
		CnStep	   *step = &execution->steps[def->steps[i]->index];

		if (!cn_step_is_over(step))
			return step;
	}
	return NULL;
}

bool
cn_exec_next_is_single_shot(const CnExecution *execution)
{
	const CnStep *next = cn_exec_next_step(execution);

	return next && cn_step_is_single_shot(next);
}

bool
cn_definition_starts_single_shot(const CnDefinition *definition)
{
	return cn_step_def_is_single_shot(definition->steps[0]);
}

bool
cn_exec_hold(CnExecution *execution, CnHoldReason reason)
{
	const CnExecInput *given = &execution->given;

	if (given->hold == NULL ||
		!given->hold(execution, reason, given->hold_arg) || reason == CN_HOLD_PROGRESS)
		return false;
	execution->held_for = reason;
	change_state(execution, CN_EXEC_HELD);
	return true;
}

/* Another step is next.  A mark of the owner's was for the one before it, unless it is renewed. */
static bool
hold_between_steps(CnExecution *execution)
{
	if (execution->current->restored)
		return false;
	if (cn_exec_hold(execution, CN_HOLD_STEP_OVER))
		return true;
	execution->marked = false;
	return false;
}

/* ---- on the way ---- */

/* Is the current step over, and the execution not with it? */
static bool
settle_current(CnExecution *execution)
{
	CnStep	   *step = execution->current;
	const CnStep *waiting = cn_step_parked(step);
	const CnStepRecord *fatal;

	if (waiting)
	{
		park(execution, waiting);
		return false;
	}
	if (!cn_step_is_over(step))
		return false;
	cn_step_close(step);
	fatal = cn_step_fatal(step);
	if (fatal)
		fail_with(execution, fatal);
	return fatal == NULL;
}

static void
begin_next(CnExecution *execution)
{
	const CnDefinition *def = execution->given.definition;
	CnStep	   *step = &execution->steps[def->steps[execution->next++]->index];

	execution->current = step;
	if (!cn_step_is_over(step))
		cn_step_begin(step);
}

void
cn_exec_advance(CnExecution *execution)
{
	Assert(execution->state == CN_EXEC_RUNNING);
	while (execution->state == CN_EXEC_RUNNING)
	{
		if (execution->current && !settle_current(execution))
			return;
		if (execution->next == execution->given.definition->step_count)
		{
			succeed(execution);
			return;
		}
		if (execution->current && hold_between_steps(execution))
			return;
		begin_next(execution);
	}
}

void
cn_exec_continue(CnExecution *execution)
{
	CnExecTurn	turn;

	Assert(execution->state == CN_EXEC_HELD);
	cn_exec_enter(execution, &turn);
	execution->marked = cn_exec_next_is_single_shot(execution);
	change_state(execution, CN_EXEC_RUNNING);
	if (execution->held_for == CN_HOLD_STEP_OVER)
		begin_next(execution);
	else
		cn_step_send(execution->current);
	if (execution->state == CN_EXEC_RUNNING)
		cn_exec_advance(execution);
	cn_exec_leave(&turn);
}

/* A failure of the caller's, in the current context. */
static CnFailure
copy_failure(const CnFailure *failure)
{
	CnFailure	copy = *failure;

	copy.message = failure->message ? pstrdup(failure->message) : NULL;
	copy.remote_message = failure->remote_message ? pstrdup(failure->remote_message) : NULL;
	copy.detail = failure->detail ? pstrdup(failure->detail) : NULL;
	copy.hint = failure->hint ? pstrdup(failure->hint) : NULL;
	return copy;
}

void
cn_exec_abort(CnExecution *execution, const CnFailure *failure)
{
	CnOutcome  *outcome = &execution->outcome;
	CnExecTurn	turn;

	cn_exec_enter(execution, &turn);
	outcome->failure = copy_failure(failure);
	if (execution->current)
	{
		cn_step_abort(execution->current, &outcome->failure);
		outcome->failed_step = execution->current->def->id;
		outcome->http_status = execution->current->record.http_status;
	}
	change_state(execution, CN_EXEC_DONE);
	cn_exec_leave(&turn);
}

void
cn_exec_refuse(CnExecution *execution, const CnFailure *failure, CnExecDone done, void *arg)
{
	CnExecTurn	turn;

	Assert(execution->state == CN_EXEC_NEW);
	cn_exec_enter(execution, &turn);
	execution->done = done;
	execution->done_arg = arg;
	execution->outcome.failure = *failure;
	change_state(execution, CN_EXEC_DONE);
	cn_exec_leave(&turn);
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
	CnExecTurn	turn;

	cn_exec_enter(execution, &turn);
	execution->mux = mux;
	execution->done = done;
	execution->done_arg = arg;
	if (execution->broken.code != CN_OK)
		cn_exec_refuse(execution, &execution->broken, done, arg);
	else
	{
		change_state(execution, CN_EXEC_RUNNING);
		cn_exec_advance(execution);
	}
	cn_exec_leave(&turn);
}
