\echo Use "CREATE EXTENSION connector" to load this file. \quit

-- connector--1.0.sql is put together from src/sql/*.sql by make; edit the parts.

-- Nothing below depends on a search path: our names carry @extschema@, and the
-- rest resolves in pg_catalog alone.
SET LOCAL search_path = pg_catalog, pg_temp;

-- Loading the library fails with a hint unless it is in shared_preload_libraries.
CREATE FUNCTION @extschema@._connector_check_server() RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'connector_check_server';
COMMENT ON FUNCTION @extschema@._connector_check_server() IS
'Raises unless this database can hold the extension (encoding UTF8).';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_check_server() FROM PUBLIC;

SELECT @extschema@._connector_check_server();
-- Workspaces, their members, and the administrators of the installation.

CREATE TABLE @extschema@.connector_workspaces (
    id          uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    slug        text NOT NULL UNIQUE
                CHECK (slug OPERATOR(pg_catalog.~) '^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$'),
    name        text NOT NULL CHECK (name OPERATOR(pg_catalog.<>) ''),
    settings    jsonb NOT NULL DEFAULT '{}',
    created_by  text,
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    weight      integer NOT NULL DEFAULT 1
                CHECK (weight OPERATOR(pg_catalog.>=) 1 AND weight OPERATOR(pg_catalog.<=) 100),
    max_in_flight integer CHECK (max_in_flight OPERATOR(pg_catalog.>=) 1)
);
COMMENT ON TABLE @extschema@.connector_workspaces IS
'The tenants. Every other table of a tenant carries workspace_id first in its primary key.';
COMMENT ON COLUMN @extschema@.connector_workspaces.slug IS
'Short name used in calls: 1 to 63 lower-case letters, digits, "-" and "_".';
-- What one tenant gets more another one gets less, so its own members cannot write these.
COMMENT ON COLUMN @extschema@.connector_workspaces.weight IS
'Its share of a worker that is busy, compared with other workspaces; 1 to 100, set by superusers.';
COMMENT ON COLUMN @extschema@.connector_workspaces.max_in_flight IS
'Most of its executions that a worker has under way; null: no limit of its own. Set by superusers.';

CREATE TABLE @extschema@.connector_members (
    workspace_id uuid NOT NULL
                 REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    kind         text NOT NULL CHECK (kind OPERATOR(pg_catalog.=) ANY (ARRAY['role', 'jwt'])),
    member       text NOT NULL CHECK (member OPERATOR(pg_catalog.<>) ''),
    role         text NOT NULL
                 CHECK (role OPERATOR(pg_catalog.=) ANY (ARRAY['owner', 'admin', 'editor', 'viewer'])),
    added_by     text,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (workspace_id, kind, member)
);
CREATE INDEX connector_members_member ON @extschema@.connector_members (member, kind);
COMMENT ON TABLE @extschema@.connector_members IS
'Who may act in a workspace: a database role (kind role; those who have its privileges match too) or a JWT subject (kind jwt).';

CREATE TABLE @extschema@.connector_admins (
    kind        text NOT NULL CHECK (kind OPERATOR(pg_catalog.=) ANY (ARRAY['role', 'jwt'])),
    member      text NOT NULL CHECK (member OPERATOR(pg_catalog.<>) ''),
    role        text NOT NULL
                CHECK (role OPERATOR(pg_catalog.=) ANY (ARRAY['developer', 'admin', 'owner'])),
    permissions jsonb NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (kind, member)
);
COMMENT ON TABLE @extschema@.connector_admins IS
'Who curates official templates and providers. Written by the database administrator; it gives no right in any workspace.';

-- Identity: what every policy asks.

CREATE FUNCTION @extschema@.connector_my_workspaces(permission text DEFAULT 'read') RETURNS uuid[]
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_my_workspaces';
COMMENT ON FUNCTION @extschema@.connector_my_workspaces(text) IS
'Ids of the workspaces in which the caller has a permission: read (viewer), execute and write (editor), admin (admin), own (owner). Error 22023 for another word.';

CREATE FUNCTION @extschema@.connector_current_workspace(workspace text DEFAULT NULL) RETURNS uuid
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_current_workspace';
COMMENT ON FUNCTION @extschema@.connector_current_workspace(text) IS
'Id of the workspace a call acts in: the argument (slug or id), else connector.workspace, else the caller''s only one. Errors: 42704 unknown or not a member, 42501 member of none, 22023 several.';

CREATE FUNCTION @extschema@.connector_whoami() RETURNS text
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_whoami';
COMMENT ON FUNCTION @extschema@.connector_whoami() IS
'The identity this session acts with, as role:<name> or jwt:<subject>; null if it has none.';

CREATE FUNCTION @extschema@.connector_is_admin() RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_is_admin';
COMMENT ON FUNCTION @extschema@.connector_is_admin() IS
'Whether the caller is listed in connector_admins, or a superuser.';

-- Changes of memberships reach every session's cache like a change of the catalogs.
CREATE FUNCTION @extschema@._connector_changed() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'connector_changed';
COMMENT ON FUNCTION @extschema@._connector_changed() IS
'Statement trigger: tells every session that rows of this table which it may have cached have changed.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_changed() FROM PUBLIC;

CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
    ON @extschema@.connector_workspaces
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._connector_changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
    ON @extschema@.connector_members
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._connector_changed();
ALTER TABLE @extschema@.connector_workspaces ENABLE ALWAYS TRIGGER changed;
ALTER TABLE @extschema@.connector_members ENABLE ALWAYS TRIGGER changed;

-- Policies.

ALTER TABLE @extschema@.connector_workspaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_workspaces FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_workspaces FOR SELECT
    USING (id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_workspaces FOR INSERT
    WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_workspaces FOR UPDATE
    USING (id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('admin')));
CREATE POLICY connector_delete ON @extschema@.connector_workspaces FOR DELETE
    USING (id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('own')));
GRANT SELECT, DELETE, UPDATE (name, settings) ON @extschema@.connector_workspaces TO PUBLIC;

ALTER TABLE @extschema@.connector_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_members FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_members FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_members FOR INSERT
    WITH CHECK (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('own')));
CREATE POLICY connector_update ON @extschema@.connector_members FOR UPDATE
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('own')));
CREATE POLICY connector_delete ON @extschema@.connector_members FOR DELETE
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('own')));
-- Changed through the functions below only: they know who may appoint whom.
GRANT SELECT ON @extschema@.connector_members TO PUBLIC;

ALTER TABLE @extschema@.connector_admins ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_admins FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_admins FOR SELECT
    USING (@extschema@.connector_is_admin());
CREATE POLICY connector_insert ON @extschema@.connector_admins FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_admins FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_admins FOR DELETE USING (false);
GRANT SELECT ON @extschema@.connector_admins TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_workspaces', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_members', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_admins', '');

-- Functions.

CREATE FUNCTION @extschema@.connector_create_workspace(
    slug text, name text DEFAULT NULL, owner text DEFAULT NULL, owner_kind text DEFAULT 'role')
RETURNS uuid
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_create_workspace';
COMMENT ON FUNCTION @extschema@.connector_create_workspace(text, text, text, text) IS
'Creates a workspace and returns its id. The owner is the given member, or the caller. Not executable by PUBLIC: grant it to those who may create tenants. Errors: 42710 slug taken, 22023 malformed slug, name or kind, 42704 unknown role.';
REVOKE EXECUTE ON FUNCTION @extschema@.connector_create_workspace(text, text, text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@.connector_add_member(
    member text, role text DEFAULT 'viewer', kind text DEFAULT 'role', workspace text DEFAULT NULL)
RETURNS void
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_add_member';
COMMENT ON FUNCTION @extschema@.connector_add_member(text, text, text, text) IS
'Adds a member to the workspace, or gives one another role. Needs admin; appointing or changing an owner needs owner. Errors: 42501 not allowed, 22023 unknown role or kind, 42704 no such database role, 55000 it would leave no owner.';

CREATE FUNCTION @extschema@.connector_remove_member(
    member text, kind text DEFAULT 'role', workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_remove_member';
COMMENT ON FUNCTION @extschema@.connector_remove_member(text, text, text) IS
'Removes a member with the credentials of that member alone; false if there was none. Everybody may remove themselves; others need admin, and owner to remove an owner. Error 55000 for the last owner.';
-- Who did what to members, credentials and definitions.

CREATE TABLE @extschema@.connector_audit_log (
    workspace_id uuid NOT NULL,
    id           uuid NOT NULL,
    at           timestamptz NOT NULL,
    actor        text,
    action       text NOT NULL,
    object_type  text NOT NULL,
    object_name  text NOT NULL,
    detail       text,
    PRIMARY KEY (workspace_id, id)
);
COMMENT ON TABLE @extschema@.connector_audit_log IS
'Changes of members, credentials and connectors, written by the extension in the transaction that makes them; read by admins of the workspace, changed by nobody, and kept when the workspace is deleted. It never holds a secret.';
COMMENT ON COLUMN @extschema@.connector_audit_log.actor IS
'Identity of who did it (role:<name> or jwt:<subject>); null if the session had none.';

ALTER TABLE @extschema@.connector_audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_audit_log FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('admin')));
CREATE POLICY connector_insert ON @extschema@.connector_audit_log FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_audit_log FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_audit_log FOR DELETE USING (false);
GRANT SELECT ON @extschema@.connector_audit_log TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_audit_log', '');
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
-- Providers: external services as data, from the catalog that is installed beside this script, of the
-- installation, or of one workspace.

-- Official providers belong to no workspace: they have the nil uuid in its place, as official templates have.
CREATE TABLE @extschema@.connector_providers (
    workspace_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    name         text NOT NULL CHECK (name OPERATOR(pg_catalog.~) '^[a-z0-9][a-z0-9-]{0,62}$'),
    owner        uuid GENERATED ALWAYS AS (
                     NULLIF(workspace_id, '00000000-0000-0000-0000-000000000000'::uuid)) STORED
                 REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    title        text NOT NULL,
    category     text NOT NULL DEFAULT 'other',
    availability text NOT NULL DEFAULT 'experimental'
                 CHECK (availability OPERATOR(pg_catalog.=) ANY (ARRAY['stable', 'experimental', 'disabled'])),
    version      integer NOT NULL DEFAULT 1,
    aliases      text[] NOT NULL DEFAULT '{}',
    definition   jsonb NOT NULL,
    builtin      boolean NOT NULL DEFAULT false,
    created_by   text,
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (workspace_id, name)
);
CREATE INDEX connector_providers_owner ON @extschema@.connector_providers (owner);
COMMENT ON TABLE @extschema@.connector_providers IS
'External services as data: official ones, and those of workspaces. Written by connector_provider_register(), connector_provider_remove() and connector_catalog_load(), which check them.';
COMMENT ON COLUMN @extschema@.connector_providers.workspace_id IS
'The workspace it belongs to; the nil uuid for official providers.';
COMMENT ON COLUMN @extschema@.connector_providers.definition IS
'docs/providers.md and docs/provider.schema.json; the other columns are taken from it.';
COMMENT ON COLUMN @extschema@.connector_providers.builtin IS
'It is as the catalog''s file has it.';

CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.connector_providers
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._connector_changed();
ALTER TABLE @extschema@.connector_providers ENABLE ALWAYS TRIGGER changed;

CREATE FUNCTION @extschema@._connector_provider_before_insert() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'connector_provider_before_insert';
COMMENT ON FUNCTION @extschema@._connector_provider_before_insert() IS
'Row trigger of connector_providers: an official provider that was changed here, and comes back with a dump, takes the place of the built-in one of its name.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_provider_before_insert() FROM PUBLIC;
CREATE TRIGGER before_insert BEFORE INSERT ON @extschema@.connector_providers
    FOR EACH ROW EXECUTE FUNCTION @extschema@._connector_provider_before_insert();

ALTER TABLE @extschema@.connector_providers ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_providers FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_providers FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) '00000000-0000-0000-0000-000000000000'::uuid
        OR workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_providers FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_providers FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_providers FOR DELETE USING (false);
GRANT SELECT ON @extschema@.connector_providers TO PUBLIC;

-- What came from files comes from files again.
SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_providers', 'WHERE NOT builtin');

CREATE FUNCTION @extschema@.connector_provider_register(
    definition jsonb, workspace text DEFAULT NULL, official boolean DEFAULT false)
RETURNS text
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_provider_register';
COMMENT ON FUNCTION @extschema@.connector_provider_register(jsonb, text, boolean) IS
'Saves a provider, in place of an earlier one of its name, and returns the name: of the workspace, which needs admin, or official, for all, which needs the permission providers.official (connector_admins). Errors: 22023 the definition has problems (all of them, with their paths, in DETAIL), 54000 it is too large, 42501 not allowed.';

CREATE FUNCTION @extschema@.connector_provider_remove(
    name text, workspace text DEFAULT NULL, official boolean DEFAULT false)
RETURNS boolean
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_provider_remove';
COMMENT ON FUNCTION @extschema@.connector_provider_remove(text, text, boolean) IS
'Removes a provider of the workspace, or an official one; false if there was none. Needs what connector_provider_register() needs. A built-in one comes back with connector_catalog_load(); register one that is disabled instead.';

CREATE FUNCTION @extschema@.connector_provider_form(provider text, workspace text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_provider_form';
COMMENT ON FUNCTION @extschema@.connector_provider_form(text, text) IS
'A JSON Schema of what a credential of the provider takes, for a user interface: one alternative for each kind of authentication, secrets with format password and writeOnly. For kinds oauth2 and session the secret goes to connector_oauth_client_set() or connector_oauth_connect(), else to connector_credential_set(). Needs read. Error 42704 unknown provider.';

CREATE FUNCTION @extschema@.connector_catalog_load(
    directory text DEFAULT NULL, OUT provider text, OUT status text, OUT problems text[])
RETURNS SETOF record
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_catalog_load';
COMMENT ON FUNCTION @extschema@.connector_catalog_load(text) IS
'Loads the files <name>.json of a directory as the official, built-in providers: added, updated, unchanged, removed (its file is gone), kept (it was changed here), or refused, with all problems; the others are loaded all the same. Without a directory the catalog that was installed with the extension; another one needs the rights of pg_read_server_files. Needs the permission providers.official (connector_admins).';
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
-- Limits of calls to a service; what is used of them is in shared memory.

CREATE TABLE @extschema@.api_rate_limits (
    workspace_id        uuid NOT NULL DEFAULT @extschema@.connector_current_workspace()
                        REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    service_name        text NOT NULL
                        CHECK (service_name OPERATOR(pg_catalog.~) '^[A-Za-z0-9[][A-Za-z0-9_.:\]-]*$'
                               AND pg_catalog.length(service_name) OPERATOR(pg_catalog.<=) 260),
    requests_per_minute integer
                        CHECK (requests_per_minute OPERATOR(pg_catalog.>=) 1 AND requests_per_minute OPERATOR(pg_catalog.<=) 1000000),
    requests_per_hour   integer
                        CHECK (requests_per_hour OPERATOR(pg_catalog.>=) 1 AND requests_per_hour OPERATOR(pg_catalog.<=) 1000000),
    concurrency         integer
                        CHECK (concurrency OPERATOR(pg_catalog.>=) 1 AND concurrency OPERATOR(pg_catalog.<=) 1000000),
    PRIMARY KEY (workspace_id, service_name)
);
COMMENT ON TABLE @extschema@.api_rate_limits IS
'How often a workspace may call a service, over all its connectors; null: no limit. Written by admins; what is left of the limits is in connector_rate_limit_status.';
COMMENT ON COLUMN @extschema@.api_rate_limits.service_name IS
'The service of the credential that is sent; of requests without one the host in lower case, with :port if it is not the scheme''s own.';
COMMENT ON COLUMN @extschema@.api_rate_limits.concurrency IS 'Requests under way at the same time.';

CREATE FUNCTION @extschema@._connector_rate_limit_saved() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'connector_rate_limit_saved';
COMMENT ON FUNCTION @extschema@._connector_rate_limit_saved() IS
'Row trigger of api_rate_limits: writes the audit log.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_rate_limit_saved() FROM PUBLIC;

CREATE TRIGGER saved AFTER INSERT OR UPDATE OR DELETE ON @extschema@.api_rate_limits
    FOR EACH ROW EXECUTE FUNCTION @extschema@._connector_rate_limit_saved();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.api_rate_limits
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._connector_changed();
ALTER TABLE @extschema@.api_rate_limits ENABLE ALWAYS TRIGGER changed;

ALTER TABLE @extschema@.api_rate_limits ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.api_rate_limits FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.api_rate_limits FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.api_rate_limits FOR INSERT
    WITH CHECK (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('admin')));
CREATE POLICY connector_update ON @extschema@.api_rate_limits FOR UPDATE
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('admin')));
CREATE POLICY connector_delete ON @extschema@.api_rate_limits FOR DELETE
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('admin')));
GRANT SELECT, INSERT, DELETE, UPDATE (service_name, requests_per_minute, requests_per_hour, concurrency)
    ON @extschema@.api_rate_limits TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.api_rate_limits', '');

CREATE FUNCTION @extschema@._connector_limits(
    OUT workspace_id uuid, OUT kind text, OUT id uuid, OUT service text,
    OUT requests_per_minute integer, OUT minute_available integer,
    OUT requests_per_hour integer, OUT hour_available integer,
    OUT concurrency integer, OUT in_flight integer,
    OUT next_free_at timestamptz, OUT held_until timestamptz,
    OUT breaker text, OUT requests integer, OUT failures integer, OUT trips integer,
    OUT opened_at timestamptz, OUT next_probe_at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'connector_limits';
COMMENT ON FUNCTION @extschema@._connector_limits() IS
'The table of limits in shared memory, as far as it is of workspaces the caller may read.';

CREATE FUNCTION @extschema@.connector_circuit_reset(service text, workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_circuit_reset';
COMMENT ON FUNCTION @extschema@.connector_circuit_reset(text, text) IS
'Lets a service be called again: closes its circuit breaker, forgets what that has counted, and lifts the pauses it has asked for, of all its credentials; at once for all sessions, whatever becomes of the transaction. False if nothing kept requests back and no failure was counted. Needs admin.';
-- Connectors: definitions, checked when they are saved, and their earlier versions.

CREATE TABLE @extschema@.connectors (
    workspace_id          uuid NOT NULL DEFAULT @extschema@.connector_current_workspace()
                          REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    id                    uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    name                  text NOT NULL CHECK (name OPERATOR(pg_catalog.~) '^[A-Za-z0-9][A-Za-z0-9_. -]{0,127}$'),
    description           text,
    icon                  text,
    category              text,
    type                  text NOT NULL DEFAULT 'single',
    config                jsonb NOT NULL,
    input_schema          jsonb,
    field_mappings        jsonb,
    enabled               boolean NOT NULL DEFAULT true,
    timeout_ms            integer NOT NULL DEFAULT 30000
                          CHECK (timeout_ms OPERATOR(pg_catalog.>=) 1000 AND timeout_ms OPERATOR(pg_catalog.<=) 60000),
    max_retries           integer NOT NULL DEFAULT 0
                          CHECK (max_retries OPERATOR(pg_catalog.>=) 0 AND max_retries OPERATOR(pg_catalog.<=) 5),
    continue_on_error     boolean NOT NULL DEFAULT false,
    log_response_data     boolean NOT NULL DEFAULT true,
    version               integer NOT NULL DEFAULT 1,
    created_by            text,
    created_at            timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at            timestamptz NOT NULL DEFAULT pg_catalog.now(),
    total_executions      bigint NOT NULL DEFAULT 0,
    successful_executions bigint NOT NULL DEFAULT 0,
    failed_executions     bigint NOT NULL DEFAULT 0,
    last_executed_at      timestamptz,
    created_from_template uuid,
    created_from_template_version integer,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, name)
) WITH (fillfactor = 70);           -- the counters change every second; such updates stay on their page
COMMENT ON TABLE @extschema@.connectors IS
'Connector definitions. INSERT, UPDATE and DELETE work under row security and are checked; the counters are folded in from time to time, connector_stats() is exact.';
COMMENT ON COLUMN @extschema@.connectors.config IS 'The definition; docs/connectors.md and docs/definition.schema.json.';
COMMENT ON COLUMN @extschema@.connectors.created_from_template_version IS
'Version of the template it was made from; connector_template_updates() lists newer ones.';
COMMENT ON COLUMN @extschema@.connectors.log_response_data IS 'false: executions are recorded without their output, and without the requests and replies of their steps.';

-- One row a version, the current one included; kept when the connector is deleted.
CREATE TABLE @extschema@.connector_versions (
    workspace_id   uuid NOT NULL
                   REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    connector_id   uuid NOT NULL,
    version        integer NOT NULL,
    name           text NOT NULL,
    description    text,
    config         jsonb NOT NULL,
    input_schema   jsonb,
    field_mappings jsonb,
    timeout_ms     integer NOT NULL,
    max_retries    integer NOT NULL,
    continue_on_error boolean NOT NULL,
    log_response_data boolean NOT NULL,
    changed_by     text,
    changed_at     timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, connector_id, version)
);
COMMENT ON TABLE @extschema@.connector_versions IS
'Every version of every definition, written by a trigger of connectors; read only.';

CREATE FUNCTION @extschema@._connector_before_save() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'connector_before_save';
COMMENT ON FUNCTION @extschema@._connector_before_save() IS
'Row trigger of connectors: checks the definition (22023, every problem with its JSON path in DETAIL) and numbers the version.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_before_save() FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_after_save() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'connector_after_save';
COMMENT ON FUNCTION @extschema@._connector_after_save() IS
'Row trigger of connectors: keeps the version that was saved, and writes the audit log.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_after_save() FROM PUBLIC;

-- The counters are not among the columns: folding statistics is no change of a definition.
CREATE TRIGGER before_save BEFORE INSERT OR UPDATE OF workspace_id, id, name, description, icon, category,
        type, config, input_schema, field_mappings, enabled, timeout_ms, max_retries,
        continue_on_error, log_response_data, version
    ON @extschema@.connectors
    FOR EACH ROW EXECUTE FUNCTION @extschema@._connector_before_save();
CREATE TRIGGER after_save AFTER INSERT OR UPDATE OF name, description, config, input_schema,
        field_mappings, enabled, timeout_ms, max_retries, continue_on_error, log_response_data
    OR DELETE
    ON @extschema@.connectors
    FOR EACH ROW EXECUTE FUNCTION @extschema@._connector_after_save();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OF workspace_id, id, name, config, input_schema,
        field_mappings, enabled, timeout_ms, max_retries, continue_on_error, log_response_data
    OR DELETE OR TRUNCATE
    ON @extschema@.connectors
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._connector_changed();
ALTER TABLE @extschema@.connectors ENABLE ALWAYS TRIGGER changed;

ALTER TABLE @extschema@.connectors ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connectors FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connectors FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connectors FOR INSERT
    WITH CHECK (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('write')));
CREATE POLICY connector_update ON @extschema@.connectors FOR UPDATE
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('write')));
CREATE POLICY connector_delete ON @extschema@.connectors FOR DELETE
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('write')));
GRANT SELECT, DELETE,
    INSERT (workspace_id, id, name, description, icon, category, config, input_schema, field_mappings,
            enabled, timeout_ms, max_retries, continue_on_error, log_response_data),
    UPDATE (name, description, icon, category, config, input_schema, field_mappings,
            enabled, timeout_ms, max_retries, continue_on_error, log_response_data)
    ON @extschema@.connectors TO PUBLIC;

ALTER TABLE @extschema@.connector_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_versions FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_versions FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_versions FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_versions FOR DELETE USING (false);
GRANT SELECT ON @extschema@.connector_versions TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connectors', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_versions', '');
-- Managing connectors: what INSERT, UPDATE and DELETE do, with an answer to every mistake.
--
-- Nothing here has more rights than its caller; row security decides.

CREATE FUNCTION @extschema@.connector_create(
    name text, config jsonb, description text DEFAULT NULL, input_schema jsonb DEFAULT NULL,
    field_mappings jsonb DEFAULT NULL, icon text DEFAULT NULL, category text DEFAULT NULL,
    enabled boolean DEFAULT true, timeout_ms integer DEFAULT 30000, max_retries integer DEFAULT 0,
    continue_on_error boolean DEFAULT false, log_response_data boolean DEFAULT true,
    workspace text DEFAULT NULL)
RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_create';
COMMENT ON FUNCTION @extschema@.connector_create(text, jsonb, text, jsonb, jsonb, text, text, boolean, integer, integer, boolean, boolean, text) IS
'Creates a connector and returns its id. Needs write in the workspace. Errors: 22023 with every problem and its JSON path, 42710 the name is taken.';

CREATE FUNCTION @extschema@.connector_update(
    connector text, changes jsonb, expected_version integer DEFAULT NULL, workspace text DEFAULT NULL)
RETURNS integer
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_update';
COMMENT ON FUNCTION @extschema@.connector_update(text, jsonb, integer, text) IS
'Changes the columns of a connector (name or id) that the keys of an object name; null clears one that may be null. Returns the version now. Needs write. Errors: 22023 with every problem and its JSON path, 42704 unknown connector, 42710 the new name is taken, 40001 it is not at expected_version any more.';

CREATE FUNCTION @extschema@.connector_delete(connector text, workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_delete';
COMMENT ON FUNCTION @extschema@.connector_delete(text, text) IS
'Deletes a connector (name or id) and returns true; error 42704 if there is none. Needs write. Its versions and executions stay, and connector_revert() brings it back.';

CREATE FUNCTION @extschema@.connector_clone(
    connector text, new_name text, target_workspace text DEFAULT NULL, workspace text DEFAULT NULL)
RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_clone';
COMMENT ON FUNCTION @extschema@.connector_clone(text, text, text, text) IS
'Copies a connector (name or id) under a new name, into its own or another workspace, and returns the id of the copy. Needs read here and write there. Credentials and statistics are not copied. Errors: 42704 unknown connector, 42710 the name is taken, 22023 it cannot be a name.';

CREATE FUNCTION @extschema@.connector_set_enabled(
    names text[], enabled boolean, workspace text DEFAULT NULL)
RETURNS integer
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_set_enabled';
COMMENT ON FUNCTION @extschema@.connector_set_enabled(text[], boolean, text) IS
'Switches connectors (names or ids) on or off and returns how many were not so before. Needs write. Error 42704 lists all that do not exist; then none is changed.';

CREATE FUNCTION @extschema@.connector_revert(
    connector text, version integer, workspace text DEFAULT NULL)
RETURNS integer
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_revert';
COMMENT ON FUNCTION @extschema@.connector_revert(text, integer, text) IS
'Gives a connector (name or id) the content of an earlier version again, as a new version, and returns that; its name stays. One that was deleted comes back under its id and its last name. Needs write. Errors: 42704 unknown connector or version, 42710 another one has the name now, 22023 several deleted ones had it.';

CREATE FUNCTION @extschema@.connector_import(
    document jsonb, on_conflict text DEFAULT 'error', workspace text DEFAULT NULL,
    OUT name text, OUT id uuid, OUT action text, OUT version integer)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_import';
COMMENT ON FUNCTION @extschema@.connector_import(jsonb, text, text) IS
'Saves the connectors of a document that connector_export() wrote, or one connector as an object: all or none. on_conflict says what to do where a name is taken: error, skip, replace or rename. Needs write. Errors: 22023 with every problem and its JSON path, 42710 the names that are taken.';

-- What the functions below need in C: they raise what SQL cannot.
CREATE FUNCTION @extschema@._connector_id(connector text, workspace text DEFAULT NULL) RETURNS uuid
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_id';
COMMENT ON FUNCTION @extschema@._connector_id(text, text) IS
'Id of a connector (name or id) in a workspace the caller may read; error 42704 if there is none.';

CREATE FUNCTION @extschema@._connector_version(
    connector text, version integer, workspace text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_version';
COMMENT ON FUNCTION @extschema@._connector_version(text, integer, text) IS
'What a version of a connector (name or id, a deleted one too) holds, as an object; error 42704 if there is none.';

-- Steps may name credentials of their own, and steps within a group too.
CREATE FUNCTION @extschema@._connector_credentials(config jsonb) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_credentials';
COMMENT ON FUNCTION @extschema@._connector_credentials(jsonb) IS
'The credentials a definition mentions, as "service/label", in order.';

-- The first CTE is what is scanned, so that unknown names are refused whatever else there is.
CREATE FUNCTION @extschema@.connector_export(name text DEFAULT NULL, workspace text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH wanted AS MATERIALIZED (
        SELECT @extschema@.connector_current_workspace(connector_export.workspace) AS workspace_id,
               CASE WHEN connector_export.name IS NOT NULL
                    THEN @extschema@._connector_id(connector_export.name, connector_export.workspace)
               END AS id
    )
    SELECT jsonb_build_object('format', 'connector/1', 'connectors', coalesce((
        SELECT jsonb_agg(jsonb_build_object(
                   'name', c.name, 'description', c.description, 'icon', c.icon, 'category', c.category,
                   'config', c.config, 'input_schema', c.input_schema, 'field_mappings', c.field_mappings,
                   'timeout_ms', c.timeout_ms, 'max_retries', c.max_retries,
                   'continue_on_error', c.continue_on_error, 'log_response_data', c.log_response_data,
                   'enabled', c.enabled, 'credentials', @extschema@._connector_credentials(c.config))
                   ORDER BY c.name COLLATE "C")
          FROM @extschema@.connectors c
         WHERE c.workspace_id = wanted.workspace_id AND (wanted.id IS NULL OR c.id = wanted.id)), '[]'))
      FROM wanted
$$;
COMMENT ON FUNCTION @extschema@.connector_export(text, text) IS
'The connector of that name (or id), or all of the workspace, as a document for connector_import(). The same connectors always give the same document: no ids, times or counts, and of credentials only the names. Literal secrets in a definition are part of it. Needs read; error 42704 unknown connector.';

CREATE FUNCTION @extschema@._connector_json_diff(old jsonb, new jsonb)
RETURNS TABLE (path text, old_value jsonb, new_value jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE pair (place, path, a, b) AS (
        SELECT ARRAY[]::text[], '$', _connector_json_diff.old, _connector_json_diff.new
        UNION ALL
        SELECT p.place || step.place, p.path || step.path, step.a, step.b
          FROM pair p CROSS JOIN LATERAL (
            SELECT k.key, CASE WHEN k.key ~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN '.' || k.key
                               ELSE '.' || to_jsonb(k.key)::text END,
                   p.a -> k.key, p.b -> k.key
              FROM (SELECT jsonb_object_keys(p.a) UNION SELECT jsonb_object_keys(p.b)) k(key)
             WHERE jsonb_typeof(p.a) = 'object' AND jsonb_typeof(p.b) = 'object'
            UNION ALL
            SELECT lpad(n::text, 10, '0'), format('[%s]', n), p.a -> n, p.b -> n
              FROM generate_series(0, greatest(jsonb_array_length(p.a), jsonb_array_length(p.b)) - 1) n
             WHERE jsonb_typeof(p.a) = 'array' AND jsonb_typeof(p.b) = 'array') step(place, path, a, b)
         WHERE p.a IS DISTINCT FROM p.b
    )
    SELECT pair.path, pair.a, pair.b
      FROM pair
     WHERE pair.a IS DISTINCT FROM pair.b
       AND NOT coalesce(jsonb_typeof(pair.a) = jsonb_typeof(pair.b)
                        AND jsonb_typeof(pair.a) IN ('object', 'array'), false)
     ORDER BY pair.place COLLATE "C"
$$;
COMMENT ON FUNCTION @extschema@._connector_json_diff(jsonb, jsonb) IS
'The places where two JSON values differ, with what is there in each; null where one has nothing.';

CREATE FUNCTION @extschema@.connector_version_diff(
    connector text, from_version integer, to_version integer, workspace text DEFAULT NULL)
RETURNS TABLE (path text, old jsonb, new jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.path, d.old_value, d.new_value
      FROM @extschema@._connector_json_diff(
               @extschema@._connector_version(connector, from_version, workspace),
               @extschema@._connector_version(connector, to_version, workspace)) d
$$;
COMMENT ON FUNCTION @extschema@.connector_version_diff(text, integer, integer, text) IS
'What changed in a connector (name or id, a deleted one too) between two versions: JSON path, old and new value; null where one has nothing. Needs read; error 42704 unknown connector or version.';
-- History: one row an execution, written once, at its end.
--
-- Partitioned by the time in the id (UUID version 7), a day a partition.  The
-- partitions are made by connector_maintain() and are no members of the extension;
-- the default partition catches what comes before it first ran.  No foreign keys.
--
-- The key and the indexes are those of each partition, not of the whole: the id
-- says which partition a row is in, so a key in each is a key of all, and a dump,
-- which has the partitions but not the table above them, can be restored.

CREATE TABLE @extschema@.connector_history (
    workspace_id      uuid NOT NULL,
    id                uuid NOT NULL,
    connector_id      uuid,
    connector_name    text NOT NULL,
    connector_version integer,
    status            text NOT NULL,
    trigger           text NOT NULL,
    attempt           integer NOT NULL,
    current_step      text,
    steps_executed    jsonb,
    input_data        jsonb,
    output_data       jsonb,
    error_code        text,
    error_message     text,
    http_status       integer,
    execution_time_ms double precision NOT NULL,
    started_at        timestamptz NOT NULL,
    completed_at      timestamptz NOT NULL,
    created_at        timestamptz NOT NULL,
    executed_by       text,
    contact_id        text,
    flow_run_id       text,
    correlation_id    text,
    idempotency_key   text
) PARTITION BY RANGE (id);
COMMENT ON TABLE @extschema@.connector_history IS
'Finished executions; read them through connector_executions. Rows are never updated; old days are dropped whole.';

CREATE TABLE @extschema@.connector_history_default
    PARTITION OF @extschema@.connector_history (PRIMARY KEY (workspace_id, id)) DEFAULT;
CREATE INDEX connector_history_default_connector
    ON @extschema@.connector_history_default (workspace_id, connector_id, id);
CREATE INDEX connector_history_default_failed
    ON @extschema@.connector_history_default (workspace_id, connector_id, id)
    WHERE error_code IS NOT NULL;
COMMENT ON TABLE @extschema@.connector_history_default IS
'Executions of days that had no partition yet; connector_maintain() moves them to their own.';

ALTER TABLE @extschema@.connector_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_history FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_history FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_history FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_history FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_history FOR DELETE USING (false);
GRANT SELECT ON @extschema@.connector_history TO PUBLIC;

-- A partition asked directly shows nothing: it has no grants, and no row passes.
ALTER TABLE @extschema@.connector_history_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_history_default FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_none ON @extschema@.connector_history_default USING (false) WITH CHECK (false);

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_history', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_history_default', '');

CREATE FUNCTION @extschema@.connector_id_at(at timestamptz) RETURNS uuid
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_id_at';
COMMENT ON FUNCTION @extschema@.connector_id_at(timestamptz) IS
'The smallest execution id of that millisecond: WHERE id >= connector_id_at(now() - ''1 hour'') reads only the partitions it needs.';

CREATE FUNCTION @extschema@.connector_id_time(id uuid) RETURNS timestamptz
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_id_time';
COMMENT ON FUNCTION @extschema@.connector_id_time(uuid) IS
'When an execution id was made, to the millisecond (UUID version 7, RFC 9562).';
-- The clone fence: workers call out only from the cluster that was told to.

CREATE TABLE @extschema@.connector_fence_marks (
    id                uuid PRIMARY KEY,
    system_identifier bigint NOT NULL,
    timeline          bigint NOT NULL,
    database          oid NOT NULL,
    installation      oid NOT NULL,
    control_inode     bigint NOT NULL,
    control_birth     bigint,
    made_at           timestamptz NOT NULL,
    made_by           text NOT NULL,
    foreign_since     timestamptz,
    foreign_because   text
);
COMMENT ON TABLE @extschema@.connector_fence_marks IS
'Which cluster may run what is queued here: the fence is open while every mark is its own. A dump takes the marks along, and where they arrive they are foreign; see connector_fence.';
COMMENT ON COLUMN @extschema@.connector_fence_marks.installation IS 'OID of the extension, another one after each CREATE EXTENSION.';
COMMENT ON COLUMN @extschema@.connector_fence_marks.control_inode IS 'Of global/pg_control, which is written in place and so tells a data directory from its copies.';
COMMENT ON COLUMN @extschema@.connector_fence_marks.control_birth IS 'When that file was created, nanoseconds since 1970; null where the file system does not say.';
COMMENT ON COLUMN @extschema@.connector_fence_marks.foreign_since IS 'The mark was loaded, or found to be another cluster''s; it stays so until connector_acknowledge_clone().';

-- Whatever puts a mark here that is not the fence itself loads a backup.
CREATE FUNCTION @extschema@._connector_fence_mark_loaded() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'connector_fence_mark_loaded';
COMMENT ON FUNCTION @extschema@._connector_fence_mark_loaded() IS
'Row trigger: a mark that comes by SQL is foreign, whatever it says, and never collides with another one.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_fence_mark_loaded() FROM PUBLIC;

CREATE TRIGGER loaded BEFORE INSERT ON @extschema@.connector_fence_marks
    FOR EACH ROW EXECUTE FUNCTION @extschema@._connector_fence_mark_loaded();
ALTER TABLE @extschema@.connector_fence_marks ENABLE ALWAYS TRIGGER loaded;

ALTER TABLE @extschema@.connector_fence_marks ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_fence_marks FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_fence_marks FOR SELECT USING (false);
CREATE POLICY connector_insert ON @extschema@.connector_fence_marks FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_fence_marks FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_fence_marks FOR DELETE USING (false);

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_fence_marks', '');

-- Restored work must not run before the marks of the backup have been loaded too, and a restore by
-- several processes may load them last.
CREATE FUNCTION @extschema@._connector_queue_loaded() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'connector_queue_loaded';
COMMENT ON FUNCTION @extschema@._connector_queue_loaded() IS
'Statement trigger: rows of the queue that come by SQL are a restored backup, and close the fence.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_queue_loaded() FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_fence(
    OUT state text, OUT reason text, OUT since timestamptz, OUT marked_at timestamptz, OUT marked_by text)
RETURNS record
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_fence';
COMMENT ON FUNCTION @extschema@._connector_fence() IS 'The row of connector_fence.';

CREATE VIEW @extschema@.connector_fence WITH (security_invoker = true) AS
SELECT f.state, f.reason, f.since, f.marked_at, f.marked_by FROM @extschema@._connector_fence() f;
COMMENT ON VIEW @extschema@.connector_fence IS
'Whether workers may run what is queued in this database: state is open, closed or standby; reason says why not, since when that was found; marked_at and marked_by when and by what this cluster was told that it may.';
GRANT SELECT ON @extschema@.connector_fence TO PUBLIC;

CREATE FUNCTION @extschema@.connector_acknowledge_clone() RETURNS integer
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_acknowledge_clone';
COMMENT ON FUNCTION @extschema@.connector_acknowledge_clone() IS
'Tells this cluster that it is the one to run what is queued in this database, after a restore, a copy or a recovery; returns how many marks of others were removed. For the database administrator, who first makes sure that the original does not run the same work.';
REVOKE EXECUTE ON FUNCTION @extschema@.connector_acknowledge_clone() FROM PUBLIC;
-- The queue: one narrow row for each execution that is not finished.
--
-- A row is inserted, claimed by a worker (lease), maybe written again between steps
-- (checkpoint), and deleted in the transaction that writes its history.  What claims and
-- checkpoints change is in no index, and a page has room for all its rows to be claimed at
-- once, so those updates are HOT.  The exception is crashes: executions that two workers
-- died with are found by it, and run one at a time.
-- No foreign keys, and no triggers but the one for rows that come by SQL: rows go in the way COPY
-- writes, and nobody's lock may hold a worker up.

CREATE TABLE @extschema@.connector_queue (
    workspace_id     uuid NOT NULL,
    id               uuid NOT NULL,
    connector_id     uuid NOT NULL,
    lease            uuid,
    claimed_at       timestamptz,
    due_at           timestamptz,
    created_at       timestamptz NOT NULL,
    attempt          integer NOT NULL,
    priority         smallint NOT NULL,
    crashes          smallint NOT NULL,
    sending          boolean NOT NULL,
    cancel_requested boolean NOT NULL,
    notify           boolean NOT NULL,
    trigger          text NOT NULL,
    identity         text,
    run_as           name,
    claims           text,
    correlation_id   text,
    idempotency_key  text,
    input            jsonb NOT NULL,
    checkpoint       jsonb,
    PRIMARY KEY (workspace_id, id)
) WITH (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
        autovacuum_analyze_scale_factor = 0.2, vacuum_truncate = off);
COMMENT ON TABLE @extschema@.connector_queue IS
'Executions that are not finished; read them through connector_executions. Written by functions and workers only.';
COMMENT ON COLUMN @extschema@.connector_queue.lease IS 'The incarnation of the worker that runs it; null: nobody does.';
COMMENT ON COLUMN @extschema@.connector_queue.due_at IS 'Not before then; null: it is ready or under way.';
COMMENT ON COLUMN @extschema@.connector_queue.crashes IS 'How often a worker died while it ran this.';
COMMENT ON COLUMN @extschema@.connector_queue.sending IS 'A request that must not be repeated may be under way.';
COMMENT ON COLUMN @extschema@.connector_queue.checkpoint IS 'What its finished steps did; it goes on behind them.';

CREATE INDEX connector_queue_ready ON @extschema@.connector_queue (workspace_id, connector_id, priority, id)
    WHERE due_at IS NULL;
CREATE INDEX connector_queue_due ON @extschema@.connector_queue (due_at)
    WHERE due_at IS NOT NULL;
CREATE INDEX connector_queue_suspect ON @extschema@.connector_queue (crashes)
    WHERE crashes OPERATOR(pg_catalog.>=) 2;

CREATE TRIGGER loaded AFTER INSERT ON @extschema@.connector_queue
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._connector_queue_loaded();
ALTER TABLE @extschema@.connector_queue ENABLE ALWAYS TRIGGER loaded;

ALTER TABLE @extschema@.connector_queue ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_queue FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_queue FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_queue FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_queue FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_queue FOR DELETE USING (false);
-- Not what callers gave (input, claims) nor what remotes answered (checkpoint): neither is redacted.
GRANT SELECT (workspace_id, id, connector_id, lease, claimed_at, due_at, created_at, attempt, priority,
              crashes, sending, cancel_requested, trigger, identity, correlation_id, idempotency_key)
    ON @extschema@.connector_queue TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_queue', '');

-- Keys that callers give executions, so that asking twice queues once.
CREATE TABLE @extschema@.connector_idempotency_keys (
    workspace_id uuid NOT NULL,
    key          text NOT NULL,
    execution_id uuid NOT NULL,
    digest       bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, key)
);
COMMENT ON TABLE @extschema@.connector_idempotency_keys IS
'Which execution an idempotency key of connector_execute_async stands for, for connector.idempotency_retention; outlives the execution. The key of an execution is in connector_executions.';
COMMENT ON COLUMN @extschema@.connector_idempotency_keys.digest IS 'SHA-256 of connector and input: the same key for something else is an error.';
CREATE INDEX connector_idempotency_keys_age ON @extschema@.connector_idempotency_keys (created_at);

-- No grants: only functions read it.
ALTER TABLE @extschema@.connector_idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_idempotency_keys FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_idempotency_keys FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_idempotency_keys FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_idempotency_keys FOR DELETE USING (false);

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_idempotency_keys', '');
-- Dead letters: queued executions that failed for good, with what it takes to run them again.

CREATE TABLE @extschema@.connector_dead_letters (
    workspace_id   uuid NOT NULL,
    id             uuid NOT NULL,
    connector_id   uuid NOT NULL,
    connector_name text NOT NULL,
    error_code     text NOT NULL,
    error_message  text NOT NULL,
    failed_step    text,
    http_status    integer,
    attempt        integer NOT NULL,
    priority       smallint NOT NULL,
    failed_at      timestamptz NOT NULL,
    created_at     timestamptz NOT NULL,
    identity       text,
    run_as         name,
    claims         text,
    correlation_id text,
    input          jsonb,
    checkpoint     jsonb,
    redriven_as    uuid,
    redriven_at    timestamptz,
    redriven_by    text,
    PRIMARY KEY (workspace_id, id)
);
COMMENT ON TABLE @extschema@.connector_dead_letters IS
'Queued executions that failed for good, for connector.dead_letter_retention; connector_redrive() and connector_retry() queue them again, connector_dead_letter_discard() gives them up. Their history is in connector_executions, under the same id.';
COMMENT ON COLUMN @extschema@.connector_dead_letters.input IS
'As it was given, not redacted, so no tenant may read it; null once it was queued again.';
COMMENT ON COLUMN @extschema@.connector_dead_letters.checkpoint IS 'What its finished steps did; null: none had.';
COMMENT ON COLUMN @extschema@.connector_dead_letters.redriven_as IS
'The execution it was queued again as; null: nobody has decided yet.';

-- What is open, oldest first; and what may be pruned.
CREATE INDEX connector_dead_letters_open ON @extschema@.connector_dead_letters (workspace_id, id)
    WHERE redriven_at IS NULL;
CREATE INDEX connector_dead_letters_age ON @extschema@.connector_dead_letters (failed_at);

ALTER TABLE @extschema@.connector_dead_letters ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_dead_letters FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_dead_letters FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_dead_letters FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_dead_letters FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_dead_letters FOR DELETE USING (false);
-- Not input, claims and checkpoint: as in the queue, they are not redacted.
GRANT SELECT (workspace_id, id, connector_id, connector_name, error_code, error_message, failed_step, http_status,
              attempt, priority, failed_at, created_at, identity, run_as, correlation_id,
              redriven_as, redriven_at, redriven_by)
    ON @extschema@.connector_dead_letters TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_dead_letters', '');
-- Pauses: queued work that is held back until somebody lets it go on.

CREATE TABLE @extschema@.connector_pauses (
    workspace_id uuid NOT NULL,
    kind         text NOT NULL
                 CHECK (kind OPERATOR(pg_catalog.=) ANY (ARRAY['workspace', 'connector', 'service'])),
    target       text NOT NULL,
    paused_by    text,
    paused_at    timestamptz NOT NULL,
    reason       text,
    PRIMARY KEY (workspace_id, kind, target)
);
COMMENT ON TABLE @extschema@.connector_pauses IS
'What connector_pause() holds back in the queue, until connector_resume(). Calls that are not queued go on.';
COMMENT ON COLUMN @extschema@.connector_pauses.target IS
'Of a connector its id, of a service its name, of the workspace nothing.';

CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
    ON @extschema@.connector_pauses
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._connector_changed();
ALTER TABLE @extschema@.connector_pauses ENABLE ALWAYS TRIGGER changed;

ALTER TABLE @extschema@.connector_pauses ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_pauses FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_pauses FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_pauses FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_pauses FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_pauses FOR DELETE USING (false);
GRANT SELECT ON @extschema@.connector_pauses TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_pauses', '');

-- A workspace takes with it what is queued in it.
CREATE FUNCTION @extschema@._connector_workspace_gone() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'connector_workspace_gone';
COMMENT ON FUNCTION @extschema@._connector_workspace_gone() IS
'Trigger of connector_workspaces: deletes the queue, idempotency keys, dead letters and pauses of a workspace that goes; they have no foreign keys.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_workspace_gone() FROM PUBLIC;

CREATE TRIGGER workspace_gone AFTER DELETE ON @extschema@.connector_workspaces
    FOR EACH ROW EXECUTE FUNCTION @extschema@._connector_workspace_gone();
CREATE TRIGGER workspaces_gone AFTER TRUNCATE ON @extschema@.connector_workspaces
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._connector_workspace_gone();
-- Templates: definitions without secrets, published by a workspace or official, to install elsewhere.

-- Official templates belong to no workspace: they have the nil uuid in its place.  So a name is unique
-- within each publisher and among the official ones, and no key reaches across workspaces.
CREATE TABLE @extschema@.connector_templates (
    workspace_id   uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    id             uuid NOT NULL,
    publisher      uuid GENERATED ALWAYS AS (
                       NULLIF(workspace_id, '00000000-0000-0000-0000-000000000000'::uuid)) STORED
                   REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    name           text NOT NULL CHECK (name OPERATOR(pg_catalog.~) '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    title          text NOT NULL CHECK (title OPERATOR(pg_catalog.<>) ''),
    description    text,
    category       text NOT NULL DEFAULT 'other'
                   CHECK (category OPERATOR(pg_catalog.~) '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    icon           text,
    tags           text[] NOT NULL DEFAULT '{}',
    config         jsonb NOT NULL,
    input_schema   jsonb,
    field_mappings jsonb,
    timeout_ms     integer NOT NULL DEFAULT 30000
                   CHECK (timeout_ms OPERATOR(pg_catalog.>=) 1000 AND timeout_ms OPERATOR(pg_catalog.<=) 60000),
    max_retries    integer NOT NULL DEFAULT 0
                   CHECK (max_retries OPERATOR(pg_catalog.>=) 0 AND max_retries OPERATOR(pg_catalog.<=) 5),
    continue_on_error boolean NOT NULL DEFAULT false,
    log_response_data boolean NOT NULL DEFAULT true,
    requires_credentials jsonb NOT NULL DEFAULT '[]'
                   CHECK (pg_catalog.jsonb_typeof(requires_credentials) OPERATOR(pg_catalog.=) 'array'),
    version        integer NOT NULL DEFAULT 1,
    is_official    boolean NOT NULL GENERATED ALWAYS AS (
                       workspace_id OPERATOR(pg_catalog.=) '00000000-0000-0000-0000-000000000000'::uuid) STORED,
    is_featured    boolean NOT NULL DEFAULT false,
    is_public      boolean NOT NULL DEFAULT true,
    status         text NOT NULL DEFAULT 'published'
                   CHECK (status OPERATOR(pg_catalog.=) ANY (ARRAY['draft', 'published', 'unpublished', 'hidden'])),
    status_reason  text,
    builtin        boolean NOT NULL DEFAULT false,
    install_count  bigint NOT NULL DEFAULT 0,
    rating_sum     bigint NOT NULL DEFAULT 0,
    rating_count   bigint NOT NULL DEFAULT 0,
    rating         numeric GENERATED ALWAYS AS (pg_catalog.round(
                       rating_sum::numeric OPERATOR(pg_catalog./) NULLIF(rating_count, 0), 2)) STORED,
    published_by   text,
    published_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, name)
);
CREATE INDEX connector_templates_id ON @extschema@.connector_templates (id);
CREATE INDEX connector_templates_publisher ON @extschema@.connector_templates (publisher);
COMMENT ON TABLE @extschema@.connector_templates IS
'Connector definitions to install, without secrets: official ones, and those that workspaces published. Written by the connector_template_... functions; the counters are folded in from time to time, connector_template_browse() is exact.';
COMMENT ON COLUMN @extschema@.connector_templates.workspace_id IS
'The workspace that published it; the nil uuid for official templates.';
COMMENT ON COLUMN @extschema@.connector_templates.requires_credentials IS
'The credentials the definition refers to: [{"service", "label", "kind", "parameters", "allowed_hosts", "description"}], all but service optional.';
COMMENT ON COLUMN @extschema@.connector_templates.status IS
'published; unpublished by its publisher; hidden by a moderator; draft: an official one that waits for approval.';
COMMENT ON COLUMN @extschema@.connector_templates.builtin IS
'It came with the extension and was not changed since.';

CREATE TABLE @extschema@.connector_template_ratings (
    workspace_id uuid NOT NULL
                 REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    template_id  uuid NOT NULL,
    rating       smallint NOT NULL
                 CHECK (rating OPERATOR(pg_catalog.>=) 1 AND rating OPERATOR(pg_catalog.<=) 5),
    previous     smallint,
    rated_by     text,
    rated_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (workspace_id, template_id)
);
COMMENT ON TABLE @extschema@.connector_template_ratings IS
'Which rating a workspace gave a template; one each.';
COMMENT ON COLUMN @extschema@.connector_template_ratings.previous IS
'The rating this one replaced, by which the sum of the template changed less; null for the first one.';

-- How a connector that was made from a template was made, for its upgrade.
CREATE TABLE @extschema@.connector_template_installs (
    workspace_id      uuid NOT NULL,
    connector_id      uuid NOT NULL,
    template_id       uuid NOT NULL,
    connector_version integer NOT NULL,
    credentials       jsonb NOT NULL,
    installed_by      text,
    installed_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (workspace_id, connector_id),
    FOREIGN KEY (workspace_id, connector_id)
        REFERENCES @extschema@.connectors (workspace_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE @extschema@.connector_template_installs IS
'Connectors that were installed from a template: which version of the connector that made, and which credentials were chosen.';
COMMENT ON COLUMN @extschema@.connector_template_installs.credentials IS
'{"service/label in the template": "service/label in the workspace"}.';

-- Counts that are not in connector_templates yet: rows are only added, so nobody waits for a counter.
-- workspace_id is that of the template; who installed or rated is not said.
CREATE TABLE @extschema@.connector_template_deltas (
    workspace_id uuid NOT NULL,
    id           uuid NOT NULL,
    template_id  uuid NOT NULL,
    installs     integer NOT NULL,
    rating_sum   integer NOT NULL,
    ratings      integer NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
COMMENT ON TABLE @extschema@.connector_template_deltas IS
'Installs and ratings that connector_maintain() has not added to connector_templates yet.';

-- The words a template is found by.
CREATE FUNCTION @extschema@._connector_template_words(
    name text, title text, description text, category text, tags text[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT to_tsvector('simple'::regconfig, concat_ws(' ', name, title, description, category, array_to_string(tags, ' '))) $$;
COMMENT ON FUNCTION @extschema@._connector_template_words(text, text, text, text, text[]) IS
'What the text search of connector_template_browse looks through.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_template_words(text, text, text, text, text[]) FROM PUBLIC;
CREATE INDEX connector_templates_words ON @extschema@.connector_templates
    USING gin (@extschema@._connector_template_words(name, title, description, category, tags));

CREATE FUNCTION @extschema@._connector_template_before_save() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'connector_template_before_save';
COMMENT ON FUNCTION @extschema@._connector_template_before_save() IS
'Row trigger of connector_templates: refuses a definition with problems or with a literal secret (22023, every path in DETAIL), and joins what a dump has of the built-in templates with those of this version.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_template_before_save() FROM PUBLIC;

-- Neither the counters nor what a moderator sets are among the columns.
CREATE TRIGGER before_save BEFORE INSERT OR UPDATE OF workspace_id, id, name, title, description, category,
        icon, tags, config, input_schema, field_mappings, requires_credentials
    ON @extschema@.connector_templates
    FOR EACH ROW EXECUTE FUNCTION @extschema@._connector_template_before_save();

-- A member of any workspace sees what is public.  What is not, its own workspace and the
-- administrators of the installation see; asking for those comes last, it is a query.
ALTER TABLE @extschema@.connector_templates ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_templates FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_templates FOR SELECT
    USING ((is_public AND status OPERATOR(pg_catalog.=) 'published'
            AND @extschema@.connector_my_workspaces('read') OPERATOR(pg_catalog.<>) '{}')
        OR workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read'))
        OR @extschema@.connector_is_admin());
CREATE POLICY connector_insert ON @extschema@.connector_templates FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_templates FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_templates FOR DELETE USING (false);
GRANT SELECT ON @extschema@.connector_templates TO PUBLIC;

ALTER TABLE @extschema@.connector_template_ratings ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_template_ratings FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_template_ratings FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_template_ratings FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_template_ratings FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_template_ratings FOR DELETE USING (false);
GRANT SELECT ON @extschema@.connector_template_ratings TO PUBLIC;

ALTER TABLE @extschema@.connector_template_installs ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_template_installs FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_template_installs FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_template_installs FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_template_installs FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_template_installs FOR DELETE USING (false);
GRANT SELECT ON @extschema@.connector_template_installs TO PUBLIC;

ALTER TABLE @extschema@.connector_template_deltas ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_template_deltas FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_template_deltas FOR SELECT USING (false);
CREATE POLICY connector_insert ON @extschema@.connector_template_deltas FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_template_deltas FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_template_deltas FOR DELETE USING (false);

-- A dump has the rows of built-in templates, too: whether they are featured or hidden, and their counters,
-- are the installation's own.  The trigger takes those from it, and the definitions from this version.
SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_templates', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_template_ratings', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_template_installs', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_template_deltas', '');

-- Publishing and installing.

CREATE FUNCTION @extschema@.connector_template_publish(
    connector text, name text DEFAULT NULL, title text DEFAULT NULL, description text DEFAULT NULL,
    category text DEFAULT NULL, tags text[] DEFAULT NULL, is_public boolean DEFAULT true,
    workspace text DEFAULT NULL)
RETURNS uuid
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_publish';
COMMENT ON FUNCTION @extschema@.connector_template_publish(text, text, text, text, text, text[], boolean, text) IS
'Publishes a connector (name or id) as a template of the workspace and returns the template''s id; under a name that the workspace has published before it makes a new version. Needs write. Errors: 22023 malformed name, category or tags, or a literal secret in the definition (every path in DETAIL), 42704 unknown connector.';

CREATE FUNCTION @extschema@.connector_template_unpublish(template text, workspace text DEFAULT NULL)
RETURNS void
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_unpublish';
COMMENT ON FUNCTION @extschema@.connector_template_unpublish(text, text) IS
'Takes a template of the workspace (name or id) back: others do not see it any more. Connectors made from it stay. Publishing it again undoes it. Needs write. Error 42704 unknown template.';

CREATE FUNCTION @extschema@.connector_template_install(
    template text, name text DEFAULT NULL, credentials jsonb DEFAULT '{}', workspace text DEFAULT NULL)
RETURNS uuid
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_install';
COMMENT ON FUNCTION @extschema@.connector_template_install(text, text, jsonb, text) IS
'Makes a connector of a template (name or id) and returns the connector''s id. credentials says for each service either the label of a stored credential or, as an object, one to store. Needs write, and admin to store a credential. Errors: 42704 unknown template or credential, 42710 name taken, NC019 credentials are missing (all of them in DETAIL), 22023 bad argument.';

CREATE FUNCTION @extschema@.connector_template_upgrade(
    connector text, force boolean DEFAULT false, workspace text DEFAULT NULL)
RETURNS integer
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_upgrade';
COMMENT ON FUNCTION @extschema@.connector_template_upgrade(text, boolean, text) IS
'Brings a connector to the newest version of the template it was installed from, with its name and its choice of credentials, and returns that version. Needs write. Errors: 55000 not made from a template, or changed since and not forced, 42704 unknown connector or template, NC019 credentials are missing.';

CREATE FUNCTION @extschema@.connector_template_updates(
    workspace text DEFAULT NULL,
    OUT connector text, OUT connector_id uuid, OUT template text, OUT template_id uuid,
    OUT installed_version integer, OUT latest_version integer)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.name, c.id, t.name, t.id, c.created_from_template_version, t.version
      FROM @extschema@.connectors c
      JOIN @extschema@.connector_templates t ON t.id = c.created_from_template
     WHERE c.workspace_id = @extschema@.connector_current_workspace(connector_template_updates.workspace)
       AND t.version > c.created_from_template_version
     ORDER BY c.name
$$;
COMMENT ON FUNCTION @extschema@.connector_template_updates(text) IS
'Connectors of the workspace whose template has a newer version than the one they were made from.';

-- Finding and rating.

CREATE TYPE @extschema@.connector_template_entry AS (
    id                   uuid,
    name                 text,
    title                text,
    description          text,
    category             text,
    icon                 text,
    tags                 text[],
    version              integer,
    is_official          boolean,
    is_featured          boolean,
    is_public            boolean,
    status               text,
    install_count        bigint,
    rating               numeric,
    rating_count         bigint,
    requires_credentials jsonb,
    published_by         text,
    published_at         timestamptz,
    updated_at           timestamptz
);
COMMENT ON TYPE @extschema@.connector_template_entry IS
'A template as connector_template_browse() shows it: all but its definition.';

-- Run as the owner, so it says itself who sees what, as the policy does.
CREATE FUNCTION @extschema@._connector_template_list(
    category text, search text, featured boolean, official boolean, max_rows integer,
    skip_rows integer, workspaces uuid[], sees_all boolean)
RETURNS SETOF @extschema@.connector_template_entry
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.id, t.name, t.title, t.description, t.category, t.icon, t.tags, t.version,
           t.is_official, t.is_featured, t.is_public, t.status,
           t.install_count + coalesce(d.installs, 0), c.rating, c.count, t.requires_credentials,
           t.published_by, t.published_at, t.updated_at
      FROM @extschema@.connector_templates t
      LEFT JOIN (SELECT p.workspace_id, p.template_id, sum(p.installs) AS installs,
                        sum(p.rating_sum) AS rating_sum, sum(p.ratings) AS ratings
                   FROM @extschema@.connector_template_deltas p
                  GROUP BY p.workspace_id, p.template_id) d
        ON d.workspace_id = t.workspace_id AND d.template_id = t.id
     CROSS JOIN LATERAL (
        SELECT t.rating_count + coalesce(d.ratings, 0) AS count,
               round((t.rating_sum + coalesce(d.rating_sum, 0))::numeric
                     / nullif(t.rating_count + coalesce(d.ratings, 0), 0), 2) AS rating) c
     WHERE ((t.is_public AND t.status = 'published' AND workspaces <> '{}')
            OR t.workspace_id = ANY (workspaces) OR sees_all)
       AND (_connector_template_list.category IS NULL OR t.category = _connector_template_list.category)
       AND (featured IS NULL OR t.is_featured = featured)
       AND (official IS NULL OR t.is_official = official)
       AND (search IS NULL
            OR @extschema@._connector_template_words(t.name, t.title, t.description, t.category, t.tags)
               @@ websearch_to_tsquery('simple'::regconfig, search))
     ORDER BY t.is_featured DESC, c.rating DESC NULLS LAST,
              t.install_count + coalesce(d.installs, 0) DESC, t.name, t.id
     LIMIT max_rows OFFSET skip_rows
$$;
COMMENT ON FUNCTION @extschema@._connector_template_list(text, text, boolean, boolean, integer, integer, uuid[], boolean) IS
'What connector_template_browse gives to a member of these workspaces.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_template_list(text, text, boolean, boolean, integer, integer, uuid[], boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.connector_template_browse(
    category text DEFAULT NULL, search text DEFAULT NULL, featured boolean DEFAULT NULL,
    official boolean DEFAULT NULL, max_rows integer DEFAULT 50, skip_rows integer DEFAULT 0)
RETURNS SETOF @extschema@.connector_template_entry
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_browse';
COMMENT ON FUNCTION @extschema@.connector_template_browse(text, text, boolean, boolean, integer, integer) IS
'Templates the caller may install, with exact counts: featured ones first, then by rating and installs. search is in the syntax of web searches, over name, title, description, category and tags. Error 22023 max_rows not in 1 to 1000 or skip_rows negative.';

CREATE FUNCTION @extschema@.connector_template_rate(
    template text, rating integer, workspace text DEFAULT NULL) RETURNS void
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_rate';
COMMENT ON FUNCTION @extschema@.connector_template_rate(text, integer, text) IS
'Gives a template (name or id) the workspace''s rating, 1 to 5, in place of an earlier one. Needs execute. Errors: 22023 another rating, 42704 unknown template.';

-- Curating.

CREATE FUNCTION @extschema@.connector_template_feature(template text, featured boolean DEFAULT true)
RETURNS void
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_feature';
COMMENT ON FUNCTION @extschema@.connector_template_feature(text, boolean) IS
'Features a template, or no longer. Needs the permission templates.feature (connector_admins). Errors: 42501 not allowed, 42704 unknown template.';

CREATE FUNCTION @extschema@.connector_template_moderate(
    template text, action text, reason text DEFAULT NULL) RETURNS uuid
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_moderate';
COMMENT ON FUNCTION @extschema@.connector_template_moderate(text, text, text) IS
'hide: only its publisher and administrators see the template any more. publish: everybody does again; approves an official draft. make_official: copies it among the official ones, or makes a new version of the official one of its name; a draft unless the caller has templates.official. Returns the id of the template, or of the copy. Errors: 42501 not allowed, 42704 unknown template, 22023 unknown action, 55000 wrong state.';

-- Folding, as with the statistics of connectors: templates that somebody is changing wait for the next time.
CREATE FUNCTION @extschema@._connector_fold_templates() RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH locked AS (
        SELECT t.workspace_id, t.id FROM @extschema@.connector_templates t
         WHERE EXISTS (SELECT FROM @extschema@.connector_template_deltas d
                        WHERE d.workspace_id = t.workspace_id AND d.template_id = t.id)
           FOR NO KEY UPDATE SKIP LOCKED
    ), taken AS (
        DELETE FROM @extschema@.connector_template_deltas d
         WHERE EXISTS (SELECT FROM locked l
                        WHERE l.workspace_id = d.workspace_id AND l.id = d.template_id)
            OR NOT EXISTS (SELECT FROM @extschema@.connector_templates t
                            WHERE t.workspace_id = d.workspace_id AND t.id = d.template_id)
        RETURNING d.*
    ), folded AS (
        UPDATE @extschema@.connector_templates t
           SET install_count = t.install_count + s.installs,
               rating_sum = t.rating_sum + s.rating_sum,
               rating_count = t.rating_count + s.ratings
          FROM (SELECT k.workspace_id, k.template_id, sum(k.installs) AS installs,
                       sum(k.rating_sum) AS rating_sum, sum(k.ratings) AS ratings
                  FROM taken k GROUP BY k.workspace_id, k.template_id) s
         WHERE t.workspace_id = s.workspace_id AND t.id = s.template_id
    )
    SELECT count(*) FROM taken
$$;
COMMENT ON FUNCTION @extschema@._connector_fold_templates() IS
'Adds the pending installs and ratings to connector_templates and returns how many rows it took. Never waits for a row.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_fold_templates() FROM PUBLIC;
-- Official templates.  Their ids stay what they are: connectors remember them.  A later version of the
-- extension changes one with its version, where builtin, and never one that the installation has changed.

INSERT INTO @extschema@.connector_templates
    (id, name, title, category, icon, tags, is_featured, description, requires_credentials, input_schema, config,
     builtin, published_by, published_at, updated_at)
SELECT v.id::uuid, v.name, v.title, v.category, v.icon, v.tags::text[], v.is_featured,
       btrim(regexp_replace(v.description, '\s*\n\s*', ' ', 'g')), v.requires_credentials::jsonb,
       v.input_schema::jsonb, v.config::jsonb, true, 'connector', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00'
  FROM (VALUES

('5c0e7a1e-0000-4000-8000-000000000001', 'phone-enrichment', 'Phone enrichment (AudienceAcuity)',
 'enrichment', 'phone', '{phone,person,enrichment,audienceacuity}', false,
$text$
Finds the identities behind a phone number with AudienceAcuity's GET /v2/identities/byPhone, and returns the
reply as it is: its fields are those of the reply template of your account, whose number goes into the input
"template" (79123584 is "Compact Contacts").
Credential: AudienceAcuity signs each request anew (Bearer, then key id, time in milliseconds and an MD5 over
time and secret), which no kind of credential does yet. Until then let a small relay of yours sign the
requests: store the relay's own token as "token", its address as parameter "base_url", and its host in
"allowed_hosts".
$text$,
$json$[{"service": "audienceacuity", "kind": "bearer", "parameters": {"base_url": "https://api.audienceacuity.com"},
  "allowed_hosts": ["api.audienceacuity.com"],
  "description": "The token of the relay that signs for AudienceAcuity, and its address as base_url; the key itself is made in the profile page of AudienceAcuity."}]$json$,
$json${"type": "object", "required": ["phone"], "properties": {
  "phone": {"type": "string", "description": "The number, as digits."},
  "template": {"type": "integer", "description": "Number of the reply template."}}}$json$,
$json${"method": "GET", "url": "{{workspace.base_url}}/v2/identities/byPhone", "credential": "audienceacuity",
  "query": {"phone": "{{input.phone}}", "template": "{{input.template | default(79123584)}}"},
  "timeout_ms": 10000, "retries": 2}$json$),

('5c0e7a1e-0000-4000-8000-000000000002', 'company-data', 'Company data (Clearbit)',
 'enrichment', 'building', '{company,domain,enrichment,clearbit}', false,
$text$
Looks up a company by its domain with Clearbit's Company API: name, industry, size, place and more.
A domain that Clearbit does not know ends as not_found; one that it is looking up (HTTP 202) is asked for again.
Credential: the secret API key of a Clearbit account. Accounts made since HubSpot took Clearbit over have none;
the key of an older account goes on working.
$text$,
$json$[{"service": "clearbit", "kind": "bearer", "allowed_hosts": ["person.clearbit.com", "company.clearbit.com"],
  "description": "Secret API key (sk_...) of a Clearbit account."}]$json$,
$json${"type": "object", "required": ["domain"], "properties": {
  "domain": {"type": "string", "description": "Domain of the company, such as example.com."}}}$json$,
$json${"method": "GET", "url": "https://company.clearbit.com/v2/companies/find", "credential": "clearbit",
  "query": {"domain": "{{input.domain | trim | lower}}"},
  "output": {"name": "$.name", "legal_name": "$.legalName", "domain": "$.domain", "description": "$.description",
    "industry": "$.category.industry", "sector": "$.category.sector", "tags": "$.tags",
    "employees": "$.metrics.employees", "annual_revenue": "$.metrics.annualRevenue",
    "founded_year": "$.foundedYear", "phone": "$.phone", "city": "$.geo.city", "country": "$.geo.countryCode",
    "linkedin": "$.linkedin.handle", "tech": "$.tech"},
  "error_rules": [{"status": 202, "code": "not_found", "action": "retry",
    "message": "the company is still being looked up"}],
  "timeout_ms": 10000, "retries": 2}$json$),

('5c0e7a1e-0000-4000-8000-000000000003', 'email-validation', 'E-mail validation (ZeroBounce)',
 'validation', 'mail-check', '{email,validation,deliverability,zerobounce}', false,
$text$
Asks ZeroBounce whether an e-mail address can be delivered to. "status" is valid, invalid, catch-all, unknown,
spamtrap, abuse or do_not_mail, "sub_status" says why; an address that is invalid is an answer, not an error.
Credential: the API key from the API page of a ZeroBounce account; each answer costs a credit.
$text$,
$json$[{"service": "zerobounce", "kind": "api_key", "parameters": {"in": "query", "name": "api_key"},
  "allowed_hosts": ["api.zerobounce.net"],
  "description": "API key of a ZeroBounce account. ZeroBounce takes it as a query parameter."}]$json$,
$json${"type": "object", "required": ["email"], "properties": {
  "email": {"type": "string"},
  "ip_address": {"type": "string", "description": "Address that the e-mail address was entered from."}}}$json$,
$json${"method": "GET", "url": "https://api.zerobounce.net/v2/validate", "credential": "zerobounce",
  "query": [{"name": "email", "input": "email"}, {"name": "ip_address", "input": "ip_address", "optional": true}],
  "output": {"address": "$.address", "status": "$.status", "sub_status": "$.sub_status",
    "did_you_mean": "$.did_you_mean", "free_email": "$.free_email", "domain": "$.domain", "mx_found": "$.mx_found",
    "smtp_provider": "$.smtp_provider", "processed_at": "$.processed_at"},
  "error_rules": [
    {"path": "$.error ? (@ like_regex \"api key\" flag \"i\")", "code": "auth_failed",
      "message": "ZeroBounce refuses the key, or its credits are used up"},
    {"path": "$.error", "code": "validation_failed", "message": "ZeroBounce refuses the request"}],
  "timeout_ms": 30000, "retries": 1}$json$),

('5c0e7a1e-0000-4000-8000-000000000004', 'hubspot-contact-upsert', 'HubSpot: create or update a contact',
 'crm', 'user-plus', '{hubspot,crm,contact,upsert}', true,
$text$
Creates a contact in HubSpot or, if there is one with this e-mail address, updates it: one call of
POST /crm/v3/objects/contacts/batch/upsert. "properties" are HubSpot's own names, such as firstname, lastname,
phone and lifecyclestage, with texts as values. The same call twice does no harm.
Credential: the access token of a private app (Settings, Integrations, Private Apps) with the scopes
crm.objects.contacts.read and crm.objects.contacts.write.
$text$,
$json$[{"service": "hubspot", "kind": "bearer", "allowed_hosts": ["api.hubapi.com"],
  "description": "Access token of a HubSpot private app with scopes crm.objects.contacts.read and crm.objects.contacts.write."}]$json$,
$json${"type": "object", "required": ["email", "properties"], "properties": {
  "email": {"type": "string"},
  "properties": {"type": "object", "description": "Properties of the contact by HubSpot's names."}}}$json$,
$json${"method": "POST", "url": "https://api.hubapi.com/crm/v3/objects/contacts/batch/upsert",
  "credential": "hubspot",
  "body": {"inputs": [{"idProperty": "email", "id": "{{input.email}}", "properties": "{{input.properties}}"}]},
  "output": {"id": "$.results[0].id", "created": "$.results[0].new", "properties": "$.results[0].properties"},
  "error_rules": [
    {"status": 207, "path": "$.errors[0].message", "code": "validation_failed",
      "message": "HubSpot refuses the contact"},
    {"status": 429, "path": "$.policyName", "equals": "DAILY", "code": "rate_limited", "action": "fail",
      "message": "the daily limit of the HubSpot account is used up"}],
  "idempotent": true, "timeout_ms": 15000, "retries": 3}$json$),

('5c0e7a1e-0000-4000-8000-000000000005', 'salesforce-lead-enrichment', 'Salesforce: enrich a lead',
 'crm', 'target', '{salesforce,crm,lead,enrichment,clearbit}', false,
$text$
Finds the newest unconverted lead with an e-mail address in Salesforce, looks up the company of the address's
domain at Clearbit, and fills in what the lead has not: website, industry, number of employees and phone. What
it has stays. Without a lead, or without a company, nothing is changed; "update" says what became of that step.
Credentials: for Salesforce an access token with scope api as "token", and the My Domain address, such as
https://acme.my.salesforce.com, as parameter "instance_url"; for Clearbit the secret API key.
$text$,
$json$[{"service": "salesforce", "kind": "bearer", "allowed_hosts": ["*.my.salesforce.com"],
  "parameters": {"instance_url": "https://your-domain.my.salesforce.com"},
  "description": "Access token of a connected app (scope api), and parameter instance_url, the My Domain address that comes with it."},
 {"service": "clearbit", "kind": "bearer", "allowed_hosts": ["person.clearbit.com", "company.clearbit.com"],
  "description": "Secret API key (sk_...) of a Clearbit account."}]$json$,
$json${"type": "object", "required": ["email"], "properties": {"email": {"type": "string"}}}$json$,
$json${"type": "multi-step", "steps": [
    {"id": "lead", "name": "Find the lead", "method": "GET", "credential": "salesforce",
     "url": "{{workspace.instance_url}}/services/data/v59.0/query",
     "query": {"q": "SELECT Id, Website, Industry, NumberOfEmployees, Phone FROM Lead WHERE Email = '{{input.email | replace(\"\\\\\", \"\\\\\\\\\") | replace(\"'\", \"\\\\'\")}}' AND IsConverted = false ORDER BY LastModifiedDate DESC LIMIT 1"},
     "output": {"id": "$.records[0].Id", "website": "$.records[0].Website", "industry": "$.records[0].Industry",
       "employees": "$.records[0].NumberOfEmployees", "phone": "$.records[0].Phone"}},
    {"id": "company", "name": "Look up the company", "method": "GET", "credential": "clearbit",
     "condition": "{{lead.id}} !== null", "continue_on_error": true,
     "url": "https://company.clearbit.com/v2/companies/find",
     "query": {"domain": "{{input.email | split(\"@\") | last | trim | lower}}"},
     "output": {"name": "$.name", "domain": "$.domain", "industry": "$.category.industry",
       "employees": "$.metrics.employees", "phone": "$.phone"},
     "error_rules": [{"status": 202, "code": "not_found", "action": "retry",
       "message": "the company is still being looked up"}]},
    {"id": "update", "name": "Fill in the lead", "method": "PATCH", "credential": "salesforce",
     "condition": "{{lead.id}} !== null && {{company.name}} !== null",
     "url": "{{workspace.instance_url}}/services/data/v59.0/sobjects/Lead/{{lead.id}}",
     "body": {"Website": "{{lead.website | default(company.domain)}}",
       "Industry": "{{lead.industry | default(company.industry)}}",
       "NumberOfEmployees": "{{lead.employees | default(company.employees)}}",
         "Phone": "{{lead.phone | default(company.phone)}}"},
     "response": "none", "idempotent": true}],
  "error_rules": [{"status": 403, "contains": "REQUEST_LIMIT_EXCEEDED", "code": "rate_limited", "action": "fail",
    "message": "the daily limit of the Salesforce organization is used up"}],
  "result": {"lead_id": "{{lead.id}}", "company": "{{company | default(null)}}", "update": "{{steps.update.status}}"},
  "timeout_ms": 20000, "retries": 2}$json$),

('5c0e7a1e-0000-4000-8000-000000000006', 'slack-notification', 'Slack notification',
 'messaging', 'message', '{slack,message,notification,chat}', true,
$text$
Posts a message to a Slack channel (chat.postMessage). "blocks", if given, is the text of Slack's JSON array of
blocks; "thread_ts" answers in a thread. Slack answers errors with HTTP 200; they end as such all the same.
Credential: the bot token (xoxb-...) of a Slack app that is installed in the Slack workspace with scope
chat:write (OAuth & Permissions); invite the bot to the channel.
$text$,
$json$[{"service": "slack", "kind": "bearer", "allowed_hosts": ["slack.com"],
  "description": "Bot token of a Slack app with scope chat:write."}]$json$,
$json${"type": "object", "required": ["channel", "text"], "properties": {
  "channel": {"type": "string", "description": "Id of the channel, or its name with #."},
  "text": {"type": "string"}, "thread_ts": {"type": "string"}, "blocks": {"type": "string"}}}$json$,
$json${"method": "POST", "url": "https://slack.com/api/chat.postMessage", "credential": "slack", "body_type": "form",
  "body": [{"name": "channel", "input": "channel"}, {"name": "text", "input": "text"},
    {"name": "thread_ts", "input": "thread_ts", "optional": true},
    {"name": "blocks", "input": "blocks", "optional": true}],
  "output": {"channel": "$.channel", "ts": "$.ts"},
  "error_rules": [
    {"path": "$.error ? (@ like_regex \"^(not_authed|invalid_auth|account_inactive|token_revoked|token_expired)$\")",
      "code": "auth_failed", "message": "Slack refuses the token"},
    {"path": "$.error ? (@ like_regex \"^(missing_scope|not_in_channel|no_permission|is_archived|ekm_access_denied|restricted_action)\")",
      "code": "permission_denied", "message": "Slack does not let the bot post there"},
    {"path": "$.error", "equals": "channel_not_found", "code": "not_found", "message": "Slack knows no such channel"},
    {"path": "$.error ? (@ == \"ratelimited\" || @ == \"rate_limited\")", "code": "rate_limited",
      "action": "rate_limited", "message": "Slack asks to wait"},
    {"path": "$.ok", "equals": false, "code": "validation_failed",
      "message": "Slack refuses the message"}],
  "timeout_ms": 10000, "retries": 2}$json$),

('5c0e7a1e-0000-4000-8000-000000000007', 'stripe-customer-lookup', 'Stripe: look up a customer',
 'payments', 'credit-card', '{stripe,payments,customer}', false,
$text$
Finds the newest customer with an e-mail address in Stripe. With "create": true one is created if there is none;
that request carries an Idempotency-Key, so that repeating it makes no second customer.
Credential: a secret key or, better, a restricted key (rk_...) with read, and for creating write, access to
customers, from the API keys page of the Stripe dashboard.
$text$,
$json$[{"service": "stripe", "kind": "bearer", "allowed_hosts": ["api.stripe.com"],
  "description": "Secret or restricted key with access to customers."}]$json$,
$json${"type": "object", "required": ["email"], "properties": {
  "email": {"type": "string"}, "name": {"type": "string", "description": "Of a new customer."},
  "create": {"type": "boolean", "description": "Create a customer if there is none."}}}$json$,
$json${"type": "multi-step", "credential": "stripe", "steps": [
    {"id": "find", "name": "Find the customer", "method": "GET", "url": "https://api.stripe.com/v1/customers",
     "query": {"email": "{{input.email}}", "limit": 1}, "headers": {"Stripe-Version": "2024-06-20"},
     "output": {"id": "$.data[0].id", "email": "$.data[0].email", "name": "$.data[0].name",
       "phone": "$.data[0].phone",
       "currency": "$.data[0].currency", "balance": "$.data[0].balance", "delinquent": "$.data[0].delinquent",
       "created": "$.data[0].created", "metadata": "$.data[0].metadata"}},
    {"id": "create", "name": "Create one", "method": "POST", "url": "https://api.stripe.com/v1/customers",
     "condition": "{{find.id}} === null && {{input.create}} === true",
     "headers": {"Stripe-Version": "2024-06-20"}, "body_type": "form",
     "body": {"email": "{{input.email}}", "name": "{{input.name | default(null)}}"},
     "idempotency_header": "Idempotency-Key",
     "output": {"id": "$.id", "email": "$.email", "name": "$.name", "phone": "$.phone", "currency": "$.currency",
       "balance": "$.balance", "delinquent": "$.delinquent", "created": "$.created", "metadata": "$.metadata"}}],
  "result": {"customer": "{{create | default(find)}}", "created": "{{steps.create.status}}"},
  "timeout_ms": 20000, "retries": 2}$json$),

('5c0e7a1e-0000-4000-8000-000000000008', 'github-issue-creation', 'GitHub: create an issue',
 'development', 'git-branch', '{github,issue,development}', false,
$text$
Creates an issue in a GitHub repository. "issue" is GitHub's own object: title, and if wanted body, labels,
assignees and milestone. It is sent once: whether a request that got no answer made an issue is not known.
Credential: a fine-grained personal access token for the repository with permission Issues: read and write, or
a classic one with scope repo.
$text$,
$json$[{"service": "github", "kind": "bearer", "allowed_hosts": ["api.github.com"],
  "description": "Personal access token with write access to the issues of the repository."}]$json$,
$json${"type": "object", "required": ["owner", "repo", "issue"], "properties": {
  "owner": {"type": "string"}, "repo": {"type": "string"},
  "issue": {"type": "object", "required": ["title"], "properties": {
    "title": {"type": "string"}, "body": {"type": "string"},
    "labels": {"type": "array", "items": {"type": "string"}},
    "assignees": {"type": "array", "items": {"type": "string"}}, "milestone": {"type": "integer"}}}}}$json$,
$json${"method": "POST", "url": "https://api.github.com/repos/{{input.owner}}/{{input.repo}}/issues",
  "credential": "github",
  "headers": {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
  "body": "{{input.issue}}",
  "output": {"number": "$.number", "id": "$.id", "url": "$.html_url", "state": "$.state"},
  "error_rules": [
    {"status": 403, "contains": "rate limit", "code": "rate_limited", "action": "rate_limited",
      "message": "GitHub asks to wait"},
    {"status": 410, "code": "not_found", "message": "issues are switched off in the repository"}],
  "timeout_ms": 15000, "retries": 2}$json$),

('5c0e7a1e-0000-4000-8000-000000000009', 'twilio-sms', 'Twilio SMS',
 'messaging', 'smartphone', '{twilio,sms,message,notification}', false,
$text$
Sends a text message with Twilio. Give the sender as "from" (a number of yours) or as "messaging_service_sid".
It is sent once: whether a request that got no answer sent a message is not known, and not tried again.
Credential: the Account SID (AC...) as user name and as parameter "account_sid", and the Auth Token as password, from
the Twilio console; or an API key and its secret, and the Account SID as parameter.
$text$,
$json$[{"service": "twilio", "kind": "basic", "allowed_hosts": ["api.twilio.com"],
  "description": "Account SID as username and as parameter account_sid, Auth Token as password."}]$json$,
$json${"type": "object", "required": ["to", "body"], "properties": {
  "to": {"type": "string", "description": "Number in E.164 form, such as +14155550123."},
  "body": {"type": "string"}, "from": {"type": "string"}, "messaging_service_sid": {"type": "string"},
  "status_callback": {"type": "string"}}}$json$,
$json${"method": "POST", "url": "https://api.twilio.com/2010-04-01/Accounts/{{workspace.account_sid}}/Messages.json",
  "credential": "twilio", "body_type": "form",
  "body": [{"name": "To", "input": "to"}, {"name": "Body", "input": "body"},
    {"name": "From", "input": "from", "optional": true},
    {"name": "MessagingServiceSid", "input": "messaging_service_sid", "optional": true},
    {"name": "StatusCallback", "input": "status_callback", "optional": true}],
  "output": {"sid": "$.sid", "status": "$.status", "to": "$.to", "from": "$.from", "segments": "$.num_segments"},
  "error_rules": [
    {"status": 400, "path": "$.code", "equals": 21610, "code": "permission_denied",
      "message": "the recipient has opted out"},
    {"status": 429, "code": "rate_limited", "action": "rate_limited", "message": "Twilio asks to wait"}],
  "timeout_ms": 15000, "retries": 2}$json$),

('5c0e7a1e-0000-4000-8000-00000000000a', 'enrichment-waterfall', 'Enrichment waterfall',
 'enrichment', 'layers', '{email,person,company,enrichment,waterfall,zerobounce,clearbit,audienceacuity}', true,
$text$
Learns what several providers know about the owner of an e-mail address, and asks each only if those before left
something open: ZeroBounce checks the address, and one that is not deliverable ends it; Clearbit is asked for person
and company; if it has no company, and the domain is not one of a free provider, for the company of the domain; and
if it has no name, AudienceAcuity for identities. A provider that fails or knows nothing is passed over; "steps" says
what became of each.
Credentials: the API key of ZeroBounce, the secret API key of Clearbit, and for AudienceAcuity what the template
phone-enrichment says.
$text$,
$json$[{"service": "zerobounce", "kind": "api_key", "parameters": {"in": "query", "name": "api_key"},
  "allowed_hosts": ["api.zerobounce.net"], "description": "API key of a ZeroBounce account."},
 {"service": "clearbit", "kind": "bearer", "allowed_hosts": ["person.clearbit.com", "company.clearbit.com"],
  "description": "Secret API key (sk_...) of a Clearbit account."},
 {"service": "audienceacuity", "kind": "bearer", "parameters": {"base_url": "https://api.audienceacuity.com"},
  "allowed_hosts": ["api.audienceacuity.com"],
  "description": "The token of the relay that signs for AudienceAcuity, and its address as base_url."}]$json$,
$json${"type": "object", "required": ["email"], "properties": {
  "email": {"type": "string"},
  "template": {"type": "integer", "description": "Number of AudienceAcuity's reply template."}}}$json$,
$json${"type": "multi-step", "steps": [
    {"id": "check", "name": "Is the address deliverable?", "method": "GET", "credential": "zerobounce",
     "url": "https://api.zerobounce.net/v2/validate", "query": {"email": "{{input.email}}"},
     "output": {"status": "$.status", "sub_status": "$.sub_status", "did_you_mean": "$.did_you_mean",
       "free_email": "$.free_email"},
     "error_rules": [
       {"path": "$.error ? (@ like_regex \"api key\" flag \"i\")", "code": "auth_failed",
         "message": "ZeroBounce refuses the key, or its credits are used up"},
       {"path": "$.error", "code": "validation_failed", "message": "ZeroBounce refuses the request"}],
     "timeout_ms": 20000},
    {"id": "person", "name": "Person and company", "method": "GET", "credential": "clearbit",
      "continue_on_error": true,
     "condition": "{{check.status}} in [\"valid\", \"catch-all\", \"unknown\"]",
     "url": "https://person.clearbit.com/v2/combined/find", "query": {"email": "{{input.email}}"},
     "output": {"name": "$.person.name.fullName", "title": "$.person.employment.title", "city": "$.person.geo.city",
       "country": "$.person.geo.countryCode", "linkedin": "$.person.linkedin.handle", "company": "$.company.name",
       "industry": "$.company.category.industry", "employees": "$.company.metrics.employees"},
     "error_rules": [{"status": 202, "code": "not_found", "action": "retry",
       "message": "the person is still being looked up"}]},
    {"id": "company", "name": "Company of the domain", "method": "GET", "credential": "clearbit",
      "continue_on_error": true,
     "condition": "{{check.status}} in [\"valid\", \"catch-all\", \"unknown\"] && {{person.company}} === null && {{check.free_email}} !== true",
     "url": "https://company.clearbit.com/v2/companies/find",
     "query": {"domain": "{{input.email | split(\"@\") | last | trim | lower}}"},
     "output": {"name": "$.name", "industry": "$.category.industry", "employees": "$.metrics.employees"},
     "error_rules": [{"status": 202, "code": "not_found", "action": "retry",
       "message": "the company is still being looked up"}]},
    {"id": "identity", "name": "Identities", "method": "GET", "credential": "audienceacuity",
      "continue_on_error": true,
     "condition": "{{check.status}} in [\"valid\", \"catch-all\", \"unknown\"] && {{person.name}} === null",
     "url": "{{workspace.base_url}}/v2/identities/byEmail",
     "query": {"email": "{{input.email}}", "template": "{{input.template | default(79123584)}}"}}],
  "result": {
    "email": "{{input.email}}", "deliverable": "{{check.status}}", "did_you_mean": "{{check.did_you_mean}}",
    "name": "{{person.name | default(null)}}", "title": "{{person.title | default(null)}}",
    "linkedin": "{{person.linkedin | default(null)}}",
    "company": "{{person.company | default(company.name) | default(null)}}",
    "industry": "{{person.industry | default(company.industry) | default(null)}}",
    "employees": "{{person.employees | default(company.employees) | default(null)}}",
    "identities": "{{identity | default(null)}}",
    "steps": {"check": "{{steps.check.status}}", "person": "{{steps.person.status}}",
      "company": "{{steps.company.status}}", "identity": "{{steps.identity.status}}"}},
  "timeout_ms": 10000, "retries": 1, "deadline_ms": 60000}$json$)

  ) v(id, name, title, category, icon, tags, is_featured, description, requires_credentials, input_schema, config);
-- Statistics: deltas appended by the transaction they belong to, folded later.

CREATE TABLE @extschema@.connector_stat_deltas (
    workspace_id  uuid NOT NULL,
    id            uuid NOT NULL,
    connector_id  uuid NOT NULL,
    credential_id uuid,
    successes     bigint NOT NULL,
    failures      bigint NOT NULL,
    last_at       timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, vacuum_truncate = off);
COMMENT ON TABLE @extschema@.connector_stat_deltas IS
'Executions counted but not folded into connectors yet, one row a transaction, connector and credential. No row is ever updated, so callers do not wait for each other.';

ALTER TABLE @extschema@.connector_stat_deltas ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_stat_deltas FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_stat_deltas FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_stat_deltas FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_stat_deltas FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_stat_deltas FOR DELETE USING (false);
GRANT SELECT ON @extschema@.connector_stat_deltas TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_stat_deltas', '');

CREATE FUNCTION @extschema@._connector_pending_stats(
    OUT workspace_id uuid, OUT connector_id uuid, OUT successes bigint, OUT failures bigint,
    OUT last_at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'connector_pending_stats';
COMMENT ON FUNCTION @extschema@._connector_pending_stats() IS
'What this transaction has counted and will write when it commits, for workspaces the caller may read.';

CREATE FUNCTION @extschema@.increment_connector_stats(p_connector_id uuid, p_success boolean) RETURNS void
LANGUAGE c STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'increment_connector_stats';
COMMENT ON FUNCTION @extschema@.increment_connector_stats(uuid, boolean) IS
'Counts one execution of a connector that ran elsewhere. Needs execute in its workspace; error 42704 if there is no such connector there.';

CREATE FUNCTION @extschema@.connector_stats(
    connector text DEFAULT NULL, since interval DEFAULT '24 hours', workspace text DEFAULT NULL)
RETURNS TABLE (
    connector_id uuid, name text,
    total_executions bigint, successful_executions bigint, failed_executions bigint,
    success_rate numeric, last_executed_at timestamptz,
    p50_ms double precision, p95_ms double precision, p99_ms double precision,
    last_error_code text, last_error_message text, last_error_at timestamptz)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH target AS (
        SELECT @extschema@.connector_current_workspace(connector_stats.workspace) AS id
    ), counted AS (
        SELECT d.connector_id, d.successes, d.failures, d.last_at
          FROM @extschema@.connector_stat_deltas d, target
         WHERE d.workspace_id = target.id
        UNION ALL
        SELECT p.connector_id, p.successes, p.failures, p.last_at
          FROM @extschema@._connector_pending_stats() p, target
         WHERE p.workspace_id = target.id
    ), pending AS (
        SELECT counted.connector_id, sum(counted.successes)::bigint AS successes,
               sum(counted.failures)::bigint AS failures, max(counted.last_at) AS last_at
          FROM counted GROUP BY counted.connector_id
    )
    SELECT c.id, c.name, t.total, t.good, t.bad,
           round(100.0 * t.good / nullif(t.total, 0), 2),
           greatest(c.last_executed_at, p.last_at),
           q.p[1], q.p[2], q.p[3], e.error_code, e.error_message, e.completed_at
      FROM target
      JOIN @extschema@.connectors c ON c.workspace_id = target.id
      LEFT JOIN pending p ON p.connector_id = c.id
     CROSS JOIN LATERAL (
        SELECT c.total_executions + coalesce(p.successes + p.failures, 0) AS total,
               c.successful_executions + coalesce(p.successes, 0) AS good,
               c.failed_executions + coalesce(p.failures, 0) AS bad) t
     CROSS JOIN LATERAL (
        SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY h.execution_time_ms) AS p
          FROM @extschema@.connector_history h
         WHERE h.workspace_id = target.id AND h.connector_id = c.id
           AND h.id >= @extschema@.connector_id_at(clock_timestamp() - connector_stats.since)) q
      LEFT JOIN LATERAL (
        SELECT h.error_code, h.error_message, h.completed_at
          FROM @extschema@.connector_history h
         WHERE h.workspace_id = target.id AND h.connector_id = c.id AND h.error_code IS NOT NULL
         ORDER BY h.id DESC LIMIT 1) e ON true
     WHERE connector_stats.connector IS NULL
        OR c.name = connector_stats.connector OR c.id::text = connector_stats.connector
     ORDER BY c.name
$$;
COMMENT ON FUNCTION @extschema@.connector_stats(text, interval, text) IS
'Statistics of one connector (name or id) or of all in the workspace: exact totals, success rate in percent, percentiles of the execution time in milliseconds over the recorded executions of the last "since", and the last recorded error.';
-- JSON Schema. No table is touched: everybody may.

CREATE FUNCTION @extschema@.connector_validate_json(
    schema jsonb, instance jsonb,
    OUT instance_path text, OUT schema_path text, OUT keyword text, OUT message text)
RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_validate_json';
COMMENT ON FUNCTION @extschema@.connector_validate_json(jsonb, jsonb) IS
'What is wrong with a value by a JSON Schema (draft 2020-12), a row a violation: JSON Pointers to the place in the value and in the schema, the keyword and a message. No row: it is valid. Error 22023 if the schema itself has problems. Formats are checked if connector.schema_format_assertion is on.';

CREATE FUNCTION @extschema@.connector_json_is_valid(schema jsonb, instance jsonb) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_json_is_valid';
COMMENT ON FUNCTION @extschema@.connector_json_is_valid(jsonb, jsonb) IS
'Whether a value is valid by a JSON Schema (draft 2020-12). As connector_validate_json, but it stops at the first violation.';
-- Transformations: the library's table as a view, and a way to try a template.

CREATE FUNCTION @extschema@._connector_transformations(
    OUT name text, OUT category text, OUT arguments text, OUT takes_null boolean,
    OUT description text, OUT example text, OUT example_input jsonb, OUT example_output jsonb)
RETURNS SETOF record
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_transformations';
COMMENT ON FUNCTION @extschema@._connector_transformations() IS
'The library''s table of transformations; what the view connector_transformations shows.';

CREATE VIEW @extschema@.connector_transformations WITH (security_invoker = true) AS
SELECT t.name, t.category, t.arguments, t.takes_null, t.description, t.example, t.example_input, t.example_output
  FROM @extschema@._connector_transformations() t;
COMMENT ON VIEW @extschema@.connector_transformations IS
'The transformations (filters) that templates may use. With {"input": example_input} as context the example gives example_output.';
GRANT SELECT ON @extschema@.connector_transformations TO PUBLIC;

CREATE FUNCTION @extschema@.connector_render(template jsonb, context jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_render';
COMMENT ON FUNCTION @extschema@.connector_render(jsonb, jsonb) IS
'Evaluates a template, to try one: the members of context are what references begin with. Error 22023 names the JSON path, what failed and the byte at which it stands.';
-- Executing.

CREATE TYPE @extschema@.connector_result AS (
    execution_id      uuid,
    status            text,
    output            jsonb,
    error_code        text,
    error_message     text,
    http_status       integer,
    steps             jsonb,
    execution_time_ms double precision
);
COMMENT ON TYPE @extschema@.connector_result IS
'Outcome of an execution: status success, failed, timeout or cancelled; error_code is one of the normalized codes (docs/errors.md).';

CREATE FUNCTION @extschema@.connector_execute(
    connector text, input jsonb DEFAULT '{}', workspace text DEFAULT NULL) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_execute';
COMMENT ON FUNCTION @extschema@.connector_execute(text, jsonb, text) IS
'Runs a connector (name or id) now and returns its output. A failure raises with the SQLSTATE of its code (class NC, docs/errors.md); its history row then goes with the transaction. Errors of the caller: 42704 unknown connector, 55000 disabled, 42501 not allowed, 25006 read-only transaction.';

CREATE FUNCTION @extschema@.connector_try_execute(
    connector text, input jsonb DEFAULT '{}', workspace text DEFAULT NULL)
RETURNS @extschema@.connector_result
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_try_execute';
COMMENT ON FUNCTION @extschema@.connector_try_execute(text, jsonb, text) IS
'Runs a connector now and returns the outcome as a row, failures included; they are recorded. It raises only for what is the caller''s own: unknown or disabled connector, missing right, cancelled query.';

CREATE FUNCTION @extschema@.connector_execute_batch(
    connector text, inputs jsonb[], max_concurrency integer DEFAULT 10, workspace text DEFAULT NULL)
RETURNS SETOF @extschema@.connector_result
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_execute_batch';
COMMENT ON FUNCTION @extschema@.connector_execute_batch(text, jsonb[], integer, text) IS
'Runs a connector once for each input, up to max_concurrency (1 to 200) at a time, and returns the outcomes in the order of the inputs. A failure is a row like any other; cancelling the query ends all that is under way. A null input counts as {}.';

CREATE FUNCTION @extschema@.connector_test(
    config jsonb, input jsonb DEFAULT '{}', workspace text DEFAULT NULL,
    OUT step text, OUT status text, OUT output jsonb, OUT error_code text, OUT error_message text,
    OUT http_status integer, OUT request jsonb, OUT response jsonb, OUT duration_ms double precision, OUT attempts integer)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_test';
COMMENT ON FUNCTION @extschema@.connector_test(jsonb, jsonb, text) IS
'Runs a definition without saving it: a row a step with the redacted request and response, and one of the result if there are several. Nothing is recorded or counted. Needs write in the workspace; error 22023 lists every problem of the definition.';

CREATE FUNCTION @extschema@.connector_check(config jsonb, OUT path text, OUT problem text)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_check';
COMMENT ON FUNCTION @extschema@.connector_check(jsonb) IS
'Problems of a definition, each with its JSON path; no row if it could be saved.';
-- Calling a provider's action without a connector.

CREATE FUNCTION @extschema@.connector_call(
    provider text, action text, input jsonb DEFAULT '{}', workspace text DEFAULT NULL) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_call';
COMMENT ON FUNCTION @extschema@.connector_call(text, text, jsonb, text) IS
'Calls an action of a provider now and returns its output. provider/label chooses a credential by its label. A failure raises with the SQLSTATE of its code (class NC, docs/errors.md); its history row, which has the name provider.action and no connector, then goes with the transaction. Errors of the caller: 42704 unknown provider or action, 55000 disabled provider, 42501 not allowed, 25006 read-only transaction.';

CREATE FUNCTION @extschema@.connector_try_call(
    provider text, action text, input jsonb DEFAULT '{}', workspace text DEFAULT NULL)
RETURNS @extschema@.connector_result
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_try_call';
COMMENT ON FUNCTION @extschema@.connector_try_call(text, text, jsonb, text) IS
'Calls an action of a provider now and returns the outcome as a row, failures included; they are recorded. It raises only for what is the caller''s own: unknown or disabled provider, unknown action, missing right, cancelled query.';
-- Queueing executions, and what can be done with queued ones.

CREATE FUNCTION @extschema@.connector_execute_async(
    connector text, input jsonb DEFAULT '{}', workspace text DEFAULT NULL, run_at timestamptz DEFAULT NULL,
    priority integer DEFAULT 5, idempotency_key text DEFAULT NULL, notify boolean DEFAULT false) RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_execute_async';
COMMENT ON FUNCTION @extschema@.connector_execute_async(text, jsonb, text, timestamptz, integer, text, boolean) IS
'Queues an execution and returns its id; a worker runs it once the transaction has committed, not before run_at. Priority 0 is first, 9 last. The same idempotency_key gives the same execution for connector.idempotency_retention. Errors: 42704 unknown connector, 55000 disabled, NC018 input does not fit input_schema, 22023 run_at, priority or key cannot be, or the key stands for something else, 54000 input too large, 42501 not allowed, 25006 read-only transaction.';

CREATE FUNCTION @extschema@.connector_execute_async_batch(
    connector text, inputs jsonb[], workspace text DEFAULT NULL, run_at timestamptz DEFAULT NULL,
    priority integer DEFAULT 5, notify boolean DEFAULT false) RETURNS SETOF uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_execute_async_batch';
COMMENT ON FUNCTION @extschema@.connector_execute_async_batch(text, jsonb[], text, timestamptz, integer, boolean) IS
'Queues an execution for each input and returns their ids in the order of the inputs: all of them or, if one input is refused, none. A null input counts as {}. Errors as of connector_execute_async.';

CREATE FUNCTION @extschema@.connector_await(
    execution_id uuid, timeout interval DEFAULT '1 minute', workspace text DEFAULT NULL)
RETURNS @extschema@.connector_result
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_await';
COMMENT ON FUNCTION @extschema@.connector_await(uuid, interval, text) IS
'Waits until an execution has ended and returns its outcome as the history has it. When the timeout has passed (null: never) the row says how far it is, status pending or running. Errors: 42704 unknown, 55000 queued by this very transaction, which has to commit first.';

CREATE FUNCTION @extschema@.connector_cancel(execution_id uuid, workspace text DEFAULT NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_cancel';
COMMENT ON FUNCTION @extschema@.connector_cancel(uuid, text) IS
'Cancels an execution: one that waits is over at once, one that runs is told to end. False if it was over already. Needs execute. Error 42704 unknown.';

CREATE FUNCTION @extschema@.connector_redrive(
    connector text DEFAULT NULL, error_code text DEFAULT NULL,
    since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
    max_count integer DEFAULT 1000, from_start boolean DEFAULT false, workspace text DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_redrive';
COMMENT ON FUNCTION @extschema@.connector_redrive(text, text, timestamptz, timestamptz, integer, boolean, text) IS
'Queues dead letters again, oldest first, and returns how many: of a connector, with an error code, failed since or before a time. They go on behind their finished steps unless from_start, and run as the caller. Those of deleted and disabled connectors stay. Needs execute. Errors: 42704 unknown connector, 55000 disabled, 22023 unknown code or max_count not 1 to 100000.';

CREATE FUNCTION @extschema@.connector_retry(
    execution_id uuid, from_start boolean DEFAULT false, workspace text DEFAULT NULL) RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_retry';
COMMENT ON FUNCTION @extschema@.connector_retry(uuid, boolean, text) IS
'Queues one dead letter again and returns the id of the new execution, which goes on behind the finished steps unless from_start. Needs execute. Errors: 42704 unknown execution or connector, 55000 not a dead letter, queued again already, or the connector is disabled.';

CREATE FUNCTION @extschema@.connector_dead_letter_discard(
    execution_id uuid DEFAULT NULL, connector text DEFAULT NULL, error_code text DEFAULT NULL,
    since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, workspace text DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_dead_letter_discard';
COMMENT ON FUNCTION @extschema@.connector_dead_letter_discard(uuid, text, text, timestamptz, timestamptz, text) IS
'Gives dead letters up that were not queued again, and returns how many; their history stays. Needs execute. Error 22023 if nothing says which.';

CREATE FUNCTION @extschema@.connector_pause(
    connector text DEFAULT NULL, service text DEFAULT NULL, reason text DEFAULT NULL, workspace text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_pause';
COMMENT ON FUNCTION @extschema@.connector_pause(text, text, text, text) IS
'Holds queued executions back: those of a connector, of all connectors that use credentials of a service, or of the whole workspace. What runs goes on, and so do calls that are not queued. Needs write. Errors: 42704 unknown connector or service, 22023 both named.';

CREATE FUNCTION @extschema@.connector_resume(
    connector text DEFAULT NULL, service text DEFAULT NULL, workspace text DEFAULT NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_resume';
COMMENT ON FUNCTION @extschema@.connector_resume(text, text, text) IS
'Ends a pause; false if there was none of that connector, service or workspace. A pause of another kind stays. Needs write.';

-- What of the queue may be read only after it was redacted.
CREATE FUNCTION @extschema@._connector_queue_input(workspace_id uuid, id uuid) RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'connector_queue_input';
COMMENT ON FUNCTION @extschema@._connector_queue_input(uuid, uuid) IS
'The input of a queued execution as the history will have it; null if it is not in the queue, or in a workspace that the caller may not read.';
-- Fetching streams of providers.
--
-- The C function takes a row at a time.  A function in FROM is collected whole before its first
-- row is seen, unless the planner can inline it; so the public one is SQL, and says STABLE, for a
-- volatile one is never inlined.  Nothing is done by that which would not be done otherwise: a
-- function that returns a set is evaluated where it stands, once for each row of what is before it.
-- The cost keeps the planner from putting it where it would be evaluated again and again.

CREATE FUNCTION @extschema@._connector_fetch(
    provider text, stream text, input jsonb, max_pages integer, workspace text)
RETURNS SETOF jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 1000
AS 'MODULE_PATHNAME', '_connector_fetch';
COMMENT ON FUNCTION @extschema@._connector_fetch(text, text, jsonb, integer, text) IS
'What connector_fetch() is made of: the records of a stream, one a call.';

CREATE FUNCTION @extschema@.connector_fetch(
    provider text, stream text, input jsonb DEFAULT '{}', max_pages integer DEFAULT NULL,
    workspace text DEFAULT NULL)
RETURNS SETOF jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE COST 1000000 ROWS 1000
AS 'SELECT @extschema@._connector_fetch($1, $2, $3, $4, $5)';
COMMENT ON FUNCTION @extschema@.connector_fetch(text, text, jsonb, integer, text) IS
'The records of a provider''s stream, fetched page by page while rows are taken: LIMIT fetches no more pages than it needs. max_pages ends it after so many; without it, more pages than the stream''s own limit are an error. provider/label chooses a credential by its label. A failure raises with the SQLSTATE of its code (class NC, docs/errors.md) and says which page. Errors of the caller: 42704 unknown provider or stream, 22023 bad argument, 42501 not allowed, 25006 read-only transaction.';
-- Provider definitions from OpenAPI descriptions.

CREATE FUNCTION @extschema@.connector_import_openapi(spec jsonb, options jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_import_openapi';
COMMENT ON FUNCTION @extschema@.connector_import_openapi(jsonb, jsonb) IS
'The provider definition that an OpenAPI 3.x document describes, to look through and give to connector_provider_register: servers, security schemes, operations as actions with input schemas, and those that list as streams whose paging is guessed and marked "guess". What was left out stands in evidence.notes. Stores nothing. Options: name, title, category, server (URL), server_variables {name: value}, operations [operationId], tags, deprecated (false), streams (true), max_actions (200). Errors: 22023 with every problem. Source: https://spec.openapis.org/oas/v3.1.1.';
-- How good the catalog is: audit and report.
--
-- What is read is what the caller may see (row security of connector_providers).  The functions that
-- judge read their arguments only, and take nothing for granted: what they are given may be anything.

CREATE FUNCTION @extschema@._connector_provider_problems(
    definition jsonb, official boolean, OUT path text, OUT problem text)
RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 20 AS 'MODULE_PATHNAME', 'connector_provider_problems';
COMMENT ON FUNCTION @extschema@._connector_provider_problems(jsonb, boolean) IS
'What connector_provider_register() would refuse in the definition of a provider, each with its JSON path. Compiles paths by trying, which takes subtransactions.';

-- Of stable providers more is expected: what others are warned about is an error there.
CREATE FUNCTION @extschema@._connector_audit_gap(definition jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE definition ->> 'availability' WHEN 'stable' THEN 'error' ELSE 'warning' END $$;
COMMENT ON FUNCTION @extschema@._connector_audit_gap(jsonb) IS
'How severe it is that the definition of a provider lacks what a stable one must have.';

CREATE FUNCTION @extschema@._connector_provider_requests(
    definition jsonb, OUT kind text, OUT name text, OUT path text, OUT request jsonb)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT k.kind, r ->> 'key', '$.' || k.kind || '.' || (r ->> 'key'), r -> 'value'
      FROM (VALUES ('actions'), ('streams')) k(kind)
     CROSS JOIN LATERAL jsonb_path_query(definition -> k.kind, '$.keyvalue()', '{}', true) r
     WHERE jsonb_typeof(r -> 'value') = 'object'
$$;
COMMENT ON FUNCTION @extschema@._connector_provider_requests(jsonb) IS
'The actions and streams in the definition of a provider.';

CREATE FUNCTION @extschema@._connector_provider_urls(definition jsonb, OUT path text, OUT url text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '$.' || k, definition ->> k FROM unnest('{base_url,documentation}'::text[]) k
    UNION ALL
    SELECT format('$.allowed_hosts[%s]', h.n - 1), h.host #>> '{}'
      FROM jsonb_path_query(definition, '$.allowed_hosts[*]', '{}', true) WITH ORDINALITY h(host, n)
    UNION ALL
    SELECT format('$.auth[%s].%s', a.n - 1, array_to_string(k.path, '.')), a.entry #>> k.path
      FROM jsonb_path_query(definition, '$.auth[*]', '{}', true) WITH ORDINALITY a(entry, n)
     CROSS JOIN (VALUES ('{documentation}'::text[]), ('{authorize_url}'), ('{token_url}'), ('{revoke_url}'),
                        ('{device_url}'), ('{login,path}')) k(path)
    UNION ALL
    SELECT r.path || '.' || k, r.request ->> k
      FROM @extschema@._connector_provider_requests(definition) r
     CROSS JOIN unnest('{base_url,path,documentation}'::text[]) k
$$;
COMMENT ON FUNCTION @extschema@._connector_provider_urls(jsonb) IS
'Every URL, host and path in the definition of a provider that somebody will be sent to.';

-- Names reserved for documentation (RFC 2606, RFC 6761), and what is written to be replaced.  Only in
-- the host may "your-company" be looked for: pages of documentation are called so.
CREATE FUNCTION @extschema@._connector_audit_urls(
    definition jsonb, official boolean, OUT topic text, OUT severity text, OUT finding text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'placeholder', CASE WHEN f.reserved OR official THEN 'error' ELSE 'warning' END,
           format('%s: "%s" is a placeholder', f.path, f.url),
           'Write the address of the service there.'
      FROM (SELECT u.path, u.url,
                   h.host ~* '(^|[.@])example\.(com|net|org|edu)(:|$)'
                   OR h.host ~* '\.(example|invalid|test)(:|$)'
                   OR h.host ~* '(^|[.-])(your[-_]?(sub)?(domain|company|instance|tenant|account|host|site|org)|my(domain|company))'
                   OR u.url ~ '<[^<>]*>'
                   OR u.url ~ '\m(TODO|FIXME|CHANGEME|XXX)\M' AS reserved,
                   h.host ~* '(^|\.)localhost(:|$)' OR h.host ~ '^(127\.|0\.0\.0\.0|\[::1?\])' AS local
              FROM @extschema@._connector_provider_urls(definition) u
             CROSS JOIN LATERAL (SELECT CASE WHEN u.url !~ '^[/?#]'
                                             THEN substring(u.url FROM '^(?:https?://)?([^/?#]*)') ELSE '' END) h(host)
             WHERE u.url IS NOT NULL) f
     WHERE f.reserved OR f.local
$$;
COMMENT ON FUNCTION @extschema@._connector_audit_urls(jsonb, boolean) IS
'Placeholders among the URLs of a provider; the machine itself is one in an official provider, and suspicious in others.';

CREATE FUNCTION @extschema@._connector_audit_requests(
    definition jsonb, OUT topic text, OUT severity text, OUT finding text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    WITH requests AS (
        SELECT r.*, coalesce(r.request -> 'pagination', definition -> 'pagination', 'null') AS paging
          FROM @extschema@._connector_provider_requests(definition) r
    ), declared AS (
        SELECT s ->> 'key' AS scope
          FROM jsonb_path_query(definition, '$.auth[*].scopes.keyvalue()', '{}', true) s
    )
    SELECT 'input_schema', @extschema@._connector_audit_gap(definition),
           format('%s: there is no input schema', path),
           'Add "input_schema": without it a wrong input is noticed by the service only.'
      FROM requests WHERE request -> 'input_schema' IS NULL
    UNION ALL
    SELECT 'error_rules', @extschema@._connector_audit_gap(definition),
           format('%s: there is no error rule, neither its own nor the provider''s', path),
           'Add "error_rules" for what the service answers when it refuses.'
      FROM requests
     WHERE NOT jsonb_path_exists(request, '$.error_rules[0]') AND NOT jsonb_path_exists(definition, '$.error_rules[0]')
    UNION ALL
    SELECT 'documentation', 'info', format('%s: there is no link to its documentation', path),
           'Add "documentation".'
      FROM requests WHERE request -> 'documentation' IS NULL
    UNION ALL
    SELECT 'primary_key', 'warning', format('%s: there is no primary key', path),
           'Add "primary_key": records that come twice are told by it.'
      FROM requests WHERE kind = 'streams' AND NOT jsonb_path_exists(request, '$.primary_key[0]')
    UNION ALL
    SELECT 'pagination', 'warning', format('%s: only its first page is read', path),
           'Add "pagination", or "pagination": null if there is but one page.'
      FROM requests
     WHERE kind = 'streams' AND jsonb_typeof(paging) <> 'object' AND NOT request ? 'pagination'
    UNION ALL
    SELECT 'guess', 'warning', format('%s: how it is paged is a guess', path),
           'Compare it with the service''s documentation and take "guess" away.'
      FROM requests
     WHERE kind = 'streams' AND (paging ->> 'guess' = 'true'
                                 OR NOT paging ? 'kind' AND definition #>> '{pagination,guess}' = 'true')
    UNION ALL
    SELECT 'guess', 'warning', format('%s: it is a guess', path),
           'Compare it with the service''s documentation and set "evidence".'
      FROM requests WHERE request ->> 'evidence' = 'guess'
    UNION ALL
    SELECT 'scopes', 'warning', format('%s: no kind of authentication declares the scope "%s"', path, s #>> '{}'),
           'Add it to "scopes" of the kind that has it, or correct it.'
      FROM requests, jsonb_path_query(request, '$.scopes[*]', '{}', true) s
     WHERE s #>> '{}' NOT IN (SELECT scope FROM declared) AND EXISTS (SELECT FROM declared)
$$;
COMMENT ON FUNCTION @extschema@._connector_audit_requests(jsonb) IS
'What the actions and streams of a provider lack.';

-- What a wave of the catalog is expected to have; a provider of none is measured by nothing.
CREATE FUNCTION @extschema@._connector_audit_coverage(
    definition jsonb, OUT topic text, OUT severity text, OUT finding text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    WITH expected(wave, actions) AS (
        VALUES ('1', 6)
    ), found AS (
        SELECT e.*, (SELECT count(*) FROM @extschema@._connector_provider_requests(definition) r WHERE r.kind = 'actions') AS has
          FROM expected e WHERE e.wave = definition ->> 'wave'
    )
    SELECT 'actions', 'warning', format('$.actions: there are %s, where wave %s asks for %s at least', has, wave, actions),
           'Add what people use the service for most.'
      FROM found WHERE has < actions
    UNION ALL
    SELECT 'incremental_stream', 'warning', format('$.streams: none is incremental, which wave %s asks for', wave),
           'Add "cursor_field" and "incremental" to a stream that can be read from a point in time on.'
      FROM found
     WHERE NOT EXISTS (SELECT FROM @extschema@._connector_provider_requests(definition) r
                        WHERE r.kind = 'streams' AND jsonb_typeof(r.request -> 'incremental') = 'object'
                          AND coalesce(r.request ->> 'cursor_field', r.request #>> '{incremental,reply}') IS NOT NULL)
    UNION ALL
    SELECT 'polling_trigger', 'warning', format('$.triggers: none polls, which wave %s asks for', wave),
           'Add a trigger of type "poll".'
      FROM found
     WHERE NOT jsonb_path_exists(definition, '$.triggers.keyvalue().value ? (@.type == "poll")', '{}', true) IS TRUE
$$;
COMMENT ON FUNCTION @extschema@._connector_audit_coverage(jsonb) IS
'What a provider lacks of the actions, streams and triggers that its wave of the catalog is to have.';

CREATE FUNCTION @extschema@._connector_audit_whole(
    definition jsonb, OUT topic text, OUT severity text, OUT finding text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    WITH test AS (
        SELECT coalesce(a.request ->> 'method', 'GET') AS method, a.request -> 'idempotent' = 'true' AS idempotent
          FROM @extschema@._connector_provider_requests(definition) a
         WHERE a.kind = 'actions' AND a.name = definition #>> '{test,action}'
    ), untested AS (
        SELECT count(*) AS n, count(*) FILTER (WHERE r.request ->> 'evidence' IS DISTINCT FROM 'contract') AS lacking
          FROM @extschema@._connector_provider_requests(definition) r
    )
    SELECT v.topic, v.severity, v.finding, v.hint
      FROM (VALUES
        ('test', @extschema@._connector_audit_gap(definition), '$: there is no test',
         'Add "test" with an action that is cheap and changes nothing: connector_test_connection() runs it.',
         definition #>> '{test,action}' IS NULL),
        ('test', 'info', '$.test: its action may change something',
         'Choose one that only reads, or mark it "idempotent" if it does.',
         (SELECT method NOT IN ('GET', 'HEAD') AND idempotent IS NOT TRUE FROM test)),
        ('contract', 'info', '$.evidence: nothing was tested against the service''s own description',
         'Add "contract" tests; a provider without is not stable.',
         definition ->> 'availability' IS DISTINCT FROM 'stable'
         AND NOT jsonb_path_exists(definition, '$.evidence.contract[0]')),
        ('documentation', @extschema@._connector_audit_gap(definition), '$: there is no link to the service''s documentation',
         'Add "documentation".', definition ->> 'documentation' IS NULL),
        ('description', 'info', '$: there is no description',
         'Add "description", one sentence.', coalesce(definition ->> 'description', '') = ''),
        ('auth', 'info', '$: there is no way to authenticate',
         'Add "auth", unless the service is open to everybody.', NOT jsonb_path_exists(definition, '$.auth[0]')),
        ('renewal', 'warning', '$.error_rules: no rule renews a token that was refused',
         'Add {"status": 401, "code": "auth_failed", "action": "refresh_token_then_retry"}.',
         jsonb_path_exists(definition, '$.auth[*].kind ? (@ == "oauth2" || @ == "session")')
         AND NOT jsonb_path_exists(definition, '$.error_rules[*].action ? (@ == "refresh_token_then_retry")')),
        ('rate_limit', 'warning', '$: there is no rate limit',
         'Add "rate_limit" with figures of the service, the headers that tell it, or a concurrency of your own.',
         NOT coalesce(definition -> 'rate_limit' ?| '{requests_per_minute,requests_per_hour,concurrency,budget}', false)),
        ('webhook_signature', 'warning', '$.webhook: its events are not signed',
         'Add "signature"; an event without one could be anybody''s.',
         (jsonb_path_exists(definition, '$.webhook.events[0]')
          OR jsonb_path_exists(definition, '$.triggers.keyvalue().value ? (@.type == "webhook")', '{}', true) IS TRUE)
         AND definition #>> '{webhook,signature,scheme}' IS NULL)
      ) v(topic, severity, finding, hint, holds)
     WHERE v.holds
    UNION ALL
    SELECT 'contract', CASE definition ->> 'availability' WHEN 'stable' THEN 'error' ELSE 'info' END,
           format('$: %s of %s actions and streams have no contract evidence', lacking, n),
           'Run them against the service''s description and set "evidence": "contract".'
      FROM untested
     WHERE lacking > 0 AND (definition ->> 'availability' = 'stable' OR jsonb_path_exists(definition, '$.evidence.contract[0]'))
    UNION ALL
    SELECT 'scopes', 'info', format('$.auth[%s].default_scopes: no action or stream asks for "%s"', a.n - 1, s #>> '{}'),
           'Ask for no more than is needed, or say in "scopes" of an action that it needs it.'
      FROM jsonb_path_query(definition, '$.auth[*]', '{}', true) WITH ORDINALITY a(entry, n),
           jsonb_path_query(a.entry, '$.default_scopes[*]', '{}', true) s
     WHERE s #>> '{}' NOT IN ('offline', 'offline_access', 'refresh_token', 'openid')
       AND NOT EXISTS (SELECT FROM @extschema@._connector_provider_requests(definition) r
                        WHERE jsonb_typeof(r.request -> 'scopes') = 'array' AND r.request -> 'scopes' @> s)
$$;
COMMENT ON FUNCTION @extschema@._connector_audit_whole(jsonb) IS
'What a provider lacks as a whole.';

CREATE FUNCTION @extschema@._connector_audit_page(
    definition jsonb, page text, OUT topic text, OUT severity text, OUT finding text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'page', @extschema@._connector_audit_gap(definition), '$: there is no page about it',
           'Write docs/providers/<name>.md: how it is set up, its limits, actions and troubles.'
     WHERE page = ''
    UNION ALL
    SELECT 'page', @extschema@._connector_audit_gap(definition),
           format('$.%s.%s: the page about the provider does not mention it', k.kind, r ->> 'key'),
           'Say there what it is for.'
      FROM (VALUES ('actions'), ('streams'), ('triggers')) k(kind)
     CROSS JOIN LATERAL jsonb_path_query(definition -> k.kind, '$.keyvalue()', '{}', true) r
     WHERE page <> '' AND page !~ ('\m' || regexp_replace(r ->> 'key', '\W', '\\\&', 'g') || '\M')
$$;
COMMENT ON FUNCTION @extschema@._connector_audit_page(jsonb, text) IS
'What the page of documentation about a provider lacks; an empty text if there is no page.';

CREATE FUNCTION @extschema@.connector_audit_definition(
    definition jsonb, official boolean DEFAULT false, page text DEFAULT NULL,
    OUT severity text, OUT topic text, OUT finding text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
SET jit = off        -- the estimates make the many small queries seem large
AS $$
    SELECT f.severity, f.topic, f.finding, f.hint
      FROM (SELECT 'malformed' AS topic, 'error' AS severity, p.path || ': ' || p.problem AS finding,
                   'docs/providers.md has the form; connector_provider_register() refuses this.' AS hint
              FROM @extschema@._connector_provider_problems(definition, official) p
            UNION ALL
            SELECT * FROM @extschema@._connector_audit_urls(definition, official)
            UNION ALL
            SELECT * FROM @extschema@._connector_audit_requests(definition)
            UNION ALL
            SELECT * FROM @extschema@._connector_audit_coverage(definition)
            UNION ALL
            SELECT * FROM @extschema@._connector_audit_whole(definition)
            UNION ALL
            SELECT * FROM @extschema@._connector_audit_page(definition, page)) f
     ORDER BY array_position('{error,warning,info}'::text[], f.severity), f.topic COLLATE "C", f.finding COLLATE "C"
$$;
COMMENT ON FUNCTION @extschema@.connector_audit_definition(jsonb, boolean, text) IS
'What is wrong or missing in the definition of a provider, saved or not, the worst first. official: judged as one for everybody, which may not lead to the machine itself. page: the text of the documentation about it, empty if there is none; null: it is not judged.';

CREATE FUNCTION @extschema@.connector_audit(
    INOUT provider text DEFAULT NULL, OUT severity text, OUT finding text, OUT hint text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted CONSTANT text := provider;
BEGIN
    RETURN QUERY
    SELECT p.name, f.severity, f.finding, f.hint
      FROM @extschema@.connector_providers p
     CROSS JOIN LATERAL @extschema@.connector_audit_definition(p.definition, p.owner IS NULL) WITH ORDINALITY f
     WHERE wanted IS NULL OR wanted = p.name OR wanted = ANY (p.aliases)
     ORDER BY p.name COLLATE "C", p.workspace_id, f.ordinality;

    IF NOT FOUND AND wanted IS NOT NULL AND NOT EXISTS (
        SELECT FROM @extschema@.connector_providers p WHERE wanted = p.name OR wanted = ANY (p.aliases))
    THEN
        RAISE EXCEPTION 'provider "%" does not exist', wanted USING
            ERRCODE = 'undefined_object',
            HINT = 'The view connector_catalog lists those there are.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.connector_audit(text) IS
'What is wrong or missing in a provider (name or alias), or in all that the caller may see, the worst first. error: it must not be so; warning: it should not; info: worth knowing. Error 42704 unknown provider.';

-- The report.

CREATE FUNCTION @extschema@.connector_catalog_report(
    OUT wave integer, OUT provider text, OUT availability text, OUT actions integer, OUT streams integer,
    OUT triggers integer, OUT auth_kinds text[], OUT contract boolean, OUT missing text[])
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (p.definition ->> 'wave')::integer, p.name, p.availability,
           jsonb_array_length(jsonb_path_query_array(p.definition, '$.actions.keyvalue()', '{}', true)),
           jsonb_array_length(jsonb_path_query_array(p.definition, '$.streams.keyvalue()', '{}', true)),
           jsonb_array_length(jsonb_path_query_array(p.definition, '$.triggers.keyvalue()', '{}', true)),
           ARRAY(SELECT k.kind #>> '{}' FROM jsonb_path_query(p.definition, '$.auth[*].kind') WITH ORDINALITY k(kind, n)
                  GROUP BY k.kind ORDER BY min(k.n)),
           jsonb_path_exists(p.definition, '$.evidence.contract[0]'),
           ARRAY(SELECT DISTINCT f.topic COLLATE "C" FROM @extschema@.connector_audit_definition(p.definition, true) f
                  WHERE f.severity <> 'info' OR f.topic = 'contract' ORDER BY 1)
      FROM @extschema@.connector_providers p
     WHERE p.owner IS NULL
     ORDER BY 1 NULLS LAST, p.name COLLATE "C"
$$;
COMMENT ON FUNCTION @extschema@.connector_catalog_report() IS
'The official catalog, a row a provider: what it offers, whether requests of it were tested against the service''s own description, and the topics of connector_audit() that it lacks something in.';

CREATE FUNCTION @extschema@.connector_catalog_summary(
    OUT wave integer, OUT providers integer, OUT stable integer, OUT experimental integer, OUT disabled integer,
    OUT contract integer, OUT actions integer, OUT streams integer, OUT triggers integer, OUT missing jsonb)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    WITH report AS MATERIALIZED (SELECT * FROM @extschema@.connector_catalog_report())
    SELECT r.wave, count(*)::integer,
           (count(*) FILTER (WHERE r.availability = 'stable'))::integer,
           (count(*) FILTER (WHERE r.availability = 'experimental'))::integer,
           (count(*) FILTER (WHERE r.availability = 'disabled'))::integer,
           (count(*) FILTER (WHERE r.contract))::integer,
           sum(r.actions)::integer, sum(r.streams)::integer, sum(r.triggers)::integer,
           (SELECT coalesce(jsonb_object_agg(m.topic, m.names), '{}')
              FROM (SELECT t.topic, jsonb_agg(o.provider ORDER BY o.provider COLLATE "C") AS names
                      FROM report o, unnest(o.missing) t(topic)
                     WHERE o.wave IS NOT DISTINCT FROM r.wave GROUP BY t.topic) m)
      FROM report r
     GROUP BY r.wave
     ORDER BY r.wave NULLS LAST
$$;
COMMENT ON FUNCTION @extschema@.connector_catalog_summary() IS
'connector_catalog_report() summed up, a row a wave: how many providers are stable, and by topic who lacks something.';
-- Whether providers work: tests of connections, smoke tests.

CREATE FUNCTION @extschema@.connector_test_connection(
    provider text, workspace text DEFAULT NULL,
    OUT execution_id uuid, OUT status text, OUT output jsonb, OUT error_code text, OUT error_message text,
    OUT http_status integer, OUT steps jsonb, OUT execution_time_ms double precision, OUT hint text)
RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_test_connection';
COMMENT ON FUNCTION @extschema@.connector_test_connection(text, text) IS
'Calls the action that a provider names as its test, with the workspace''s credential, and returns the outcome as a row, as connector_result with what helps in hint: success means that the service takes the credential. Success and auth_failed go into the status of the credential, too. provider/label chooses another credential than "default". Needs execute. Errors: 42704 unknown provider, 55000 it has no test, or is disabled.';

CREATE FUNCTION @extschema@._connector_provider_test(
    provider text, workspace text DEFAULT NULL, OUT name text, OUT test jsonb)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here CONSTANT uuid := @extschema@.connector_current_workspace(workspace);
    called CONSTANT text := split_part(provider, '/', 1);
BEGIN
    SELECT p.name, p.definition -> 'test' INTO name, test
      FROM @extschema@.connector_providers p
     WHERE (p.workspace_id = here OR p.owner IS NULL) AND (p.name = called OR called = ANY (p.aliases))
     ORDER BY p.workspace_id = here DESC, p.name = called DESC
     LIMIT 1;
    IF name IS NULL THEN
        RAISE EXCEPTION 'provider "%" does not exist', called USING
            ERRCODE = 'undefined_object',
            HINT = 'The view connector_catalog lists those there are.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._connector_provider_test(text, text) IS
'Name and test of the provider that a call in the workspace finds; test is {"action", "input"}, or null if it has none. Error 42704 unknown provider.';

-- What the caller has no right to ends a smoke test; what is wrong with one provider is its outcome.  A
-- credential that is there and cannot be used is "missing", too, but nothing to skip.
CREATE FUNCTION @extschema@._connector_smoke_check(
    provider text, action text, input jsonb, workspace text, OUT outcome text, OUT detail text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here CONSTANT text := @extschema@.connector_current_workspace(workspace);
    credential CONSTANT text := coalesce(NULLIF(split_part(provider, '/', 2), ''), 'default');
    called record;
    result record;
BEGIN
    called := @extschema@._connector_provider_test(provider, here);
    IF action IS NULL AND called.test ->> 'action' IS NULL THEN
        outcome := 'skip';
        detail := 'the provider has no test';
        RETURN;
    END IF;
    IF action IS NULL THEN
        SELECT t.status, t.error_code, t.error_message, t.http_status, t.execution_time_ms INTO result
          FROM @extschema@.connector_test_connection(provider, here) t;
    ELSE
        SELECT t.status, t.error_code, t.error_message, t.http_status, t.execution_time_ms INTO result
          FROM @extschema@.connector_try_call(provider, action, input, here) t;
    END IF;
    outcome := CASE WHEN result.status = 'success' THEN 'pass'
                    WHEN result.error_code = 'credential_missing' AND NOT EXISTS (
                        SELECT FROM @extschema@.workspace_api_credentials c
                         WHERE c.workspace_id = here::uuid AND c.service_name = called.name AND c.label = credential
                           AND c.owner IN ('', @extschema@.connector_whoami())) THEN 'skip'
                    ELSE 'fail' END;
    detail := CASE outcome
                  WHEN 'pass' THEN concat_ws(', ', 'HTTP ' || result.http_status, round(result.execution_time_ms::numeric) || ' ms')
                  ELSE concat_ws(': ', result.error_code, result.error_message) END;
EXCEPTION
    -- an unknown provider or action, a provider that is disabled
    WHEN undefined_object OR object_not_in_prerequisite_state THEN
        outcome := 'fail';
        detail := SQLERRM;
END
$$;
COMMENT ON FUNCTION @extschema@._connector_smoke_check(text, text, jsonb, text) IS
'One check of connector_smoke(): calls an action (null: the test) and says what came of it.';

CREATE FUNCTION @extschema@.connector_smoke(
    config jsonb, workspace text DEFAULT NULL,
    OUT provider text, OUT check_name text, OUT outcome text, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    form CONSTANT jsonb := '{
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {"actions": {"type": "object", "additionalProperties": {"type": "object"}}},
            "additionalProperties": false
        }
    }';
    here CONSTANT text := @extschema@.connector_current_workspace(workspace);
    problems text;
    spec jsonb;
    broken boolean;
    action text;
    input jsonb;
BEGIN
    SELECT string_agg(concat_ws(': ', NULLIF(v.instance_path, ''), v.message), E'\n') INTO problems
      FROM @extschema@.connector_validate_json(form, coalesce(config, 'null')) v;
    IF problems IS NOT NULL THEN
        RAISE EXCEPTION 'the configuration of the smoke test is not valid' USING
            ERRCODE = 'invalid_parameter_value',
            DETAIL = problems,
            HINT = 'It has the form {"<provider>": {"actions": {"<name>": <input>}}}.';
    END IF;

    FOR provider, spec IN SELECT e.key, e.value FROM jsonb_each(config) e ORDER BY e.key COLLATE "C" LOOP
        check_name := 'test';
        SELECT c.outcome, c.detail INTO outcome, detail
          FROM @extschema@._connector_smoke_check(provider, NULL, NULL, here) c;
        broken := outcome = 'fail';
        RETURN NEXT;

        FOR action, input IN SELECT e.key, e.value FROM jsonb_each(spec -> 'actions') e ORDER BY e.key COLLATE "C" LOOP
            check_name := action;
            outcome := 'skip';
            detail := 'the test failed';
            IF NOT broken THEN
                SELECT c.outcome, c.detail INTO outcome, detail
                  FROM @extschema@._connector_smoke_check(provider, action, input, here) c;
            END IF;
            RETURN NEXT;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.connector_smoke(jsonb, text) IS
'Tries providers with the workspace''s credentials: the test of each that config names, then the actions it names, with their inputs ({"github": {"actions": {"get_repository": {...}}}, "slack/bot": {}}). A row a check: pass, fail, or skip where there is no credential, no test, or the test has failed. Real requests are sent and recorded. Needs execute. Errors: 22023 malformed config, 42501 not allowed.';
-- Maintenance: partitions of the history and folding of statistics.

-- The lower bound of a day as an id.
CREATE FUNCTION @extschema@._connector_day_start(day date) RETURNS uuid
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT @extschema@.connector_id_at(day::timestamp AT TIME ZONE 'UTC') $$;
COMMENT ON FUNCTION @extschema@._connector_day_start(date) IS
'The smallest execution id of a day (UTC).';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_day_start(date) FROM PUBLIC;

-- The time partitions that exist, by the day in their name.
CREATE FUNCTION @extschema@._connector_history_days()
RETURNS TABLE (day date, partition regclass)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT to_date(substring(c.relname from '^connector_history_(\d{8})$'), 'YYYYMMDD'), c.oid::regclass
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = '@extschema@.connector_history'::regclass
       AND c.relname ~ '^connector_history_\d{8}$'
$$;
COMMENT ON FUNCTION @extschema@._connector_history_days() IS
'Days (UTC) that have a partition of the history.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_history_days() FROM PUBLIC;

-- Attaching locks out those who write to the default partition, which is empty
-- unless maintenance did not run for days; rows of the day move over first.
CREATE FUNCTION @extschema@._connector_add_history_day(day date) RETURNS void
LANGUAGE plpgsql PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    first_id  uuid := @extschema@._connector_day_start(day);
    next_id   uuid := @extschema@._connector_day_start(day + 1);
    partition text := format('@extschema@.%I', 'connector_history_' || to_char(day, 'YYYYMMDD'));
BEGIN
    EXECUTE format('CREATE TABLE %s (LIKE @extschema@.connector_history_default INCLUDING ALL)', partition);
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', partition);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', partition);
    EXECUTE format('CREATE POLICY connector_none ON %s USING (false) WITH CHECK (false)', partition);

    LOCK TABLE @extschema@.connector_history_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format(
        'WITH moved AS (DELETE FROM @extschema@.connector_history_default
                         WHERE id >= $1 AND id < $2 RETURNING *)
         INSERT INTO %s SELECT * FROM moved', partition)
        USING first_id, next_id;
    EXECUTE format('ALTER TABLE @extschema@.connector_history ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
                   partition, first_id, next_id);
END
$$;
COMMENT ON FUNCTION @extschema@._connector_add_history_day(date) IS
'Creates the partition of a day (UTC) and moves what the default partition holds of it.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_add_history_day(date) FROM PUBLIC;

-- The set of days that shall have a partition and have none.
CREATE FUNCTION @extschema@._connector_missing_history_days(ahead integer) RETURNS SETOF date
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.day FROM (
        SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date + n
          FROM generate_series(0, ahead) n
        UNION
        SELECT (@extschema@.connector_id_time(id) AT TIME ZONE 'UTC')::date
          FROM @extschema@.connector_history_default) d(day)
     WHERE NOT EXISTS (SELECT FROM @extschema@._connector_history_days() h WHERE h.day = d.day)
     ORDER BY d.day
$$;
COMMENT ON FUNCTION @extschema@._connector_missing_history_days(integer) IS
'Days from today on, and days of rows in the default partition, without a partition.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_missing_history_days(integer) FROM PUBLIC;

-- Takes deltas whose connector and credential nobody is changing right now.  Only _connector_fold_stats
-- and workers call this, one at a time (src/stats/fold.c), so a delta stays at its place meanwhile.
CREATE FUNCTION @extschema@._connector_fold_batch(
    at_most bigint DEFAULT NULL, OUT seen bigint, OUT taken bigint)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH batch AS MATERIALIZED (
        SELECT d.ctid AS place, d.workspace_id, d.connector_id, d.credential_id
          FROM @extschema@.connector_stat_deltas d
         LIMIT _connector_fold_batch.at_most
    ), free_connectors AS MATERIALIZED (
        SELECT c.workspace_id, c.id FROM @extschema@.connectors c
         WHERE (c.workspace_id, c.id) IN (SELECT b.workspace_id, b.connector_id FROM batch b)
           FOR NO KEY UPDATE SKIP LOCKED
    ), free_credentials AS MATERIALIZED (
        SELECT c.workspace_id, c.id FROM @extschema@.workspace_api_credentials c
         WHERE (c.workspace_id, c.id) IN (SELECT b.workspace_id, b.credential_id FROM batch b)
           FOR NO KEY UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM @extschema@.connector_stat_deltas d USING batch b
         WHERE d.ctid = b.place
           AND ((b.workspace_id, b.connector_id) IN (SELECT f.workspace_id, f.id FROM free_connectors f)
                OR NOT EXISTS (SELECT FROM @extschema@.connectors c
                                WHERE c.workspace_id = b.workspace_id AND c.id = b.connector_id))
           AND (b.credential_id IS NULL
                OR (b.workspace_id, b.credential_id) IN (SELECT f.workspace_id, f.id FROM free_credentials f)
                OR NOT EXISTS (SELECT FROM @extschema@.workspace_api_credentials c
                                WHERE c.workspace_id = b.workspace_id AND c.id = b.credential_id))
        RETURNING d.*
    ), used AS (
        UPDATE @extschema@.workspace_api_credentials c
           SET last_used_at = greatest(c.last_used_at, u.last_at)
          FROM (SELECT g.workspace_id, g.credential_id, max(g.last_at) AS last_at
                  FROM gone g WHERE g.credential_id IS NOT NULL
                 GROUP BY g.workspace_id, g.credential_id) u
         WHERE c.workspace_id = u.workspace_id AND c.id = u.credential_id
    ), folded AS (
        UPDATE @extschema@.connectors c
           SET total_executions = c.total_executions + s.successes + s.failures,
               successful_executions = c.successful_executions + s.successes,
               failed_executions = c.failed_executions + s.failures,
               last_executed_at = greatest(c.last_executed_at, s.last_at)
          FROM (SELECT g.workspace_id, g.connector_id, sum(g.successes)::bigint AS successes,
                       sum(g.failures)::bigint AS failures, max(g.last_at) AS last_at
                  FROM gone g GROUP BY g.workspace_id, g.connector_id) s
         WHERE c.workspace_id = s.workspace_id AND c.id = s.connector_id
    )
    SELECT (SELECT count(*) FROM batch), (SELECT count(*) FROM gone)
$$;
COMMENT ON FUNCTION @extschema@._connector_fold_batch(bigint) IS
'Adds pending deltas, at most so many, to connectors; says how many it saw and took. Never waits for a row.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_fold_batch(bigint) FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_fold_stats() RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_fold_stats';
COMMENT ON FUNCTION @extschema@._connector_fold_stats() IS
'Folds all pending deltas that can be folded without waiting, and returns how many it took.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_fold_stats() FROM PUBLIC;

-- Rows that somebody has locked are for the next run.
CREATE FUNCTION @extschema@._connector_prune_keys(max_count integer DEFAULT 200000) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH pruned AS (
        DELETE FROM @extschema@.connector_idempotency_keys WHERE ctid = ANY (ARRAY(
            SELECT k.ctid FROM @extschema@.connector_idempotency_keys k
             WHERE k.created_at < clock_timestamp() - make_interval(mins => (
                       SELECT setting::integer FROM pg_settings WHERE name = 'connector.idempotency_retention'))
             ORDER BY k.created_at LIMIT max_count FOR UPDATE SKIP LOCKED))
        RETURNING 1
    )
    SELECT count(*) FROM pruned
$$;
COMMENT ON FUNCTION @extschema@._connector_prune_keys(integer) IS
'Deletes idempotency keys older than connector.idempotency_retention, the oldest first and at most so many; returns how many.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_prune_keys(integer) FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_prune_dead_letters(max_count integer DEFAULT 50000) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH pruned AS (
        DELETE FROM @extschema@.connector_dead_letters WHERE ctid = ANY (ARRAY(
            SELECT d.ctid FROM @extschema@.connector_dead_letters d,
                   (SELECT setting::integer FROM pg_settings WHERE name = 'connector.dead_letter_retention') s(minutes)
             WHERE s.minutes > 0 AND d.failed_at < clock_timestamp() - make_interval(mins => s.minutes)
             ORDER BY d.failed_at LIMIT max_count FOR UPDATE OF d SKIP LOCKED))
        RETURNING 1
    )
    SELECT count(*) FROM pruned
$$;
COMMENT ON FUNCTION @extschema@._connector_prune_dead_letters(integer) IS
'Deletes dead letters older than connector.dead_letter_retention, the oldest first and at most so many; returns how many.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_prune_dead_letters(integer) FROM PUBLIC;

CREATE FUNCTION @extschema@.connector_maintain(days_ahead integer DEFAULT 7) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    retention interval := make_interval(mins => (
        SELECT setting::integer FROM pg_settings WHERE name = 'connector.retention'));
    created   integer := 0;
    dropped   integer := 0;
    skipped   integer := 0;
    folded    bigint;
    keys      bigint;
    letters   bigint;
    item      record;
BEGIN
    IF days_ahead IS NULL OR days_ahead NOT BETWEEN 1 AND 366 THEN
        RAISE EXCEPTION 'days_ahead must be between 1 and 366' USING ERRCODE = '22023';
    END IF;

    -- One run at a time; another one has nothing left to do.
    IF NOT pg_try_advisory_xact_lock('@extschema@.connector_history'::regclass::oid::bigint) THEN
        RETURN jsonb_build_object('skipped', 'another run is in progress');
    END IF;

    FOR item IN SELECT d AS day FROM @extschema@._connector_missing_history_days(days_ahead) d LOOP
        BEGIN
            PERFORM @extschema@._connector_add_history_day(item.day);
            created := created + 1;
        EXCEPTION WHEN lock_not_available THEN
            skipped := skipped + 1;
            RAISE WARNING 'could not create the history partition of % now', item.day
                USING HINT = 'A long query holds connector_history; the next run tries again.';
            EXIT;               -- others wait behind us while we wait
        WHEN duplicate_table THEN
            skipped := skipped + 1;
            RAISE WARNING 'could not create the history partition of %', item.day
                USING DETAIL = SQLERRM, HINT = 'Rename or drop the table that has its name.';
        END;
    END LOOP;

    IF retention > interval '0' THEN
        FOR item IN SELECT h.day, h.partition FROM @extschema@._connector_history_days() h
                     WHERE (h.day + 1)::timestamp AT TIME ZONE 'UTC' <= clock_timestamp() - retention
                     ORDER BY h.day LOOP
            BEGIN
                EXECUTE format('DROP TABLE %s', item.partition);
                dropped := dropped + 1;
            EXCEPTION WHEN lock_not_available THEN
                skipped := skipped + 1;
                RAISE WARNING 'could not drop the history partition of % now', item.day
                    USING HINT = 'A long query holds connector_history; the next run tries again.';
                EXIT;
            END;
        END LOOP;
    END IF;

    -- Last: others wait for the rows these change until this transaction ends.
    letters := @extschema@._connector_prune_dead_letters();
    keys := @extschema@._connector_prune_keys();
    folded := @extschema@._connector_fold_stats();
    PERFORM @extschema@._connector_fold_templates();

    RETURN jsonb_build_object('partitions_created', created, 'partitions_dropped', dropped,
                              'postponed', skipped, 'statistics_folded', folded,
                              'keys_pruned', keys, 'dead_letters_pruned', letters);
END
$$;
COMMENT ON FUNCTION @extschema@.connector_maintain(integer) IS
'Folds statistics, creates the history partitions of the next days, drops those older than connector.retention, and deletes dead letters and idempotency keys that are past theirs. Cheap when there is nothing to do; schedule it with pg_cron every minute. Returns what it did. For the database administrator.';
REVOKE EXECUTE ON FUNCTION @extschema@.connector_maintain(integer) FROM PUBLIC;
-- Schedules: connectors that pg_cron starts, and the jobs that keep the extension in order.
--
-- A schedule is a row here and a job in pg_cron, in whatever database that lives.  The row is
-- the truth: a job without one does nothing, and connector_tick() makes the jobs as the rows say.

CREATE TABLE @extschema@.connector_schedules (
    workspace_id      uuid NOT NULL
                      REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    id                uuid NOT NULL,
    name              text NOT NULL CHECK (pg_catalog.length(name) OPERATOR(pg_catalog.>=) 1
                                           AND pg_catalog.length(name) OPERATOR(pg_catalog.<=) 128),
    connector_id      uuid NOT NULL,
    cron              text NOT NULL,
    priority          smallint NOT NULL,
    overlap           boolean NOT NULL,
    enabled           boolean NOT NULL,
    identity          text NOT NULL,
    run_as            name NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT pg_catalog.now(),
    last_run_at       timestamptz,
    last_execution_id uuid,
    last_error        text,
    input             jsonb NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, name),
    FOREIGN KEY (workspace_id, connector_id)
        REFERENCES @extschema@.connectors (workspace_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX connector_schedules_connector ON @extschema@.connector_schedules (workspace_id, connector_id);
COMMENT ON TABLE @extschema@.connector_schedules IS
'Connectors that are started by pg_cron. Changed by connector_schedule() and connector_unschedule() only.';
COMMENT ON COLUMN @extschema@.connector_schedules.overlap IS 'Whether it starts while the execution before it has not ended.';
COMMENT ON COLUMN @extschema@.connector_schedules.identity IS 'Whose rights it runs with: who scheduled it.';
COMMENT ON COLUMN @extschema@.connector_schedules.run_as IS 'The database role of who scheduled it; field mappings write with its rights.';
COMMENT ON COLUMN @extschema@.connector_schedules.last_run_at IS 'When it was last due and looked at, whether or not it started anything.';
COMMENT ON COLUMN @extschema@.connector_schedules.last_error IS 'Why it started nothing when it was last due; null: it did.';

ALTER TABLE @extschema@.connector_schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_schedules FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_schedules FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_schedules FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_schedules FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_schedules FOR DELETE USING (false);
-- Not the input: what is scheduled may hold what the history redacts.
GRANT SELECT (workspace_id, id, name, connector_id, cron, priority, overlap, enabled, identity, run_as,
              created_at, last_run_at, last_execution_id, last_error)
    ON @extschema@.connector_schedules TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_schedules', '');

CREATE FUNCTION @extschema@.connector_schedule(
    connector text, cron text, input jsonb DEFAULT '{}', name text DEFAULT NULL,
    workspace text DEFAULT NULL, priority integer DEFAULT 5, overlap boolean DEFAULT true,
    enabled boolean DEFAULT true)
RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_schedule';
COMMENT ON FUNCTION @extschema@.connector_schedule(text, text, jsonb, text, text, integer, boolean, boolean) IS
'Has pg_cron start a connector (name or id) again and again, with the rights the caller has then; returns the id of the schedule. A schedule of that name (the connector''s, unless given) is replaced. Needs execute. Errors: 22023 pg_cron does not take the expression, 42704 unknown connector, input_invalid the input does not fit, 54000 too many schedules, 55000 there is no pg_cron.';

CREATE FUNCTION @extschema@.connector_unschedule(name text, workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_unschedule';
COMMENT ON FUNCTION @extschema@.connector_unschedule(text, text) IS
'Removes the schedule of that name and its job; false if there is none. What it has started goes on. Needs execute.';

-- What the jobs call.

CREATE FUNCTION @extschema@._connector_run_schedule(workspace uuid, id uuid) RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET lock_timeout = '10s'
AS 'MODULE_PATHNAME', 'connector_run_schedule';
COMMENT ON FUNCTION @extschema@._connector_run_schedule(uuid, uuid) IS
'Queues an execution of a schedule and returns its id; null if there is none to be queued now, and why in last_error. Once in a minute, or in a second where the expression counts seconds.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_run_schedule(uuid, uuid) FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_cron_name(what text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_cron_name';
COMMENT ON FUNCTION @extschema@._connector_cron_name(text) IS
'Name of a job of this database.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_cron_name(text) FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_cron_command(function text, arguments text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_cron_command';
COMMENT ON FUNCTION @extschema@._connector_cron_command(text, text) IS
'Command of a job that calls a function of the extension and does nothing where that has gone.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_cron_command(text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_sync_jobs() RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_sync_jobs';
COMMENT ON FUNCTION @extschema@._connector_sync_jobs() IS
'Makes the jobs of schedules as connector_schedules says and returns what had to be done. Error 55000: there is no pg_cron.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_sync_jobs() FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_trim_cron_log() RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_trim_cron_log';
COMMENT ON FUNCTION @extschema@._connector_trim_cron_log() IS
'Deletes from cron.job_run_details what our jobs left there more than a week ago; returns how many.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_trim_cron_log() FROM PUBLIC;

-- Each part by itself: what goes wrong in one is told and does not undo the others.  The jobs come
-- first, because maintenance takes locks that nobody should hold while waiting for another process.
CREATE FUNCTION @extschema@.connector_tick() RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    jobs       jsonb;
    maintained jsonb;
    tokens     jsonb;
    polls      jsonb;
BEGIN
    IF NOT pg_try_advisory_xact_lock('@extschema@.connector_schedules'::regclass::oid::bigint) THEN
        RETURN jsonb_build_object('skipped', 'another run is in progress');
    END IF;

    BEGIN
        jobs := @extschema@._connector_sync_jobs();
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE = '55000' THEN      -- there is no pg_cron
            jobs := jsonb_build_object('skipped', SQLERRM);
        ELSE
            jobs := jsonb_build_object('error', SQLERRM);
            RAISE WARNING 'could not compare the schedules with pg_cron: %', SQLERRM;
        END IF;
    END;

    BEGIN
        maintained := @extschema@.connector_maintain();
    EXCEPTION WHEN OTHERS THEN
        maintained := jsonb_build_object('error', SQLERRM);
        RAISE WARNING 'could not maintain: %', SQLERRM;
    END;

    BEGIN
        tokens := @extschema@._connector_renew_tokens();
    EXCEPTION WHEN OTHERS THEN
        tokens := jsonb_build_object('error', SQLERRM);
        RAISE WARNING 'could not look for tokens to renew: %', SQLERRM;
    END;

    BEGIN
        polls := to_jsonb(@extschema@._connector_call_polls());
    EXCEPTION WHEN OTHERS THEN
        polls := jsonb_build_object('error', SQLERRM);
        RAISE WARNING 'could not look for triggers that are due: %', SQLERRM;
    END;

    RETURN jsonb_build_object('jobs', jobs, 'maintenance', maintained, 'tokens', tokens, 'polls', polls);
END
$$;
COMMENT ON FUNCTION @extschema@.connector_tick() IS
'What has to be done every minute: connector_maintain(), the jobs of pg_cron made as connector_schedules says, tokens renewed that end soon, and triggers polled that are due. Cheap when there is nothing to do; waits for no lock longer than two seconds; of two at a time one does it. Returns what it did. For the database administrator, and the job that connector_setup_cron() makes.';
REVOKE EXECUTE ON FUNCTION @extschema@.connector_tick() FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_nightly() RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN @extschema@.connector_maintain(14)
           || jsonb_build_object('runs_forgotten', @extschema@._connector_trim_cron_log());
END
$$;
COMMENT ON FUNCTION @extschema@._connector_nightly() IS
'What has to be done once a day: partitions for a fortnight, should the minutely job fail, and the log of pg_cron.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_nightly() FROM PUBLIC;

CREATE FUNCTION @extschema@.connector_setup_cron(remove boolean DEFAULT false) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_setup_cron';
COMMENT ON FUNCTION @extschema@.connector_setup_cron(boolean) IS
'Makes the jobs of this database in pg_cron, wherever it lives: connector_tick() every minute, maintenance every night, and those of the schedules; or removes them all. Jobs of databases that are gone are removed. May be called again at any time. Returns what had to be done. For the database administrator. Error 55000: there is no pg_cron.';
REVOKE EXECUTE ON FUNCTION @extschema@.connector_setup_cron(boolean) FROM PUBLIC;
-- Polling triggers: streams of providers that are looked at again and again, and start a connector for
-- each record that is new or has changed.
--
-- A row is leased by the database's poll process, which asks the remote without a transaction, and
-- then, for each page, queues executions and remembers records and cursor in one.

CREATE TABLE @extschema@.connector_triggers (
    workspace_id      uuid NOT NULL
                      REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    id                uuid NOT NULL,
    name              text NOT NULL CHECK (pg_catalog.length(name) OPERATOR(pg_catalog.>=) 1
                                           AND pg_catalog.length(name) OPERATOR(pg_catalog.<=) 128),
    provider          text NOT NULL,
    trigger           text,
    stream            text NOT NULL,
    label             text,
    event             text NOT NULL CHECK (event OPERATOR(pg_catalog.=) ANY (ARRAY['created', 'updated'])),
    connector_id      uuid NOT NULL,
    poll_interval     integer NOT NULL CHECK (poll_interval OPERATOR(pg_catalog.>=) 60
                                              AND poll_interval OPERATOR(pg_catalog.<=) 86400),
    priority          smallint NOT NULL,
    from_now          boolean NOT NULL,
    told_by           uuid NOT NULL,
    enabled           boolean NOT NULL,
    identity          text NOT NULL,
    run_as            name NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT pg_catalog.now(),
    primed            boolean NOT NULL DEFAULT false,
    known_since       timestamptz,
    cursor            jsonb,
    last_poll_at      timestamptz,
    next_poll_at      timestamptz NOT NULL,
    failures          integer NOT NULL DEFAULT 0,
    error_code        text,
    last_error        text,
    hint              text,
    started           bigint NOT NULL DEFAULT 0,
    last_execution_id uuid,
    lease             uuid,
    lease_until       timestamptz,
    input             jsonb NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, name),
    FOREIGN KEY (workspace_id, connector_id)
        REFERENCES @extschema@.connectors (workspace_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX connector_triggers_connector ON @extschema@.connector_triggers (workspace_id, connector_id);
CREATE INDEX connector_triggers_due ON @extschema@.connector_triggers (next_poll_at) WHERE enabled;
COMMENT ON TABLE @extschema@.connector_triggers IS
'Streams of providers that are polled, and the connector that is started for each new or changed record. Changed by connector_trigger_set() and the functions beside it only.';
COMMENT ON COLUMN @extschema@.connector_triggers.trigger IS 'The trigger in the provider''s definition; null: a stream without one.';
COMMENT ON COLUMN @extschema@.connector_triggers.poll_interval IS 'Seconds from one poll to the next.';
COMMENT ON COLUMN @extschema@.connector_triggers.from_now IS 'Whether its first poll starts nothing and only remembers what is there.';
COMMENT ON COLUMN @extschema@.connector_triggers.told_by IS 'Digest of what told records apart when it was set: with another one all that it remembers would be new.';
COMMENT ON COLUMN @extschema@.connector_triggers.identity IS 'Whose rights and credentials it has: who set it, or enabled it last.';
COMMENT ON COLUMN @extschema@.connector_triggers.run_as IS 'The database role of that one; field mappings write with its rights.';
COMMENT ON COLUMN @extschema@.connector_triggers.primed IS 'Whether the first poll has come to its end.';
COMMENT ON COLUMN @extschema@.connector_triggers.known_since IS 'Records created before then are not new, even if they are not remembered; null: any may be.';
COMMENT ON COLUMN @extschema@.connector_triggers.cursor IS 'Where the next poll goes on: the lower bound that the stream is asked with; null: everything is asked for.';
COMMENT ON COLUMN @extschema@.connector_triggers.failures IS 'Polls that failed since one did not.';
COMMENT ON COLUMN @extschema@.connector_triggers.lease IS 'The incarnation of the process that polls it; null: nobody does.';

ALTER TABLE @extschema@.connector_triggers ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_triggers FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_triggers FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_triggers FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_triggers FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_triggers FOR DELETE USING (false);
-- Not the input, which may hold what the history redacts, nor the cursor, which some remotes take
-- in place of everything else.
GRANT SELECT (workspace_id, id, name, provider, trigger, stream, label, event, connector_id, poll_interval,
              priority, from_now, enabled, identity, run_as, created_at, primed, known_since, last_poll_at,
              next_poll_at, failures, error_code, last_error, hint, started, last_execution_id, lease, lease_until)
    ON @extschema@.connector_triggers TO PUBLIC;

-- A restored one must not poll before the marks of the backup have been loaded too.
CREATE TRIGGER loaded AFTER INSERT ON @extschema@.connector_triggers
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._connector_queue_loaded();
ALTER TABLE @extschema@.connector_triggers ENABLE ALWAYS TRIGGER loaded;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_triggers', '');

CREATE TABLE @extschema@.connector_trigger_seen (
    workspace_id uuid NOT NULL,
    trigger_id   uuid NOT NULL,
    key          uuid NOT NULL,
    version      uuid NOT NULL,
    seen_at      timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, trigger_id, key),
    FOREIGN KEY (workspace_id, trigger_id)
        REFERENCES @extschema@.connector_triggers (workspace_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
COMMENT ON TABLE @extschema@.connector_trigger_seen IS
'Records that a trigger knows, so that none starts anything twice. Forgotten when they have not been seen for connector.trigger_retention.';
COMMENT ON COLUMN @extschema@.connector_trigger_seen.key IS 'First half of the SHA-256 of what tells records apart.';
COMMENT ON COLUMN @extschema@.connector_trigger_seen.version IS 'Likewise of what tells that one has changed; zeros: that does not count.';
COMMENT ON COLUMN @extschema@.connector_trigger_seen.seen_at IS 'When it was seen last, give or take a day.';

-- No grants: only functions read it.
ALTER TABLE @extschema@.connector_trigger_seen ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_trigger_seen FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_trigger_seen FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_trigger_seen FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_trigger_seen FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_trigger_seen FOR DELETE USING (false);

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_trigger_seen', '');

CREATE FUNCTION @extschema@.connector_trigger_set(
    name text, provider text, trigger text, connector text, input jsonb DEFAULT '{}',
    "interval" integer DEFAULT NULL, label text DEFAULT NULL, workspace text DEFAULT NULL,
    from_now boolean DEFAULT true, event text DEFAULT NULL, priority integer DEFAULT 5,
    enabled boolean DEFAULT true)
RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_trigger_set';
COMMENT ON FUNCTION @extschema@.connector_trigger_set(text, text, text, text, jsonb, integer, text, text, boolean, text, integer, boolean) IS
'Has a provider''s trigger (or a stream of it) polled every so many seconds, with the rights and credentials the caller has then, and a connector (name or id) started for each record that is new or has changed; returns the id of the trigger. label: of the credential. One of that name is replaced; it goes on where it was if it reads the same. from_now: what is there at the first poll starts nothing. Needs execute. Errors: 0A000 the trigger waits for webhooks, 42704 unknown provider, trigger or connector, 22023 bad argument, input_invalid the input does not fit, 54000 too many triggers.';

CREATE FUNCTION @extschema@.connector_trigger_remove(name text, workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_trigger_remove';
COMMENT ON FUNCTION @extschema@.connector_trigger_remove(text, text) IS
'Removes the trigger of that name and all it remembers; false if there is none. What it has started goes on. Needs execute.';

CREATE FUNCTION @extschema@.connector_trigger_enable(name text, enabled boolean DEFAULT true, workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_trigger_enable';
COMMENT ON FUNCTION @extschema@.connector_trigger_enable(text, boolean, text) IS
'Enables the trigger of that name, which has the rights and credentials of the caller from then on and is polled at once, or disables it: a poll under way starts nothing more. False if there is none. Needs execute.';

CREATE FUNCTION @extschema@.connector_trigger_poll_now(name text, workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_trigger_poll_now';
COMMENT ON FUNCTION @extschema@.connector_trigger_poll_now(text, text) IS
'Has the trigger of that name polled as soon as the transaction has committed, whenever it is due; false if there is none, or it is disabled. Does not wait. Needs execute.';

CREATE FUNCTION @extschema@._connector_call_polls() RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_call_polls';
COMMENT ON FUNCTION @extschema@._connector_call_polls() IS
'Has the triggers that are due polled, by the database''s poll process, and returns how many they are, with those that are being polled. Does not wait.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_call_polls() FROM PUBLIC;

CREATE VIEW @extschema@.connector_trigger_status WITH (security_invoker = true) AS
SELECT t.workspace_id, t.name, t.provider, coalesce(t.trigger, t.stream) AS trigger, t.event, c.name AS connector_name,
       CASE WHEN NOT t.enabled THEN CASE WHEN t.last_error IS NULL THEN 'disabled' ELSE 'stopped' END
            WHEN t.lease IS NOT NULL THEN 'polling'
            WHEN t.failures OPERATOR(pg_catalog.>) 0 THEN 'failing'
            WHEN t.last_poll_at IS NULL THEN 'new'
            ELSE 'waiting' END AS status,
       t.poll_interval, t.last_poll_at, t.next_poll_at, t.failures, t.error_code, t.last_error, t.hint,
       t.started, t.last_execution_id, t.identity
  FROM @extschema@.connector_triggers t
  LEFT JOIN @extschema@.connectors c
    ON c.workspace_id OPERATOR(pg_catalog.=) t.workspace_id AND c.id OPERATOR(pg_catalog.=) t.connector_id;
COMMENT ON VIEW @extschema@.connector_trigger_status IS
'How the triggers of the caller''s workspaces are: status is new (not polled yet), waiting, polling, failing (tried again at next_poll_at), disabled, or stopped (disabled because whose rights it had may not execute any more); what went wrong last and what to do about it, and how many executions it has started.';
GRANT SELECT ON @extschema@.connector_trigger_status TO PUBLIC;
-- Views: always with the rights and the row security of who asks.

-- What the caller may use, the workspaces' own providers beside the official ones.
CREATE VIEW @extschema@.connector_catalog WITH (security_invoker = true) AS
SELECT p.workspace_id, p.name, p.title, p.category, p.availability, p.version, p.builtin, p.aliases,
       p.definition OPERATOR(pg_catalog.->>) 'description' AS description,
       p.definition OPERATOR(pg_catalog.->>) 'documentation' AS documentation,
       n.auth, n.actions, n.streams, n.triggers, p.created_at, p.updated_at
  FROM @extschema@.connector_providers p
 CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT a OPERATOR(pg_catalog.->>) 'kind'
                   FROM pg_catalog.jsonb_path_query(p.definition, '$.auth[*]') a) AS auth,
           ARRAY(SELECT k FROM pg_catalog.jsonb_path_query(p.definition, '$.actions ? (@.type() == "object")') o,
                        pg_catalog.jsonb_object_keys(o) k ORDER BY k) AS actions,
           ARRAY(SELECT k FROM pg_catalog.jsonb_path_query(p.definition, '$.streams ? (@.type() == "object")') o,
                        pg_catalog.jsonb_object_keys(o) k ORDER BY k) AS streams,
           ARRAY(SELECT k FROM pg_catalog.jsonb_path_query(p.definition, '$.triggers ? (@.type() == "object")') o,
                        pg_catalog.jsonb_object_keys(o) k ORDER BY k) AS triggers) n;
COMMENT ON VIEW @extschema@.connector_catalog IS
'Providers the caller may use: official ones (the nil uuid as workspace) and those of its workspaces, with the names of their actions, streams and triggers.';
GRANT SELECT ON @extschema@.connector_catalog TO PUBLIC;

-- The queue and the history as one.  The parts have plain columns only, so that conditions go down to their
-- indexes and ORDER BY id reads them in order; what costs more is said above, for the rows that are shown.
CREATE VIEW @extschema@.connector_executions WITH (security_invoker = true) AS
SELECT e.workspace_id, e.id, e.connector_id,
       CASE WHEN e.queued
            THEN (SELECT c.name FROM @extschema@.connectors c
                   WHERE c.workspace_id OPERATOR(pg_catalog.=) e.workspace_id
                     AND c.id OPERATOR(pg_catalog.=) e.connector_id)
            ELSE e.connector_name END AS connector_name,
       e.connector_version, e.status, e.trigger, e.attempt, e.current_step, e.steps_executed,
       CASE WHEN e.queued THEN @extschema@._connector_queue_input(e.workspace_id, e.id)
            ELSE e.input_data END AS input_data,
       e.output_data, e.error_code, e.error_message, e.http_status, e.execution_time_ms,
       e.started_at, e.completed_at, e.created_at, e.executed_by,
       e.contact_id, e.flow_run_id, e.correlation_id, e.idempotency_key, e.due_at
  FROM (SELECT q.workspace_id, q.id, q.connector_id, true AS queued, NULL::text AS connector_name,
               NULL::integer AS connector_version,
               CASE WHEN q.lease IS NULL THEN 'pending' ELSE 'running' END::text AS status,
               q.trigger, q.attempt, NULL::text AS current_step, NULL::jsonb AS steps_executed,
               NULL::jsonb AS input_data, NULL::jsonb AS output_data, NULL::text AS error_code,
               NULL::text AS error_message, NULL::integer AS http_status,
               NULL::double precision AS execution_time_ms, q.claimed_at AS started_at,
               NULL::timestamptz AS completed_at, q.created_at, q.identity AS executed_by,
               NULL::text AS contact_id, NULL::text AS flow_run_id, q.correlation_id,
               q.idempotency_key, q.due_at
          FROM @extschema@.connector_queue q
        UNION ALL
        SELECT h.workspace_id, h.id, h.connector_id, false, h.connector_name, h.connector_version,
               h.status, h.trigger, h.attempt, h.current_step, h.steps_executed, h.input_data,
               h.output_data, h.error_code, h.error_message, h.http_status, h.execution_time_ms,
               h.started_at, h.completed_at, h.created_at, h.executed_by,
               h.contact_id, h.flow_run_id, h.correlation_id, h.idempotency_key, NULL
          FROM @extschema@.connector_history h) e;
COMMENT ON VIEW @extschema@.connector_executions IS
'Executions of the caller''s workspaces: those in the queue (status pending or running) and those that have ended. Ids are in order of time, of one that is due later of that time: WHERE workspace_id = ... ORDER BY id DESC LIMIT 20 is the cheap way to the newest, id >= connector_id_at(...) the one to a period.';
COMMENT ON COLUMN @extschema@.connector_executions.due_at IS 'Queued, and not before then.';
GRANT SELECT ON @extschema@.connector_executions TO PUBLIC;

CREATE VIEW @extschema@.connector_rate_limit_status WITH (security_invoker = true) AS
SELECT l.workspace_id, l.kind,
       CASE WHEN l.kind OPERATOR(pg_catalog.=) 'connector' THEN coalesce(c.name, l.id::text)
            WHEN k.id IS NOT NULL THEN pg_catalog.concat_ws('/', k.service_name, k.label)
            ELSE l.service END AS name,
       l.requests_per_minute, l.minute_available, l.requests_per_hour, l.hour_available,
       l.concurrency, l.in_flight, l.next_free_at, l.held_until
  FROM @extschema@._connector_limits() l
  LEFT JOIN @extschema@.connectors c
    ON c.workspace_id OPERATOR(pg_catalog.=) l.workspace_id AND c.id OPERATOR(pg_catalog.=) l.id AND l.kind OPERATOR(pg_catalog.=) 'connector'
  LEFT JOIN @extschema@.workspace_api_credentials k
    ON k.workspace_id OPERATOR(pg_catalog.=) l.workspace_id AND k.id OPERATOR(pg_catalog.=) l.id AND l.kind OPERATOR(pg_catalog.=) 'credential'
 WHERE pg_catalog.num_nonnulls(l.requests_per_minute, l.requests_per_hour, l.concurrency, l.held_until) OPERATOR(pg_catalog.>) 0
    OR l.in_flight OPERATOR(pg_catalog.>) 0;
COMMENT ON VIEW @extschema@.connector_rate_limit_status IS
'Limits in use in the caller''s workspaces: what may go at once now, when the next request may, what is under way, and until when a remote wants to be left alone. A limit nobody has used for its time has no row.';
GRANT SELECT ON @extschema@.connector_rate_limit_status TO PUBLIC;

CREATE VIEW @extschema@.connector_circuit_breakers WITH (security_invoker = true) AS
SELECT l.workspace_id, l.service, l.breaker AS state, l.failures, l.requests, l.opened_at,
       l.next_probe_at, l.trips
  FROM @extschema@._connector_limits() l
 WHERE l.kind OPERATOR(pg_catalog.=) 'service' AND (l.requests OPERATOR(pg_catalog.>) 0 OR l.breaker OPERATOR(pg_catalog.<>) 'closed');
COMMENT ON VIEW @extschema@.connector_circuit_breakers IS
'Circuit breakers of services that the caller''s workspaces called within the last minute, and those that are not closed. trips: how often it opened, one time soon after the other.';
GRANT SELECT ON @extschema@.connector_circuit_breakers TO PUBLIC;
-- What operators see: activity, queue, workers, alerts, metrics.
--
-- Views show members their workspaces and superusers all.  What is about the installation
-- and no tenant is for superusers and members of pg_monitor.

CREATE FUNCTION @extschema@._connector_running(
    OUT workspace_id uuid, OUT id uuid, OUT worker integer, OUT worker_pid integer, OUT step text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'connector_running';
COMMENT ON FUNCTION @extschema@._connector_running() IS
'Executions that a worker has, of workspaces the caller may read: which worker (null: it is gone), and the step its checkpoint says is next. Reads the queue of these workspaces once.';

CREATE VIEW @extschema@.connector_activity WITH (security_invoker = true) AS
SELECT q.workspace_id, q.id, q.connector_id, c.name AS connector_name, r.worker, r.worker_pid,
       r.step AS current_step, q.claimed_at,
       pg_catalog.extract('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) q.claimed_at)::double precision
           OPERATOR(pg_catalog.*) 1000 AS running_ms,
       q.attempt, q.crashes, q.cancel_requested, q.trigger, q.priority, q.created_at, q.correlation_id
  FROM @extschema@._connector_running() r
  JOIN @extschema@.connector_queue q
    ON q.workspace_id OPERATOR(pg_catalog.=) r.workspace_id AND q.id OPERATOR(pg_catalog.=) r.id
   AND q.lease IS NOT NULL
  LEFT JOIN @extschema@.connectors c
    ON c.workspace_id OPERATOR(pg_catalog.=) q.workspace_id AND c.id OPERATOR(pg_catalog.=) q.connector_id;
COMMENT ON VIEW @extschema@.connector_activity IS
'Queued executions that are under way in the caller''s workspaces, and in which worker; worker null: it died, and another one will take over. current_step is the one behind the last checkpoint; null: the first.';
GRANT SELECT ON @extschema@.connector_activity TO PUBLIC;

-- A row that is due at the time in its id was scheduled so; one that is due later was put back.
CREATE VIEW @extschema@.connector_queue_stats WITH (security_invoker = true) AS
SELECT s.workspace_id, s.connector_id, c.name AS connector_name, s.ready, s.running, s.scheduled, s.parked,
       pg_catalog.extract('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) s.oldest_ready_at)::double precision
           AS oldest_ready_seconds,
       s.next_due_at,
       EXISTS (SELECT FROM @extschema@.connector_pauses p
                WHERE p.workspace_id OPERATOR(pg_catalog.=) s.workspace_id
                  AND (p.kind OPERATOR(pg_catalog.=) 'workspace'
                       OR (p.kind OPERATOR(pg_catalog.=) 'connector' AND p.target OPERATOR(pg_catalog.=) s.connector_id::text)
                       OR (p.kind OPERATOR(pg_catalog.=) 'service' AND p.target OPERATOR(pg_catalog.=) ANY (
                           SELECT pg_catalog.split_part(n.name, '/', 1)
                             FROM pg_catalog.jsonb_array_elements_text(@extschema@._connector_credentials(c.config)) n(name)))))
           AS paused
  FROM (SELECT q.workspace_id, q.connector_id,
               pg_catalog.count(*) FILTER (WHERE q.lease IS NULL AND q.due_at IS NULL) AS ready,
               pg_catalog.count(*) FILTER (WHERE q.lease IS NOT NULL) AS running,
               pg_catalog.count(*) FILTER (WHERE q.lease IS NULL AND q.due_at OPERATOR(pg_catalog.<)
                   (@extschema@.connector_id_time(q.id) OPERATOR(pg_catalog.+) '1 ms'::interval)) AS scheduled,
               pg_catalog.count(*) FILTER (WHERE q.lease IS NULL AND q.due_at OPERATOR(pg_catalog.>=)
                   (@extschema@.connector_id_time(q.id) OPERATOR(pg_catalog.+) '1 ms'::interval)) AS parked,
               pg_catalog.min(@extschema@.connector_id_time(q.id))
                   FILTER (WHERE q.lease IS NULL AND q.due_at IS NULL) AS oldest_ready_at,
               pg_catalog.min(q.due_at) AS next_due_at
          FROM @extschema@.connector_queue q
         GROUP BY q.workspace_id, q.connector_id) s
  LEFT JOIN @extschema@.connectors c
    ON c.workspace_id OPERATOR(pg_catalog.=) s.workspace_id AND c.id OPERATOR(pg_catalog.=) s.connector_id;
COMMENT ON VIEW @extschema@.connector_queue_stats IS
'What waits and runs in the queue, by connector: ready for a worker, running, scheduled for later, parked (put back until limits let it go on), the age of the oldest that is ready, when the next one is due, and whether somebody has paused it. Counts every row of the caller''s workspaces.';
GRANT SELECT ON @extschema@.connector_queue_stats TO PUBLIC;

-- Workers.

CREATE FUNCTION @extschema@._connector_workers(
    OUT database oid, OUT worker integer, OUT pid integer, OUT state text, OUT started_at timestamptz,
    OUT silent_ms double precision,
    OUT claimed bigint, OUT succeeded bigint, OUT failed bigint, OUT parked bigint, OUT retries bigint,
    OUT taken_over bigint, OUT lost bigint, OUT commits bigint, OUT turns bigint, OUT errors bigint,
    OUT in_flight bigint, OUT deferred bigint, OUT memory_bytes bigint, OUT claim_us bigint,
    OUT record_us bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'connector_workers';
COMMENT ON FUNCTION @extschema@._connector_workers() IS
'The workers of all databases, as they are in shared memory.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_workers() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@._connector_workers() TO pg_monitor;

CREATE VIEW @extschema@.connector_worker_stats WITH (security_invoker = true) AS
SELECT d.datname AS database, w.worker, w.pid, w.state, w.started_at, w.silent_ms,
       w.in_flight, w.deferred, w.memory_bytes,
       w.claimed, w.succeeded, w.failed, w.parked, w.retries, w.taken_over, w.lost, w.errors,
       w.commits, w.turns, t.claim_ms, t.record_ms,
       (w.succeeded OPERATOR(pg_catalog.+) w.failed) OPERATOR(pg_catalog./)
           NULLIF(t.seconds, 0) AS per_second,
       t.record_ms OPERATOR(pg_catalog./)
           NULLIF((w.succeeded OPERATOR(pg_catalog.+) w.failed)::double precision, 0) AS record_ms_each
  FROM @extschema@._connector_workers() w
 CROSS JOIN LATERAL (
       SELECT w.claim_us OPERATOR(pg_catalog./) 1000.0::double precision AS claim_ms,
              w.record_us OPERATOR(pg_catalog./) 1000.0::double precision AS record_ms,
              pg_catalog.extract('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) w.started_at)::double precision
                  AS seconds) t
  LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) w.database;
COMMENT ON VIEW @extschema@.connector_worker_stats IS
'The workers of all databases: what each does, since when, how long its last turn is ago, what it has now (in_flight, deferred, memory) and what it has counted since it started. For superusers and members of pg_monitor.';
GRANT SELECT ON @extschema@.connector_worker_stats TO pg_monitor;

-- Alerts.

CREATE FUNCTION @extschema@._connector_alert_settings(
    OUT failure_rate double precision, OUT backlog bigint, OUT queue_age double precision,
    OUT stale_run double precision, OUT overdue_poll double precision)
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'connector_alert_settings';
COMMENT ON FUNCTION @extschema@._connector_alert_settings() IS
'The thresholds of connector_alerts: percent, executions, seconds, seconds, seconds.';

CREATE FUNCTION @extschema@._connector_installation_alerts(
    OUT alert text, OUT severity text, OUT workspace_id uuid, OUT subject text, OUT value double precision,
    OUT threshold double precision, OUT message text, OUT hint text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'connector_installation_alerts';
COMMENT ON FUNCTION @extschema@._connector_installation_alerts() IS
'The alerts that are about no tenant; none for anybody but superusers and members of pg_monitor.';

-- The newest executions of the last hour of each connector that ran in it: a bounded number by an
-- index, whatever the history holds.
CREATE VIEW @extschema@._connector_failure_rates WITH (security_invoker = true) AS
SELECT c.workspace_id, c.name, n.total, n.failed,
       100.0::double precision OPERATOR(pg_catalog.*) n.failed OPERATOR(pg_catalog./) n.total AS rate
  FROM @extschema@.connectors c
 CROSS JOIN LATERAL (
       SELECT pg_catalog.count(*) AS total,
              pg_catalog.count(*) FILTER (WHERE h.error_code OPERATOR(pg_catalog.<>) 'cancelled') AS failed
         FROM (SELECT e.error_code FROM @extschema@.connector_history e
                WHERE e.workspace_id OPERATOR(pg_catalog.=) c.workspace_id
                  AND e.connector_id OPERATOR(pg_catalog.=) c.id
                  AND e.id OPERATOR(pg_catalog.>=)
                      @extschema@.connector_id_at(pg_catalog.now() OPERATOR(pg_catalog.-) '1 hour'::interval)
                ORDER BY e.id DESC LIMIT 1000) h) n
 WHERE (c.last_executed_at OPERATOR(pg_catalog.>=) (pg_catalog.now() OPERATOR(pg_catalog.-) '1 hour'::interval)
        OR EXISTS (SELECT FROM @extschema@.connector_stat_deltas d
                    WHERE d.workspace_id OPERATOR(pg_catalog.=) c.workspace_id
                      AND d.connector_id OPERATOR(pg_catalog.=) c.id))
   AND n.total OPERATOR(pg_catalog.>) 0;
COMMENT ON VIEW @extschema@._connector_failure_rates IS
'Of each connector the newest executions, up to 1000, of the last hour: how many there are and how many failed.';
GRANT SELECT ON @extschema@._connector_failure_rates TO PUBLIC;

-- What waits in each workspace: counted up to a limit, and the oldest by the order of ids.  Each ORDER BY
-- is that of an index, or a workspace with nothing ready would be a scan of all the others' rows.  A function,
-- since the planner takes every workspace for an average one, and would compile for half a second.
CREATE FUNCTION @extschema@._connector_backlogs(
    OUT workspace_id uuid, OUT slug text, OUT ready bigint, OUT oldest_seconds double precision)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    SELECT w.id, w.slug, n.ready,
           extract(epoch FROM clock_timestamp() - @extschema@.connector_id_time(o.id))::double precision
      FROM @extschema@.connector_workspaces w
     CROSS JOIN LATERAL (
           SELECT count(*) AS ready
             FROM (SELECT FROM @extschema@.connector_queue q
                    WHERE q.workspace_id = w.id AND q.due_at IS NULL AND q.lease IS NULL
                    ORDER BY q.connector_id, q.priority, q.id
                    LIMIT 10000 + (SELECT greatest(s.backlog, 0) FROM @extschema@._connector_alert_settings() s)) r) n
     CROSS JOIN LATERAL (
           SELECT q.id FROM @extschema@.connector_queue q
            WHERE q.workspace_id = w.id AND q.due_at IS NULL AND q.lease IS NULL AND n.ready > 0
            ORDER BY q.id LIMIT 1) o
$$;
COMMENT ON FUNCTION @extschema@._connector_backlogs() IS
'The caller''s workspaces in which executions are ready for a worker: how many, counted to 10000 beyond connector.alert_backlog, and how long the oldest has been. Runs with the rights of the caller.';

CREATE VIEW @extschema@.connector_alerts WITH (security_invoker = true) AS
SELECT 'failure_rate' AS alert,
       CASE WHEN f.rate OPERATOR(pg_catalog.>=) 50.0::double precision THEN 'critical' ELSE 'warning' END AS severity,
       f.workspace_id, f.name AS subject, f.rate AS value, s.failure_rate AS threshold,
       pg_catalog.format('%s of the last %s executions of connector "%s" failed', f.failed, f.total, f.name) AS message,
       'See error_code in connector_executions; connector_stats() has the last error.' AS hint
  FROM @extschema@._connector_alert_settings() s, @extschema@._connector_failure_rates f
 WHERE s.failure_rate OPERATOR(pg_catalog.<) 100.0::double precision
   AND f.total OPERATOR(pg_catalog.>=) 10 AND f.rate OPERATOR(pg_catalog.>) s.failure_rate
UNION ALL
SELECT a.alert, 'warning', b.workspace_id, b.slug, a.value, a.threshold, a.message, a.hint
  FROM @extschema@._connector_alert_settings() s, @extschema@._connector_backlogs() b
 CROSS JOIN LATERAL (VALUES
       ('backlog', b.ready, s.backlog, s.backlog OPERATOR(pg_catalog.>=) 0,
        pg_catalog.format('%s executions of workspace "%s" wait for a worker', b.ready, b.slug),
        'connector_queue_stats says of which connectors, connector_worker_stats what the workers do.'),
       ('queue_age', b.oldest_seconds, s.queue_age, s.queue_age OPERATOR(pg_catalog.>) 0.0::double precision AND NOT EXISTS (
            SELECT FROM @extschema@.connector_pauses p
             WHERE p.workspace_id OPERATOR(pg_catalog.=) b.workspace_id AND p.kind OPERATOR(pg_catalog.=) 'workspace'),
        pg_catalog.format('an execution of workspace "%s" has been ready for %s s', b.slug, pg_catalog.round(b.oldest_seconds)),
        'Is its connector paused, or limited? See connector_queue_stats and connector_rate_limit_status.')
       ) a(alert, value, threshold, wanted, message, hint)
 WHERE a.wanted AND a.value OPERATOR(pg_catalog.>) a.threshold
UNION ALL
SELECT 'stale_run', 'warning', a.workspace_id, coalesce(a.connector_name, a.connector_id::text), pg_catalog.max(a.running_ms) OPERATOR(pg_catalog./) 1000.0::double precision,
       s.stale_run,
       pg_catalog.format('%s executions of connector "%s" have been running for up to %s s', pg_catalog.count(*), coalesce(a.connector_name, a.connector_id::text),
                         pg_catalog.round(pg_catalog.max(a.running_ms) OPERATOR(pg_catalog./) 1000.0::double precision)),
       'connector_activity has their ids and steps; connector_cancel() ends one.'
  FROM @extschema@._connector_alert_settings() s, @extschema@.connector_activity a
 WHERE s.stale_run OPERATOR(pg_catalog.>) 0.0::double precision
   AND a.running_ms OPERATOR(pg_catalog.>) (s.stale_run OPERATOR(pg_catalog.*) 1000.0::double precision)
 GROUP BY a.workspace_id, a.connector_id, a.connector_name, s.stale_run
UNION ALL
SELECT 'dead_letters', 'warning', l.workspace_id, l.connector_name, pg_catalog.count(*), 0,
       pg_catalog.format('%s executions of connector "%s" failed for good', pg_catalog.count(*), l.connector_name),
       'See connector_dead_letters; connector_redrive() queues them again, connector_dead_letter_discard() gives them up.'
  FROM @extschema@.connector_dead_letters l
 WHERE l.redriven_at IS NULL
 GROUP BY l.workspace_id, l.connector_id, l.connector_name
UNION ALL
SELECT 'circuit_open', 'warning', b.workspace_id, b.service, b.failures, 0,
       pg_catalog.format('the breaker of service "%s" is %s: %s of %s requests failed', b.service, b.state, b.failures, b.requests),
       'It is probed by itself; connector_circuit_reset() closes it when the service is back.'
  FROM @extschema@.connector_circuit_breakers b
 WHERE b.state OPERATOR(pg_catalog.<>) 'closed'
UNION ALL
SELECT CASE WHEN k.status OPERATOR(pg_catalog.=) 'connected' THEN 'credential_expired' ELSE 'credential_failed' END,
       CASE WHEN k.status OPERATOR(pg_catalog.=) 'expiring' THEN 'warning' ELSE 'critical' END,
       k.workspace_id, pg_catalog.concat_ws('/', k.service_name, k.label),
       coalesce(pg_catalog.extract('epoch', pg_catalog.now() OPERATOR(pg_catalog.-) k.expires_at)::double precision, 0), 0,
       CASE WHEN k.status OPERATOR(pg_catalog.=) 'connected'
            THEN pg_catalog.format('credential "%s/%s" has expired', k.service_name, k.label)
            ELSE pg_catalog.concat_ws(': ', pg_catalog.format('credential "%s/%s" is in status %s', k.service_name, k.label, k.status),
                                      k.status_message) END,
       CASE WHEN k.status OPERATOR(pg_catalog.=) 'expiring' THEN 'Its token is good still, and renewing it is tried again.'
            WHEN k.status OPERATOR(pg_catalog.=) 'reauthorize' THEN 'Connect the account again, under the same label.'
            WHEN k.auth_kind OPERATOR(pg_catalog.=) ANY ('{oauth2,session}'::text[])
            THEN 'Renewing is tried again; see to the provider and to the secret of the application.'
            ELSE 'Store a new one with connector_credential_set().' END
  FROM @extschema@.workspace_api_credentials k
 WHERE k.status OPERATOR(pg_catalog.<>) 'connected' OR k.expires_at OPERATOR(pg_catalog.<=) pg_catalog.now()
UNION ALL
SELECT CASE WHEN t.enabled THEN 'trigger_failing' ELSE 'trigger_stopped' END,
       CASE WHEN t.enabled THEN 'warning' ELSE 'critical' END,
       t.workspace_id, t.name, t.failures, CASE WHEN t.enabled THEN 2 ELSE 0 END,
       CASE WHEN t.enabled
            THEN pg_catalog.format('the last %s polls of trigger "%s" failed: %s', t.failures, t.name, t.error_code)
            ELSE pg_catalog.format('trigger "%s" was stopped: %s', t.name, t.error_code) END,
       coalesce(t.hint, 'See last_error in connector_trigger_status.')
  FROM @extschema@.connector_triggers t
 WHERE (t.enabled AND t.failures OPERATOR(pg_catalog.>) 2) OR (NOT t.enabled AND t.last_error IS NOT NULL)
UNION ALL
SELECT 'trigger_overdue', 'warning', o.workspace_id, w.slug, o.seconds, s.overdue_poll,
       pg_catalog.format('%s triggers of workspace "%s" are due and not polled, one for %s s', o.triggers, w.slug, pg_catalog.round(o.seconds)),
       'Does connector_tick() run every minute, and is there a place in max_worker_processes? See the server log.'
  FROM @extschema@._connector_alert_settings() s
 CROSS JOIN (
       SELECT t.workspace_id, pg_catalog.count(*) AS triggers,
              pg_catalog.extract('epoch', pg_catalog.now() OPERATOR(pg_catalog.-) pg_catalog.min(t.next_poll_at))::double precision AS seconds
         FROM @extschema@.connector_triggers t
        WHERE t.enabled AND t.next_poll_at OPERATOR(pg_catalog.<) pg_catalog.now()
          AND (t.lease IS NULL OR t.lease_until OPERATOR(pg_catalog.<) pg_catalog.now())
          AND NOT EXISTS (SELECT FROM @extschema@.connector_pauses p
                           WHERE p.workspace_id OPERATOR(pg_catalog.=) t.workspace_id
                             AND (p.kind OPERATOR(pg_catalog.=) 'workspace'
                                  OR (p.kind OPERATOR(pg_catalog.=) 'service' AND p.target OPERATOR(pg_catalog.=) t.provider)))
        GROUP BY t.workspace_id) o
  JOIN @extschema@.connector_workspaces w ON w.id OPERATOR(pg_catalog.=) o.workspace_id
 WHERE s.overdue_poll OPERATOR(pg_catalog.>) 0.0::double precision AND o.seconds OPERATOR(pg_catalog.>) s.overdue_poll
UNION ALL
SELECT i.alert, i.severity, i.workspace_id, i.subject, i.value, i.threshold, i.message, i.hint
  FROM @extschema@._connector_installation_alerts() i;
COMMENT ON VIEW @extschema@.connector_alerts IS
'What needs somebody''s attention now, in the caller''s workspaces; superusers see those of all, they and members of pg_monitor also those of the installation (workspace_id null). No row: all is well. Thresholds are settings, connector.alert_...; docs/operations.md says what to do about each.';
GRANT SELECT ON @extschema@.connector_alerts TO PUBLIC;

-- Metrics.

CREATE FUNCTION @extschema@.connector_metrics() RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_metrics';
COMMENT ON FUNCTION @extschema@.connector_metrics() IS
'Figures of this database in the text format of Prometheus (0.0.4): counters since the server started, the queue, the workers. No tenant is named. For superusers and members of pg_monitor.';
REVOKE EXECUTE ON FUNCTION @extschema@.connector_metrics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.connector_metrics() TO pg_monitor;
-- The catalog; a file with problems is left out, with a warning.
SELECT @extschema@.connector_catalog_load();

-- The last thing that CREATE EXTENSION does: this cluster may run what will be queued, and workers
-- start when the transaction commits.
CREATE FUNCTION @extschema@._connector_installed() RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'connector_installed';
COMMENT ON FUNCTION @extschema@._connector_installed() IS
'Called at the end of the install script: makes the first mark of the fence, and starts workers when its transaction commits.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_installed() FROM PUBLIC;

SELECT @extschema@._connector_installed();
