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
