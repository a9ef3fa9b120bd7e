/*
 * connectors.c -- triggers of the table of connectors, and connector_check.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "catalog/cache.h"
#include "core/audit.h"
#include "core/identity.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "queue/pause.h"
#include "sqlapi/args.h"
#include "sqlapi/fields.h"

CN_FUNCTION(connector_before_save);
CN_FUNCTION(connector_after_save);
CN_FUNCTION(connector_check);

/* The trigger's data; raises if it was called as a plain function. */
static TriggerData *
row_trigger(FunctionCallInfo fcinfo, const char *name)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s is a row trigger", name)));
	return data;
}

static Datum
column(HeapTuple tuple, TupleDesc desc, const char *name, bool *isnull)
{
	int			attnum = SPI_fnumber(desc, name);

	if (attnum <= 0)
		elog(ERROR, "connectors has no column \"%s\"", name);
	return heap_getattr(tuple, attnum, desc, isnull);
}

/* Columns that make a version; enabled, icon and category do not. */
static const char *const version_columns[] = {
	"name", "description", "config", "input_schema", "field_mappings", "timeout_ms",
	"max_retries", "continue_on_error", "log_response_data"
};

static bool
version_differs(HeapTuple old, HeapTuple new, TupleDesc desc)
{
	for (int i = 0; i < lengthof(version_columns); i++)
	{
		int			attnum = SPI_fnumber(desc, version_columns[i]);
		char	   *before = SPI_getvalue(old, desc, attnum);
		char	   *after = SPI_getvalue(new, desc, attnum);

		if ((before == NULL) != (after == NULL) || (before && strcmp(before, after) != 0))
			return true;
	}
	return false;
}

/* ---- before: check and number ---- */

static void
check_json(HeapTuple tuple, TupleDesc desc, const char *name)
{
	bool		isnull;
	Datum		value = column(tuple, desc, name, &isnull);
	const char *expected = isnull ? NULL : cn_fields_expected(name, DatumGetJsonbP(value));

	if (expected)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s of a connector must be %s", name, expected)));
}

static Jsonb *
json_column(HeapTuple tuple, TupleDesc desc, const char *name)
{
	bool		isnull;
	Datum		value = column(tuple, desc, name, &isnull);

	return isnull ? NULL : DatumGetJsonbP(value);
}

/*
 * A restored row keeps its own updated_at, and its versions come with the
 * dump; only rows saved by this transaction leave a version.
 */
static bool
was_saved_now(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		at = column(tuple, desc, "updated_at", &isnull);

	return !isnull && DatumGetTimestampTz(at) == GetCurrentTransactionStartTimestamp();
}

static bool
has_steps(Jsonb *config)
{
	JsonbValue	buffer;

	return JB_ROOT_IS_OBJECT(config) &&
		getKeyJsonValueFromContainer(&config->root, "steps", strlen("steps"), &buffer) != NULL;
}

/*
 * Raises unless the row may be saved; returns the type of the definition.  kept: the definition
 * was saved before, so that a provider which has gone since is no reason to refuse the row.
 */
static const char *
check_row(HeapTuple tuple, TupleDesc desc, bool kept)
{
	CnParts		parts = {
		.config = json_column(tuple, desc, "config"),
		.input_schema = json_column(tuple, desc, "input_schema"),
		.field_mappings = json_column(tuple, desc, "field_mappings"),
	};
	CnCompiledParts compiled;
	CnProblems	problems;
	bool		isnull;
	bool		no_workspace;
	Datum		workspace = column(tuple, desc, "workspace_id", &no_workspace);
	Datum		name = column(tuple, desc, "name", &isnull);

	/* A null in a NOT NULL column is refused by the table itself. */
	if (parts.config == NULL || isnull)
		return "single";
	check_json(tuple, desc, "input_schema");
	check_json(tuple, desc, "field_mappings");
	parts.workspace = no_workspace ? NULL : DatumGetUUIDP(workspace);
	if (cn_cache_compile(&parts, &compiled, &problems))
		return compiled.definition->multi ? "multi-step" : "single";
	if (!compiled.uses_providers || !kept)
		cn_cache_refuse(TextDatumGetCString(name), &problems);
	return has_steps(parts.config) ? "multi-step" : "single";
}

static CnStatement last_version = {
	.sql = "SELECT pg_catalog.max(version) FROM @.connector_versions"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND connector_id OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

/* The version a new row begins with: behind those of a deleted row of the same id. */
static int
first_version(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		values[2];
	Datum		last;
	int			version = 1;
	CnSpi		spi;

	for (int i = 0; i < 2; i++)
	{
		values[i] = column(tuple, desc, i == 0 ? "workspace_id" : "id", &isnull);
		if (isnull)
			return version;
	}
	cn_spi_begin(&spi);
	(void) cn_spi_run(&last_version, values, NULL, 1);
	last = cn_spi_value(0, 1, &isnull);
	if (!isnull)
		version = DatumGetInt32(last) + 1;
	cn_spi_end(&spi);
	return version;
}

/* A new row by somebody who may not set created_by and version: they are the author. */
static HeapTuple
complete_insert(HeapTuple tuple, TupleDesc desc, const char *type)
{
	const char *identity = cn_identity_name();
	int			cols[3] = {
		SPI_fnumber(desc, "created_by"), SPI_fnumber(desc, "version"), SPI_fnumber(desc, "type")
	};
	Datum		values[3] = {0, 0, CStringGetTextDatum(type)};
	bool		nulls[3] = {false};

	values[0] = heap_getattr(tuple, cols[0], desc, &nulls[0]);
	if (nulls[0] && identity)
	{
		values[0] = CStringGetTextDatum(identity);
		nulls[0] = false;
	}
	values[1] = heap_getattr(tuple, cols[1], desc, &nulls[1]);
	if (was_saved_now(tuple, desc))
	{
		values[1] = Int32GetDatum(first_version(tuple, desc));
		nulls[1] = false;
	}
	return heap_modify_tuple_by_cols(tuple, desc, lengthof(cols), cols, values, nulls);
}

static HeapTuple
complete_update(HeapTuple old, HeapTuple new, TupleDesc desc, const char *type)
{
	int			cols[3] = {
		SPI_fnumber(desc, "version"), SPI_fnumber(desc, "updated_at"), SPI_fnumber(desc, "type")
	};
	bool		nulls[3] = {false};
	Datum		values[3] = {0, 0, CStringGetTextDatum(type)};
	int			version = DatumGetInt32(column(old, desc, "version", &nulls[0]));

	values[0] = Int32GetDatum(version_differs(old, new, desc) ? version + 1 : version);
	values[1] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	return heap_modify_tuple_by_cols(new, desc, lengthof(cols), cols, values, nulls);
}

Datum
connector_before_save(PG_FUNCTION_ARGS)
{
	TriggerData *data = row_trigger(fcinfo, "_connector_before_save");
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	const char *type;

	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
	{
		type = check_row(data->tg_trigtuple, desc, !was_saved_now(data->tg_trigtuple, desc));
		return PointerGetDatum(complete_insert(data->tg_trigtuple, desc, type));
	}
	type = check_row(data->tg_newtuple, desc,
					 !version_differs(data->tg_trigtuple, data->tg_newtuple, desc));
	return PointerGetDatum(complete_update(data->tg_trigtuple, data->tg_newtuple, desc, type));
}

/* ---- after: keep the version ---- */

static CnStatement keep_version = {
	.sql = "INSERT INTO @.connector_versions (workspace_id, connector_id, version, name,"
	" description, config, input_schema, field_mappings, timeout_ms, max_retries,"
	" continue_on_error, log_response_data, changed_by, changed_at)"
	" SELECT workspace_id, id, version, name, description, config, input_schema, field_mappings,"
	" timeout_ms, max_retries, continue_on_error, log_response_data, $3, updated_at"
	" FROM @.connectors WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2"
	" ON CONFLICT DO NOTHING",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, UUIDOID, TEXTOID},
};

/* Is what was saved a new version? */
static bool
is_new_version(TriggerData *data, TupleDesc desc)
{
	bool		isnull;

	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		return true;
	return DatumGetInt32(column(data->tg_trigtuple, desc, "version", &isnull)) !=
		DatumGetInt32(column(data->tg_newtuple, desc, "version", &isnull));
}

static void
store_version(HeapTuple tuple, TupleDesc desc, const char *identity)
{
	bool		isnull;
	Datum		values[3];
	CnSpi		spi;

	values[0] = column(tuple, desc, "workspace_id", &isnull);
	values[1] = column(tuple, desc, "id", &isnull);
	values[2] = identity ? CStringGetTextDatum(identity) : (Datum) 0;
	cn_spi_begin(&spi);
	(void) cn_spi_run(&keep_version, values, identity ? NULL : "  n", 0);
	cn_spi_end(&spi);
}

/* Its name may be given to another one, its id not. */
static void
forget_pause(HeapTuple tuple, TupleDesc desc)
{
	char		text[CN_UUID_TEXT_LEN + 1];
	bool		isnull;
	Datum		workspace = column(tuple, desc, "workspace_id", &isnull);
	Datum		id = column(tuple, desc, "id", &isnull);

	(void) cn_pause_clear(DatumGetUUIDP(workspace), CN_PAUSE_CONNECTOR,
						  cn_uuid_text(DatumGetUUIDP(id), text));
}

static void
audit_save(TriggerData *data, HeapTuple tuple, TupleDesc desc, const char *identity)
{
	const char *action = TRIGGER_FIRED_BY_INSERT(data->tg_event) ? "create"
		: TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? "update" : "delete";
	bool		isnull;
	Datum		workspace = column(tuple, desc, "workspace_id", &isnull);
	int			version = DatumGetInt32(column(tuple, desc, "version", &isnull));
	bool		enabled = DatumGetBool(column(tuple, desc, "enabled", &isnull));

	cn_audit(DatumGetUUIDP(workspace), identity, action, "connector",
			 SPI_getvalue(tuple, desc, SPI_fnumber(desc, "name")),
			 psprintf("version %d%s", version, enabled ? "" : ", disabled"));
}

Datum
connector_after_save(PG_FUNCTION_ARGS)
{
	TriggerData *data = row_trigger(fcinfo, "_connector_after_save");
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	HeapTuple	tuple = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	bool		deleted = TRIGGER_FIRED_BY_DELETE(data->tg_event);
	const char *identity;

	if (!deleted && !was_saved_now(tuple, desc))
		return PointerGetDatum(NULL);
	identity = cn_identity_name();
	if (deleted)
		forget_pause(tuple, desc);
	if (!deleted && is_new_version(data, desc))
		store_version(tuple, desc, identity);
	audit_save(data, tuple, desc, identity);
	return PointerGetDatum(NULL);
}

/* ---- connector_check ---- */

Datum
connector_check(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CnParts		parts = {.config = PG_GETARG_JSONB_P(0)};
	CnCompiledParts compiled;
	CnProblems	problems;
	pg_uuid_t	workspace;

	if (cn_workspace_usual(&workspace))
		parts.workspace = &workspace;
	(void) cn_cache_compile(&parts, &compiled, &problems);
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < problems.count; i++)
	{
		Datum		values[2] = {
			CStringGetTextDatum(problems.list[i].path),
			CStringGetTextDatum(problems.list[i].message)
		};
		bool		nulls[2] = {false, false};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
