/*
 * table.h -- inserting a row without a statement.
 *
 * Recording is part of every call, so it goes the way logical replication
 * applies a row: into the table and its indexes, without planner and portal.
 * That takes about a third of what INSERT through SPI takes.
 */
#ifndef CN_CORE_TABLE_H
#define CN_CORE_TABLE_H

#include "postgres.h"

/*
 * Insert a row of natts values into relid, as the extension's owner would.
 * names are the columns in their order; the row is of the table's types, and the
 * current command does not see it.  false, with nothing done, where a statement is
 * needed: the table is gone, has other columns, or triggers.
 */
extern bool cn_table_insert(Oid relid, int natts, const char *const *names, const Datum *values,
							const bool *nulls);

#endif							/* CN_CORE_TABLE_H */
