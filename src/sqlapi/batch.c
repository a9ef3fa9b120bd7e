/*
 * batch.c -- connector_execute_batch: many inputs, several at a time, results in order.
 *
 * A window of slots moves over the inputs.  A slot runs one execution in a context
 * of its own; when that is done its result row is formed, the history written, and
 * the context goes, so memory is bounded by the window and not by the number of
 * inputs.  Rows leave in order of the inputs: a slow one holds back at most a window of
 * finished rows behind it, while the requests behind it go on.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "core/jsonb.h"
#include "http/client.h"
#include "sqlapi/args.h"
#include "sqlapi/call.h"

CN_FUNCTION(connector_execute_batch);

/* Executions at a time: what a caller may ask for. */
#define MAX_CONCURRENCY 200

/* Slots for each execution at a time: finished rows that may wait for a slow one. */
#define WINDOW_FACTOR 8

typedef struct BatchSlot
{
	dlist_node	node;			/* in batch->finished between its end and settle */
	struct Batch *batch;
	MemoryContext context;		/* while it runs */
	CnExecution *execution;
	Jsonb	   *input;
	HeapTuple	result;			/* once it is done; NULL before */
} BatchSlot;

typedef struct Batch
{
	CnCall		call;
	ReturnSetInfo *rsinfo;
	TupleDesc	desc;
	ArrayIterator inputs;
	bool		exhausted;		/* the iterator has no more */
	int			concurrency;
	int			running;
	int			window;			/* slots */
	BatchSlot  *slots;			/* a ring */
	dlist_head	finished;		/* slots whose execution is done */
	int64		started;		/* inputs taken so far; the next one's slot is started % window */
	int64		emitted;		/* rows given back so far */
} Batch;

static BatchSlot *
slot_of(Batch *batch, int64 number)
{
	return &batch->slots[number % batch->window];
}

/* ---- beginning and end of one execution ---- */

/* Called by the engine, which must not be disturbed: the rest is done in the loop. */
static void
on_done(CnExecution *execution, void *arg)
{
	BatchSlot  *slot = arg;

	dlist_push_tail(&slot->batch->finished, &slot->node);
}

static void
start_next(Batch *batch)
{
	MemoryContext old;
	BatchSlot  *slot;
	Datum		value;
	bool		isnull;

	if (!array_iterate(batch->inputs, &value, &isnull))
	{
		batch->exhausted = true;
		return;
	}
	slot = slot_of(batch, batch->started++);
	slot->batch = batch;
	slot->context = AllocSetContextCreate(batch->call.context, "connector execution",
										  ALLOCSET_DEFAULT_SIZES);
	batch->running++;
	old = MemoryContextSwitchTo(slot->context);
	slot->input = isnull ? cn_jsonb_empty_object() : DatumGetJsonbP(value);
	slot->execution = cn_call_start(&batch->call, slot->input, slot->context, on_done, slot);
	MemoryContextSwitchTo(old);
}

/* Record what a slot has done and keep no more of it than its row. */
static void
settle(Batch *batch, BatchSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(slot->context);
	Jsonb	   *steps = cn_call_record(&batch->call, slot->execution, slot->input, false);
	HeapTuple	result = cn_call_result(slot->execution, steps, batch->desc);

	MemoryContextSwitchTo(batch->call.context);
	slot->result = heap_copytuple(result);
	MemoryContextSwitchTo(old);

	MemoryContextDelete(slot->context);
	slot->context = NULL;
	slot->execution = NULL;
	batch->running--;
}

static void
settle_finished(Batch *batch)
{
	while (!dlist_is_empty(&batch->finished))
	{
		BatchSlot  *slot = dlist_container(BatchSlot, node, dlist_pop_head_node(&batch->finished));

		settle(batch, slot);
	}
}

static void
emit_rows(Batch *batch)
{
	while (batch->emitted < batch->started)
	{
		BatchSlot  *slot = slot_of(batch, batch->emitted);

		if (slot->result == NULL)
			break;
		tuplestore_puttuple(batch->rsinfo->setResult, slot->result);
		heap_freetuple(slot->result);
		slot->result = NULL;
		batch->emitted++;
	}
}

/* ---- the loop ---- */

static bool
may_start(const Batch *batch)
{
	return !batch->exhausted && batch->running < batch->concurrency &&
		batch->started - batch->emitted < batch->window;
}

static void
run_batch(Batch *batch)
{
	CnHttpMux  *mux = cn_http_process_mux();

	for (;;)
	{
		/* inputs that are refused before anything is sent never wait */
		CHECK_FOR_INTERRUPTS();
		while (may_start(batch))
			start_next(batch);
		settle_finished(batch);
		emit_rows(batch);
		if (batch->exhausted && batch->emitted == batch->started)
			break;
		if (may_start(batch))
			continue;
		cn_http_wait(mux, -1, cn_wait_event_http());
		cn_http_mux_turn(mux);
	}
}

/* ---- arguments ---- */

static int
concurrency_argument(FunctionCallInfo fcinfo, int n)
{
	int			concurrency = PG_ARGISNULL(n) ? 10 : PG_GETARG_INT32(n);

	if (concurrency < 1 || concurrency > MAX_CONCURRENCY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_concurrency must be between 1 and %d, not %d", MAX_CONCURRENCY,
						concurrency)));
	return concurrency;
}

static ArrayType *
inputs_argument(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"inputs\" must not be null")));
	return PG_GETARG_ARRAYTYPE_P(n);
}

/*
 * The batch lives in the call's context and not on the stack: after an error that
 * somebody catches, a transfer still under way finds its slot there, or is gone with it.
 */
static Batch *
make_batch(const CnCall *call, FunctionCallInfo fcinfo, ArrayType *inputs, int concurrency)
{
	Batch	   *batch = MemoryContextAllocZero(call->context, sizeof(Batch));

	batch->call = *call;
	batch->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	batch->desc = batch->rsinfo->setDesc;
	batch->inputs = array_create_iterator(inputs, 0, NULL);
	batch->concurrency = concurrency;
	batch->window = concurrency * WINDOW_FACTOR;
	batch->slots = MemoryContextAllocZero(call->context, sizeof(BatchSlot) * batch->window);
	dlist_init(&batch->finished);
	return batch;
}

Datum
connector_execute_batch(PG_FUNCTION_ARGS)
{
	ArrayType  *inputs = inputs_argument(fcinfo, 1);
	int			concurrency = concurrency_argument(fcinfo, 2);
	CnCall		call;
	Batch	   *batch;

	cn_call_begin(&call, "connector_execute_batch()", cn_arg_text(fcinfo, 3), CN_RIGHT_EXECUTE);
	cn_call_connector(&call, cn_arg_required(fcinfo, 0, "connector"));
	InitMaterializedSRF(fcinfo, 0);
	batch = make_batch(&call, fcinfo, inputs, concurrency);
	run_batch(batch);
	cn_call_flush(&batch->call);
	MemoryContextDelete(call.context);
	return (Datum) 0;
}
