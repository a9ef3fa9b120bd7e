/*
 * provider.c -- providers: compiled, cached, looked up by name.
 *
 * A list of providers, found by workspace and the name or alias that was asked for; that there is
 * none is remembered, too.  When rows of providers change anywhere, the whole list is
 * doubted; an entry is trusted again once its row is seen to be the same.  Actions and streams are
 * compiled when they are first asked for: an imported provider may have hundreds.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/ilist.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/provider.h"
#include "catalog/provider_connect.h"
#include "catalog/provider_expand.h"
#include "core/install.h"
#include "core/jsonb.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "schema/settings.h"

/* Providers of some hundred kB each, in one process. */
#define MAX_ENTRIES 128

typedef struct CompiledAction
{
	dlist_node	node;
	CnProviderAction action;
} CompiledAction;

typedef struct CompiledStream
{
	dlist_node	node;
	CnProviderStream stream;
} CompiledStream;

struct CnProvider
{
	MemoryContext context;		/* all of it */
	int			pins;
	bool		dropped;		/* out of the cache; goes with its last pin */
	pg_uuid_t	owner;			/* the workspace of its row */
	TransactionId xmin;			/* of the row it was made of */
	const char *name;
	const CnJson *definition;
	dlist_head	actions;		/* compiled by now, the last one first */
	dlist_head	streams;
};

typedef struct Entry
{
	dlist_node	node;			/* most recently used first */
	pg_uuid_t	workspace;		/* for which it was asked */
	char	   *asked;
	uint64		generation;		/* of providers, when last compared with its row */
	CnProvider *provider;		/* NULL: there is none */
} Entry;

/* Holds a pin; lives in the context it was taken for. */
typedef struct Pin
{
	MemoryContextCallback callback;
	CnProvider *provider;
} Pin;

static MemoryContext cache_context = NULL;
static dlist_head entries = DLIST_STATIC_INIT(entries);
static int	entry_count = 0;

/* One that is disabled hides another of its name. */
static CnStatement find_row = {
	.sql = "SELECT workspace_id, name, xmin, availability OPERATOR(pg_catalog.=) 'disabled', definition"
	"  FROM @.connector_providers"
	" WHERE workspace_id OPERATOR(pg_catalog.=)"
	"       ANY (ARRAY[$1, '00000000-0000-0000-0000-000000000000'::pg_catalog.uuid])"
	"   AND (name OPERATOR(pg_catalog.=) $2 OR $2 OPERATOR(pg_catalog.=) ANY (aliases))"
	" ORDER BY (workspace_id OPERATOR(pg_catalog.=) $1) DESC,"
	"       (name OPERATOR(pg_catalog.=) $2) DESC LIMIT 1",
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

enum
{
	ROW_WORKSPACE = 1,
	ROW_NAME,
	ROW_XMIN,
	ROW_DISABLED,
	ROW_DEFINITION
};

/* ---- pins ---- */

static void
release(CnProvider *provider)
{
	if (provider->pins == 0 && provider->dropped)
		MemoryContextDelete(provider->context);
}

static void
unpin(void *arg)
{
	CnProvider *provider = ((Pin *) arg)->provider;

	provider->pins--;
	release(provider);
}

static const CnProvider *
pin(CnProvider *provider, MemoryContext context)
{
	Pin		   *taken = MemoryContextAlloc(context, sizeof(Pin));

	taken->provider = provider;
	taken->callback.func = unpin;
	taken->callback.arg = taken;
	MemoryContextRegisterResetCallback(context, &taken->callback);
	provider->pins++;
	return provider;
}

/* ---- entries ---- */

static void
set_provider(Entry *entry, CnProvider *provider)
{
	if (entry->provider)
	{
		entry->provider->dropped = true;
		release(entry->provider);
	}
	entry->provider = provider;
}

static void
drop_entry(Entry *entry)
{
	dlist_delete(&entry->node);
	entry_count--;
	set_provider(entry, NULL);
	pfree(entry->asked);
	pfree(entry);
}

static Entry *
find_entry(const pg_uuid_t *workspace, const char *asked)
{
	dlist_iter	iter;

	dlist_foreach(iter, &entries)
	{
		Entry	   *entry = dlist_container(Entry, node, iter.cur);

		if (cn_uuid_equal(&entry->workspace, workspace) && strcmp(entry->asked, asked) == 0)
		{
			dlist_move_head(&entries, &entry->node);
			return entry;
		}
	}
	return NULL;
}

static Entry *
add_entry(const pg_uuid_t *workspace, const char *asked)
{
	Entry	   *entry;

	if (entry_count == MAX_ENTRIES)
		drop_entry(dlist_container(Entry, node, dlist_tail_node(&entries)));
	entry = MemoryContextAllocZero(cache_context, sizeof(Entry));
	entry->asked = MemoryContextStrdup(cache_context, asked);
	entry->workspace = *workspace;
	dlist_push_head(&entries, &entry->node);
	entry_count++;
	return entry;
}

/* ---- the row ---- */

/* The row in SPI_tuptable as a provider, below the current context until it is complete. */
static CnProvider *
read_provider(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "connector provider",
												  ALLOCSET_DEFAULT_SIZES);
	CnProvider *provider = MemoryContextAllocZero(context, sizeof(CnProvider));
	bool		isnull;
	Jsonb	   *definition = DatumGetJsonbP(cn_spi_value(0, ROW_DEFINITION, &isnull));
	MemoryContext old;

	provider->context = context;
	cn_spi_uuid(0, ROW_WORKSPACE, &provider->owner);
	provider->name = cn_spi_text(0, ROW_NAME, context);
	provider->xmin = DatumGetTransactionId(cn_spi_value(0, ROW_XMIN, &isnull));
	dlist_init(&provider->actions);
	dlist_init(&provider->streams);
	old = MemoryContextSwitchTo(context);
	provider->definition = cn_json_from_jsonb(definition);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, cache_context);
	return provider;
}

/* Is it what the row in SPI_tuptable would give? */
static bool
still_right(const CnProvider *provider)
{
	bool		isnull;
	pg_uuid_t	owner;

	cn_spi_uuid(0, ROW_WORKSPACE, &owner);
	return cn_uuid_equal(&owner, &provider->owner) &&
		strcmp(TextDatumGetCString(cn_spi_value(0, ROW_NAME, &isnull)), provider->name) == 0 &&
		provider->xmin == DatumGetTransactionId(cn_spi_value(0, ROW_XMIN, &isnull));
}

static void
refresh(Entry *entry)
{
	uint64		generation = cn_install_generation(CN_TABLE_PROVIDERS);
	Datum		values[2] = {UUIDPGetDatum(&entry->workspace), CStringGetTextDatum(entry->asked)};
	bool		isnull;
	CnSpi		spi;

	cn_spi_begin(&spi);
	if (cn_spi_run(&find_row, values, NULL, 1) == 0 ||
		DatumGetBool(cn_spi_value(0, ROW_DISABLED, &isnull)))
		set_provider(entry, NULL);
	else if (entry->provider == NULL || !still_right(entry->provider))
		set_provider(entry, read_provider());
	cn_spi_end(&spi);
	entry->generation = generation;
}

/* ---- looking up ---- */

const CnProvider *
cn_provider_find(const pg_uuid_t *workspace, const char *name, MemoryContext context)
{
	Entry	   *entry;

	(void) cn_install();
	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(CacheMemoryContext, "connector providers",
											  ALLOCSET_DEFAULT_SIZES);
	entry = find_entry(workspace, name);
	if (entry == NULL)
	{
		entry = add_entry(workspace, name);
		entry->generation = cn_install_generation(CN_TABLE_PROVIDERS) - 1;
	}
	if (entry->generation != cn_install_generation(CN_TABLE_PROVIDERS))
		refresh(entry);
	return entry->provider ? pin(entry->provider, context) : NULL;
}

const char *
cn_provider_name(const CnProvider *provider)
{
	return provider->name;
}

const CnJson *
cn_provider_definition(const CnProvider *provider)
{
	return provider->definition;
}

uint64
cn_provider_generation(void)
{
	(void) cn_install();
	return cn_install_generation(CN_TABLE_PROVIDERS);
}

/* ---- actions and streams ---- */

/* What was saved could be saved: by an older version, or it came with a dump. */
static void pg_attribute_noreturn()
refuse(const CnProvider *provider, const char *what, const char *name, const char *problems)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s \"%s\" of provider \"%s\" cannot be used", what, name, provider->name),
			 errdetail_internal("%s", problems),
			 errhint("Register the provider anew; docs/providers.md describes what it may be.")));
}

CnDefinition *
cn_provider_compile(const CnProvider *provider, const CnJson *config, bool is_stream,
					CnProblems *problems)
{
	CnDefinition *definition = cn_definition_compile_provided(config, is_stream, NULL, problems);

	for (int i = 0; definition && i < definition->credential_count; i++)
	{
		definition->credentials[i].hint = cn_provider_connect_hint(provider->definition,
																	definition->credentials[i].label);
		definition->credentials[i].defaults = cn_provider_defaults(provider->definition);
	}
	return definition;
}

static const CnDefinition *
compile_config(const CnProvider *provider, const char *what, const char *name,
			   const CnJson *config, bool is_stream)
{
	CnProblems	problems = {NULL, 0};
	CnDefinition *definition = cn_provider_compile(provider, config, is_stream, &problems);

	if (definition == NULL)
		refuse(provider, what, name, cn_problems_text(&problems));
	return definition;
}

static void
schema_problem(void *arg, const char *path, const char *message)
{
	cn_problem(arg, psprintf("$.input_schema%s", path), "%s", message);
}

static const CnSchema *
compile_input_schema(const CnProvider *provider, const char *what, const char *name,
					 const CnJson *source)
{
	const CnJson *schema = cn_json_get(source, "input_schema");
	CnSchemaOptions options = cn_schema_options();
	CnProblems	problems = {NULL, 0};
	CnSchema   *compiled;

	if (schema == NULL)
		return NULL;
	compiled = cn_schema_compile(schema, &options, schema_problem, &problems);
	if (compiled == NULL)
		refuse(provider, what, name, cn_problems_text(&problems));
	return compiled;
}

static int
weight_of(const CnJson *source)
{
	const CnJson *weight = cn_json_get(source, "weight");

	return weight && weight->type == CN_JSON_NUMBER ? Max(1, atoi(weight->u.text)) : 1;
}

/* In the provider's context, which is the current one. */
static CompiledAction *
compile_action(const CnProvider *provider, const char *name, const CnJson *source)
{
	CompiledAction *entry = palloc0(sizeof(CompiledAction));
	CnProviderAction *action = &entry->action;

	action->provider = provider->name;
	action->name = pstrdup(name);
	action->source = source;
	action->config = cn_provider_expand_request(provider->definition, source, false, NULL);
	action->definition = compile_config(provider, "action", name, action->config, false);
	action->input_schema = compile_input_schema(provider, "action", name, source);
	action->weight = weight_of(source);
	return entry;
}

static CompiledStream *
compile_stream(const CnProvider *provider, const char *name, const CnJson *source)
{
	CompiledStream *entry = palloc0(sizeof(CompiledStream));
	CnProviderStream *stream = &entry->stream;

	stream->provider = provider->name;
	stream->name = pstrdup(name);
	stream->source = source;
	stream->config = cn_provider_expand_request(provider->definition, source, true, NULL);
	stream->definition = compile_config(provider, "stream", name, stream->config, true);
	stream->input_schema = compile_input_schema(provider, "stream", name, source);
	stream->pagination = cn_provider_expand_pagination(provider->definition, source);
	stream->weight = weight_of(source);
	return entry;
}

/* The source of a member, or NULL if there is none that could be one. */
static const CnJson *
member(const CnProvider *provider, const char *kind, const char *name)
{
	const CnJson *source = cn_json_get(cn_json_get(provider->definition, kind), name);

	return source && source->type == CN_JSON_OBJECT ? source : NULL;
}

const CnProviderAction *
cn_provider_action(const CnProvider *provider, const char *name)
{
	dlist_head *compiled = &unconstify(CnProvider *, provider)->actions;
	const CnJson *source = member(provider, "actions", name);
	CompiledAction *entry;
	MemoryContext old;
	dlist_iter	iter;

	dlist_foreach(iter, compiled)
	{
		entry = dlist_container(CompiledAction, node, iter.cur);
		if (strcmp(entry->action.name, name) == 0)
			return &entry->action;
	}
	if (source == NULL)
		return NULL;
	old = MemoryContextSwitchTo(provider->context);
	entry = compile_action(provider, name, source);
	MemoryContextSwitchTo(old);
	dlist_push_head(compiled, &entry->node);
	return &entry->action;
}

const CnProviderStream *
cn_provider_stream(const CnProvider *provider, const char *name)
{
	dlist_head *compiled = &unconstify(CnProvider *, provider)->streams;
	const CnJson *source = member(provider, "streams", name);
	CompiledStream *entry;
	MemoryContext old;
	dlist_iter	iter;

	dlist_foreach(iter, compiled)
	{
		entry = dlist_container(CompiledStream, node, iter.cur);
		if (strcmp(entry->stream.name, name) == 0)
			return &entry->stream;
	}
	if (source == NULL)
		return NULL;
	old = MemoryContextSwitchTo(provider->context);
	entry = compile_stream(provider, name, source);
	MemoryContextSwitchTo(old);
	dlist_push_head(compiled, &entry->node);
	return &entry->stream;
}
