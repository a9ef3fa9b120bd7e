/*
 * log.c -- a line in the server's log for each queued execution that ends.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "core/uuid.h"
#include "stats/log.h"
#include "stats/log_line.h"

typedef enum LogExecutions
{
	LOG_EXECUTIONS_NONE,
	LOG_EXECUTIONS_FAILED,
	LOG_EXECUTIONS_ALL
} LogExecutions;

static const struct config_enum_entry log_options[] = {
	{"none", LOG_EXECUTIONS_NONE, false},
	{"failed", LOG_EXECUTIONS_FAILED, false},
	{"all", LOG_EXECUTIONS_ALL, false},
	{NULL, 0, false}
};

static int	log_executions;

static void
add_uuid(StringInfo line, const char *key, const pg_uuid_t *id)
{
	char		text[CN_UUID_TEXT_LEN + 1];

	cn_log_pair(line, key, cn_uuid_text(id, text));
}

static char *
line_of(const CnLogExecution *entry)
{
	StringInfoData line;

	initStringInfo(&line);
	add_uuid(&line, "execution", entry->execution);
	add_uuid(&line, "workspace", entry->workspace);
	cn_log_pair(&line, "connector", entry->connector);
	cn_log_pair(&line, "trigger", entry->trigger);
	cn_log_pair(&line, "status", entry->status);
	if (entry->code != CN_OK)
		cn_log_pair(&line, "code", cn_code_info(entry->code)->name);
	if (entry->http_status)
		appendStringInfo(&line, " http_status=%d", entry->http_status);
	cn_log_pair(&line, "step", entry->failed_step);
	appendStringInfo(&line, " attempt=%d retries=%d ms=%.3f", entry->attempt, entry->retries,
					 entry->ms);
	cn_log_pair(&line, "correlation_id", entry->correlation_id);
	return line.data;
}

void
cn_log_execution(const CnLogExecution *entry)
{
	char	   *line;

	if (log_executions == LOG_EXECUTIONS_NONE ||
		(log_executions == LOG_EXECUTIONS_FAILED && entry->code == CN_OK))
		return;
	line = line_of(entry);
	ereport(LOG,
			(errmsg_internal("connector execution:%s", line),
			 errhidestmt(true), errhidecontext(true)));
	pfree(line);
}

void
cn_log_init(void)
{
	DefineCustomEnumVariable("connector.log_executions",
							 "Which queued executions leave a line in the server's log when they end.",
							 NULL, &log_executions, LOG_EXECUTIONS_NONE, log_options,
							 PGC_SUSET, 0, NULL, NULL, NULL);
}
