/*
 * fuzz_paging.c -- paginations and what remotes say, from any bytes: a pagination and a list of
 * what was found on the pages, a line each.
 *
 * Beside memory errors it looks for a walk that asks for the same twice, goes to another origin,
 * or shows a remote's text to a template; and for cursors that have no order.
 */
#include "catalog/incremental.h"
#include "engine/paging.h"
#include "http/url.h"

#include "fuzz.h"
#include "shim.h"

#define HOME "https://api.example.com:8443/v1/items?page=1"

static const CnJson *
parse(const char *text, size_t len)
{
	CnJsonLimits limits = {0};
	CnJsonError error;

	return cn_json_parse(text, len, &limits, &error);
}

/* The same for every page of a walk: a remote that repeats itself must be found out. */
static CnPageFound
found_of(const CnJson *page, uint64 digest)
{
	const CnJson *url = cn_json_get(page, "url");
	CnPageFound found = {
		.records = cn_json_get(page, "n") ? 0 : 3,.digest = digest,
		.cursor = cn_json_get(page, "cursor"),.next = cn_json_get(page, "next"),
		.more = cn_json_get(page, "more"),.total = cn_json_get(page, "total"),
		.last = cn_json_get(page, "last"),.link = cn_json_get_string(page, "link"),
		.url = url && url->type == CN_JSON_STRING ? url->u.text : HOME
	};

	return found;
}

static void
check_ask(const CnPaging *paging)
{
	CnPageAsk	ask;
	CnUrl		home;
	CnUrl		url;
	const char *problem;

	cn_paging_ask(paging, &ask);
	require(ask.count <= CN_PAGE_PARAMETERS);
	require(ask.url == NULL || ask.count == 0);
	if (ask.url == NULL)
		return;
	require(cn_url_parse(HOME, &home, &problem));
	require(cn_url_parse(ask.url, &url, &problem));
}

static void
walk(const CnPagination *def, const CnJson *pages)
{
	CnPaging	paging;
	CnPagingStep step;
	CnFailure	failure;
	CnSeen		asked = {0};

	cn_paging_begin(&paging, def, true);
	for (int i = 0; i < pages->len; i++)
	{
		CnPageFound found = found_of(pages->u.items[i], i);
		CnUrl		from;
		CnUrl		to;
		const char *problem;

		if (!cn_paging_check(&paging, &found, &failure))
			return;
		cn_paging_decide(&paging, &found, &step);
		if (step.verdict == CN_PAGING_FAILED)
			require(step.failure.code != CN_OK && step.failure.message);
		if (step.verdict != CN_PAGING_MORE && step.verdict != CN_PAGING_RESET)
			return;
		if (step.verdict == CN_PAGING_RESET)
			memset(&asked, 0, sizeof(asked));
		else if (step.url)
		{
			require(cn_seen_add(&asked, cn_seen_digest(step.url, strlen(step.url))));
			require(cn_url_parse(found.url, &from, &problem) &&
					cn_url_parse(step.url, &to, &problem) && cn_url_same_origin(&from, &to));
		}
		else if (step.cursor)
			require(cn_seen_add(&asked, cn_seen_digest(step.cursor->u.text, step.cursor->len)));
		cn_paging_move(&paging, &found, &step);
		check_ask(&paging);
	}
}

/* Which of two cursors is later does not depend on which is asked for first; bounds say so again. */
static void
check_cursors(const CnJson *a, const CnJson *b)
{
	if ((a->type != CN_JSON_STRING && a->type != CN_JSON_NUMBER) ||
		(b->type != CN_JSON_STRING && b->type != CN_JSON_NUMBER))
		return;
	require((cn_bound_compare(a, b) > 0) == (cn_bound_compare(b, a) < 0));
	require((cn_bound_compare(a, b) == 0) == (cn_bound_compare(b, a) == 0));
	for (CnBoundFormat format = CN_BOUND_ISO8601; format <= CN_BOUND_EPOCH_MS; format++)
	{
		const CnJson *bound = cn_bound_convert(a, format);

		require(bound == NULL || bound->len <= 30);
		require(bound == NULL || format != CN_BOUND_ISO8601 || cn_bound_convert(bound, format));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = fuzz_copy(data, size);
	const char *end = memchr(text, '\n', size);
	size_t		len = end ? end - text : size;
	const CnJson *value = parse(text, len);
	const CnJson *pages = end ? parse(end + 1, size - len - 1) : NULL;
	CnProblems	problems = {0};
	CnPagination *def = value ? cn_pagination_compile(value, "$", NULL, &problems) : NULL;

	require(value == NULL || (def == NULL) == (problems.count > 0));
	if (def && pages && pages->type == CN_JSON_ARRAY)
		walk(def, pages);
	for (CnBoundFormat format = CN_BOUND_TEXT; value && format <= CN_BOUND_EPOCH_MS; format++)
		(void) cn_bound_convert(value, format);
	for (int i = 0; pages && pages->type == CN_JSON_ARRAY && i + 1 < pages->len; i++)
		check_cursors(pages->u.items[i], pages->u.items[i + 1]);
	if (pages && def && def->parameter)
		(void) cn_paging_set(pages, def->parameter, cn_json_null());
	shim_reset();
	return 0;
}
