/*
 * validate.c -- applying a compiled schema to a value.  Pure.
 *
 * Evaluation walks schema and instance together, in recursion.  Where it is, in
 * either, is a list of steps in the callers' frames: a path is written only
 * when there is a violation to report, and then nothing that is not reported
 * costs anything.  The dynamic scope of $dynamicRef is a list of the same kind.
 *
 * Branches that may fail without harm (anyOf, oneOf, not, if, contains) are
 * tried quietly, each up to its first violation.
 *
 * A Seen is made where unevaluatedItems or unevaluatedProperties asks what the
 * other keywords have evaluated, and handed down to all that are applied in
 * the same place.  What a failed branch saw does not count, so branches get
 * one of their own that is merged if they hold.
 *
 * Two limits hold everywhere: the depth of recursion, which also ends a $ref
 * that leads back to itself, and the work, of which everything that takes time
 * takes its part.
 */
#include "core/pure.h"

#include "core/format.h"
#include "schema/schema_tree.h"

/* Work between two calls of the check: some milliseconds at most. */
#define CHECK_EVERY 10000

static bool violation_of_false(Evaluation *e, const Place *place);
static void write_path(StringInfo out, const Step *step);

/* See schema.h. */
CnSchemaResult
cn_schema_validate(const CnSchema *schema, const CnJson *instance, const CnSchemaOptions *options,
				   CnSchemaSink sink, void *arg, const char **limit)
{
	static const CnSchemaOptions defaults = {0};
	Evaluation	e = {.sink = sink, .arg = arg};
	Scope		scope = {.up = NULL, .resource = schema->root->resource};
	Place		place = {.instance = instance};
	bool		valid;

	if (options == NULL)
		options = &defaults;
	e.assert_formats = options->assert_formats;
	e.max_depth = options->max_depth > 0 ? options->max_depth : CN_SCHEMA_DEPTH_DEFAULT;
	e.work = options->max_work > 0 ? options->max_work : CN_SCHEMA_WORK_DEFAULT;
	e.next_check = Max(e.work - CHECK_EVERY, 0);
	e.check = options->check;
	e.quiet = sink == NULL;
	e.scope = &scope;
	valid = schema_apply(&e, schema->root, &place, NULL);
	if (limit != NULL)
		*limit = e.limit;
	return e.limit != NULL ? CN_SCHEMA_LIMIT : valid ? CN_SCHEMA_VALID : CN_SCHEMA_INVALID;
}

/*
 * schema_apply -- does the value at place satisfy node?
 *
 * seen: gets what node evaluates of the value; NULL: nobody asks
 *
 * With quiet evaluation the first violation ends it.
 */
bool
schema_apply(Evaluation *e, const SchemaNode *node, const Place *place, Seen *seen)
{
	Scope		scope = {.up = e->scope, .resource = node->resource};
	unsigned	type = TYPE_BIT(place->instance->type);
	Seen		own;
	Seen	   *gathered = seen;
	bool		valid = true;

	if (!schema_charge(e, 1))
		return false;
	if (node->json->type == CN_JSON_BOOL)
		return node->json->boolean || violation_of_false(e, place);
	if (e->depth >= e->max_depth)
		return schema_limit(e, "schemas are applied inside each other too deeply: the value is "
							"nested too deeply, or a reference leads back to itself");
	if (node->unevaluated && (type & (TYPE_BIT(CN_JSON_ARRAY) | TYPE_BIT(CN_JSON_OBJECT))))
	{
		schema_seen_init(&own, place->instance);
		gathered = &own;
		(void) schema_charge(e, own.count / 64);
	}

	e->depth++;
	if (scope.resource != scope.up->resource)
		e->scope = &scope;
	for (int i = 0; i < node->nassertions && !(e->quiet && !valid) && !over(e); i++)
	{
		const Assertion *a = &node->assertions[i];

		if ((a->types & type) && !a->evaluate(e, a, place, gathered))
			valid = false;
	}
	e->scope = scope.up;
	e->depth--;

	if (gathered != seen)
	{
		if (seen != NULL)
			schema_seen_merge(seen, &own);
		pfree(own.marks);
	}
	return valid && e->limit == NULL;
}

/* The same, and nobody hears of violations. */
bool
schema_apply_quietly(Evaluation *e, const SchemaNode *node, const Place *place, Seen *seen)
{
	bool		valid;

	e->quiet++;
	valid = schema_apply(e, node, place, seen);
	e->quiet--;
	return valid;
}

/* ---- limits ---- */

/* Take work from what is left; false if there is not enough. */
bool
schema_charge(Evaluation *e, int64 work)
{
	e->work -= work;
	if (e->work > e->next_check)
		return true;
	if (e->work < 0)
		return schema_limit(e, "validation takes too much work");
	e->next_check = Max(e->work - CHECK_EVERY, 0);
	if (e->check != NULL)
		e->check();
	return true;
}

/* Note that a limit was reached.  Returns false, so that it can be returned. */
bool
schema_limit(Evaluation *e, const char *limit)
{
	if (e->limit == NULL)
		e->limit = limit;
	return false;
}

/* ---- violations ---- */

/*
 * schema_violation -- report one, if somebody wants to know.
 *
 * keyword: of the schema at place that is violated; NULL: the schema itself is
 * `false`
 *
 * Returns false, so that it can be returned.
 */
bool
schema_violation(Evaluation *e, const Place *place, const char *keyword, const char *format,...)
{
	StringInfoData instance_path;
	StringInfoData schema_path;
	StringInfoData message;
	CnSchemaViolation violation;
	va_list		args;

	if (e->quiet || over(e))
		return false;
	initStringInfo(&instance_path);
	initStringInfo(&schema_path);
	initStringInfo(&message);
	write_path(&instance_path, place->instance_step);
	write_path(&schema_path, place->schema_step);
	if (keyword != NULL)
		schema_pointer_step(&schema_path, keyword);
	else
		keyword = place->schema_step != NULL ? place->schema_step->keyword : "false";
	va_start(args, format);
	cn_append_args(&message, format, args);
	va_end(args);
	violation.instance_path = instance_path.data;
	violation.schema_path = schema_path.data;
	violation.keyword = keyword;
	violation.message = message.data;
	if (!e->sink(e->arg, &violation))
		e->stopped = true;
	pfree(instance_path.data);
	pfree(schema_path.data);
	pfree(message.data);
	return false;
}

/* The schema `false` says no more than where it stands. */
static bool
violation_of_false(Evaluation *e, const Place *place)
{
	const Step *last = place->instance_step;

	if (last == NULL)
		return schema_violation(e, place, NULL, "nothing is allowed here");
	return schema_violation(e, place, NULL, last->name != NULL ? "this property is not allowed"
							: "this item is not allowed");
}

static void
write_path(StringInfo out, const Step *step)
{
	if (step == NULL)
		return;
	write_path(out, step->up);
	if (step->keyword != NULL)
		schema_pointer_step(out, step->keyword);
	if (step->name != NULL)
		schema_pointer_step(out, step->name);
	else if (step->index >= 0)
		appendStringInfo(out, "/%d", step->index);
}

/* ---- what has been evaluated ---- */

void
schema_seen_init(Seen *seen, const CnJson *container)
{
	seen->count = container->len;
	seen->marks = (uint8 *) palloc0(seen->count / 8 + 1);
}

bool
schema_seen_has(const Seen *seen, int index)
{
	return (seen->marks[index / 8] & (1 << (index % 8))) != 0;
}

void
schema_seen_mark(Seen *seen, int index)
{
	if (seen != NULL)
		seen->marks[index / 8] |= 1 << (index % 8);
}

void
schema_seen_mark_all(Seen *seen)
{
	if (seen != NULL)
		memset(seen->marks, 0xFF, seen->count / 8 + 1);
}

void
schema_seen_merge(Seen *seen, const Seen *more)
{
	for (int i = 0; i <= seen->count / 8; i++)
		seen->marks[i] |= more->marks[i];
}
