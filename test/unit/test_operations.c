/*
 * test_operations.c -- what operators read: lines of the log, the page of metrics.
 */
#include "stats/exposition.h"
#include "stats/log_line.h"

#include <math.h>

#include "tap.h"

/* ---- the log ---- */

static char *
pair(const char *value)
{
	StringInfoData line;

	initStringInfo(&line);
	cn_log_pair(&line, "k", value);
	return line.data;
}

static const struct
{
	const char *value;
	const char *wanted;
}			pairs[] = {
	{NULL, ""},
	{"", " k=\"\""},
	{"plain-1.2:3/4@5+6_", " k=plain-1.2:3/4@5+6_"},
	{"two words", " k=\"two words\""},
	{"a=b", " k=\"a=b\""},
	{"say \"hi\" \\ there", " k=\"say \\\"hi\\\" \\\\ there\""},
	{"x\nLOG:  forged", " k=\"x\\x0aLOG:  forged\""},
	{"x\r\ny\tz\x1b[31m\x7f", " k=\"x\\x0d\\x0ay\\x09z\\x1b[31m\\x7f\""},
	{"\x01", " k=\"\\x01\""},
	{"\xc2\x85next\xe2\x80\xa8line\xe2\x80\xa9", " k=\"\\xc2\\x85next\\xe2\\x80\\xa8line\\xe2\\x80\\xa9\""},
	{"\xe2\x80\xae turned \xe2\x81\xa6", " k=\"\\xe2\\x80\\xae turned \\xe2\\x81\\xa6\""},
	{"B\xc3\xb6rse \xe2\x82\xac \xc2\xa0", " k=\"B\xc3\xb6rse \xe2\x82\xac \xc2\xa0\""},
	/* what is no UTF-8 ends where it ends */
	{"\xe2", " k=\"\xe2\""},
	{"\xe2\x80", " k=\"\xe2\x80\""},
	{"\xc2", " k=\"\xc2\""},
};

static char *
repeated(const char *text, int times)
{
	StringInfoData all;

	initStringInfo(&all);
	for (int i = 0; i < times; i++)
		appendStringInfoString(&all, text);
	return all.data;
}

static void
check_log(void)
{
	for (int i = 0; i < lengthof(pairs); i++)
		tap_is(pair(pairs[i].value), pairs[i].wanted, "log: pair %d", i);

	tap_is(pair(repeated("x", CN_LOG_VALUE_MAX)), psprintf(" k=%s", repeated("x", CN_LOG_VALUE_MAX)),
		   "log: as long as may be");
	tap_is(pair(repeated("x", CN_LOG_VALUE_MAX + 1)),
		   psprintf(" k=\"%s...\"", repeated("x", CN_LOG_VALUE_MAX)), "log: one longer");
	tap_is(pair(repeated("\xe2\x82\xac", CN_LOG_VALUE_MAX)),
		   psprintf(" k=\"%s...\"", repeated("\xe2\x82\xac", CN_LOG_VALUE_MAX / 3)),
		   "log: characters are not cut in two");
}

/* ---- the page of metrics ---- */

static char *
sample(CnLabel first, CnLabel second, double value)
{
	CnLabel		labels[] = {first, second, {NULL, NULL}};
	StringInfoData page;

	initStringInfo(&page);
	cn_exposition_sample(&page, "m", "", labels, value);
	return page.data;
}

static const CnLabel none = {NULL, NULL};

static void
check_values(void)
{
	static const struct
	{
		double		value;
		const char *wanted;
	}			values[] = {
		{0, "m 0\n"}, {-1, "m -1\n"}, {9007199254740, "m 9007199254740\n"}, {0.5, "m 0.5\n"},
		{1e300, "m 1e+300\n"}, {1234.5678, "m 1234.5678\n"},
	};

	for (int i = 0; i < lengthof(values); i++)
		tap_is(sample(none, none, values[i].value), values[i].wanted, "page: value %d", i);
	tap_is(sample(none, none, INFINITY), "m +Inf\n", "page: infinite");
	tap_is(sample(none, none, -INFINITY), "m -Inf\n", "page: negative");
	tap_is(sample(none, none, NAN), "m NaN\n", "page: not a number");
}

static void
check_labels(void)
{
	StringInfoData page;

	tap_is(sample((CnLabel) {"a", "x"}, none, 1), "m{a=\"x\"} 1\n", "page: a label");
	tap_is(sample((CnLabel) {"a", ""}, (CnLabel) {"b", "y z"}, 1), "m{a=\"\",b=\"y z\"} 1\n",
		   "page: two");
	tap_is(sample((CnLabel) {"a", "q\"b\\n\nz"}, none, 1), "m{a=\"q\\\"b\\\\n\\nz\"} 1\n",
		   "page: what is escaped in a label");
	initStringInfo(&page);
	cn_exposition_begin(&page, "m", "gauge", "a \"b\" \\ c\nd");
	tap_is(page.data, "# HELP m a \"b\" \\\\ c\\nd\n# TYPE m gauge\n", "page: and in a help text");
}

static void
check_histogram(void)
{
	static const double bounds[] = {1, 2.5};
	static const uint64 counts[] = {3, 0, 4};
	StringInfoData page;

	initStringInfo(&page);
	cn_exposition_histogram(&page, "h", none, bounds, 2, counts, 10.25);
	tap_is(page.data, "h_bucket{le=\"1\"} 3\nh_bucket{le=\"2.5\"} 3\nh_bucket{le=\"+Inf\"} 7\n"
		   "h_sum 10.25\nh_count 7\n", "page: a histogram");
	initStringInfo(&page);
	cn_exposition_histogram(&page, "h", (CnLabel) {"k", "v"}, bounds, 1, counts, 0);
	tap_is(page.data, "h_bucket{k=\"v\",le=\"1\"} 3\nh_bucket{k=\"v\",le=\"+Inf\"} 3\n"
		   "h_sum{k=\"v\"} 0\nh_count{k=\"v\"} 3\n", "page: with a label");
}

int
main(void)
{
	check_log();
	check_values();
	check_labels();
	check_histogram();
	return tap_done();
}
