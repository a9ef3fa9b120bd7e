/*
 * credentials.h -- what other functions need that take a secret as an argument.
 */
#ifndef CN_SQLAPI_CREDENTIALS_H
#define CN_SQLAPI_CREDENTIALS_H

#include "postgres.h"

#include "fmgr.h"

/*
 * Callback of an ErrorContextCallback.  Whatever goes wrong while a secret is an
 * argument: the log must not show the statement, which may hold it as a literal.
 */
extern void cn_hide_statement(void *arg);

/* The function of SQL, with its nine arguments: it checks them and the caller's right. */
extern Datum connector_credential_set(PG_FUNCTION_ARGS);

#endif							/* CN_SQLAPI_CREDENTIALS_H */
