/*
 * provider_store.h -- the table of providers: judged, saved, removed.
 *
 * The nil uuid stands for the workspace of the official ones.  Rights are the caller's business.
 */
#ifndef CN_CATALOG_PROVIDER_STORE_H
#define CN_CATALOG_PROVIDER_STORE_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "catalog/provider_check.h"

/* Bytes of a definition as jsonb; the largest of vendors' descriptions make less. */
#define CN_PROVIDER_MAX_LEN (8 * 1024 * 1024)

typedef enum CnProviderSaved
{
	CN_PROVIDER_ADDED,
	CN_PROVIDER_UPDATED,
	CN_PROVIDER_UNCHANGED,
	CN_PROVIDER_KEPT			/* a built-in one does not replace what was changed here */
} CnProviderSaved;

/* What is wrong with definition, by the server's paths and kinds; true if nothing is. */
extern bool cn_provider_judge(const CnJson *definition, bool official, CnProblems *problems);

/*
 * Save a definition that has no problems of its own; false and *problems if its names are others'.
 * builtin: it comes from a file of the catalog.
 */
extern bool cn_provider_save(const pg_uuid_t *workspace, const CnJson *definition, bool builtin,
							 const char *actor, CnProviderSaved *saved, CnProblems *problems);

/* False if there is none. */
extern bool cn_provider_delete(const pg_uuid_t *workspace, const char *name);

/* Remove a built-in provider, for one of its name that was changed here. */
extern void cn_provider_yield(const char *name);

/* Names of the built-in providers, in order; returns how many, in the current context. */
extern int	cn_provider_builtin_names(char ***names);

#endif							/* CN_CATALOG_PROVIDER_STORE_H */
