/*
 * filters_number.c -- filters that make numbers.  Pure.
 *
 * Numbers are decimal text all the way (core/decimal.h): no digit is lost and
 * nothing can become infinite or not a number.  What comes out is always a
 * number jsonb takes.
 */
#include "core/pure.h"

#include "core/decimal.h"
#include "core/json_build.h"
#include "expr/filters.h"

/*
 * Numbers that are multiplied or divided: the work is the product of their
 * lengths, of which so much may be done for each byte of the budget.
 */
#define STEPS_PER_BYTE 8

/* Digits behind the point of a quotient, if none are asked for. */
#define QUOTIENT_DIGITS 10

/* As many digits behind the point as numeric has. */
#define SCALE_MAX 16383

static const CnJson *rounded(CnFilterCall *call, int scale, bool truncate);
static const CnJson *to_whole(CnFilterCall *call, bool up);
static bool charge_steps(CnFilterCall *call, int64 a, int64 b);
static bool add_up(CnFilterCall *call, CnDecimal *total, int *count);
static const CnJson *quotient(CnFilterCall *call, const CnDecimal *a, const CnDecimal *b,
							  int scale);
static void append_grouped(StringInfo out, const char *number, int len, const char *group,
						   const char *point);
static const CnJson *read_text(const char *text, int len, const char **problem);
static bool is_digit(char byte);
static bool is_json_space(char byte);

/* ---- reading and writing ---- */

const CnJson *
cn_filter_read_number(const CnJson *value, const char **problem)
{
	switch (value->type)
	{
		case CN_JSON_NUMBER:
			return value;
		case CN_JSON_BOOL:
			return cn_json_int(value->boolean);
		case CN_JSON_STRING:
			return read_text(value->u.text, value->len, problem);
		default:
			*problem = psprintf("needs a number or text, not %s", cn_json_type_phrase(value->type));
			return NULL;
	}
}

static const CnJson *
as_number(CnFilterCall *call, const CnJson *value)
{
	const char *problem;
	const CnJson *number;

	if (value->type == CN_JSON_STRING && !cn_filter_charge(call, value->len + 1))
		return NULL;
	number = cn_filter_read_number(value, &problem);
	return number != NULL ? number : cn_filter_fail(call, "%s", problem);
}

bool
cn_filter_decimal(CnFilterCall *call, const CnJson *value, CnDecimal *result)
{
	const CnJson *number = as_number(call, value);

	if (number == NULL || !cn_filter_charge(call, number->len))
		return false;
	cn_decimal_read(number->u.text, number->len, result);
	return true;
}

const CnJson *
cn_filter_decimal_value(CnFilterCall *call, const CnDecimal *value)
{
	CnJsonError why;
	StringInfoData buf;
	const CnJson *number;

	if (!cn_filter_charge(call, cn_decimal_size(value)))
		return NULL;
	initStringInfo(&buf);
	cn_decimal_write(&buf, value);
	if (!cn_json_check(buf.data, buf.len, NULL, &why))
		return cn_filter_fail(call, "%s", why.message);
	number = cn_json_number(buf.data, buf.len);
	pfree(buf.data);
	return number;
}

const CnJson *
cn_filter_number(CnFilterCall *call)
{
	return as_number(call, call->value);
}

/* ---- rounding ---- */

const CnJson *
cn_filter_integer(CnFilterCall *call)
{
	return rounded(call, 0, true);
}

const CnJson *
cn_filter_round(CnFilterCall *call)
{
	return rounded(call, cn_filter_int_arg(call, 0, 0), false);
}

static const CnJson *
rounded(CnFilterCall *call, int scale, bool truncate)
{
	CnDecimal	value;

	if (!cn_filter_decimal(call, call->value, &value))
		return NULL;
	cn_decimal_round(&value, scale, truncate);
	return cn_filter_decimal_value(call, &value);
}

const CnJson *
cn_filter_floor(CnFilterCall *call)
{
	return to_whole(call, false);
}

const CnJson *
cn_filter_ceil(CnFilterCall *call)
{
	return to_whole(call, true);
}

static const CnJson *
to_whole(CnFilterCall *call, bool up)
{
	CnDecimal	one = {.digits = "1",.ndigits = 1};
	CnDecimal	value;
	CnDecimal	whole;

	if (!cn_filter_decimal(call, call->value, &value))
		return NULL;
	whole = value;
	cn_decimal_round(&whole, 0, true);
	/* what was cut off leads away from where it should go */
	if (cn_decimal_compare(&whole, &value) != 0 && up != value.negative)
	{
		one.negative = !up;
		cn_decimal_add(&whole, &one, &whole);
	}
	return cn_filter_decimal_value(call, &whole);
}

const CnJson *
cn_filter_abs(CnFilterCall *call)
{
	CnDecimal	value;

	if (!cn_filter_decimal(call, call->value, &value))
		return NULL;
	value.negative = false;
	return cn_filter_decimal_value(call, &value);
}

/* ---- arithmetic ---- */

static const CnJson *
sum_of(CnFilterCall *call, void (*operation) (const CnDecimal *, const CnDecimal *, CnDecimal *))
{
	const CnDecimal *other = (const CnDecimal *) call->prepared[0];
	CnDecimal	value;

	if (!cn_filter_decimal(call, call->value, &value) ||
		!cn_filter_charge(call, 2 * cn_decimal_sum_size(&value, other)))
		return NULL;
	operation(&value, other, &value);
	return cn_filter_decimal_value(call, &value);
}

const CnJson *
cn_filter_add(CnFilterCall *call)
{
	return sum_of(call, cn_decimal_add);
}

const CnJson *
cn_filter_subtract(CnFilterCall *call)
{
	return sum_of(call, cn_decimal_subtract);
}

const CnJson *
cn_filter_multiply(CnFilterCall *call)
{
	const CnDecimal *by = (const CnDecimal *) call->prepared[0];
	CnDecimal	value;

	if (!cn_filter_decimal(call, call->value, &value) ||
		!charge_steps(call, value.ndigits, by->ndigits))
		return NULL;
	cn_decimal_multiply(&value, by, &value);
	return cn_filter_decimal_value(call, &value);
}

const CnJson *
cn_filter_divide(CnFilterCall *call)
{
	CnDecimal	value;

	if (!cn_filter_decimal(call, call->value, &value))
		return NULL;
	return quotient(call, &value, (const CnDecimal *) call->prepared[0],
					cn_filter_int_arg(call, 1, QUOTIENT_DIGITS));
}

static const CnJson *
quotient(CnFilterCall *call, const CnDecimal *a, const CnDecimal *b, int scale)
{
	CnDecimal	result;

	if (b->ndigits == 0)
		return cn_filter_fail(call, "division by zero");
	if (scale > SCALE_MAX)
		return cn_filter_fail(call, "more than %d digits behind the point", SCALE_MAX);
	if (!charge_steps(call, cn_decimal_quotient_size(a, b, scale), b->ndigits))
		return NULL;
	cn_decimal_divide(a, b, scale, false, &result);
	return cn_filter_decimal_value(call, &result);
}

/* What is left of a division to a whole number, with the sign of the dividend. */
const CnJson *
cn_filter_modulo(CnFilterCall *call)
{
	const CnDecimal *by = (const CnDecimal *) call->prepared[0];
	CnDecimal	value;
	CnDecimal	times;

	if (by->ndigits == 0)
		return cn_filter_fail(call, "division by zero");
	if (!cn_filter_decimal(call, call->value, &value) ||
		!charge_steps(call, cn_decimal_quotient_size(&value, by, 0), by->ndigits))
		return NULL;
	cn_decimal_divide(&value, by, 0, true, &times);
	if (!charge_steps(call, times.ndigits, by->ndigits))
		return NULL;
	cn_decimal_multiply(&times, by, &times);
	if (!cn_filter_charge(call, 2 * cn_decimal_sum_size(&value, &times)))
		return NULL;
	cn_decimal_subtract(&value, &times, &value);
	return cn_filter_decimal_value(call, &value);
}

static bool
charge_steps(CnFilterCall *call, int64 a, int64 b)
{
	return cn_filter_charge(call, a + b + a * b / STEPS_PER_BYTE);
}

/* ---- lists ---- */

const CnJson *
cn_filter_sum(CnFilterCall *call)
{
	CnDecimal	total;
	int			count;

	return add_up(call, &total, &count) ? cn_filter_decimal_value(call, &total) : NULL;
}

const CnJson *
cn_filter_average(CnFilterCall *call)
{
	CnDecimal	total;
	CnDecimal	number;
	char		text[16];
	int			count;

	if (!add_up(call, &total, &count))
		return NULL;
	if (count == 0)
		return cn_json_null();
	cn_decimal_read(text, snprintf(text, sizeof(text), "%d", count), &number);
	return quotient(call, &total, &number, cn_filter_int_arg(call, 0, QUOTIENT_DIGITS));
}

/* Of the elements that are not null; count of them. */
static bool
add_up(CnFilterCall *call, CnDecimal *total, int *count)
{
	const CnJson *array = cn_filter_array(call);
	int			i;

	if (array == NULL)
		return false;
	memset(total, 0, sizeof(*total));
	*count = 0;
	for (i = 0; i < array->len; i++)
	{
		CnDecimal	number;

		if (array->u.items[i]->type == CN_JSON_NULL)
			continue;
		if (!cn_filter_decimal(call, array->u.items[i], &number) ||
			!cn_filter_charge(call, 2 * cn_decimal_sum_size(total, &number)))
			return false;
		cn_decimal_add(total, &number, total);
		(*count)++;
	}
	return true;
}

/* ---- for people ---- */

/* Digits behind the point, separator of thousands, decimal point. */
const CnJson *
cn_filter_format_number(CnFilterCall *call)
{
	int			scale = cn_filter_int_arg(call, 0, 0);
	const char *group = ",";
	const char *point = ".";
	int			group_len = 1;
	int			point_len = 1;
	CnDecimal	value;
	StringInfoData plain;
	StringInfoData buf;
	int64		size;
	int			behind;

	if (call->nargs > 1)
		group = cn_filter_text_arg(call, 1, &group_len);
	if (call->nargs > 2)
		point = cn_filter_text_arg(call, 2, &point_len);
	if (scale > SCALE_MAX)
		return cn_filter_fail(call, "more than %d digits behind the point", SCALE_MAX);
	if (!cn_filter_decimal(call, call->value, &value))
		return NULL;
	cn_decimal_round(&value, scale, false);
	size = cn_decimal_size(&value) + scale + 1;
	if (!cn_filter_charge(call, size + size / 3 * group_len + point_len))
		return NULL;
	initStringInfo(&plain);
	cn_decimal_write(&plain, &value);
	behind = strchr(plain.data, '.') != NULL ? strlen(strchr(plain.data, '.')) - 1 : 0;
	if (behind == 0 && scale > 0)
		appendStringInfoChar(&plain, '.');
	for (; behind < scale; behind++)
		appendStringInfoChar(&plain, '0');
	initStringInfo(&buf);
	append_grouped(&buf, plain.data, plain.len, group, point);
	pfree(plain.data);
	return cn_filter_finished(&buf);
}

/* number: as cn_decimal_write has it */
static void
append_grouped(StringInfo out, const char *number, int len, const char *group, const char *point)
{
	int			first = *number == '-';
	int			whole = strcspn(number, ".");
	int			i;

	appendBinaryStringInfo(out, number, first);
	for (i = first; i < whole; i++)
	{
		if (i > first && (whole - i) % 3 == 0)
			appendStringInfoString(out, group);
		appendStringInfoChar(out, number[i]);
	}
	if (whole < len)
	{
		appendStringInfoString(out, point);
		appendBinaryStringInfo(out, number + whole + 1, len - whole - 1);
	}
}

/* ---- text ---- */

/*
 * read_text -- text as a number.
 *
 * Beside JSON's own form it takes white space around, a plus sign, zeros in
 * front and a point without digits on one side.  No separators of thousands
 * and no decimal comma: which of them is meant cannot be known.
 */
static const CnJson *
read_text(const char *text, int len, const char **problem)
{
	const char *p = text;
	const char *end = text + len;
	const CnJson *number = NULL;
	CnJsonError why;
	StringInfoData buf;

	while (p < end && is_json_space(*p))
		p++;
	while (p < end && is_json_space(end[-1]))
		end--;
	*problem = "the text is not a number";
	initStringInfo(&buf);
	if (p < end && (*p == '-' || *p == '+'))
	{
		if (*p == '-')
			appendStringInfoChar(&buf, '-');
		p++;
	}
	if (p >= end || !(is_digit(*p) || (*p == '.' && end - p > 1 && is_digit(p[1]))))
		return NULL;
	while (end - p > 1 && p[0] == '0' && is_digit(p[1]))
		p++;
	if (*p == '.')
		appendStringInfoChar(&buf, '0');
	while (p < end && is_digit(*p))
		appendStringInfoChar(&buf, *p++);
	if (p < end && *p == '.' && (p + 1 == end || p[1] == 'e' || p[1] == 'E'))
		p++;
	appendBinaryStringInfo(&buf, p, end - p);

	if (cn_json_check(buf.data, buf.len, NULL, &why))
		number = cn_json_number(buf.data, buf.len);
	else if (why.kind == CN_JSON_NUMBER_RANGE)
		*problem = why.message;
	pfree(buf.data);
	return number;
}

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool
is_json_space(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}
