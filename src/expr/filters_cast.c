/*
 * filters_cast.c -- cast: a value as another type, or an error that names both.  Pure.
 *
 * Stricter than the filters named like the types: nothing is cut off.
 */
#include "core/pure.h"

#include "core/chars.h"
#include "core/json_build.h"
#include "core/moment.h"
#include "expr/filters.h"

static const CnJson *cast(CnFilterCall *call, CnCast to);
static const CnJson *to_text(CnFilterCall *call);
static const CnJson *to_number(CnFilterCall *call, bool whole);
static const CnJson *to_moment(CnFilterCall *call, bool date);
static const CnJson *to_uuid(CnFilterCall *call);
static const CnJson *refuse(CnFilterCall *call);

const CnJson *
cn_filter_cast(CnFilterCall *call)
{
	const CnJson *result = cast(call, *(const CnCast *) call->prepared[0]);

	if (result == NULL && call->error->message == NULL)
		return refuse(call);
	return result;
}

/* NULL without a message if the value cannot be what is wanted. */
static const CnJson *
cast(CnFilterCall *call, CnCast to)
{
	int			yes;

	switch (to)
	{
		case CN_CAST_TEXT:
			return to_text(call);
		case CN_CAST_INTEGER:
			return to_number(call, true);
		case CN_CAST_NUMBER:
			return to_number(call, false);
		case CN_CAST_BOOLEAN:
			yes = cn_filter_read_boolean(call->value);
			return yes < 0 ? NULL : cn_json_bool(yes);
		case CN_CAST_DATE:
			return to_moment(call, true);
		case CN_CAST_TIMESTAMP:
			return to_moment(call, false);
		case CN_CAST_JSON:
			if (call->value->type != CN_JSON_STRING)
				return call->value;
			if (!cn_filter_charge(call, call->value->len * CN_ELEMENT_COST / 2))
				return NULL;
			return cn_json_parse(call->value->u.text, call->value->len, NULL, NULL);
		case CN_CAST_UUID:
			return to_uuid(call);
	}
	return NULL;
}

static const CnJson *
to_text(CnFilterCall *call)
{
	const char *text;
	int			len;

	if (call->value->type == CN_JSON_STRING)
		return call->value;
	if (!cn_filter_any_text(call, call->value, &text, &len))
		return NULL;
	return cn_filter_string(call, text, len);
}

static const CnJson *
to_number(CnFilterCall *call, bool whole)
{
	const char *problem;
	const CnJson *number;
	CnDecimal	value;

	/* what was read is as long as the text */
	if (!cn_filter_charge(call, call->value->type == CN_JSON_STRING ? call->value->len : 1))
		return NULL;
	number = cn_filter_read_number(call->value, &problem);
	if (number == NULL || !whole)
		return number;
	cn_decimal_read(number->u.text, number->len, &value);
	return value.exponent >= 0 ? cn_filter_decimal_value(call, &value) : NULL;
}

static const CnJson *
to_moment(CnFilterCall *call, bool date)
{
	const CnJson *value = call->value;
	char		text[CN_MOMENT_TEXT_SIZE];
	CnMoment	moment;

	if (value->type != CN_JSON_STRING || !cn_moment_read(value->u.text, value->len, &moment))
		return NULL;
	moment.date_only = date;
	return cn_filter_string(call, text, cn_moment_write(text, &moment));
}

/* Hexadecimal digits with or without hyphens, perhaps in braces: small letters and hyphens. */
static const CnJson *
to_uuid(CnFilterCall *call)
{
	const char *p = call->value->u.text;
	const char *end = p + call->value->len;
	char		out[36];
	int			len = 0;

	if (call->value->type != CN_JSON_STRING)
		return NULL;
	if (end - p >= 2 && *p == '{' && end[-1] == '}')
		p++, end--;
	for (; p < end; p++)
	{
		bool		hyphen = len == 8 || len == 13 || len == 18 || len == 23;

		if (*p == '-' && hyphen)
		{
			out[len++] = '-';
			continue;
		}
		if (hyphen)
			out[len++] = '-';
		if (len == sizeof(out) || cn_hex_value(*p) < 0)
			return NULL;
		out[len++] = pg_tolower((unsigned char) *p);
	}
	return len == sizeof(out) ? cn_filter_string(call, out, len) : NULL;
}

static const CnJson *
refuse(CnFilterCall *call)
{
	const CnJson *value = call->value;
	const char *text = cn_json_type_phrase(value->type);

	if (value->type == CN_JSON_STRING)
		text = cn_filter_quote(value->u.text, value->len);
	else if (value->type == CN_JSON_NUMBER)
		text = pnstrdup(value->u.text, Min(value->len, 40));
	else if (value->type == CN_JSON_BOOL)
		text = value->boolean ? "true" : "false";
	return cn_filter_fail(call, "cannot cast %s to %s", text, call->args[0]->u.text);
}
