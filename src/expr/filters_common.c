/*
 * filters_common.c -- what filters share; see filters.h.  Pure.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1			/* memmem */
#endif

#include "core/pure.h"

#include "core/format.h"
#include "core/json.h"
#include "core/utf8.h"
#include "expr/filters.h"

/* Does value go past the filter without being looked at? */
bool
cn_filter_passes_by(const CnFilter *filter, const CnJson *value)
{
	if (value->type == CN_JSON_NULL)
		return !(filter->flags & CN_TAKES_NULL);
	return (filter->flags & CN_FALLBACK) != 0;
}

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
	va_list		args;

	va_start(args, format);
	call->error->message = cn_format_args(format, args);
	va_end(args);
	return NULL;
}

/* The value as text; false with the error set if it is no scalar. */
bool
cn_filter_text(CnFilterCall *call, const char **text, int *len)
{
	if (call->value->type == CN_JSON_ARRAY || call->value->type == CN_JSON_OBJECT)
	{
		cn_filter_fail(call, "needs text, not %s", cn_json_type_phrase(call->value->type));
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
		/* an empty one takes up a kilobyte, too */
		if (!cn_filter_charge(call, 1024 + cn_json_size(value, call->output_limit)))
			return false;
	}
	*text = cn_expr_text(value, len);
	return true;
}

/* Argument i as text; its kind is text. */
const char *
cn_filter_text_arg(CnFilterCall *call, int i, int *len)
{
	return cn_expr_text(call->args[i], len);
}

/* Argument i, whose kind is a whole number, or without_it if it is not given. */
int
cn_filter_int_arg(CnFilterCall *call, int i, int without_it)
{
	return i < call->nargs ? atoi(call->args[i]->u.text) : without_it;
}

/* First occurrence of search, which is not empty, before end; NULL if there is none. */
const char *
cn_filter_search(const char *text, const char *end, const char *search, int search_len)
{
	if (search_len == 1)
		return (const char *) memchr(text, *search, end - text);
	return (const char *) memmem(text, end - text, search, search_len);
}

/* A text for a message: in quotes, cut to forty bytes, with control characters escaped. */
char *
cn_filter_quote(const char *text, int len)
{
	StringInfoData buf;
	int			shown = Min(len, 40);

	while (shown < len && shown > 0 && CN_UTF8_IS_TAIL((unsigned char) text[shown]))
		shown--;
	initStringInfo(&buf);
	cn_json_write_string(&buf, text, shown);
	if (shown < len)
	{
		buf.data[buf.len - 1] = '\0';
		buf.len--;
		appendStringInfoString(&buf, "...\"");
	}
	return buf.data;
}

/* An array for count elements, which the caller fills in; taken from the budget. */
CnJson *
cn_filter_new_array(CnFilterCall *call, int count)
{
	CnJson	   *array;

	if (!cn_filter_charge(call, count * (int64) sizeof(CnJson *) + (int64) sizeof(CnJson)))
		return NULL;
	array = (CnJson *) palloc0(sizeof(CnJson));
	array->type = CN_JSON_ARRAY;
	array->len = count;
	array->u.items = (CnJson **) palloc(sizeof(CnJson *) * Max(count, 1));
	return array;
}

/* text: valid UTF-8; taken from the budget. */
const CnJson *
cn_filter_string(CnFilterCall *call, const char *text, int len)
{
	return cn_filter_charge(call, len) ? cn_json_string(text, len) : NULL;
}

/*
 * What was put together in buf, as a string; buf is freed.
 *
 * Its room is a kilobyte even for an empty text, which would be too much to
 * leave behind for each element of an array.
 */
const CnJson *
cn_filter_finished(StringInfo buf)
{
	const CnJson *result = cn_json_string(buf->data, buf->len);

	pfree(buf->data);
	return result;
}

/* The value as an array, or NULL and an error. */
const CnJson *
cn_filter_array(CnFilterCall *call)
{
	if (call->value->type == CN_JSON_ARRAY)
		return call->value;
	return cn_filter_fail(call, "needs an array, not %s", cn_json_type_phrase(call->value->type));
}

/* The value as an object, or NULL and an error. */
const CnJson *
cn_filter_object(CnFilterCall *call)
{
	if (call->value->type == CN_JSON_OBJECT)
		return call->value;
	return cn_filter_fail(call, "needs an object, not %s", cn_json_type_phrase(call->value->type));
}
