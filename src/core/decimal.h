/*
 * decimal.h -- exact decimal numbers, as long as their literals.  Pure.
 */
#ifndef CN_CORE_DECIMAL_H
#define CN_CORE_DECIMAL_H

#include "core/pure.h"

/*
 * value = digits * 10^exponent, digits read as a whole number without zeros at
 * either end.  Zero has no digits, no sign and exponent 0.
 */
typedef struct CnDecimal
{
	bool		negative;
	char	   *digits;			/* '0'..'9', not NUL-terminated */
	int			ndigits;
	int64		exponent;
} CnDecimal;

extern void cn_decimal_read(const char *literal, int len, CnDecimal *result);
extern void cn_decimal_round(CnDecimal *value, int scale, bool truncate);
extern int64 cn_decimal_size(const CnDecimal *value);
extern void cn_decimal_write(StringInfo out, const CnDecimal *value);
extern bool cn_decimal_equal(const char *a, int a_len, const char *b, int b_len);
extern void cn_decimal_trim(CnDecimal *value);

/* ---- decimal_math.c: arithmetic; the result's digits are newly allocated or an operand's ---- */

extern int	cn_decimal_compare(const CnDecimal *a, const CnDecimal *b);
extern int64 cn_decimal_sum_size(const CnDecimal *a, const CnDecimal *b);
extern void cn_decimal_add(const CnDecimal *a, const CnDecimal *b, CnDecimal *result);
extern void cn_decimal_subtract(const CnDecimal *a, const CnDecimal *b, CnDecimal *result);
extern void cn_decimal_multiply(const CnDecimal *a, const CnDecimal *b, CnDecimal *result);
extern int64 cn_decimal_quotient_size(const CnDecimal *a, const CnDecimal *b, int scale);
extern void cn_decimal_divide(const CnDecimal *a, const CnDecimal *b, int scale, bool truncate,
							  CnDecimal *result);

#endif							/* CN_CORE_DECIMAL_H */
