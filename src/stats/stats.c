/*
 * stats.c -- exact counts of executions, without hot rows.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/install.h"
#include "core/spi.h"
#include "core/table.h"
#include "core/uuid.h"
#include "stats/counters.h"
#include "stats/stats.h"

void		(*cn_stats_unfolded_hook) (Oid database) = NULL;

/* Deltas of the transaction, in TopTransactionContext; NULL when there are none. */
static CnStatDelta *deltas = NULL;
static int	delta_count = 0;
static int	delta_room = 0;

/* This transaction has written deltas, and is not over. */
static bool written = false;

/* The columns of connector_stat_deltas, in their order. */
static const char *const column_names[] = {
	"workspace_id", "id", "connector_id", "credential_id", "successes", "failures", "last_at"
};

static CnStatement write_statement = {
	.sql = "INSERT INTO @.connector_stat_deltas"
	" (workspace_id, id, connector_id, credential_id, successes, failures, last_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7)",
	.write = true,
	.nargs = lengthof(column_names),
	.argtypes = {UUIDOID, UUIDOID, UUIDOID, UUIDOID, INT8OID, INT8OID, TIMESTAMPTZOID},
};

static CnStatDelta *
find_delta(const pg_uuid_t *workspace, const pg_uuid_t *connector, const pg_uuid_t *credential,
		   int level)
{
	/* The newest first: a statement usually runs one connector many times. */
	for (int i = delta_count - 1; i >= 0; i--)
	{
		if (deltas[i].level == level && cn_uuid_equal(&deltas[i].connector, connector) &&
			cn_uuid_equal(&deltas[i].credential, credential) &&
			cn_uuid_equal(&deltas[i].workspace, workspace))
			return &deltas[i];
	}
	return NULL;
}

static CnStatDelta *
add_delta(const pg_uuid_t *workspace, const pg_uuid_t *connector, const pg_uuid_t *credential,
		  int level)
{
	CnStatDelta *delta;

	if (deltas == NULL)
	{
		delta_room = 8;
		deltas = MemoryContextAlloc(TopTransactionContext, sizeof(CnStatDelta) * delta_room);
	}
	else if (delta_count == delta_room)
	{
		delta_room *= 2;
		deltas = repalloc(deltas, sizeof(CnStatDelta) * delta_room);
	}
	delta = &deltas[delta_count++];
	memset(delta, 0, sizeof(*delta));
	delta->workspace = *workspace;
	delta->connector = *connector;
	delta->credential = *credential;
	delta->level = level;
	return delta;
}

static CnStatDelta *
get_delta(const pg_uuid_t *workspace, const pg_uuid_t *connector, const pg_uuid_t *credential)
{
	static const pg_uuid_t none = {{0}};
	int			level = GetCurrentTransactionNestLevel();
	CnStatDelta *delta;

	if (credential == NULL)
		credential = &none;
	delta = find_delta(workspace, connector, credential, level);
	return delta ? delta : add_delta(workspace, connector, credential, level);
}

void
cn_stats_count(const pg_uuid_t *workspace, const pg_uuid_t *connector, const pg_uuid_t *credential,
			   bool success, TimestampTz at)
{
	CnStatDelta *delta = get_delta(workspace, connector, credential);

	if (success)
		delta->successes++;
	else
		delta->failures++;
	delta->last_at = Max(delta->last_at, at);
}

void
cn_stats_used(const pg_uuid_t *workspace, const pg_uuid_t *connector, const pg_uuid_t *credential,
			  TimestampTz at)
{
	CnStatDelta *delta = get_delta(workspace, connector, credential);

	delta->last_at = Max(delta->last_at, at);
}

const CnStatDelta *
cn_stats_pending(int *count)
{
	*count = delta_count;
	return deltas;
}

static void
write_by_statement(Datum *values, const bool *nulls)
{
	char		spi_nulls[lengthof(column_names) + 1] = {0};
	CnSpi		spi;

	for (int i = 0; i < lengthof(column_names); i++)
		spi_nulls[i] = nulls[i] ? 'n' : ' ';
	cn_spi_begin(&spi);
	(void) cn_spi_run(&write_statement, values, spi_nulls, 0);
	cn_spi_end(&spi);
}

static void
write_delta(const CnStatDelta *delta)
{
	pg_uuid_t	id;
	Datum		values[lengthof(column_names)];
	bool		nulls[lengthof(column_names)] = {false};

	cn_uuid_v7(&id);
	values[0] = UUIDPGetDatum(&delta->workspace);
	values[1] = UUIDPGetDatum(&id);
	values[2] = UUIDPGetDatum(&delta->connector);
	values[3] = UUIDPGetDatum(&delta->credential);
	nulls[3] = cn_uuid_is_zero(&delta->credential);
	values[4] = Int64GetDatum(delta->successes);
	values[5] = Int64GetDatum(delta->failures);
	values[6] = TimestampTzGetDatum(delta->last_at);
	if (!cn_table_insert(cn_install()->tables[CN_TABLE_STAT_DELTAS], lengthof(column_names),
						 column_names, values, nulls))
		write_by_statement(values, nulls);
}

static void
write_deltas(void)
{
	PushActiveSnapshot(GetTransactionSnapshot());
	for (int i = 0; i < delta_count; i++)
		write_delta(&deltas[i]);
	PopActiveSnapshot();
}

static void
forget_deltas(void)
{
	deltas = NULL;
	delta_count = delta_room = 0;
}

static void
on_pre_commit(bool prepare)
{
	/* The extension may have been dropped since. */
	if (delta_count > 0 && cn_install_exists())
	{
		write_deltas();
		written = !prepare;
	}
	forget_deltas();
}

/* The deltas can be seen now. */
static void
on_commit(void)
{
	if (cn_counters_mark_unfolded() && cn_stats_unfolded_hook)
		cn_stats_unfolded_hook(MyDatabaseId);
}

static void
on_xact(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && written)
		on_commit();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		written = false;

	/* None may be left of an array that was used: its memory goes all the same. */
	if (deltas == NULL)
		return;
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE)
		on_pre_commit(event == XACT_EVENT_PRE_PREPARE);
	else if (event == XACT_EVENT_ABORT)
		forget_deltas();
}

/* A subtransaction's counts go to its parent, or with it. */
static void
on_subxact(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();
	int			kept = 0;

	if (delta_count == 0 || (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB))
		return;
	for (int i = 0; i < delta_count; i++)
	{
		if (deltas[i].level >= level && event == SUBXACT_EVENT_ABORT_SUB)
			continue;
		deltas[kept] = deltas[i];
		if (deltas[kept].level >= level)
			deltas[kept].level = level - 1;
		kept++;
	}
	delta_count = kept;
}

void
cn_stats_init(void)
{
	RegisterXactCallback(on_xact, NULL);
	RegisterSubXactCallback(on_subxact, NULL);
	cn_stats_fold_init();
}
