/*
 * oauth_state.c -- authorizations that were begun: who is to come back with what.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "auth/jwt.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "credentials/oauth_state.h"
#include "credentials/seal.h"
#include "crypto/aead.h"

/* Authorizations that one member has begun in a workspace, and whose users have yet to come back. */
#define MAX_BEGUN 1000

static CnStatement begun_statement = {
	.sql = "SELECT 1 FROM @.connector_oauth_states"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND member OPERATOR(pg_catalog.=) $2"
	"   AND expires_at OPERATOR(pg_catalog.>) $3",
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, TIMESTAMPTZOID},
};

static CnStatement store_statement = {
	.sql = "INSERT INTO @.connector_oauth_states (workspace_id, id, state_hash, member, device,"
	"  provider, label, scope, client, redirect_uri, token_grant, parameters, secret, key_id, expires_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
	.write = true,
	.nargs = 15,
	.argtypes = {UUIDOID, UUIDOID, BYTEAOID, TEXTOID, BOOLOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
	TEXTOID, JSONBOID, JSONBOID, BYTEAOID, TEXTOID, TIMESTAMPTZOID},
};

static CnStatement find_statement = {
	.sql = "SELECT workspace_id, id, member, device, provider, label, scope, client, redirect_uri,"
	"  token_grant, parameters, secret, key_id, expires_at FROM @.connector_oauth_states"
	" WHERE state_hash OPERATOR(pg_catalog.=) $1 AND member OPERATOR(pg_catalog.=) $2"
	"   AND expires_at OPERATOR(pg_catalog.>) $3",
	.nargs = 3,
	.argtypes = {BYTEAOID, TEXTOID, TIMESTAMPTZOID},
};

static CnStatement remove_statement = {
	.sql = "DELETE FROM @.connector_oauth_states"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
	.write = true,
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

static CnStatement prune_statement = {
	.sql = "DELETE FROM @.connector_oauth_states WHERE expires_at OPERATOR(pg_catalog.<=) $1",
	.write = true,
	.nargs = 1,
	.argtypes = {TIMESTAMPTZOID},
};

static Datum
hash_of(const char *text)
{
	bytea	   *hash = palloc(VARHDRSZ + 32);

	SET_VARSIZE(hash, VARHDRSZ + 32);
	if (!cn_digest(CN_DIGEST_SHA256, text, strlen(text), (uint8 *) VARDATA(hash)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute a digest")));
	return PointerGetDatum(hash);
}

/* ---- making one ---- */

static void
make_text(char *text)
{
	uint8		random[32];
	StringInfoData encoded;

	if (!cn_random_bytes(random, sizeof(random)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	initStringInfo(&encoded);
	cn_base64url(&encoded, random, sizeof(random));
	Assert(encoded.len == CN_STATE_LEN);
	memcpy(text, encoded.data, CN_STATE_LEN + 1);
}

/* The secret, encrypted like a credential of that id. */
static Datum
seal_secret(const CnOauthState *state, const CnMasterKey *key)
{
	CnSecretField field = {.name = "value",.value = state->secret,.len = strlen(state->secret)};
	int			len;
	char	   *plain = cn_seal_encode_fields(&field, 1, CurrentMemoryContext, &len);

	if (plain == NULL)
		elog(ERROR, "the secret of a state is too long");
	return PointerGetDatum(cn_seal(key, &state->workspace, state->provider, &state->id, plain, len));
}

/* Nobody fills the table. */
static void
check_room(const CnOauthState *state)
{
	Datum		values[3] = {
		UUIDPGetDatum(&state->workspace),
		CStringGetTextDatum(state->member),
		TimestampTzGetDatum(cn_now())
	};

	if (cn_spi_run(&begun_statement, values, NULL, MAX_BEGUN) >= MAX_BEGUN)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%d authorizations of this member have been begun and not ended", MAX_BEGUN),
				 errhint("Each is good for minutes only; begin another one then.")));
}

void
cn_oauth_state_store(CnOauthState *state, char *text)
{
	const CnMasterKey *key = cn_keyring_current();
	Datum		values[15];
	char		nulls[] = "               ";
	CnSpi		spi;

	make_text(text);
	cn_uuid_v7(&state->id);
	values[0] = UUIDPGetDatum(&state->workspace);
	values[1] = UUIDPGetDatum(&state->id);
	values[2] = hash_of(text);
	values[3] = CStringGetTextDatum(state->member);
	values[4] = BoolGetDatum(state->device);
	values[5] = CStringGetTextDatum(state->provider);
	values[6] = CStringGetTextDatum(state->label);
	values[7] = CStringGetTextDatum(state->scope);
	values[8] = CStringGetTextDatum(state->client);
	values[9] = state->redirect_uri ? CStringGetTextDatum(state->redirect_uri) : (Datum) 0;
	nulls[9] = state->redirect_uri ? ' ' : 'n';
	values[10] = JsonbPGetDatum(state->grant);
	values[11] = JsonbPGetDatum(state->parameters);
	values[12] = seal_secret(state, key);
	values[13] = CStringGetTextDatum(key->id);
	values[14] = TimestampTzGetDatum(state->expires_at);
	cn_spi_begin(&spi);
	check_room(state);
	(void) cn_spi_run(&store_statement, values, nulls, 0);
	cn_spi_end(&spi);
}

/* ---- finding it ---- */

static const char *
open_secret(const CnOauthState *state, const char *key_id, const bytea *sealed)
{
	const CnMasterKey *key = cn_keyring_find(key_id);
	CnCredential *fields = palloc0(sizeof(CnCredential));
	int			len;
	char	   *plain = key ? cn_unseal(key, &state->workspace, state->provider, &state->id, sealed,
										CurrentMemoryContext, &len) : NULL;

	if (plain == NULL || !cn_seal_decode(plain, len, fields) || fields->field_count != 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the authorization cannot be decrypted with key \"%s\"", key_id),
				 errhint("Begin it anew.")));
	return fields->fields[0].value;
}

static void
copy_state(CnOauthState *state, char **key_id, bytea **sealed, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	bool		isnull;

	cn_spi_uuid(0, 1, &state->workspace);
	cn_spi_uuid(0, 2, &state->id);
	state->member = cn_spi_text(0, 3, context);
	state->device = DatumGetBool(cn_spi_value(0, 4, &isnull));
	state->provider = cn_spi_text(0, 5, context);
	state->label = cn_spi_text(0, 6, context);
	state->scope = cn_spi_text(0, 7, context);
	state->client = cn_spi_text(0, 8, context);
	state->redirect_uri = cn_spi_text(0, 9, context);
	state->grant = DatumGetJsonbPCopy(cn_spi_value(0, 10, &isnull));
	state->parameters = DatumGetJsonbPCopy(cn_spi_value(0, 11, &isnull));
	*sealed = DatumGetByteaPCopy(cn_spi_value(0, 12, &isnull));
	*key_id = cn_spi_text(0, 13, context);
	state->expires_at = DatumGetTimestampTz(cn_spi_value(0, 14, &isnull));
	MemoryContextSwitchTo(old);
}

bool
cn_oauth_state_find(const char *text, const char *member, CnOauthState *state)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		values[3] = {hash_of(text), CStringGetTextDatum(member), TimestampTzGetDatum(cn_now())};
	char	   *key_id;
	bytea	   *sealed;
	CnSpi		spi;
	bool		found;

	memset(state, 0, sizeof(*state));
	cn_spi_begin(&spi);
	found = cn_spi_run(&find_statement, values, NULL, 1) > 0;
	if (found)
		copy_state(state, &key_id, &sealed, context);
	cn_spi_end(&spi);
	if (found)
		state->secret = open_secret(state, key_id, sealed);
	return found;
}

/* ---- removing it ---- */

bool
cn_oauth_state_remove(const pg_uuid_t *workspace, const pg_uuid_t *id)
{
	Datum		values[2] = {UUIDPGetDatum(workspace), UUIDPGetDatum(id)};
	CnSpi		spi;
	bool		found;

	cn_spi_begin(&spi);
	found = cn_spi_run(&remove_statement, values, NULL, 0) > 0;
	cn_spi_end(&spi);
	return found;
}

char *
cn_oauth_state_answer(const char *request)
{
	pg_uuid_t	ids[2];

	if (strlen(request) != 2 * CN_UUID_TEXT_LEN + 1 ||
		!cn_uuid_parse(pnstrdup(request, CN_UUID_TEXT_LEN), &ids[0]) ||
		!cn_uuid_parse(request + CN_UUID_TEXT_LEN + 1, &ids[1]))
		elog(ERROR, "unreadable request to a background worker");
	return pstrdup(cn_oauth_state_remove(&ids[0], &ids[1]) ? "1" : "0");
}

int
cn_oauth_state_prune(void)
{
	Datum		values[1] = {TimestampTzGetDatum(cn_now())};
	CnSpi		spi;
	int			count;

	cn_spi_begin(&spi);
	count = (int) cn_spi_run(&prune_statement, values, NULL, 0);
	cn_spi_end(&spi);
	return count;
}
