/*
 * records.c -- the records in the reply of a page.
 *
 * Replies are large and records many, so nothing is copied until a record leaves: what is found
 * points into the reply.
 */
#include "postgres.h"

#include "catalog/pick.h"
#include "core/jsonb.h"
#include "core/seen.h"
#include "engine/records.h"

/* What records a child's record came from is in a member of this name. */
#define PARENT_KEY "_parent"

/* ---- fields ---- */

static bool
is_null(const JsonbValue *value)
{
	return value == NULL || value->type == jbvNull;
}

/* The root of a value; a scalar's, too. */
static JsonbValue *
root_value(Jsonb *value)
{
	JsonbValue *root = palloc(sizeof(JsonbValue));

	if (JB_ROOT_IS_SCALAR(value))
		return getIthJsonbValueFromContainer(&value->root, 0);
	root->type = jbvBinary;
	root->val.binary.data = &value->root;
	root->val.binary.len = VARSIZE(value) - VARHDRSZ;
	return root;
}

/*
 * The value at the names of a plain field; NULL: there is none.  *obstacle (may be NULL): what
 * stands where an object should be on the way, or NULL.
 */
static JsonbValue *
plain_member(const CnField *field, JsonbValue *value, JsonbValue **obstacle)
{
	if (obstacle)
		*obstacle = NULL;
	for (int i = 0; i < field->count && !is_null(value); i++)
	{
		if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		{
			if (obstacle)
				*obstacle = value;
			return NULL;
		}
		value = getKeyJsonValueFromContainer(value->val.binary.data, field->names[i],
											 strlen(field->names[i]), NULL);
	}
	return value;
}

JsonbValue *
cn_record_field(const CnField *field, const JsonbValue *record)
{
	JsonbValue *value = unconstify(JsonbValue *, record);

	if (field->path.text)
	{
		Jsonb	   *found = cn_path_pick(&field->path, JsonbValueToJsonb(value));

		value = found ? root_value(found) : NULL;
	}
	else
		value = plain_member(field, value, NULL);
	return is_null(value) ? NULL : value;
}

/* ---- records ---- */

static bool
is_array(const JsonbValue *value)
{
	return value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data);
}

static const char *
phrase_of(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return "a text";
		case jbvNumeric:
			return "a number";
		case jbvBool:
			return "true or false";
		case jbvNull:
			return "null";
		default:
			return is_array(value) ? "a list" : "an object";
	}
}

static void
set_list(CnRecords *records, const JsonbValue *list)
{
	records->found = *list;
	records->count = JsonContainerSize(list->val.binary.data);
}

/* By the server's path engine: all that it finds, without what is null. */
static void
find_by_path(const CnField *field, Jsonb *reply, CnRecords *records)
{
	Jsonb	   *items = cn_path_find(&field->path, reply, NULL);
	JsonbValue *first = NULL;

	if (JB_ROOT_COUNT(items) == 1)
		first = getIthJsonbValueFromContainer(&items->root, 0);
	if (first && first->type == jbvNull)
		return;
	if (first && !field->path.many && is_array(first))
		set_list(records, first);
	else
		set_list(records, root_value(items));
}

static void
find_plain(const CnField *field, JsonbValue *root, CnRecords *records, CnFailure *failure)
{
	JsonbValue *obstacle;
	JsonbValue *value = plain_member(field, root, &obstacle);

	if (!is_null(value) && is_array(value))
		set_list(records, value);
	else if (!is_null(value) && value->type == jbvBinary && !field->elements)
	{
		records->found = *value;
		records->single = true;
		records->count = 1;
	}
	else if (!is_null(value) || obstacle)
		cn_fail(failure, CN_BAD_RESPONSE, "the reply has %s where its records should be",
				phrase_of(obstacle ? obstacle : value));
}

bool
cn_records_find(const CnField *field, Jsonb *reply, CnRecords *records, CnFailure *failure)
{
	JsonbValue *root = root_value(reply);

	memset(records, 0, sizeof(*records));
	if (root->type != jbvBinary && root->type != jbvNull)
		cn_fail(failure, CN_BAD_RESPONSE, "the reply is %s, and not JSON that has records",
				phrase_of(root));
	else if (root->type == jbvNull)
		return true;
	else if (field->path.text)
		find_by_path(field, reply, records);
	else
		find_plain(field, root, records, failure);
	return failure->code == CN_OK;
}

JsonbValue *
cn_records_get(const CnRecords *records, int i)
{
	JsonbValue *value;

	if (!records->single)
		return getIthJsonbValueFromContainer(records->found.val.binary.data, i);
	value = palloc(sizeof(JsonbValue));
	*value = records->found;
	return value;
}

uint64
cn_records_digest(const CnRecords *records)
{
	if (records->count == 0)
		return 0;
	return cn_seen_digest(records->found.val.binary.data, records->found.val.binary.len);
}

/* ---- keys ---- */

bool
cn_record_key(const CnField *keys, int count, const JsonbValue *record, uint64 salt, uint64 *digest)
{
	uint64		hash = salt;

	for (int i = 0; i < count; i++)
	{
		JsonbValue *value = cn_record_field(&keys[i], record);

		if (value == NULL || value->type == jbvBinary)
			return false;
		JsonbHashScalarValueExtended(value, &hash, salt);
	}
	*digest = hash;
	return count > 0;
}

/* ---- as values ---- */

/* Push the members of an object. */
static void
push_members(CnJsonbBuilder *b, JsonbContainer *object)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	v;

	(void) JsonbIteratorNext(&it, &v, true);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_END_OBJECT)
		b->result = pushJsonbValue(&b->state, token, &v);
}

Jsonb *
cn_record_jsonb(const JsonbValue *record, Jsonb *note)
{
	CnJsonbBuilder b = {0};

	if (note == NULL || record->type != jbvBinary ||
		!JsonContainerIsObject(record->val.binary.data))
		return JsonbValueToJsonb(unconstify(JsonbValue *, record));
	cn_build_begin_object(&b);
	push_members(&b, record->val.binary.data);
	cn_build_key(&b, PARENT_KEY);
	cn_build_jsonb(&b, note);
	cn_build_end_object(&b);
	return cn_build_done(&b);
}
