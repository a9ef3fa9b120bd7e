/*
 * auth.c -- the table of authentication kinds.
 */
#include "postgres.h"

#include "common/base64.h"

#include "auth/auth.h"
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
	addition->header.name = name ? name : "X-Api-Key";
	addition->header.value = join_secret(context, prefix ? prefix : "", key->value);
}

/* ---- bearer: RFC 6750, section 2.1 ---- */

static void
bearer_apply(const CnCredential *credential, MemoryContext context, CnAuthAddition *addition)
{
	addition->header.name = "Authorization";
	addition->header.value = join_secret(context, "Bearer ",
										 cn_credential_field(credential, "token")->value);
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
	addition->header.name = "Authorization";
	addition->header.value = header;
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

	addition->header.name = header ? header : "Authorization";
	addition->header.value = join_secret(context, prefix ? prefix : usual_prefix,
										 cn_credential_field(credential, "access_token")->value);
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

/* ---- oauth2_client: an application's own id and secret, which no request of a definition gets ---- */

static void
client_apply(const CnCredential *credential, MemoryContext context, CnAuthAddition *addition)
{
}

static const CnAuthKind kinds[] = {
	{"api_key", api_key_fields, none_visible, NULL, api_key_check, api_key_apply},
	{"bearer", bearer_fields, none_visible, NULL, NULL, bearer_apply},
	{"basic", basic_fields, basic_visible, "username", NULL, basic_apply},
	{"oauth2", token_fields, none_visible, NULL, token_check, oauth2_apply, .renews = true},
	{"session", token_fields, none_visible, NULL, token_check, session_apply, .renews = true},
	{"oauth2_client", client_fields, client_fields, NULL, NULL, client_apply, .renews = true},
};

const CnAuthKind *
cn_auth_kind(const char *name)
{
	for (int i = 0; i < lengthof(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

char *
cn_auth_kind_names(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < lengthof(kinds); i++)
		appendStringInfo(&buf, "%s%s", i ? ", " : "", kinds[i].name);
	return buf.data;
}

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
	for (int i = 0; i < len; i++)
		if ((unsigned char) text[i] < ' ' || text[i] == 0x7f)
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

/* A field that the kind needs; values that are no strings are refused where they are encoded. */
static void
check_field(const CnAuthKind *kind, Jsonb *secret, const char *field)
{
	JsonbValue	buffer;
	JsonbValue *value = JB_ROOT_IS_OBJECT(secret)
		? getKeyJsonValueFromContainer(&secret->root, field, strlen(field), &buffer) : NULL;

	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the secret of a credential of kind %s needs the field \"%s\"",
						kind->name, field)));
	if (value->type == jbvString)
		check_field_text(kind, field, value->val.string.val, value->val.string.len);
}

/*
 * Parameters are public.  Besides those the kind knows, any may be given:
 * templates read them as {{workspace.<name>}}, for example a subdomain.
 */
static void
check_parameters(const CnAuthKind *kind, Jsonb *parameters)
{
	CnJson	   *tree = cn_json_from_jsonb(parameters);
	const char *problem;

	if (tree->type != CN_JSON_OBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the parameters of a credential must be an object")));
	for (int i = 0; i < tree->len; i++)
	{
		const CnJsonMember *member = &tree->u.members[i];
		bool		secret = listed(kind->fields, member->key);

		if (secret)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("credentials of kind %s take no parameter \"%s\"", kind->name,
							member->key),
					 errhint("It is a field of the secret; parameters are readable by every member.")));
		if (member->value->type != CN_JSON_STRING)
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

void
cn_auth_check(const CnAuthKind *kind, Jsonb *secret, Jsonb *parameters)
{
	for (const char *const *field = kind->fields; *field; field++)
		check_field(kind, secret, *field);
	check_parameters(kind, parameters);
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
	kind->apply(credential, context, addition);
	addition->header.secret = true;
	return true;
}
