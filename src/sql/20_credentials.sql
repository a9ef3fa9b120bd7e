-- Credentials: encrypted with a key that is not in the database.

CREATE TABLE @extschema@.workspace_api_credentials (
    workspace_id  uuid NOT NULL
                  REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    id            uuid NOT NULL,
    service_name  text NOT NULL CHECK (service_name OPERATOR(pg_catalog.~) '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'),
    label         text NOT NULL DEFAULT 'default' CHECK (label OPERATOR(pg_catalog.~) '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$'),
    scope         text NOT NULL DEFAULT 'workspace'
                  CHECK (scope OPERATOR(pg_catalog.=) ANY (ARRAY['workspace', 'user'])),
    owner         text NOT NULL DEFAULT ''
                  CHECK ((scope OPERATOR(pg_catalog.=) 'user') OPERATOR(pg_catalog.=) (owner OPERATOR(pg_catalog.<>) '')),
    auth_kind     text NOT NULL,
    secret        bytea NOT NULL,
    key_id        text NOT NULL,
    parameters    jsonb NOT NULL DEFAULT '{}',
    allowed_hosts text[] NOT NULL,
    status        text NOT NULL DEFAULT 'connected'
                  CHECK (status OPERATOR(pg_catalog.=) ANY (ARRAY['connected', 'expiring', 'reauthorize', 'error'])),
    status_message text,
    expires_at    timestamptz,
    last_used_at  timestamptz,
    created_by    text,
    created_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    token_grant       jsonb,
    token_generation  bigint NOT NULL DEFAULT 0,
    token_expires_at  timestamptz,
    token_renew_at    timestamptz,
    token_lease       uuid,
    token_lease_until timestamptz,
    token_failures    integer NOT NULL DEFAULT 0,
    token_retry_at    timestamptz,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, service_name, label, owner)
) WITH (fillfactor = 70);           -- last_used_at changes every second
COMMENT ON TABLE @extschema@.workspace_api_credentials IS
'Secrets of a workspace for a service, encrypted (AES-256-GCM, bound to this row); written by connector_credential_set and readable, in clear, by no SQL at all.';
COMMENT ON COLUMN @extschema@.workspace_api_credentials.owner IS
'Identity of the member a credential of scope user belongs to; empty for scope workspace.';
COMMENT ON COLUMN @extschema@.workspace_api_credentials.secret IS
'Format byte 1, 12 bytes nonce, ciphertext, 16 bytes tag. Associated data: workspace id, service, credential id, key id.';
COMMENT ON COLUMN @extschema@.workspace_api_credentials.allowed_hosts IS
'Where the secret may be sent: host, host:port or *.host over https, or an explicit http://host[:port].';

COMMENT ON COLUMN @extschema@.workspace_api_credentials.status IS
'connected; expiring: its token could not be renewed and ends soon; error: it could not be renewed in time, which is tried again, or the service refused the credential when connector_test_connection() asked; reauthorize: somebody has to connect anew.';
COMMENT ON COLUMN @extschema@.workspace_api_credentials.status_message IS
'Why the token could not be renewed, or what the service said.';
COMMENT ON COLUMN @extschema@.workspace_api_credentials.token_grant IS
'How the token is renewed, as the provider''s definition said when the credential was made; no secret. Null: it is not.';
COMMENT ON COLUMN @extschema@.workspace_api_credentials.token_generation IS
'Grows with each token: whoever was refused with one waits for a later one.';
COMMENT ON COLUMN @extschema@.workspace_api_credentials.token_renew_at IS
'When connector_tick() has the token renewed; null: never.';
COMMENT ON COLUMN @extschema@.workspace_api_credentials.token_lease IS
'The token process that is asking for a new token; it alone may store one.';
COMMENT ON COLUMN @extschema@.workspace_api_credentials.token_retry_at IS
'After failures: no new attempt before then.';
CREATE INDEX workspace_api_credentials_renew ON @extschema@.workspace_api_credentials (token_renew_at)
    WHERE token_renew_at IS NOT NULL;

-- All columns but those of use and of leases: neither is a change of the credential.
CREATE TRIGGER changed AFTER INSERT OR UPDATE OF workspace_id, id, service_name, label, scope, owner,
        auth_kind, secret, key_id, parameters, allowed_hosts, status, expires_at,
        token_grant, token_generation, token_expires_at, token_renew_at
    OR DELETE OR TRUNCATE
    ON @extschema@.workspace_api_credentials
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._connector_changed();
ALTER TABLE @extschema@.workspace_api_credentials ENABLE ALWAYS TRIGGER changed;

ALTER TABLE @extschema@.workspace_api_credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.workspace_api_credentials FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.workspace_api_credentials FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.workspace_api_credentials FOR INSERT
    WITH CHECK (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('admin')));
CREATE POLICY connector_update ON @extschema@.workspace_api_credentials FOR UPDATE
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('admin')));
CREATE POLICY connector_delete ON @extschema@.workspace_api_credentials FOR DELETE
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('admin')));
-- Every column but the ciphertext; changed through the functions only.
GRANT SELECT (workspace_id, id, service_name, label, scope, owner, auth_kind, key_id, parameters,
              allowed_hosts, status, status_message, expires_at, last_used_at, created_by, created_at, updated_at,
              token_generation, token_expires_at, token_renew_at)
    ON @extschema@.workspace_api_credentials TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.workspace_api_credentials', '');

CREATE FUNCTION @extschema@.connector_credential_set(
    service text, secret jsonb, kind text DEFAULT NULL, parameters jsonb DEFAULT '{}',
    allowed_hosts text[] DEFAULT NULL, label text DEFAULT 'default', scope text DEFAULT 'workspace',
    expires_at timestamptz DEFAULT NULL, workspace text DEFAULT NULL)
RETURNS uuid
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_credential_set';
COMMENT ON FUNCTION @extschema@.connector_credential_set(text, jsonb, text, jsonb, text[], text, text, timestamptz, text) IS
'Stores or replaces a credential and returns its id. Kinds and their secrets: api_key {"api_key"} (parameters in header|query, name, prefix), bearer {"token"}, basic and digest {"username","password"}, oauth1 {"consumer_key","consumer_secret","token","token_secret"} (signature_method, realm), jwt {"private_key","passphrase"} or {"secret"} (algorithm, claims, lifetime), aws_sigv4 {"access_key_id","secret_access_key","session_token"} (region, service), hmac {"secret"} (string_to_sign, algorithm, encoding, name). For a service that is a provider the kind, its parameters and the hosts are the provider''s if they are not given, and the public parameters have to fit it; else the kind is api_key. Scope workspace needs admin; scope user belongs to the caller and needs editor. Errors: 22023 unknown kind, missing field, key that cannot be used or malformed host, 42501 not allowed, 55000 no key configured. See docs/credentials.md for how to keep the statement out of logs.';

CREATE FUNCTION @extschema@.connector_credential_delete(
    service text, label text DEFAULT 'default', scope text DEFAULT 'workspace', workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_credential_delete';
COMMENT ON FUNCTION @extschema@.connector_credential_delete(text, text, text, text) IS
'Deletes a credential; false if there was none. Scope workspace needs admin, scope user is the caller''s own.';

CREATE FUNCTION @extschema@.connector_credential_test(
    service text, label text DEFAULT 'default', workspace text DEFAULT NULL,
    OUT scope text, OUT kind text, OUT status text, OUT message text)
RETURNS record
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_credential_test';
COMMENT ON FUNCTION @extschema@.connector_credential_test(text, text, text) IS
'Says whether the credential the caller would use can be decrypted and is not expired, without calling anybody: status ok, expired, undecryptable or missing, with a message. Needs execute.';

CREATE FUNCTION @extschema@.connector_rotate_keys(batch_size integer DEFAULT 1000) RETURNS integer
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_rotate_keys';
COMMENT ON FUNCTION @extschema@.connector_rotate_keys(integer) IS
'Re-encrypts up to batch_size credentials of all workspaces that are not under the current key yet, and returns how many; call it until it returns 0. Rows that another session holds are left for the next call. Calls go on meanwhile. For the database administrator.';
REVOKE EXECUTE ON FUNCTION @extschema@.connector_rotate_keys(integer) FROM PUBLIC;
