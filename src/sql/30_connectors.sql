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
