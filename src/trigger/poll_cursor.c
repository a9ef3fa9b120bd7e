/*
 * poll_cursor.c -- where the stream of a trigger goes on.
 */
#include "postgres.h"

#include "catalog/incremental.h"
#include "core/jsonb.h"
#include "core/moment.h"
#include "trigger/poll_internal.h"

/* From 1970 to 2000, which is where the server's time begins. */
#define EPOCH_US ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* A moment as text, us from the server's epoch. */
CnJson *
cn_poll_moment_text(TimestampTz at)
{
	CnMoment	moment = {.us = at + EPOCH_US};
	char		text[CN_MOMENT_TEXT_SIZE];

	cn_moment_write(text, &moment);
	return cn_json_string(text, -1);
}

bool
cn_poll_is_bounded(const CnStream *stream)
{
	return stream->bound_input && stream->bound_format != CN_BOUND_TEXT &&
		!stream->bound_reply.text && !stream->bound_resumes;
}

/* A cursor as a moment; false if it is none, or the stream's bound is no time. */
bool
cn_poll_cursor_moment(const CnStream *stream, const CnJson *cursor, TimestampTz *at)
{
	CnJson	   *text;
	CnMoment	moment;

	if (!cn_poll_is_bounded(stream))
		return false;
	text = cn_bound_convert(cursor, CN_BOUND_ISO8601);
	if (text == NULL || !cn_moment_read(text->u.text, text->len, &moment))
		return false;
	*at = moment.us - EPOCH_US;
	return true;
}

/* Is a later than b?  What the remote makes of its own is taken as it comes. */
static bool
is_later(const CnStream *stream, const CnJson *a, const CnJson *b)
{
	TimestampTz a_at;
	TimestampTz b_at;

	if (cn_poll_cursor_moment(stream, a, &a_at) && cn_poll_cursor_moment(stream, b, &b_at))
		return a_at > b_at;
	if (stream->bound_reply.text || stream->bound_resumes)
		return !cn_json_equal(a, b);
	return cn_bound_compare(a, b) > 0;
}

/*
 * Never back, for what was seen last may have been deleted; nor beyond the present, for remotes
 * may tell any time; nor to what is none.
 */
void
cn_poll_move_cursor(CnPoll *poll, CnPollProgress *next)
{
	const CnStream *stream = poll->plan->source->stream;
	CnJson	   *cursor = cn_walk_cursor(poll->walk);
	TimestampTz at;
	MemoryContext old;

	if (cursor && cn_poll_is_bounded(stream))
	{
		if (!cn_poll_cursor_moment(stream, cursor, &at))
			return;
		if (at > poll->started_at)
			cursor = cn_poll_moment_text(poll->started_at);
	}
	if (cursor == NULL ||
		(next->cursor && !is_later(stream, cursor, cn_json_from_jsonb(next->cursor))))
		return;
	old = MemoryContextSwitchTo(poll->context);
	next->cursor = cn_jsonb_from_json(cursor);
	next->moved = true;
	MemoryContextSwitchTo(old);
}
