/*
 * json_members.c -- JSON objects and arrays that grow member by member.  Pure.
 */
#include "core/json_members.h"

static CnJsonMember *
find(const CnJsonMembers *object, const char *key)
{
	for (int i = 0; i < object->count; i++)
		if (strcmp(object->list[i].key, key) == 0)
			return &object->list[i];
	return NULL;
}

static CnJsonMember *
new_member(CnJsonMembers *object)
{
	if (object->list == NULL)
	{
		object->capacity = 8;
		object->list = palloc(sizeof(CnJsonMember) * object->capacity);
	}
	else if (object->count == object->capacity)
	{
		object->capacity *= 2;
		object->list = repalloc(object->list, sizeof(CnJsonMember) * object->capacity);
	}
	return &object->list[object->count++];
}

void
cn_json_add(CnJsonMembers *object, const char *key, const CnJson *value)
{
	CnJsonMember *member;

	if (value == NULL)
		return;
	member = find(object, key);
	if (member == NULL)
		member = new_member(object);
	member->key = key;
	member->key_len = strlen(key);
	member->value = unconstify(CnJson *, value);
}

void
cn_json_add_text(CnJsonMembers *object, const char *key, const char *text)
{
	if (text)
		cn_json_add(object, key, cn_json_string(text, -1));
}

const CnJson *
cn_json_added(const CnJsonMembers *object, const char *key)
{
	const CnJsonMember *member = find(object, key);

	return member ? member->value : NULL;
}

void
cn_json_append(CnJsonItems *array, const CnJson *value)
{
	if (array->list == NULL)
	{
		array->capacity = 8;
		array->list = palloc(sizeof(CnJson *) * array->capacity);
	}
	else if (array->count == array->capacity)
	{
		array->capacity *= 2;
		array->list = repalloc(array->list, sizeof(CnJson *) * array->capacity);
	}
	array->list[array->count++] = unconstify(CnJson *, value);
}

CnJson *
cn_json_members(const CnJsonMembers *object)
{
	return cn_json_object(object->list, object->count);
}

CnJson *
cn_json_items(const CnJsonItems *array)
{
	return cn_json_array(array->list, array->count);
}
