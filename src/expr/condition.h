/*
 * condition.h -- conditions of steps, translated to SQL/JSON paths.  Pure.
 *
 * A condition becomes the text of a SQL/JSON path predicate and the
 * expressions whose values are its variables; the server's jsonpath engine
 * decides.  docs/conditions.md is the user's side of it.
 *
 *   condition  := and ( ('||' | 'or') and )*
 *   and        := negation ( ('&&' | 'and') negation )*
 *   negation   := 'not' negation | test
 *   test       := unary [ comparison unary
 *                       | ['not'] 'contains' literal
 *                       | ['not'] ('startsWith' | 'starts' 'with') operand
 *                       | ['not'] ('endsWith' | 'ends' 'with') string
 *                       | ['not'] 'matches' string
 *                       | ['not'] 'in' ( '[' [ operand ( ',' operand )* ] ']' | reference )
 *                       | 'is' ['not'] ('empty' | 'null') ]
 *   unary      := '!' unary | '(' condition ')' | operand
 *   comparison := '===' | '==' | '!==' | '!=' | '<' | '<=' | '>' | '>='
 *   operand    := reference | literal
 *   reference  := ( '{{' expression '}}' | path ) [ '.length' ]
 *   literal    := number | string | 'true' | 'false' | 'null' | 'undefined'
 *
 * Words are taken in any case but for "length".  expression and path are
 * those of expr.h; a path without braces has no white space in it and no
 * filters behind it.  A text that begins with "$", "lax ", "strict " or
 * "exists(" is no such condition but a SQL/JSON path predicate as it stands.
 */
#ifndef CN_EXPR_CONDITION_H
#define CN_EXPR_CONDITION_H

#include "expr/expr.h"

/* Bytes of a condition, and how deep parentheses and negations nest; more is a mistake. */
#define CN_CONDITION_MAX_LEN 4096
#define CN_CONDITION_MAX_DEPTH 50

/*
 * A variable of the path: bind it to the value of expr, or to null if
 * cn_expr_eval fails with error.missing.  If truthy, bind the boolean
 * cn_json_truthy of that instead.
 */
typedef struct CnConditionVar
{
	const char *name;			/* "v0"; "$v0" in the path */
	CnExpr	   *expr;
	int			offset;			/* of the expression's text in the condition's */
	bool		truthy;
} CnConditionVar;

/*
 * Immutable; does not point into the text it was made of.  The condition holds
 * if jsonb_path_match(target, path, vars, true) is true; NULL is false.
 */
typedef struct CnCondition
{
	const char *path;			/* strict ($v0 != null && $v1 > 10) */
	int			nvars;
	CnConditionVar *vars;
	bool		whole;			/* a path as written: "$" is the object of all roots, no vars */
} CnCondition;

/*
 * NULL and *error on failure; error->offset counts from text.  A path as
 * written is not checked beyond its encoding: the server's input function
 * does that.
 */
extern CnCondition *cn_condition_parse(const char *text, int len, CnExprError *error);

/* JavaScript's truth: null, false, 0 and "" are false, all else is true.  NULL counts as null. */
extern bool cn_json_truthy(const CnJson *value);

#endif							/* CN_EXPR_CONDITION_H */
