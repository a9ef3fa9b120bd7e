/*
 * template.h -- {{...}} in text and in JSON, escaped by the place it stands in.  Pure.
 */
#ifndef CN_TEMPLATE_TEMPLATE_H
#define CN_TEMPLATE_TEMPLATE_H

#include "expr/expr.h"

typedef enum CnPlace
{
	CN_PLACE_TEXT,				/* no escaping */
	CN_PLACE_URL,				/* by part of the URL, see cn_template_parse */
	CN_PLACE_QUERY,				/* one name or value of a query or form: everything but RFC 3986 unreserved is %XX */
	CN_PLACE_HEADER				/* CR, LF, NUL and other controls but TAB are an error */
} CnPlace;

typedef struct CnTemplate CnTemplate;

typedef struct CnTemplateError
{
	int			offset;			/* bytes into the template's text */
	bool		missing;		/* a reference led to nothing */
	bool		limit;			/* the output grew past the limit */
	char	   *path;			/* reference concerned ("input.email"), or NULL */
	char	   *message;		/* lower case, no full stop */
} CnTemplateError;

/*
 * Compile text.  NULL and *error on failure.  "{{{{" is a literal "{{".
 * An unclosed "{{" is an error; "}}" alone is text.
 *
 * In a URL (CN_PLACE_URL) the place of each reference follows from the
 * literal text before it:
 *   - at the very start: it is the base URL; rendered as is, and must be
 *     "http://" or "https://" with a host, no userinfo, no white space or controls, no '?' or '#';
 *   - in the authority (after "//" and before the next '/', '?' or '#'): only letters,
 *     digits, '.', '-', and ':' with digits pass; else an error; empty is an error;
 *   - in the path: percent-encoded whole ('/' too); "." and ".." as a full
 *     segment's value are an error, and so is empty;
 *   - behind '?': percent-encoded as a query component;
 *   - a literal '#' is an error at compile time (a fragment is never sent).
 */
extern CnTemplate *cn_template_parse(const char *text, int len, CnPlace place, CnTemplateError *error);

/* Append the rendered text.  false and *error on failure (out is then undefined). */
extern bool cn_template_render(const CnTemplate *tmpl, const CnScope *scope, StringInfo out,
							   CnTemplateError *error);

/* true if it has no reference at all; *text is then what it always renders to. */
extern bool cn_template_is_constant(const CnTemplate *tmpl, const char **text, int *len);

/* The reference if the text is exactly one and nothing else, else NULL; *offset: where it begins. */
extern const CnExpr *cn_template_only_expr(const CnTemplate *tmpl, int *offset);

typedef void (*CnExprVisitor) (void *arg, const CnExpr *expr, int offset);
extern void cn_template_each_expr(const CnTemplate *tmpl, CnExprVisitor visit, void *arg);

/* ---- JSON ---- */

typedef struct CnJsonTemplate CnJsonTemplate;

/* Called for each problem: JSON path below the given one ("$.body.name"), and the error. */
typedef void (*CnProblemSink) (void *arg, const char *json_path, const CnTemplateError *error);

/*
 * Compile a JSON value whose strings (and object keys) are templates.  All
 * problems are reported, each with its path, which begins with base_path;
 * NULL if there was one.  The source tree must outlive the result.
 */
extern CnJsonTemplate *cn_json_template_compile(const CnJson *source, const char *base_path,
												CnProblemSink sink, void *arg);

/*
 * The value: a string that is exactly one reference becomes the referenced
 * value with its JSON type; any other string is text with references
 * rendered in.  NULL and *error (offset within the string; *path_out gets the JSON path) on failure.
 */
extern const CnJson *cn_json_template_eval(const CnJsonTemplate *tmpl, const CnScope *scope,
										   CnTemplateError *error, const char **path_out);

/* The same, written as compact JSON text straight to out; what a request body uses. */
extern bool cn_json_template_render(const CnJsonTemplate *tmpl, const CnScope *scope, StringInfo out,
									CnTemplateError *error, const char **path_out);

extern void cn_json_template_each_expr(const CnJsonTemplate *tmpl,
									   void (*visit) (void *arg, const char *json_path,
													  const CnExpr *expr, int offset),
									   void *arg);

/* ---- escaping, for those who build a piece themselves ---- */
extern void cn_escape_component(StringInfo out, const char *text, int len);	/* RFC 3986 unreserved kept */

#endif							/* CN_TEMPLATE_TEMPLATE_H */
