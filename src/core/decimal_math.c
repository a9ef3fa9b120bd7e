/*
 * decimal_math.c -- arithmetic on exact decimal numbers, digit by digit.  Pure.
 *
 * Sums are linear in the digits between the highest and the lowest place;
 * products and quotients are the product of the operands' lengths, so whoever
 * takes numbers from outside has to bound those first.
 */
#include "core/pure.h"

#include "core/decimal.h"

static int	compare_size(const CnDecimal *a, const CnDecimal *b);
static int64 top(const CnDecimal *value);
static void add_size_of(const CnDecimal *a, const CnDecimal *b, CnDecimal *result);
static void subtract_size_of(const CnDecimal *a, const CnDecimal *b, CnDecimal *result);
static char *aligned(const CnDecimal *value, int64 low, int width);
static int	take_digit(char *rest, const char *divisor, int width);

/* ---- order ---- */

/* Less than zero, zero, or more, as a is less than b, the same, or more. */
int
cn_decimal_compare(const CnDecimal *a, const CnDecimal *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? compare_size(b, a) : compare_size(a, b);
}

/* The same without signs. */
static int
compare_size(const CnDecimal *a, const CnDecimal *b)
{
	int			order;

	if (a->ndigits == 0 || b->ndigits == 0)
		return (a->ndigits > 0) - (b->ndigits > 0);
	if (top(a) != top(b))
		return top(a) < top(b) ? -1 : 1;
	order = memcmp(a->digits, b->digits, Min(a->ndigits, b->ndigits));
	return order != 0 ? order : (a->ndigits > b->ndigits) - (a->ndigits < b->ndigits);
}

/* The power of ten above the highest digit. */
static int64
top(const CnDecimal *value)
{
	return value->exponent + value->ndigits;
}

/* ---- sums ---- */

/* Digits of both from the highest to the lowest place, and one to carry to. */
int64
cn_decimal_sum_size(const CnDecimal *a, const CnDecimal *b)
{
	if (a->ndigits == 0 || b->ndigits == 0)
		return Max(a->ndigits, b->ndigits);
	return Max(top(a), top(b)) - Min(a->exponent, b->exponent) + 1;
}

void
cn_decimal_add(const CnDecimal *a, const CnDecimal *b, CnDecimal *result)
{
	CnDecimal	sum;

	if (a->ndigits == 0 || b->ndigits == 0)
	{
		*result = a->ndigits == 0 ? *b : *a;
		return;
	}
	if (a->negative == b->negative)
	{
		add_size_of(a, b, &sum);
		sum.negative = a->negative;
	}
	else if (compare_size(a, b) >= 0)
	{
		subtract_size_of(a, b, &sum);
		sum.negative = a->negative;
	}
	else
	{
		subtract_size_of(b, a, &sum);
		sum.negative = b->negative;
	}
	cn_decimal_trim(&sum);
	*result = sum;
}

void
cn_decimal_subtract(const CnDecimal *a, const CnDecimal *b, CnDecimal *result)
{
	CnDecimal	minus = *b;

	minus.negative = b->ndigits > 0 && !b->negative;
	cn_decimal_add(a, &minus, result);
}

/* |a| + |b|, not trimmed; the sign is the caller's. */
static void
add_size_of(const CnDecimal *a, const CnDecimal *b, CnDecimal *result)
{
	int			width = cn_decimal_sum_size(a, b);
	int64		low = Min(a->exponent, b->exponent);
	char	   *sum = aligned(a, low, width);
	char	   *other = aligned(b, low, width);
	int			carry = 0;
	int			i;

	for (i = width - 1; i >= 0; i--)
	{
		int			digit = sum[i] - '0' + other[i] - '0' + carry;

		sum[i] = '0' + digit % 10;
		carry = digit / 10;
	}
	pfree(other);
	result->digits = sum;
	result->ndigits = width;
	result->exponent = low;
}

/* |a| - |b| where |a| >= |b|, not trimmed; the sign is the caller's. */
static void
subtract_size_of(const CnDecimal *a, const CnDecimal *b, CnDecimal *result)
{
	int			width = cn_decimal_sum_size(a, b);
	int64		low = Min(a->exponent, b->exponent);
	char	   *rest = aligned(a, low, width);
	char	   *other = aligned(b, low, width);
	int			borrow = 0;
	int			i;

	for (i = width - 1; i >= 0; i--)
	{
		int			digit = rest[i] - other[i] - borrow;

		borrow = digit < 0;
		rest[i] = '0' + digit + (borrow ? 10 : 0);
	}
	pfree(other);
	result->digits = rest;
	result->ndigits = width;
	result->exponent = low;
}

/* The digits of value in width places, of which the last is 10^low. */
static char *
aligned(const CnDecimal *value, int64 low, int width)
{
	char	   *digits = (char *) palloc(width);

	memset(digits, '0', width);
	memcpy(digits + width - (value->exponent - low) - value->ndigits, value->digits,
		   value->ndigits);
	return digits;
}

/* ---- products ---- */

void
cn_decimal_multiply(const CnDecimal *a, const CnDecimal *b, CnDecimal *result)
{
	CnDecimal	product;
	int			width = a->ndigits + b->ndigits;
	int			i;
	int			j;

	product.negative = a->negative != b->negative;
	product.exponent = a->exponent + b->exponent;
	product.ndigits = width;
	product.digits = (char *) palloc(Max(width, 1));
	memset(product.digits, '0', width);
	for (i = a->ndigits - 1; i >= 0; i--)
	{
		int			carry = 0;

		for (j = b->ndigits - 1; j >= 0; j--)
		{
			int			digit = (a->digits[i] - '0') * (b->digits[j] - '0') +
				product.digits[i + j + 1] - '0' + carry;

			product.digits[i + j + 1] = '0' + digit % 10;
			carry = digit / 10;
		}
		product.digits[i] += carry;
	}
	cn_decimal_trim(&product);
	*result = product;
}

/* ---- quotients ---- */

/* Digits of the quotient and one more, which is what it costs for each digit of the divisor. */
int64
cn_decimal_quotient_size(const CnDecimal *a, const CnDecimal *b, int scale)
{
	return Max(top(a) - top(b) + scale + 3, 1);
}

/*
 * cn_decimal_divide -- a / b with scale digits behind the point.
 *
 * b: not zero
 * scale: not negative
 * truncate: drop the rest; otherwise half goes away from zero
 *
 * Long division: the rest, as wide as the divisor and one place more, takes in
 * one digit of the dividend after the other.
 */
void
cn_decimal_divide(const CnDecimal *a, const CnDecimal *b, int scale, bool truncate,
				  CnDecimal *result)
{
	int			width = b->ndigits + 1;
	char	   *divisor = aligned(b, b->exponent, width);
	char	   *rest = (char *) palloc(width);
	int64		count = a->ndigits + (a->exponent - b->exponent) + scale + 1;
	CnDecimal	quotient;
	int64		i;

	/* places of the dividend down to one behind the last that is wanted */
	count = Max(count, 0);
	quotient.negative = a->negative != b->negative;
	quotient.digits = (char *) palloc(count + 1);
	quotient.ndigits = count;
	quotient.exponent = -(int64) scale - 1;
	memset(rest, '0', width);
	for (i = 0; i < count; i++)
	{
		memmove(rest, rest + 1, width - 1);
		rest[width - 1] = i < a->ndigits ? a->digits[i] : '0';
		quotient.digits[i] = '0' + take_digit(rest, divisor, width);
	}
	pfree(rest);
	pfree(divisor);
	cn_decimal_trim(&quotient);
	cn_decimal_round(&quotient, scale, truncate);
	*result = quotient;
}

/* How often divisor goes into rest, nine times at most; it is taken from rest. */
static int
take_digit(char *rest, const char *divisor, int width)
{
	int			times = 0;
	int			i;

	while (memcmp(rest, divisor, width) >= 0)
	{
		int			borrow = 0;

		for (i = width - 1; i >= 0; i--)
		{
			int			digit = rest[i] - divisor[i] - borrow;

			borrow = digit < 0;
			rest[i] = '0' + digit + (borrow ? 10 : 0);
		}
		times++;
	}
	return times;
}
