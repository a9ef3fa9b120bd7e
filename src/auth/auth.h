/*
 * auth.h -- a credential becomes the authentication of a request.
 *
 * One table of kinds (auth.c): what a secret of the kind holds, which public
 * parameters it takes, and how it is put into a request.  A new kind is a new
 * row; nothing else asks for a kind by name.
 */
#ifndef CN_AUTH_AUTH_H
#define CN_AUTH_AUTH_H

#include "postgres.h"

#include "core/errors.h"
#include "credentials/store.h"
#include "http/client.h"

/* What the kind adds to a request; strings in wiped memory. */
typedef struct CnAuthAddition
{
	CnHttpHeader header;		/* name NULL: none */
	const char *query;			/* "name=value", percent-encoded; NULL: none */
	const char *derived;		/* an encoded form of the secret, to be redacted too; or NULL */
} CnAuthAddition;

typedef struct CnAuthKind
{
	const char *name;
	const char *const *fields;	/* secret fields that must be there; NULL ends */
	const char *const *visible; /* of those, the ones that replies may show (a user name) */
	const char *no_colon;		/* a field that must not have one; or NULL */

	/* What is wrong with the parameters (static text), or NULL. */
	const char *(*check) (const CnJson *parameters);

	/* Fill *addition; memory from context, wiped with it. */
	void		(*apply) (const CnCredential *credential, MemoryContext context,
						  CnAuthAddition *addition);

	/*
	 * The secret holds a token, and what gets another one (token_wait.h).  Templates read the
	 * token alone: a refresh token or the password of a session belongs to no request of a
	 * definition.
	 */
	bool		renews;
} CnAuthKind;

/* NULL if there is no such kind. */
extern const CnAuthKind *cn_auth_kind(const char *name);

/* "api_key, bearer, basic" for messages; palloc'ed. */
extern char *cn_auth_kind_names(void);

/* Raises 22023 if secret or parameters do not fit the kind. */
extern void cn_auth_check(const CnAuthKind *kind, Jsonb *secret, Jsonb *parameters);

/* The addition for a request with credential; false and *failure if it cannot be made. */
extern bool cn_auth_apply(const CnCredential *credential, MemoryContext context,
						  CnAuthAddition *addition, CnFailure *failure);

/* Is it of a kind with a token that is renewed? */
extern bool cn_auth_renews(const CnCredential *credential);

/* May templates read this field of the secret? */
extern bool cn_auth_field_is_readable(const CnCredential *credential, const char *field);

/* May replies show this field of the secret (an account's name, say)? */
extern bool cn_auth_field_is_visible(const CnCredential *credential, const char *field);

#endif							/* CN_AUTH_AUTH_H */
