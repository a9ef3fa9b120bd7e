/*
 * table.c -- inserting a row without a statement.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "core/table.h"

/* Has rel these columns in this order, and nothing that only a statement would run? */
static bool
is_plain(Relation rel, int natts, const char *const *names)
{
	TupleDesc	desc = RelationGetDescr(rel);

	if (rel->trigdesc != NULL || desc->natts != natts)
		return false;
	for (int i = 0; i < natts; i++)
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), names[i]) != 0)
			return false;
	return true;
}

static void
insert_into(Relation rel, int natts, const Datum *values, const bool *nulls)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *target = makeNode(ResultRelInfo);
	TupleTableSlot *slot;

	InitResultRelInfo(target, rel, 0, NULL, 0);
	slot = ExecInitExtraTupleSlot(estate, RelationGetDescr(rel), table_slot_callbacks(rel));
	memcpy(slot->tts_values, values, sizeof(Datum) * natts);
	memcpy(slot->tts_isnull, nulls, sizeof(bool) * natts);
	ExecStoreVirtualTuple(slot);

	ExecOpenIndices(target, false);
	ExecSimpleRelationInsert(target, estate, slot);
	ExecCloseIndices(target);
	ExecResetTupleTable(estate->es_tupleTable, false);
	FreeExecutorState(estate);
}

bool
cn_table_insert(Oid relid, int natts, const char *const *names, const Datum *values,
				const bool *nulls)
{
	Relation	rel = OidIsValid(relid) ? try_table_open(relid, RowExclusiveLock) : NULL;
	bool		plain;

	if (rel == NULL)
		return false;
	plain = is_plain(rel, natts, names);
	if (plain)
	{
		insert_into(rel, natts, values, nulls);
		CommandCounterIncrement();
	}
	table_close(rel, NoLock);
	return plain;
}
