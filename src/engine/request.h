/*
 * request.h -- rendering pieces of a request; failures go to the outcome.
 */
#ifndef CN_ENGINE_REQUEST_H
#define CN_ENGINE_REQUEST_H

#include "engine/internal.h"

/* Append a rendered text template; path names it in a failure. */
extern bool cn_request_text(CnExecution *execution, const CnTemplate *tmpl, const char *path,
							StringInfo out);

/* Append a rendered JSON template as JSON text. */
extern bool cn_request_json(CnExecution *execution, const CnJsonTemplate *tmpl, StringInfo out);

/* Append the bytes that a rendered text template holds in base64. */
extern bool cn_request_base64(CnExecution *execution, const CnTemplate *tmpl, const char *path,
							  StringInfo out);

#endif							/* CN_ENGINE_REQUEST_H */
