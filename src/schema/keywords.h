/*
 * keywords.h -- what the files that compile keywords share.  Pure.
 *
 *   keywords.c         the table; names, references, and what asserts nothing
 *   keywords_value.c   assertions about one value
 *   keywords_nested.c  subschemas
 *   keywords_common.c  assertions of a node
 */
#ifndef CN_SCHEMA_KEYWORDS_H
#define CN_SCHEMA_KEYWORDS_H

#include "schema/schema_tree.h"

#define BITS_NUMBER TYPE_BIT(CN_JSON_NUMBER)
#define BITS_STRING TYPE_BIT(CN_JSON_STRING)
#define BITS_ARRAY TYPE_BIT(CN_JSON_ARRAY)
#define BITS_OBJECT TYPE_BIT(CN_JSON_OBJECT)

/* Check the value of a keyword of node and make of it what the evaluation needs. */
typedef void CompileKeyword(Compiler *c, SchemaNode *node, const char *keyword,
							const CnJson *value);

/* ---- keywords_value.c ---- */
extern CompileKeyword schema_compile_type, schema_compile_enum, schema_compile_const,
			schema_compile_number, schema_compile_count, schema_compile_pattern,
			schema_compile_format, schema_compile_unique, schema_compile_required,
			schema_compile_dependent_required;

/* ---- keywords_nested.c ---- */
extern CompileKeyword schema_compile_items, schema_compile_contains, schema_compile_properties,
			schema_compile_property_names, schema_compile_dependent_schemas,
			schema_compile_combination, schema_compile_not, schema_compile_if,
			schema_compile_unevaluated;

/* ---- keywords_common.c ---- */

/* A new assertion of node, zero but for this; valid until the next is added. */
extern Assertion *schema_add_assertion(SchemaNode *node, AssertionKind kind,
									   const char *keyword, unsigned types, Evaluate *evaluate,
									   const CnJson *value);

/* The assertion of a keyword that is in the table; NULL: it is not. */
extern Assertion *schema_add_asserted(SchemaNode *node, const char *keyword,
									  const CnJson *value);

/* The assertion of that kind, which several keywords make together; a new one if there is none. */
extern Assertion *schema_common_assertion(SchemaNode *node, AssertionKind kind,
										  const char *keyword, unsigned types, Evaluate *evaluate);

/* Is value, or what is below it by name or index, of that type?  A problem if not. */
extern bool schema_is_a(Compiler *c, SchemaNode *node, const char *keyword, const char *name,
						int index, const CnJson *value, CnJsonType type);

/* The node of a subschema; NULL if it has a problem, which has been reported. */
extern SchemaNode *schema_child(Compiler *c, const CnJson *json);

extern CnRegex *schema_regex_of(Compiler *c, SchemaNode *node, const char *keyword,
								const char *name, const char *pattern, int len);

#endif							/* CN_SCHEMA_KEYWORDS_H */
