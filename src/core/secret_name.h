/*
 * secret_name.h -- members whose name says that their value is a secret.  Pure.
 */
#ifndef CN_CORE_SECRET_NAME_H
#define CN_CORE_SECRET_NAME_H

#include "core/pure.h"

/* Is a member of that name a secret by its name (password, access_token, ...)? */
extern bool cn_name_is_secret(const char *name, int len);

#endif							/* CN_CORE_SECRET_NAME_H */
