/*
 * identity.h -- who is asking, and in which workspace.
 *
 * The identity is the current role, or, when the session role is listed in
 * connector.jwt_roles, the subject of the JWT claims that the front end put
 * into request.jwt.claims.  It is resolved once, at the entry of a public
 * function, and the workspace id is handed down from there; nothing below
 * asks again.  docs/tenancy.md has the table of roles and rights.
 */
#ifndef CN_CORE_IDENTITY_H
#define CN_CORE_IDENTITY_H

#include "postgres.h"

#include "utils/array.h"
#include "utils/uuid.h"

/* Each role may do what those before it may. */
typedef enum CnRole
{
	CN_ROLE_NONE,
	CN_ROLE_VIEWER,
	CN_ROLE_EDITOR,
	CN_ROLE_ADMIN,
	CN_ROLE_OWNER
} CnRole;

/* What somebody wants to do, as the least role that may. */
typedef enum CnRight
{
	CN_RIGHT_READ = CN_ROLE_VIEWER,
	CN_RIGHT_EXECUTE = CN_ROLE_EDITOR,
	CN_RIGHT_WRITE = CN_ROLE_EDITOR,
	CN_RIGHT_ADMIN = CN_ROLE_ADMIN,
	CN_RIGHT_OWN = CN_ROLE_OWNER
} CnRight;

typedef struct CnWorkspace
{
	pg_uuid_t	id;
	CnRole		role;
	char		slug[64];
} CnWorkspace;

extern void cn_identity_init(void);

/*
 * "role:alice" or "jwt:auth0|123": what owns a user's credential and is
 * written into created_by.  NULL if the session has no identity (a JWT role
 * without a subject); palloc'ed.  To be asked before anything is run as the
 * extension's owner, who would be the answer then.
 */
extern char *cn_identity_name(void);

/*
 * request.jwt.claims where they are believed, else NULL; palloc'ed.  With the current role
 * they are all it takes to be the same identity later.
 */
extern char *cn_identity_claims(void);

/*
 * The workspace to act in: named by argument (slug or id), else by
 * connector.workspace, else the caller's only one.  Raises 42704 if it does not
 * exist or the caller is no member (which of the two is private), 42501 if the
 * caller's role is too small, 22023 if it is not clear which one is meant.
 */
extern CnWorkspace cn_workspace_resolve(const char *argument, CnRight right);

/* The workspace the caller would act in if it named none; false if that is not clear. */
extern bool cn_workspace_usual(pg_uuid_t *id);

/* The caller's role in a workspace whose id is known; superusers own all. */
extern CnRole cn_workspace_role(const pg_uuid_t *workspace);

/*
 * The role that somebody who is not here has in a workspace now: identity as cn_identity_name
 * gave it once.  None where that database role has gone.  Not cached.
 */
extern CnRole cn_identity_role(const char *identity, const pg_uuid_t *workspace);

/* uuid[] of the workspaces in which the caller has that right; palloc'ed. */
extern ArrayType *cn_workspaces_with(CnRight right);

/* A number that grows whenever who is a member of what may have changed. */
extern uint64 cn_identity_generation(void);

/* uuid[] of those the caller may read, or NULL: all, for a superuser. */
extern ArrayType *cn_workspaces_readable(void);

/* Is the caller listed in connector_admins (or a superuser)? */
extern bool cn_identity_is_admin(void);

/*
 * May the caller do what permission names ("templates.feature")?  Superusers may; else
 * permissions of the caller's row in connector_admins decides, and where that says
 * nothing, the row's role.  docs/templates.md has the table.
 */
extern bool cn_identity_may(const char *permission);

extern CnRole cn_role_parse(const char *name);	/* CN_ROLE_NONE if unknown */
extern const char *cn_role_name(CnRole role);

#endif							/* CN_CORE_IDENTITY_H */
