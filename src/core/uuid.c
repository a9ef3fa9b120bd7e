/*
 * uuid.c -- time-ordered ids.
 *
 * 48 bits of milliseconds, 12 bits of sub-millisecond fraction (RFC 9562
 * section 6.2, method 3), 62 random bits.  Within a process the leading 60
 * bits never go back, even when the clock does.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bswap.h"

#include "core/chars.h"
#include "core/clock.h"
#include "core/uuid.h"

/* Microseconds between the Unix and the PostgreSQL epoch. */
#define CN_EPOCH_US \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* The first moment that has no place in an id: in the year 10889. */
#define TIME_END (((TimestampTz) 1000 << 48) - CN_EPOCH_US)

static void
set_time(pg_uuid_t *id, uint64 ms, uint32 fraction)
{
	uint64		head = pg_hton64((ms << 16) | 0x7000 | fraction);

	memcpy(id->data, &head, sizeof(head));
}

/*
 * Random bytes of one id.  Asking for them costs a microsecond however few they are,
 * so that those of many ids are fetched at once; each is used once.
 */
#define RANDOM_BYTES 8
#define RANDOM_IDS 64

static void
set_random(pg_uuid_t *id)
{
	static char pool[RANDOM_IDS][RANDOM_BYTES];
	static int	left = 0;
	static int	pid = 0;		/* whose they are: a fork must not use them again */

	if (left == 0 || pid != MyProcPid)
	{
		if (!pg_strong_random(pool, sizeof(pool)))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate random values")));
		left = RANDOM_IDS;
		pid = MyProcPid;
	}
	memcpy(id->data + 8, pool[--left], RANDOM_BYTES);
}

void
cn_uuid_v7(pg_uuid_t *id)
{
	static uint64 last = 0;
	uint64		us = (uint64) (cn_now() + CN_EPOCH_US);

	/* 1/4096 of a millisecond is the step of the fraction. */
	uint64		ticks = us / 1000 * 4096 + us % 1000 * 4096 / 1000;

	if (ticks <= last)
		ticks = last + 1;
	last = ticks;

	set_random(id);
	id->data[8] = (id->data[8] & 0x3f) | 0x80;
	set_time(id, ticks / 4096, ticks % 4096);
}

void
cn_uuid_v7_at(TimestampTz at, pg_uuid_t *id)
{
	uint64		us = (uint64) (at + CN_EPOCH_US);

	set_random(id);
	id->data[8] = (id->data[8] & 0x3f) | 0x80;
	set_time(id, us / 1000, us % 1000 * 4096 / 1000);
}

void
cn_uuid_v7_floor(TimestampTz at, pg_uuid_t *id)
{
	memset(id, at < TIME_END ? 0 : 0xff, sizeof(*id));
	if (at >= TIME_END)
		return;
	if (at > -CN_EPOCH_US)
		set_time(id, (at + CN_EPOCH_US) / 1000, 0);
	id->data[6] = 0;
}

TimestampTz
cn_uuid_v7_time(const pg_uuid_t *id)
{
	uint64		head;

	memcpy(&head, id->data, sizeof(head));
	return (TimestampTz) (pg_ntoh64(head) >> 16) * 1000 - CN_EPOCH_US;
}

bool
cn_uuid_parse(const char *text, pg_uuid_t *id)
{
	if (strlen(text) != CN_UUID_TEXT_LEN)
		return false;

	for (int i = 0, at = 0; i < UUID_LEN; i++)
	{
		int			high,
					low;

		if (i == 4 || i == 6 || i == 8 || i == 10)
		{
			if (text[at++] != '-')
				return false;
		}
		high = cn_hex_value(text[at++]);
		low = cn_hex_value(text[at++]);
		if (high < 0 || low < 0)
			return false;
		id->data[i] = (unsigned char) (high << 4 | low);
	}
	return true;
}

char *
cn_uuid_text(const pg_uuid_t *id, char *text)
{
	static const char digits[] = "0123456789abcdef";
	char	   *out = text;

	for (int i = 0; i < UUID_LEN; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = digits[id->data[i] >> 4];
		*out++ = digits[id->data[i] & 15];
	}
	*out = '\0';
	return text;
}
