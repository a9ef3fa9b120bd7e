/*
 * filters_text.c -- filters that make text of text.  Pure.
 *
 * Positions and counts are in characters.  Letters change case one by one as
 * the C library's C.UTF-8 locale has it, which is the same on every server
 * whatever the database's collation; where that locale does not exist only
 * ASCII letters change.
 */
#include "core/pure.h"

#include <locale.h>
#include <wctype.h>

#include "core/json_build.h"
#include "core/utf8.h"
#include "expr/filters.h"

typedef enum LetterCase
{
	CASE_LOWER,
	CASE_UPPER,
	CASE_TITLE
} LetterCase;

static const CnJson *change_case(CnFilterCall *call, LetterCase to);
static uint32 upper_letter(uint32 code);
static locale_t letters(void);
static bool is_among(uint32 code, const char *set, int set_len);
static int	count_occurrences(const char *text, int len, const char *search, int search_len);

/* ---- case ---- */

const CnJson *
cn_filter_lower(CnFilterCall *call)
{
	return change_case(call, CASE_LOWER);
}

const CnJson *
cn_filter_upper(CnFilterCall *call)
{
	return change_case(call, CASE_UPPER);
}

const CnJson *
cn_filter_title(CnFilterCall *call)
{
	return change_case(call, CASE_TITLE);
}

static const CnJson *
change_case(CnFilterCall *call, LetterCase to)
{
	const char *text;
	int			len;
	int			pos;
	bool		in_word = false;
	StringInfoData buf;

	/* a letter of two bytes may become one of three */
	if (!cn_filter_text(call, &text, &len) || !cn_filter_charge(call, len + len / 2))
		return NULL;
	initStringInfo(&buf);
	for (pos = 0; pos < len;)
	{
		char		out[CN_UTF8_MAX];
		uint32		code;

		pos += cn_utf8_decode(text + pos, &code);
		if (to == CASE_UPPER || (to == CASE_TITLE && !in_word))
			code = upper_letter(code);
		else
			code = cn_filter_lower_letter(code);
		in_word = cn_filter_is_word(code) || (in_word && (code == '\'' || code == 0x2019));
		appendBinaryStringInfo(&buf, out, cn_utf8_encode(out, code));
	}
	return cn_filter_finished(&buf);
}

uint32
cn_filter_lower_letter(uint32 code)
{
	if (code < 0x80)
		return code >= 'A' && code <= 'Z' ? code + ('a' - 'A') : code;
	return letters() != (locale_t) 0 ? towlower_l((wint_t) code, letters()) : code;
}

static uint32
upper_letter(uint32 code)
{
	if (code < 0x80)
		return code >= 'a' && code <= 'z' ? code - ('a' - 'A') : code;
	return letters() != (locale_t) 0 ? towupper_l((wint_t) code, letters()) : code;
}

/* Letters, digits and the combining accents that follow letters. */
bool
cn_filter_is_word(uint32 code)
{
	if (code < 0x80)
		return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') ||
			(code >= '0' && code <= '9');
	if (code >= 0x300 && code <= 0x36F)
		return true;
	return letters() == (locale_t) 0 || iswalnum_l((wint_t) code, letters());
}

/* Made at first use and kept; 0 if the system has no C.UTF-8. */
static locale_t
letters(void)
{
	static bool tried = false;
	static locale_t locale = (locale_t) 0;

	if (!tried)
	{
		locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t) 0);
		tried = true;
	}
	return locale;
}

/* ---- trim ---- */

const CnJson *
cn_filter_trim(CnFilterCall *call)
{
	const char *text;
	const char *set = NULL;
	int			len;
	int			set_len = 0;
	int			first = 0;
	int			end = 0;
	int			pos;
	bool		leading = true;

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	if (call->nargs > 0)
		set = cn_filter_text_arg(call, 0, &set_len);
	/* each character of the text is looked for in the set */
	if (!cn_filter_charge(call, (int64) len * set_len / 8))
		return NULL;
	for (pos = 0; pos < len;)
	{
		uint32		code;
		int			width = cn_utf8_decode(text + pos, &code);

		if (set == NULL ? !cn_filter_is_space(code) : !is_among(code, set, set_len))
		{
			if (leading)
				first = pos;
			leading = false;
			end = pos + width;
		}
		pos += width;
	}
	return cn_filter_string(call, text + first, end - first);
}

/* Unicode's White_Space and the byte order mark. */
bool
cn_filter_is_space(uint32 code)
{
	return code == ' ' || (code >= 0x09 && code <= 0x0D) || code == 0x85 || code == 0xA0 ||
		code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
		code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000 || code == 0xFEFF;
}

static bool
is_among(uint32 code, const char *set, int set_len)
{
	int			pos;

	for (pos = 0; pos < set_len;)
	{
		uint32		member;

		pos += cn_utf8_decode(set + pos, &member);
		if (member == code)
			return true;
	}
	return false;
}

/* ---- pieces ---- */

const CnJson *
cn_filter_replace(CnFilterCall *call)
{
	const char *text;
	int			search_len;
	int			by_len;
	const char *search = cn_filter_text_arg(call, 0, &search_len);
	const char *by = cn_filter_text_arg(call, 1, &by_len);
	const char *end;
	const char *hit;
	int			len;
	int64		result_len;
	CnJson	   *result;
	char	   *out;

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	result_len = len + (int64) count_occurrences(text, len, search, search_len) *
		(by_len - search_len);
	if (!cn_filter_charge(call, result_len))
		return NULL;

	result = cn_json_new_text(CN_JSON_STRING, result_len, &out);
	end = text + len;
	while ((hit = cn_filter_search(text, end, search, search_len)) != NULL)
	{
		memcpy(out, text, hit - text);
		out += hit - text;
		memcpy(out, by, by_len);
		out += by_len;
		text = hit + search_len;
	}
	memcpy(out, text, end - text);
	return result;
}

static int
count_occurrences(const char *text, int len, const char *search, int search_len)
{
	const char *end = text + len;
	int			count = 0;

	while ((text = cn_filter_search(text, end, search, search_len)) != NULL)
	{
		text += search_len;
		count++;
	}
	return count;
}

const CnJson *
cn_filter_substring(CnFilterCall *call)
{
	const char *text;
	int			len;
	int			start = cn_filter_int_arg(call, 0, 0);
	int			count = cn_filter_int_arg(call, 1, PG_INT32_MAX);
	int			from;
	int			size;

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	if (start < 0)
		start = Max((int64) cn_utf8_count(text, len) + start, 0);
	from = cn_utf8_skip(text, len, start);
	size = cn_utf8_skip(text + from, len - from, count);
	return cn_filter_string(call, text + from, size);
}

const CnJson *
cn_filter_concat(CnFilterCall *call)
{
	const char *text[CN_FILTER_ARGS_MAX + 1];
	int			len[CN_FILTER_ARGS_MAX + 1];
	int64		total;
	CnJson	   *result;
	char	   *out;
	int			i;

	if (!cn_filter_text(call, &text[0], &len[0]))
		return NULL;
	total = len[0];
	for (i = 0; i < call->nargs; i++)
	{
		if (!cn_filter_any_text(call, call->args[i], &text[i + 1], &len[i + 1]))
			return NULL;
		total += len[i + 1];
	}
	if (!cn_filter_charge(call, total))
		return NULL;
	result = cn_json_new_text(CN_JSON_STRING, total, &out);
	for (i = 0; i <= call->nargs; i++)
	{
		memcpy(out, text[i], len[i]);
		out += len[i];
	}
	return result;
}
