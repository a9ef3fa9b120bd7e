/*
 * retry_point.c -- where a failed execution goes on when it is tried again.
 *
 * A checkpoint (docs/internals/engine.md) has a record of each step that was over, the one
 * that failed among them, which would end the next run as it ended this one.  So it is taken
 * out, with what it shared a group with and did not succeed, and all that was begun or in
 * doubt: whoever tries again wants it sent.  Failures that were passed over stay.
 *
 * Where a request of an earlier run may have taken effect, the remote must get the idempotency
 * key it got then, or it could not know that this is the same request; and with the same key
 * the same body, which may hold the time of the start.  Both are kept through
 * further failures.
 *
 * What cannot be read counts as nothing.
 */
#include "postgres.h"

#include "core/jsonb.h"
#include "core/uuid.h"
#include "queue/retry_point.h"

static JsonbValue *
member(JsonbContainer *object, const char *key, JsonbValue *buffer)
{
	return getKeyJsonValueFromContainer(object, key, strlen(key), buffer);
}

/* The member's container if it is an array, else NULL. */
static JsonbContainer *
member_array(JsonbContainer *object, const char *key)
{
	JsonbValue	buffer;
	JsonbValue *found = member(object, key, &buffer);

	if (found && found->type == jbvBinary && JsonContainerIsArray(found->val.binary.data))
		return found->val.binary.data;
	return NULL;
}

static bool
member_is(JsonbContainer *object, const char *key, const char *text)
{
	JsonbValue	buffer;
	JsonbValue *found = text ? member(object, key, &buffer) : NULL;

	return found && found->type == jbvString && found->val.string.len == strlen(text) &&
		memcmp(found->val.string.val, text, found->val.string.len) == 0;
}

/* The i-th record; NULL if it is none. */
static JsonbContainer *
record_at(JsonbContainer *steps, int i)
{
	JsonbValue *record = getIthJsonbValueFromContainer(steps, i);

	if (record->type != jbvBinary || !JsonContainerIsObject(record->val.binary.data))
		return NULL;
	return record->val.binary.data;
}

/* The group that the failed step is in; NULL: none. */
static char *
group_of(JsonbContainer *steps, const char *failed_step)
{
	for (int i = 0; i < JsonContainerSize(steps); i++)
	{
		JsonbContainer *record = record_at(steps, i);
		JsonbValue	buffer;
		JsonbValue *group;

		if (record == NULL || !member_is(record, "id", failed_step))
			continue;
		group = member(record, "group", &buffer);
		if (group && group->type == jbvString)
			return pnstrdup(group->val.string.val, group->val.string.len);
	}
	return NULL;
}

static bool
is_done(JsonbContainer *record, const char *failed_step, const char *group)
{
	JsonbValue	buffer;

	if (member(record, "id", &buffer) == NULL)
		return false;
	if (member_is(record, "id", failed_step) || member_is(record, "id", group))
		return false;
	if (member_is(record, "status", "success") || member_is(record, "status", "skipped"))
		return true;
	return member_is(record, "status", "failed") && !member_is(record, "group", group);
}

/* Element "steps": the records that count. */
static void
build_steps(CnJsonbBuilder *b, JsonbContainer *steps, const char *failed_step)
{
	char	   *group = steps ? group_of(steps, failed_step) : NULL;

	cn_build_key(b, "steps");
	cn_build_begin_array(b);
	for (int i = 0; steps && i < JsonContainerSize(steps); i++)
	{
		JsonbContainer *record = record_at(steps, i);

		if (record && is_done(record, failed_step, group))
			cn_build_jsonb(b, JsonbValueToJsonb(getIthJsonbValueFromContainer(steps, i)));
	}
	cn_build_end_array(b);
}

/* Whose idempotency keys are to be sent; NULL: the new execution's own. */
static char *
key_id_of(const CnFailedRun *failed, JsonbContainer *checkpoint)
{
	char		text[CN_UUID_TEXT_LEN + 1];
	JsonbValue	buffer;
	JsonbValue *found = checkpoint ? member(checkpoint, "key_id", &buffer) : NULL;

	if (found && found->type == jbvString)
	{
		char	   *kept = pnstrdup(found->val.string.val, found->val.string.len);
		pg_uuid_t	id;

		if (cn_uuid_parse(kept, &id))
			return kept;
	}
	return failed->in_doubt ? pstrdup(cn_uuid_text(&failed->id, text)) : NULL;
}

/* With its own keys an execution starts now; else when the one did that they are of. */
static void
build_start(CnJsonbBuilder *b, JsonbContainer *checkpoint, const char *key_id, TimestampTz now)
{
	JsonbValue	buffer;
	JsonbValue *found = checkpoint && key_id ? member(checkpoint, "started_at", &buffer) : NULL;

	cn_build_key(b, "started_at");
	if (found && found->type == jbvNumeric)
		cn_build_jsonb(b, JsonbValueToJsonb(found));
	else
		cn_build_int(b, now);
	if (key_id == NULL)
		return;
	cn_build_key(b, "key_id");
	cn_build_string(b, key_id);
}

Jsonb *
cn_retry_point(const CnFailedRun *failed, bool from_start, TimestampTz now)
{
	bool		readable = failed->checkpoint && JB_ROOT_IS_OBJECT(failed->checkpoint);
	JsonbContainer *checkpoint = readable ? &failed->checkpoint->root : NULL;
	JsonbContainer *steps = checkpoint ? member_array(checkpoint, "steps") : NULL;
	char	   *key_id = key_id_of(failed, checkpoint);
	CnJsonbBuilder b = {0};

	if (from_start)
		steps = NULL;
	if (steps == NULL && key_id == NULL)
		return NULL;
	cn_build_begin_object(&b);
	cn_build_key(&b, "version");
	cn_build_int(&b, 1);
	build_start(&b, checkpoint, key_id, now);
	build_steps(&b, steps, failed->failed_step);
	cn_build_end_object(&b);
	return cn_build_done(&b);
}
