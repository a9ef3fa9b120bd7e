/*
 * errors.h -- the normalized outcome codes and the failure value.
 *
 * One list for the whole product (docs/errors.md has a paragraph on each).
 * The table itself is in errors.c; this header is pure.
 */
#ifndef CN_CORE_ERRORS_H
#define CN_CORE_ERRORS_H

#include "core/pure.h"

typedef enum CnCode
{
	CN_OK = 0,
	CN_AUTH_FAILED,
	CN_PERMISSION_DENIED,
	CN_NOT_FOUND,
	CN_VALIDATION_FAILED,
	CN_CONFLICT,
	CN_RATE_LIMITED,
	CN_TIMEOUT,
	CN_NETWORK_ERROR,
	CN_TLS_ERROR,
	CN_BLOCKED_ADDRESS,
	CN_SERVER_ERROR,
	CN_BAD_RESPONSE,
	CN_RESPONSE_TOO_LARGE,
	CN_CIRCUIT_OPEN,
	CN_LIMIT_EXCEEDED,
	CN_CANCELLED,
	CN_CONFIG_INVALID,
	CN_INPUT_INVALID,
	CN_CREDENTIAL_MISSING,
	CN_UNKNOWN_OUTCOME,
	CN_INTERNAL
} CnCode;

#define CN_CODE_COUNT (CN_INTERNAL + 1)

/* One row of the table of codes. */
typedef struct CnCodeInfo
{
	const char *name;			/* as users see it: "auth_failed" */
	char		sqlstate[6];	/* class NC */
	bool		retryable;		/* by default; rules and the method have a say */
	const char *hint;			/* the remedy, a sentence */
} CnCodeInfo;

/*
 * An expected failure, as a value.  Strings live where the value lives.
 * message: lower case, no full stop, never a secret, a body or a query string.
 * remote_message: what the remote said of it, cut and redacted; or NULL.
 * detail: lines that list what is wrong; or NULL.
 */
typedef struct CnFailure
{
	CnCode		code;
	int			http_status;	/* 0: no reply */
	char	   *message;
	char	   *remote_message;
	char	   *detail;
	char	   *hint;			/* NULL: the code's own hint */
} CnFailure;

extern const CnCodeInfo *cn_code_info(CnCode code);
extern CnCode cn_code_for_status(int http_status);

/* The code of that name, or CN_OK. */
extern CnCode cn_code_by_name(const char *name);
extern CnCode cn_code_by_sqlstate(const char *sqlstate);

/* All of a failure in one line: message, what the remote said, what is wrong; NULL without one. */
extern char *cn_failure_text(const CnFailure *failure);

extern void cn_fail(CnFailure *failure, CnCode code, const char *fmt,...) pg_attribute_printf(3, 4);

#endif							/* CN_CORE_ERRORS_H */
