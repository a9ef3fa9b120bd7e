/*
 * literal_secrets.h -- secrets that somebody wrote into a definition.  Pure.
 *
 * A definition that others shall install must name a credential and read it as
 * {{workspace.<field>}}; a key written out would be everybody's.  Two kinds of
 * evidence are looked for:
 *
 *   the name    a header, parameter or member whose name says that it is secret,
 *               with a value that does not come from a template
 *   the shape   a text that looks like a key of a known vendor, a private key, a
 *               signed token or a URL with a password, anywhere
 *
 * It is a net, not a proof: a secret under an innocent name, in no known shape,
 * passes.  In return what is no secret should pass, too: API versions, the names
 * of paging tokens, templates with a scheme before them.
 */
#ifndef CN_CATALOG_LITERAL_SECRETS_H
#define CN_CATALOG_LITERAL_SECRETS_H

#include "core/json.h"

/*
 * Called for each finding.  path: JSON path ("$.headers.authorization"); it and
 * what, a clause in lower case, never hold the secret itself.
 */
typedef void (*CnLiteralSecretFound) (void *arg, const char *path, const char *what);

/* Look through a definition: names where something is sent, shapes everywhere. */
extern void cn_literal_secrets(const CnJson *config, CnLiteralSecretFound found, void *arg);

/* Look through any other JSON below path, for shapes only. */
extern void cn_literal_secrets_in(const CnJson *value, const char *path,
								  CnLiteralSecretFound found, void *arg);

/* What the text has the shape of ("a Stripe secret key"), or NULL. */
extern const char *cn_secret_shape(const char *text, int len);

/* The end of the reference "{{...}}" at at, or at if there is none; its quotes may hold braces. */
extern const char *cn_skip_reference(const char *at, const char *end);

/* Does this name of a header, parameter or member say that its value is secret? */
extern bool cn_secret_name(const char *name);

#endif							/* CN_CATALOG_LITERAL_SECRETS_H */
