/*
 * providers.c -- registering and removing providers, their forms, and loading the catalog.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/rel.h"

#include "catalog/provider.h"
#include "catalog/provider_files.h"
#include "catalog/provider_form.h"
#include "catalog/provider_lookup.h"
#include "catalog/provider_store.h"
#include "core/audit.h"
#include "core/identity.h"
#include "core/jsonb.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "sqlapi/args.h"

CN_FUNCTION(connector_provider_register);
CN_FUNCTION(connector_provider_remove);
CN_FUNCTION(connector_provider_form);
CN_FUNCTION(connector_catalog_load);
CN_FUNCTION(connector_provider_before_insert);

#define PERMISSION "providers.official"

static const pg_uuid_t nobody;

/* ---- whose it is ---- */

static void
require_official(void)
{
	if (!cn_identity_may(PERMISSION))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for official providers"),
				 errdetail("This needs the permission %s.", PERMISSION),
				 errhint("The database administrator gives it in connector_admins.")));
}

/* The workspace of arguments n (workspace) and n + 1 (official), if the caller may change it. */
static pg_uuid_t
owner_argument(FunctionCallInfo fcinfo, int n)
{
	char	   *workspace = cn_arg_text(fcinfo, n);

	if (PG_ARGISNULL(n + 1) || !PG_GETARG_BOOL(n + 1))
		return cn_workspace_resolve(workspace, CN_RIGHT_ADMIN).id;
	if (workspace)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an official provider belongs to no workspace")));
	require_official();
	return nobody;
}

/* ---- registering and removing ---- */

static void pg_attribute_noreturn()
refuse(const CnJson *definition, const CnProblems *problems)
{
	const char *name = cn_json_get_string(definition, "name");

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg_plural("the definition of provider \"%s\" has %d problem",
						   "the definition of provider \"%s\" has %d problems",
						   problems->count, name ? name : "", problems->count),
			 errdetail_internal("%s", cn_problems_text(problems)),
			 errhint("docs/providers.md describes what a provider's definition may be.")));
}

static const char *
version_text(const CnJson *definition)
{
	const CnJson *version = cn_json_get(definition, "version");

	return psprintf("version %s", version ? version->u.text : "1");
}

Datum
connector_provider_register(PG_FUNCTION_ARGS)
{
	pg_uuid_t	owner = owner_argument(fcinfo, 1);
	char	   *actor = cn_identity_name();
	CnProblems	problems = {NULL, 0};
	CnProviderSaved saved;
	CnJson	   *definition;
	const char *name;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"definition\" must not be null")));
	if (toast_raw_datum_size(PG_GETARG_DATUM(0)) > CN_PROVIDER_MAX_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the definition of a provider is larger than %d bytes", CN_PROVIDER_MAX_LEN)));
	definition = cn_json_from_jsonb(PG_GETARG_JSONB_P(0));
	if (!cn_provider_judge(definition, cn_uuid_is_zero(&owner), &problems) ||
		!cn_provider_save(&owner, definition, false, actor, &saved, &problems))
		refuse(definition, &problems);
	name = cn_json_get_string(definition, "name");
	if (saved != CN_PROVIDER_UNCHANGED)
		cn_audit(&owner, actor, saved == CN_PROVIDER_ADDED ? "create" : "update", "provider", name,
				 version_text(definition));
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

/* $1 workspace, $2 name: the workspace's connectors with a step that uses the provider. */
static CnStatement users = {
	.sql = "SELECT pg_catalog.count(*) FROM @.connectors"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND enabled"
	"   AND pg_catalog.jsonb_path_exists(config, '$.**.use ? (@ starts with $prefix)',"
	"        pg_catalog.jsonb_build_object('prefix', pg_catalog.concat($2, '.')))",
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

/* Tell of those that cannot be executed any more; of other workspaces' nothing is said. */
static void
tell_users(const pg_uuid_t *workspace, const char *name)
{
	Datum		args[] = {UUIDPGetDatum(workspace), CStringGetTextDatum(name)};
	int64		count;
	bool		isnull;
	CnSpi		spi;

	if (cn_uuid_is_zero(workspace) || cn_provider_find(workspace, name, CurrentMemoryContext))
		return;
	cn_spi_begin(&spi);
	(void) cn_spi_run(&users, args, NULL, 0);
	count = DatumGetInt64(cn_spi_value(0, 1, &isnull));
	cn_spi_end(&spi);
	if (count > 0)
		ereport(NOTICE,
				(errmsg_plural("%lld connector uses provider \"%s\" and cannot be executed any more",
							   "%lld connectors use provider \"%s\" and cannot be executed any more",
							   (unsigned long) count, (long long) count, name)));
}

Datum
connector_provider_remove(PG_FUNCTION_ARGS)
{
	char	   *name = cn_arg_required(fcinfo, 0, "name");
	pg_uuid_t	owner = owner_argument(fcinfo, 1);
	char	   *actor = cn_identity_name();
	bool		found = cn_provider_delete(&owner, name);

	if (found)
	{
		cn_audit(&owner, actor, "delete", "provider", name, NULL);
		tell_users(&owner, name);
	}
	PG_RETURN_BOOL(found);
}

/* ---- form ---- */

Datum
connector_provider_form(PG_FUNCTION_ARGS)
{
	char	   *name = cn_arg_required(fcinfo, 0, "provider");
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 1), CN_RIGHT_READ);
	const CnProvider *provider = cn_provider_require(&workspace.id, name, CurrentMemoryContext);

	PG_RETURN_JSONB_P(cn_jsonb_from_json(cn_provider_form(cn_provider_definition(provider))));
}

/* ---- the catalog ---- */

/* One load: the files, and where the outcome goes. */
typedef struct Load
{
	ReturnSetInfo *result;
	char	   *actor;
	CnProviderFile *files;
	int			count;
} Load;

/* Problems as text[]; null if there are none. */
static Datum
problems_array(const CnProblems *problems, bool *isnull)
{
	Datum	   *items = palloc(sizeof(Datum) * (problems->count + 1));

	for (int i = 0; i < problems->count; i++)
		items[i] = CStringGetTextDatum(psprintf("%s: %s", problems->list[i].path,
												problems->list[i].message));
	*isnull = problems->count == 0;
	return PointerGetDatum(construct_array(items, problems->count, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

static void
put_row(Load *load, const char *name, const char *status, const CnProblems *problems)
{
	Datum		values[3] = {CStringGetTextDatum(name), CStringGetTextDatum(status)};
	bool		nulls[3] = {false};

	values[2] = problems_array(problems, &nulls[2]);
	tuplestore_putvalues(load->result->setResult, load->result->setDesc, values, nulls);
}

/* What CREATE EXTENSION loads is what it installs: nobody's deed, and nobody reads the rows. */
static void
report(Load *load, const char *name, const char *action, const char *status,
	   const CnJson *definition, const CnProblems *problems)
{
	put_row(load, name, status, problems);
	if (!creating_extension)
	{
		if (action)
			cn_audit(&nobody, load->actor, action, "provider", name,
					 definition ? version_text(definition) : NULL);
		return;
	}
	if (problems->count > 0)
		ereport(WARNING,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("provider \"%s\" of the catalog was left out", name),
				 errdetail_internal("%s", cn_problems_text(problems))));
}

/* Is the file of that provider; names of files are checked before anything is made of them. */
static void
check_name(CnProviderFile *file)
{
	const char *name = cn_json_get_string(file->definition, "name");

	if (name && strcmp(name, file->name) != 0)
		cn_problem(&file->problems, "$.name", "the file of provider \"%s\" is called %s.json", name,
				   name);
}

static void
load_one(Load *load, CnProviderFile *file)
{
	static const struct
	{
		const char *status;
		const char *action;
	}			outcomes[] = {
		[CN_PROVIDER_ADDED] = {"added", "create"},
		[CN_PROVIDER_UPDATED] = {"updated", "update"},
		[CN_PROVIDER_UNCHANGED] = {"unchanged", NULL},
		[CN_PROVIDER_KEPT] = {"kept", NULL},
	};
	CnProviderSaved saved;

	if (file->definition)
	{
		check_name(file);
		(void) cn_provider_judge(file->definition, true, &file->problems);
	}
	if (file->problems.count == 0 &&
		cn_provider_save(&nobody, file->definition, true, load->actor, &saved, &file->problems))
		report(load, file->name, outcomes[saved].action, outcomes[saved].status, file->definition,
			   &file->problems);
	else
		report(load, file->name, NULL, "refused", NULL, &file->problems);
}

static bool
has_file(const Load *load, const char *name)
{
	for (int i = 0; i < load->count; i++)
		if (strcmp(load->files[i].name, name) == 0)
			return true;
	return false;
}

/* First of all: their names may be others' now. */
static void
remove_vanished(Load *load)
{
	CnProblems	none = {NULL, 0};
	char	  **names;
	int			count = cn_provider_builtin_names(&names);

	for (int i = 0; i < count; i++)
		if (!has_file(load, names[i]) && cn_provider_delete(&nobody, names[i]))
			report(load, names[i], "delete", "removed", NULL, &none);
}

/* Each file in memory of its own: a catalog is large as a tree. */
static void
load_files(Load *load)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "connector provider check",
												  ALLOCSET_DEFAULT_SIZES);

	for (int i = 0; i < load->count; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(scratch);

		CHECK_FOR_INTERRUPTS();
		load_one(load, &load->files[i]);
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
}

/* Files that the caller could not read otherwise are not read on the caller's behalf. */
static char *
directory_argument(FunctionCallInfo fcinfo)
{
	char	   *directory = cn_arg_text(fcinfo, 0);

	if (directory == NULL)
		return cn_provider_directory();
	if (!superuser() && !has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to read a directory of the server"),
				 errhint("Without a directory the catalog that was installed with the extension is loaded; another one needs the rights of pg_read_server_files.")));
	return directory;
}

Datum
connector_catalog_load(PG_FUNCTION_ARGS)
{
	Load		load = {0};

	require_official();
	load.actor = cn_identity_name();
	load.count = cn_provider_files(directory_argument(fcinfo), &load.files);
	InitMaterializedSRF(fcinfo, 0);
	load.result = (ReturnSetInfo *) fcinfo->resultinfo;
	remove_vanished(&load);
	load_files(&load);
	return (Datum) 0;
}

/* ---- before a row is inserted ---- */

static Datum
column(const TriggerData *data, const char *name)
{
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	bool		isnull;
	Datum		value = heap_getattr(data->tg_trigtuple, SPI_fnumber(desc, name), desc, &isnull);

	return isnull ? (Datum) 0 : value;
}

/*
 * CREATE EXTENSION has loaded the catalog before the rows of a dump come; one that was changed
 * takes the place of what it was.  One that is registered takes it in the same way.
 */
Datum
connector_provider_before_insert(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Datum		workspace;
	Datum		name;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event))
		elog(ERROR, "connector_provider_before_insert is a row trigger");
	workspace = column(data, "workspace_id");
	name = column(data, "name");
	if (workspace && name && !DatumGetBool(column(data, "builtin")) &&
		cn_uuid_is_zero(DatumGetUUIDP(workspace)))
		cn_provider_yield(TextDatumGetCString(name));
	return PointerGetDatum(data->tg_trigtuple);
}
