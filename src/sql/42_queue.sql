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
