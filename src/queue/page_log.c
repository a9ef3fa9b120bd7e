/*
 * page_log.c -- the pages that were fetched, as the steps of an execution's row.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "core/clock.h"
#include "core/jsonb.h"
#include "queue/page_log.h"

/* Pages that are written out.  A stream can have a million; what matters is how it went. */
#define MAX_LOGGED 100

/* Likewise; the remote says how long the addresses of its pages are. */
#define MAX_LOGGED_BYTES (256 * 1024)

struct CnPageLog
{
	MemoryContext context;
	int64		started_us;		/* monotonic */
	Jsonb	   *pages[MAX_LOGGED];
	int			count;
	int64		bytes;			/* of those */
	int64		beyond;			/* pages that were not written out */
	int			retries;
	int			http_status;
};

CnPageLog *
cn_page_log_create(MemoryContext context)
{
	CnPageLog  *log = MemoryContextAllocZero(context, sizeof(CnPageLog));

	log->context = context;
	log->started_us = cn_monotonic_us();
	return log;
}

double
cn_page_log_ms(const CnPageLog *log)
{
	return (cn_monotonic_us() - log->started_us) / 1000.0;
}

static void
build_text(CnJsonbBuilder *b, const char *key, const char *value)
{
	if (value == NULL)
		return;
	cn_build_key(b, key);
	cn_build_string(b, value);
}

static void
build_int(CnJsonbBuilder *b, const char *key, int64 value)
{
	cn_build_key(b, key);
	cn_build_int(b, value);
}

/* As the members of a step, in the same words. */
static Jsonb *
page_as_jsonb(const CnPageReport *report, double now_ms)
{
	const CnStepRecord *record = report->record;
	CnJsonbBuilder b = {0};

	cn_build_begin_object(&b);
	build_text(&b, "id", report->stream);
	build_int(&b, "page", report->number);
	build_text(&b, "status", cn_status_name(report->failure));
	build_int(&b, "attempts", record->attempts);
	cn_build_key(&b, "started_ms");
	cn_build_ms(&b, Max(now_ms - record->duration_ms, 0));
	cn_build_key(&b, "duration_ms");
	cn_build_ms(&b, record->duration_ms);
	build_text(&b, "method", record->method);
	build_text(&b, "url", record->url);
	if (record->http_status)
	{
		build_int(&b, "http_status", record->http_status);
		build_int(&b, "response_bytes", record->response_bytes);
	}
	if (report->failure->code == CN_OK)
		build_int(&b, "records", report->records);
	else
	{
		build_text(&b, "error_code", cn_code_info(report->failure->code)->name);
		build_text(&b, "error_message", cn_failure_text(report->failure));
	}
	cn_build_end_object(&b);
	return cn_build_done(&b);
}

void
cn_page_log_add(const CnPageReport *report, void *arg)
{
	CnPageLog  *log = arg;
	MemoryContext old;

	log->retries += Max(report->record->attempts - 1, 0);
	if (report->record->http_status)
		log->http_status = report->record->http_status;
	if (log->beyond > 0 || log->count == MAX_LOGGED || log->bytes >= MAX_LOGGED_BYTES)
	{
		log->beyond++;
		return;
	}
	old = MemoryContextSwitchTo(log->context);
	log->pages[log->count] = page_as_jsonb(report, cn_page_log_ms(log));
	log->bytes += VARSIZE(log->pages[log->count++]);
	MemoryContextSwitchTo(old);
}

Jsonb *
cn_page_log_steps(const CnPageLog *log)
{
	CnJsonbBuilder b = {0};

	cn_build_begin_array(&b);
	for (int i = 0; i < log->count; i++)
		cn_build_jsonb(&b, log->pages[i]);
	if (log->beyond > 0)
	{
		cn_build_begin_object(&b);
		cn_build_key(&b, "_truncated");
		cn_build_bool(&b, true);
		build_int(&b, "pages", log->beyond);
		cn_build_end_object(&b);
	}
	cn_build_end_array(&b);
	return cn_build_done(&b);
}

int
cn_page_log_retries(const CnPageLog *log)
{
	return log->retries;
}

int
cn_page_log_http_status(const CnPageLog *log)
{
	return log->http_status;
}
