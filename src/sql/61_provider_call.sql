-- Calling a provider's action without a connector.

CREATE FUNCTION @extschema@.connector_call(
    provider text, action text, input jsonb DEFAULT '{}', workspace text DEFAULT NULL) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_call';
COMMENT ON FUNCTION @extschema@.connector_call(text, text, jsonb, text) IS
'Calls an action of a provider now and returns its output. provider/label chooses a credential by its label. A failure raises with the SQLSTATE of its code (class NC, docs/errors.md); its history row, which has the name provider.action and no connector, then goes with the transaction. Errors of the caller: 42704 unknown provider or action, 55000 disabled provider, 42501 not allowed, 25006 read-only transaction.';

CREATE FUNCTION @extschema@.connector_try_call(
    provider text, action text, input jsonb DEFAULT '{}', workspace text DEFAULT NULL)
RETURNS @extschema@.connector_result
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_try_call';
COMMENT ON FUNCTION @extschema@.connector_try_call(text, text, jsonb, text) IS
'Calls an action of a provider now and returns the outcome as a row, failures included; they are recorded. It raises only for what is the caller''s own: unknown or disabled provider, unknown action, missing right, cancelled query.';
