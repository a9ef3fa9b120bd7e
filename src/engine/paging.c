/*
 * paging.c -- from one page of a stream to the next.  Pure.
 *
 * Whether there is another page is asked in the order of who knows it best: first the reply's own
 * word (more).  Then what leads on, a cursor or URL; a count (total), which can be an estimate, has
 * no say beside it.  Offsets and numbers have nothing that leads on, so there the count is asked
 * and only without one, whether the page was full.  An empty page ends those; behind a cursor it
 * does not, since remotes filter after they have cut their pages.
 */
#include "engine/paging.h"

#include <math.h>

#include "http/link.h"
#include "http/url.h"

/* Empty pages in a row, each with a new cursor; more is a remote that does not end. */
#define MAX_EMPTY_PAGES 100

/* Cursors of real services have up to some thousand bytes. */
#define MAX_CURSOR_LEN 16384

static char circle_hint[] =
	"Fetching was stopped, because it would not end.  If the stream is of a provider of your own, compare its pagination with the service's documentation.";

void
cn_paging_begin(CnPaging *paging, const CnPagination *def, bool same_origin)
{
	memset(paging, 0, sizeof(*paging));
	paging->def = def;
	paging->max_pages = def->max_pages;
	paging->same_origin = same_origin;
}

/* ---- what the next page asks for ---- */

static CnJson *
value_of(const char *text, bool numeric)
{
	return numeric ? cn_json_number(text, -1) : cn_json_string(text, -1);
}

/* What OFFSET and NUMBER count. */
static int64
position(const CnPaging *paging)
{
	return paging->def->start +
		(paging->def->kind == CN_PAGES_OFFSET ? paging->window : paging->turn);
}

static void
add_parameter(CnPageAsk *ask, const char *name, const CnJson *value, bool in_body)
{
	CnPageParameter *parameter = &ask->parameters[ask->count++];

	parameter->name = name;
	parameter->value = value;
	parameter->in_body = in_body;
}

void
cn_paging_ask(const CnPaging *paging, CnPageAsk *ask)
{
	const CnPagination *def = paging->def;

	memset(ask, 0, sizeof(*ask));
	ask->url = paging->url;
	ask->following = def->following && (paging->turn > 0 || paging->cursor);
	if (ask->url)
		return;
	if (def->size_parameter && !ask->following)
		add_parameter(ask, def->size_parameter, cn_json_int(def->size), def->size_in_body);
	if (def->parameter == NULL)
		return;
	if (def->kind == CN_PAGES_OFFSET || def->kind == CN_PAGES_NUMBER)
		add_parameter(ask, def->parameter, cn_json_int(position(paging)), def->in_body);
	else if (paging->cursor)
		add_parameter(ask, def->parameter, value_of(paging->cursor, paging->numeric), def->in_body);
}

static void
set_member(CnJsonMember *member, const char *key, CnJson *value)
{
	member->key = key;
	member->key_len = strlen(key);
	member->value = value;
}

CnJson *
cn_paging_scope(const CnPaging *paging)
{
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * 3);
	int			count = 0;

	set_member(&members[count++], "number", cn_json_int(paging->turn + 1));
	set_member(&members[count++], "offset", cn_json_int(paging->window));
	if (paging->cursor)
		set_member(&members[count++], "cursor", value_of(paging->cursor, paging->numeric));
	return cn_json_object(members, count);
}

/* ---- guards ---- */

bool
cn_paging_check(const CnPaging *paging, const CnPageFound *found, CnFailure *failure)
{
	CnPageKind	kind = paging->def->kind;

	if (found->records == 0 || paging->turn == 0 || found->digest != paging->digest)
		return true;
	/* behind a new cursor, records without keys can be equal and yet be others */
	if (!found->keyed && kind != CN_PAGES_OFFSET && kind != CN_PAGES_NUMBER)
		return true;
	cn_fail(failure, CN_BAD_RESPONSE, "page " INT64_FORMAT " has the same records as the page before it",
			paging->page + 1);
	failure->hint = circle_hint;
	return false;
}

/* One decision: of the walk as it is with the page that was found. */
typedef struct Decision
{
	const CnPaging *walk;
	const CnPageFound *found;
	CnPagingStep *step;
} Decision;

static void
fail(Decision *d, const char *what)
{
	d->step->verdict = CN_PAGING_FAILED;
	cn_fail(&d->step->failure, CN_BAD_RESPONSE, "page " INT64_FORMAT " %s", d->walk->page, what);
}

static void
fail_circle(Decision *d, const char *what)
{
	fail(d, what);
	d->step->failure.hint = circle_hint;
}

static uint64
text_digest(const char *text)
{
	return cn_seen_digest(text, strlen(text));
}

/* ---- is there more? ---- */

typedef enum Answer
{
	UNKNOWN,
	YES,
	NO
} Answer;

/* What a reply's own word means; texts and numbers are what some remotes write for it. */
static Answer
truth_of(const CnJson *value)
{
	if (value == NULL || value->type == CN_JSON_NULL)
		return UNKNOWN;
	switch (value->type)
	{
		case CN_JSON_BOOL:
			return value->boolean ? YES : NO;
		case CN_JSON_NUMBER:
			return strtod(value->u.text, NULL) != 0 ? YES : NO;
		case CN_JSON_STRING:
			return value->len == 0 || strcmp(value->u.text, "0") == 0 ||
				pg_strcasecmp(value->u.text, "false") == 0 ? NO : YES;
		default:
			return value->len > 0 ? YES : NO;
	}
}

/*
 * By the count of all records there are, which some remotes write as text.  One below zero stands
 * for "not known".
 */
static Answer
count_says(const Decision *d)
{
	const CnJson *total = d->found->total;
	char	   *end;
	double		count;

	if (total == NULL || (total->type != CN_JSON_NUMBER && total->type != CN_JSON_STRING))
		return UNKNOWN;
	count = strtod(total->u.text, &end);
	if (total->len == 0 || *end != '\0' || isnan(count) || count < 0)
		return UNKNOWN;
	return d->walk->window < count ? YES : NO;
}

/* ---- the kinds, each: where to?  END unless something leads on ---- */

static void
find_position(Decision *d)
{
	Answer		answer = truth_of(d->found->more);

	if (answer == UNKNOWN)
		answer = count_says(d);
	if (answer == UNKNOWN)
		answer = d->found->records < d->walk->def->size ? NO : YES;
	if (answer == YES && d->found->records > 0)
		d->step->verdict = CN_PAGING_MORE;
}

/* Nothing leads on, which is an end, unless the reply says otherwise. */
static void
stop(Decision *d)
{
	if (truth_of(d->found->more) == YES)
		fail(d, "says that there is more, but not where");
}

/*
 * Something leads on: to where the walk has not been?  If it has, and the page is empty, that is
 * the end of a collection the remote keeps open for what may come.
 */
static void
go_on(Decision *d, const char *text)
{
	bool		repeated = cn_seen_has(&d->walk->seen, text_digest(text)) ||
		(d->found->url && strcmp(d->found->url, text) == 0);

	if (!repeated)
		d->step->verdict = CN_PAGING_MORE;
	else if (d->found->records > 0 || truth_of(d->found->more) == YES)
		fail_circle(d, "leads to a page that was there before");
}

static bool
leads_nowhere(const CnJson *value)
{
	return value == NULL || value->type == CN_JSON_NULL ||
		(value->type == CN_JSON_BOOL && !value->boolean) ||
		(value->type == CN_JSON_STRING && value->len == 0);
}

static void
find_cursor(Decision *d)
{
	const CnJson *cursor = d->found->cursor;

	if (leads_nowhere(cursor))
		stop(d);
	else if (cursor->type != CN_JSON_STRING && cursor->type != CN_JSON_NUMBER)
		fail(d, psprintf("has %s for a cursor", cn_json_type_phrase(cursor->type)));
	else if (cursor->len > MAX_CURSOR_LEN)
		fail(d, "has a cursor that is too long");
	else
	{
		d->step->cursor = cursor;
		go_on(d, cursor->u.text);
	}
}

static void
refuse_origin(Decision *d, const CnUrl *url)
{
	CnFailure  *failure = &d->step->failure;

	d->step->verdict = CN_PAGING_FAILED;
	cn_fail(failure, CN_PERMISSION_DENIED, "page " INT64_FORMAT " leads to %s, another origin than its own",
			d->walk->page, cn_url_origin(url));
	failure->hint = "Without a credential, whose allowed_hosts would say where it may go, fetching stays where it began.";
}

/* target was found on the page, relative or not. */
static void
find_url(Decision *d, const char *target)
{
	CnUrl		base;
	CnUrl		url;
	const char *problem;
	bool		has_base = d->found->url && cn_url_parse(d->found->url, &base, &problem);
	char	   *text = has_base ? cn_url_resolve(&base, target) : pstrdup(target);

	if (!cn_url_parse(text, &url, &problem))
		fail(d, psprintf("leads to a URL that is not one to call: %s", problem));
	else if (d->walk->same_origin && (!has_base || !cn_url_same_origin(&base, &url)))
		refuse_origin(d, &url);
	else
	{
		d->step->url = text;
		go_on(d, text);
	}
}

static void
find_next_url(Decision *d)
{
	const CnJson *next = d->found->next;

	if (leads_nowhere(next))
		stop(d);
	else if (next->type == CN_JSON_STRING)
		find_url(d, next->u.text);
	else
		fail(d, psprintf("has %s for a URL", cn_json_type_phrase(next->type)));
}

static void
find_link(Decision *d)
{
	const char *link = d->found->link;
	char	   *target = link ? cn_http_link_find(link, d->walk->def->rel) : NULL;

	if (target)
		find_url(d, target);
	else
		stop(d);
}

/* The reply has its own word on whether there is more; if it is yes, or none, look where. */
static void
find_next(Decision *d)
{
	CnPageKind	kind = d->walk->def->kind;

	if (kind == CN_PAGES_OFFSET || kind == CN_PAGES_NUMBER)
		find_position(d);
	else if (kind == CN_PAGES_NONE || truth_of(d->found->more) == NO)
		return;
	else if (kind == CN_PAGES_CURSOR)
		find_cursor(d);
	else if (kind == CN_PAGES_NEXT_URL)
		find_next_url(d);
	else
		find_link(d);
}

/* ---- is it still all right to go there? ---- */

static void
check_limits(Decision *d)
{
	CnFailure  *failure = &d->step->failure;

	if (d->walk->empty >= MAX_EMPTY_PAGES)
		fail_circle(d, psprintf("is the %dth in a row without a record", d->walk->empty));
	else if (d->walk->page >= d->walk->max_pages)
	{
		d->step->verdict = CN_PAGING_FAILED;
		cn_fail(failure, CN_LIMIT_EXCEEDED, "there are more than " INT64_FORMAT " pages",
				d->walk->page);
		failure->hint = "max_pages of connector_fetch() gets as many pages as it says; the stream's own max_pages fails, so that nothing is missing unnoticed.";
	}
}

/* Remotes that give only so many results are asked again from where the last record was. */
static void
restart(Decision *d)
{
	const CnJson *last = d->found->last;

	if (last == NULL || (last->type != CN_JSON_STRING && last->type != CN_JSON_NUMBER))
		fail(d, "ends with a record that has nothing to begin again from");
	else if (d->walk->restart == text_digest(last->u.text))
		fail_circle(d, "ends where the stream was begun again: too many records have the same place in its order");
	else
	{
		d->step->verdict = CN_PAGING_RESET;
		d->step->restart = last;
	}
}

/* ---- decide, and move ---- */

static void
take(CnPaging *paging, const CnPageFound *found)
{
	paging->page++;
	paging->turn++;
	paging->records += found->records;
	paging->window += found->records;
	paging->empty = found->records == 0 ? paging->empty + 1 : 0;
	paging->digest = found->digest;
}

void
cn_paging_decide(const CnPaging *paging, const CnPageFound *found, CnPagingStep *step)
{
	CnPaging	walk = *paging;
	Decision	d = {.walk = &walk,.found = found,.step = step};

	memset(step, 0, sizeof(*step));
	take(&walk, found);
	find_next(&d);
	if (step->verdict == CN_PAGING_MORE)
		check_limits(&d);
	if (step->verdict == CN_PAGING_MORE && walk.def->reset_after > 0 &&
		walk.window >= walk.def->reset_after)
		restart(&d);
}

static void
replace_text(char **place, const char *text)
{
	if (*place)
		pfree(*place);
	*place = text ? pstrdup(text) : NULL;
}

static void
set_cursor(CnPaging *paging, const CnJson *cursor)
{
	(void) cn_seen_add(&paging->seen, text_digest(cursor->u.text));
	replace_text(&paging->cursor, cursor->u.text);
	paging->numeric = cursor->type == CN_JSON_NUMBER;
}

void
cn_paging_resume(CnPaging *paging, const CnJson *cursor)
{
	set_cursor(paging, cursor);
}

bool
cn_paging_restart(CnPaging *paging, const CnJson *last)
{
	uint64		digest = text_digest(last->u.text);

	if (paging->restart == digest)
		return false;
	paging->restart = digest;
	paging->window = paging->turn = 0;
	cn_seen_clear(&paging->seen);
	replace_text(&paging->cursor, NULL);
	replace_text(&paging->url, NULL);
	return true;
}

void
cn_paging_move(CnPaging *paging, const CnPageFound *found, const CnPagingStep *step)
{
	take(paging, found);
	if (step->verdict == CN_PAGING_RESET)
		(void) cn_paging_restart(paging, step->restart);
	else if (step->cursor)
		set_cursor(paging, step->cursor);
	else if (step->url)
	{
		/* the first page was asked for by another text than its URL, to which it may lead back */
		if (paging->turn == 1 && found->url)
			(void) cn_seen_add(&paging->seen, text_digest(found->url));
		(void) cn_seen_add(&paging->seen, text_digest(step->url));
		replace_text(&paging->url, step->url);
	}
}

/* ---- bodies ---- */

static CnJson *
with_member(const CnJson *object, const char *key, int len, CnJson *value)
{
	int			count = object ? object->len : 0;
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (count + 1));
	int			at = 0;

	if (count > 0)
		memcpy(members, object->u.members, sizeof(CnJsonMember) * count);
	while (at < count && (members[at].key_len != len || memcmp(members[at].key, key, len) != 0))
		at++;
	set_member(&members[at], pnstrdup(key, len), value);
	return cn_json_object(members, Max(count, at + 1));
}

CnJson *
cn_paging_set(const CnJson *body, const char *name, const CnJson *value)
{
	int			len = strcspn(name, ".");
	const CnJson *member;
	CnJson	   *inner;

	if (body && body->type != CN_JSON_OBJECT && body->type != CN_JSON_NULL)
		return NULL;
	if (body && body->type == CN_JSON_NULL)
		body = NULL;
	if (name[len] == '\0')
		return with_member(body, name, len, (CnJson *) value);
	member = body ? cn_json_get(body, pnstrdup(name, len)) : NULL;
	inner = cn_paging_set(member, name + len + 1, value);
	return inner ? with_member(body, name, len, inner) : NULL;
}
