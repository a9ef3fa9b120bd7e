/*
 * stream.c -- a provider's stream, compiled to be walked through page by page.
 *
 * provider_check.c has looked at all of this when the provider was saved, so paths are not checked
 * again, which takes a subtransaction each, and a problem here means that a row was written by
 * other means.
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/compile.h"
#include "catalog/provider_expand.h"
#include "catalog/stream.h"

/* What is being compiled. */
typedef struct Build
{
	const CnProvider *provider;
	const CnProviderStream *given;
	const CnJson *source;
	CnStream   *stream;
	const char *label;			/* of the credential; NULL: the usual one */
	CnProblems *problems;
	char	   *path;			/* "$.streams.issues" */
} Build;

static const CnJson *
object_member(const CnJson *object, const char *key)
{
	const CnJson *value = cn_json_get(object, key);

	return value && value->type == CN_JSON_OBJECT ? value : NULL;
}

/* ---- fields ---- */

static bool
is_plain_name(const char *text, int len)
{
	for (int i = 0; i < len; i++)
		if (!isalnum((unsigned char) text[i]) && text[i] != '_' && text[i] != '-' &&
			text[i] != '@')
			return false;
	return len > 0;
}

/* Take "$.a.b[*]" or "a.b" apart; false if it is not as plain as that. */
static bool
split_field(const char *text, CnField *field)
{
	int			len = strlen(text);

	if (len > 3 && strcmp(text + len - 3, "[*]") == 0)
	{
		field->elements = true;
		len -= 3;
	}
	field->names = palloc(sizeof(char *) * (len + 1));
	if (len > 0 && text[0] == '$')
	{
		text++;
		if (--len > 0 && *text != '.')
			return false;
		text += len > 0;
		len -= len > 0;
		if (len == 0)
			return true;
	}
	for (;;)
	{
		int			part = Min(strcspn(text, "."), len);

		if (!is_plain_name(text, part))
			return false;
		field->names[field->count++] = pnstrdup(text, part);
		if (part == len)
			return true;
		text += part + 1;
		len -= part + 1;
	}
}

static void
compile_field(Build *build, const char *written, const char *where, CnField *field)
{
	CnCompiler	c = {.problems = build->problems};

	memset(field, 0, sizeof(*field));
	if (split_field(written, field))
		return;
	memset(field, 0, sizeof(*field));
	cn_compile_path(&c, written, where, &field->path);
}

/* "primary_key" may be one field or a list. */
static void
compile_keys(Build *build)
{
	const CnJson *value = cn_json_get(build->source, "primary_key");
	const char *path = cn_compile_child(build->path, "primary_key");
	CnStream   *stream = build->stream;
	int			count;

	if (value == NULL || value->type == CN_JSON_NULL)
		return;
	count = value->type == CN_JSON_ARRAY ? value->len : 1;
	stream->keys = palloc(sizeof(CnField) * (count + 1));
	for (int i = 0; i < count; i++)
	{
		const CnJson *item = value->type == CN_JSON_ARRAY ? value->u.items[i] : value;

		if (item->type != CN_JSON_STRING)
			cn_problem(build->problems, path, "expected the names of fields");
		else
			compile_field(build, item->u.text, path, &stream->keys[stream->key_count++]);
	}
}

static void
compile_fields(Build *build)
{
	const char *records = cn_json_get_string(build->source, "records");
	const char *cursor = cn_json_get_string(build->source, "cursor_field");

	compile_field(build, records ? records : "$[*]", cn_compile_child(build->path, "records"),
				  &build->stream->records);
	compile_keys(build);
	if (cursor == NULL)
		return;
	build->stream->cursor = palloc(sizeof(CnField));
	compile_field(build, cursor, cn_compile_child(build->path, "cursor_field"),
				  build->stream->cursor);
}

/* ---- what bounds it ---- */

static void
compile_bound(Build *build)
{
	const CnJson *value = object_member(build->source, "incremental");
	const char *format = cn_json_get_string(value, "format");
	const char *reply = cn_json_get_string(value, "reply");
	const CnJson *resume = cn_json_get(value, "resume");
	const char *path = cn_compile_child(build->path, "incremental");
	CnCompiler	c = {.problems = build->problems};

	build->stream->bound_input = cn_json_get_string(value, "input");
	if (format && !cn_bound_format(format, &build->stream->bound_format))
		cn_problem(build->problems, path, "\"%s\" is no format", format);
	if (reply)
		cn_compile_path(&c, reply, cn_compile_child(path, "reply"), &build->stream->bound_reply);
	build->stream->bound_resumes = resume && resume->type == CN_JSON_BOOL && resume->boolean;
}

static void
compile_order(Build *build)
{
	const char *order = cn_json_get_string(build->source, "order");

	if (order && strcmp(order, "ascending") == 0)
		build->stream->order = CN_ORDER_ASCENDING;
	else if (order && strcmp(order, "descending") == 0)
		build->stream->order = CN_ORDER_DESCENDING;
}

static void
find_known_inputs(Build *build)
{
	const CnJson *schema = object_member(build->source, "input_schema");
	const CnJson *others = cn_json_get(schema, "additionalProperties");

	if (others && others->type == CN_JSON_BOOL && !others->boolean)
		build->stream->known_inputs = object_member(schema, "properties");
}

/* ---- pages ---- */

static const CnDefinition *
compile_request(Build *build, const CnJson *source)
{
	const CnJson *config = cn_provider_expand_request(cn_provider_definition(build->provider),
													  source, true, build->label);
	CnProblems	problems;
	const CnDefinition *definition = cn_provider_compile(build->provider, config, true, &problems);

	for (int i = 0; i < problems.count; i++)
		cn_problem(build->problems, problems.list[i].path, "%s", problems.list[i].message);
	return definition;
}

static void
compile_following(Build *build)
{
	const CnJson *by = build->stream->pagination->following;

	if (by)
		build->stream->following = compile_request(build, cn_pagination_following(build->source, by));
}

/* Can a parameter be put into what the request has for a body? */
static void
check_body(Build *build)
{
	const CnPagination *pages = build->stream->pagination;
	const CnStepDef *step = build->given->definition->steps[0];

	if ((pages->in_body || (pages->size_parameter && pages->size_in_body)) &&
		step->body_kind != CN_BODY_NONE && step->body_kind != CN_BODY_JSON &&
		step->body_kind != CN_BODY_FORM)
		cn_problem(build->problems, cn_compile_child(build->path, "pagination"),
				   "its parameters are to be in the body, which is neither JSON nor a form");
}

static void
compile_pages(Build *build)
{
	build->stream->pagination =
		cn_pagination_compile(build->given->pagination, cn_compile_child(build->path, "pagination"),
							  NULL, build->problems);
	if (build->stream->pagination == NULL)
		return;
	check_body(build);
	compile_following(build);
}

/* ---- parents ---- */

static void
template_problem(void *arg, const char *json_path, const CnTemplateError *error)
{
	Build	   *build = arg;

	cn_problem(build->problems, json_path, "%s (at byte %d)", error->message, error->offset);
}

static CnStream *compile_stream(const Build *above, const char *name, int depth);

static void
compile_parent(Build *build, int depth)
{
	const CnJson *value = object_member(build->source, "parent");
	const char *path = cn_compile_child(build->path, "parent");
	const char *name = cn_json_get_string(value, "stream");
	const CnJson *input = object_member(value, "input");
	CnStream   *stream = build->stream;

	if (value == NULL)
		return;
	stream->with = object_member(value, "with");
	if (stream->with == NULL)
		stream->with = cn_json_object(NULL, 0);
	stream->with_template = cn_json_template_compile(stream->with, cn_compile_child(path, "with"),
													 template_problem, build);
	if (input)
		stream->parent_input = cn_json_template_compile(input, cn_compile_child(path, "input"),
														template_problem, build);
	if (name && depth < CN_STREAM_MAX_DEPTH)
		stream->parent = compile_stream(build, name, depth + 1);
	if (stream->parent == NULL)
		cn_problem(build->problems, path, "there is no such stream, or too many above each other");
}

/* ---- all of it ---- */

/* above: of the stream whose parent it is, or of none. */
static CnStream *
compile_stream(const Build *above, const char *name, int depth)
{
	const CnProviderStream *given = cn_provider_stream(above->provider, name);
	Build		build = *above;

	if (given == NULL)
		return NULL;
	build.given = given;
	build.source = given->source;
	build.path = cn_compile_child("$.streams", name);
	build.stream = palloc0(sizeof(CnStream));
	build.stream->provider = given->provider;
	build.stream->name = given->name;
	build.stream->definition = build.label ? compile_request(&build, given->source)
		: given->definition;
	build.stream->input_schema = given->input_schema;
	compile_fields(&build);
	compile_order(&build);
	compile_bound(&build);
	find_known_inputs(&build);
	compile_pages(&build);
	compile_parent(&build, depth);
	return build.stream;
}

const CnStream *
cn_stream_compile(const CnProvider *provider, const char *name, const char *label)
{
	CnProblems	problems = {0};
	Build		build = {.provider = provider,.label = label,.problems = &problems};
	CnStream   *stream = compile_stream(&build, name, 1);

	if (problems.count > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("stream \"%s\" of provider \"%s\" cannot be used", name,
						cn_provider_name(provider)),
				 errdetail_internal("%s", cn_problems_text(&problems)),
				 errhint("Register the provider anew; docs/providers.md describes what it may be.")));
	return stream;
}
