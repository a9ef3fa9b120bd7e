/*
 * pure.h -- the first include of every pure module.
 *
 * A pure module takes values and gives values: no SPI, no settings, no clock,
 * no ereport.  It is compiled twice: into the extension, where palloc is the
 * server's, and with -DFRONTEND into the unit tests and fuzz targets, where
 * palloc is test/unit/shim.c, which frees everything after each case.  So a
 * pure module may palloc and never has to free; StringInfo, pg_strcasecmp and
 * the other helpers of libpgcommon/libpgport are there in both worlds.
 */
#ifndef CN_CORE_PURE_H
#define CN_CORE_PURE_H

#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "lib/stringinfo.h"

#endif							/* CN_CORE_PURE_H */
