-- Member roles: each action by each role, allowed or refused, as docs/tenancy.md has it.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only on
\set ON_ERROR_STOP 1
BEGIN;
SELECT * FROM no_plan();
SET LOCAL connector.allowed_networks = '';
CREATE ROLE tap_stranger;
CREATE ROLE tap_viewer;
CREATE ROLE tap_editor;
CREATE ROLE tap_admin;
CREATE ROLE tap_owner;
CREATE ROLE tap_other;
SELECT connector_create_workspace('tap', owner => 'tap_owner') AS ws \gset
SELECT connector_add_member('tap_' || r, r, workspace => 'tap') FROM unnest(ARRAY['viewer', 'editor', 'admin']) r \g /dev/null
SELECT connector_add_member('second', 'owner', 'jwt', 'tap'), connector_add_member('guest', 'viewer', 'jwt', 'tap'),
       connector_add_member('helper', 'admin', 'jwt', 'tap') \g /dev/null
INSERT INTO connectors (workspace_id, name, config) VALUES (:'ws', 'c', '{"url": "http://127.0.0.1/"}');
SELECT connector_credential_set('svc', '{"token": "tap-0123456789"}', 'bearer', allowed_hosts => ARRAY['h.example.com'], workspace => 'tap') \g /dev/null
SELECT id AS conn FROM connectors WHERE workspace_id = :'ws' \gset
INSERT INTO connector_schedules (workspace_id, id, name, connector_id, cron, input, priority, overlap, enabled, identity, run_as)
VALUES (:'ws', gen_random_uuid(), 's', :'conn', '* * * * *', '{}', 5, true, true, 'role:tap_owner', 'tap_owner');
INSERT INTO connector_triggers (workspace_id, id, name, provider, stream, event, connector_id, poll_interval, priority, from_now, enabled,
                                identity, run_as, next_poll_at, input, told_by)
VALUES (:'ws', gen_random_uuid(), 't', 'p', 's', 'created', :'conn', 300, 5, true, true, 'role:tap_owner', 'tap_owner', now(), '{}', gen_random_uuid());
-- One that waits, for too long, and one that runs; a count that is not folded.
INSERT INTO connector_queue (workspace_id, id, connector_id, lease, claimed_at, created_at, attempt, priority, crashes, sending,
                             cancel_requested, notify, trigger, input)
SELECT :'ws', connector_id_at(now() - interval '1 hour' * (1 + n)), :'conn', CASE n WHEN 1 THEN gen_random_uuid() END,
       CASE n WHEN 1 THEN now() END, now(), 1, 5, 0, false, false, false, 'async', '{}' FROM generate_series(0, 1) n;
INSERT INTO connector_stat_deltas VALUES (:'ws', gen_random_uuid(), :'conn', NULL, 1, 0, now());
INSERT INTO api_rate_limits VALUES (:'ws', '127.0.0.1', 60);
SELECT (connector_try_execute('c', workspace => 'tap')).execution_id AS done \gset
SELECT connector_template_publish('c', 'tpl', workspace => 'tap'), connector_template_install('tpl', 'made', workspace => 'tap'),
       connector_template_rate('tpl', 3, 'tap'),
       connector_provider_register('{"name": "p", "title": "P", "base_url": "https://h.example.com", "allowed_hosts": ["h.example.com"],
                                     "actions": {"get": {"path": "/"}},
                                     "streams": {"s": {"path": "/", "input_schema": {"additionalProperties": false}}}}', 'tap'), connector_pause(workspace => 'tap') \g /dev/null
SELECT connector_execute_async('c', workspace => 'tap') AS queued, gen_random_uuid() AS dead \gset
-- An account can be connected to this one.
SELECT connector_provider_register('{"name": "o", "title": "O", "base_url": "https://h.example.com", "allowed_hosts": ["h.example.com"], "actions": {"get": {"path": "/"}},
                                     "auth": [{"kind": "oauth2", "grant": "authorization_code", "authorize_url": "https://h.example.com/a", "token_url": "https://h.example.com/t"}]}', 'tap'),
       connector_oauth_client_set('o', 'id', 'tap-0123456789', workspace => 'tap') \g /dev/null
INSERT INTO connector_dead_letters (workspace_id, id, connector_id, connector_name, error_code, error_message, attempt, priority, failed_at, created_at, input)
VALUES (:'ws', :'dead', :'conn', 'c', 'timeout', '', 1, 5, now(), now(), '{}');

-- "yes", "nothing" (no row was touched or seen) or the SQLSTATE; whatever it did is undone.
CREATE FUNCTION pg_temp.may(who text, sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n bigint; result text;
BEGIN
    BEGIN
        PERFORM set_config('role', who, true);
        EXECUTE sql;
        GET DIAGNOSTICS n = ROW_COUNT;
        result := CASE WHEN n > 0 THEN 'yes' ELSE 'nothing' END;
        RAISE EXCEPTION USING ERRCODE = 'TAP00';
    EXCEPTION WHEN SQLSTATE 'TAP00' THEN
    WHEN OTHERS THEN
        result := SQLSTATE;
    END;
    PERFORM set_config('role', 'none', true);
    RETURN result;
END $$;

CREATE TEMP TABLE actions (n serial, least text, refusal text, action text);
INSERT INTO actions (least, refusal, action) VALUES
    -- least role, what those below it get (strangers: 42704 for a named workspace), action
    ('viewer', 'nothing', 'SELECT * FROM connector_workspaces WHERE slug = ''tap'''),
    ('viewer', 'nothing', 'SELECT * FROM connector_members'),
    ('viewer', 'nothing', 'SELECT * FROM connectors'),
    ('viewer', 'nothing', 'SELECT * FROM connector_versions'),
    ('viewer', 'nothing', 'SELECT * FROM connector_executions'),
    ('viewer', 'nothing', 'SELECT id, service_name FROM workspace_api_credentials'),
    ('viewer', 'nothing', 'SELECT * FROM connector_templates WHERE name = ''tpl'''),
    ('viewer', 'nothing', 'SELECT * FROM connector_template_browse(official => true)'),
    ('viewer', 'nothing', 'SELECT * FROM connector_template_installs'),
    ('viewer', 'nothing', 'SELECT * FROM connector_template_ratings'),
    ('viewer', 'nothing', 'SELECT name, last_error FROM connector_schedules'),
    ('viewer', 'nothing', 'SELECT name, last_error FROM connector_triggers'),
    ('viewer', 'nothing', 'SELECT * FROM connector_trigger_status'),
    ('viewer', '42704', 'SELECT 1 WHERE (SELECT count(*) FROM connector_template_updates(''tap'')) = 0'),
    ('viewer', '42704', 'SELECT * FROM connector_stats(workspace => ''tap'')'),
    ('viewer', '42704', 'SELECT connector_current_workspace(''tap'')'),
    ('viewer', 'nothing', 'SELECT * FROM api_rate_limits'),
    ('viewer', 'nothing', 'SELECT * FROM connector_providers WHERE name = ''p'''),
    ('viewer', 'nothing', 'SELECT * FROM connector_catalog WHERE name = ''p'''),
    ('viewer', '42704', 'SELECT connector_provider_form(''p'', ''tap'')'),
    ('viewer', 'nothing', 'SELECT * FROM connector_activity'),
    ('viewer', 'nothing', 'SELECT * FROM connector_queue_stats'),
    ('viewer', 'nothing', 'SELECT * FROM connector_alerts'),
    ('viewer', 'nothing', 'SELECT * FROM _connector_failure_rates'),
    ('viewer', 'nothing', 'SELECT * FROM connector_rate_limit_status'),
    ('viewer', 'nothing', 'SELECT id FROM connector_queue'),
    ('viewer', 'nothing', 'SELECT id, error_code FROM connector_dead_letters'),
    ('viewer', 'nothing', 'SELECT * FROM connector_pauses'),
    ('viewer', '42704', 'SELECT connector_await(''%5$s'', ''0'', ''tap'')'),
    ('viewer', '42704', 'SELECT connector_await(''%5$s'', ''0'')'),
    ('editor', '42501', 'SELECT connector_try_execute(''c'', workspace => ''tap'')'),
    ('editor', '42501', 'SELECT connector_execute_async(''c'', workspace => ''tap'')'),
    ('editor', '42501', 'SELECT * FROM connector_execute_async_batch(''c'', ''{NULL}'', ''tap'')'),
    ('editor', '42501', 'SELECT connector_cancel(''%3$s'', ''tap'')'),
    ('editor', '42501', 'SELECT connector_retry(''%4$s'', false, ''tap'')'),
    ('editor', '42501', 'SELECT connector_redrive(workspace => ''tap'')'),
    ('editor', '42501', 'SELECT connector_dead_letter_discard(until => now(), workspace => ''tap'')'),
    ('editor', '42501', 'SELECT connector_pause(reason => ''r'', workspace => ''tap'')'),
    ('editor', '42501', 'SELECT connector_resume(workspace => ''tap'')'),
    ('editor', '42501', 'SELECT * FROM connector_test(''{"url": "http://127.0.0.1/"}'', workspace => ''tap'')'),
    ('editor', '42501', 'INSERT INTO connectors (workspace_id, name, config) VALUES (''%1$s'', ''n'', ''{"url": "https://h/"}'')'),
    ('editor', 'nothing', 'UPDATE connectors SET description = ''d'' WHERE workspace_id = ''%1$s'''),
    ('editor', 'nothing', 'UPDATE connectors SET enabled = false WHERE workspace_id = ''%1$s'''),
    ('editor', 'nothing', 'DELETE FROM connectors WHERE workspace_id = ''%1$s'''),
    ('editor', '42501', 'SELECT increment_connector_stats(''%2$s'', true)'),
    ('editor', '42501', 'SELECT connector_unschedule(''s'', ''tap'')'),
    ('editor', '42501', 'SELECT connector_trigger_set(''t2'', ''p'', ''s'', ''c'', workspace => ''tap'')'),
    ('editor', '42501', 'SELECT connector_trigger_poll_now(''t'', ''tap'')'),
    ('editor', '42501', 'SELECT connector_trigger_enable(''t'', false, ''tap'')'),
    ('editor', '42501', 'SELECT connector_trigger_remove(''t'', ''tap'')'),
    ('editor', '42501', 'SELECT connector_template_publish(''c'', workspace => ''tap'')'),
    ('editor', '42501', 'SELECT connector_template_install(''tpl'', workspace => ''tap'')'),
    ('editor', '42501', 'SELECT connector_template_upgrade(''made'', workspace => ''tap'')'),
    ('editor', '42501', 'SELECT connector_template_unpublish(''tpl'', ''tap'')'),
    ('editor', '42501', 'SELECT connector_template_rate(''tpl'', 1, ''tap'')'),
    ('admin', '42501', 'SELECT connector_template_install(''slack-notification'', ''s'', ''{"slack": {"token": "tap-0123456789"}}'', ''tap'')'),
    ('editor', '42501', 'SELECT connector_credential_test(''svc'', workspace => ''tap'')'),
    ('editor', '42501', 'SELECT connector_credential_set(''own'', ''{"token": "tap-0123456789"}'', ''bearer'', allowed_hosts => ARRAY[''h.example.com''], scope => ''user'', workspace => ''tap'')'),
    ('editor', '42501', 'SELECT connector_credential_delete(''own'', scope => ''user'', workspace => ''tap'')'),
    ('admin', '42501', 'SELECT connector_credential_set(''svc'', ''{"token": "tap-0123456789"}'', ''bearer'', allowed_hosts => ARRAY[''h.example.com''], workspace => ''tap'')'),
    ('admin', '42501', 'SELECT connector_credential_delete(''svc'', workspace => ''tap'')'),
    ('editor', '42501', 'SELECT connector_oauth_authorize_url(''o'', ''https://app.example.com/'', scope => ''user'', workspace => ''tap'')'),
    ('editor', '42501', 'SELECT connector_credential_revoke(''own'', scope => ''user'', workspace => ''tap'')'),
    ('admin', '42501', 'SELECT connector_oauth_client_set(''o'', ''id'', ''tap-9876543210'', workspace => ''tap'')'),
    ('admin', '42501', 'SELECT connector_oauth_authorize_url(''o'', ''https://app.example.com/'', workspace => ''tap'')'),
    ('admin', '42501', 'SELECT connector_credential_revoke(''svc'', workspace => ''tap'')'),
    ('admin', '42501', 'SELECT connector_add_member(''tap_other'', ''viewer'', workspace => ''tap'')'),
    ('admin', '42501', 'SELECT connector_add_member(''tap_other'', ''editor'', workspace => ''tap'')'),
    ('admin', '42501', 'SELECT connector_add_member(''tap_other'', ''admin'', workspace => ''tap'')'),
    ('admin', '42501', 'SELECT connector_add_member(''guest'', ''admin'', ''jwt'', ''tap'')'),
    ('admin', '42501', 'SELECT connector_add_member(''helper'', ''viewer'', ''jwt'', ''tap'')'),
    ('admin', '42501', 'SELECT connector_remove_member(''guest'', ''jwt'', ''tap'')'),
    ('admin', '42501', 'SELECT connector_remove_member(''helper'', ''jwt'', ''tap'')'),
    ('admin', 'nothing', 'SELECT * FROM connector_audit_log'),
    ('admin', 'nothing', 'UPDATE connector_workspaces SET name = ''n'' WHERE slug = ''tap'''),
    ('admin', 'nothing', 'UPDATE connector_workspaces SET settings = ''{}'' WHERE slug = ''tap'''),
    ('admin', '42501', 'INSERT INTO api_rate_limits (workspace_id, service_name, concurrency) VALUES (''%1$s'', ''svc'', 1)'),
    ('admin', 'nothing', 'UPDATE api_rate_limits SET concurrency = 1'),
    ('admin', '42501', 'SELECT connector_provider_register(''{"name": "q", "title": "Q", "base_url": "https://h.example.com", "allowed_hosts": ["h.example.com"], "actions": {}}'', ''tap'')'),
    ('admin', '42501', 'SELECT connector_provider_remove(''p'', ''tap'')'),
    ('nobody', '42501', 'UPDATE connector_providers SET title = ''x'''),
    ('nobody', '42501', 'SELECT connector_catalog_load()'),
    ('admin', 'nothing', 'DELETE FROM api_rate_limits'),
    ('admin', '42501', 'SELECT connector_circuit_reset(''svc'', ''tap'')'),
    ('owner', '42501', 'SELECT connector_add_member(''tap_other'', ''owner'', workspace => ''tap'')'),
    ('owner', '42501', 'SELECT connector_add_member(''second'', ''viewer'', ''jwt'', ''tap'')'),
    ('owner', '42501', 'SELECT connector_remove_member(''second'', ''jwt'', ''tap'')'),
    ('owner', 'nothing', 'DELETE FROM connector_workspaces WHERE slug = ''tap'''),
    -- never, by whatever role
    ('nobody', 'nothing', 'SELECT * FROM connector_circuit_breakers'),  -- all services are well
    ('nobody', '42501', 'UPDATE api_rate_limits SET workspace_id = ''%1$s'''),
    ('nobody', '42501', 'UPDATE connector_workspaces SET slug = ''n'' WHERE slug = ''tap'''),
    ('nobody', '42501', 'INSERT INTO connector_members VALUES (''%1$s'', ''role'', ''tap_other'', ''owner'')'),
    ('nobody', '42501', 'UPDATE connector_members SET role = ''owner'''),
    ('nobody', '42501', 'DELETE FROM connector_members'),
    ('nobody', '42501', 'SELECT secret FROM workspace_api_credentials'),
    ('nobody', '42501', 'SELECT * FROM connector_oauth_states'),
    ('nobody', '42501', 'UPDATE workspace_api_credentials SET allowed_hosts = ARRAY[''evil.example.com'']'),
    ('nobody', '42501', 'DELETE FROM workspace_api_credentials'),
    ('nobody', '42501', 'UPDATE connectors SET total_executions = 0'),
    ('nobody', '42501', 'DELETE FROM connector_versions'),
    ('nobody', '42501', 'UPDATE connector_templates SET is_featured = true'),
    ('nobody', '42501', 'SELECT * FROM connector_template_deltas'),
    ('nobody', '42501', 'SELECT connector_template_feature(''tpl'')'),
    ('nobody', '42501', 'SELECT connector_template_moderate(''tpl'', ''hide'')'),
    ('nobody', '42501', 'DELETE FROM connector_audit_log'),
    ('nobody', '42501', 'UPDATE connector_audit_log SET actor = NULL'),
    ('nobody', '42501', 'DELETE FROM connector_history'),
    ('nobody', '42501', 'SELECT input FROM connector_queue'),
    ('nobody', '42501', 'SELECT claims, checkpoint FROM connector_queue'),
    ('nobody', '42501', 'UPDATE connector_queue SET priority = 0'),
    ('nobody', '42501', 'DELETE FROM connector_queue'),
    ('nobody', '42501', 'SELECT input FROM connector_dead_letters'),
    ('nobody', '42501', 'DELETE FROM connector_dead_letters'),
    ('nobody', '42501', 'SELECT * FROM connector_idempotency_keys'),
    ('nobody', '42501', 'INSERT INTO connector_pauses SELECT * FROM connector_pauses'),
    ('nobody', '42501', 'DELETE FROM connector_pauses'),
    ('nobody', '42501', 'DELETE FROM connector_stat_deltas'),
    ('nobody', '42501', 'SELECT input FROM connector_schedules'),
    ('nobody', '42501', 'SELECT input FROM connector_triggers'),
    ('nobody', '42501', 'SELECT cursor FROM connector_triggers'),
    ('nobody', '42501', 'UPDATE connector_triggers SET run_as = ''tap_owner'''),
    ('nobody', '42501', 'SELECT * FROM connector_trigger_seen'),
    ('nobody', '42501', 'UPDATE connector_schedules SET run_as = ''tap_owner'''),
    ('nobody', '42501', 'SELECT * FROM connector_worker_stats'),
    ('nobody', '42501', 'SELECT connector_metrics()'),
    ('nobody', '42501', 'SELECT connector_tick()'),
    ('nobody', '42501', 'SELECT connector_setup_cron()'),
    ('nobody', '42501', 'SELECT connector_create_workspace(''another'')'),
    ('nobody', '42501', 'SELECT connector_maintain()'),
    ('nobody', '42501', 'SELECT connector_rotate_keys()');

CREATE TEMP TABLE ranks (role text, rank int);
INSERT INTO ranks VALUES ('stranger', 0), ('viewer', 1), ('editor', 2), ('admin', 3), ('owner', 4), ('nobody', 5);
SELECT is(pg_temp.may('tap_' || r.role, format(a.action, :'ws', :'conn', :'queued', :'dead', :'done')),
          CASE WHEN r.rank >= l.rank THEN 'yes'
               -- who is no member is told that there is nothing
               WHEN r.rank = 0 AND a.refusal = '42501' AND (a.action LIKE '%''tap'')' OR a.action LIKE '%increment%') THEN '42704'
               ELSE a.refusal END,
          format('%s: %s', r.role, a.action))
  FROM actions a JOIN ranks l ON l.role = a.least CROSS JOIN ranks r WHERE r.role <> 'nobody' ORDER BY a.n, r.rank;

-- Fetching; the input is refused before anything is asked for, but after who may was.
CREATE ROLE tap_rival;
SELECT connector_create_workspace('tap-rival', owner => 'tap_rival') \g /dev/null
SELECT is(pg_temp.may('tap_' || r, $$SELECT connector_fetch('p', 's', '{"no": 1}', workspace => 'tap')$$), wanted, r || ' fetches')
  FROM (VALUES ('stranger', '42704'), ('rival', '42704'), ('viewer', '42501'), ('editor', 'NC018'), ('admin', 'NC018'), ('owner', 'NC018')) v (r, wanted);
SELECT is(pg_temp.may('tap_rival', $$SELECT connector_fetch('p', 's', '{"no": 1}')$$), '42704', 'rival: the provider of another workspace');
SELECT is(pg_temp.may('tap_rival', $$SELECT _connector_fetch('p', 's', '{"no": 1}', NULL, 'tap')$$), '42704', 'nor by what the function is made of');

-- Everybody may leave, but the last owner.
SELECT is(pg_temp.may('tap_' || r, format('SELECT 1 WHERE connector_remove_member(%L, workspace => %L)', 'tap_' || r, 'tap')),
          CASE r WHEN 'stranger' THEN '42704' ELSE 'yes' END, r || ' leaves')
  FROM unnest(ARRAY['stranger', 'viewer', 'editor', 'admin', 'owner']) r;
SELECT connector_remove_member('second', 'jwt', 'tap') \g /dev/null
SELECT is(pg_temp.may('tap_owner', $$SELECT connector_remove_member('tap_owner', workspace => 'tap')$$), '55000', 'the last owner does not');
SELECT is(pg_temp.may('tap_owner', $$SELECT connector_add_member('tap_owner', 'admin', workspace => 'tap')$$), '55000', 'nor steps down');
-- Nobody raises themselves.
SELECT is(pg_temp.may('tap_' || r, format('SELECT connector_add_member(%L, ''owner'', workspace => ''tap'')', 'tap_' || r)), '42501', r || ' does not become owner')
  FROM unnest(ARRAY['viewer', 'editor', 'admin']) r;
-- Every table with a permission of its own is in the list above.
SELECT is_empty($$SELECT c.relname FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                    JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'connector'
                   WHERE c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition AND c.relname NOT IN ('connector_admins')
                     AND c.relname NOT IN ('connector_transformations', 'connector_fence', 'connector_fence_marks')   -- nobody's rows, see 10_workspace_matrix
                     AND NOT EXISTS (SELECT FROM actions a WHERE a.action ~ ('\m' || c.relname || '\M'))$$, 'every table has an action here');
SELECT * FROM finish();
ROLLBACK;
