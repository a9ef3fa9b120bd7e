/*
 * poll_end.c -- the end of a poll: what came of it, and when the trigger is polled again.
 */
#include "postgres.h"

#include "common/pg_prng.h"

#include "core/clock.h"
#include "core/jsonb.h"
#include "stats/stats.h"
#include "trigger/memory.h"
#include "trigger/poll_internal.h"

/* Back-off after failures, doubled each time; seconds. */
#define FIRST_BACKOFF_S 30
#define LONGEST_BACKOFF_S 3600

static TimestampTz
back_off(int failures)
{
	double		seconds = Min((double) FIRST_BACKOFF_S * (INT64CONST(1) << Min(failures - 1, 12)),
							  LONGEST_BACKOFF_S);

	seconds *= 0.5 + 0.5 * pg_prng_double(&pg_global_prng_state);
	return cn_now() + (TimestampTz) (seconds * USECS_PER_SEC);
}

static void
note_failure(const CnPoll *poll, const CnPollProgress *next, CnTriggerNote *note)
{
	const CnFailure *failure = &next->failure;
	const CnCodeInfo *info = cn_code_info(failure->code);

	note->code = info->name;
	note->error = cn_failure_text(failure);
	note->hint = failure->hint ? failure->hint : info->hint;
	note->stop = next->forbidden;
	note->failures = poll->row.failures + 1;
	note->next_poll_at = back_off(note->failures);
}

static void
note_credentials(const CnPoll *poll)
{
	static const pg_uuid_t none = {{0}};
	const CnStreamSource *source = poll->plan->source;

	for (int i = 0; i < source->stream->definition->credential_count; i++)
		if (source->credentials[i].opened)
			cn_stats_used(&poll->id.workspace, &none, &source->credentials[i].opened->id, cn_now());
}

/* Looking through all that is remembered takes time: once in an hour will do. */
static bool
is_time_to_forget(const CnPoll *poll, const CnPollProgress *next)
{
	TimestampTz last = poll->row.last_poll_at;

	return last == DT_NOBEGIN || last / USECS_PER_HOUR != poll->started_at / USECS_PER_HOUR ||
		next->remembered > cn_trigger_max_keys;
}

/*
 * The stream was walked to its end, so what is still there was seen now, or is below the cursor.
 * What has not been seen for long is forgotten, if nothing can take it for new then: what has no
 * bound would have come again, what has changed has another version, and what is created is told
 * by its time.
 */
static void
forget(CnPoll *poll, CnPollProgress *next)
{
	const CnTriggerPlan *plan = poll->plan;
	TimestampTz before = poll->started_at - (int64) cn_trigger_retention * USECS_PER_MINUTE;
	int64		most;

	if ((plan->source->stream->bound_input && !plan->updated && plan->created.text == NULL) ||
		!is_time_to_forget(poll, next))
		return;
	most = cn_poll_may_forget_many(poll) ? cn_trigger_max_keys : 0;
	if (cn_memory_forget(&poll->id, before, most) > 0 && !plan->updated && plan->created.text)
		next->known_since = Max(next->known_since, before - CN_POLL_FIRST_LOOK_US);
}

/* All was seen that there is. */
static void
complete(CnPoll *poll, CnPollProgress *next)
{
	next->primed = true;
	cn_poll_move_cursor(poll, next);
	if (next->cursor == NULL && poll->bound)
	{
		MemoryContext old = MemoryContextSwitchTo(poll->context);

		next->cursor = cn_jsonb_from_json(poll->bound);
		MemoryContextSwitchTo(old);
	}
	forget(poll, next);
}

/* It was stopped: it goes on later, unless it would only do the same again. */
static bool
judge_stop(CnPoll *poll, CnPollProgress *next, CnTriggerNote *note)
{
	CnFailure	failure = {CN_OK};

	if (next->stop == CN_POLL_STOP_QUEUE)
	{
		note->code = cn_code_info(CN_LIMIT_EXCEEDED)->name;
		note->error = psprintf("%d or more executions of connector \"%s\" wait in the queue",
							   cn_trigger_max_queued, poll->row.connector_name);
		note->hint = "It goes on when they have become fewer.";
		return true;
	}
	if (next->moved || next->started > 0)
	{
		if (next->moved)
			note->next_poll_at = cn_now();
		return true;
	}
	if (next->stop == CN_POLL_STOP_TIME)
		cn_fail(&failure, CN_TIMEOUT, "the poll took longer than %d minutes",
				(int) (CN_POLL_LONGEST_US / USECS_PER_MINUTE));
	else
		cn_fail(&failure, CN_LIMIT_EXCEEDED, "the stream has more than %d pages", cn_trigger_max_pages);
	failure.hint = "What is behind them was not looked at. Let the trigger's input select less, or raise connector.trigger_max_pages.";
	cn_poll_fail(poll, next, &failure);
	return false;
}

void
cn_poll_end(CnPoll *poll, CnPollProgress *next)
{
	CnTriggerNote note = {
		.over = true,
		.next_poll_at = cn_now() + (int64) poll->row.interval * USECS_PER_SEC,
	};

	next->state = CN_POLL_STATE_OVER;
	if (next->failure.code == CN_OK && next->stop == CN_POLL_STOP_NOT)
		complete(poll, next);
	else if (next->failure.code == CN_OK)
		(void) judge_stop(poll, next, &note);
	if (next->failure.code != CN_OK)
		note_failure(poll, next, &note);
	if (poll->plan)
		note_credentials(poll);
	next->state = CN_POLL_STATE_OVER;
	note.primed = next->primed;
	note.known_since = next->known_since;
	note.cursor = next->cursor;
	cn_trigger_note(&poll->id, &note);
	next->noted = true;
}
