-- JSON Schema. No table is touched: everybody may.

CREATE FUNCTION @extschema@.connector_validate_json(
    schema jsonb, instance jsonb,
    OUT instance_path text, OUT schema_path text, OUT keyword text, OUT message text)
RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_validate_json';
COMMENT ON FUNCTION @extschema@.connector_validate_json(jsonb, jsonb) IS
'What is wrong with a value by a JSON Schema (draft 2020-12), a row a violation: JSON Pointers to the place in the value and in the schema, the keyword and a message. No row: it is valid. Error 22023 if the schema itself has problems. Formats are checked if connector.schema_format_assertion is on.';

CREATE FUNCTION @extschema@.connector_json_is_valid(schema jsonb, instance jsonb) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_json_is_valid';
COMMENT ON FUNCTION @extschema@.connector_json_is_valid(jsonb, jsonb) IS
'Whether a value is valid by a JSON Schema (draft 2020-12). As connector_validate_json, but it stops at the first violation.';
