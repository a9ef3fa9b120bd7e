/*
 * compile.h -- what the files that compile a definition share.  Pure.
 *
 *   definition.c        the whole: its own keys, the list of steps, the result
 *   compile_step.c      a step: what it is, its condition, retries and error rules
 *   compile_use.c       a step that uses a provider's action
 *   compile_request.c   its query, headers and body
 *   compile_reply.c     what is taken from its reply
 *   compile_template.c  templates and the references in them; problems
 */
#ifndef CN_CATALOG_COMPILE_H
#define CN_CATALOG_COMPILE_H

#include "catalog/definition.h"

/* What is known of a step's id while the references of another are checked. */
typedef struct CnKnownStep
{
	const char *id;
	bool		visible;		/* it is over when the one being compiled begins */
} CnKnownStep;

/* State of one compilation. */
typedef struct CnCompiler
{
	CnDefinition *def;
	CnProblems *problems;
	CnPathCheck check_path;
	CnDefinitionLimits limits;
	const CnActionLookup *actions;	/* NULL: none are known */

	int			credential;		/* the definition's, in its list; -1: none */
	int			timeout_ms;		/* the definition's, for steps without their own; 0: none */
	int			retries;		/* likewise; -1: none */
	int			continue_on_error;	/* likewise */
	CnErrorRule *rules;			/* likewise, behind each step's own */
	int			rule_count;

	CnKnownStep *known;			/* every id of the definition */
	int			known_count;
	CnStepDef  *step;			/* being compiled; NULL: the definition itself */
	const char *path;			/* of the template whose references are being checked */
	bool		no_secrets;		/* it may not refer to the credential */
	bool		in_action;		/* it is a provider's: there are no other steps */
	bool		paged;			/* a stream's: templates may read page and parent */
} CnCompiler;

/* ---- compile_template.c ---- */

/* Is name in a list that ends with NULL?  JSON keys are told apart by case. */
extern bool cn_compile_listed(const char *const *names, const char *name);

/* "$.headers" and "x-y" give $.headers."x-y". */
extern char *cn_compile_child(const char *path, const char *key);

/* The member under the first of two spellings that is there, or NULL; *path gets its path. */
extern const CnJson *cn_compile_either(const CnJson *object, const char *base, const char *key,
									   const char *other, const char **path);

/* A text template, its references checked; NULL if it has problems. */
extern CnTemplate *cn_compile_text(CnCompiler *c, const char *text, int len, CnPlace place,
								   const char *path, bool no_secrets);

/* A JSON template, likewise. */
extern CnJsonTemplate *cn_compile_json(CnCompiler *c, const CnJson *value, const char *path);

/* A member that must be a string template, or NULL if absent. */
extern CnTemplate *cn_compile_member(CnCompiler *c, const CnJson *object, const char *key,
									 const char *path, bool no_secrets);

/* The references of a condition. */
extern void cn_compile_check_expr(CnCompiler *c, const CnExpr *expr, const char *path);

/* Too many items are a problem, and false. */
extern bool cn_compile_count(CnCompiler *c, const CnJson *value, const char *path);

/* Keys of object that are in none of the lists are problems; a list may be NULL. */
extern void cn_compile_keys(CnCompiler *c, const CnJson *object, const char *path,
							const char *const *keys, const char *const *more);

/* Values of a type; something else is a problem, and leaves *result. */
extern void cn_compile_int(CnCompiler *c, const CnJson *value, const char *path, int min, int max,
						   int *result);
extern void cn_compile_bool(CnCompiler *c, const CnJson *value, const char *path, int *result);

/* A SQL/JSON path that is not ours: the server takes it, and it has no variables, which would have no values. */
extern void cn_compile_check_path(CnCompiler *c, const char *path, const char *where);

/* A SQL/JSON path as written, checked. */
extern void cn_compile_path(CnCompiler *c, const char *written, const char *where, CnPath *path);

/* ---- compile_step.c ---- */

/* Keys of a step that is a request; a definition of one step has them, too. */
extern const char *const cn_compile_step_keys[];

/* A request with all its parts into c->step, whose path is set. */
extern void cn_compile_request_step(CnCompiler *c, const CnJson *config);

/* Of it, what is sent and what becomes of the reply; the credential is set. */
extern void cn_compile_request(CnCompiler *c, const CnJson *config);

/* Condition, continue_on_error and name of any step. */
extern void cn_compile_step_flow(CnCompiler *c, const CnJson *config);

/* A list of error rules. */
extern void cn_compile_rules(CnCompiler *c, const CnJson *value, const char *path,
							 CnErrorRule **rules, int *count);

/* The place of the credential that value names in the definition's list. */
extern int	cn_compile_credential(CnCompiler *c, const CnJson *value, const char *path);

/* timeout_ms, retries and continue_on_error of a step or of all; absent ones are left. */
extern void cn_compile_limits(CnCompiler *c, const CnJson *config, const char *base,
							  int *timeout_ms, int *retries, int *continue_on_error);

/* ---- compile_use.c ---- */

/* Is it a step that uses an action?  Its keys are others, then. */
extern bool cn_compile_is_use(const CnJson *config);

/* Keys that neither a step of its kind has nor more (may be NULL) are problems. */
extern void cn_compile_own_keys(CnCompiler *c, const CnJson *config, const char *path,
								const char *const *more);

/* A step that uses an action into c->step, whose path is set. */
extern void cn_compile_use_step(CnCompiler *c, const CnJson *config);

/* ---- compile_request.c, compile_reply.c: each reports its problems ---- */
extern void cn_compile_query(CnCompiler *c, const CnJson *value);
extern void cn_compile_headers(CnCompiler *c, const CnJson *value);
extern void cn_compile_body(CnCompiler *c, const CnJson *config);
extern void cn_compile_outputs(CnCompiler *c, const CnJson *value);
extern void cn_compile_reply_kind(CnCompiler *c, const CnJson *value);

#endif							/* CN_CATALOG_COMPILE_H */
