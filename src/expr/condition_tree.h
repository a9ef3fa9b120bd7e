/*
 * condition_tree.h -- a parsed condition, between its parser and condition.c.  Pure.
 */
#ifndef CN_EXPR_CONDITION_TREE_H
#define CN_EXPR_CONDITION_TREE_H

#include "expr/condition.h"

typedef enum ConditionKind
{
	COND_OPERAND,				/* alone: is it true? */
	COND_NOT,					/* left */
	COND_AND,					/* first and its siblings; none: true */
	COND_OR,					/* the same; none: false */
	COND_COMPARE,				/* left op right */
	COND_CONTAINS,				/* left has right, a literal */
	COND_STARTS,				/* left begins with right */
	COND_ENDS,					/* left ends with right, a literal string */
	COND_MATCHES,				/* left matches right, a literal string */
	COND_MEMBER,				/* left is an element of right, a reference */
	COND_EMPTY					/* left is null, "", [] or {} */
} ConditionKind;

/* left and right of tests are operands; one operand may belong to several tests. */
typedef struct ConditionNode
{
	ConditionKind kind;
	int			offset;			/* into the condition's text, for messages */
	const char *op;				/* COMPARE: of SQL/JSON, but never "!=": that is NOT of "==" */
	struct ConditionNode *left;
	struct ConditionNode *right;
	struct ConditionNode *first;
	struct ConditionNode *next;
	const CnJson *literal;		/* OPERAND; NULL: a reference */
	CnExpr	   *expr;
	int			expr_offset;
	int			var;			/* number of its variable, -1 until it has one */
} ConditionNode;

/* text: valid UTF-8 without NUL.  NULL and *error on failure. */
extern ConditionNode *cn_condition_tree(const char *text, int len, CnExprError *error);

#endif							/* CN_EXPR_CONDITION_TREE_H */
