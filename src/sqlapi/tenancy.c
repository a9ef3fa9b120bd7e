/*
 * tenancy.c -- workspaces and members.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/uuid.h"

#include "core/audit.h"
#include "core/identity.h"
#include "core/jsonb.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "queue/cleanup.h"
#include "queue/wake.h"
#include "sqlapi/args.h"

CN_FUNCTION(connector_check_server);
CN_FUNCTION(connector_my_workspaces);
CN_FUNCTION(connector_current_workspace);
CN_FUNCTION(connector_whoami);
CN_FUNCTION(connector_is_admin);
CN_FUNCTION(connector_changed);
CN_FUNCTION(connector_workspace_gone);
CN_FUNCTION(connector_create_workspace);
CN_FUNCTION(connector_add_member);
CN_FUNCTION(connector_remove_member);

Jsonb *
cn_arg_jsonb(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? cn_jsonb_empty_object() : PG_GETARG_JSONB_P(n);
}

Datum
connector_check_server(PG_FUNCTION_ARGS)
{
	if (GetDatabaseEncoding() != PG_UTF8)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("connector needs a database with encoding UTF8"),
				 errdetail("This one has %s.", GetDatabaseEncodingName()),
				 errhint("JSON of remote APIs is UTF-8; create the database with ENCODING 'UTF8'.")));
	PG_RETURN_VOID();
}

/* ---- identity ---- */

Datum
connector_my_workspaces(PG_FUNCTION_ARGS)
{
	static const struct
	{
		const char *word;
		CnRight		right;
	}			words[] = {
		{"read", CN_RIGHT_READ}, {"execute", CN_RIGHT_EXECUTE}, {"write", CN_RIGHT_WRITE},
		{"admin", CN_RIGHT_ADMIN}, {"own", CN_RIGHT_OWN},
	};
	text	   *word = PG_GETARG_TEXT_PP(0);
	int			len = VARSIZE_ANY_EXHDR(word);

	for (int i = 0; i < lengthof(words); i++)
	{
		if (strlen(words[i].word) == len && memcmp(words[i].word, VARDATA_ANY(word), len) == 0)
			PG_RETURN_ARRAYTYPE_P(cn_workspaces_with(words[i].right));
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown permission \"%s\"", text_to_cstring(word)),
			 errhint("Permissions are read, execute, write, admin and own.")));
}

Datum
connector_current_workspace(PG_FUNCTION_ARGS)
{
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 0), CN_RIGHT_READ);
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));

	*id = workspace.id;
	PG_RETURN_UUID_P(id);
}

Datum
connector_whoami(PG_FUNCTION_ARGS)
{
	const char *name = cn_identity_name();

	if (name == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

Datum
connector_is_admin(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(cn_identity_is_admin());
}

/* What is queued may wait for a row to be changed or to go: an enabled connector, a higher limit. */
Datum
connector_changed(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("_connector_changed is a trigger")));
	CacheInvalidateRelcache(data->tg_relation);
	if (!TRIGGER_FIRED_BY_INSERT(data->tg_event))
		cn_wake_changed_at_commit();
	return PointerGetDatum(NULL);
}

/* After DELETE of a row, or TRUNCATE. */
Datum
connector_workspace_gone(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	Datum		id;
	bool		isnull;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("_connector_workspace_gone is a trigger")));
	if (!TRIGGER_FIRED_FOR_ROW(data->tg_event))
		cn_queue_forget_workspace(NULL);
	else
	{
		id = SPI_getbinval(data->tg_trigtuple, RelationGetDescr(data->tg_relation),
						   SPI_fnumber(RelationGetDescr(data->tg_relation), "id"), &isnull);
		cn_queue_forget_workspace(DatumGetUUIDP(id));
	}
	return PointerGetDatum(NULL);
}

/* ---- members ---- */

static CnStatement insert_workspace = {
	.sql = "INSERT INTO @.connector_workspaces (id, slug, name, created_by)"
	" VALUES ($1, $2, $3, $4) ON CONFLICT (slug) DO NOTHING",
	.write = true,
	.nargs = 4,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID, TEXTOID},
};

static CnStatement upsert_member = {
	.sql = "INSERT INTO @.connector_members (workspace_id, kind, member, role, added_by)"
	" VALUES ($1, $2, $3, $4, $5)"
	" ON CONFLICT (workspace_id, kind, member) DO UPDATE SET role = excluded.role",
	.write = true,
	.nargs = 5,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID},
};

/*
 * Changes of a workspace's members go one after the other: what one decides on, who
 * is owner, must not be changed by another before it has written.
 */
static CnStatement lock_workspace = {
	.sql = "SELECT 1 FROM @.connector_workspaces WHERE id OPERATOR(pg_catalog.=) $1"
	" FOR NO KEY UPDATE",
	.write = true,
	.nargs = 1,
	.argtypes = {UUIDOID},
};

static CnStatement owners = {
	.sql = "SELECT kind, member FROM @.connector_members"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND role OPERATOR(pg_catalog.=) 'owner'",
	.nargs = 1,
	.argtypes = {UUIDOID},
};

static CnStatement member_role = {
	.sql = "SELECT role FROM @.connector_members WHERE workspace_id OPERATOR(pg_catalog.=) $1"
	" AND kind OPERATOR(pg_catalog.=) $2 AND member OPERATOR(pg_catalog.=) $3",
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID},
};

static CnStatement delete_member = {
	.sql = "DELETE FROM @.connector_members WHERE workspace_id OPERATOR(pg_catalog.=) $1"
	" AND kind OPERATOR(pg_catalog.=) $2 AND member OPERATOR(pg_catalog.=) $3",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID},
};

static CnStatement delete_user_credentials = {
	.sql = "DELETE FROM @.workspace_api_credentials WHERE workspace_id OPERATOR(pg_catalog.=) $1"
	" AND owner OPERATOR(pg_catalog.=) $2",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

static void
check_kind(const char *kind, const char *member)
{
	if (strcmp(kind, "role") != 0 && strcmp(kind, "jwt") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown kind of member \"%s\"", kind),
				 errhint("A member is of kind role or jwt.")));
	if (member[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a member's name must not be empty")));
}

/* A role that does not exist would come to life with the right of whoever makes it. */
static void
check_role_exists(const char *kind, const char *member)
{
	if (strcmp(kind, "role") == 0)
		(void) get_role_oid(member, false);
}

/* Wait until nobody else is changing the members of workspace. */
static void
lock_members(const pg_uuid_t *workspace)
{
	Datum		value = UUIDPGetDatum(workspace);

	(void) cn_spi_run(&lock_workspace, &value, NULL, 0);
}

static CnRole
role_of(const pg_uuid_t *workspace, const char *kind, const char *member)
{
	Datum		values[3] = {UUIDPGetDatum(workspace), CStringGetTextDatum(kind), CStringGetTextDatum(member)};

	if (cn_spi_run(&member_role, values, NULL, 1) == 0)
		return CN_ROLE_NONE;
	return cn_role_parse(cn_spi_text(0, 1, CurrentMemoryContext));
}

/* Raises if kind:member is the only owner. */
static void
keep_an_owner(const pg_uuid_t *workspace, const char *kind, const char *member)
{
	Datum		value = UUIDPGetDatum(workspace);
	uint64		count = cn_spi_run(&owners, &value, NULL, 0);

	for (uint64 i = 0; i < count; i++)
		if (strcmp(cn_spi_text(i, 1, CurrentMemoryContext), kind) != 0 ||
			strcmp(cn_spi_text(i, 2, CurrentMemoryContext), member) != 0)
			return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("a workspace needs an owner"),
			 errhint("Make somebody else owner first.")));
}

static void
put_member(const pg_uuid_t *workspace, const char *kind, const char *member, CnRole role,
		   const char *by)
{
	Datum		values[5] = {UUIDPGetDatum(workspace), CStringGetTextDatum(kind),
		CStringGetTextDatum(member), CStringGetTextDatum(cn_role_name(role)),
	by ? CStringGetTextDatum(by) : (Datum) 0};

	(void) cn_spi_run(&upsert_member, values, by ? NULL : "    n", 0);
}

static bool
slug_is_valid(const char *slug)
{
	int			len = strlen(slug);

	return len >= 1 && len <= 63 &&
		strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len &&
		strchr("_-", slug[0]) == NULL && strchr("_-", slug[len - 1]) == NULL;
}

/* Split "role:alice" into the owner of a new workspace. */
static void
default_owner(char **kind, char **member)
{
	const char *name = cn_identity_name();
	const char *colon;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("this session has no identity"),
				 errhint("Name the owner of the workspace.")));
	colon = strchr(name, ':');
	*kind = pnstrdup(name, colon - name);
	*member = pstrdup(colon + 1);
}

Datum
connector_create_workspace(PG_FUNCTION_ARGS)
{
	char	   *slug = cn_arg_required(fcinfo, 0, "slug");
	char	   *name = cn_arg_text(fcinfo, 1);
	char	   *owner = cn_arg_text(fcinfo, 2);
	char	   *kind = cn_arg_required(fcinfo, 3, "owner_kind");
	const char *by = cn_identity_name();
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	Datum		values[4];
	CnSpi		spi;

	if (!slug_is_valid(slug))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" cannot be the slug of a workspace", slug),
				 errhint("A slug has 1 to 63 lower-case letters, digits, \"-\" and \"_\", with a letter or digit at both ends.")));
	if (owner)
		check_kind(kind, owner);
	else
		default_owner(&kind, &owner);
	check_role_exists(kind, owner);

	cn_uuid_v7(id);
	values[0] = UUIDPGetDatum(id);
	values[1] = CStringGetTextDatum(slug);
	values[2] = CStringGetTextDatum(name && name[0] ? name : slug);
	values[3] = by ? CStringGetTextDatum(by) : (Datum) 0;
	cn_spi_begin(&spi);
	if (cn_spi_run(&insert_workspace, values, by ? NULL : "   n", 0) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("workspace \"%s\" already exists", slug)));
	put_member(id, kind, owner, CN_ROLE_OWNER, by);
	cn_spi_end(&spi);
	cn_audit(id, by, "create", "workspace", slug, psprintf("owner %s:%s", kind, owner));
	PG_RETURN_UUID_P(id);
}

Datum
connector_add_member(PG_FUNCTION_ARGS)
{
	char	   *member = cn_arg_required(fcinfo, 0, "member");
	char	   *role_text = cn_arg_required(fcinfo, 1, "role");
	char	   *kind = cn_arg_required(fcinfo, 2, "kind");
	CnRole		role = cn_role_parse(role_text);
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 3), CN_RIGHT_ADMIN);
	const char *by = cn_identity_name();
	CnRole		had;
	CnSpi		spi;

	check_kind(kind, member);
	if (role == CN_ROLE_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown role \"%s\"", role_text),
				 errhint("Roles are viewer, editor, admin and owner.")));
	check_role_exists(kind, member);

	cn_spi_begin(&spi);
	lock_members(&workspace.id);
	had = role_of(&workspace.id, kind, member);
	if ((role == CN_ROLE_OWNER || had == CN_ROLE_OWNER) && workspace.role < CN_ROLE_OWNER)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only an owner may appoint or change an owner of workspace \"%s\"",
						workspace.slug)));
	if (had == CN_ROLE_OWNER && role != CN_ROLE_OWNER)
		keep_an_owner(&workspace.id, kind, member);
	put_member(&workspace.id, kind, member, role, by);
	cn_spi_end(&spi);
	cn_audit(&workspace.id, by, had == CN_ROLE_NONE ? "add" : "change", "member",
			 psprintf("%s:%s", kind, member), psprintf("role %s", cn_role_name(role)));
	PG_RETURN_VOID();
}

Datum
connector_remove_member(PG_FUNCTION_ARGS)
{
	char	   *member = cn_arg_required(fcinfo, 0, "member");
	char	   *kind = cn_arg_required(fcinfo, 1, "kind");
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 2), CN_RIGHT_READ);
	char	   *identity = psprintf("%s:%s", kind, member);
	const char *self = cn_identity_name();
	Datum		values[3];
	CnRole		had;
	CnSpi		spi;

	check_kind(kind, member);
	if (workspace.role < CN_ROLE_ADMIN && (self == NULL || strcmp(self, identity) != 0))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied in workspace \"%s\"", workspace.slug),
				 errdetail("Your role is %s; removing others needs admin.",
						   cn_role_name(workspace.role))));

	cn_spi_begin(&spi);
	lock_members(&workspace.id);
	had = role_of(&workspace.id, kind, member);
	if (had == CN_ROLE_OWNER && workspace.role < CN_ROLE_OWNER)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only an owner may remove an owner of workspace \"%s\"", workspace.slug)));
	if (had == CN_ROLE_OWNER)
		keep_an_owner(&workspace.id, kind, member);
	values[0] = UUIDPGetDatum(&workspace.id);
	values[1] = CStringGetTextDatum(kind);
	values[2] = CStringGetTextDatum(member);
	if (had != CN_ROLE_NONE)
	{
		(void) cn_spi_run(&delete_member, values, NULL, 0);
		values[1] = CStringGetTextDatum(identity);
		(void) cn_spi_run(&delete_user_credentials, values, NULL, 0);
	}
	cn_spi_end(&spi);
	if (had != CN_ROLE_NONE)
		cn_audit(&workspace.id, self, "remove", "member", identity,
				 psprintf("role %s", cn_role_name(had)));
	PG_RETURN_BOOL(had != CN_ROLE_NONE);
}
