/*
 * input.h -- a connector's input against its input_schema.
 */
#ifndef CN_QUEUE_INPUT_H
#define CN_QUEUE_INPUT_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "core/errors.h"
#include "schema/schema.h"

/*
 * Does the input fit?  If not: false and *failure, code input_invalid, with every
 * violation in its detail.  Strings go to the current context.
 */
extern bool cn_input_check(const CnSchema *schema, Jsonb *input, CnFailure *failure);

#endif							/* CN_QUEUE_INPUT_H */
