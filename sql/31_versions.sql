-- Versions: one row for every state a definition ever had.
\pset format unaligned
\pset tuples_only on
CREATE VIEW t.versions WITH (security_invoker) AS
SELECT v.version, v.name, v.description, v.config ->> 'url' AS url, v.timeout_ms, v.changed_by
  FROM connector_versions v ORDER BY v.connector_id, v.version;
GRANT SELECT ON t.versions TO PUBLIC;
CREATE FUNCTION t.show() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('current %s v%s, enabled %s, changed %s', name, version, enabled, updated_at > created_at)
      FROM connectors UNION ALL SELECT format('  %s', v) FROM t.versions v $$;

\echo # insert
SET ROLE regress_ed;
INSERT INTO connectors (name, config) VALUES ('c', '{"url": "https://h/1"}');
SELECT t.show();
\echo # every updated column that matters makes a version
SET ROLE regress_anna;
UPDATE connectors SET config = '{"url": "https://h/2"}';
UPDATE connectors SET description = 'd';
UPDATE connectors SET name = 'renamed', timeout_ms = 5000;
UPDATE connectors SET input_schema = '{"type": "object"}';
UPDATE connectors SET field_mappings = '{}';
UPDATE connectors SET max_retries = 1;
UPDATE connectors SET continue_on_error = true;
UPDATE connectors SET log_response_data = false;
SELECT t.show();
\echo # those that do not matter make none: same values, JSON spelled otherwise, presentation, switching off
UPDATE connectors SET config = '{ "url":"https://h/2" }', name = 'renamed', description = 'd';
UPDATE connectors SET icon = 'i', category = 'c';
UPDATE connectors SET enabled = false;
UPDATE connectors SET enabled = true;
SELECT count(*) FROM connector_versions;
RESET ROLE;
SELECT updated_at AS before FROM connectors \gset
UPDATE connectors SET total_executions = 7, successful_executions = 7, last_executed_at = now();
SELECT count(*) FROM connector_versions;
SELECT version, updated_at = :'before' FROM connectors;
UPDATE connectors SET total_executions = 0, successful_executions = 0, last_executed_at = NULL;
\echo # a version that is rolled back is given again
SET ROLE regress_ed;
BEGIN;
UPDATE connectors SET description = 'lost';
SELECT version, description FROM t.versions ORDER BY version DESC LIMIT 1;
SAVEPOINT s;
UPDATE connectors SET description = 'lost too';
ROLLBACK TO s;
UPDATE connectors SET description = 'two in one transaction';
SELECT version, description FROM t.versions ORDER BY version DESC LIMIT 2;
ROLLBACK;
UPDATE connectors SET description = 'kept';
SELECT version, description FROM t.versions ORDER BY version DESC LIMIT 2;
\echo # ON CONFLICT DO UPDATE
INSERT INTO connectors (name, config) VALUES ('renamed', '{"url": "https://h/3"}')
    ON CONFLICT (workspace_id, name) DO UPDATE SET config = excluded.config;
SELECT t.show();
INSERT INTO connectors (name, config) VALUES ('renamed', '{"url": "https://h/4"}') ON CONFLICT DO NOTHING;
SELECT count(*) FROM connector_versions;
\echo # many rows in one statement
INSERT INTO connectors (name, config) SELECT 'm' || g, '{"url": "https://h/"}' FROM generate_series(1, 5) g;
UPDATE connectors SET description = 'all' WHERE name LIKE 'm%';
SELECT version, count(*) FROM connector_versions WHERE name LIKE 'm%' GROUP BY version ORDER BY version;
\echo # the versions of a deleted connector stay; one made anew under its id goes on behind them
SELECT id AS gone, workspace_id AS ws FROM connectors WHERE name = 'renamed' \gset
DELETE FROM connectors;
SELECT count(*) FROM connector_versions WHERE connector_id = :'gone';
INSERT INTO connectors (workspace_id, id, name, config) VALUES (:'ws', :'gone', 'again', '{"url": "https://h/5"}');
SELECT version, name, url FROM t.versions v WHERE name = 'again';
SELECT name, version FROM connectors;
\echo # versions are read only, and not for others
SELECT t.try('INSERT INTO connector_versions SELECT * FROM connector_versions');
SELECT t.try('UPDATE connector_versions SET name = ''x''');
SELECT t.try('DELETE FROM connector_versions');
SELECT t.try('TRUNCATE connector_versions');
SET ROLE regress_vic;
SELECT count(*) > 0 FROM connector_versions;
SET ROLE regress_bob;
SELECT count(*) FROM connector_versions;
\echo # the triggers are no functions to call
RESET ROLE;
SELECT t.try('SELECT _connector_before_save()');
SELECT t.try('CREATE TABLE t.other (a int)');
CREATE TRIGGER x BEFORE INSERT ON t.other FOR EACH ROW EXECUTE FUNCTION _connector_before_save();
SELECT t.try('INSERT INTO t.other VALUES (1)');
DROP TRIGGER x ON t.other;
CREATE TRIGGER x BEFORE INSERT ON t.other FOR EACH STATEMENT EXECUTE FUNCTION _connector_before_save();
SELECT t.try('INSERT INTO t.other VALUES (1)');
DROP TABLE t.other;
SET ROLE regress_ed;
SELECT t.try('CREATE TRIGGER x BEFORE INSERT ON connectors FOR EACH ROW EXECUTE FUNCTION _connector_before_save()');
CREATE TEMP TABLE mine (a int);
SELECT t.try('CREATE TRIGGER x BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION _connector_before_save()');
SELECT t.try('CREATE TRIGGER x BEFORE INSERT ON mine FOR EACH STATEMENT EXECUTE FUNCTION _connector_changed()');
RESET ROLE;
DELETE FROM connectors;
DELETE FROM connector_versions;
DROP FUNCTION t.show();
DROP VIEW t.versions;
