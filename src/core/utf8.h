/*
 * utf8.h -- walking UTF-8 text character by character.  Pure.
 *
 * cn_utf8_step judges bytes from outside; everything else here wants text that
 * is valid already (whatever is in a CnJson is), and then never reads past its
 * end.  Validity is RFC 3629: no overlong forms, no surrogates, nothing above
 * U+10FFFF, which is also what the server calls UTF8.
 */
#ifndef CN_CORE_UTF8_H
#define CN_CORE_UTF8_H

#include "core/pure.h"

#define CN_UTF8_MAX 4			/* bytes of the longest character */

#define CN_UTF8_IS_TAIL(byte) (((byte) & 0xC0) == 0x80)

/*
 * cn_utf8_step -- bytes of the well-formed character at p (1 to 4), or 0.
 *
 * end: first byte that must not be read; p < end
 */
static inline int
cn_utf8_step(const unsigned char *p, const unsigned char *end)
{
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xC2 || end - p < 2 || !CN_UTF8_IS_TAIL(p[1]))
		return 0;
	if (p[0] < 0xE0)
		return 2;
	if (end - p < 3 || !CN_UTF8_IS_TAIL(p[2]))
		return 0;
	if (p[0] < 0xF0)
		return ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F)) ? 0 : 3;
	if (p[0] > 0xF4 || end - p < 4 || !CN_UTF8_IS_TAIL(p[3]))
		return 0;
	return ((p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F)) ? 0 : 4;
}

/* Bytes of the character that starts with lead; text known to be valid. */
static inline int
cn_utf8_width(unsigned char lead)
{
	return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

extern int	cn_utf8_decode(const char *text, uint32 *code);
extern int	cn_utf8_encode(char *out, uint32 code);
extern int	cn_utf8_count(const char *text, int len);
extern int	cn_utf8_skip(const char *text, int len, int count);

#endif							/* CN_CORE_UTF8_H */
