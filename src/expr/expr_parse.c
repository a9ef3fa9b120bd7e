/*
 * expr_parse.c -- text between {{ and }} to CnExpr.  Pure.
 *
 * Recursive descent; only arrays and objects among the arguments nest.
 * Every parse_... function starts at the token it is named after, leaves the
 * position behind it and returns false with the error filled in.
 */
#include "core/pure.h"

#include "core/utf8.h"
#include "expr/expr_tree.h"
#include "expr/filters.h"

/* More is no expression anybody wrote; it bounds the arrays on the parser's stack. */
#define STEPS_MAX 128
#define FILTERS_MAX 64
#define NESTING_MAX 32

typedef struct Parser
{
	const char *text;
	int			len;
	int			pos;
	CnExprError *error;
} Parser;

static bool parse_path(Parser *p, Path *path);
static bool parse_steps(Parser *p, PathStep *steps, int *nsteps);
static void set_steps(Path *path, const PathStep *steps, int nsteps);
static bool parse_step(Parser *p, PathStep *step);
static bool parse_bracket(Parser *p, PathStep *step);
static bool parse_index(Parser *p, int *index);
static bool parse_key(Parser *p, const char **key);
static bool parse_filter(Parser *p, FilterUse *use);
static bool parse_arguments(Parser *p, FilterUse *use);
static bool parse_argument(Parser *p, Argument *arg);
static bool parse_literal(Parser *p, CnJson **value, int depth);
static bool parse_array(Parser *p, CnJson **value, int depth);
static bool parse_object(Parser *p, CnJson **value, int depth);
static bool parse_member(Parser *p, CnJsonMember *member, int depth);
static bool parse_word(Parser *p, CnJson **value);
static bool parse_number(Parser *p, CnJson **value);
static bool parse_string(Parser *p, CnJson **value);
static bool parse_escape(Parser *p, StringInfo out);
static bool check_arguments(Parser *p, FilterUse *use);
static bool fail(Parser *p, int offset, char *message);
static bool fail_here(Parser *p, const char *wanted);

bool
cn_expr_is_key_byte(unsigned char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
		(byte >= '0' && byte <= '9') ||
		byte == '_' || byte == '-' || byte == '$' || byte >= 0x80;
}

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* Byte at the position, '\0' at the end: the text itself holds none. */
static char
peek(const Parser *p)
{
	return p->pos < p->len ? p->text[p->pos] : '\0';
}

static void
skip_space(Parser *p)
{
	while (peek(p) == ' ' || peek(p) == '\t' || peek(p) == '\n' || peek(p) == '\r')
		p->pos++;
}

/* Step over byte and the white space before and behind it, if it comes next. */
static bool
accept(Parser *p, char byte)
{
	skip_space(p);
	if (peek(p) != byte)
		return false;
	p->pos++;
	skip_space(p);
	return true;
}

/*
 * cn_expr_parse -- compile one expression.
 *
 * text: what stands between {{ and }}; need not be NUL-terminated
 *
 * Returns NULL and *error on failure.  The result does not point into text.
 */
CnExpr *
cn_expr_parse(const char *text, int len, CnExprError *error)
{
	Parser		p = {text, len, 0, error};
	CnExpr	   *expr = (CnExpr *) palloc0(sizeof(CnExpr));
	FilterUse	filters[FILTERS_MAX];
	int64		bad;

	memset(error, 0, sizeof(*error));
	if (!cn_utf8_valid(text, len, &bad))
	{
		fail(&p, bad, pstrdup("not valid UTF-8"));
		return NULL;
	}
	skip_space(&p);
	if (!parse_path(&p, &expr->path))
		return NULL;
	while (accept(&p, '|'))
	{
		if (expr->nfilters == FILTERS_MAX)
		{
			fail(&p, p.pos, psprintf("more than %d filters", FILTERS_MAX));
			return NULL;
		}
		if (!parse_filter(&p, &filters[expr->nfilters++]))
			return NULL;
	}
	if (p.pos < p.len)
	{
		fail_here(&p, "\"|\" or the end of the expression");
		return NULL;
	}
	expr->filters = (FilterUse *) palloc(sizeof(FilterUse) * Max(expr->nfilters, 1));
	memcpy(expr->filters, filters, sizeof(FilterUse) * expr->nfilters);
	return expr;
}

int
cn_expr_end(const char *text, int len, int start)
{
	int			first = -1;
	int			depth = 0;
	char		quote = '\0';

	for (int i = start; i < len; i++)
	{
		bool		closing = text[i] == '}' && i + 1 < len && text[i + 1] == '}';

		if (closing && first < 0)
			first = i;
		if (quote != '\0')
		{
			if (text[i] == '\\')
				i++;
			else if (text[i] == quote)
				quote = '\0';
		}
		else if (text[i] == '"' || text[i] == '\'')
			quote = text[i];
		else if (text[i] == '{')
			depth++;
		else if (text[i] == '}' && depth > 0)
			depth--;
		else if (closing)
			return i;
	}
	return first;
}

bool
cn_expr_read_scalar(const char *text, int len, int *pos, const CnJson **value, CnExprError *error)
{
	Parser		p = {text, len, *pos, error};
	Argument	arg;

	memset(error, 0, sizeof(*error));
	if (!parse_argument(&p, &arg))
		return false;
	*pos = p.pos;
	*value = arg.literal;
	return true;
}

static bool
parse_path(Parser *p, Path *path)
{
	PathStep	steps[STEPS_MAX];
	int			nsteps = 0;

	path->offset = p->pos;
	if (!cn_expr_is_key_byte(peek(p)) || is_digit(peek(p)) || peek(p) == '-')
		return fail_here(p, "a name");
	if (!parse_key(p, &path->root) || !parse_steps(p, steps, &nsteps))
		return false;
	set_steps(path, steps, nsteps);
	path->text = cn_expr_path_text(path->root, path->steps, path->nsteps);
	return true;
}

/* Steps behind the first nsteps, which are there already. */
static bool
parse_steps(Parser *p, PathStep *steps, int *nsteps)
{
	skip_space(p);
	while (peek(p) == '.' || peek(p) == '[')
	{
		if (*nsteps == STEPS_MAX)
			return fail(p, p->pos, psprintf("more than %d steps in a path", STEPS_MAX));
		if (!parse_step(p, &steps[(*nsteps)++]))
			return false;
		skip_space(p);
	}
	return true;
}

static void
set_steps(Path *path, const PathStep *steps, int nsteps)
{
	path->nsteps = nsteps;
	path->steps = (PathStep *) palloc(sizeof(PathStep) * Max(nsteps, 1));
	memcpy(path->steps, steps, sizeof(PathStep) * nsteps);
}

Path *
cn_expr_parse_relative(const char *text, int len, const char **problem)
{
	CnExprError error;
	Parser		p = {text, len, 0, &error};
	Path	   *path = (Path *) palloc0(sizeof(Path));
	PathStep	steps[STEPS_MAX] = {{0}};
	int			nsteps = 0;

	skip_space(&p);
	if ((peek(&p) != '[' && !parse_key(&p, &steps[nsteps++].key)) ||
		!parse_steps(&p, steps, &nsteps) ||
		(p.pos < len && !fail_here(&p, "\".\" or \"[\"")))
	{
		*problem = error.message;
		return NULL;
	}
	set_steps(path, steps, nsteps);
	return path;
}

static bool
parse_step(Parser *p, PathStep *step)
{
	step->key = NULL;
	step->index = 0;
	if (accept(p, '.'))
		return parse_key(p, &step->key);
	return parse_bracket(p, step);
}

/* [3] or ["quoted key"] */
static bool
parse_bracket(Parser *p, PathStep *step)
{
	CnJson	   *key;

	accept(p, '[');
	if (peek(p) == '"' || peek(p) == '\'')
	{
		if (!parse_string(p, &key))
			return false;
		step->key = key->u.text;
	}
	else if (!parse_index(p, &step->index))
		return false;
	skip_space(p);
	if (peek(p) != ']')
		return fail_here(p, "\"]\"");
	p->pos++;
	return true;
}

static bool
parse_index(Parser *p, int *index)
{
	int			start = p->pos;
	int64		value = 0;

	while (is_digit(peek(p)) && value <= PG_INT32_MAX)
		value = value * 10 + p->text[p->pos++] - '0';
	if (p->pos == start)
		return fail_here(p, "an index or a quoted key");
	if (value > PG_INT32_MAX)
		return fail(p, start, pstrdup("index is too large"));
	*index = (int) value;
	return true;
}

static bool
parse_key(Parser *p, const char **key)
{
	int			start = p->pos;

	while (p->pos < p->len && cn_expr_is_key_byte(p->text[p->pos]))
		p->pos++;
	if (p->pos == start)
		return fail_here(p, "a key");
	*key = pnstrdup(p->text + start, p->pos - start);
	return true;
}

static bool
parse_filter(Parser *p, FilterUse *use)
{
	const char *name;

	use->offset = p->pos;
	use->nargs = 0;
	use->args = NULL;
	if (!cn_expr_is_key_byte(peek(p)))
		return fail_here(p, "a filter");
	if (!parse_key(p, &name))
		return false;
	use->filter = cn_filter_find(name, strlen(name));
	if (use->filter == NULL)
		return fail(p, use->offset, psprintf("unknown filter \"%s\"", name));
	if (accept(p, '(') && !parse_arguments(p, use))
		return false;
	return check_arguments(p, use);
}

/* From behind the parenthesis to behind the closing one. */
static bool
parse_arguments(Parser *p, FilterUse *use)
{
	Argument	args[CN_FILTER_ARGS_MAX];

	if (accept(p, ')'))
		return true;
	do
	{
		if (use->nargs == CN_FILTER_ARGS_MAX)
			return fail(p, p->pos, psprintf("more than %d arguments", CN_FILTER_ARGS_MAX));
		if (!parse_argument(p, &args[use->nargs++]))
			return false;
	} while (accept(p, ','));
	if (!accept(p, ')'))
		return fail_here(p, "\",\" or \")\"");
	use->args = (Argument *) palloc(sizeof(Argument) * use->nargs);
	memcpy(use->args, args, sizeof(Argument) * use->nargs);
	return true;
}

static bool
parse_argument(Parser *p, Argument *arg)
{
	CnJson	   *value;

	memset(arg, 0, sizeof(*arg));
	arg->offset = p->pos;
	if (cn_expr_is_key_byte(peek(p)) && !is_digit(peek(p)) && peek(p) != '-')
	{
		if (!parse_path(p, &arg->path))
			return false;
		if (strcmp(arg->path.text, "null") == 0)
			arg->literal = cn_json_null();
		else if (strcmp(arg->path.text, "true") == 0)
			arg->literal = cn_json_bool(true);
		else if (strcmp(arg->path.text, "false") == 0)
			arg->literal = cn_json_bool(false);
		return true;
	}
	if (peek(p) != '"' && peek(p) != '\'' && peek(p) != '{' && peek(p) != '[' &&
		peek(p) != '-' && !is_digit(peek(p)))
		return fail_here(p, "a name");
	if (!parse_literal(p, &value, 0))
		return false;
	arg->literal = value;
	return true;
}

/* A JSON value; strings may stand in single quotes. */
static bool
parse_literal(Parser *p, CnJson **value, int depth)
{
	if (depth > NESTING_MAX)
		return fail(p, p->pos,
					psprintf("more than %d arrays and objects in each other", NESTING_MAX));
	switch (peek(p))
	{
		case '"':
		case '\'':
			return parse_string(p, value);
		case '[':
			return parse_array(p, value, depth);
		case '{':
			return parse_object(p, value, depth);
		default:
			if (is_digit(peek(p)) || peek(p) == '-')
				return parse_number(p, value);
			return parse_word(p, value);
	}
}

static bool
parse_array(Parser *p, CnJson **value, int depth)
{
	CnJson	  **items = NULL;
	int			count = 0;
	int			room = 0;

	accept(p, '[');
	if (!accept(p, ']'))
	{
		do
		{
			if (count == room)
			{
				room = room == 0 ? 8 : room * 2;
				items = items == NULL ? (CnJson **) palloc(sizeof(CnJson *) * room)
					: (CnJson **) repalloc(items, sizeof(CnJson *) * room);
			}
			if (!parse_literal(p, &items[count++], depth + 1))
				return false;
		} while (accept(p, ','));
		if (!accept(p, ']'))
			return fail_here(p, "\",\" or \"]\"");
	}
	*value = cn_json_array(items, count);
	return true;
}

static bool
parse_object(Parser *p, CnJson **value, int depth)
{
	CnJsonMember *members = NULL;
	int			count = 0;
	int			room = 0;

	accept(p, '{');
	if (!accept(p, '}'))
	{
		do
		{
			if (count == room)
			{
				room = room == 0 ? 8 : room * 2;
				members = members == NULL ? (CnJsonMember *) palloc(sizeof(CnJsonMember) * room)
					: (CnJsonMember *) repalloc(members, sizeof(CnJsonMember) * room);
			}
			if (!parse_member(p, &members[count++], depth))
				return false;
		} while (accept(p, ','));
		if (!accept(p, '}'))
			return fail_here(p, "\",\" or \"}\"");
	}
	*value = cn_json_object(members, count);
	return true;
}

static bool
parse_member(Parser *p, CnJsonMember *member, int depth)
{
	CnJson	   *key;

	if (peek(p) != '"' && peek(p) != '\'')
		return fail_here(p, "a key in quotes");
	if (!parse_string(p, &key))
		return false;
	if (!accept(p, ':'))
		return fail_here(p, "\":\"");
	member->key = key->u.text;
	member->key_len = key->len;
	return parse_literal(p, &member->value, depth + 1);
}

/* true, false or null; nothing else is a word inside a JSON value. */
static bool
parse_word(Parser *p, CnJson **value)
{
	int			start = p->pos;
	const char *word;

	if (!cn_expr_is_key_byte(peek(p)))
		return fail_here(p, "a JSON value");
	if (!parse_key(p, &word))
		return false;
	if (strcmp(word, "null") == 0)
		*value = cn_json_null();
	else if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
		*value = cn_json_bool(word[0] == 't');
	else
		return fail(p, start, pstrdup("a JSON value holds no references"));
	return true;
}

static bool
parse_number(Parser *p, CnJson **value)
{
	int			start = p->pos;
	CnJsonError why;

	while (is_digit(peek(p)) || peek(p) == '-' || peek(p) == '+' || peek(p) == '.' ||
		   peek(p) == 'e' || peek(p) == 'E')
		p->pos++;
	if (!cn_json_check(p->text + start, p->pos - start, NULL, &why))
		return fail(p, start, pstrdup(why.kind == CN_JSON_NUMBER_RANGE ? why.message
									  : "not a number"));
	*value = cn_json_number(p->text + start, p->pos - start);
	return true;
}

/*
 * parse_string -- a string in double or single quotes.
 *
 * Escapes are those of JSON and \'.  Other characters, line ends too, stand
 * for themselves: the text has gone through a JSON parser once already.
 */
static bool
parse_string(Parser *p, CnJson **value)
{
	int			start = p->pos;
	char		quote = p->text[p->pos++];
	StringInfoData buf;

	initStringInfo(&buf);
	while (p->pos < p->len && p->text[p->pos] != quote)
	{
		int			plain = p->pos;

		if (p->text[p->pos] == '\\')
		{
			if (!parse_escape(p, &buf))
				return false;
			continue;
		}
		while (p->pos < p->len && p->text[p->pos] != quote && p->text[p->pos] != '\\')
			p->pos++;
		appendBinaryStringInfo(&buf, p->text + plain, p->pos - plain);
	}
	if (p->pos >= p->len)
		return fail(p, start, pstrdup("string is not closed"));
	p->pos++;
	*value = cn_json_string(buf.data, buf.len);
	pfree(buf.data);
	return true;
}

/*
 * parse_escape -- one escape, or both halves of a surrogate pair.
 *
 * The JSON parser decodes it: it knows what is allowed.
 */
static bool
parse_escape(Parser *p, StringInfo out)
{
	const char *at = p->text + p->pos;
	int			left = p->len - p->pos;
	int			len = left >= 2 && at[1] == 'u' ? 6 : 2;
	char		quoted[16];
	CnJson	   *decoded;

	if (left >= 2 && at[1] == '\'')
	{
		appendStringInfoChar(out, '\'');
		p->pos += 2;
		return true;
	}
	if (len == 6 && left >= 12 && (at[2] | 0x20) == 'd' && strchr("89abAB", at[3]) != NULL)
		len = 12;
	if (left < len)
		return fail(p, p->pos, pstrdup("string is not closed"));
	quoted[0] = '"';
	memcpy(quoted + 1, at, len);
	quoted[len + 1] = '"';
	decoded = cn_json_parse(quoted, len + 2, NULL, NULL);
	if (decoded == NULL)
		return fail(p, p->pos, pstrdup("unknown escape in a string"));
	appendBinaryStringInfo(out, decoded->u.text, decoded->len);
	p->pos += len;
	return true;
}

/* Are they as many as the filter takes, and the literal ones what it takes? */
static bool
check_arguments(Parser *p, FilterUse *use)
{
	const CnJson *args[CN_FILTER_ARGS_MAX];
	char	   *problem = cn_filter_count_problem(use->filter, use->nargs);
	const char *wrong;
	int			bad;
	int			i;

	if (problem != NULL)
		return fail(p, use->offset, problem);
	for (i = 0; i < use->nargs; i++)
		args[i] = use->args[i].literal;
	use->prepared = (const void **) palloc0(sizeof(void *) * Max(use->nargs, 1));
	if (cn_filter_prepare(use->filter, args, use->nargs, use->prepared, &bad, &wrong))
		return true;
	return fail(p, use->args[bad].offset,
				psprintf("filter \"%s\": argument %d %s", use->filter->name, bad + 1, wrong));
}

static bool
fail(Parser *p, int offset, char *message)
{
	p->error->offset = offset;
	p->error->message = message;
	return false;
}

/* wanted: what should have come at the position. */
static bool
fail_here(Parser *p, const char *wanted)
{
	char		byte = peek(p);

	if (p->pos >= p->len)
		return fail(p, p->pos, psprintf("expected %s, but the expression ends", wanted));
	if (byte > ' ' && byte < 0x7F)
		return fail(p, p->pos, psprintf("expected %s instead of \"%c\"", wanted, byte));
	return fail(p, p->pos, psprintf("expected %s", wanted));
}
