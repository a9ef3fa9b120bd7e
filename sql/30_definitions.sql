-- Definitions: each kind of mistake, through connector_check, INSERT and UPDATE; all problems at once.
\pset format unaligned
\pset tuples_only on

CREATE FUNCTION t.check(config text) RETURNS text LANGUAGE sql AS $$
    SELECT config || E'\n   ' || coalesce(string_agg(path || ': ' || problem, E'\n   '), 'good')
      FROM connector_check(config::jsonb) $$;

\echo # not a definition
SELECT t.check(c) FROM (VALUES (1, 'null'), (2, '7'), (3, '"x"'), (4, 'true'), (5, '[]'), (6, '[{"url": "https://h/"}]'),
    (7, '{}')) v(n, c) ORDER BY n;
SELECT count(*) FROM connector_check(NULL);

\echo # keys, type, method, timeout
SELECT t.check(left(format('{"url": "https://h/", %s}', c), 200)) FROM (VALUES
    (1, '"surprise": 1'), (2, '"x-y": 1, "a b": 2, "1": 3'), (3, '"type": "multi-step"'), (4, '"type": 7'), (5, '"type": "single"'),
    (6, '"type": "single-step"'), (7, '"steps": []'), (8, '"method": "TRACE"'), (9, '"method": "CONNECT"'), (10, '"method": 7'),
    (11, '"method": ""'), (12, '"method": "get"'), (13, '"timeout_ms": 0'), (14, '"timeout_ms": 999'), (15, '"timeout_ms": 60001'),
    (16, '"timeout_ms": "5000"'), (17, '"timeout_ms": 1000.5'), (18, '"timeout_ms": 1e400'), (19, '"timeout_ms": null'),
    (20, '"timeout_ms": 1000'), (21, '"timeoutMs": 60000'), (22, '"name": "n", "description": "d"'),
    (23, '"timeout_ms": -1000'), (24, '"timeoutMs": 1'), (25, '"Timeout_ms": 5000, "URL": "x", "HEADERS": {}')) v(n, c) ORDER BY n;

\echo # URL
SELECT t.check(format('{"url": %s}', c)) FROM (VALUES
    (1, 'null'), (2, '7'), (3, '{}'), (4, '["https://h/"]'), (5, '"https://h/{{"'), (6, '"https://h/{{input.a"'),
    (7, '"https://h/{{}}"'), (8, '"https://h/{{ }}"'), (9, '"https://h/{{nothing.a}}"'), (10, '"https://h/{{input.a | nofilter}}"'),
    (11, '"https://h/{{input.a | default}}"'), (12, '"https://h/{{input.a | default(1, 2)}}"'), (13, '"https://h/{{input.a |}}"'),
    (14, '"https://h/{{input..a}}"'), (15, '"https://h/{{input.a[}}"'), (16, '"https://h/{{input.a[x]}}"'), (17, '"https://h/}}"'),
    (18, '"https://h/{{input.a}}/{{input.b}}"'), (19, '"{{input.url}}"'), (20, '"https://{{input.host}}/x"'),
    (21, '"https://h/{{execution.id}}"'), (22, '"https://h/{{execution.start}}"'), (23, '"https://h/{{execution}}"'),
    (24, '"https://h/{{now}}"'), (25, '"https://h/{{now.year}}"'), (26, '"https://h/{{step_1.id}}"'), (27, '""'), (28, '"ftp://h/"'), (29, '"h/x"'), (30, '"file:///etc/passwd"'), (31, '"ftp://{{input.h}}/"'),
    (32, '"htt{{input.rest}}"'), (33, '"https://u:p@h/"'), (34, '"https://h/#f"'), (35, '"https://h:0/"'), (36, '"https://"'),
    (37, '"https://a b/"'), (38, '"HTTPS://H:8443?q=1"'), (39, '"http://0x7f.1/"'), (40, '"javascript:{{input.x}}"')
    ) v(n, c) ORDER BY n;

\echo # credential
SELECT t.check(format('{"url": "https://h/", "credential": %s}', c)) FROM (VALUES
    (1, 'null'), (2, '7'), (3, '""'), (4, '"/x"'), (5, '"x/"'), (6, '{}'), (7, '{"service": 1}'), (8, '{"label": "a"}'),
    (9, '{"service": "a", "label": ""}'), (10, '[]'), (11, '"a"'), (12, '"a/b"'), (13, '{"service": "a"}'),
    (14, '{"service": "a", "label": "b"}')) v(n, c) ORDER BY n;
SELECT t.check(c) FROM (VALUES
    (1, '{"url": "https://h/{{workspace.token}}"}'),
    (2, '{"url": "https://h/{{workspace.token}}", "credential": "c"}'),
    (3, '{"url": "https://h/{{workspace}}", "credential": "c"}'),
    (4, '{"url": "https://h/{{workspace.a.b}}", "credential": "c"}'),
    (5, '{"url": "https://h/{{workspace.token | upper}}", "credential": "c"}'),
    (6, '{"url": "https://h/{{input.a | default(workspace.token)}}", "credential": "c"}'),
    (7, '{"url": "https://h/{{workspace.token | default(input.a)}}", "credential": "c"}'),
    (8, '{"url": "https://h/", "method": "POST", "credential": "c", "body_type": "binary", "body": "{{workspace.token}}"}'),
    (9, '{"url": "https://h/", "method": "POST", "credential": "c", "body_type": "text", "body": "{{workspace.token}}"}'),
    (10, '{"url": "https://h/", "method": "POST", "credential": "c", "body_type": "multipart", "body": [{"name": "{{workspace.token}}", "value": "{{workspace.token}}"}]}')
    ) v(n, c) ORDER BY n;

\echo # query and form
SELECT t.check(format('{"url": "https://h/", "query": %s}', c)) FROM (VALUES
    (1, 'null'), (2, '"a=b"'), (3, '7'), (4, '{"a": {"b": 1}}'), (5, '{"a": "{{", "b": "{{input.x | nofilter}}", "c": 1}'),
    (6, '[1]'), (7, '[{}]'), (8, '[{"name": ""}]'), (9, '[{"name": "a"}]'), (10, '[{"name": "a", "type": "other", "value": 1}]'),
    (11, '[{"name": "a", "input": "b c"}]'), (12, '[{"name": "a", "static": 1}, {"key": "b", "input": "x.y", "optional": true}]'),
    (13, '[{"name": "a", "type": "static", "value": "{{literal"}, {"name": "b", "type": "input", "value": "x"}]'),
    (14, '[{"name": 7, "static": 1}]'), (15, '[{"name": "a", "type": "input", "value": 7}]'), (16, '{}'), (17, '[]'),
    (18, '{"a": null, "b": [1, 2], "c": true, "d": "{{input.d}}"}')) v(n, c) ORDER BY n;
SELECT problem, path FROM connector_check(jsonb_build_object('url', 'https://h/', 'query',
    (SELECT jsonb_object_agg('p' || g, g) FROM generate_series(1, 201) g)));
SELECT count(*) FROM connector_check(jsonb_build_object('url', 'https://h/', 'query',
    (SELECT jsonb_object_agg('p' || g, g) FROM generate_series(1, 200) g)));

\echo # headers
SELECT t.check(format('{"url": "https://h/", "headers": %s}', c)) FROM (VALUES
    (1, 'null'), (2, '[]'), (3, '"x"'), (4, '{"a b": "x"}'), (5, '{"": "x"}'), (6, '{"a:": "x"}'), (7, '{"é": "x"}'),
    (8, '{"x": null}'), (9, '{"x": {}}'), (10, '{"x": []}'), (11, '{"x": 7, "y": true, "z": "{{input.z}}"}'),
    (12, '{"Host": "x", "Content-Length": "1", "Transfer-Encoding": "chunked", "Connection": "close", "Upgrade": "h2c", "Expect": "x", "TE": "x", "Proxy-Authorization": "x", "keep-alive": "1", "Trailer": "x", "Proxy-Connection": "x"}'),
    (13, '{"x": "a\r\nb"}'), (14, '{"x": "a\nb"}'), (15, '{"x": "a\u0001b"}'), (16, '{"x": "{{nothing}}"}'), (17, '{"Authorization": "x"}'),
    (18, '{"x\r\ny": "a"}')) v(n, c) ORDER BY n;

\echo # body
SELECT t.check(format('{"url": "https://h/", "method": "POST", %s}', c)) FROM (VALUES
    (1, '"body_type": "xml", "body": "x"'), (2, '"body_type": 7, "body": "x"'), (3, '"body_type": "json"'), (4, '"body_type": "none", "body": 1'),
    (5, '"body_type": "form", "body": "a=b"'), (6, '"body_type": "form", "body": {"a": {"b": 1}}'),
    (7, '"body_type": "text", "body": {}'), (8, '"body_type": "binary", "body": 7'), (9, '"body_type": "text", "body": "{{"'),
    (10, '"body_type": "multipart", "body": {}'), (11, '"body_type": "multipart", "body": [1, {}, {"name": "a"}, {"name": "a", "value": "1", "text": "2"}, {"name": "a", "value": "1", "colour": "x"}, {"name": 7, "base64": 8}]'),
    (12, '"body": {"a": "{{nothing}}", "b": [{"c": "{{input.x | nofilter}}"}], "d e": "{{"}'), (13, '"body": null'), (14, '"body": 7'),
    (15, '"bodyType": "form", "body": [{"name": "a", "input": "b"}]'), (16, '"body": {"{{input.key}}": 1}'),
    (17, '"body_type": "multipart", "body": [{"name": "f", "filename": "x.txt", "content_type": "text/plain", "text": "{{input.t}}"}, {"name": "g", "base64": "{{input.b}}"}, {"name": "h", "json": {"a": "{{input.a}}"}}]'),
    (18, '"body_type": "multipart", "body": [{"name": "h", "json": {"a": "{{nothing}}"}}]')
    ) v(n, c) ORDER BY n;
SELECT t.check(format('{"url": "https://h/", "method": "%s", "body": {}}', m))
  FROM unnest(ARRAY['GET', 'HEAD', 'DELETE', 'PUT', 'PATCH', 'POST']) m;
SELECT t.check('{"url": "https://h/", "body": {}}');

\echo # output and response
SELECT t.check(format('{"url": "https://h/", "output": %s}', c)) FROM (VALUES
    (1, 'null'), (2, '7'), (3, '[]'), (4, '{"a": 7, "b": {}}'), (5, '"$.a["'), (6, '"$.a[?(@.x == )]"'), (7, '"$"'), (8, '"a.b[0].c"'),
    (9, '{"x": "$.a[*].b", "y": "results[0].id", "z-z": "$."}'), (10, '""'), (11, '"$.a ? (@.b > 1)"'), (12, '{}'),
    (13, '"strict $.a"'), (14, '"$x"'), (15, '"a b.c-d"')) v(n, c) ORDER BY n;
SELECT t.check(format('{"url": "https://h/", "response": %s}', c)) FROM (VALUES
    (1, 'null'), (2, '7'), (3, '"xml"'), (4, '"auto"'), (5, '"json"'), (6, '"text"'), (7, '"binary"'), (8, '"none"')) v(n, c) ORDER BY n;

\echo # everything at once, by every way in
\set broken '{"type": "x", "method": "FETCH", "url": "https://h/{{nothing}}", "headers": {"a b": "{{", "host": "h"}, "query": {"q": {}}, "body_type": "odd", "output": {"o": "$["}, "response": "xml", "timeout_ms": 1, "more": 1}'
SELECT t.check(:'broken');
SET ROLE regress_ed;
SELECT t.try(format('INSERT INTO connectors (name, config) VALUES (%L, %L)', 'broken', :'broken'));
INSERT INTO connectors (name, config) VALUES ('good', '{"url": "https://api.example.com/"}');
SELECT t.try(format('UPDATE connectors SET config = %L WHERE name = %L', :'broken', 'good'));
SELECT t.try(format('INSERT INTO connectors (name, config) VALUES (%L, %L) ON CONFLICT (workspace_id, name) DO UPDATE SET config = excluded.config', 'good', :'broken'));
SELECT t.try(format('INSERT INTO connectors (name, config) VALUES (%L, %L) ON CONFLICT (workspace_id, name) DO UPDATE SET config = %L', 'good', '{"url": "https://h/"}', :'broken'));
SELECT t.try(format('SELECT connector_test(%L)', :'broken'));
SELECT name, config, version FROM connectors;
SELECT t.try('INSERT INTO connectors (name, config) VALUES (''one'', ''{}'')');

\echo # the other columns
SELECT n, t.try(format('INSERT INTO connectors (name, %s, config) VALUES (%L, %L, %L)', col, 'c' || n, val, '{"url": "https://h/"}'))
  FROM (VALUES (1, 'input_schema', '[]'), (2, 'input_schema', '7'), (3, 'input_schema', '"x"'), (4, 'input_schema', 'null'),
    (5, 'field_mappings', '7'), (6, 'field_mappings', '"x"'), (7, 'timeout_ms', '999'), (8, 'timeout_ms', '60001'),
    (9, 'max_retries', '-1'), (10, 'max_retries', '6'), (11, 'enabled', NULL), (12, 'version', '7'), (13, 'created_by', 'x'),
    (14, 'total_executions', '7'), (15, 'type', 'multi'), (16, 'updated_at', '2001-01-01'), (17, 'field_mappings', '[7]'),
    (18, 'field_mappings', '[{}, null]'), (19, 'field_mappings', '[[]]'), (20, 'field_mappings', 'null')) v(n, col, val) ORDER BY n;
BEGIN;
SELECT n, t.try(format('INSERT INTO connectors (name, field_mappings, config) VALUES (%L, %L, %L)', 'm' || n, val, '{"url": "https://h/"}'))
  FROM (VALUES (1, '{}'), (2, '[]'), (3, '[{}, {"a": 1}]'),
    (4, '[{"table": "t", "key": {"id": "{{input.id}}"}, "set": {"a": "$.a | lower"}}]')) v(n, val) ORDER BY n;
ROLLBACK;
SELECT t.try(format('INSERT INTO connectors (name, config) VALUES (%L, %L)', n, '{"url": "https://h/"}'))
  FROM (VALUES (1, ''), (2, ' a'), (3, '-a'), (4, 'a/b'), (5, 'a"b'), (6, E'a\nb'), (7, repeat('a', 129)), (8, NULL)) v(o, n) ORDER BY o;
SELECT t.try('INSERT INTO connectors (name, config) VALUES (''good'', ''{"url": "https://h/"}'')');
SELECT t.try('INSERT INTO connectors (name, config) VALUES (''x'', NULL)');
SELECT t.try('INSERT INTO connectors (name) VALUES (''x'')');
SELECT t.try('UPDATE connectors SET total_executions = 7');
SELECT t.try('UPDATE connectors SET version = 7');
SELECT t.try('UPDATE connectors SET workspace_id = gen_random_uuid()');
SELECT t.try('UPDATE connectors SET id = gen_random_uuid()');
SELECT t.try('UPDATE connectors SET created_by = NULL');
SELECT t.try('TRUNCATE connectors');

\echo # good names and columns
INSERT INTO connectors (name, description, icon, category, config, input_schema, field_mappings, enabled, timeout_ms,
                        max_retries, continue_on_error, log_response_data)
VALUES ('A name_with.all-2', 'd', 'i', 'c', '{"url": "https://h/"}', '{}', '[]', false, 60000, 5, true, false),
       ('0', NULL, NULL, NULL, '{"url": "https://h/"}', NULL, '{}', true, 1000, 0, false, true);
SELECT name, type, version, enabled, timeout_ms, created_by, updated_at = created_at, total_executions, last_executed_at
  FROM connectors ORDER BY name COLLATE "C";
DELETE FROM connectors;

\echo # viewers, strangers
SELECT id AS acme FROM connector_workspaces WHERE slug = 'acme' \gset
INSERT INTO connectors (name, config) VALUES ('good', '{"url": "https://api.example.com/"}');
SET ROLE regress_vic;
SELECT name FROM connectors;
SELECT t.try('INSERT INTO connectors (name, config) VALUES (''x'', ''{"url": "https://h/"}'')');
UPDATE connectors SET config = '{"url": "https://evil.example.com/"}' RETURNING name;
DELETE FROM connectors RETURNING name;
SELECT t.try('SELECT connector_test(''{"url": "http://127.0.0.1/"}'')');
SET ROLE regress_bob;
SELECT name FROM connectors;
SELECT t.try(format('INSERT INTO connectors (workspace_id, name, config) VALUES (%L, ''x'', ''{"url": "https://h/"}'')', :'acme'));
UPDATE connectors SET name = 'x' RETURNING name;
DELETE FROM connectors RETURNING name;
-- The name is free in another workspace.
INSERT INTO connectors (name, config) VALUES ('good', '{"url": "https://h/"}') RETURNING name;
DELETE FROM connectors RETURNING name;
RESET ROLE;
SELECT w.slug, c.name FROM connectors c JOIN connector_workspaces w ON w.id = c.workspace_id;
DELETE FROM connectors;
DELETE FROM connector_versions;
