/*
 * page_log.h -- the pages that were fetched, as the steps of an execution's row.
 */
#ifndef CN_QUEUE_PAGE_LOG_H
#define CN_QUEUE_PAGE_LOG_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "engine/walk.h"

typedef struct CnPageLog CnPageLog;

/* A new log, in context; its times count from now on. */
extern CnPageLog *cn_page_log_create(MemoryContext context);

/* Add a page that has just come: a CnPageDone, whose arg is the log. */
extern void cn_page_log_add(const CnPageReport *report, void *log);

/*
 * [{"id": stream, "page": number, "status", "http_status", "records", ...}] of the first pages, and
 * behind them how many there were beyond.
 */
extern Jsonb *cn_page_log_steps(const CnPageLog *log);

/* Milliseconds since it was created; attempts beside the first of all pages; the last HTTP status. */
extern double cn_page_log_ms(const CnPageLog *log);
extern int	cn_page_log_retries(const CnPageLog *log);
extern int	cn_page_log_http_status(const CnPageLog *log);

#endif							/* CN_QUEUE_PAGE_LOG_H */
