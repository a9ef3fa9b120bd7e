/*
 * condition_operand.c -- the values in a condition, and what is said of errors.  Pure.
 */
#include "core/pure.h"

#include "core/utf8.h"
#include "expr/condition_parse.h"

/* Bytes of a word that messages show. */
#define SHOWN_MAX 40

static ConditionNode *parse_braced(ConditionParser *p);
static ConditionNode *parse_word(ConditionParser *p);
static ConditionNode *parse_bare_path(ConditionParser *p);
static int	bracket_end(const ConditionParser *p, int pos);
static ConditionNode *parse_scalar(ConditionParser *p);
static ConditionNode *make_reference(ConditionParser *p, int start, int end, int length_at);

ConditionNode *
cn_condition_node(ConditionKind kind, int offset)
{
	ConditionNode *node = (ConditionNode *) palloc0(sizeof(ConditionNode));

	node->kind = kind;
	node->offset = offset;
	node->var = -1;
	return node;
}

ConditionNode *
cn_condition_literal(const CnJson *value, int offset)
{
	ConditionNode *node = cn_condition_node(COND_OPERAND, offset);

	node->literal = value;
	return node;
}

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

ConditionNode *
cn_condition_operand(ConditionParser *p)
{
	char		byte = peek(p);

	if (at_symbol(p, "{{"))
		return parse_braced(p);
	if (byte == '"' || byte == '\'' || byte == '-' || is_digit(byte))
		return parse_scalar(p);
	if (byte == '$')
		return cn_condition_fail(p, p->pos,
								 pstrdup("a SQL/JSON path is a whole condition and begins with $"));
	if (byte == '[')
		return cn_condition_fail(p, p->pos, pstrdup("a list in [...] stands only behind in"));
	if (p->pos < p->len && cn_expr_is_key_byte((unsigned char) byte))
		return parse_word(p);
	return cn_condition_fail_here(p, "a value");
}

/* From "{{" to behind "}}" or "}}.length". */
static ConditionNode *
parse_braced(ConditionParser *p)
{
	int			start = p->pos + 2;
	int			end = cn_expr_end(p->text, p->len, start);
	int			length_at = -1;

	if (end < 0)
		return cn_condition_fail(p, p->pos, pstrdup("\"{{\" is not closed"));
	p->pos = end + 2;
	if (at_symbol(p, ".length") && word_end(p, p->pos + 1) == p->pos + 7)
		length_at = p->pos + 1;
	return make_reference(p, start, end, length_at);
}

/* A literal's word, or a path without braces. */
static ConditionNode *
parse_word(ConditionParser *p)
{
	int			start = p->pos;

	if (is_bare_word(p))
	{
		if (accept_word(p, "null") || accept_word(p, "undefined"))
			return cn_condition_literal(cn_json_null(), start);
		if (accept_word(p, "true"))
			return cn_condition_literal(cn_json_bool(true), start);
		if (accept_word(p, "false"))
			return cn_condition_literal(cn_json_bool(false), start);
	}
	return parse_bare_path(p);
}

/* Only its end is looked for; what is wrong within is the expression's parser's to say. */
static ConditionNode *
parse_bare_path(ConditionParser *p)
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
bracket_end(const ConditionParser *p, int pos)
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
make_reference(ConditionParser *p, int start, int end, int length_at)
{
	ConditionNode *node = cn_condition_node(COND_OPERAND, start);
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
parse_scalar(ConditionParser *p)
{
	int			start = p->pos;
	const CnJson *value;

	if (!cn_expr_read_scalar(p->text, p->len, &p->pos, &value, p->error))
		return NULL;
	if (value->type == CN_JSON_STRING && strstr(value->u.text, "{{") != NULL)
		return cn_condition_fail(p, start, pstrdup("a reference stands outside of quotes"));
	skip_space(p);
	return cn_condition_literal(value, start);
}

/* ---- errors ---- */

ConditionNode *
cn_condition_fail(ConditionParser *p, int offset, char *message)
{
	p->error->offset = offset;
	p->error->message = message;
	return NULL;
}

/* What stands at the position, as messages name it. */
static char *
found_here(const ConditionParser *p)
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
ConditionNode *
cn_condition_fail_here(ConditionParser *p, const char *wanted)
{
	return cn_condition_fail(p, p->pos, psprintf("expected %s, found %s", wanted, found_here(p)));
}
