/*
 * report.c -- a failure value becomes the server's error.
 */
#include "postgres.h"

#include "core/report.h"

static int
sqlstate_of(const CnCodeInfo *info)
{
	const char *s = info->sqlstate;

	return MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4]);
}

static char *
detail_of(const char *step, const CnCodeInfo *info, const CnFailure *failure)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "Code %s", info->name);
	if (step)
		appendStringInfo(&buf, ", step \"%s\"", step);
	if (failure->http_status)
		appendStringInfo(&buf, ", HTTP status %d", failure->http_status);
	appendStringInfoChar(&buf, '.');
	if (failure->remote_message)
		appendStringInfo(&buf, " The remote said: %s", failure->remote_message);
	if (failure->detail)
		appendStringInfo(&buf, "\n%s", failure->detail);
	return buf.data;
}

static void pg_attribute_noreturn()
report(const char *message, const char *step, const CnFailure *failure)
{
	const CnCodeInfo *info = cn_code_info(failure->code);

	ereport(ERROR,
			(errcode(sqlstate_of(info)),
			 errmsg_internal("%s", message),
			 errdetail_internal("%s", detail_of(step, info, failure)),
			 errhint("%s", failure->hint ? failure->hint : info->hint)));
}

void
cn_report_failure(const char *connector, const char *step, const CnFailure *failure)
{
	report(psprintf("connector \"%s\": %s", connector, failure->message), step, failure);
}

void
cn_report_action_failure(const char *action, const CnFailure *failure)
{
	report(psprintf("action \"%s\": %s", action, failure->message), NULL, failure);
}

void
cn_report_provider_failure(const char *provider, const CnFailure *failure)
{
	report(provider ? psprintf("provider \"%s\": %s", provider, failure->message) : failure->message,
		   NULL, failure);
}

void
cn_report_stream_failure(const char *stream, const CnFailure *failure)
{
	report(psprintf("stream \"%s\": %s", stream, failure->message), NULL, failure);
}
