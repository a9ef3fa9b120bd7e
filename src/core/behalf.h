/*
 * behalf.h -- acting for whoever asked for work that a worker does.
 *
 * Queued work carries who asked for it.  A worker, which may do everything, asks here
 * whether that one still may, and takes on that one's rights for a statement that
 * touches a table of the tenant.
 */
#ifndef CN_CORE_BEHALF_H
#define CN_CORE_BEHALF_H

#include "postgres.h"

#include "core/identity.h"

/*
 * What identity ("role:alice", "jwt:sub") may do in a workspace now; CN_ROLE_NONE also if the
 * database role is gone.  In a transaction.
 */
extern CnRole cn_behalf_role(const char *identity, const pg_uuid_t *workspace);

typedef struct CnBehalf
{
	Oid			save_userid;
	int			save_sec_context;
	int			guc_level;
} CnBehalf;

/*
 * Take on the rights of role run_as, with claims (NULL: none) as request.jwt.claims, in a
 * security-restricted operation: what the tenant's triggers and functions do, they do with
 * these rights and cannot get others.  False, with nothing done, if the role is gone.
 * An error that aborts the transaction undoes it.
 */
extern bool cn_behalf_begin(CnBehalf *behalf, const char *run_as, const char *claims);
extern void cn_behalf_end(const CnBehalf *behalf);

#endif							/* CN_CORE_BEHALF_H */
