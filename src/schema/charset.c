/*
 * charset.c -- sets of characters, to be written as bracket expressions.  Pure.
 *
 * A set is a list of ranges in any order until somebody needs it tidy.  Code
 * points that no text holds (NUL, surrogates) may be in it and are left out
 * when it is written.
 */
#include "core/pure.h"

#include "core/utf8.h"
#include "schema/charset.h"
#include "schema/unicode_categories.h"

#define LAST_CODE 0x10FFFF
#define FIRST_SURROGATE 0xD800
#define LAST_SURROGATE 0xDFFF

static void tidy(CnCharset *set);
static void write_char(StringInfo out, uint32 code);

void
cn_charset_init(CnCharset *set)
{
	set->nranges = 0;
	set->room = 8;
	set->ranges = (CnCharRange *) palloc(sizeof(CnCharRange) * set->room);
}

void
cn_charset_add(CnCharset *set, uint32 low, uint32 high)
{
	if (set->nranges == set->room)
	{
		set->room *= 2;
		set->ranges = (CnCharRange *) repalloc(set->ranges, sizeof(CnCharRange) * set->room);
	}
	set->ranges[set->nranges].low = low;
	set->ranges[set->nranges++].high = high;
}

void
cn_charset_add_set(CnCharset *set, const CnCharset *other)
{
	for (int i = 0; i < other->nranges; i++)
		cn_charset_add(set, other->ranges[i].low, other->ranges[i].high);
}

/* categories: a mask of CN_GC_... */
void
cn_charset_add_category(CnCharset *set, uint32 categories)
{
	for (int i = 0; i < cn_unicode_nruns; i++)
	{
		uint32		end = i + 1 < cn_unicode_nruns ? cn_unicode_runs[i + 1].start : LAST_CODE + 1;

		if (cn_unicode_runs[i].category & categories)
			cn_charset_add(set, cn_unicode_runs[i].start, end - 1);
	}
}

void
cn_charset_invert(CnCharset *set)
{
	CnCharset	inverse;
	uint32		next = 0;

	tidy(set);
	cn_charset_init(&inverse);
	for (int i = 0; i < set->nranges; i++)
	{
		if (set->ranges[i].low > next)
			cn_charset_add(&inverse, next, set->ranges[i].low - 1);
		next = set->ranges[i].high + 1;
	}
	if (next <= LAST_CODE)
		cn_charset_add(&inverse, next, LAST_CODE);
	pfree(set->ranges);
	*set = inverse;
}

static int
compare_ranges(const void *left, const void *right)
{
	const CnCharRange *a = (const CnCharRange *) left;
	const CnCharRange *b = (const CnCharRange *) right;

	return (a->low > b->low) - (a->low < b->low);
}

/* Sorted ranges that do not touch. */
static void
tidy(CnCharset *set)
{
	int			kept = 0;

	qsort(set->ranges, set->nranges, sizeof(CnCharRange), compare_ranges);
	for (int i = 0; i < set->nranges; i++)
	{
		CnCharRange *last = kept > 0 ? &set->ranges[kept - 1] : NULL;

		if (last != NULL && set->ranges[i].low <= last->high + 1)
			last->high = Max(last->high, set->ranges[i].high);
		else
			set->ranges[kept++] = set->ranges[i];
	}
	set->nranges = kept;
}

/* Pull the ends of ranges out of what cannot be written, in a tidy set. */
static void
drop_unwritable(CnCharset *set)
{
	int			kept = 0;

	for (int i = 0; i < set->nranges; i++)
	{
		CnCharRange range = set->ranges[i];

		if (range.low == 0)
			range.low = 1;
		if (range.low >= FIRST_SURROGATE && range.low <= LAST_SURROGATE)
			range.low = LAST_SURROGATE + 1;
		if (range.high >= FIRST_SURROGATE && range.high <= LAST_SURROGATE)
			range.high = FIRST_SURROGATE - 1;
		if (range.low <= range.high)
			set->ranges[kept++] = range;
	}
	set->nranges = kept;
}

/*
 * cn_charset_write -- append an atom that matches one character of the set.
 *
 * A set that goes up to the last code point is written by what it leaves out;
 * the empty set by leaving out all there is.
 */
void
cn_charset_write(StringInfo out, CnCharset *set)
{
	bool		inverse;

	tidy(set);
	inverse = set->nranges > 0 && set->ranges[set->nranges - 1].high == LAST_CODE;
	if (inverse)
		cn_charset_invert(set);
	drop_unwritable(set);
	if (set->nranges == 0)
	{
		appendStringInfoString(out, inverse ? "." : "[^\\u0001-\\U0010FFFF]");
		return;
	}
	appendStringInfoString(out, inverse ? "[^" : "[");
	for (int i = 0; i < set->nranges; i++)
	{
		write_char(out, set->ranges[i].low);
		if (set->ranges[i].high > set->ranges[i].low + 1)
			appendStringInfoChar(out, '-');
		if (set->ranges[i].high > set->ranges[i].low)
			write_char(out, set->ranges[i].high);
	}
	appendStringInfoChar(out, ']');
}

static void
write_char(StringInfo out, uint32 code)
{
	char		utf8[CN_UTF8_MAX];

	if (code < 0x80 && strchr("[]\\^-", (int) code) != NULL)
		appendStringInfoChar(out, '\\');
	appendBinaryStringInfo(out, utf8, cn_utf8_encode(utf8, code));
}
