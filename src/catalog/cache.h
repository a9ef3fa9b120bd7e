/*
 * cache.h -- saved connectors, compiled once per process.
 */
#ifndef CN_CATALOG_CACHE_H
#define CN_CATALOG_CACHE_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "catalog/definition.h"
#include "catalog/field_mapping.h"
#include "schema/schema.h"

/* The columns of a connector that are checked and compiled together. */
typedef struct CnParts
{
	Jsonb	   *config;
	Jsonb	   *input_schema;	/* NULL: none */
	Jsonb	   *field_mappings; /* NULL: none */
	const pg_uuid_t *workspace; /* whose providers it may use beside the official ones; NULL: none */
	bool		any_size;		/* a template: the settings' limits apply where it is installed */
} CnParts;

typedef struct CnCompiledParts
{
	CnDefinition *definition;
	int			definition_problems;	/* those that come first; the others are of the other columns */
	bool		uses_providers; /* it names actions, known or not */
	CnSchema   *input_schema;	/* NULL: none */
	CnFieldMappings *mappings;	/* likewise */
} CnCompiledParts;

/*
 * A compiled connector.  It stays as it is while it is pinned, even when the
 * row it was made from changes or goes.
 */
typedef struct CnConnector
{
	MemoryContext context;		/* everything below */
	int			pins;
	bool		dropped;		/* out of the cache; goes with its last pin */
	pg_uuid_t	workspace;
	pg_uuid_t	id;
	char	   *name;
	int			version;
	TransactionId xmin;			/* of the row it was compiled from */
	bool		enabled;
	bool		log_response_data;
	int			timeout_ms;
	int			max_retries;
	bool		continue_on_error;
	const char *problems;		/* why compiled is empty; NULL: it is not */
	uint64		providers;		/* cn_provider_generation it was compiled in, if it uses any */
	CnCompiledParts compiled;
} CnConnector;

/*
 * The connector of that name (or id) in a workspace, pinned until context is
 * reset; NULL if there is none.  Raises config_invalid's SQLSTATE only if a row
 * holds what could not have been saved.
 */
extern CnConnector *cn_cache_get(const pg_uuid_t *workspace, const char *name,
								 MemoryContext context);

/* The same by id; never raises for what the row holds: problems says what is wrong. */
extern CnConnector *cn_cache_look(const pg_uuid_t *workspace, const pg_uuid_t *id,
								  MemoryContext context);

/*
 * Check and compile what is to be saved, in the current context; false and *problems if it has
 * any.
 */
extern bool cn_cache_compile(const CnParts *parts, CnCompiledParts *compiled,
							 CnProblems *problems);

/* The server's parser of SQL/JSON paths as a CnPathCheck. */
extern const char *cn_check_jsonpath(const char *path);

/* Raises 22023 with every problem in DETAIL. */
extern void cn_cache_refuse(const char *name, const CnProblems *problems) pg_attribute_noreturn();

#endif							/* CN_CATALOG_CACHE_H */
