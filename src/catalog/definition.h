/*
 * definition.h -- a connector's definition, checked and compiled.  Pure.
 *
 * docs/connectors.md describes what users write.  Checking and compiling are one
 * walk: what cannot be compiled is a problem, and every problem is reported
 * with its JSON path, not just the first.
 */
#ifndef CN_CATALOG_DEFINITION_H
#define CN_CATALOG_DEFINITION_H

#include "core/errors.h"
#include "core/json.h"
#include "expr/condition.h"
#include "http/retry.h"
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
	const char *path;			/* where it stands in the definition */
	CnTemplate *value;
} CnHeaderDef;

typedef struct CnPartDef
{
	const char *path;			/* where it stands in the definition */
	CnTemplate *name;
	CnTemplate *filename;		/* NULL: a plain field */
	CnTemplate *content_type;	/* NULL: none */
	CnTemplate *text;			/* the content, or */
	CnTemplate *base64;			/* the content, decoded before it is sent, or */
	CnJsonTemplate *json;		/* the content, as JSON */
} CnPartDef;

/* A SQL/JSON path; pick.c keeps the server's form of it beside its text. */
typedef struct CnPath
{
	const char *text;			/* NULL: none */
	bool		many;			/* finds several items by its form */
	void	   *compiled;
} CnPath;

/* One member of the output: a SQL/JSON path over the reply. */
typedef struct CnOutputDef
{
	const char *key;			/* NULL: the path's value is the whole output */
	CnPath		path;
} CnOutputDef;

/* HTTP statuses from first to last. */
typedef struct CnStatusRange
{
	int			first;
	int			last;
} CnStatusRange;

/*
 * What a reply means, against what its status alone would say.  Everything a
 * rule names must hold; without a path and a text it speaks of failures only.
 */
typedef struct CnErrorRule
{
	CnStatusRange *statuses;	/* any of them; none: every status */
	int			status_count;
	CnPath		path;			/* finds something in the reply that is neither null nor false, or */
	const CnJson *equals;		/* this value */
	const char *contains;		/* the body's text holds this */
	CnCode		code;			/* CN_OK: the status' own */
	CnAction	action;
	const char *message;		/* NULL: the usual one */
} CnErrorRule;

/* Headers of a reply that say how many requests the remote still takes; NULL: none. */
typedef struct CnBudget
{
	const char *remaining;
	const char *reset;			/* and when it takes all of them again */
} CnBudget;

/* A credential by name; steps refer to it by its place in the definition's list. */
typedef struct CnCredentialRef
{
	const char *service;
	const char *label;
	const char *hint;			/* how to get it, if it is a provider's; NULL: the usual one */
	const CnJson *defaults;		/* of parameters that it does not have, likewise; NULL: none */
} CnCredentialRef;

struct CnSchema;

/* A provider's action, as a step that uses it needs it. */
typedef struct CnUsedAction
{
	const char *name;			/* "github.get_user" */
	const CnJson *config;		/* a definition of one step; it outlives what is compiled with it */
	const struct CnSchema *input_schema;	/* likewise; NULL: any input */
	const CnJson *provider;		/* the definition it is from, to say how to connect; NULL: not known */
	const CnJson *defaults;		/* of the parameters of that; NULL: none */
} CnUsedAction;

/* Who finds actions.  find: NULL if there is none, and *problem says so. */
typedef struct CnActionLookup
{
	const CnUsedAction *(*find) (void *arg, const char *name, const char **problem);
	void	   *arg;
} CnActionLookup;

typedef struct CnStepDef CnStepDef;

/*
 * One request, or (is_group) several that run at the same time.
 */
struct CnStepDef
{
	const char *id;
	const char *name;			/* NULL: none */
	const char *path;			/* where it stands in the definition: "$", "$.steps[0]" */
	const char *request_path;	/* where its request does: the same, or "$.steps[0].use(p.action)" */
	int			index;			/* among all steps of the definition */
	CnStepDef  *group;			/* the group it belongs to, or NULL */

	CnCondition *condition;		/* NULL: always */
	CnPath		condition_path;
	int			continue_on_error;	/* 0 or 1; -1: as the connector says */

	bool		is_group;
	CnStepDef **steps;			/* of a group */
	int			step_count;

	const char *use;			/* the provider's action it is, "github.get_user"; NULL: none */
	CnJsonTemplate *with;		/* makes the input of that; NULL: {} */
	const struct CnSchema *input_schema;	/* which that has to fit; NULL: none */

	int			credential;		/* in the definition's list; -1: none */
	int			timeout_ms;		/* of one attempt; 0: the connector's */
	int			retries;		/* -1: the connector's */
	bool		idempotent;		/* says the author */
	const char *idempotency_header; /* gets the same key on every attempt; NULL: none */
	CnErrorRule *rules;
	int			rule_count;
	int			weight;			/* it counts for so many requests of the service's rates */
	CnBudget	budget;
	CnPath		error_message;	/* of the remote's words in a failed reply; no text: the usual places */

	const char *method;			/* upper case */
	CnTemplate *url;
	const char *host;			/* where that leads to, with the port if it is none of its own; NULL: a
								 * reference decides */
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
};

/* The limits a user asks us to keep with a remote; nothing here is a credential's or provider's. */
typedef struct CnRateLimiting
{
	bool		enabled;
	int			per_minute;		/* requests; 0: no limit */
	int			per_hour;
	bool		wait;			/* strategy "queue"; else "fail" */
} CnRateLimiting;

typedef struct CnDefinition
{
	bool		multi;			/* has "steps"; else it is one step itself */
	CnStepDef **steps;			/* in order */
	int			step_count;
	CnStepDef **all;			/* those, groups and what is in them, in document order */
	int			all_count;
	CnCredentialRef *credentials;	/* each once */
	int			credential_count;
	CnJsonTemplate *result;		/* NULL: the output of the last step */
	int			deadline_ms;	/* of the whole execution; 0: connector.max_execution_time */
	CnRateLimiting rate_limiting;
} CnDefinition;

/* Settings that bound a definition when it is saved. */
typedef struct CnDefinitionLimits
{
	int			max_steps;		/* requests, those in groups included; 0: no limit */
	int			max_parallel;	/* requests in one group; 0: no limit */
} CnDefinitionLimits;

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

/* All of them, a line each: "$.url: the URL is missing". */
extern char *cn_problems_text(const CnProblems *problems);

/* Syntax of a SQL/JSON path: NULL, or what is wrong; the server lends its parser. */
typedef const char *(*CnPathCheck) (const char *path);

/* Who compiles, and for what; zeros are all that a pure caller needs. */
typedef struct CnCompileOptions
{
	CnPathCheck check_path;		/* NULL: paths are taken as they are */
	const CnDefinitionLimits *limits;	/* NULL: none */
	const CnActionLookup *actions;	/* NULL: a step that uses one is refused */
	bool		is_stream;		/* it is a provider's stream: templates may read page and parent */
} CnCompileOptions;

/*
 * Compile config.  NULL if there are problems.  config must outlive the result, and so must the
 * actions found.  options may be NULL.
 */
extern CnDefinition *cn_definition_compile(const CnJson *config, const CnCompileOptions *options,
										   CnProblems *problems);

/*
 * The same for what a provider's action or stream (is_stream) was expanded into; a stream's
 * templates may read page and parent.
 */
extern CnDefinition *cn_definition_compile_provided(const CnJson *config, bool is_stream,
													CnPathCheck check_path, CnProblems *problems);

/* The step of that id, or NULL. */
extern const CnStepDef *cn_definition_step(const CnDefinition *definition, const char *id);

/*
 * The service a step calls, which is what limits and breakers are kept for: its credential's,
 * else the host; NULL if that is known only when the URL is rendered.
 */
extern const char *cn_definition_service(const CnDefinition *definition, const CnStepDef *step);

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
