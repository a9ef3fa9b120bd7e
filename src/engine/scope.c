/*
 * scope.c -- what templates and conditions of an execution read.
 *
 * Values are made when they are first read and kept with the execution: most
 * executions look at few of them.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "catalog/pick.h"
#include "core/jsonb.h"
#include "core/uuid.h"
#include "engine/internal.h"
#include "engine/settings.h"

/* ---- roots ---- */

static CnJsonMember *
set_member(CnJsonMember *member, const char *key, const CnJson *value)
{
	member->key = key;
	member->key_len = strlen(key);
	member->value = unconstify(CnJson *, value);
	return member + 1;
}

static const CnJson *
self_value(const CnExecution *execution)
{
	CnJsonMember *member = palloc(sizeof(CnJsonMember));
	char		id[CN_UUID_TEXT_LEN + 1];

	set_member(member, "id", cn_json_string(cn_uuid_text(&execution->id, id), -1));
	return cn_json_object(member, 1);
}

/* RFC 3339, UTC, microseconds. */
static const CnJson *
now_value(TimestampTz at)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		elog(ERROR, "timestamp out of range");
	return cn_json_string(psprintf("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year, tm.tm_mon,
								   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int) fsec), -1);
}

static CnStep *
step_of(CnExecution *execution, const CnStepDef *def)
{
	return &execution->steps[def->index];
}

/* A group's output is its steps' by id. */
const CnJson *
cn_step_output(CnStep *step)
{
	const CnStepDef *def = step->def;
	CnJsonMember *members;
	int			count = 0;

	if (step->output || step->state != CN_STEP_OVER)
		return step->output;
	if (!def->is_group)
	{
		if (step->record.output)
			step->output = cn_json_from_jsonb(step->record.output);
		return step->output;
	}
	if (step->record.status != CN_STEP_SUCCESS)
		return NULL;
	members = palloc(sizeof(CnJsonMember) * (def->step_count + 1));
	for (int i = 0; i < def->step_count; i++)
	{
		const CnJson *output = cn_step_output(step_of(step->execution, def->steps[i]));

		if (output)
			set_member(&members[count++], def->steps[i]->id, output);
	}
	step->output = cn_json_object(members, count);
	return step->output;
}

/* {"status", "http_status", "error_code"} of a step that is over. */
static const CnJson *
report_of(CnStep *step)
{
	const CnStepRecord *record = &step->record;
	CnJsonMember *members;
	CnJsonMember *next;

	if (step->report || step->state != CN_STEP_OVER)
		return step->report;
	next = members = palloc(sizeof(CnJsonMember) * 3);
	next = set_member(next, "status", cn_json_string(cn_step_status_name(record), -1));
	next = set_member(next, "http_status",
					  record->http_status ? cn_json_int(record->http_status) : cn_json_null());
	next = set_member(next, "error_code", record->status == CN_STEP_FAILED
					  ? cn_json_string(cn_code_info(record->failure.code)->name, -1)
					  : cn_json_null());
	step->report = cn_json_object(members, next - members);
	return step->report;
}

/* {"<id>": report} of the steps that are over by now. */
static const CnJson *
reports_value(CnExecution *execution)
{
	const CnDefinition *def = execution->given.definition;
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (def->all_count + 1));
	int			count = 0;

	for (int i = 0; i < def->all_count; i++)
	{
		const CnJson *report = report_of(&execution->steps[i]);

		if (report)
			set_member(&members[count++], def->all[i]->id, report);
	}
	return cn_json_object(members, count);
}

static const CnJson *
input_value(CnExecution *execution)
{
	if (execution->input == NULL)
		execution->input = cn_json_from_jsonb(execution->given.input);
	return execution->input;
}

static const CnJson *
common_root(CnExecution *execution, const char *name)
{
	const CnStepDef *def;

	if (strcmp(name, "input") == 0)
		return input_value(execution);
	if (strcmp(name, "steps") == 0)
		return reports_value(execution);
	if (strcmp(name, "execution") == 0)
	{
		if (execution->self == NULL)
			execution->self = self_value(execution);
		return execution->self;
	}
	if (strcmp(name, "now") == 0)
	{
		if (execution->now == NULL)
			execution->now = now_value(execution->outcome.started_at);
		return execution->now;
	}
	if (strcmp(name, "page") == 0 && execution->given.page)
		return execution->given.page;
	if (strcmp(name, "parent") == 0 && execution->given.parent)
		return execution->given.parent;
	def = cn_definition_step(execution->given.definition, name);
	return def ? cn_step_output(step_of(execution, def)) : NULL;
}

static const CnJson *
execution_root(void *arg, const char *name)
{
	CnExecution *execution = arg;
	MemoryContext old = MemoryContextSwitchTo(execution->context);
	const CnJson *value = common_root(execution, name);

	MemoryContextSwitchTo(old);
	return value;
}

static const CnJson *
step_root(void *arg, const char *name)
{
	CnStep	   *step = arg;

	if (strcmp(name, "workspace") == 0)
		return step->secrets.scope;
	if (step->input && strcmp(name, "input") == 0)
		return step->input;
	return execution_root(step->execution, name);
}

void
cn_scope_of_execution(CnExecution *execution, CnScope *scope)
{
	scope->root = execution_root;
	scope->arg = execution;
	scope->output_limit = (int64) cn_engine_max_request_size * 1024;
}

void
cn_scope_of_step(CnStep *step, CnScope *scope)
{
	cn_scope_of_execution(step->execution, scope);
	scope->root = step_root;
	scope->arg = step;
}

/* ---- conditions ---- */

/* What "$" is in a condition that is a SQL/JSON path: input, steps and the steps' outputs. */
static Jsonb *
whole_scope(CnExecution *execution)
{
	const CnDefinition *def = execution->given.definition;
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (def->all_count + 2));
	CnJsonMember *next = set_member(members, "input", input_value(execution));

	next = set_member(next, "steps", reports_value(execution));
	for (int i = 0; i < def->all_count; i++)
	{
		const CnJson *output = cn_step_output(&execution->steps[i]);

		if (output)
			next = set_member(next, def->all[i]->id, output);
	}
	return cn_jsonb_from_json(cn_json_object(members, next - members));
}

/* The value of a variable of a condition; NULL and *failure if it has none. */
static const CnJson *
variable_value(CnStep *step, const CnConditionVar *var, CnFailure *failure)
{
	CnExprError error;
	const CnJson *value = cn_expr_eval(var->expr, &step->execution->scope, &error);

	if (value == NULL && error.missing)
		value = cn_json_null();
	if (value == NULL)
	{
		cn_fail(failure, error.limit ? CN_LIMIT_EXCEEDED : CN_INPUT_INVALID,
				"%s.condition: %s (at byte %d)", step->def->path, error.message,
				var->offset + error.offset);
		return NULL;
	}
	return var->truthy ? cn_json_bool(cn_json_truthy(value)) : value;
}

static Jsonb *
variables(CnStep *step, CnFailure *failure)
{
	const CnCondition *condition = step->def->condition;
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (condition->nvars + 1));

	for (int i = 0; i < condition->nvars; i++)
	{
		const CnJson *value = variable_value(step, &condition->vars[i], failure);

		if (value == NULL)
			return NULL;
		set_member(&members[i], condition->vars[i].name, value);
	}
	return cn_jsonb_from_json(cn_json_object(members, condition->nvars));
}

static int
holds(CnStep *step, CnFailure *failure)
{
	const CnCondition *condition = step->def->condition;
	Jsonb	   *vars = variables(step, failure);
	Jsonb	   *target;
	Jsonb	   *items;
	JsonbValue *only;

	if (vars == NULL)
		return -1;
	target = condition->whole ? whole_scope(step->execution) : vars;
	/* as jsonb_path_match, whose answer of unknown is null, which a direct call cannot return */
	items = cn_path_find(&step->def->condition_path, target, vars);
	if (JB_ROOT_COUNT(items) == 0)
		return false;
	only = getIthJsonbValueFromContainer(&items->root, 0);
	if (only->type == jbvBool)
		return only->val.boolean;
	/* a path that is no predicate: does it find anything? */
	return condition->whole && only->type != jbvNull;
}

int
cn_step_condition(CnStep *step, CnFailure *failure)
{
	MemoryContext context = CurrentMemoryContext;
	volatile int result = -1;

	PG_TRY();
	{
		result = holds(step, failure);
	}
	PG_CATCH();
	{
		if (!cn_too_large(context, failure, "what the condition looks at"))
			PG_RE_THROW();
	}
	PG_END_TRY();
	return result;
}
