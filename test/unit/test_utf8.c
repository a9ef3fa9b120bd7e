/*
 * test_utf8.c -- src/core/utf8.c: what is valid, and walking over it.
 */
#include "core/json.h"
#include "core/utf8.h"
#include "tap.h"

typedef struct Invalid
{
	const char *name;
	const char *bytes;
	int			len;
	int			bad;			/* offset of the first wrong character */
} Invalid;

static const Invalid invalid[] = {
	{"lone tail byte", "a\x80", 2, 1},
	{"lone tail byte BF", "\xBF", 1, 0},
	{"overlong slash, 2 bytes", "\xC0\xAF", 2, 0},
	{"overlong C1", "\xC1\xBF", 2, 0},
	{"overlong slash, 3 bytes", "\xE0\x80\xAF", 3, 0},
	{"overlong U+07FF, 3 bytes", "\xE0\x9F\xBF", 3, 0},
	{"overlong slash, 4 bytes", "\xF0\x80\x80\xAF", 4, 0},
	{"overlong U+FFFF, 4 bytes", "\xF0\x8F\xBF\xBF", 4, 0},
	{"overlong NUL", "\xC0\x80", 2, 0},
	{"surrogate D800", "\xED\xA0\x80", 3, 0},
	{"surrogate DFFF", "\xED\xBF\xBF", 3, 0},
	{"surrogate pair as CESU-8", "\xED\xA0\xBD\xED\xB8\x80", 6, 0},
	{"U+110000", "\xF4\x90\x80\x80", 4, 0},
	{"F5", "\xF5\x80\x80\x80", 4, 0},
	{"5 bytes", "\xF8\x88\x80\x80\x80", 5, 0},
	{"6 bytes", "\xFC\x84\x80\x80\x80\x80", 6, 0},
	{"FE", "\xFE", 1, 0},
	{"FF", "\xFF", 1, 0},
	{"2 bytes cut", "ab\xC3", 3, 2},
	{"3 bytes cut after 1", "\xE2", 1, 0},
	{"3 bytes cut after 2", "\xE2\x82", 2, 0},
	{"4 bytes cut after 1", "\xF0", 1, 0},
	{"4 bytes cut after 2", "\xF0\x9F", 2, 0},
	{"4 bytes cut after 3", "\xF0\x9F\x98", 3, 0},
	{"2 bytes, second is ASCII", "\xC3(", 2, 0},
	{"3 bytes, second is ASCII", "\xE2(\xA1", 3, 0},
	{"3 bytes, third is ASCII", "\xE2\x82(", 3, 0},
	{"4 bytes, second is ASCII", "\xF0(\x8C\xBC", 4, 0},
	{"4 bytes, third is ASCII", "\xF0\x90(\xBC", 4, 0},
	{"4 bytes, fourth is ASCII", "\xF0\x90\x8C(", 4, 0},
	{"NUL alone", "\0", 1, 0},
	{"NUL between", "ab\0cd", 5, 2},
	{"NUL in the ninth byte", "abcdefgh\0", 9, 8},
	{"NUL in the eighth byte", "abcdefg\0abcdefgh", 16, 7},
	{"wrong byte behind eight good ones", "abcdefgh\xFF", 9, 8},
	{"wrong byte among eight", "abc\xFF""defg", 8, 3},
};

static const char *const valid[] = {
	"", "a", "\x01\x1F\x7F", "abcdefgh", "abcdefghi", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80",
	"\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF",
	"1234567\xC3\xA4", "12345678\xF0\x9F\x98\x80", "\xEF\xBB\xBF""bom", "gr\xC3\xBC\xC3\x9F""e",
};

/* A copy of exactly len bytes, so that the sanitizer sees a read behind it. */
static bool
valid_copy(const char *bytes, int len, int64 *bad)
{
	char	   *copy = palloc(len);

	memcpy(copy, bytes, len);
	return cn_utf8_valid(copy, len, bad);
}

static void
test_invalid(void)
{
	int			i;

	for (i = 0; i < lengthof(invalid); i++)
	{
		int64		bad = -1;
		bool		is_valid = valid_copy(invalid[i].bytes, invalid[i].len, &bad);

		tap_ok(!is_valid, "invalid: %s", invalid[i].name);
		tap_is_int(bad, invalid[i].bad, "offset: %s", invalid[i].name);
	}
	tap_ok(!cn_utf8_valid("\xFF", 1, NULL), "the offset may be NULL");
}

static void
test_valid(void)
{
	int			i;

	for (i = 0; i < lengthof(valid); i++)
		tap_ok(valid_copy(valid[i], strlen(valid[i]), NULL), "valid: case %d", i);
}

/* Every code point: encoded, valid unless a surrogate, decoded to itself. */
static void
test_all_characters(void)
{
	uint32		code;
	uint32		decoded;
	int			wrong_validity = 0;
	int			wrong_value = 0;

	for (code = 1; code <= 0x10FFFF; code++)
	{
		char		text[CN_UTF8_MAX];
		int			len = cn_utf8_encode(text, code);
		bool		surrogate = code >= 0xD800 && code <= 0xDFFF;

		wrong_validity += cn_utf8_valid(text, len, NULL) == surrogate;
		wrong_value += cn_utf8_decode(text, &decoded) != len || decoded != code;
		wrong_value += cn_utf8_width((unsigned char) text[0]) != len;
	}
	tap_is_int(wrong_validity, 0, "all characters but surrogates are valid");
	tap_is_int(wrong_value, 0, "all characters are decoded to themselves");
}

static void
test_counting(void)
{
	const char *text = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80z";	/* 1 + 2 + 3 + 4 + 1 bytes */

	tap_is_int(cn_utf8_count("", 0), 0, "count of nothing");
	tap_is_int(cn_utf8_count(text, 11), 5, "count");
	tap_is_int(cn_utf8_skip(text, 11, 0), 0, "skip none");
	tap_is_int(cn_utf8_skip(text, 11, -1), 0, "skip a negative number");
	tap_is_int(cn_utf8_skip(text, 11, 2), 3, "skip two");
	tap_is_int(cn_utf8_skip(text, 11, 4), 10, "skip four");
	tap_is_int(cn_utf8_skip(text, 11, 5), 11, "skip all");
	tap_is_int(cn_utf8_skip(text, 11, 99), 11, "skip more than there are");
	tap_is_int(cn_utf8_skip("", 0, 1), 0, "skip in nothing");
}

int
main(void)
{
	test_invalid();
	test_valid();
	test_all_characters();
	test_counting();
	return tap_done();
}
