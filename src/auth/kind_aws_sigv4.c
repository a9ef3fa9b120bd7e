/*
 * kind_aws_sigv4.c -- kind aws_sigv4: requests signed for AWS.
 */
#include "postgres.h"

#include "auth/kinds.h"
#include "auth/sigv4.h"
#include "crypto/secret.h"

static const char *const fields[] = {"access_key_id", "secret_access_key", NULL};
static const char *const optional[] = {"session_token", NULL};
static const char *const visible[] = {"access_key_id", NULL};

/*
 * What is signed of the definition's headers, besides x-amz-*: what AWS asks for.
 * More would only be a way to fail, if something on the way changes them.
 */
static const char *const signed_headers[] = {"Content-Type", "Content-MD5"};

/* Those that this kind makes itself. */
static const char *const own_headers[] = {"X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-SHA256"};

static const char *
check(const CnJson *parameters)
{
	const char *region = cn_json_get_string(parameters, "region");
	const char *service = cn_json_get_string(parameters, "service");
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	if (region == NULL || *region == '\0')
		return "\"region\" is missing, the region that is called, for example us-east-1";
	if (service == NULL || *service == '\0')
		return "\"service\" is missing, the service's name in signatures, for example s3";
	if (region[strspn(region, allowed)] != '\0' || service[strspn(service, allowed)] != '\0')
		return "\"region\" or \"service\" has characters other than letters, digits, \"-\", \"_\" and \".\"";
	return NULL;
}

static bool
listed(const char *name, const char *const *list, int count)
{
	for (int i = 0; i < count; i++)
		if (pg_strcasecmp(name, list[i]) == 0)
			return true;
	return false;
}

static bool
is_signed(const char *name)
{
	if (pg_strncasecmp(name, "X-Amz-", strlen("X-Amz-")) == 0)
		return !listed(name, own_headers, lengthof(own_headers));
	return listed(name, signed_headers, lengthof(signed_headers));
}

/* Headers of the definition that are signed, and those of the addition. */
static void
choose_headers(const CnSignInput *input, const CnAuthAddition *addition, CnSignInput *chosen)
{
	CnHttpHeader *headers = palloc(sizeof(CnHttpHeader) *
								   (input->header_count + addition->header_count + 1));

	*chosen = *input;
	chosen->headers = headers;
	chosen->header_count = 0;
	for (int i = 0; i < input->header_count; i++)
		if (is_signed(input->headers[i].name))
			headers[chosen->header_count++] = input->headers[i];
	for (int i = 0; i < addition->header_count; i++)
		headers[chosen->header_count++] = addition->headers[i];
}

static const char *
sign(const CnCredential *credential, MemoryContext context, const CnSignInput *input,
	 CnAuthAddition *addition)
{
	const char *token = cn_auth_field(credential, "session_token");
	const char *service = cn_auth_parameter(credential->parameters, "service", "");
	bool		is_s3 = strcmp(service, "s3") == 0 || strncmp(service, "s3-", 3) == 0;
	CnSigv4		how = {
		.access_key_id = cn_auth_field(credential, "access_key_id"),
		.secret_access_key = cn_auth_field(credential, "secret_access_key"),
		.region = cn_auth_parameter(credential->parameters, "region", ""),
		.service = service,
		.path_as_is = is_s3,
		.encode_twice = !is_s3,
	};
	char	   *date = palloc(CN_SIGV4_DATE_SIZE);
	char	   *body_hash = palloc(CN_SIGV4_HASH_SIZE);
	CnSignInput chosen;
	StringInfoData header;
	StringInfoData signature;

	cn_sigv4_date(input->now_ms, date);
	if (!cn_sigv4_body_hash(input, body_hash))
		return CN_AUTH_NO_DIGEST;
	cn_auth_add_header(addition, "X-Amz-Date", date, false);
	if (is_s3)
		cn_auth_add_header(addition, "X-Amz-Content-SHA256", body_hash, false);
	if (token)
		cn_auth_add_header(addition, "X-Amz-Security-Token", token, true);
	choose_headers(input, addition, &chosen);

	initStringInfo(&header);
	initStringInfo(&signature);
	if (!cn_sigv4_sign(&header, &signature, &how, &chosen, date, body_hash))
		return CN_AUTH_NO_DIGEST;
	cn_wipe_on_reset(context, header.data, header.maxlen);
	cn_auth_add_header(addition, "Authorization", header.data, true);
	addition->derived = signature.data;
	addition->for_this_url = true;
	return NULL;
}

const CnAuthKind cn_auth_aws_sigv4 = {
	.name = "aws_sigv4",
	.fields = fields,
	.visible = visible,
	.check = check,
	.optional = optional,
	.sign = sign,
};
