/*
 * definition.c -- a connector's definition, checked and compiled: the whole.
 *
 * A definition without "steps" is one step itself.  First the ids of all steps are
 * collected, so that a reference to a later step can be told from one to nothing;
 * then the steps are compiled in order, each made visible to those behind it.
 */
#include "catalog/compile.h"

#include "core/chars.h"

#define MAX_ID_LEN 63

/* Of the whole execution; connector.max_execution_time bounds it further. */
#define MIN_DEADLINE_MS 1000
#define MAX_DEADLINE_MS 3600000

#define MAX_RATE 1000000

/* Keys of any definition, beside those of a step. */
static const char *const definition_keys[] = {
	"type", "name", "description", "credential", "deadline_ms", "deadlineMs", "rateLimiting",
	"rate_limiting", "result", NULL
};

/* Keys of a definition of several steps. */
static const char *const multi_keys[] = {
	"steps", "timeout_ms", "timeoutMs", "retries", "max_retries", "maxRetries",
	"continue_on_error", "continueOnError", "error_rules", "errorRules", NULL
};

static const char *const group_keys[] = {
	"id", "name", "description", "type", "steps", "condition", "continue_on_error",
	"continueOnError", NULL
};

/* What a reference may begin with, beside the ids of steps. */
static const char *const reserved_ids[] = {
	"input", "workspace", "execution", "now", "steps", "output", "result", "cursor", "error",
	"item", NULL
};

/* ---- ids ---- */

static bool
is_group(const CnJson *config)
{
	const char *type = cn_json_get_string(config, "type");

	return (type && strcmp(type, "parallel") == 0) || cn_json_get(config, "steps") != NULL;
}

static bool
is_id(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char others[] = "0123456789-";
	int			len = strlen(text);

	if (len == 0 || len > MAX_ID_LEN || strchr(letters, text[0]) == NULL)
		return false;
	for (int i = 0; i < len; i++)
		if (strchr(letters, text[i]) == NULL && strchr(others, text[i]) == NULL)
			return false;
	return true;
}

static void
check_id(CnCompiler *c, const CnJson *value, const char *path)
{
	if (value->type != CN_JSON_STRING || !is_id(value->u.text))
		cn_problem(c->problems, path,
				   "an id is a letter or '_' and up to %d letters, digits, '_' and '-'", MAX_ID_LEN - 1);
	else if (cn_compile_listed(reserved_ids, value->u.text))
		cn_problem(c->problems, path, "\"%s\" is what other references begin with", value->u.text);
}

/* Make a step of config, the number-th of its list, and note its id; without one it is called by its number. */
static CnStepDef *
new_step(CnCompiler *c, const CnJson *config, CnStepDef *group, int number, const char *path)
{
	CnDefinition *def = c->def;
	CnStepDef  *step = palloc0(sizeof(CnStepDef));
	const CnJson *id = cn_json_get(config, "id");

	step->path = step->request_path = path;
	step->group = group;
	step->index = def->all_count;
	step->credential = -1;
	step->is_group = group == NULL && def->multi && is_group(config);
	if (id)
		check_id(c, id, cn_compile_child(path, "id"));
	step->id = id && id->type == CN_JSON_STRING ? id->u.text
		: psprintf("%s_%d", group ? group->id : "step", number);
	for (int i = 0; i < c->known_count; i++)
		if (strcmp(c->known[i].id, step->id) == 0)
			cn_problem(c->problems, cn_compile_child(path, "id"),
					   "there is another step \"%s\"", step->id);
	c->known[c->known_count++].id = step->id;
	def->all[def->all_count++] = step;
	return step;
}

/* The list under "steps", or NULL and a problem. */
static const CnJson *
step_list(CnCompiler *c, const CnJson *config, const char *path)
{
	const CnJson *list = cn_json_get(config, "steps");
	char	   *where = cn_compile_child(path, "steps");

	if (list == NULL)
		cn_problem(c->problems, where, "the list of steps is missing");
	else if (list->type != CN_JSON_ARRAY)
		cn_problem(c->problems, where, "expected a list, found %s", cn_json_type_name(list->type));
	else if (list->len == 0)
		cn_problem(c->problems, where, "there is no step in it");
	else if (cn_compile_count(c, list, where))
		return list;
	return NULL;
}

/* ---- steps ---- */

static void
set_visible(CnCompiler *c, const CnStepDef *step)
{
	c->known[step->index].visible = true;
	for (int i = 0; i < step->step_count; i++)
		c->known[step->steps[i]->index].visible = true;
}

static void
compile_request_or_use(CnCompiler *c, const CnJson *config)
{
	if (cn_compile_is_use(config))
		cn_compile_use_step(c, config);
	else
		cn_compile_request_step(c, config);
}

static void
compile_one(CnCompiler *c, CnStepDef *step, const CnJson *config)
{
	c->step = step;
	if (config->type != CN_JSON_OBJECT)
		return;					/* reported with its id */
	if (step->is_group)
	{
		cn_compile_keys(c, config, step->path, group_keys, NULL);
		cn_compile_step_flow(c, config);
		return;
	}
	cn_compile_own_keys(c, config, step->path, NULL);
	compile_request_or_use(c, config);
}

static void
check_step_type(CnCompiler *c, const CnStepDef *step, const CnJson *config)
{
	static const char *const types[] = {"request", "http", "single", "single-step", NULL};
	const CnJson *type = cn_json_get(config, "type");

	if (config->type != CN_JSON_OBJECT)
		cn_problem(c->problems, step->path, "expected an object, found %s",
				   cn_json_type_name(config->type));
	else if (step->group && is_group(config))
		cn_problem(c->problems, step->path, "a group cannot be in a group");
	else if (!step->is_group && type &&
			 (type->type != CN_JSON_STRING || !cn_compile_listed(types, type->u.text)))
		cn_problem(c->problems, cn_compile_child(step->path, "type"),
				   "a step is a \"request\" or \"parallel\"");
}

/* Make the steps of a list, and those in their groups; all ids are known afterwards. */
static CnStepDef **
collect_steps(CnCompiler *c, const CnJson *list, CnStepDef *group, const char *path)
{
	CnStepDef **steps = palloc(sizeof(CnStepDef *) * (list->len + 1));

	for (int i = 0; i < list->len; i++)
	{
		const CnJson *config = list->u.items[i];
		CnStepDef  *step = new_step(c, config, group, i + 1,
								   psprintf("%s.steps[%d]", path, i));
		const CnJson *inner;

		steps[i] = step;
		check_step_type(c, step, config);
		if (step->is_group && (inner = step_list(c, config, step->path)) != NULL)
		{
			step->steps = collect_steps(c, inner, step, step->path);
			step->step_count = inner->len;
		}
	}
	return steps;
}

static int
count_steps(const CnJson *list)
{
	int			count = list->len;

	for (int i = 0; i < list->len; i++)
	{
		const CnJson *inner = cn_json_get(list->u.items[i], "steps");

		if (inner && inner->type == CN_JSON_ARRAY)
			count += inner->len;
	}
	return count;
}

static void
check_counts(CnCompiler *c)
{
	CnDefinition *def = c->def;
	int			requests = 0;

	for (int i = 0; i < def->all_count; i++)
	{
		const CnStepDef *step = def->all[i];

		requests += !step->is_group;
		if (c->limits.max_parallel > 0 && step->step_count > c->limits.max_parallel)
			cn_problem(c->problems, cn_compile_child(step->path, "steps"),
					   "%d steps at the same time, more than connector.max_parallel_steps allows (%d)",
					   step->step_count, c->limits.max_parallel);
	}
	if (c->limits.max_steps > 0 && requests > c->limits.max_steps)
		cn_problem(c->problems, "$.steps", "%d steps, more than connector.max_steps allows (%d)",
				   requests, c->limits.max_steps);
}

static void
compile_steps(CnCompiler *c, const CnJson *config)
{
	CnDefinition *def = c->def;
	const CnJson *list = step_list(c, config, "$");
	int			count;

	if (list == NULL)
		return;
	count = count_steps(list);
	def->all = palloc(sizeof(CnStepDef *) * (count + 1));
	c->known = palloc0(sizeof(CnKnownStep) * (count + 1));
	def->steps = collect_steps(c, list, NULL, "$");
	def->step_count = list->len;
	check_counts(c);
	for (int i = 0; i < list->len; i++)
	{
		const CnJson *inner = cn_json_get(list->u.items[i], "steps");
		CnStepDef  *step = def->steps[i];

		compile_one(c, step, list->u.items[i]);
		for (int j = 0; j < step->step_count; j++)
			compile_one(c, step->steps[j], inner->u.items[j]);
		set_visible(c, step);
	}
	c->step = NULL;
}

/* The definition is its only step. */
static void
compile_single(CnCompiler *c, const CnJson *config)
{
	CnDefinition *def = c->def;

	def->all = palloc(sizeof(CnStepDef *));
	def->steps = def->all;
	def->step_count = 1;
	c->known = palloc0(sizeof(CnKnownStep));
	c->step = new_step(c, config, NULL, 1, "$");
	compile_request_or_use(c, config);
	set_visible(c, c->step);
	c->step = NULL;
}

/* ---- the definition's own ---- */

static void
check_type(CnCompiler *c, const CnJson *config)
{
	static const char *const single[] = {"single", "single-step", NULL};
	static const char *const multi[] = {"multi", "multi-step", NULL};
	const CnJson *type = cn_json_get(config, "type");
	const char *name = cn_json_get_string(config, "type");

	c->def->multi = cn_json_get(config, "steps") != NULL || (name && cn_compile_listed(multi, name));
	if (type == NULL)
		return;
	if (name == NULL || (!cn_compile_listed(single, name) && !cn_compile_listed(multi, name)))
		cn_problem(c->problems, "$.type", "the type is single or multi-step");
	else if (c->def->multi && cn_compile_listed(single, name))
		cn_problem(c->problems, "$.type", "a connector with steps is of type multi-step");
}

static void
compile_rate_limiting(CnCompiler *c, const CnJson *value, const char *path)
{
	static const char *const keys[] = {
		"enabled", "maxRequestsPerMinute", "max_requests_per_minute", "maxRequestsPerHour",
		"max_requests_per_hour", "strategy", NULL
	};
	CnRateLimiting *limiting = &c->def->rate_limiting;
	const CnJson *strategy = cn_json_get(value, "strategy");
	const CnJson *member;
	const char *where;
	int			enabled = true;

	if (value->type != CN_JSON_OBJECT)
	{
		cn_problem(c->problems, path, "expected an object, found %s", cn_json_type_name(value->type));
		return;
	}
	cn_compile_keys(c, value, path, keys, NULL);
	if ((member = cn_json_get(value, "enabled")) != NULL)
		cn_compile_bool(c, member, cn_compile_child(path, "enabled"), &enabled);
	if ((member = cn_compile_either(value, path, "maxRequestsPerMinute", "max_requests_per_minute",
									&where)) != NULL)
		cn_compile_int(c, member, where, 1, MAX_RATE, &limiting->per_minute);
	if ((member = cn_compile_either(value, path, "maxRequestsPerHour", "max_requests_per_hour",
									&where)) != NULL)
		cn_compile_int(c, member, where, 1, MAX_RATE, &limiting->per_hour);
	limiting->enabled = enabled;
	limiting->wait = strategy == NULL ||
		(strategy->type == CN_JSON_STRING && strcmp(strategy->u.text, "queue") == 0);
	if (!limiting->wait && (strategy->type != CN_JSON_STRING || strcmp(strategy->u.text, "fail") != 0))
		cn_problem(c->problems, cn_compile_child(path, "strategy"), "it is neither queue nor fail");
}

/* What holds for the whole execution, and what its steps inherit. */
static void
compile_own(CnCompiler *c, const CnJson *config)
{
	const CnJson *value;
	const char *path;

	if ((value = cn_compile_either(config, "$", "deadline_ms", "deadlineMs", &path)) != NULL)
		cn_compile_int(c, value, path, MIN_DEADLINE_MS, MAX_DEADLINE_MS, &c->def->deadline_ms);
	if ((value = cn_compile_either(config, "$", "rateLimiting", "rate_limiting", &path)) != NULL)
		compile_rate_limiting(c, value, path);
	if (!c->def->multi)
		return;					/* the rest is its step's */
	if ((value = cn_json_get(config, "credential")) != NULL)
		c->credential = cn_compile_credential(c, value, "$.credential");
	cn_compile_limits(c, config, "$", &c->timeout_ms, &c->retries, &c->continue_on_error);
	if ((value = cn_compile_either(config, "$", "error_rules", "errorRules", &path)) != NULL)
		cn_compile_rules(c, value, path, &c->rules, &c->rule_count);
}

/* Compile config by a compiler that knows what is allowed. */
static CnDefinition *
compile_definition(CnCompiler *c, const CnJson *config)
{
	const CnJson *result;

	memset(c->problems, 0, sizeof(*c->problems));
	c->credential = -1;
	c->retries = -1;
	c->continue_on_error = -1;
	c->def = palloc0(sizeof(CnDefinition));
	if (config->type != CN_JSON_OBJECT)
	{
		cn_problem(c->problems, "$", "expected an object, found %s", cn_json_type_name(config->type));
		return NULL;
	}
	check_type(c, config);
	if (cn_json_get(config, "steps"))
		cn_compile_keys(c, config, "$", definition_keys, multi_keys);
	else
		cn_compile_own_keys(c, config, "$", definition_keys);
	compile_own(c, config);
	if (c->def->multi)
		compile_steps(c, config);
	else
		compile_single(c, config);
	if ((result = cn_json_get(config, "result")) != NULL)
		c->def->result = cn_compile_json(c, result, "$.result");
	return c->problems->count == 0 ? c->def : NULL;
}

CnDefinition *
cn_definition_compile(const CnJson *config, const CnCompileOptions *options, CnProblems *problems)
{
	CnCompiler	c = {.problems = problems};

	if (options)
	{
		c.check_path = options->check_path;
		c.actions = options->actions;
		c.paged = options->is_stream;
	}
	if (options && options->limits)
		c.limits = *options->limits;
	return compile_definition(&c, config);
}

CnDefinition *
cn_definition_compile_provided(const CnJson *config, bool is_stream, CnPathCheck check_path,
							   CnProblems *problems)
{
	CnCompileOptions options = {.check_path = check_path,.is_stream = is_stream};

	return cn_definition_compile(config, &options, problems);
}

const char *
cn_definition_service(const CnDefinition *definition, const CnStepDef *step)
{
	return step->credential >= 0 ? definition->credentials[step->credential].service : step->host;
}

const CnStepDef *
cn_definition_step(const CnDefinition *definition, const char *id)
{
	for (int i = 0; i < definition->all_count; i++)
		if (strcmp(definition->all[i]->id, id) == 0)
			return definition->all[i];
	return NULL;
}
