/*
 * walk.c -- the records of a stream, one after the other, page by page.
 *
 * Memory: the walk's own context has what lasts, the turn's what belongs to one record of the
 * parent (all of a stream without parent is one turn), and each page has a context that goes when
 * its last record was given out.  The execution of a page has a child of that, which goes as soon
 * as the reply was copied out of it: what was parsed and rendered takes several times as much.
 * What is looked at in one record, of up to a million on a page, goes with the next one.
 *
 * A record that was on the page before, by its key, is left out: remotes that count records
 * repeat some when others were added meanwhile.  Where a stream begins anew, the same goes for all
 * records since it last began.
 *
 * The cursor of a later walk covers whole pages only.  In the middle of a stream in ascending order
 * it is not the greatest one seen, but the greatest below that: more records with that one may be on
 * the pages to come, and services differ in whether their bound includes it.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/walk_internal.h"

/* Longer cursors are not remembered: those of real services have up to some thousand bytes. */
#define MAX_MARK_LEN 16384

/* ---- marks ---- */

bool
cn_walk_is_mark(const CnJson *value)
{
	return value && (value->type == CN_JSON_STRING || value->type == CN_JSON_NUMBER);
}

void
cn_walk_mark_set(CnWalkMark *mark, MemoryContext context, const CnJson *value)
{
	char	   *text = MemoryContextStrdup(context, value->u.text);

	if (mark->text)
		pfree(mark->text);
	mark->text = text;
	mark->numeric = value->type == CN_JSON_NUMBER;
}

CnJson *
cn_walk_mark_value(const CnWalkMark *mark)
{
	if (mark->text == NULL)
		return NULL;
	return mark->numeric ? cn_json_number(mark->text, -1) : cn_json_string(mark->text, -1);
}

/* The same, with the mark's own text; null if there is none. */
static CnJson
borrow(const CnWalkMark *mark)
{
	CnJson		value = {.type = CN_JSON_NULL};

	if (mark->text == NULL)
		return value;
	value.type = mark->numeric ? CN_JSON_NUMBER : CN_JSON_STRING;
	value.len = strlen(mark->text);
	value.u.text = mark->text;
	return value;
}

/* Is value behind mark?  It is behind none. */
static int
compare(const CnJson *value, const CnWalkMark *mark)
{
	CnJson		other = borrow(mark);

	return mark->text ? cn_bound_compare(value, &other) : 1;
}

/* A remote may send anything as cursor, and it is kept and shown. */
static bool
is_worth_keeping(const CnJson *value)
{
	return cn_walk_is_mark(value) && value->len > 0 && value->len <= MAX_MARK_LEN;
}

void
cn_walk_see_cursor(const CnJson *value, MemoryContext context, CnWalkMark *newest,
				   CnWalkMark *before)
{
	int			order;

	if (!is_worth_keeping(value))
		return;
	order = compare(value, newest);
	if (order > 0)
	{
		if (before->text)
			pfree(before->text);
		*before = *newest;
		newest->text = NULL;
		cn_walk_mark_set(newest, context, value);
	}
	else if (order < 0 && compare(value, before) > 0)
		cn_walk_mark_set(before, context, value);
}

/* ---- failures ---- */

void
cn_walk_fail(CnWalk *walk, const CnFailure *failure, const char *where)
{
	MemoryContext old = MemoryContextSwitchTo(walk->context);

	walk->more = false;
	walk->failure = *failure;
	walk->failure.message = psprintf("%s%s", where, failure->message);
	if (failure->remote_message)
		walk->failure.remote_message = pstrdup(failure->remote_message);
	if (failure->detail)
		walk->failure.detail = pstrdup(failure->detail);
	if (failure->hint)
		walk->failure.hint = pstrdup(failure->hint);
	MemoryContextSwitchTo(old);
}

const CnFailure *
cn_walk_failure(const CnWalk *walk)
{
	return &walk->failure;
}

/* ---- giving out ---- */

/* Find out whether there is a page behind the current one, and ask for it. */
static void
look_ahead(CnWalk *walk)
{
	CnPage	   *page = walk->current;
	CnPagingStep step;
	MemoryContext old;

	page->decided = true;
	old = MemoryContextSwitchTo(page->context);
	cn_paging_decide(&walk->paging, &page->found, &step);
	if (walk->given.max_pages > 0 && walk->asked >= walk->given.max_pages)
		walk->complete = step.verdict == CN_PAGING_END && walk->parent == NULL;
	else if (step.verdict == CN_PAGING_FAILED)
		cn_walk_fail(walk, &step.failure, "");
	else if (step.verdict != CN_PAGING_END)
	{
		MemoryContextSwitchTo(walk->turn_context);
		cn_paging_move(&walk->paging, &page->found, &step);
		if (step.verdict == CN_PAGING_RESET)
			cn_walk_restart_at(walk, walk->stream->pagination->reset_input, step.restart);
		walk->more = true;
	}
	MemoryContextSwitchTo(old);
	(void) cn_walk_ask(walk, false);
}

/* Was the record on a page before, by its key?  It is noted that it is on this one. */
static bool
is_repeated(CnWalk *walk, const CnPage *page, const JsonbValue *record)
{
	const CnStream *stream = walk->stream;
	MemoryContext old;
	uint64		digest;
	bool		repeated;

	if (!cn_record_key(stream->keys, stream->key_count, record, walk->salt + page->turn,
					   &digest))
		return false;
	repeated = cn_seen_has(&walk->page_keys[0], digest) || cn_seen_has(&walk->window_keys[0], digest);
	old = MemoryContextSwitchTo(walk->context);
	(void) cn_seen_add(&walk->page_keys[1], digest);
	if (stream->pagination->reset_input)
		(void) cn_seen_add(&walk->window_keys[1], digest);
	MemoryContextSwitchTo(old);
	return repeated;
}

/*
 * The next record that is to be given out; NULL: there is none left.  It is gone with the next
 * one, of which there can be a million before one is given out.
 */
static JsonbValue *
next_record(CnWalk *walk, CnPage *page)
{
	while (page->next < page->records.count)
	{
		JsonbValue *record;

		MemoryContextReset(walk->record_context);
		record = cn_records_get(&page->records, page->next++);
		if (record->type == jbvNull)
			continue;
		if (!is_repeated(walk, page, record))
			return record;
		walk->counts.repeated++;
	}
	return NULL;
}

/* The next record of the current page; false: there is none left. */
static bool
give_out(CnWalk *walk, Jsonb **result)
{
	CnPage	   *page = walk->current;
	MemoryContext old;
	JsonbValue *record;

	if (!page->decided && page->next > 0 && page->next * 2 >= page->records.count)
		look_ahead(walk);
	old = MemoryContextSwitchTo(walk->record_context);
	record = next_record(walk, page);
	MemoryContextSwitchTo(old);
	if (record)
		*result = cn_record_jsonb(record, page->note);
	else if (!page->decided)
		look_ahead(walk);
	return record != NULL;
}

/* All of the current page was given out: a later walk may go on behind it. */
static void
leave_page(CnWalk *walk)
{
	const CnPage *page = walk->current;
	CnJson		newest = borrow(&page->newest);
	CnJson		before = borrow(&page->before);

	cn_walk_see_cursor(&before, walk->context, &walk->newest, &walk->before);
	cn_walk_see_cursor(&newest, walk->context, &walk->newest, &walk->before);
	if (is_worth_keeping(page->bound))
		cn_walk_mark_set(&walk->bound, walk->context, page->bound);
	cn_walk_drop_page(&walk->current);
}

/* RECORD: there is a current page, which may have no records. */
static CnWalkResult
reach_page(CnWalk *walk)
{
	while (walk->current == NULL)
	{
		if (walk->ahead == NULL)
		{
			CnWalkResult result = cn_walk_ask(walk, true);

			if (result != CN_WALK_RECORD)
				return result;
		}
		if (!cn_walk_page_is_done(walk->ahead))
			return CN_WALK_WAIT;
		cn_walk_arrive(walk);
	}
	return CN_WALK_RECORD;
}

CnWalkResult
cn_walk_next(CnWalk *walk, Jsonb **record)
{
	for (;;)
	{
		CnWalkResult result = reach_page(walk);

		if (result != CN_WALK_RECORD || give_out(walk, record))
			return result;
		leave_page(walk);
	}
}

CnWalkResult
cn_walk_next_page(CnWalk *walk, CnWalkPage *page)
{
	CnWalkResult result = reach_page(walk);

	if (result != CN_WALK_RECORD)
		return result;
	page->number = walk->current->number;
	page->records = palloc(sizeof(Jsonb *) * (walk->current->records.count + 1));
	page->count = 0;
	while (give_out(walk, &page->records[page->count]))
		page->count++;
	leave_page(walk);
	return CN_WALK_RECORD;
}

bool
cn_walk_is_complete(const CnWalk *walk)
{
	return walk->complete && walk->current == NULL;
}

CnJson *
cn_walk_cursor(const CnWalk *walk)
{
	const CnStream *stream = walk->stream;

	if (stream->bound_input == NULL)
		return NULL;
	if (stream->bound_reply.text)
		return cn_walk_mark_value(&walk->bound);
	if (cn_walk_is_complete(walk))
		return cn_walk_mark_value(&walk->newest);
	if (stream->order == CN_ORDER_ASCENDING && walk->parent == NULL)
		return cn_walk_mark_value(&walk->before);
	return NULL;
}

bool
cn_walk_in_flight(const CnWalk *walk)
{
	for (; walk; walk = walk->parent)
		if (walk->ahead && !cn_walk_page_is_done(walk->ahead))
			return true;
	return false;
}

CnWalkCounts
cn_walk_counts(const CnWalk *walk)
{
	return walk->counts;
}
