-- Queueing, and what can be done with queued executions.  No worker takes part: the workspaces are paused, and
-- what a worker does is done here by hand.
\pset format unaligned
\pset tuples_only on
RESET ROLE;
SELECT connector_pause(workspace => 'acme'), connector_pause(workspace => 'globex');
-- What a worker would do: claim, and end.
CREATE FUNCTION t.claim(execution uuid) RETURNS void LANGUAGE sql AS
$$ UPDATE connector_queue SET lease = gen_random_uuid(), claimed_at = now() WHERE id = execution $$;
CREATE FUNCTION t.end(execution uuid, code text DEFAULT NULL, step text DEFAULT NULL, kept jsonb DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    WITH ended AS (DELETE FROM connector_queue WHERE id = execution RETURNING *), letter AS (
        INSERT INTO connector_dead_letters (workspace_id, id, connector_id, connector_name, error_code, error_message, failed_step,
                                            attempt, priority, failed_at, created_at, identity, run_as, claims, correlation_id, input, checkpoint)
        SELECT workspace_id, id, connector_id, 'q', code, 'it failed', step, attempt, priority, clock_timestamp(), created_at,
               identity, run_as, claims, correlation_id, input, kept FROM ended WHERE code IS NOT NULL)
    INSERT INTO connector_history (workspace_id, id, connector_id, connector_name, status, trigger, attempt, steps_executed, output_data,
                                   error_code, error_message, http_status, execution_time_ms, started_at, completed_at, created_at, idempotency_key)
    SELECT workspace_id, id, connector_id, 'q', CASE WHEN code IS NULL THEN 'success' ELSE 'failed' END, trigger, attempt, '[]',
           '{"done": true}', code, 'it failed', 200, 1.5, now(), now(), created_at, idempotency_key FROM ended $$;
CREATE FUNCTION t.queued() RETURNS TABLE (line text) LANGUAGE sql AS $$
    SELECT concat_ws(' ', c.name, q.priority, q.attempt, q.trigger, q.identity, q.run_as, q.claims, q.correlation_id, q.idempotency_key,
                     CASE WHEN q.notify THEN 'notify' END, date_trunc('milliseconds', q.due_at) = connector_id_time(q.id), q.input, q.checkpoint - 'started_at')
      FROM connector_queue q JOIN connectors c ON c.workspace_id = q.workspace_id AND c.id = q.connector_id ORDER BY q.id $$;
SET ROLE regress_ed;
INSERT INTO connectors (name, config, input_schema) VALUES ('q', '{"url": "http://127.0.0.1:1/{{input.n}}"}', '{"required": ["n"]}');
INSERT INTO connectors (name, config, enabled) VALUES ('off', '{"url": "http://127.0.0.1:1/"}', false);

\echo # what cannot be queued
SELECT t.try(format('SELECT connector_execute_async(%s)', a)) FROM (VALUES
    (1, $$NULL$$), (2, $$'none'$$), (3, $$'off'$$), (4, $$'q'$$), (5, $$'q', '{"n": 1}', 'globex'$$),
    (6, $$'q', '{"n": 1}', priority => -1$$), (7, $$'q', '{"n": 1}', priority => 10$$),
    (8, $$'q', '{"n": 1}', run_at => 'infinity'$$), (9, $$'q', '{"n": 1}', run_at => '-infinity'$$),
    (10, $$'q', '{"n": 1}', run_at => now() + '367 days'$$), (11, $$'q', '{"n": 1}', idempotency_key => ''$$),
    (12, $$'q', '{"n": 1}', idempotency_key => repeat('k', 256)$$)) v(n, a) ORDER BY n;
SELECT t.try($$SELECT connector_execute_async_batch('q', NULL)$$);
SELECT t.try($$SELECT connector_execute_async_batch('none', '{}')$$);
SELECT t.try($$SELECT connector_execute_async_batch('q', ARRAY['{"n": 1}', '{"m": 2}', NULL]::jsonb[])$$);
SELECT t.try($$SELECT connector_execute_async_batch('q', ARRAY['{"n": 1}']::jsonb[], priority => 12)$$);
RESET ROLE;
SET connector.max_request_size = '1kB';
SET ROLE regress_ed;
SELECT left(t.try($$SELECT connector_execute_async('q', jsonb_build_object('n', repeat('x', 1100)))$$), 72);
SELECT left(t.try($$SELECT connector_execute_async_batch('q', ARRAY[jsonb_build_object('n', 1), jsonb_build_object('n', repeat('x', 1100))])$$), 72);
RESET ROLE;
RESET connector.max_request_size;
SET ROLE regress_vic;
SELECT t.try($$SELECT connector_execute_async('q', '{"n": 1}')$$);
SELECT t.try($$SELECT connector_execute_async_batch('q', '{}')$$);
SET ROLE regress_nobody;
SELECT t.try($$SELECT connector_execute_async('q', '{"n": 1}')$$);
SET ROLE regress_ed;
BEGIN READ ONLY;
SELECT t.try($$SELECT connector_execute_async('q', '{"n": 1}')$$);
SELECT t.try($$SELECT connector_execute_async_batch('q', '{}')$$);
COMMIT;
RESET ROLE;
SELECT count(*) FROM connector_queue;

\echo # what a row says
SET ROLE regress_ed;
SET connector.correlation_id = 'corr-1';
SELECT connector_execute_async('q', '{"n": 1}') IS NOT NULL;
SELECT connector_execute_async('q', '{"n": 2}', 'acme', now() - interval '1 day', 0, 'key-2', true) IS NOT NULL;
RESET connector.correlation_id;
SELECT connector_execute_async('q', '{"n": 3}', run_at => now() + interval '366 days', priority => NULL, notify => NULL) IS NOT NULL;
SELECT count(*), count(DISTINCT i) FROM connector_execute_async_batch('q', ARRAY['{"n": 4}', '{"n": 5}']::jsonb[], priority => 9, notify => true) i;
SELECT count(*) FROM connector_execute_async_batch('q', '{}');
RESET ROLE;
SELECT t.queued();
-- More than are written at once, and ids in the order of the inputs.
SET ROLE regress_ed;
CREATE TEMP TABLE many AS SELECT id, n FROM connector_execute_async_batch('q',
    (SELECT array_agg(jsonb_build_object('n', g, 'filler', repeat('x', CASE WHEN g % 50 = 0 THEN 9000 ELSE 10 END))) FROM generate_series(1, 300) g)) WITH ORDINALITY i(id, n);
RESET ROLE;
SELECT count(*), bool_and((q.input ->> 'n')::int = m.n) FROM many m JOIN connector_queue q USING (id);
DELETE FROM connector_queue;

\echo # as a JWT subject: the claims are kept, to be the same again
SELECT connector_add_member('auth0|queue', 'editor', 'jwt', 'acme');
SET connector.jwt_roles = 'regress_auth';
SET SESSION AUTHORIZATION regress_auth;
SET ROLE regress_web;
SET request.jwt.claims = '{"sub": "auth0|queue", "role": "regress_web"}';
SELECT connector_execute_async('q', '{"n": 1}') IS NOT NULL;
RESET request.jwt.claims;
RESET SESSION AUTHORIZATION;
-- Nobody believes those of others.
SET request.jwt.claims = '{"sub": "auth0|queue"}';
SET ROLE regress_ed;
SELECT connector_execute_async('q', '{"n": 2}') IS NOT NULL;
RESET ROLE;
RESET request.jwt.claims;
RESET connector.jwt_roles;
SELECT t.queued();
SELECT connector_remove_member('auth0|queue', 'jwt', 'acme');
DELETE FROM connector_queue;

\echo # idempotency keys
SET ROLE regress_ed;
SELECT connector_execute_async('q', '{"n": 1}', idempotency_key => 'order-1') AS first \gset
SELECT connector_execute_async('q', '{"n": 1}', idempotency_key => 'order-1', priority => 3, run_at => now() + interval '1 hour') = :'first';
SELECT connector_execute_async('q', '{"n": 1}', idempotency_key => 'order-2') = :'first';
SELECT regexp_replace(t.try($$SELECT connector_execute_async('q', '{"n": 2}', idempotency_key => 'order-1')$$), '[0-9a-f]{8}-[-0-9a-f]*', 'ID');
UPDATE connectors SET enabled = true WHERE name = 'off';
SELECT left(t.try($$SELECT connector_execute_async('off', '{"n": 1}', idempotency_key => 'order-1')$$), 80);
-- Another workspace has keys of its own.
SET ROLE regress_bob;
INSERT INTO connectors (name, config) VALUES ('q', '{"url": "http://127.0.0.1:1/"}');
SELECT connector_execute_async('q', '{"n": 1}', idempotency_key => 'order-1') = :'first';
-- A key outlives its execution,
RESET ROLE;
SELECT t.end(:'first');
SET ROLE regress_ed;
SELECT connector_execute_async('q', '{"n": 1}', idempotency_key => 'order-1') = :'first';
SELECT t.try('SELECT * FROM connector_idempotency_keys');
-- goes with the transaction that gave it,
BEGIN;
SELECT connector_execute_async('q', '{"n": 7}', idempotency_key => 'order-7') AS undone \gset
ROLLBACK;
SELECT connector_execute_async('q', '{"n": 7}', idempotency_key => 'order-7') = :'undone';
-- and can be used again when its time is over.
RESET ROLE;
UPDATE connector_idempotency_keys SET created_at = created_at - interval '1 day 1 minute' WHERE key = 'order-1' AND execution_id = :'first';
SET ROLE regress_ed;
SELECT connector_execute_async('q', '{"n": 100}', idempotency_key => 'order-1') AS second \gset
SELECT :'second' = :'first', connector_execute_async('q', '{"n": 100}', idempotency_key => 'order-1') = :'second';
RESET ROLE;
SELECT key, count(*) FROM connector_idempotency_keys GROUP BY key ORDER BY key COLLATE "C";
UPDATE connector_idempotency_keys SET created_at = created_at - interval '25 hours' WHERE key <> 'order-1';
SELECT _connector_prune_keys(2), _connector_prune_keys(2), _connector_prune_keys(2);
SELECT key FROM connector_idempotency_keys ORDER BY key COLLATE "C";
DELETE FROM connector_idempotency_keys;
DELETE FROM connector_queue;

\echo # waiting
SET ROLE regress_ed;
SELECT connector_execute_async('q', '{"n": 1, "password": "hunter2", "contact_id": "c7"}', run_at => now() + interval '1 hour', idempotency_key => 'await') AS x \gset
SELECT t.try(format('SELECT connector_await(%L, %L)', :'x', '-1 second'));
SELECT t.try('SELECT connector_await(NULL)');
SELECT t.try($$SELECT connector_await('00000000-0000-0000-0000-000000000000')$$);
SELECT t.try(format('SELECT connector_await(%L, workspace => %L)', :'x', 'globex'));
SET ROLE regress_bob;
SELECT regexp_replace(t.try(format('SELECT connector_await(%L)', :'x')), '[0-9a-f]{8}-[-0-9a-f]*', 'ID');
SELECT regexp_replace(t.try(format('SELECT connector_await(%L, workspace => %L)', :'x', 'globex')), '[0-9a-f]{8}-[-0-9a-f]*', 'ID');
SET ROLE regress_vic;
SELECT execution_id = :'x', status, output, error_code, steps, execution_time_ms FROM connector_await(:'x', '0');
RESET ROLE;
SELECT t.claim(:'x');
SELECT status FROM connector_await(:'x', '1 millisecond');
-- Who may read it sees the input as the history will have it.
SET ROLE regress_vic;
SELECT connector_name, status, trigger, attempt, input_data, executed_by, idempotency_key, date_trunc('milliseconds', due_at) = connector_id_time(id) AS due, started_at IS NOT NULL AS begun
  FROM connector_executions WHERE id = :'x';
SELECT t.try('SELECT input FROM connector_queue');
SELECT t.try('SELECT checkpoint FROM connector_queue');
SELECT t.try('SELECT claims FROM connector_queue');
SET ROLE regress_bob;
SELECT count(*) FROM connector_executions WHERE id = :'x';
SELECT _connector_queue_input(workspace_id, id) FROM (SELECT connector_current_workspace() AS workspace_id, :'x'::uuid AS id) x;
RESET ROLE;
SELECT workspace_id AS ws FROM connector_queue WHERE id = :'x' \gset
SET ROLE regress_bob;
SELECT _connector_queue_input(:'ws', :'x') IS NULL;
RESET ROLE;
SELECT t.end(:'x');
SET ROLE regress_vic;
SELECT execution_id = :'x', status, output, error_code, http_status, steps, execution_time_ms FROM connector_await(:'x');
SELECT execution_id = :'x' FROM connector_await(:'x', NULL, 'acme');
SELECT count(*) FROM connector_executions WHERE id = :'x';
-- What has not been committed cannot be waited for.
SET ROLE regress_ed;
BEGIN;
SELECT connector_execute_async('q', '{"n": 1}') AS x \gset
SELECT regexp_replace(t.try(format('SELECT connector_await(%L)', :'x')), '[0-9a-f]{8}-[-0-9a-f]*', 'ID');
SELECT connector_cancel(:'x');
SELECT status FROM connector_await(:'x');
ROLLBACK;
SELECT regexp_replace(t.try(format('SELECT connector_await(%L)', :'x')), '[0-9a-f]{8}-[-0-9a-f]*', 'ID');
-- It writes nothing.
SELECT connector_execute_async('q', '{"n": 1}') AS x \gset
BEGIN READ ONLY;
SELECT status FROM connector_await(:'x', '0');
COMMIT;

\echo # cancelling
SELECT t.try('SELECT connector_cancel(NULL)');
SELECT t.try($$SELECT connector_cancel('00000000-0000-0000-0000-000000000000')$$);
SELECT t.try(format('SELECT connector_cancel(%L, %L)', :'x', 'globex'));
BEGIN READ ONLY;
SELECT t.try(format('SELECT connector_cancel(%L)', :'x'));
COMMIT;
SET ROLE regress_bob;
SELECT regexp_replace(t.try(format('SELECT connector_cancel(%L)', :'x')), '[0-9a-f]{8}-[-0-9a-f]*', 'ID');
SET ROLE regress_vic;
SELECT t.try(format('SELECT connector_cancel(%L)', :'x'));
SELECT t.try(format('SELECT connector_cancel(%L, %L)', :'x', 'acme'));
SET ROLE regress_alice;
SELECT connector_cancel(:'x');
SELECT connector_cancel(:'x');
SELECT status, error_code, error_message, trigger, attempt, executed_by, connector_name, connector_version, input_data, steps_executed, execution_time_ms,
       completed_at >= created_at FROM connector_executions WHERE id = :'x';
SELECT status, error_code FROM connector_await(:'x');
-- One that runs is told to end; again and again if one likes.
SELECT connector_execute_async('q', '{"n": 2}', idempotency_key => 'k2') AS x \gset
RESET ROLE;
SELECT t.claim(:'x');
SET ROLE regress_alice;
SELECT connector_cancel(:'x'), connector_cancel(:'x', 'acme');
SELECT status, lease IS NOT NULL AS leased, cancel_requested FROM connector_executions JOIN connector_queue USING (workspace_id, id) WHERE id = :'x';
RESET ROLE;
SELECT t.end(:'x');
-- Of a connector that is gone, with its last name.
SET ROLE regress_ed;
SELECT connector_create('short', '{"url": "http://127.0.0.1:1/"}') IS NOT NULL;
SELECT connector_update('short', '{"name": "shorter"}');
SELECT connector_execute_async('shorter', run_at => now() + interval '3 days') AS x \gset
SELECT connector_delete('shorter');
SELECT connector_name, status FROM connector_executions WHERE id = :'x';
SELECT connector_cancel(:'x');
SELECT connector_name, status FROM connector_executions WHERE id = :'x';
RESET ROLE;
DELETE FROM connector_queue;

\echo # dead letters
SET ROLE regress_ed;
SET connector.correlation_id = 'corr-2';
SELECT array_agg(i) AS dead FROM connector_execute_async_batch('q', (SELECT array_agg(jsonb_build_object('n', g)) FROM generate_series(1, 9) g), priority => 2) i \gset
RESET connector.correlation_id;
SELECT connector_execute_async('off') AS off \gset
RESET ROLE;
SELECT t.end((:'dead'::uuid[])[1], 'server_error'),
       t.end((:'dead'::uuid[])[2], 'server_error', 'b', '{"version": 1, "started_at": 5, "next": "b", "steps": [{"id": "a", "status": "success", "output": 1}, {"id": "b", "status": "failed"}]}'),
       t.end((:'dead'::uuid[])[3], 'unknown_outcome', 'b2', '{"version": 1, "started_at": 5, "steps": [{"id": "z", "status": "failed"}, {"id": "a", "status": "skipped"}, {"id": "b1", "group": "b", "status": "success"}, {"id": "b2", "group": "b", "status": "failed"}, {"id": "b3", "group": "b", "status": "failed", "given_up": true}, {"id": "b", "status": "failed"}, {"id": "c", "status": "begun"}, {"id": "d", "status": "doubtful"}]}'),
       t.end((:'dead'::uuid[])[4], 'timeout', NULL, '{"version": 1, "started_at": 5, "key_id": "00000000-0000-7000-8000-000000000001", "steps": [{"id": "a", "status": "success"}]}'),
       t.end((:'dead'::uuid[])[5], 'timeout', 'a', '[]'),
       t.end((:'dead'::uuid[])[6], 'timeout', 'a', '{"steps": {"id": 1}, "key_id": "x"}'),
       t.end((:'dead'::uuid[])[7], 'timeout', 'a', '{"steps": [7, {"id": 7}, {"id": "a", "group": 5, "status": "failed"}, null, {"status": "success"}]}'),
       t.end((:'dead'::uuid[])[8], 'unknown_outcome'),
       t.end(:'off', 'not_found') \g /dev/null
SET ROLE regress_vic;
SELECT t.try('SELECT input FROM connector_dead_letters');
SELECT t.try('SELECT checkpoint FROM connector_dead_letters');
SELECT t.try('SELECT claims FROM connector_dead_letters');
SELECT error_code, count(*) FROM connector_dead_letters GROUP BY 1 ORDER BY 1;
SELECT t.try('SELECT connector_redrive()');
SELECT t.try(format('SELECT connector_retry(%L)', (:'dead'::uuid[])[1]));
SELECT t.try('SELECT connector_dead_letter_discard(until => now())');
SET ROLE regress_bob;
SELECT count(*) FROM connector_dead_letters;
SELECT regexp_replace(t.try(format('SELECT connector_retry(%L)', (:'dead'::uuid[])[1])), '[0-9a-f]{8}-[-0-9a-f]*', 'ID');
SELECT regexp_replace(t.try(format('SELECT connector_dead_letter_discard(%L)', (:'dead'::uuid[])[1])), '[0-9a-f]{8}-[-0-9a-f]*', 'ID');
SELECT connector_redrive(), connector_dead_letter_discard(until => 'infinity');
SET ROLE regress_ed;
SELECT t.try(format('SELECT connector_redrive(%s)', a)) FROM (VALUES (1, $$'none'$$), (2, $$error_code => 'oops'$$), (3, 'max_count => 0'),
    (4, 'max_count => 100001'), (5, $$workspace => 'globex'$$)) v(n, a) ORDER BY n;
SELECT t.try('SELECT connector_dead_letter_discard()');
SELECT t.try($$SELECT connector_dead_letter_discard(error_code => 'oops')$$);
BEGIN READ ONLY;
SELECT t.try('SELECT connector_redrive()');
SELECT t.try(format('SELECT connector_retry(%L)', (:'dead'::uuid[])[1]));
SELECT t.try('SELECT connector_dead_letter_discard(until => now())');
COMMIT;
-- What is not one.
SELECT regexp_replace(t.try(format('SELECT connector_retry(%L)', (:'dead'::uuid[])[9])), '[0-9a-f]{8}-[-0-9a-f]*', 'ID');
SELECT connector_cancel((:'dead'::uuid[])[9]);
SELECT regexp_replace(t.try(format('SELECT connector_retry(%L)', (:'dead'::uuid[])[9])), '[0-9a-f]{8}-[-0-9a-f]*', 'ID');
-- A disabled connector keeps its own.
UPDATE connectors SET enabled = false WHERE name = 'off';
SELECT t.try(format('SELECT connector_retry(%L)', :'off'));
SELECT t.try($$SELECT connector_redrive('off')$$);
-- One, as who asks for it now; then it is decided.
SET ROLE regress_alice;
SELECT connector_retry((:'dead'::uuid[])[1]) AS again \gset
SELECT redriven_as = :'again', redriven_at IS NOT NULL, redriven_by FROM connector_dead_letters WHERE id = (:'dead'::uuid[])[1];
SELECT replace(regexp_replace(t.try(format('SELECT connector_retry(%L)', (:'dead'::uuid[])[1])), (:'dead'::uuid[])[1]::text, 'OLD'), :'again', 'NEW');
SELECT connector_dead_letter_discard((:'dead'::uuid[])[1]);
RESET ROLE;
SELECT t.queued();
SELECT input, checkpoint, claims FROM connector_dead_letters WHERE id = (:'dead'::uuid[])[1];
DELETE FROM connector_queue;
-- By filter, oldest first.
SET ROLE regress_ed;
SELECT connector_redrive(since => 'infinity'), connector_redrive(until => '-infinity'), connector_redrive('q', 'conflict');
SELECT connector_redrive('q', max_count => 1);
SELECT connector_redrive(error_code => 'unknown_outcome', max_count => 1);
RESET ROLE;
SELECT replace(replace(line, (:'dead'::uuid[])[3]::text, '<3>'), (:'dead'::uuid[])[8]::text, '<8>') FROM t.queued();
-- With keys of an earlier execution the start is of that one, too; else it is now.
SELECT checkpoint ->> 'started_at' = '5' FROM connector_queue ORDER BY id;
DELETE FROM connector_queue;
SET ROLE regress_ed;
SELECT connector_redrive(from_start => true);
RESET ROLE;
SELECT replace(replace(line, (:'dead'::uuid[])[3]::text, '<3>'), (:'dead'::uuid[])[8]::text, '<8>') FROM t.queued();
SELECT connector_name, redriven_at IS NULL FROM connector_dead_letters ORDER BY id;
-- It fails again, and goes on with the same keys.
SELECT q.id AS more FROM connector_queue q JOIN connector_dead_letters d ON d.redriven_as = q.id WHERE d.id = (:'dead'::uuid[])[8] \gset
SELECT t.end(:'more', 'server_error', 'a', checkpoint) FROM connector_queue WHERE id = :'more' \g /dev/null
DELETE FROM connector_queue;
SET ROLE regress_ed;
SELECT connector_redrive('q');
RESET ROLE;
SELECT replace(line, (:'dead'::uuid[])[8]::text, '<8>') FROM t.queued();
DELETE FROM connector_queue;
-- What cannot be read of a checkpoint counts as nothing.
UPDATE connector_dead_letters SET redriven_at = NULL, redriven_as = NULL, input = '{"n": 0}', checkpoint = c
  FROM (VALUES (5, '[]'::jsonb), (6, '{"steps": {"id": 1}, "key_id": "x"}'),
               (7, '{"steps": [7, {"id": 7}, {"id": "a", "group": 5, "status": "failed"}, null, {"status": "success"}]}')) v(n, c)
 WHERE id = (:'dead'::uuid[])[n];
SELECT connector_redrive('q', workspace => 'acme');
SELECT t.queued();
DELETE FROM connector_queue;
-- Given up.
SET ROLE regress_ed;
SELECT connector_dead_letter_discard(:'off', error_code => 'timeout'), connector_dead_letter_discard(connector => 'none'),
       connector_dead_letter_discard(connector => 'q'), connector_dead_letter_discard(:'off'), connector_dead_letter_discard(:'off');
SET ROLE regress_alice;
SELECT actor, action, object_type, object_name, detail FROM connector_audit_log WHERE action = 'discard';
RESET ROLE;
-- Kept for a time.
SELECT count(*) FROM connector_dead_letters;
UPDATE connector_dead_letters SET failed_at = failed_at - interval '30 days' WHERE id <> (:'dead'::uuid[])[1];
SELECT _connector_prune_dead_letters(3), connector_maintain() -> 'dead_letters_pruned', _connector_prune_dead_letters();
SELECT count(*) FROM connector_dead_letters;
DELETE FROM connector_dead_letters;

\echo # pausing
SELECT connector_resume(workspace => 'acme'), connector_resume(workspace => 'acme'), connector_resume(workspace => 'globex');
SET ROLE regress_ed;
SELECT t.try($$SELECT connector_pause('none')$$);
SELECT t.try($$SELECT connector_pause(service => 'none')$$);
SELECT t.try($$SELECT connector_pause('q', 'none')$$);
SELECT t.try($$SELECT connector_resume('q', 'none')$$);
SELECT t.try($$SELECT connector_resume('none')$$);
SELECT t.try($$SELECT connector_pause(workspace => 'globex')$$);
SELECT connector_resume(service => 'none');
SET ROLE regress_vic;
SELECT t.try($$SELECT connector_pause()$$);
SELECT t.try($$SELECT connector_resume()$$);
SET ROLE regress_ed;
SELECT connector_pause('q', reason => 'it doubles'), connector_pause('q', reason => 'it trebles'), connector_pause(workspace => 'acme');
SELECT kind, target = c.id::text AS is_q, paused_by, reason FROM connector_pauses p LEFT JOIN connectors c ON c.id::text = p.target ORDER BY 1;
-- A pause of one thing is none of another.
SELECT connector_resume('q'), connector_resume('q'), connector_resume();
-- It goes with its connector.
SELECT connector_create('held', '{"url": "http://127.0.0.1:1/"}') IS NOT NULL, connector_pause('held');
SET ROLE regress_bob;
SELECT count(*) FROM connector_pauses;
SET ROLE regress_ed;
SELECT count(*), connector_delete('held') FROM connector_pauses;
SELECT count(*) FROM connector_pauses;
SET ROLE regress_alice;
SELECT action, object_type, object_name, detail FROM connector_audit_log WHERE action IN ('pause', 'resume') AND actor = 'role:regress_ed' ORDER BY id;
SELECT t.try('INSERT INTO connector_pauses SELECT * FROM connector_pauses');
SELECT t.try('DELETE FROM connector_pauses');
RESET ROLE;

\echo # a workspace takes with it what is queued in it, and nothing else
SELECT connector_create_workspace('leaving', owner => 'regress_nobody') AS leaving, connector_pause(workspace => 'leaving') \gset
SELECT connector_pause(workspace => 'acme');
SET ROLE regress_nobody;
SELECT connector_create('q', '{"url": "http://127.0.0.1:1/"}') IS NOT NULL;
SELECT count(*) FROM connector_execute_async_batch('q', ARRAY['{}', '{}']::jsonb[]);
SELECT connector_execute_async('q', idempotency_key => 'k') IS NOT NULL;
RESET ROLE;
SELECT t.end((SELECT id FROM connector_queue LIMIT 1), 'timeout');
SET ROLE regress_ed;
SELECT connector_execute_async('q', '{"n": 1}', idempotency_key => 'stays') AS stays \gset
CREATE FUNCTION pg_temp.rows(ws text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', (SELECT count(*) FROM connector_queue WHERE workspace_id::text = ws), (SELECT count(*) FROM connector_idempotency_keys WHERE workspace_id::text = ws),
                     (SELECT count(*) FROM connector_dead_letters WHERE workspace_id::text = ws), (SELECT count(*) FROM connector_pauses WHERE workspace_id::text = ws)) $$;
RESET ROLE;
SELECT pg_temp.rows(:'leaving'), pg_temp.rows(:'ws');
SET ROLE regress_nobody;
DELETE FROM connector_workspaces WHERE slug = 'leaving';
RESET ROLE;
SELECT pg_temp.rows(:'leaving'), pg_temp.rows(:'ws');
BEGIN;
TRUNCATE connector_workspaces CASCADE;
SELECT pg_temp.rows(:'ws'), count(*) FROM connector_workspaces;
ROLLBACK;
SELECT pg_temp.rows(:'ws');

\echo # rows of a table with a trigger go through a statement
CREATE TRIGGER seen BEFORE INSERT ON connector_queue FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
SELECT left(t.try($$SELECT connector_execute_async('q', '{"n": 1}', 'acme')$$), 60);
DROP TRIGGER seen ON connector_queue;
CREATE FUNCTION t.seen() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.priority := 7; RETURN NEW; END';
CREATE TRIGGER seen BEFORE INSERT ON connector_queue FOR EACH ROW EXECUTE FUNCTION t.seen();
SELECT count(*) FROM connector_execute_async_batch('q', ARRAY['{"n": 21}', '{"n": 22}']::jsonb[], 'acme');
DROP FUNCTION t.seen() CASCADE;
SELECT t.queued() LIMIT 3;

SELECT connector_cancel(id) FROM connector_queue ORDER BY id \g /dev/null
SELECT connector_resume(workspace => 'acme');
DELETE FROM connector_history;
DELETE FROM connector_idempotency_keys;
DELETE FROM connectors WHERE name IN ('q', 'off');
DROP FUNCTION t.claim(uuid), t.end(uuid, text, text, jsonb), t.queued();
DROP TABLE many;
