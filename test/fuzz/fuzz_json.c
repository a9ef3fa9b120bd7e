/*
 * fuzz_json.c -- src/core: checker, parser, writer.
 *
 * The first byte chooses the limits, the rest is the document.
 */
#include "core/json.h"
#include "core/utf8.h"
#include "fuzz.h"
#include "shim.h"

/* Every string below value is UTF-8 without NUL, every key unique and found. */
static void
check_tree(const CnJson *value, int depth, int max_depth)
{
	int			i;

	switch (value->type)
	{
		case CN_JSON_STRING:
			require(cn_utf8_valid(value->u.text, value->len, NULL));
			require(value->u.text[value->len] == '\0');
			break;
		case CN_JSON_NUMBER:
			require(cn_json_check(value->u.text, value->len, NULL, NULL));
			break;
		case CN_JSON_ARRAY:
			require(depth < max_depth);
			for (i = 0; i < value->len; i++)
				check_tree(value->u.items[i], depth + 1, max_depth);
			break;
		case CN_JSON_OBJECT:
			require(depth < max_depth);
			for (i = 0; i < value->len; i++)
			{
				require(cn_utf8_valid(value->u.members[i].key, value->u.members[i].key_len, NULL));
				require(cn_json_get(value, value->u.members[i].key) == value->u.members[i].value);
				check_tree(value->u.members[i].value, depth + 1, max_depth);
			}
			break;
		default:
			break;
	}
}

static void
check_written(const CnJson *value, const CnJsonLimits *limits)
{
	StringInfoData first;
	StringInfoData second;
	CnJson	   *again;
	int64		size;

	initStringInfo(&first);
	cn_json_write(&first, value);
	size = cn_json_size(value, PG_INT64_MAX);
	require(size == first.len);
	require(size == 0 || cn_json_size(value, size / 2) > size / 2);

	again = cn_json_parse(first.data, first.len, limits, NULL);
	require(again != NULL);
	require(cn_json_equal(value, again) && cn_json_equal(again, value));
	initStringInfo(&second);
	cn_json_write(&second, again);
	require(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CnJsonLimits limits = {0, 0};
	CnJsonError check_error;
	CnJsonError parse_error;
	char	   *text;
	bool		taken;
	CnJson	   *value;

	if (size < 1)
		return 0;
	limits.max_depth = data[0] & 7;
	limits.max_values = data[0] >> 4;
	text = fuzz_copy(data + 1, size - 1);

	taken = cn_json_check(text, size - 1, &limits, &check_error);
	value = cn_json_parse(text, size - 1, &limits, &parse_error);
	require(taken == (value != NULL));
	require(check_error.kind == parse_error.kind && check_error.offset == parse_error.offset);
	require(taken == (check_error.kind == CN_JSON_OK));
	require(taken || (check_error.message != NULL && check_error.offset >= 0 &&
					  check_error.offset <= size - 1));
	if (taken)
	{
		check_tree(value, 0, limits.max_depth == 0 ? CN_JSON_DEPTH_DEFAULT : limits.max_depth);
		limits.max_values = 0;
		check_written(value, &limits);
	}
	shim_reset();
	return 0;
}
