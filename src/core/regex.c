/*
 * regex.c -- regular expressions, by the server's own engine.
 *
 * The engine works on arrays of pg_wchar and counts characters.  A text is
 * converted once: searches for the next match in it go on with what the first
 * one made (see Subject).
 *
 * A long compilation or match checks for interrupts, so it ends like any query
 * when it is cancelled, by statement_timeout too.  Everything else that can go
 * wrong, the engine's own limits included, comes back as a problem.
 *
 * Needs no transaction: neither of the two collations is looked up.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "regex/regex.h"
#include "utils/memutils.h"

#include "core/compat.h"
#include "core/regex.h"
#include "core/utf8.h"

/* As many bytes can be converted: a character of one byte becomes four. */
#define TEXT_MAX ((int) (MaxAllocSize / sizeof(pg_wchar)) - 1)

/*
 * Subject -- the text of the last search, converted.
 *
 * Kept for the next search, which is one in the same text if it has the same
 * address and length and does not begin at its start; so a caller must not
 * change a text between two searches of which the second begins further on.
 * A search without a match, or one that asks for no spans, is the last one in
 * its text, and frees this.
 */
typedef struct Subject
{
	const char *text;
	int			len;
	pg_wchar   *chars;			/* NULL: none kept */
	int			nchars;
	int			near_byte;		/* a byte offset and the character there, to count from */
	int			near_char;
} Subject;

struct CnRegex
{
	regex_t		re;
	bool		compiled;		/* re is there */
	MemoryContext context;		/* holds this struct, re and the subject */
	MemoryContextCallback callback;
	Subject		subject;
};

static void release(void *arg);
static const char *problem_of(int code, const regex_t *re);
static void take_subject(CnRegex *regex, const char *text, int len, int start);
static void drop_subject(Subject *subject);
static int	char_at_byte(Subject *subject, int byte);
static int	byte_at_char(Subject *subject, int at);

/* See regex.h. */
CnRegex *
cn_regex_compile(const char *pattern, int len, int flags, const char **problem)
{
	CnRegex    *regex;
	pg_wchar   *chars;
	int			nchars;
	int			code;
	int			cflags = REG_ADVANCED;

	*problem = NULL;
	if (len > (flags & CN_REGEX_SPELLED_OUT ? CN_REGEX_MAX_SPELLED_OUT : CN_REGEX_MAX_PATTERN))
	{
		*problem = "regular expression is too long";
		return NULL;
	}
	if (flags & CN_REGEX_ICASE)
		cflags |= REG_ICASE;
	if (flags & CN_REGEX_NEWLINE)
		cflags |= REG_NEWLINE;

	regex = palloc0(sizeof(CnRegex));
	regex->context = CurrentMemoryContext;
	if (CN_REGEX_IS_MALLOCED)
	{
		regex->callback.func = release;
		regex->callback.arg = regex;
		MemoryContextRegisterResetCallback(CurrentMemoryContext, &regex->callback);
	}

	chars = palloc((len + 1) * sizeof(pg_wchar));
	nchars = pg_mb2wchar_with_len(pattern, chars, len);
	code = pg_regcomp(&regex->re, chars, nchars, cflags,
					  flags & CN_REGEX_UNICODE_CLASSES ? DEFAULT_COLLATION_OID : C_COLLATION_OID);
	pfree(chars);
	if (code != REG_OKAY)
	{
		*problem = problem_of(code, &regex->re);
		return NULL;
	}
	regex->compiled = true;
	return regex;
}

/* The context's callback; see STYLE: it tests, frees, forgets. */
static void
release(void *arg)
{
	CnRegex    *regex = arg;

	if (regex->compiled)
		pg_regfree(&regex->re);
	regex->compiled = false;
}

/* What went wrong, for people.  A cancelled query does not come back from here. */
static const char *
problem_of(int code, const regex_t *re)
{
	char		message[100];

	if (CN_REGEX_CANCELLED(code))
	{
		CHECK_FOR_INTERRUPTS();
		return "regular expression was interrupted";
	}
	pg_regerror(code, re, message, sizeof(message));
	return pstrdup(message);
}

int
cn_regex_groups(const CnRegex *regex)
{
	return (int) regex->re.re_nsub;
}

/* See regex.h.  The subject kept in regex is a cache, which does not change what it is. */
bool
cn_regex_search(const CnRegex *const_regex, const char *text, int len, int start,
				CnRegexSpan *spans, int nspans, const char **problem)
{
	CnRegex    *regex = unconstify(CnRegex *, const_regex);
	Subject    *subject = &regex->subject;
	regmatch_t	few[10];
	regmatch_t *matches = few;
	int			code;

	*problem = NULL;
	if (len > TEXT_MAX)
	{
		*problem = "text is too long for a regular expression";
		return false;
	}
	if (nspans > lengthof(few))
		matches = palloc(nspans * sizeof(regmatch_t));
	take_subject(regex, text, len, start);
	code = pg_regexec(&regex->re, subject->chars, subject->nchars,
					  char_at_byte(subject, start), NULL, nspans, matches, 0);
	if (code == REG_OKAY)
	{
		for (int i = 0; i < nspans; i++)
		{
			spans[i].start = byte_at_char(subject, matches[i].rm_so);
			spans[i].end = byte_at_char(subject, matches[i].rm_eo);
		}
	}
	if (code != REG_OKAY || nspans == 0)
		drop_subject(subject);
	if (matches != few)
		pfree(matches);
	if (code != REG_OKAY && code != REG_NOMATCH)
		*problem = problem_of(code, &regex->re);
	return code == REG_OKAY;
}

/* Have text converted in regex->subject. */
static void
take_subject(CnRegex *regex, const char *text, int len, int start)
{
	Subject    *subject = &regex->subject;

	if (start > 0 && subject->chars != NULL && subject->text == text && subject->len == len)
		return;
	drop_subject(subject);
	subject->chars = MemoryContextAlloc(regex->context, (len + 1) * sizeof(pg_wchar));
	subject->nchars = pg_mb2wchar_with_len(text, subject->chars, len);
	subject->text = text;
	subject->len = len;
}

static void
drop_subject(Subject *subject)
{
	if (subject->chars != NULL)
		pfree(subject->chars);
	memset(subject, 0, sizeof(*subject));
}

/*
 * Both go on from where the last question led.  Searches go forward through a
 * text and the parts of a match are close together, so a text is walked
 * through once.  In ASCII there is nothing to count.
 */
static int
char_at_byte(Subject *subject, int byte)
{
	int			from = Min(byte, subject->near_byte);
	int			to = Max(byte, subject->near_byte);
	int			step;

	if (subject->nchars == subject->len)
		return byte;
	step = cn_utf8_count(subject->text + from, to - from);
	subject->near_char += byte < subject->near_byte ? -step : step;
	subject->near_byte = byte;
	return subject->near_char;
}

static int
byte_at_char(Subject *subject, int at)
{
	const char *p = subject->text + subject->near_byte;

	if (at < 0 || subject->nchars == subject->len)
		return at;
	for (; subject->near_char < at; subject->near_char++)
		p += cn_utf8_width((unsigned char) *p);
	for (; subject->near_char > at; subject->near_char--)
	{
		do
			p--;
		while (CN_UTF8_IS_TAIL((unsigned char) *p));
	}
	subject->near_byte = p - subject->text;
	return subject->near_byte;
}
