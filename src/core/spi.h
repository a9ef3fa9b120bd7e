/*
 * spi.h -- SQL run by the extension itself.
 *
 * Every statement runs as the extension's owner, with row security not forced
 * on it, and with search_path pinned to pg_catalog, pg_temp.  So each must
 * filter by workspace itself, and names our objects as "@.name", which becomes
 * the extension's schema.  Parameters always, never text pasted in.
 *
 * Those of cn_spi_begin_as_caller are the exception: what callers could as well
 * say themselves, run with their rights and under row security.  They filter
 * by workspace too: superusers see all.
 */
#ifndef CN_CORE_SPI_H
#define CN_CORE_SPI_H

#include "postgres.h"

#include "executor/spi.h"
#include "utils/uuid.h"

#define CN_SPI_MAX_ARGS 32

/* A statement that is prepared once per process and kept. */
typedef struct CnStatement
{
	const char *sql;			/* "@." stands for the extension's schema */
	bool		write;			/* changes rows */
	int			nargs;
	Oid			argtypes[CN_SPI_MAX_ARGS];
	SPIPlanPtr	plan;			/* NULL until first use */
	Oid			schema;			/* for which it was prepared */
} CnStatement;

/* State of one visit; on an error the transaction's abort undoes all of it. */
typedef struct CnSpi
{
	Oid			save_userid;
	int			save_sec_context;
	int			guc_level;
} CnSpi;

/*
 * Between begin and end the current context is SPI's own; what shall outlive
 * end is allocated by name elsewhere (SPI_palloc or a context of the caller).
 */
extern void cn_spi_begin(CnSpi *spi);
extern void cn_spi_end(CnSpi *spi);

/* The same, but nobody's rights are taken on. */
extern void cn_spi_begin_as_caller(CnSpi *spi);

/*
 * Run statement; nulls as for SPI ('n' or ' ', may be NULL).  Returns the
 * number of rows processed; rows are in SPI_tuptable.  limit 0: all.
 * Reads see the newest committed state (a definition or membership is
 * looked up like a catalog entry, whatever the isolation level).
 */
extern uint64 cn_spi_run(CnStatement *statement, Datum *values, const char *nulls, long limit);

/*
 * The same between cn_spi_begin_as_caller and cn_spi_end.  A statement sees
 * what one typed at that moment would see, or, if read_only, what the calling
 * query sees; that is for functions that are declared stable.
 */
extern uint64 cn_spi_run_as_caller(CnStatement *statement, Datum *values, const char *nulls,
								   bool read_only);

/* A visit of its own: write one row, by a statement with an argument for each column. */
extern void cn_spi_write_row(CnStatement *statement, Datum *values, const bool *nulls);

/* Run, as the caller, a statement that was put together for this one call. */
extern uint64 cn_spi_run_once(const char *sql, int nargs, Oid *argtypes, Datum *values);

/* Column col (from 1) of row of SPI_tuptable. */
extern Datum cn_spi_value(uint64 row, int col, bool *isnull);

/* The same as text in the given context; NULL for null. */
extern char *cn_spi_text(uint64 row, int col, MemoryContext context);

/* A uuid column; zeros for null. */
extern void cn_spi_uuid(uint64 row, int col, pg_uuid_t *id);

#endif							/* CN_CORE_SPI_H */
