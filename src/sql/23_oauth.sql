-- Accounts that are connected: OAuth 2, sessions, and their tokens.

CREATE TABLE @extschema@.connector_oauth_states (
    workspace_id uuid NOT NULL
                 REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    id           uuid NOT NULL,
    state_hash   bytea NOT NULL,
    member       text NOT NULL,
    device       boolean NOT NULL,
    provider     text NOT NULL,
    label        text NOT NULL,
    scope        text NOT NULL,
    client       text NOT NULL,
    redirect_uri text,
    token_grant  jsonb NOT NULL,
    parameters   jsonb NOT NULL,
    secret       bytea NOT NULL,
    key_id       text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
CREATE INDEX connector_oauth_states_hash ON @extschema@.connector_oauth_states (state_hash);
COMMENT ON TABLE @extschema@.connector_oauth_states IS
'Authorizations that were begun and whose user has not come back: the digest of the state, who began it, and the PKCE verifier or device code, encrypted. For the extension''s own code.';

ALTER TABLE @extschema@.connector_oauth_states ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_oauth_states FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_none ON @extschema@.connector_oauth_states USING (false) WITH CHECK (false);

CREATE FUNCTION @extschema@.connector_oauth_client_set(
    provider text, client_id text, client_secret text DEFAULT NULL, parameters jsonb DEFAULT '{}',
    label text DEFAULT 'app', workspace text DEFAULT NULL, allowed_hosts text[] DEFAULT NULL)
RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_oauth_client_set';
COMMENT ON FUNCTION @extschema@.connector_oauth_client_set(text, text, text, jsonb, text, text, text[]) IS
'Stores id and secret of the application that a workspace has registered with a provider, as a credential of kind oauth2_client; returns its id. The secret is bound to the hosts of the provider''s token, device and revocation endpoints as they are now, or to allowed_hosts. Needs admin. Errors: 42704 unknown provider, 22023 it has no OAuth 2, or a parameter is missing.';

CREATE FUNCTION @extschema@.connector_oauth_authorize_url(
    provider text, redirect_uri text, scopes text[] DEFAULT NULL, workspace text DEFAULT NULL,
    label text DEFAULT 'default', scope text DEFAULT 'workspace', parameters jsonb DEFAULT '{}',
    client text DEFAULT 'app')
RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_oauth_authorize_url';
COMMENT ON FUNCTION @extschema@.connector_oauth_authorize_url(text, text, text[], text, text, text, jsonb, text) IS
'Begins an authorization and returns the address to send the user to. It is good for ten minutes, once, for the member who began it. scopes: the provider''s default unless given. The credential will have that label and scope (workspace needs admin, user needs editor). Errors: 42704 unknown provider, 22023 it has no authorization code grant, or a parameter is missing, credential_missing no application is stored.';

CREATE FUNCTION @extschema@.connector_oauth_callback(
    state text, code text DEFAULT NULL, params jsonb DEFAULT '{}')
RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_oauth_callback';
COMMENT ON FUNCTION @extschema@.connector_oauth_callback(text, text, jsonb) IS
'Ends an authorization with what the provider sent the user back with: exchanges the code for tokens and stores them; returns the credential''s id. params: the other query parameters (error, error_description, those that the provider''s file names). For the member who began it; the state is used up, whatever comes of it. Errors: auth_failed unknown, used or expired state, a user who refused, a code that was not taken.';

CREATE FUNCTION @extschema@.connector_oauth_device_start(
    provider text, scopes text[] DEFAULT NULL, workspace text DEFAULT NULL, label text DEFAULT 'default',
    scope text DEFAULT 'workspace', parameters jsonb DEFAULT '{}', client text DEFAULT 'app',
    OUT state text, OUT user_code text, OUT verification_uri text, OUT verification_uri_complete text,
    OUT expires_at timestamptz, OUT retry_after integer)
RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_oauth_device_start';
COMMENT ON FUNCTION @extschema@.connector_oauth_device_start(text, text[], text, text, text, jsonb, text) IS
'Begins an authorization without a browser (RFC 8628): show the user verification_uri and user_code, then call connector_oauth_device_poll(state) every retry_after seconds. Rights and errors as for connector_oauth_authorize_url.';

CREATE FUNCTION @extschema@.connector_oauth_device_poll(
    state text, OUT status text, OUT credential_id uuid, OUT retry_after integer)
RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_oauth_device_poll';
COMMENT ON FUNCTION @extschema@.connector_oauth_device_poll(text) IS
'Asks whether the user has allowed what connector_oauth_device_start began: status pending, with the seconds to wait before asking again, or connected, with the credential''s id. For the member who began it. Error auth_failed: unknown or expired state, or the user refused.';

CREATE FUNCTION @extschema@.connector_oauth_connect(
    provider text, secret jsonb DEFAULT NULL, parameters jsonb DEFAULT '{}', grant_type text DEFAULT NULL,
    scopes text[] DEFAULT NULL, workspace text DEFAULT NULL, label text DEFAULT 'default',
    scope text DEFAULT 'workspace', client text DEFAULT NULL)
RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_oauth_connect';
COMMENT ON FUNCTION @extschema@.connector_oauth_connect(text, jsonb, jsonb, text, text[], text, text, text, text) IS
'Connects an account that needs no user to come by: grant_type client_credentials, jwt_bearer or session (the first of them that the provider has, unless given). secret holds what the grant needs: client_id and client_secret, private_key, or what the login takes; with client, the label of a stored application, it may leave that out. The first token is got at once; returns the credential''s id. Errors: 42704 unknown provider, 22023 it has no such grant, auth_failed the provider refused.';

CREATE FUNCTION @extschema@.connector_credential_renew(
    service text, label text DEFAULT 'default', workspace text DEFAULT NULL)
RETURNS timestamptz
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_credential_renew';
COMMENT ON FUNCTION @extschema@.connector_credential_renew(text, text, text) IS
'Has the token of the credential the caller would use renewed now and waits for it; returns when the new one ends (null: nobody knows). Needs execute. Errors: credential_missing there is none, auth_failed it could not be renewed.';

CREATE FUNCTION @extschema@.connector_credential_revoke(
    service text, label text DEFAULT 'default', scope text DEFAULT 'workspace', workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_credential_revoke';
COMMENT ON FUNCTION @extschema@.connector_credential_revoke(text, text, text, text) IS
'Has the provider revoke the tokens of a credential (RFC 7009), where it can, and deletes the credential; false if there was none. Scope workspace needs admin, scope user is the caller''s own. Error auth_failed: the provider did not; the credential stays, and connector_credential_delete() deletes it all the same.';

CREATE FUNCTION @extschema@._connector_renew_tokens() RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_renew_tokens';
COMMENT ON FUNCTION @extschema@._connector_renew_tokens() IS
'Asks for new tokens where the old ones end soon, without waiting for them, says in the status of credentials whose token has ended, and removes authorizations that nobody ended. Returns what it did.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_renew_tokens() FROM PUBLIC;
