/*
 * scope.h -- the scope test expressions and templates are evaluated in.
 */
#ifndef CN_TEST_SCOPE_H
#define CN_TEST_SCOPE_H

#include "expr/expr.h"

/*
 * Roots: input (the given value), now (a string), void (null); no others.
 * limit: output_limit, 0 for the default.
 */
extern CnScope test_scope(const CnJson *input, int64 limit);

#endif							/* CN_TEST_SCOPE_H */
