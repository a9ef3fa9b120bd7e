/*
 * template_publish.c -- a connector becomes a template.
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "catalog/used_credentials.h"
#include "catalog/templates.h"
#include "core/audit.h"
#include "core/identity.h"
#include "core/jsonb.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "credentials/store.h"
#include "http/url.h"
#include "sqlapi/args.h"
#include "sqlapi/manage.h"

CN_FUNCTION(connector_template_publish);
CN_FUNCTION(connector_template_unpublish);

/* Longest name of a template or category. */
#define MAX_SLUG_LEN 63

/* More tags do not help to find anything. */
#define MAX_TAGS 20

/* The connector that is published. */
typedef struct Source
{
	pg_uuid_t	id;
	char	   *name;
	char	   *description;
	char	   *category;
	CnJson	   *config;
} Source;

/* ---- names ---- */

static bool
slug_is_valid(const char *slug)
{
	int			len = strlen(slug);

	return len >= 1 && len <= MAX_SLUG_LEN &&
		strspn(slug, "abcdefghijklmnopqrstuvwxyz0123456789-") == len &&
		slug[0] != '-' && slug[len - 1] != '-';
}

static char *
check_slug(const char *what, char *slug)
{
	if (!slug_is_valid(slug))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" cannot be the %s of a template", slug, what),
				 errhint("It has 1 to %d lower-case letters, digits and \"-\", with a letter or digit at both ends.",
						 MAX_SLUG_LEN)));
	return slug;
}

/* "Enrich phone_2" gives "enrich-phone-2"; "other" if nothing is left. */
static char *
slug_of(const char *name)
{
	StringInfoData slug;

	initStringInfo(&slug);
	for (; name && *name && slug.len < MAX_SLUG_LEN; name++)
	{
		unsigned char c = *name;

		if (c < 128 && isalnum(c))
			appendStringInfoChar(&slug, tolower(c));
		else if (slug.len > 0 && slug.data[slug.len - 1] != '-')
			appendStringInfoChar(&slug, '-');
	}
	while (slug.len > 0 && slug.data[slug.len - 1] == '-')
		slug.data[--slug.len] = '\0';
	return slug.len > 0 ? slug.data : pstrdup("other");
}

/* A text argument that is not empty; NULL if it is null. */
static char *
title_argument(FunctionCallInfo fcinfo, int n)
{
	char	   *title = cn_arg_text(fcinfo, n);

	if (title && title[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the title of a template must not be empty")));
	return title;
}

static void
check_tags(FunctionCallInfo fcinfo, int n)
{
	Datum	   *tags;
	bool	   *nulls;
	int			count = 0;

	if (PG_ARGISNULL(n))
		return;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), TEXTOID, -1, false, TYPALIGN_INT,
					  &tags, &nulls, &count);
	for (int i = 0; i < count; i++)
		if (nulls[i] || VARSIZE_ANY_EXHDR(DatumGetPointer(tags[i])) == 0 ||
			VARSIZE_ANY_EXHDR(DatumGetPointer(tags[i])) > MAX_SLUG_LEN)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a tag has 1 to %d bytes", MAX_SLUG_LEN)));
	if (count > MAX_TAGS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a template has at most %d tags", MAX_TAGS)));
}

/* ---- the connector ---- */

static CnStatement read_source = {
	.sql = "SELECT id, name, description, category, config FROM @.connectors"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1"
	"   AND (id OPERATOR(pg_catalog.=) $2 OR name OPERATOR(pg_catalog.=) $3)"
	" ORDER BY (id OPERATOR(pg_catalog.=) $2) IS TRUE DESC LIMIT 1",
	.nargs = 3,
	.argtypes = {UUIDOID, UUIDOID, TEXTOID},
};

static void
find_source(const CnWorkspace *workspace, const char *asked, Source *source)
{
	MemoryContext context = CurrentMemoryContext;
	pg_uuid_t	id;
	bool		by_id = cn_uuid_parse(asked, &id);
	Datum		values[3] = {UUIDPGetDatum(&workspace->id), UUIDPGetDatum(&id),
	CStringGetTextDatum(asked)};
	bool		isnull;
	CnSpi		spi;

	cn_spi_begin(&spi);
	if (cn_spi_run(&read_source, values, by_id ? NULL : " n ", 1) == 0)
		cn_manage_unknown(workspace, asked);
	cn_spi_uuid(0, 1, &source->id);
	source->name = cn_spi_text(0, 2, context);
	source->description = cn_spi_text(0, 3, context);
	source->category = cn_spi_text(0, 4, context);
	MemoryContextSwitchTo(context);
	source->config = cn_json_from_jsonb(DatumGetJsonbPCopy(cn_spi_value(0, 5, &isnull)));
	cn_spi_end(&spi);
}

/* ---- its credentials ---- */

/* All references of the definition that is published. */
typedef struct Refs
{
	CnUsedCredential *list;
	int			count;
} Refs;

/* Labels are the workspace's own, and go, unless they tell two credentials of a service apart. */
static const char *
drop_label(void *arg, const CnUsedCredential *ref)
{
	Refs	   *refs = arg;
	int			same = 0;

	for (int i = 0; i < refs->count; i++)
		same += strcmp(refs->list[i].service, ref->service) == 0;
	return same == 1 ? ref->service : cn_used_credential_text(ref->service, ref->label);
}

static void
put_hosts(CnJsonbBuilder *b, const CnUsedCredential *ref)
{
	const char *problem;

	cn_build_key(b, "allowed_hosts");
	cn_build_begin_array(b);
	for (int i = 0; i < ref->host_count; i++)
		if (cn_url_host_entry_valid(ref->hosts[i], &problem))
			cn_build_string(b, ref->hosts[i]);
	cn_build_end_array(b);
}

/* How the publisher's own credential is sent; other parameters are the workspace's. */
static void
put_kind(CnJsonbBuilder *b, const CnCredentialRow *row)
{
	static const char *const sent[] = {"in", "name", "prefix"};
	CnJson	   *parameters = cn_json_from_jsonb(row->parameters);
	bool		any = false;

	cn_build_key(b, "kind");
	cn_build_string(b, row->kind);
	for (int i = 0; i < lengthof(sent); i++)
	{
		const char *value = cn_json_get_string(parameters, sent[i]);

		if (value == NULL)
			continue;
		if (!any)
		{
			cn_build_key(b, "parameters");
			cn_build_begin_object(b);
		}
		any = true;
		cn_build_key(b, sent[i]);
		cn_build_string(b, value);
	}
	if (any)
		cn_build_end_object(b);
}

/* requires_credentials of the template. */
static Jsonb *
requirements_of(const CnWorkspace *workspace, const char *identity, Refs *refs)
{
	CnJsonbBuilder b = {0};

	cn_build_begin_array(&b);
	for (int i = 0; i < refs->count; i++)
	{
		const CnUsedCredential *ref = &refs->list[i];
		const CnCredentialRow *row = cn_credential_find(&workspace->id, ref->service, ref->label,
														identity);

		cn_build_begin_object(&b);
		cn_build_key(&b, "service");
		cn_build_string(&b, ref->service);
		if (strchr(drop_label(refs, ref), '/'))
		{
			cn_build_key(&b, "label");
			cn_build_string(&b, ref->label);
		}
		if (row)
			put_kind(&b, row);
		put_hosts(&b, ref);
		cn_build_end_object(&b);
	}
	cn_build_end_array(&b);
	return cn_build_done(&b);
}

/* ---- publishing ---- */

/* $1 workspace, $2 connector, $3 new id, $4 name, then what may be null to stay as it is. */
static CnStatement save = {
	.sql = "INSERT INTO @.connector_templates AS t (workspace_id, id, name, title, description,"
	" category, icon, tags, config, input_schema, field_mappings, timeout_ms, max_retries, continue_on_error,"
	" log_response_data, requires_credentials, is_public, published_by)"
	" SELECT $1, $3, $4, COALESCE($5, $12), COALESCE($6, description), COALESCE($7, $13), icon,"
	" COALESCE($8, '{}'), $9, input_schema, field_mappings, timeout_ms, max_retries,"
	" continue_on_error, log_response_data, $10, $11, $14 FROM @.connectors"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2"
	" ON CONFLICT (workspace_id, name) DO UPDATE SET title = COALESCE($5, t.title),"
	" description = COALESCE($6, t.description), category = COALESCE($7, t.category),"
	" icon = excluded.icon, tags = COALESCE($8, t.tags), config = excluded.config,"
	" input_schema = excluded.input_schema, field_mappings = excluded.field_mappings,"
	" timeout_ms = excluded.timeout_ms, max_retries = excluded.max_retries,"
	" continue_on_error = excluded.continue_on_error,"
	" log_response_data = excluded.log_response_data,"
	" requires_credentials = excluded.requires_credentials, is_public = excluded.is_public,"
	" status = CASE WHEN t.status OPERATOR(pg_catalog.=) 'hidden' THEN t.status"
	" ELSE 'published' END,"
	" version = t.version OPERATOR(pg_catalog.+) 1, published_by = excluded.published_by,"
	" updated_at = excluded.updated_at"
	" RETURNING id, version, is_public",
	.write = true,
	.nargs = 14,
	.argtypes = {UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID,
		JSONBOID, JSONBOID, BOOLOID, TEXTOID, TEXTOID, TEXTOID},
};

static void
set_text(Datum *values, char *nulls, int i, const char *text)
{
	values[i] = text ? CStringGetTextDatum(text) : (Datum) 0;
	nulls[i] = text ? ' ' : 'n';
}

Datum
connector_template_publish(PG_FUNCTION_ARGS)
{
	char	   *asked = cn_arg_required(fcinfo, 0, "connector");
	char	   *name = cn_arg_text(fcinfo, 1);
	char	   *category = cn_arg_text(fcinfo, 4);
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 7), CN_RIGHT_WRITE);
	const char *identity = cn_identity_name();
	pg_uuid_t  *id = palloc(sizeof(pg_uuid_t));
	Source		source;
	Refs		refs;
	CnJson	   *config;
	Datum		values[14] = {0};
	char		nulls[15] = "              ";
	bool		isnull;
	int			version;
	CnSpi		spi;

	find_source(&workspace, asked, &source);
	name = name ? check_slug("name", name) : slug_of(source.name);
	if (category)
		check_slug("category", category);
	check_tags(fcinfo, 5);
	refs.count = cn_used_credentials(source.config, &refs.list);

	cn_uuid_v7(id);
	values[0] = UUIDPGetDatum(&workspace.id);
	values[1] = UUIDPGetDatum(&source.id);
	values[2] = UUIDPGetDatum(id);
	set_text(values, nulls, 3, name);
	set_text(values, nulls, 4, title_argument(fcinfo, 2));
	set_text(values, nulls, 5, cn_arg_text(fcinfo, 3));
	set_text(values, nulls, 6, category);
	values[7] = PG_GETARG_DATUM(5);
	nulls[7] = PG_ARGISNULL(5) ? 'n' : ' ';
	config = cn_used_credentials_replace(source.config, drop_label, &refs);
	values[8] = JsonbPGetDatum(cn_jsonb_from_json(config));
	values[9] = JsonbPGetDatum(requirements_of(&workspace, identity, &refs));
	values[10] = BoolGetDatum(PG_ARGISNULL(6) || PG_GETARG_BOOL(6));
	set_text(values, nulls, 11, source.name);
	set_text(values, nulls, 12, slug_of(source.category));
	set_text(values, nulls, 13, identity);

	cn_spi_begin(&spi);
	if (cn_spi_run(&save, values, nulls, 0) == 0)
		cn_manage_unknown(&workspace, asked);	/* deleted meanwhile */
	cn_spi_uuid(0, 1, id);
	version = DatumGetInt32(cn_spi_value(0, 2, &isnull));
	cn_spi_end(&spi);
	cn_audit(&workspace.id, identity, "publish", "template", name,
			 psprintf("version %d, connector %s, %s", version, source.name,
					  DatumGetBool(values[10]) ? "public" : "not public"));
	PG_RETURN_UUID_P(id);
}

/* ---- taking back ---- */

static CnStatement unpublish = {
	.sql = "UPDATE @.connector_templates SET status = 'unpublished'"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2"
	" AND status OPERATOR(pg_catalog.=) 'published'",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

Datum
connector_template_unpublish(PG_FUNCTION_ARGS)
{
	char	   *asked = cn_arg_required(fcinfo, 0, "template");
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 1), CN_RIGHT_WRITE);
	const char *identity = cn_identity_name();
	CnStoredTemplate *row = cn_stored_template_own(asked, &workspace.id);
	Datum		values[2] = {UUIDPGetDatum(&workspace.id), UUIDPGetDatum(&row->id)};
	uint64		changed;
	CnSpi		spi;

	cn_spi_begin(&spi);
	changed = cn_spi_run(&unpublish, values, NULL, 0);
	cn_spi_end(&spi);
	if (changed > 0)
		cn_audit(&workspace.id, identity, "unpublish", "template", row->name, NULL);
	PG_RETURN_VOID();
}
