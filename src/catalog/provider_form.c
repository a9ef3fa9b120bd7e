/*
 * provider_form.c -- what a credential of a provider takes, as a form and as defaults.  Pure.
 *
 * The table has the fields of each kind's secret as people call them.  What an entry of "auth" says
 * under "fields" goes before it, and adds to it.
 */
#include "catalog/provider_form.h"

/* How a field is shown and whether it must be there. */
typedef enum FieldUse
{
	FIELD_SECRET,
	FIELD_VISIBLE,				/* a user name, an id */
	FIELD_OPTIONAL				/* a secret that may be missing */
} FieldUse;

typedef struct Field
{
	const char *kind;			/* or "kind/grant" */
	const char *name;
	const char *title;
	FieldUse	use;
} Field;

static const Field fields[] = {
	{"api_key", "api_key", "API key", FIELD_SECRET},
	{"bearer", "token", "Token", FIELD_SECRET},
	{"basic", "username", "User name", FIELD_VISIBLE},
	{"basic", "password", "Password", FIELD_SECRET},
	{"digest", "username", "User name", FIELD_VISIBLE},
	{"digest", "password", "Password", FIELD_SECRET},
	{"oauth2/authorization_code", "client_id", "Client ID", FIELD_VISIBLE},
	{"oauth2/authorization_code", "client_secret", "Client secret", FIELD_OPTIONAL},
	{"oauth2/client_credentials", "client_id", "Client ID", FIELD_VISIBLE},
	{"oauth2/client_credentials", "client_secret", "Client secret", FIELD_SECRET},
	{"oauth2/device_code", "client_id", "Client ID", FIELD_VISIBLE},
	{"oauth2/device_code", "client_secret", "Client secret", FIELD_OPTIONAL},
	{"oauth2/jwt_bearer", "client_id", "Client ID", FIELD_VISIBLE},
	{"oauth2/jwt_bearer", "private_key", "Private key (PEM)", FIELD_SECRET},
	{"oauth1", "consumer_key", "Consumer key", FIELD_VISIBLE},
	{"oauth1", "consumer_secret", "Consumer secret", FIELD_SECRET},
	{"oauth1", "token", "Token", FIELD_VISIBLE},
	{"oauth1", "token_secret", "Token secret", FIELD_SECRET},
	{"jwt", "private_key", "Private key (PEM)", FIELD_SECRET},
	{"aws_sigv4", "access_key_id", "Access key ID", FIELD_VISIBLE},
	{"aws_sigv4", "secret_access_key", "Secret access key", FIELD_SECRET},
	{"aws_sigv4", "session_token", "Session token", FIELD_OPTIONAL},
	{"hmac", "secret", "Secret", FIELD_SECRET},
};

/* An object that grows. */
typedef struct Object
{
	CnJsonMember list[64];
	int			count;
} Object;

static void
put(Object *object, const char *key, const CnJson *value)
{
	CnJsonMember *member = &object->list[object->count];

	if (value == NULL || object->count == lengthof(object->list))
		return;
	member->key = key;
	member->key_len = strlen(key);
	member->value = (CnJson *) value;	/* trees are shared and never written to */
	object->count++;
}

static void
put_text(Object *object, const char *key, const char *text)
{
	if (text)
		put(object, key, cn_json_string(text, -1));
}

static CnJson *
done(Object *object)
{
	return cn_json_object(object->list, object->count);
}

/* ---- fields of a secret ---- */

/* What the table calls the fields of an entry: "oauth2/device_code", or its kind. */
static const char *
table_kind(const CnJson *auth)
{
	const char *kind = cn_json_get_string(auth, "kind");
	const char *grant = cn_json_get_string(auth, "grant");

	return kind && strcmp(kind, "oauth2") == 0 && grant ? psprintf("%s/%s", kind, grant) : kind;
}

static bool
is_true(const CnJson *value)
{
	return value && value->type == CN_JSON_BOOL && value->boolean;
}

/* Of a field that both know the author's words hold. */
static FieldUse
use_of(const Field *field, const CnJson *own)
{
	if (is_true(cn_json_get(own, "visible")))
		return FIELD_VISIBLE;
	if (is_true(cn_json_get(own, "optional")))
		return FIELD_OPTIONAL;
	return field ? field->use : FIELD_SECRET;
}

static CnJson *
field_schema(const Field *field, const CnJson *own)
{
	const char *title = cn_json_get_string(own, "title");
	Object		schema = {.count = 0};

	put_text(&schema, "type", "string");
	put_text(&schema, "title", title ? title : field ? field->title : NULL);
	put(&schema, "description", cn_json_get(own, "description"));
	put(&schema, "examples", cn_json_get(own, "examples"));
	put(&schema, "pattern", cn_json_get(own, "pattern"));
	put(&schema, "minLength", cn_json_int(1));
	if (use_of(field, own) != FIELD_VISIBLE)
		put_text(&schema, "format", "password");
	put(&schema, "writeOnly", cn_json_bool(true));
	return done(&schema);
}

/* The properties of a secret, and which of them must be there. */
typedef struct Secret
{
	Object		properties;
	CnJson	   *required[64];
	int			required_count;
} Secret;

static void
put_field(Secret *secret, const char *name, const Field *field, const CnJson *own)
{
	bool		optional = use_of(field, own) == FIELD_OPTIONAL || is_true(cn_json_get(own, "optional"));

	if (!optional && secret->required_count < lengthof(secret->required))
		secret->required[secret->required_count++] = cn_json_string(name, -1);
	put(&secret->properties, name, field_schema(field, own));
}

static void
collect_fields(Secret *secret, const CnJson *auth)
{
	const char *kind = table_kind(auth);
	const CnJson *own = cn_json_get(auth, "fields");

	memset(secret, 0, sizeof(*secret));
	for (int i = 0; kind && i < lengthof(fields); i++)
		if (strcmp(fields[i].kind, kind) == 0)
			put_field(secret, fields[i].name, &fields[i], cn_json_get(own, fields[i].name));
	for (int i = 0; own && own->type == CN_JSON_OBJECT && i < own->len; i++)
	{
		bool		known = false;

		for (int j = 0; j < secret->properties.count; j++)
			known = known || strcmp(secret->properties.list[j].key, own->u.members[i].key) == 0;
		if (!known)
			put_field(secret, own->u.members[i].key, NULL, own->u.members[i].value);
	}
}

CnJson *
cn_provider_form_secret(const CnJson *auth)
{
	Secret		secret;
	Object		schema = {.count = 0};

	collect_fields(&secret, auth);
	put_text(&schema, "type", "object");
	put(&schema, "properties", done(&secret.properties));
	put(&schema, "required", cn_json_array(secret.required, secret.required_count));
	return done(&schema);
}

/* ---- the form ---- */

static CnJson *
constant(const char *text)
{
	Object		schema = {.count = 0};

	put_text(&schema, "const", text);
	return done(&schema);
}

/* Scopes to choose from, with what they allow. */
static CnJson *
scopes_schema(const CnJson *auth)
{
	const CnJson *scopes = cn_json_get(auth, "scopes");
	Object		schema = {.count = 0};
	Object		items = {.count = 0};
	CnJson	  **choices;

	if (scopes == NULL || scopes->type != CN_JSON_OBJECT || scopes->len == 0)
		return NULL;
	choices = palloc(sizeof(CnJson *) * scopes->len);
	for (int i = 0; i < scopes->len; i++)
	{
		Object		choice = {.count = 0};

		put_text(&choice, "const", scopes->u.members[i].key);
		put(&choice, "title", scopes->u.members[i].value);
		choices[i] = done(&choice);
	}
	put(&items, "oneOf", cn_json_array(choices, scopes->len));
	put_text(&schema, "type", "array");
	put(&schema, "items", done(&items));
	put(&schema, "uniqueItems", cn_json_bool(true));
	put(&schema, "default", cn_json_get(auth, "default_scopes"));
	return done(&schema);
}

/* What people call a way to authenticate whose author gave it no title. */
static const char *
default_title(const CnJson *auth)
{
	static const char *const titles[][2] = {
		{"none", "No authentication"}, {"api_key", "API key"}, {"bearer", "Access token"},
		{"basic", "User name and password"}, {"digest", "User name and password (digest)"},
		{"oauth2/authorization_code", "OAuth 2.0"},
		{"oauth2/client_credentials", "OAuth 2.0 (client credentials)"},
		{"oauth2/device_code", "OAuth 2.0 (device)"},
		{"oauth2/jwt_bearer", "OAuth 2.0 (signed assertion)"},
		{"oauth1", "OAuth 1.0a"}, {"jwt", "Signed tokens (JWT)"}, {"aws_sigv4", "AWS access key"},
		{"session", "Login"}, {"hmac", "Signed requests (HMAC)"},
	};
	const char *kind = table_kind(auth);

	for (int i = 0; kind && i < lengthof(titles); i++)
		if (strcmp(titles[i][0], kind) == 0)
			return titles[i][1];
	return kind;
}

static CnJson *
alternative(const CnJson *auth)
{
	const char *kind = cn_json_get_string(auth, "kind");
	const char *grant = cn_json_get_string(auth, "grant");
	const char *title = cn_json_get_string(auth, "title");
	bool		no_secret = kind && strcmp(kind, "none") == 0;
	CnJson	   *required[2] = {cn_json_string("kind", -1), cn_json_string("secret", -1)};
	Object		properties = {.count = 0};
	Object		schema = {.count = 0};

	put(&properties, "kind", constant(kind ? kind : ""));
	if (grant)
		put(&properties, "grant", constant(grant));
	put(&properties, "scopes", scopes_schema(auth));
	if (!no_secret)
		put(&properties, "secret", cn_provider_form_secret(auth));
	put_text(&schema, "title", title ? title : default_title(auth));
	put(&schema, "description", cn_json_get(auth, "description"));
	put(&schema, "properties", done(&properties));
	put(&schema, "required", cn_json_array(required, no_secret ? 1 : 2));
	return done(&schema);
}

static CnJson *
alternatives(const CnJson *auth)
{
	CnJson	  **list = palloc(sizeof(CnJson *) * (auth->len + 1));

	for (int i = 0; i < auth->len; i++)
		list[i] = alternative(auth->u.items[i]);
	return cn_json_array(list, auth->len);
}

CnJson *
cn_provider_form(const CnJson *provider)
{
	const CnJson *auth = cn_json_get(provider, "auth");
	const CnJson *parameters = cn_json_get(provider, "parameters");
	const CnJson *needed = cn_json_get(parameters, "required");
	CnJson	   *required[1] = {cn_json_string("parameters", -1)};
	Object		properties = {.count = 0};
	Object		form = {.count = 0};

	put_text(&form, "$schema", "https://json-schema.org/draft/2020-12/schema");
	put(&form, "title", cn_json_get(provider, "title"));
	put(&form, "description", cn_json_get(provider, "description"));
	put_text(&form, "type", "object");
	put(&properties, "service", constant(cn_json_get_string(provider, "name")));
	put(&properties, "parameters", parameters);
	put(&form, "properties", done(&properties));
	if (needed && needed->type == CN_JSON_ARRAY && needed->len > 0)
		put(&form, "required", cn_json_array(required, 1));
	if (auth && auth->type == CN_JSON_ARRAY && auth->len > 0)
		put(&form, "oneOf", alternatives(auth));
	return done(&form);
}

/* ---- defaults ---- */

static bool
has_fields(const CnJson *secret, const CnJson *auth)
{
	Secret		needed;

	collect_fields(&needed, auth);
	for (int i = 0; i < needed.required_count; i++)
		if (cn_json_get(secret, needed.required[i]->u.text) == NULL)
			return false;
	return needed.properties.count > 0;
}

const CnJson *
cn_provider_form_auth(const CnJson *provider, const char *kind, const CnJson *secret)
{
	const CnJson *auth = cn_json_get(provider, "auth");
	int			count = auth && auth->type == CN_JSON_ARRAY ? auth->len : 0;

	for (int i = 0; i < count; i++)
	{
		const char *its_kind = cn_json_get_string(auth->u.items[i], "kind");

		if (kind ? its_kind && strcmp(its_kind, kind) == 0 : has_fields(secret, auth->u.items[i]))
			return auth->u.items[i];
	}
	return kind == NULL && count > 0 ? auth->u.items[0] : NULL;
}

const CnJson *
cn_provider_form_parameters(const CnJson *auth, const CnJson *given)
{
	const CnJson *own = cn_json_get(auth, "parameters");
	const char *kind = cn_json_get_string(auth, "kind");
	CnJsonMember *members;

	if (own == NULL || own->type != CN_JSON_OBJECT || kind == NULL ||
		given->type != CN_JSON_OBJECT || strcmp(kind, "oauth2") == 0 || strcmp(kind, "session") == 0)
		return given;
	/* of one name the last one counts */
	members = palloc(sizeof(CnJsonMember) * (own->len + given->len + 1));
	memcpy(members, own->u.members, sizeof(CnJsonMember) * own->len);
	memcpy(members + own->len, given->u.members, sizeof(CnJsonMember) * given->len);
	return cn_json_object(members, own->len + given->len);
}
