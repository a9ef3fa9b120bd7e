/*
 * memory.c -- the records that a trigger knows.
 *
 * What is kept of one are digests, so a record that held something secret leaves nothing behind.  A
 * record that comes again is written at most once a day.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

#include "catalog/incremental.h"
#include "catalog/pick.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/jsonb.h"
#include "core/moment.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "trigger/memory.h"

/* From 1970 to 2000, which is where the server's time begins. */
#define EPOCH_US ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

typedef struct Entry
{
	pg_uuid_t	key;			/* first: what it is found by */
	pg_uuid_t	version;
	bool		known;			/* remembered, in that version */
	bool		write;
} Entry;

struct CnMemory
{
	CnTriggerId id;
	HTAB	   *entries;
	TimestampTz now;
};

/* ---- what tells a record apart ---- */

/* The first half of a SHA-256. */
static void
digest(const StringInfo text, pg_uuid_t *result)
{
	uint8		bytes[CN_DIGEST_MAX];

	if (!cn_digest(CN_DIGEST_SHA256, text->data, text->len, bytes))
		elog(ERROR, "could not compute a SHA-256 digest");
	memcpy(result->data, bytes, UUID_LEN);
}

static void
append_value(StringInfo text, Jsonb *value)
{
	(void) JsonbToCString(text, &value->root, VARSIZE(value));
	appendStringInfoChar(text, '\0');
}

/* False if a field of the key is missing. */
static bool
append_keys(StringInfo text, const CnTriggerPlan *plan, Jsonb *record)
{
	for (int i = 0; i < plan->key_count; i++)
	{
		Jsonb	   *value = cn_path_pick(&plan->keys[i], record);

		if (value == NULL)
			return false;
		append_value(text, value);
	}
	return plan->key_count > 0;
}

/* Records of different parents are different, though their keys may be equal. */
static void
append_parent(StringInfo text, Jsonb *record)
{
	JsonbValue	key = {.type = jbvString,.val.string = {.val = "_parent",.len = 7}};
	JsonbValue *parent = JB_ROOT_IS_OBJECT(record)
		? findJsonbValueFromContainer(&record->root, JB_FOBJECT, &key) : NULL;

	if (parent)
		append_value(text, JsonbValueToJsonb(parent));
}

static void
describe_version(CnNews *news, const CnTriggerPlan *plan, StringInfo text)
{
	Jsonb	   *value = plan->version.text ? cn_path_pick(&plan->version, news->record) : NULL;

	resetStringInfo(text);
	append_value(text, value ? value : news->record);
	digest(text, &news->version);
}

/* Was it created before then? */
static bool
is_older(const CnPath *created, Jsonb *record, TimestampTz since)
{
	Jsonb	   *value = created->text && since != DT_NOBEGIN ? cn_path_pick(created, record) : NULL;
	CnJson	   *text = value ? cn_bound_convert(cn_json_from_jsonb(value), CN_BOUND_ISO8601) : NULL;
	CnMoment	moment;

	return text && cn_moment_read(text->u.text, text->len, &moment) && moment.us - EPOCH_US < since;
}

/* Is it one that the trigger is for? */
static bool
counts(const CnPath *filter, Jsonb *record)
{
	return filter->text == NULL || JB_ROOT_COUNT(cn_path_find(filter, record, NULL)) > 0;
}

void
cn_news_describe(CnNews *news, const CnTriggerPlan *plan, TimestampTz known_since)
{
	StringInfoData text;
	bool		keyed;

	initStringInfo(&text);
	memset(&news->version, 0, sizeof(news->version));
	keyed = append_keys(&text, plan, news->record);
	if (!keyed)
	{
		resetStringInfo(&text);
		append_value(&text, news->record);
	}
	append_parent(&text, news->record);
	digest(&text, &news->key);
	if (keyed && plan->versioned)
		describe_version(news, plan, &text);
	news->old = !counts(&plan->filter, news->record) ||
		(!plan->updated && is_older(&plan->created, news->record, known_since));
	pfree(text.data);
}

/* ---- comparing ---- */

static CnStatement find_known = {
	.sql = "SELECT key, version, seen_at FROM @.connector_trigger_seen"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND trigger_id OPERATOR(pg_catalog.=) $2"
	" AND key OPERATOR(pg_catalog.=) ANY ($3)",
	.nargs = 3,
	.argtypes = {UUIDOID, UUIDOID, UUIDARRAYOID},
};

static CnStatement write_known = {
	.sql = "INSERT INTO @.connector_trigger_seen AS s (workspace_id, trigger_id, key, version, seen_at)"
	" SELECT $1, $2, n.key, n.version, $5 FROM ROWS FROM (unnest($3), unnest($4)) n (key, version)"
	" ON CONFLICT (workspace_id, trigger_id, key) DO UPDATE"
	" SET version = excluded.version, seen_at = excluded.seen_at",
	.write = true,
	.nargs = 5,
	.argtypes = {UUIDOID, UUIDOID, UUIDARRAYOID, UUIDARRAYOID, TIMESTAMPTZOID},
};

static Datum
uuid_array(Datum *elements, int count)
{
	return PointerGetDatum(construct_array(elements, count, UUIDOID, UUID_LEN, false,
										   TYPALIGN_CHAR));
}

static HTAB *
make_entries(int count)
{
	HASHCTL		control = {
		.keysize = sizeof(pg_uuid_t),.entrysize = sizeof(Entry),.hcxt = CurrentMemoryContext
	};

	return hash_create("connector trigger memory", count, &control,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* What is remembered of a page's records. */
static void
load(CnMemory *memory, Datum keys)
{
	Datum		values[3] = {
		UUIDPGetDatum(&memory->id.workspace), UUIDPGetDatum(&memory->id.id), keys
	};
	CnSpi		spi;
	uint64		count;

	cn_spi_begin(&spi);
	count = cn_spi_run(&find_known, values, NULL, 0);
	for (uint64 row = 0; row < count; row++)
	{
		pg_uuid_t	key;
		Entry	   *entry;
		bool		isnull;

		cn_spi_uuid(row, 1, &key);
		entry = hash_search(memory->entries, &key, HASH_ENTER, NULL);
		cn_spi_uuid(row, 2, &entry->version);
		entry->known = true;
		entry->write = DatumGetTimestampTz(cn_spi_value(row, 3, &isnull)) <
			memory->now - USECS_PER_DAY;
	}
	cn_spi_end(&spi);
}

/* A record that is twice on the page is fresh once, or once in each of its versions. */
static void
compare(CnMemory *memory, CnNews *news, HTAB *on_page)
{
	const Entry *known = hash_search(memory->entries, &news->key, HASH_FIND, NULL);
	Entry	   *here;
	bool		repeated;

	here = hash_search(on_page, &news->key, HASH_ENTER, &repeated);
	news->fresh = !news->old &&
		!(repeated ? cn_uuid_equal(&here->version, &news->version)
		  : known && cn_uuid_equal(&known->version, &news->version));
	here->version = news->version;
}

CnMemory *
cn_memory_compare(const CnTriggerId *id, CnNews *list, int count)
{
	CnMemory   *memory = palloc0(sizeof(CnMemory));
	HTAB	   *on_page = make_entries(count + 1);
	Datum	   *keys = palloc(sizeof(Datum) * (count + 1));

	memory->id = *id;
	memory->entries = make_entries(count + 1);
	memory->now = cn_now();
	for (int i = 0; i < count; i++)
		keys[i] = UUIDPGetDatum(&list[i].key);
	load(memory, uuid_array(keys, count));
	for (int i = 0; i < count; i++)
		compare(memory, &list[i], on_page);
	hash_destroy(on_page);
	return memory;
}

void
cn_memory_add(CnMemory *memory, const CnNews *news)
{
	Entry	   *entry = hash_search(memory->entries, &news->key, HASH_ENTER, NULL);

	entry->version = news->version;
	entry->write = true;
}

void
cn_memory_write(CnMemory *memory)
{
	long		most = hash_get_num_entries(memory->entries);
	Datum	   *keys = palloc(sizeof(Datum) * (most + 1));
	Datum	   *versions = palloc(sizeof(Datum) * (most + 1));
	HASH_SEQ_STATUS scan;
	Entry	   *entry;
	int			count = 0;

	hash_seq_init(&scan, memory->entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		if (!entry->write)
			continue;
		keys[count] = UUIDPGetDatum(&entry->key);
		versions[count++] = UUIDPGetDatum(&entry->version);
	}
	if (count > 0)
	{
		Datum		values[5] = {
			UUIDPGetDatum(&memory->id.workspace), UUIDPGetDatum(&memory->id.id),
			uuid_array(keys, count), uuid_array(versions, count), TimestampTzGetDatum(memory->now)
		};
		CnSpi		spi;

		cn_spi_begin(&spi);
		(void) cn_spi_run(&write_known, values, NULL, 0);
		cn_spi_end(&spi);
	}
}

/* ---- forgetting ---- */

static CnStatement count_known = {
	.sql = "SELECT count(*) FROM @.connector_trigger_seen"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND trigger_id OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

static CnStatement forget_old = {
	.sql = "DELETE FROM @.connector_trigger_seen"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND trigger_id OPERATOR(pg_catalog.=) $2"
	" AND seen_at OPERATOR(pg_catalog.<) $3",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, UUIDOID, TIMESTAMPTZOID},
};

static CnStatement forget_many = {
	.sql = "DELETE FROM @.connector_trigger_seen WHERE workspace_id = $1 AND trigger_id = $2 AND key IN"
	" (SELECT key FROM @.connector_trigger_seen WHERE workspace_id = $1 AND trigger_id = $2"
	"  ORDER BY seen_at DESC, key OFFSET $3)",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, UUIDOID, INT8OID},
};

int64
cn_memory_count(const CnTriggerId *id)
{
	Datum		values[2] = {UUIDPGetDatum(&id->workspace), UUIDPGetDatum(&id->id)};
	CnSpi		spi;
	bool		isnull;
	int64		count;

	cn_spi_begin(&spi);
	(void) cn_spi_run(&count_known, values, NULL, 1);
	count = DatumGetInt64(cn_spi_value(0, 1, &isnull));
	cn_spi_end(&spi);
	return count;
}

int64
cn_memory_forget(const CnTriggerId *id, TimestampTz before, int64 most)
{
	Datum		values[3] = {
		UUIDPGetDatum(&id->workspace), UUIDPGetDatum(&id->id), TimestampTzGetDatum(before)
	};
	CnSpi		spi;
	int64		count;

	cn_spi_begin(&spi);
	count = cn_spi_run(&forget_old, values, NULL, 0);
	values[2] = Int64GetDatum(most);
	if (most > 0)
		count += cn_spi_run(&forget_many, values, NULL, 0);
	cn_spi_end(&spi);
	return count;
}
