/*
 * provider_expand.h -- actions and streams of a provider as definitions of one step.  Pure.
 *
 * What holds for all requests of a provider (base URL, headers, query, error rules, credential)
 * is put together with what an action says itself, which always wins.  The result is a
 * definition as docs/connectors.md describes it, nothing more.  A member that has the wrong type
 * is passed on as it is or left out: provider_check.c has said so by then, or will.
 */
#ifndef CN_CATALOG_PROVIDER_EXPAND_H
#define CN_CATALOG_PROVIDER_EXPAND_H

#include "core/json.h"

/*
 * The definition of an action or stream, in the current context; parts of provider are shared.
 * NULL if provider has none of that name.  label: of the credential; NULL is "default".
 */
extern CnJson *cn_provider_expand_action(const CnJson *provider, const char *action,
										 const char *label);
extern CnJson *cn_provider_expand_stream(const CnJson *provider, const char *stream,
										 const char *label);

/* The same of any action or stream; of a stream the reply is kept whole, for the pages are in it. */
extern CnJson *cn_provider_expand_request(const CnJson *provider, const CnJson *action,
										  bool is_stream, const char *label);

/*
 * The pagination of a stream, as in its provider's file: a stream that names a kind of its own
 * has its own pagination, any other the provider's with its own members in place of those.
 * NULL: the stream is one page.
 */
extern const CnJson *cn_provider_expand_pagination(const CnJson *provider, const CnJson *stream);

/*
 * "{name}" of a URL or host as "{{workspace.name}}".  What stands in double braces is left, and
 * so is a brace that encloses no name.
 */
extern char *cn_provider_expand_text(const char *text);

/*
 * text with the values of parameters (an object) in place of "{name}"; NULL if one of them is
 * not there or no text or number, and *missing (may be NULL) is its name then.
 */
extern char *cn_provider_fill_text(const char *text, const CnJson *parameters,
								   const char **missing);

/*
 * An entry of allowed_hosts with its parameters filled in, as connector_credential_set takes it:
 * of a parameter that is a whole URL ("https://host/") the host is meant.
 */
extern char *cn_provider_host_entry(const char *filled);

#endif							/* CN_CATALOG_PROVIDER_EXPAND_H */
