/*
 * install.h -- where this database has the extension: its schema, owner and tables.
 *
 * Also the one relcache callback of the library.  The triggers of our tables
 * send a relcache message for their table whenever a row that some process
 * caches has changed; every process takes such messages when it calls
 * cn_install, which all that read a cache do first; the changing process has
 * its own at its next command, and they are taken back when it aborts.
 * So what is cached behaves like the server's own catalogs.
 */
#ifndef CN_CORE_INSTALL_H
#define CN_CORE_INSTALL_H

#include "postgres.h"

typedef enum CnTable
{
	CN_TABLE_WORKSPACES,
	CN_TABLE_MEMBERS,
	CN_TABLE_ADMINS,
	CN_TABLE_CREDENTIALS,
	CN_TABLE_CONNECTORS,
	CN_TABLE_HISTORY,
	CN_TABLE_STAT_DELTAS,
	CN_TABLE_QUEUE,
	CN_TABLE_DEAD_LETTERS,
	CN_TABLE_PAUSES,
	CN_TABLE_FENCE,
	CN_TABLE_RATE_LIMITS,
	CN_TABLE_PROVIDERS,
	CN_TABLE_COUNT
} CnTable;

typedef struct CnInstall
{
	Oid			schema_oid;
	Oid			owner;			/* role that owns the extension */
	char		schema[NAMEDATALEN * 2 + 3];	/* quoted where it must be */
	Oid			tables[CN_TABLE_COUNT];
} CnInstall;

extern void cn_install_init(void);

/* Raises 55000 if this database does not have the extension. */
extern const CnInstall *cn_install(void);

/* Whether it has; never raises for that. */
extern bool cn_install_exists(void);

/*
 * A number that grows whenever rows of table may have changed.  A cache
 * notes it before it reads and is stale when it differs.
 */
extern uint64 cn_install_generation(CnTable table);

#endif							/* CN_CORE_INSTALL_H */
