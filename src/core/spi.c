/*
 * spi.c -- SQL run by the extension itself.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "core/install.h"
#include "core/spi.h"

/* Begin a visit as the user that is current. */
static void
begin(CnSpi *spi)
{
	spi->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

void
cn_spi_begin(CnSpi *spi)
{
	const CnInstall *install = cn_install();

	GetUserIdAndSecContext(&spi->save_userid, &spi->save_sec_context);
	SetUserIdAndSecContext(install->owner,
						   spi->save_sec_context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_NOFORCE_RLS);
	begin(spi);
}

void
cn_spi_begin_as_caller(CnSpi *spi)
{
	(void) cn_install();
	GetUserIdAndSecContext(&spi->save_userid, &spi->save_sec_context);
	begin(spi);
}

void
cn_spi_end(CnSpi *spi)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	AtEOXact_GUC(true, spi->guc_level);
	SetUserIdAndSecContext(spi->save_userid, spi->save_sec_context);
}

/* The statement's text with "@." replaced by the schema. */
static char *
expand_schema(const char *sql, const char *schema)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (const char *at = sql; *at; at++)
	{
		if (at[0] == '@' && at[1] == '.')
			appendStringInfoString(&buf, schema);
		else
			appendStringInfoChar(&buf, *at);
	}
	return buf.data;
}

static void
prepare(CnStatement *statement)
{
	const CnInstall *install = cn_install();

	if (statement->plan && statement->schema == install->schema_oid)
		return;
	if (statement->plan)
	{
		SPIPlanPtr	old = statement->plan;

		statement->plan = NULL;
		SPI_freeplan(old);
	}

	Assert(statement->nargs <= CN_SPI_MAX_ARGS);
	statement->plan = SPI_prepare(expand_schema(statement->sql, install->schema),
								  statement->nargs, statement->argtypes);
	if (statement->plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	if (SPI_keepplan(statement->plan))
		elog(ERROR, "SPI_keepplan failed");
	statement->schema = install->schema_oid;
}

uint64
cn_spi_run(CnStatement *statement, Datum *values, const char *nulls, long limit)
{
	int			rc;

	prepare(statement);

	/* A parallel query cannot take a new snapshot; its own is new enough. */
	PushActiveSnapshot(IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot());
	rc = SPI_execute_snapshot(statement->plan, values, nulls, GetActiveSnapshot(), InvalidSnapshot,
							  !statement->write, true, limit);
	PopActiveSnapshot();
	if (rc < 0)
		elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(rc));
	return SPI_processed;
}

void
cn_spi_write_row(CnStatement *statement, Datum *values, const bool *nulls)
{
	char		flags[CN_SPI_MAX_ARGS];
	CnSpi		spi;

	for (int i = 0; i < statement->nargs; i++)
		flags[i] = nulls[i] ? 'n' : ' ';
	cn_spi_begin(&spi);
	(void) cn_spi_run(statement, values, flags, 0);
	cn_spi_end(&spi);
}

uint64
cn_spi_run_as_caller(CnStatement *statement, Datum *values, const char *nulls, bool read_only)
{
	int			rc;

	prepare(statement);
	rc = SPI_execute_plan(statement->plan, values, nulls, read_only, 0);
	if (rc < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	return SPI_processed;
}

uint64
cn_spi_run_once(const char *sql, int nargs, Oid *argtypes, Datum *values)
{
	int			rc = SPI_execute_with_args(expand_schema(sql, cn_install()->schema), nargs, argtypes,
										   values, NULL, false, 0);

	if (rc < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(rc));
	return SPI_processed;
}

Datum
cn_spi_value(uint64 row, int col, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col, isnull);
}

char *
cn_spi_text(uint64 row, int col, MemoryContext context)
{
	bool		isnull;
	Datum		value = cn_spi_value(row, col, &isnull);
	MemoryContext old;
	char	   *result;

	if (isnull)
		return NULL;
	old = MemoryContextSwitchTo(context);
	result = TextDatumGetCString(value);
	MemoryContextSwitchTo(old);
	return result;
}

void
cn_spi_uuid(uint64 row, int col, pg_uuid_t *id)
{
	bool		isnull;
	Datum		value = cn_spi_value(row, col, &isnull);

	if (isnull)
		memset(id, 0, sizeof(*id));
	else
		*id = *DatumGetUUIDP(value);
}
