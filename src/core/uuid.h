/*
 * uuid.h -- time-ordered ids (UUID version 7, RFC 9562 section 5.7).
 */
#ifndef CN_CORE_UUID_H
#define CN_CORE_UUID_H

#include "postgres.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

#define CN_UUID_TEXT_LEN 36

/* A new id; ids made by one process ascend.  Raises only if no random bytes can be had. */
extern void cn_uuid_v7(pg_uuid_t *id);

/* A new id with another time in it, for what is to stand there in the order of ids. */
extern void cn_uuid_v7_at(TimestampTz at, pg_uuid_t *id);

/* The smallest version-7 id of that millisecond: a bound for ranges, not an id.  Any time will do. */
extern void cn_uuid_v7_floor(TimestampTz at, pg_uuid_t *id);

/* The millisecond in a version-7 id. */
extern TimestampTz cn_uuid_v7_time(const pg_uuid_t *id);

/* Parse the usual text form without raising; false if it is none. */
extern bool cn_uuid_parse(const char *text, pg_uuid_t *id);

/* text: CN_UUID_TEXT_LEN + 1 bytes; returned for convenience. */
extern char *cn_uuid_text(const pg_uuid_t *id, char *text);

static inline bool
cn_uuid_equal(const pg_uuid_t *a, const pg_uuid_t *b)
{
	return memcmp(a->data, b->data, UUID_LEN) == 0;
}

static inline bool
cn_uuid_is_zero(const pg_uuid_t *id)
{
	static const pg_uuid_t zero;

	return cn_uuid_equal(id, &zero);
}

#endif							/* CN_CORE_UUID_H */
