/*
 * engine_probe.c -- an owner of executions for tests, which stops where it is told.
 *
 * Compiled in with -DCN_TEST_POINTS only, and not in the install script: the test creates it,
 *
 *   CREATE FUNCTION connector_probe(config jsonb, input jsonb, options jsonb) RETURNS jsonb
 *     LANGUAGE c AS 'connector', 'connector_probe'
 *
 * It runs a definition as a worker would, stores nothing, and says what happened: each hold, the
 * checkpoint at the end and the outcome.  To leave an execution and give its checkpoint to another
 * call is what a crash does.  Options:
 *
 *   id, key_id, checkpoint, interrupted, marked, may_park   those of CnExecInput
 *   payloads       keep them
 *   retries        of steps that do not say (0)
 *   holds          list of the reasons for which it stands still; missing: all; null: no callback
 *   held_ms        how long it stands still
 *   stop           "new", a reason ("step_over"), or "<step>:<state>" ("a:sending")
 *   stop_n         at its n-th time (1)
 *   then           "leave" it (the default), "abort" it, or "raise" an error from the hold callback
 */
#include "postgres.h"

#ifdef CN_TEST_POINTS

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/jsonb.h"
#include "core/uuid.h"
#include "engine/internal.h"
#include "queue/history.h"
#include "sqlapi/args.h"
#include "sqlapi/call.h"

CN_FUNCTION(connector_probe);

static const char *const reasons[] = {
	[CN_HOLD_STEP_OVER] = "step_over", [CN_HOLD_SENDING] = "sending",
	[CN_HOLD_PROGRESS] = "progress"
};

static const char *const states[] = {
	[CN_STEP_PENDING] = "pending", [CN_STEP_SENDING] = "sending", [CN_STEP_WAITING] = "waiting",
	[CN_STEP_PARKED] = "parked", [CN_STEP_OVER] = "over"
};

typedef struct Probe
{
	const CnJson *options;
	CnExecution *execution;
	const char *stop;			/* NULL: nowhere */
	int			passes;			/* of that place still to go */
	bool		stopped;
	StringInfoData holds;		/* " step_over" or " step_over!": the next one is single-shot */
	int			done;			/* times it was called */
	bool		culprit;		/* an error was raised, and by it */
} Probe;

/* ---- options ---- */

static const CnJson *
option(const Probe *probe, const char *name)
{
	return cn_json_get(probe->options, name);
}

static const char *
text_option(const Probe *probe, const char *name)
{
	return cn_json_get_string(probe->options, name);
}

static bool
flag_option(const Probe *probe, const char *name)
{
	const CnJson *value = option(probe, name);

	return value && value->type == CN_JSON_BOOL && value->boolean;
}

static int
int_option(const Probe *probe, const char *name, int missing)
{
	const CnJson *value = option(probe, name);

	return value && value->type == CN_JSON_NUMBER ? atoi(value->u.text) : missing;
}

static bool
then_is(const Probe *probe, const char *what)
{
	const char *then = text_option(probe, "then");

	return then && strcmp(then, what) == 0;
}

static pg_uuid_t *
id_option(const Probe *probe, const char *name)
{
	const char *text = text_option(probe, name);
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

	return text && cn_uuid_parse(text, id) ? id : NULL;
}

/* ---- stopping ---- */

static void
stop_at(Probe *probe, const char *place)
{
	if (probe->stop && strcmp(probe->stop, place) == 0 && --probe->passes == 0)
		probe->stopped = true;
}

static bool
stands_still_for(const Probe *probe, const char *reason)
{
	const CnJson *list = option(probe, "holds");

	for (int i = 0; list && i < list->len; i++)
		if (strcmp(list->u.items[i]->u.text, reason) == 0)
			return true;
	return list == NULL;
}

static bool
on_hold(CnExecution *execution, CnHoldReason reason, void *arg)
{
	Probe	   *probe = arg;

	Assert(CurrentMemoryContext == execution->context);
	appendStringInfo(&probe->holds, " %s%s", reasons[reason],
					 cn_exec_next_is_single_shot(execution) ? "!" : "");
	stop_at(probe, reasons[reason]);
	if (probe->stopped && then_is(probe, "raise"))
		elog(ERROR, "raised by the probe");
	return stands_still_for(probe, reasons[reason]);
}

static void
on_done(CnExecution *execution, void *arg)
{
	((Probe *) arg)->done++;
}

/* Is a step in the state where the probe is to stop? */
static void
look_at_steps(Probe *probe)
{
	const CnExecution *execution = probe->execution;

	for (int i = 0; i < execution->given.definition->all_count; i++)
		stop_at(probe, psprintf("%s:%s", execution->steps[i].def->id,
								states[execution->steps[i].state]));
}

/* ---- running ---- */

static void
run(Probe *probe)
{
	CnExecution *execution = probe->execution;
	CnHttpMux  *mux = cn_http_process_mux();

	stop_at(probe, "new");
	if (probe->stopped)
		return;
	cn_exec_start(execution, mux, on_done, probe);
	for (;;)
	{
		look_at_steps(probe);
		if (probe->stopped || cn_exec_state(execution) == CN_EXEC_DONE)
			return;
		if (cn_exec_state(execution) == CN_EXEC_HELD)
		{
			(void) WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
							 int_option(probe, "held_ms", 0), cn_wait_event_http());
			cn_exec_continue(execution);
			continue;
		}
		cn_http_wait(mux, -1, cn_wait_event_http());
		cn_http_mux_turn(mux);
	}
}

/* As a worker does: an error belongs to the execution that it came out of. */
static void
run_guarded(Probe *probe)
{
	MemoryContext context = CurrentMemoryContext;
	CnFailure	failure = {CN_OK};

	PG_TRY();
	{
		run(probe);
	}
	PG_CATCH();
	{
		if (!then_is(probe, "raise"))
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		probe->culprit = cn_exec_interrupted() == probe->execution;
		cn_fail(&failure, CN_INTERNAL, "an error");
		cn_exec_abort(probe->execution, &failure);
	}
	PG_END_TRY();
}

/* ---- the answer ---- */

static void
put_text(CnJsonbBuilder *b, const char *key, const char *value)
{
	cn_build_key(b, key);
	cn_build_string(b, value);
}

static void
put_int(CnJsonbBuilder *b, const char *key, int64 value)
{
	cn_build_key(b, key);
	cn_build_int(b, value);
}

static void
put_outcome(CnJsonbBuilder *b, const CnExecution *execution)
{
	const CnOutcome *outcome = cn_exec_outcome(execution);
	const CnFailure *failure = &outcome->failure;

	put_text(b, "status", outcome->park_until ? "parked" : cn_status_name(failure));
	put_text(b, "code", failure->code ? cn_code_info(failure->code)->name : NULL);
	put_text(b, "message", cn_failure_text(failure));
	put_text(b, "failed_step", outcome->failed_step);
	put_int(b, "http_status", outcome->http_status);
	put_int(b, "time_ms", (int64) outcome->execution_time_ms);
	put_int(b, "park_s", outcome->park_until
			? (outcome->park_until - cn_now() + USECS_PER_SEC - 1) / USECS_PER_SEC : 0);
	cn_build_key(b, "output");
	cn_build_jsonb(b, outcome->output);
	cn_build_key(b, "steps");
	cn_build_jsonb(b, cn_history_steps(execution, true));
}

static Jsonb *
answer(const Probe *probe)
{
	const CnExecution *execution = probe->execution;
	CnJsonbBuilder b = {0};
	char		id[CN_UUID_TEXT_LEN + 1];

	cn_build_begin_object(&b);
	put_text(&b, "id", cn_uuid_text(cn_exec_id(execution), id));
	put_text(&b, "current", cn_exec_current_step(execution));
	put_text(&b, "holds", probe->holds.len ? probe->holds.data + 1 : "");
	put_int(&b, "done", probe->done);
	put_int(&b, "state", cn_exec_state(execution));
	put_int(&b, "in_flight", cn_http_mux_in_flight(cn_http_process_mux()));
	put_int(&b, "started_at", cn_exec_started_at(execution));
	cn_build_key(&b, "culprit");
	cn_build_bool(&b, probe->culprit);
	cn_build_key(&b, "checkpoint");
	cn_build_jsonb(&b, cn_exec_checkpoint(execution));
	if (cn_exec_state(execution) == CN_EXEC_DONE)
		put_outcome(&b, execution);
	cn_build_end_object(&b);
	return cn_build_done(&b);
}

/* The checkpoint as it comes, and not by way of the options' tree. */
static Jsonb *
checkpoint_option(Jsonb *options)
{
	JsonbValue	buffer;
	JsonbValue *found = getKeyJsonValueFromContainer(&options->root, "checkpoint",
													 strlen("checkpoint"), &buffer);

	return found ? JsonbValueToJsonb(found) : NULL;
}

static void
create(Probe *probe, CnCall *call, Jsonb *input, Jsonb *options)
{
	const CnJson *holds = option(probe, "holds");
	CnExecInput given = {
		.workspace = call->workspace.id,
		.definition = call->definition,
		.credentials = call->credentials,
		.input = input,
		.timeout_ms = 30000,
		.max_retries = int_option(probe, "retries", 0),
		.keep = flag_option(probe, "payloads") ? CN_KEEP_PAYLOADS : CN_KEEP_NONE,
		.id = id_option(probe, "id"),
		.key_id = id_option(probe, "key_id"),
		.checkpoint = checkpoint_option(options),
		.interrupted = flag_option(probe, "interrupted"),
		.marked = flag_option(probe, "marked"),
		.may_park = flag_option(probe, "may_park"),
		.hold = holds && holds->type == CN_JSON_NULL ? NULL : on_hold,
		.hold_arg = probe,
	};

	probe->execution = cn_exec_create(&given, call->context);
}

Datum
connector_probe(PG_FUNCTION_ARGS)
{
	Jsonb	   *options = PG_GETARG_JSONB_P(2);
	CnFailure	failure = {CN_OK};
	Probe		probe = {.options = cn_json_from_jsonb(options)};
	CnCall		call;
	Jsonb	   *result;

	probe.stop = text_option(&probe, "stop");
	probe.passes = int_option(&probe, "stop_n", 1);
	initStringInfo(&probe.holds);
	cn_call_begin(&call, "connector_probe()", NULL, CN_RIGHT_WRITE);
	cn_call_definition(&call, PG_GETARG_JSONB_P(0));
	create(&probe, &call, PG_GETARG_JSONB_P(1), options);
	run_guarded(&probe);
	if (probe.stopped && then_is(&probe, "abort"))
	{
		cn_fail(&failure, CN_CANCELLED, "the execution was cancelled");
		cn_exec_abort(probe.execution, &failure);
	}
	result = answer(&probe);
	MemoryContextDelete(call.context);
	PG_RETURN_JSONB_P(result);
}

#endif
