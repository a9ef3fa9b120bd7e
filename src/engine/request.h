/*
 * request.h -- rendering pieces of a request; failures go to the step's record.
 */
#ifndef CN_ENGINE_REQUEST_H
#define CN_ENGINE_REQUEST_H

#include "engine/internal.h"

/*
 * Append a rendered text template; path names it in a failure, and is one below
 * the step's if it begins with '.'.
 */
extern bool cn_request_text(CnStep *step, const CnTemplate *tmpl, const char *path,
							StringInfo out);

/*
 * What a pair is sent with; NULL: it is left out.  False and the record's failure if it cannot
 * be told.
 */
extern bool cn_request_pair(CnStep *step, const CnPair *pair, const CnJson **value);

/* Append "name=value", and the separator before it, unless that is '\0'; it is '&' afterwards. */
extern void cn_request_append_pair(StringInfo out, char *separator, const char *name,
								   const CnJson *value);

/* Append a rendered JSON template as JSON text. */
extern bool cn_request_json(CnStep *step, const CnJsonTemplate *tmpl, StringInfo out);

/* Append the bytes that a rendered text template holds in base64. */
extern bool cn_request_base64(CnStep *step, const CnTemplate *tmpl, const char *path,
							  StringInfo out);

#endif							/* CN_ENGINE_REQUEST_H */
