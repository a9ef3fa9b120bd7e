-- The catalog: every file loads without a problem, and every action and stream is what a call would find.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only on
\set ON_ERROR_STOP 1
BEGIN;
SELECT * FROM no_plan();

-- The files as they are installed, and what CREATE EXTENSION made of them.
CREATE TEMP TABLE files AS
SELECT substr(name, 1, length(name) - 5) AS name, pg_read_file(directory || '/' || name)::jsonb AS definition
  FROM (SELECT setting || '/extension/connector' AS directory FROM pg_config WHERE pg_config.name = 'SHAREDIR') d, pg_ls_dir(directory) name
 WHERE name ~ '^[^.]+\.json$';
SELECT cmp_ok(count(*)::int, '>', 0, 'there are files') FROM files;
SELECT results_eq('SELECT name, definition FROM connector_providers WHERE builtin ORDER BY name COLLATE "C"',
                  'SELECT name, definition FROM files ORDER BY name COLLATE "C"', 'CREATE EXTENSION has loaded every file as it is');
SELECT is_empty('SELECT * FROM connector_catalog_load() WHERE status <> ''unchanged'' OR problems IS NOT NULL', 'loading once more changes nothing');

-- Registered from elsewhere they are as good; names are checked against each other.
SELECT connector_create_workspace('tap') \g /dev/null
SELECT is(connector_provider_register(definition, 'tap'), name, name || ': can be registered') FROM files ORDER BY name;
SELECT is(jsonb_array_length(connector_provider_form(name, 'tap') -> 'oneOf'), jsonb_array_length(definition -> 'auth'), name || ': its form has every way to authenticate')
  FROM files WHERE definition ? 'auth' ORDER BY name;
-- The schema of the form is one, and refuses nothing at all.
SELECT is(connector_json_is_valid(connector_provider_form(name, 'tap'), '{"kind": "?"}'), false, name || ': its form is a schema')
  FROM files WHERE definition ? 'auth' ORDER BY name;

-- docs/provider.schema.json as users have it takes them, too.
SELECT pg_read_file(setting || '/extension/connector/provider.schema.json') AS schema FROM pg_config WHERE name = 'SHAREDIR' \gset
SELECT is((SELECT string_agg(instance_path || ': ' || message, '; ') FROM connector_validate_json(:'schema', definition)), NULL, name || ': fits the schema')
  FROM files ORDER BY name;

-- The first things the catalog promises of each.
SELECT ok(definition -> 'actions' ? (definition #>> '{test,action}'), name || ': a test of the connection') FROM files ORDER BY name;
SELECT is_empty($$SELECT f.name, a.key FROM files f, jsonb_each(f.definition -> 'actions') a WHERE NOT a.value ?& '{title,method,input_schema,documentation}'$$,
                'every action says what it is, what it takes and where that is described');
SELECT is_empty($$SELECT f.name, s.key FROM files f, jsonb_each(f.definition -> 'streams') s WHERE NOT s.value ?& '{title,records,primary_key}'$$,
                'every stream says where its records are and what tells them apart');
SELECT * FROM finish();
ROLLBACK;
