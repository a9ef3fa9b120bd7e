/*
 * compile_template.c -- templates of a definition and the references in them; problems.
 */
#include "catalog/compile.h"

#include <ctype.h>

#include "core/format.h"

#include "expr/expr_pipe.h"

void
cn_problem(CnProblems *problems, const char *path, const char *fmt,...)
{
	CnProblem  *problem;
	va_list		args;

	if (problems->list == NULL)
		problems->list = palloc(sizeof(CnProblem));
	else
		problems->list = repalloc(problems->list, sizeof(CnProblem) * (problems->count + 1));
	problem = &problems->list[problems->count++];
	problem->path = pstrdup(path);
	va_start(args, fmt);
	problem->message = cn_format_args(fmt, args);
	va_end(args);
}

char *
cn_problems_text(const CnProblems *problems)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < problems->count; i++)
		appendStringInfo(&text, "%s%s: %s", i ? "\n" : "", problems->list[i].path,
						 problems->list[i].message);
	return text.data;
}

/* ---- keys and plain values ---- */

bool
cn_compile_listed(const char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

char *
cn_compile_child(const char *path, const char *key)
{
	bool		plain = key[0] != '\0' && !isdigit((unsigned char) key[0]);

	for (const char *at = key; *at; at++)
		plain = plain && (isalnum((unsigned char) *at) || *at == '_');
	return plain ? psprintf("%s.%s", path, key) : psprintf("%s.\"%s\"", path, key);
}

const CnJson *
cn_compile_either(const CnJson *object, const char *base, const char *key, const char *other,
				  const char **path)
{
	const CnJson *value = cn_json_get(object, key);

	if (value == NULL)
	{
		value = cn_json_get(object, other);
		key = other;
	}
	*path = value ? cn_compile_child(base, key) : NULL;
	return value;
}

void
cn_compile_keys(CnCompiler *c, const CnJson *object, const char *path, const char *const *keys,
				const char *const *more)
{
	for (int i = 0; i < object->len; i++)
	{
		const char *key = object->u.members[i].key;

		if (!cn_compile_listed(keys, key) && !cn_compile_listed(more, key))
			cn_problem(c->problems, cn_compile_child(path, key), "unknown key");
	}
}

bool
cn_compile_count(CnCompiler *c, const CnJson *value, const char *path)
{
	if (value->len > CN_DEFINITION_MAX_ITEMS)
	{
		cn_problem(c->problems, path, "more than %d items", CN_DEFINITION_MAX_ITEMS);
		return false;
	}
	return true;
}

void
cn_compile_int(CnCompiler *c, const CnJson *value, const char *path, int min, int max, int *result)
{
	double		number = value->type == CN_JSON_NUMBER ? strtod(value->u.text, NULL) : min - 1.0;

	if (number < min || number > max || number != (int) number)
		cn_problem(c->problems, path, "expected a whole number from %d to %d", min, max);
	else
		*result = (int) number;
}

void
cn_compile_bool(CnCompiler *c, const CnJson *value, const char *path, int *result)
{
	if (value->type != CN_JSON_BOOL)
		cn_problem(c->problems, path, "expected true or false, found %s",
				   cn_json_type_name(value->type));
	else
		*result = value->boolean;
}

void
cn_compile_check_path(CnCompiler *c, const char *path, const char *where)
{
	const char *wrong = c->check_path ? c->check_path(path) : NULL;

	if (wrong)
		cn_problem(c->problems, where, "%s", wrong);
	else if (cn_expr_pipe_variable(path, strlen(path)))
		cn_problem(c->problems, where, "a path has no variables");
}

void
cn_compile_path(CnCompiler *c, const char *written, const char *where, CnPath *path)
{
	path->text = cn_path_text(written);
	path->many = cn_path_is_many(path->text);
	cn_compile_check_path(c, path->text, where);
}

/* ---- references ---- */

/* Is the text "workspace.<one name>"? */
static bool
is_credential_field(const char *path)
{
	const char *name = path + strlen("workspace");

	return name[0] == '.' && name[1] != '\0' && strpbrk(name + 1, ".[") == NULL;
}

static void
check_credential_field(CnCompiler *c, const char *path)
{
	if (!is_credential_field(path))
		cn_problem(c->problems, c->path,
				   "\"%s\" is not workspace.<field of the credential>", path);
	else if (c->no_secrets || c->step == NULL)
		cn_problem(c->problems, c->path, "\"%s\" cannot be used here", path);
	else if (c->step->credential < 0)
		cn_problem(c->problems, c->path,
				   "\"%s\" needs a credential, and the definition names none", path);
}

static const CnKnownStep *
find_known(const CnCompiler *c, const char *id, int len)
{
	for (int i = 0; i < c->known_count; i++)
		if (strlen(c->known[i].id) == len && memcmp(c->known[i].id, id, len) == 0)
			return &c->known[i];
	return NULL;
}

/* A step that path reads: it must be over by then. */
static void
check_step(CnCompiler *c, const char *path, const CnKnownStep *known)
{
	if (known->visible)
		return;
	if (c->step && strcmp(c->step->id, known->id) == 0)
		cn_problem(c->problems, c->path, "\"%s\" refers to the step it stands in", path);
	else
		cn_problem(c->problems, c->path,
				   "\"%s\" refers to a step that is not over by then: it comes later or runs at the same time",
				   path);
}

/* steps.<id>.status and its like. */
static void
check_step_report(CnCompiler *c, const char *path)
{
	static const char *const fields[] = {"status", "http_status", "error_code", NULL};
	const char *id = path + strlen("steps");
	int			len = id[0] == '.' ? strcspn(++id, ".[") : 0;
	const CnKnownStep *known = find_known(c, id, len);

	if (known == NULL)
		cn_problem(c->problems, c->path, "\"%s\" refers to no step: expected steps.<id>.status", path);
	else if (id[len] != '.' || !cn_compile_listed(fields, id + len + 1))
		cn_problem(c->problems, c->path,
				   "\"%s\" refers to nothing: a step has status, http_status and error_code", path);
	else
		check_step(c, path, known);
}

static void
check_path_root(void *arg, const char *path, const char *root)
{
	CnCompiler *c = arg;
	const CnKnownStep *known;

	if (strcmp(root, "input") == 0)
		return;
	if (c->paged && (strcmp(root, "page") == 0 || strcmp(root, "parent") == 0))
		return;
	if (strcmp(root, "workspace") == 0)
		check_credential_field(c, path);
	else if (strcmp(root, "steps") == 0 && !c->in_action)
		check_step_report(c, path);
	else if (strcmp(root, "execution") == 0)
	{
		if (strcmp(path, "execution.id") != 0)
			cn_problem(c->problems, c->path, "\"%s\" refers to nothing: execution has only id", path);
	}
	else if (strcmp(root, "now") == 0)
	{
		if (strcmp(path, "now") != 0)
			cn_problem(c->problems, c->path, "\"%s\" refers to nothing: now has no members", path);
	}
	else if (c->in_action)
		cn_problem(c->problems, c->path,
				   "\"%s\" refers to nothing: in an action a reference begins with input, workspace, execution or now",
				   path);
	else if ((known = find_known(c, root, strlen(root))) != NULL)
		check_step(c, path, known);
	else
		cn_problem(c->problems, c->path,
				   "\"%s\" refers to nothing: a reference begins with input, workspace, execution%s",
				   path, c->def->multi ? ", now, steps or the id of an earlier step" : " or now");
}

static void
refuse_workspace_argument(void *arg, const char *path, const char *root)
{
	CnCompiler *c = arg;

	if (strcmp(root, "workspace") == 0)
		cn_problem(c->problems, c->path, "\"%s\" cannot be the argument of a filter", path);
}

/*
 * A secret stands in for itself until the request is sealed, so no filter may
 * look at it: what it would change is not the secret.
 */
static void
check_expr(void *arg, const CnExpr *expr, int offset)
{
	CnCompiler *c = arg;
	bool		secret = strcmp(cn_expr_root(expr), "workspace") == 0;

	cn_expr_each_path(expr, check_path_root, c);
	if (secret && cn_expr_filter_count(expr) > 0)
		cn_problem(c->problems, c->path, "\"%s\" takes no filter", cn_expr_path(expr));
	else if (!secret)
		cn_expr_each_path(expr, refuse_workspace_argument, c);
}

void
cn_compile_check_expr(CnCompiler *c, const CnExpr *expr, const char *path)
{
	c->path = path;
	c->no_secrets = true;
	check_expr(c, expr, 0);
	c->no_secrets = false;
}

static void
check_json_expr(void *arg, const char *json_path, const CnExpr *expr, int offset)
{
	CnCompiler *c = arg;

	c->path = json_path;
	check_expr(c, expr, offset);
}

/* ---- templates ---- */

CnTemplate *
cn_compile_text(CnCompiler *c, const char *text, int len, CnPlace place, const char *path,
				bool no_secrets)
{
	CnTemplateError error;
	CnTemplate *tmpl = cn_template_parse(text, len, place, &error);

	if (tmpl == NULL)
	{
		cn_problem(c->problems, path, "%s (at byte %d)", error.message, error.offset);
		return NULL;
	}
	c->path = path;
	c->no_secrets = no_secrets;
	cn_template_each_expr(tmpl, check_expr, c);
	c->no_secrets = false;
	return tmpl;
}

static void
template_problem(void *arg, const char *json_path, const CnTemplateError *error)
{
	CnCompiler *c = arg;

	cn_problem(c->problems, json_path, "%s (at byte %d)", error->message, error->offset);
}

CnJsonTemplate *
cn_compile_json(CnCompiler *c, const CnJson *value, const char *path)
{
	CnJsonTemplate *tmpl = cn_json_template_compile(value, path, template_problem, c);

	if (tmpl)
		cn_json_template_each_expr(tmpl, check_json_expr, c);
	return tmpl;
}

CnTemplate *
cn_compile_member(CnCompiler *c, const CnJson *object, const char *key, const char *path,
				  bool no_secrets)
{
	const CnJson *value = cn_json_get(object, key);
	char	   *where = cn_compile_child(path, key);

	if (value == NULL)
		return NULL;
	if (value->type != CN_JSON_STRING)
	{
		cn_problem(c->problems, where, "expected a string, found %s",
				   cn_json_type_name(value->type));
		return NULL;
	}
	return cn_compile_text(c, value->u.text, value->len, CN_PLACE_TEXT, where, no_secrets);
}
