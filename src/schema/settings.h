/*
 * settings.h -- how schemas are applied in the server.
 */
#ifndef CN_SCHEMA_SETTINGS_H
#define CN_SCHEMA_SETTINGS_H

#include "schema/schema.h"

extern bool cn_schema_format_assertion;

extern void cn_schema_init(void);	/* from _PG_init */

/* For cn_schema_compile and cn_schema_validate: as this session has them set, cancellable. */
extern CnSchemaOptions cn_schema_options(void);

#endif							/* CN_SCHEMA_SETTINGS_H */
