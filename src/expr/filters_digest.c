/*
 * filters_digest.c -- digests of a text's UTF-8 bytes.  Pure.
 */
#include "core/pure.h"

#include "core/digest.h"
#include "expr/filters.h"

static const CnJson *digest(CnFilterCall *call, CnDigestKind kind);
static const CnJson *written(CnFilterCall *call, bool done, CnDigestKind kind, const uint8 *bytes,
							 int encoding_arg);

const CnJson *
cn_filter_md5(CnFilterCall *call)
{
	return digest(call, CN_DIGEST_MD5);
}

const CnJson *
cn_filter_sha1(CnFilterCall *call)
{
	return digest(call, CN_DIGEST_SHA1);
}

const CnJson *
cn_filter_sha256(CnFilterCall *call)
{
	return digest(call, CN_DIGEST_SHA256);
}

const CnJson *
cn_filter_sha512(CnFilterCall *call)
{
	return digest(call, CN_DIGEST_SHA512);
}

static const CnJson *
digest(CnFilterCall *call, CnDigestKind kind)
{
	uint8		bytes[CN_DIGEST_MAX];
	const char *text;
	int			len;

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	return written(call, cn_digest(kind, text, len, bytes), kind, bytes, 0);
}

/* Algorithm, key, encoding. */
const CnJson *
cn_filter_hmac(CnFilterCall *call)
{
	CnDigestKind kind = *(const CnDigestKind *) call->prepared[0];
	uint8		bytes[CN_DIGEST_MAX];
	const char *key;
	const char *text;
	int			key_len;
	int			len;

	if (!cn_filter_text(call, &text, &len))
		return NULL;
	key = cn_filter_text_arg(call, 1, &key_len);
	/* a long key is digested for every call */
	if (!cn_filter_charge(call, key_len))
		return NULL;
	return written(call, cn_hmac(kind, key, key_len, text, len, bytes), kind, bytes, 2);
}

/* In the encoding that the argument names, hexadecimal without one. */
static const CnJson *
written(CnFilterCall *call, bool done, CnDigestKind kind, const uint8 *bytes, int encoding_arg)
{
	CnEncoding	encoding = CN_ENCODING_HEX;

	if (!done)
		return cn_filter_fail(call, "the server's library refuses this digest");
	if (encoding_arg < call->nargs)
		encoding = *(const CnEncoding *) call->prepared[encoding_arg];
	return cn_filter_encoded(call, encoding, bytes, cn_digest_size(kind));
}
