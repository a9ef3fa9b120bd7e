/*
 * kind_digest.c -- kind digest: user and password for a challenge.  RFC 7616.
 *
 * The answer depends on what the server asks, so it is libcurl that makes it; here
 * the two are only handed over.
 */
#include "postgres.h"

#include "auth/kinds.h"

static const char *const fields[] = {"username", "password", NULL};
static const char *const visible[] = {"username", NULL};

static void
apply(const CnCredential *credential, MemoryContext context, CnAuthAddition *addition)
{
	addition->login.user = cn_credential_field(credential, "username")->value;
	addition->login.password = cn_credential_field(credential, "password")->value;
}

const CnAuthKind cn_auth_digest = {
	.name = "digest",
	.fields = fields,
	.visible = visible,
	.no_colon = "username",
	.apply = apply,
};
