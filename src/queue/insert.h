/*
 * insert.h -- putting a row into the history.
 */
#ifndef CN_QUEUE_INSERT_H
#define CN_QUEUE_INSERT_H

#include "postgres.h"

#include "utils/timestamp.h"

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

/* Insert row; at is the time in its id.  The current command sees it when it is over. */
extern void cn_history_insert(CnHistoryRow *row, TimestampTz at);

#endif							/* CN_QUEUE_INSERT_H */
