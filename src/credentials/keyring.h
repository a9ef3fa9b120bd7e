/*
 * keyring.h -- the master keys, which are never in the database.
 *
 * connector.key_file names a file, connector.key_command a command whose output
 * has the same form: a key a line, "<key id>:<32 bytes as 64 hex digits or
 * base64>"; '#' begins a comment.  The first key encrypts, all decrypt.
 */
#ifndef CN_CREDENTIALS_KEYRING_H
#define CN_CREDENTIALS_KEYRING_H

#include "postgres.h"

#define CN_KEY_ID_LEN 64		/* with the final NUL */

typedef struct CnMasterKey
{
	char		id[CN_KEY_ID_LEN];
	unsigned char bytes[32];
} CnMasterKey;

extern void cn_keyring_init(void);

/*
 * The key that encrypts.  Raises 55000 with a hint if no key is configured, or
 * 58P01, F0000 if the file or command cannot be read or is malformed (the
 * message names the file and line, never their content).
 */
extern const CnMasterKey *cn_keyring_current(void);

/* The key of that id, or NULL.  Raises like cn_keyring_current. */
extern const CnMasterKey *cn_keyring_find(const char *id);

#endif							/* CN_CREDENTIALS_KEYRING_H */
