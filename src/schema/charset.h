/*
 * charset.h -- sets of characters, to be written as bracket expressions.  Pure.
 */
#ifndef CN_SCHEMA_CHARSET_H
#define CN_SCHEMA_CHARSET_H

#include "core/pure.h"

/* First and last code point. */
typedef struct CnCharRange
{
	uint32		low;
	uint32		high;
} CnCharRange;

typedef struct CnCharset
{
	CnCharRange *ranges;
	int			nranges;
	int			room;
} CnCharset;

extern void cn_charset_init(CnCharset *set);
extern void cn_charset_add(CnCharset *set, uint32 low, uint32 high);
extern void cn_charset_add_set(CnCharset *set, const CnCharset *other);
extern void cn_charset_add_category(CnCharset *set, uint32 categories);
extern void cn_charset_invert(CnCharset *set);
extern void cn_charset_write(StringInfo out, CnCharset *set);

#endif							/* CN_SCHEMA_CHARSET_H */
