/*
 * utf8.c -- validity, decoding and counting of UTF-8.  Pure; allocates nothing.
 *
 * cn_utf8_valid is declared in json.h, where its callers look for it.
 */
#include "core/pure.h"

#include "core/json.h"
#include "core/utf8.h"

#define HIGH_BITS UINT64CONST(0x8080808080808080)
#define LOW_BITS UINT64CONST(0x0101010101010101)

/*
 * cn_utf8_valid -- is text valid UTF-8 without a NUL?
 *
 * bad: if not NULL and the answer is no, offset of the first wrong character
 *
 * Runs over ASCII eight bytes at a time.
 */
bool
cn_utf8_valid(const char *text, int64 len, int64 *bad)
{
	const unsigned char *start = (const unsigned char *) text;
	const unsigned char *p = start;
	const unsigned char *end = start + len;

	while (p < end)
	{
		uint64		word;
		int			step;

		if (end - p >= (ptrdiff_t) sizeof(word))
		{
			memcpy(&word, p, sizeof(word));
			if (((word | (word - LOW_BITS)) & HIGH_BITS) == 0)
			{
				p += sizeof(word);
				continue;
			}
		}
		step = *p == '\0' ? 0 : cn_utf8_step(p, end);
		if (step == 0)
		{
			if (bad != NULL)
				*bad = p - start;
			return false;
		}
		p += step;
	}
	return true;
}

/*
 * cn_utf8_decode -- code point of the character at text, which is valid.
 *
 * Returns its length in bytes.
 */
int
cn_utf8_decode(const char *text, uint32 *code)
{
	const unsigned char *p = (const unsigned char *) text;
	int			width = cn_utf8_width(p[0]);

	switch (width)
	{
		case 1:
			*code = p[0];
			break;
		case 2:
			*code = ((uint32) (p[0] & 0x1F) << 6) | (p[1] & 0x3F);
			break;
		case 3:
			*code = ((uint32) (p[0] & 0x0F) << 12) | ((uint32) (p[1] & 0x3F) << 6) | (p[2] & 0x3F);
			break;
		default:
			*code = ((uint32) (p[0] & 0x07) << 18) | ((uint32) (p[1] & 0x3F) << 12) |
				((uint32) (p[2] & 0x3F) << 6) | (p[3] & 0x3F);
			break;
	}
	return width;
}

/*
 * cn_utf8_encode -- write code as UTF-8 to out, which has CN_UTF8_MAX bytes.
 *
 * code: at most 0x10FFFF and no surrogate
 *
 * Returns the number of bytes written; adds no NUL.
 */
int
cn_utf8_encode(char *out, uint32 code)
{
	if (code < 0x80)
	{
		out[0] = (char) code;
		return 1;
	}
	if (code < 0x800)
	{
		out[0] = (char) (0xC0 | (code >> 6));
		out[1] = (char) (0x80 | (code & 0x3F));
		return 2;
	}
	if (code < 0x10000)
	{
		out[0] = (char) (0xE0 | (code >> 12));
		out[1] = (char) (0x80 | ((code >> 6) & 0x3F));
		out[2] = (char) (0x80 | (code & 0x3F));
		return 3;
	}
	out[0] = (char) (0xF0 | (code >> 18));
	out[1] = (char) (0x80 | ((code >> 12) & 0x3F));
	out[2] = (char) (0x80 | ((code >> 6) & 0x3F));
	out[3] = (char) (0x80 | (code & 0x3F));
	return 4;
}

/* Number of characters in valid text. */
int
cn_utf8_count(const char *text, int len)
{
	int			count = 0;
	int			i;

	for (i = 0; i < len; i++)
		count += !CN_UTF8_IS_TAIL((unsigned char) text[i]);
	return count;
}

/* Byte offset behind the first count characters of valid text, len if it has fewer. */
int
cn_utf8_skip(const char *text, int len, int count)
{
	int			pos = 0;

	while (count-- > 0 && pos < len)
		pos += cn_utf8_width((unsigned char) text[pos]);
	return pos;
}
