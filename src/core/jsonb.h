/*
 * jsonb.h -- between the server's jsonb and our own values.
 */
#ifndef CN_CORE_JSONB_H
#define CN_CORE_JSONB_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "core/json.h"

/* A tree in the current context; strings are copied. */
extern CnJson *cn_json_from_jsonb(Jsonb *jb);

/* jsonb of a tree; the tree's strings are valid UTF-8 by construction. */
extern Jsonb *cn_jsonb_from_json(const CnJson *value);

/*
 * jsonb of outside text, or NULL and *error; never raises for what the text
 * holds.  text is NUL-terminated at text[len].
 */
extern Jsonb *cn_jsonb_from_text(const char *text, int64 len, const CnJsonLimits *limits,
								 CnJsonError *error);

/* A copy in the current context; NULL of NULL. */
extern Jsonb *cn_jsonb_copy(const Jsonb *value);

/* null */
extern Jsonb *cn_jsonb_null(void);

/* {} */
extern Jsonb *cn_jsonb_empty_object(void);

/* {"_truncated": true, "bytes": n}: what stands for a value of n bytes that is not kept. */
extern Jsonb *cn_jsonb_truncated(int64 bytes);

/* A jsonb string. */
extern Jsonb *cn_jsonb_string(const char *text, int64 len);

/*
 * ---- building jsonb step by step: a thin layer over pushJsonbValue ----
 *
 * What keys, strings and jsonb values point to is read by cn_build_done and has to last until then.
 */

typedef struct CnJsonbBuilder
{
	JsonbParseState *state;
	JsonbValue *result;
} CnJsonbBuilder;

extern void cn_build_begin_object(CnJsonbBuilder *b);
extern void cn_build_end_object(CnJsonbBuilder *b);
extern void cn_build_begin_array(CnJsonbBuilder *b);
extern void cn_build_end_array(CnJsonbBuilder *b);
extern void cn_build_key(CnJsonbBuilder *b, const char *key);

/* Values; inside an object after a key, inside an array as an element. */
extern void cn_build_string(CnJsonbBuilder *b, const char *text);	/* NULL: null */
extern void cn_build_int(CnJsonbBuilder *b, int64 value);
extern void cn_build_ms(CnJsonbBuilder *b, double ms);	/* with three digits behind the point */
extern void cn_build_bool(CnJsonbBuilder *b, bool value);
extern void cn_build_jsonb(CnJsonbBuilder *b, Jsonb *value);	/* NULL: null */
extern Jsonb *cn_build_done(CnJsonbBuilder *b);

#endif							/* CN_CORE_JSONB_H */
