-- The input of a connector against its input_schema: the schema when it is saved, the input when it is executed.
\pset format unaligned
\pset tuples_only on
SET connector.allowed_networks = '';
SET ROLE regress_ed;

\echo # schemas that are none
SELECT t.try(format('INSERT INTO connectors (name, config, input_schema) VALUES (''s'', ''{"url": "https://h/", "colour": 1}'', %L)', s))
  FROM (VALUES (1, '{"type": "strin", "minLength": -1}'), (2, '{"properties": {"a": {"pattern": "["}}, "required": "a"}'),
               (3, '{"$ref": "https://example.com/other.json"}'), (4, '{"$ref": "#/$defs/none"}'), (5, 'true')) v(n, s) ORDER BY n;
SELECT t.try($$SELECT connector_import('{"name": "s", "config": {"url": "https://h/"}, "input_schema": {"type": 7}}')$$);
SELECT count(*) FROM connectors WHERE name = 's';

\echo # every violation, with both paths
INSERT INTO connectors (name, config, input_schema) VALUES ('strict', '{"url": "http://127.0.0.1/{{input.id}}"}', '{
    "type": "object", "required": ["id", "email"], "additionalProperties": false,
    "properties": {"id": {"type": "integer", "minimum": 1}, "email": {"$ref": "#/$defs/mail"},
                   "tags": {"type": "array", "items": {"type": "string", "maxLength": 3}},
                   "login": {"properties": {"password": {"minLength": 20}}}},
    "$defs": {"mail": {"type": "string", "format": "email"}}}');
SELECT t.try($$SELECT connector_execute('strict', '{"id": 0, "tags": ["red", "green", 7], "x": null, "email": "nobody"}')$$);
SELECT t.try($$SELECT connector_execute('strict', '7')$$);
SELECT status, error_code, error_message, http_status, steps, output IS NULL
  FROM connector_try_execute('strict', '{"id": "1", "email": "a@example.com"}');
SELECT status, error_code, error_message, current_step, steps_executed, http_status FROM connector_executions ORDER BY id DESC LIMIT 1;
SELECT total_executions, failed_executions FROM connector_stats('strict');

\echo # the value of a secret is not quoted
SELECT error_message FROM connector_try_execute('strict', '{"id": 1, "email": "a@example.com", "login": {"password": "hunter2"}}');

\echo # what fits goes on to the request
SELECT error_code FROM connector_try_execute('strict', '{"id": 1, "email": "a@example.com", "tags": []}');
SELECT error_code, error_message FROM connector_execute_batch('strict',
    ARRAY['{"id": 1, "email": "a@example.com"}', '{}', NULL, '[]', '{"id": 2, "email": "b@example.com"}']::jsonb[], 2);

\echo # formats are a matter of a setting
SET connector.schema_format_assertion = off;
SELECT error_code FROM connector_try_execute('strict', '{"id": 1, "email": "nobody"}');
RESET connector.schema_format_assertion;
SELECT error_code FROM connector_try_execute('strict', '{"id": 1, "email": "nobody"}');

\echo # fifty are listed, the others counted
SELECT left(error_message, 60), right(error_message, 40)
  FROM connector_try_execute('strict', (SELECT jsonb_build_object('id', 1, 'email', 'a@example.com', 'tags', jsonb_agg(n)) FROM generate_series(1, 60) n));

\echo # a schema that would never end ends at a limit
UPDATE connectors SET input_schema = '{"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}' WHERE name = 'strict';
SELECT error_code, error_message FROM connector_try_execute('strict');

\echo # versions keep the schema
UPDATE connectors SET input_schema = NULL WHERE name = 'strict';
SELECT error_code FROM connector_try_execute('strict', '{"id": "x"}');
SELECT v.version, v.input_schema IS NULL FROM connector_versions v JOIN connectors c ON c.id = v.connector_id WHERE c.name = 'strict' ORDER BY 1;
DELETE FROM connectors WHERE name = 'strict';
RESET ROLE;
