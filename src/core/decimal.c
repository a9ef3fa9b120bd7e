/*
 * decimal.c -- exact decimal numbers on their digits.  Pure.
 *
 * Numbers of remotes are text here and stay text: a double would lose digits
 * of identifiers and of money.  Literals come from CnJson, so numeric can hold
 * them: exponents are small unless the number is zero.
 */
#include "core/pure.h"

#include "core/decimal.h"

static void round_up(CnDecimal *value);

/* literal: a JSON number.  result's digits are newly allocated. */
void
cn_decimal_read(const char *literal, int len, CnDecimal *result)
{
	bool		behind_point = false;
	int			i = 0;

	result->negative = len > 0 && literal[0] == '-';
	result->digits = (char *) palloc(Max(len, 1));
	result->ndigits = 0;
	result->exponent = 0;

	for (i = result->negative; i < len && literal[i] != 'e' && literal[i] != 'E'; i++)
	{
		if (literal[i] == '.')
		{
			behind_point = true;
			continue;
		}
		result->digits[result->ndigits++] = literal[i];
		result->exponent -= behind_point;
	}
	if (i < len)
		result->exponent += strtol(literal + i + 1, NULL, 10);
	cn_decimal_trim(result);
}

/* Back to the form decimal.h describes. */
void
cn_decimal_trim(CnDecimal *value)
{
	int			leading = 0;

	while (value->ndigits > 0 && value->digits[value->ndigits - 1] == '0')
	{
		value->ndigits--;
		value->exponent++;
	}
	while (leading < value->ndigits && value->digits[leading] == '0')
		leading++;
	value->digits += leading;
	value->ndigits -= leading;
	if (value->ndigits == 0)
	{
		value->negative = false;
		value->exponent = 0;
	}
}

/*
 * cn_decimal_round -- keep scale digits behind the point, in place.
 *
 * scale: negative rounds in front of the point
 * truncate: drop the rest; otherwise half goes away from zero, as numeric does
 */
void
cn_decimal_round(CnDecimal *value, int scale, bool truncate)
{
	int64		excess = -(int64) scale - value->exponent;	/* digits to drop */
	bool		up;

	if (value->ndigits == 0 || excess <= 0)
		return;
	up = !truncate && excess <= value->ndigits && value->digits[value->ndigits - excess] >= '5';
	value->ndigits = Max(value->ndigits - excess, 0);
	value->exponent = -(int64) scale;
	if (up)
		round_up(value);
	cn_decimal_trim(value);
}

/* Add one in the last place.  There is room for one digit more: at least one was dropped. */
static void
round_up(CnDecimal *value)
{
	int			i = value->ndigits - 1;

	while (i >= 0 && value->digits[i] == '9')
		value->digits[i--] = '0';
	if (i >= 0)
	{
		value->digits[i]++;
		return;
	}
	memmove(value->digits + 1, value->digits, value->ndigits);
	value->digits[0] = '1';
	value->ndigits++;
}

/* Bytes cn_decimal_write appends. */
int64
cn_decimal_size(const CnDecimal *value)
{
	int64		before = value->ndigits + value->exponent;	/* digits before the point */

	if (value->ndigits == 0)
		return 1;
	if (value->exponent >= 0)
		return value->negative + before;
	return value->negative + Max(before, 1) + 1 - value->exponent;
}

/* Append value as a JSON number without exponent. */
void
cn_decimal_write(StringInfo out, const CnDecimal *value)
{
	int64		before = value->ndigits + value->exponent;
	int64		i;

	if (value->ndigits == 0)
	{
		appendStringInfoChar(out, '0');
		return;
	}
	if (value->negative)
		appendStringInfoChar(out, '-');
	if (before <= 0)
		appendStringInfoString(out, "0.");
	for (i = before; i < 0; i++)
		appendStringInfoChar(out, '0');
	for (i = 0; i < value->ndigits; i++)
	{
		if (i == before && i > 0)
			appendStringInfoChar(out, '.');
		appendStringInfoChar(out, value->digits[i]);
	}
	for (i = 0; i < value->exponent; i++)
		appendStringInfoChar(out, '0');
}

/* Do two JSON numbers have the same value? */
bool
cn_decimal_equal(const char *a, int a_len, const char *b, int b_len)
{
	CnDecimal	x;
	CnDecimal	y;

	cn_decimal_read(a, a_len, &x);
	cn_decimal_read(b, b_len, &y);
	return x.negative == y.negative && x.exponent == y.exponent && x.ndigits == y.ndigits &&
		memcmp(x.digits, y.digits, x.ndigits) == 0;
}
