/*
 * pattern.c -- ECMA-262 regular expressions as the server writes them.  Pure.
 *
 * JSON Schema's patterns are those of ECMA-262 with the flag u: code points,
 * \d \w \b of ASCII, \s of Unicode, \p{...}, `.` that stops at line ends.  The
 * server's are its own (core/regex.h): the same constructs with other
 * meanings.  Nothing is passed through: the pattern is parsed and written
 * anew, each class of characters as an explicit set, so that it means the same
 * in every database.  Whether a pattern matches somewhere is all a schema asks,
 * so lazy quantifiers become greedy ones, and parentheses capture only if
 * something refers back to them.
 *
 * A back-reference to a group that took no part matches the empty text in
 * ECMA-262 and nothing in the server.  So one is expressible only if its group
 * has surely been through: see GroupState.
 *
 * Taken for themselves, though the flag u forbids it: a lone ], { or }, an
 * escaped ASCII punctuation mark or blank, and a hyphen beside a class in brackets.
 * Schemas in the wild have them and they can mean only one thing.
 */
#include "core/pure.h"

#include "core/chars.h"
#include "core/regex.h"
#include "core/utf8.h"
#include "schema/charset.h"
#include "schema/pattern.h"
#include "schema/unicode_categories.h"

#define NESTING_MAX 50
#define GROUPS_MAX 1000

/* The server repeats at most 255 times; twice nested that is this often. */
#define REPEAT_STEP 255
#define REPEAT_MAX (REPEAT_STEP * REPEAT_STEP)
#define NO_END -1

typedef enum GroupState
{
	GROUP_AHEAD,				/* not closed yet: a reference to it is empty */
	GROUP_SET,					/* has matched whenever we get here */
	GROUP_MAYBE					/* in another branch, or repeated perhaps no times */
} GroupState;

typedef struct Group
{
	const char *name;			/* NULL: has none */
	int			name_len;
	bool		referenced;
	int			number;			/* in what is written; 0: does not capture */
	GroupState	state;
} Group;

typedef struct Parser
{
	const char *p;
	const char *end;
	StringInfo	out;
	Group	   *groups;			/* [0] is unused */
	int			ngroups;
	int			opened;			/* groups met so far, in the second pass */
	int			numbered;		/* of them, those that capture in what is written */
	int			depth;
	int			lookarounds;	/* open ones */
	CnPatternKind kind;
	const char *problem;
} Parser;

static bool find_groups(Parser *s);
static bool note_group(Parser *s);
static bool find_references(Parser *s);
static bool parse_alternatives(Parser *s);
static bool parse_term(Parser *s);
static bool parse_group(Parser *s);
static bool parse_lookaround(Parser *s, int opening_len);
static bool parse_quantifier(Parser *s, int atom, int first_group);
static bool parse_counts(Parser *s, int *min, int *max);
static bool write_repeated(Parser *s, int atom, int min, int max);
static bool parse_escape(Parser *s);
static bool write_reference(Parser *s, int number);
static bool parse_reference(Parser *s, int *number);
static bool parse_class(Parser *s);
static bool parse_class_atom(Parser *s, CnCharset *set, uint32 *code, bool *is_set);
static bool parse_char_escape(Parser *s, bool in_class, uint32 *code);
static bool parse_unicode_escape(Parser *s, uint32 *code);
static bool class_escape(Parser *s, CnCharset *set, bool *found);
static bool parse_property(Parser *s, CnCharset *set);
static void write_char(Parser *s, uint32 code);

static bool
fail(Parser *s, CnPatternKind kind, const char *problem)
{
	s->kind = kind;
	s->problem = problem;
	return false;
}

static bool
invalid(Parser *s, const char *problem)
{
	return fail(s, CN_PATTERN_INVALID, problem);
}

static bool
inexpressible(Parser *s, const char *problem)
{
	return fail(s, CN_PATTERN_INEXPRESSIBLE, problem);
}

static inline bool
looking_at(const Parser *s, const char *text)
{
	int			len = strlen(text);

	return s->end - s->p >= len && memcmp(s->p, text, len) == 0;
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* In an identifier, where all of Unicode beyond ASCII is taken for letters. */
static inline bool
is_name_byte(char c, bool inside)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '$' ||
		(unsigned char) c >= 0x80 || (inside && is_digit(c));
}

/* See pattern.h. */
CnPatternKind
cn_pattern_translate(const char *pattern, int len, StringInfo out, const char **problem)
{
	Parser		s = {.p = pattern, .end = pattern + len, .out = out};

	if (len > CN_REGEX_MAX_PATTERN)
		inexpressible(&s, "pattern is too long");
	else if (find_groups(&s))
	{
		s.p = pattern;
		if (find_references(&s))
		{
			s.p = pattern;
			if (parse_alternatives(&s) && s.p < s.end)
				invalid(&s, "unmatched ) in a pattern");
		}
	}
	*problem = s.problem;
	return s.kind;
}

/* ---- what groups there are, and to which of them something refers ---- */

/* To behind the bracket expression at s->p. */
static void
skip_class(Parser *s)
{
	for (s->p++; s->p < s->end && *s->p != ']'; s->p++)
	{
		if (*s->p == '\\')
			s->p++;
	}
	s->p++;
}

static bool
find_groups(Parser *s)
{
	s->groups = (Group *) palloc0(sizeof(Group));
	while (s->p < s->end)
	{
		if (*s->p == '[')
			skip_class(s);
		else if (*s->p == '\\')
			s->p += 2;
		else if (*s->p++ == '(' && !note_group(s))
			return false;
	}
	return true;
}

/* Behind a parenthesis: does it capture? */
static bool
note_group(Parser *s)
{
	Group	   *group;
	const char *name = NULL;
	const char *close = NULL;

	if (s->p < s->end && *s->p == '?')
	{
		if (!looking_at(s, "?<") || looking_at(s, "?<=") || looking_at(s, "?<!"))
			return true;
		name = s->p + 2;
		for (close = name; close < s->end && is_name_byte(*close, close > name); close++)
			;
		if (close == name || close == s->end || *close != '>')
			return invalid(s, "group without a name");
		s->p = close + 1;
		for (int i = 1; i <= s->ngroups; i++)
		{
			if (s->groups[i].name != NULL && s->groups[i].name_len == close - name &&
				memcmp(s->groups[i].name, name, close - name) == 0)
				return invalid(s, "two groups have one name");
		}
	}
	if (s->ngroups >= GROUPS_MAX)
		return inexpressible(s, "pattern has too many groups");
	s->groups = (Group *) repalloc(s->groups, sizeof(Group) * (++s->ngroups + 1));
	group = &s->groups[s->ngroups];
	memset(group, 0, sizeof(*group));
	if (name != NULL)
	{
		group->name = name;
		group->name_len = close - name;
	}
	return true;
}

static bool
find_references(Parser *s)
{
	while (s->p < s->end)
	{
		int			number;

		if (*s->p == '[')
			skip_class(s);
		else if (*s->p++ == '\\' && s->p < s->end)
		{
			if (*s->p == 'k' || (*s->p >= '1' && *s->p <= '9'))
			{
				if (!parse_reference(s, &number))
					return false;
				s->groups[number].referenced = true;
			}
			else
				s->p++;
		}
	}
	return true;
}

/* At the digits or the k of a back-reference, to behind it. */
static bool
parse_reference(Parser *s, int *number)
{
	*number = 0;
	if (*s->p != 'k')
	{
		for (; s->p < s->end && is_digit(*s->p); s->p++)
			*number = Min(*number * 10 + (*s->p - '0'), GROUPS_MAX + 1);
		return *number <= s->ngroups || invalid(s, "reference to a group that is not there");
	}
	s->p++;
	for (int i = 1; i <= s->ngroups; i++)
	{
		Group	   *group = &s->groups[i];

		if (group->name != NULL && s->end - s->p >= group->name_len + 2 && s->p[0] == '<' &&
			memcmp(s->p + 1, group->name, group->name_len) == 0 && s->p[group->name_len + 1] == '>')
		{
			*number = i;
			s->p += group->name_len + 2;
			return true;
		}
	}
	return invalid(s, "reference to a group that is not there");
}

/* ---- structure ---- */

/* Groups opened since first may not have matched any more. */
static void
demote(Parser *s, int first)
{
	for (int i = first + 1; i <= s->opened; i++)
	{
		if (s->groups[i].state == GROUP_SET)
			s->groups[i].state = GROUP_MAYBE;
	}
}

/* Up to the end or a closing parenthesis. */
static bool
parse_alternatives(Parser *s)
{
	int			first = s->opened;
	bool		many = false;

	if (++s->depth > NESTING_MAX)
		return inexpressible(s, "pattern is nested too deeply");
	while (s->p < s->end && *s->p != ')')
	{
		if (*s->p == '|')
		{
			appendStringInfoChar(s->out, *s->p++);
			many = true;
			demote(s, first);
		}
		else if (!parse_term(s))
			return false;
		if (s->out->len > CN_REGEX_MAX_SPELLED_OUT)
			return inexpressible(s, "pattern is too long once it is spelled out");
	}
	if (many)
		demote(s, first);
	s->depth--;
	return true;
}

static bool
parse_term(Parser *s)
{
	int			atom = s->out->len;
	int			first_group = s->opened;
	CnCharset	set;
	uint32		code;
	int			min;
	int			max;

	switch (*s->p)
	{
		case '^':
		case '$':
			appendStringInfoChar(s->out, *s->p++);
			return true;
		case '(':
			if (looking_at(s, "(?=") || looking_at(s, "(?!"))
				return parse_lookaround(s, 3);
			if (looking_at(s, "(?<=") || looking_at(s, "(?<!"))
				return parse_lookaround(s, 4);
			if (!parse_group(s))
				return false;
			break;
		case '.':
			s->p++;
			cn_charset_init(&set);
			cn_charset_add(&set, '\n', '\n');
			cn_charset_add(&set, '\r', '\r');
			cn_charset_add(&set, 0x2028, 0x2029);
			cn_charset_invert(&set);
			cn_charset_write(s->out, &set);
			break;
		case '[':
			if (!parse_class(s))
				return false;
			break;
		case '\\':
			if (s->end - s->p >= 2 && (s->p[1] == 'b' || s->p[1] == 'B'))
			{
				appendStringInfoString(s->out, s->p[1] == 'b' ? "\\y" : "\\Y");
				s->p += 2;
				return true;
			}
			if (!parse_escape(s))
				return false;
			break;
		case '*':
		case '+':
		case '?':
			return invalid(s, "nothing to repeat");
		case '{':
			if (parse_counts(s, &min, &max))
				return invalid(s, "nothing to repeat");
			/* FALLTHROUGH */
		default:
			s->p += cn_utf8_decode(s->p, &code);
			write_char(s, code);
	}
	return parse_quantifier(s, atom, first_group);
}

static bool
close_parenthesis(Parser *s)
{
	if (s->p >= s->end)
		return invalid(s, "unmatched ( in a pattern");
	appendStringInfoChar(s->out, *s->p++);
	return true;
}

static bool
parse_group(Parser *s)
{
	int			number = 0;

	s->p++;
	if (looking_at(s, "?:"))
		s->p += 2;
	else if (s->p < s->end && *s->p == '?' && !looking_at(s, "?<"))
		return invalid(s, "unknown kind of group");
	else
	{
		Assert(s->opened < s->ngroups);
		number = ++s->opened;
		if (s->groups[number].name != NULL)
			s->p = s->groups[number].name + s->groups[number].name_len + 1;
	}
	if (number > 0 && s->groups[number].referenced)
	{
		if (s->lookarounds > 0)
			return inexpressible(s, "reference to a group in lookahead or lookbehind");
		s->groups[number].number = ++s->numbered;
		appendStringInfoChar(s->out, '(');
	}
	else
		appendStringInfoString(s->out, "(?:");
	if (!parse_alternatives(s) || !close_parenthesis(s))
		return false;
	s->groups[number].state = GROUP_SET;
	return true;
}

static bool
parse_lookaround(Parser *s, int opening_len)
{
	appendBinaryStringInfo(s->out, s->p, opening_len);
	s->p += opening_len;
	s->lookarounds++;
	if (!parse_alternatives(s) || !close_parenthesis(s))
		return false;
	s->lookarounds--;
	if (s->p < s->end && strchr("*+?", *s->p) != NULL)
		return invalid(s, "lookahead and lookbehind cannot be repeated");
	return true;
}

/* ---- quantifiers ---- */

/*
 * parse_quantifier -- the quantifier at s->p, if there is one.
 *
 * atom: where what it repeats begins in s->out
 * first_group: groups opened before that
 */
static bool
parse_quantifier(Parser *s, int atom, int first_group)
{
	int			min = 0;
	int			max = NO_END;

	if (s->p >= s->end)
		return true;
	switch (*s->p)
	{
		case '*':
			s->p++;
			break;
		case '+':
			min = 1;
			s->p++;
			break;
		case '?':
			max = 1;
			s->p++;
			break;
		case '{':
			if (!parse_counts(s, &min, &max))
				return s->kind == CN_PATTERN_OK;
			break;
		default:
			return true;
	}
	if (s->p < s->end && *s->p == '?')
		s->p++;
	if (s->p < s->end && (strchr("*+?", *s->p) != NULL))
		return invalid(s, "nothing to repeat");
	if (min == 0)
		demote(s, first_group);
	for (int i = first_group + 1; i <= s->opened; i++)
	{
		if (s->groups[i].number > 0 && Max(min, max) > REPEAT_STEP)
			return inexpressible(s, "group with a reference to it is repeated too often");
	}
	return write_repeated(s, atom, min, max);
}

static int
parse_count(Parser *s)
{
	int			count = 0;

	for (; s->p < s->end && is_digit(*s->p); s->p++)
		count = Min(count * 10 + (*s->p - '0'), REPEAT_MAX + 1);
	return count;
}

/* {n}, {n,} or {n,m}; false, and s->p where it was, if the brace is none of them. */
static bool
parse_counts(Parser *s, int *min, int *max)
{
	const char *brace = s->p++;
	const char *digits = s->p;

	*min = *max = parse_count(s);
	if (s->p > digits && s->p < s->end && *s->p == ',')
	{
		s->p++;
		*max = s->p < s->end && is_digit(*s->p) ? parse_count(s) : NO_END;
	}
	if (s->p == digits || s->p >= s->end || *s->p != '}')
	{
		s->p = brace;
		return false;
	}
	s->p++;
	if (*max != NO_END && *max < *min)
		return invalid(s, "numbers of repetitions are out of order");
	if (Max(*min, *max) > REPEAT_MAX)
		return inexpressible(s, "number of repetitions is too high");
	return true;
}

/* Append text as often as from..to says, neither over REPEAT_MAX. */
static void
write_times(StringInfo out, const char *text, int from, int to)
{
	int			most = Max(from, to);

	if (most > REPEAT_STEP)
	{
		int			blocks = most / REPEAT_STEP;

		appendStringInfo(out, "(?:%s{%d,%d}){%d}", text, from == 0 ? 0 : REPEAT_STEP, REPEAT_STEP,
						 blocks);
		most -= blocks * REPEAT_STEP;
		if (most == 0)
			return;
		from = Min(from, most);
	}
	appendStringInfo(out, "%s{%d,%d}", text, from, most);
}

/* What stands from atom on in s->out, repeated. */
static bool
write_repeated(Parser *s, int atom, int min, int max)
{
	StringInfo	out = s->out;
	char	   *text = pstrdup(out->data + atom);

	if (max == NO_END && min <= 1)
		appendStringInfoChar(out, min == 0 ? '*' : '+');
	else if (max == 1 && min == 0)
		appendStringInfoChar(out, '?');
	else
	{
		out->len = atom;
		out->data[atom] = '\0';
		if (max == 0)
			appendStringInfoString(out, "(?:)");
		else if (max != NO_END && max <= REPEAT_STEP)
			write_times(out, text, min, max);
		else
		{
			if (min > 0)
				write_times(out, text, min, min);
			if (max == NO_END)
				appendStringInfo(out, "%s*", text);
			else if (max > min)
				write_times(out, text, 0, max - min);
		}
	}
	pfree(text);
	return true;
}

/* ---- escapes outside brackets ---- */

static bool
parse_escape(Parser *s)
{
	CnCharset	set;
	bool		found;
	uint32		code;
	int			number;

	s->p++;
	if (s->p < s->end && (*s->p == 'k' || (*s->p >= '1' && *s->p <= '9')))
		return parse_reference(s, &number) && write_reference(s, number);
	cn_charset_init(&set);
	if (!class_escape(s, &set, &found))
		return false;
	if (found)
	{
		cn_charset_write(s->out, &set);
		return true;
	}
	if (!parse_char_escape(s, false, &code))
		return false;
	write_char(s, code);
	return true;
}

static bool
write_reference(Parser *s, int number)
{
	const Group *group = &s->groups[number];

	if (s->lookarounds > 0)
		return inexpressible(s, "reference to a group in lookahead or lookbehind");
	switch (group->state)
	{
		case GROUP_AHEAD:
			appendStringInfoString(s->out, "(?:)");
			return true;
		case GROUP_SET:
			appendStringInfo(s->out, "(?:\\%d)", group->number);
			return true;
		case GROUP_MAYBE:
			break;
	}
	return inexpressible(s, "reference to a group that may not have matched");
}

/*
 * parse_char_escape -- what stands behind a backslash, for one character.
 */
static bool
parse_char_escape(Parser *s, bool in_class, uint32 *code)
{
	static const char letters[] = "tnvfr";
	static const char controls[] = "\t\n\v\f\r";
	const char *letter;
	char		c;

	if (s->p >= s->end)
		return invalid(s, "pattern ends with a backslash");
	c = *s->p;
	if (c == 'u')
		return parse_unicode_escape(s, code);
	s->p++;
	*code = (unsigned char) c;
	if ((letter = strchr(letters, c)) != NULL)
		*code = controls[letter - letters];
	else if (c == 'b' && in_class)
		*code = '\b';
	else if (c == '0' && !(s->p < s->end && is_digit(*s->p)))
		*code = 0;
	else if (c == 'c' && s->p < s->end && ((*s->p | 0x20) >= 'a' && (*s->p | 0x20) <= 'z'))
		*code = *s->p++ & 0x1F;
	else if (c == 'x' && s->end - s->p >= 2 && cn_hex_value(s->p[0]) >= 0 &&
			 cn_hex_value(s->p[1]) >= 0)
	{
		*code = cn_hex_value(s->p[0]) * 16 + cn_hex_value(s->p[1]);
		s->p += 2;
	}
	else if (*code >= 0x80 || *code < ' ' || is_digit(c) ||
			 ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
		return invalid(s, "unknown escape in a pattern");
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
parse_unicode_escape(Parser *s, uint32 *code)
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
			return invalid(s, "\\u{...} holds no code point");
		s->p++;
		return true;
	}
	if (hex4(s->p, s->end) < 0)
		return invalid(s, "\\u without hexadecimal digits");
	*code = hex4(s->p, s->end);
	s->p += 4;
	if (*code < 0xD800 || *code > 0xDBFF || !looking_at(s, "\\u"))
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
static bool
class_escape(Parser *s, CnCharset *set, bool *found)
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
parse_property(Parser *s, CnCharset *set)
{
	const char *close = s->p < s->end && *s->p == '{' ? memchr(s->p, '}', s->end - s->p) : NULL;
	char	   *wanted;

	if (close == NULL)
		return invalid(s, "\\p without {...}");
	s->p++;
	if (looking_at(s, "gc="))
		s->p += strlen("gc=");
	else if (looking_at(s, "General_Category="))
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
	return inexpressible(s, "\\p{...} names no general category");
}

/* At a bracket expression. */
static bool
parse_class(Parser *s)
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
				return invalid(s, "range out of order in brackets");
		}
		cn_charset_add(&set, low, high);
	}
	if (s->p >= s->end)
		return invalid(s, "unmatched [ in a pattern");
	s->p++;
	if (negated)
		cn_charset_invert(&set);
	cn_charset_write(s->out, &set);
	return true;
}

/* One character, or a class that goes into set. */
static bool
parse_class_atom(Parser *s, CnCharset *set, uint32 *code, bool *is_set)
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
	if (!class_escape(s, &class, is_set))
		return false;
	if (!*is_set)
		return parse_char_escape(s, true, code);
	cn_charset_add_set(set, &class);
	return true;
}

/* One character for itself; one that no text holds, as a set of none. */
static void
write_char(Parser *s, uint32 code)
{
	char		utf8[CN_UTF8_MAX];

	if (code == 0 || (code >= 0xD800 && code <= 0xDFFF))
	{
		CnCharset	none;

		cn_charset_init(&none);
		cn_charset_write(s->out, &none);
		return;
	}
	if (code < 0x80 && strchr("\\^$.[]()*+?{}|", (int) code) != NULL)
		appendStringInfoChar(s->out, '\\');
	appendBinaryStringInfo(s->out, utf8, cn_utf8_encode(utf8, code));
}
