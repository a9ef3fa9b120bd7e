-- Managing: connector_create and its like; what is wrong first, and that it is all said at once.
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION t.list() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s v%s %s %s %s', c.name, c.version, c.config ->> 'url', CASE WHEN c.enabled THEN 'on' ELSE 'off' END, c.description)
      FROM connectors c ORDER BY c.workspace_id, c.name COLLATE "C" $$;
-- Of the newest entries of the log, the first is the newest.
CREATE FUNCTION t.log(n int) RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS $$
    SELECT concat_ws(' ', actor, action, object_name, '(' || detail || ')') FROM public.connector_audit_log ORDER BY id DESC LIMIT n $$;

\echo # create: missing, malformed, all of it at once
SET ROLE regress_ed;
SELECT t.try('SELECT connector_create(NULL, NULL)');
SELECT t.try(format('SELECT connector_create(%s)', args)) FROM (VALUES
    (1, $$'', '{"url": "https://h/"}'$$), (2, $$' a', '{"url": "https://h/"}'$$), (3, $$'a/b', '{"url": "https://h/"}'$$),
    (4, $$E'a\n', '{"url": "https://h/"}'$$), (5, $$repeat('a', 129), '{"url": "https://h/"}'$$), (6, $$'é', '{"url": "https://h/"}'$$),
    (7, $$'c', 'null'$$), (8, $$'c', '[]'$$), (9, $$'c', '{}'$$),
    (10, $$'c', '{"url": "https://h/"}', input_schema => '7'$$),
    (12, $$'c', '{"url": "https://h/"}', field_mappings => '[[]]'$$),
    (13, $$'c', '{"url": "https://h/"}', timeout_ms => 999$$), (14, $$'c', '{"url": "https://h/"}', timeout_ms => 60001$$),
    (15, $$'c', '{"url": "https://h/"}', timeout_ms => NULL$$), (16, $$'c', '{"url": "https://h/"}', max_retries => -1$$),
    (17, $$'c', '{"url": "https://h/"}', max_retries => 6$$), (18, $$'c', '{"url": "https://h/"}', enabled => NULL$$),
    (19, $$'c', '{"url": "https://h/"}', continue_on_error => NULL, log_response_data => NULL$$),
    (20, $$'c', '{"url": "https://h/"}', workspace => 'globex'$$), (21, $$'c', '{"url": "https://h/"}', workspace => 'nowhere'$$),
    (22, $$'-', '{"url": "ftp://h/", "colour": 1, "headers": {"Host": "x"}}', NULL, '[]', '0', timeout_ms => 0, enabled => NULL$$)
    ) v(n, args) ORDER BY n;
SET ROLE regress_vic;
SELECT t.try($$SELECT connector_create('c', '{"url": "https://h/"}')$$);
SET ROLE regress_nobody;
SELECT t.try($$SELECT connector_create('c', '{"url": "https://h/"}')$$);
SELECT count(*) FROM connectors;
-- The limits above are those of the table.
RESET ROLE;
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'connectors'::regclass AND contype = 'c' ORDER BY conname;

\echo # create: what it makes is what INSERT makes
SET ROLE regress_ed;
SELECT connector_create('plain', '{"url": "https://h/1"}', input_schema => 'null') AS id \gset
SELECT id = :'id' FROM connectors;
INSERT INTO connectors (name, config) VALUES ('twin', '{"url": "https://h/1"}');
SELECT to_jsonb(a) - x = to_jsonb(b) - x FROM connectors a, connectors b, LATERAL (SELECT ARRAY['id', 'name', 'created_at', 'updated_at']) k(x)
 WHERE a.name = 'plain' AND b.name = 'twin';
SELECT t.try($$SELECT connector_create('plain', '{"url": "https://h/2"}')$$);
SELECT connector_create('A full_one.2 -', '{"url": "https://h/3", "credential": "crm"}', 'd', '{"type": "object"}', '[{"table": "t", "key": {"id": 1}, "set": {"a": 1}}]', 'i', 'c',
    false, 1000, 5, true, false, 'acme') IS NOT NULL;
SELECT description, icon, category, config, input_schema, field_mappings, enabled, timeout_ms, max_retries, continue_on_error, log_response_data,
       version, created_by FROM connectors WHERE name LIKE 'A full%';
SELECT connector_create(repeat('n', 128), '{"url": "https://h/"}', timeout_ms => 60000, max_retries => 0) IS NOT NULL;
SELECT t.log(1);
DELETE FROM connectors WHERE name <> 'plain';

\echo # update: what it refuses
SELECT t.try(format('SELECT connector_update(%s)', args)) FROM (VALUES
    (1, $$NULL, '{}'$$), (2, $$'plain', NULL$$), (3, $$'nothing', '{}'$$), (4, $$'plain', '[]'$$), (5, $$'plain', '7'$$), (6, $$'plain', 'null'$$),
    (7, $$'plain', '{"version": 7, "id": 1, "workspace_id": 1, "created_by": "x", "total_executions": 1, "Name": "x", "credentials": []}'$$),
    (8, $$'plain', '{"name": null, "config": null, "enabled": null, "timeout_ms": null, "max_retries": null}'$$),
    (9, $$'plain', '{"name": 7, "description": 7, "icon": {}, "category": [], "config": "x", "enabled": 1, "timeout_ms": "5000", "continue_on_error": "true"}'$$),
    (10, $$'plain', '{"timeout_ms": 1000.5, "max_retries": 1e400}'$$), (11, $$'plain', '{"timeout_ms": 2000.0, "max_retries": -0}'$$),
    (12, $$'plain', '{"config": {"url": "https://{{", "x y": 1}, "input_schema": [], "field_mappings": "x"}'$$),
    (13, $$'plain', '{"url": "https://h/"}'$$), (14, $$'plain', '{"description": "x"}', 2$$), (15, $$'plain', '{}', 0$$),
    (16, $$'plain', '{"description": "x"}', workspace => 'globex'$$), (17, $$'00000000-0000-0000-0000-000000000001', '{}'$$)
    ) v(n, args) ORDER BY n;
SELECT t.list();
\echo # update: columns, null, nothing, by id, renaming
SELECT connector_update('plain', '{"config": {"url": "https://h/2"}, "description": "d", "input_schema": {}, "timeout_ms": 2000}');
SELECT connector_update('plain', '{}'), connector_update('plain', '{}', 2);
SELECT connector_update('plain', '{"icon": "i", "category": "c", "enabled": false}', 2);
SELECT connector_update('plain', '{"description": null, "input_schema": null}', expected_version => 2);
SELECT description, icon, category, config, input_schema, enabled, timeout_ms, version FROM connectors;
SELECT connector_update(id::text, '{"timeout_ms": 2e4}'), connector_update(upper(id::text), '{"max_retries": 5}') FROM connectors;
SELECT timeout_ms, max_retries FROM connectors;
SELECT connector_update('plain', '{"name": "renamed", "enabled": true}');
SELECT connector_create('plain', '{"url": "https://h/"}') IS NOT NULL;
SELECT t.try($$SELECT connector_update('plain', '{"name": "renamed"}')$$);
SELECT connector_update('plain', '{"name": "plain"}');
-- An update is logged when the same UPDATE would be.
SELECT connector_update('renamed', '{"icon": "j"}');
SELECT t.log(1);
-- Under the name that is another's id, the id counts.
SELECT id::text AS renamed FROM connectors WHERE name = 'renamed' \gset
SELECT connector_create(:'renamed', '{"url": "https://h/"}') IS NOT NULL;
SELECT connector_update(:'renamed', '{"description": "the one with the id"}');
SELECT replace(l, :'renamed', '<id>') FROM t.list() l;
DELETE FROM connectors WHERE name = :'renamed';

\echo # switching on and off
SELECT t.try(format('SELECT connector_set_enabled(%s)', args)) FROM (VALUES
    (1, $$NULL, true$$), (2, $$'{plain}', NULL$$), (3, $$ARRAY['plain', NULL], true$$), (4, $$'{nothing}', false$$),
    (5, $$'{plain, zero, nothing, renamed, zero}', false$$), (6, $$'{plain}', false, 'globex'$$)) v(n, args) ORDER BY n;
SELECT count(*) FILTER (WHERE enabled), count(*) FROM connectors;
SELECT connector_set_enabled('{}', false), connector_set_enabled('{plain, plain}', false), connector_set_enabled('{plain, renamed}', false),
       connector_set_enabled('{plain, renamed}', false), connector_set_enabled(ARRAY['plain', :'renamed'], true);
SELECT t.log(2);

\echo # cloning
SELECT t.try(format('SELECT connector_clone(%s)', args)) FROM (VALUES
    (1, $$NULL, 'x'$$), (2, $$'plain', NULL$$), (3, $$'nothing', 'x'$$), (4, $$'plain', ''$$), (5, $$'plain', 'a/b'$$), (6, $$'plain', repeat('a', 129)$$),
    (7, $$'plain', 'renamed'$$), (8, $$'plain', 'plain'$$), (9, $$'plain', 'x', 'globex'$$), (10, $$'plain', 'x', workspace => 'globex'$$)) v(n, args) ORDER BY n;
SELECT connector_update('renamed', '{"config": {"url": "https://h/2", "credential": "crm"}, "field_mappings": [], "log_response_data": false}');
RESET ROLE;
UPDATE connectors SET created_from_template = '11111111-2222-3333-4444-555555555555', total_executions = 7 WHERE name = 'renamed';
SET ROLE regress_anna;
SELECT connector_clone('renamed', 'copy') AS id \gset
SELECT id = :'id' FROM connectors WHERE name = 'copy';
SELECT connector_clone(:'renamed', 'copy 2', 'acme', 'acme') IS NOT NULL;
SELECT name, version, created_by, created_from_template, total_executions FROM connectors WHERE name LIKE 'copy%' ORDER BY name;
SELECT to_jsonb(a) - x = to_jsonb(b) - x FROM connectors a, connectors b,
    LATERAL (SELECT ARRAY['id', 'name', 'version', 'created_by', 'created_at', 'updated_at', 'total_executions']) k(x)
 WHERE a.name = 'renamed' AND b.name = 'copy';
SELECT t.log(2);
-- From a workspace one may only read into one where one may write, and not the other way round.
SELECT connector_add_member('regress_team', 'viewer', workspace => 'acme');
SET ROLE regress_bob;
SELECT connector_add_member('regress_team', 'editor', workspace => 'globex');
SET ROLE regress_team;
SELECT t.try($$SELECT connector_clone('renamed', 'copy')$$);
SELECT t.try($$SELECT connector_clone('renamed', 'copy', workspace => 'acme')$$);
SELECT connector_clone('renamed', 'copy', 'globex', 'acme') IS NOT NULL;
SELECT t.try($$SELECT connector_clone('copy', 'back', 'acme', 'globex')$$);
SELECT w.slug, c.name, c.version, c.created_by, c.created_from_template FROM connectors c JOIN connector_workspaces w ON w.id = c.workspace_id
 WHERE c.name = 'copy' ORDER BY 1;
SELECT t.log(2);
SET ROLE regress_bob;
DELETE FROM connectors;

\echo # deleting, going back, and back from the dead
SET ROLE regress_ed;
SELECT t.try(format('SELECT connector_delete(%s)', args)) FROM (VALUES (1, 'NULL'), (2, $$'nothing'$$), (3, $$'plain', 'globex'$$)) v(n, args) ORDER BY n;
SELECT connector_delete('copy'), connector_delete((SELECT id::text FROM connectors WHERE name = 'copy 2'));
SELECT t.try($$SELECT connector_delete('copy')$$);
DELETE FROM connectors;
DO $$ BEGIN
    PERFORM connector_create('r', '{"url": "https://h/1"}', 'one', icon => 'i');
    PERFORM connector_update('r', '{"config": {"url": "https://h/2"}, "input_schema": {"type": "object"}, "field_mappings": {"table": "t", "key": {"id": 1}, "set": {"a": 1}},
        "timeout_ms": 2000, "max_retries": 2, "continue_on_error": true, "log_response_data": false}');
    PERFORM connector_update('r', '{"name": "r3", "description": "three", "enabled": false}');
END $$;
SELECT t.try(format('SELECT connector_revert(%s)', args)) FROM (VALUES (1, 'NULL, 1'), (2, $$'r3', NULL$$), (3, $$'nothing', 1$$), (4, $$'r3', 0$$),
    (5, $$'r3', 4$$), (6, $$'r3', 1, 'globex'$$), (7, $$'r', 1$$)) v(n, args) ORDER BY n;
SELECT connector_revert('r3', 3);
SELECT t.log(1);
SELECT connector_revert('r3', 1);
SELECT t.log(2);
SELECT to_jsonb(a) - x = to_jsonb(b) - x FROM connector_versions a, connector_versions b,
    LATERAL (SELECT ARRAY['version', 'name', 'changed_at']) k(x)
 WHERE a.connector_id = b.connector_id AND a.connector_id = (SELECT id FROM connectors) AND a.version = 1 AND b.version = 4;
SELECT t.list();
SELECT connector_revert('r3', 2);
SELECT input_schema, field_mappings, timeout_ms, max_retries, continue_on_error, log_response_data, icon, enabled FROM connectors;
-- The same content again is no new version.
SELECT connector_revert('r3', 5), connector_revert('r3', 2);
SELECT id::text AS gone FROM connectors \gset
SELECT connector_delete('r3');
SELECT t.try($$SELECT connector_revert('r3', 9)$$);
SELECT t.try($$SELECT connector_revert('r', 1)$$);
SET ROLE regress_bob;
SELECT t.try($$SELECT connector_revert('r3', 1)$$);
SELECT replace(t.try(format('SELECT connector_revert(%L, 1)', :'gone')), :'gone', '<id>');
SET ROLE regress_vic;
SELECT t.try($$SELECT connector_revert('r3', 1)$$);
SET ROLE regress_anna;
SELECT connector_revert('r3', 1);
SELECT id = :'gone', name, version, enabled, icon, created_by FROM connectors;
SELECT t.log(2);
-- By its id where the name is another's, or was that of several.
SELECT connector_delete('r3'), connector_create('r3', '{"url": "https://h/new"}') IS NOT NULL;
SELECT t.try(format('SELECT connector_revert(%L, 1)', :'gone'));
SELECT connector_revert('r3', 1);
SELECT connector_delete('r3');
SELECT t.try($$SELECT connector_revert('r3', 1)$$);
SELECT connector_revert(:'gone', 2);
SELECT t.list();
SELECT connector_delete('r3');

\echo # what changed between two versions
SET ROLE regress_vic;
SELECT t.try(format('SELECT connector_version_diff(%s)', args)) FROM (VALUES (1, 'NULL, 1, 2'), (2, $$'nothing', 1, 2$$), (4, $$'r3', 1, 2$$)) v(n, args) ORDER BY n;
SELECT t.try(format('SELECT connector_version_diff(%L, %s)', :'gone', args)) FROM (VALUES ('NULL, 1'), ('1, NULL'), ('1, 99'), ('0, 1'), ('1, 2, ''globex''')) v(args);
SELECT d.path, d.old, d.new FROM connector_version_diff(:'gone', 1, 2) d;
SELECT count(*) FROM connector_version_diff(:'gone', 2, 2);
SELECT d.path, d.old, d.new FROM connector_version_diff(:'gone', 3, 1, 'acme') d;
SET ROLE regress_bob;
SELECT replace(t.try(format('SELECT connector_version_diff(%L, 1, 2)', :'gone')), :'gone', '<id>');
RESET ROLE;
-- Every kind of difference, and their order.
SELECT d.path, d.old_value, d.new_value FROM _connector_json_diff(
    '{"same": [1, {"a": null}], "gone": 1, "null": null, "type": {}, "list": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "": 1, "a b": {"x\"y": 1}, "n": 1.0}',
    '{"same": [1, {"a": null}], "new": {"a": 1}, "null": 0, "type": [], "list": [0, 1, "2", 3, 4, 5, 6, 7, 8, 9, 11, 12], "": 2, "a b": {"x\"y": 2}, "n": 1}') d;
SELECT d.path, d.old_value, d.new_value FROM (VALUES (1, '1', '2'), (2, '{}', '[]'), (3, '[]', '[null]'), (4, '1', '1'), (5, NULL, '{}'), (6, '{}', NULL), (7, NULL, NULL))
    v(n, a, b), _connector_json_diff(a::jsonb, b::jsonb) d ORDER BY n;
DELETE FROM connectors;
DELETE FROM connector_versions;

\echo # import: what is no document
SET ROLE regress_ed;
SELECT n, t.try(format('SELECT connector_import(%s)', args)) FROM (VALUES
    (1, 'NULL'), (2, $$'{}', NULL$$), (3, $$'{}', 'overwrite'$$), (4, $$'null'$$), (5, $$'7'$$), (6, $$'[]'$$), (7, $$'{}'$$),
    (8, $$'{"format": "connector/2", "connectors": []}'$$), (9, $$'{"format": 1, "connectors": []}'$$), (10, $$'{"connectors": []}'$$),
    (11, $$'{"format": "connector/1"}'$$), (12, $$'{"format": "connector/1", "connectors": {}}'$$),
    (13, $$'{"format": "connector/1", "connectors": [], "workspace": "x", "secrets": []}'$$), (14, $$'{"format": "connector/1", "connectors": []}', workspace => 'globex'$$)
    ) v(n, args) ORDER BY n;
\echo # import: every problem of every connector
SELECT t.try($q$SELECT connector_import('{"format": "connector/1", "surprise": 1, "connectors": [
    {"name": "good", "config": {"url": "https://h/"}},
    {"name": "good", "config": {"url": "https://h/"}, "credentials": ["x/y"]},
    {"name": "bad/name", "config": {"url": "ftp://h/", "headers": {"X-A": "{{input.a", "Host": "h"}}, "id": 1, "workspace_id": 2},
    7, null, [], {}, {"name": "n", "config": null, "timeout_ms": 7, "field_mappings": [7], "input_schema": "x", "enabled": "yes"},
    {"name": "bad/name", "config": {"url": "https://h/", "body": 1, "query": {"a b": {}}}}]}')$q$);
SELECT t.try($q$SELECT connector_import('{"name": "one", "config": {"url": 7, "x-y": 1}, "created_by": "me"}')$q$);
SET ROLE regress_vic;
SELECT t.try($q$SELECT connector_import('{"name": "one", "config": {"url": "https://h/"}}')$q$);
SELECT count(*) FROM connectors;

\echo # import: one, none, several, and taken names
SET ROLE regress_ed;
SELECT i.name, i.id, i.action, i.version FROM connector_import('{"name": "one", "config": {"url": "https://h/1"}, "description": "mine"}') i \gset i_
SELECT :'i_name', id = :'i_id', :'i_action', :i_version FROM connectors;
-- What is not said has the defaults of the table.
INSERT INTO connectors (name, config) VALUES ('twin', '{"url": "https://h/"}');
SELECT i.action FROM connector_import('{"name": "imported", "config": {"url": "https://h/"}}') i;
SELECT to_jsonb(a) - x = to_jsonb(b) - x FROM connectors a, connectors b, LATERAL (SELECT ARRAY['id', 'name', 'created_at', 'updated_at']) k(x)
 WHERE a.name = 'imported' AND b.name = 'twin';
SELECT connector_delete('twin'), connector_delete('imported');
SELECT count(*) FROM connector_import('{"format": "connector/1", "connectors": []}');
CREATE TEMP TABLE doc AS SELECT '{"format": "connector/1", "connectors": [
    {"name": "two", "config": {"url": "https://h/2"}}, {"name": "one", "config": {"url": "https://h/new"}, "enabled": false},
    {"name": "one 2", "config": {"url": "https://h/3"}}]}'::jsonb AS d;
SELECT t.try('SELECT connector_import(d) FROM doc');
SELECT t.list();
SELECT i.name, i.action, i.version FROM doc, connector_import(d, 'skip') i;
SELECT t.list();
SELECT t.try('SELECT connector_import(d, ''error'') FROM doc');
SELECT t.log(4);
SELECT i.name, i.action, i.version FROM doc, connector_import(d, 'rename') i;
SELECT i.name, i.action FROM doc, connector_import(d #- '{connectors,2}', 'rename') i;
SELECT i.name, i.action, i.version FROM doc, connector_import(d, 'replace') i;
SELECT t.log(6);
SELECT t.list();
-- Replacing with the same makes no version; with what is not said, the defaults.
SELECT connector_update('two', '{"icon": "i", "category": "c", "max_retries": 3, "input_schema": {}, "log_response_data": false}');
SELECT i.name, i.action, i.version FROM doc, connector_import(d, 'replace') i;
SELECT icon, category, max_retries, input_schema, log_response_data FROM connectors WHERE name = 'two';
-- A new name has at most 128 bytes too.
SELECT length(i.name), right(i.name, 4), i.action FROM generate_series(1, 11) g,
    connector_import(jsonb_build_object('name', repeat('n', 128), 'config', '{"url": "https://h/"}'::jsonb,
                                        'description', g::text), 'rename') i;
-- All or none, also where the table refuses what the check let pass.
RESET ROLE;
ALTER TABLE connectors ADD CONSTRAINT test_only CHECK (name <> 'forbidden');
SET ROLE regress_ed;
SELECT count(*) FROM connectors;
SELECT t.try($q$SELECT connector_import('{"format": "connector/1", "connectors": [{"name": "x", "config": {"url": "https://h/"}},
    {"name": "forbidden", "config": {"url": "https://h/"}}]}')$q$);
SELECT count(*) FROM connectors;
RESET ROLE;
ALTER TABLE connectors DROP CONSTRAINT test_only;
DELETE FROM connectors;

\echo # export
SET ROLE regress_ed;
SELECT connector_export();
SELECT t.try($$SELECT connector_export('nothing')$$);
SELECT t.try($$SELECT connector_export(workspace => 'globex')$$);
SELECT connector_create('b', '{"url": "https://h/", "credential": "crm", "headers": {"Authorization": "Bearer literal"}}') IS NOT NULL;
SELECT connector_create('B', '{"url": "https://h/{{input.x | default(\"é\")}}", "credential": {"service": "crm", "label": "eu"}, "timeout_ms": 5000}', 'é "quoted"',
    '{"type": "object", "n": 1.50}', '[{"table": "t", "key": {"id": 1}, "set": {"z": 1, "a": null}}]', 'i', 'c', false, 1000, 5, true, false) IS NOT NULL;
SELECT connector_create('a', '{"url": "https://h/", "credential": "crm/default"}') IS NOT NULL;
SELECT jsonb_pretty(connector_export());
SET ROLE regress_vic;
SELECT c ->> 'name', c -> 'credentials' FROM jsonb_array_elements(connector_export() -> 'connectors') c;
SELECT jsonb_path_query_array(connector_export('a'), '$.connectors[*].name'), connector_export('a') = connector_export((SELECT id::text FROM connectors WHERE name = 'a'));
SELECT _connector_credentials(c::jsonb) FROM (VALUES (1, '{}'), (2, '7'), (3, '{"credential": 7}'), (4, '{"credential": ""}'),
    (5, '{"credential": "z", "steps": [{"credential": "b/x"}, {"credential": {"service": "a"}}, {"credential": "z/default", "body": {"credential": "no"}},
      {"type": "parallel", "steps": [{"credential": {"service": "g", "label": "l"}}, {"url": "x"}]}]}')) v(n, c) ORDER BY n;
\echo # export, import elsewhere, export: the same
SET ROLE regress_bob;
SELECT connector_add_member('regress_ed', 'editor', workspace => 'globex');
SET ROLE regress_ed;
SELECT i.name, i.action FROM connector_import(connector_export(workspace => 'acme'), workspace => 'globex') i;
SELECT connector_export(workspace => 'globex') = connector_export(workspace => 'acme'), connector_export(workspace => 'globex')::text = connector_export(workspace => 'acme')::text;
SELECT count(*), count(DISTINCT id) FROM connectors;
SELECT i.action, i.version FROM connector_import(connector_export(workspace => 'acme'), 'replace', 'acme') i;
SELECT t.try($$SELECT connector_export()$$);
SELECT jsonb_array_length(connector_export('a', 'globex') -> 'connectors');
SET ROLE regress_bob;
SELECT connector_remove_member('regress_ed', workspace => 'globex'), connector_remove_member('regress_team', workspace => 'globex');
SET ROLE regress_anna;
SELECT connector_remove_member('regress_team', workspace => 'acme');

\echo # in one statement and one transaction
SET ROLE regress_ed;
DELETE FROM connectors;
SELECT connector_create('s', '{"url": "https://h/1"}') IS NOT NULL, connector_update('s', '{"description": "x"}'), connector_clone('s', 's2') IS NOT NULL,
       connector_revert('s', 1), connector_set_enabled('{s, s2}', false), connector_delete('s2');
SELECT t.list();
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT jsonb_array_length(connector_export() -> 'connectors');
SAVEPOINT a;
SELECT t.try(call) FROM (VALUES (1, $$SELECT connector_create('x', '{"url": "https://h/"}')$$), (2, $$SELECT connector_update('s', '{"icon": "x"}')$$),
    (3, $$SELECT connector_delete('s')$$), (4, $$SELECT connector_set_enabled('{s}', true)$$), (5, $$SELECT connector_revert('s', 1)$$),
    (6, $$SELECT connector_clone('s', 'y')$$)) v(n, call) ORDER BY n;
ROLLBACK;
-- With grants taken away nothing is left that the functions could do.
RESET ROLE;
REVOKE UPDATE (config) ON connectors FROM PUBLIC;
SET ROLE regress_ed;
SELECT t.try($$SELECT connector_update('s', '{"config": {"url": "https://h/9"}}')$$);
SELECT connector_update('s', '{"description": "y"}');
RESET ROLE;
GRANT UPDATE (config) ON connectors TO PUBLIC;
DELETE FROM connectors;
DELETE FROM connector_versions;
DROP FUNCTION t.list(), t.log(int);
