/*
 * provider.h -- providers: compiled, cached, looked up by name.
 *
 * A provider is data (docs/providers.md).  Each of its actions and streams is expanded into an
 * ordinary definition of one step (provider_expand.h) and compiled with it, so the engine knows
 * no providers.  What is found here stays as it is until the context it was asked for is reset,
 * whoever changes the provider meanwhile.
 */
#ifndef CN_CATALOG_PROVIDER_H
#define CN_CATALOG_PROVIDER_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "catalog/definition.h"
#include "schema/schema.h"

typedef struct CnProvider CnProvider;

typedef struct CnProviderAction
{
	const char *provider;		/* canonical name */
	const char *name;
	const CnJson *source;		/* as in the file */
	const CnJson *config;		/* a definition of one step; its credential has the label "default" */
	const CnDefinition *definition; /* that, compiled */
	const CnSchema *input_schema;	/* NULL: none */
	int			weight;			/* of its requests against rate limits; 1 */
} CnProviderAction;

typedef struct CnProviderStream
{
	const char *provider;
	const char *name;
	const CnJson *source;
	const CnJson *config;		/* one page, without what its pagination adds to the request */
	const CnDefinition *definition;
	const CnSchema *input_schema;
	const CnJson *pagination;	/* the provider's default and the stream's own, merged; NULL: one page */
	int			weight;
} CnProviderStream;

/*
 * The provider of that name or alias: the workspace's own before the official one, a name
 * before an alias.  NULL if there is none; one that is disabled is none.  Raises if what is
 * stored cannot be compiled any more.  Needs a transaction.
 */
extern const CnProvider *cn_provider_find(const pg_uuid_t *workspace, const char *name,
										  MemoryContext context);

extern const char *cn_provider_name(const CnProvider *provider);
extern const CnJson *cn_provider_definition(const CnProvider *provider);

/* NULL if it has none of that name. */
extern const CnProviderAction *cn_provider_action(const CnProvider *provider, const char *name);
extern const CnProviderStream *cn_provider_stream(const CnProvider *provider, const char *name);

/*
 * What an action or stream of the provider was expanded into, compiled in the current context;
 * config has to outlive it.  Its credentials know how they are come by.  NULL: problems has why.
 */
extern CnDefinition *cn_provider_compile(const CnProvider *provider, const CnJson *config,
										 bool is_stream, CnProblems *problems);

/* Grows whenever a provider may have changed: what was compiled with one is to be compiled anew. */
extern uint64 cn_provider_generation(void);

#endif							/* CN_CATALOG_PROVIDER_H */
