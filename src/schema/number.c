/*
 * number.c -- JSON numbers, compared and divided exactly.  Pure.
 *
 * Most numbers are short integers, which are compared as such, without
 * allocating; all others by their digits (core/decimal.h).
 */
#include "core/pure.h"

#include "schema/number.h"

static bool read_small(const char *text, int len, int64 *value);
static void decimal_of(const CnNumber *number, CnDecimal *decimal);
static int	compare_magnitude(const CnDecimal *a, const CnDecimal *b);
static uint64 digits_value(const CnDecimal *decimal);
static uint64 multiply_modulo(uint64 a, uint64 b, uint64 modulus);

void
cn_number_read(const CnJson *json, CnNumber *number)
{
	number->is_small = read_small(json->u.text, json->len, &number->small);
	if (!number->is_small)
		cn_decimal_read(json->u.text, json->len, &number->decimal);
}

static bool
read_small(const char *text, int len, int64 *value)
{
	bool		negative = text[0] == '-';

	if (len - negative > CN_NUMBER_DIVISOR_DIGITS)
		return false;
	*value = 0;
	for (int i = negative; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return false;
		*value = *value * 10 + (text[i] - '0');
	}
	if (negative)
		*value = -*value;
	return true;
}

static void
decimal_of(const CnNumber *number, CnDecimal *decimal)
{
	char		text[32];

	if (number->is_small)
		cn_decimal_read(text, snprintf(text, sizeof(text), INT64_FORMAT, number->small), decimal);
	else
		*decimal = number->decimal;
}

/* Less than, equal to or greater than zero. */
int
cn_number_compare(const CnNumber *a, const CnNumber *b)
{
	CnDecimal	x;
	CnDecimal	y;
	int			order;

	if (a->is_small && b->is_small)
		return (a->small > b->small) - (a->small < b->small);
	decimal_of(a, &x);
	decimal_of(b, &y);
	if (x.negative != y.negative)
		return x.negative ? -1 : 1;
	order = compare_magnitude(&x, &y);
	return x.negative ? -order : order;
}

/* Without the signs. */
static int
compare_magnitude(const CnDecimal *a, const CnDecimal *b)
{
	int64		a_top = a->ndigits + a->exponent;
	int64		b_top = b->ndigits + b->exponent;
	int			order;

	if (a->ndigits == 0 || b->ndigits == 0)
		return (a->ndigits > 0) - (b->ndigits > 0);
	if (a_top != b_top)
		return a_top < b_top ? -1 : 1;
	order = memcmp(a->digits, b->digits, Min(a->ndigits, b->ndigits));
	return order != 0 ? order : (a->ndigits > b->ndigits) - (a->ndigits < b->ndigits);
}

/* By value: 1.0 and 1e3 are. */
bool
cn_number_is_integer(const CnNumber *number)
{
	return number->is_small || number->decimal.exponent >= 0;
}

static uint64
digits_value(const CnDecimal *decimal)
{
	uint64		value = 0;

	for (int i = 0; i < decimal->ndigits; i++)
		value = value * 10 + (decimal->digits[i] - '0');
	return value;
}

/* a * b modulo modulus, all below 10^18, which leaves room to double and to add. */
static uint64
multiply_modulo(uint64 a, uint64 b, uint64 modulus)
{
	uint64		result = 0;

	for (; b > 0; b >>= 1)
	{
		if (b & 1)
			result = (result + a) % modulus;
		a = a * 2 % modulus;
	}
	return result;
}

/*
 * cn_number_divides -- is number a whole multiple of divisor?
 *
 * divisor: not zero, with at most CN_NUMBER_DIVISOR_DIGITS digits
 *
 * With the digits of both as whole numbers n and d and k the difference of the
 * exponents: does d divide n * 10^k?  If k < 0 it would have to be d * 10^-k
 * that divides n, but n has no zero at its end.
 */
bool
cn_number_divides(const CnNumber *divisor, const CnNumber *number)
{
	CnDecimal	n;
	CnDecimal	d;
	uint64		modulus;
	uint64		rest = 0;
	uint64		power;

	if (divisor->is_small && number->is_small)
		return number->small % divisor->small == 0;
	decimal_of(number, &n);
	decimal_of(divisor, &d);
	if (n.ndigits == 0)
		return true;
	if (n.exponent < d.exponent)
		return false;
	modulus = digits_value(&d);
	for (int i = 0; i < n.ndigits; i++)
		rest = (rest * 10 + (n.digits[i] - '0')) % modulus;
	power = 10 % modulus;
	for (int64 k = n.exponent - d.exponent; k > 0; k >>= 1)
	{
		if (k & 1)
			rest = multiply_modulo(rest, power, modulus);
		power = multiply_modulo(power, power, modulus);
	}
	return rest == 0;
}

/* A number that is known to be whole and not negative, as a count; the largest if it is larger. */
int64
cn_number_count(const CnNumber *number)
{
	CnDecimal	decimal;
	int64		count;

	if (number->is_small)
		return number->small;
	decimal = number->decimal;
	if (decimal.ndigits + decimal.exponent > CN_NUMBER_DIVISOR_DIGITS)
		return PG_INT64_MAX;
	count = (int64) digits_value(&decimal);
	for (int64 i = 0; i < decimal.exponent; i++)
		count *= 10;
	return count;
}
