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
