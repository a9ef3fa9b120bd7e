/*
 * json_check.c -- is this text something jsonb_in takes?  Pure.
 *
 * Every reply of a remote passes through cn_json_check before the server's own
 * input function sees it, and cn_json_parse builds only what passed here; so
 * there is one place that says what JSON is.  It is as strict as jsonb_in of
 * PostgreSQL 13 and later:
 *
 *   - RFC 8259, with the server's four white space characters
 *   - valid UTF-8, no NUL, no \u0000, surrogates in pairs only
 *   - numbers as numeric_in takes them, see number_fits()
 *   - at most as many members as the server's arrays of JsonbValue and
 *     JsonbPair can hold before repalloc() refuses to double them
 *   - at most 256 MB as jsonb.  The size is estimated from above: alignment is
 *     counted in full and repeated keys count each time.
 *
 * One pass over the bytes, no allocation, no recursion: what is open is a stack
 * of counters, at most CN_JSON_DEPTH_MAX deep.
 */
#include "core/pure.h"

#include "core/json.h"
#include "core/utf8.h"

typedef const unsigned char *Cursor;

/* JENTRY_OFFLENMASK: no string and no container may be longer. */
#define JSONB_SIZE_MAX INT64CONST(0x0FFFFFFF)

/*
 * Both arrays start with room for 4 and double; the next step would pass
 * MaxAllocSize (1 GB): sizeof(JsonbValue) is 32, sizeof(JsonbPair) is 72.
 */
#define JSONB_ELEMENTS_MAX 16777216
#define JSONB_PAIRS_MAX 8388608

/* numeric's limits: NUMERIC_WEIGHT_MAX, NUMERIC_DSCALE_MAX, the exponent check of numeric_in. */
#define NUMERIC_DIGITS_BEFORE 131072
#define NUMERIC_DIGITS_BEHIND 16383
#define NUMERIC_EXPONENT_END (PG_INT32_MAX / 2)

/* Bytes a value takes in jsonb beside its content: JEntry, varlena and numeric header, alignment. */
#define JSONB_ENTRY 4
#define JSONB_CONTAINER (JSONB_ENTRY + 4 + 3)
#define JSONB_NUMBER(digits, long_header) \
	(JSONB_ENTRY + 4 + ((long_header) ? 4 : 2) + 2 * (((digits) + 6) / 4) + 3)

typedef struct Checker
{
	Cursor		start;
	Cursor		end;
	CnJsonError *error;
	int64		max_values;
	int64		values;
	int64		size;			/* estimate of the jsonb, in bytes */
	int			max_depth;
	int			depth;
	bool		is_object[CN_JSON_DEPTH_MAX];	/* [depth - 1] is the innermost one */
	uint32		count[CN_JSON_DEPTH_MAX];
} Checker;

/* The parts of a number literal, sign left out. */
typedef struct Number
{
	Cursor		digits;			/* first digit before the point */
	int64		ndigits;
	Cursor		fraction;		/* first digit behind it */
	int64		nfraction;
	Cursor		exponent;		/* behind 'e': sign or digit; NULL if there is none */
	Cursor		end;
} Number;

static bool check_document(Checker *c, Cursor p);
static Cursor check_value(Checker *c, Cursor p, bool *opened);
static Cursor check_open(Checker *c, Cursor p, bool *opened);
static Cursor check_key(Checker *c, Cursor p);
static Cursor check_behind(Checker *c, Cursor p);
static Cursor check_word(Checker *c, Cursor p, const char *word, int len);
static Cursor check_string(Checker *c, Cursor p);
static Cursor check_escape(Checker *c, Cursor p);
static Cursor check_unicode_escape(Checker *c, Cursor p);
static Cursor check_number(Checker *c, Cursor p);
static bool number_fits(const Number *n);
static Cursor fail(Checker *c, Cursor p, CnJsonErrorKind kind, const char *message);
static Cursor fail_syntax(Checker *c, Cursor p);

static inline Cursor
skip_space(Cursor p, Cursor end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static inline bool
is_digit(unsigned char byte)
{
	return byte >= '0' && byte <= '9';
}

static inline Cursor
skip_digits(Cursor p, Cursor end)
{
	while (p < end && is_digit(*p))
		p++;
	return p;
}

/*
 * plain_word -- do the eight bytes at p go through a string as they are?
 *
 * No quote, backslash, control or byte above 0x7F.  Subtracting sets the high
 * bit of a byte that was smaller; a borrow into the next byte can only make
 * the answer no where yes were right, and then the bytes are looked at singly.
 */
static inline bool
plain_word(Cursor p)
{
	const uint64 ones = UINT64CONST(0x0101010101010101);
	uint64		word;

	memcpy(&word, p, sizeof(word));
	return ((word | (word - ones * 0x20) | ((word ^ ones * '"') - ones) |
			 ((word ^ ones * '\\') - ones)) & (ones * 0x80)) == 0;
}

/*
 * cn_json_check -- would jsonb_in take text as it is?
 *
 * limits: NULL for the defaults
 * error: may be NULL
 *
 * See json.h.  Never throws.
 */
bool
cn_json_check(const char *text, int64 len, const CnJsonLimits *limits, CnJsonError *error)
{
	Checker		c;
	CnJsonError ignored;
	Cursor		p;

	c.start = (Cursor) text;
	c.end = c.start + len;
	c.error = error != NULL ? error : &ignored;
	c.max_values = limits != NULL && limits->max_values > 0 ? limits->max_values : PG_INT64_MAX;
	c.max_depth = limits != NULL && limits->max_depth > 0 ? limits->max_depth
		: CN_JSON_DEPTH_DEFAULT;
	c.max_depth = Min(c.max_depth, CN_JSON_DEPTH_MAX);
	c.values = 0;
	c.size = JSONB_CONTAINER + JSONB_ENTRY;	/* varlena header; a scalar is wrapped in an array */
	c.depth = 0;
	memset(c.error, 0, sizeof(*c.error));

	p = c.start;
	if (len >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
		p += 3;
	if (!check_document(&c, p))
		return false;
	if (c.size > JSONB_SIZE_MAX)
		return fail(&c, c.end, CN_JSON_TOO_MANY, "document is larger than jsonb can hold") != NULL;
	return true;
}

/* One turn per value: a key before it if an object is open, what closes behind it. */
static bool
check_document(Checker *c, Cursor p)
{
	do
	{
		bool		opened = false;

		p = skip_space(p, c->end);
		if (c->depth > 0)
		{
			bool		object = c->is_object[c->depth - 1];

			if (++c->count[c->depth - 1] > (object ? JSONB_PAIRS_MAX : JSONB_ELEMENTS_MAX))
				return fail(c, p, CN_JSON_TOO_MANY,
							"too many members in one array or object") != NULL;
			if (object && (p = check_key(c, p)) == NULL)
				return false;
		}
		p = check_value(c, p, &opened);
		if (p != NULL && !opened)
			p = check_behind(c, p);
		if (p == NULL)
			return false;
	} while (c->depth > 0);

	return p == c->end || fail_syntax(c, p) != NULL;
}

/*
 * check_value -- a scalar, an empty container, or the start of another one.
 *
 * opened: set if a container was opened that is not empty
 *
 * Returns where to go on, NULL on failure (as all check_... do).
 */
static Cursor
check_value(Checker *c, Cursor p, bool *opened)
{
	if (p >= c->end)
		return fail_syntax(c, p);
	if (++c->values > c->max_values)
		return fail(c, p, CN_JSON_TOO_MANY, "too many values");

	switch (*p)
	{
		case '"':
			return check_string(c, p);
		case '{':
		case '[':
			return check_open(c, p, opened);
		case 't':
			return check_word(c, p, "true", 4);
		case 'f':
			return check_word(c, p, "false", 5);
		case 'n':
			return check_word(c, p, "null", 4);
		default:
			return check_number(c, p);
	}
}

static Cursor
check_open(Checker *c, Cursor p, bool *opened)
{
	bool		object = *p == '{';

	if (c->depth >= c->max_depth)
		return fail(c, p, CN_JSON_TOO_DEEP, "arrays and objects are nested too deeply");
	c->size += JSONB_CONTAINER;
	p = skip_space(p + 1, c->end);
	if (p < c->end && *p == (object ? '}' : ']'))
		return p + 1;
	c->is_object[c->depth] = object;
	c->count[c->depth] = 0;
	c->depth++;
	*opened = true;
	return p;
}

static Cursor
check_key(Checker *c, Cursor p)
{
	if (p >= c->end || *p != '"')
		return fail_syntax(c, p);
	p = check_string(c, p);
	if (p == NULL)
		return NULL;
	p = skip_space(p, c->end);
	if (p >= c->end || *p != ':')
		return fail_syntax(c, p);
	return skip_space(p + 1, c->end);
}

/* Behind a value: closing brackets, until a comma or the end of the document. */
static Cursor
check_behind(Checker *c, Cursor p)
{
	for (;;)
	{
		p = skip_space(p, c->end);
		if (c->depth == 0)
			return p;
		if (p >= c->end)
			return fail_syntax(c, p);
		if (*p == ',')
			return p + 1;
		if (*p != (c->is_object[c->depth - 1] ? '}' : ']'))
			return fail_syntax(c, p);
		c->depth--;
		p++;
	}
}

static Cursor
check_word(Checker *c, Cursor p, const char *word, int len)
{
	c->size += JSONB_ENTRY;
	if (c->end - p < len || memcmp(p, word, len) != 0)
		return fail_syntax(c, p);
	return p + len;
}

/* A string from its opening quote to behind the closing one. */
static Cursor
check_string(Checker *c, Cursor p)
{
	Cursor		first = ++p;

	for (;;)
	{
		int			step;

		while (c->end - p >= 8 && plain_word(p))
			p += 8;
		while (p < c->end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
			p++;
		if (p >= c->end)
			return fail_syntax(c, p);
		if (*p == '"')
			break;
		if (*p == '\\')
		{
			if ((p = check_escape(c, p)) == NULL)
				return NULL;
			continue;
		}
		if (*p < 0x20)
			return fail(c, p, *p == '\0' ? CN_JSON_ENCODING : CN_JSON_SYNTAX,
						"control character in a string");
		if ((step = cn_utf8_step(p, c->end)) == 0)
			return fail(c, p, CN_JSON_ENCODING, "not valid UTF-8");
		p += step;
	}
	c->size += JSONB_ENTRY + (p - first);
	return p + 1;
}

/* From a backslash to behind what it escapes.  The text is shorter by at least what size loses. */
static Cursor
check_escape(Checker *c, Cursor p)
{
	if (c->end - p < 2)
		return fail_syntax(c, c->end);
	switch (p[1])
	{
		case '"':
		case '\\':
		case '/':
		case 'b':
		case 'f':
		case 'n':
		case 'r':
		case 't':
			c->size--;
			return p + 2;
		case 'u':
			c->size -= 3;
			return check_unicode_escape(c, p);
		default:
			return fail(c, p, CN_JSON_SYNTAX, "unknown escape in a string");
	}
}

/* Value of the \uXXXX at p, or -1 if it is none. */
static int
unicode_escape(Cursor p, Cursor end)
{
	int			code = 0;
	int			i;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (i = 2; i < 6; i++)
	{
		if (is_digit(p[i]))
			code = code * 16 + p[i] - '0';
		else if ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f')
			code = code * 16 + (p[i] | 0x20) - 'a' + 10;
		else
			return -1;
	}
	return code;
}

/* \uXXXX, or both halves of a surrogate pair. */
static Cursor
check_unicode_escape(Checker *c, Cursor p)
{
	int			code = unicode_escape(p, c->end);
	int			low;

	if (code < 0)
		return fail(c, p, CN_JSON_SYNTAX, "\\u needs four hexadecimal digits");
	if (code == 0)
		return fail(c, p, CN_JSON_ENCODING, "\\u0000 cannot be stored");
	if (code < 0xD800 || code > 0xDFFF)
		return p + 6;
	low = unicode_escape(p + 6, c->end);
	if (code > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
		return fail(c, p, CN_JSON_ENCODING, "half of a surrogate pair");
	return p + 12;
}

static Cursor
check_number(Checker *c, Cursor p)
{
	Cursor		first = p;
	Number		n = {0};

	if (*p == '-')
		p++;
	n.digits = p;
	p = (p < c->end && *p == '0') ? p + 1 : skip_digits(p, c->end);
	n.ndigits = p - n.digits;
	if (n.ndigits == 0)
		return fail_syntax(c, p);
	if (p < c->end && *p == '.')
	{
		n.fraction = ++p;
		p = skip_digits(p, c->end);
		n.nfraction = p - n.fraction;
		if (n.nfraction == 0)
			return fail_syntax(c, p);
	}
	if (p < c->end && (*p == 'e' || *p == 'E'))
	{
		Cursor		digits;

		n.exponent = ++p;
		if (p < c->end && (*p == '+' || *p == '-'))
			p++;
		digits = p;
		p = skip_digits(p, c->end);
		if (p == digits)
			return fail_syntax(c, p);
	}
	n.end = p;
	c->size += JSONB_NUMBER(n.ndigits + n.nfraction, p - first > 60 || n.exponent != NULL);
	if ((p - first > NUMERIC_DIGITS_BEHIND || n.exponent != NULL) && !number_fits(&n))
		return fail(c, first, CN_JSON_NUMBER_RANGE, "number is out of the range of numeric");
	return p;
}

/*
 * number_fits -- does numeric_in take the number?
 *
 * The exponent must be a small one, at most NUMERIC_DIGITS_BEHIND digits may
 * remain behind the point (zeros count, even those of 0e-20000), and the first
 * digit that is not zero may stand no more than NUMERIC_DIGITS_BEFORE before it.
 */
static bool
number_fits(const Number *n)
{
	int64		exponent = 0;
	int64		before;
	Cursor		p;

	if (n->exponent != NULL)
	{
		bool		negative = *n->exponent == '-';

		for (p = n->exponent + !is_digit(*n->exponent); p < n->end; p++)
		{
			exponent = exponent * 10 + *p - '0';
			if (exponent >= NUMERIC_EXPONENT_END)
				return false;
		}
		if (negative)
			exponent = -exponent;
	}
	if (n->nfraction - exponent > NUMERIC_DIGITS_BEHIND)
		return false;

	before = n->ndigits + exponent;
	if (*n->digits != '0')
		return before <= NUMERIC_DIGITS_BEFORE;
	/* "0.00123": zeros behind the point move the first digit further down */
	for (p = n->fraction, before--; p != NULL && p < n->fraction + n->nfraction; p++, before--)
	{
		if (*p != '0')
			return before <= NUMERIC_DIGITS_BEFORE;
	}
	return true;
}

/* Note a failure at p.  Returns NULL, so that it can be returned. */
static Cursor
fail(Checker *c, Cursor p, CnJsonErrorKind kind, const char *message)
{
	c->error->kind = kind;
	c->error->offset = p - c->start;
	c->error->message = message;
	return NULL;
}

static Cursor
fail_syntax(Checker *c, Cursor p)
{
	return fail(c, p, CN_JSON_SYNTAX,
				p < c->end ? "unexpected character" : "unexpected end of the text");
}
