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
