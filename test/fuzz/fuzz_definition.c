/*
 * fuzz_definition.c -- src/catalog: definitions from any bytes.
 *
 * What cannot be compiled has problems, and each has a JSON path and a message
 * that can be shown; what has none is complete.
 */
#include "catalog/definition.h"
#include "core/utf8.h"
#include "fuzz.h"
#include "shim.h"

static void
check_problems(const CnProblems *problems)
{
	for (int i = 0; i < problems->count; i++)
	{
		const CnProblem *problem = &problems->list[i];

		require(problem->path[0] == '$');
		require(problem->message[0] != '\0');
		require(cn_utf8_valid(problem->path, strlen(problem->path), NULL));
		require(cn_utf8_valid(problem->message, strlen(problem->message), NULL));
	}
}

static void
check_pairs(const CnPair *pairs, int count)
{
	for (int i = 0; i < count; i++)
	{
		require(pairs[i].name != NULL);
		require((pairs[i].fixed != NULL) != (pairs[i].value != NULL));
	}
}

/* Has the body what its kind needs, and nothing else? */
static void
check_body(const CnStepDef *d)
{
	require((d->body_json != NULL) == (d->body_kind == CN_BODY_JSON));
	require((d->body_text != NULL) == (d->body_kind == CN_BODY_TEXT || d->body_kind == CN_BODY_BINARY));
	require(d->form_count == 0 || d->body_kind == CN_BODY_FORM);
	require(d->part_count == 0 || d->body_kind == CN_BODY_MULTIPART);
	check_pairs(d->form, d->form_count);
	for (int i = 0; i < d->part_count; i++)
	{
		const CnPartDef *part = &d->parts[i];

		require(part->name != NULL);
		require((part->text != NULL) + (part->base64 != NULL) + (part->json != NULL) == 1);
	}
}

static void
check_path(const CnPath *path)
{
	require(path->text[0] != '\0');
	/* a path that is one already stays as it is */
	require(strcmp(cn_path_text(path->text), path->text) == 0);
}

static void
check_rules(const CnStepDef *d)
{
	for (int i = 0; i < d->rule_count; i++)
	{
		const CnErrorRule *rule = &d->rules[i];

		require(rule->status_count > 0 || rule->path.text || rule->contains);
		require(rule->code != CN_OK || rule->message || rule->action != CN_ACTION_DEFAULT);
		for (int j = 0; j < rule->status_count; j++)
			require(rule->statuses[j].first >= 100 && rule->statuses[j].last <= 599 &&
					rule->statuses[j].first <= rule->statuses[j].last);
		if (rule->path.text)
			check_path(&rule->path);
		require(rule->equals == NULL || rule->path.text);
	}
}

static void
check_request(const CnDefinition *whole, const CnStepDef *d)
{
	require(cn_method_name(d->method) == d->method);
	require(d->with == NULL || d->use != NULL);
	require((strcmp(d->path, d->request_path) != 0) == (d->use != NULL));
	require(d->url != NULL);
	require(d->credential >= -1 && d->credential < whole->credential_count);
	check_pairs(d->query, d->query_count);
	for (int i = 0; i < d->header_count; i++)
		require(d->headers[i].name[0] && d->headers[i].value != NULL && d->headers[i].path);
	check_body(d);
	check_rules(d);
	require(d->has_output || d->output_count == 0);
	for (int i = 0; i < d->output_count; i++)
	{
		check_path(&d->outputs[i].path);
		require(d->outputs[i].path.many == cn_path_is_many(d->outputs[i].path.text));
	}
}

static void
check_step(const CnDefinition *whole, const CnStepDef *d, int i)
{
	require(d->index == i && whole->all[i] == d);
	require(cn_definition_step(whole, d->id) == d);	/* so ids differ */
	require(d->timeout_ms == 0 || (d->timeout_ms >= 1000 && d->timeout_ms <= 60000));
	require(d->retries >= -1 && d->retries <= 5);
	require((d->condition != NULL) == (d->condition_path.text != NULL));
	if (!d->is_group)
	{
		check_request(whole, d);
		return;
	}
	require(d->step_count > 0 && d->group == NULL);
	for (int j = 0; j < d->step_count; j++)
		require(d->steps[j]->group == d && !d->steps[j]->is_group);
}

static void
check_definition(const CnDefinition *d)
{
	require(d->step_count > 0 && d->all_count >= d->step_count);
	require(d->multi || d->all_count == 1);
	for (int i = 0; i < d->credential_count; i++)
		require(d->credentials[i].service[0] && d->credentials[i].label[0]);
	for (int i = 0; i < d->all_count; i++)
		check_step(d, d->all[i], i);
}

/* An action is its name, as a definition: what is fuzzed is a provider's, too. */
static const CnUsedAction *
find_action(void *arg, const char *name, const char **problem)
{
	CnUsedAction *action = palloc0(sizeof(CnUsedAction));

	*problem = "it is no definition";
	action->name = name;
	action->config = cn_json_parse(strchr(name, '.') + 1, strlen(strchr(name, '.') + 1), NULL, NULL);
	return action->config && action->config->type == CN_JSON_OBJECT ? action : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CnJsonLimits limits = {.max_depth = 0};
	CnActionLookup actions = {find_action, NULL};
	CnCompileOptions options = {.actions = &actions};
	CnProblems	problems;
	CnDefinition *definition;
	CnJson	   *config = cn_json_parse(fuzz_copy(data, size), size, &limits, NULL);

	if (config)
	{
		definition = cn_definition_compile(config, &options, &problems);
		require((definition == NULL) == (problems.count > 0));
		check_problems(&problems);
		if (definition)
			check_definition(definition);
	}
	shim_reset();
	return 0;
}
