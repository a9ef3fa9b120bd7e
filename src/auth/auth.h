/*
 * auth.h -- a credential becomes the authentication of a request.
 *
 * One table of kinds (auth.c): what a secret of the kind holds, which public
 * parameters it takes, and how it is put into a request.  A new kind is a new
 * row; nothing else asks for a kind by name.
 *
 * There are two sorts.  apply adds the same to every request and every attempt, so it
 * is asked once.  sign is asked for each attempt and sees the whole request, sealed:
 * a signature has a time in it, or a number that may be used once.
 */
#ifndef CN_AUTH_AUTH_H
#define CN_AUTH_AUTH_H

#include "postgres.h"

#include "auth/signing.h"
#include "core/errors.h"
#include "credentials/store.h"
#include "http/client.h"

/* More than any kind needs; hmac's are its author's to choose. */
#define CN_AUTH_MAX_HEADERS 8

/* What the kind adds to a request; strings in wiped memory. */
typedef struct CnAuthAddition
{
	CnHttpHeader headers[CN_AUTH_MAX_HEADERS];	/* instead of the definition's of that name */
	int			header_count;
	const char *query;			/* "name=value", percent-encoded; NULL: none */
	const char *derived;		/* made of the secret, a signature, to be redacted too; or NULL */
	bool		for_this_url;	/* it proves nothing at another URL: no redirect takes it along */
	CnHttpLogin login;			/* user NULL: none */
} CnAuthAddition;

typedef struct CnAuthKind
{
	const char *name;
	const char *const *fields;	/* secret fields that must be there; NULL ends */
	const char *const *visible; /* of those, the ones that replies may show (a user name) */
	const char *no_colon;		/* a field that must not have one; or NULL */

	/* What is wrong with the parameters (static text), or NULL. */
	const char *(*check) (const CnJson *parameters);

	/*
	 * Fill *addition; memory from context, wiped with it.  NULL: the kind signs; or, without sign
	 * too, no request is made with it.
	 */
	void		(*apply) (const CnCredential *credential, MemoryContext context,
						  CnAuthAddition *addition);

	/*
	 * The secret holds a token, and what gets another one (token_wait.h).  Templates read the
	 * token alone: a refresh token or the password of a session belongs to no request of a
	 * definition.
	 */
	bool		renews;

	/* ---- what only some kinds have ---- */
	const char *const *optional;	/* more fields of the secret it knows; NULL: none */
	const char *const *structured;	/* parameters that need not be strings, for check to look at */
	const char *multiline;		/* a field that may have line breaks: PEM */

	/* What is wrong with parameters and secret together; the text shows nothing of the secret. */
	const char *(*check_all) (const CnCredential *candidate);

	/* The same as apply for one attempt.  NULL, or why it cannot be made. */
	const char *(*sign) (const CnCredential *credential, MemoryContext context,
						 const CnSignInput *input, CnAuthAddition *addition);
} CnAuthKind;

/* NULL if there is no such kind. */
extern const CnAuthKind *cn_auth_kind(const char *name);

/* "api_key, bearer, ..." for messages; palloc'ed. */
extern char *cn_auth_kind_names(void);

/* Raises 22023 if secret or parameters do not fit the kind. */
extern void cn_auth_check(const CnAuthKind *kind, Jsonb *secret, Jsonb *parameters);

/*
 * The addition for every request with credential; false and *failure if it cannot be
 * used.  Of a kind that signs it is empty.
 */
extern bool cn_auth_apply(const CnCredential *credential, MemoryContext context,
						  CnAuthAddition *addition, CnFailure *failure);

/* Is it of a kind with a token that is renewed? */
extern bool cn_auth_renews(const CnCredential *credential);

/* May templates read this field of the secret? */
extern bool cn_auth_field_is_readable(const CnCredential *credential, const char *field);

/* Is the addition made for each attempt? */
extern bool cn_auth_signs(const CnCredential *credential);

/* That of one attempt; false and *failure if it cannot be made. */
extern bool cn_auth_sign(const CnCredential *credential, MemoryContext context,
						 const CnSignInput *input, CnAuthAddition *addition, CnFailure *failure);

/* ---- for kinds ---- */

/* One more header; value is in wiped memory if it is secret. */
extern void cn_auth_add_header(CnAuthAddition *addition, const char *name, const char *value,
							   bool secret);

/* A field that may be missing: its value or NULL. */
extern const char *cn_auth_field(const CnCredential *credential, const char *name);

/* A parameter of a kind, or what it is without. */
extern const char *cn_auth_parameter(const CnJson *parameters, const char *name,
									 const char *otherwise);

/* A number, or a string of digits; false if it is neither or not in range. */
extern bool cn_auth_number(const CnJson *parameters, const char *name, int otherwise, int max,
						   int *number);

/* May replies show this field of the secret (an account's name, say)? */
extern bool cn_auth_field_is_visible(const CnCredential *credential, const char *field);

#endif							/* CN_AUTH_AUTH_H */
