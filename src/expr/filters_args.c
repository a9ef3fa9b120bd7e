/*
 * filters_args.c -- the kinds of filters' arguments.  Pure.
 *
 * A kind has one function, which judges an argument and gives what is made of
 * it: a compiled regular expression, a time zone, or for most kinds nothing
 * but the argument itself.
 */
#include "core/pure.h"

#include "core/digest.h"
#include "core/regex.h"
#include "expr/dates.h"
#include "expr/expr_tree.h"
#include "expr/filters.h"
#include "expr/phone.h"

/* What the argument gives, or NULL and *problem, which stands behind "argument N ". */
typedef const void *(*KindFn) (const CnJson *arg, const char **problem);

static const void *read_any(const CnJson *arg, const char **problem);
static const void *read_text(const CnJson *arg, const char **problem);
static const void *read_search(const CnJson *arg, const char **problem);
static const void *read_int(const CnJson *arg, const char **problem);
static const void *read_count(const CnJson *arg, const char **problem);
static const void *read_number(const CnJson *arg, const char **problem);
static const void *read_list(const CnJson *arg, const char **problem);
static const void *read_object(const CnJson *arg, const char **problem);
static const void *read_names(const CnJson *arg, const char **problem);
static const void *read_path(const CnJson *arg, const char **problem);
static const void *read_regex(const CnJson *arg, const char **problem);
static const void *read_filter(const CnJson *arg, const char **problem);
static const void *read_date(const CnJson *arg, const char **problem);
static const void *read_date_pattern(const CnJson *arg, const char **problem);
static const void *read_read_pattern(const CnJson *arg, const char **problem);
static const void *read_zone(const CnJson *arg, const char **problem);
static const void *read_interval(const CnJson *arg, const char **problem);
static const void *read_unit(const CnJson *arg, const char **problem);
static const void *read_digest(const CnJson *arg, const char **problem);
static const void *read_encoding(const CnJson *arg, const char **problem);
static const void *read_cast(const CnJson *arg, const char **problem);
static const void *read_order(const CnJson *arg, const char **problem);
static const void *read_country(const CnJson *arg, const char **problem);

static const KindFn kind_functions[] = {
	[CN_ARG_ANY] = read_any,
	[CN_ARG_TEXT] = read_text,
	[CN_ARG_SEARCH] = read_search,
	[CN_ARG_INT] = read_int,
	[CN_ARG_COUNT] = read_count,
	[CN_ARG_NUMBER] = read_number,
	[CN_ARG_LIST] = read_list,
	[CN_ARG_OBJECT] = read_object,
	[CN_ARG_NAMES] = read_names,
	[CN_ARG_PATH] = read_path,
	[CN_ARG_REGEX] = read_regex,
	[CN_ARG_FILTER] = read_filter,
	[CN_ARG_DATE] = read_date,
	[CN_ARG_DATE_PATTERN] = read_date_pattern,
	[CN_ARG_READ_PATTERN] = read_read_pattern,
	[CN_ARG_ZONE] = read_zone,
	[CN_ARG_INTERVAL] = read_interval,
	[CN_ARG_UNIT] = read_unit,
	[CN_ARG_DIGEST] = read_digest,
	[CN_ARG_ENCODING] = read_encoding,
	[CN_ARG_CAST] = read_cast,
	[CN_ARG_ORDER] = read_order,
	[CN_ARG_COUNTRY] = read_country
};

/* In the order of the enums of filters.h. */
static const char *const unit_names[] = {
	"second", "minute", "hour", "day", "week", "month", "quarter", "year", NULL
};
static const char *const encoding_names[] = {"hex", "base64", "base64url", NULL};
static const char *const cast_names[] = {
	"text", "integer", "number", "boolean", "date", "timestamp", "json", "uuid", NULL
};
static const char *const order_names[] = {"asc", "desc", NULL};

/* ---- judging ---- */

char *
cn_filter_count_problem(const CnFilter *filter, int nargs)
{
	char	   *wanted;

	if (nargs >= filter->min_args && nargs <= filter->max_args)
		return NULL;
	if (filter->max_args == 0)
		wanted = pstrdup("no arguments");
	else if (filter->min_args == filter->max_args)
		wanted = psprintf("%d argument%s", filter->min_args, filter->min_args == 1 ? "" : "s");
	else
		wanted = psprintf("%d to %d arguments", filter->min_args, filter->max_args);
	return psprintf("filter \"%s\" takes %s, not %d", filter->name, wanted, nargs);
}

bool
cn_filter_prepare(const CnFilter *filter, const CnJson **args, int nargs,
				  const void **prepared, int *bad, const char **problem)
{
	int			i;

	for (i = 0; i < nargs; i++)
	{
		CnArgKind	kind = filter->kinds[Min(i, CN_ARG_KINDS - 1)];

		*bad = i;
		if (kind == CN_ARG_FILTER)
		{
			const CnFilter *inner;

			if (args[i] == NULL)
			{
				*problem = "must be the name of a filter, in quotes";
				return false;
			}
			inner = (const CnFilter *) read_filter(args[i], problem);
			if (inner == NULL)
				return false;
			prepared[i] = inner;
			*problem = cn_filter_count_problem(inner, nargs - i - 1);
			if (*problem != NULL)
			{
				*problem = psprintf("does not fit: %s", *problem);
				return false;
			}
			if (cn_filter_prepare(inner, args + i + 1, nargs - i - 1, prepared + i + 1,
								  bad, problem))
				return true;
			*bad += i + 1;
			return false;
		}
		if (args[i] == NULL || prepared[i] != NULL)
			continue;
		prepared[i] = kind_functions[kind] (args[i], problem);
		if (prepared[i] == NULL)
			return false;
	}
	return true;
}

bool
cn_filter_prepare_call(const CnFilter *filter, CnFilterCall *call)
{
	const char *problem;
	int			bad;

	if (cn_filter_prepare(filter, call->args, call->nargs, call->prepared, &bad, &problem))
		return true;
	cn_filter_fail(call, "argument %d %s", bad + 1, problem);
	return false;
}

/* ---- plain values ---- */

static const void *
read_any(const CnJson *arg, const char **problem)
{
	return arg;
}

static const void *
read_text(const CnJson *arg, const char **problem)
{
	if (arg->type != CN_JSON_NULL && arg->type != CN_JSON_ARRAY && arg->type != CN_JSON_OBJECT)
		return arg;
	*problem = psprintf("must be text, not %s", cn_json_type_phrase(arg->type));
	return NULL;
}

static const void *
read_search(const CnJson *arg, const char **problem)
{
	if (read_text(arg, problem) == NULL)
		return NULL;
	if (arg->type != CN_JSON_STRING || arg->len > 0)
		return arg;
	*problem = "must not be empty";
	return NULL;
}

static const void *
read_int(const CnJson *arg, const char **problem)
{
	char	   *end;
	long		number;

	if (arg->type == CN_JSON_NUMBER)
	{
		errno = 0;
		number = strtol(arg->u.text, &end, 10);
		if (errno == 0 && *end == '\0' && number >= PG_INT32_MIN && number <= PG_INT32_MAX)
			return arg;
	}
	*problem = "must be a whole number";
	return NULL;
}

static const void *
read_count(const CnJson *arg, const char **problem)
{
	if (read_int(arg, problem) == NULL)
		return NULL;
	if (atoi(arg->u.text) >= 0)
		return arg;
	*problem = "must not be negative";
	return NULL;
}

static const void *
read_number(const CnJson *arg, const char **problem)
{
	const CnJson *number = cn_filter_read_number(arg, problem);
	CnDecimal  *decimal;

	if (number == NULL)
	{
		*problem = psprintf("must be a number, not %s",
							arg->type == CN_JSON_STRING ? "other text"
							: cn_json_type_phrase(arg->type));
		return NULL;
	}
	decimal = (CnDecimal *) palloc(sizeof(CnDecimal));
	cn_decimal_read(number->u.text, number->len, decimal);
	return decimal;
}

static const void *
read_list(const CnJson *arg, const char **problem)
{
	if (arg->type == CN_JSON_ARRAY)
		return arg;
	*problem = psprintf("must be an array, not %s", cn_json_type_phrase(arg->type));
	return NULL;
}

static const void *
read_object(const CnJson *arg, const char **problem)
{
	if (arg->type == CN_JSON_OBJECT)
		return arg;
	*problem = psprintf("must be an object, not %s", cn_json_type_phrase(arg->type));
	return NULL;
}

static const void *
read_names(const CnJson *arg, const char **problem)
{
	int			i;

	if (read_object(arg, problem) == NULL)
		return NULL;
	for (i = 0; i < arg->len; i++)
	{
		if (arg->u.members[i].value->type != CN_JSON_STRING)
		{
			*problem = psprintf("must be an object of texts; at %s it holds %s",
								cn_filter_quote(arg->u.members[i].key, arg->u.members[i].key_len),
								cn_json_type_phrase(arg->u.members[i].value->type));
			return NULL;
		}
	}
	return arg;
}

/* ---- paths, patterns, filters ---- */

static const void *
read_path(const CnJson *arg, const char **problem)
{
	const char *text = arg->u.text;
	int			len = arg->len;
	const char *wrong;
	const Path *path;

	if (arg->type == CN_JSON_NUMBER)
	{
		text = psprintf("[%s]", arg->u.text);
		len = strlen(text);
	}
	else if (arg->type != CN_JSON_STRING)
	{
		*problem = psprintf("must be a path as text, not %s", cn_json_type_phrase(arg->type));
		return NULL;
	}
	path = cn_expr_parse_relative(text, len, &wrong);
	if (path == NULL)
		*problem = psprintf("is not a path: %s", wrong);
	return path;
}

static const void *
read_regex(const CnJson *arg, const char **problem)
{
	const char *wrong = NULL;
	const CnRegex *regex;

	if (arg->type != CN_JSON_STRING)
	{
		*problem = psprintf("must be a regular expression as text, not %s",
							cn_json_type_phrase(arg->type));
		return NULL;
	}
	regex = cn_regex_compile(arg->u.text, arg->len, CN_REGEX_UNICODE_CLASSES, &wrong);
	if (regex == NULL)
		*problem = psprintf("is not a regular expression: %s", wrong);
	return regex;
}

static const void *
read_filter(const CnJson *arg, const char **problem)
{
	const CnFilter *filter = NULL;

	if (arg->type == CN_JSON_STRING)
		filter = cn_filter_find(arg->u.text, arg->len);
	if (filter == NULL && arg->type == CN_JSON_STRING)
		*problem = psprintf("is no filter: %s", cn_filter_quote(arg->u.text, arg->len));
	else if (filter == NULL)
		*problem = "must be the name of a filter, in quotes";
	return filter;
}

/* ---- dates ---- */

static const void *
read_date(const CnJson *arg, const char **problem)
{
	CnMoment   *moment = (CnMoment *) palloc(sizeof(CnMoment));

	if (arg->type == CN_JSON_STRING && cn_moment_read(arg->u.text, arg->len, moment))
		return moment;
	*problem = "must be a date or timestamp (RFC 3339)";
	return NULL;
}

static const void *
pattern_of(const CnJson *arg, bool for_reading, const char **problem)
{
	const CnDatePattern *pattern;
	const char *wrong = NULL;

	if (read_text(arg, problem) == NULL)
		return NULL;
	if (arg->type != CN_JSON_STRING)
	{
		*problem = "must be a date pattern in quotes";
		return NULL;
	}
	pattern = cn_date_pattern_compile(arg->u.text, arg->len, for_reading, &wrong);
	if (pattern == NULL)
		*problem = psprintf("does not fit: %s", wrong);
	return pattern;
}

static const void *
read_date_pattern(const CnJson *arg, const char **problem)
{
	return pattern_of(arg, false, problem);
}

static const void *
read_read_pattern(const CnJson *arg, const char **problem)
{
	return pattern_of(arg, true, problem);
}

/* A name, or an offset such as +02:00. */
static const void *
read_zone(const CnJson *arg, const char **problem)
{
	CnZoneArg  *zone = (CnZoneArg *) palloc0(sizeof(CnZoneArg));

	if (read_text(arg, problem) == NULL)
		return NULL;
	if (arg->type == CN_JSON_STRING)
	{
		if (strcmp(arg->u.text, "Z") == 0 ||
			(arg->len > 0 &&
			 cn_moment_read_offset(arg->u.text, arg->len, &zone->offset) == arg->len))
			return zone;
		zone->zone = cn_zone_find(arg->u.text);
		if (zone->zone != NULL)
			return zone;
	}
	*problem = psprintf("is no time zone: %s", cn_filter_quote(arg->u.text, arg->len));
	return NULL;
}

static const void *
read_interval(const CnJson *arg, const char **problem)
{
	CnInterval *interval = (CnInterval *) palloc(sizeof(CnInterval));

	if (arg->type == CN_JSON_STRING && cn_interval_read(arg->u.text, arg->len, interval))
		return interval;
	*problem = "is no interval such as \"2 days\" or \"P1D\"";
	return NULL;
}

/* ---- names out of a list ---- */

/* The place of the name as an int; with_s: it may end in an s. */
static const void *
one_of(const CnJson *arg, const char *const *names, bool with_s, const char **problem)
{
	StringInfoData list;
	int			i;

	initStringInfo(&list);
	for (i = 0; names[i] != NULL; i++)
	{
		int			len = strlen(names[i]);

		if (arg->type == CN_JSON_STRING && strncmp(arg->u.text, names[i], len) == 0 &&
			(arg->len == len || (with_s && arg->len == len + 1 && arg->u.text[len] == 's')))
		{
			int		   *place = (int *) palloc(sizeof(int));

			*place = i;
			return place;
		}
		appendStringInfo(&list, "%s\"%s\"",
						 i == 0 ? "" : names[i + 1] == NULL ? " or " : ", ", names[i]);
	}
	*problem = psprintf("must be %s", list.data);
	return NULL;
}

static const void *
read_unit(const CnJson *arg, const char **problem)
{
	return one_of(arg, unit_names, true, problem);
}

static const void *
read_encoding(const CnJson *arg, const char **problem)
{
	return one_of(arg, encoding_names, false, problem);
}

static const void *
read_cast(const CnJson *arg, const char **problem)
{
	return one_of(arg, cast_names, false, problem);
}

static const void *
read_order(const CnJson *arg, const char **problem)
{
	return one_of(arg, order_names, false, problem);
}

static const void *
read_digest(const CnJson *arg, const char **problem)
{
	CnDigestKind *kind = (CnDigestKind *) palloc(sizeof(CnDigestKind));

	if (arg->type == CN_JSON_STRING && cn_digest_kind(arg->u.text, kind))
		return kind;
	*problem = "must be \"md5\", \"sha1\", \"sha256\" or \"sha512\"";
	return NULL;
}

static const void *
read_country(const CnJson *arg, const char **problem)
{
	const CnCountry *country = NULL;

	if (arg->type == CN_JSON_STRING)
		country = cn_country_find(arg->u.text);
	if (country == NULL)
		*problem = "must be a country's code of two letters that phone knows";
	return country;
}
