/*
 * literal_secrets.c -- walks through a definition and looks for secrets written out.  Pure.
 *
 * Only what is sent is judged by name: headers, query, bodies and the query in
 * a URL.  Elsewhere a name says nothing: an output may well be called "token",
 * and an error rule may well compare with "invalid_token".
 */
#include "catalog/literal_secrets.h"

#include <ctype.h>

/* A literal beside a reference that is shorter than this is no key but a word of it. */
#define MIN_RANDOM_LEN 8

typedef struct Walk
{
	CnLiteralSecretFound found;
	void	   *arg;
} Walk;

static void walk_definition(Walk *w, const CnJson *value, const char *path);
static void walk_sent(Walk *w, const CnJson *value, const char *path, const char *name);

static char *
member_path(const char *path, const char *key)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, path);
	cn_json_path_member(&buf, key);
	return buf.data;
}

static char *
item_path(const char *path, int index)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, path);
	cn_json_path_index(&buf, index);
	return buf.data;
}

static void
report(Walk *w, const char *path, const char *what)
{
	w->found(w->arg, path, psprintf("it looks like %s", what));
}

/* ---- one text ---- */

/* Words before a secret in a header, and values that are none. */
static const char *const harmless_values[] = {
	"bearer", "basic", "token", "digest", "negotiate", "apikey", "key", "true", "false", "null",
	"none", "fetch", "required", "optional", "anonymous", "undefined", NULL
};

static bool
is_harmless_value(const char *text, int len)
{
	bool		number = true;

	for (int i = 0; i < len; i++)
		number = number && (isdigit((unsigned char) text[i]) || text[i] == '.' || text[i] == '-');
	if (number)					/* or nothing at all */
		return true;
	for (const char *const *value = harmless_values; *value; value++)
		if (strlen(*value) == len && pg_strncasecmp(*value, text, len) == 0)
			return true;
	return false;
}

/* Letters and digits mixed, in one piece: a key rather than a word. */
static bool
looks_random(const char *text, int len)
{
	bool		digit = false;
	bool		letter = false;

	for (int i = 0; i < len; i++)
	{
		digit = digit || isdigit((unsigned char) text[i]);
		letter = letter || isalpha((unsigned char) text[i]);
	}
	return len >= MIN_RANDOM_LEN && digit && letter;
}

/* Is any piece of text between blanks and punctuation like a key? */
static bool
has_random_piece(const char *text, int len)
{
	for (int i = 0; i < len;)
	{
		int			from = i;

		while (i < len && strchr(" \t=:;,-\"'()|", text[i]) == NULL)
			i++;
		if (looks_random(text + from, i - from))
			return true;
		i++;
	}
	return false;
}

/* Arguments of filters that are written out, as in default("..."). */
static void
append_arguments(StringInfo buf, const char *at, const char *end)
{
	char		before = '\0';

	for (; at < end; at++)
	{
		if ((*at == '"' || *at == '\'') && (before == '(' || before == ','))
		{
			const char *close = memchr(at + 1, *at, end - at - 1);

			if (close == NULL)
				return;
			appendBinaryStringInfo(buf, at + 1, close - at - 1);
			appendStringInfoChar(buf, ' ');
			at = close;
		}
		if (!isspace((unsigned char) *at))
			before = *at;
	}
}

/* What is written out of a text: its references are left out but for literals in them. */
static char *
literal_parts(const char *text, int len, bool *references)
{
	const char *end = text + len;
	StringInfoData buf;

	initStringInfo(&buf);
	*references = false;
	while (text < end)
	{
		bool		escaped = end - text >= 4 && memcmp(text, "{{{{", 4) == 0;
		const char *next = escaped ? text : cn_skip_reference(text, end);
		int			n = escaped ? 4 : 1;

		if (next == text)
			appendBinaryStringInfo(&buf, text, n);
		else
		{
			*references = true;
			appendStringInfoChar(&buf, ' ');
			append_arguments(&buf, text, next);
			n = next - text;
		}
		text += n;
	}
	return buf.data;
}

/* Is this a secret, given that its name says that it holds one? */
static bool
is_literal_secret(const char *text, int len)
{
	bool		references;
	char	   *literal = literal_parts(text, len, &references);
	int			literal_len = strlen(literal);

	if (references)
		return has_random_piece(literal, literal_len);
	while (literal_len > 0 && isspace((unsigned char) literal[literal_len - 1]))
		literal_len--;
	while (literal_len > 0 && isspace((unsigned char) *literal))
	{
		literal++;
		literal_len--;
	}
	return !is_harmless_value(literal, literal_len);
}

/* Judge a text by its shape, and by the name of what it is the value of; NULL: it has none. */
static void
check_text(Walk *w, const char *text, int len, const char *path, const char *name)
{
	const char *shape = cn_secret_shape(text, len);

	if (shape)
		report(w, path, shape);
	else if (name && cn_secret_name(name) && is_literal_secret(text, len))
		w->found(w->arg, path, "its name is that of a secret, and its value is written out");
	/* "key" can be anything, until a key stands there */
	else if (name && (pg_strcasecmp(name, "key") == 0 || pg_strcasecmp(name, "sig") == 0) &&
			 looks_random(text, len) && cn_skip_reference(text, text + len) == text)
		report(w, path, "a key");
}

/* ---- places ---- */

/* A key that is a secret is reported where the object is, so that no path shows it. */
static bool
refuse_key(Walk *w, const CnJsonMember *member, const char *path)
{
	const char *shape = cn_secret_shape(member->key, member->key_len);

	if (shape)
		report(w, path, shape);
	return shape != NULL;
}

/* Shapes only, keys included. */
static void
walk_any(Walk *w, const CnJson *value, const char *path)
{
	if (value->type == CN_JSON_STRING)
		check_text(w, value->u.text, value->len, path, NULL);
	else if (value->type == CN_JSON_ARRAY)
		for (int i = 0; i < value->len; i++)
			walk_any(w, value->u.items[i], item_path(path, i));
	else if (value->type == CN_JSON_OBJECT)
		for (int i = 0; i < value->len; i++)
		{
			const CnJsonMember *member = &value->u.members[i];

			if (!refuse_key(w, member, path))
				walk_any(w, member->value, member_path(path, member->key));
		}
}

/* "a=b&c=d", as behind the "?" of a URL or in a form written as text. */
static void
walk_pairs(Walk *w, const char *text, const char *end, const char *path)
{
	while (text < end)
	{
		const char *equals = NULL;
		const char *at = text;

		while (at < end && *at != '&' && *at != '#')
		{
			const char *next = cn_skip_reference(at, end);

			if (*at == '=' && equals == NULL)
				equals = at;
			at = next == at ? at + 1 : next;
		}
		if (equals && cn_secret_name(pnstrdup(text, equals - text)) &&
			is_literal_secret(equals + 1, at - equals - 1))
		{
			w->found(w->arg, path,
					 "a parameter has the name of a secret, and its value is written out");
			return;
		}
		text = at + 1;
	}
}

static void
walk_url(Walk *w, const CnJson *value, const char *path)
{
	const char *query;

	walk_any(w, value, path);
	if (value->type != CN_JSON_STRING)
		return;
	query = strchr(value->u.text, '?');
	if (query)
		walk_pairs(w, query + 1, value->u.text + value->len, path);
}

/* {"name": "x", "static": ...} and the like: which member holds the value; NULL: none. */
static const char *
value_of_pair(const CnJson *object, const char **name)
{
	static const char *const keys[] = {"static", "value", "text", "base64"};
	const char *type = cn_json_get_string(object, "type");

	*name = cn_json_get_string(object, "name");
	if (*name == NULL)
		*name = cn_json_get_string(object, "key");
	for (int i = 0; *name && i < lengthof(keys); i++)
		if (cn_json_get(object, keys[i]))
			return type && strcmp(type, "input") == 0 ? "" : keys[i];
	return NULL;
}

static void
walk_object(Walk *w, const CnJson *object, const char *path)
{
	const char *pair_name;
	const char *pair_value = value_of_pair(object, &pair_name);

	for (int i = 0; i < object->len; i++)
	{
		const CnJsonMember *member = &object->u.members[i];
		const char *name = member->key;

		if (refuse_key(w, member, path))
			continue;
		if (pair_value)
			name = strcmp(member->key, pair_value) == 0 ? pair_name : NULL;
		walk_sent(w, member->value, member_path(path, member->key), name);
	}
}

/* What is sent under name, or under names of its own. */
static void
walk_sent(Walk *w, const CnJson *value, const char *path, const char *name)
{
	if (value->type == CN_JSON_OBJECT)
		walk_object(w, value, path);
	else if (value->type == CN_JSON_ARRAY)
		for (int i = 0; i < value->len; i++)
			walk_sent(w, value->u.items[i], item_path(path, i), name);
	else if (value->type == CN_JSON_STRING)
		check_text(w, value->u.text, value->len, path, name);
}

static void
walk_body(Walk *w, const CnJson *value, const char *path)
{
	walk_sent(w, value, path, NULL);
	if (value->type == CN_JSON_STRING)
		walk_pairs(w, value->u.text, value->u.text + value->len, path);
}

static void
walk_steps(Walk *w, const CnJson *value, const char *path)
{
	if (value->type != CN_JSON_ARRAY)
	{
		walk_any(w, value, path);
		return;
	}
	for (int i = 0; i < value->len; i++)
		walk_definition(w, value->u.items[i], item_path(path, i));
}

/* A definition, a step or a group of steps. */
static void
walk_definition(Walk *w, const CnJson *value, const char *path)
{
	static const struct
	{
		const char *key;
		void		(*walk) (Walk *w, const CnJson *value, const char *path);
	}			places[] = {
		{"url", walk_url}, {"body", walk_body}, {"steps", walk_steps},
		{"headers", walk_body}, {"query", walk_body}, {"with", walk_body},
	};

	if (value->type != CN_JSON_OBJECT)
	{
		walk_any(w, value, path);
		return;
	}
	for (int i = 0; i < value->len; i++)
	{
		const CnJsonMember *member = &value->u.members[i];
		void		(*walk) (Walk *w, const CnJson *value, const char *path) = walk_any;

		if (refuse_key(w, member, path))
			continue;
		for (int j = 0; j < lengthof(places); j++)
			if (strcmp(places[j].key, member->key) == 0)
				walk = places[j].walk;
		walk(w, member->value, member_path(path, member->key));
	}
}

void
cn_literal_secrets(const CnJson *config, CnLiteralSecretFound found, void *arg)
{
	Walk		w = {found, arg};

	walk_definition(&w, config, "$");
}

void
cn_literal_secrets_in(const CnJson *value, const char *path, CnLiteralSecretFound found, void *arg)
{
	Walk		w = {found, arg};

	walk_any(&w, value, path);
}
