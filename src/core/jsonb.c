/*
 * jsonb.c -- between the server's jsonb and our own values.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "core/jsonb.h"

static CnJson *container_tree(JsonbContainer *container);

static CnJson *
scalar_tree(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return cn_json_null();
		case jbvBool:
			return cn_json_bool(value->val.boolean);
		case jbvString:
			return cn_json_string(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return cn_json_number(DatumGetCString(DirectFunctionCall1(numeric_out,
																	  NumericGetDatum(value->val.numeric))),
								  -1);
		case jbvBinary:
			return container_tree(value->val.binary.data);
		default:
			elog(ERROR, "unexpected jsonb value type %d", (int) value->type);
	}
	return NULL;				/* not reached */
}

static CnJson *
array_tree(JsonbContainer *container, JsonbIterator **it)
{
	int			size = JsonContainerSize(container);
	CnJson	  **items = palloc(sizeof(CnJson *) * (size + 1));
	JsonbValue	value;
	int			n = 0;

	while (JsonbIteratorNext(it, &value, true) == WJB_ELEM)
		items[n++] = scalar_tree(&value);
	return cn_json_array(items, n);
}

static CnJson *
object_tree(JsonbContainer *container, JsonbIterator **it)
{
	int			size = JsonContainerSize(container);
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (size + 1));
	JsonbValue	value;
	int			n = 0;

	while (JsonbIteratorNext(it, &value, true) == WJB_KEY)
	{
		members[n].key = pnstrdup(value.val.string.val, value.val.string.len);
		members[n].key_len = value.val.string.len;
		(void) JsonbIteratorNext(it, &value, true);
		members[n++].value = scalar_tree(&value);
	}
	return cn_json_object(members, n);
}

static CnJson *
container_tree(JsonbContainer *container)
{
	JsonbIterator *it = JsonbIteratorInit(container);
	JsonbValue	value;

	check_stack_depth();
	if (JsonbIteratorNext(&it, &value, true) == WJB_BEGIN_OBJECT)
		return object_tree(container, &it);
	if (JsonContainerIsScalar(container))
	{
		(void) JsonbIteratorNext(&it, &value, true);
		return scalar_tree(&value);
	}
	return array_tree(container, &it);
}

CnJson *
cn_json_from_jsonb(Jsonb *jb)
{
	return container_tree(&jb->root);
}

static Jsonb *
text_to_jsonb(char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

Jsonb *
cn_jsonb_from_json(const CnJson *value)
{
	StringInfoData buf;

	initStringInfo(&buf);
	cn_json_write(&buf, value);
	return text_to_jsonb(buf.data);
}

Jsonb *
cn_jsonb_from_text(const char *text, int64 len, const CnJsonLimits *limits, CnJsonError *error)
{
	if (!cn_json_check(text, len, limits, error))
		return NULL;
	if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		text += 3;
	return text_to_jsonb(unconstify(char *, text));
}

Jsonb *
cn_jsonb_string(const char *text, int64 len)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, text);
	value.val.string.len = len;
	return JsonbValueToJsonb(&value);
}

/*
 * pushJsonbValue wants to know whether a value goes into an array or an object;
 * an object's values follow a key.
 */
static void
push(CnJsonbBuilder *b, JsonbValue *value)
{
	bool		in_array = b->state && b->state->contVal.type == jbvArray;

	b->result = pushJsonbValue(&b->state, in_array ? WJB_ELEM : WJB_VALUE, value);
}

void
cn_build_begin_object(CnJsonbBuilder *b)
{
	b->result = pushJsonbValue(&b->state, WJB_BEGIN_OBJECT, NULL);
}

void
cn_build_end_object(CnJsonbBuilder *b)
{
	b->result = pushJsonbValue(&b->state, WJB_END_OBJECT, NULL);
}

void
cn_build_begin_array(CnJsonbBuilder *b)
{
	b->result = pushJsonbValue(&b->state, WJB_BEGIN_ARRAY, NULL);
}

void
cn_build_end_array(CnJsonbBuilder *b)
{
	b->result = pushJsonbValue(&b->state, WJB_END_ARRAY, NULL);
}

void
cn_build_key(CnJsonbBuilder *b, const char *key)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, key);
	value.val.string.len = strlen(key);
	b->result = pushJsonbValue(&b->state, WJB_KEY, &value);
}

void
cn_build_string(CnJsonbBuilder *b, const char *text)
{
	JsonbValue	value;

	value.type = text ? jbvString : jbvNull;
	if (text)
	{
		value.val.string.val = unconstify(char *, text);
		value.val.string.len = strlen(text);
	}
	push(b, &value);
}

void
cn_build_int(CnJsonbBuilder *b, int64 number)
{
	JsonbValue	value;

	value.type = jbvNumeric;
	value.val.numeric = int64_to_numeric(number);
	push(b, &value);
}

void
cn_build_ms(CnJsonbBuilder *b, double ms)
{
	JsonbValue	value;

	value.type = jbvNumeric;
	value.val.numeric = int64_div_fast_to_numeric((int64) (ms * 1000), 3);
	push(b, &value);
}

void
cn_build_bool(CnJsonbBuilder *b, bool flag)
{
	JsonbValue	value;

	value.type = jbvBool;
	value.val.boolean = flag;
	push(b, &value);
}

void
cn_build_jsonb(CnJsonbBuilder *b, Jsonb *jb)
{
	JsonbValue	value;

	if (jb == NULL)
		value.type = jbvNull;
	else if (!JsonbExtractScalar(&jb->root, &value))
	{
		value.type = jbvBinary;
		value.val.binary.data = &jb->root;
		value.val.binary.len = VARSIZE(jb) - VARHDRSZ;
	}
	push(b, &value);
}

Jsonb *
cn_build_done(CnJsonbBuilder *b)
{
	return JsonbValueToJsonb(b->result);
}

Jsonb *
cn_jsonb_null(void)
{
	CnJson		null = {.type = CN_JSON_NULL};

	return cn_jsonb_from_json(&null);
}

Jsonb *
cn_jsonb_copy(const Jsonb *value)
{
	return value ? memcpy(palloc(VARSIZE(value)), value, VARSIZE(value)) : NULL;
}

Jsonb *
cn_jsonb_empty_object(void)
{
	CnJsonbBuilder empty = {0};

	cn_build_begin_object(&empty);
	cn_build_end_object(&empty);
	return cn_build_done(&empty);
}

Jsonb *
cn_jsonb_truncated(int64 bytes)
{
	CnJsonbBuilder marker = {0};

	cn_build_begin_object(&marker);
	cn_build_key(&marker, "_truncated");
	cn_build_bool(&marker, true);
	cn_build_key(&marker, "bytes");
	cn_build_int(&marker, bytes);
	cn_build_end_object(&marker);
	return cn_build_done(&marker);
}
