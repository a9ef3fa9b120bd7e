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
