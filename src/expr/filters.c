/*
 * filters.c -- the table of filters, and what they share.  Pure.
 *
 * The table is read by the expression parser, by the catalog view of filters
 * and by the documentation's generator; the unit tests check that each row is
 * complete and that its example parses.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1			/* memmem */
#endif

#include "core/pure.h"

#include "core/json.h"
#include "expr/filters.h"

/* Order is that of the documentation: by category, then by name. */
static const CnFilter filters[] = {
	{"default", "general", "value", 1, 1, true, cn_filter_default,
		"Gives its argument if the value is missing or null.",
	"{{input.country | default(\"US\")}}"},

	{"concat", "text", "value, ...", 1, CN_FILTER_ARGS_MAX, false, cn_filter_concat,
		"Appends its arguments to the text; null appends nothing.",
	"{{input.first | concat(\" \", input.last)}}"},
	{"lower", "text", "", 0, 0, false, cn_filter_lower,
		"Turns letters into small letters.",
	"{{input.email | lower}}"},
	{"replace", "text", "search, replacement", 2, 2, false, cn_filter_replace,
		"Replaces every occurrence of a plain text by another.",
	"{{input.phone | replace(\"-\", \"\")}}"},
	{"substring", "text", "start, length", 1, 2, false, cn_filter_substring,
		"Cuts out characters from start (0 is the first, -1 the last), all or the given number.",
	"{{input.code | substring(0, 3)}}"},
	{"title", "text", "", 0, 0, false, cn_filter_title,
		"Turns the first letter of each word into a capital, the others into small letters.",
	"{{input.name | title}}"},
	{"trim", "text", "characters", 0, 1, false, cn_filter_trim,
		"Removes white space, or the given characters, from both ends.",
	"{{input.name | trim}}"},
	{"upper", "text", "", 0, 0, false, cn_filter_upper,
		"Turns letters into capitals.",
	"{{input.country | upper}}"},

	{"integer", "number", "", 0, 0, false, cn_filter_integer,
		"Gives a whole number; a fraction is cut off.",
	"{{input.amount | integer}}"},
	{"number", "number", "", 0, 0, false, cn_filter_number,
		"Reads a text as a number, keeping every digit; true is 1, false is 0.",
	"{{input.amount | number}}"},
	{"round", "number", "digits", 0, 1, false, cn_filter_round,
		"Rounds to so many digits behind the point (0 if not given), half away from zero.",
	"{{input.amount | round(2)}}"},

	{"first", "array", "", 0, 0, false, cn_filter_first,
		"Gives the first element of an array or the first character of a text; null if empty.",
	"{{input.emails | first}}"},
	{"join", "array", "separator", 0, 1, false, cn_filter_join,
		"Makes one text of an array's elements, with a separator (a comma if not given) between.",
	"{{input.tags | join(\", \")}}"},
	{"last", "array", "", 0, 0, false, cn_filter_last,
		"Gives the last element of an array or the last character of a text; null if empty.",
	"{{input.emails | last}}"},
	{"length", "array", "", 0, 0, false, cn_filter_length,
		"Counts the elements of an array, the members of an object or the characters of a text.",
	"{{input.tags | length}}"},
	{"split", "array", "separator", 1, 1, false, cn_filter_split,
		"Makes an array of the parts between separators; with an empty one, of the characters.",
	"{{input.tags | split(\",\")}}"},

	{"to_json", "json", "", 0, 0, true, cn_filter_to_json,
		"Writes the value as JSON text.",
	"{{input.address | to_json}}"},

	{"base64", "encoding", "", 0, 0, false, cn_filter_base64,
		"Encodes the text's UTF-8 bytes as base64, with padding and without line breaks.",
	"{{input.document | base64}}"},
	{"url", "encoding", "", 0, 0, false, cn_filter_url,
		"Percent-encodes everything but letters, digits, '-', '.', '_' and '~'.",
	"{{input.callback | url}}"},
};

const CnFilter *
cn_filter_find(const char *name, int len)
{
	int			i;

	for (i = 0; i < lengthof(filters); i++)
	{
		if (strlen(filters[i].name) == len && memcmp(filters[i].name, name, len) == 0)
			return &filters[i];
	}
	return NULL;
}

const CnFilter *
cn_filter_table(int *count)
{
	*count = lengthof(filters);
	return filters;
}

/* Reached with null or nothing only; the evaluation leaves other values alone. */
const CnJson *
cn_filter_default(CnFilterCall *call)
{
	return call->args[0];
}

/* ---- helpers ---- */

/*
 * cn_filter_charge -- take bytes from the evaluation's budget.
 *
 * Returns false with the error set if there are not so many left.
 */
bool
cn_filter_charge(CnFilterCall *call, int64 bytes)
{
	if (bytes > call->output_limit)
	{
		call->error->limit = true;
		cn_filter_fail(call, "the result is larger than allowed");
		return false;
	}
	call->output_limit -= bytes;
	return true;
}

/* Set the message; returns NULL, so that it can be returned. */
const CnJson *
cn_filter_fail(CnFilterCall *call, const char *format,...)
{
	char		buf[256];
	va_list		args;

	va_start(args, format);
	vsnprintf(buf, sizeof(buf), format, args);
	va_end(args);
	call->error->message = pstrdup(buf);
	return NULL;
}

/* "a string", for messages. */
const char *
cn_filter_type_phrase(const CnJson *value)
{
	switch (value->type)
	{
		case CN_JSON_NULL:
			return "null";
		case CN_JSON_BOOL:
			return "a boolean";
		case CN_JSON_NUMBER:
			return "a number";
		case CN_JSON_STRING:
			return "a string";
		case CN_JSON_ARRAY:
			return "an array";
		default:
			return "an object";
	}
}

/* The value as text; false with the error set if it is no scalar. */
bool
cn_filter_text(CnFilterCall *call, const char **text, int *len)
{
	if (call->value->type == CN_JSON_ARRAY || call->value->type == CN_JSON_OBJECT)
	{
		cn_filter_fail(call, "needs text, not %s", cn_filter_type_phrase(call->value));
		return false;
	}
	*text = cn_expr_text(call->value, len);
	return true;
}

/* Any value as text, an array or object as JSON, which is taken from the budget. */
bool
cn_filter_any_text(CnFilterCall *call, const CnJson *value, const char **text, int *len)
{
	if (value->type == CN_JSON_ARRAY || value->type == CN_JSON_OBJECT)
	{
		if (!cn_filter_charge(call, cn_json_size(value, call->output_limit)))
			return false;
	}
	*text = cn_expr_text(value, len);
	return true;
}

/* Argument i, which must be a string, number or boolean, as text. */
bool
cn_filter_text_arg(CnFilterCall *call, int i, const char **text, int *len)
{
	const CnJson *arg = call->args[i];

	if (arg->type == CN_JSON_NULL || arg->type == CN_JSON_ARRAY || arg->type == CN_JSON_OBJECT)
	{
		cn_filter_fail(call, "argument %d must be text, not %s", i + 1, cn_filter_type_phrase(arg));
		return false;
	}
	*text = cn_expr_text(arg, len);
	return true;
}

/* Argument i, which must be a whole number that fits an int. */
bool
cn_filter_int_arg(CnFilterCall *call, int i, int *value)
{
	const CnJson *arg = call->args[i];
	char	   *end;
	long		number;

	if (arg->type == CN_JSON_NUMBER)
	{
		errno = 0;
		number = strtol(arg->u.text, &end, 10);
		if (errno == 0 && *end == '\0' && number >= PG_INT32_MIN && number <= PG_INT32_MAX)
		{
			*value = (int) number;
			return true;
		}
	}
	cn_filter_fail(call, "argument %d must be a whole number", i + 1);
	return false;
}

/* First occurrence of search, which is not empty, before end; NULL if there is none. */
const char *
cn_filter_search(const char *text, const char *end, const char *search, int search_len)
{
	if (search_len == 1)
		return (const char *) memchr(text, *search, end - text);
	return (const char *) memmem(text, end - text, search, search_len);
}
