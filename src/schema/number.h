/*
 * number.h -- JSON numbers, compared and divided exactly.  Pure.
 */
#ifndef CN_SCHEMA_NUMBER_H
#define CN_SCHEMA_NUMBER_H

#include "core/decimal.h"
#include "core/json.h"

/* Digits that a divisor may have, zeros at either end not counted. */
#define CN_NUMBER_DIVISOR_DIGITS 18

/* A whole number of up to 18 digits in `small`, anything else in `decimal`. */
typedef struct CnNumber
{
	bool		is_small;
	int64		small;
	CnDecimal	decimal;
} CnNumber;

extern void cn_number_read(const CnJson *json, CnNumber *number);
extern int	cn_number_compare(const CnNumber *a, const CnNumber *b);
extern bool cn_number_is_integer(const CnNumber *number);
extern bool cn_number_divides(const CnNumber *divisor, const CnNumber *number);
extern int64 cn_number_count(const CnNumber *number);

#endif							/* CN_SCHEMA_NUMBER_H */
