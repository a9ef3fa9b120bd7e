/*
 * condition_parse.c -- text of a condition to a tree.  Pure.
 *
 * Recursive descent over the grammar in condition.h.  Every parse_... function
 * starts at the token it is named after, leaves the position at the next token
 * and returns NULL, or false, with the error filled in.  Only parentheses and
 * negations recurse, and enter() counts those; chains are lists.
 */
#include "core/pure.h"

#include "core/utf8.h"
#include "expr/condition_tree.h"
#include "expr/expr_tree.h"
#include "expr/filters.h"

/* Bytes of a word that messages show. */
#define SHOWN_MAX 40

typedef struct Parser
{
	const char *text;
	int			len;
	int			pos;
	int			depth;
	CnExprError *error;
} Parser;

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

static ConditionNode *parse_or(Parser *p);
static ConditionNode *parse_and(Parser *p);
static ConditionNode *parse_negation(Parser *p);
static ConditionNode *parse_test(Parser *p);
static ConditionNode *parse_comparison(Parser *p, ConditionNode *left, const char *op);
static ConditionNode *parse_word_test(Parser *p, ConditionNode *left);
static const TextTest *find_text_test(const Parser *p);
static ConditionNode *parse_contains(Parser *p, ConditionNode *left);
static ConditionNode *parse_text_test(Parser *p, ConditionNode *left, const TextTest *test);
static ConditionNode *parse_in(Parser *p, ConditionNode *left);
static ConditionNode *parse_is(Parser *p, ConditionNode *left);
static ConditionNode *parse_unary(Parser *p);
static ConditionNode *parse_group(Parser *p);
static ConditionNode *parse_operand(Parser *p);
static ConditionNode *parse_braced(Parser *p);
static ConditionNode *parse_word(Parser *p);
static ConditionNode *parse_bare_path(Parser *p);
static int	bracket_end(const Parser *p, int pos);
static ConditionNode *parse_scalar(Parser *p);
static ConditionNode *make_reference(Parser *p, int start, int end, int length_at);
static ConditionNode *need_value(Parser *p, ConditionNode *node);
static ConditionNode *fail(Parser *p, int offset, char *message);
static ConditionNode *fail_here(Parser *p, const char *wanted);
static ConditionNode *fail_operator(Parser *p);

/* ---- characters and words ---- */

static char
byte_at(const Parser *p, int pos)
{
	return pos < p->len ? p->text[pos] : '\0';
}

static char
peek(const Parser *p)
{
	return byte_at(p, p->pos);
}

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static void
skip_space(Parser *p)
{
	while (peek(p) == ' ' || peek(p) == '\t' || peek(p) == '\n' || peek(p) == '\r')
		p->pos++;
}

static bool
at_symbol(const Parser *p, const char *symbol)
{
	int			len = strlen(symbol);

	return p->len - p->pos >= len && memcmp(p->text + p->pos, symbol, len) == 0;
}

static bool
accept_symbol(Parser *p, const char *symbol)
{
	if (!at_symbol(p, symbol))
		return false;
	p->pos += strlen(symbol);
	skip_space(p);
	return true;
}

/* Where the word, key or number that begins at pos ends. */
static int
word_end(const Parser *p, int pos)
{
	while (pos < p->len && cn_expr_is_key_byte((unsigned char) p->text[pos]))
		pos++;
	return pos;
}

static bool
at_word(const Parser *p, const char *word)
{
	int			len = strlen(word);

	return word_end(p, p->pos) - p->pos == len &&
		pg_strncasecmp(p->text + p->pos, word, len) == 0;
}

static bool
accept_word(Parser *p, const char *word)
{
	if (!at_word(p, word))
		return false;
	p->pos += strlen(word);
	skip_space(p);
	return true;
}

/* ---- tree ---- */

static ConditionNode *
new_node(ConditionKind kind, int offset)
{
	ConditionNode *node = (ConditionNode *) palloc0(sizeof(ConditionNode));

	node->kind = kind;
	node->offset = offset;
	node->var = -1;
	return node;
}

static ConditionNode *
new_test(ConditionKind kind, ConditionNode *left, ConditionNode *right)
{
	ConditionNode *node = new_node(kind, left->offset);

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
new_literal(const CnJson *value, int offset)
{
	ConditionNode *node = new_node(COND_OPERAND, offset);

	node->literal = value;
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
	Parser		p = {text, len, 0, 0, error};
	ConditionNode *tree;

	memset(error, 0, sizeof(*error));
	skip_space(&p);
	if (p.pos == len)
		return fail(&p, 0, pstrdup("the condition is empty"));
	tree = parse_or(&p);
	if (tree != NULL && p.pos < len)
		return fail_operator(&p);
	return tree;
}

static ConditionNode *
parse_or(Parser *p)
{
	ConditionNode *node = parse_and(p);
	ConditionNode *list;
	ConditionNode *last = node;

	if (node == NULL || !(at_symbol(p, "||") || at_word(p, "or")))
		return node;
	list = new_node(COND_OR, node->offset);
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
parse_and(Parser *p)
{
	ConditionNode *node = parse_negation(p);
	ConditionNode *list;
	ConditionNode *last = node;

	if (node == NULL || !(at_symbol(p, "&&") || at_word(p, "and")))
		return node;
	list = new_node(COND_AND, node->offset);
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
enter(Parser *p)
{
	if (++p->depth <= CN_CONDITION_MAX_DEPTH)
		return true;
	fail(p, p->pos, psprintf("parentheses and negations nest deeper than %d",
							 CN_CONDITION_MAX_DEPTH));
	return false;
}

/* May what stands at the position, a word, be read as one?  "not.x" and "null[0]" are references. */
static bool
is_bare_word(const Parser *p)
{
	char		behind = byte_at(p, word_end(p, p->pos));

	return behind != '.' && behind != '[';
}

/* "not" binds less tightly than a comparison, "!" more, as in the languages they come from. */
static ConditionNode *
parse_negation(Parser *p)
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
parse_test(Parser *p)
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
parse_comparison(Parser *p, ConditionNode *left, const char *op)
{
	ConditionNode *right = need_value(p, parse_unary(p));

	if (right == NULL)
		return NULL;
	if (!at_symbol(p, "<>") &&
		(at_symbol(p, "<") || at_symbol(p, ">") || at_symbol(p, "==") || at_symbol(p, "!=")))
		return fail(p, p->pos, pstrdup("comparisons do not chain: join them with &&"));
	if (strcmp(op, "!=") == 0)
		return negate(new_comparison(left, "==", right));
	return new_comparison(left, op, right);
}

/* A test whose operator is a word; left itself if none follows. */
static ConditionNode *
parse_word_test(Parser *p, ConditionNode *left)
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
		return fail_here(p, "contains, startsWith, endsWith, matches or in");
	return negated ? negate(node) : node;
}

/* The operator between texts that stands here, or NULL. */
static const TextTest *
find_text_test(const Parser *p)
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
parse_contains(Parser *p, ConditionNode *left)
{
	ConditionNode *right = need_value(p, parse_unary(p));

	if (right == NULL)
		return NULL;
	if (right->literal == NULL)
		return fail(p, right->offset, pstrdup("contains takes a value written out: "
											  "for a list write {{value}} in {{list}}"));
	return new_test(COND_CONTAINS, left, right);
}

static ConditionNode *
parse_text_test(Parser *p, ConditionNode *left, const TextTest *test)
{
	ConditionNode *right;

	if (!accept_word(p, test->word))
	{
		accept_word(p, test->first);
		if (!accept_word(p, "with"))
			return fail_here(p, "with");
	}
	right = need_value(p, parse_unary(p));
	if (right == NULL)
		return NULL;
	if (right->literal == NULL && test->kind != COND_STARTS)
		return fail(p, right->offset, psprintf("%s takes a text written out, no reference",
											   test->word));
	if (right->literal != NULL && right->literal->type != CN_JSON_STRING)
		return fail(p, right->offset, psprintf("%s takes a text, not %s", test->word,
											   cn_filter_type_phrase(right->literal)));
	return new_test(test->kind, left, right);
}

/* Behind "in": a list of operands, which becomes comparisons joined by or, or a reference. */
static ConditionNode *
parse_in(Parser *p, ConditionNode *left)
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
			return fail(p, start, pstrdup("in takes a list in [...] or a reference to an array"));
		return new_test(COND_MEMBER, left, right);
	}
	list = new_node(COND_OR, left->offset);
	end = &list->first;
	if (accept_symbol(p, "]"))
		return list;
	do
	{
		right = parse_operand(p);
		if (right == NULL)
			return NULL;
		*end = new_comparison(left, "==", right);
		end = &(*end)->next;
	} while (accept_symbol(p, ","));
	if (!accept_symbol(p, "]"))
		return fail_here(p, "\",\" or \"]\"");
	return list;
}

static ConditionNode *
parse_is(Parser *p, ConditionNode *left)
{
	bool		negated = accept_word(p, "not");
	ConditionNode *node;

	if (accept_word(p, "empty"))
		node = new_test(COND_EMPTY, left, NULL);
	else if (accept_word(p, "null"))
		node = new_comparison(left, "==", new_literal(cn_json_null(), left->offset));
	else
		return fail_here(p, negated ? "empty or null" : "empty, null or not");
	return negated ? negate(node) : node;
}

static ConditionNode *
parse_unary(Parser *p)
{
	int			start = p->pos;
	ConditionNode *node;

	if (peek(p) == '(')
		return parse_group(p);
	if (peek(p) != '!' || byte_at(p, p->pos + 1) == '=')
		return parse_operand(p);
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
parse_group(Parser *p)
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
		return fail(p, start, pstrdup("\"(\" is not closed"));
	if (!accept_symbol(p, ")"))
		return fail_operator(p);
	return node;
}

/* ---- operands ---- */

static ConditionNode *
parse_operand(Parser *p)
{
	char		byte = peek(p);

	if (at_symbol(p, "{{"))
		return parse_braced(p);
	if (byte == '"' || byte == '\'' || byte == '-' || is_digit(byte))
		return parse_scalar(p);
	if (byte == '$')
		return fail(p, p->pos, pstrdup("a SQL/JSON path is a whole condition and begins with $"));
	if (byte == '[')
		return fail(p, p->pos, pstrdup("a list in [...] stands only behind in"));
	if (p->pos < p->len && cn_expr_is_key_byte((unsigned char) byte))
		return parse_word(p);
	return fail_here(p, "a value");
}

/* From "{{" to behind "}}" or "}}.length". */
static ConditionNode *
parse_braced(Parser *p)
{
	int			start = p->pos + 2;
	int			end = cn_expr_end(p->text, p->len, start);
	int			length_at = -1;

	if (end < 0)
		return fail(p, p->pos, pstrdup("\"{{\" is not closed"));
	p->pos = end + 2;
	if (at_symbol(p, ".length") && word_end(p, p->pos + 1) == p->pos + 7)
		length_at = p->pos + 1;
	return make_reference(p, start, end, length_at);
}

/* A literal's word, or a path without braces. */
static ConditionNode *
parse_word(Parser *p)
{
	int			start = p->pos;

	if (is_bare_word(p))
	{
		if (accept_word(p, "null") || accept_word(p, "undefined"))
			return new_literal(cn_json_null(), start);
		if (accept_word(p, "true"))
			return new_literal(cn_json_bool(true), start);
		if (accept_word(p, "false"))
			return new_literal(cn_json_bool(false), start);
	}
	return parse_bare_path(p);
}

/* Only its end is looked for; what is wrong within is the expression's parser's to say. */
static ConditionNode *
parse_bare_path(Parser *p)
{
	int			start = p->pos;
	int			step = start;	/* where the last step begins */

	p->pos = word_end(p, start);
	while (peek(p) == '.' || peek(p) == '[')
	{
		step = p->pos;
		p->pos = peek(p) == '.' ? word_end(p, step + 1) : bracket_end(p, step);
	}
	if (p->pos - step == 7 && memcmp(p->text + step, ".length", 7) == 0)
		return make_reference(p, start, step, step + 1);
	return make_reference(p, start, p->pos, -1);
}

/* Behind the "]" that closes the bracket at pos, or the end of the text. */
static int
bracket_end(const Parser *p, int pos)
{
	char		quote = '\0';

	for (; pos < p->len; pos++)
	{
		char		byte = p->text[pos];

		if (quote == '\0' && byte == ']')
			return pos + 1;
		if (quote != '\0' && byte == '\\')
			pos++;
		else if (byte == quote)
			quote = '\0';
		else if (quote == '\0' && (byte == '"' || byte == '\''))
			quote = byte;
	}
	return p->len;
}

/*
 * make_reference -- an operand of the expression in the text from start to end.
 *
 * length_at: -1, or where "length" stands behind it; then the filter is
 * written there, and blanks before it, so that offsets stay what they are.
 */
static ConditionNode *
make_reference(Parser *p, int start, int end, int length_at)
{
	ConditionNode *node = new_node(COND_OPERAND, start);
	char	   *text = pnstrdup(p->text + start, (length_at < 0 ? end : length_at + 6) - start);

	if (length_at >= 0)
	{
		memset(text + end - start, ' ', length_at - end);
		text[length_at - 1 - start] = '|';
		p->pos = length_at + 6;
	}
	node->expr = cn_expr_parse(text, strlen(text), p->error);
	node->expr_offset = start;
	if (node->expr == NULL)
	{
		p->error->offset += start;
		return NULL;
	}
	skip_space(p);
	return node;
}

static ConditionNode *
parse_scalar(Parser *p)
{
	int			start = p->pos;
	const CnJson *value;

	if (!cn_expr_read_scalar(p->text, p->len, &p->pos, &value, p->error))
		return NULL;
	if (value->type == CN_JSON_STRING && strstr(value->u.text, "{{") != NULL)
		return fail(p, start, pstrdup("a reference stands outside of quotes"));
	skip_space(p);
	return new_literal(value, start);
}

/* node if it is a value, as both sides of a test must be; NULL stays NULL. */
static ConditionNode *
need_value(Parser *p, ConditionNode *node)
{
	if (node == NULL || node->kind == COND_OPERAND)
		return node;
	if (node->kind == COND_NOT)
		return fail(p, node->offset, pstrdup("only values are compared: "
											 "put what is negated into parentheses"));
	return fail(p, node->offset, pstrdup("only values are compared: join tests with && and ||"));
}

/* ---- errors ---- */

static ConditionNode *
fail(Parser *p, int offset, char *message)
{
	p->error->offset = offset;
	p->error->message = message;
	return NULL;
}

/* What stands at the position, as messages name it. */
static char *
found_here(const Parser *p)
{
	int			len = word_end(p, p->pos) - p->pos;
	unsigned char byte = (unsigned char) peek(p);

	if (p->pos == p->len)
		return pstrdup("the end");
	if (byte == '"' || byte == '\'')
		return pstrdup("a string");
	if (at_symbol(p, "{{"))
		return pstrdup("\"{{\"");
	if (len == 0 && (byte < ' ' || byte == 0x7F))
		return psprintf("a byte 0x%02X", byte);
	len = Max(len, 1);
	if (len > SHOWN_MAX)
	{
		for (len = SHOWN_MAX; CN_UTF8_IS_TAIL((unsigned char) p->text[p->pos + len]);)
			len--;
		return psprintf("\"%.*s...\"", len, p->text + p->pos);
	}
	return psprintf("\"%.*s\"", len, p->text + p->pos);
}

/* wanted: what should have come at the position. */
static ConditionNode *
fail_here(Parser *p, const char *wanted)
{
	return fail(p, p->pos, psprintf("expected %s, found %s", wanted, found_here(p)));
}

/* Something else than an operator or the end stands behind a test. */
static ConditionNode *
fail_operator(Parser *p)
{
	for (int i = 0; i < lengthof(mistakes); i++)
	{
		if (at_symbol(p, mistakes[i].symbol))
			return fail(p, p->pos, pstrdup(mistakes[i].advice));
	}
	return fail_here(p, "an operator");
}
