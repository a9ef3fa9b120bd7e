/*
 * field_mapping.h -- the output of an execution put into tables of the tenant.
 */
#ifndef CN_SYNC_FIELD_MAPPING_H
#define CN_SYNC_FIELD_MAPPING_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "catalog/field_mapping.h"
#include "core/errors.h"

/*
 * Apply mappings, in their order, one statement each, as the current role with
 * its own rights, in the current transaction.  All are applied or none.
 *
 * scope: what templates read, but for the output
 * raise_for: the connector as whose failure a failure is raised; the transaction
 *     is over then.  NULL: the statements run in a subtransaction, and a failure
 *     undoes it and is returned: false and *failure, in the current context.
 * rows: gets the number of rows written
 *
 * A superuser applies only what a superuser has saved (mappings->saved_by).
 *
 * What says nothing about the mapping is raised in both cases, as the server's own
 * error: cancel and shutdown, deadlock and serialization failure, lack of memory or
 * disk, internal errors.
 */
extern bool cn_field_mapping_apply(const CnFieldMappings *mappings, const CnScope *scope,
								   Jsonb *output, const char *raise_for, CnFailure *failure,
								   int64 *rows);

#endif							/* CN_SYNC_FIELD_MAPPING_H */
