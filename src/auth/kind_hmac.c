/*
 * kind_hmac.c -- kind hmac: a keyed or plain digest over a text that the parameters describe.
 *
 * The common shape of the many schemes that vendors made up for themselves.
 */
#include "postgres.h"

#include "auth/kinds.h"
#include "auth/sign_scope.h"
#include "core/chars.h"
#include "core/escape.h"
#include "crypto/aead.h"
#include "crypto/secret.h"

static const char *const fields[] = {"secret", NULL};
static const char *const visible[] = {NULL};
static const char *const structured[] = {"headers", "query", NULL};

/* The key itself goes into a text only where a plain digest is made of it. */
static const char *const key_field[] = {"secret", NULL};

typedef struct Scheme
{
	CnDigestKind algorithm;
	bool		plain;			/* no HMAC: a digest of a text that holds the secret */
	CnSignEncoding encoding;
	bool		key_encoded;
	CnSignEncoding key_encoding;
	CnSignClock clock;
	bool		in_query;
	const char *name;			/* of header or query parameter */
	const char *text;
	const char *value;
} Scheme;

/* ---- parameters ---- */

/* Which of the words a parameter has, -1 if it is none; the first is meant without. */
static int
choice(const CnJson *parameters, const char *name, const char *first, const char *second)
{
	const char *word = cn_auth_parameter(parameters, name, first);

	if (strcmp(word, first) == 0)
		return 0;
	return strcmp(word, second) == 0 ? 1 : -1;
}

/* Static text, what is wrong, or NULL. */
static const char *
read_scheme(const CnJson *parameters, Scheme *scheme)
{
	const char *key_encoding = cn_auth_parameter(parameters, "secret_encoding", "text");
	int			mode = choice(parameters, "mode", "hmac", "digest");
	int			place = choice(parameters, "in", "header", "query");

	scheme->plain = mode == 1;
	scheme->in_query = place == 1;
	scheme->key_encoded = strcmp(key_encoding, "text") != 0;
	scheme->name = cn_auth_parameter(parameters, "name", place == 1 ? "signature" : "X-Signature");
	scheme->text = cn_json_get_string(parameters, "string_to_sign");
	scheme->value = cn_auth_parameter(parameters, "value", "{signature}");
	if (!cn_digest_kind(cn_auth_parameter(parameters, "algorithm", "sha256"), &scheme->algorithm))
		return "\"algorithm\" is none of md5, sha1, sha256 and sha512";
	if (mode < 0)
		return "\"mode\" is neither hmac nor digest";
	if (place < 0)
		return "\"in\" is neither header nor query";
	if (!cn_sign_encoding(cn_auth_parameter(parameters, "encoding", "hex"), &scheme->encoding))
		return "\"encoding\" is none of hex, base64 and base64url";
	if (scheme->key_encoded && !cn_sign_encoding(key_encoding, &scheme->key_encoding))
		return "\"secret_encoding\" is none of text, hex, base64 and base64url";
	if (!cn_sign_clock(cn_auth_parameter(parameters, "timestamp", "seconds"), &scheme->clock))
		return "\"timestamp\" is none of seconds, milliseconds, milliseconds_base36, iso8601, iso8601_basic and http";
	if (scheme->text == NULL)
		return "\"string_to_sign\" is missing, the text that is signed";
	if (!scheme->in_query && (!cn_is_token(scheme->name) || cn_is_reserved_header(scheme->name)))
		return "\"name\" is not the name of a header that can be set";
	return NULL;
}

/* An object of texts; the names of headers must be such. */
static const char *
check_texts(const CnJson *parameters, const char *name, bool headers)
{
	const CnJson *texts = cn_json_get(parameters, name);

	if (texts == NULL)
		return NULL;
	if (texts->type != CN_JSON_OBJECT)
		return psprintf("\"%s\" is not an object", name);
	if (headers && texts->len > CN_AUTH_MAX_HEADERS - 1)
		return psprintf("\"%s\" has more than %d members", name, CN_AUTH_MAX_HEADERS - 1);
	for (int i = 0; i < texts->len; i++)
	{
		const CnJsonMember *member = &texts->u.members[i];

		if (member->value->type != CN_JSON_STRING)
			return psprintf("\"%s\" of \"%s\" is not a string", member->key, name);
		if (headers && (!cn_is_token(member->key) || cn_is_reserved_header(member->key)))
			return psprintf("\"%s\" is not the name of a header that can be set", member->key);
	}
	return NULL;
}

static const char *
check(const CnJson *parameters)
{
	Scheme		scheme;
	const char *problem = read_scheme(parameters, &scheme);

	if (problem == NULL)
		problem = check_texts(parameters, "headers", true);
	if (problem == NULL)
		problem = check_texts(parameters, "query", false);
	return problem;
}

/* ---- signing ---- */

/* One request on its way through the texts. */
typedef struct Signing
{
	const CnCredential *credential;
	MemoryContext context;
	Scheme		scheme;
	CnSignScope scope;
	CnSignInput input;
	CnUrl		url;			/* with the query parameters of the kind */
	StringInfoData query;		/* those */
} Signing;

/* Text rendered into wiped memory; NULL and *problem. */
static char *
render(Signing *signing, const char *parameter, const char *text, const char **problem)
{
	StringInfoData out;
	const char *unknown = cn_sign_text_sealed(&out, text, &signing->scope);

	cn_wipe_on_reset(signing->context, out.data, out.maxlen);
	if (unknown)
	{
		*problem = cn_auth_unknown(parameter, unknown);
		return NULL;
	}
	return out.data;
}

static const char *
render_header(Signing *signing, CnAuthAddition *addition, const char *parameter,
			  const char *name, const char *text)
{
	const char *problem = NULL;
	char	   *value = render(signing, parameter, text, &problem);

	if (value && strpbrk(value, "\r\n"))
		return psprintf("the header \"%s\" would have a line break", name);
	if (value)
		cn_auth_add_header(addition, name, value, true);
	return problem;
}

/* Append name=value to the query parameters of the kind. */
static const char *
render_pair(Signing *signing, const char *parameter, const char *name, const char *text)
{
	const char *problem = NULL;
	char	   *value = render(signing, parameter, text, &problem);
	StringInfoData query;

	if (value == NULL)
		return problem;
	cn_sign_buffer(&query, signing->query.len + 3 * (strlen(name) + strlen(value)) + 2);
	cn_wipe_on_reset(signing->context, query.data, query.maxlen);
	if (signing->query.len > 0)
		appendStringInfo(&query, "%s&", signing->query.data);
	cn_percent_encode(&query, name, (int) strlen(name));
	appendStringInfoChar(&query, '=');
	cn_percent_encode(&query, value, (int) strlen(value));
	signing->query = query;
	return NULL;
}

/* Parameters that are sent beside the signature are signed where {query} or {url} is. */
static const char *
extend_url(Signing *signing)
{
	const CnJson *pairs = cn_json_get(signing->credential->parameters, "query");
	const char *problem = NULL;
	StringInfoData target;

	for (int i = 0; pairs && problem == NULL && i < pairs->len; i++)
		problem = render_pair(signing, "query", pairs->u.members[i].key,
							  pairs->u.members[i].value->u.text);
	if (problem || signing->query.len == 0)
		return problem;
	cn_sign_buffer(&target, strlen(signing->url.target) + signing->query.len + 1);
	cn_wipe_on_reset(signing->context, target.data, target.maxlen);
	appendStringInfoString(&target, signing->url.target);
	appendStringInfoChar(&target, strchr(target.data, '?') ? '&' : '?');
	appendStringInfoString(&target, signing->query.data);
	signing->url.target = target.data;
	return NULL;
}

/* The digest of text, keyed or plain; NULL or what went wrong. */
static const char *
digest_text(const Signing *signing, const char *text, size_t len, uint8 *out)
{
	const CnSecretField *secret = cn_credential_field(signing->credential, "secret");
	const Scheme *scheme = &signing->scheme;
	const void *key = secret->value;
	int			key_len = secret->len;
	bool		done;

	if (scheme->plain)
		return cn_secret_digest(scheme->algorithm, text, len, out) ? NULL : CN_AUTH_NO_DIGEST;
	if (scheme->key_encoded)
	{
		uint8	   *decoded = cn_secret_alloc(signing->context, secret->len + 1);

		key_len = cn_sign_decode(scheme->key_encoding, secret->value, decoded);
		if (key_len < 0)
			return "the field \"secret\" is not encoded as \"secret_encoding\" says";
		key = decoded;
	}
	done = cn_secret_hmac(scheme->algorithm, key, key_len, text, len, out);
	return done ? NULL : CN_AUTH_NO_DIGEST;
}

/* Only here may a text name the secret, and only for a plain digest. */
static const char *
make_signature(Signing *signing, StringInfo signature)
{
	uint8		digest[CN_DIGEST_MAX];
	StringInfoData text;
	const char *unknown;
	const char *problem;

	signing->scope.hidden = signing->scheme.plain ? NULL : key_field;
	unknown = cn_sign_text_sealed(&text, signing->scheme.text, &signing->scope);
	signing->scope.hidden = key_field;
	problem = unknown ? cn_auth_unknown("string_to_sign", unknown)
		: digest_text(signing, text.data, text.len, digest);
	cn_sign_wipe(&text);
	if (problem == NULL)
		cn_sign_encode(signature, signing->scheme.encoding, digest,
					   cn_digest_size(signing->scheme.algorithm));
	cn_wipe(digest, sizeof(digest));
	return problem;
}

/* Signature and extra headers, once the signature is known. */
static const char *
add_to_request(Signing *signing, CnAuthAddition *addition)
{
	const CnJson *headers = cn_json_get(signing->credential->parameters, "headers");
	const Scheme *scheme = &signing->scheme;
	const char *problem;

	if (scheme->in_query)
		problem = render_pair(signing, "value", scheme->name, scheme->value);
	else
		problem = render_header(signing, addition, "value", scheme->name, scheme->value);
	for (int i = 0; headers && problem == NULL && i < headers->len; i++)
		problem = render_header(signing, addition, "headers", headers->u.members[i].key,
								headers->u.members[i].value->u.text);
	if (signing->query.len > 0)
		addition->query = signing->query.data;
	return problem;
}

static const char *
sign(const CnCredential *credential, MemoryContext context, const CnSignInput *input,
	 CnAuthAddition *addition)
{
	Signing		signing = {
		.credential = credential,
		.context = context,
		.input = *input,
		.url = *input->url,
		.scope = {
			.parameters = credential->parameters,
			.fields = credential->fields,
			.field_count = credential->field_count,
			.hidden = key_field,
		},
	};
	StringInfoData signature;
	const char *problem = read_scheme(credential->parameters, &signing.scheme);

	if (problem)
		return problem;
	signing.input.url = &signing.url;
	signing.scope.input = &signing.input;
	signing.scope.clock = signing.scheme.clock;
	initStringInfo(&signature);
	problem = extend_url(&signing);
	if (problem == NULL)
		problem = make_signature(&signing, &signature);
	if (problem)
		return problem;
	signing.scope.signature = addition->derived = signature.data;
	addition->for_this_url = true;
	return add_to_request(&signing, addition);
}

/* A request that is made up is signed for trial. */
static const char *
check_all(const CnCredential *candidate)
{
	CnAuthAddition unused = {{{0}}};

	return sign(candidate, CurrentMemoryContext, &cn_auth_sample_input, &unused);
}

const CnAuthKind cn_auth_hmac = {
	.name = "hmac",
	.fields = fields,
	.visible = visible,
	.check = check,
	.structured = structured,
	.check_all = check_all,
	.sign = sign,
};
