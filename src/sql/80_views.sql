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
