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

CREATE FUNCTION @extschema@.connector_await(
    execution_id uuid, timeout interval DEFAULT '1 minute', workspace text DEFAULT NULL)
RETURNS @extschema@.connector_result
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_await';
COMMENT ON FUNCTION @extschema@.connector_await(uuid, interval, text) IS
'Waits until an execution has ended and returns its outcome as the history has it. When the timeout has passed (null: never) the row says how far it is, status pending or running. Errors: 42704 unknown, 55000 queued by this very transaction, which has to commit first.';

CREATE FUNCTION @extschema@.connector_cancel(execution_id uuid, workspace text DEFAULT NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_cancel';
COMMENT ON FUNCTION @extschema@.connector_cancel(uuid, text) IS
'Cancels an execution: one that waits is over at once, one that runs is told to end. False if it was over already. Needs execute. Error 42704 unknown.';

CREATE FUNCTION @extschema@.connector_redrive(
    connector text DEFAULT NULL, error_code text DEFAULT NULL,
    since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL,
    max_count integer DEFAULT 1000, from_start boolean DEFAULT false, workspace text DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_redrive';
COMMENT ON FUNCTION @extschema@.connector_redrive(text, text, timestamptz, timestamptz, integer, boolean, text) IS
'Queues dead letters again, oldest first, and returns how many: of a connector, with an error code, failed since or before a time. They go on behind their finished steps unless from_start, and run as the caller. Those of deleted and disabled connectors stay. Needs execute. Errors: 42704 unknown connector, 55000 disabled, 22023 unknown code or max_count not 1 to 100000.';

CREATE FUNCTION @extschema@.connector_retry(
    execution_id uuid, from_start boolean DEFAULT false, workspace text DEFAULT NULL) RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_retry';
COMMENT ON FUNCTION @extschema@.connector_retry(uuid, boolean, text) IS
'Queues one dead letter again and returns the id of the new execution, which goes on behind the finished steps unless from_start. Needs execute. Errors: 42704 unknown execution or connector, 55000 not a dead letter, queued again already, or the connector is disabled.';

CREATE FUNCTION @extschema@.connector_dead_letter_discard(
    execution_id uuid DEFAULT NULL, connector text DEFAULT NULL, error_code text DEFAULT NULL,
    since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, workspace text DEFAULT NULL) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_dead_letter_discard';
COMMENT ON FUNCTION @extschema@.connector_dead_letter_discard(uuid, text, text, timestamptz, timestamptz, text) IS
'Gives dead letters up that were not queued again, and returns how many; their history stays. Needs execute. Error 22023 if nothing says which.';

CREATE FUNCTION @extschema@.connector_pause(
    connector text DEFAULT NULL, service text DEFAULT NULL, reason text DEFAULT NULL, workspace text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_pause';
COMMENT ON FUNCTION @extschema@.connector_pause(text, text, text, text) IS
'Holds queued executions back: those of a connector, of all connectors that use credentials of a service, or of the whole workspace. What runs goes on, and so do calls that are not queued. Needs write. Errors: 42704 unknown connector or service, 22023 both named.';

CREATE FUNCTION @extschema@.connector_resume(
    connector text DEFAULT NULL, service text DEFAULT NULL, workspace text DEFAULT NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_resume';
COMMENT ON FUNCTION @extschema@.connector_resume(text, text, text) IS
'Ends a pause; false if there was none of that connector, service or workspace. A pause of another kind stays. Needs write.';

-- What of the queue may be read only after it was redacted.
CREATE FUNCTION @extschema@._connector_queue_input(workspace_id uuid, id uuid) RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'connector_queue_input';
COMMENT ON FUNCTION @extschema@._connector_queue_input(uuid, uuid) IS
'The input of a queued execution as the history will have it; null if it is not in the queue, or in a workspace that the caller may not read.';
