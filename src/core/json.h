/*
 * json.h -- JSON values outside the server's jsonb.  Pure.
 *
 * Definitions, inputs and template results are trees of CnJson: small, built
 * once, walked often, and usable where nothing may raise.  Remote replies are
 * only *checked* here (cn_json_check) before they become jsonb, so that the
 * server's own input function has nothing left to complain about.
 */
#ifndef CN_CORE_JSON_H
#define CN_CORE_JSON_H

#include "core/pure.h"

/* Nesting of arrays and objects if the caller names no limit, and the most a caller can ask for. */
#define CN_JSON_DEPTH_DEFAULT 64
#define CN_JSON_DEPTH_MAX 1024

typedef enum CnJsonType
{
	CN_JSON_NULL,
	CN_JSON_BOOL,
	CN_JSON_NUMBER,
	CN_JSON_STRING,
	CN_JSON_ARRAY,
	CN_JSON_OBJECT
} CnJsonType;

typedef struct CnJson CnJson;

typedef struct CnJsonMember
{
	const char *key;			/* UTF-8, NUL-terminated, holds no NUL */
	int			key_len;
	CnJson	   *value;
} CnJsonMember;

/*
 * Immutable once built; everything it points to lives as long as it does.
 * A number keeps its literal text, so no digit is ever lost.
 */
struct CnJson
{
	CnJsonType	type;
	bool		boolean;		/* BOOL */
	int			len;			/* STRING, NUMBER: bytes; ARRAY, OBJECT: members */
	union
	{
		const char *text;		/* STRING: UTF-8; NUMBER: literal; NUL-terminated */
		CnJson	  **items;		/* ARRAY */
		CnJsonMember *members;	/* OBJECT: document order, keys unique (last one wins) */
	}			u;
};

typedef struct CnJsonLimits
{
	int			max_depth;		/* nesting of arrays and objects; 0: 64; at most 1024 */
	int64		max_values;		/* values in the whole document; 0: no limit */
} CnJsonLimits;

typedef enum CnJsonErrorKind
{
	CN_JSON_OK = 0,
	CN_JSON_SYNTAX,				/* not RFC 8259, or cut short */
	CN_JSON_ENCODING,			/* not UTF-8, NUL character, lone surrogate */
	CN_JSON_NUMBER_RANGE,		/* valid JSON, but no number jsonb can hold */
	CN_JSON_TOO_DEEP,
	CN_JSON_TOO_MANY			/* more values than allowed, or more than jsonb can hold */
} CnJsonErrorKind;

typedef struct CnJsonError
{
	CnJsonErrorKind kind;
	int64		offset;			/* byte where it was noticed */
	const char *message;		/* static text, lower case, no full stop */
} CnJsonError;

/*
 * Parse RFC 8259 text.  NULL and *error on failure.  Never throws but for
 * palloc; recursion is bounded by limits->max_depth.  \u0000, lone
 * surrogates and invalid UTF-8 (incl. overlong and > U+10FFFF) are errors:
 * jsonb can hold none of them.  So are numbers that numeric cannot hold
 * (see cn_json_check).  A leading UTF-8 byte order mark is skipped.
 */
extern CnJson *cn_json_parse(const char *text, int64 len, const CnJsonLimits *limits,
							 CnJsonError *error);

/*
 * Check without building: true if jsonb_in would take text[0..len) as it is
 * (byte order mark excepted).  Allocates nothing, does not recurse.
 * Numbers: numeric takes up to 131072 digits before and 16383 after the point.
 */
extern bool cn_json_check(const char *text, int64 len, const CnJsonLimits *limits,
						  CnJsonError *error);

/* Append the value as compact JSON text. */
extern void cn_json_write(StringInfo out, const CnJson *value);
extern void cn_json_write_string(StringInfo out, const char *text, int len);

/* Bytes those two append; counting ends early once the result is over stop. */
extern int64 cn_json_size(const CnJson *value, int64 stop);
extern int64 cn_json_string_size(const char *text, int len);

/* Append one step to a JSON path: ".name", or "[\"odd name\"]", or "[3]". */
extern void cn_json_path_member(StringInfo out, const char *key);
extern void cn_json_path_index(StringInfo out, int index);

/* NULL if value is no object or has no such key. */
extern const CnJson *cn_json_get(const CnJson *value, const char *key);

/* The member's text if it is a string, else NULL. */
extern const char *cn_json_get_string(const CnJson *value, const char *key);

extern bool cn_json_equal(const CnJson *a, const CnJson *b);
extern const char *cn_json_type_name(CnJsonType type);

/* "a string", for messages. */
extern const char *cn_json_type_phrase(CnJsonType type);

/* Constructors; text is copied, trees are shared.  NULL len (-1): strlen. */
extern CnJson *cn_json_null(void);
extern CnJson *cn_json_bool(bool value);
extern CnJson *cn_json_number(const char *literal, int len);
extern CnJson *cn_json_int(int64 value);
extern CnJson *cn_json_string(const char *text, int len);
extern CnJson *cn_json_array(CnJson **items, int count);
extern CnJson *cn_json_object(CnJsonMember *members, int count);

/* true if text[0..len) is valid UTF-8 without NUL; *bad gets the offset. */
extern bool cn_utf8_valid(const char *text, int64 len, int64 *bad);

#endif							/* CN_CORE_JSON_H */
