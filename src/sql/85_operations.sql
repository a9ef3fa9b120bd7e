-- What operators see: activity, queue, workers, alerts, metrics.
--
-- Views show members their workspaces and superusers all.  What is about the installation
-- and no tenant is for superusers and members of pg_monitor.

CREATE FUNCTION @extschema@._connector_running(
    OUT workspace_id uuid, OUT id uuid, OUT worker integer, OUT worker_pid integer, OUT step text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'connector_running';
COMMENT ON FUNCTION @extschema@._connector_running() IS
'Executions that a worker has, of workspaces the caller may read: which worker (null: it is gone), and the step its checkpoint says is next. Reads the queue of these workspaces once.';

CREATE VIEW @extschema@.connector_activity WITH (security_invoker = true) AS
SELECT q.workspace_id, q.id, q.connector_id, c.name AS connector_name, r.worker, r.worker_pid,
       r.step AS current_step, q.claimed_at,
       pg_catalog.extract('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) q.claimed_at)::double precision
           OPERATOR(pg_catalog.*) 1000 AS running_ms,
       q.attempt, q.crashes, q.cancel_requested, q.trigger, q.priority, q.created_at, q.correlation_id
  FROM @extschema@._connector_running() r
  JOIN @extschema@.connector_queue q
    ON q.workspace_id OPERATOR(pg_catalog.=) r.workspace_id AND q.id OPERATOR(pg_catalog.=) r.id
   AND q.lease IS NOT NULL
  LEFT JOIN @extschema@.connectors c
    ON c.workspace_id OPERATOR(pg_catalog.=) q.workspace_id AND c.id OPERATOR(pg_catalog.=) q.connector_id;
COMMENT ON VIEW @extschema@.connector_activity IS
'Queued executions that are under way in the caller''s workspaces, and in which worker; worker null: it died, and another one will take over. current_step is the one behind the last checkpoint; null: the first.';
GRANT SELECT ON @extschema@.connector_activity TO PUBLIC;

-- A row that is due at the time in its id was scheduled so; one that is due later was put back.
CREATE VIEW @extschema@.connector_queue_stats WITH (security_invoker = true) AS
SELECT s.workspace_id, s.connector_id, c.name AS connector_name, s.ready, s.running, s.scheduled, s.parked,
       pg_catalog.extract('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) s.oldest_ready_at)::double precision
           AS oldest_ready_seconds,
       s.next_due_at,
       EXISTS (SELECT FROM @extschema@.connector_pauses p
                WHERE p.workspace_id OPERATOR(pg_catalog.=) s.workspace_id
                  AND (p.kind OPERATOR(pg_catalog.=) 'workspace'
                       OR (p.kind OPERATOR(pg_catalog.=) 'connector' AND p.target OPERATOR(pg_catalog.=) s.connector_id::text)
                       OR (p.kind OPERATOR(pg_catalog.=) 'service' AND p.target OPERATOR(pg_catalog.=) ANY (
                           SELECT pg_catalog.split_part(n.name, '/', 1)
                             FROM pg_catalog.jsonb_array_elements_text(@extschema@._connector_credentials(c.config)) n(name)))))
           AS paused
  FROM (SELECT q.workspace_id, q.connector_id,
               pg_catalog.count(*) FILTER (WHERE q.lease IS NULL AND q.due_at IS NULL) AS ready,
               pg_catalog.count(*) FILTER (WHERE q.lease IS NOT NULL) AS running,
               pg_catalog.count(*) FILTER (WHERE q.lease IS NULL AND q.due_at OPERATOR(pg_catalog.<)
                   (@extschema@.connector_id_time(q.id) OPERATOR(pg_catalog.+) '1 ms'::interval)) AS scheduled,
               pg_catalog.count(*) FILTER (WHERE q.lease IS NULL AND q.due_at OPERATOR(pg_catalog.>=)
                   (@extschema@.connector_id_time(q.id) OPERATOR(pg_catalog.+) '1 ms'::interval)) AS parked,
               pg_catalog.min(@extschema@.connector_id_time(q.id))
                   FILTER (WHERE q.lease IS NULL AND q.due_at IS NULL) AS oldest_ready_at,
               pg_catalog.min(q.due_at) AS next_due_at
          FROM @extschema@.connector_queue q
         GROUP BY q.workspace_id, q.connector_id) s
  LEFT JOIN @extschema@.connectors c
    ON c.workspace_id OPERATOR(pg_catalog.=) s.workspace_id AND c.id OPERATOR(pg_catalog.=) s.connector_id;
COMMENT ON VIEW @extschema@.connector_queue_stats IS
'What waits and runs in the queue, by connector: ready for a worker, running, scheduled for later, parked (put back until limits let it go on), the age of the oldest that is ready, when the next one is due, and whether somebody has paused it. Counts every row of the caller''s workspaces.';
GRANT SELECT ON @extschema@.connector_queue_stats TO PUBLIC;

-- Workers.

CREATE FUNCTION @extschema@._connector_workers(
    OUT database oid, OUT worker integer, OUT pid integer, OUT state text, OUT started_at timestamptz,
    OUT silent_ms double precision,
    OUT claimed bigint, OUT succeeded bigint, OUT failed bigint, OUT parked bigint, OUT retries bigint,
    OUT taken_over bigint, OUT lost bigint, OUT commits bigint, OUT turns bigint, OUT errors bigint,
    OUT in_flight bigint, OUT deferred bigint, OUT memory_bytes bigint, OUT claim_us bigint,
    OUT record_us bigint)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'connector_workers';
COMMENT ON FUNCTION @extschema@._connector_workers() IS
'The workers of all databases, as they are in shared memory.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_workers() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@._connector_workers() TO pg_monitor;

CREATE VIEW @extschema@.connector_worker_stats WITH (security_invoker = true) AS
SELECT d.datname AS database, w.worker, w.pid, w.state, w.started_at, w.silent_ms,
       w.in_flight, w.deferred, w.memory_bytes,
       w.claimed, w.succeeded, w.failed, w.parked, w.retries, w.taken_over, w.lost, w.errors,
       w.commits, w.turns, t.claim_ms, t.record_ms,
       (w.succeeded OPERATOR(pg_catalog.+) w.failed) OPERATOR(pg_catalog./)
           NULLIF(t.seconds, 0) AS per_second,
       t.record_ms OPERATOR(pg_catalog./)
           NULLIF((w.succeeded OPERATOR(pg_catalog.+) w.failed)::double precision, 0) AS record_ms_each
  FROM @extschema@._connector_workers() w
 CROSS JOIN LATERAL (
       SELECT w.claim_us OPERATOR(pg_catalog./) 1000.0::double precision AS claim_ms,
              w.record_us OPERATOR(pg_catalog./) 1000.0::double precision AS record_ms,
              pg_catalog.extract('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) w.started_at)::double precision
                  AS seconds) t
  LEFT JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) w.database;
COMMENT ON VIEW @extschema@.connector_worker_stats IS
'The workers of all databases: what each does, since when, how long its last turn is ago, what it has now (in_flight, deferred, memory) and what it has counted since it started. For superusers and members of pg_monitor.';
GRANT SELECT ON @extschema@.connector_worker_stats TO pg_monitor;

-- Alerts.

CREATE FUNCTION @extschema@._connector_alert_settings(
    OUT failure_rate double precision, OUT backlog bigint, OUT queue_age double precision,
    OUT stale_run double precision, OUT overdue_poll double precision)
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'connector_alert_settings';
COMMENT ON FUNCTION @extschema@._connector_alert_settings() IS
'The thresholds of connector_alerts: percent, executions, seconds, seconds, seconds.';

CREATE FUNCTION @extschema@._connector_installation_alerts(
    OUT alert text, OUT severity text, OUT workspace_id uuid, OUT subject text, OUT value double precision,
    OUT threshold double precision, OUT message text, OUT hint text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'connector_installation_alerts';
COMMENT ON FUNCTION @extschema@._connector_installation_alerts() IS
'The alerts that are about no tenant; none for anybody but superusers and members of pg_monitor.';

-- The newest executions of the last hour of each connector that ran in it: a bounded number by an
-- index, whatever the history holds.
CREATE VIEW @extschema@._connector_failure_rates WITH (security_invoker = true) AS
SELECT c.workspace_id, c.name, n.total, n.failed,
       100.0::double precision OPERATOR(pg_catalog.*) n.failed OPERATOR(pg_catalog./) n.total AS rate
  FROM @extschema@.connectors c
 CROSS JOIN LATERAL (
       SELECT pg_catalog.count(*) AS total,
              pg_catalog.count(*) FILTER (WHERE h.error_code OPERATOR(pg_catalog.<>) 'cancelled') AS failed
         FROM (SELECT e.error_code FROM @extschema@.connector_history e
                WHERE e.workspace_id OPERATOR(pg_catalog.=) c.workspace_id
                  AND e.connector_id OPERATOR(pg_catalog.=) c.id
                  AND e.id OPERATOR(pg_catalog.>=)
                      @extschema@.connector_id_at(pg_catalog.now() OPERATOR(pg_catalog.-) '1 hour'::interval)
                ORDER BY e.id DESC LIMIT 1000) h) n
 WHERE (c.last_executed_at OPERATOR(pg_catalog.>=) (pg_catalog.now() OPERATOR(pg_catalog.-) '1 hour'::interval)
        OR EXISTS (SELECT FROM @extschema@.connector_stat_deltas d
                    WHERE d.workspace_id OPERATOR(pg_catalog.=) c.workspace_id
                      AND d.connector_id OPERATOR(pg_catalog.=) c.id))
   AND n.total OPERATOR(pg_catalog.>) 0;
COMMENT ON VIEW @extschema@._connector_failure_rates IS
'Of each connector the newest executions, up to 1000, of the last hour: how many there are and how many failed.';
GRANT SELECT ON @extschema@._connector_failure_rates TO PUBLIC;

-- What waits in each workspace: counted up to a limit, and the oldest by the order of ids.  Each ORDER BY
-- is that of an index, or a workspace with nothing ready would be a scan of all the others' rows.  A function,
-- since the planner takes every workspace for an average one, and would compile for half a second.
CREATE FUNCTION @extschema@._connector_backlogs(
    OUT workspace_id uuid, OUT slug text, OUT ready bigint, OUT oldest_seconds double precision)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL RESTRICTED ROWS 10
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
    SELECT w.id, w.slug, n.ready,
           extract(epoch FROM clock_timestamp() - @extschema@.connector_id_time(o.id))::double precision
      FROM @extschema@.connector_workspaces w
     CROSS JOIN LATERAL (
           SELECT count(*) AS ready
             FROM (SELECT FROM @extschema@.connector_queue q
                    WHERE q.workspace_id = w.id AND q.due_at IS NULL AND q.lease IS NULL
                    ORDER BY q.connector_id, q.priority, q.id
                    LIMIT 10000 + (SELECT greatest(s.backlog, 0) FROM @extschema@._connector_alert_settings() s)) r) n
     CROSS JOIN LATERAL (
           SELECT q.id FROM @extschema@.connector_queue q
            WHERE q.workspace_id = w.id AND q.due_at IS NULL AND q.lease IS NULL AND n.ready > 0
            ORDER BY q.id LIMIT 1) o
$$;
COMMENT ON FUNCTION @extschema@._connector_backlogs() IS
'The caller''s workspaces in which executions are ready for a worker: how many, counted to 10000 beyond connector.alert_backlog, and how long the oldest has been. Runs with the rights of the caller.';

CREATE VIEW @extschema@.connector_alerts WITH (security_invoker = true) AS
SELECT 'failure_rate' AS alert,
       CASE WHEN f.rate OPERATOR(pg_catalog.>=) 50.0::double precision THEN 'critical' ELSE 'warning' END AS severity,
       f.workspace_id, f.name AS subject, f.rate AS value, s.failure_rate AS threshold,
       pg_catalog.format('%s of the last %s executions of connector "%s" failed', f.failed, f.total, f.name) AS message,
       'See error_code in connector_executions; connector_stats() has the last error.' AS hint
  FROM @extschema@._connector_alert_settings() s, @extschema@._connector_failure_rates f
 WHERE s.failure_rate OPERATOR(pg_catalog.<) 100.0::double precision
   AND f.total OPERATOR(pg_catalog.>=) 10 AND f.rate OPERATOR(pg_catalog.>) s.failure_rate
UNION ALL
SELECT a.alert, 'warning', b.workspace_id, b.slug, a.value, a.threshold, a.message, a.hint
  FROM @extschema@._connector_alert_settings() s, @extschema@._connector_backlogs() b
 CROSS JOIN LATERAL (VALUES
       ('backlog', b.ready, s.backlog, s.backlog OPERATOR(pg_catalog.>=) 0,
        pg_catalog.format('%s executions of workspace "%s" wait for a worker', b.ready, b.slug),
        'connector_queue_stats says of which connectors, connector_worker_stats what the workers do.'),
       ('queue_age', b.oldest_seconds, s.queue_age, s.queue_age OPERATOR(pg_catalog.>) 0.0::double precision AND NOT EXISTS (
            SELECT FROM @extschema@.connector_pauses p
             WHERE p.workspace_id OPERATOR(pg_catalog.=) b.workspace_id AND p.kind OPERATOR(pg_catalog.=) 'workspace'),
        pg_catalog.format('an execution of workspace "%s" has been ready for %s s', b.slug, pg_catalog.round(b.oldest_seconds)),
        'Is its connector paused, or limited? See connector_queue_stats and connector_rate_limit_status.')
       ) a(alert, value, threshold, wanted, message, hint)
 WHERE a.wanted AND a.value OPERATOR(pg_catalog.>) a.threshold
UNION ALL
SELECT 'stale_run', 'warning', a.workspace_id, coalesce(a.connector_name, a.connector_id::text), pg_catalog.max(a.running_ms) OPERATOR(pg_catalog./) 1000.0::double precision,
       s.stale_run,
       pg_catalog.format('%s executions of connector "%s" have been running for up to %s s', pg_catalog.count(*), coalesce(a.connector_name, a.connector_id::text),
                         pg_catalog.round(pg_catalog.max(a.running_ms) OPERATOR(pg_catalog./) 1000.0::double precision)),
       'connector_activity has their ids and steps; connector_cancel() ends one.'
  FROM @extschema@._connector_alert_settings() s, @extschema@.connector_activity a
 WHERE s.stale_run OPERATOR(pg_catalog.>) 0.0::double precision
   AND a.running_ms OPERATOR(pg_catalog.>) (s.stale_run OPERATOR(pg_catalog.*) 1000.0::double precision)
 GROUP BY a.workspace_id, a.connector_id, a.connector_name, s.stale_run
UNION ALL
SELECT 'dead_letters', 'warning', l.workspace_id, l.connector_name, pg_catalog.count(*), 0,
       pg_catalog.format('%s executions of connector "%s" failed for good', pg_catalog.count(*), l.connector_name),
       'See connector_dead_letters; connector_redrive() queues them again, connector_dead_letter_discard() gives them up.'
  FROM @extschema@.connector_dead_letters l
 WHERE l.redriven_at IS NULL
 GROUP BY l.workspace_id, l.connector_id, l.connector_name
UNION ALL
SELECT 'circuit_open', 'warning', b.workspace_id, b.service, b.failures, 0,
       pg_catalog.format('the breaker of service "%s" is %s: %s of %s requests failed', b.service, b.state, b.failures, b.requests),
       'It is probed by itself; connector_circuit_reset() closes it when the service is back.'
  FROM @extschema@.connector_circuit_breakers b
 WHERE b.state OPERATOR(pg_catalog.<>) 'closed'
UNION ALL
SELECT CASE WHEN k.status OPERATOR(pg_catalog.=) 'connected' THEN 'credential_expired' ELSE 'credential_failed' END,
       CASE WHEN k.status OPERATOR(pg_catalog.=) 'expiring' THEN 'warning' ELSE 'critical' END,
       k.workspace_id, pg_catalog.concat_ws('/', k.service_name, k.label),
       coalesce(pg_catalog.extract('epoch', pg_catalog.now() OPERATOR(pg_catalog.-) k.expires_at)::double precision, 0), 0,
       CASE WHEN k.status OPERATOR(pg_catalog.=) 'connected'
            THEN pg_catalog.format('credential "%s/%s" has expired', k.service_name, k.label)
            ELSE pg_catalog.concat_ws(': ', pg_catalog.format('credential "%s/%s" is in status %s', k.service_name, k.label, k.status),
                                      k.status_message) END,
       CASE WHEN k.status OPERATOR(pg_catalog.=) 'expiring' THEN 'Its token is good still, and renewing it is tried again.'
            WHEN k.status OPERATOR(pg_catalog.=) 'reauthorize' THEN 'Connect the account again, under the same label.'
            WHEN k.auth_kind OPERATOR(pg_catalog.=) ANY ('{oauth2,session}'::text[])
            THEN 'Renewing is tried again; see to the provider and to the secret of the application.'
            ELSE 'Store a new one with connector_credential_set().' END
  FROM @extschema@.workspace_api_credentials k
 WHERE k.status OPERATOR(pg_catalog.<>) 'connected' OR k.expires_at OPERATOR(pg_catalog.<=) pg_catalog.now()
UNION ALL
SELECT CASE WHEN t.enabled THEN 'trigger_failing' ELSE 'trigger_stopped' END,
       CASE WHEN t.enabled THEN 'warning' ELSE 'critical' END,
       t.workspace_id, t.name, t.failures, CASE WHEN t.enabled THEN 2 ELSE 0 END,
       CASE WHEN t.enabled
            THEN pg_catalog.format('the last %s polls of trigger "%s" failed: %s', t.failures, t.name, t.error_code)
            ELSE pg_catalog.format('trigger "%s" was stopped: %s', t.name, t.error_code) END,
       coalesce(t.hint, 'See last_error in connector_trigger_status.')
  FROM @extschema@.connector_triggers t
 WHERE (t.enabled AND t.failures OPERATOR(pg_catalog.>) 2) OR (NOT t.enabled AND t.last_error IS NOT NULL)
UNION ALL
SELECT 'trigger_overdue', 'warning', o.workspace_id, w.slug, o.seconds, s.overdue_poll,
       pg_catalog.format('%s triggers of workspace "%s" are due and not polled, one for %s s', o.triggers, w.slug, pg_catalog.round(o.seconds)),
       'Does connector_tick() run every minute, and is there a place in max_worker_processes? See the server log.'
  FROM @extschema@._connector_alert_settings() s
 CROSS JOIN (
       SELECT t.workspace_id, pg_catalog.count(*) AS triggers,
              pg_catalog.extract('epoch', pg_catalog.now() OPERATOR(pg_catalog.-) pg_catalog.min(t.next_poll_at))::double precision AS seconds
         FROM @extschema@.connector_triggers t
        WHERE t.enabled AND t.next_poll_at OPERATOR(pg_catalog.<) pg_catalog.now()
          AND (t.lease IS NULL OR t.lease_until OPERATOR(pg_catalog.<) pg_catalog.now())
          AND NOT EXISTS (SELECT FROM @extschema@.connector_pauses p
                           WHERE p.workspace_id OPERATOR(pg_catalog.=) t.workspace_id
                             AND (p.kind OPERATOR(pg_catalog.=) 'workspace'
                                  OR (p.kind OPERATOR(pg_catalog.=) 'service' AND p.target OPERATOR(pg_catalog.=) t.provider)))
        GROUP BY t.workspace_id) o
  JOIN @extschema@.connector_workspaces w ON w.id OPERATOR(pg_catalog.=) o.workspace_id
 WHERE s.overdue_poll OPERATOR(pg_catalog.>) 0.0::double precision AND o.seconds OPERATOR(pg_catalog.>) s.overdue_poll
UNION ALL
SELECT i.alert, i.severity, i.workspace_id, i.subject, i.value, i.threshold, i.message, i.hint
  FROM @extschema@._connector_installation_alerts() i;
COMMENT ON VIEW @extschema@.connector_alerts IS
'What needs somebody''s attention now, in the caller''s workspaces; superusers see those of all, they and members of pg_monitor also those of the installation (workspace_id null). No row: all is well. Thresholds are settings, connector.alert_...; docs/operations.md says what to do about each.';
GRANT SELECT ON @extschema@.connector_alerts TO PUBLIC;

-- Metrics.

CREATE FUNCTION @extschema@.connector_metrics() RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_metrics';
COMMENT ON FUNCTION @extschema@.connector_metrics() IS
'Figures of this database in the text format of Prometheus (0.0.4): counters since the server started, the queue, the workers. No tenant is named. For superusers and members of pg_monitor.';
REVOKE EXECUTE ON FUNCTION @extschema@.connector_metrics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION @extschema@.connector_metrics() TO pg_monitor;
