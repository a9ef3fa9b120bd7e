/*
 * auth.c -- the table of authentication kinds.
 */
#include "postgres.h"

#include "common/base64.h"

#include "auth/auth.h"
#include "auth/kinds.h"
#include "core/chars.h"
#include "core/jsonb.h"
#include "crypto/secret.h"
#include "template/template.h"

static const char *const api_key_fields[] = {"api_key", NULL};
static const char *const bearer_fields[] = {"token", NULL};
static const char *const basic_fields[] = {"username", "password", NULL};
static const char *const basic_visible[] = {"username", NULL};
static const char *const token_fields[] = {"access_token", NULL};
static const char *const client_fields[] = {"client_id", NULL};
static const char *const none_visible[] = {NULL};

/* ---- api_key: a header (X-Api-Key unless named) or a query parameter ---- */

static bool
in_query(const CnJson *parameters)
{
	const char *in = cn_json_get_string(parameters, "in");

	return in && strcmp(in, "query") == 0;
}

static const char *
api_key_check(const CnJson *parameters)
{
	const char *in = cn_json_get_string(parameters, "in");
	const char *name = cn_json_get_string(parameters, "name");
	const char *prefix = cn_json_get_string(parameters, "prefix");

	if (in && strcmp(in, "header") != 0 && strcmp(in, "query") != 0)
		return "\"in\" is neither header nor query";
	if (in_query(parameters) && !name)
		return "a key in the query needs \"name\", the parameter's name";
	if (name && !in_query(parameters) && !cn_is_token(name))
		return "\"name\" is not the name of a header";
	if (prefix && strpbrk(prefix, "\r\n"))
		return "\"prefix\" has a line break";
	return NULL;
}

/* a and b joined in wiped memory. */
static char *
join_secret(MemoryContext context, const char *a, const char *b)
{
	size_t		len = strlen(a) + strlen(b) + 1;
	char	   *out = cn_secret_alloc(context, len);

	snprintf(out, len, "%s%s", a, b);
	return out;
}

static void
api_key_apply(const CnCredential *credential, MemoryContext context, CnAuthAddition *addition)
{
	const CnSecretField *key = cn_credential_field(credential, "api_key");
	const char *name = cn_json_get_string(credential->parameters, "name");
	const char *prefix = cn_json_get_string(credential->parameters, "prefix");

	if (in_query(credential->parameters))
	{
		int			max = 3 * (strlen(name) + key->len) + 2;
		StringInfoData query;

		/* it never grows, so its memory can be the wiped one */
		query.data = cn_secret_alloc(context, max);
		query.maxlen = max;
		query.len = query.cursor = 0;
		cn_escape_component(&query, name, strlen(name));
		appendStringInfoChar(&query, '=');
		addition->derived = query.data + query.len;
		cn_escape_component(&query, key->value, key->len);
		addition->query = query.data;
		return;
	}
	cn_auth_add_header(addition, name ? name : "X-Api-Key",
					   join_secret(context, prefix ? prefix : "", key->value), true);
}

/* ---- bearer: RFC 6750, section 2.1 ---- */

static void
bearer_apply(const CnCredential *credential, MemoryContext context, CnAuthAddition *addition)
{
	cn_auth_add_header(addition, "Authorization",
					   join_secret(context, "Bearer ",
								   cn_credential_field(credential, "token")->value), true);
}

/* ---- basic: RFC 7617, UTF-8 ---- */

static void
basic_apply(const CnCredential *credential, MemoryContext context, CnAuthAddition *addition)
{
	const CnSecretField *user = cn_credential_field(credential, "username");
	const CnSecretField *password = cn_credential_field(credential, "password");
	int			len = user->len + 1 + password->len;
	int			encoded_max = pg_b64_enc_len(len);
	char	   *pair = cn_secret_alloc(context, len + 1);
	char	   *header = cn_secret_alloc(context, strlen("Basic ") + encoded_max + 1);
	int			n;

	snprintf(pair, len + 1, "%s:%s", user->value, password->value);
	strcpy(header, "Basic ");
	n = pg_b64_encode(pair, len, header + strlen("Basic "), encoded_max);
	header[strlen("Basic ") + Max(n, 0)] = '\0';
	cn_auth_add_header(addition, "Authorization", header, true);
	addition->derived = header + strlen("Basic ");
}

/* ---- oauth2 and session: a token in a header, as the provider wants it ---- */

static const char *
token_check(const CnJson *parameters)
{
	const char *header = cn_json_get_string(parameters, "header");
	const char *prefix = cn_json_get_string(parameters, "prefix");

	if (header && !cn_is_token(header))
		return "\"header\" is not the name of a header";
	if (prefix && strpbrk(prefix, "\r\n"))
		return "\"prefix\" has a line break";
	return NULL;
}

static void
put_token(const CnCredential *credential, const char *usual_prefix, MemoryContext context,
		  CnAuthAddition *addition)
{
	const char *header = cn_json_get_string(credential->parameters, "header");
	const char *prefix = cn_json_get_string(credential->parameters, "prefix");

	cn_auth_add_header(addition, header ? header : "Authorization",
					   join_secret(context, prefix ? prefix : usual_prefix,
								   cn_credential_field(credential, "access_token")->value), true);
}

static void
oauth2_apply(const CnCredential *credential, MemoryContext context, CnAuthAddition *addition)
{
	put_token(credential, "Bearer ", context, addition);
}

static void
session_apply(const CnCredential *credential, MemoryContext context, CnAuthAddition *addition)
{
	put_token(credential, "", context, addition);
}

static const CnAuthKind api_key_kind = {
	"api_key", api_key_fields, none_visible, NULL, api_key_check, api_key_apply
};
static const CnAuthKind bearer_kind = {
	"bearer", bearer_fields, none_visible, NULL, NULL, bearer_apply
};
static const CnAuthKind basic_kind = {
	"basic", basic_fields, basic_visible, "username", NULL, basic_apply
};
static const CnAuthKind oauth2_kind = {
	"oauth2", token_fields, none_visible, NULL, token_check, oauth2_apply, .renews = true
};
static const CnAuthKind session_kind = {
	"session", token_fields, none_visible, NULL, token_check, session_apply, .renews = true
};
/* An application's own id and secret, which no request of a definition gets: neither apply nor sign. */
static const CnAuthKind oauth2_client_kind = {
	"oauth2_client", client_fields, client_fields, NULL, NULL, NULL, .renews = true
};

static const CnAuthKind *const kinds[] = {
	&api_key_kind,
	&bearer_kind,
	&basic_kind,
	&cn_auth_digest,
	&cn_auth_oauth1,
	&cn_auth_jwt,
	&cn_auth_aws_sigv4,
	&cn_auth_hmac,
	&oauth2_kind,
	&session_kind,
	&oauth2_client_kind,
};

const CnAuthKind *
cn_auth_kind(const char *name)
{
	for (int i = 0; i < lengthof(kinds); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

char *
cn_auth_kind_names(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < lengthof(kinds); i++)
		appendStringInfo(&buf, "%s%s", i ? ", " : "", kinds[i]->name);
	return buf.data;
}

/* ---- for kinds ---- */

void
cn_auth_add_header(CnAuthAddition *addition, const char *name, const char *value, bool secret)
{
	CnHttpHeader *header;

	if (addition->header_count == CN_AUTH_MAX_HEADERS)
		elog(ERROR, "a kind of credential adds too many headers");
	header = &addition->headers[addition->header_count++];
	header->name = name;
	header->value = value;
	header->secret = secret;
}

const char *
cn_auth_field(const CnCredential *credential, const char *name)
{
	const CnSecretField *field = cn_credential_field(credential, name);

	return field ? field->value : NULL;
}

const char *
cn_auth_parameter(const CnJson *parameters, const char *name, const char *otherwise)
{
	const char *value = cn_json_get_string(parameters, name);

	return value ? value : otherwise;
}

bool
cn_auth_number(const CnJson *parameters, const char *name, int otherwise, int max, int *number)
{
	const CnJson *value = cn_json_get(parameters, name);

	*number = otherwise;
	if (value == NULL)
		return true;
	if ((value->type != CN_JSON_NUMBER && value->type != CN_JSON_STRING) ||
		value->len < 1 || value->len > 9 || strspn(value->u.text, "0123456789") != value->len)
		return false;
	*number = atoi(value->u.text);
	return *number <= max;
}

static CnUrl sample_url = {
	.https = true, .host = "example.com", .port = 443, .target = "/path?query=1"
};

const CnSignInput cn_auth_sample_input = {
	.method = "GET",
	.url = &sample_url,
	.now_ms = INT64CONST(1700000000000),
	.nonce = "00000000000000000000000000000000",
};

const char *
cn_auth_unknown(const char *parameter, const char *name)
{
	return psprintf("\"%s\" refers to {%s}, which there is not", parameter, name);
}

/* ---- checks ---- */

static bool
listed(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/*
 * What a field may not hold: it is sent in a header, or, for the two of basic,
 * encoded as text without control characters, of which the first ends at a colon
 * (RFC 9110, section 5.5; RFC 7617, section 2).  The message never shows the value.
 */
static void
check_field_text(const CnAuthKind *kind, const char *field, const char *text, int len)
{
	bool		lines = kind->multiline && strcmp(kind->multiline, field) == 0;

	for (int i = 0; i < len; i++)
		if (((unsigned char) text[i] < ' ' && !(lines && strchr("\r\n\t", text[i]))) ||
			text[i] == 0x7f)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the field \"%s\" of the secret has a line break or another control character",
							field),
					 errhint("A line break at the end is often left over from a file; cut it off.")));
	if (kind->no_colon && strcmp(kind->no_colon, field) == 0 && memchr(text, ':', len))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the field \"%s\" of the secret has a colon", field),
				 errdetail("In credentials of kind %s a colon ends the user name.", kind->name)));
}

/* Its value in the secret, or NULL. */
static JsonbValue *
find_field(Jsonb *secret, const char *field, JsonbValue *buffer)
{
	if (!JB_ROOT_IS_OBJECT(secret))
		return NULL;
	return getKeyJsonValueFromContainer(&secret->root, field, strlen(field), buffer);
}

/* A field that the kind needs; values that are no strings are refused where they are encoded. */
static void
check_field(const CnAuthKind *kind, Jsonb *secret, const char *field)
{
	JsonbValue	buffer;
	JsonbValue *value = find_field(secret, field, &buffer);

	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the secret of a credential of kind %s needs the field \"%s\"",
						kind->name, field),
				 errhint("docs/credentials.md has the kinds and the fields of their secrets.")));
	if (value->type == jbvString)
		check_field_text(kind, field, value->val.string.val, value->val.string.len);
}

/*
 * Parameters are public.  Besides those the kind knows, any may be given:
 * templates read them as {{workspace.<name>}}, for example a subdomain.
 */
static void
check_parameters(const CnAuthKind *kind, const CnJson *tree)
{
	const char *problem;

	if (tree->type != CN_JSON_OBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the parameters of a credential must be an object")));
	for (int i = 0; i < tree->len; i++)
	{
		const CnJsonMember *member = &tree->u.members[i];
		bool		secret = listed(kind->fields, member->key) ||
			(kind->optional && listed(kind->optional, member->key));
		bool		structured = kind->structured && listed(kind->structured, member->key);

		if (secret)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("credentials of kind %s take no parameter \"%s\"", kind->name,
							member->key),
					 errhint("It is a field of the secret; parameters are readable by every member.")));
		if (member->value->type != CN_JSON_STRING && !structured)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("parameter \"%s\" of the credential is not a string", member->key)));
	}
	problem = kind->check ? kind->check(tree) : NULL;
	if (problem)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the parameters of the credential are not right for kind %s", kind->name),
				 errdetail("It was found that %s.", problem)));
}

/*
 * The credential as it will be, for a kind that looks at parameters and secret
 * together.  Fields that are no strings are refused where they are encoded.
 */
static void
make_candidate(const CnAuthKind *kind, Jsonb *secret, CnJson *parameters,
			   CnCredential *candidate)
{
	JsonbIterator *it = JsonbIteratorInit(&secret->root);
	JsonbIteratorToken token;
	JsonbValue	v;
	CnSecretField *field = NULL;

	memset(candidate, 0, sizeof(*candidate));
	candidate->kind = unconstify(char *, kind->name);
	candidate->parameters = parameters;
	while (JB_ROOT_IS_OBJECT(secret) && (token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY && candidate->field_count < CN_SECRET_MAX_FIELDS)
		{
			field = &candidate->fields[candidate->field_count];
			field->name = pnstrdup(v.val.string.val, v.val.string.len);
		}
		if (token != WJB_VALUE || field == NULL || v.type != jbvString)
			continue;
		field->value = cn_secret_alloc(CurrentMemoryContext, v.val.string.len + 1);
		memcpy(unconstify(char *, field->value), v.val.string.val, v.val.string.len);
		field->len = v.val.string.len;
		candidate->field_count++;
		field = NULL;
	}
}

static void
check_all(const CnAuthKind *kind, Jsonb *secret, CnJson *parameters)
{
	CnCredential candidate;
	const char *problem;

	make_candidate(kind, secret, parameters, &candidate);
	problem = kind->check_all(&candidate);
	if (problem)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a credential of kind %s cannot be made of this secret and these parameters",
						kind->name),
				 errdetail("It was found that %s.", problem)));
}

void
cn_auth_check(const CnAuthKind *kind, Jsonb *secret, Jsonb *parameters)
{
	CnJson	   *tree = cn_json_from_jsonb(parameters);
	JsonbValue	buffer;

	for (const char *const *field = kind->fields; *field; field++)
		check_field(kind, secret, *field);
	for (const char *const *field = kind->optional; field && *field; field++)
		if (find_field(secret, *field, &buffer))
			check_field(kind, secret, *field);
	check_parameters(kind, tree);
	if (kind->check_all)
		check_all(kind, secret, tree);
}

bool
cn_auth_renews(const CnCredential *credential)
{
	const CnAuthKind *kind = cn_auth_kind(credential->kind);

	return kind && kind->renews;
}

bool
cn_auth_field_is_readable(const CnCredential *credential, const char *field)
{
	return !cn_auth_renews(credential) || strcmp(field, "access_token") == 0;
}

bool
cn_auth_field_is_visible(const CnCredential *credential, const char *field)
{
	const CnAuthKind *kind = cn_auth_kind(credential->kind);

	return kind && listed(kind->visible, field);
}

bool
cn_auth_apply(const CnCredential *credential, MemoryContext context, CnAuthAddition *addition,
			  CnFailure *failure)
{
	const CnAuthKind *kind = cn_auth_kind(credential->kind);

	memset(addition, 0, sizeof(*addition));
	if (kind == NULL)
	{
		cn_fail(failure, CN_CONFIG_INVALID, "credential \"%s/%s\" is of kind \"%s\", which this version does not know",
				credential->service, credential->label, credential->kind);
		return false;
	}
	for (const char *const *field = kind->fields; *field; field++)
	{
		if (cn_credential_field(credential, *field) == NULL)
		{
			cn_fail(failure, CN_CREDENTIAL_MISSING, "credential \"%s/%s\" has no field \"%s\"",
					credential->service, credential->label, *field);
			return false;
		}
	}
	if (kind->apply == NULL && kind->sign == NULL)
	{
		cn_fail(failure, CN_CREDENTIAL_MISSING, "credential \"%s/%s\" is an application's, not an account's",
				credential->service, credential->label);
		failure->hint = "Connect an account with the application, under a label of its own.";
		return false;
	}
	if (kind->apply)
		kind->apply(credential, context, addition);
	return true;
}

bool
cn_auth_signs(const CnCredential *credential)
{
	const CnAuthKind *kind = cn_auth_kind(credential->kind);

	return kind && kind->sign;
}

bool
cn_auth_sign(const CnCredential *credential, MemoryContext context, const CnSignInput *input,
			 CnAuthAddition *addition, CnFailure *failure)
{
	const CnAuthKind *kind = cn_auth_kind(credential->kind);
	const char *problem;

	memset(addition, 0, sizeof(*addition));
	problem = kind->sign(credential, context, input, addition);
	if (problem == NULL)
		return true;
	cn_fail(failure, CN_CONFIG_INVALID, "credential \"%s/%s\" cannot sign the request: %s",
			credential->service, credential->label, problem);
	failure->hint = "Store the credential anew with connector_credential_set().";
	return false;
}
