/*
 * poll.c -- one poll of a trigger, from its lease to its end.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#include "core/behalf.h"
#include "core/clock.h"
#include "core/jsonb.h"
#include "core/testpoint.h"
#include "core/uuid.h"
#include "stats/counters.h"
#include "trigger/poll_internal.h"

/* Longer than the longest poll. */
#define LEASE_MS INT64CONST(900000)

/*
 * Streams are asked again for the last minute before their cursor: records with the same time may
 * come to be after one that was seen, and clocks of remotes' servers differ.
 */
#define OVERLAP_US INT64CONST(60000000)

CnPoll *
cn_poll_create(const CnTriggerId *id, const pg_uuid_t *lease, CnHttpMux *mux, MemoryContext context)
{
	CnPoll	   *poll = MemoryContextAllocZero(context, sizeof(CnPoll));

	poll->id = *id;
	poll->lease = *lease;
	poll->mux = mux;
	poll->context = context;
	poll->page_context = AllocSetContextCreate(context, "connector poll page", ALLOCSET_DEFAULT_SIZES);
	poll->started_us = cn_monotonic_us();
	poll->started_at = cn_now();
	poll->done.remembered = -1;
	cn_uuid_v7(&poll->execution);
	return poll;
}

bool
cn_poll_is_of(const CnPoll *poll, const CnTriggerId *id)
{
	return cn_uuid_equal(&poll->id.id, &id->id) &&
		cn_uuid_equal(&poll->id.workspace, &id->workspace);
}

bool
cn_poll_was_leased(const CnPoll *poll)
{
	return poll->done.leased;
}

/* ---- failures ---- */

static char *
keep(CnPoll *poll, const char *text)
{
	return text ? MemoryContextStrdup(poll->context, text) : NULL;
}

/* End with failure, which is copied. */
void
cn_poll_fail(CnPoll *poll, CnPollProgress *progress, const CnFailure *failure)
{
	progress->failure = *failure;
	progress->failure.message = keep(poll, failure->message);
	progress->failure.remote_message = keep(poll, failure->remote_message);
	progress->failure.detail = keep(poll, failure->detail);
	progress->failure.hint = keep(poll, failure->hint);
	progress->state = CN_POLL_STATE_END;
}

void
cn_poll_break(CnPoll *poll, const char *message)
{
	CnFailure	failure = {CN_OK};

	/* That cannot be written down either: it can when the row is free, or the disk has room. */
	if (poll->done.state == CN_POLL_STATE_END)
	{
		if (cn_monotonic_us() > poll->started_us + LEASE_MS * 1000)
			poll->done.state = CN_POLL_STATE_OVER;
		return;
	}
	cn_fail(&failure, CN_INTERNAL, "%s", message);
	cn_poll_fail(poll, &poll->done, &failure);
}

/* ---- OPEN ---- */

bool
cn_poll_is_priming(const CnPoll *poll)
{
	return poll->row.from_now && !poll->row.primed;
}

/* Why it may not run any more; NULL: it may. */
static char *
why_forbidden(const CnTrigger *row)
{
	if (!OidIsValid(get_role_oid(row->run_as, true)))
		return psprintf("role \"%s\" does not exist any more", row->run_as);
	if ((int) cn_behalf_role(row->identity, &row->id.workspace) < (int) CN_RIGHT_EXECUTE)
		return psprintf("%s may not execute in this workspace any more", row->identity);
	return NULL;
}

bool
cn_poll_check_rights(CnPoll *poll, CnPollProgress *next)
{
	char	   *reason = why_forbidden(&poll->row);
	CnFailure	failure = {CN_OK};

	if (reason == NULL)
		return true;
	cn_fail(&failure, CN_PERMISSION_DENIED, "%s", reason);
	failure.hint = "Whoever enables it with connector_trigger_enable() lends it their rights.";
	cn_poll_fail(poll, next, &failure);
	next->forbidden = true;
	return false;
}

/* Where the stream is to begin.  A first poll need not see what is told to be old by its time. */
static CnJson *
choose_bound(CnPoll *poll, CnPollProgress *next)
{
	const CnStream *stream = poll->plan->source->stream;
	const CnTriggerPlan *plan = poll->plan;
	bool		first = !poll->row.primed && poll->row.cursor == NULL && poll->row.from_now;
	TimestampTz at;

	if (first && next->known_since == DT_NOBEGIN && plan->created.text)
		next->known_since = poll->started_at - CN_POLL_FIRST_LOOK_US;
	if (first && cn_poll_is_bounded(stream) && (plan->updated || plan->created.text))
		return cn_poll_moment_text(poll->started_at - CN_POLL_FIRST_LOOK_US);
	if (poll->row.cursor == NULL)
		return NULL;
	if (cn_poll_cursor_moment(stream, cn_json_from_jsonb(poll->row.cursor), &at))
		return cn_poll_moment_text(at - OVERLAP_US);
	return cn_json_from_jsonb(poll->row.cursor);
}

static CnRenewal
renew(CnExecution *execution, int i, CnRenewReason reason, CnFailure *failure, void *arg)
{
	CnPoll	   *poll = arg;

	poll->woken = true;
	return cn_stream_source_renew(poll->plan->source, i, reason, false, failure);
}

static void
wake(void *arg)
{
	((CnPoll *) arg)->woken = true;
}

static void
begin_walk(CnPoll *poll, CnPollProgress *next)
{
	CnStreamSource *source = poll->plan->source;
	CnWalkInput input = {
		.workspace = poll->id.workspace,
		.id = &poll->execution,
		.stream = source->stream,
		.credentials = source->credentials,
		.limits = source->limits,
		.max_pages = (int64) cn_trigger_max_pages + 1,
		.mux = poll->mux,
		.cursor = source->stream->bound_input != NULL,
		.renew = renew,
		.wake = wake,
		.arg = poll,
	};

	poll->bound = choose_bound(poll, next);
	input.input = cn_trigger_input(poll->plan, cn_json_from_jsonb(poll->row.input), poll->bound);
	poll->walk = cn_walk_begin(&input, poll->context);
	poll->woken = true;
	next->state = CN_POLL_STATE_WALK;
}

/* Else all that is remembered would come again as new. */
static bool
is_told_as_before(const CnPoll *poll, CnFailure *failure)
{
	pg_uuid_t	told_by;

	cn_trigger_told_by(poll->plan, &told_by);
	if (cn_uuid_equal(&told_by, &poll->row.told_by))
		return true;
	cn_fail(failure, CN_CONFIG_INVALID,
			"provider \"%s\" tells records apart in another way than when the trigger was set",
			poll->row.names.provider);
	failure->hint = "Call connector_trigger_set() once more: it begins anew.";
	return false;
}

static void
open_poll(CnPoll *poll, CnPollProgress *next)
{
	CnFailure	failure = {CN_OK};

	next->state = CN_POLL_STATE_OVER;
	if (!cn_trigger_lease(&poll->id, &poll->lease, LEASE_MS, &poll->row, poll->context))
		return;
	next->leased = true;
	next->primed = poll->row.primed;
	next->known_since = poll->row.known_since;
	next->cursor = poll->row.cursor;
	if (!cn_poll_check_rights(poll, next))
		return;
	if (!poll->row.connector_enabled)
	{
		cn_fail(&failure, CN_CONFIG_INVALID, "connector \"%s\" is disabled", poll->row.connector_name);
		failure.hint = "Set connectors.enabled to true.";
		cn_poll_fail(poll, next, &failure);
		return;
	}
	poll->plan = cn_trigger_plan(&poll->id.workspace, poll->row.identity, &poll->row.names,
								 poll->context, &failure);
	if (poll->plan == NULL || !is_told_as_before(poll, &failure))
		cn_poll_fail(poll, next, &failure);
	else
		begin_walk(poll, next);
}

/* ---- WALK ---- */

static void
take_page(CnPoll *poll)
{
	CnPollProgress   *done = &poll->done;

	MemoryContextReset(poll->page_context);
	MemoryContextSwitchTo(poll->page_context);
	switch (cn_walk_next_page(poll->walk, &poll->page))
	{
		case CN_WALK_RECORD:
			poll->woken = true;
			if (cn_walk_counts(poll->walk).pages > cn_trigger_max_pages)
				done->stop = CN_POLL_STOP_ENOUGH;
			done->state = done->stop ? CN_POLL_STATE_END : CN_POLL_STATE_PAGE;
			break;
		case CN_WALK_WAIT:
			break;
		case CN_WALK_END:
			done->state = CN_POLL_STATE_END;
			break;
		case CN_WALK_FAILED:
			cn_poll_fail(poll, done, cn_walk_failure(poll->walk));
			break;
	}
}

CnPollNeed
cn_poll_step(CnPoll *poll)
{
	MemoryContext old = CurrentMemoryContext;

	if (poll->done.state == CN_POLL_STATE_WALK && poll->plan->source->stale)
		poll->done.state = CN_POLL_STATE_REFRESH;
	else if (poll->done.state == CN_POLL_STATE_WALK &&
			 cn_monotonic_us() > poll->started_us + CN_POLL_LONGEST_US)
	{
		poll->done.stop = CN_POLL_STOP_TIME;
		poll->done.state = CN_POLL_STATE_END;
	}
	else if (poll->done.state == CN_POLL_STATE_WALK && poll->woken)
	{
		poll->woken = false;
		take_page(poll);
	}
	MemoryContextSwitchTo(old);
	if (poll->done.state == CN_POLL_STATE_OVER)
		return CN_POLL_OVER;
	return poll->done.state == CN_POLL_STATE_WALK ? CN_POLL_WAIT : CN_POLL_WRITE;
}

/* ---- transactions ---- */

/* A poll that was broken before it had its lease takes it to say so. */
static bool
hold(CnPoll *poll, CnPollProgress *next)
{
	if (next->leased)
		return cn_trigger_hold(&poll->id, &poll->lease);
	if (!cn_trigger_lease(&poll->id, &poll->lease, LEASE_MS, &poll->row, poll->context))
		return false;
	next->primed = poll->row.primed;
	next->known_since = poll->row.known_since;
	next->cursor = poll->row.cursor;
	return true;
}

void
cn_poll_write(void *arg)
{
	CnPoll	   *poll = arg;
	CnPollProgress   *next = &poll->pending;

	*next = poll->done;
	switch (poll->done.state)
	{
		case CN_POLL_STATE_OPEN:
			open_poll(poll, next);
			break;
		case CN_POLL_STATE_REFRESH:
			cn_stream_source_refresh(poll->plan->source);
			next->state = CN_POLL_STATE_WALK;
			break;
		case CN_POLL_STATE_PAGE:
			/* it may have been replaced, disabled or removed */
			if (!hold(poll, next))
				next->state = CN_POLL_STATE_OVER;
			else
				cn_poll_record_page(poll, next);
			break;
		case CN_POLL_STATE_END:
			if (hold(poll, next))
				cn_poll_end(poll, next);
			next->state = CN_POLL_STATE_OVER;
			break;
		case CN_POLL_STATE_WALK:
		case CN_POLL_STATE_OVER:
			break;
	}
}

void
cn_poll_abandon(void *arg)
{
	CnPoll	   *poll = arg;

	poll->pending = poll->done;
	poll->pending.state = CN_POLL_STATE_OVER;
	if (poll->done.leased)
		cn_trigger_release(&poll->lease, &poll->id);
}

void
cn_poll_committed(CnPoll *poll)
{
	bool		opened = poll->done.state == CN_POLL_STATE_OPEN && poll->pending.leased;
	bool		recorded = poll->done.state == CN_POLL_STATE_PAGE;

	if (poll->done.state == CN_POLL_STATE_END && poll->pending.noted)
		cn_counters_poll(poll->pending.failure.code);
	if (recorded && poll->pending.started > poll->done.started)
		cn_counters_event(CN_EVENT_POLL_STARTED, poll->pending.started - poll->done.started);
	poll->done = poll->pending;
	poll->woken = true;
	if (opened)
		CN_TEST_POINT("poll-leased");
	if (recorded)
		CN_TEST_POINT("poll-committed");
}
