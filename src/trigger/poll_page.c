/*
 * poll_page.c -- a page of a poll: executions are queued, and the records they are for remembered.
 *
 * Both in one transaction.  The cursor moves with them where the stream is in ascending order; else
 * at the end of the walk, and what was started before that is told by what is remembered.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "core/clock.h"
#include "core/jsonb.h"
#include "core/testpoint.h"
#include "core/uuid.h"
#include "queue/enqueue.h"
#include "trigger/memory.h"
#include "trigger/poll_internal.h"

/* What the connector is given. */
static Jsonb *
make_input(const CnPoll *poll, Jsonb *record)
{
	const CnTriggerPlan *plan = poll->plan;
	CnJsonbBuilder b = {0};

	cn_build_begin_object(&b);
	cn_build_key(&b, "record");
	cn_build_jsonb(&b, record);
	cn_build_key(&b, "trigger");
	cn_build_begin_object(&b);
	cn_build_key(&b, "name");
	cn_build_string(&b, poll->row.name);
	cn_build_key(&b, "provider");
	cn_build_string(&b, plan->source->stream->provider);
	cn_build_key(&b, "stream");
	cn_build_string(&b, plan->source->stream->name);
	cn_build_key(&b, "event");
	cn_build_string(&b, plan->updated ? "updated" : "created");
	cn_build_end_object(&b);
	cn_build_end_object(&b);
	return cn_build_done(&b);
}

/* "<trigger>:<key>", and ":<version>" if it has one. */
static char *
make_key(const CnPoll *poll, const CnNews *news)
{
	char		trigger[CN_UUID_TEXT_LEN + 1];
	char		key[CN_UUID_TEXT_LEN + 1];
	char		version[CN_UUID_TEXT_LEN + 1];

	cn_uuid_text(&poll->id.id, trigger);
	cn_uuid_text(&news->key, key);
	if (cn_uuid_is_zero(&news->version))
		return psprintf("%s:%s", trigger, key);
	return psprintf("%s:%s:%s", trigger, key, cn_uuid_text(&news->version, version));
}

static void
start_one(CnPoll *poll, CnEnqueue *queue, const CnNews *news, pg_uuid_t *id)
{
	CnQueueEntry entry = {
		.lane = {.workspace = poll->id.workspace,.connector = poll->row.connector,
			.priority = poll->row.priority},
		.attempt = 1,
		.trigger = "poll",
		.idempotency_key = make_key(poll, news),
		.input = make_input(poll, news->record),
	};

	cn_enqueue_id(0, &entry.id);
	cn_enqueue_add(queue, &entry);
	*id = entry.id;
}

static CnNews *
describe_page(CnPoll *poll, TimestampTz known_since)
{
	CnNews	   *list = palloc0(sizeof(CnNews) * (poll->page.count + 1));

	for (int i = 0; i < poll->page.count; i++)
	{
		list[i].record = poll->page.records[i];
		cn_news_describe(&list[i], poll->plan, known_since);
	}
	return list;
}

bool
cn_poll_may_forget_many(const CnPoll *poll)
{
	return poll->plan->updated && poll->plan->source->stream->bound_input != NULL;
}

/* Count what the page adds; false and the poll's failure if that is too much. */
static bool
check_memory(CnPoll *poll, CnPollProgress *next, int64 added)
{
	CnFailure	failure = {CN_OK};

	if (added == 0)
		return true;
	if (next->remembered < 0)
		next->remembered = cn_memory_count(&poll->id);
	next->remembered += added;
	if (next->remembered <= cn_trigger_max_keys || cn_poll_may_forget_many(poll))
		return true;
	cn_fail(&failure, CN_LIMIT_EXCEEDED, "more than %d records would have to be remembered",
			cn_trigger_max_keys);
	failure.hint = "Let the trigger's input select fewer, or raise connector.trigger_max_keys.";
	cn_poll_fail(poll, next, &failure);
	return false;
}

static int64
count_fresh(const CnNews *list, int count)
{
	int64		fresh = 0;

	for (int i = 0; i < count; i++)
		fresh += list[i].fresh;
	return fresh;
}

/* How many executions the page may start. */
static int64
find_room(CnPoll *poll, CnPollProgress *next)
{
	int64		queued;
	int64		room;

	if (cn_poll_is_priming(poll))
		return PG_INT64_MAX;
	queued = cn_trigger_queued(&poll->id.workspace, &poll->row.connector, cn_trigger_max_queued);
	room = Min(cn_trigger_max_queued - queued, cn_trigger_max_started - next->started);
	return Max(room, 0);
}

/* Start the first of what is fresh, and remember it. */
static void
start_fresh(CnPoll *poll, const CnNews *list, CnMemory *memory, int64 count, pg_uuid_t *last)
{
	CnEnqueue	queue = {
		.context = CurrentMemoryContext,.now = cn_now(),.identity = poll->row.identity
	};

	namestrcpy(&queue.run_as, poll->row.run_as);
	for (int i = 0; count > 0; i++)
	{
		if (!list[i].fresh)
			continue;
		if (!cn_poll_is_priming(poll))
			start_one(poll, &queue, &list[i], last);
		cn_memory_add(memory, &list[i]);
		count--;
	}
	cn_enqueue_flush(&queue);
}

static void
note_progress(CnPoll *poll, const CnPollProgress *next, int64 started, const pg_uuid_t *last)
{
	CnTriggerNote note = {
		.primed = next->primed,
		.known_since = next->known_since,
		.cursor = next->cursor,
		.failures = poll->row.failures,
		.started = started,
		.last_execution = *last,
	};

	cn_trigger_note(&poll->id, &note);
}

void
cn_poll_record_page(CnPoll *poll, CnPollProgress *next)
{
	CnNews	   *list;
	CnMemory   *memory;
	pg_uuid_t	last = {{0}};
	int64		fresh;
	int64		started;

	next->state = CN_POLL_STATE_WALK;
	if (!cn_poll_check_rights(poll, next))
		return;
	list = describe_page(poll, next->known_since);
	memory = cn_memory_compare(&poll->id, list, poll->page.count);
	fresh = count_fresh(list, poll->page.count);
	started = Min(fresh, find_room(poll, next));
	if (!check_memory(poll, next, started))
		return;
	start_fresh(poll, list, memory, started, &last);
	cn_memory_write(memory);
	if (!cn_poll_is_priming(poll))
		next->started += started;
	if (started == fresh)
		cn_poll_move_cursor(poll, next);
	else
	{
		next->stop = next->started >= cn_trigger_max_started ? CN_POLL_STOP_ENOUGH
			: CN_POLL_STOP_QUEUE;
		next->state = CN_POLL_STATE_END;
	}
	note_progress(poll, next, cn_poll_is_priming(poll) ? 0 : started, &last);
	CN_TEST_POINT("poll-started");
}
