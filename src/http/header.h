/*
 * header.h -- a header of a request.  Pure.
 */
#ifndef CN_HTTP_HEADER_H
#define CN_HTTP_HEADER_H

#include "core/pure.h"

typedef struct CnHttpHeader
{
	const char *name;
	const char *value;
	bool		secret;			/* dropped when a redirect leaves the origin */
} CnHttpHeader;

#endif							/* CN_HTTP_HEADER_H */
