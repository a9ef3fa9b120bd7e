/*
 * filters.h -- for those who write filters.  Pure.
 *
 * A filter gets one value and its arguments and gives a value, or NULL after
 * cn_filter_fail.  It never sees null unless its row says takes_null.  Before
 * it allocates in proportion to what it was given it takes the bytes from the
 * evaluation's budget with cn_filter_charge.  Messages never quote the value:
 * it may be a secret.
 *
 * To add one: write it in the filters_<category>.c it belongs to, declare it
 * below, give it a row in filters.c and cases in test/unit/cases.
 */
#ifndef CN_EXPR_FILTERS_H
#define CN_EXPR_FILTERS_H

#include "expr/expr.h"

/* No filter takes more. */
#define CN_FILTER_ARGS_MAX 16

/* ---- helpers ---- */
extern bool cn_filter_charge(CnFilterCall *call, int64 bytes);
extern const CnJson *cn_filter_fail(CnFilterCall *call, const char *format,...)
			pg_attribute_printf(2, 3);
extern const char *cn_filter_type_phrase(const CnJson *value);
extern bool cn_filter_text(CnFilterCall *call, const char **text, int *len);
extern bool cn_filter_any_text(CnFilterCall *call, const CnJson *value,
							   const char **text, int *len);
extern bool cn_filter_text_arg(CnFilterCall *call, int i, const char **text, int *len);
extern bool cn_filter_int_arg(CnFilterCall *call, int i, int *value);
extern const char *cn_filter_search(const char *text, const char *end,
									const char *search, int search_len);

/* ---- filters.c ---- */
extern const CnJson *cn_filter_default(CnFilterCall *call);

/* ---- filters_text.c ---- */
extern const CnJson *cn_filter_concat(CnFilterCall *call);
extern const CnJson *cn_filter_lower(CnFilterCall *call);
extern const CnJson *cn_filter_replace(CnFilterCall *call);
extern const CnJson *cn_filter_substring(CnFilterCall *call);
extern const CnJson *cn_filter_title(CnFilterCall *call);
extern const CnJson *cn_filter_trim(CnFilterCall *call);
extern const CnJson *cn_filter_upper(CnFilterCall *call);

/* ---- filters_list.c ---- */
extern const CnJson *cn_filter_first(CnFilterCall *call);
extern const CnJson *cn_filter_join(CnFilterCall *call);
extern const CnJson *cn_filter_last(CnFilterCall *call);
extern const CnJson *cn_filter_length(CnFilterCall *call);
extern const CnJson *cn_filter_split(CnFilterCall *call);

/* ---- filters_number.c ---- */
extern const CnJson *cn_filter_integer(CnFilterCall *call);
extern const CnJson *cn_filter_number(CnFilterCall *call);
extern const CnJson *cn_filter_round(CnFilterCall *call);

/* ---- filters_encode.c ---- */
extern const CnJson *cn_filter_base64(CnFilterCall *call);
extern const CnJson *cn_filter_to_json(CnFilterCall *call);
extern const CnJson *cn_filter_url(CnFilterCall *call);

#endif							/* CN_EXPR_FILTERS_H */
