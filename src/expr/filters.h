/*
 * filters.h -- for those who write filters.  Pure.
 *
 * A filter gets one value and its arguments and gives a value, or NULL after
 * cn_filter_fail.  It never sees null unless its row says that it takes null.
 * Before it allocates in proportion to what it was given it takes the bytes
 * from the evaluation's budget with cn_filter_charge; work that grows faster
 * than what it allocates is charged, too.  Messages never quote the value: it
 * may be personal or secret.  (cast is the exception, because its message is
 * of no use otherwise.)
 *
 * Arguments are what their kinds in the row say; nothing else reaches a
 * filter.  Literals are judged when the expression is parsed, others before
 * each call.  Some kinds make something of their argument, once where it is a
 * literal; it stands in call->prepared:
 *
 *   CN_ARG_NUMBER                      CnDecimal
 *   CN_ARG_PATH                        Path (expr_tree.h)
 *   CN_ARG_REGEX                       CnRegex
 *   CN_ARG_FILTER                      CnFilter
 *   CN_ARG_DATE                        CnMoment
 *   CN_ARG_DATE_PATTERN, _READ_PATTERN CnDatePattern
 *   CN_ARG_ZONE                        CnZoneArg
 *   CN_ARG_INTERVAL                    CnInterval
 *   CN_ARG_UNIT, CN_ARG_CAST, CN_ARG_ORDER, CN_ARG_ENCODING
 *                                      int: the place in the list of names, filters_args.c
 *   CN_ARG_DIGEST                      CnDigestKind
 *   CN_ARG_COUNTRY                     CnCountry (phone.h)
 *
 * To add a filter: write it in the filters_<category>.c it belongs to, declare
 * it below, give it a row in filters.c and cases in test/unit/cases, and run
 * `make transformations`.
 */
#ifndef CN_EXPR_FILTERS_H
#define CN_EXPR_FILTERS_H

#include "core/decimal.h"
#include "core/zone.h"
#include "expr/expr.h"

/* No filter takes more. */
#define CN_FILTER_ARGS_MAX 16

/* What an element costs beside its content: the node, its place in the array, the allocator. */
#define CN_ELEMENT_COST ((int64) (sizeof(CnJson) + sizeof(CnJson *) + 16))

/* What a member costs beside its key and value. */
#define CN_MEMBER_COST ((int64) sizeof(CnJsonMember))

typedef struct CnZoneArg
{
	const CnZone *zone;			/* NULL: offset counts */
	int			offset;			/* seconds east of UTC */
} CnZoneArg;

/* Of CN_ARG_UNIT. */
typedef enum CnUnit
{
	CN_UNIT_SECOND,
	CN_UNIT_MINUTE,
	CN_UNIT_HOUR,
	CN_UNIT_DAY,
	CN_UNIT_WEEK,
	CN_UNIT_MONTH,
	CN_UNIT_QUARTER,
	CN_UNIT_YEAR
} CnUnit;

/* Of CN_ARG_CAST. */
typedef enum CnCast
{
	CN_CAST_TEXT,
	CN_CAST_INTEGER,
	CN_CAST_NUMBER,
	CN_CAST_BOOLEAN,
	CN_CAST_DATE,
	CN_CAST_TIMESTAMP,
	CN_CAST_JSON,
	CN_CAST_UUID
} CnCast;

/* Of CN_ARG_ENCODING. */
typedef enum CnEncoding
{
	CN_ENCODING_HEX,
	CN_ENCODING_BASE64,
	CN_ENCODING_BASE64URL
} CnEncoding;

/* Of CN_ARG_ORDER. */
typedef enum CnOrder
{
	CN_ORDER_ASC,
	CN_ORDER_DESC
} CnOrder;

/* ---- filters_args.c ---- */

/* "takes 1 argument, not 2", naming the filter; NULL if the number is right. */
extern char *cn_filter_count_problem(const CnFilter *filter, int nargs);

/*
 * Judge the arguments that are not NULL, and fill in what prepared lacks of
 * them.  False with *bad, the place of a wrong argument, and *problem, to
 * stand behind "argument N ".
 */
extern bool cn_filter_prepare(const CnFilter *filter, const CnJson **args, int nargs,
							  const void **prepared, int *bad, const char **problem);

/* The same for a call, with its error set. */
extern bool cn_filter_prepare_call(const CnFilter *filter, CnFilterCall *call);

/* ---- filters_common.c ---- */
extern bool cn_filter_passes_by(const CnFilter *filter, const CnJson *value);
extern bool cn_filter_charge(CnFilterCall *call, int64 bytes);
extern const CnJson *cn_filter_fail(CnFilterCall *call, const char *format,...)
			pg_attribute_printf(2, 3);
extern char *cn_filter_quote(const char *text, int len);
extern bool cn_filter_text(CnFilterCall *call, const char **text, int *len);
extern bool cn_filter_any_text(CnFilterCall *call, const CnJson *value,
							   const char **text, int *len);
extern const CnJson *cn_filter_array(CnFilterCall *call);
extern const CnJson *cn_filter_object(CnFilterCall *call);
extern const char *cn_filter_text_arg(CnFilterCall *call, int i, int *len);
extern int	cn_filter_int_arg(CnFilterCall *call, int i, int without_it);
extern const char *cn_filter_search(const char *text, const char *end,
									const char *search, int search_len);
extern const CnJson *cn_filter_string(CnFilterCall *call, const char *text, int len);
extern const CnJson *cn_filter_finished(StringInfo buf);
extern CnJson *cn_filter_new_array(CnFilterCall *call, int count);

/* ---- what several files of filters need ---- */

/* filters_number.c: a number, or text that is one, as a JSON number; NULL and *problem */
extern const CnJson *cn_filter_read_number(const CnJson *value, const char **problem);

/* filters_number.c: the value of the call as a decimal, and a decimal as a JSON number */
extern bool cn_filter_decimal(CnFilterCall *call, const CnJson *value, CnDecimal *result);
extern const CnJson *cn_filter_decimal_value(CnFilterCall *call, const CnDecimal *value);

/* filters_boolean.c: 1 and 0 for what means yes and no, -1 for anything else */
extern int	cn_filter_read_boolean(const CnJson *value);

/* filters_text.c: one letter, and whether it may stand in a word */
extern uint32 cn_filter_lower_letter(uint32 code);
extern bool cn_filter_is_word(uint32 code);
extern bool cn_filter_is_space(uint32 code);

/* filters_encode.c */
extern const CnJson *cn_filter_encoded(CnFilterCall *call, CnEncoding encoding,
									   const void *bytes, int len);

/* filters_order.c: order of two scalars of one type */
extern int	cn_filter_compare(const CnJson *a, const CnJson *b);

/* ---- the filters, by file ---- */

#define FILTER(name) extern const CnJson *cn_filter_##name(CnFilterCall *call)

/* filters_general.c */
FILTER(boolean);
FILTER(coalesce);
FILTER(default);
FILTER(equals);
FILTER(greater_than);
FILTER(if);
FILTER(in);
FILTER(is_empty);
FILTER(less_than);
FILTER(lookup);
FILTER(not);

/* filters_cast.c */
FILTER(cast);

/* filters_text.c */
FILTER(concat);
FILTER(lower);
FILTER(replace);
FILTER(substring);
FILTER(title);
FILTER(trim);
FILTER(upper);

/* filters_phrase.c */
FILTER(contains);
FILTER(ends_with);
FILTER(mask);
FILTER(pad_left);
FILTER(pad_right);
FILTER(slug);
FILTER(starts_with);
FILTER(truncate);

/* filters_regex.c */
FILTER(regex_extract);
FILTER(regex_match);
FILTER(regex_replace);

/* filters_contact.c */
FILTER(email);
FILTER(phone);

/* filters_number.c */
FILTER(abs);
FILTER(add);
FILTER(average);
FILTER(ceil);
FILTER(divide);
FILTER(floor);
FILTER(format_number);
FILTER(integer);
FILTER(modulo);
FILTER(multiply);
FILTER(number);
FILTER(round);
FILTER(subtract);
FILTER(sum);

/* filters_date.c */
FILTER(add_interval);
FILTER(date_diff);
FILTER(date_format);
FILTER(date_parse);
FILTER(from_epoch);
FILTER(from_epoch_ms);
FILTER(start_of);
FILTER(timezone);
FILTER(to_epoch);
FILTER(to_epoch_ms);

/* filters_list.c */
FILTER(compact);
FILTER(first);
FILTER(flatten);
FILTER(join);
FILTER(last);
FILTER(length);
FILTER(reverse);
FILTER(slice);
FILTER(split);

/* filters_each.c */
FILTER(each);
FILTER(filter);
FILTER(group_by);
FILTER(index_by);
FILTER(map);
FILTER(reject);
FILTER(sum_by);

/* filters_order.c */
FILTER(max);
FILTER(min);
FILTER(sort);
FILTER(unique);

/* filters_object.c */
FILTER(entries);
FILTER(get);
FILTER(keys);
FILTER(merge);
FILTER(omit);
FILTER(parse_json);
FILTER(pick);
FILTER(rename);
FILTER(to_json);
FILTER(values);

/* filters_encode.c */
FILTER(base64);
FILTER(base64_decode);
FILTER(base64url);
FILTER(base64url_decode);
FILTER(csv);
FILTER(hex);
FILTER(hex_decode);
FILTER(html);
FILTER(url);
FILTER(url_decode);

/* filters_digest.c */
FILTER(hmac);
FILTER(md5);
FILTER(sha1);
FILTER(sha256);
FILTER(sha512);

#undef FILTER

#endif							/* CN_EXPR_FILTERS_H */
