/*
 * oauth1.c -- signatures of OAuth 1.0a.
 */
#include "auth/oauth1.h"

#include "auth/pairs.h"
#include "core/escape.h"
#include "crypto/aead.h"
#include "crypto/sign.h"

static const char form_type[] = "application/x-www-form-urlencoded";

static const char *
method_name(const CnOauth1 *oauth)
{
	return oauth->digest == CN_DIGEST_SHA256 ? "HMAC-SHA256" : "HMAC-SHA1";
}

static void
encode(StringInfo out, const char *text)
{
	cn_percent_encode(out, text, (int) strlen(text));
}

/* Those of the protocol that are signed, in the order they are sent. */
static void
add_protocol_pairs(CnPairs *pairs, const CnOauth1 *oauth)
{
	cn_pairs_add(pairs, "oauth_consumer_key", oauth->consumer_key);
	if (oauth->token)
		cn_pairs_add(pairs, "oauth_token", oauth->token);
	cn_pairs_add(pairs, "oauth_signature_method", method_name(oauth));
	cn_pairs_add(pairs, "oauth_timestamp", oauth->timestamp);
	cn_pairs_add(pairs, "oauth_nonce", oauth->nonce);
	if (oauth->version)
		cn_pairs_add(pairs, "oauth_version", "1.0");
}

/* A body of the form's type is signed, whatever parameters the type has.  Section 3.4.1.3.1. */
static bool
has_form(const CnSignInput *input)
{
	const char *type = cn_sign_header(input, "Content-Type");
	size_t		len = strlen(form_type);

	return input->body && type && pg_strncasecmp(type, form_type, len) == 0 &&
		strchr(" ;\t", type[len]) != NULL;
}

/* Sections 3.4.1.3.1 and 3.4.1.3.2. */
static void
collect_pairs(CnPairs *pairs, const CnOauth1 *oauth, const CnSignInput *input)
{
	const char *query = strchr(input->url->target, '?');

	memset(pairs, 0, sizeof(*pairs));
	if (query)
		cn_pairs_parse(pairs, query + 1, strlen(query + 1), true);
	add_protocol_pairs(pairs, oauth);
	if (has_form(input))
		cn_pairs_parse(pairs, input->body, input->body_len, true);
	cn_pairs_sort(pairs);
}

/* Scheme, authority and path, without a port that is the scheme's own.  Section 3.4.1.2. */
static char *
base_uri(const CnSignInput *input)
{
	const CnUrl *url = input->url;

	return psprintf("%s://%s%.*s", url->https ? "https" : "http", cn_url_authority(url),
					(int) strcspn(url->target, "?"), url->target);
}

void
cn_oauth1_base_string(StringInfo out, const CnOauth1 *oauth, const CnSignInput *input)
{
	char	   *uri = base_uri(input);
	StringInfoData sorted;
	CnPairs		pairs;

	collect_pairs(&pairs, oauth, input);
	cn_sign_buffer(&sorted, cn_pairs_size(&pairs));
	cn_pairs_write(&sorted, &pairs);
	cn_pairs_wipe(&pairs);

	enlargeStringInfo(out, 16 + 3 * (int) strlen(uri) +
					  (int) cn_percent_encoded_size(sorted.data, sorted.len));
	appendStringInfoString(out, input->method);
	appendStringInfoChar(out, '&');
	encode(out, uri);
	appendStringInfoChar(out, '&');
	cn_percent_encode(out, sorted.data, sorted.len);
	cn_sign_wipe(&sorted);
	cn_wipe(uri, strlen(uri));
}

/* consumer_secret&token_secret, each encoded.  Section 3.4.2. */
static void
make_key(StringInfo key, const CnOauth1 *oauth)
{
	const char *token_secret = oauth->token_secret ? oauth->token_secret : "";

	cn_sign_buffer(key, 3 * (strlen(oauth->consumer_secret) + strlen(token_secret)) + 1);
	encode(key, oauth->consumer_secret);
	appendStringInfoChar(key, '&');
	encode(key, token_secret);
}

static bool
make_signature(StringInfo signature, const CnOauth1 *oauth, const CnSignInput *input)
{
	StringInfoData key;
	StringInfoData base;
	uint8		mac[CN_DIGEST_MAX];
	bool		done;

	make_key(&key, oauth);
	initStringInfo(&base);
	cn_oauth1_base_string(&base, oauth, input);
	done = cn_secret_hmac(oauth->digest, key.data, key.len, base.data, base.len, mac);
	cn_sign_wipe(&key);
	cn_sign_wipe(&base);
	if (done)
		cn_sign_encode(signature, CN_SIGN_BASE64, mac, cn_digest_size(oauth->digest));
	return done;
}

/* A quoted string of RFC 9110: the realm is the only value that is not percent-encoded. */
static void
append_realm(StringInfo header, const char *realm)
{
	appendStringInfoString(header, "realm=\"");
	for (; *realm; realm++)
	{
		if (*realm == '"' || *realm == '\\')
			appendStringInfoChar(header, '\\');
		appendStringInfoChar(header, *realm);
	}
	appendStringInfoString(header, "\", ");
}

bool
cn_oauth1_sign(StringInfo header, StringInfo signature, const CnOauth1 *oauth,
			   const CnSignInput *input)
{
	CnPairs		pairs = {0};

	if (!make_signature(signature, oauth, input))
		return false;
	add_protocol_pairs(&pairs, oauth);
	cn_pairs_add(&pairs, "oauth_signature", signature->data);
	enlargeStringInfo(header, (int) cn_pairs_size(&pairs) + 5 * pairs.count + 32 +
					  (oauth->realm ? 2 * (int) strlen(oauth->realm) : 0));
	appendStringInfoString(header, "OAuth ");
	if (oauth->realm)
		append_realm(header, oauth->realm);
	for (int i = 0; i < pairs.count; i++)
		appendStringInfo(header, "%s%s=\"%s\"", i ? ", " : "", pairs.list[i].name,
						 pairs.list[i].value);
	cn_pairs_wipe(&pairs);
	return true;
}
