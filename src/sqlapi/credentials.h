/*
 * credentials.h -- what other functions need that take a secret as an argument.
 */
#ifndef CN_SQLAPI_CREDENTIALS_H
#define CN_SQLAPI_CREDENTIALS_H

#include "postgres.h"

#include "fmgr.h"

#include "catalog/provider.h"
#include "core/identity.h"
#include "credentials/store.h"

/*
 * Callback of an ErrorContextCallback.  Whatever goes wrong while a secret is an
 * argument: the log must not show the statement, which may hold it as a literal.
 */
extern void cn_hide_statement(void *arg);

/* Raises 22023 unless name can be the service or label (what) of a credential. */
extern void cn_credential_check_name(const char *what, const char *name);

/*
 * The workspace to act in, and who owns a credential of that scope there ("" for the workspace's);
 * raises unless the caller may change it.
 */
extern const char *cn_credential_owner(const char *scope, const char *workspace_argument,
									   CnWorkspace *workspace);

/* Raises unless hosts (text[], or 0 for none) is a list of at least one well-formed entry. */
extern void cn_credential_check_hosts(Datum hosts);

/*
 * What is wrong with the parameters (an object), by the provider's form; NULL: nothing.  Unless it
 * is all of them, others that are required come with the token.
 */
extern char *cn_credential_parameter_problems(const CnProvider *provider, const CnJson *given,
											  bool all);

/* Raises 22023 where there are such problems. */
extern void cn_credential_check_parameters(const CnProvider *provider, const CnJson *given,
										   bool all);

/* The function of SQL, with its nine arguments: it checks them and the caller's right. */
extern Datum connector_credential_set(PG_FUNCTION_ARGS);

/*
 * What a provider says of a credential for it: kind where none is given (NULL), parameters of how that is sent,
 * hosts unless the caller has some; a provider's name for one of its aliases.  Raises 22023 if the
 * public parameters do not fit.  Of a service that is no provider the kind becomes api_key.
 */
extern void cn_credential_from_provider(CnCredentialInput *input, bool has_hosts);

#endif							/* CN_SQLAPI_CREDENTIALS_H */
