/*
 * audit.h -- the log of who did what to members, credentials and definitions.
 */
#ifndef CN_CORE_AUDIT_H
#define CN_CORE_AUDIT_H

#include "postgres.h"

#include "utils/uuid.h"

/*
 * Append an entry in the current transaction.  actor is the caller's identity,
 * taken before anything ran as the extension's owner; it and detail may be NULL.
 * No argument may hold a secret.
 */
extern void cn_audit(const pg_uuid_t *workspace, const char *actor, const char *action,
					 const char *object_type, const char *object_name, const char *detail);

#endif							/* CN_CORE_AUDIT_H */
