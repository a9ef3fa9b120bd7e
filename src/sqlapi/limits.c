/*
 * limits.c -- what the views of limits and breakers show, and calling a service again.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "core/audit.h"
#include "core/clock.h"
#include "core/identity.h"
#include "limit/limit.h"
#include "queue/wake.h"
#include "sqlapi/args.h"

CN_FUNCTION(connector_limits);
CN_FUNCTION(connector_circuit_reset);
CN_FUNCTION(connector_rate_limit_saved);

/* Columns of _connector_limits. */
enum
{
	COL_WORKSPACE,
	COL_KIND,
	COL_ID,
	COL_SERVICE,
	COL_PER_MINUTE,
	COL_MINUTE_AVAILABLE,
	COL_PER_HOUR,
	COL_HOUR_AVAILABLE,
	COL_CONCURRENCY,
	COL_IN_FLIGHT,
	COL_NEXT_FREE,
	COL_HELD_UNTIL,
	COL_BREAKER,
	COL_REQUESTS,
	COL_FAILURES,
	COL_TRIPS,
	COL_OPENED,
	COL_NEXT_PROBE,
	COL_COUNT
};

/* A row under construction; all columns are null at first. */
typedef struct Row
{
	Datum		values[COL_COUNT];
	bool		nulls[COL_COUNT];
} Row;

static void
put(Row *row, int column, Datum value)
{
	row->values[column] = value;
	row->nulls[column] = false;
}

/* A limit and what is left of it; 0: there is none. */
static void
put_limit(Row *row, int column, int limit, int available)
{
	if (limit == 0)
		return;
	put(row, column, Int32GetDatum(limit));
	put(row, column + 1, Int32GetDatum(available));
}

static void
put_limits(Row *row, const CnLimitStatus *status, TimestampTz now)
{
	put_limit(row, COL_PER_MINUTE, status->limits.per_minute, status->minute_room);
	put_limit(row, COL_PER_HOUR, status->limits.per_hour, status->hour_room);
	if (status->limits.concurrency > 0)
		put(row, COL_CONCURRENCY, Int32GetDatum(status->limits.concurrency));
	if (status->kind == CN_LIMIT_OF_SERVICE)
		put(row, COL_IN_FLIGHT, Int32GetDatum(status->in_flight));
	if (status->wait_us > 0)
		put(row, COL_NEXT_FREE, TimestampTzGetDatum(now + status->wait_us));
	if (status->hold_us > 0)
		put(row, COL_HELD_UNTIL, TimestampTzGetDatum(now + status->hold_us));
}

static void
put_breaker(Row *row, const CnLimitStatus *status, TimestampTz now)
{
	static const char *const states[] = {
		[CN_BREAKER_CLOSED] = "closed",[CN_BREAKER_OPEN] = "open",
		[CN_BREAKER_HALF_OPEN] = "half-open"
	};

	put(row, COL_BREAKER, CStringGetTextDatum(states[status->breaker]));
	put(row, COL_REQUESTS, Int32GetDatum(status->requests));
	put(row, COL_FAILURES, Int32GetDatum(status->failures));
	put(row, COL_TRIPS, Int32GetDatum(status->trips));
	if (status->opened_us >= 0)
		put(row, COL_OPENED, TimestampTzGetDatum(now - status->opened_us));
	if (status->probe_us >= 0)
		put(row, COL_NEXT_PROBE, TimestampTzGetDatum(now + status->probe_us));
}

static void
fill_row(Row *row, CnLimitStatus *status, TimestampTz now)
{
	static const char *const kinds[] = {
		[CN_LIMIT_OF_CONNECTOR] = "connector",[CN_LIMIT_OF_SERVICE] = "service",
		[CN_LIMIT_OF_CREDENTIAL] = "credential"
	};

	memset(row->nulls, true, sizeof(row->nulls));
	put(row, COL_WORKSPACE, UUIDPGetDatum(&status->workspace));
	put(row, COL_KIND, CStringGetTextDatum(kinds[status->kind]));
	if (status->kind != CN_LIMIT_OF_SERVICE)
		put(row, COL_ID, UUIDPGetDatum(&status->id));
	if (status->kind != CN_LIMIT_OF_CONNECTOR)
		put(row, COL_SERVICE, CStringGetTextDatum(status->name));
	put_limits(row, status, now);
	if (status->kind == CN_LIMIT_OF_SERVICE)
		put_breaker(row, status, now);
}

Datum
connector_limits(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz now = cn_now();
	CnLimitStatus *list;
	int			count = cn_limit_status(&list);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < count; i++)
	{
		Row			row;

		if (cn_workspace_role(&list[i].workspace) < CN_ROLE_VIEWER)
			continue;
		fill_row(&row, &list[i], now);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, row.values, row.nulls);
	}
	return (Datum) 0;
}

Datum
connector_circuit_reset(PG_FUNCTION_ARGS)
{
	char	   *service = cn_arg_required(fcinfo, 0, "service");
	CnWakeEntry changed = {.kind = CN_WAKE_CHANGED};
	CnWorkspace workspace;
	bool		found;

	PreventCommandIfReadOnly("connector_circuit_reset()");
	workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 1), CN_RIGHT_ADMIN);
	cn_audit(&workspace.id, cn_identity_name(), "reset", "circuit_breaker", service, NULL);
	found = cn_limit_reset(&workspace.id, service);
	/* it counts at once, so those that wait hear of it at once */
	cn_wake_now(&changed);
	PG_RETURN_BOOL(found);
}

/* ---- api_rate_limits ---- */

/* "60 per minute, 1000 per hour, 5 at once" */
static char *
describe(HeapTuple tuple, TupleDesc desc)
{
	static const char *const columns[][2] = {
		{"requests_per_minute", "per minute"}, {"requests_per_hour", "per hour"},
		{"concurrency", "at once"}
	};
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < lengthof(columns); i++)
	{
		char	   *limit = SPI_getvalue(tuple, desc, SPI_fnumber(desc, columns[i][0]));

		if (limit)
			appendStringInfo(&text, "%s%s %s", text.len ? ", " : "", limit, columns[i][1]);
	}
	return text.len ? text.data : pstrdup("no limit");
}

Datum
connector_rate_limit_saved(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	HeapTuple	tuple;
	TupleDesc	desc;
	bool		isnull;
	Datum		workspace;
	const char *action;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("_connector_rate_limit_saved is a row trigger")));
	desc = RelationGetDescr(data->tg_relation);
	tuple = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	action = TRIGGER_FIRED_BY_INSERT(data->tg_event) ? "create"
		: TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? "update" : "delete";
	workspace = heap_getattr(tuple, SPI_fnumber(desc, "workspace_id"), desc, &isnull);
	cn_audit(DatumGetUUIDP(workspace), cn_identity_name(), action, "rate_limit",
			 SPI_getvalue(tuple, desc, SPI_fnumber(desc, "service_name")), describe(tuple, desc));
	return PointerGetDatum(NULL);
}
