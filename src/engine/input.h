/*
 * input.h -- an input against its schema: a connector's, or that of an action a step uses.
 */
#ifndef CN_ENGINE_INPUT_H
#define CN_ENGINE_INPUT_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "core/errors.h"
#include "core/json.h"
#include "schema/schema.h"

/*
 * Does the input fit?  If not: false and *failure, code input_invalid, with every
 * violation in its detail.  Strings go to the current context.
 */
extern bool cn_input_check(const CnSchema *schema, Jsonb *input, CnFailure *failure);

/* The same of any value; subject: what the message calls it, "the input". */
extern bool cn_input_check_value(const CnSchema *schema, const CnJson *value, const char *subject,
								 CnFailure *failure);

#endif							/* CN_ENGINE_INPUT_H */
