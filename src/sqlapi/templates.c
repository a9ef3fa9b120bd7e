/*
 * templates.c -- the trigger of the table of templates; finding, rating and curating them.
 *
 * Publishing is in template_publish.c, installing in template_install.c.
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
#include "catalog/literal_secrets.h"
#include "catalog/templates.h"
#include "core/audit.h"
#include "core/identity.h"
#include "core/jsonb.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "sqlapi/args.h"

CN_FUNCTION(connector_template_before_save);
CN_FUNCTION(connector_template_browse);
CN_FUNCTION(connector_template_rate);
CN_FUNCTION(connector_template_feature);
CN_FUNCTION(connector_template_moderate);

/* A page of connector_template_browse; more is for a cursor over the table. */
#define MAX_BROWSE_ROWS 1000

/* ---- before a template is saved ---- */

static Datum
column(HeapTuple tuple, TupleDesc desc, const char *name, bool *isnull)
{
	int			attnum = SPI_fnumber(desc, name);

	if (attnum <= 0)
		elog(ERROR, "connector_templates has no column \"%s\"", name);
	return heap_getattr(tuple, attnum, desc, isnull);
}

static void
add_secret(void *arg, const char *path, const char *what)
{
	cn_problem(arg, path, "%s", what);
}

/* Look through a column: a definition, other JSON or text. */
static void
look_for_secrets(HeapTuple tuple, TupleDesc desc, const char *name, CnProblems *found)
{
	bool		isnull;
	Datum		value = column(tuple, desc, name, &isnull);

	if (isnull)
		return;
	if (strcmp(name, "config") == 0)
		cn_literal_secrets(cn_json_from_jsonb(DatumGetJsonbP(value)), add_secret, found);
	else if (TupleDescAttr(desc, SPI_fnumber(desc, name) - 1)->atttypid == JSONBOID)
		cn_literal_secrets_in(cn_json_from_jsonb(DatumGetJsonbP(value)), name, add_secret, found);
	else
		cn_literal_secrets_in(cn_json_string(TextDatumGetCString(value), -1), name,
							  add_secret, found);
}

static void
refuse_secrets(HeapTuple tuple, TupleDesc desc, const char *name)
{
	static const char *const columns[] = {
		"title", "description", "config", "input_schema", "field_mappings", "requires_credentials"
	};
	CnProblems	found = {NULL, 0};

	for (int i = 0; i < lengthof(columns); i++)
		look_for_secrets(tuple, desc, columns[i], &found);
	if (found.count == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg_plural("template \"%s\" holds a secret in %d place",
						   "template \"%s\" holds secrets in %d places",
						   found.count, name, found.count),
			 errdetail_internal("%s", cn_problems_text(&found)),
			 errhint("Store secrets with connector_credential_set(...), name the credential in the definition, and read other fields of it as {{workspace.<field>}}.")));
}

static Jsonb *
json_column(HeapTuple tuple, TupleDesc desc, const char *name)
{
	bool		isnull;
	Datum		value = column(tuple, desc, name, &isnull);

	return isnull ? NULL : DatumGetJsonbP(value);
}

/* Raises unless the row may be saved. */
static void
check_row(HeapTuple tuple, TupleDesc desc)
{
	CnParts		parts = {
		.config = json_column(tuple, desc, "config"),
		.input_schema = json_column(tuple, desc, "input_schema"),
		.field_mappings = json_column(tuple, desc, "field_mappings"),
		.any_size = true,
	};
	CnCompiledParts compiled;
	CnProblems	problems;
	bool		isnull;
	Datum		name = column(tuple, desc, "name", &isnull);

	/* A null in a NOT NULL column is refused by the table itself. */
	if (parts.config == NULL || isnull)
		return;
	refuse_secrets(tuple, desc, TextDatumGetCString(name));
	if (!cn_cache_compile(&parts, &compiled, &problems))
		cn_cache_refuse(TextDatumGetCString(name), &problems);
}

/*
 * A dump that is restored has rows of built-in templates, which CREATE EXTENSION
 * has made already.  Those keep the definition of this version, and take over what
 * the installation made of them; an official template that somebody changed takes
 * the place of the one it was.
 */
static CnStatement take_over = {
	.sql = "UPDATE @.connector_templates SET is_featured = $3, status = $4, status_reason = $5,"
	" install_count = $6, rating_sum = $7, rating_count = $8"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2 AND builtin",
	.write = true,
	.nargs = 8,
	.argtypes = {UUIDOID, UUIDOID, BOOLOID, TEXTOID, TEXTOID, INT8OID, INT8OID, INT8OID},
};

static CnStatement make_room = {
	.sql = "DELETE FROM @.connector_templates WHERE workspace_id OPERATOR(pg_catalog.=) $1"
	" AND (id OPERATOR(pg_catalog.=) $2 OR name OPERATOR(pg_catalog.=) $3) AND builtin",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, UUIDOID, TEXTOID},
};

/* True if the row of a dump was joined with the one that is there: none is to be inserted. */
static bool
join_builtin(HeapTuple tuple, TupleDesc desc)
{
	static const char *const taken[] = {
		"workspace_id", "id", "is_featured", "status", "status_reason", "install_count",
		"rating_sum", "rating_count"
	};
	Datum		values[8];
	char		nulls[9] = "        ";
	bool		isnull;
	bool		builtin = DatumGetBool(column(tuple, desc, "builtin", &isnull));
	bool		joined = false;
	CnSpi		spi;

	for (int i = 0; i < lengthof(taken); i++)
	{
		values[i] = column(tuple, desc, taken[i], &isnull);
		nulls[i] = isnull ? 'n' : ' ';
	}
	cn_spi_begin(&spi);
	if (builtin)
		joined = cn_spi_run(&take_over, values, nulls, 0) > 0;
	else
	{
		values[2] = column(tuple, desc, "name", &isnull);
		(void) cn_spi_run(&make_room, values, NULL, 0);
	}
	cn_spi_end(&spi);
	return joined;
}

/* A restored row keeps its own updated_at. */
static bool
comes_from_a_dump(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		at = column(tuple, desc, "updated_at", &isnull);

	return !isnull && DatumGetTimestampTz(at) != GetCurrentTransactionStartTimestamp();
}

static bool
is_official(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		workspace = column(tuple, desc, "workspace_id", &isnull);

	return !isnull && cn_uuid_is_zero(DatumGetUUIDP(workspace));
}

Datum
connector_template_before_save(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	HeapTuple	tuple;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("_connector_template_before_save is a row trigger")));
	desc = RelationGetDescr(data->tg_relation);
	tuple = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	check_row(tuple, desc);
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event) && is_official(tuple, desc) &&
		comes_from_a_dump(tuple, desc) && join_builtin(tuple, desc))
		return PointerGetDatum(NULL);
	return PointerGetDatum(tuple);
}

/* ---- finding ---- */

static CnStatement list = {
	.sql = "SELECT * FROM @._connector_template_list($1, $2, $3, $4, $5, $6, $7, $8)",
	.nargs = 8,
	.argtypes = {TEXTOID, TEXTOID, BOOLOID, BOOLOID, INT4OID, INT4OID, UUIDARRAYOID, BOOLOID},
};

static int
checked_count(FunctionCallInfo fcinfo, int n, const char *name, int min, int max)
{
	int			value = PG_ARGISNULL(n) ? -1 : PG_GETARG_INT32(n);

	if (value < min || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between %d and %d", name, min, max)));
	return value;
}

Datum
connector_template_browse(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[8];
	char		nulls[9] = "        ";
	uint64		count;
	CnSpi		spi;

	for (int i = 0; i < 4; i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	values[4] = Int32GetDatum(checked_count(fcinfo, 4, "max_rows", 1, MAX_BROWSE_ROWS));
	values[5] = Int32GetDatum(checked_count(fcinfo, 5, "skip_rows", 0, PG_INT32_MAX));
	values[6] = PointerGetDatum(cn_workspaces_with(CN_RIGHT_READ));
	values[7] = BoolGetDatum(cn_identity_is_admin());
	InitMaterializedSRF(fcinfo, 0);
	cn_spi_begin(&spi);
	count = cn_spi_run(&list, values, nulls, 0);
	for (uint64 i = 0; i < count; i++)
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
	cn_spi_end(&spi);
	return (Datum) 0;
}

/* ---- rating ---- */

static CnStatement rate = {
	.sql = "INSERT INTO @.connector_template_ratings AS r"
	" (workspace_id, template_id, rating, rated_by)"
	" VALUES ($1, $2, $3, $4)"
	" ON CONFLICT (workspace_id, template_id) DO UPDATE SET previous = r.rating,"
	" rating = excluded.rating, rated_by = excluded.rated_by, rated_at = excluded.rated_at"
	" RETURNING previous",
	.write = true,
	.nargs = 4,
	.argtypes = {UUIDOID, UUIDOID, INT2OID, TEXTOID},
};

/* The rating that the new one replaces; 0 if there was none. */
static int
replace_rating(const pg_uuid_t *workspace, const pg_uuid_t *template, int rating, const char *by)
{
	Datum		values[4] = {UUIDPGetDatum(workspace), UUIDPGetDatum(template),
		Int16GetDatum(rating), by ? CStringGetTextDatum(by) : (Datum) 0};
	bool		isnull;
	Datum		previous;
	CnSpi		spi;

	cn_spi_begin(&spi);
	(void) cn_spi_run(&rate, values, by ? NULL : "   n", 0);
	previous = cn_spi_value(0, 1, &isnull);
	cn_spi_end(&spi);
	return isnull ? 0 : DatumGetInt16(previous);
}

Datum
connector_template_rate(PG_FUNCTION_ARGS)
{
	char	   *asked = cn_arg_required(fcinfo, 0, "template");
	int			rating = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 2), CN_RIGHT_EXECUTE);
	CnStoredTemplate *row;
	int			before;

	if (rating < 1 || rating > 5)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a rating is a number from 1 to 5")));
	row = cn_stored_template_find(asked, &workspace.id, false);
	before = replace_rating(&workspace.id, &row->id, rating, cn_identity_name());
	if (rating != before)
		cn_stored_template_count(row, 0, rating - before, before == 0 ? 1 : 0);
	PG_RETURN_VOID();
}

/* ---- curating ---- */

static void pg_attribute_noreturn()
raise_not_allowed(const char *permission)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for templates"),
			 errdetail("This needs the permission %s.", permission),
			 errhint("The database administrator gives it in connector_admins.")));
}

static void
require_permission(const char *permission)
{
	if (!cn_identity_may(permission))
		raise_not_allowed(permission);
}

static CnStatement feature = {
	.sql = "UPDATE @.connector_templates SET is_featured = $3"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, UUIDOID, BOOLOID},
};

Datum
connector_template_feature(PG_FUNCTION_ARGS)
{
	char	   *asked = cn_arg_required(fcinfo, 0, "template");
	bool		featured = PG_ARGISNULL(1) || PG_GETARG_BOOL(1);
	const char *actor = cn_identity_name();
	CnStoredTemplate *row;
	Datum		values[3];
	CnSpi		spi;

	require_permission("templates.feature");
	row = cn_stored_template_find(asked, NULL, false);
	values[0] = UUIDPGetDatum(&row->workspace);
	values[1] = UUIDPGetDatum(&row->id);
	values[2] = BoolGetDatum(featured);
	cn_spi_begin(&spi);
	(void) cn_spi_run(&feature, values, NULL, 0);
	cn_spi_end(&spi);
	cn_audit(&row->workspace, actor, featured ? "feature" : "unfeature", "template", row->name,
			 NULL);
	PG_RETURN_VOID();
}

/* Only from one of these states: what another moderator did meanwhile is not undone. */
static CnStatement set_status = {
	.sql = "UPDATE @.connector_templates SET status = $3, status_reason = $4"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2"
	" AND status OPERATOR(pg_catalog.=) ANY ($5::pg_catalog.text[])",
	.write = true,
	.nargs = 5,
	.argtypes = {UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID},
};

static void
change_status(const CnStoredTemplate *row, const char *status, const char *reason, const char *from)
{
	Datum		values[5] = {UUIDPGetDatum(&row->workspace), UUIDPGetDatum(&row->id),
		CStringGetTextDatum(status), reason ? CStringGetTextDatum(reason) : (Datum) 0,
	CStringGetTextDatum(from)};
	uint64		count;
	CnSpi		spi;

	cn_spi_begin(&spi);
	count = cn_spi_run(&set_status, values, reason ? NULL : "   n ", 0);
	cn_spi_end(&spi);
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("template \"%s\" is %s", row->name, row->status),
				 strcmp(row->status, "unpublished") == 0 ?
				 errhint("Its publisher can publish it again.") : 0));
}

/*
 * A copy, not the row itself: what its publisher does with that one later is not official.
 * $3 new id, $4 status, $5 may change what is published
 */
static CnStatement copy_official = {
	.sql = "INSERT INTO @.connector_templates AS t (id, name, title, description, category, icon,"
	" tags, config, input_schema, field_mappings, timeout_ms, max_retries, continue_on_error,"
	" log_response_data, requires_credentials, status, published_by)"
	" SELECT $3, name, title, description, category, icon, tags, config, input_schema,"
	" field_mappings, timeout_ms, max_retries, continue_on_error, log_response_data,"
	" requires_credentials, $4, published_by"
	" FROM @.connector_templates"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2"
	" ON CONFLICT (workspace_id, name) DO UPDATE SET title = excluded.title,"
	" description = excluded.description, category = excluded.category, icon = excluded.icon,"
	" tags = excluded.tags, config = excluded.config, input_schema = excluded.input_schema,"
	" field_mappings = excluded.field_mappings, timeout_ms = excluded.timeout_ms,"
	" max_retries = excluded.max_retries, continue_on_error = excluded.continue_on_error,"
	" log_response_data = excluded.log_response_data,"
	" requires_credentials = excluded.requires_credentials, status = excluded.status,"
	" status_reason = NULL, published_by = excluded.published_by, builtin = false,"
	" version = t.version OPERATOR(pg_catalog.+) 1, updated_at = excluded.updated_at"
	" WHERE $5 OR t.status OPERATOR(pg_catalog.=) 'draft'"
	" RETURNING id, version",
	.write = true,
	.nargs = 5,
	.argtypes = {UUIDOID, UUIDOID, UUIDOID, TEXTOID, BOOLOID},
};

static pg_uuid_t
make_official(const CnStoredTemplate *row, const char *actor)
{
	static const pg_uuid_t nobody;
	bool		may_publish = cn_identity_may("templates.official");
	const char *status = may_publish ? "published" : "draft";
	pg_uuid_t	id;
	Datum		values[5] = {UUIDPGetDatum(&row->workspace), UUIDPGetDatum(&row->id),
	UUIDPGetDatum(&id), CStringGetTextDatum(status), BoolGetDatum(may_publish)};
	int			version = 0;
	bool		isnull;
	CnSpi		spi;

	require_permission("templates.draft");
	if (cn_stored_template_is_official(row) || !row->is_public ||
		strcmp(row->status, "published") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("template \"%s\" cannot be made official", row->name),
				 errdetail("It is %s.", cn_stored_template_is_official(row) ? "official already"
						   : row->is_public ? row->status : "not public"),
				 errhint("Name the published template of a workspace; by its id if there is an official one of that name.")));
	cn_uuid_v7(&id);
	cn_spi_begin(&spi);
	if (cn_spi_run(&copy_official, values, NULL, 0) > 0)
	{
		cn_spi_uuid(0, 1, &id);
		version = DatumGetInt32(cn_spi_value(0, 2, &isnull));
	}
	cn_spi_end(&spi);
	if (version == 0)
		raise_not_allowed("templates.official");
	cn_audit(&nobody, actor, "make_official", "template", row->name,
			 psprintf("version %d, %s", version, status));
	return id;
}

Datum
connector_template_moderate(PG_FUNCTION_ARGS)
{
	char	   *asked = cn_arg_required(fcinfo, 0, "template");
	char	   *action = cn_arg_required(fcinfo, 1, "action");
	char	   *reason = cn_arg_text(fcinfo, 2);
	bool		hide = strcmp(action, "hide") == 0;
	bool		official = strcmp(action, "make_official") == 0;
	const char *actor = cn_identity_name();
	pg_uuid_t  *result = palloc(sizeof(pg_uuid_t));
	CnStoredTemplate *row;

	if (!hide && !official && strcmp(action, "publish") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown action \"%s\"", action),
				 errhint("Actions are hide, publish and make_official.")));
	if (!cn_identity_is_admin())
		raise_not_allowed(official ? "templates.draft" : "templates.moderate");
	row = cn_stored_template_find(asked, NULL, false);
	*result = row->id;
	if (official)
	{
		*result = make_official(row, actor);
		PG_RETURN_UUID_P(result);
	}
	require_permission(cn_stored_template_is_official(row) ? "templates.official"
					   : "templates.moderate");
	if (hide)
		change_status(row, "hidden", reason, "{published,unpublished,hidden}");
	else
		change_status(row, "published", NULL, "{hidden,draft,published}");
	cn_audit(&row->workspace, actor, action, "template", row->name, reason);
	PG_RETURN_UUID_P(result);
}
