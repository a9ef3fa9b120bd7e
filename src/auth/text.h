/*
 * text.h -- texts with {names} in braces, of which a credential's parameters are made.  Pure.
 *
 * Not templates: no paths, no default, no escaping.  {name} is replaced by what it
 * stands for; {name|upper|underscore} is changed on the way.  Changes are
 * upper, lower, underscore ("-" becomes "_") and hyphen ("_" becomes "-").  A brace that
 * does not begin such a name is a brace.
 */
#ifndef CN_AUTH_TEXT_H
#define CN_AUTH_TEXT_H

#include "core/pure.h"

/* Append what name stands for; false if it stands for nothing. */
typedef bool (*CnTextLookup) (const char *name, StringInfo out, void *arg);

/* Append text to out.  NULL, or the first "name" or "name|change" that there is not. */
extern const char *cn_text_render(StringInfo out, const char *text, CnTextLookup lookup, void *arg);

#endif							/* CN_AUTH_TEXT_H */
