/*
 * filters_phrase.c -- filters about the form of a text: its ends, its width, its looks.  Pure.
 *
 * Positions and widths are in characters.
 */
#include "core/pure.h"

#include "common/unicode_norm.h"

#include "core/json_build.h"
#include "core/utf8.h"
#include "expr/filters.h"

static const CnJson *pad(CnFilterCall *call, bool left);
static void fill(StringInfo out, const char *fill, int fill_len, int count);
static void append_slug(StringInfo out, uint32 code, bool *hyphen);
static void append_slug_letters(StringInfo out, const uint32 *codes, bool *hyphen);
static const char *spelled_out(uint32 code);

/* ---- what is in it ---- */

const CnJson *
cn_filter_contains(CnFilterCall *call)
{
	const CnJson *value = call->value;
	const char *text;
	const char *search;
	int			len;
	int			search_len;
	int			i;

	if (value->type == CN_JSON_ARRAY)
	{
		for (i = 0; i < value->len; i++)
		{
			if (cn_json_equal(value->u.items[i], call->args[0]))
				return cn_json_bool(true);
		}
		return cn_json_bool(false);
	}
	if (!cn_filter_text(call, &text, &len))
		return NULL;
	if (call->args[0]->type == CN_JSON_NULL || call->args[0]->type == CN_JSON_ARRAY ||
		call->args[0]->type == CN_JSON_OBJECT)
		return cn_filter_fail(call, "argument 1 must be text, not %s",
							  cn_json_type_phrase(call->args[0]->type));
	search = cn_filter_text_arg(call, 0, &search_len);
	return cn_json_bool(search_len == 0 ||
						cn_filter_search(text, text + len, search, search_len) != NULL);
}

const CnJson *
cn_filter_starts_with(CnFilterCall *call)
{
	const char *text;
	int			len;
	int			part_len;
	const char *part = cn_filter_text_arg(call, 0, &part_len);

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	return cn_json_bool(len >= part_len && memcmp(text, part, part_len) == 0);
}

const CnJson *
cn_filter_ends_with(CnFilterCall *call)
{
	const char *text;
	int			len;
	int			part_len;
	const char *part = cn_filter_text_arg(call, 0, &part_len);

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	return cn_json_bool(len >= part_len && memcmp(text + len - part_len, part, part_len) == 0);
}

/* ---- its width ---- */

const CnJson *
cn_filter_pad_left(CnFilterCall *call)
{
	return pad(call, true);
}

const CnJson *
cn_filter_pad_right(CnFilterCall *call)
{
	return pad(call, false);
}

static const CnJson *
pad(CnFilterCall *call, bool left)
{
	const char *text;
	const char *with = " ";
	int			len;
	int			with_len = 1;
	int			width = cn_filter_int_arg(call, 0, 0);
	int			missing;
	StringInfoData buf;

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	if (call->nargs > 1)
		with = cn_filter_text_arg(call, 1, &with_len);
	missing = Max(width - cn_utf8_count(text, len), 0);
	if (!cn_filter_charge(call, len + (int64) missing * Min(with_len, CN_UTF8_MAX)))
		return NULL;
	initStringInfo(&buf);
	if (left)
		fill(&buf, with, with_len, missing);
	appendBinaryStringInfo(&buf, text, len);
	if (!left)
		fill(&buf, with, with_len, missing);
	return cn_filter_finished(&buf);
}

/* So many characters of text, over and over; text is not empty. */
static void
fill(StringInfo out, const char *text, int len, int count)
{
	int			pos = 0;

	for (; count > 0; count--)
	{
		int			width = cn_utf8_width((unsigned char) text[pos]);

		appendBinaryStringInfo(out, text + pos, width);
		pos += width;
		if (pos == len)
			pos = 0;
	}
}

const CnJson *
cn_filter_truncate(CnFilterCall *call)
{
	const char *text;
	const char *ellipsis = "...";
	int			len;
	int			ellipsis_len = 3;
	int			width = cn_filter_int_arg(call, 0, 0);
	int			kept;
	int			dots;
	CnJson	   *result;
	char	   *out;

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	if (call->nargs > 1)
		ellipsis = cn_filter_text_arg(call, 1, &ellipsis_len);
	if (cn_utf8_skip(text, len, width) == len)
		return cn_filter_string(call, text, len);
	dots = cn_utf8_skip(ellipsis, ellipsis_len, width);
	kept = cn_utf8_skip(text, len, width - cn_utf8_count(ellipsis, dots));
	if (!cn_filter_charge(call, (int64) kept + dots))
		return NULL;
	result = cn_json_new_text(CN_JSON_STRING, kept + dots, &out);
	memcpy(out, text, kept);
	memcpy(out + kept, ellipsis, dots);
	return result;
}

/* Every character but the last few by another. */
const CnJson *
cn_filter_mask(CnFilterCall *call)
{
	const char *text;
	const char *with = "*";
	int			len;
	int			with_len = 1;
	int			keep = cn_filter_int_arg(call, 0, 4);
	int			hidden;
	int			behind;
	StringInfoData buf;

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	if (call->nargs > 1)
		with = cn_filter_text_arg(call, 1, &with_len);
	hidden = Max(cn_utf8_count(text, len) - keep, 0);
	behind = cn_utf8_skip(text, len, hidden);
	if (!cn_filter_charge(call, len - behind + (int64) hidden * Min(with_len, CN_UTF8_MAX)))
		return NULL;
	initStringInfo(&buf);
	fill(&buf, with, with_len, hidden);
	appendBinaryStringInfo(&buf, text + behind, len - behind);
	return cn_filter_finished(&buf);
}

/* ---- slug ---- */

const CnJson *
cn_filter_slug(CnFilterCall *call)
{
	const char *text;
	int			len;
	int			pos;
	bool		hyphen = false;
	StringInfoData buf;

	/* one character becomes up to eighteen others (U+FDFA) of two bytes and a blank */
	if (!cn_filter_text(call, &text, &len) || !cn_filter_charge(call, (int64) len * 12))
		return NULL;
	initStringInfo(&buf);
	for (pos = 0; pos < len;)
	{
		uint32		code;

		pos += cn_utf8_decode(text + pos, &code);
		append_slug(&buf, code, &hyphen);
	}
	return cn_filter_finished(&buf);
}

/* The character without accents; decomposed as Unicode's form NFKD has it. */
static void
append_slug(StringInfo out, uint32 code, bool *hyphen)
{
	pg_wchar	single[2] = {code, 0};
	const char *letters = spelled_out(cn_filter_lower_letter(code));
	pg_wchar   *decomposed;

	if (letters != NULL)
	{
		for (; *letters != '\0'; letters++)
		{
			single[0] = *letters;
			append_slug_letters(out, single, hyphen);
		}
		return;
	}
	if (code < 0x80)
	{
		append_slug_letters(out, single, hyphen);
		return;
	}
	decomposed = unicode_normalize(UNICODE_NFKD, single);
	append_slug_letters(out, decomposed != NULL ? decomposed : single, hyphen);
#ifdef FRONTEND
	free(decomposed);
#else
	pfree(decomposed);
#endif
}

/* hyphen: something else came since the last letter */
static void
append_slug_letters(StringInfo out, const uint32 *codes, bool *hyphen)
{
	for (; *codes != 0; codes++)
	{
		char		bytes[CN_UTF8_MAX];
		uint32		code = cn_filter_lower_letter(*codes);

		/* an accent, or an apostrophe inside a word */
		if ((code >= 0x300 && code <= 0x36F) || code == '\'' || code == 0x2019)
			continue;
		if (!cn_filter_is_word(code))
		{
			*hyphen = true;
			continue;
		}
		if (*hyphen && out->len > 0)
			appendStringInfoChar(out, '-');
		*hyphen = false;
		appendBinaryStringInfo(out, bytes, cn_utf8_encode(bytes, code));
	}
}

/* Latin letters that are no letter with an accent. */
static const char *
spelled_out(uint32 code)
{
	switch (code)
	{
		case 0xDF:				/* sharp s */
		case 0x1E9E:
			return "ss";
		case 0xE6:
			return "ae";
		case 0xF8:				/* o with stroke */
			return "o";
		case 0xF0:				/* eth */
		case 0x111:				/* d with stroke */
			return "d";
		case 0xFE:				/* thorn */
			return "th";
		case 0x131:				/* dotless i */
			return "i";
		case 0x142:				/* l with stroke */
			return "l";
		case 0x153:
			return "oe";
		default:
			return NULL;
	}
}
