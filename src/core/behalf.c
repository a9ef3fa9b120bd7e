/*
 * behalf.c -- acting for whoever asked for work that a worker does.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"

#include "core/behalf.h"
#include "core/install.h"
#include "core/uuid.h"

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
	answer->role = cn_identity_role(identity, workspace);
	answer->generation = generation;
	answer->workspace = *workspace;
	strlcpy(answer->identity, identity, sizeof(answer->identity));
	answer->valid = strlen(identity) < sizeof(answer->identity);
	return answer->role;
}

/*
 * What is deferred would run at COMMIT with the rights of the worker, so the server refuses to
 * defer anything in a restricted operation.  SET CONSTRAINTS ALL IMMEDIATE, for the
 * transaction.
 */
static void
set_constraints_immediate(void)
{
	ConstraintsSetStmt *all = makeNode(ConstraintsSetStmt);

	AfterTriggerSetState(all);
	pfree(all);
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
	set_constraints_immediate();
	return true;
}

void
cn_behalf_end(const CnBehalf *behalf)
{
	AtEOXact_GUC(false, behalf->guc_level);
	SetUserIdAndSecContext(behalf->save_userid, behalf->save_sec_context);
}
