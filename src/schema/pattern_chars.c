/*
 * pattern_chars.c -- the characters of a pattern: escapes, classes, brackets.  Pure.
 *
 * A class becomes the set of its characters (charset.h), so that it means the
 * same whatever the locale.
 */
#include "core/pure.h"

#include "core/chars.h"
#include "core/utf8.h"
#include "schema/pattern_parser.h"
#include "schema/unicode_categories.h"

static bool parse_unicode_escape(PatternParser *s, uint32 *code);
static bool parse_property(PatternParser *s, CnCharset *set);
static bool parse_class_atom(PatternParser *s, CnCharset *set, uint32 *code, bool *is_set);

bool
pattern_char_escape(PatternParser *s, bool in_class, uint32 *code)
{
	static const char letters[] = "tnvfr";
	static const char controls[] = "\t\n\v\f\r";
	const char *letter;
	char		c;

	if (s->p >= s->end)
		return pattern_invalid(s, "pattern ends with a backslash");
	c = *s->p;
	if (c == 'u')
		return parse_unicode_escape(s, code);
	s->p++;
	*code = (unsigned char) c;
	if ((letter = strchr(letters, c)) != NULL)
		*code = controls[letter - letters];
	else if (c == 'b' && in_class)
		*code = '\b';
	else if (c == '0' && !(s->p < s->end && pattern_is_digit(*s->p)))
		*code = 0;
	else if (c == 'c' && s->p < s->end && ((*s->p | 0x20) >= 'a' && (*s->p | 0x20) <= 'z'))
		*code = *s->p++ & 0x1F;
	else if (c == 'x' && s->end - s->p >= 2 && cn_hex_value(s->p[0]) >= 0 &&
			 cn_hex_value(s->p[1]) >= 0)
	{
		*code = cn_hex_value(s->p[0]) * 16 + cn_hex_value(s->p[1]);
		s->p += 2;
	}
	else if (*code >= 0x80 || *code < ' ' || pattern_is_digit(c) ||
			 ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
		return pattern_invalid(s, "unknown escape in a pattern");
	return true;
}

/* Four hexadecimal digits at p, or -1. */
static int
hex4(const char *p, const char *end)
{
	int			code = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		if (cn_hex_value(p[i]) < 0)
			return -1;
		code = code * 16 + cn_hex_value(p[i]);
	}
	return code;
}

/* At the u of \uXXXX, \uXXXX\uXXXX (a surrogate pair) or \u{X...}. */
static bool
parse_unicode_escape(PatternParser *s, uint32 *code)
{
	int			low;

	s->p++;
	*code = 0;
	if (s->p < s->end && *s->p == '{')
	{
		const char *digits = ++s->p;

		for (; s->p < s->end && cn_hex_value(*s->p) >= 0 && *code <= 0x10FFFF; s->p++)
			*code = *code * 16 + cn_hex_value(*s->p);
		if (s->p == digits || s->p >= s->end || *s->p != '}' || *code > 0x10FFFF)
			return pattern_invalid(s, "\\u{...} holds no code point");
		s->p++;
		return true;
	}
	if (hex4(s->p, s->end) < 0)
		return pattern_invalid(s, "\\u without hexadecimal digits");
	*code = hex4(s->p, s->end);
	s->p += 4;
	if (*code < 0xD800 || *code > 0xDBFF || !pattern_looking_at(s, "\\u"))
		return true;
	low = hex4(s->p + 2, s->end);
	if (low >= 0xDC00 && low <= 0xDFFF)
	{
		*code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
		s->p += 6;
	}
	return true;
}

/* ---- classes of characters ---- */

/* At what follows a backslash: *found, and set has the class, if it is one. */
bool
pattern_class_escape(PatternParser *s, CnCharset *set, bool *found)
{
	char		c = s->p < s->end ? *s->p : '\0';

	*found = c != '\0' && strchr("dDwWsSpP", c) != NULL;
	if (!*found)
		return true;
	s->p++;
	switch (c | 0x20)
	{
		case 'd':
			cn_charset_add(set, '0', '9');
			break;
		case 'w':
			cn_charset_add(set, '0', '9');
			cn_charset_add(set, 'A', 'Z');
			cn_charset_add(set, '_', '_');
			cn_charset_add(set, 'a', 'z');
			break;
		case 's':
			cn_charset_add(set, '\t', '\r');
			cn_charset_add(set, 0xFEFF, 0xFEFF);
			cn_charset_add_category(set, CN_GC_SEPARATOR);
			break;
		default:
			if (!parse_property(s, set))
				return false;
	}
	if (c == 'D' || c == 'W' || c == 'S' || c == 'P')
		cn_charset_invert(set);
	return true;
}

static const struct
{
	const char *names;			/* each between blanks */
	uint32		categories;
}			properties[] = {
	{" L Letter ", CN_GC_LETTER},
	{" LC Cased_Letter ", CN_GC_LU | CN_GC_LL | CN_GC_LT},
	{" Lu Uppercase_Letter ", CN_GC_LU},
	{" Ll Lowercase_Letter ", CN_GC_LL},
	{" Lt Titlecase_Letter ", CN_GC_LT},
	{" Lm Modifier_Letter ", CN_GC_LM},
	{" Lo Other_Letter ", CN_GC_LO},
	{" M Mark Combining_Mark ", CN_GC_MARK},
	{" Mn Nonspacing_Mark ", CN_GC_MN},
	{" Mc Spacing_Mark ", CN_GC_MC},
	{" Me Enclosing_Mark ", CN_GC_ME},
	{" N Number ", CN_GC_NUMBER},
	{" Nd Decimal_Number digit ", CN_GC_ND},
	{" Nl Letter_Number ", CN_GC_NL},
	{" No Other_Number ", CN_GC_NO},
	{" P Punctuation punct ", CN_GC_PUNCTUATION},
	{" Pc Connector_Punctuation ", CN_GC_PC},
	{" Pd Dash_Punctuation ", CN_GC_PD},
	{" Ps Open_Punctuation ", CN_GC_PS},
	{" Pe Close_Punctuation ", CN_GC_PE},
	{" Pi Initial_Punctuation ", CN_GC_PI},
	{" Pf Final_Punctuation ", CN_GC_PF},
	{" Po Other_Punctuation ", CN_GC_PO},
	{" S Symbol ", CN_GC_SYMBOL},
	{" Sm Math_Symbol ", CN_GC_SM},
	{" Sc Currency_Symbol ", CN_GC_SC},
	{" Sk Modifier_Symbol ", CN_GC_SK},
	{" So Other_Symbol ", CN_GC_SO},
	{" Z Separator ", CN_GC_SEPARATOR},
	{" Zs Space_Separator ", CN_GC_ZS},
	{" Zl Line_Separator ", CN_GC_ZL},
	{" Zp Paragraph_Separator ", CN_GC_ZP},
	{" C Other ", CN_GC_OTHER},
	{" Cc Control cntrl ", CN_GC_CC},
	{" Cf Format ", CN_GC_CF},
	{" Cs Surrogate ", CN_GC_CS},
	{" Co Private_Use ", CN_GC_CO},
	{" Cn Unassigned ", CN_GC_CN},
	{" Any ", ~0},
	{" Assigned ", ~CN_GC_CN},
};

/* At {Name}, {gc=Name} or {General_Category=Name}. */
static bool
parse_property(PatternParser *s, CnCharset *set)
{
	const char *close = s->p < s->end && *s->p == '{' ? memchr(s->p, '}', s->end - s->p) : NULL;
	char	   *wanted;

	if (close == NULL)
		return pattern_invalid(s, "\\p without {...}");
	s->p++;
	if (pattern_looking_at(s, "gc="))
		s->p += strlen("gc=");
	else if (pattern_looking_at(s, "General_Category="))
		s->p += strlen("General_Category=");
	wanted = psprintf(" %.*s ", (int) (close - s->p), s->p);
	s->p = close + 1;
	if (strcmp(wanted, " ASCII ") == 0)
	{
		cn_charset_add(set, 0, 0x7F);
		return true;
	}
	for (int i = 0; i < lengthof(properties); i++)
	{
		if (strchr(wanted + 1, ' ') == wanted + strlen(wanted) - 1 &&
			strstr(properties[i].names, wanted) != NULL)
		{
			cn_charset_add_category(set, properties[i].categories);
			return true;
		}
	}
	return pattern_inexpressible(s, "\\p{...} names no general category");
}

/* At a bracket expression. */
bool
pattern_bracket(PatternParser *s)
{
	CnCharset	set;
	bool		negated;

	s->p++;
	negated = s->p < s->end && *s->p == '^';
	s->p += negated;
	cn_charset_init(&set);
	while (s->p < s->end && *s->p != ']')
	{
		uint32		low;
		uint32		high;
		bool		is_set;
		bool		high_is_set;

		if (!parse_class_atom(s, &set, &low, &is_set))
			return false;
		if (is_set)
			continue;
		high = low;
		if (s->end - s->p >= 2 && s->p[0] == '-' && s->p[1] != ']')
		{
			s->p++;
			if (!parse_class_atom(s, &set, &high, &high_is_set))
				return false;
			if (high_is_set)
			{
				cn_charset_add(&set, '-', '-');
				high = low;
			}
			if (high < low)
				return pattern_invalid(s, "range out of order in brackets");
		}
		cn_charset_add(&set, low, high);
	}
	if (s->p >= s->end)
		return pattern_invalid(s, "unmatched [ in a pattern");
	s->p++;
	if (negated)
		cn_charset_invert(&set);
	cn_charset_write(s->out, &set);
	return true;
}

/* One character, or a class that goes into set. */
static bool
parse_class_atom(PatternParser *s, CnCharset *set, uint32 *code, bool *is_set)
{
	CnCharset	class;

	*is_set = false;
	if (*s->p != '\\')
	{
		s->p += cn_utf8_decode(s->p, code);
		return true;
	}
	s->p++;
	cn_charset_init(&class);
	if (!pattern_class_escape(s, &class, is_set))
		return false;
	if (!*is_set)
		return pattern_char_escape(s, true, code);
	cn_charset_add_set(set, &class);
	return true;
}
