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
