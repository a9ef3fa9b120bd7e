/*
 * expr_pipe.c -- filters behind a SQL/JSON path.  Pure.
 *
 * The filters are parsed as those of an expression whose reference is "$value",
 * which is a name to the grammar of expr.h but no root of any other scope.
 */
#include "core/pure.h"

#include "expr/expr_pipe.h"

/* The bytes that end an unquoted name in a SQL/JSON path. */
#define PATH_SPECIAL "?%$.[]{}()|&!=<>@#,*:-+/ \t\n\r\f"

typedef struct PipedScope
{
	const CnScope *outer;
	const CnJson *value;
} PipedScope;

/*
 * Offset behind what cannot be taken apart at text[at]: a string in double
 * quotes, a comment, an escaped byte, or just the byte.
 */
static int
behind_token(const char *text, int len, int at)
{
	if (text[at] == '"')
	{
		for (at++; at < len && text[at] != '"'; at++)
			if (text[at] == '\\')
				at++;
	}
	else if (text[at] == '/' && at + 1 < len && text[at + 1] == '*')
	{
		for (at += 2; at < len; at++)
			if (text[at] == '*' && at + 1 < len && text[at + 1] == '/')
				break;
		at++;
	}
	else if (text[at] == '\\')
		at++;
	return Min(at + 1, len);
}

int
cn_expr_pipe(const char *text, int len)
{
	int			depth = 0;
	int			at = 0;

	while (at < len)
	{
		bool		twice = at + 1 < len && text[at + 1] == '|';

		if (text[at] == '(' || text[at] == '[')
			depth++;
		else if (text[at] == ')' || text[at] == ']')
			depth--;
		else if (text[at] == '|' && twice)
			at++;
		else if (text[at] == '|' && depth <= 0)
			return at;
		at = behind_token(text, len, at);
	}
	return len;
}

bool
cn_expr_pipe_variable(const char *path, int len)
{
	int			at = 0;

	while (at < len)
	{
		if (path[at] == '$' && at + 1 < len && strchr(PATH_SPECIAL, path[at + 1]) == NULL)
			return true;
		at = behind_token(path, len, at);
	}
	return false;
}

CnExpr *
cn_expr_parse_filters(const char *text, int len, int offset, CnExprError *error)
{
	StringInfoData buf;
	CnExpr	   *filters;

	initStringInfo(&buf);
	appendStringInfoString(&buf, CN_PIPE_ROOT);
	appendBinaryStringInfo(&buf, text + offset, len - offset);
	filters = cn_expr_parse(buf.data, buf.len, error);
	error->offset += offset - (int) strlen(CN_PIPE_ROOT);
	return filters;
}

static const CnJson *
piped_root(void *arg, const char *name)
{
	PipedScope *piped = (PipedScope *) arg;

	if (strcmp(name, CN_PIPE_ROOT) == 0)
		return piped->value;
	return piped->outer->root(piped->outer->arg, name);
}

const CnJson *
cn_expr_apply(const CnExpr *filters, const CnJson *value, const CnScope *scope, int64 *budget,
			  CnExprError *error)
{
	PipedScope	piped = {scope, value};
	CnScope		inner = {piped_root, &piped, scope->output_limit};
	const CnJson *result = cn_expr_eval_within(filters, &inner, budget, error);

	error->offset = 0;			/* it would count from a text nobody wrote */
	return result;
}
