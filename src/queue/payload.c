/*
 * payload.c -- what the history may keep of an input or output.
 */
#include "postgres.h"

#include "core/jsonb.h"
#include "core/secret_name.h"
#include "engine/settings.h"
#include "queue/payload.h"

static bool
is_secret_name(const JsonbValue *key)
{
	return cn_name_is_secret(key->val.string.val, key->val.string.len);
}

static bool
has_secret_name(Jsonb *value)
{
	JsonbIterator *it = JsonbIteratorInit(&value->root);
	JsonbValue	v;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
		if (token == WJB_KEY && is_secret_name(&v))
			return true;
	return false;
}

static Jsonb *
redact(Jsonb *value)
{
	JsonbIterator *it = JsonbIteratorInit(&value->root);
	JsonbParseState *state = NULL;
	JsonbValue *result = NULL;
	JsonbValue	v;
	JsonbIteratorToken token;
	bool		blank = false;

	/* A container under a secret's name is skipped whole: nothing in it is kept. */
	while ((token = JsonbIteratorNext(&it, &v, blank)) != WJB_DONE)
	{
		bool		is_value = token == WJB_VALUE || token == WJB_ELEM || token == WJB_KEY;

		if (blank)
		{
			v.type = jbvString;
			v.val.string.val = "[redacted]";
			v.val.string.len = strlen("[redacted]");
		}
		result = pushJsonbValue(&state, token, is_value ? &v : NULL);
		blank = token == WJB_KEY && is_secret_name(&v);
	}
	return JsonbValueToJsonb(result);
}

Jsonb *
cn_payload_for_history(Jsonb *value)
{
	if (value == NULL)
		return NULL;
	if (cn_engine_max_logged_payload >= 0 &&
		VARSIZE(value) > (int64) cn_engine_max_logged_payload * 1024)
		return cn_jsonb_truncated(VARSIZE(value));
	if (!JB_ROOT_IS_SCALAR(value) && has_secret_name(value))
		return redact(value);
	return value;
}
