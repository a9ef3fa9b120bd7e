/*
 * field.h -- a field of an opened secret.  Pure.
 */
#ifndef CN_CREDENTIALS_FIELD_H
#define CN_CREDENTIALS_FIELD_H

#include "core/pure.h"

typedef struct CnSecretField
{
	const char *name;
	const char *value;			/* NUL-terminated, in wiped memory */
	int			len;
} CnSecretField;

#endif							/* CN_CREDENTIALS_FIELD_H */
