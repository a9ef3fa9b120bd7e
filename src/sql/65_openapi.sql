-- Provider definitions from OpenAPI descriptions.

CREATE FUNCTION @extschema@.connector_import_openapi(spec jsonb, options jsonb DEFAULT '{}')
RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_import_openapi';
COMMENT ON FUNCTION @extschema@.connector_import_openapi(jsonb, jsonb) IS
'The provider definition that an OpenAPI 3.x document describes, to look through and give to connector_provider_register: servers, security schemes, operations as actions with input schemas, and those that list as streams whose paging is guessed and marked "guess". What was left out stands in evidence.notes. Stores nothing. Options: name, title, category, server (URL), server_variables {name: value}, operations [operationId], tags, deprecated (false), streams (true), max_actions (200). Errors: 22023 with every problem. Source: https://spec.openapis.org/oas/v3.1.1.';
