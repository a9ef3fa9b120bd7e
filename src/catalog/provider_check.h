/*
 * provider_check.h -- what is wrong with the definition of a provider.  Pure.
 *
 * First its form, by docs/provider.schema.json; then what a schema cannot say.  Every problem is
 * reported, with its JSON path in the provider's own file, not just the first.
 */
#ifndef CN_CATALOG_PROVIDER_CHECK_H
#define CN_CATALOG_PROVIDER_CHECK_H

#include "catalog/definition.h"
#include "schema/schema.h"

/* NULL, or what is wrong with the parameters of an entry of "auth"; the server lends its kinds. */
typedef const char *(*CnProviderAuthCheck) (const char *kind, const CnJson *parameters);

typedef struct CnProviderRules
{
	const CnSchema *schema;		/* cn_provider_schema() */
	const CnSchemaOptions *options; /* may be NULL */
	CnPathCheck check_path;		/* may be NULL */
	CnProviderAuthCheck check_auth; /* may be NULL */
	bool		official;		/* plain http leads to the machine itself only */
} CnProviderRules;

/* The text of docs/provider.schema.json, as it was when this was built. */
extern const char cn_provider_schema_text[];

/* That, compiled in the current context. */
extern CnSchema *cn_provider_schema(void);

/* Add the problems of provider to those there are; true if it has none. */
extern bool cn_provider_check(const CnJson *provider, const CnProviderRules *rules,
							  CnProblems *problems);

#endif							/* CN_CATALOG_PROVIDER_CHECK_H */
