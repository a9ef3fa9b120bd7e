/*
 * signing.h -- what a kind that signs each request sees of it.  Pure.
 */
#ifndef CN_AUTH_SIGNING_H
#define CN_AUTH_SIGNING_H

#include "http/header.h"
#include "http/url.h"

/*
 * A request as it is about to be sent, for one attempt.  It may hold values of the
 * credential, so what is made of it is wiped.
 */
typedef struct CnSignInput
{
	const char *method;
	const CnUrl *url;			/* its target is sent byte for byte */
	const CnHttpHeader *headers;	/* without those that the credential adds */
	int			header_count;
	const char *body;			/* NULL: none */
	size_t		body_len;
	int64		now_ms;			/* since 1970 */
	const char *nonce;			/* 32 hexadecimal digits, never used before */
} CnSignInput;

/* The value of a header, or NULL; the last of a name. */
extern const char *cn_sign_header(const CnSignInput *input, const char *name);

/* A string that holds max bytes without moving, so that wiping it leaves nothing behind. */
extern void cn_sign_buffer(StringInfo out, size_t max);
extern void cn_sign_wipe(StringInfo text);

typedef enum CnSignEncoding
{
	CN_SIGN_HEX,
	CN_SIGN_BASE64,
	CN_SIGN_BASE64URL
} CnSignEncoding;

extern bool cn_sign_encoding(const char *name, CnSignEncoding *encoding);

/* Append bytes in that encoding. */
extern void cn_sign_encode(StringInfo out, CnSignEncoding encoding, const uint8 *bytes, int len);

/* The reverse: bytes put into out, which has room for strlen(text); -1 if text is not such. */
extern int	cn_sign_decode(CnSignEncoding encoding, const char *text, uint8 *out);

typedef enum CnSignClock
{
	CN_CLOCK_SECONDS,			/* 1700000000 */
	CN_CLOCK_MILLISECONDS,		/* 1700000000000 */
	CN_CLOCK_MILLISECONDS36,	/* the same to base 36 */
	CN_CLOCK_ISO8601,			/* 2023-11-14T22:13:20Z */
	CN_CLOCK_COMPACT,			/* 20231114T221320Z */
	CN_CLOCK_HTTP				/* Tue, 14 Nov 2023 22:13:20 GMT */
} CnSignClock;

extern bool cn_sign_clock(const char *name, CnSignClock *clock);
extern void cn_sign_timestamp(StringInfo out, CnSignClock clock, int64 now_ms);

#endif							/* CN_AUTH_SIGNING_H */
