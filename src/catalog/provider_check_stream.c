/*
 * provider_check_stream.c -- streams and triggers of a provider: pages, parents, what is incremental.
 */
#include "catalog/provider_checker.h"

#include "catalog/compile.h"
#include "catalog/pagination.h"
#include "catalog/provider_expand.h"

static const CnJson *
find_stream(const CnProviderChecker *c, const char *name)
{
	return cn_json_get(cn_provider_object(c->provider, "streams"), name);
}

/* A member that is a path, if it is there. */
static void
check_path(CnProviderChecker *c, const CnJson *object, const char *key, const char *path)
{
	const char *text = cn_json_get_string(object, key);
	const char *wrong = text && c->rules->check_path ? c->rules->check_path(cn_path_text(text)) : NULL;

	if (wrong)
		cn_provider_say(c, cn_compile_child(path, key), "%s", wrong);
}

/* An input that something outside of the templates sets. */
static void
check_input_name(CnProviderChecker *c, const CnJson *stream, const char *name, const char *path)
{
	if (name && !cn_provider_declares(stream, name, strlen(name)))
		cn_provider_say(c, path, "the input_schema has no property \"%s\"", name);
}

/* ---- pagination ---- */

/* The request for pages behind the first, unless the stream's own has problems, which it shares. */
static void
check_following(CnProviderChecker *c, const CnJson *stream, const CnJson *following,
				const char *path)
{
	const CnJson *with = cn_json_get(cn_json_get(stream, "parent"), "with");

	if (following && c->problems->count == c->first)
		cn_provider_check_request(c, cn_pagination_following(stream, following),
								  cn_compile_child(path, "following"), true, with);
}

/* What comes behind the last record is only what is later if the stream is in order. */
static void
check_reset(CnProviderChecker *c, const CnJson *stream, const char *path)
{
	const char *order = cn_json_get_string(stream, "order");

	if (cn_json_get_string(stream, "cursor_field") == NULL)
		cn_provider_say(c, path, "the stream has no \"cursor_field\" to go on from");
	else if (order == NULL || strcmp(order, "ascending") != 0)
		cn_provider_say(c, path, "the \"order\" of the stream is not \"ascending\"");
}

static void
check_pagination(CnProviderChecker *c, const CnJson *stream, const char *stream_path)
{
	const CnJson *value = cn_provider_expand_pagination(c->provider, stream);
	const char *path = cn_json_get(stream, "pagination")
		? cn_compile_child(stream_path, "pagination") : "$.pagination";
	CnProblems	problems = {NULL, 0};
	const CnPagination *pages = cn_pagination_compile(value, path, c->rules->check_path, &problems);

	for (int i = 0; i < problems.count; i++)
		cn_provider_say(c, problems.list[i].path, "%s", problems.list[i].message);
	if (pages == NULL)
		return;
	check_following(c, stream, pages->following, path);
	if (pages->reset_after > 0)
		check_reset(c, stream, cn_compile_child(path, "reset"));
	check_input_name(c, stream, pages->reset_input,
					 cn_compile_child(cn_compile_child(path, "reset"), "input"));
}

/* ---- parents ---- */

static const char *
parent_name(const CnJson *stream)
{
	return cn_json_get_string(cn_json_get(stream, "parent"), "stream");
}

/* Does the line of parents of stream lead back to name? */
static bool
is_own_ancestor(const CnProviderChecker *c, const CnJson *stream, const char *name)
{
	int			left = cn_provider_object(c->provider, "streams")->len;

	for (const char *parent = parent_name(stream); parent && left-- > 0;
		 parent = parent_name(find_stream(c, parent)))
		if (strcmp(parent, name) == 0)
			return true;
	return false;
}

/* A value for the child's input: a template over parent, and what the caller gave. */
static void
check_parent_roots(void *arg, const char *path, const char *root)
{
	static const char *const roots[] = {"parent", "input", "now", NULL};
	const char **wrong = arg;

	if (!cn_compile_listed(roots, root))
		*wrong = path;
}

static void
check_parent_expr(void *arg, const char *json_path, const CnExpr *expr, int offset)
{
	CnProviderChecker *c = arg;
	const char *wrong = NULL;

	cn_expr_each_path(expr, check_parent_roots, &wrong);
	if (wrong)
		cn_provider_say(c, json_path, "\"%s\" refers to nothing: a reference begins with parent, input or now",
						pstrdup(wrong));
}

static void
note_template_problem(void *arg, const char *json_path, const CnTemplateError *error)
{
	cn_provider_say(arg, json_path, "%s (at byte %d)", error->message, error->offset);
}

static void
check_with(CnProviderChecker *c, const CnJson *stream, const CnJson *with, const char *path)
{
	CnJsonTemplate *tmpl = cn_json_template_compile(with, path, note_template_problem, c);

	if (tmpl)
		cn_json_template_each_expr(tmpl, check_parent_expr, c);
	for (int i = 0; i < with->len; i++)
		check_input_name(c, stream, with->u.members[i].key,
						 cn_compile_child(path, with->u.members[i].key));
}

static void
check_parent(CnProviderChecker *c, const CnJson *stream, const char *name, const char *stream_path)
{
	const CnJson *parent = cn_json_get(stream, "parent");
	const char *of = parent_name(stream);
	const char *path = cn_compile_child(stream_path, "parent");
	const CnJson *with = cn_json_get(parent, "with");

	if (of == NULL)
		return;
	if (find_stream(c, of) == NULL)
		cn_provider_say(c, cn_compile_child(path, "stream"), "there is no stream \"%s\"", of);
	else if (is_own_ancestor(c, stream, name))
		cn_provider_say(c, cn_compile_child(path, "stream"), "the stream is its own parent in the end");
	if (with && with->type == CN_JSON_OBJECT)
		check_with(c, stream, with, cn_compile_child(path, "with"));
}

/* ---- all of a stream ---- */

/* Where the next bound comes from, and whether it is one of pages. */
static void
check_bound(CnProviderChecker *c, const CnJson *stream, const CnJson *incremental, const char *path)
{
	const CnJson *resume = cn_json_get(incremental, "resume");
	const CnJson *pages = cn_provider_expand_pagination(c->provider, stream);

	if (cn_json_get(incremental, "reply") == NULL)
	{
		if (cn_json_get_string(stream, "cursor_field") == NULL)
			cn_provider_say(c, path, "the stream has no \"cursor_field\" to go on from");
	}
	else if (parent_name(stream))
		cn_provider_say(c, cn_compile_child(path, "reply"), "of each parent's record there is another reply");
	if (resume && resume->type == CN_JSON_BOOL && resume->boolean && !cn_json_get(pages, "cursor"))
		cn_provider_say(c, cn_compile_child(path, "resume"), "the pagination has no \"cursor\" in its replies");
}

static void
check_incremental(CnProviderChecker *c, const CnJson *stream, const char *stream_path)
{
	const CnJson *incremental = cn_json_get(stream, "incremental");
	const char *path = cn_compile_child(stream_path, "incremental");

	if (incremental == NULL || incremental->type != CN_JSON_OBJECT)
		return;
	check_path(c, incremental, "reply", path);
	check_bound(c, stream, incremental, path);
	check_input_name(c, stream, cn_json_get_string(incremental, "input"),
					 cn_compile_child(path, "input"));
}

void
cn_provider_check_stream(CnProviderChecker *c, const CnJson *stream, const char *name,
						 const char *path)
{
	const CnJson *with = cn_json_get(cn_json_get(stream, "parent"), "with");

	cn_provider_check_request(c, stream, path, true, with);
	check_path(c, stream, "records", path);
	check_path(c, stream, "cursor_field", path);
	check_pagination(c, stream, path);
	check_parent(c, stream, name, path);
	check_incremental(c, stream, path);
}

/* ---- triggers ---- */

static void
check_field(CnProviderChecker *c, const CnJson *value, const char *path)
{
	const char *wrong = value && value->type == CN_JSON_STRING && c->rules->check_path
		? c->rules->check_path(cn_path_text(value->u.text)) : NULL;

	if (wrong)
		cn_provider_say(c, path, "%s", wrong);
}

static void
check_fields(CnProviderChecker *c, const CnJson *trigger, const char *path)
{
	const CnJson *dedupe = cn_json_get(trigger, "dedupe");

	check_field(c, cn_json_get(trigger, "created_field"), cn_compile_child(path, "created_field"));
	check_field(c, cn_json_get(trigger, "filter"), cn_compile_child(path, "filter"));
	for (int i = 0; dedupe && dedupe->type == CN_JSON_ARRAY && i < dedupe->len; i++)
		check_field(c, dedupe->u.items[i], psprintf("%s.dedupe[%d]", path, i));
}

static void
check_poll(CnProviderChecker *c, const CnJson *trigger, const char *path)
{
	const char *name = cn_json_get_string(trigger, "stream");
	const CnJson *stream = name ? find_stream(c, name) : NULL;
	const char *event = cn_json_get_string(trigger, "event");

	check_fields(c, trigger, path);
	if (name && stream == NULL)
		cn_provider_say(c, cn_compile_child(path, "stream"), "there is no stream \"%s\"", name);
	if (stream == NULL)
		return;
	if (cn_json_get(trigger, "dedupe") == NULL && cn_json_get(stream, "primary_key") == NULL)
		cn_provider_say(c, path, "there is no \"dedupe\", and its stream has no \"primary_key\"");
	if (event && strcmp(event, "updated") == 0 && cn_json_get_string(stream, "cursor_field") == NULL)
		cn_provider_say(c, cn_compile_child(path, "event"), "its stream has no \"cursor_field\" to tell an update by");
}

/* Events of a webhook trigger are among those of the webhook, if it lists them. */
static void
check_events(CnProviderChecker *c, const CnJson *trigger, const char *path)
{
	const CnJson *known = cn_json_get(cn_json_get(c->provider, "webhook"), "events");
	const CnJson *events = cn_json_get(trigger, "events");

	if (known == NULL || known->type != CN_JSON_ARRAY || events == NULL ||
		events->type != CN_JSON_ARRAY)
		return;
	for (int i = 0; i < events->len; i++)
	{
		bool		found = false;

		for (int j = 0; j < known->len; j++)
			found = found || cn_json_equal(events->u.items[i], known->u.items[j]);
		if (!found)
			cn_provider_say(c, psprintf("%s.events[%d]", path, i), "it is none of the webhook's events");
	}
}

void
cn_provider_check_trigger(CnProviderChecker *c, const CnJson *trigger, const char *path)
{
	const char *type = cn_json_get_string(trigger, "type");

	if (type && strcmp(type, "poll") == 0)
		check_poll(c, trigger, path);
	if (type && strcmp(type, "webhook") == 0)
		check_events(c, trigger, path);
}
