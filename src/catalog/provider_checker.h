/*
 * provider_checker.h -- what the files that check a provider share.  Pure.
 *
 *   provider_check.c          the whole: its form, names, URLs, hosts, authentication, secrets
 *   provider_check_request.c  an action or stream: as a definition, its input, its templates
 *   provider_check_stream.c   streams and triggers: pages, parents, what is incremental
 */
#ifndef CN_CATALOG_PROVIDER_CHECKER_H
#define CN_CATALOG_PROVIDER_CHECKER_H

#include "catalog/provider_check.h"

typedef struct CnProviderChecker
{
	const CnJson *provider;
	const CnProviderRules *rules;
	CnProblems *problems;
	int			first;			/* of the problems that are this provider's */
	CnProblems	malformed;		/* places the schema refuses for what stands there */
	const CnJson *samples;		/* an object: a value for each parameter a URL may name */
	bool		bad_base;		/* the base URL has been reported */
} CnProviderChecker;

/*
 * Report a problem, unless it was reported, or the schema has refused what stands at path or
 * around it.
 */
extern void cn_provider_say(CnProviderChecker *c, const char *path,
							const char *fmt,...) pg_attribute_printf(3, 4);

/* The member if it is an object, else an empty one. */
extern const CnJson *cn_provider_object(const CnJson *object, const char *key);

/* The path of a JSON Pointer into value: "/a/0/b-c" is $.a[0]."b-c". */
extern char *cn_provider_path(const CnJson *value, const char *pointer, const char *base);

/*
 * A URL with {parameters}: it can be called, and (covered) credentials may go there.  False if it
 * is malformed, so that nothing more has to be said of URLs made of it.
 */
extern bool cn_provider_check_url(CnProviderChecker *c, const CnJson *url, const char *path,
								  bool covered);

/* ---- provider_check_request.c ---- */

/* What all requests have in common, as a definition. */
extern void cn_provider_check_common(CnProviderChecker *c);

/* An action or stream; more: an object whose keys are input, too, or NULL. */
extern void cn_provider_check_request(CnProviderChecker *c, const CnJson *action, const char *path,
									  bool is_stream, const CnJson *more);

/* A value against the input_schema of an action or stream. */
extern void cn_provider_check_input(CnProviderChecker *c, const CnJson *action,
									const CnJson *input, const char *path);

/* Does the input_schema of an action say nothing against an input of that name? */
extern bool cn_provider_declares(const CnJson *action, const char *name, int len);

/* ---- provider_check_stream.c ---- */
extern void cn_provider_check_stream(CnProviderChecker *c, const CnJson *stream, const char *name,
									 const char *path);
extern void cn_provider_check_trigger(CnProviderChecker *c, const CnJson *trigger,
									  const char *path);

#endif							/* CN_CATALOG_PROVIDER_CHECKER_H */
