/*
 * schema_tree.h -- what a schema is compiled to.  Pure; for src/schema/ only.
 *
 * Each schema and subschema becomes a SchemaNode: a list of its assertions in the
 * order they are applied.  Keywords that only mean something together
 * (properties with patternProperties and additionalProperties) are one
 * assertion.  Keywords that assert nothing leave nothing behind.
 */
#ifndef CN_SCHEMA_TREE_H
#define CN_SCHEMA_TREE_H

#include "core/json.h"
#include "core/regex.h"
#include "schema/formats.h"
#include "schema/number.h"
#include "schema/schema.h"

typedef struct SchemaNode SchemaNode;
typedef struct Resource Resource;
typedef struct Assertion Assertion;
typedef struct Evaluation Evaluation;

/* ---- where we are, while validating ---- */

/*
 * One step of a JSON Pointer; the steps above it are in the callers' frames.
 * In an instance it is a name or an index; in a schema a keyword, which may
 * have a name or an index behind it.
 */
typedef struct Step
{
	const struct Step *up;		/* NULL: one below the root, which is no step itself */
	const char *keyword;		/* NULL: none */
	const char *name;			/* NULL: index */
	int			index;			/* -1: none */
} Step;

typedef struct Place
{
	const CnJson *instance;
	const Step *instance_step;
	const Step *schema_step;	/* of the SchemaNode */
} Place;

/* Which members or items of one object or array have been evaluated; NULL: nobody asks. */
typedef struct Seen
{
	int			count;
	uint8	   *marks;			/* a bit each */
} Seen;

/* false: violated, or a limit was reached */
typedef bool Evaluate(Evaluation *e, const Assertion *assertion, const Place *place, Seen *seen);

/* ---- assertions, in the order they are applied ---- */

typedef enum AssertionKind
{
	ASSERT_REF,
	ASSERT_DYNAMIC_REF,
	ASSERT_TYPE,
	ASSERT_ENUM,
	ASSERT_CONST,
	ASSERT_MINIMUM,
	ASSERT_EXCLUSIVE_MINIMUM,
	ASSERT_MAXIMUM,
	ASSERT_EXCLUSIVE_MAXIMUM,
	ASSERT_MULTIPLE_OF,
	ASSERT_MIN_LENGTH,
	ASSERT_MAX_LENGTH,
	ASSERT_PATTERN,
	ASSERT_FORMAT,
	ASSERT_MIN_ITEMS,
	ASSERT_MAX_ITEMS,
	ASSERT_UNIQUE_ITEMS,
	ASSERT_ITEMS,				/* prefixItems, items */
	ASSERT_CONTAINS,			/* contains, minContains, maxContains */
	ASSERT_MIN_PROPERTIES,
	ASSERT_MAX_PROPERTIES,
	ASSERT_REQUIRED,
	ASSERT_DEPENDENT_REQUIRED,
	ASSERT_PROPERTY_NAMES,
	ASSERT_PROPERTIES,			/* properties, patternProperties, additionalProperties */
	ASSERT_DEPENDENT_SCHEMAS,
	ASSERT_ALL_OF,
	ASSERT_ANY_OF,
	ASSERT_ONE_OF,
	ASSERT_NOT,
	ASSERT_IF,					/* if, then, else */
	ASSERT_UNEVALUATED_ITEMS,	/* these two see what all others have evaluated */
	ASSERT_UNEVALUATED_PROPERTIES
} AssertionKind;

/* A subschema under a name; lists of them are sorted by name if that helps to find one. */
typedef struct NamedNode
{
	const char *name;
	int			name_len;
	SchemaNode *node;
} NamedNode;

typedef struct PatternNode
{
	const char *pattern;		/* as the schema has it */
	CnRegex    *regex;
	SchemaNode *node;
} PatternNode;

/* Names that have to be there: those of required, or of one member of dependentRequired. */
typedef struct NameList
{
	const char *trigger;		/* NULL: always */
	int			count;
	const CnJson **names;
} NameList;

/* The values of an enum by their hashes, if they are many. */
typedef struct HashedValue
{
	uint64		hash;
	int			index;			/* in the array they come from */
} HashedValue;

struct Assertion
{
	AssertionKind kind;
	const char *keyword;		/* what a violation is reported under */
	unsigned	types;			/* bit 1 << CnJsonType: values it looks at */
	Evaluate   *evaluate;
	const CnJson *value;		/* as the schema has it */
	union
	{
		int64		count;		/* min..., max...: at most PG_INT64_MAX */
		CnNumber	number;
		unsigned	types;		/* type: a mask, with TYPE_INTEGER if whole numbers will do */
		CnRegex    *regex;
		CnFormatCheck format;
		HashedValue *hashed;	/* enum: sorted; NULL: few values */
		SchemaNode *node;		/* of one subschema */
		struct
		{
			SchemaNode **nodes;	/* of allOf, anyOf, oneOf */
			int			count;
		}			list;
		struct
		{
			SchemaNode *node;	/* if it is not dynamic after all, or nobody overrides it */
			const char *anchor; /* NULL: it is not dynamic */
		}			dynamic;
		struct
		{
			SchemaNode **prefix;
			int			nprefix;
			SchemaNode *rest;	/* items; or NULL */
		}			items;
		struct
		{
			SchemaNode *node;
			int64		min;
			int64		max;	/* PG_INT64_MAX: none */
		}			contains;
		struct
		{
			NameList   *lists;
			int			count;
		}			required;
		struct
		{
			NamedNode  *named;	/* by name */
			int			nnamed;
			PatternNode *patterns;
			int			npatterns;
			SchemaNode *additional; /* or NULL */
		}			properties;
		struct
		{
			NamedNode  *named;
			int			count;
		}			dependent;
		struct
		{
			SchemaNode *condition;
			SchemaNode *then_node;	/* or NULL */
			SchemaNode *else_node;	/* or NULL */
		}			conditional;
	}			u;
};

/* "integer" in a mask of types; the others are 1 << CnJsonType. */
#define TYPE_INTEGER (1u << 16)
#define TYPES_ANY 0xFFFFu
#define TYPE_BIT(type) (1u << (type))

struct SchemaNode
{
	const CnJson *json;			/* an object or a boolean */
	Resource   *resource;		/* it belongs to */
	const SchemaNode *parent;			/* NULL: the root of a document */
	const char *keyword;		/* of parent it is below, or a pointer from there, with a slash */
	const char *name;			/* of the member below that; NULL: index, unless that is -1 */
	int			index;
	Assertion  *assertions;		/* sorted by kind */
	int			nassertions;
	int			room;
	bool		unevaluated;	/* has unevaluatedItems or unevaluatedProperties */
};

/* A name in a resource: $anchor or $dynamicAnchor. */
typedef struct Anchor
{
	struct Anchor *next;
	const char *name;
	SchemaNode *node;
	bool		dynamic;
} Anchor;

/* A schema with a URI of its own, and what belongs to it down to the next one. */
struct Resource
{
	Resource   *next;
	const char *uri;			/* absolute, if there was anything to make it so; no fragment */
	SchemaNode *root;
	Anchor	   *anchors;
	int			nanchors;
};

struct CnSchema
{
	SchemaNode *root;
};

/* ---- compile.c, for keywords.c and resolve.c ---- */

typedef struct NodeMap
{
	SchemaNode **slots;			/* by address of the JSON value; a power of two */
	int			nslots;
	int			count;
} NodeMap;

typedef struct Compiler
{
	const CnSchemaOptions *options;
	CnSchemaProblemSink sink;
	void	   *arg;
	int			nproblems;
	int			depth;			/* of the scan */
	Resource   *resources;
	int			nnames;			/* resources and anchors, which are searched one by one */
	NodeMap		map;
	SchemaNode **nodes;			/* all, in the order they were found */
	int			nnodes;
	int			room;
	bool		gave_up;
} Compiler;

extern void schema_problem(Compiler *c, const SchemaNode *node, const char *keyword,
						   const char *name, int index, const char *format,...)
			pg_attribute_printf(6, 7);
extern SchemaNode *schema_node_of(Compiler *c, const CnJson *json);
extern SchemaNode *schema_scan(Compiler *c, const CnJson *json, Resource *resource,
							   const SchemaNode *parent, const char *keyword, const char *name,
							   int index);
extern Resource *schema_scan_document(Compiler *c, const CnJson *json, const char *uri);

/* ---- text.c ---- */
extern void schema_pointer_step(StringInfo out, const char *token);
extern const char *schema_types_phrase(unsigned types);
extern const char *schema_quote(const CnJson *value);
extern const char *schema_quote_text(const char *text, int len);

/* The order of sorted names: by length first, which most comparisons end at. */
static inline int
schema_compare_names(const char *a, int a_len, const char *b, int b_len)
{
	return a_len != b_len ? (a_len < b_len ? -1 : 1) : memcmp(a, b, a_len);
}

/* ---- keywords.c ---- */

/* What a keyword holds that is a schema. */
typedef enum KeywordShape
{
	SHAPE_VALUE,				/* nothing */
	SHAPE_SCHEMA,
	SHAPE_LIST,					/* an array of schemas */
	SHAPE_MAP					/* an object of schemas */
} KeywordShape;

typedef struct Keyword
{
	const char *name;
	KeywordShape shape;
	void		(*compile) (Compiler *c, SchemaNode *node, const char *keyword,
							const CnJson *value);
} Keyword;

/* NULL: unknown. */
extern const Keyword *schema_keyword(const char *name);
extern void schema_compile_node(Compiler *c, SchemaNode *node);

/* ---- resolve.c ---- */

/* The schema a reference leads to, or NULL after a problem; see resolve.c. */
extern SchemaNode *schema_resolve(Compiler *c, const SchemaNode *node, const char *keyword,
							const char *reference, const char **anchor);
extern Resource *schema_find_resource(Compiler *c, const char *uri);
extern Anchor *schema_find_anchor(const Resource *resource, const char *name);

/* ---- metaschema.c ---- */

/* The text of a built-in document, or NULL. */
extern const char *schema_builtin(const char *uri);
#define SCHEMA_DRAFT_URI "https://json-schema.org/draft/2020-12/schema"

/* ---- uri.c ---- */

/* reference resolved against base (RFC 3986, 5.2), without its fragment. */
extern char *schema_uri_resolve(const char *base, const char *reference);

/* ---- validate.c, for assert.c and apply.c ---- */

/* A resource that was entered, in the frame of who entered it. */
typedef struct Scope
{
	const struct Scope *up;
	const Resource *resource;
} Scope;

struct Evaluation
{
	bool		assert_formats;
	int			quiet;			/* > 0: nobody wants to know why */
	CnSchemaSink sink;
	void	   *arg;
	bool		stopped;		/* the sink has had enough */
	const char *limit;			/* reached; NULL: none */
	int			depth;
	int			max_depth;
	int64		work;			/* left */
	int64		next_check;		/* at which value of work */
	void		(*check) (void);
	const Scope *scope;			/* innermost first */
};

/* Nothing more is to be found out: go back up. */
static inline bool
over(const Evaluation *e)
{
	return e->limit != NULL || e->stopped;
}

extern bool schema_apply(Evaluation *e, const SchemaNode *node, const Place *place, Seen *seen);
extern bool schema_apply_quietly(Evaluation *e, const SchemaNode *node, const Place *place,
								 Seen *seen);
extern bool schema_charge(Evaluation *e, int64 work);
extern bool schema_limit(Evaluation *e, const char *limit);
extern bool schema_violation(Evaluation *e, const Place *place, const char *keyword,
							 const char *format,...) pg_attribute_printf(4, 5);
extern void schema_seen_init(Seen *seen, const CnJson *container);
extern bool schema_seen_has(const Seen *seen, int index);
extern void schema_seen_mark(Seen *seen, int index);
extern void schema_seen_mark_all(Seen *seen);
extern void schema_seen_merge(Seen *seen, const Seen *more);


/* ---- assert.c: evaluating what looks at one value ---- */
extern Evaluate schema_assert_type, schema_assert_enum, schema_assert_const,
			schema_assert_number, schema_assert_length, schema_assert_pattern,
			schema_assert_format, schema_assert_size, schema_assert_unique,
			schema_assert_required;

/* ---- apply.c: evaluating what applies subschemas ---- */
extern Evaluate schema_apply_ref, schema_apply_dynamic_ref, schema_apply_items,
			schema_apply_contains, schema_apply_property_names, schema_apply_properties,
			schema_apply_dependent, schema_apply_all_of, schema_apply_any_of,
			schema_apply_one_of, schema_apply_not, schema_apply_if,
			schema_apply_unevaluated;

/* ---- equal.c ---- */

/* Values that are equal have equal hashes; *work grows by what it took. */
extern uint64 schema_hash(const CnJson *value, int64 *work);
extern int64 schema_weight(const CnJson *value, int64 stop);
extern int	schema_compare_hashed(const void *left, const void *right);

#endif							/* CN_SCHEMA_TREE_H */
