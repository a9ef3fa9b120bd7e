/*
 * provider_lookup.c -- actions of providers by the names that users write.
 *
 * A name that is none is usually a slip, so whoever refuses it says what it is like.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "catalog/provider_connect.h"
#include "catalog/provider_expand.h"
#include "catalog/provider_lookup.h"
#include "core/spi.h"
#include "schema/settings.h"

/* Names that are suggested; more help nobody. */
#define MAX_SUGGESTIONS 3

/* Edits between a name and one that may be meant by it. */
#define MAX_DISTANCE 3

/* A name that is part of another is like it, if it has so many bytes. */
#define MIN_PART 3

/* The server's levenshtein takes no longer ones. */
#define MAX_NAME 255

/* Providers that a workspace may use. */
#define VISIBLE \
	" FROM @.connector_providers WHERE (workspace_id OPERATOR(pg_catalog.=) $1" \
	" OR workspace_id OPERATOR(pg_catalog.=) '00000000-0000-0000-0000-000000000000')"

static CnStatement name_statement = {
	.sql = "SELECT DISTINCT name" VISIBLE " AND availability OPERATOR(pg_catalog.<>) 'disabled'"
	" ORDER BY name",
	.nargs = 1,
	.argtypes = {UUIDOID},
};

/* The workspace's own counts before the official one. */
static CnStatement disabled_statement = {
	.sql = "SELECT availability OPERATOR(pg_catalog.=) 'disabled'" VISIBLE
	" AND (name OPERATOR(pg_catalog.=) $2 OR $2 OPERATOR(pg_catalog.=) ANY (aliases))"
	" ORDER BY workspace_id OPERATOR(pg_catalog.=) $1 DESC, name OPERATOR(pg_catalog.=) $2 DESC",
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

static const pg_uuid_t nobody = {{0}};

/* ---- suggestions ---- */

typedef struct Suggestions
{
	const char *asked;
	StringInfoData text;
	int			count;
} Suggestions;

static void
begin_suggestions(Suggestions *s, const char *asked)
{
	s->asked = asked;
	s->count = 0;
	initStringInfo(&s->text);
}

static bool
is_like(const char *asked, const char *name)
{
	int			asked_len = strlen(asked);
	int			len = strlen(name);
	int			most = Min(MAX_DISTANCE, asked_len / 3);

	if (asked_len == 0 || asked_len > MAX_NAME || len > MAX_NAME)
		return false;
	if (Min(asked_len, len) >= MIN_PART && (strstr(name, asked) || strstr(asked, name)))
		return true;
	return varstr_levenshtein_less_equal(asked, asked_len, name, len, 1, 1, 1, most, true) <= most;
}

static void
suggest(Suggestions *s, const char *name)
{
	if (s->count >= MAX_SUGGESTIONS || !is_like(s->asked, name))
		return;
	appendStringInfo(&s->text, "%s\"%s\"", s->count++ ? ", " : "", name);
}

static const char *
end_suggestions(const Suggestions *s)
{
	return s->count ? psprintf("did you mean %s?", s->text.data) : NULL;
}

/*
 * What the user may have meant by a name that is none: "did you mean \"github\"?", or NULL if
 * nothing is like it.
 */
static const char *
near_provider(const pg_uuid_t *workspace, const char *name)
{
	Datum		value = UUIDPGetDatum(workspace ? workspace : &nobody);
	MemoryContext context = CurrentMemoryContext;
	Suggestions s;
	CnSpi		spi;
	uint64		count;

	begin_suggestions(&s, name);
	cn_spi_begin(&spi);
	count = cn_spi_run(&name_statement, &value, NULL, 0);
	for (uint64 i = 0; i < count; i++)
		suggest(&s, cn_spi_text(i, 1, context));
	cn_spi_end(&spi);
	return end_suggestions(&s);
}

static const char *
near_action(const CnProvider *provider, const char *name)
{
	const CnJson *actions = cn_json_get(cn_provider_definition(provider), "actions");
	Suggestions s;

	begin_suggestions(&s, name);
	for (int i = 0; actions && actions->type == CN_JSON_OBJECT && i < actions->len; i++)
		suggest(&s, actions->u.members[i].key);
	return end_suggestions(&s);
}

/* Is there a provider of that name, and was it switched off? */
static bool
is_disabled(const pg_uuid_t *workspace, const char *name)
{
	Datum		values[] = {
		UUIDPGetDatum(workspace ? workspace : &nobody), CStringGetTextDatum(name)
	};
	bool		disabled = false;
	bool		isnull;
	CnSpi		spi;

	cn_spi_begin(&spi);
	if (cn_spi_run(&disabled_statement, values, NULL, 1) > 0)
		disabled = DatumGetBool(cn_spi_value(0, 1, &isnull));
	cn_spi_end(&spi);
	return disabled;
}

/* ---- for functions ---- */

/* near, as a sentence of its own; NULL: none, and otherwise says what there is. */
static const char *
hint_of(const char *near, const char *otherwise)
{
	char	   *hint;

	if (near == NULL)
		return otherwise;
	hint = pstrdup(near);
	hint[0] = pg_toupper((unsigned char) hint[0]);
	return hint;
}

char *
cn_provider_split(const char *text, const char **label)
{
	const char *slash = strchr(text, '/');

	*label = slash ? pstrdup(slash + 1) : NULL;
	if (slash && (slash == text || slash[1] == '\0'))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is no provider", text),
				 errhint("A provider is given as \"name\", or \"name/label\" with the label of a credential.")));
	return slash ? pnstrdup(text, slash - text) : pstrdup(text);
}

CnProviderAbsence
cn_provider_absence(const pg_uuid_t *workspace, const char *name)
{
	CnProviderAbsence why = {.disabled = is_disabled(workspace, name)};

	why.message = psprintf("provider \"%s\" %s", name,
						   why.disabled ? "is disabled" : "does not exist");
	why.hint = why.disabled ? "Whoever registered the provider can enable it again."
		: hint_of(near_provider(workspace, name),
				  "The view connector_catalog lists those there are.");
	return why;
}

const CnProvider *
cn_provider_require(const pg_uuid_t *workspace, const char *name, MemoryContext context)
{
	const CnProvider *provider = cn_provider_find(workspace, name, context);
	CnProviderAbsence why;

	if (provider)
		return provider;
	why = cn_provider_absence(workspace, name);
	ereport(ERROR,
			(errcode(why.disabled ? ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE
					 : ERRCODE_UNDEFINED_OBJECT),
			 errmsg_internal("%s", why.message),
			 errhint("%s", why.hint)));
}

const CnProviderAction *
cn_provider_require_action(const CnProvider *provider, const char *name)
{
	const CnProviderAction *action = cn_provider_action(provider, name);
	const CnJson *streams = cn_json_get(cn_provider_definition(provider), "streams");

	if (action)
		return action;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("provider \"%s\" has no action \"%s\"", cn_provider_name(provider), name),
			 cn_json_get(streams, name)
			 ? errhint("It is a stream; connector_fetch() reads those.")
			 : errhint("%s", hint_of(near_action(provider, name),
									 "The column actions of connector_catalog lists those there are."))));
}

/* ---- for the compiler ---- */

static const char *
no_provider(const pg_uuid_t *workspace, const char *name)
{
	const char *near;

	if (is_disabled(workspace, name))
		return psprintf("provider \"%s\" is disabled", name);
	near = near_provider(workspace, name);
	return psprintf("there is no provider \"%s\"%s%s", name, near ? ": " : "", near ? near : "");
}

static const char *
no_action(const CnProvider *provider, const char *name)
{
	const char *near = near_action(provider, name);

	return psprintf("provider \"%s\" has no action \"%s\"%s%s", cn_provider_name(provider), name,
					near ? ": " : "", near ? near : "");
}

static void
note_schema_problem(void *arg, const char *path, const char *message)
{
	const char **problem = arg;

	if (*problem == NULL)
		*problem = psprintf("its input schema cannot be used: %s: %s", path, message);
}

/* The action as its provider has it now; NULL and *problem if nothing can be made of that. */
static const CnUsedAction *
take_action(const CnProvider *provider, const char *name, const char **problem)
{
	const CnJson *definition = cn_provider_definition(provider);
	const CnJson *source = cn_json_get(cn_json_get(definition, "actions"), name);
	const CnJson *schema = cn_json_get(source, "input_schema");
	CnSchemaOptions options = cn_schema_options();
	CnUsedAction *used = palloc0(sizeof(CnUsedAction));

	used->name = psprintf("%s.%s", cn_provider_name(provider), name);
	used->config = cn_provider_expand_action(definition, name, NULL);
	used->provider = definition;
	used->defaults = cn_provider_defaults(definition);
	if (used->config == NULL)
		*problem = no_action(provider, name);
	else if (schema)
		used->input_schema = cn_schema_compile(schema, &options, note_schema_problem,
											   (void *) problem);
	return *problem ? NULL : used;
}

/*
 * CnActionLookup.find; name holds a '.'.  The action is compiled into the step that uses it, so
 * what cn_provider_action has is not asked for: that raises for what is stored and wrong, and
 * here it is a problem like others.
 */
static const CnUsedAction *
find_action(void *arg, const char *name, const char **problem)
{
	CnProviderLookup *lookup = arg;
	const char *dot = strchr(name, '.');
	char	   *provider_name = pnstrdup(name, dot - name);
	const CnProvider *provider;

	lookup->asked = true;
	provider = cn_provider_find(lookup->workspace ? lookup->workspace : &nobody, provider_name,
								lookup->context);
	if (provider == NULL)
	{
		*problem = no_provider(lookup->workspace, provider_name);
		return NULL;
	}
	return take_action(provider, dot + 1, problem);
}

void
cn_provider_lookup_init(CnProviderLookup *lookup, const pg_uuid_t *workspace,
						MemoryContext context)
{
	lookup->lookup.find = find_action;
	lookup->lookup.arg = lookup;
	lookup->workspace = workspace;
	lookup->context = context;
	lookup->asked = false;
}
