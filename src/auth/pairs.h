/*
 * pairs.h -- the names and values of a query or form, in the order that signatures want.  Pure.
 */
#ifndef CN_AUTH_PAIRS_H
#define CN_AUTH_PAIRS_H

#include "core/pure.h"

/* Both percent-encoded as RFC 3986 has it, every reserved character. */
typedef struct CnEncodedPair
{
	char	   *name;
	char	   *value;
} CnEncodedPair;

typedef struct CnPairs
{
	CnEncodedPair *list;
	int			count;
	int			capacity;
} CnPairs;

/* One, not yet encoded. */
extern void cn_pairs_add(CnPairs *pairs, const char *name, const char *value);

/* All of name=value&... as it stands in a URL; in a form "+" is a blank. */
extern void cn_pairs_parse(CnPairs *pairs, const char *text, size_t len, bool form);

/* By name, then by value, byte by byte. */
extern void cn_pairs_sort(CnPairs *pairs);

/* Append name=value&...; a name without a value gets its "=" too. */
extern void cn_pairs_write(StringInfo out, const CnPairs *pairs);
extern size_t cn_pairs_size(const CnPairs *pairs);

extern void cn_pairs_wipe(CnPairs *pairs);

#endif							/* CN_AUTH_PAIRS_H */
