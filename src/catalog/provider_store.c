/*
 * provider_store.c -- the table of providers: judged, saved, removed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "auth/auth.h"
#include "catalog/cache.h"
#include "catalog/provider_store.h"
#include "core/jsonb.h"
#include "core/spi.h"
#include "schema/settings.h"

/* $1 workspace, $2 name, $3 aliases */
static CnStatement find_namesake = {
	.sql = "SELECT name, $2 OPERATOR(pg_catalog.=) ANY (aliases) FROM @.connector_providers"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.<>) $2"
	"   AND (name OPERATOR(pg_catalog.=) ANY ($3) OR aliases OPERATOR(pg_catalog.&&) $3"
	"        OR $2 OPERATOR(pg_catalog.=) ANY (aliases)) ORDER BY name LIMIT 1",
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, TEXTARRAYOID},
};

/*
 * Nothing is returned where a built-in one would replace one that was changed here, or itself;
 * xmax tells an update from an insert.
 */
static CnStatement save = {
	.sql = "INSERT INTO @.connector_providers AS p (workspace_id, name, title, category,"
	"  availability, version, aliases, definition, builtin, created_by)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
	" ON CONFLICT (workspace_id, name) DO UPDATE SET title = excluded.title,"
	"  category = excluded.category, availability = excluded.availability,"
	"  version = excluded.version, aliases = excluded.aliases, definition = excluded.definition,"
	"  builtin = excluded.builtin, created_by = excluded.created_by,"
	"  updated_at = pg_catalog.now()"
	" WHERE (p.builtin OR NOT excluded.builtin)"
	"   AND (p.definition OPERATOR(pg_catalog.<>) excluded.definition"
	"        OR p.builtin OPERATOR(pg_catalog.<>) excluded.builtin)"
	" RETURNING p.xmax::pg_catalog.text OPERATOR(pg_catalog.<>) '0'",
	.write = true,
	.nargs = 10,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT4OID, TEXTARRAYOID, JSONBOID,
	BOOLOID, TEXTOID},
};

static CnStatement is_builtin = {
	.sql = "SELECT builtin FROM @.connector_providers"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

static CnStatement remove_statement = {
	.sql = "DELETE FROM @.connector_providers"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

static CnStatement remove_builtin = {
	.sql = "DELETE FROM @.connector_providers"
	" WHERE workspace_id OPERATOR(pg_catalog.=) '00000000-0000-0000-0000-000000000000'"
	"   AND name OPERATOR(pg_catalog.=) $1 AND builtin",
	.write = true,
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static CnStatement builtin_names = {
	.sql = "SELECT name FROM @.connector_providers"
	" WHERE workspace_id OPERATOR(pg_catalog.=) '00000000-0000-0000-0000-000000000000'"
	"   AND builtin ORDER BY name COLLATE pg_catalog.\"C\"",
	.nargs = 0,
};

/* ---- judging ---- */

/* A kind this version does not know has no rules for its parameters yet. */
static const char *
check_auth(const char *name, const CnJson *parameters)
{
	const CnAuthKind *kind = cn_auth_kind(name);

	return kind && kind->check ? kind->check(parameters) : NULL;
}

bool
cn_provider_judge(const CnJson *definition, bool official, CnProblems *problems)
{
	CnSchemaOptions options = cn_schema_options();
	CnProviderRules rules = {
		.schema = cn_provider_schema(),.options = &options,.check_path = cn_check_jsonpath,
		.check_auth = check_auth,.official = official
	};

	if (rules.schema == NULL)
		elog(ERROR, "the schema of providers cannot be compiled");
	return cn_provider_check(definition, &rules, problems);
}

/* ---- saving ---- */

static Datum
text_member(const CnJson *definition, const char *key, const char *otherwise)
{
	const char *text = cn_json_get_string(definition, key);

	return CStringGetTextDatum(text ? text : otherwise);
}

static Datum
aliases_of(const CnJson *definition)
{
	const CnJson *list = cn_json_get(definition, "aliases");
	int			count = list ? list->len : 0;
	Datum	   *items = palloc(sizeof(Datum) * (count + 1));

	for (int i = 0; i < count; i++)
		items[i] = CStringGetTextDatum(list->u.items[i]->u.text);
	return PointerGetDatum(construct_array(items, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * The name of another provider that has one of the names in values; NULL: there is none.
 * *by_name: it is its name that the other one has, as an alias.
 */
static char *
namesake(Datum *values, MemoryContext context, bool *by_name)
{
	Datum		args[3] = {values[0], values[1], values[6]};
	bool		isnull;

	if (cn_spi_run(&find_namesake, args, NULL, 1) == 0)
		return NULL;
	*by_name = DatumGetBool(cn_spi_value(0, 2, &isnull));
	return cn_spi_text(0, 1, context);
}

static CnProviderSaved
save_row(Datum *values, const char *nulls)
{
	bool		isnull;

	if (cn_spi_run(&save, values, nulls, 0) > 0)
		return DatumGetBool(cn_spi_value(0, 1, &isnull)) ? CN_PROVIDER_UPDATED : CN_PROVIDER_ADDED;
	if (cn_spi_run(&is_builtin, values, NULL, 1) > 0 &&
		DatumGetBool(cn_spi_value(0, 1, &isnull)) != DatumGetBool(values[8]))
		return CN_PROVIDER_KEPT;
	return CN_PROVIDER_UNCHANGED;
}

bool
cn_provider_save(const pg_uuid_t *workspace, const CnJson *definition, bool builtin,
				 const char *actor, CnProviderSaved *saved, CnProblems *problems)
{
	MemoryContext context = CurrentMemoryContext;
	const CnJson *version = cn_json_get(definition, "version");
	Datum		values[10] = {UUIDPGetDatum(workspace)};
	char		nulls[11] = "          ";
	char	   *other;
	bool		by_name = false;
	CnSpi		spi;

	values[1] = text_member(definition, "name", "");
	values[2] = text_member(definition, "title", "");
	values[3] = text_member(definition, "category", "other");
	values[4] = text_member(definition, "availability", "experimental");
	values[5] = Int32GetDatum(version ? atoi(version->u.text) : 1);
	values[6] = aliases_of(definition);
	values[7] = JsonbPGetDatum(cn_jsonb_from_json(definition));
	values[8] = BoolGetDatum(builtin);
	values[9] = actor ? CStringGetTextDatum(actor) : (Datum) 0;
	nulls[9] = actor ? ' ' : 'n';

	cn_spi_begin(&spi);
	other = namesake(values, context, &by_name);
	if (other == NULL)
		*saved = save_row(values, nulls);
	cn_spi_end(&spi);
	if (other && by_name)
		cn_problem(problems, "$.name", "it is an alias of provider \"%s\"", other);
	else if (other)
		cn_problem(problems, "$.aliases", "provider \"%s\" has one of its names", other);
	return other == NULL;
}

bool
cn_provider_delete(const pg_uuid_t *workspace, const char *name)
{
	Datum		values[2] = {UUIDPGetDatum(workspace), CStringGetTextDatum(name)};
	bool		found;
	CnSpi		spi;

	cn_spi_begin(&spi);
	found = cn_spi_run(&remove_statement, values, NULL, 0) > 0;
	cn_spi_end(&spi);
	return found;
}

void
cn_provider_yield(const char *name)
{
	Datum		value = CStringGetTextDatum(name);
	CnSpi		spi;

	cn_spi_begin(&spi);
	(void) cn_spi_run(&remove_builtin, &value, NULL, 0);
	cn_spi_end(&spi);
}

int
cn_provider_builtin_names(char ***names)
{
	MemoryContext context = CurrentMemoryContext;
	uint64		count;
	CnSpi		spi;

	cn_spi_begin(&spi);
	count = cn_spi_run(&builtin_names, NULL, NULL, 0);
	*names = MemoryContextAlloc(context, sizeof(char *) * (count + 1));
	for (uint64 i = 0; i < count; i++)
		(*names)[i] = cn_spi_text(i, 1, context);
	cn_spi_end(&spi);
	return count;
}
