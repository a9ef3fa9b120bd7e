/*
 * service_limits.h -- how often a workspace may call a service: api_rate_limits, and providers.
 */
#ifndef CN_CATALOG_SERVICE_LIMITS_H
#define CN_CATALOG_SERVICE_LIMITS_H

#include "postgres.h"

#include "utils/uuid.h"

#include "limit/limit.h"

/* All limits of one workspace, as they were at one moment. */
typedef struct CnServiceLimitSet CnServiceLimitSet;

/*
 * Those of a workspace, cached until one of them changes.  Needs a transaction; the result
 * stays as it is until context is reset, and needs none then.
 */
extern const CnServiceLimitSet *cn_service_limit_set(const pg_uuid_t *workspace,
													 MemoryContext context);

/* Those of a service, by its exact name; zeros if it has none, or set is NULL. */
extern CnServiceLimits cn_service_limit_of(const CnServiceLimitSet *set, const char *service);

/* Both in one, for a moment's use.  service may be NULL: none. */
extern CnServiceLimits cn_service_limits(const pg_uuid_t *workspace, const char *service);

#endif							/* CN_CATALOG_SERVICE_LIMITS_H */
