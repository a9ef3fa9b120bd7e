/*
 * fuzz_condition.c -- src/expr/condition*.c: conditions from any bytes.
 *
 * A path that comes out is read again here as far as matters: every string is
 * closed, brackets pair, each "$v" is a variable there is and each variable is
 * used.  Whatever a tenant writes, the server's parser gets one predicate.
 */
#include "expr/condition.h"

#include "fuzz.h"
#include "shim.h"

#define DEPTH_MAX 1000

/* Behind the string that begins at at. */
static const char *
skip_string(const char *at)
{
	for (at++; *at != '"'; at++)
	{
		require((unsigned char) *at >= ' ');
		if (*at == '\\')
			at++;
		require(*at != '\0');
	}
	return at + 1;
}

static const char *
skip_variable(const char *at, bool *used, int nvars)
{
	char	   *end;
	long		number;

	require(at[1] == 'v' && at[2] >= '0' && at[2] <= '9');
	number = strtol(at + 2, &end, 10);
	require(number < nvars);
	used[number] = true;
	return end;
}

static void
check_path(const CnCondition *c)
{
	bool	   *used = palloc0(sizeof(bool) * (c->nvars + 1));
	char		open[DEPTH_MAX];
	int			depth = 0;

	require(strncmp(c->path, "strict ", 7) == 0);
	for (const char *at = c->path; *at != '\0';)
	{
		if (*at == '"')
		{
			at = skip_string(at);
			continue;
		}
		if (*at == '$')
		{
			at = skip_variable(at, used, c->nvars);
			continue;
		}
		require((unsigned char) *at >= ' ' && (unsigned char) *at < 0x7F && *at != '\'');
		if (*at == '(' || *at == '[')
		{
			require(depth < DEPTH_MAX);
			open[depth++] = *at;
		}
		else if (*at == ')' || *at == ']')
			require(depth > 0 && open[--depth] == (*at == ')' ? '(' : '['));
		at++;
	}
	require(depth == 0);
	for (int i = 0; i < c->nvars; i++)
		require(used[i]);
}

static void
check_vars(const CnCondition *c, int len)
{
	CnScope		scope = fuzz_scope(cn_json_parse("{\"a\":[1,\"x\"]}", 13, NULL, NULL), 10000);

	for (int i = 0; i < c->nvars; i++)
	{
		const CnConditionVar *var = &c->vars[i];
		CnExprError error;
		const CnJson *value = cn_expr_eval(var->expr, &scope, &error);

		require(strcmp(var->name, psprintf("v%d", i)) == 0);
		require(var->offset >= 0 && var->offset < len);
		if (value == NULL)
			require(error.offset >= 0 && var->offset + error.offset < len);
		(void) cn_json_truthy(value);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CnExprError error;
	CnCondition *c = cn_condition_parse(fuzz_copy(data, size), (int) size, &error);

	if (c == NULL)
		require(error.message != NULL && error.offset >= 0 && error.offset <= (int) size &&
				cn_utf8_valid(error.message, strlen(error.message), NULL));
	else if (c->whole)
		require(c->nvars == 0 && strlen(c->path) <= size);
	else
	{
		/* negating each test and listing elements makes it longer, but by a factor */
		require(strlen(c->path) <= 64 * size + 256);
		check_path(c);
		check_vars(c, (int) size);
	}
	shim_reset();
	return 0;
}
