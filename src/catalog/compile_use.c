/*
 * compile_use.c -- a step that uses a provider's action.
 *
 *   {"id": "who", "use": "github.get_user", "with": {"username": "{{input.login}}"}}
 *
 * The action is a definition of one step, which somebody looks up for us.  What it sends, and what
 * becomes of the reply, is compiled into the step as if it stood there, but for its templates: they
 * see what "with" makes as their input, and nothing of the definition around them.  The paths of
 * their problems, and of failures later, say so: $.steps[0].use(github.get_user).url.
 */
#include "catalog/compile.h"
#include "catalog/provider_connect.h"

const char *const cn_compile_use_keys[] = {
	"id", "name", "description", "type", "use", "with", "credential", "condition", "output",
	"timeout_ms", "timeoutMs", "retries", "max_retries", "maxRetries", "continue_on_error",
	"continueOnError", NULL
};

bool
cn_compile_is_use(const CnJson *config)
{
	return cn_json_get(config, "use") != NULL || cn_json_get(config, "with") != NULL;
}

void
cn_compile_own_keys(CnCompiler *c, const CnJson *config, const char *path, const char *const *more)
{
	const char *const *keys = cn_compile_is_use(config) ? cn_compile_use_keys : cn_compile_step_keys;

	for (int i = 0; i < config->len; i++)
	{
		const char *key = config->u.members[i].key;

		if (cn_compile_listed(keys, key) || cn_compile_listed(more, key))
			continue;
		if (cn_compile_listed(cn_compile_step_keys, key))
			cn_problem(c->problems, cn_compile_child(path, key),
					   "a step that uses an action takes this from the action");
		else
			cn_problem(c->problems, cn_compile_child(path, key), "unknown key");
	}
}

/* The action that the step names; NULL and a problem if there is none. */
static const CnUsedAction *
find_action(CnCompiler *c, const CnJson *config)
{
	const CnJson *use = cn_json_get(config, "use");
	char	   *path = cn_compile_child(c->step->path, "use");
	const CnUsedAction *action;
	const char *problem = NULL;

	if (use == NULL)
		cn_problem(c->problems, path, "\"with\" is the input of an action, and none is named");
	else if (use->type != CN_JSON_STRING || strchr(use->u.text, '.') == NULL)
		cn_problem(c->problems, path, "expected \"provider.action\"");
	else if (c->actions == NULL)
		cn_problem(c->problems, path, "no provider is known here: write out method and url");
	else
	{
		action = c->actions->find(c->actions->arg, use->u.text, &problem);
		if (action == NULL)
			cn_problem(c->problems, path, "%s", problem);
		return action;
	}
	return NULL;
}

/* What the action gets as its input: an object, or a reference to one. */
static void
compile_with(CnCompiler *c, const CnJson *with)
{
	char	   *path = cn_compile_child(c->step->path, "with");

	if (with->type != CN_JSON_OBJECT && with->type != CN_JSON_STRING)
	{
		cn_problem(c->problems, path, "expected an object, or a reference to one, found %s",
				   cn_json_type_name(with->type));
		return;
	}
	c->no_secrets = true;
	c->step->with = cn_compile_json(c, with, path);
	c->no_secrets = false;
}

/*
 * Which credential it is sent with: the step's own choice, or the action's.  That of the definition
 * around it is for other services.
 */
static void
compile_use_credential(CnCompiler *c, const CnJson *own, const CnUsedAction *action)
{
	const CnJson *value = own ? own : action ? cn_json_get(action->config, "credential") : NULL;

	c->step->credential = -1;
	if (value && value->type != CN_JSON_NULL)
		c->step->credential = cn_compile_credential(c, value,
													cn_compile_child(c->step->path, "credential"));
	if (action && c->step->credential >= 0)
	{
		CnCredentialRef *ref = &c->def->credentials[c->step->credential];

		/* a credential of another service is come by in another way */
		if (action->provider &&
			strcmp(ref->service, cn_json_get_string(action->provider, "name")) == 0)
			ref->hint = cn_provider_connect_hint(action->provider, ref->label);
		ref->defaults = action->defaults;
	}
}

/* The request of the action; its path is the step's while that is done. */
static void
compile_action(CnCompiler *c, const CnUsedAction *action)
{
	CnStepDef  *step = c->step;
	const char *path = step->path;

	step->use = action->name;
	step->input_schema = action->input_schema;
	step->request_path = psprintf("%s.use(%s)", path, action->name);
	step->path = step->request_path;
	c->in_action = true;
	cn_compile_request(c, action->config);
	c->in_action = false;
	step->path = path;
}

/* Condition and limits: the step's own, then the action's, then the definition's. */
static void
compile_use_flow(CnCompiler *c, const CnJson *config, const CnUsedAction *action)
{
	int			timeout_ms = c->timeout_ms;
	int			retries = c->retries;
	int			ignored = c->continue_on_error;

	if (action)
		cn_compile_limits(c, action->config, c->step->request_path, &c->timeout_ms, &c->retries,
						  &ignored);
	cn_compile_step_flow(c, config);
	c->timeout_ms = timeout_ms;
	c->retries = retries;
}

void
cn_compile_use_step(CnCompiler *c, const CnJson *config)
{
	CnStepDef  *step = c->step;
	const CnUsedAction *action = find_action(c, config);
	const CnJson *value;

	step->request_path = step->path;
	if ((value = cn_json_get(config, "with")) != NULL)
		compile_with(c, value);
	compile_use_credential(c, cn_json_get(config, "credential"), action);
	if (action)
		compile_action(c, action);
	if ((value = cn_json_get(config, "output")) != NULL)
	{
		step->output_count = 0; /* in place of the action's */
		cn_compile_outputs(c, value);
	}
	compile_use_flow(c, config, action);
}
