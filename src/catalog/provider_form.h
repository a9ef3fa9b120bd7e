/*
 * provider_form.h -- what a credential of a provider takes, as a form and as defaults.  Pure.
 */
#ifndef CN_CATALOG_PROVIDER_FORM_H
#define CN_CATALOG_PROVIDER_FORM_H

#include "core/json.h"

/*
 * A JSON Schema that a user interface can render: an object with the arguments of
 * connector_credential_set, one alternative for each way to authenticate.
 */
extern CnJson *cn_provider_form(const CnJson *provider);

/* JSON Schema of the secret of an entry of "auth". */
extern CnJson *cn_provider_form_secret(const CnJson *auth);

/*
 * The entry of "auth" for a kind; for none (NULL) the first one of which secret (an object) has all
 * fields, else the first one.  NULL: there is none.
 */
extern const CnJson *cn_provider_form_auth(const CnJson *provider, const char *kind,
										   const CnJson *secret);

/*
 * Parameters of a credential: those that are given, and of others what the entry of "auth" says of
 * how the kind is sent.  Of oauth2 and session "parameters" says something else, and none is added.
 */
extern const CnJson *cn_provider_form_parameters(const CnJson *auth, const CnJson *given);

#endif							/* CN_CATALOG_PROVIDER_FORM_H */
