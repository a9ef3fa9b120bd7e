/*
 * phone.h -- telephone numbers of some countries.  Pure.
 */
#ifndef CN_EXPR_PHONE_H
#define CN_EXPR_PHONE_H

#include "core/pure.h"

/* Digits of the longest number there can be, ITU-T E.164. */
#define CN_PHONE_MAX_DIGITS 15

typedef struct CnCountry CnCountry;

/* The country of an ISO 3166 code of two letters, in any case; NULL if it is not in the table. */
extern const CnCountry *cn_country_find(const char *code);

/*
 * cn_phone_normalize -- "+", calling code and national number.
 *
 * country: where a number without calling code is from; NULL: such are refused
 * out: room for CN_PHONE_MAX_DIGITS + 2 bytes
 *
 * Returns what is wrong with the number, or NULL.
 */
extern const char *cn_phone_normalize(const char *text, int len, const CnCountry *country,
									  char *out);

#endif							/* CN_EXPR_PHONE_H */
