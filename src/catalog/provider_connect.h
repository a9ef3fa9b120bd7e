/*
 * provider_connect.h -- how a credential of a provider is come by, and what it need not say.  Pure.
 */
#ifndef CN_CATALOG_PROVIDER_CONNECT_H
#define CN_CATALOG_PROVIDER_CONNECT_H

#include "core/json.h"

/*
 * The defaults of a provider's parameters, as its form has them: an object of texts and numbers;
 * NULL: none.  In the current context; values are the definition's.
 */
extern const CnJson *cn_provider_defaults(const CnJson *provider);

/* The parameters of a credential, and defaults (may be NULL) of those that it does not have. */
extern const CnJson *cn_provider_complete(const CnJson *parameters, const CnJson *defaults);

/* How the credential of the provider with that label is come by: a sentence.  NULL: "default". */
extern char *cn_provider_connect_hint(const CnJson *provider, const char *label);

#endif							/* CN_CATALOG_PROVIDER_CONNECT_H */
