/*
 * dead_letters.c -- putting dead letters into their table, the way COPY writes.
 *
 * Where somebody put a trigger on the table, or a column, a row goes through an ordinary INSERT.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "core/clock.h"
#include "core/install.h"
#include "core/spi.h"
#include "queue/dead_letters.h"

/* The columns of a row, in the order of the table. */
enum
{
	LETTER_WORKSPACE,
	LETTER_ID,
	LETTER_CONNECTOR,
	LETTER_NAME,
	LETTER_CODE,
	LETTER_MESSAGE,
	LETTER_STEP,
	LETTER_HTTP_STATUS,
	LETTER_ATTEMPT,
	LETTER_PRIORITY,
	LETTER_FAILED_AT,
	LETTER_CREATED_AT,
	LETTER_IDENTITY,
	LETTER_RUN_AS,
	LETTER_CLAIMS,
	LETTER_CORRELATION,
	LETTER_INPUT,
	LETTER_CHECKPOINT,
	LETTER_REDRIVEN_AS,
	LETTER_REDRIVEN_AT,
	LETTER_REDRIVEN_BY,
	LETTER_COLUMNS
};

static const char *const column_names[LETTER_COLUMNS] = {
	"workspace_id", "id", "connector_id", "connector_name", "error_code", "error_message",
	"failed_step", "http_status", "attempt", "priority", "failed_at", "created_at", "identity",
	"run_as", "claims", "correlation_id", "input", "checkpoint", "redriven_as", "redriven_at",
	"redriven_by"
};

static CnStatement insert_statement = {
	.sql = "INSERT INTO @.connector_dead_letters (workspace_id, id, connector_id, connector_name,"
	" error_code, error_message, failed_step, http_status, attempt, priority, failed_at,"
	" created_at, identity, run_as, claims, correlation_id, input, checkpoint, redriven_as,"
	" redriven_at, redriven_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
	" $14, $15, $16, $17, $18, $19, $20, $21)",
	.write = true,
	.nargs = LETTER_COLUMNS,
	.argtypes = {UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT4OID, INT4OID,
		INT2OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, NAMEOID, TEXTOID, TEXTOID, JSONBOID,
	JSONBOID, UUIDOID, TIMESTAMPTZOID, TEXTOID},
};

typedef struct Row
{
	Datum		values[LETTER_COLUMNS];
	bool		nulls[LETTER_COLUMNS];
	NameData	run_as;
} Row;

static void
set_value(Row *row, int col, Datum value)
{
	row->values[col] = value;
	row->nulls[col] = false;
}

static void
set_text(Row *row, int col, const char *value)
{
	if (value)
		set_value(row, col, CStringGetTextDatum(value));
}

static void
set_jsonb(Row *row, int col, Jsonb *value)
{
	if (value)
		set_value(row, col, JsonbPGetDatum(value));
}

static void
fill_failure(Row *row, const CnDeadLetter *letter)
{
	const CnFailure *failure = &letter->failure;

	set_text(row, LETTER_CODE, cn_code_info(failure->code)->name);
	set_text(row, LETTER_MESSAGE, cn_failure_text(failure));
	set_text(row, LETTER_STEP, letter->failed_step);
	if (failure->http_status)
		set_value(row, LETTER_HTTP_STATUS, Int32GetDatum(failure->http_status));
	set_value(row, LETTER_FAILED_AT, TimestampTzGetDatum(cn_now()));
}

static void
fill_execution(Row *row, const CnDeadLetter *letter)
{
	set_value(row, LETTER_WORKSPACE, UUIDPGetDatum(&letter->workspace));
	set_value(row, LETTER_ID, UUIDPGetDatum(&letter->id));
	set_value(row, LETTER_CONNECTOR, UUIDPGetDatum(&letter->connector));
	set_text(row, LETTER_NAME, letter->connector_name);
	set_value(row, LETTER_ATTEMPT, Int32GetDatum(letter->attempt));
	set_value(row, LETTER_PRIORITY, Int16GetDatum(letter->priority));
	set_value(row, LETTER_CREATED_AT, TimestampTzGetDatum(letter->created_at));
	set_text(row, LETTER_IDENTITY, letter->identity);
	if (letter->run_as)
	{
		namestrcpy(&row->run_as, letter->run_as);
		set_value(row, LETTER_RUN_AS, NameGetDatum(&row->run_as));
	}
	set_text(row, LETTER_CLAIMS, letter->claims);
	set_text(row, LETTER_CORRELATION, letter->correlation_id);
	set_jsonb(row, LETTER_INPUT, letter->input);
	set_jsonb(row, LETTER_CHECKPOINT, letter->checkpoint);
}

void
cn_dead_letter_add(CnDeadLetters *letters, const CnDeadLetter *letter)
{
	Row			row;

	memset(row.nulls, true, sizeof(row.nulls));
	fill_execution(&row, letter);
	fill_failure(&row, letter);
	if (letters->writer == NULL)
		letters->writer = cn_table_open(cn_install()->tables[CN_TABLE_DEAD_LETTERS],
										LETTER_COLUMNS, column_names, letters->context);
	if (letters->writer)
		cn_table_add(letters->writer, row.values, row.nulls);
	else
		cn_spi_write_row(&insert_statement, row.values, row.nulls);
}

void
cn_dead_letters_flush(CnDeadLetters *letters)
{
	CnTableWriter *writer = letters->writer;

	letters->writer = NULL;
	if (writer)
		cn_table_close(writer);
}
