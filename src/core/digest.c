/*
 * digest.c -- digests by the server's own code (common/cryptohash.h, common/hmac.h).  Pure.
 *
 * In the server those register their handle with the current resource owner,
 * and there is none in a worker outside of transactions.  A handle lives no
 * longer than a call here, so an owner is made for the call.
 */
#include "core/pure.h"

#include "common/cryptohash.h"
#include "common/hmac.h"
#ifndef FRONTEND
#include "utils/resowner.h"
#endif

#include "core/digest.h"

static const struct
{
	const char *name;
	pg_cryptohash_type type;
	int			size;
}			kinds[] = {
	[CN_DIGEST_MD5] = {"md5", PG_MD5, 16},
	[CN_DIGEST_SHA1] = {"sha1", PG_SHA1, 20},
	[CN_DIGEST_SHA256] = {"sha256", PG_SHA256, 32},
	[CN_DIGEST_SHA512] = {"sha512", PG_SHA512, 64},
};

typedef struct Owner
{
#ifndef FRONTEND
	ResourceOwner made;			/* NULL: there was one */
#else
	int			unused;
#endif
} Owner;

static void begin_owner(Owner *owner);
static void end_owner(Owner *owner);

bool
cn_digest_kind(const char *name, CnDigestKind *kind)
{
	int			i;

	for (i = 0; i < lengthof(kinds); i++)
	{
		if (strcmp(kinds[i].name, name) == 0)
		{
			*kind = (CnDigestKind) i;
			return true;
		}
	}
	return false;
}

int
cn_digest_size(CnDigestKind kind)
{
	return kinds[kind].size;
}

bool
cn_digest(CnDigestKind kind, const void *data, size_t len, uint8 *out)
{
	pg_cryptohash_ctx *hash;
	Owner		owner;
	bool		done;

	begin_owner(&owner);
	hash = pg_cryptohash_create(kinds[kind].type);
	done = hash != NULL && pg_cryptohash_init(hash) >= 0 &&
		pg_cryptohash_update(hash, (const uint8 *) data, len) >= 0 &&
		pg_cryptohash_final(hash, out, kinds[kind].size) >= 0;
	pg_cryptohash_free(hash);
	end_owner(&owner);
	return done;
}

bool
cn_hmac(CnDigestKind kind, const void *key, size_t key_len, const void *data, size_t len,
		uint8 *out)
{
	pg_hmac_ctx *hmac;
	Owner		owner;
	bool		done;

	begin_owner(&owner);
	hmac = pg_hmac_create(kinds[kind].type);
	done = hmac != NULL && pg_hmac_init(hmac, (const uint8 *) key, key_len) >= 0 &&
		pg_hmac_update(hmac, (const uint8 *) data, len) >= 0 &&
		pg_hmac_final(hmac, out, kinds[kind].size) >= 0;
	pg_hmac_free(hmac);
	end_owner(&owner);
	return done;
}

static void
begin_owner(Owner *owner)
{
#ifndef FRONTEND
	owner->made = NULL;
	if (CurrentResourceOwner == NULL)
		CurrentResourceOwner = owner->made = ResourceOwnerCreate(NULL, "connector digest");
#endif
}

/* Only out of memory throws in between; then the owner is left, empty but for a handle. */
static void
end_owner(Owner *owner)
{
#ifndef FRONTEND
	if (owner->made != NULL)
	{
		CurrentResourceOwner = NULL;
		ResourceOwnerDelete(owner->made);
	}
#endif
}
