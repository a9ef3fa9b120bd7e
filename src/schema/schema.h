/*
 * schema.h -- JSON Schema, draft 2020-12.  Pure.
 *
 * A schema is compiled once: checked, references resolved, patterns and
 * numbers read.  Validating then neither parses nor changes it, so one
 * compiled schema serves any number of validations.
 *
 * Nothing is fetched.  A reference leads into the schema itself, to a schema
 * embedded in it (one with an $id), or to the metaschemas of the draft, which
 * are built in; any other is a problem of the schema.
 *
 * Neither schema nor instance is trusted: depth and work are bounded.  Both
 * functions raise nothing of their own, but `check` may.
 */
#ifndef CN_SCHEMA_SCHEMA_H
#define CN_SCHEMA_SCHEMA_H

#include "core/json.h"

/* Limits if the caller names none. */
#define CN_SCHEMA_DEPTH_DEFAULT 1000	/* schemas applied inside each other */
#define CN_SCHEMA_WORK_DEFAULT INT64CONST(100000000)	/* steps of one validation: seconds */

/* Of a schema. */
#define CN_SCHEMA_NESTING_MAX 200	/* subschemas inside each other */
#define CN_SCHEMA_SIZE_MAX 100000	/* subschemas in all, those of used metaschemas included */
#define CN_SCHEMA_NAMES_MAX 5000	/* $id, $anchor and $dynamicAnchor in all */
#define CN_SCHEMA_PROBLEMS_MAX 100	/* problems reported; then the rest is not looked for */

typedef struct CnSchema CnSchema;

/*
 * Gets each problem of a schema: path is a JSON Pointer into it, message lower
 * case without full stop.  Both live as long as the context of the compilation.
 */
typedef void (*CnSchemaProblemSink) (void *arg, const char *path, const char *message);

typedef struct CnSchemaOptions
{
	bool		assert_formats; /* a known format is a check, not a remark */
	int			max_depth;		/* 0: the default */
	int64		max_work;		/* 0: the default */
	void		(*check) (void);	/* called now and then: a chance to raise; or NULL */
} CnSchemaOptions;

typedef enum CnSchemaResult
{
	CN_SCHEMA_VALID,
	CN_SCHEMA_INVALID,
	CN_SCHEMA_LIMIT				/* undecided: a limit was reached */
} CnSchemaResult;

typedef struct CnSchemaViolation
{
	const char *instance_path;	/* JSON Pointer to the value; "" is the whole */
	const char *schema_path;	/* JSON Pointer to the keyword, by way of the references followed */
	const char *keyword;
	const char *message;		/* lower case, no full stop; quotes at most 60 bytes of a value */
} CnSchemaViolation;

/* Gets each violation, in the current context; false: no more of them. */
typedef bool (*CnSchemaSink) (void *arg, const CnSchemaViolation *violation);

/*
 * Compile schema in the current context; NULL if it has problems, all of which
 * go to sink.  options (may be NULL) gives `check` only.  The result refers to
 * the tree, which has to live as long.
 */
extern CnSchema *cn_schema_compile(const CnJson *schema, const CnSchemaOptions *options,
								   CnSchemaProblemSink sink, void *arg);

/*
 * Validate instance.  Every violation goes to sink; without one (NULL) the
 * first ends it.  *limit (may be NULL) gets what was reached if the result is
 * CN_SCHEMA_LIMIT; violations found before that have been reported.  Scratch
 * is left in the current context, in proportion to the work.
 */
extern CnSchemaResult cn_schema_validate(const CnSchema *schema, const CnJson *instance,
										 const CnSchemaOptions *options, CnSchemaSink sink,
										 void *arg, const char **limit);

#endif							/* CN_SCHEMA_SCHEMA_H */
