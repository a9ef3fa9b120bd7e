/*
 * kind_jwt.c -- kind jwt: a token of our own, signed anew for each request.
 */
#include "postgres.h"

#include "auth/jwt.h"
#include "auth/kinds.h"
#include "auth/sign_scope.h"
#include "core/chars.h"
#include "crypto/secret.h"

/* A token is used at once, so it need not live long. */
#define DEFAULT_LIFETIME 300
#define MAX_LIFETIME SECS_PER_DAY
#define MAX_BACKDATED 3600

static const char *const fields[] = {NULL};
static const char *const optional[] = {"private_key", "passphrase", "secret", NULL};
static const char *const visible[] = {NULL};
static const char *const structured[] = {
	"claims", "header", "lifetime", "backdated", "not_before", NULL
};

/* ---- what it is made of ---- */

static bool
read_algorithm(const CnJson *parameters, CnSignAlgorithm *algorithm)
{
	return cn_sign_algorithm(cn_auth_parameter(parameters, "algorithm", "RS256"), algorithm);
}

/* Static text, what is wrong with them, or NULL. */
static const char *
read_times(const CnJson *parameters, CnJwtTimes *times)
{
	const CnJson *not_before = cn_json_get(parameters, "not_before");

	if (!cn_auth_number(parameters, "lifetime", DEFAULT_LIFETIME, MAX_LIFETIME, &times->lifetime))
		return "\"lifetime\" is no number of seconds from 0 to 86400";
	if (!cn_auth_number(parameters, "backdated", 0, MAX_BACKDATED, &times->backdated))
		return "\"backdated\" is no number of seconds from 0 to 3600";
	if (not_before && not_before->type != CN_JSON_BOOL)
		return "\"not_before\" is neither true nor false";
	times->not_before = not_before && not_before->boolean;
	return NULL;
}

/* NULL and *problem if there is none that fits the algorithm. */
static bool
read_key(const CnCredential *credential, CnSignKey *key, const char **problem)
{
	const CnSecretField *field;
	const char *name;

	*problem = "\"algorithm\" is none of HS256, RS256, PS256 and ES256";
	if (!read_algorithm(credential->parameters, &key->algorithm))
		return false;
	name = key->algorithm == CN_SIGN_HS256 ? "secret" : "private_key";
	field = cn_credential_field(credential, name);
	*problem = psprintf("%s needs the field \"%s\" of the secret",
						cn_sign_algorithm_name(key->algorithm), name);
	if (field == NULL)
		return false;
	key->text = field->value;
	key->len = field->len;
	key->passphrase = cn_auth_field(credential, "passphrase");
	*problem = NULL;
	return true;
}

/* The fingerprint as Snowflake and others write it: base64. */
static const char *
fingerprint(const CnSignKey *key)
{
	uint8		digest[32];
	StringInfoData text;

	if (key->algorithm == CN_SIGN_HS256 || cn_sign_fingerprint(key, digest) != NULL)
		return NULL;
	initStringInfo(&text);
	cn_sign_encode(&text, CN_SIGN_BASE64, digest, sizeof(digest));
	return text.data;
}

/* Does a text in value name the fingerprint?  To have it costs as much as reading the key. */
static bool
wants_fingerprint(const CnJson *parameters)
{
	StringInfoData text;

	initStringInfo(&text);
	cn_json_write(&text, parameters);
	return strstr(text.data, "{fingerprint") != NULL;
}

/* An object of the parameters with its texts rendered; an empty one without.  NULL and *problem. */
static CnJson *
render(const CnJson *parameters, const char *name, CnSignScope *scope, const char **problem)
{
	const CnJson *value = cn_json_get(parameters, name);
	const char *unknown;
	CnJson	   *result;

	if (value == NULL)
		return cn_json_object(NULL, 0);
	if (value->type != CN_JSON_OBJECT)
	{
		*problem = psprintf("\"%s\" is not an object", name);
		return NULL;
	}
	result = cn_sign_json(value, scope, &unknown);
	if (result == NULL)
		*problem = cn_auth_unknown(name, unknown);
	return result;
}

/* ---- the kind ---- */

static const char *
check(const CnJson *parameters)
{
	const char *name = cn_json_get_string(parameters, "name");
	const char *prefix = cn_json_get_string(parameters, "prefix");
	CnJwtTimes	times;

	if (name && (!cn_is_token(name) || cn_is_reserved_header(name)))
		return "\"name\" is not the name of a header that can be set";
	if (prefix && strpbrk(prefix, "\r\n"))
		return "\"prefix\" has a line break";
	return read_times(parameters, &times);
}

/* The token, in wiped memory, behind prefix; NULL and *problem. */
static char *
make_token(const CnCredential *credential, MemoryContext context, const CnSignInput *input,
		   const char *prefix, const char **problem)
{
	CnSignScope scope = {.input = input, .parameters = credential->parameters};
	CnJwtTimes	times = {.now = input->now_ms / 1000};
	CnSignKey	key;
	CnJson	   *header;
	CnJson	   *claims;
	StringInfoData token;

	if (!read_key(credential, &key, problem))
		return NULL;
	(void) read_times(credential->parameters, &times);
	if (wants_fingerprint(credential->parameters))
		scope.fingerprint = fingerprint(&key);
	header = render(credential->parameters, "header", &scope, problem);
	claims = header ? render(credential->parameters, "claims", &scope, problem) : NULL;
	if (claims == NULL)
		return NULL;
	initStringInfo(&token);
	appendStringInfoString(&token, prefix);
	*problem = cn_jwt_make(&token, &key, cn_jwt_header(key.algorithm, header),
						   cn_jwt_claims(claims, &times));
	cn_wipe_on_reset(context, token.data, token.maxlen);
	return *problem ? NULL : token.data;
}

/* A token is made for trial: what is wrong with key, passphrase and texts shows. */
static const char *
check_all(const CnCredential *candidate)
{
	const char *problem;
	CnSignKey	key;

	if (!read_key(candidate, &key, &problem))
		return problem;
	problem = cn_sign_key_problem(&key);
	if (problem)
		return psprintf("the field \"%s\" cannot be used: %s",
						key.algorithm == CN_SIGN_HS256 ? "secret" : "private_key", problem);
	if (make_token(candidate, CurrentMemoryContext, &cn_auth_sample_input, "", &problem))
		return NULL;
	return problem;
}

static const char *
sign(const CnCredential *credential, MemoryContext context, const CnSignInput *input,
	 CnAuthAddition *addition)
{
	const char *prefix = cn_auth_parameter(credential->parameters, "prefix", "Bearer ");
	const char *problem;
	char	   *value = make_token(credential, context, input, prefix, &problem);

	if (value == NULL)
		return problem;
	cn_auth_add_header(addition, cn_auth_parameter(credential->parameters, "name", "Authorization"),
					   value, true);
	addition->derived = value + strlen(prefix);
	return NULL;
}

const CnAuthKind cn_auth_jwt = {
	.name = "jwt",
	.fields = fields,
	.visible = visible,
	.check = check,
	.optional = optional,
	.structured = structured,
	.multiline = "private_key",
	.check_all = check_all,
	.sign = sign,
};
