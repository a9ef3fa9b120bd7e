/*
 * walk_page.c -- the pages of a walk: asked for, and taken in.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "catalog/pick.h"
#include "core/jsonb.h"
#include "engine/internal.h"
#include "engine/walk_internal.h"

/* Attempts of a page beside the first, and the time for each, where its author does not say. */
#define PAGE_RETRIES 3
#define PAGE_TIMEOUT_MS 30000

/* ---- asking for a page ---- */

static CnPage *
make_page(CnWalk *walk, bool needed)
{
	MemoryContext context = AllocSetContextCreate(walk->context, "connector page",
												  ALLOCSET_DEFAULT_SIZES);
	CnPage	   *page = MemoryContextAllocZero(context, sizeof(CnPage));

	page->context = context;
	page->run = AllocSetContextCreate(context, "connector page execution", ALLOCSET_DEFAULT_SIZES);
	page->number = walk->paging.page + 1;
	page->turn = walk->turn;
	page->needed = needed;
	return page;
}

/* Whoever owns the walk may go on with it. */
static void
on_page_over(CnExecution *execution, void *arg)
{
	const CnWalkInput *input = arg;

	if (input->wake)
		input->wake(input->arg);
}

static void
send_page(CnWalk *walk, CnPage *page)
{
	const CnWalkInput *walk_input = &walk->given;
	const CnStream *stream = walk->stream;
	MemoryContext old = MemoryContextSwitchTo(page->run);
	CnExecInput given = {
		.workspace = walk_input->workspace,
		.credentials = walk_input->credentials,
		.limits = walk_input->limits,
		.id = walk_input->id,
		.timeout_ms = PAGE_TIMEOUT_MS,
		.max_retries = PAGE_RETRIES,
		.keep = CN_KEEP_NONE,
		.renew = walk_input->renew,
		.renew_arg = walk_input->arg,
		.ask = &page->ask,
		.parent = walk->parent_value,
	};

	cn_paging_ask(&walk->paging, &page->ask);
	given.definition = unconstify(CnDefinition *, page->ask.following && stream->following
								  ? stream->following : stream->definition);
	given.page = cn_paging_scope(&walk->paging);
	given.input = cn_jsonb_from_json(walk->input);
	page->execution = cn_exec_create(&given, page->run);
	cn_exec_start(page->execution, walk_input->mux, on_page_over, &walk->given);
	MemoryContextSwitchTo(old);
}

CnWalkResult
cn_walk_ask(CnWalk *walk, bool needed)
{
	CnPage	   *page;

	Assert(walk->ahead == NULL);
	if (walk->failure.code != CN_OK)
		return CN_WALK_FAILED;
	if (walk->given.max_pages > 0 && walk->asked >= walk->given.max_pages)
		return CN_WALK_END;
	if (!walk->more)
	{
		CnWalkResult result = walk->parent ? cn_walk_next_turn(walk) : CN_WALK_END;

		walk->complete = result == CN_WALK_END;
		if (result != CN_WALK_RECORD)
			return result;
	}
	page = make_page(walk, needed);
	walk->ahead = page;
	walk->more = false;
	walk->asked++;
	send_page(walk, page);
	if (walk->note && walk->note->len > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(page->context);

		page->note = cn_jsonb_from_json(walk->note);
		MemoryContextSwitchTo(old);
	}
	return CN_WALK_RECORD;
}

/* ---- a page has come ---- */

bool
cn_walk_page_is_done(const CnPage *page)
{
	return cn_exec_state(page->execution) == CN_EXEC_DONE;
}

static void
report(CnWalk *walk, const CnPage *page, const CnStepRecord *record, const CnFailure *failure)
{
	CnPageReport page_report = {
		.stream = walk->stream->name,.number = page->number,.record = record,
		.records = page->records.count,.failure = failure
	};

	if (walk->given.page_done)
		walk->given.page_done(&page_report, walk->given.arg);
}

/* What a path finds in a value; NULL: nothing, or null. */
static const CnJson *
found_at(const CnPath *path, Jsonb *value)
{
	Jsonb	   *found = path->text ? cn_path_pick(path, value) : NULL;
	const CnJson *tree = found ? cn_json_from_jsonb(found) : NULL;

	return tree && tree->type != CN_JSON_NULL ? tree : NULL;
}

/* A text or number of a record; NULL: it has none there. */
static const CnJson *
field_value(const CnField *field, const JsonbValue *record)
{
	JsonbValue *value = field ? cn_record_field(field, record) : NULL;

	if (value == NULL || (value->type != jbvString && value->type != jbvNumeric))
		return NULL;
	return cn_json_from_jsonb(JsonbValueToJsonb(value));
}

/* All that the page says about those behind it, in the page's context. */
static void
find_way(CnWalk *walk, CnPage *page, Jsonb *reply, const CnStepRecord *record)
{
	const CnStream *stream = walk->stream;
	const CnPagination *def = stream->pagination;
	CnPageFound *found = &page->found;

	found->records = page->records.count;
	found->digest = cn_records_digest(&page->records);
	found->keyed = stream->key_count > 0;
	found->cursor = found_at(&def->cursor, reply);
	found->next = found_at(&def->next, reply);
	found->more = found_at(&def->more, reply);
	found->total = found_at(&def->total, reply);
	found->link = record->link ? pstrdup(record->link) : NULL;
	found->url = record->source ? pstrdup(record->source) : NULL;
	if (page->records.count > 0)
	{
		JsonbValue *last = cn_records_get(&page->records, page->records.count - 1);

		if (def->last_record.text)
			found->cursor = found_at(&def->last_record, JsonbValueToJsonb(last));
		found->last = field_value(stream->cursor, last);
	}
}

/* What the page says of where a later walk goes on, in the page's context. */
static void
find_cursors(const CnWalk *walk, CnPage *page, Jsonb *reply)
{
	const CnStream *stream = walk->stream;
	MemoryContext old;

	page->bound = found_at(&stream->bound_reply, reply);
	old = MemoryContextSwitchTo(walk->record_context);
	for (int i = 0; stream->cursor && i < page->records.count; i++)
	{
		const CnJson *value = field_value(stream->cursor, cn_records_get(&page->records, i));

		cn_walk_see_cursor(value, page->context, &page->newest, &page->before);
		MemoryContextReset(walk->record_context);
	}
	MemoryContextSwitchTo(old);
}

/* What is on the page, and where does it lead?  In the page's context, which is current. */
static bool
read_reply(CnWalk *walk, CnPage *page, const CnStepRecord *record, CnFailure *failure)
{
	Jsonb	   *reply = cn_jsonb_copy(record->output);
	bool		fine = cn_records_find(&walk->stream->records, reply, &page->records, failure);

	if (fine)
		find_way(walk, page, reply, record);
	if (fine && walk->given.cursor)
		find_cursors(walk, page, reply);
	return fine;
}

/* The page is there: read it.  False and *failure. */
static bool
read_page(CnWalk *walk, CnPage *page, const CnStepRecord *record, CnFailure *failure)
{
	MemoryContext old = MemoryContextSwitchTo(page->context);
	volatile bool fine = false;

	PG_TRY();
	{
		fine = read_reply(walk, page, record, failure);
	}
	PG_CATCH();
	{
		/* as in cn_reply_read: a remote's reply never raises, whatever the paths make of it */
		if (!cn_too_large(page->context, failure, "what the paths find on it"))
			PG_RE_THROW();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	return fine;
}

void
cn_walk_drop_page(CnPage **page)
{
	if (*page)
		MemoryContextDelete((*page)->context);
	*page = NULL;
}

/* The sets of keys move on: what was of this page is now of the page before. */
static void
rotate(CnSeen *keys)
{
	CnSeen		before = keys[0];

	keys[0] = keys[1];
	keys[1] = before;
	cn_seen_clear(&keys[1]);
}

/* Remember where the page ends, for the case that the stream has to be begun anew behind it. */
static void
keep_last(CnWalk *walk, const CnJson *last)
{
	const CnStream *stream = walk->stream;

	if (stream->bound_input && stream->bound_reply.text == NULL && !stream->bound_resumes &&
		stream->order == CN_ORDER_ASCENDING && cn_walk_is_mark(last))
		cn_walk_mark_set(&walk->last, walk->turn_context, last);
}

static void
fail_page(CnWalk *walk, const CnPage *page, const CnFailure *failure)
{
	cn_walk_fail(walk, failure, psprintf("page " INT64_FORMAT ": ", page->number));
}

/*
 * A page that was asked for ahead, and failed because nobody turned the mux while its consumer was
 * at work, or the remote hung up meanwhile, is asked for once more when it is needed.
 */
static bool
is_worth_another(const CnPage *page, CnCode code)
{
	return !page->needed &&
		(code == CN_TIMEOUT || code == CN_NETWORK_ERROR || code == CN_UNKNOWN_OUTCOME);
}

void
cn_walk_arrive(CnWalk *walk)
{
	CnPage	   *page = walk->ahead;
	CnFailure	failure = cn_exec_outcome(page->execution)->failure;
	const CnStepRecord *record = cn_exec_step(page->execution, 0);
	bool		again = false;

	if (failure.code == CN_OK && read_page(walk, page, record, &failure))
		(void) cn_paging_check(&walk->paging, &page->found, &failure);
	report(walk, page, record, &failure);
	if (failure.code != CN_OK)
	{
		if (is_worth_another(page, failure.code))
			again = walk->more = true;
		else if (cn_walk_restart_after_failure(walk, page))
			again = true;
		else
			fail_page(walk, page, &failure);
		walk->asked -= again;
		cn_walk_drop_page(&walk->ahead);
		return;
	}
	MemoryContextDelete(page->run);
	page->run = NULL;
	page->execution = NULL;
	keep_last(walk, page->found.last);
	rotate(walk->page_keys);
	if (walk->new_window)
		rotate(walk->window_keys);
	walk->new_window = false;
	walk->counts.pages++;
	walk->counts.records += page->records.count;
	walk->current = page;
	walk->ahead = NULL;
}
