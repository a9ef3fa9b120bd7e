/*
 * use.c -- the input of a step that uses a provider's action.
 *
 * When the step begins, its "with" is rendered in the scope of the execution; what comes out is
 * what the action's templates read as input.  It is not kept in checkpoints: another run makes it
 * of the same scope again.
 */
#include "postgres.h"

#include "engine/input.h"
#include "engine/internal.h"

/* {} where the step does not say; NULL and the record's failure. */
static const CnJson *
render_with(CnStep *step)
{
	CnTemplateError error;
	const char *path = NULL;
	const CnJson *input;

	if (step->def->with == NULL)
		return cn_json_object(NULL, 0);
	input = cn_json_template_eval(step->def->with, &step->execution->scope, &error, &path);
	if (input == NULL)
		cn_template_failed(step->execution, &step->record.failure, path, &error);
	return input;
}

bool
cn_step_make_input(CnStep *step)
{
	const CnStepDef *def = step->def;
	CnFailure  *failure = &step->record.failure;
	const CnJson *input;

	if (def->use == NULL || step->input)
		return true;
	input = render_with(step);
	if (input == NULL)
		return false;
	if (def->input_schema &&
		!cn_input_check_value(def->input_schema, input, psprintf("%s.with", def->path), failure))
	{
		failure->hint = psprintf("It is the input of %s, whose input_schema says what it takes.",
								 def->use);
		return false;
	}
	step->input = input;
	return true;
}
