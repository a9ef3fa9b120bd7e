/*
 * provider_lookup.h -- actions of providers by the names that users write.
 */
#ifndef CN_CATALOG_PROVIDER_LOOKUP_H
#define CN_CATALOG_PROVIDER_LOOKUP_H

#include "postgres.h"

#include "utils/uuid.h"

#include "catalog/definition.h"
#include "catalog/provider.h"

/* Who compiles definitions of a workspace gives lookup to the compiler. */
typedef struct CnProviderLookup
{
	CnActionLookup lookup;
	const pg_uuid_t *workspace; /* NULL: only the official providers are known */
	MemoryContext context;		/* what is found stays until this is reset */
	bool		asked;			/* something was looked up, found or not */
} CnProviderLookup;

extern void cn_provider_lookup_init(CnProviderLookup *lookup, const pg_uuid_t *workspace,
									MemoryContext context);

/*
 * Split "github/work", a name and the label of a credential; *label NULL: the usual one.  Raises 22023
 * if one of them is empty.  In the current context.
 */
extern char *cn_provider_split(const char *text, const char **label);

/* Why cn_provider_find has found none of that name. */
typedef struct CnProviderAbsence
{
	bool		disabled;
	const char *message;
	const char *hint;
} CnProviderAbsence;

extern CnProviderAbsence cn_provider_absence(const pg_uuid_t *workspace, const char *name);

/* cn_provider_find, but raises 42704, or 55000 for one that is disabled, in place of NULL. */
extern const CnProvider *cn_provider_require(const pg_uuid_t *workspace, const char *name,
											 MemoryContext context);

/* The same for its actions: 42704. */
extern const CnProviderAction *cn_provider_require_action(const CnProvider *provider,
														  const char *name);

#endif							/* CN_CATALOG_PROVIDER_LOOKUP_H */
