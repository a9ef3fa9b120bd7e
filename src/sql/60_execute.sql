-- Executing.

CREATE TYPE @extschema@.connector_result AS (
    execution_id      uuid,
    status            text,
    output            jsonb,
    error_code        text,
    error_message     text,
    http_status       integer,
    steps             jsonb,
    execution_time_ms double precision
);
COMMENT ON TYPE @extschema@.connector_result IS
'Outcome of an execution: status success, failed, timeout or cancelled; error_code is one of the normalized codes (docs/errors.md).';

CREATE FUNCTION @extschema@.connector_execute(
    connector text, input jsonb DEFAULT '{}', workspace text DEFAULT NULL) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_execute';
COMMENT ON FUNCTION @extschema@.connector_execute(text, jsonb, text) IS
'Runs a connector (name or id) now and returns its output. A failure raises with the SQLSTATE of its code (class NC, docs/errors.md); its history row then goes with the transaction. Errors of the caller: 42704 unknown connector, 55000 disabled, 42501 not allowed, 25006 read-only transaction.';

CREATE FUNCTION @extschema@.connector_try_execute(
    connector text, input jsonb DEFAULT '{}', workspace text DEFAULT NULL)
RETURNS @extschema@.connector_result
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_try_execute';
COMMENT ON FUNCTION @extschema@.connector_try_execute(text, jsonb, text) IS
'Runs a connector now and returns the outcome as a row, failures included; they are recorded. It raises only for what is the caller''s own: unknown or disabled connector, missing right, cancelled query.';

CREATE FUNCTION @extschema@.connector_execute_batch(
    connector text, inputs jsonb[], max_concurrency integer DEFAULT 10, workspace text DEFAULT NULL)
RETURNS SETOF @extschema@.connector_result
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_execute_batch';
COMMENT ON FUNCTION @extschema@.connector_execute_batch(text, jsonb[], integer, text) IS
'Runs a connector once for each input, up to max_concurrency (1 to 200) at a time, and returns the outcomes in the order of the inputs. A failure is a row like any other; cancelling the query ends all that is under way. A null input counts as {}.';

CREATE FUNCTION @extschema@.connector_test(
    config jsonb, input jsonb DEFAULT '{}', workspace text DEFAULT NULL,
    OUT step text, OUT status text, OUT output jsonb, OUT error_code text, OUT error_message text,
    OUT http_status integer, OUT request jsonb, OUT response jsonb, OUT duration_ms double precision, OUT attempts integer)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_test';
COMMENT ON FUNCTION @extschema@.connector_test(jsonb, jsonb, text) IS
'Runs a definition without saving it: a row a step with the redacted request and response, and one of the result if there are several. Nothing is recorded or counted. Needs write in the workspace; error 22023 lists every problem of the definition.';

CREATE FUNCTION @extschema@.connector_check(config jsonb, OUT path text, OUT problem text)
RETURNS SETOF record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_check';
COMMENT ON FUNCTION @extschema@.connector_check(jsonb) IS
'Problems of a definition, each with its JSON path; no row if it could be saved.';
