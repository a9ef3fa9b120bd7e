/*
 * stream.c -- an operation that lists becomes a stream.
 *
 * It lists if it is a GET whose reply is an array of objects, or an object with one such
 * array.  How it is paged follows from the names of its parameters and of the members of
 * its reply, as most APIs call them; that is a guess, and marked as one.
 */
#include "openapi/internal.h"

static const char *const record_members[] = {
	"data", "items", "results", "value", "values", "records", "entries", "list", NULL
};

static const char *const size_parameters[] = {
	"limit", "per_page", "page_size", "pageSize", "perPage", "page[size]", "maxResults", "max_results",
	"count", "$top", "top", NULL
};
static const char *const cursor_parameters[] = {
	"cursor", "after", "page_token", "pageToken", "start_cursor", "next_token", "page[after]",
	"continuation_token", NULL
};
static const char *const cursor_members[] = {
	"next_cursor", "nextCursor", "nextPageToken", "next_page_token", "next_token", "cursor",
	"paging.next.after", "meta.next_cursor", "meta.after_cursor", "response_metadata.next_cursor",
	"pagination.next_cursor", NULL
};
static const char *const next_members[] = {
	"@odata.nextLink", "next_page_url", "next", "links.next", "paging.next.link", "_links.next.href",
	"next_page", NULL
};
static const char *const since_parameters[] = {
	"since", "updated_since", "updated_after", "modified_since", "modified_after", "updated_at_gte",
	"start_time", NULL
};
static const char *const changed_members[] = {
	"updated_at", "updatedAt", "updated", "modified_at", "last_modified", "lastModified",
	"last_edited_time", NULL
};

/* A stream while it is guessed. */
typedef struct Guess
{
	CnOpenapiOperation *operation;
	const CnJson *reply;		/* the response object */
	const CnJson *schema;		/* of the reply's body */
	const CnJson *record;		/* schema of a record */
	const char *records;		/* path of the array */
} Guess;

/* ---- looking around ---- */

/* The query parameter of one of these names, and the property of the input that it is; NULL: none. */
static const char *
find_parameter(const Guess *guess, const char *const *names, const char **property)
{
	const CnJsonItems *query = &guess->operation->query;

	for (int n = 0; names[n]; n++)
		for (int i = 0; i < query->count; i++)
			if (strcmp(cn_json_get_string(query->list[i], "name"), names[n]) == 0)
			{
				*property = cn_json_get_string(query->list[i], "input");
				return names[n];
			}
	return NULL;
}

/* The path of the first of these dotted names that the body's schema has, or NULL. */
static const char *
find_member(const Guess *guess, const char *const *names)
{
	const CnOpenapi *import = guess->operation->import;

	for (int n = 0; names[n]; n++)
	{
		const CnJson *schema = guess->schema;
		const char *at = names[n];
		StringInfoData path;

		initStringInfo(&path);
		appendStringInfoChar(&path, '$');
		while (schema && *at)
		{
			/* OData's annotations have a dot in their name */
			char	   *name = *at == '@' ? pstrdup(at) : pnstrdup(at, strcspn(at, "."));

			appendStringInfo(&path, ".\"%s\"", name);
			schema = cn_openapi_member(import, schema, name);
			at += strlen(name);
			at += *at == '.';
		}
		if (schema && !cn_openapi_is(import, schema, "object"))
			return path.data;
	}
	return NULL;
}

/* ---- the records ---- */

static bool
takes_records(Guess *guess, const CnJson *schema, const char *path)
{
	const CnOpenapi *import = guess->operation->import;

	if (!cn_openapi_is(import, schema, "array"))
		return false;
	guess->record = cn_openapi_follow(import, cn_json_get(cn_openapi_follow(import, schema), "items"));
	if (!cn_openapi_is(import, guess->record, "object"))
		return false;
	guess->records = path;
	return true;
}

/* The one array of objects among the members of the reply, if there is only one. */
static bool
find_only_array(Guess *guess)
{
	const CnJson *properties = cn_json_get(guess->schema, "properties");
	int			found = 0;
	Guess		only = *guess;

	for (int i = 0; properties && properties->type == CN_JSON_OBJECT && i < properties->len; i++)
	{
		const CnJsonMember *property = &properties->u.members[i];

		if (strpbrk(property->key, "\"\\") == NULL &&
			takes_records(guess, property->value, psprintf("$.\"%s\"[*]", property->key)) && found++ == 0)
			only = *guess;
	}
	*guess = only;
	return found == 1;
}

static bool
find_records(Guess *guess)
{
	const CnOpenapi *import = guess->operation->import;

	if (takes_records(guess, guess->schema, "$[*]"))
		return true;
	for (int i = 0; record_members[i]; i++)
		if (takes_records(guess, cn_openapi_member(import, guess->schema, record_members[i]),
						  psprintf("$.%s[*]", record_members[i])))
			return true;
	return find_only_array(guess);
}

/* ---- paging ---- */

/* What paging sets itself is no input of the stream. */
static void
take_parameter(Guess *guess, const char *name, const char *property)
{
	CnOpenapiOperation *operation = guess->operation;
	CnJsonItems query = {0};
	CnJsonItems required = {0};
	CnJsonMembers properties = {0};

	for (int i = 0; i < operation->required.count; i++)
		if (strcmp(operation->required.list[i]->u.text, property) != 0)
			cn_json_append(&required, operation->required.list[i]);
	for (int i = 0; i < operation->query.count; i++)
		if (strcmp(cn_json_get_string(operation->query.list[i], "name"), name) != 0)
			cn_json_append(&query, operation->query.list[i]);
	for (int i = 0; i < operation->properties.count; i++)
		if (strcmp(operation->properties.list[i].key, property) != 0)
			cn_json_add(&properties, operation->properties.list[i].key,
						operation->properties.list[i].value);
	operation->query = query;
	operation->required = required;
	operation->properties = properties;
}

/* The largest page its parameter's schema allows, or a hundred. */
static int64
page_size(const Guess *guess, const char *property)
{
	const CnJson *schema = cn_json_added(&guess->operation->properties, property);
	const CnJson *maximum = cn_json_get(schema, "maximum");
	int			size = maximum && maximum->type == CN_JSON_NUMBER ? atoi(maximum->u.text) : 0;

	return size > 0 && size <= 1000 ? size : 100;
}

/* A page is as large as that is known; offset and page cannot do without. */
static bool
add_page_size(Guess *guess, CnJsonMembers *pagination)
{
	const char *property;
	const char *name = find_parameter(guess, size_parameters, &property);
	CnJsonMembers size = {0};

	if (name == NULL)
		return false;
	cn_json_add_text(&size, "parameter", name);
	cn_json_add(&size, "value", cn_json_int(page_size(guess, property)));
	cn_json_add(pagination, "page_size", cn_json_members(&size));
	take_parameter(guess, name, property);
	return true;
}

static bool
by_parameter(Guess *guess, CnJsonMembers *pagination, const char *kind, const char *const *names,
			 int start)
{
	const char *property;
	const char *name = find_parameter(guess, names, &property);

	if (name == NULL)
		return false;
	cn_json_add_text(pagination, "kind", kind);
	cn_json_add_text(pagination, "parameter", name);
	if (start >= 0)
		cn_json_add(pagination, "start", cn_json_int(start));
	take_parameter(guess, name, property);
	return true;
}

static bool
by_cursor(Guess *guess, CnJsonMembers *pagination)
{
	const char *cursor = find_member(guess, cursor_members);

	if (cursor == NULL || !by_parameter(guess, pagination, "cursor", cursor_parameters, -1))
		return false;
	cn_json_add_text(pagination, "cursor", cursor);
	return true;
}

static bool
by_next_url(Guess *guess, CnJsonMembers *pagination)
{
	const char *next = find_member(guess, next_members);

	if (next == NULL)
		return false;
	cn_json_add_text(pagination, "kind", "next_url");
	cn_json_add_text(pagination, "next", next);
	return true;
}

static bool
by_link_header(Guess *guess, CnJsonMembers *pagination)
{
	const CnJson *headers = cn_json_get(guess->reply, "headers");

	for (int i = 0; headers && headers->type == CN_JSON_OBJECT && i < headers->len; i++)
		if (pg_strcasecmp(headers->u.members[i].key, "link") == 0)
		{
			cn_json_add_text(pagination, "kind", "link_header");
			return true;
		}
	return false;
}

static CnJson *
guess_pagination(Guess *guess)
{
	static const char *const offsets[] = {"offset", "skip", "startAt", "$skip", NULL};
	static const char *const pages[] = {"page", "page[number]", "pageNumber", "page_number", NULL};
	CnJsonMembers pagination = {0};

	if (by_cursor(guess, &pagination) || by_link_header(guess, &pagination) ||
		by_next_url(guess, &pagination))
		(void) add_page_size(guess, &pagination);
	else if (!add_page_size(guess, &pagination) ||
			 !(by_parameter(guess, &pagination, "offset", offsets, 0) ||
			   by_parameter(guess, &pagination, "page", pages, 1)))
		return NULL;
	cn_json_add(&pagination, "guess", cn_json_bool(true));
	return cn_json_members(&pagination);
}

/* ---- keys ---- */

static const char *
find_record_member(const Guess *guess, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (cn_openapi_member(guess->operation->import, guess->record, names[i]))
			return names[i];
	return NULL;
}

static void
add_keys(Guess *guess, CnJsonMembers *stream)
{
	static const char *const ids[] = {"id", "uuid", "gid", "sid", "key", NULL};
	const char *id = find_record_member(guess, ids);
	CnJsonItems key = {0};

	cn_json_add_text(stream, "cursor_field", find_record_member(guess, changed_members));
	if (id == NULL)
		return;
	cn_json_append(&key, cn_json_string(id, -1));
	cn_json_add(stream, "primary_key", cn_json_items(&key));
}

static void
add_incremental(Guess *guess, CnJsonMembers *stream)
{
	const char *property;
	CnJsonMembers incremental = {0};

	if (cn_json_added(stream, "cursor_field") == NULL ||
		find_parameter(guess, since_parameters, &property) == NULL)
		return;
	cn_json_add_text(&incremental, "input", property);
	cn_json_add_text(&incremental, "format",
					 cn_openapi_is(guess->operation->import,
								   cn_json_added(&guess->operation->properties, property), "integer")
					 ? "epoch" : "iso8601");
	cn_json_add(stream, "incremental", cn_json_members(&incremental));
}

/* The last segment of the path that is no parameter: "/repos/{owner}/issues" lists issues. */
static const char *
collection_name(const char *path)
{
	const char *name = "records";

	for (const char *at = strchr(path, '/'); at; at = strchr(at + 1, '/'))
		if (at[1] != '{' && at[1] != '\0')
			name = at + 1;
	return cn_openapi_name(pnstrdup(name, strcspn(name, "/")));
}

CnJson *
cn_openapi_stream(CnOpenapiOperation *operation, const char **name)
{
	CnOpenapi  *import = operation->import;
	CnOpenapiOperation own = *operation;
	Guess		guess = {.operation = &own};
	CnJsonMembers stream = {0};
	CnJson	   *pagination;

	if (strcmp(operation->method, "get") != 0)
		return NULL;
	guess.schema = cn_openapi_reply_schema(operation, &guess.reply);
	if (guess.schema == NULL || !find_records(&guess))
		return NULL;
	pagination = guess_pagination(&guess);
	cn_openapi_common(&own, &stream);
	cn_json_add_text(&stream, "records", guess.records);
	add_keys(&guess, &stream);
	add_incremental(&guess, &stream);
	cn_json_add(&stream, "pagination", pagination);
	*name = collection_name(operation->path);
	if (pagination)
		cn_openapi_note(import, "guess: %s is a stream (%s) with pagination %s", operation->where,
						*name, cn_json_get_string(pagination, "kind"));
	else
		cn_openapi_note(import, "guess: %s is a stream (%s) of one page", operation->where, *name);
	return cn_json_members(&stream);
}
