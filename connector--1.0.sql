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
    created_at  timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE @extschema@.connector_workspaces IS
'The tenants. Every other table of a tenant carries workspace_id first in its primary key.';
COMMENT ON COLUMN @extschema@.connector_workspaces.slug IS
'Short name used in calls: 1 to 63 lower-case letters, digits, "-" and "_".';

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
    status        text NOT NULL DEFAULT 'connected',
    expires_at    timestamptz,
    last_used_at  timestamptz,
    created_by    text,
    created_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, service_name, label, owner)
);
COMMENT ON TABLE @extschema@.workspace_api_credentials IS
'Secrets of a workspace for a service, encrypted (AES-256-GCM, bound to this row); written by connector_credential_set and readable, in clear, by no SQL at all.';
COMMENT ON COLUMN @extschema@.workspace_api_credentials.owner IS
'Identity of the member a credential of scope user belongs to; empty for scope workspace.';
COMMENT ON COLUMN @extschema@.workspace_api_credentials.secret IS
'Format byte 1, 12 bytes nonce, ciphertext, 16 bytes tag. Associated data: workspace id, service, credential id, key id.';
COMMENT ON COLUMN @extschema@.workspace_api_credentials.allowed_hosts IS
'Where the secret may be sent: host, host:port or *.host over https, or an explicit http://host[:port].';

-- All columns but last_used_at and updated_at: the use of a credential is no change of it.
CREATE TRIGGER changed AFTER INSERT OR UPDATE OF workspace_id, id, service_name, label, scope, owner,
        auth_kind, secret, key_id, parameters, allowed_hosts, status, expires_at
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
              allowed_hosts, status, expires_at, last_used_at, created_by, created_at, updated_at)
    ON @extschema@.workspace_api_credentials TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.workspace_api_credentials', '');

CREATE FUNCTION @extschema@.connector_credential_set(
    service text, secret jsonb, kind text DEFAULT 'api_key', parameters jsonb DEFAULT '{}',
    allowed_hosts text[] DEFAULT NULL, label text DEFAULT 'default', scope text DEFAULT 'workspace',
    expires_at timestamptz DEFAULT NULL, workspace text DEFAULT NULL)
RETURNS uuid
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_credential_set';
COMMENT ON FUNCTION @extschema@.connector_credential_set(text, jsonb, text, jsonb, text[], text, text, timestamptz, text) IS
'Stores or replaces a credential and returns its id. Kinds and their secrets: api_key {"api_key"} (parameters in header|query, name, prefix), bearer {"token"}, basic {"username","password"}. Scope workspace needs admin; scope user belongs to the caller and needs editor. Errors: 22023 unknown kind, missing field or malformed host, 42501 not allowed, 55000 no key configured. See docs/credentials.md for how to keep the statement out of logs.';

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
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, name)
);
COMMENT ON TABLE @extschema@.connectors IS
'Connector definitions. INSERT, UPDATE and DELETE work under row security and are checked; the counters are folded in from time to time, connector_stats() is exact.';
COMMENT ON COLUMN @extschema@.connectors.config IS 'The definition; docs/connectors.md and docs/definition.schema.json.';
COMMENT ON COLUMN @extschema@.connectors.log_response_data IS 'false: executions are recorded without their output.';

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
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH mentioned AS (
        SELECT jsonb_path_query(config, path) AS credential
          FROM unnest(ARRAY['$.credential', '$.steps[*].credential',
                            '$.steps[*].steps[*].credential']::jsonpath[]) AS path
    ), named AS (
        SELECT CASE jsonb_typeof(credential)
                   WHEN 'string' THEN credential #>> '{}'
                   WHEN 'object' THEN concat_ws('/', credential ->> 'service', credential ->> 'label')
               END AS name
          FROM mentioned
    )
    SELECT coalesce(jsonb_agg(DISTINCT CASE WHEN name LIKE '%/%' THEN name ELSE name || '/default' END
                              COLLATE "C"), '[]')
      FROM named WHERE name <> ''
$$;
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
);
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

-- Takes the deltas of connectors that nobody is changing right now.
CREATE FUNCTION @extschema@._connector_fold_stats() RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH locked AS (
        SELECT c.workspace_id, c.id FROM @extschema@.connectors c
         WHERE EXISTS (SELECT FROM @extschema@.connector_stat_deltas d
                        WHERE d.workspace_id = c.workspace_id AND d.connector_id = c.id)
           FOR NO KEY UPDATE SKIP LOCKED
    ), taken AS (
        DELETE FROM @extschema@.connector_stat_deltas d
         WHERE EXISTS (SELECT FROM locked l
                        WHERE l.workspace_id = d.workspace_id AND l.id = d.connector_id)
            OR NOT EXISTS (SELECT FROM @extschema@.connectors c
                            WHERE c.workspace_id = d.workspace_id AND c.id = d.connector_id)
        RETURNING d.*
    ), used AS (
        UPDATE @extschema@.workspace_api_credentials c
           SET last_used_at = greatest(c.last_used_at, u.last_at)
          FROM (SELECT t.workspace_id, t.credential_id, max(t.last_at) AS last_at
                  FROM taken t WHERE t.credential_id IS NOT NULL
                 GROUP BY t.workspace_id, t.credential_id) u
         WHERE c.workspace_id = u.workspace_id AND c.id = u.credential_id
    ), folded AS (
        UPDATE @extschema@.connectors c
           SET total_executions = c.total_executions + s.successes + s.failures,
               successful_executions = c.successful_executions + s.successes,
               failed_executions = c.failed_executions + s.failures,
               last_executed_at = greatest(c.last_executed_at, s.last_at)
          FROM (SELECT t.workspace_id, t.connector_id, sum(t.successes)::bigint AS successes,
                       sum(t.failures)::bigint AS failures, max(t.last_at) AS last_at
                  FROM taken t GROUP BY t.workspace_id, t.connector_id) s
         WHERE c.workspace_id = s.workspace_id AND c.id = s.connector_id
    )
    SELECT count(*) FROM taken
$$;
COMMENT ON FUNCTION @extschema@._connector_fold_stats() IS
'Adds the pending deltas to connectors and returns how many it took. Never waits for a row.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_fold_stats() FROM PUBLIC;

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
    item      record;
BEGIN
    IF days_ahead IS NULL OR days_ahead NOT BETWEEN 1 AND 366 THEN
        RAISE EXCEPTION 'days_ahead must be between 1 and 366' USING ERRCODE = '22023';
    END IF;

    -- One run at a time; another one has nothing left to do.
    IF NOT pg_try_advisory_xact_lock('@extschema@.connector_history'::regclass::oid::bigint) THEN
        RETURN jsonb_build_object('skipped', 'another run is in progress');
    END IF;

    folded := @extschema@._connector_fold_stats();

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

    RETURN jsonb_build_object('partitions_created', created, 'partitions_dropped', dropped,
                              'postponed', skipped, 'statistics_folded', folded);
END
$$;
COMMENT ON FUNCTION @extschema@.connector_maintain(integer) IS
'Folds statistics, creates the history partitions of the next days and drops those older than connector.retention. Cheap when there is nothing to do; schedule it with pg_cron every minute. Returns what it did. For the database administrator.';
REVOKE EXECUTE ON FUNCTION @extschema@.connector_maintain(integer) FROM PUBLIC;
-- Views: always with the rights and the row security of who asks.

CREATE VIEW @extschema@.connector_executions WITH (security_invoker = true) AS
SELECT h.workspace_id, h.id, h.connector_id, h.connector_name, h.connector_version, h.status,
       h.trigger, h.attempt, h.current_step, h.steps_executed, h.input_data, h.output_data,
       h.error_code, h.error_message, h.http_status, h.execution_time_ms,
       h.started_at, h.completed_at, h.created_at, h.executed_by,
       h.contact_id, h.flow_run_id, h.correlation_id, h.idempotency_key
  FROM @extschema@.connector_history h;
COMMENT ON VIEW @extschema@.connector_executions IS
'Executions of the caller''s workspaces. Ids are in order of time: ORDER BY id DESC LIMIT 20 is the cheap way to the newest, id >= connector_id_at(...) the one to a period.';
GRANT SELECT ON @extschema@.connector_executions TO PUBLIC;
