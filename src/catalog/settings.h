/*
 * settings.h -- limits of a definition.
 */
#ifndef CN_CATALOG_SETTINGS_H
#define CN_CATALOG_SETTINGS_H

#include "catalog/definition.h"

/* The limits that hold for what is saved now. */
extern CnDefinitionLimits cn_catalog_limits(void);

extern void cn_catalog_init(void);	/* from _PG_init */

#endif							/* CN_CATALOG_SETTINGS_H */
