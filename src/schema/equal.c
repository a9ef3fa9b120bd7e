/*
 * equal.c -- hashes of JSON values by which equal ones find each other.  Pure.
 *
 * Equal is what cn_json_equal says: numbers by value, objects in any order.
 */
#include "core/pure.h"

#include "common/hashfn.h"

#include "core/decimal.h"
#include "schema/schema_tree.h"

static uint64 hash_number(const CnJson *value);

static uint64
hash_text(const char *text, int len, uint64 seed)
{
	return hash_bytes_extended((const unsigned char *) text, len, seed);
}

/* Both, in this order, well stirred. */
static uint64
mix(uint64 hash, uint64 other)
{
	hash = (hash ^ (other + UINT64CONST(0x9E3779B97F4A7C15) + (hash << 6))) *
		UINT64CONST(0xBF58476D1CE4E5B9);
	hash = (hash ^ (hash >> 31)) * UINT64CONST(0x94D049BB133111EB);
	return hash ^ (hash >> 29);
}

uint64
schema_hash(const CnJson *value, int64 *work)
{
	uint64		hash = value->type + 1;

	*work += 1;
	switch (value->type)
	{
		case CN_JSON_NULL:
			break;
		case CN_JSON_BOOL:
			hash += 64 * value->boolean;
			break;
		case CN_JSON_NUMBER:
			*work += value->len / 16;
			return hash_number(value);
		case CN_JSON_STRING:
			*work += value->len / 16;
			return hash_text(value->u.text, value->len, hash);
		case CN_JSON_ARRAY:
			for (int i = 0; i < value->len; i++)
				hash = mix(hash, schema_hash(value->u.items[i], work));
			break;
		case CN_JSON_OBJECT:
			for (int i = 0; i < value->len; i++)
			{
				const CnJsonMember *member = &value->u.members[i];

				hash += mix(hash_text(member->key, member->key_len, 1),
							schema_hash(member->value, work));
			}
			break;
	}
	return mix(hash, value->type);
}

static uint64
hash_number(const CnJson *value)
{
	CnDecimal	decimal;

	cn_decimal_read(value->u.text, value->len, &decimal);
	return mix(hash_text(decimal.digits, decimal.ndigits, decimal.negative ? 3 : 2),
			   (uint64) decimal.exponent);
}

/* Roughly what comparing value costs, counted no further than stop. */
int64
schema_weight(const CnJson *value, int64 stop)
{
	int64		weight = 1 + (value->type == CN_JSON_STRING || value->type == CN_JSON_NUMBER
							  ? value->len / 16 : 0);

	if (value->type == CN_JSON_ARRAY)
		for (int i = 0; i < value->len && weight < stop; i++)
			weight += schema_weight(value->u.items[i], stop - weight);
	if (value->type == CN_JSON_OBJECT)
		for (int i = 0; i < value->len && weight < stop; i++)
			weight += schema_weight(value->u.members[i].value, stop - weight);
	return weight;
}

int
schema_compare_hashed(const void *left, const void *right)
{
	const HashedValue *a = (const HashedValue *) left;
	const HashedValue *b = (const HashedValue *) right;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return (a->index > b->index) - (a->index < b->index);
}
