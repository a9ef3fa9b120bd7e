/*
 * condition_parse.c -- text of a condition to a tree: operators and parentheses.  Pure.
 *
 * Recursive descent over the grammar in condition.h.  Only parentheses and
 * negations recurse, and enter() counts those; chains are lists.
 */
#include "core/pure.h"

#include "expr/condition_parse.h"
#include "expr/filters.h"

/* Operators between texts; those with a first word are also written as two, the other "with". */
typedef struct TextTest
{
	const char *word;
	const char *first;
	ConditionKind kind;
} TextTest;

static const TextTest text_tests[] = {
	{"startsWith", "starts", COND_STARTS},
	{"endsWith", "ends", COND_ENDS},
	{"matches", NULL, COND_MATCHES},
};

/* What people write for operators there are, and what there is instead; the longest first. */
static const struct
{
	const char *symbol;
	const char *advice;
}			mistakes[] = {
	{"=>", "=> is no operator: write >="},
	{"=<", "=< is no operator: write <="},
	{"<>", "<> is no operator: write !=="},
	{"=", "a single = compares nothing: write ==="},
	{"&", "a single & is no operator: write &&"},
	{"|", "a single | is no operator: write ||, and filters inside {{...}}"},
	{")", "\")\" closes nothing"},
	{".", "only .length may follow a reference"},
};

static ConditionNode *parse_or(ConditionParser *p);
static ConditionNode *parse_and(ConditionParser *p);
static ConditionNode *parse_negation(ConditionParser *p);
static ConditionNode *parse_test(ConditionParser *p);
static ConditionNode *parse_comparison(ConditionParser *p, ConditionNode *left, const char *op);
static ConditionNode *parse_word_test(ConditionParser *p, ConditionNode *left);
static const TextTest *find_text_test(const ConditionParser *p);
static ConditionNode *parse_contains(ConditionParser *p, ConditionNode *left);
static ConditionNode *parse_text_test(ConditionParser *p, ConditionNode *left,
									  const TextTest *test);
static ConditionNode *parse_in(ConditionParser *p, ConditionNode *left);
static ConditionNode *parse_is(ConditionParser *p, ConditionNode *left);
static ConditionNode *parse_unary(ConditionParser *p);
static ConditionNode *parse_group(ConditionParser *p);
static ConditionNode *need_value(ConditionParser *p, ConditionNode *node);
static ConditionNode *fail_operator(ConditionParser *p);

/* ---- tree ---- */

static ConditionNode *
new_test(ConditionKind kind, ConditionNode *left, ConditionNode *right)
{
	ConditionNode *node = cn_condition_node(kind, left->offset);

	node->left = left;
	node->right = right;
	return node;
}

static ConditionNode *
new_comparison(ConditionNode *left, const char *op, ConditionNode *right)
{
	ConditionNode *node = new_test(COND_COMPARE, left, right);

	node->op = op;
	return node;
}

static ConditionNode *
negate(ConditionNode *node)
{
	return node == NULL ? NULL : new_test(COND_NOT, node, NULL);
}

/* ---- grammar ---- */

ConditionNode *
cn_condition_tree(const char *text, int len, CnExprError *error)
{
	ConditionParser p = {text, len, 0, 0, error};
	ConditionNode *tree;

	memset(error, 0, sizeof(*error));
	skip_space(&p);
	if (p.pos == len)
		return cn_condition_fail(&p, 0, pstrdup("the condition is empty"));
	tree = parse_or(&p);
	if (tree != NULL && p.pos < len)
		return fail_operator(&p);
	return tree;
}

static ConditionNode *
parse_or(ConditionParser *p)
{
	ConditionNode *node = parse_and(p);
	ConditionNode *list;
	ConditionNode *last = node;

	if (node == NULL || !(at_symbol(p, "||") || at_word(p, "or")))
		return node;
	list = cn_condition_node(COND_OR, node->offset);
	list->first = node;
	while (accept_symbol(p, "||") || accept_word(p, "or"))
	{
		last->next = parse_and(p);
		if (last->next == NULL)
			return NULL;
		last = last->next;
	}
	return list;
}

static ConditionNode *
parse_and(ConditionParser *p)
{
	ConditionNode *node = parse_negation(p);
	ConditionNode *list;
	ConditionNode *last = node;

	if (node == NULL || !(at_symbol(p, "&&") || at_word(p, "and")))
		return node;
	list = cn_condition_node(COND_AND, node->offset);
	list->first = node;
	while (accept_symbol(p, "&&") || accept_word(p, "and"))
	{
		last->next = parse_negation(p);
		if (last->next == NULL)
			return NULL;
		last = last->next;
	}
	return list;
}

/* One level deeper; false if that is too deep.  The caller takes it back. */
static bool
enter(ConditionParser *p)
{
	if (++p->depth <= CN_CONDITION_MAX_DEPTH)
		return true;
	cn_condition_fail(p, p->pos, psprintf("parentheses and negations nest deeper than %d",
										  CN_CONDITION_MAX_DEPTH));
	return false;
}

/* "not" binds less tightly than a comparison, "!" more; so do the languages they come from. */
static ConditionNode *
parse_negation(ConditionParser *p)
{
	int			start = p->pos;
	ConditionNode *node;

	if (!at_word(p, "not") || !is_bare_word(p))
		return parse_test(p);
	if (!enter(p))
		return NULL;
	accept_word(p, "not");
	node = negate(parse_negation(p));
	p->depth--;
	if (node != NULL)
		node->offset = start;
	return node;
}

static ConditionNode *
parse_test(ConditionParser *p)
{
	/* the longer of two that begin alike first */
	static const struct
	{
		const char *symbol;
		const char *op;
	}			comparisons[] = {
		{"===", "=="}, {"==", "=="}, {"!==", "!="}, {"!=", "!="},
		{"<=", "<="}, {"<", "<"}, {">=", ">="}, {">", ">"},
	};
	ConditionNode *left = parse_unary(p);

	if (left == NULL || at_symbol(p, "<>"))
		return left;
	for (int i = 0; i < lengthof(comparisons); i++)
	{
		if (at_symbol(p, comparisons[i].symbol))
		{
			if (need_value(p, left) == NULL)
				return NULL;
			accept_symbol(p, comparisons[i].symbol);
			return parse_comparison(p, left, comparisons[i].op);
		}
	}
	return parse_word_test(p, left);
}

/* The right side of a comparison, and that no other one follows. */
static ConditionNode *
parse_comparison(ConditionParser *p, ConditionNode *left, const char *op)
{
	ConditionNode *right = need_value(p, parse_unary(p));

	if (right == NULL)
		return NULL;
	if (!at_symbol(p, "<>") &&
		(at_symbol(p, "<") || at_symbol(p, ">") || at_symbol(p, "==") || at_symbol(p, "!=")))
		return cn_condition_fail(p, p->pos, pstrdup("comparisons do not chain: join them with &&"));
	if (strcmp(op, "!=") == 0)
		return negate(new_comparison(left, "==", right));
	return new_comparison(left, op, right);
}

/* A test whose operator is a word; left itself if none follows. */
static ConditionNode *
parse_word_test(ConditionParser *p, ConditionNode *left)
{
	const TextTest *text_test = find_text_test(p);
	bool		negated;
	ConditionNode *node;

	if (text_test == NULL && !at_word(p, "is") && !at_word(p, "not") && !at_word(p, "contains") &&
		!at_word(p, "in"))
		return left;
	if (need_value(p, left) == NULL)
		return NULL;
	if (accept_word(p, "is"))
		return parse_is(p, left);
	negated = accept_word(p, "not");
	if (negated)
		text_test = find_text_test(p);
	if (text_test != NULL)
		node = parse_text_test(p, left, text_test);
	else if (accept_word(p, "contains"))
		node = parse_contains(p, left);
	else if (accept_word(p, "in"))
		node = parse_in(p, left);
	else
		return cn_condition_fail_here(p, "contains, startsWith, endsWith, matches or in");
	return negated ? negate(node) : node;
}

/* The operator between texts that stands here, or NULL. */
static const TextTest *
find_text_test(const ConditionParser *p)
{
	for (int i = 0; i < lengthof(text_tests); i++)
	{
		const TextTest *test = &text_tests[i];

		if (at_word(p, test->word) || (test->first != NULL && at_word(p, test->first)))
			return test;
	}
	return NULL;
}

/*
 * parse_contains -- what an array or a text is looked through for.
 *
 * jsonpath finds a text within another only as a regular expression, and
 * those are literals.
 */
static ConditionNode *
parse_contains(ConditionParser *p, ConditionNode *left)
{
	ConditionNode *right = need_value(p, parse_unary(p));

	if (right == NULL)
		return NULL;
	if (right->literal == NULL)
		return cn_condition_fail(p, right->offset,
								 pstrdup("contains takes a value written out: "
										 "for a list write {{value}} in {{list}}"));
	return new_test(COND_CONTAINS, left, right);
}

static ConditionNode *
parse_text_test(ConditionParser *p, ConditionNode *left, const TextTest *test)
{
	ConditionNode *right;

	if (!accept_word(p, test->word))
	{
		accept_word(p, test->first);
		if (!accept_word(p, "with"))
			return cn_condition_fail_here(p, "with");
	}
	right = need_value(p, parse_unary(p));
	if (right == NULL)
		return NULL;
	if (right->literal == NULL && test->kind != COND_STARTS)
		return cn_condition_fail(p, right->offset,
								 psprintf("%s takes a text written out, no reference", test->word));
	if (right->literal != NULL && right->literal->type != CN_JSON_STRING)
		return cn_condition_fail(p, right->offset,
								 psprintf("%s takes a text, not %s", test->word,
										  cn_json_type_phrase(right->literal->type)));
	return new_test(test->kind, left, right);
}

/* Behind "in": a list of operands, which becomes comparisons joined by or, or a reference. */
static ConditionNode *
parse_in(ConditionParser *p, ConditionNode *left)
{
	ConditionNode *list;
	ConditionNode **end;
	ConditionNode *right;
	int			start = p->pos;

	if (!accept_symbol(p, "["))
	{
		right = need_value(p, parse_unary(p));
		if (right == NULL)
			return NULL;
		if (right->literal != NULL)
			return cn_condition_fail(p, start,
									 pstrdup("in takes a list in [...] or "
											 "a reference to an array"));
		return new_test(COND_MEMBER, left, right);
	}
	list = cn_condition_node(COND_OR, left->offset);
	end = &list->first;
	if (accept_symbol(p, "]"))
		return list;
	do
	{
		right = cn_condition_operand(p);
		if (right == NULL)
			return NULL;
		*end = new_comparison(left, "==", right);
		end = &(*end)->next;
	} while (accept_symbol(p, ","));
	if (!accept_symbol(p, "]"))
		return cn_condition_fail_here(p, "\",\" or \"]\"");
	return list;
}

static ConditionNode *
parse_is(ConditionParser *p, ConditionNode *left)
{
	bool		negated = accept_word(p, "not");
	ConditionNode *node;

	if (accept_word(p, "empty"))
		node = new_test(COND_EMPTY, left, NULL);
	else if (accept_word(p, "null"))
		node = new_comparison(left, "==", cn_condition_literal(cn_json_null(), left->offset));
	else
		return cn_condition_fail_here(p, negated ? "empty or null" : "empty, null or not");
	return negated ? negate(node) : node;
}

static ConditionNode *
parse_unary(ConditionParser *p)
{
	int			start = p->pos;
	ConditionNode *node;

	if (peek(p) == '(')
		return parse_group(p);
	if (peek(p) != '!' || byte_at(p, p->pos + 1) == '=')
		return cn_condition_operand(p);
	if (!enter(p))
		return NULL;
	accept_symbol(p, "!");
	node = negate(parse_unary(p));
	p->depth--;
	if (node != NULL)
		node->offset = start;
	return node;
}

/* A condition in parentheses.  A lone operand stays one, so that it can be compared. */
static ConditionNode *
parse_group(ConditionParser *p)
{
	int			start = p->pos;
	ConditionNode *node;

	if (!enter(p))
		return NULL;
	accept_symbol(p, "(");
	node = parse_or(p);
	p->depth--;
	if (node == NULL)
		return NULL;
	if (p->pos == p->len)
		return cn_condition_fail(p, start, pstrdup("\"(\" is not closed"));
	if (!accept_symbol(p, ")"))
		return fail_operator(p);
	return node;
}

/* node if it is a value, as both sides of a test must be; NULL stays NULL. */
static ConditionNode *
need_value(ConditionParser *p, ConditionNode *node)
{
	if (node == NULL || node->kind == COND_OPERAND)
		return node;
	if (node->kind == COND_NOT)
		return cn_condition_fail(p, node->offset,
								 pstrdup("only values are compared: "
										 "put what is negated into parentheses"));
	return cn_condition_fail(p, node->offset,
							 pstrdup("only values are compared: join tests with && and ||"));
}

/* Something else than an operator or the end stands behind a test. */
static ConditionNode *
fail_operator(ConditionParser *p)
{
	for (int i = 0; i < lengthof(mistakes); i++)
	{
		if (at_symbol(p, mistakes[i].symbol))
			return cn_condition_fail(p, p->pos, pstrdup(mistakes[i].advice));
	}
	return cn_condition_fail_here(p, "an operator");
}
