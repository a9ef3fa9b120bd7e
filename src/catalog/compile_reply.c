/*
 * compile_reply.c -- what a step takes from a reply, and which replies are errors.
 */
#include "catalog/compile.h"

/* ---- output ---- */

static void
compile_output(CnCompiler *c, const char *key, const CnJson *value, const char *path)
{
	CnOutputDef *output = &c->step->outputs[c->step->output_count++];

	if (value->type != CN_JSON_STRING)
	{
		cn_problem(c->problems, path, "expected a path, found %s", cn_json_type_name(value->type));
		return;
	}
	output->key = key;
	cn_compile_path(c, value->u.text, path, &output->path);
}

void
cn_compile_outputs(CnCompiler *c, const CnJson *value)
{
	CnStepDef  *step = c->step;
	char	   *path = cn_compile_child(step->path, "output");

	step->has_output = true;
	if (value->type == CN_JSON_STRING)
	{
		step->outputs = palloc0(sizeof(CnOutputDef));
		compile_output(c, NULL, value, path);
	}
	else if (value->type == CN_JSON_OBJECT && cn_compile_count(c, value, path))
	{
		step->outputs = palloc0(sizeof(CnOutputDef) * (value->len + 1));
		for (int i = 0; i < value->len; i++)
			compile_output(c, value->u.members[i].key, value->u.members[i].value,
						   cn_compile_child(path, value->u.members[i].key));
	}
	else if (value->type != CN_JSON_OBJECT)
		cn_problem(c->problems, path, "expected a path or an object of paths, found %s",
				   cn_json_type_name(value->type));
}

void
cn_compile_reply_kind(CnCompiler *c, const CnJson *value)
{
	static const char *const names[] = {"auto", "json", "text", "binary", "none"};

	for (int i = 0; value->type == CN_JSON_STRING && i < lengthof(names); i++)
	{
		if (strcmp(names[i], value->u.text) == 0)
		{
			c->step->reply_kind = (CnReplyKind) i;
			return;
		}
	}
	cn_problem(c->problems, cn_compile_child(c->step->path, "response"),
			   "it is none of auto, json, text, binary and none");
}

/* ---- error rules ---- */

/* 429, "429", "4xx" or "500-599". */
static bool
read_status(const CnJson *value, CnStatusRange *range)
{
	int			end = 0;

	if (value->type == CN_JSON_NUMBER)
	{
		double		status = strtod(value->u.text, NULL);

		range->first = range->last = status >= 100 && status <= 599 ? (int) status : 0;
		return range->first == status;
	}
	if (value->type != CN_JSON_STRING)
		return false;
	if (value->len == 3 && value->u.text[0] >= '1' && value->u.text[0] <= '5' &&
		pg_strcasecmp(value->u.text + 1, "xx") == 0)
	{
		range->first = (value->u.text[0] - '0') * 100;
		range->last = range->first + 99;
		return true;
	}
	if (value->len == 3 && sscanf(value->u.text, "%3d%n", &range->first, &end) == 1 && end == 3)
		range->last = range->first;
	else if (value->len != 7 ||
			 sscanf(value->u.text, "%3d-%3d%n", &range->first, &range->last, &end) != 2 || end != 7)
		return false;
	return range->first >= 100 && range->last <= 599 && range->first <= range->last;
}

static void
compile_statuses(CnCompiler *c, const CnJson *value, const char *path, CnErrorRule *rule)
{
	int			count = value->type == CN_JSON_ARRAY ? value->len : 1;

	if (value->type == CN_JSON_ARRAY && !cn_compile_count(c, value, path))
		return;
	rule->statuses = palloc0(sizeof(CnStatusRange) * (count + 1));
	rule->status_count = count;
	for (int i = 0; i < count; i++)
	{
		const CnJson *item = value->type == CN_JSON_ARRAY ? value->u.items[i] : value;

		if (!read_status(item, &rule->statuses[i]))
			cn_problem(c->problems, value->type == CN_JSON_ARRAY ? psprintf("%s[%d]", path, i) : path,
					   "expected an HTTP status such as 429, \"5xx\" or \"500-599\"");
	}
}

/* The member if it is a string that is not empty, else NULL; another type is a problem. */
static const char *
string_member(CnCompiler *c, const CnJson *item, const char *key, const char *path)
{
	const CnJson *value = cn_json_get(item, key);

	if (value == NULL)
		return NULL;
	if (value->type == CN_JSON_STRING && value->len > 0)
		return value->u.text;
	cn_problem(c->problems, cn_compile_child(path, key), "expected a text");
	return NULL;
}

static void
compile_rule(CnCompiler *c, const CnJson *item, const char *path, CnErrorRule *rule)
{
	static const char *const keys[] = {
		"status", "path", "equals", "contains", "code", "action", "message", NULL
	};
	const CnJson *status = cn_json_get(item, "status");
	const char *text;

	if (item->type != CN_JSON_OBJECT)
	{
		cn_problem(c->problems, path, "expected an object, found %s", cn_json_type_name(item->type));
		return;
	}
	cn_compile_keys(c, item, path, keys, NULL);
	if (status)
		compile_statuses(c, status, cn_compile_child(path, "status"), rule);
	if ((text = string_member(c, item, "path", path)) != NULL)
		cn_compile_path(c, text, cn_compile_child(path, "path"), &rule->path);
	rule->equals = cn_json_get(item, "equals");
	rule->contains = string_member(c, item, "contains", path);
	rule->message = string_member(c, item, "message", path);

	if ((text = string_member(c, item, "code", path)) != NULL &&
		(rule->code = cn_code_by_name(text)) == CN_OK)
		cn_problem(c->problems, cn_compile_child(path, "code"),
				   "\"%s\" is none of the codes in docs/errors.md", text);
	if ((text = string_member(c, item, "action", path)) != NULL &&
		!cn_action_parse(text, &rule->action))
		cn_problem(c->problems, cn_compile_child(path, "action"),
				   "\"%s\" is none of fail, retry, ignore, rate_limited, refresh_token_then_retry and reset_pagination",
				   text);
	if (rule->equals && rule->path.text == NULL)
		cn_problem(c->problems, path, "\"equals\" needs a \"path\"");
	if (status == NULL && rule->path.text == NULL && rule->contains == NULL)
		cn_problem(c->problems, path, "a rule has at least one of \"status\", \"path\" and \"contains\"");
	if (cn_json_get(item, "code") == NULL && cn_json_get(item, "action") == NULL &&
		cn_json_get(item, "message") == NULL)
		cn_problem(c->problems, path, "a rule has at least one of \"code\", \"action\" and \"message\"");
}

void
cn_compile_rules(CnCompiler *c, const CnJson *value, const char *path, CnErrorRule **rules,
				 int *count)
{
	if (value->type != CN_JSON_ARRAY)
	{
		cn_problem(c->problems, path, "expected a list of rules, found %s",
				   cn_json_type_name(value->type));
		return;
	}
	if (!cn_compile_count(c, value, path))
		return;
	*rules = palloc0(sizeof(CnErrorRule) * (value->len + 1));
	*count = value->len;
	for (int i = 0; i < value->len; i++)
		compile_rule(c, value->u.items[i], psprintf("%s[%d]", path, i), &(*rules)[i]);
}
