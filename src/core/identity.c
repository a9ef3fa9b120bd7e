/*
 * identity.c -- who is asking, and in which workspace.
 *
 * The caller's memberships are read once and kept until the identity differs
 * from the one they were read for, or until connector_members,
 * connector_workspaces or the server's own role memberships change.  The
 * policies of every table ask for them, so this is as hot as it gets.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "core/identity.h"
#include "core/install.h"
#include "core/json.h"
#include "core/spi.h"
#include "core/uuid.h"

/* What the cached memberships were read for, and they themselves. */
typedef struct CnMemberships
{
	MemoryContext context;		/* child of CacheMemoryContext; holds all below */
	bool		valid;
	Oid			user;
	Oid			session_user;
	bool		believes_claims;	/* the session role is a JWT role */
	char	   *claims;			/* request.jwt.claims they were read for, or NULL */
	char	   *name;			/* identity, or NULL */
	uint64		members_generation;
	uint64		workspaces_generation;
	uint64		roles_generation;
	int			count;
	CnWorkspace *workspaces;
} CnMemberships;

static char *jwt_roles;
static char *workspace_setting;
static CnMemberships cache;
static uint64 roles_generation = 1;

static CnStatement members_by_role = {
	.sql = "WITH RECURSIVE roles(oid) AS ("
	"  SELECT $1"
	"  UNION"
	"  SELECT m.roleid FROM pg_catalog.pg_auth_members m"
	"    JOIN roles r ON m.member OPERATOR(pg_catalog.=) r.oid) "
	"SELECT w.id, w.slug, m.role FROM roles r"
	"  JOIN pg_catalog.pg_roles a ON a.oid OPERATOR(pg_catalog.=) r.oid"
	"  JOIN @.connector_members m ON m.kind OPERATOR(pg_catalog.=) 'role'"
	"   AND m.member OPERATOR(pg_catalog.=) a.rolname::pg_catalog.text"
	"  JOIN @.connector_workspaces w ON w.id OPERATOR(pg_catalog.=) m.workspace_id "
	"WHERE r.oid OPERATOR(pg_catalog.=) $1"
	"   OR pg_catalog.pg_has_role($1, r.oid, 'USAGE')",
	.nargs = 1,
	.argtypes = {OIDOID},
};

static CnStatement members_by_subject = {
	.sql = "SELECT w.id, w.slug, m.role FROM @.connector_members m"
	"  JOIN @.connector_workspaces w ON w.id OPERATOR(pg_catalog.=) m.workspace_id "
	"WHERE m.kind OPERATOR(pg_catalog.=) 'jwt' AND m.member OPERATOR(pg_catalog.=) $1",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

/* For superusers, who own every workspace: by slug, by id, or any two. */
static CnStatement workspace_any = {
	.sql = "SELECT id, slug FROM @.connector_workspaces "
	"WHERE slug OPERATOR(pg_catalog.=) COALESCE($1, slug)"
	"   OR id::pg_catalog.text OPERATOR(pg_catalog.=) $1 LIMIT 2",
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static CnStatement admin_rows = {
	.sql = "SELECT role, permissions OPERATOR(pg_catalog.->>) $2 FROM @.connector_admins WHERE "
	"kind OPERATOR(pg_catalog.||) ':' OPERATOR(pg_catalog.||) member OPERATOR(pg_catalog.=) $1",
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
};

/* Which administrators may do what, unless their permissions say something else. */
static const struct
{
	const char *permission;
	bool		developer;		/* administrators and owners may all of it */
}			admin_permissions[] = {
	{"templates.draft", true},
	{"templates.feature", false},
	{"templates.moderate", false},
	{"templates.official", false},
	{"providers.official", false},
};

static const char *const role_names[] = {"none", "viewer", "editor", "admin", "owner"};

CnRole
cn_role_parse(const char *name)
{
	for (int role = CN_ROLE_VIEWER; role <= CN_ROLE_OWNER; role++)
		if (strcmp(name, role_names[role]) == 0)
			return role;
	return CN_ROLE_NONE;
}

const char *
cn_role_name(CnRole role)
{
	return role_names[role];
}

static void
on_role_message(Datum arg, int cacheid, uint32 hashvalue)
{
	roles_generation++;
}

uint64
cn_identity_generation(void)
{
	return roles_generation + cn_install_generation(CN_TABLE_MEMBERS) +
		cn_install_generation(CN_TABLE_WORKSPACES);
}

static bool
check_role_list(char **newval, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*newval);
	List	   *names;
	bool		ok = SplitIdentifierString(copy, ',', &names);

	if (!ok)
		GUC_check_errdetail("List syntax is invalid.");
	list_free(names);
	return ok;
}

static void
assign_role_list(const char *newval, void *extra)
{
	cache.valid = false;
}

void
cn_identity_init(void)
{
	DefineCustomStringVariable("connector.jwt_roles",
							   "Session roles whose request.jwt.claims are believed.",
							   "A comma-separated list, for example PostgREST's authenticator role.",
							   &jwt_roles, "", PGC_SUSET, GUC_LIST_INPUT,
							   check_role_list, assign_role_list, NULL);
	DefineCustomStringVariable("connector.workspace",
							   "Workspace to act in when a call names none: a slug or an id.",
							   "It chooses among the caller's workspaces and grants nothing.",
							   &workspace_setting, "", PGC_USERSET, 0, NULL, NULL, NULL);

	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, on_role_message, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, on_role_message, (Datum) 0);
}

/* Is the session role one whose claims are believed? */
static bool
session_believes_claims(void)
{
	char	   *copy;
	char	   *session;
	List	   *names;
	ListCell   *lc;
	bool		found = false;

	if (jwt_roles[0] == '\0')
		return false;
	copy = pstrdup(jwt_roles);
	session = GetUserNameFromId(GetSessionUserId(), false);
	if (!SplitIdentifierString(copy, ',', &names))
		return false;
	foreach(lc, names)
	{
		if (strcmp(lfirst(lc), session) == 0)
			found = true;
	}
	return found;
}

/* "jwt:<sub>" of the claims, or NULL if they name no subject. */
static char *
subject_of_claims(const char *claims)
{
	CnJsonError error;
	CnJson	   *tree;
	const char *subject;

	if (claims == NULL || claims[0] == '\0')
		return NULL;
	tree = cn_json_parse(claims, strlen(claims), NULL, &error);
	subject = tree ? cn_json_get_string(tree, "sub") : NULL;
	return subject && subject[0] ? psprintf("jwt:%s", subject) : NULL;
}

static bool
cache_is_current(const char *claims)
{
	return cache.valid &&
		cache.user == GetUserId() &&
		cache.session_user == GetSessionUserId() &&
		cache.roles_generation == roles_generation &&
		cache.members_generation == cn_install_generation(CN_TABLE_MEMBERS) &&
		cache.workspaces_generation == cn_install_generation(CN_TABLE_WORKSPACES) &&
		(!cache.believes_claims ||
		 (claims ? cache.claims && strcmp(claims, cache.claims) == 0 : !cache.claims));
}

/* Fold the rows of SPI_tuptable into the cache; the highest role counts. */
static void
keep_memberships(uint64 rows)
{
	cache.workspaces = MemoryContextAlloc(cache.context, sizeof(CnWorkspace) * (rows + 1));
	cache.count = 0;
	for (uint64 i = 0; i < rows; i++)
	{
		CnWorkspace entry;
		char	   *slug = cn_spi_text(i, 2, CurrentMemoryContext);
		int			at = 0;

		cn_spi_uuid(i, 1, &entry.id);
		entry.role = cn_role_parse(cn_spi_text(i, 3, CurrentMemoryContext));
		strlcpy(entry.slug, slug, sizeof(entry.slug));

		while (at < cache.count && !cn_uuid_equal(&cache.workspaces[at].id, &entry.id))
			at++;
		if (at == cache.count)
			cache.workspaces[cache.count++] = entry;
		else if (cache.workspaces[at].role < entry.role)
			cache.workspaces[at].role = entry.role;
	}
}

static void
read_memberships(Oid user)
{
	Datum		arg;
	CnSpi		spi;
	uint64		rows;

	cn_spi_begin(&spi);
	if (cache.believes_claims)
	{
		arg = CStringGetTextDatum(cache.name + strlen("jwt:"));
		rows = cn_spi_run(&members_by_subject, &arg, NULL, 0);
	}
	else
	{
		arg = ObjectIdGetDatum(user);
		rows = cn_spi_run(&members_by_role, &arg, NULL, 0);
	}
	keep_memberships(rows);
	cn_spi_end(&spi);
}

/* Make the cache describe the caller. */
static void
refresh(void)
{
	const char *claims = GetConfigOption("request.jwt.claims", true, false);
	Oid			user = GetUserId();
	MemoryContext old;

	(void) cn_install();
	if (cache_is_current(claims))
		return;

	if (cache.context == NULL)
		cache.context = AllocSetContextCreate(CacheMemoryContext, "connector memberships",
											  ALLOCSET_SMALL_SIZES);
	cache.valid = false;
	MemoryContextReset(cache.context);
	cache.count = 0;
	cache.workspaces = NULL;

	/* Messages that arrive while we read leave the cache stale, as they should. */
	cache.members_generation = cn_install_generation(CN_TABLE_MEMBERS);
	cache.workspaces_generation = cn_install_generation(CN_TABLE_WORKSPACES);
	cache.roles_generation = roles_generation;
	cache.user = user;
	cache.session_user = GetSessionUserId();
	cache.believes_claims = session_believes_claims();

	old = MemoryContextSwitchTo(cache.context);
	cache.claims = claims ? pstrdup(claims) : NULL;
	cache.name = cache.believes_claims ? subject_of_claims(claims)
		: psprintf("role:%s", GetUserNameFromId(user, false));
	MemoryContextSwitchTo(old);

	if (cache.name)
		read_memberships(user);
	cache.valid = true;
}

char *
cn_identity_name(void)
{
	refresh();
	return cache.name ? pstrdup(cache.name) : NULL;
}

char *
cn_identity_claims(void)
{
	refresh();
	return cache.believes_claims && cache.claims ? pstrdup(cache.claims) : NULL;
}

/* A superuser may do everything anyway; claims that are believed make it a tenant. */
static bool
is_unbounded(void)
{
	return !cache.believes_claims && superuser_arg(cache.user);
}

/* A workspace that only a superuser may name without being a member. */
static bool
find_any_workspace(const char *name, CnWorkspace *result, bool *several)
{
	pg_uuid_t	id;
	char		id_text[CN_UUID_TEXT_LEN + 1];
	Datum		arg;
	CnSpi		spi;
	uint64		rows;

	/* however the id was spelled */
	if (name && cn_uuid_parse(name, &id))
		name = cn_uuid_text(&id, id_text);
	arg = name ? CStringGetTextDatum(name) : (Datum) 0;
	cn_spi_begin(&spi);
	rows = cn_spi_run(&workspace_any, &arg, name ? NULL : "n", 2);
	if (rows > 0)
	{
		cn_spi_uuid(0, 1, &result->id);
		strlcpy(result->slug, cn_spi_text(0, 2, CurrentMemoryContext), sizeof(result->slug));
		result->role = CN_ROLE_OWNER;
	}
	*several = rows > 1;
	cn_spi_end(&spi);
	return rows > 0;
}

static bool
find_own_workspace(const char *name, CnWorkspace *result)
{
	pg_uuid_t	id;
	bool		by_id = cn_uuid_parse(name, &id);

	for (int i = 0; i < cache.count; i++)
	{
		CnWorkspace *entry = &cache.workspaces[i];

		if (strcmp(entry->slug, name) == 0 || (by_id && cn_uuid_equal(&entry->id, &id)))
		{
			*result = *entry;
			return true;
		}
	}
	return false;
}

/* The workspace of that name, or the only one if name is NULL. */
static CnWorkspace
choose_workspace(const char *name)
{
	CnWorkspace result;
	bool		several = cache.count > 1;

	if (name ? find_own_workspace(name, &result) : cache.count == 1)
	{
		if (!name)
			result = cache.workspaces[0];
		if (is_unbounded())
			result.role = CN_ROLE_OWNER;
		return result;
	}
	if (is_unbounded() && (name || cache.count == 0) &&
		find_any_workspace(name, &result, &several) && !several)
		return result;

	if (name)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("workspace \"%s\" does not exist", name),
				 errhint("You see only the workspaces you are a member of; select from connector_workspaces.")));
	if (several)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("it is not clear which workspace is meant"),
				 errdetail("You are a member of several workspaces."),
				 errhint("Name one in the call, or set connector.workspace.")));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s is not a member of any workspace",
					cache.name ? cache.name : "this session"),
			 errhint("Ask an administrator of the workspace for connector_add_member(...).")));
}

CnWorkspace
cn_workspace_resolve(const char *argument, CnRight right)
{
	CnWorkspace result;

	refresh();
	if (argument == NULL && workspace_setting[0] != '\0')
		argument = workspace_setting;
	result = choose_workspace(argument);
	if ((int) result.role < (int) right)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied in workspace \"%s\"", result.slug),
				 errdetail("Your role is %s; this needs %s.", cn_role_name(result.role),
						   cn_role_name((CnRole) right))));
	return result;
}

bool
cn_workspace_usual(pg_uuid_t *id)
{
	const char *name;
	bool		several = false;
	bool		found;
	CnWorkspace result;

	refresh();
	name = workspace_setting[0] != '\0' ? workspace_setting : NULL;
	found = name ? find_own_workspace(name, &result) : cache.count == 1;
	if (found && !name)
		result = cache.workspaces[0];
	if (!found && is_unbounded() && (name || cache.count == 0))
		found = find_any_workspace(name, &result, &several) && !several;
	if (found)
		*id = result.id;
	return found;
}

CnRole
cn_workspace_role(const pg_uuid_t *workspace)
{
	refresh();
	if (is_unbounded())
		return CN_ROLE_OWNER;
	for (int i = 0; i < cache.count; i++)
		if (cn_uuid_equal(&cache.workspaces[i].id, workspace))
			return cache.workspaces[i].role;
	return CN_ROLE_NONE;
}

/* The statement that reads the memberships of an identity, and its argument; NULL: it has none. */
static CnStatement *
memberships_of(const char *identity, Datum *arg)
{
	Oid			role;

	if (strncmp(identity, "jwt:", 4) == 0)
	{
		*arg = CStringGetTextDatum(identity + 4);
		return &members_by_subject;
	}
	if (strncmp(identity, "role:", 5) != 0)
		return NULL;
	role = get_role_oid(identity + 5, true);
	*arg = ObjectIdGetDatum(role);
	return OidIsValid(role) ? &members_by_role : NULL;
}

CnRole
cn_identity_role(const char *identity, const pg_uuid_t *workspace)
{
	Datum		arg;
	CnStatement *statement = memberships_of(identity, &arg);
	CnRole		result = CN_ROLE_NONE;
	CnSpi		spi;
	uint64		rows;

	if (statement == NULL)
		return CN_ROLE_NONE;
	if (statement == &members_by_role && superuser_arg(DatumGetObjectId(arg)))
		return CN_ROLE_OWNER;
	cn_spi_begin(&spi);
	rows = cn_spi_run(statement, &arg, NULL, 0);
	for (uint64 i = 0; i < rows; i++)
	{
		pg_uuid_t	id;

		cn_spi_uuid(i, 1, &id);
		if (cn_uuid_equal(&id, workspace))
			result = Max(result, cn_role_parse(cn_spi_text(i, 3, CurrentMemoryContext)));
	}
	cn_spi_end(&spi);
	return result;
}

ArrayType *
cn_workspaces_with(CnRight right)
{
	Datum	   *ids;
	int			count = 0;

	refresh();
	ids = palloc(sizeof(Datum) * (cache.count + 1));
	for (int i = 0; i < cache.count; i++)
		if ((int) cache.workspaces[i].role >= (int) right)
			ids[count++] = UUIDPGetDatum(&cache.workspaces[i].id);
	return construct_array(ids, count, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
}

ArrayType *
cn_workspaces_readable(void)
{
	refresh();
	return is_unbounded() ? NULL : cn_workspaces_with(CN_RIGHT_READ);
}

/* The caller's row in connector_admins: its role, and what its permissions say of one. */
static bool
read_admin(const char *permission, char **role, char **says)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		args[2];
	CnSpi		spi;
	bool		found;

	if (cache.name == NULL)
		return false;
	args[0] = CStringGetTextDatum(cache.name);
	args[1] = CStringGetTextDatum(permission);
	cn_spi_begin(&spi);
	found = cn_spi_run(&admin_rows, args, NULL, 1) > 0;
	if (found)
	{
		*role = cn_spi_text(0, 1, context);
		*says = cn_spi_text(0, 2, context);
	}
	cn_spi_end(&spi);
	return found;
}

bool
cn_identity_is_admin(void)
{
	char	   *role;
	char	   *says;

	refresh();
	return is_unbounded() || read_admin("", &role, &says);
}

bool
cn_identity_may(const char *permission)
{
	char	   *role;
	char	   *says;

	refresh();
	if (is_unbounded())
		return true;
	if (!read_admin(permission, &role, &says))
		return false;
	if (says)
		return strcmp(says, "true") == 0;
	for (int i = 0; i < lengthof(admin_permissions); i++)
		if (strcmp(admin_permissions[i].permission, permission) == 0)
			return admin_permissions[i].developer || strcmp(role, "developer") != 0;
	return false;
}
