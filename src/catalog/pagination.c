/*
 * pagination.c -- how a stream is divided into pages, checked and compiled.  Pure.
 */
#include "catalog/pagination.h"

#include "catalog/compile.h"

/* Records of a page, and before a stream begins anew, the keys of which are kept; more is a mistake. */
#define MAX_PAGE_SIZE 1000000
#define MAX_RESET 1000000

#define MAX_NAME_LEN 200

/* What is being compiled, and how to say what is wrong with it. */
typedef struct Check
{
	CnCompiler	c;
	const CnJson *value;
	const char *path;
	CnPagination *result;
} Check;

/* Keys of every kind. */
static const char *const common_keys[] = {
	"kind", "page_size", "max_pages", "more", "total", "reset", "guess", NULL
};

static const char *const cursor_keys[] = {
	"parameter", "in", "cursor", "last_record", "following", NULL
};

static const char *const token_keys[] = {
	"parameter", "cursor", "last_record", "following", NULL
};

static const char *const next_keys[] = {"next", NULL};
static const char *const link_keys[] = {"rel", NULL};
static const char *const count_keys[] = {"parameter", "in", "start", NULL};
static const char *const none_keys[] = {NULL};

/* ---- members ---- */

/* The text of a member, or NULL if it is absent; anything else is a problem. */
static const char *
text_member(Check *check, const CnJson *object, const char *path, const char *key)
{
	const CnJson *value = cn_json_get(object, key);

	if (value == NULL)
		return NULL;
	if (value->type == CN_JSON_STRING && value->len > 0 && value->len <= MAX_NAME_LEN)
		return value->u.text;
	cn_problem(check->c.problems, cn_compile_child(path, key),
			   "expected a text of 1 to %d bytes, found %s", MAX_NAME_LEN,
			   value->type == CN_JSON_STRING ? "another" : cn_json_type_phrase(value->type));
	return NULL;
}

static void
path_member(Check *check, const char *key, CnPath *result)
{
	const char *written = text_member(check, check->value, check->path, key);

	if (written)
		cn_compile_path(&check->c, written, cn_compile_child(check->path, key), result);
}

static void
int_member(Check *check, const CnJson *object, const char *path, const char *key, int min, int max,
		   int *result)
{
	const CnJson *value = cn_json_get(object, key);

	if (value)
		cn_compile_int(&check->c, value, cn_compile_child(path, key), min, max, result);
}

/* "in": is the parameter put into the body? */
static void
place_member(Check *check, const CnJson *object, const char *path, bool *in_body)
{
	const CnJson *value = cn_json_get(object, "in");
	const char *place = cn_json_get_string(object, "in");

	if (value == NULL)
		return;
	*in_body = place && strcmp(place, "body") == 0;
	if (!*in_body && (place == NULL || strcmp(place, "query") != 0))
		cn_problem(check->c.problems, cn_compile_child(path, "in"), "it is neither query nor body");
}

static void
missing(Check *check, const char *key, const char *what)
{
	cn_problem(check->c.problems, cn_compile_child(check->path, key), "%s is missing", what);
}

static bool
is_object(Check *check, const CnJson *value, const char *path)
{
	if (value->type == CN_JSON_OBJECT)
		return true;
	cn_problem(check->c.problems, path, "expected an object, found %s",
			   cn_json_type_name(value->type));
	return false;
}

/* ---- kinds ---- */

/* {"path": "/list/continue", "body": {"cursor": "{{page.cursor}}"}} */
static void
compile_following(Check *check)
{
	static const char *const keys[] = {"path", "method", "query", "body", "body_type", NULL};
	const CnJson *value = cn_json_get(check->value, "following");
	const char *path = cn_compile_child(check->path, "following");

	if (value == NULL || !is_object(check, value, path))
		return;
	cn_compile_keys(&check->c, value, path, keys, NULL);
	check->result->following = value;
}

static void
compile_cursor(Check *check)
{
	CnPagination *result = check->result;

	path_member(check, "cursor", &result->cursor);
	path_member(check, "last_record", &result->last_record);
	if (cn_json_get(check->value, "cursor") && cn_json_get(check->value, "last_record"))
		cn_problem(check->c.problems, check->path,
				   "the cursor is in the reply or in its last record, not in both");
	else if (cn_json_get(check->value, "cursor") == NULL &&
			 cn_json_get(check->value, "last_record") == NULL)
		missing(check, "cursor", "the path of the cursor");
	result->parameter = text_member(check, check->value, check->path, "parameter");
	compile_following(check);
	if (cn_json_get(check->value, "parameter") == NULL && result->following == NULL)
		missing(check, "parameter", "the parameter that gets the cursor");
}

static void
compile_next(Check *check)
{
	path_member(check, "next", &check->result->next);
	if (cn_json_get(check->value, "next") == NULL)
		missing(check, "next", "the path of the next URL");
}

static void
compile_link(Check *check)
{
	check->result->rel = text_member(check, check->value, check->path, "rel");
	if (check->result->rel == NULL)
		check->result->rel = "next";
}

/* Records from 0, pages from 1, by parameters of these names; null: by the templates alone. */
static void
compile_count(Check *check)
{
	CnPagination *result = check->result;
	const CnJson *parameter = cn_json_get(check->value, "parameter");
	bool		records = result->kind == CN_PAGES_OFFSET;
	int			start = records ? 0 : 1;

	if (parameter == NULL)
		result->parameter = records ? "offset" : "page";
	else if (parameter->type != CN_JSON_NULL)
		result->parameter = text_member(check, check->value, check->path, "parameter");
	int_member(check, check->value, check->path, "start", 0, 1000000000, &start);
	result->start = start;
}

static void
compile_none(Check *check)
{
}

typedef struct Kind
{
	const char *name;
	CnPageKind	kind;
	bool		in_body;
	const char *const *keys;
	void		(*compile) (Check *check);
} Kind;

static const Kind kinds[] = {
	{"cursor", CN_PAGES_CURSOR, false, cursor_keys, compile_cursor},
	{"token_in_body", CN_PAGES_CURSOR, true, token_keys, compile_cursor},
	{"next_url", CN_PAGES_NEXT_URL, false, next_keys, compile_next},
	{"link_header", CN_PAGES_LINK_HEADER, false, link_keys, compile_link},
	{"offset", CN_PAGES_OFFSET, false, count_keys, compile_count},
	{"page", CN_PAGES_NUMBER, false, count_keys, compile_count},
	{"none", CN_PAGES_NONE, false, none_keys, compile_none},
};

static const Kind *
find_kind(Check *check)
{
	const char *path = cn_compile_child(check->path, "kind");
	const char *name = text_member(check, check->value, check->path, "kind");

	for (int i = 0; name && i < lengthof(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	if (name)
		cn_problem(check->c.problems, path,
				   "\"%s\" is none of cursor, next_url, link_header, offset, page, token_in_body and none",
				   name);
	else if (cn_json_get(check->value, "kind") == NULL)
		missing(check, "kind", "the kind of pagination");
	return NULL;
}

/* ---- what all kinds have ---- */

/* {"parameter": "limit", "value": 100, "in": "query"} */
static void
compile_page_size(Check *check)
{
	static const char *const keys[] = {"parameter", "value", "in", NULL};
	const CnJson *value = cn_json_get(check->value, "page_size");
	const char *path = cn_compile_child(check->path, "page_size");

	if (value == NULL || !is_object(check, value, path))
		return;
	cn_compile_keys(&check->c, value, path, keys, NULL);
	check->result->size_parameter = text_member(check, value, path, "parameter");
	check->result->size_in_body = check->result->in_body;
	place_member(check, value, path, &check->result->size_in_body);
	int_member(check, value, path, "value", 1, MAX_PAGE_SIZE, &check->result->size);
	if (cn_json_get(value, "value") == NULL)
		cn_problem(check->c.problems, cn_compile_child(path, "value"),
				   "the number of records is missing");
}

/* {"after": 10000, "input": "since"} */
static void
compile_reset(Check *check)
{
	static const char *const keys[] = {"after", "input", NULL};
	const CnJson *value = cn_json_get(check->value, "reset");
	const char *path = cn_compile_child(check->path, "reset");
	int			after = 0;

	if (value == NULL || !is_object(check, value, path))
		return;
	cn_compile_keys(&check->c, value, path, keys, NULL);
	int_member(check, value, path, "after", 1, MAX_RESET, &after);
	check->result->reset_after = after;
	check->result->reset_input = text_member(check, value, path, "input");
	for (int i = 0; keys[i]; i++)
		if (cn_json_get(value, keys[i]) == NULL)
			cn_problem(check->c.problems, cn_compile_child(path, keys[i]), "it is missing");
}

/* For the audit: nobody has compared it with the service's documentation. */
static void
check_guess(Check *check)
{
	const CnJson *value = cn_json_get(check->value, "guess");

	if (value && value->type != CN_JSON_BOOL)
		cn_problem(check->c.problems, cn_compile_child(check->path, "guess"),
				   "expected true or false, found %s", cn_json_type_phrase(value->type));
}

static void
compile_common(Check *check)
{
	compile_page_size(check);
	compile_reset(check);
	path_member(check, "more", &check->result->more);
	path_member(check, "total", &check->result->total);
	check_guess(check);
	check->result->max_pages = CN_PAGES_DEFAULT;
	int_member(check, check->value, check->path, "max_pages", 1, CN_PAGES_MAX,
			   &check->result->max_pages);
}

static void
compile(Check *check)
{
	const Kind *kind = find_kind(check);

	if (kind == NULL)
		return;
	check->result->kind = kind->kind;
	check->result->in_body = kind->in_body;
	cn_compile_keys(&check->c, check->value, check->path, common_keys, kind->keys);
	if (cn_compile_listed(kind->keys, "in"))
		place_member(check, check->value, check->path, &check->result->in_body);
	kind->compile(check);
	compile_common(check);
}

CnPagination *
cn_pagination_compile(const CnJson *value, const char *path, CnPathCheck check_path,
					  CnProblems *problems)
{
	int			before = problems->count;
	Check		check = {
		.c = {.problems = problems,.check_path = check_path},.value = value,.path = path
	};

	check.result = palloc0(sizeof(CnPagination));
	check.result->max_pages = 1;
	if (value == NULL)
		return check.result;
	if (is_object(&check, value, path))
		compile(&check);
	return problems->count == before ? check.result : NULL;
}

const CnJson *
cn_pagination_following(const CnJson *stream, const CnJson *following)
{
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (stream->len + following->len + 1));
	int			count = 0;

	for (int i = 0; i < stream->len; i++)
		if (cn_json_get(following, stream->u.members[i].key) == NULL)
			members[count++] = stream->u.members[i];
	for (int i = 0; i < following->len; i++)
		members[count++] = following->u.members[i];
	return cn_json_object(members, count);
}
