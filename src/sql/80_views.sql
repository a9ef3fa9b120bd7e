-- Views: always with the rights and the row security of who asks.

-- What the caller may use, the workspaces' own providers beside the official ones.
CREATE VIEW @extschema@.connector_catalog WITH (security_invoker = true) AS
SELECT p.workspace_id, p.name, p.title, p.category, p.availability, p.version, p.builtin, p.aliases,
       p.definition OPERATOR(pg_catalog.->>) 'description' AS description,
       p.definition OPERATOR(pg_catalog.->>) 'documentation' AS documentation,
       n.auth, n.actions, n.streams, n.triggers, p.created_at, p.updated_at
  FROM @extschema@.connector_providers p
 CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT a OPERATOR(pg_catalog.->>) 'kind'
                   FROM pg_catalog.jsonb_path_query(p.definition, '$.auth[*]') a) AS auth,
           ARRAY(SELECT k FROM pg_catalog.jsonb_path_query(p.definition, '$.actions ? (@.type() == "object")') o,
                        pg_catalog.jsonb_object_keys(o) k ORDER BY k) AS actions,
           ARRAY(SELECT k FROM pg_catalog.jsonb_path_query(p.definition, '$.streams ? (@.type() == "object")') o,
                        pg_catalog.jsonb_object_keys(o) k ORDER BY k) AS streams,
           ARRAY(SELECT k FROM pg_catalog.jsonb_path_query(p.definition, '$.triggers ? (@.type() == "object")') o,
                        pg_catalog.jsonb_object_keys(o) k ORDER BY k) AS triggers) n;
COMMENT ON VIEW @extschema@.connector_catalog IS
'Providers the caller may use: official ones (the nil uuid as workspace) and those of its workspaces, with the names of their actions, streams and triggers.';
GRANT SELECT ON @extschema@.connector_catalog TO PUBLIC;

-- The queue and the history as one.  The parts have plain columns only, so that conditions go down to their
-- indexes and ORDER BY id reads them in order; what costs more is said above, for the rows that are shown.
CREATE VIEW @extschema@.connector_executions WITH (security_invoker = true) AS
SELECT e.workspace_id, e.id, e.connector_id,
       CASE WHEN e.queued
            THEN (SELECT c.name FROM @extschema@.connectors c
                   WHERE c.workspace_id OPERATOR(pg_catalog.=) e.workspace_id
                     AND c.id OPERATOR(pg_catalog.=) e.connector_id)
            ELSE e.connector_name END AS connector_name,
       e.connector_version, e.status, e.trigger, e.attempt, e.current_step, e.steps_executed,
       CASE WHEN e.queued THEN @extschema@._connector_queue_input(e.workspace_id, e.id)
            ELSE e.input_data END AS input_data,
       e.output_data, e.error_code, e.error_message, e.http_status, e.execution_time_ms,
       e.started_at, e.completed_at, e.created_at, e.executed_by,
       e.contact_id, e.flow_run_id, e.correlation_id, e.idempotency_key, e.due_at
  FROM (SELECT q.workspace_id, q.id, q.connector_id, true AS queued, NULL::text AS connector_name,
               NULL::integer AS connector_version,
               CASE WHEN q.lease IS NULL THEN 'pending' ELSE 'running' END::text AS status,
               q.trigger, q.attempt, NULL::text AS current_step, NULL::jsonb AS steps_executed,
               NULL::jsonb AS input_data, NULL::jsonb AS output_data, NULL::text AS error_code,
               NULL::text AS error_message, NULL::integer AS http_status,
               NULL::double precision AS execution_time_ms, q.claimed_at AS started_at,
               NULL::timestamptz AS completed_at, q.created_at, q.identity AS executed_by,
               NULL::text AS contact_id, NULL::text AS flow_run_id, q.correlation_id,
               q.idempotency_key, q.due_at
          FROM @extschema@.connector_queue q
        UNION ALL
        SELECT h.workspace_id, h.id, h.connector_id, false, h.connector_name, h.connector_version,
               h.status, h.trigger, h.attempt, h.current_step, h.steps_executed, h.input_data,
               h.output_data, h.error_code, h.error_message, h.http_status, h.execution_time_ms,
               h.started_at, h.completed_at, h.created_at, h.executed_by,
               h.contact_id, h.flow_run_id, h.correlation_id, h.idempotency_key, NULL
          FROM @extschema@.connector_history h) e;
COMMENT ON VIEW @extschema@.connector_executions IS
'Executions of the caller''s workspaces: those in the queue (status pending or running) and those that have ended. Ids are in order of time, of one that is due later of that time: WHERE workspace_id = ... ORDER BY id DESC LIMIT 20 is the cheap way to the newest, id >= connector_id_at(...) the one to a period.';
COMMENT ON COLUMN @extschema@.connector_executions.due_at IS 'Queued, and not before then.';
GRANT SELECT ON @extschema@.connector_executions TO PUBLIC;

CREATE VIEW @extschema@.connector_rate_limit_status WITH (security_invoker = true) AS
SELECT l.workspace_id, l.kind,
       CASE WHEN l.kind OPERATOR(pg_catalog.=) 'connector' THEN coalesce(c.name, l.id::text)
            WHEN k.id IS NOT NULL THEN pg_catalog.concat_ws('/', k.service_name, k.label)
            ELSE l.service END AS name,
       l.requests_per_minute, l.minute_available, l.requests_per_hour, l.hour_available,
       l.concurrency, l.in_flight, l.next_free_at, l.held_until
  FROM @extschema@._connector_limits() l
  LEFT JOIN @extschema@.connectors c
    ON c.workspace_id OPERATOR(pg_catalog.=) l.workspace_id AND c.id OPERATOR(pg_catalog.=) l.id AND l.kind OPERATOR(pg_catalog.=) 'connector'
  LEFT JOIN @extschema@.workspace_api_credentials k
    ON k.workspace_id OPERATOR(pg_catalog.=) l.workspace_id AND k.id OPERATOR(pg_catalog.=) l.id AND l.kind OPERATOR(pg_catalog.=) 'credential'
 WHERE pg_catalog.num_nonnulls(l.requests_per_minute, l.requests_per_hour, l.concurrency, l.held_until) OPERATOR(pg_catalog.>) 0
    OR l.in_flight OPERATOR(pg_catalog.>) 0;
COMMENT ON VIEW @extschema@.connector_rate_limit_status IS
'Limits in use in the caller''s workspaces: what may go at once now, when the next request may, what is under way, and until when a remote wants to be left alone. A limit nobody has used for its time has no row.';
GRANT SELECT ON @extschema@.connector_rate_limit_status TO PUBLIC;

CREATE VIEW @extschema@.connector_circuit_breakers WITH (security_invoker = true) AS
SELECT l.workspace_id, l.service, l.breaker AS state, l.failures, l.requests, l.opened_at,
       l.next_probe_at, l.trips
  FROM @extschema@._connector_limits() l
 WHERE l.kind OPERATOR(pg_catalog.=) 'service' AND (l.requests OPERATOR(pg_catalog.>) 0 OR l.breaker OPERATOR(pg_catalog.<>) 'closed');
COMMENT ON VIEW @extschema@.connector_circuit_breakers IS
'Circuit breakers of services that the caller''s workspaces called within the last minute, and those that are not closed. trips: how often it opened, one time soon after the other.';
GRANT SELECT ON @extschema@.connector_circuit_breakers TO PUBLIC;
