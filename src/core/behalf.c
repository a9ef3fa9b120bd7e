/*
 * behalf.c -- acting for whoever asked for work that a worker does.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "core/behalf.h"
#include "core/install.h"
#include "core/spi.h"
#include "core/uuid.h"

static CnStatement role_of_role = {
	.sql = "SELECT m.role FROM @.connector_members m"
	"  JOIN pg_roles a ON a.rolname::text = m.member "
	"WHERE m.workspace_id = $1 AND m.kind = 'role' AND pg_has_role($2::name, a.oid, 'USAGE')",
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

static CnStatement role_of_subject = {
	.sql = "SELECT m.role FROM @.connector_members m "
	"WHERE m.workspace_id = $1 AND m.kind = 'jwt' AND m.member = $2",
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

/* The answers given last, until memberships change. */
#define ANSWERS 256

typedef struct CnAnswer
{
	bool		valid;
	uint64		generation;
	pg_uuid_t	workspace;
	char		identity[128];
	CnRole		role;
} CnAnswer;

static CnAnswer answers[ANSWERS];

/* The greatest role the statement finds. */
static CnRole
greatest_role(CnStatement *statement, const pg_uuid_t *workspace, const char *member)
{
	Datum		args[] = {UUIDPGetDatum(workspace), CStringGetTextDatum(member)};
	CnRole		role = CN_ROLE_NONE;
	uint64		rows;
	CnSpi		spi;

	cn_spi_begin(&spi);
	rows = cn_spi_run(statement, args, NULL, 0);
	for (uint64 i = 0; i < rows; i++)
		role = Max(role, cn_role_parse(cn_spi_text(i, 1, CurrentMemoryContext)));
	cn_spi_end(&spi);
	return role;
}

static CnRole
look_up(const char *identity, const pg_uuid_t *workspace)
{
	if (strncmp(identity, "role:", 5) == 0)
	{
		Oid			role = get_role_oid(identity + 5, true);

		if (!OidIsValid(role))
			return CN_ROLE_NONE;
		if (superuser_arg(role))
			return CN_ROLE_OWNER;
		return greatest_role(&role_of_role, workspace, identity + 5);
	}
	if (strncmp(identity, "jwt:", 4) == 0)
		return greatest_role(&role_of_subject, workspace, identity + 4);
	return CN_ROLE_NONE;
}

CnRole
cn_behalf_role(const char *identity, const pg_uuid_t *workspace)
{
	CnAnswer   *answer;
	uint64		generation;
	uint32		hash;

	if (identity == NULL)
		return CN_ROLE_NONE;
	(void) cn_install();
	generation = cn_identity_generation();
	hash = hash_combine(hash_bytes(workspace->data, UUID_LEN),
						hash_bytes((const unsigned char *) identity, strlen(identity)));
	answer = &answers[hash % ANSWERS];
	if (answer->valid && answer->generation == generation &&
		cn_uuid_equal(&answer->workspace, workspace) && strcmp(answer->identity, identity) == 0)
		return answer->role;

	answer->valid = false;
	answer->role = look_up(identity, workspace);
	answer->generation = generation;
	answer->workspace = *workspace;
	strlcpy(answer->identity, identity, sizeof(answer->identity));
	answer->valid = strlen(identity) < sizeof(answer->identity);
	return answer->role;
}

bool
cn_behalf_begin(CnBehalf *behalf, const char *run_as, const char *claims)
{
	Oid			role = run_as ? get_role_oid(run_as, true) : InvalidOid;

	if (!OidIsValid(role))
		return false;
	GetUserIdAndSecContext(&behalf->save_userid, &behalf->save_sec_context);
	behalf->guc_level = NewGUCNestLevel();
	(void) set_config_option("request.jwt.claims", claims ? claims : "", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	SetUserIdAndSecContext(role, behalf->save_sec_context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	return true;
}

void
cn_behalf_end(const CnBehalf *behalf)
{
	AtEOXact_GUC(false, behalf->guc_level);
	SetUserIdAndSecContext(behalf->save_userid, behalf->save_sec_context);
}
