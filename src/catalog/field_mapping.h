/*
 * field_mapping.h -- what a connector's output becomes in a table, checked and compiled.  Pure.
 *
 * docs/field-mappings.md describes what users write.  The tables themselves are
 * not looked at: they belong to whoever executes, and may come later.
 */
#ifndef CN_CATALOG_FIELD_MAPPING_H
#define CN_CATALOG_FIELD_MAPPING_H

#include "catalog/definition.h"

/* Mappings of one connector; each is a statement in the caller's transaction. */
#define CN_FIELD_MAPPINGS_MAX 20

/* Nesting of a value for a jsonb column. */
#define CN_FIELD_MAPPING_DEPTH_MAX 32

/* What filters' arguments and templates call the connector's output. */
#define CN_OUTPUT_ROOT "output"
#define CN_OUTPUT_SIGN "$"

typedef enum CnMappingMode
{
	CN_MAPPING_UPDATE,
	CN_MAPPING_UPSERT
} CnMappingMode;

typedef enum CnMappedKind
{
	CN_MAPPED_LITERAL,
	CN_MAPPED_TEMPLATE,			/* a text with references, or a single one with its type */
	CN_MAPPED_PATH,				/* "$...", with filters or without */
	CN_MAPPED_ARRAY,
	CN_MAPPED_OBJECT
} CnMappedKind;

typedef struct CnMappedValue
{
	CnMappedKind kind;
	const CnJson *literal;
	CnJsonTemplate *tmpl;
	CnPath		path;
	CnExpr	   *filters;		/* NULL: none */
	int			count;			/* ARRAY, OBJECT */
	struct CnMappedValue *items;
	const char **keys;			/* OBJECT */
} CnMappedValue;

typedef struct CnMappedColumn
{
	const char *name;			/* as the server's catalog has it */
	CnMappedValue value;
} CnMappedColumn;

typedef struct CnFieldMapping
{
	const char *schema;			/* NULL: by the search path of who executes */
	const char *table;
	CnMappingMode mode;
	int			key_count;
	int			column_count;	/* those of the key first, then those to set */
	CnMappedColumn *columns;
} CnFieldMapping;

typedef struct CnFieldMappings
{
	int			count;			/* 0: "{}" or "[]" */
	CnFieldMapping *list;
	const char *saved_by;		/* "role:ann", set by who loads them; NULL: unknown */
} CnFieldMappings;

/*
 * Compile value, one mapping or an array of them.  Problems are added to
 * *problems, with JSON paths that begin with base ("$.field_mappings"); NULL
 * if there was one.  value must outlive the result.
 *
 * roots: what references may begin with besides "output", ended by NULL
 * check_path: as for cn_definition_compile; may be NULL
 */
extern CnFieldMappings *cn_field_mappings_compile(const CnJson *value, const char *base,
												  const char *const *roots,
												  CnPathCheck check_path, CnProblems *problems);

#endif							/* CN_CATALOG_FIELD_MAPPING_H */
