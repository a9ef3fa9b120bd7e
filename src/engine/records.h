/*
 * records.h -- the records in the reply of a page.
 */
#ifndef CN_ENGINE_RECORDS_H
#define CN_ENGINE_RECORDS_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "catalog/stream.h"
#include "core/errors.h"

/* They point into the reply, or into memory of the context that was current. */
typedef struct CnRecords
{
	JsonbValue	found;			/* binary: an array, or */
	bool		single;			/* an object that is the only record */
	int			count;
} CnRecords;

/*
 * Find the records of a page.  Where they should be, nothing and null are none of them; a list is
 * all of them, an object one, if the field does not say that it is a list.  Anything else is not a
 * page: false and *failure, bad_response.
 */
extern bool cn_records_find(const CnField *field, Jsonb *reply, CnRecords *records,
							CnFailure *failure);

/* The i-th, in the current context; it points into the reply. */
extern JsonbValue *cn_records_get(const CnRecords *records, int i);

/* Of all of them, as they are. */
extern uint64 cn_records_digest(const CnRecords *records);

/* A field of a record; NULL if it has none, or null. */
extern JsonbValue *cn_record_field(const CnField *field, const JsonbValue *record);

/*
 * The digest of a record's key; false if it has none, which is also so if a field of it is
 * missing, or no scalar.  salt: records with different ones are different.
 */
extern bool cn_record_key(const CnField *keys, int count, const JsonbValue *record, uint64 salt,
						  uint64 *digest);

/* A record as a value of its own, if it is an object with note as its member "_parent" (NULL: none). */
extern Jsonb *cn_record_jsonb(const JsonbValue *record, Jsonb *note);

#endif							/* CN_ENGINE_RECORDS_H */
