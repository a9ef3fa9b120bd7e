/*
 * notify.c -- telling listeners that an execution has ended.
 *
 * Every session of the database may listen, of whatever tenant.  So nothing is told but an
 * id, which means something only to those who may read the execution, and how it ended.
 */
#include "postgres.h"

#include "commands/async.h"

#include "core/uuid.h"
#include "queue/notify.h"

#define CHANNEL "connector_execution"

void
cn_notify_finished(const pg_uuid_t *id, const char *status)
{
	char		text[CN_UUID_TEXT_LEN + 1];

	Async_Notify(CHANNEL, psprintf("{\"execution_id\": \"%s\", \"status\": \"%s\"}",
								   cn_uuid_text(id, text), status));
}
