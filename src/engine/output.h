/*
 * output.h -- what a definition's paths pick out of a reply.
 */
#ifndef CN_ENGINE_OUTPUT_H
#define CN_ENGINE_OUTPUT_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "catalog/definition.h"

/*
 * The output of a reply's value.  A path that finds nothing gives null, one
 * item gives that item, several an array; a path that is many by its form always
 * an array.  Paths run silently: a type that does not fit finds nothing.
 */
extern Jsonb *cn_output_pick(const CnStepDef *step, Jsonb *reply);

#endif							/* CN_ENGINE_OUTPUT_H */
