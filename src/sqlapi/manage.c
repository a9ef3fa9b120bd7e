/*
 * manage.c -- creating, changing, deleting and cloning connectors.
 *
 * These functions do what a caller could do with INSERT, UPDATE and DELETE on
 * connectors, and with no more rights.  What they add is an answer to mistakes:
 * which right is missing, what does not exist, every problem at once.
 *
 * Two things are done as the owner: the audit log says where a clone
 * came from, and a clone keeps created_from_template, which tenants may not write.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/qunique.h"
#include "utils/array.h"

#include "catalog/used_credentials.h"
#include "core/audit.h"
#include "core/jsonb.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "sqlapi/args.h"
#include "sqlapi/fields.h"
#include "sqlapi/manage.h"

CN_FUNCTION(connector_create);
CN_FUNCTION(connector_update);
CN_FUNCTION(connector_delete);
CN_FUNCTION(connector_clone);
CN_FUNCTION(connector_set_enabled);
CN_FUNCTION(connector_credentials);
CN_FUNCTION(connector_id);

/* ---- finding ---- */

#define FIND "SELECT id, version, name FROM @.connectors" \
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND "

static CnStatement find_by_id = {
	.sql = FIND "id OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

static CnStatement find_by_name = {
	.sql = FIND "name OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

static CnStatement lock_by_id = {
	.sql = FIND "id OPERATOR(pg_catalog.=) $2 FOR NO KEY UPDATE",
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

static CnStatement lock_by_name = {
	.sql = FIND "name OPERATOR(pg_catalog.=) $2 FOR NO KEY UPDATE",
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

/* The first row of a statement that gives id, version and name. */
static void
read_managed(CnManaged *row)
{
	bool		isnull;

	cn_spi_uuid(0, 1, &row->id);
	row->version = DatumGetInt32(cn_spi_value(0, 2, &isnull));
	strlcpy(row->name, cn_spi_text(0, 3, CurrentMemoryContext), sizeof(row->name));
}

static bool
run_find(CnStatement *statement, const CnWorkspace *workspace, Datum key, bool read_only,
		 CnManaged *found)
{
	Datum		values[2] = {UUIDPGetDatum(&workspace->id), key};

	if (cn_spi_run_as_caller(statement, values, NULL, read_only) == 0)
		return false;
	read_managed(found);
	return true;
}

bool
cn_manage_find_name(const CnWorkspace *workspace, const char *name, bool lock, CnManaged *found)
{
	return run_find(lock ? &lock_by_name : &find_by_name, workspace, CStringGetTextDatum(name),
					false, found);
}

/* By id or by name, the id first, as executing does. */
bool
cn_manage_find(const CnWorkspace *workspace, const char *asked, CnManageMode mode,
			   CnManaged *found)
{
	bool		lock = mode == CN_MANAGE_LOCK;
	bool		read_only = mode == CN_MANAGE_READ_ONLY;
	pg_uuid_t	id;

	if (cn_uuid_parse(asked, &id) &&
		run_find(lock ? &lock_by_id : &find_by_id, workspace, UUIDPGetDatum(&id), read_only, found))
		return true;
	return run_find(lock ? &lock_by_name : &find_by_name, workspace, CStringGetTextDatum(asked),
					read_only, found);
}

void
cn_manage_unknown(const CnWorkspace *workspace, const char *asked)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("connector \"%s\" does not exist in workspace \"%s\"", asked,
					workspace->slug)));
}

void
cn_manage_name_taken(const CnWorkspace *workspace, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("connector \"%s\" already exists in workspace \"%s\"", name, workspace->slug)));
}

/* ---- saving ---- */

static CnStatement insert = {
	.sql = "INSERT INTO @.connectors (workspace_id, name, description, icon, category, config,"
	" input_schema, field_mappings, timeout_ms, max_retries, continue_on_error,"
	" log_response_data, enabled)"
	" SELECT $1, $2, d.description, d.icon, d.category, d.config, d.input_schema, d.field_mappings,"
	" d.timeout_ms, d.max_retries, d.continue_on_error, d.log_response_data, d.enabled"
	" FROM pg_catalog.jsonb_to_record(" CN_FIELDS_DEFAULTS " OPERATOR(pg_catalog.||) $3)"
	" AS d " CN_FIELDS_RECORD
	" ON CONFLICT (workspace_id, name) DO NOTHING RETURNING id, version, name",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, JSONBOID},
};

bool
cn_manage_insert(const CnWorkspace *workspace, const char *name, Jsonb *fields, CnManaged *made)
{
	Datum		values[3] = {UUIDPGetDatum(&workspace->id), CStringGetTextDatum(name),
	JsonbPGetDatum(fields)};

	if (cn_spi_run_as_caller(&insert, values, NULL, false) == 0)
		return false;
	read_managed(made);
	return true;
}

/*
 * Only the columns that are meant are mentioned: the triggers go by that, as they
 * do for an UPDATE that a user writes.
 */
static char *
update_sql(Jsonb *fields, bool whole)
{
	StringInfoData sql;
	const char *separator = "";

	initStringInfo(&sql);
	appendStringInfoString(&sql, "UPDATE @.connectors AS c SET ");
	for (const char *const *name = cn_field_names; *name; name++)
	{
		if (!whole && !cn_fields_has(fields, *name))
			continue;
		appendStringInfo(&sql, "%s%s = d.%s", separator, *name, *name);
		separator = ", ";
	}
	appendStringInfoString(&sql,
						   " FROM pg_catalog.jsonb_to_record(" CN_FIELDS_DEFAULTS
						   " OPERATOR(pg_catalog.||) $3) AS d " CN_FIELDS_RECORD
						   " WHERE c.workspace_id OPERATOR(pg_catalog.=) $1"
						   " AND c.id OPERATOR(pg_catalog.=) $2 RETURNING c.version");
	return sql.data;
}

int
cn_manage_update(const CnWorkspace *workspace, const pg_uuid_t *id, Jsonb *fields, bool whole)
{
	static Oid	types[3] = {UUIDOID, UUIDOID, JSONBOID};
	Datum		values[3] = {UUIDPGetDatum(&workspace->id), UUIDPGetDatum(id),
	JsonbPGetDatum(fields)};
	MemoryContext context = CurrentMemoryContext;
	volatile uint64 rows = 0;
	bool		isnull;

	PG_TRY();
	{
		rows = cn_spi_run_once(update_sql(fields, whole), 3, types, values);
	}
	PG_CATCH();
	{
		/* The only key that an UPDATE can hit is the one of names. */
		if (geterrcode() == ERRCODE_UNIQUE_VIOLATION && cn_fields_has(fields, "name"))
		{
			MemoryContextSwitchTo(context);
			FlushErrorState();
			cn_manage_name_taken(workspace, cn_fields_text(fields, "name"));
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (rows == 0)
		elog(ERROR, "a connector that was locked is gone");
	return DatumGetInt32(cn_spi_value(0, 1, &isnull));
}

/* ---- connector_create ---- */

/* Its arguments, but for the last; each is a column. */
static const char *const create_arguments[] = {
	"name", "config", "description", "input_schema", "field_mappings", "icon", "category",
	"enabled", "timeout_ms", "max_retries", "continue_on_error", "log_response_data"
};

static void
add_argument(CnJsonbBuilder *fields, FunctionCallInfo fcinfo, int n)
{
	cn_build_key(fields, create_arguments[n]);
	if (PG_ARGISNULL(n))
	{
		cn_build_string(fields, NULL);
		return;
	}
	switch (get_fn_expr_argtype(fcinfo->flinfo, n))
	{
		case JSONBOID:
			cn_build_jsonb(fields, PG_GETARG_JSONB_P(n));
			break;
		case BOOLOID:
			cn_build_bool(fields, PG_GETARG_BOOL(n));
			break;
		case INT4OID:
			cn_build_int(fields, PG_GETARG_INT32(n));
			break;
		default:
			cn_build_string(fields, text_to_cstring(PG_GETARG_TEXT_PP(n)));
	}
}

Datum
connector_create(PG_FUNCTION_ARGS)
{
	char	   *name = cn_arg_text(fcinfo, 0);
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, lengthof(create_arguments)),
												 CN_RIGHT_WRITE);
	CnJsonbBuilder builder = {0};
	CnProblems	problems = {0};
	CnManaged	made;
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	Jsonb	   *fields;
	CnSpi		spi;

	cn_build_begin_object(&builder);
	for (int i = 0; i < lengthof(create_arguments); i++)
		add_argument(&builder, fcinfo, i);
	cn_build_end_object(&builder);
	fields = cn_build_done(&builder);
	cn_fields_check(fields, "$", CN_FIELDS_CREATE, &workspace.id, &problems);
	if (problems.count > 0)
		cn_fields_refuse(name ? psprintf("connector \"%s\" cannot be created", name)
						 : "the connector cannot be created", &problems);

	cn_spi_begin_as_caller(&spi);
	if (!cn_manage_insert(&workspace, name, fields, &made))
		cn_manage_name_taken(&workspace, name);
	cn_spi_end(&spi);
	*id = made.id;
	PG_RETURN_UUID_P(id);
}

/* ---- connector_update ---- */

/* Somebody else was faster: the change was made for what is no more. */
static void
check_version(const char *asked, const CnManaged *found, int expected)
{
	if (found->version != expected)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("connector \"%s\" is at version %d, not %d", asked, found->version,
						expected),
				 errhint("Read it again and repeat the change on its present state.")));
}

static Jsonb *
required_jsonb(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
	return PG_GETARG_JSONB_P(n);
}

Datum
connector_update(PG_FUNCTION_ARGS)
{
	char	   *asked = cn_arg_required(fcinfo, 0, "connector");
	Jsonb	   *changes = required_jsonb(fcinfo, 1, "changes");
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 3), CN_RIGHT_WRITE);
	CnProblems	problems = {0};
	CnManaged	found;
	CnSpi		spi;

	cn_fields_check(changes, "$", CN_FIELDS_CHANGE, &workspace.id, &problems);
	if (problems.count > 0)
		cn_fields_refuse(psprintf("connector \"%s\" cannot be changed", asked), &problems);

	cn_spi_begin_as_caller(&spi);
	if (!cn_manage_find(&workspace, asked, CN_MANAGE_LOCK, &found))
		cn_manage_unknown(&workspace, asked);
	if (!PG_ARGISNULL(2))
		check_version(asked, &found, PG_GETARG_INT32(2));
	if (JB_ROOT_COUNT(changes) > 0)
		found.version = cn_manage_update(&workspace, &found.id, changes, false);
	cn_spi_end(&spi);
	PG_RETURN_INT32(found.version);
}

/* ---- connector_delete ---- */

static CnStatement delete = {
	.sql = "DELETE FROM @.connectors"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

Datum
connector_delete(PG_FUNCTION_ARGS)
{
	char	   *asked = cn_arg_required(fcinfo, 0, "connector");
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 1), CN_RIGHT_WRITE);
	CnManaged	found;
	Datum		values[2];
	CnSpi		spi;

	cn_spi_begin_as_caller(&spi);
	if (!cn_manage_find(&workspace, asked, CN_MANAGE_LOCK, &found))
		cn_manage_unknown(&workspace, asked);
	values[0] = UUIDPGetDatum(&workspace.id);
	values[1] = UUIDPGetDatum(&found.id);
	(void) cn_spi_run_as_caller(&delete, values, NULL, false);
	cn_spi_end(&spi);
	PG_RETURN_BOOL(true);
}

/* ---- connector_clone ---- */

static CnStatement clone = {
	.sql = "INSERT INTO @.connectors (workspace_id, name, description, icon, category, config,"
	" input_schema, field_mappings, timeout_ms, max_retries, continue_on_error,"
	" log_response_data, enabled)"
	" SELECT $3, $4, description, icon, category, config, input_schema, field_mappings, timeout_ms,"
	" max_retries, continue_on_error, log_response_data, enabled FROM @.connectors"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2"
	" ON CONFLICT (workspace_id, name) DO NOTHING RETURNING id",
	.write = true,
	.nargs = 4,
	.argtypes = {UUIDOID, UUIDOID, UUIDOID, TEXTOID},
};

/* As the owner, for tenants may not write the columns; no trigger goes by them. */
static CnStatement keep_template = {
	.sql = "UPDATE @.connectors c SET created_from_template = s.created_from_template,"
	" created_from_template_version = s.created_from_template_version"
	" FROM @.connectors s"
	" WHERE c.workspace_id OPERATOR(pg_catalog.=) $3 AND c.id OPERATOR(pg_catalog.=) $4"
	" AND s.workspace_id OPERATOR(pg_catalog.=) $1 AND s.id OPERATOR(pg_catalog.=) $2"
	" AND s.created_from_template IS NOT NULL",
	.write = true,
	.nargs = 4,
	.argtypes = {UUIDOID, UUIDOID, UUIDOID, UUIDOID},
};

static void
make_clone(const CnWorkspace *from, const char *asked, const CnWorkspace *to, const char *name,
		   CnManaged *source, pg_uuid_t *made)
{
	Datum		values[4];
	CnSpi		spi;

	cn_spi_begin_as_caller(&spi);
	if (!cn_manage_find(from, asked, CN_MANAGE_READ, source))
		cn_manage_unknown(from, asked);
	values[0] = UUIDPGetDatum(&from->id);
	values[1] = UUIDPGetDatum(&source->id);
	values[2] = UUIDPGetDatum(&to->id);
	values[3] = CStringGetTextDatum(name);
	if (cn_spi_run_as_caller(&clone, values, NULL, false) == 0)
		cn_manage_name_taken(to, name);
	cn_spi_uuid(0, 1, made);
	values[3] = UUIDPGetDatum(made);
	cn_spi_end(&spi);

	cn_spi_begin(&spi);
	(void) cn_spi_run(&keep_template, values, NULL, 0);
	cn_spi_end(&spi);
}

Datum
connector_clone(PG_FUNCTION_ARGS)
{
	char	   *asked = cn_arg_required(fcinfo, 0, "connector");
	char	   *name = cn_arg_required(fcinfo, 1, "new_name");
	CnWorkspace from = cn_workspace_resolve(cn_arg_text(fcinfo, 3), CN_RIGHT_READ);
	CnWorkspace to = cn_workspace_resolve(cn_arg_text(fcinfo, PG_ARGISNULL(2) ? 3 : 2),
										  CN_RIGHT_WRITE);
	const char *by = cn_identity_name();
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	CnManaged	source;

	cn_fields_check_name(name);
	make_clone(&from, asked, &to, name, &source, id);

	/* Who reads the log of one workspace need not know of the other. */
	cn_audit(&to.id, by, "clone", "connector", name,
			 cn_uuid_equal(&from.id, &to.id) ? psprintf("of %s", source.name)
			 : "from another workspace");
	PG_RETURN_UUID_P(id);
}

/* ---- connector_set_enabled ---- */

static CnStatement set_enabled = {
	.sql = "UPDATE @.connectors SET enabled = $3"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) ANY ($2)"
	" AND enabled OPERATOR(pg_catalog.<>) $3",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, UUIDARRAYOID, BOOLOID},
};

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static int
sort_names(char **names, int count)
{
	qsort(names, count, sizeof(char *), compare_strings);
	return qunique(names, count, sizeof(char *), compare_strings);
}

/* The distinct elements of a text[], in one order for all: callers do not wait in a circle. */
static char **
sorted_names(ArrayType *array, int *count)
{
	Datum	   *elements;
	bool	   *nulls;
	char	  **names;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, count);
	names = palloc(sizeof(char *) * (*count + 1));
	for (int i = 0; i < *count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"names\" must not contain null")));
		names[i] = TextDatumGetCString(elements[i]);
	}
	*count = sort_names(names, *count);
	return names;
}

/* Lock all of them and return their ids; raises 42704 with those that do not exist. */
static ArrayType *
lock_all(const CnWorkspace *workspace, char **names, int count)
{
	Datum	   *ids = palloc(sizeof(Datum) * (count + 1));
	StringInfoData unknown;
	int			missing = 0;

	initStringInfo(&unknown);
	for (int i = 0; i < count; i++)
	{
		CnManaged  *found = palloc(sizeof(CnManaged));

		ids[i] = UUIDPGetDatum(&found->id);
		if (cn_manage_find(workspace, names[i], CN_MANAGE_LOCK, found))
			continue;
		appendStringInfo(&unknown, "%s\"%s\"", missing ? ", " : "", names[i]);
		missing++;
	}
	if (missing > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg_plural("connector %s does not exist in workspace \"%s\"",
							   "connectors %s do not exist in workspace \"%s\"",
							   missing, unknown.data, workspace->slug)));
	return construct_array(ids, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
}

Datum
connector_set_enabled(PG_FUNCTION_ARGS)
{
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 2), CN_RIGHT_WRITE);
	Datum		values[3];
	char	  **names;
	int			count;
	CnSpi		spi;

	for (int i = 0; i < 2; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not be null", i == 0 ? "names" : "enabled")));
	names = sorted_names(PG_GETARG_ARRAYTYPE_P(0), &count);

	cn_spi_begin_as_caller(&spi);
	values[0] = UUIDPGetDatum(&workspace.id);
	values[1] = PointerGetDatum(lock_all(&workspace, names, count));
	values[2] = PG_GETARG_DATUM(1);
	count = (int) cn_spi_run_as_caller(&set_enabled, values, NULL, false);
	cn_spi_end(&spi);
	PG_RETURN_INT32(count);
}

/* ---- for the functions written in SQL ---- */

Datum
connector_id(PG_FUNCTION_ARGS)
{
	char	   *asked = cn_arg_required(fcinfo, 0, "connector");
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 1), CN_RIGHT_READ);
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	CnManaged	found;
	CnSpi		spi;

	cn_spi_begin_as_caller(&spi);
	if (!cn_manage_find(&workspace, asked, CN_MANAGE_READ_ONLY, &found))
		cn_manage_unknown(&workspace, asked);
	cn_spi_end(&spi);
	*id = found.id;
	PG_RETURN_UUID_P(id);
}

/* ---- what an export says of credentials ---- */

Datum
connector_credentials(PG_FUNCTION_ARGS)
{
	CnUsedCredential *refs;
	int			found = cn_used_credentials(cn_json_from_jsonb(PG_GETARG_JSONB_P(0)), &refs);
	char	  **names = palloc(sizeof(char *) * (found + 1));
	CnJsonbBuilder list = {0};
	int			count = 0;

	for (int i = 0; i < found; i++)
		if (refs[i].service[0])
			names[count++] = psprintf("%s/%s", refs[i].service, refs[i].label);
	count = sort_names(names, count);
	cn_build_begin_array(&list);
	for (int i = 0; i < count; i++)
		cn_build_string(&list, names[i]);
	cn_build_end_array(&list);
	PG_RETURN_JSONB_P(cn_build_done(&list));
}
