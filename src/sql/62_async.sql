-- Queueing executions, and what can be done with queued ones.

CREATE FUNCTION @extschema@.connector_execute_async(
    connector text, input jsonb DEFAULT '{}', workspace text DEFAULT NULL, run_at timestamptz DEFAULT NULL,
    priority integer DEFAULT 5, idempotency_key text DEFAULT NULL, notify boolean DEFAULT false) RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_execute_async';
COMMENT ON FUNCTION @extschema@.connector_execute_async(text, jsonb, text, timestamptz, integer, text, boolean) IS
'Queues an execution and returns its id; a worker runs it once the transaction has committed, not before run_at. Priority 0 is first, 9 last. The same idempotency_key gives the same execution for connector.idempotency_retention. Errors: 42704 unknown connector, 55000 disabled, NC018 input does not fit input_schema, 22023 run_at, priority or key cannot be, or the key stands for something else, 54000 input too large, 42501 not allowed, 25006 read-only transaction.';

CREATE FUNCTION @extschema@.connector_execute_async_batch(
    connector text, inputs jsonb[], workspace text DEFAULT NULL, run_at timestamptz DEFAULT NULL,
    priority integer DEFAULT 5, notify boolean DEFAULT false) RETURNS SETOF uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_execute_async_batch';
COMMENT ON FUNCTION @extschema@.connector_execute_async_batch(text, jsonb[], text, timestamptz, integer, boolean) IS
'Queues an execution for each input and returns their ids in the order of the inputs: all of them or, if one input is refused, none. A null input counts as {}. Errors as of connector_execute_async.';
