/*
 * operations.h -- what views and page for operators share.
 */
#ifndef CN_SQLAPI_OPERATIONS_H
#define CN_SQLAPI_OPERATIONS_H

#include "postgres.h"

#include "core/spi.h"
#include "worker/slots.h"

#define CN_WORKER_STATES (CN_WORKER_STOPPING + 1)

/* "idle", "running", ... */
extern const char *cn_worker_state_name(uint32 state);

/* cn_spi_begin for one look at a large table, for which it does not pay to compile. */
extern void cn_operations_begin(CnSpi *spi);

#endif							/* CN_SQLAPI_OPERATIONS_H */
