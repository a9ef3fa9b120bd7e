/*
 * condition.c -- a condition as SQL/JSON path text.  Pure.
 *
 * jsonpath has three truths, JavaScript two.  A path that comes out unknown
 * counts as false, so a predicate needs no help as long as it is not negated:
 * && and || of unknown and true are what they would be with false.  Negations
 * are pushed down to the single predicates (De Morgan), which are written
 *
 *   (!(P) || (P) is unknown)
 *
 * there, and that is never unknown.  The text stays as long as the condition,
 * at most doubled; wrapping each negation as it stands would double it at
 * every level.
 *
 * In strict mode arrays are not unwrapped: an array compared with a number is
 * unknown, not a comparison of each element.  A comparison with null is never
 * unknown.  See compareItems and executePredicate in the server's
 * jsonpath_exec.c.
 */
#include "core/pure.h"

#include "core/decimal.h"
#include "expr/condition_tree.h"

typedef struct Writer
{
	StringInfoData out;
	CnConditionVar *vars;
	int			nvars;
	int			room;
} Writer;

static bool is_path(const char *text, int len);
static bool check_text(const char *text, int len, CnExprError *error);
static CnCondition *take_path(const char *text, int len, int offset, CnExprError *error);
static void write_node(Writer *w, ConditionNode *node, bool negated);
static bool is_null_test(const ConditionNode *node);
static bool is_null(const ConditionNode *operand);
static void write_list(Writer *w, ConditionNode *node, bool negated);
static void write_truth(Writer *w, ConditionNode *node, bool negated);
static void write_opposite(Writer *w, ConditionNode *node);
static void write_predicate(Writer *w, ConditionNode *node);
static void write_comparison(Writer *w, ConditionNode *node, const char *op);
static void write_element(Writer *w, ConditionNode *array, ConditionNode *value);
static void write_contains(Writer *w, ConditionNode *node);
static void write_ends(Writer *w, ConditionNode *node);
static void write_empty(Writer *w, ConditionNode *operand);
static void write_operand(Writer *w, ConditionNode *node);
static void write_constant(Writer *w, bool value);
static int	add_var(Writer *w, ConditionNode *node, bool truthy);

bool
cn_json_truthy(const CnJson *value)
{
	CnDecimal	number;

	if (value == NULL)
		return false;
	switch (value->type)
	{
		case CN_JSON_NULL:
			return false;
		case CN_JSON_BOOL:
			return value->boolean;
		case CN_JSON_NUMBER:
			cn_decimal_read(value->u.text, value->len, &number);
			return number.ndigits > 0;
		case CN_JSON_STRING:
			return value->len > 0;
		default:
			return true;
	}
}

CnCondition *
cn_condition_parse(const char *text, int len, CnExprError *error)
{
	CnCondition *condition;
	ConditionNode *tree;
	Writer		w = {0};
	int			space = 0;

	memset(error, 0, sizeof(*error));
	if (!check_text(text, len, error))
		return NULL;
	while (space < len && strchr(" \t\n\r", text[space]) != NULL)
		space++;
	if (is_path(text + space, len - space))
		return take_path(text + space, len - space, space, error);
	tree = cn_condition_tree(text, len, error);
	if (tree == NULL)
		return NULL;
	initStringInfo(&w.out);
	appendStringInfoString(&w.out, "strict ");
	write_node(&w, tree, false);
	condition = (CnCondition *) palloc0(sizeof(CnCondition));
	condition->path = w.out.data;
	condition->nvars = w.nvars;
	condition->vars = w.vars;
	return condition;
}

static bool
check_text(const char *text, int len, CnExprError *error)
{
	int64		bad;

	if (len > CN_CONDITION_MAX_LEN)
	{
		error->offset = CN_CONDITION_MAX_LEN;
		error->message = psprintf("the condition is longer than %d bytes", CN_CONDITION_MAX_LEN);
		return false;
	}
	if (!cn_utf8_valid(text, len, &bad))
	{
		error->offset = (int) bad;
		error->message = pstrdup("not valid UTF-8");
		return false;
	}
	return true;
}

/* ---- paths as written ---- */

/* Does text begin with word and, behind white space if any, next?  '\0': white space is enough. */
static bool
begins_with(const char *text, int len, const char *word, char next)
{
	int			at = strlen(word);
	int			space;

	if (len <= at || memcmp(text, word, at) != 0)
		return false;
	for (space = at; space < len && strchr(" \t\n\r", text[space]) != NULL;)
		space++;
	return next == '\0' ? space > at : space < len && text[space] == next;
}

static bool
is_path(const char *text, int len)
{
	return (len > 0 && text[0] == '$') ||
		begins_with(text, len, "lax", '\0') || begins_with(text, len, "strict", '\0') ||
		begins_with(text, len, "exists", '(');
}

/*
 * take_path -- a condition that is a path as it stands.
 *
 * offset: of text in the condition, for messages.  References in braces are
 * worth a message of their own: the server's would be about a syntax error.
 */
static CnCondition *
take_path(const char *text, int len, int offset, CnExprError *error)
{
	CnCondition *condition;
	bool		quoted = false;

	for (int i = 0; i < len; i++)
	{
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && text[i] == '{' && i + 1 < len && text[i + 1] == '{')
		{
			error->offset = offset + i;
			error->message = pstrdup("a SQL/JSON path has no {{...}}: "
									 "write $.input.name for {{input.name}}");
			return NULL;
		}
	}
	condition = (CnCondition *) palloc0(sizeof(CnCondition));
	condition->path = pnstrdup(text, len);
	condition->whole = true;
	return condition;
}

/* ---- writing ---- */

/* node, or its opposite: whatever needs parentheses to stand beside && has them. */
static void
write_node(Writer *w, ConditionNode *node, bool negated)
{
	switch (node->kind)
	{
		case COND_NOT:
			write_node(w, node->left, !negated);
			break;
		case COND_AND:
		case COND_OR:
			write_list(w, node, negated);
			break;
		case COND_OPERAND:
			write_truth(w, node, negated);
			break;
		default:
			if (!negated)
				write_predicate(w, node);
			else if (is_null_test(node))
				write_comparison(w, node, "!=");
			else
				write_opposite(w, node);
			break;
	}
}

static void
write_opposite(Writer *w, ConditionNode *node)
{
	int			start;
	char	   *predicate;

	appendStringInfoString(&w->out, "(!(");
	start = w->out.len;
	write_predicate(w, node);
	predicate = pstrdup(w->out.data + start);
	appendStringInfo(&w->out, ") || (%s) is unknown)", predicate);
}

static void
write_list(Writer *w, ConditionNode *node, bool negated)
{
	bool		all = (node->kind == COND_AND) != negated;

	if (node->first == NULL)
	{
		write_constant(w, all);
		return;
	}
	appendStringInfoChar(&w->out, '(');
	for (ConditionNode *item = node->first; item != NULL; item = item->next)
	{
		if (item != node->first)
			appendStringInfoString(&w->out, all ? " && " : " || ");
		write_node(w, item, negated);
	}
	appendStringInfoChar(&w->out, ')');
}

/* An operand alone.  Its variable is a boolean, so the predicate is never unknown. */
static void
write_truth(Writer *w, ConditionNode *node, bool negated)
{
	if (node->literal != NULL)
		write_constant(w, cn_json_truthy(node->literal) != negated);
	else
		appendStringInfo(&w->out, "$v%d == %s", add_var(w, node, true), negated ? "false" : "true");
}

/* Is one side of an equality the literal null? */
static bool
is_null_test(const ConditionNode *node)
{
	return node->kind == COND_COMPARE && strcmp(node->op, "==") == 0 &&
		(is_null(node->left) || is_null(node->right));
}

static bool
is_null(const ConditionNode *operand)
{
	return operand->literal != NULL && operand->literal->type == CN_JSON_NULL;
}

static void
write_predicate(Writer *w, ConditionNode *node)
{
	switch (node->kind)
	{
		case COND_COMPARE:
			write_comparison(w, node, node->op);
			break;
		case COND_CONTAINS:
			write_contains(w, node);
			break;
		case COND_STARTS:
			write_comparison(w, node, "starts with");
			break;
		case COND_ENDS:
			write_ends(w, node);
			break;
		case COND_MATCHES:
			write_comparison(w, node, "like_regex");
			break;
		case COND_MEMBER:
			write_element(w, node->right, node->left);
			break;
		case COND_EMPTY:
			write_empty(w, node->left);
			break;
		default:
			Assert(false);
			break;
	}
}

static void
write_comparison(Writer *w, ConditionNode *node, const char *op)
{
	write_operand(w, node->left);
	appendStringInfo(&w->out, " %s ", op);
	write_operand(w, node->right);
}

/* Is an element of array equal to value?  In a filter unknown is false, so others do no harm. */
static void
write_element(Writer *w, ConditionNode *array, ConditionNode *value)
{
	appendStringInfoString(&w->out, "exists(");
	write_operand(w, array);
	appendStringInfoString(&w->out, "[*] ? (@ == ");
	write_operand(w, value);
	appendStringInfoString(&w->out, "))");
}

/*
 * write_contains -- an element of an array, or a part of a text.
 *
 * On a text the first is unknown, on an array the second.  Flag q takes the
 * regular expression literally.
 */
static void
write_contains(Writer *w, ConditionNode *node)
{
	bool		array = node->left->literal == NULL;
	bool		text = node->right->literal->type == CN_JSON_STRING;

	if (!array && !text)
	{
		write_constant(w, false);
		return;
	}
	if (array && text)
		appendStringInfoChar(&w->out, '(');
	if (array)
		write_element(w, node->left, node->right);
	if (array && text)
		appendStringInfoString(&w->out, " || ");
	if (text)
	{
		write_operand(w, node->left);
		appendStringInfoString(&w->out, " like_regex ");
		write_operand(w, node->right);
		appendStringInfoString(&w->out, " flag \"q\"");
	}
	if (array && text)
		appendStringInfoChar(&w->out, ')');
}

/* Flag q would take the "$" at the end literally too, so the special characters are escaped. */
static void
write_ends(Writer *w, ConditionNode *node)
{
	const CnJson *literal = node->right->literal;
	StringInfoData pattern;

	initStringInfo(&pattern);
	for (int i = 0; i < literal->len; i++)
	{
		if (strchr("\\^$.|?*+()[]{}", literal->u.text[i]) != NULL)
			appendStringInfoChar(&pattern, '\\');
		appendStringInfoChar(&pattern, literal->u.text[i]);
	}
	appendStringInfoChar(&pattern, '$');
	write_operand(w, node->left);
	appendStringInfoString(&w->out, " like_regex ");
	cn_json_write_string(&w->out, pattern.data, pattern.len);
}

/* Only arrays have a size() in strict mode, and only objects a keyvalue(). */
static void
write_empty(Writer *w, ConditionNode *operand)
{
	int			v;

	if (operand->literal != NULL)
	{
		write_constant(w, operand->literal->type == CN_JSON_NULL ||
					   (operand->literal->type == CN_JSON_STRING && operand->literal->len == 0));
		return;
	}
	v = add_var(w, operand, false);
	appendStringInfo(&w->out, "($v%d == null || $v%d == \"\" || $v%d.size() == 0 || "
					 "($v%d.type() == \"object\" && !exists($v%d.keyvalue())))", v, v, v, v, v);
}

static void
write_operand(Writer *w, ConditionNode *node)
{
	if (node->literal != NULL)
		cn_json_write(&w->out, node->literal);
	else
		appendStringInfo(&w->out, "$v%d", add_var(w, node, false));
}

/* jsonpath takes no literal for a predicate. */
static void
write_constant(Writer *w, bool value)
{
	appendStringInfoString(&w->out, value ? "1 == 1" : "1 == 0");
}

/* Number of the operand's variable, made at the first call. */
static int
add_var(Writer *w, ConditionNode *node, bool truthy)
{
	CnConditionVar *var;

	if (node->var >= 0)
		return node->var;
	if (w->nvars == w->room)
	{
		w->room = Max(w->room * 2, 4);
		w->vars = w->vars == NULL
			? (CnConditionVar *) palloc(sizeof(CnConditionVar) * w->room)
			: (CnConditionVar *) repalloc(w->vars, sizeof(CnConditionVar) * w->room);
	}
	node->var = w->nvars++;
	var = &w->vars[node->var];
	var->name = psprintf("v%d", node->var);
	var->expr = node->expr;
	var->offset = node->expr_offset;
	var->truthy = truthy;
	return node->var;
}
