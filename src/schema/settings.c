/*
 * settings.c -- how schemas are applied in the server.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "schema/settings.h"

bool		cn_schema_format_assertion;

static void check_interrupts(void);

/* JSON Schema leaves formats to the application; who writes one expects it to be checked. */
void
cn_schema_init(void)
{
	DefineCustomBoolVariable("connector.schema_format_assertion",
							 "Whether a value that has not the format its JSON Schema names is invalid.",
							 NULL, &cn_schema_format_assertion,
							 true, PGC_USERSET, 0, NULL, NULL, NULL);
}

CnSchemaOptions
cn_schema_options(void)
{
	CnSchemaOptions options = {
		.assert_formats = cn_schema_format_assertion,
		.check = check_interrupts
	};

	return options;
}

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}
