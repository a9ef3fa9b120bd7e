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
