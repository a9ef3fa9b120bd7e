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

static const CnJson *as_number(CnFilterCall *call);
static const CnJson *read_number(CnFilterCall *call, const char *text, int len);
static const CnJson *rounded(CnFilterCall *call, int scale, bool truncate);
static bool is_digit(char byte);
static bool is_json_space(char byte);

const CnJson *
cn_filter_number(CnFilterCall *call)
{
	return as_number(call);
}

const CnJson *
cn_filter_integer(CnFilterCall *call)
{
	return rounded(call, 0, true);
}

const CnJson *
cn_filter_round(CnFilterCall *call)
{
	int			digits = 0;

	if (call->nargs > 0 && !cn_filter_int_arg(call, 0, &digits))
		return NULL;
	return rounded(call, digits, false);
}

static const CnJson *
rounded(CnFilterCall *call, int scale, bool truncate)
{
	const CnJson *number = as_number(call);
	CnDecimal	value;
	CnJsonError why;
	StringInfoData buf;

	if (number == NULL)
		return NULL;
	cn_decimal_read(number->u.text, number->len, &value);
	cn_decimal_round(&value, scale, truncate);
	if (!cn_filter_charge(call, cn_decimal_size(&value)))
		return NULL;
	initStringInfo(&buf);
	cn_decimal_write(&buf, &value);
	if (!cn_json_check(buf.data, buf.len, NULL, &why))
		return cn_filter_fail(call, "%s", why.message);
	return cn_json_number(buf.data, buf.len);
}

static const CnJson *
as_number(CnFilterCall *call)
{
	const CnJson *value = call->value;

	switch (value->type)
	{
		case CN_JSON_NUMBER:
			return value;
		case CN_JSON_BOOL:
			return cn_json_int(value->boolean);
		case CN_JSON_STRING:
			return read_number(call, value->u.text, value->len);
		default:
			return cn_filter_fail(call, "needs a number or text, not %s",
								  cn_filter_type_phrase(value));
	}
}

/*
 * read_number -- text as a number.
 *
 * Beside JSON's own form it takes white space around, a plus sign, zeros in
 * front and a point without digits on one side.  No separators of thousands
 * and no decimal comma: which of them is meant cannot be known.
 */
static const CnJson *
read_number(CnFilterCall *call, const char *text, int len)
{
	const char *p = text;
	const char *end = text + len;
	CnJsonError why;
	StringInfoData buf;

	while (p < end && is_json_space(*p))
		p++;
	while (p < end && is_json_space(end[-1]))
		end--;
	if (!cn_filter_charge(call, (end - p) + 1))
		return NULL;

	initStringInfo(&buf);
	if (p < end && (*p == '-' || *p == '+'))
	{
		if (*p == '-')
			appendStringInfoChar(&buf, '-');
		p++;
	}
	if (p >= end || !(is_digit(*p) || (*p == '.' && end - p > 1 && is_digit(p[1]))))
		return cn_filter_fail(call, "the text is not a number");
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
		return cn_json_number(buf.data, buf.len);
	return cn_filter_fail(call, "%s", why.kind == CN_JSON_NUMBER_RANGE ? why.message
						  : "the text is not a number");
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
