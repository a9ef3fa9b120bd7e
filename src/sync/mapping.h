/*
 * mapping.h -- what the files that apply field mappings share.
 */
#ifndef CN_SYNC_MAPPING_H
#define CN_SYNC_MAPPING_H

#include "postgres.h"

#include "executor/spi.h"
#include "utils/jsonb.h"

#include "catalog/field_mapping.h"
#include "core/errors.h"

/* One call of cn_field_mapping_apply; all of it in context. */
typedef struct CnMappingRun
{
	MemoryContext context;
	const CnScope *given;		/* the caller's scope */
	CnScope		scope;			/* the same with the output */
	Jsonb	   *output;
	CnJson	   *output_tree;	/* made when first read */
	int64		budget;			/* bytes filters may still make */
	const CnFieldMapping *mapping;	/* being applied */
	const char *column;			/* whose value is being made; NULL: none */
	CnFailure  *failure;
} CnMappingRun;

/* The table of a mapping, locked, and its columns in the mapping's order. */
typedef struct CnMappingTarget
{
	char	   *name;			/* quoted and qualified */
	Oid		   *types;
	int32	   *typmods;
	char	  **equals;			/* the key's columns: "OPERATOR(pg_catalog.=)" */
} CnMappingTarget;

/*
 * Fail the run: "field mapping to table "t", column "c": ..."; returns false.
 */
extern bool cn_mapping_fail(CnMappingRun *run, CnCode code, const char *fmt,...)
			pg_attribute_printf(3, 4);

/* ---- mapping_target.c ---- */

/* Look the table and its columns up; false and the run's failure if the mapping does not fit. */
extern bool cn_mapping_target(CnMappingRun *run, CnMappingTarget *target);

/* ---- mapping_value.c ---- */

extern void cn_mapping_start_values(CnMappingRun *run);

/*
 * The value of the i-th column, of the column's type; raises what the type's input
 * raises, false and the run's failure for what templates and filters refuse.
 */
extern bool cn_mapping_value(CnMappingRun *run, const CnMappingTarget *target, int i,
							 Datum *value, bool *isnull);

/* ---- mapping_plan.c ---- */

/*
 * The plan of the mapping's statement, pinned until context is reset.  Within
 * SPI.  Parameters are the columns in the mapping's order.
 */
extern SPIPlanPtr cn_mapping_plan(const CnFieldMapping *mapping, const CnMappingTarget *target,
								  MemoryContext context);

#endif							/* CN_SYNC_MAPPING_H */
