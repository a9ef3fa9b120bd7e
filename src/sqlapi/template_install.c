/*
 * template_install.c -- a template becomes a connector, and the connector follows it.
 *
 * Installing is one transaction like any function: it stores the credentials it is
 * given (template_credentials.c), puts their labels into the definition, and inserts the
 * connector as its caller would.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/memutils.h"

#include "core/audit.h"
#include "core/jsonb.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "sqlapi/args.h"
#include "sqlapi/credentials.h"
#include "sqlapi/manage.h"
#include "sqlapi/template_install.h"

CN_FUNCTION(connector_template_install);
CN_FUNCTION(connector_template_upgrade);

/* ---- the connector ---- */

static void
put_text(CnJsonbBuilder *b, const char *key, const char *text)
{
	cn_build_key(b, key);
	cn_build_string(b, text);
}

static void
put_jsonb(CnJsonbBuilder *b, const char *key, Jsonb *value)
{
	cn_build_key(b, key);
	cn_build_jsonb(b, value);
}

/*
 * Field mappings say which tables are written with the rights of who executes the
 * connector.  That is not for other workspaces to say.
 */
static bool
takes_mappings(const CnInstallation *in)
{
	return cn_stored_template_is_official(in->template) ||
		cn_uuid_equal(&in->template->workspace, &in->workspace.id);
}

/* What an upgrade changes. */
static void
put_definition(CnJsonbBuilder *b, CnInstallation *in)
{
	put_jsonb(b, "config", cn_installation_config(in));
	put_jsonb(b, "input_schema", in->template->input_schema);
	if (takes_mappings(in))
		put_jsonb(b, "field_mappings", in->template->field_mappings);
	else if (in->template->field_mappings)
		ereport(WARNING,
				(errmsg("the field mappings of template \"%s\" were not taken over", in->template->name),
				 errhint("They say which tables the connector writes. Look at them in connector_templates before you use them.")));
}

/* All columns of a new connector. */
static Jsonb *
connector_fields(CnInstallation *in)
{
	const CnStoredTemplate *t = in->template;
	CnJsonbBuilder b = {0};

	cn_build_begin_object(&b);
	put_text(&b, "description", t->description);
	put_text(&b, "icon", t->icon);
	put_text(&b, "category", t->category);
	put_definition(&b, in);
	cn_build_key(&b, "timeout_ms");
	cn_build_int(&b, t->timeout_ms);
	cn_build_key(&b, "max_retries");
	cn_build_int(&b, t->max_retries);
	cn_build_key(&b, "continue_on_error");
	cn_build_bool(&b, t->continue_on_error);
	cn_build_key(&b, "log_response_data");
	cn_build_bool(&b, t->log_response_data);
	cn_build_end_object(&b);
	return cn_build_done(&b);
}

static void
create_connector(CnInstallation *in, const char *name, CnManaged *made)
{
	Jsonb	   *fields = connector_fields(in);
	CnSpi		spi;

	cn_fields_check_name(name);
	cn_spi_begin_as_caller(&spi);
	if (!cn_manage_insert(&in->workspace, name, fields, made))
		cn_manage_name_taken(&in->workspace, name);
	cn_spi_end(&spi);
}

/* No trigger fires for these columns: they are no change of the definition. */
static CnStatement note_template = {
	.sql = "UPDATE @.connectors SET created_from_template = $3, created_from_template_version = $4"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
	.write = true,
	.nargs = 4,
	.argtypes = {UUIDOID, UUIDOID, UUIDOID, INT4OID},
};

static CnStatement note_install = {
	.sql = "INSERT INTO @.connector_template_installs"
	" (workspace_id, connector_id, template_id, connector_version, credentials, installed_by)"
	" SELECT workspace_id, id, $3, version, $4, $5 FROM @.connectors"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2"
	" ON CONFLICT (workspace_id, connector_id) DO UPDATE SET template_id = excluded.template_id,"
	" connector_version = excluded.connector_version, credentials = excluded.credentials,"
	" installed_by = excluded.installed_by, installed_at = excluded.installed_at",
	.write = true,
	.nargs = 5,
	.argtypes = {UUIDOID, UUIDOID, UUIDOID, JSONBOID, TEXTOID},
};

/* Note where the connector comes from, and how it is. */
static void
note_origin(CnInstallation *in, const pg_uuid_t *connector)
{
	Datum		values[5] = {UUIDPGetDatum(&in->workspace.id), UUIDPGetDatum(connector),
	UUIDPGetDatum(&in->template->id), Int32GetDatum(in->template->version)};
	CnSpi		spi;

	cn_spi_begin(&spi);
	(void) cn_spi_run(&note_template, values, NULL, 0);
	values[3] = JsonbPGetDatum(cn_installation_credentials(in));
	values[4] = in->identity ? CStringGetTextDatum(in->identity) : (Datum) 0;
	(void) cn_spi_run(&note_install, values, in->identity ? NULL : "    n", 0);
	cn_spi_end(&spi);
}

/* ---- installing ---- */

/* Everything of one installation; in a context that goes with the secrets in it. */
static void
install(FunctionCallInfo fcinfo, CnManaged *made)
{
	char	   *asked = cn_arg_required(fcinfo, 0, "template");
	char	   *name = cn_arg_text(fcinfo, 1);
	CnJson	   *given = cn_json_from_jsonb(cn_arg_jsonb(fcinfo, 2));
	CnInstallation in = {0};

	in.workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 3), CN_RIGHT_WRITE);
	in.identity = cn_identity_name();
	cn_installation_begin(&in, cn_stored_template_find(asked, &in.workspace.id, false));
	cn_installation_choose(&in, given);
	create_connector(&in, name ? name : in.template->name, made);
	note_origin(&in, &made->id);
	cn_stored_template_count(in.template, 1, 0, 0);
	cn_audit(&in.workspace.id, in.identity, "install", "template", in.template->name,
			 psprintf("version %d as connector %s", in.template->version, made->name));
}

Datum
connector_template_install(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hide = {.callback = cn_hide_statement};
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "connector secret",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	CnManaged	made;

	hide.previous = error_context_stack;
	error_context_stack = &hide;
	install(fcinfo, &made);
	error_context_stack = hide.previous;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	*id = made.id;
	PG_RETURN_UUID_P(id);
}

/* ---- upgrading ---- */

/* Is a connector still as it was installed?  The caller has locked its row. */
static CnStatement read_installed = {
	.sql = "SELECT c.created_from_template, c.created_from_template_version, i.credentials,"
	" c.config, (v.config OPERATOR(pg_catalog.=) c.config"
	"   AND v.input_schema IS NOT DISTINCT FROM c.input_schema) IS TRUE,"
	" v.field_mappings IS NOT DISTINCT FROM c.field_mappings"
	" FROM @.connectors c LEFT JOIN @.connector_template_installs i"
	"   ON i.workspace_id OPERATOR(pg_catalog.=) c.workspace_id"
	"  AND i.connector_id OPERATOR(pg_catalog.=) c.id"
	" LEFT JOIN @.connector_versions v"
	"   ON v.workspace_id OPERATOR(pg_catalog.=) c.workspace_id"
	"  AND v.connector_id OPERATOR(pg_catalog.=) c.id"
	"  AND v.version OPERATOR(pg_catalog.=) i.connector_version"
	" WHERE c.workspace_id OPERATOR(pg_catalog.=) $1 AND c.id OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

typedef struct Installed
{
	CnManaged	connector;
	pg_uuid_t	template;		/* zeros: none */
	int			version;		/* of the template */
	CnJson	   *credentials;	/* as it was installed; null if it was not, but cloned */
	CnJson	   *config;
	bool		same_definition;	/* as installed */
	bool		same_mappings;
} Installed;

static CnJson *
read_json(int col, MemoryContext context)
{
	bool		isnull;
	Datum		value = cn_spi_value(0, col, &isnull);
	MemoryContext old = MemoryContextSwitchTo(context);
	CnJson	   *json = isnull ? cn_json_null() : cn_json_from_jsonb(DatumGetJsonbPCopy(value));

	MemoryContextSwitchTo(old);
	return json;
}

/* Lock the connector, so that nobody changes it until we have, and read what there is of it. */
static void
read_connector(const CnWorkspace *workspace, const char *asked, Installed *result)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		values[2];
	bool		isnull;
	CnSpi		spi;

	cn_spi_begin_as_caller(&spi);
	if (!cn_manage_find(workspace, asked, CN_MANAGE_LOCK, &result->connector))
		cn_manage_unknown(workspace, asked);
	cn_spi_end(&spi);

	values[0] = UUIDPGetDatum(&workspace->id);
	values[1] = UUIDPGetDatum(&result->connector.id);
	cn_spi_begin(&spi);
	(void) cn_spi_run(&read_installed, values, NULL, 1);
	cn_spi_uuid(0, 1, &result->template);
	result->version = DatumGetInt32(cn_spi_value(0, 2, &isnull));
	result->credentials = read_json(3, context);
	result->config = read_json(4, context);
	result->same_definition = DatumGetBool(cn_spi_value(0, 5, &isnull));
	result->same_mappings = DatumGetBool(cn_spi_value(0, 6, &isnull));
	cn_spi_end(&spi);
}

/* The template the connector was made from; raises if there is none any more, or never was. */
static CnStoredTemplate *
find_template(const CnWorkspace *workspace, const Installed *installed)
{
	char		id[CN_UUID_TEXT_LEN + 1];
	CnStoredTemplate *found;

	if (cn_uuid_is_zero(&installed->template))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("connector \"%s\" was not made from a template", installed->connector.name)));
	found = cn_stored_template_find(cn_uuid_text(&installed->template, id), &workspace->id, true);
	if (found == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the template that connector \"%s\" was made from does not exist any more",
						installed->connector.name)));
	return found;
}

static void
change_connector(CnInstallation *in, const pg_uuid_t *connector)
{
	CnJsonbBuilder b = {0};
	Jsonb	   *fields;
	CnSpi		spi;

	cn_build_begin_object(&b);
	put_definition(&b, in);
	cn_build_end_object(&b);
	fields = cn_build_done(&b);
	cn_spi_begin_as_caller(&spi);
	(void) cn_manage_update(&in->workspace, connector, fields, false);
	cn_spi_end(&spi);
}

Datum
connector_template_upgrade(PG_FUNCTION_ARGS)
{
	char	   *asked = cn_arg_required(fcinfo, 0, "connector");
	bool		force = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	CnInstallation in = {0};
	Installed	installed;
	bool		unchanged;

	in.workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 2), CN_RIGHT_WRITE);
	in.identity = cn_identity_name();
	read_connector(&in.workspace, asked, &installed);
	cn_installation_begin(&in, find_template(&in.workspace, &installed));
	if (in.template->version <= installed.version)
		PG_RETURN_INT32(installed.version);
	unchanged = installed.same_definition && (installed.same_mappings || !takes_mappings(&in));
	if (!unchanged && !force)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("connector \"%s\" was changed since it was installed", installed.connector.name),
				 errhint("With force => true the template's definition takes the place of the changed one; connector_versions keeps that.")));
	cn_installation_keep(&in, installed.credentials, installed.config);
	change_connector(&in, &installed.connector.id);
	note_origin(&in, &installed.connector.id);
	cn_audit(&in.workspace.id, in.identity, "upgrade", "template", in.template->name,
			 psprintf("connector %s from version %d to %d", installed.connector.name,
					  installed.version, in.template->version));
	PG_RETURN_INT32(in.template->version);
}
