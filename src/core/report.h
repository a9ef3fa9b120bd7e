/*
 * report.h -- a failure value becomes the server's error.
 */
#ifndef CN_CORE_REPORT_H
#define CN_CORE_REPORT_H

#include "postgres.h"

#include "core/errors.h"

/*
 * Raise failure as the outcome of connector's step (which may be NULL).  The
 * SQLSTATE is the code's own; DETAIL has code, step, HTTP status and the
 * remote's message; HINT the remedy.
 */
extern void cn_report_failure(const char *connector, const char *step,
							  const CnFailure *failure) pg_attribute_noreturn();

/* The same of a provider's action that was called without a connector. */
extern void cn_report_action_failure(const char *action, const CnFailure *failure)
			pg_attribute_noreturn();

/* The same where it is a provider's endpoint that failed (NULL: whose is not known), and no step. */
extern void cn_report_provider_failure(const char *provider,
									   const CnFailure *failure) pg_attribute_noreturn();

/* The same of a provider's stream that was fetched. */
extern void cn_report_stream_failure(const char *stream, const CnFailure *failure)
			pg_attribute_noreturn();

#endif							/* CN_CORE_REPORT_H */
