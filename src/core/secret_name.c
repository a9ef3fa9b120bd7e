/*
 * secret_name.c -- members whose name says that their value is a secret.  Pure.
 */
#include "core/secret_name.h"

/* Names of secrets, and ends of such names, without '_' and '-', in lower case. */
static const char *const secret_ends[] = {
	"password", "passwd", "passphrase", "secret", "token", "apikey", "privatekey", "authorization",
	"cookie", "credential", "credentials", "cvv", "cvc", "cardnumber"
};

#define MAX_NAME 64

bool
cn_name_is_secret(const char *name, int len)
{
	char		plain[MAX_NAME];
	int			plain_len = 0;

	for (int i = 0; i < len && plain_len < MAX_NAME - 1; i++)
		if (name[i] != '_' && name[i] != '-' && name[i] != ' ')
			plain[plain_len++] = pg_ascii_tolower(name[i]);
	for (int i = 0; i < lengthof(secret_ends); i++)
	{
		int			end_len = strlen(secret_ends[i]);

		if (plain_len >= end_len &&
			memcmp(plain + plain_len - end_len, secret_ends[i], end_len) == 0)
			return true;
	}
	return false;
}
