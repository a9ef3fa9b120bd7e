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
