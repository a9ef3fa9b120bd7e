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
 * has surely been through: see PatternGroupState.
 *
 * Taken for themselves, though the flag u forbids it: a lone ], { or }, an
 * escaped ASCII punctuation mark or blank, and a hyphen beside a class in brackets.
 * Schemas in the wild have them and they can mean only one thing.
 */
#include "core/pure.h"

#include "core/regex.h"
#include "core/utf8.h"
#include "schema/pattern_parser.h"

#define NESTING_MAX 50
#define GROUPS_MAX 1000

/* The server repeats at most 255 times; twice nested that is this often. */
#define REPEAT_STEP 255
#define REPEAT_MAX (REPEAT_STEP * REPEAT_STEP)
#define NO_END -1

static bool find_groups(PatternParser *s);
static bool note_group(PatternParser *s);
static bool find_references(PatternParser *s);
static bool parse_alternatives(PatternParser *s);
static bool parse_term(PatternParser *s);
static bool parse_group(PatternParser *s);
static bool parse_lookaround(PatternParser *s, int opening_len);
static bool parse_quantifier(PatternParser *s, int atom, int first_group);
static bool parse_counts(PatternParser *s, int *min, int *max);
static bool write_repeated(PatternParser *s, int atom, int min, int max);
static bool parse_escape(PatternParser *s);
static bool write_reference(PatternParser *s, int number);
static bool parse_reference(PatternParser *s, int *number);
static void write_char(PatternParser *s, uint32 code);

/* In an identifier, where all of Unicode beyond ASCII is taken for letters. */
static inline bool
is_name_byte(char c, bool inside)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '$' ||
		(unsigned char) c >= 0x80 || (inside && pattern_is_digit(c));
}

/* See pattern.h. */
CnPatternKind
cn_pattern_translate(const char *pattern, int len, StringInfo out, const char **problem)
{
	PatternParser		s = {.p = pattern, .end = pattern + len, .out = out};

	if (len > CN_REGEX_MAX_PATTERN)
		pattern_inexpressible(&s, "pattern is too long");
	else if (find_groups(&s))
	{
		s.p = pattern;
		if (find_references(&s))
		{
			s.p = pattern;
			if (parse_alternatives(&s) && s.p < s.end)
				pattern_invalid(&s, "unmatched ) in a pattern");
		}
	}
	*problem = s.problem;
	return s.kind;
}

/* ---- what groups there are, and to which of them something refers ---- */

/* To behind the bracket expression at s->p. */
static void
skip_class(PatternParser *s)
{
	for (s->p++; s->p < s->end && *s->p != ']'; s->p++)
	{
		if (*s->p == '\\')
			s->p++;
	}
	s->p++;
}

static bool
find_groups(PatternParser *s)
{
	s->groups = (PatternGroup *) palloc0(sizeof(PatternGroup));
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
note_group(PatternParser *s)
{
	PatternGroup *group;
	const char *name = NULL;
	const char *close = NULL;

	if (s->p < s->end && *s->p == '?')
	{
		if (!pattern_looking_at(s, "?<") || pattern_looking_at(s, "?<=") ||
			pattern_looking_at(s, "?<!"))
			return true;
		name = s->p + 2;
		for (close = name; close < s->end && is_name_byte(*close, close > name); close++)
			;
		if (close == name || close == s->end || *close != '>')
			return pattern_invalid(s, "group without a name");
		s->p = close + 1;
		for (int i = 1; i <= s->ngroups; i++)
		{
			if (s->groups[i].name != NULL && s->groups[i].name_len == close - name &&
				memcmp(s->groups[i].name, name, close - name) == 0)
				return pattern_invalid(s, "two groups have one name");
		}
	}
	if (s->ngroups >= GROUPS_MAX)
		return pattern_inexpressible(s, "pattern has too many groups");
	s->groups = (PatternGroup *) repalloc(s->groups, sizeof(PatternGroup) * (++s->ngroups + 1));
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
find_references(PatternParser *s)
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
parse_reference(PatternParser *s, int *number)
{
	*number = 0;
	if (*s->p != 'k')
	{
		for (; s->p < s->end && pattern_is_digit(*s->p); s->p++)
			*number = Min(*number * 10 + (*s->p - '0'), GROUPS_MAX + 1);
		return *number <= s->ngroups ||
			pattern_invalid(s, "reference to a group that is not there");
	}
	s->p++;
	for (int i = 1; i <= s->ngroups; i++)
	{
		PatternGroup *group = &s->groups[i];

		if (group->name != NULL && s->end - s->p >= group->name_len + 2 && s->p[0] == '<' &&
			memcmp(s->p + 1, group->name, group->name_len) == 0 && s->p[group->name_len + 1] == '>')
		{
			*number = i;
			s->p += group->name_len + 2;
			return true;
		}
	}
	return pattern_invalid(s, "reference to a group that is not there");
}

/* ---- structure ---- */

/* Groups opened since first may not have matched any more. */
static void
demote(PatternParser *s, int first)
{
	for (int i = first + 1; i <= s->opened; i++)
	{
		if (s->groups[i].state == GROUP_SET)
			s->groups[i].state = GROUP_MAYBE;
	}
}

/* Up to the end or a closing parenthesis. */
static bool
parse_alternatives(PatternParser *s)
{
	int			first = s->opened;
	bool		many = false;

	if (++s->depth > NESTING_MAX)
		return pattern_inexpressible(s, "pattern is nested too deeply");
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
			return pattern_inexpressible(s, "pattern is too long once it is spelled out");
	}
	if (many)
		demote(s, first);
	s->depth--;
	return true;
}

static bool
parse_term(PatternParser *s)
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
			if (pattern_looking_at(s, "(?=") || pattern_looking_at(s, "(?!"))
				return parse_lookaround(s, 3);
			if (pattern_looking_at(s, "(?<=") || pattern_looking_at(s, "(?<!"))
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
			if (!pattern_bracket(s))
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
			return pattern_invalid(s, "nothing to repeat");
		case '{':
			if (parse_counts(s, &min, &max))
				return pattern_invalid(s, "nothing to repeat");
			/* FALLTHROUGH */
		default:
			s->p += cn_utf8_decode(s->p, &code);
			write_char(s, code);
	}
	return parse_quantifier(s, atom, first_group);
}

static bool
close_parenthesis(PatternParser *s)
{
	if (s->p >= s->end)
		return pattern_invalid(s, "unmatched ( in a pattern");
	appendStringInfoChar(s->out, *s->p++);
	return true;
}

static bool
parse_group(PatternParser *s)
{
	int			number = 0;

	s->p++;
	if (pattern_looking_at(s, "?:"))
		s->p += 2;
	else if (s->p < s->end && *s->p == '?' && !pattern_looking_at(s, "?<"))
		return pattern_invalid(s, "unknown kind of group");
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
			return pattern_inexpressible(s, "reference to a group in lookahead or lookbehind");
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
parse_lookaround(PatternParser *s, int opening_len)
{
	appendBinaryStringInfo(s->out, s->p, opening_len);
	s->p += opening_len;
	s->lookarounds++;
	if (!parse_alternatives(s) || !close_parenthesis(s))
		return false;
	s->lookarounds--;
	if (s->p < s->end && strchr("*+?", *s->p) != NULL)
		return pattern_invalid(s, "lookahead and lookbehind cannot be repeated");
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
parse_quantifier(PatternParser *s, int atom, int first_group)
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
		return pattern_invalid(s, "nothing to repeat");
	if (min == 0)
		demote(s, first_group);
	for (int i = first_group + 1; i <= s->opened; i++)
	{
		if (s->groups[i].number > 0 && Max(min, max) > REPEAT_STEP)
			return pattern_inexpressible(s, "group with a reference to it is repeated too often");
	}
	return write_repeated(s, atom, min, max);
}

static int
parse_count(PatternParser *s)
{
	int			count = 0;

	for (; s->p < s->end && pattern_is_digit(*s->p); s->p++)
		count = Min(count * 10 + (*s->p - '0'), REPEAT_MAX + 1);
	return count;
}

/* {n}, {n,} or {n,m}; false, and s->p where it was, if the brace is none of them. */
static bool
parse_counts(PatternParser *s, int *min, int *max)
{
	const char *brace = s->p++;
	const char *digits = s->p;

	*min = *max = parse_count(s);
	if (s->p > digits && s->p < s->end && *s->p == ',')
	{
		s->p++;
		*max = s->p < s->end && pattern_is_digit(*s->p) ? parse_count(s) : NO_END;
	}
	if (s->p == digits || s->p >= s->end || *s->p != '}')
	{
		s->p = brace;
		return false;
	}
	s->p++;
	if (*max != NO_END && *max < *min)
		return pattern_invalid(s, "numbers of repetitions are out of order");
	if (Max(*min, *max) > REPEAT_MAX)
		return pattern_inexpressible(s, "number of repetitions is too high");
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
write_repeated(PatternParser *s, int atom, int min, int max)
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
parse_escape(PatternParser *s)
{
	CnCharset	set;
	bool		found;
	uint32		code;
	int			number;

	s->p++;
	if (s->p < s->end && (*s->p == 'k' || (*s->p >= '1' && *s->p <= '9')))
		return parse_reference(s, &number) && write_reference(s, number);
	cn_charset_init(&set);
	if (!pattern_class_escape(s, &set, &found))
		return false;
	if (found)
	{
		cn_charset_write(s->out, &set);
		return true;
	}
	if (!pattern_char_escape(s, false, &code))
		return false;
	write_char(s, code);
	return true;
}

static bool
write_reference(PatternParser *s, int number)
{
	const PatternGroup *group = &s->groups[number];

	if (s->lookarounds > 0)
		return pattern_inexpressible(s, "reference to a group in lookahead or lookbehind");
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
	return pattern_inexpressible(s, "reference to a group that may not have matched");
}

/* One character for itself; one that no text holds, as a set of none. */
static void
write_char(PatternParser *s, uint32 code)
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
