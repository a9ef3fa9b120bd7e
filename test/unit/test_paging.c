/*
 * test_paging.c -- paginations compiled, walks through pages, sets of digests, incremental values.
 *
 * cases/pagination.test: a pagination, nothing, its problems.
 * cases/paging.test: a pagination, a list of what is found on the pages, and the walk: what each
 * page asks for, then how it ended.  A page that is found is {"n": records, "digest": number,
 * "keyed": ..., "cursor": ..., "next": ..., "more": ..., "total": ..., "last": ..., "link": ...,
 * "url": ...}; its digest is its place in the list unless it says otherwise.
 */
#include "engine/paging.h"

#include "catalog/incremental.h"

#include "tap.h"

static CnPagination *
compile(const char *text, CnProblems *problems)
{
	CnJsonLimits limits = {0};
	CnJsonError error;
	CnJson	   *value = cn_json_parse(text, strlen(text), &limits, &error);

	memset(problems, 0, sizeof(*problems));
	if (value == NULL)
		cn_problem(problems, "(case)", "%s", error.message);
	return value ? cn_pagination_compile(value, "$.pagination", NULL, problems) : NULL;
}

static char *
run_pagination(const char *program, const char *input)
{
	CnProblems	problems;
	CnPagination *def = compile(program, &problems);
	char	   *text;

	if (def)
		return pstrdup("fine");
	text = cn_problems_text(&problems);
	for (char *at = text; *at; at++)
		if (*at == '\n')
			*at = ';';
	return text;
}

/* ---- walks ---- */

static void
write_ask(StringInfo out, const CnPaging *paging)
{
	CnPageAsk	ask;

	cn_paging_ask(paging, &ask);
	if (ask.following)
		appendStringInfoString(out, "following ");
	if (ask.url)
		appendStringInfo(out, "<%s>", ask.url);
	else if (ask.count == 0)
		appendStringInfoString(out, "-");
	for (int i = 0; i < ask.count; i++)
	{
		appendStringInfo(out, "%s%s%s=", i ? "&" : "", ask.parameters[i].in_body ? "body:" : "",
						 ask.parameters[i].name);
		cn_json_write(out, ask.parameters[i].value);
	}
}

static const CnJson *
given(const CnJson *page, const char *key)
{
	return cn_json_get(page, key);
}

static CnPageFound
found_of(const CnJson *page, int number)
{
	const CnJson *records = given(page, "n");
	const CnJson *digest = given(page, "digest");
	CnPageFound found = {
		.records = records ? atoi(records->u.text) : 10,
		.digest = digest ? atoi(digest->u.text) : 1000 + number,
		.keyed = given(page, "keyed") != NULL,
		.cursor = given(page, "cursor"),.next = given(page, "next"),
		.more = given(page, "more"),.total = given(page, "total"),.last = given(page, "last"),
		.link = cn_json_get_string(page, "link"),.url = cn_json_get_string(page, "url")
	};

	return found;
}

static void
write_failure(StringInfo out, const CnFailure *failure)
{
	appendStringInfo(out, " %s: %s", cn_code_info(failure->code)->name, failure->message);
}

/* Take one page; false when the walk is over. */
static bool
take_page(StringInfo out, CnPaging *paging, const CnPageFound *found)
{
	CnPagingStep step;
	CnFailure	failure = {CN_OK};

	if (!cn_paging_check(paging, found, &failure))
	{
		write_failure(out, &failure);
		return false;
	}
	cn_paging_decide(paging, found, &step);
	if (step.verdict == CN_PAGING_FAILED)
		write_failure(out, &step.failure);
	if (step.verdict == CN_PAGING_END)
		appendStringInfoString(out, " end");
	if (step.verdict != CN_PAGING_MORE && step.verdict != CN_PAGING_RESET)
		return false;
	cn_paging_move(paging, found, &step);
	appendStringInfoChar(out, ' ');
	if (step.verdict == CN_PAGING_RESET)
	{
		appendStringInfoString(out, "reset ");
		cn_json_write(out, step.restart);
		appendStringInfoChar(out, ' ');
	}
	write_ask(out, paging);
	return true;
}

/* free: not bound to one origin. */
static char *
run_walk(const char *program, const char *input)
{
	CnJsonLimits limits = {0};
	CnJsonError error;
	CnProblems	problems;
	bool		free = strncmp(program, "free ", 5) == 0;
	CnPagination *def = compile(free ? program + 5 : program, &problems);
	CnJson	   *pages = cn_json_parse(input, strlen(input), &limits, &error);
	CnPaging	paging;
	StringInfoData out;

	if (def == NULL || pages == NULL)
		return def ? pstrdup(error.message) : cn_problems_text(&problems);
	initStringInfo(&out);
	cn_paging_begin(&paging, def, !free);
	write_ask(&out, &paging);
	for (int i = 0; i < pages->len; i++)
	{
		CnPageFound found = found_of(pages->u.items[i], i);

		if (!take_page(&out, &paging, &found))
			break;
	}
	return out.data;
}

/* So many pages, each with another cursor; what ended the walk. */
static const char *
long_walk(const char *program, int64 max_pages, int records, int64 *pages)
{
	CnProblems	problems;
	CnPaging	paging;
	CnPagingStep step;

	cn_paging_begin(&paging, compile(program, &problems), true);
	if (max_pages)
		paging.max_pages = max_pages;
	for (;;)
	{
		CnPageFound found = {
			.records = records,.digest = paging.page,.cursor = cn_json_int(paging.page)
		};

		cn_paging_decide(&paging, &found, &step);
		if (step.verdict != CN_PAGING_MORE)
			break;
		cn_paging_move(&paging, &found, &step);
	}
	*pages = paging.page;
	return step.verdict == CN_PAGING_FAILED ? step.failure.message : "end";
}

static void
test_long_walks(void)
{
	static const char program[] = "{\"kind\": \"cursor\", \"cursor\": \"c\", \"parameter\": \"p\"}";
	int64		pages;

	tap_is(long_walk(program, 0, 1, &pages), "there are more than 1000 pages", "the usual cap");
	tap_is(long_walk(program, 5000, 1, &pages), "there are more than 5000 pages", "another cap");
	tap_is(long_walk(program, 5000, 0, &pages), "page 100 is the 100th in a row without a record",
		   "empty pages without end");
	tap_is(long_walk("{\"kind\": \"page\"}", 70000, 1, &pages), "there are more than 70000 pages",
		   "numbers without end");
}

/* ---- bodies ---- */

static char *
set_in(const char *body, const char *name)
{
	CnJsonLimits limits = {0};
	CnJsonError error;
	CnJson	   *tree = body ? cn_json_parse(body, strlen(body), &limits, &error) : NULL;
	CnJson	   *result = cn_paging_set(tree, name, cn_json_string("x", -1));
	StringInfoData out;

	initStringInfo(&out);
	if (result)
		cn_json_write(&out, result);
	else
		appendStringInfoString(&out, "in the way");
	return out.data;
}

static void
test_set(void)
{
	tap_is(set_in("[1]", "a"), "in the way", "a list is no place for a cursor");
	tap_is(set_in("{\"a\":1}", "a.b"), "in the way", "nor a number");
	tap_is(set_in("{\"a\":{\"b\":[]}}", "a.b.c"), "in the way", "nor a list further down");
	tap_is(set_in(NULL, "a"), "{\"a\":\"x\"}", "no body");
	tap_is(set_in("null", "a.b"), "{\"a\":{\"b\":\"x\"}}", "null");
	tap_is(set_in("{\"q\":1}", "a"), "{\"q\":1,\"a\":\"x\"}", "beside");
	tap_is(set_in("{\"a\":1,\"q\":2}", "a"), "{\"a\":\"x\",\"q\":2}", "in place");
	tap_is(set_in("{\"a\":{\"c\":1}}", "a.b"), "{\"a\":{\"c\":1,\"b\":\"x\"}}", "further down");
	tap_is(set_in("{\"variables\":null}", "variables.after"), "{\"variables\":{\"after\":\"x\"}}",
		   "in place of null");
}

/* ---- bounds ---- */

/* iso8601, epoch and epoch_ms of a value, or "none". */
static char *
bounds_of(const char *json)
{
	CnJsonLimits limits = {0};
	CnJsonError error;
	CnJson	   *value = cn_json_parse(json, strlen(json), &limits, &error);
	StringInfoData out;

	initStringInfo(&out);
	for (CnBoundFormat format = CN_BOUND_ISO8601; format <= CN_BOUND_EPOCH_MS; format++)
	{
		CnJson	   *bound = cn_bound_convert(value, format);

		if (out.len > 0)
			appendStringInfoChar(&out, ' ');
		if (bound)
			cn_json_write(&out, bound);
		else
			appendStringInfoString(&out, "none");
	}
	return out.data;
}

static void
test_bounds(void)
{
	static const char *const cases[][2] = {
		{"true", "none none none"},
		{"[]", "none none none"},
		{"\"\"", "none none none"},
		{"\"yesterday\"", "none none none"},
		{"\"2026-02-30\"", "none none none"},
		{"\"inf\"", "none none none"},
		{"1e300", "none none none"},
		{"-1e14", "none none none"},
		{"\"2026-01-31\"", "\"2026-01-31\" 1769817600 1769817600000"},
		{"\"2026-01-31T12:00:00+01:00\"", "\"2026-01-31T11:00:00Z\" 1769857200 1769857200000"},
		{"\"2026-01-31 11:00:00.123456+00\"", "\"2026-01-31T11:00:00.123456Z\" 1769857200 1769857200123"},
		{"1769857200", "\"2026-01-31T11:00:00Z\" 1769857200 1769857200000"},
		{"\"1769857200\"", "\"2026-01-31T11:00:00Z\" 1769857200 1769857200000"},
		{"1769857200.9", "\"2026-01-31T11:00:00.900Z\" 1769857200 1769857200900"},
		{"1769857200123", "\"2026-01-31T11:00:00.123Z\" 1769857200 1769857200123"},
		{"-1.5", "\"1969-12-31T23:59:58.500Z\" -2 -1500"},
		{"0", "\"1970-01-01T00:00:00Z\" 0 0"},
		{"\"2026-01-31T11:00:00.000+0000\"", "\"2026-01-31T11:00:00Z\" 1769857200 1769857200000"},
		{"\"Sat, 31 Jan 2026 11:00:00 +0000\"", "\"2026-01-31T11:00:00Z\" 1769857200 1769857200000"},
		{"\"Sat, 31 Jan 2026 12:00:00 +0100\"", "\"2026-01-31T11:00:00Z\" 1769857200 1769857200000"},
		{"\"31 jan 2026 11:00 GMT\"", "\"2026-01-31T11:00:00Z\" 1769857200 1769857200000"},
		{"\"1 Jan 1970 00:00:00 Z\"", "\"1970-01-01T00:00:00Z\" 0 0"},
		{"\"2026-12-31T23:59:60Z\"", "\"2027-01-01T00:00:00Z\" 1798761600 1798761600000"},
		{"\"2026-12-31T23:59:61Z\"", "none none none"},
		{"\"9999-12-31T23:59:59.999999Z\"", "\"9999-12-31T23:59:59.999999Z\" 253402300799 253402300799999"},
		{"\"9999-12-31T23:59:60Z\"", "none none none"},
		{"\"9999-12-31T23:59:59-01:00\"", "none none none"},
		{"\"Fri, 31 Dec 9999 23:59:59 -0100\"", "none none none"},
		{"\"0001-01-01T00:00:00+01:00\"", "none none none"},
		{"\"10000-01-01\"", "none none none"},
		{"\"Sat 31 Jan 2026 11:00:00 +0000\"", "none none none"},
		{"\"Sat, 31 Jan 2026 11:00:00\"", "none none none"},
		{"\"Sat, 31 Jan 2026 11:00:00 +00\"", "none none none"},
		{"\"Sat, 31 Foo 2026 11:00:00 GMT\"", "none none none"},
		{"\"Sat, 30 Feb 2026 11:00:00 GMT\"", "none none none"},
		{"\"Sat, 31 Jan 2026 11:00:00 GMT and more\"", "none none none"},
	};
	CnBoundFormat format;

	for (int i = 0; i < lengthof(cases); i++)
		tap_is(bounds_of(cases[i][0]), cases[i][1], "bound %s", cases[i][0]);
	tap_ok(!cn_bound_format("ISO8601", &format), "formats are told apart by case");
	tap_ok(cn_bound_format("epoch_ms", &format) && format == CN_BOUND_EPOCH_MS, "a format");
	tap_is(cn_bound_convert(cn_json_string("any", -1), CN_BOUND_TEXT)->u.text, "any", "text is left");
}

/* "<", "=" or ">" of two values, written as JSON. */
static const char *
compare(const char *a, const char *b)
{
	CnJsonLimits limits = {0};
	CnJsonError error;
	int			order = cn_bound_compare(cn_json_parse(a, strlen(a), &limits, &error),
										 cn_json_parse(b, strlen(b), &limits, &error));

	return order < 0 ? "<" : order > 0 ? ">" : "=";
}

static void
test_comparisons(void)
{
	static const char *const cases[][3] = {
		{"\"2026-01-31T12:00:00+01:00\"", "=", "\"2026-01-31T11:00:00.000Z\""},
		{"\"2026-01-31T12:00:00+01:00\"", "<", "\"2026-01-31T11:30:00Z\""},
		{"\"Fri, 30 Jan 2026 23:00:00 +0000\"", "<", "\"Sat, 31 Jan 2026 00:00:00 +0000\""},
		{"\"Sat, 31 Jan 2026 00:00:00 +0000\"", "=", "\"2026-01-31\""},
		{"9", "<", "10"},
		{"-9", ">", "-10"},
		{"-1", "<", "1"},
		{"\"1712345678.000200\"", "<", "\"1712345678.000201\""},
		{"\"99999999999999999998\"", "<", "\"99999999999999999999\""},
		{"\"1.50\"", "=", "1.5"},
		{"1.5", ">", "1.49"},
		{"\"007\"", "=", "7"},
		{"0.1", ">", "0"},
		{"\"b\"", ">", "\"a\""},
		{"\"a\"", "<", "\"ab\""},
		{"\"a\"", "=", "\"a\""},
		{"\"2026-01-31\"", "<", "\"x\""},
		{"\"\"", "<", "\"1\""},
	};

	for (int i = 0; i < lengthof(cases); i++)
	{
		const char *reverse = *cases[i][1] == '<' ? ">" : *cases[i][1] == '>' ? "<" : "=";

		tap_is(compare(cases[i][0], cases[i][2]), cases[i][1], "%s %s %s", cases[i][0],
			   cases[i][1], cases[i][2]);
		tap_is(compare(cases[i][2], cases[i][0]), reverse, "and the other way round");
	}
}

/* ---- digests ---- */

static void
test_seen(void)
{
	CnSeen		seen = {0};
	int			wrong = 0;

	tap_ok(!cn_seen_has(&seen, 0), "nothing was there");
	wrong += !cn_seen_add(&seen, 0);
	wrong += cn_seen_add(&seen, 0);
	for (uint64 i = 2; i < 2000; i++)
		wrong += !cn_seen_add(&seen, i << 32);	/* all begin their search at the same place */
	tap_is_int(wrong, 0, "many that differ in few bits");

	memset(&seen, 0, sizeof(seen));
	wrong = 0;
	for (int i = 0; i < 200000; i++)
		wrong += !cn_seen_add(&seen, cn_seen_digest(&i, sizeof(i)));
	for (int i = 0; i < 200000; i++)
		wrong += !cn_seen_has(&seen, cn_seen_digest(&i, sizeof(i)));
	for (int i = 200000; i < 400000; i++)
		wrong += cn_seen_has(&seen, cn_seen_digest(&i, sizeof(i)));
	cn_seen_clear(&seen);
	for (int i = 0; i < 200000; i++)
		wrong += cn_seen_has(&seen, cn_seen_digest(&i, sizeof(i)));
	tap_is_int(wrong, 0, "200,000 digests, none lost, none made up, all forgotten");
}

int
main(void)
{
	tap_run_cases("cases/pagination.test", run_pagination);
	tap_run_cases("cases/paging.test", run_walk);
	test_long_walks();
	test_set();
	test_bounds();
	test_comparisons();
	test_seen();
	return tap_done();
}
