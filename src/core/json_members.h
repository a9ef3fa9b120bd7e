/*
 * json_members.h -- JSON objects and arrays that grow member by member.  Pure.
 *
 *	CnJsonMembers object = {0};
 *
 *	cn_json_add(&object, "name", cn_json_string(name, -1));
 *	value = cn_json_members(&object);
 */
#ifndef CN_CORE_JSON_MEMBERS_H
#define CN_CORE_JSON_MEMBERS_H

#include "core/json.h"

typedef struct CnJsonMembers
{
	CnJsonMember *list;
	int			count;
	int			capacity;
} CnJsonMembers;

typedef struct CnJsonItems
{
	CnJson	  **list;
	int			count;
	int			capacity;
} CnJsonItems;

/* Add a member, or replace the one of that key.  NULL value: none.  key is not copied. */
extern void cn_json_add(CnJsonMembers *object, const char *key, const CnJson *value);
extern void cn_json_add_text(CnJsonMembers *object, const char *key, const char *text);

/* The value under key so far, or NULL. */
extern const CnJson *cn_json_added(const CnJsonMembers *object, const char *key);

extern void cn_json_append(CnJsonItems *array, const CnJson *value);

/* What was built so far. */
extern CnJson *cn_json_members(const CnJsonMembers *object);
extern CnJson *cn_json_items(const CnJsonItems *array);

#endif							/* CN_CORE_JSON_MEMBERS_H */
