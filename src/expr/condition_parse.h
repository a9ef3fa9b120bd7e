/*
 * condition_parse.h -- what the two files of the parser of conditions share.  Pure.
 *
 * condition_parse.c has operators and how they nest, condition_operand.c the
 * values between them.  Functions that read begin at the token they are named
 * after, leave the position at the next token, and return NULL, or false,
 * with the error filled in.
 */
#ifndef CN_EXPR_CONDITION_PARSE_H
#define CN_EXPR_CONDITION_PARSE_H

#include "expr/condition_tree.h"
#include "expr/expr_tree.h"

typedef struct ConditionParser
{
	const char *text;
	int			len;
	int			pos;
	int			depth;
	CnExprError *error;
} ConditionParser;

extern ConditionNode *cn_condition_node(ConditionKind kind, int offset);
extern ConditionNode *cn_condition_literal(const CnJson *value, int offset);

/* A reference or a literal. */
extern ConditionNode *cn_condition_operand(ConditionParser *p);

/* They return NULL.  wanted: what should have come at the position. */
extern ConditionNode *cn_condition_fail(ConditionParser *p, int offset, char *message);
extern ConditionNode *cn_condition_fail_here(ConditionParser *p, const char *wanted);

static inline char
byte_at(const ConditionParser *p, int pos)
{
	return pos < p->len ? p->text[pos] : '\0';
}

static inline char
peek(const ConditionParser *p)
{
	return byte_at(p, p->pos);
}

static inline void
skip_space(ConditionParser *p)
{
	while (peek(p) == ' ' || peek(p) == '\t' || peek(p) == '\n' || peek(p) == '\r')
		p->pos++;
}

static inline bool
at_symbol(const ConditionParser *p, const char *symbol)
{
	int			len = strlen(symbol);

	return p->len - p->pos >= len && memcmp(p->text + p->pos, symbol, len) == 0;
}

static inline bool
accept_symbol(ConditionParser *p, const char *symbol)
{
	if (!at_symbol(p, symbol))
		return false;
	p->pos += strlen(symbol);
	skip_space(p);
	return true;
}

/* Where the word, key or number that begins at pos ends. */
static inline int
word_end(const ConditionParser *p, int pos)
{
	while (pos < p->len && cn_expr_is_key_byte((unsigned char) p->text[pos]))
		pos++;
	return pos;
}

static inline bool
at_word(const ConditionParser *p, const char *word)
{
	int			len = strlen(word);

	return word_end(p, p->pos) - p->pos == len &&
		pg_strncasecmp(p->text + p->pos, word, len) == 0;
}

static inline bool
accept_word(ConditionParser *p, const char *word)
{
	if (!at_word(p, word))
		return false;
	p->pos += strlen(word);
	skip_space(p);
	return true;
}

/* Does the word at the position stand for itself?  "not.x" and "null[0]" are references. */
static inline bool
is_bare_word(const ConditionParser *p)
{
	char		behind = byte_at(p, word_end(p, p->pos));

	return behind != '.' && behind != '[';
}

#endif							/* CN_EXPR_CONDITION_PARSE_H */
