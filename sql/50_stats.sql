-- Statistics: exact at once, within transactions and savepoints, and after folding.
\pset format unaligned
\pset tuples_only on
SET ROLE regress_ed;
INSERT INTO connectors (name, config) VALUES ('a', '{"url": "https://h/"}'), ('b', '{"url": "https://h/"}');
RESET ROLE;
SELECT id AS a FROM connectors WHERE name = 'a' \gset
SELECT id AS b FROM connectors WHERE name = 'b' \gset
CREATE FUNCTION t.stats(ws text DEFAULT 'acme') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s: %s = %s + %s, %s %%', name, total_executions, successful_executions, failed_executions,
                  coalesce(success_rate::text, '-')) FROM connector_stats(workspace => ws) $$;
CREATE FUNCTION t.count(id uuid, good int, bad int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM increment_connector_stats(id, true) FROM generate_series(1, good);
    PERFORM increment_connector_stats(id, false) FROM generate_series(1, bad);
END $$;
CREATE FUNCTION t.tables() RETURNS text LANGUAGE sql AS $$
    SELECT format('deltas %s, connectors %s', (SELECT count(*) FROM connector_stat_deltas),
        (SELECT string_agg(format('%s %s/%s/%s', name, total_executions, successful_executions, failed_executions), ', ' ORDER BY name)
           FROM connectors)) $$;

\echo # nothing yet
SELECT t.stats(), t.tables();
SELECT connector_id IS NOT NULL, total_executions, success_rate, last_executed_at, p50_ms, p95_ms, p99_ms, last_error_code
  FROM connector_stats('a', workspace => 'acme');

\echo # counted at once: pending within the transaction, a delta after it, folded by maintenance
SET ROLE regress_ed;
BEGIN;
SELECT t.count(:'a', 3, 1);
SELECT t.stats();
SELECT t.tables();
SELECT successes, failures, connector_id = :'a' FROM _connector_pending_stats();
COMMIT;
SELECT count(*) FROM _connector_pending_stats();
SELECT t.stats();
SELECT t.tables();
RESET ROLE;
SELECT connector_maintain() -> 'statistics_folded';
SELECT t.tables();
SELECT t.stats();
SELECT last_executed_at <= now() FROM connectors WHERE name = 'a';
SELECT connector_maintain() -> 'statistics_folded';
SELECT t.tables();

\echo # one delta a transaction and connector, however many executions
SET ROLE regress_ed;
SELECT t.count(:'a', 1000, 500);
SELECT t.tables();
BEGIN;
SELECT t.count(:'a', 1, 0), t.count(:'b', 0, 2), t.count(:'a', 1, 0);
COMMIT;
SELECT t.tables();
SELECT t.stats();
RESET ROLE;
SELECT connector_maintain() -> 'statistics_folded';
SELECT t.tables();
SELECT t.stats();

\echo # what is rolled back did not happen
SET ROLE regress_ed;
BEGIN;
SELECT t.count(:'b', 7, 7);
ROLLBACK;
SELECT t.stats();
BEGIN;
SELECT t.count(:'b', 1, 0);
SAVEPOINT one;
SELECT t.count(:'b', 10, 0);
SAVEPOINT two;
SELECT t.count(:'b', 100, 0);
RELEASE two;
SELECT t.stats();
ROLLBACK TO one;
SELECT t.stats();
SELECT t.count(:'b', 0, 1000);
SAVEPOINT three;
SELECT t.count(:'b', 10000, 0);
ROLLBACK TO three;
RELEASE three;
COMMIT;
SELECT t.stats();
-- Nothing is left of a transaction whose counts were all rolled back to a savepoint.
BEGIN;
SAVEPOINT s;
SELECT t.count(:'b', 1, 0);
ROLLBACK TO s;
COMMIT;
SELECT t.count(:'b', 1, 1);
SELECT t.try(format('SELECT increment_connector_stats(%L, true), 1 / 0', :'b'));
SELECT t.stats() FROM (SELECT t.count(:'b', 1, 1) OFFSET 0) x;
SELECT t.stats();
-- An exception handler is a savepoint.
DO $$
BEGIN
    PERFORM t.count((SELECT id FROM connectors WHERE name = 'b'), 5, 0);
    BEGIN
        PERFORM t.count((SELECT id FROM connectors WHERE name = 'b'), 50, 0);
        RAISE division_by_zero;
    EXCEPTION WHEN division_by_zero THEN
        PERFORM t.count((SELECT id FROM connectors WHERE name = 'b'), 500, 0);
    END;
END $$;
SELECT t.stats();
-- An error in the statement itself, a failed transaction, a prepared one.
SELECT increment_connector_stats(:'b', true), 1 / (g - 3) FROM generate_series(1, 5) g;
SELECT t.stats();
RESET ROLE;
BEGIN;
SELECT t.count(:'b', 0, 1);
PREPARE TRANSACTION 'regress_connector_stats';
SELECT t.stats();
COMMIT PREPARED 'regress_connector_stats';
SELECT t.stats();
SELECT connector_maintain() IS NOT NULL;
SELECT t.tables();
SELECT t.stats();

\echo # maintenance that is rolled back folds nothing
SELECT t.count(:'a', 1, 1);
BEGIN;
SELECT connector_maintain() -> 'statistics_folded';
SELECT t.tables();
ROLLBACK;
SELECT t.tables();
SELECT connector_maintain() -> 'statistics_folded';
SELECT t.tables();

\echo # who may count and who sees it
SET ROLE regress_vic;
SELECT t.try(format('SELECT increment_connector_stats(%L, true)', :'a'));
SELECT t.stats();
SET ROLE regress_bob;
SELECT t.try(format('SELECT increment_connector_stats(%L, true)', :'a'));
SELECT t.try('SELECT * FROM connector_stats(workspace => ''acme'')');
SELECT count(*) FROM connector_stats();
SET ROLE regress_ed;
SELECT t.try('SELECT increment_connector_stats(''00000000-0000-0000-0000-000000000000'', true)');
SELECT increment_connector_stats(NULL, true), increment_connector_stats(:'a', NULL);
SELECT t.try('INSERT INTO connector_stat_deltas SELECT * FROM connector_stat_deltas');
SELECT t.try('UPDATE connector_stat_deltas SET successes = 7');
SELECT t.try('DELETE FROM connector_stat_deltas');
SELECT t.count(:'a', 1, 0);
BEGIN READ ONLY;
SELECT increment_connector_stats(:'a', true);
ROLLBACK;
-- What one caller counted in a transaction another one does not see after SET ROLE.
BEGIN;
SELECT t.count(:'a', 1, 0);
SET LOCAL ROLE regress_bob;
SELECT count(*) FROM _connector_pending_stats();
SELECT count(*) FROM connector_stat_deltas;
ROLLBACK;
SELECT t.stats();
RESET ROLE;

\echo # deltas of connectors and workspaces that are gone are thrown away
SELECT t.count(:'b', 3, 0);
SET ROLE regress_ed;
DELETE FROM connectors WHERE name = 'b';
RESET ROLE;
SELECT t.tables();
SELECT connector_maintain() -> 'statistics_folded';
SELECT t.tables();
BEGIN;
SELECT t.count(:'a', 3, 0);
DELETE FROM connectors WHERE name = 'a';
ROLLBACK;
BEGIN;
SELECT connector_create_workspace('brief', owner => 'regress_bob') IS NOT NULL;
INSERT INTO connectors (workspace_id, name, config) VALUES (connector_current_workspace('brief'), 'x', '{"url": "https://h/"}');
SELECT increment_connector_stats(id, true) FROM connectors WHERE name = 'x';
DELETE FROM connector_workspaces WHERE slug = 'brief';
COMMIT;
SELECT connector_maintain() -> 'statistics_folded';
SELECT t.tables();

\echo # times and the last error, from the history
INSERT INTO connector_history (workspace_id, id, connector_id, connector_name, status, trigger, attempt, error_code, error_message,
                               execution_time_ms, started_at, completed_at, created_at)
SELECT c.workspace_id, overlay(connector_id_at(now())::text PLACING lpad(to_hex(g), 12, '0') FROM 25)::uuid, c.id, c.name,
       CASE WHEN g % 50 = 0 THEN 'failed' ELSE 'success' END, 'sql', 1,
       CASE WHEN g % 50 = 0 THEN 'not_found' END, CASE WHEN g % 50 = 0 THEN 'number ' || g END, g, now(), now(), now()
  FROM connectors c, generate_series(0, 100) g;
SELECT p50_ms, p95_ms, p99_ms, last_error_code, last_error_message
  FROM connector_stats('a', workspace => 'acme');
SELECT p50_ms, p95_ms, last_error_code FROM connector_stats('a', '0 seconds', 'acme');
SELECT name FROM connector_stats(:'a', workspace => 'acme');
SELECT count(*) FROM connector_stats('missing', workspace => 'acme');
DELETE FROM connector_history;
DELETE FROM connectors;
DELETE FROM connector_versions;
DROP FUNCTION t.stats(text), t.count(uuid, int, int), t.tables();
