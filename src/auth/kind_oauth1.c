/*
 * kind_oauth1.c -- kind oauth1: requests signed as OAuth 1.0a has it.
 */
#include "postgres.h"

#include "auth/kinds.h"
#include "auth/oauth1.h"
#include "auth/sign_scope.h"
#include "crypto/secret.h"

static const char *const fields[] = {"consumer_key", "consumer_secret", NULL};
static const char *const optional[] = {"token", "token_secret", NULL};
static const char *const visible[] = {NULL};

/* The digest of a signature method; false if it is none we have. */
static bool
read_method(const CnJson *parameters, CnDigestKind *digest)
{
	const char *method = cn_auth_parameter(parameters, "signature_method", "HMAC-SHA1");

	*digest = strcmp(method, "HMAC-SHA256") == 0 ? CN_DIGEST_SHA256 : CN_DIGEST_SHA1;
	return *digest == CN_DIGEST_SHA256 || strcmp(method, "HMAC-SHA1") == 0;
}

static const char *
check(const CnJson *parameters)
{
	const char *realm = cn_json_get_string(parameters, "realm");
	CnSignScope scope = {.input = &cn_auth_sample_input, .parameters = parameters};
	StringInfoData text;
	CnDigestKind digest;
	const char *unknown;

	if (!read_method(parameters, &digest))
		return "\"signature_method\" is neither HMAC-SHA1 nor HMAC-SHA256";
	if (realm == NULL)
		return NULL;
	initStringInfo(&text);
	unknown = cn_sign_text(&text, realm, &scope);
	if (unknown)
		return cn_auth_unknown("realm", unknown);
	return strpbrk(text.data, "\r\n") ? "\"realm\" has a line break" : NULL;
}

/* A token may come without a secret, but not the other way round. */
static const char *
check_all(const CnCredential *candidate)
{
	if (cn_auth_field(candidate, "token_secret") && !cn_auth_field(candidate, "token"))
		return "there is a \"token_secret\" without a \"token\"";
	return NULL;
}

static const char *
sign(const CnCredential *credential, MemoryContext context, const CnSignInput *input,
	 CnAuthAddition *addition)
{
	const char *realm = cn_json_get_string(credential->parameters, "realm");
	CnSignScope scope = {.input = input, .parameters = credential->parameters};
	CnOauth1	oauth = {
		.consumer_key = cn_auth_field(credential, "consumer_key"),
		.consumer_secret = cn_auth_field(credential, "consumer_secret"),
		.token = cn_auth_field(credential, "token"),
		.token_secret = cn_auth_field(credential, "token_secret"),
		.version = true,
		.nonce = input->nonce,
	};
	StringInfoData timestamp;
	StringInfoData realm_text;
	StringInfoData header;
	StringInfoData signature;

	if (!read_method(credential->parameters, &oauth.digest))
		return "the signature method is not known";
	initStringInfo(&realm_text);
	if (realm && cn_sign_text(&realm_text, realm, &scope) == NULL)
		oauth.realm = realm_text.data;
	initStringInfo(&timestamp);
	cn_sign_timestamp(&timestamp, CN_CLOCK_SECONDS, input->now_ms);
	oauth.timestamp = timestamp.data;

	initStringInfo(&header);
	initStringInfo(&signature);
	if (!cn_oauth1_sign(&header, &signature, &oauth, input))
		return CN_AUTH_NO_DIGEST;
	cn_wipe_on_reset(context, header.data, header.maxlen);
	cn_auth_add_header(addition, "Authorization", header.data, true);
	addition->derived = signature.data;
	addition->for_this_url = true;
	return NULL;
}

const CnAuthKind cn_auth_oauth1 = {
	.name = "oauth1",
	.fields = fields,
	.visible = visible,
	.check = check,
	.optional = optional,
	.check_all = check_all,
	.sign = sign,
};
