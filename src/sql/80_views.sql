-- Views: always with the rights and the row security of who asks.

CREATE VIEW @extschema@.connector_executions WITH (security_invoker = true) AS
SELECT h.workspace_id, h.id, h.connector_id, h.connector_name, h.connector_version, h.status,
       h.trigger, h.attempt, h.current_step, h.steps_executed, h.input_data, h.output_data,
       h.error_code, h.error_message, h.http_status, h.execution_time_ms,
       h.started_at, h.completed_at, h.created_at, h.executed_by,
       h.contact_id, h.flow_run_id, h.correlation_id, h.idempotency_key
  FROM @extschema@.connector_history h;
COMMENT ON VIEW @extschema@.connector_executions IS
'Executions of the caller''s workspaces. Ids are in order of time: ORDER BY id DESC LIMIT 20 is the cheap way to the newest, id >= connector_id_at(...) the one to a period.';
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
