/*
 * table.c -- inserting rows without a statement.
 *
 * A writer gathers rows in slots, as COPY does, and puts them into the table
 * together: one look for a page, one WAL record for the rows of a page.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "core/table.h"

/* Rows gathered, and about how many bytes of them: few, so that they are in the processor's cache. */
#define MAX_ROWS 64
#define MAX_BYTES (256 * 1024)

struct CnTableWriter
{
	Relation	rel;
	EState	   *estate;			/* its context has all of the writer */
	ResultRelInfo *target;
	int			natts;
	TupleTableSlot *slots[MAX_ROWS];	/* made when first needed */
	int			count;			/* rows gathered */
	Size		bytes;
};

/* Triggers named "loaded" are for rows that come by SQL, which those of a writer do not. */
static bool
has_triggers(Relation rel)
{
	for (int i = 0; rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
		if (strcmp(rel->trigdesc->triggers[i].tgname, "loaded") != 0)
			return true;
	return false;
}

/* Has rel these columns in this order, and nothing that only a statement would run? */
static bool
is_plain(Relation rel, int natts, const char *const *names)
{
	TupleDesc	desc = RelationGetDescr(rel);

	if (has_triggers(rel) || desc->natts != natts)
		return false;
	for (int i = 0; i < natts; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), names[i]) != 0)
			return false;
	return true;
}

static CnTableWriter *
create_writer(Relation rel, int natts)
{
	EState	   *estate = CreateExecutorState();
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	CnTableWriter *writer = palloc0(sizeof(CnTableWriter));

	writer->rel = rel;
	writer->estate = estate;
	writer->natts = natts;
	writer->target = makeNode(ResultRelInfo);
	InitResultRelInfo(writer->target, rel, 0, NULL, 0);
	ExecOpenIndices(writer->target, false);
	MemoryContextSwitchTo(old);
	return writer;
}

CnTableWriter *
cn_table_open(Oid relid, int natts, const char *const *names, MemoryContext context)
{
	Relation	rel = OidIsValid(relid) ? try_table_open(relid, RowExclusiveLock) : NULL;
	MemoryContext old;
	CnTableWriter *writer;

	if (rel == NULL)
		return NULL;
	if (!is_plain(rel, natts, names))
	{
		table_close(rel, NoLock);
		return NULL;
	}
	old = MemoryContextSwitchTo(context);
	writer = create_writer(rel, natts);
	MemoryContextSwitchTo(old);
	return writer;
}

/* ---- rows ---- */

static TupleTableSlot *
next_slot(CnTableWriter *writer)
{
	TupleTableSlot **slot = &writer->slots[writer->count];
	MemoryContext old;

	if (*slot == NULL)
	{
		old = MemoryContextSwitchTo(writer->estate->es_query_cxt);
		*slot = ExecInitExtraTupleSlot(writer->estate, RelationGetDescr(writer->rel),
									   table_slot_callbacks(writer->rel));
		MemoryContextSwitchTo(old);
	}
	ExecClearTuple(*slot);
	return *slot;
}

/* What the executor checks of a row before it inserts it. */
static void
check_row(CnTableWriter *writer, TupleTableSlot *slot)
{
	if (RelationGetDescr(writer->rel)->constr)
		ExecConstraints(writer->target, slot, writer->estate);
	if (writer->rel->rd_rel->relispartition)
		ExecPartitionCheck(writer->target, slot, writer->estate, true);
}

static Size
row_size(TupleTableSlot *slot)
{
	bool		copied;
	HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, true, &copied);
	Size		size = tuple->t_len;

	if (copied)
		heap_freetuple(tuple);
	return size;
}

static void
write_rows(CnTableWriter *writer)
{
	EState	   *estate = writer->estate;
	MemoryContext old;

	if (writer->count == 0)
		return;
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));
	table_multi_insert(writer->rel, writer->slots, writer->count, GetCurrentCommandId(true), 0,
					   NULL);
	for (int i = 0; i < writer->count; i++)
		cn_insert_index_tuples(writer->target, writer->slots[i], estate);
	MemoryContextSwitchTo(old);
	ResetPerTupleExprContext(estate);
	writer->count = 0;
	writer->bytes = 0;
	CommandCounterIncrement();
}

void
cn_table_add(CnTableWriter *writer, const Datum *values, const bool *nulls)
{
	TupleTableSlot *slot = next_slot(writer);
	MemoryContext old = MemoryContextSwitchTo(GetPerTupleMemoryContext(writer->estate));

	memcpy(slot->tts_values, values, sizeof(Datum) * writer->natts);
	memcpy(slot->tts_isnull, nulls, sizeof(bool) * writer->natts);
	ExecStoreVirtualTuple(slot);
	check_row(writer, slot);
	ExecMaterializeSlot(slot);
	writer->bytes += row_size(slot);
	writer->count++;
	MemoryContextSwitchTo(old);
	ResetPerTupleExprContext(writer->estate);
	if (writer->count == MAX_ROWS || writer->bytes >= MAX_BYTES)
		write_rows(writer);
}

void
cn_table_close(CnTableWriter *writer)
{
	Relation	rel = writer->rel;
	EState	   *estate = writer->estate;

	write_rows(writer);
	ExecCloseIndices(writer->target);
	ExecResetTupleTable(estate->es_tupleTable, false);
	FreeExecutorState(estate);
	table_close(rel, NoLock);
}

bool
cn_table_insert(Oid relid, int natts, const char *const *names, const Datum *values,
				const bool *nulls)
{
	CnTableWriter *writer = cn_table_open(relid, natts, names, CurrentMemoryContext);

	if (writer == NULL)
		return false;
	cn_table_add(writer, values, nulls);
	cn_table_close(writer);
	return true;
}
