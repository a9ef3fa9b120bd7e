/*
 * openapi.h -- a provider definition from an OpenAPI 3 description.  Pure.
 *
 * What a description does not say is guessed (how a list is paged, which operations
 * are streams) and marked as a guess; what cannot be expressed is left out with a note.
 * Source: OpenAPI Specification 3.0.4 and 3.1.1, https://spec.openapis.org/.
 */
#ifndef CN_OPENAPI_OPENAPI_H
#define CN_OPENAPI_OPENAPI_H

#include "catalog/definition.h"

/* Actions made of one description unless the options say otherwise. */
#define CN_OPENAPI_ACTIONS_DEFAULT 200
#define CN_OPENAPI_ACTIONS_MAX 2000

/*
 * Import spec, an OpenAPI 3.x document as JSON.
 *
 * options: an object; docs/openapi.md has its keys.  NULL: all defaults
 *
 * The provider definition, or NULL with problems: spec's have paths that begin with
 * "$", those of options begin with "options".
 */
extern CnJson *cn_openapi_import(const CnJson *spec, const CnJson *options, CnProblems *problems);

#endif							/* CN_OPENAPI_OPENAPI_H */
