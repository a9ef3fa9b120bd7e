/*
 * seal.h -- a secret's plaintext and ciphertext, in bytes.
 *
 * Plaintext: per field one byte with the length of its name, the name, four
 * bytes (big-endian) with the length of its value, the value, a NUL.  No JSON:
 * a parser would leave copies, here the fields point into the wiped buffer.
 *
 * Ciphertext: format byte 1, nonce (12), ciphertext, tag (16).  Associated data:
 * workspace, service, credential id and key id, each with its length, so that
 * a ciphertext copied to another row does not open.
 */
#ifndef CN_CREDENTIALS_SEAL_H
#define CN_CREDENTIALS_SEAL_H

#include "credentials/keyring.h"
#include "credentials/store.h"

/* Plaintext of a jsonb object of strings, in wiped memory of context; *len bytes. */
extern char *cn_seal_encode(Jsonb *secret, MemoryContext context, int *len);

/* The same of fields; *len is -1, and nothing is returned, if they are too many or too long. */
extern char *cn_seal_encode_fields(const CnSecretField *fields, int count, MemoryContext context,
								   int *len);

/* Point credential's fields into plaintext; false if it is malformed. */
extern bool cn_seal_decode(char *plain, int len, CnCredential *credential);

/* Ciphertext in the current context. */
extern bytea *cn_seal(const CnMasterKey *key, const pg_uuid_t *workspace, const char *service,
					  const pg_uuid_t *id, const char *plain, int len);

/* Plaintext in wiped memory of context, *len bytes; NULL if it does not open. */
extern char *cn_unseal(const CnMasterKey *key, const pg_uuid_t *workspace, const char *service,
					   const pg_uuid_t *id, const bytea *sealed, MemoryContext context, int *len);

#endif							/* CN_CREDENTIALS_SEAL_H */
