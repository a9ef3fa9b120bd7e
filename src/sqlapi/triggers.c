/*
 * triggers.c -- connector_trigger_set and the functions beside it.
 *
 * They only write rows of connector_triggers; the poll process reads them.  Whatever changes one
 * takes the lease away, so a poll that is under way starts nothing more.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tcop/utility.h"

#include "catalog/cache.h"
#include "catalog/provider_lookup.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/identity.h"
#include "core/jsonb.h"
#include "core/report.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "engine/input.h"
#include "sqlapi/args.h"
#include "sqlapi/fields.h"
#include "trigger/store.h"
#include "worker/worker.h"

CN_FUNCTION(connector_trigger_set);
CN_FUNCTION(connector_trigger_remove);
CN_FUNCTION(connector_trigger_enable);
CN_FUNCTION(connector_trigger_poll_now);
CN_FUNCTION(connector_call_polls);

typedef struct Setting
{
	CnWorkspace workspace;
	const char *name;
	CnTriggerNames names;
	CnTriggerPlan *plan;
	CnConnector *connector;
	Jsonb	   *input;
	int			interval;
	bool		from_now;
	int			priority;
	bool		enabled;
	const char *identity;
	NameData	run_as;
	pg_uuid_t	told_by;
} Setting;

/* ---- connector_trigger_set: what is asked for ---- */

static void
find_connector(Setting *setting, const char *name)
{
	setting->connector = cn_cache_get(&setting->workspace.id, name, CurrentMemoryContext);
	if (setting->connector == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("connector \"%s\" does not exist in workspace \"%s\"", name,
						setting->workspace.slug)));
}

/* name: of a trigger, or else of a stream. */
static void
find_plan(Setting *setting, const char *name, const char *event)
{
	CnTriggerNames *names = &setting->names;
	CnTriggerType type;
	CnFailure	failure = {CN_OK};

	(void) cn_provider_require(&setting->workspace.id, names->provider, CurrentMemoryContext);
	type = cn_trigger_type(&setting->workspace.id, names->provider, name, CurrentMemoryContext);
	if (type == CN_TRIGGER_NONE)
	{
		names->stream = name;
		names->event = event ? event : "created";
	}
	else
		names->trigger = name;
	setting->plan = cn_trigger_plan(&setting->workspace.id, setting->identity, names,
									CurrentMemoryContext, &failure);
	if (setting->plan == NULL)
		ereport(ERROR,
				(errcode(type == CN_TRIGGER_WEBHOOK ? ERRCODE_FEATURE_NOT_SUPPORTED
						 : ERRCODE_UNDEFINED_OBJECT),
				 errmsg("%s", failure.message),
				 failure.detail ? errdetail_internal("%s", failure.detail) : 0,
				 failure.hint ? errhint("%s", failure.hint) : 0));
	names->stream = setting->plan->stream;
	cn_trigger_told_by(setting->plan, &setting->told_by);
	if (names->trigger)
		names->event = setting->plan->updated ? "updated" : "created";
	if (event && strcmp(event, names->event) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the event of trigger \"%s\" is \"%s\", not \"%s\"", name, names->event, event)));
}

static void
check_values(const Setting *setting)
{
	int			length = pg_mbstrlen(setting->name);

	if (length == 0 || length > CN_CONNECTOR_NAME_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the name of a trigger must have 1 to %d characters", CN_CONNECTOR_NAME_MAX)));
	if (strcmp(setting->names.event, "created") != 0 && strcmp(setting->names.event, "updated") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("event must be \"created\" or \"updated\", not \"%s\"", setting->names.event)));
	if (setting->interval < CN_TRIGGER_MIN_INTERVAL || setting->interval > CN_TRIGGER_MAX_INTERVAL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("interval must be between %d and %d seconds, not %d", CN_TRIGGER_MIN_INTERVAL,
						CN_TRIGGER_MAX_INTERVAL, setting->interval)));
	if (setting->priority < 0 || setting->priority > 9)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("priority must be between 0 (first) and 9 (last)")));
}

/* Inputs of parents are checked when the stream is read: which is whose is known only then. */
static void
check_input(const Setting *setting)
{
	const CnStream *stream = setting->plan->source->stream;
	const CnJson *input;
	CnFailure	failure = {CN_OK};

	if (!JB_ROOT_IS_OBJECT(setting->input))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the input of a trigger must be an object")));
	input = cn_trigger_input(setting->plan, cn_json_from_jsonb(setting->input), NULL);
	if (stream->parent || stream->input_schema == NULL ||
		cn_input_check_value(stream->input_schema, input, "the input", &failure))
		return;
	cn_report_stream_failure(setting->plan->source->name, &failure);
}

/* ---- connector_trigger_set: the row ---- */

static CnStatement count_others = {
	.sql = "SELECT count(*) FROM @.connector_triggers WHERE workspace_id = $1 AND name <> $2",
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

/* Does the one there is read the same?  Then it goes on where it was. */
static CnStatement find_same = {
	.sql = "SELECT 1 FROM @.connector_triggers WHERE workspace_id = $1 AND name = $2 AND provider = $3"
	" AND trigger IS NOT DISTINCT FROM $4 AND stream = $5 AND label IS NOT DISTINCT FROM $6"
	" AND event = $7 AND input = $8 AND from_now = $9 AND told_by = $10 FOR UPDATE",
	.write = true,
	.nargs = 10,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, BOOLOID,
		UUIDOID},
};

static CnStatement forget_all = {
	.sql = "DELETE FROM @.connector_trigger_seen s USING @.connector_triggers t"
	" WHERE t.workspace_id = $1 AND t.name = $2 AND s.workspace_id = t.workspace_id AND s.trigger_id = t.id",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

static CnStatement save = {
	.sql = "INSERT INTO @.connector_triggers AS t (workspace_id, name, provider, trigger, stream, label, event,"
	" input, from_now, told_by, id, connector_id, poll_interval, priority, enabled, identity, run_as,"
	" next_poll_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
	" ON CONFLICT (workspace_id, name) DO UPDATE"
	" SET provider = excluded.provider, trigger = excluded.trigger, stream = excluded.stream,"
	" label = excluded.label, event = excluded.event, input = excluded.input, from_now = excluded.from_now,"
	" told_by = excluded.told_by,"
	" connector_id = excluded.connector_id, poll_interval = excluded.poll_interval,"
	" priority = excluded.priority, enabled = excluded.enabled, identity = excluded.identity,"
	" run_as = excluded.run_as, next_poll_at = excluded.next_poll_at, lease = NULL, lease_until = NULL,"
	" failures = 0, error_code = NULL, last_error = NULL, hint = NULL,"
	" primed = t.primed AND $19, known_since = CASE WHEN $19 THEN t.known_since END,"
	" cursor = CASE WHEN $19 THEN t.cursor END"
	" RETURNING t.id",
	.write = true,
	.nargs = 19,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, BOOLOID,
		UUIDOID, UUIDOID, UUIDOID, INT4OID, INT2OID, BOOLOID, TEXTOID, NAMEOID, TIMESTAMPTZOID, BOOLOID},
};

static void
check_count(const Setting *setting)
{
	Datum		values[2] = {
		UUIDPGetDatum(&setting->workspace.id), CStringGetTextDatum(setting->name)
	};
	bool		isnull;

	(void) cn_spi_run(&count_others, values, NULL, 1);
	if (DatumGetInt64(cn_spi_value(0, 1, &isnull)) >= cn_trigger_max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("workspace \"%s\" has too many triggers", setting->workspace.slug),
				 errdetail("connector.max_triggers is %d.", cn_trigger_max)));
}

static Datum
text_datum(const char *text)
{
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

/* Insert or replace the row; false if it replaced one. */
static bool
save_row(Setting *setting, pg_uuid_t *id)
{
	const CnTriggerNames *names = &setting->names;
	pg_uuid_t	fresh;
	Datum		values[19] = {
		UUIDPGetDatum(&setting->workspace.id), CStringGetTextDatum(setting->name),
		CStringGetTextDatum(names->provider), text_datum(names->trigger),
		CStringGetTextDatum(names->stream), text_datum(names->label),
		CStringGetTextDatum(names->event),
		JsonbPGetDatum(setting->input), BoolGetDatum(setting->from_now),
		UUIDPGetDatum(&setting->told_by), UUIDPGetDatum(&fresh),
		UUIDPGetDatum(&setting->connector->id), Int32GetDatum(setting->interval),
		Int16GetDatum(setting->priority), BoolGetDatum(setting->enabled),
		CStringGetTextDatum(setting->identity), NameGetDatum(&setting->run_as),
		TimestampTzGetDatum(cn_now())
	};
	char		nulls[20] = "                   ";
	bool		same;
	CnSpi		spi;

	nulls[3] = names->trigger ? ' ' : 'n';
	nulls[5] = names->label ? ' ' : 'n';
	cn_uuid_v7(&fresh);
	cn_spi_begin(&spi);
	check_count(setting);
	same = cn_spi_run(&find_same, values, nulls, 1) > 0;
	values[18] = BoolGetDatum(same);
	(void) cn_spi_run(&save, values, nulls, 0);
	cn_spi_uuid(0, 1, id);
	if (!same)
		(void) cn_spi_run(&forget_all, values, NULL, 0);
	cn_spi_end(&spi);
	return cn_uuid_equal(id, &fresh);
}

static void
prevent(const char *function)
{
	PreventCommandIfReadOnly(function);
	PreventCommandIfParallelMode(function);
}

Datum
connector_trigger_set(PG_FUNCTION_ARGS)
{
	Setting		setting = {.name = cn_arg_required(fcinfo, 0, "name")};
	char	   *trigger = cn_arg_required(fcinfo, 2, "trigger");
	char	   *connector = cn_arg_required(fcinfo, 3, "connector");
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	bool		added;

	prevent("connector_trigger_set()");
	setting.names.provider = cn_arg_required(fcinfo, 1, "provider");
	setting.input = cn_arg_jsonb(fcinfo, 4);
	setting.names.label = cn_arg_text(fcinfo, 6);
	setting.workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 7), CN_RIGHT_EXECUTE);
	setting.from_now = PG_ARGISNULL(8) || PG_GETARG_BOOL(8);
	setting.priority = PG_ARGISNULL(10) ? 5 : PG_GETARG_INT32(10);
	setting.enabled = PG_ARGISNULL(11) || PG_GETARG_BOOL(11);
	setting.identity = cn_identity_name();
	namestrcpy(&setting.run_as, GetUserNameFromId(GetUserId(), false));
	find_connector(&setting, connector);
	find_plan(&setting, trigger, cn_arg_text(fcinfo, 9));
	setting.interval = PG_ARGISNULL(5) ? setting.plan->interval : PG_GETARG_INT32(5);
	check_values(&setting);
	check_input(&setting);

	added = save_row(&setting, id);
	cn_audit(&setting.workspace.id, setting.identity, added ? "create" : "change", "trigger", setting.name,
			 psprintf("connector %s, %s.%s every %d s", setting.connector->name, setting.names.provider,
					  trigger, setting.interval));
	if (setting.enabled)
		cn_trigger_call_at_commit();
	PG_RETURN_UUID_P(id);
}

/* ---- the others ---- */

static CnStatement remove_row = {
	.sql = "DELETE FROM @.connector_triggers WHERE workspace_id = $1 AND name = $2",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

static CnStatement enable_row = {
	.sql = "UPDATE @.connector_triggers SET enabled = true, identity = $3, run_as = $4, next_poll_at = $5,"
	" lease = NULL, lease_until = NULL, failures = 0, error_code = NULL, last_error = NULL, hint = NULL"
	" WHERE workspace_id = $1 AND name = $2",
	.write = true,
	.nargs = 5,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID, NAMEOID, TIMESTAMPTZOID},
};

static CnStatement disable_row = {
	.sql = "UPDATE @.connector_triggers SET enabled = false,"
	" lease = NULL, lease_until = NULL, failures = 0, error_code = NULL, last_error = NULL, hint = NULL"
	" WHERE workspace_id = $1 AND name = $2",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

static CnStatement hurry_row = {
	.sql = "UPDATE @.connector_triggers SET next_poll_at = $3 WHERE workspace_id = $1 AND name = $2 AND enabled",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, TIMESTAMPTZOID},
};

static bool
run(CnStatement *statement, Datum *values)
{
	CnSpi		spi;
	bool		found;

	cn_spi_begin(&spi);
	found = cn_spi_run(statement, values, NULL, 0) > 0;
	cn_spi_end(&spi);
	return found;
}

Datum
connector_trigger_remove(PG_FUNCTION_ARGS)
{
	char	   *name = cn_arg_required(fcinfo, 0, "name");
	CnWorkspace workspace;
	const char *identity = cn_identity_name();
	Datum		values[2];
	bool		found;

	prevent("connector_trigger_remove()");
	workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 1), CN_RIGHT_EXECUTE);
	values[0] = UUIDPGetDatum(&workspace.id);
	values[1] = CStringGetTextDatum(name);
	found = run(&remove_row, values);
	if (found)
		cn_audit(&workspace.id, identity, "delete", "trigger", name, NULL);
	PG_RETURN_BOOL(found);
}

Datum
connector_trigger_enable(PG_FUNCTION_ARGS)
{
	char	   *name = cn_arg_required(fcinfo, 0, "name");
	bool		enable = PG_ARGISNULL(1) || PG_GETARG_BOOL(1);
	const char *identity = cn_identity_name();
	CnWorkspace workspace;
	NameData	run_as;
	Datum		values[5];
	bool		found;

	prevent("connector_trigger_enable()");
	workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 2), CN_RIGHT_EXECUTE);
	namestrcpy(&run_as, GetUserNameFromId(GetUserId(), false));
	values[0] = UUIDPGetDatum(&workspace.id);
	values[1] = CStringGetTextDatum(name);
	values[2] = CStringGetTextDatum(identity);
	values[3] = NameGetDatum(&run_as);
	values[4] = TimestampTzGetDatum(cn_now());
	found = run(enable ? &enable_row : &disable_row, values);
	if (found)
		cn_audit(&workspace.id, identity, enable ? "enable" : "disable", "trigger", name, NULL);
	if (found && enable)
		cn_trigger_call_at_commit();
	PG_RETURN_BOOL(found);
}

Datum
connector_trigger_poll_now(PG_FUNCTION_ARGS)
{
	char	   *name = cn_arg_required(fcinfo, 0, "name");
	CnWorkspace workspace;
	Datum		values[3];
	bool		found;

	prevent("connector_trigger_poll_now()");
	workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 1), CN_RIGHT_EXECUTE);
	values[0] = UUIDPGetDatum(&workspace.id);
	values[1] = CStringGetTextDatum(name);
	values[2] = TimestampTzGetDatum(cn_now());
	found = run(&hurry_row, values);
	if (found)
		cn_trigger_call_at_commit();
	PG_RETURN_BOOL(found);
}

/* ---- what connector_tick() calls ---- */

Datum
connector_call_polls(PG_FUNCTION_ARGS)
{
	int64		due;

	PreventCommandIfReadOnly("connector_tick()");
	due = cn_fence_closed() ? 0 : cn_trigger_count_due();
	if (due > 0)
		cn_trigger_call();
	PG_RETURN_INT64(due);
}
