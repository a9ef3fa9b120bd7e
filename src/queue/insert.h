/*
 * insert.h -- putting rows into the history.
 */
#ifndef CN_QUEUE_INSERT_H
#define CN_QUEUE_INSERT_H

#include "postgres.h"

#include "utils/timestamp.h"

#include "core/table.h"

/* The columns of a row, in the order of the table. */
typedef enum CnHistoryColumn
{
	COL_WORKSPACE,
	COL_ID,
	COL_CONNECTOR,
	COL_NAME,
	COL_VERSION,
	COL_STATUS,
	COL_TRIGGER,
	COL_ATTEMPT,
	COL_CURRENT_STEP,
	COL_STEPS,
	COL_INPUT,
	COL_OUTPUT,
	COL_ERROR_CODE,
	COL_ERROR_MESSAGE,
	COL_HTTP_STATUS,
	COL_TIME,
	COL_STARTED,
	COL_COMPLETED,
	COL_CREATED,
	COL_EXECUTED_BY,
	COL_CONTACT,
	COL_FLOW_RUN,
	COL_CORRELATION,
	COL_IDEMPOTENCY_KEY,
	COL_COUNT
} CnHistoryColumn;

typedef struct CnHistoryRow
{
	Datum		values[COL_COUNT];
	bool		nulls[COL_COUNT];
} CnHistoryRow;

/* Rows on their way into the history; all zeros but for the context at first. */
typedef struct CnHistoryRows
{
	MemoryContext context;		/* must not go before the last flush, but in error */
	CnTableWriter *writer;		/* NULL: none is open */
	Oid			relid;			/* the partition it writes to */
} CnHistoryRows;

/* Add row, which is copied; at is the time in its id. */
extern void cn_history_add(CnHistoryRows *rows, CnHistoryRow *row, TimestampTz at);

/* Write what is left.  The current command sees the rows when it is over. */
extern void cn_history_flush(CnHistoryRows *rows);

#endif							/* CN_QUEUE_INSERT_H */
