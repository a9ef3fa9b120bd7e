/*
 * definition.h -- a connector's definition, checked and compiled.  Pure.
 *
 * docs/connectors.md describes what users write.  Checking and compiling are one
 * walk: what cannot be compiled is a problem, and every problem is reported
 * with its JSON path, not just the first.
 */
#ifndef CN_CATALOG_DEFINITION_H
#define CN_CATALOG_DEFINITION_H

#include "core/json.h"
#include "template/template.h"

/* Items of a query, headers, a form or parts; more is a mistake. */
#define CN_DEFINITION_MAX_ITEMS 200

typedef enum CnBodyKind
{
	CN_BODY_NONE,
	CN_BODY_JSON,
	CN_BODY_FORM,				/* application/x-www-form-urlencoded */
	CN_BODY_MULTIPART,			/* multipart/form-data, RFC 7578 */
	CN_BODY_TEXT,
	CN_BODY_BINARY				/* base64 in the definition, bytes on the wire */
} CnBodyKind;

typedef enum CnReplyKind
{
	CN_REPLY_AUTO,				/* by content type */
	CN_REPLY_JSON,
	CN_REPLY_TEXT,
	CN_REPLY_BINARY,			/* base64 */
	CN_REPLY_NONE
} CnReplyKind;

/* A query parameter or form field: null is left out, an array repeats the name. */
typedef struct CnPair
{
	const char *name;
	const CnJson *fixed;		/* a literal, or */
	CnJsonTemplate *value;		/* a template */
	bool		optional;		/* a reference to nothing leaves it out */
} CnPair;

typedef struct CnHeaderDef
{
	const char *name;
	CnTemplate *value;
} CnHeaderDef;

typedef struct CnPartDef
{
	CnTemplate *name;
	CnTemplate *filename;		/* NULL: a plain field */
	CnTemplate *content_type;	/* NULL: none */
	CnTemplate *text;			/* the content, or */
	CnTemplate *base64;			/* the content, decoded before it is sent, or */
	CnJsonTemplate *json;		/* the content, as JSON */
} CnPartDef;

/* One member of the output: a SQL/JSON path over the reply. */
typedef struct CnOutputDef
{
	const char *key;			/* NULL: the path's value is the whole output */
	const char *path;			/* SQL/JSON path text */
	bool		many;			/* gives an array, whatever it finds */
	void	   *compiled;		/* the server's form, kept by the engine */
} CnOutputDef;

typedef struct CnDefinition
{
	const char *method;			/* upper case */
	CnTemplate *url;
	const char *service;		/* credential: its service and label; NULL: none */
	const char *label;
	int			timeout_ms;		/* 0: the connector's */

	CnPair	   *query;
	int			query_count;
	CnHeaderDef *headers;
	int			header_count;

	CnBodyKind	body_kind;
	CnJsonTemplate *body_json;
	CnTemplate *body_text;		/* TEXT, BINARY */
	CnPair	   *form;
	int			form_count;
	CnPartDef  *parts;
	int			part_count;

	CnReplyKind reply_kind;
	bool		has_output;
	CnOutputDef *outputs;
	int			output_count;
	bool		uses_workspace;	/* refers to {{workspace...}} */
} CnDefinition;

typedef struct CnProblem
{
	char	   *path;			/* JSON path: "$.headers.accept" */
	char	   *message;		/* lower case, no full stop */
} CnProblem;

typedef struct CnProblems
{
	CnProblem  *list;
	int			count;
} CnProblems;

/* Report one more problem. */
extern void cn_problem(CnProblems *problems, const char *path,
					   const char *fmt,...) pg_attribute_printf(3, 4);

/* Syntax of a SQL/JSON path: NULL, or what is wrong; the server lends its parser. */
typedef const char *(*CnPathCheck) (const char *path);

/*
 * Compile config.  NULL if there are problems.  config must outlive the result.
 * check_path may be NULL: paths are then taken as they are.
 */
extern CnDefinition *cn_definition_compile(const CnJson *config, CnPathCheck check_path,
										   CnProblems *problems);

/*
 * SQL/JSON path of what a user wrote: "$..." as it is, a dotted path
 * ("results[0].id") with "$." before it and keys quoted where they must be.
 */
extern char *cn_path_text(const char *written);

/* Can path find more than one item by its form ([*], .*, **, filter, range, list)? */
extern bool cn_path_is_many(const char *path);

/* Methods a definition may use; NULL if name (any case) is none of them. */
extern const char *cn_method_name(const char *name);

#endif							/* CN_CATALOG_DEFINITION_H */
