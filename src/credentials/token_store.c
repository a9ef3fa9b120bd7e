/*
 * token_store.c -- tokens of credentials: leased, replaced, given up.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "core/clock.h"
#include "core/jsonb.h"
#include "core/spi.h"
#include "credentials/seal.h"
#include "credentials/token_store.h"

#define THIS_ROW \
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2"

static CnStatement token_statement = {
	.sql = "SELECT token_grant, token_lease, token_lease_until, token_failures, token_retry_at,"
	" status_message FROM @.workspace_api_credentials" THIS_ROW,
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

static CnStatement lease_statement = {
	.sql = "UPDATE @.workspace_api_credentials SET token_lease = $3, token_lease_until = $4" THIS_ROW,
	.write = true,
	.nargs = 4,
	.argtypes = {UUIDOID, UUIDOID, UUIDOID, TIMESTAMPTZOID},
};

static CnStatement replace_statement = {
	.sql = "UPDATE @.workspace_api_credentials SET secret = $3, key_id = $4, parameters = $5,"
	"  token_expires_at = $6, token_renew_at = $7,"
	"  token_generation = token_generation OPERATOR(pg_catalog.+) 1,"
	"  token_lease = NULL, token_lease_until = NULL, token_failures = 0, token_retry_at = NULL,"
	"  status = 'connected', status_message = NULL, updated_at = pg_catalog.now()" THIS_ROW,
	.write = true,
	.nargs = 7,
	.argtypes = {UUIDOID, UUIDOID, BYTEAOID, TEXTOID, JSONBOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
};

static CnStatement failed_statement = {
	.sql = "UPDATE @.workspace_api_credentials SET status = $3, status_message = $4,"
	"  token_retry_at = $5, token_failures = token_failures OPERATOR(pg_catalog.+) 1,"
	"  token_lease = NULL, token_lease_until = NULL,"
	"  token_renew_at = CASE WHEN $3 OPERATOR(pg_catalog.<>) 'reauthorize' THEN token_renew_at END"
	THIS_ROW,
	.write = true,
	.nargs = 5,
	.argtypes = {UUIDOID, UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID},
};

static CnStatement due_statement = {
	.sql = "SELECT workspace_id, id, token_generation FROM @.workspace_api_credentials"
	" WHERE token_renew_at OPERATOR(pg_catalog.<=) $1 AND token_grant IS NOT NULL"
	"   AND status OPERATOR(pg_catalog.<>) 'reauthorize'"
	"   AND (token_retry_at IS NULL OR token_retry_at OPERATOR(pg_catalog.<=) $1)"
	" ORDER BY token_renew_at LIMIT $2",
	.nargs = 2,
	.argtypes = {TIMESTAMPTZOID, INT8OID},
};

/* A token that nobody can renew has ended; one that is renewed is late only after a failure. */
static CnStatement expire_statement = {
	.sql = "WITH ended AS MATERIALIZED (SELECT c.workspace_id, c.id FROM @.workspace_api_credentials c"
	"  WHERE c.token_expires_at OPERATOR(pg_catalog.<=) $1"
	"    AND (c.status OPERATOR(pg_catalog.=) 'expiring'"
	"         OR c.status OPERATOR(pg_catalog.=) 'connected' AND c.token_renew_at IS NULL)"
	"  FOR NO KEY UPDATE SKIP LOCKED)"
	" UPDATE @.workspace_api_credentials c"
	"    SET status = CASE WHEN c.token_renew_at IS NULL THEN 'reauthorize' ELSE 'error' END,"
	"        status_message = coalesce(c.status_message, 'its token has ended, and it has nothing to get a new one with')"
	"   FROM ended e WHERE c.workspace_id OPERATOR(pg_catalog.=) e.workspace_id"
	"    AND c.id OPERATOR(pg_catalog.=) e.id",
	.write = true,
	.nargs = 1,
	.argtypes = {TIMESTAMPTZOID},
};

/* ---- reading ---- */

static void
copy_row(CnTokenRow *row, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		isnull;
	Datum		value = cn_spi_value(0, 1, &isnull);

	if (!isnull)
		row->grant = cn_json_from_jsonb(DatumGetJsonbP(value));
	cn_spi_uuid(0, 2, &row->lease);
	value = cn_spi_value(0, 3, &isnull);
	row->leased = !isnull;
	row->lease_until = isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
	row->failures = DatumGetInt32(cn_spi_value(0, 4, &isnull));
	value = cn_spi_value(0, 5, &isnull);
	row->retry_at = isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
	row->message = cn_spi_text(0, 6, context);
	MemoryContextSwitchTo(old);
}

bool
cn_token_lock(const pg_uuid_t *workspace, const pg_uuid_t *id, bool wait, CnTokenRow *row)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		values[2] = {UUIDPGetDatum(workspace), UUIDPGetDatum(id)};
	CnSpi		spi;

	memset(row, 0, sizeof(*row));
	if (!cn_credential_lock(workspace, id, wait, &row->row))
		return false;
	cn_spi_begin(&spi);
	if (cn_spi_run(&token_statement, values, NULL, 1) == 0)
		elog(ERROR, "a locked credential has gone");
	copy_row(row, context);
	cn_spi_end(&spi);
	return true;
}

/* ---- writing ---- */

static void
run(CnStatement *statement, Datum *values, const char *nulls)
{
	CnSpi		spi;

	cn_spi_begin(&spi);
	(void) cn_spi_run(statement, values, nulls, 0);
	cn_spi_end(&spi);
}

void
cn_token_lease(const CnTokenRow *row, const pg_uuid_t *lease, int64 ms)
{
	Datum		values[4] = {
		UUIDPGetDatum(&row->row.workspace),
		UUIDPGetDatum(&row->row.id),
		UUIDPGetDatum(lease),
		TimestampTzGetDatum(cn_now() + ms * 1000)
	};

	run(&lease_statement, values, NULL);
}

/* Set a field; false if there is no room for it. */
static bool
set_field(CnCredential *credential, const char *name, const char *value)
{
	CnSecretField *field = unconstify(CnSecretField *, cn_credential_field(credential, name));

	if (field == NULL)
	{
		if (credential->field_count == CN_SECRET_MAX_FIELDS)
			return false;
		field = &credential->fields[credential->field_count++];
		field->name = name;
	}
	field->value = value;
	field->len = strlen(value);
	return true;
}

/* The parameters with those that came; the new ones win. */
static Jsonb *
merge(Jsonb *old, const CnJson *news)
{
	CnJson	   *tree = cn_json_from_jsonb(old);
	CnJsonMember *members;
	int			count = 0;

	if (news == NULL || news->len == 0)
		return old;
	members = palloc(sizeof(CnJsonMember) * (tree->len + news->len));
	for (int i = 0; i < tree->len; i++)
		if (cn_json_get(news, tree->u.members[i].key) == NULL)
			members[count++] = tree->u.members[i];
	for (int i = 0; i < news->len; i++)
		members[count++] = news->u.members[i];
	return cn_jsonb_from_json(cn_json_object(members, count));
}

/* The new secret, encrypted with the current key; NULL and *failure. */
static bytea *
seal_anew(const CnTokenRow *row, const CnTokenNews *news, const CnMasterKey *key,
		  MemoryContext scratch, CnFailure *failure)
{
	CnCredential *credential = cn_credential_open(&row->row, scratch, failure);
	char	   *plain = NULL;
	int			len = -1;

	if (credential == NULL)
		return NULL;
	if (set_field(credential, "access_token", news->access_token) &&
		(news->refresh_token == NULL ||
		 set_field(credential, "refresh_token", news->refresh_token)))
		plain = cn_seal_encode_fields(credential->fields, credential->field_count, scratch, &len);
	if (plain == NULL)
	{
		cn_fail(failure, CN_AUTH_FAILED, "the new token does not fit into the credential");
		return NULL;
	}
	return cn_seal(key, &row->row.workspace, row->row.service, &row->row.id, plain, len);
}

bool
cn_token_replace(const CnTokenRow *row, const CnTokenNews *news, CnFailure *failure)
{
	CnMasterKey key = *cn_keyring_current();
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "connector secret",
												  ALLOCSET_SMALL_SIZES);
	bytea	   *sealed = seal_anew(row, news, &key, scratch, failure);
	Datum		values[7] = {
		UUIDPGetDatum(&row->row.workspace),
		UUIDPGetDatum(&row->row.id),
		PointerGetDatum(sealed),
		CStringGetTextDatum(key.id),
		JsonbPGetDatum(merge(row->row.parameters, news->parameters)),
		TimestampTzGetDatum(news->expires_at),
		TimestampTzGetDatum(news->renew_at)
	};
	char		nulls[] = "       ";

	nulls[5] = news->expires_at == DT_NOEND ? 'n' : ' ';
	nulls[6] = news->renew_at == DT_NOEND ? 'n' : ' ';
	MemoryContextDelete(scratch);
	explicit_bzero(&key, sizeof(key));
	if (sealed)
		run(&replace_statement, values, nulls);
	return sealed != NULL;
}

void
cn_token_failed(const CnTokenRow *row, const char *status, const char *message,
				TimestampTz retry_at)
{
	Datum		values[5] = {
		UUIDPGetDatum(&row->row.workspace),
		UUIDPGetDatum(&row->row.id),
		CStringGetTextDatum(status),
		CStringGetTextDatum(message),
		TimestampTzGetDatum(retry_at)
	};

	run(&failed_statement, values, NULL);
}

/* ---- those that are due ---- */

int
cn_token_due(CnTokenDue *due, int most)
{
	Datum		values[2] = {TimestampTzGetDatum(cn_now()), Int64GetDatum(most)};
	CnSpi		spi;
	int			count;

	cn_spi_begin(&spi);
	count = (int) cn_spi_run(&due_statement, values, NULL, most);
	for (int i = 0; i < count; i++)
	{
		bool		isnull;

		cn_spi_uuid(i, 1, &due[i].workspace);
		cn_spi_uuid(i, 2, &due[i].id);
		due[i].generation = DatumGetInt64(cn_spi_value(i, 3, &isnull));
	}
	cn_spi_end(&spi);
	return count;
}

int
cn_token_expire(void)
{
	Datum		values[1] = {TimestampTzGetDatum(cn_now())};
	CnSpi		spi;
	int			count;

	cn_spi_begin(&spi);
	count = (int) cn_spi_run(&expire_statement, values, NULL, 0);
	cn_spi_end(&spi);
	return count;
}
