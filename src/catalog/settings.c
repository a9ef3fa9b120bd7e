/*
 * settings.c -- limits of a definition, applied when it is saved.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "catalog/settings.h"

#define MAX_STEPS 10

static int	max_steps;
static bool allow_advanced_steps;
static int	max_parallel_steps;

CnDefinitionLimits
cn_catalog_limits(void)
{
	CnDefinitionLimits limits = {
		.max_steps = allow_advanced_steps ? MAX_STEPS : max_steps,
		.max_parallel = max_parallel_steps,
	};

	return limits;
}

void
cn_catalog_init(void)
{
	DefineCustomIntVariable("connector.max_steps",
							"Most requests a definition may have.",
							"connector.allow_advanced_steps raises it to 10.", &max_steps,
							5, 1, MAX_STEPS, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("connector.allow_advanced_steps",
							 "Lets a definition have up to 10 requests.",
							 NULL, &allow_advanced_steps,
							 false, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.max_parallel_steps",
							"Most requests a definition may have under way at the same time.",
							NULL, &max_parallel_steps,
							3, 1, 10, PGC_SUSET, 0, NULL, NULL, NULL);
}
