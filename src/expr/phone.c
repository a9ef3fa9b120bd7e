/*
 * phone.c -- telephone numbers of some countries; see phone.h.  Pure.
 *
 * The table has what a number needs to be brought into the international form:
 * calling code, the prefix dialled before national numbers, the prefix dialled
 * before international ones, and how long national numbers are.  It does not
 * know which numbers are assigned.  Numbers of other countries pass with their
 * calling code if they could be numbers at all.  Source: the ITU's national
 * numbering plans (ITU-T E.164, E.129).
 */
#include "core/pure.h"

#include "core/utf8.h"
#include "expr/phone.h"

/* Shorter are short codes, which are dialled in one country only. */
#define MIN_DIGITS 7

/* Digits of what is typed; longer is no number, whatever is in front of it. */
#define MAX_TYPED 32

struct CnCountry
{
	const char *iso;
	const char *code;			/* calling code */
	const char *trunk;			/* dialled before a national number; several with blanks between */
	const char *international;	/* dialled in front of a calling code; the same */
	int			min;			/* digits of a national number, without trunk prefix */
	int			max;
};

static const CnCountry countries[] = {
	{"AE", "971", "0", "00", 8, 9},
	{"AR", "54", "0", "00", 10, 11},
	{"AT", "43", "0", "00", 4, 13},
	{"AU", "61", "0", "0011", 9, 9},
	{"BD", "880", "0", "00", 8, 10},
	{"BE", "32", "0", "00", 8, 9},
	{"BG", "359", "0", "00", 7, 9},
	{"BR", "55", "0", "00", 10, 11},
	{"BY", "375", "80 8", "810", 9, 9},
	{"CA", "1", "1", "011", 10, 10},
	{"CH", "41", "0", "00", 9, 9},
	{"CL", "56", "", "00", 9, 9},
	{"CN", "86", "0", "00", 10, 11},
	{"CO", "57", "0", "00", 10, 10},
	{"CR", "506", "", "00", 8, 8},
	{"CZ", "420", "", "00", 9, 9},
	{"DE", "49", "0", "00", 6, 13},
	{"DK", "45", "", "00", 8, 8},
	{"DO", "1", "1", "011", 10, 10},
	{"DZ", "213", "0", "00", 8, 9},
	{"EC", "593", "0", "00", 8, 9},
	{"EE", "372", "", "00", 7, 8},
	{"EG", "20", "0", "00", 8, 10},
	{"ES", "34", "", "00", 9, 9},
	{"FI", "358", "0", "00", 5, 12},
	{"FR", "33", "0", "00", 9, 9},
	{"GB", "44", "0", "00", 9, 10},
	{"GH", "233", "0", "00", 9, 9},
	{"GR", "30", "", "00", 10, 10},
	{"GT", "502", "", "00", 8, 8},
	{"HK", "852", "", "001", 8, 8},
	{"HR", "385", "0", "00", 8, 9},
	{"HU", "36", "06", "00", 8, 9},
	{"ID", "62", "0", "001", 8, 12},
	{"IE", "353", "0", "00", 7, 9},
	{"IL", "972", "0", "00", 8, 9},
	{"IN", "91", "0", "00", 10, 10},
	{"IS", "354", "", "00", 7, 9},
	{"IT", "39", "", "00", 6, 11},
	{"JM", "1", "1", "011", 10, 10},
	{"JP", "81", "0", "010", 9, 10},
	{"KE", "254", "0", "000", 7, 9},
	{"KR", "82", "0", "001 002", 8, 10},
	{"KW", "965", "", "00", 8, 8},
	{"KZ", "7", "8", "810", 10, 10},
	{"LK", "94", "0", "00", 9, 9},
	{"LT", "370", "0 8", "00", 8, 8},
	{"LU", "352", "", "00", 4, 11},
	{"LV", "371", "", "00", 8, 8},
	{"MA", "212", "0", "00", 9, 9},
	{"MX", "52", "01", "00", 10, 10},
	{"MY", "60", "0", "00", 8, 10},
	{"NG", "234", "0", "009", 8, 10},
	{"NL", "31", "0", "00", 9, 9},
	{"NO", "47", "", "00", 8, 8},
	{"NZ", "64", "0", "00", 8, 10},
	{"PA", "507", "", "00", 7, 8},
	{"PE", "51", "0", "00", 8, 9},
	{"PH", "63", "0", "00", 8, 10},
	{"PK", "92", "0", "00", 9, 10},
	{"PL", "48", "", "00", 9, 9},
	{"PR", "1", "1", "011", 10, 10},
	{"PT", "351", "", "00", 9, 9},
	{"QA", "974", "", "00", 8, 8},
	{"RO", "40", "0", "00", 9, 9},
	{"RS", "381", "0", "00", 8, 9},
	{"RU", "7", "8", "810", 10, 10},
	{"SA", "966", "0", "00", 8, 9},
	{"SE", "46", "0", "00", 7, 9},
	{"SG", "65", "", "001 000", 8, 8},
	{"SI", "386", "0", "00", 8, 8},
	{"SK", "421", "0", "00", 9, 9},
	{"TH", "66", "0", "001", 8, 9},
	{"TN", "216", "", "00", 8, 8},
	{"TR", "90", "0", "00", 10, 10},
	{"TW", "886", "0", "002", 8, 9},
	{"UA", "380", "0", "00", 9, 9},
	{"US", "1", "1", "011", 10, 10},
	{"UY", "598", "0", "00", 8, 8},
	{"VE", "58", "0", "00", 10, 10},
	{"VN", "84", "0", "00", 9, 10},
	{"ZA", "27", "0", "00", 9, 9},
};

/* What was typed, without what is between the digits. */
typedef struct Typed
{
	char		digits[MAX_TYPED + 1];
	int			len;
	bool		plus;			/* it began with a plus sign */
	int			zero_at;		/* digit that stood in parentheses alone, "(0)"; -1: none */
} Typed;

static const char *read_typed(const char *text, int len, Typed *typed);
static const char *finish_international(const Typed *typed, int from, char *out);
static const char *finish_national(const Typed *typed, const CnCountry *country, char *out);
static const CnCountry *country_of_code(const char *digits);
static int	prefix_length(const char *prefixes, const char *digits);
static const char *check_national(const CnCountry *country, const char *digits);

const CnCountry *
cn_country_find(const char *code)
{
	int			i;

	for (i = 0; i < lengthof(countries); i++)
	{
		if (pg_strcasecmp(countries[i].iso, code) == 0)
			return &countries[i];
	}
	return NULL;
}

const char *
cn_phone_normalize(const char *text, int len, const CnCountry *country, char *out)
{
	Typed		typed;
	const char *problem = read_typed(text, len, &typed);
	int			abroad;

	if (problem != NULL)
		return problem;
	if (typed.plus)
		return finish_international(&typed, 0, out);
	if (country == NULL)
		return "the number has no calling code, and no country is given";
	abroad = prefix_length(country->international, typed.digits);
	if (abroad > 0)
		return finish_international(&typed, abroad, out);
	return finish_national(&typed, country, out);
}

/* Digits may stand with blanks, '-', '.', '/' and parentheses; "tel:" may come first. */
static const char *
read_typed(const char *text, int len, Typed *typed)
{
	int			pos = 0;

	memset(typed, 0, sizeof(*typed));
	typed->zero_at = -1;
	if (len >= 4 && pg_strncasecmp(text, "tel:", 4) == 0)
		pos = 4;
	while (pos < len)
	{
		uint32		code;
		int			at = pos;

		pos += cn_utf8_decode(text + pos, &code);
		if (code >= '0' && code <= '9')
		{
			if (typed->len == MAX_TYPED)
				return "the number is too long";
			if (code == '0' && at > 0 && text[at - 1] == '(' && text[pos] == ')')
				typed->zero_at = typed->len;
			typed->digits[typed->len++] = (char) code;
		}
		else if (code == '+' && typed->len == 0 && !typed->plus)
			typed->plus = true;
		else if (code != ' ' && code != '-' && code != '.' && code != '/' && code != '(' &&
				 code != ')' && code != '\t' && code != 0xA0 && code != 0x202F &&
				 (code < 0x2010 || code > 0x2015))
			return "the text is not a telephone number";
	}
	return typed->len > 0 ? NULL : "the text is not a telephone number";
}

/* from: the first digit of the calling code */
static const char *
finish_international(const Typed *typed, int from, char *out)
{
	const char *digits = typed->digits + from;
	const CnCountry *country = country_of_code(digits);
	int			code_len = country != NULL ? strlen(country->code) : 0;
	const char *national = digits + code_len;
	const char *problem;

	if (digits[0] == '0' || strlen(digits) < MIN_DIGITS)
		return "the number is too short or has no calling code";
	/* +44 (0)20: who calls from abroad leaves the zero out */
	if (country != NULL && typed->zero_at == from + code_len && strcmp(country->trunk, "0") == 0)
		national++;
	problem = country != NULL ? check_national(country, national) : NULL;
	if (problem != NULL)
		return problem;
	if (code_len + strlen(national) > CN_PHONE_MAX_DIGITS)
		return "the number is too long";
	sprintf(out, "+%.*s%s", code_len, digits, national);
	return NULL;
}

static const char *
finish_national(const Typed *typed, const CnCountry *country, char *out)
{
	const char *national = typed->digits + prefix_length(country->trunk, typed->digits);
	const char *problem = check_national(country, national);

	if (problem != NULL)
		return problem;
	if (strlen(country->code) + strlen(national) > CN_PHONE_MAX_DIGITS)
		return "the number is too long";
	sprintf(out, "+%s%s", country->code, national);
	return NULL;
}

/* A country with the calling code the digits begin with; no code begins with another. */
static const CnCountry *
country_of_code(const char *digits)
{
	int			i;

	for (i = 0; i < lengthof(countries); i++)
	{
		if (strncmp(digits, countries[i].code, strlen(countries[i].code)) == 0)
			return &countries[i];
	}
	return NULL;
}

/* Length of the first of the prefixes that the digits begin with, 0 if it is none. */
static int
prefix_length(const char *prefixes, const char *digits)
{
	while (*prefixes != '\0')
	{
		int			len = strcspn(prefixes, " ");

		if (strncmp(digits, prefixes, len) == 0)
			return len;
		prefixes += len;
		prefixes += *prefixes == ' ';
	}
	return 0;
}

static const char *
check_national(const CnCountry *country, const char *digits)
{
	int			len = strlen(digits);

	if (len < country->min)
		return "the number is too short";
	if (len > country->max)
		return "the number is too long";
	/* area code and exchange of the North American plan */
	if (strcmp(country->code, "1") == 0 && (digits[0] < '2' || digits[3] < '2'))
		return "the number is not one of its country";
	return NULL;
}
