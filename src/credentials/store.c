/*
 * store.c -- credentials of a workspace: stored, found, opened, rotated.
 *
 * Rows that were found are kept, still encrypted, until one of them changes
 * anywhere; plaintext is made anew for every execution.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/clock.h"
#include "core/install.h"
#include "core/jsonb.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "credentials/seal.h"
#include "credentials/store.h"

/* More rows than this in one process: begin again. */
#define CACHE_MAX_ROWS 512

typedef struct CnCredentialCache
{
	MemoryContext context;
	uint64		generation;
	int			count;
	struct CnCachedRow
	{
		char	   *owner;		/* for whom it was found */
		CnCredentialRow row;
	}			rows[CACHE_MAX_ROWS];
} CnCredentialCache;

static CnCredentialCache *cache = NULL;

/* What copy_row reads. */
#define ROW_COLUMNS \
	"SELECT id, service_name, label, scope, auth_kind, key_id, parameters, allowed_hosts," \
	"  expires_at, secret, token_grant IS NOT NULL, token_generation, token_expires_at," \
	"  token_renew_at, status, status_message" \
	"  FROM @.workspace_api_credentials"

static CnStatement find_statement = {
	.sql = ROW_COLUMNS
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND service_name OPERATOR(pg_catalog.=) $2"
	"   AND label OPERATOR(pg_catalog.=) $3 AND owner OPERATOR(pg_catalog.=) ANY (ARRAY['', $4])"
	" ORDER BY owner DESC LIMIT 1",
	.nargs = 4,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID, TEXTOID},
};

#define LOCK_ROW \
	ROW_COLUMNS \
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2 FOR NO KEY UPDATE"

static CnStatement lock_statement = {
	.sql = LOCK_ROW,
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

static CnStatement lock_at_once_statement = {
	.sql = LOCK_ROW " NOWAIT",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

static CnStatement existing_statement = {
	.sql = "SELECT id FROM @.workspace_api_credentials"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND service_name OPERATOR(pg_catalog.=) $2"
	"   AND label OPERATOR(pg_catalog.=) $3 AND owner OPERATOR(pg_catalog.=) $4 FOR UPDATE",
	.write = true,
	.nargs = 4,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID, TEXTOID},
};

static CnStatement store_statement = {
	.sql = "INSERT INTO @.workspace_api_credentials (workspace_id, id, service_name, label, scope,"
	"  owner, auth_kind, secret, key_id, parameters, allowed_hosts, expires_at, created_by,"
	"  token_grant, token_expires_at, token_renew_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
	" ON CONFLICT (workspace_id, id) DO UPDATE SET"
	"  auth_kind = excluded.auth_kind, secret = excluded.secret, key_id = excluded.key_id,"
	"  parameters = excluded.parameters, allowed_hosts = excluded.allowed_hosts,"
	"  expires_at = excluded.expires_at, status = 'connected', status_message = NULL,"
	"  token_grant = excluded.token_grant, token_expires_at = excluded.token_expires_at,"
	"  token_renew_at = excluded.token_renew_at,"
	"  token_generation = workspace_api_credentials.token_generation OPERATOR(pg_catalog.+) 1,"
	"  token_lease = NULL, token_lease_until = NULL, token_failures = 0, token_retry_at = NULL,"
	"  updated_at = pg_catalog.now()",
	.write = true,
	.nargs = 16,
	.argtypes = {UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BYTEAOID, TEXTOID,
	JSONBOID, TEXTARRAYOID, TIMESTAMPTZOID, TEXTOID, JSONBOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
};

static CnStatement remove_statement = {
	.sql = "DELETE FROM @.workspace_api_credentials"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND service_name OPERATOR(pg_catalog.=) $2"
	"   AND label OPERATOR(pg_catalog.=) $3 AND owner OPERATOR(pg_catalog.=) $4",
	.write = true,
	.nargs = 4,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID, TEXTOID},
};

/* Only what would change: others' caches are made anew when it does. */
static CnStatement tested_statement = {
	.sql = "UPDATE @.workspace_api_credentials"
	"  SET status = CASE WHEN $4 IS NULL THEN 'connected' ELSE 'error' END, status_message = $4"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2"
	"   AND token_generation OPERATOR(pg_catalog.=) $3 AND token_failures OPERATOR(pg_catalog.=) 0"
	"   AND status OPERATOR(pg_catalog.=) ANY (ARRAY['connected', 'error'])"
	"   AND status_message IS DISTINCT FROM $4",
	.write = true,
	.nargs = 4,
	.argtypes = {UUIDOID, UUIDOID, INT8OID, TEXTOID},
};

static CnStatement stale_statement = {
	.sql = "SELECT workspace_id, id, service_name, key_id, secret"
	"  FROM @.workspace_api_credentials WHERE key_id OPERATOR(pg_catalog.<>) $1"
	"   AND ROW(workspace_id, id) OPERATOR(pg_catalog.>) ROW($3, $4)"
	" ORDER BY workspace_id, id LIMIT $2 FOR UPDATE SKIP LOCKED",
	.write = true,
	.nargs = 4,
	.argtypes = {TEXTOID, INT8OID, UUIDOID, UUIDOID},
};

static CnStatement reseal_statement = {
	.sql = "UPDATE @.workspace_api_credentials SET secret = $3, key_id = $4"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
	.write = true,
	.nargs = 4,
	.argtypes = {UUIDOID, UUIDOID, BYTEAOID, TEXTOID},
};

static void
reset_cache(void)
{
	if (cache)
		MemoryContextReset(cache->context);
	else
	{
		cache = MemoryContextAllocZero(TopMemoryContext, sizeof(*cache));
		cache->context = AllocSetContextCreate(CacheMemoryContext, "connector credentials",
											   ALLOCSET_DEFAULT_SIZES);
	}
	cache->count = 0;
	cache->generation = cn_install_generation(CN_TABLE_CREDENTIALS);
}

static const CnCredentialRow *
find_cached(const pg_uuid_t *workspace, const char *service, const char *label, const char *owner)
{
	for (int i = 0; i < cache->count; i++)
	{
		const CnCredentialRow *row = &cache->rows[i].row;

		if (cn_uuid_equal(&row->workspace, workspace) && strcmp(row->service, service) == 0 &&
			strcmp(row->label, label) == 0 && strcmp(cache->rows[i].owner, owner) == 0)
			return row;
	}
	return NULL;
}

/* A moment in column col of the first row; DT_NOEND for null. */
static TimestampTz
moment(int col)
{
	bool		isnull;
	Datum		value = cn_spi_value(0, col, &isnull);

	return isnull ? DT_NOEND : DatumGetTimestampTz(value);
}

/* What is known of the token; the columns behind the secret. */
static void
copy_token(CnCredentialRow *row)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *status = cn_spi_text(0, 15, context);
	bool		isnull;

	row->renewable = DatumGetBool(cn_spi_value(0, 11, &isnull));
	row->generation = DatumGetInt64(cn_spi_value(0, 12, &isnull));
	row->token_expires_at = moment(13);
	row->renew_at = moment(14);
	if (strcmp(status, "reauthorize") == 0)
	{
		row->refused = cn_spi_text(0, 16, context);
		if (row->refused == NULL)
			row->refused = pstrdup("its token has ended");
	}
}

/* Copy the first row of SPI_tuptable; the current context keeps it. */
static void
copy_row(CnCredentialRow *row)
{
	MemoryContext context = CurrentMemoryContext;
	bool		isnull;
	Datum	   *hosts;

	cn_spi_uuid(0, 1, &row->id);
	row->service = cn_spi_text(0, 2, context);
	row->label = cn_spi_text(0, 3, context);
	row->scope = cn_spi_text(0, 4, context);
	row->kind = cn_spi_text(0, 5, context);
	row->key_id = cn_spi_text(0, 6, context);
	row->parameters = DatumGetJsonbPCopy(cn_spi_value(0, 7, &isnull));
	deconstruct_array(DatumGetArrayTypePCopy(cn_spi_value(0, 8, &isnull)), TEXTOID, -1, false,
					  TYPALIGN_INT, &hosts, NULL, &row->host_count);
	row->hosts = palloc(sizeof(char *) * (row->host_count + 1));
	for (int i = 0; i < row->host_count; i++)
		row->hosts[i] = TextDatumGetCString(hosts[i]);
	row->expires_at = moment(9);
	row->secret = DatumGetByteaPCopy(cn_spi_value(0, 10, &isnull));
	copy_token(row);
}

static const CnCredentialRow *
read_row(const pg_uuid_t *workspace, const char *service, const char *label, const char *owner)
{
	struct CnCachedRow *entry = &cache->rows[cache->count];
	Datum		values[4] = {
		UUIDPGetDatum(workspace),
		CStringGetTextDatum(service),
		CStringGetTextDatum(label),
		CStringGetTextDatum(owner)
	};
	CnSpi		spi;
	bool		found;

	cn_spi_begin(&spi);
	found = cn_spi_run(&find_statement, values, NULL, 1) > 0;
	if (found)
	{
		MemoryContext old = MemoryContextSwitchTo(cache->context);

		memset(&entry->row, 0, sizeof(entry->row));
		copy_row(&entry->row);
		entry->row.workspace = *workspace;
		entry->owner = pstrdup(owner);
		cache->count++;
		MemoryContextSwitchTo(old);
	}
	cn_spi_end(&spi);
	return found ? &entry->row : NULL;
}

const CnCredentialRow *
cn_credential_find(const pg_uuid_t *workspace, const char *service, const char *label,
				   const char *owner)
{
	const CnCredentialRow *row;

	(void) cn_install();
	if (owner == NULL)
		owner = "";
	if (cache == NULL || cache->count == CACHE_MAX_ROWS ||
		cache->generation != cn_install_generation(CN_TABLE_CREDENTIALS))
		reset_cache();
	row = find_cached(workspace, service, label, owner);
	return row ? row : read_row(workspace, service, label, owner);
}

bool
cn_credential_lock(const pg_uuid_t *workspace, const pg_uuid_t *id, bool wait, CnCredentialRow *row)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		values[2] = {UUIDPGetDatum(workspace), UUIDPGetDatum(id)};
	CnSpi		spi;
	bool		found;

	memset(row, 0, sizeof(*row));
	cn_spi_begin(&spi);
	found = cn_spi_run(wait ? &lock_statement : &lock_at_once_statement, values, NULL, 1) > 0;
	if (found)
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		copy_row(row);
		row->workspace = *workspace;
		MemoryContextSwitchTo(old);
	}
	cn_spi_end(&spi);
	return found;
}

/* What of the row the execution needs besides the secret, copied. */
static CnCredential *
copy_public(const CnCredentialRow *row)
{
	CnCredential *credential = palloc0(sizeof(CnCredential));

	credential->id = row->id;
	credential->service = pstrdup(row->service);
	credential->label = pstrdup(row->label);
	credential->kind = pstrdup(row->kind);
	credential->parameters = cn_json_from_jsonb(row->parameters);
	credential->host_count = row->host_count;
	credential->hosts = palloc(sizeof(char *) * (row->host_count + 1));
	for (int i = 0; i < row->host_count; i++)
		credential->hosts[i] = pstrdup(row->hosts[i]);
	credential->workspace = row->workspace;
	credential->renewable = row->renewable;
	credential->generation = row->generation;
	credential->token_expires_at = row->token_expires_at;
	credential->renew_at = row->renew_at;
	credential->refused = row->refused ? pstrdup(row->refused) : NULL;
	return credential;
}

CnCredential *
cn_credential_open(const CnCredentialRow *row, MemoryContext context, CnFailure *failure)
{
	const CnMasterKey *key;
	MemoryContext old;
	CnCredential *credential;
	char	   *plain;
	int			len;

	if (row->expires_at != DT_NOEND && row->expires_at <= cn_now())
	{
		cn_fail(failure, CN_CREDENTIAL_MISSING, "credential \"%s/%s\" has expired",
				row->service, row->label);
		failure->hint = "Store a new one with connector_credential_set().";
		return NULL;
	}
	key = cn_keyring_find(row->key_id);
	if (key == NULL)
	{
		cn_fail(failure, CN_CREDENTIAL_MISSING,
				"credential \"%s/%s\" is encrypted with key \"%s\", which is not configured",
				row->service, row->label, row->key_id);
		failure->hint = "The key must stay in connector.key_file until connector_rotate_keys() returns 0.";
		return NULL;
	}

	plain = cn_unseal(key, &row->workspace, row->service, &row->id, row->secret, context, &len);
	old = MemoryContextSwitchTo(context);
	credential = copy_public(row);
	MemoryContextSwitchTo(old);
	if (plain == NULL || !cn_seal_decode(plain, len, credential))
	{
		cn_fail(failure, CN_CREDENTIAL_MISSING,
				"credential \"%s/%s\" cannot be decrypted with key \"%s\"",
				row->service, row->label, row->key_id);
		failure->hint = "The key has other bytes than it had, or the row was copied from elsewhere; store the credential anew.";
		return NULL;
	}
	return credential;
}

CnCredential *
cn_credential_for(const pg_uuid_t *workspace, const char *service, const char *label,
				  const char *owner, MemoryContext context, CnFailure *failure)
{
	const CnCredentialRow *row = cn_credential_find(workspace, service, label, owner);

	if (row)
		return cn_credential_open(row, context, failure);
	cn_fail(failure, CN_CREDENTIAL_MISSING, "there is no credential \"%s/%s\"", service, label);
	return NULL;
}

const CnSecretField *
cn_credential_field(const CnCredential *credential, const char *name)
{
	for (int i = 0; i < credential->field_count; i++)
		if (strcmp(credential->fields[i].name, name) == 0)
			return &credential->fields[i];
	return NULL;
}

/* The id of the credential that input replaces, else a new one. */
static void
choose_id(const CnCredentialInput *input, Datum *key, pg_uuid_t *id)
{
	if (cn_spi_run(&existing_statement, key, NULL, 1) > 0)
		cn_spi_uuid(0, 1, id);
	else
		cn_uuid_v7(id);
}

void
cn_credential_store(const CnCredentialInput *input, pg_uuid_t *id)
{
	const CnMasterKey *key = cn_keyring_current();
	char		nulls[17] = "                ";
	int			len;
	char	   *plain = input->secret ? cn_seal_encode(input->secret, CurrentMemoryContext, &len)
		: cn_seal_encode_fields(input->fields, input->field_count, CurrentMemoryContext, &len);
	Datum		values[16];
	Datum		lookup[4];
	CnSpi		spi;

	if (plain == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the secret of a credential has at most %d fields and %d bytes",
						CN_SECRET_MAX_FIELDS, CN_SECRET_MAX_LEN)));
	values[0] = lookup[0] = UUIDPGetDatum(&input->workspace);
	values[2] = lookup[1] = CStringGetTextDatum(input->service);
	values[3] = lookup[2] = CStringGetTextDatum(input->label);
	values[4] = CStringGetTextDatum(input->scope);
	values[5] = lookup[3] = CStringGetTextDatum(input->owner);
	values[6] = CStringGetTextDatum(input->kind);
	values[8] = CStringGetTextDatum(key->id);
	values[9] = JsonbPGetDatum(input->parameters);
	values[10] = input->hosts;
	values[11] = TimestampTzGetDatum(input->expires_at);
	values[12] = input->created_by ? CStringGetTextDatum(input->created_by) : (Datum) 0;
	nulls[11] = input->expires ? ' ' : 'n';
	nulls[12] = input->created_by ? ' ' : 'n';
	values[13] = PointerGetDatum(input->grant);
	nulls[13] = input->grant ? ' ' : 'n';
	values[14] = TimestampTzGetDatum(input->token_expires_at);
	nulls[14] = input->token_expires_at ? ' ' : 'n';
	values[15] = TimestampTzGetDatum(input->renew_at);
	nulls[15] = input->renew_at ? ' ' : 'n';

	cn_spi_begin(&spi);
	choose_id(input, lookup, id);
	values[1] = UUIDPGetDatum(id);
	values[7] = PointerGetDatum(cn_seal(key, &input->workspace, input->service, id, plain, len));
	(void) cn_spi_run(&store_statement, values, nulls, 0);
	cn_spi_end(&spi);
}

bool
cn_credential_remove(const pg_uuid_t *workspace, const char *service, const char *label,
					 const char *owner)
{
	Datum		values[4] = {
		UUIDPGetDatum(workspace),
		CStringGetTextDatum(service),
		CStringGetTextDatum(label),
		CStringGetTextDatum(owner)
	};
	CnSpi		spi;
	bool		found;

	cn_spi_begin(&spi);
	found = cn_spi_run(&remove_statement, values, NULL, 0) > 0;
	cn_spi_end(&spi);
	return found;
}

void
cn_credential_tested(const CnCredential *credential, const char *problem)
{
	Datum		values[4] = {
		UUIDPGetDatum(&credential->workspace),
		UUIDPGetDatum(&credential->id),
		Int64GetDatum(credential->generation),
		problem ? CStringGetTextDatum(problem) : (Datum) 0
	};
	const char	nulls[4] = {' ', ' ', ' ', problem ? ' ' : 'n'};
	CnSpi		spi;

	cn_spi_begin(&spi);
	(void) cn_spi_run(&tested_statement, values, nulls, 0);
	cn_spi_end(&spi);
}

/* Re-encrypt row i of the table; false, with a warning, if its old key does not open it. */
static bool
reseal_row(SPITupleTable *rows, uint64 i, const CnMasterKey *current, MemoryContext scratch)
{
	HeapTuple	tuple = rows->vals[i];
	TupleDesc	desc = rows->tupdesc;
	bool		isnull;
	pg_uuid_t  *workspace = DatumGetUUIDP(SPI_getbinval(tuple, desc, 1, &isnull));
	pg_uuid_t  *id = DatumGetUUIDP(SPI_getbinval(tuple, desc, 2, &isnull));
	char	   *service = SPI_getvalue(tuple, desc, 3);
	char	   *key_id = SPI_getvalue(tuple, desc, 4);
	bytea	   *sealed = DatumGetByteaPP(SPI_getbinval(tuple, desc, 5, &isnull));
	const CnMasterKey *old = cn_keyring_find(key_id);
	char	   *plain = NULL;
	int			len;
	Datum		values[4];

	if (old)
		plain = cn_unseal(old, workspace, service, id, sealed, scratch, &len);
	if (plain == NULL)
	{
		char		text[CN_UUID_TEXT_LEN + 1];

		ereport(WARNING,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("credential %s cannot be re-encrypted", cn_uuid_text(id, text)),
				 errdetail(old ? "Key \"%s\" does not decrypt it." : "Key \"%s\" is not configured.",
						   key_id)));
		return false;
	}
	values[0] = UUIDPGetDatum(workspace);
	values[1] = UUIDPGetDatum(id);
	values[2] = PointerGetDatum(cn_seal(current, workspace, service, id, plain, len));
	values[3] = CStringGetTextDatum(current->id);
	(void) cn_spi_run(&reseal_statement, values, NULL, 0);
	return true;
}

/* Rows that cannot be opened are passed over: they must not keep the others from their turn. */
int
cn_credential_rotate(int limit)
{
	CnMasterKey current = *cn_keyring_current();
	pg_uuid_t	last_workspace = {{0}};
	pg_uuid_t	last_id = {{0}};
	Datum		values[4] = {CStringGetTextDatum(current.id), 0, UUIDPGetDatum(&last_workspace),
	UUIDPGetDatum(&last_id)};
	MemoryContext scratch;
	int			done = 0;
	CnSpi		spi;

	cn_spi_begin(&spi);
	scratch = AllocSetContextCreate(CurrentMemoryContext, "connector rotation",
									ALLOCSET_SMALL_SIZES);
	while (done < limit)
	{
		SPITupleTable *rows;
		uint64		count;
		bool		isnull;

		values[1] = Int64GetDatum(limit - done);
		count = cn_spi_run(&stale_statement, values, NULL, 0);
		rows = SPI_tuptable;
		if (count == 0)
			break;
		for (uint64 i = 0; i < count; i++)
		{
			if (reseal_row(rows, i, &current, scratch))
				done++;
			MemoryContextReset(scratch);
		}
		last_workspace = *DatumGetUUIDP(SPI_getbinval(rows->vals[count - 1], rows->tupdesc, 1, &isnull));
		last_id = *DatumGetUUIDP(SPI_getbinval(rows->vals[count - 1], rows->tupdesc, 2, &isnull));
		SPI_freetuptable(rows);
	}
	cn_spi_end(&spi);
	explicit_bzero(&current, sizeof(current));
	return done;
}
