/*
 * table.h -- inserting rows without a statement.
 *
 * Recording is part of every call, so it goes the way COPY writes: into the
 * table and its indexes, without planner and portal.  One row takes about a third
 * of what INSERT through SPI takes; of many, each takes a third of that.
 */
#ifndef CN_CORE_TABLE_H
#define CN_CORE_TABLE_H

#include "postgres.h"

typedef struct CnTableWriter CnTableWriter;

/*
 * Begin to write rows of natts columns to relid, as the extension's owner would.
 * names are the columns in their order.  NULL where a statement is needed: the table
 * is gone, has other columns, or triggers.  The writer lives in context and holds
 * the table open, for the resource owner that is current, until it is closed.
 */
extern CnTableWriter *cn_table_open(Oid relid, int natts, const char *const *names,
									MemoryContext context);

/*
 * Add a row of the table's types; it is copied.  Its constraints are checked at
 * once; it is in the table when the writer has gathered enough rows or is closed.
 * The current command does not see it.
 */
extern void cn_table_add(CnTableWriter *writer, const Datum *values, const bool *nulls);

extern void cn_table_close(CnTableWriter *writer);

/* Insert one row; false, with nothing done, where a statement is needed. */
extern bool cn_table_insert(Oid relid, int natts, const char *const *names, const Datum *values,
							const bool *nulls);

#endif							/* CN_CORE_TABLE_H */
