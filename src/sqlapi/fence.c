/*
 * fence.c -- functions of the clone fence, and what the install script ends with.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "core/audit.h"
#include "core/clock.h"
#include "core/identity.h"
#include "core/uuid.h"
#include "queue/wake.h"
#include "sqlapi/args.h"
#include "worker/fence.h"
#include "worker/worker.h"

CN_FUNCTION(connector_installed);
CN_FUNCTION(connector_fence);
CN_FUNCTION(connector_fence_mark_loaded);
CN_FUNCTION(connector_queue_loaded);
CN_FUNCTION(connector_acknowledge_clone);

Datum
connector_installed(PG_FUNCTION_ARGS)
{
	if (!creating_extension)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("_connector_installed is called by the install script only")));
	(void) cn_fence_mark("CREATE EXTENSION");
	cn_worker_installed();
	PG_RETURN_VOID();
}

/* ---- reading ---- */

static void
set_time(Datum *values, bool *nulls, int col, TimestampTz time)
{
	values[col] = TimestampTzGetDatum(time);
	nulls[col] = time == 0;
}

static void
set_text(Datum *values, bool *nulls, int col, const char *text)
{
	nulls[col] = text == NULL;
	if (text)
		values[col] = CStringGetTextDatum(text);
}

Datum
connector_fence(PG_FUNCTION_ARGS)
{
	CnFence		fence = cn_fence_read();
	TupleDesc	desc;
	Datum		values[5] = {0};
	bool		nulls[5] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	set_text(values, nulls, 0, fence.standby ? "standby" : fence.closed ? "closed" : "open");
	set_text(values, nulls, 1, fence.closed);
	set_time(values, nulls, 2, fence.since);
	set_time(values, nulls, 3, fence.marked_at);
	set_text(values, nulls, 4, fence.marked_by);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* ---- closing ---- */

Datum
connector_fence_mark_loaded(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	pg_uuid_t	id;
	int			cols[3];
	Datum		values[3];
	bool		nulls[3] = {0};

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
		!TRIGGER_FIRED_BEFORE(data->tg_event) || !TRIGGER_FIRED_BY_INSERT(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("_connector_fence_mark_loaded is a trigger")));
	if (cn_fence_is_marking())
		return PointerGetDatum(data->tg_trigtuple);
	desc = RelationGetDescr(data->tg_relation);
	cols[0] = SPI_fnumber(desc, "id");
	cols[1] = SPI_fnumber(desc, "foreign_since");
	cols[2] = SPI_fnumber(desc, "foreign_because");
	cn_uuid_v7(&id);
	values[0] = UUIDPGetDatum(&id);
	values[1] = TimestampTzGetDatum(cn_now());
	values[2] = CStringGetTextDatum("a backup was loaded into this database");
	cn_wake_changed_at_commit();
	return PointerGetDatum(heap_modify_tuple_by_cols(data->tg_trigtuple, desc, 3, cols, values,
													 nulls));
}

/*
 * The library's own rows do not come by SQL, and where they do, it is in the security context
 * of core/spi.h.
 */
Datum
connector_queue_loaded(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("_connector_queue_loaded is a trigger")));
	if (!InNoForceRLSOperation())
	{
		cn_fence_close("rows of a backup were loaded into connector_queue");
		cn_wake_changed_at_commit();
	}
	return PointerGetDatum(NULL);
}

/* ---- opening ---- */

Datum
connector_acknowledge_clone(PG_FUNCTION_ARGS)
{
	static const pg_uuid_t nobody;	/* the fence belongs to no workspace */
	const char *who = cn_identity_name();
	int			others = cn_fence_mark("connector_acknowledge_clone()");

	cn_audit(&nobody, who, "acknowledge", "clone", get_database_name(MyDatabaseId),
			 psprintf("%d marks of others removed", others));
	cn_wake_changed_at_commit();
	ereport(LOG,
			(errmsg("connector_acknowledge_clone() in database \"%s\" by %s removed %d marks of others",
					get_database_name(MyDatabaseId), who ? who : "nobody", others)));
	PG_RETURN_INT32(others);
}
