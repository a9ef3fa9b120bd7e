-- No tenant reaches another's rows: every table by every command, every function by every way to name a workspace.
-- Both lists come from the catalogs, so that a new table or function without a case fails.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only on
\set ON_ERROR_STOP 1
BEGIN;
SELECT * FROM no_plan();

CREATE ROLE tap_a;
CREATE ROLE tap_b;
SELECT connector_create_workspace('tap-a', owner => 'tap_a') AS a \gset
SELECT connector_create_workspace('tap-b', owner => 'tap_b') AS b \gset
CREATE SCHEMA tap;
GRANT USAGE ON SCHEMA tap TO PUBLIC;

-- Both tenants have a row in every table of tenants.
CREATE FUNCTION tap.fill() RETURNS void LANGUAGE plpgsql AS $$
DECLARE ws text; owner text;
BEGIN
    FOR ws, owner IN VALUES ('tap-a', 'tap_a'), ('tap-b', 'tap_b') LOOP
        PERFORM set_config('role', owner, true);
        INSERT INTO connectors (name, config) VALUES ('c', '{"url": "http://127.0.0.1/"}');
        PERFORM connector_credential_set('svc', '{"token": "tap-0123456789"}', 'bearer', allowed_hosts => ARRAY['h.example.com']);
        PERFORM connector_add_member('somebody', 'viewer', 'jwt');
        PERFORM connector_create('deleted', '{"url": "http://127.0.0.1/"}'), connector_delete('deleted');
        PERFORM connector_try_execute('c');
        PERFORM connector_template_publish('c', 't', is_public => false);
        PERFORM connector_provider_register('{"name": "p", "title": "P", "base_url": "https://h.example.com",
            "allowed_hosts": ["h.example.com"], "actions": {"get": {"path": "/"}}}');
        INSERT INTO api_rate_limits (service_name, requests_per_minute) VALUES ('127.0.0.1', 60);
        PERFORM connector_try_execute('c');
        PERFORM connector_template_install('t', 'installed');
        PERFORM connector_template_rate('t', 5);
        PERFORM connector_execute_async('c', '{"secret": 1}', idempotency_key => 'k'), connector_pause();
        PERFORM set_config('role', 'none', true);
        -- A job needs pg_cron.
        INSERT INTO connector_schedules (workspace_id, id, name, connector_id, cron, input, priority, overlap, enabled, identity, run_as)
        SELECT workspace_id, gen_random_uuid(), 's', id, '* * * * *', '{}', 5, true, true, 'role:' || owner, owner
          FROM connectors WHERE workspace_id = connector_current_workspace(ws) AND connectors.name = 'c';
        -- One that is set by its function is polled as soon as that is committed, which this test never is.
        INSERT INTO connector_triggers (workspace_id, id, name, provider, stream, event, connector_id, poll_interval, priority, from_now,
                                        enabled, identity, run_as, next_poll_at, input, told_by)
        SELECT workspace_id, gen_random_uuid(), 't', 'p', 's', 'created', id, 300, 5, true, true, 'role:' || owner, owner, now(), '{}', gen_random_uuid()
          FROM connectors WHERE workspace_id = connector_current_workspace(ws) AND connectors.name = 'c';
        INSERT INTO connector_trigger_seen (workspace_id, trigger_id, key, version, seen_at)
        SELECT workspace_id, id, gen_random_uuid(), gen_random_uuid(), now() FROM connector_triggers
         WHERE workspace_id = connector_current_workspace(ws);
        INSERT INTO connector_dead_letters (workspace_id, id, connector_id, connector_name, error_code, error_message, attempt,
                                            priority, failed_at, created_at, input)
        SELECT workspace_id, gen_random_uuid(), connector_id, 'c', 'timeout', '', 1, 5, now(), now(), input FROM connector_queue
         WHERE workspace_id = connector_current_workspace(ws);
        -- Deltas are written at commit, which this test never reaches.
        INSERT INTO connector_oauth_states SELECT connector_current_workspace(ws), gen_random_uuid(), sha256(convert_to(left(repeat(ws || '-state', 5), 43), 'UTF8')),
               'role:' || owner, false, 'p', 'default', 'workspace', 'app', 'https://h/', '{}', '{}', '', 'k', now(), now() + interval '1 hour';
        INSERT INTO connector_stat_deltas SELECT workspace_id, gen_random_uuid(), id, NULL, 1, 0, now()
          FROM connectors WHERE workspace_id = connector_current_workspace(ws);
        -- One that waits, for too long, and one that runs.
        INSERT INTO connector_queue (workspace_id, id, connector_id, lease, claimed_at, created_at, attempt, priority,
                                     crashes, sending, cancel_requested, notify, trigger, input, checkpoint)
        SELECT c.workspace_id, connector_id_at(now() - interval '1 hour' * (1 + n)), c.id, CASE n WHEN 1 THEN gen_random_uuid() END,
               CASE n WHEN 1 THEN now() END, now(), 1, 5, 0, false, false, false, 'async', '{}', '{"next": "step_2"}'
          FROM connectors c, generate_series(0, 1) n WHERE c.workspace_id = connector_current_workspace(ws) AND c.name = 'c';
    END LOOP;
END $$;
SET LOCAL connector.allowed_networks = '';
SELECT tap.fill() \g /dev/null
SELECT id AS conn FROM connectors WHERE workspace_id = :'a' AND name = 'c' \gset
SELECT id AS queued FROM connector_queue WHERE workspace_id = :'a' AND idempotency_key = 'k' \gset
SELECT id AS done FROM connector_history WHERE workspace_id = :'a' LIMIT 1 \gset
SELECT id AS dead FROM connector_dead_letters WHERE workspace_id = :'a' \gset
SELECT id AS tmpl FROM connector_templates WHERE workspace_id = :'a' \gset

CREATE VIEW tap.relations AS
SELECT c.oid::regclass AS rel, c.relkind, c.relispartition,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'workspace_id') AS tenant
  FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'connector'
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
UNION ALL
SELECT inhrelid::regclass, 'r', true, true FROM pg_inherits
 WHERE inhparent = 'connector_history'::regclass AND inhrelid <> 'connector_history_default'::regclass;

-- SQLSTATE of sql run as role, or "rows N".
CREATE FUNCTION tap.outcome(who text, sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n bigint; result text;
BEGIN
    PERFORM set_config('role', who, true);
    BEGIN
        EXECUTE sql;
        GET DIAGNOSTICS n = ROW_COUNT;
        result := 'rows ' || n;
    EXCEPTION WHEN OTHERS THEN
        result := SQLSTATE;
    END;
    PERFORM set_config('role', 'none', true);
    RETURN result;
END $$;

-- All rows of a workspace, whatever is in them but the time that goes by.
CREATE FUNCTION tap.state(rel regclass, ws uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
    EXECUTE format('SELECT count(*) || '' '' || coalesce(md5(string_agg(t, ''|'' ORDER BY t)), '''')
                      FROM (SELECT (to_jsonb(r) - ''{running_ms,oldest_ready_seconds,value,message}''::text[])::text FROM %s r WHERE %s = $1) x(t)', rel,
        CASE WHEN rel = 'connector_workspaces'::regclass THEN 'id' ELSE 'workspace_id' END) INTO result USING ws;
    RETURN result;
END $$;

-- Attacks on one relation, from tenant b on the rows of a.
CREATE FUNCTION tap.attack(rel regclass, a uuid, b uuid) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    key text := CASE WHEN rel = 'connector_workspaces'::regclass THEN 'id' ELSE 'workspace_id' END;
    before text := tap.state(rel, a);
    col name; row jsonb; cols text; got text;
BEGIN
    IF (SELECT relispartition FROM tap.relations t WHERE t.rel = attack.rel) IS NOT TRUE THEN
        RETURN NEXT ok(before NOT LIKE '0 %', format('%s has a row to attack', rel));
    END IF;
    RETURN NEXT ok(tap.outcome('tap_b', format('SELECT 1 FROM (SELECT %I FROM %s WHERE %I = %L) x', key, rel, key, a)) IN ('rows 0', '42501'),
                   format('SELECT on %s shows none of the other tenant''s rows', rel));
    -- Official templates and providers are everybody's; theirs is the nil uuid.
    RETURN NEXT ok(tap.outcome('tap_b', format('SELECT 1 FROM %s WHERE %I NOT IN (%L, %L)', rel, key, b, CASE WHEN rel = ANY (ARRAY['connector_templates', 'connector_providers', 'connector_catalog']::regclass[])
                                               THEN '00000000-0000-0000-0000-000000000000' ELSE b::text END)) IN ('rows 0', '42501'),
                   format('SELECT on %s shows nothing but own rows', rel));
    got := tap.outcome('tap_b', format('DELETE FROM %s WHERE %I = %L', rel, key, a));
    RETURN NEXT ok(got IN ('rows 0', '42501', '55000'), format('DELETE from %s takes none: %s', rel, got));
    RETURN NEXT ok(tap.outcome('tap_b', format('TRUNCATE %s', rel)) IN ('42501', '42809'), format('TRUNCATE of %s is refused', rel));
    RETURN NEXT ok(tap.outcome('tap_b', format('SELECT %I FROM %s WHERE %I = %L FOR UPDATE', key, rel, key, a)) IN ('rows 0', '42501'),
                   format('SELECT FOR UPDATE on %s locks none', rel));
    FOR col IN SELECT attname FROM pg_attribute WHERE attrelid = rel AND attnum > 0 AND NOT attisdropped AND attgenerated = '' LOOP
        got := tap.outcome('tap_b', format('UPDATE %s SET %I = %I WHERE %I = %L', rel, col, col, key, a));
        IF got NOT IN ('rows 0', '42501', '55000') THEN
            RETURN NEXT fail(format('UPDATE of %s.%I: %s', rel, col, got));
        END IF;
    END LOOP;
    -- Own rows do not move to the other tenant.
    got := tap.outcome('tap_b', format('UPDATE %s SET %I = %L', rel, key, a));
    RETURN NEXT ok(got IN ('rows 0', '42501', '55000'), format('UPDATE moves no row of %s: %s', rel, got));
    -- New rows in the other tenant's name: of all columns, and of those that may be given.
    EXECUTE format('SELECT to_jsonb(r) FROM %s r LIMIT 1', rel) INTO row;
    row := coalesce(row, '{}') || jsonb_build_object(key, a);
    FOR cols IN
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
         WHERE attrelid = rel AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
        UNION ALL
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
         WHERE attrelid = rel AND attnum > 0 AND NOT attisdropped AND has_column_privilege('tap_b', rel, attname, 'INSERT')
           AND attname NOT IN ('id')
    LOOP
        CONTINUE WHEN cols IS NULL;
        got := tap.outcome('tap_b', format('INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, %3$L)', rel, cols,
            CASE WHEN row ? 'name' THEN row || '{"name": "stranger"}' ELSE row END));
        RETURN NEXT ok(got = '42501' OR (got = '55000' AND pg_relation_is_updatable(rel, false) = 0),
                       format('INSERT into %s is refused: %s', rel, got));
    END LOOP;
    RETURN NEXT is(tap.state(rel, a), before, format('the rows of %s are as they were', rel));
END $$;

-- What these show is in shared memory and goes on while it is looked at.
CREATE VIEW tap.live AS SELECT * FROM tap.relations WHERE rel IN ('connector_rate_limit_status'::regclass, 'connector_circuit_breakers'::regclass);
CREATE VIEW tap.stored AS SELECT * FROM tap.relations WHERE tenant OR rel = 'connector_workspaces'::regclass EXCEPT SELECT * FROM tap.live;
SELECT tap.attack(rel, :'a', :'b') FROM tap.stored ORDER BY rel::text COLLATE "C";
SELECT unnest(ARRAY[is(tap.outcome('tap_b', format('SELECT 1 FROM %s WHERE workspace_id <> %L', rel, :'b')), 'rows 0', format('%s shows nothing but own rows', rel)),
       is(tap.outcome('tap_b', format('DELETE FROM %s', rel)), '55000', format('DELETE from %s is refused', rel)),
       is(tap.outcome('tap_b', format('INSERT INTO %s (workspace_id) VALUES (%L)', rel, :'a')), '55000', format('INSERT into %s is refused', rel)),
       is(tap.outcome('tap_b', format('UPDATE %s SET workspace_id = %L', rel, :'a')), '55000', format('UPDATE of %s is refused', rel))])
  FROM tap.live ORDER BY rel::text COLLATE "C";
SELECT is(tap.outcome(who, 'SELECT 1 FROM connector_rate_limit_status WHERE kind = ''service'''), 'rows 1', 'each sees the limit in use: ' || who)
  FROM unnest(ARRAY['tap_a', 'tap_b']) who;

-- Tables that belong to no tenant are named here, and closed to writing.
SELECT results_eq($$SELECT rel::text FROM tap.relations WHERE NOT tenant ORDER BY rel::text COLLATE "C"$$,
                  $$VALUES ('connector_admins'), ('connector_fence'), ('connector_fence_marks'), ('connector_transformations'), ('connector_worker_stats'), ('connector_workspaces')$$, 'tables without workspace_id are known');
SELECT is(tap.outcome('tap_b', sql), expected, sql) FROM (VALUES
    ('SELECT * FROM connector_transformations WHERE name = ''trim''', 'rows 1'),
    ('INSERT INTO connector_transformations (name) VALUES (''x'')', '55000'),
    ('UPDATE connector_transformations SET name = ''x''', '55000'),
    ('DELETE FROM connector_transformations', '55000'),
    ('SELECT * FROM connector_worker_stats', '42501'),
    ('SELECT * FROM connector_fence', 'rows 1'),
    ('SELECT * FROM connector_fence_marks', '42501'),
    ('INSERT INTO connector_fence_marks (id) VALUES (gen_random_uuid())', '42501'),
    ('UPDATE connector_fence_marks SET foreign_since = NULL', '42501'),
    ('DELETE FROM connector_fence_marks', '42501'),
    ('SELECT connector_acknowledge_clone()', '42501'),
    ('SELECT connector_catalog_load()', '42501'),
    ('SELECT * FROM connector_admins', 'rows 0'),
    ('INSERT INTO connector_admins (kind, member, role) VALUES (''role'', ''tap_b'', ''owner'')', '42501'),
    ('UPDATE connector_admins SET role = ''owner''', '42501'),
    ('DELETE FROM connector_admins', '42501')) v(sql, expected);

-- Functions that tenants may call, each with calls that name the other tenant by %1$L, its connector by %2$L, its template by %3$L,
-- its queued execution by %4$L or its dead letter by %5$L.
CREATE TEMP TABLE calls (name text, call text);
INSERT INTO calls VALUES
    ('connector_current_workspace', 'connector_current_workspace(%1$L)'),
    ('connector_add_member', 'connector_add_member(''tap_b'', ''owner'', workspace => %1$L)'),
    ('connector_remove_member', 'connector_remove_member(''tap_a'', workspace => %1$L)'),
    ('connector_remove_member', 'connector_remove_member(''tap_b'', workspace => %1$L)'),
    ('connector_credential_set', 'connector_credential_set(''svc'', ''{"token": "evil-0123456789"}'', ''bearer'', allowed_hosts => ARRAY[''evil.example.com''], workspace => %1$L)'),
    ('connector_credential_set', 'connector_credential_set(''svc'', ''{"token": "evil-0123456789"}'', ''bearer'', allowed_hosts => ARRAY[''evil.example.com''], scope => ''user'', workspace => %1$L)'),
    ('connector_credential_delete', 'connector_credential_delete(''svc'', workspace => %1$L)'),
    ('connector_credential_delete', 'connector_credential_delete(''svc'', scope => ''user'', workspace => %1$L)'),
    ('connector_provider_register', 'connector_provider_register(''{}'', workspace => %1$L)'),
    ('connector_provider_remove', 'connector_provider_remove(''p'', workspace => %1$L)'),
    ('connector_provider_form', 'connector_provider_form(''p'', workspace => %1$L)'),
    ('connector_fetch', 'connector_fetch(''p'', ''s'', workspace => %1$L)'),
    ('_connector_fetch', '_connector_fetch(''p'', ''s'', ''{}'', NULL, %1$L)'),
    ('connector_circuit_reset', 'connector_circuit_reset(''127.0.0.1'', workspace => %1$L)'),
    ('connector_credential_test', 'connector_credential_test(''svc'', workspace => %1$L)'),
    ('connector_credential_renew', 'connector_credential_renew(''svc'', workspace => %1$L)'),
    ('connector_credential_revoke', 'connector_credential_revoke(''svc'', workspace => %1$L)'),
    ('connector_credential_revoke', 'connector_credential_revoke(''svc'', scope => ''user'', workspace => %1$L)'),
    ('connector_oauth_client_set', 'connector_oauth_client_set(''p'', ''evil'', ''evil-0123456789'', workspace => %1$L)'),
    ('connector_oauth_authorize_url', 'connector_oauth_authorize_url(''p'', ''https://evil.example.com/'', workspace => %1$L)'),
    ('connector_oauth_authorize_url', 'connector_oauth_authorize_url(''p'', ''https://evil.example.com/'', scope => ''user'', workspace => %1$L)'),
    ('connector_oauth_device_start', 'connector_oauth_device_start(''p'', workspace => %1$L)'),
    ('connector_oauth_connect', 'connector_oauth_connect(''p'', ''{"a": "b"}'', workspace => %1$L)'),
    ('connector_execute', 'connector_execute(''c'', workspace => %1$L)'),
    ('connector_execute', 'connector_execute(%2$L)'),
    ('connector_execute', 'connector_execute(%2$L, workspace => %1$L)'),
    ('connector_try_execute', 'connector_try_execute(''c'', workspace => %1$L)'),
    ('connector_execute_batch', 'connector_execute_batch(''c'', ARRAY[''{}''::jsonb], workspace => %1$L)'),
    ('connector_execute_batch', 'connector_execute_batch(%2$L, ARRAY[''{}''::jsonb])'),
    ('connector_try_execute', 'connector_try_execute(%2$L)'),
    ('connector_call', 'connector_call(''tap-provider'', ''get'', workspace => %1$L)'),
    ('connector_call', 'connector_call(''tap-provider'', ''get'')'),
    ('connector_try_call', 'connector_try_call(''tap-provider'', ''get'', workspace => %1$L)'),
    ('connector_try_call', 'connector_try_call(''tap-provider'', ''get'')'),
    ('connector_test_connection', 'connector_test_connection(''tap-provider'', workspace => %1$L)'),
    ('connector_test_connection', 'connector_test_connection(''tap-provider'')'),
    ('connector_smoke', 'connector_smoke(''{"tap-provider": {"actions": {"get": {}}}}'', workspace => %1$L)'),
    ('_connector_smoke_check', '_connector_smoke_check(''tap-provider'', ''get'', ''{}'', workspace => %1$L)'),
    ('_connector_provider_test', '_connector_provider_test(''tap-provider'', workspace => %1$L)'),
    ('_connector_provider_test', '_connector_provider_test(''tap-provider'')'),
    ('connector_test', 'connector_test(''{"url": "http://127.0.0.1/"}'', workspace => %1$L)'),
    ('connector_stats', 'connector_stats(workspace => %1$L)'),
    ('connector_stats', 'connector_stats(%2$L, workspace => %1$L)'),
    ('increment_connector_stats', 'increment_connector_stats(%2$L, true)'),
    ('connector_create', 'connector_create(''evil'', ''{"url": "http://127.0.0.1/"}'', workspace => %1$L)'),
    ('connector_update', 'connector_update(''c'', ''{"description": "evil"}'', workspace => %1$L)'),
    ('connector_update', 'connector_update(%2$L, ''{"description": "evil"}'')'),
    ('connector_update', 'connector_update(%2$L, ''{"description": "evil"}'', workspace => %1$L)'),
    ('connector_delete', 'connector_delete(''c'', workspace => %1$L)'),
    ('connector_delete', 'connector_delete(%2$L)'),
    ('connector_clone', 'connector_clone(''c'', ''stolen'', workspace => %1$L)'),
    ('connector_clone', 'connector_clone(%2$L, ''stolen'')'),
    ('connector_clone', 'connector_clone(%2$L, ''stolen'', ''tap-b'', workspace => %1$L)'),
    ('connector_clone', 'connector_clone(''c'', ''planted'', target_workspace => %1$L)'),
    ('connector_set_enabled', 'connector_set_enabled(ARRAY[''c''], false, workspace => %1$L)'),
    ('connector_set_enabled', 'connector_set_enabled(ARRAY[%2$L], false)'),
    ('connector_revert', 'connector_revert(''c'', 1, workspace => %1$L)'),
    ('connector_revert', 'connector_revert(%2$L, 1)'),
    ('connector_revert', 'connector_revert(''deleted'', 1, workspace => %1$L)'),
    ('connector_import', 'connector_import(''{"name": "c", "config": {"url": "http://127.0.0.1/"}}'', ''replace'', workspace => %1$L)'),
    ('connector_export', 'connector_export(workspace => %1$L)'),
    ('connector_export', 'connector_export(%2$L)'),
    ('connector_export', 'connector_export(''c'', workspace => %1$L)'),
    ('connector_version_diff', 'connector_version_diff(''c'', 1, 1, workspace => %1$L)'),
    ('connector_version_diff', 'connector_version_diff(%2$L, 1, 1)'),
    ('connector_version_diff', 'connector_version_diff(''deleted'', 1, 1, workspace => %1$L)'),
    ('connector_schedule', 'connector_schedule(''c'', ''* * * * *'', workspace => %1$L)'),
    ('connector_schedule', 'connector_schedule(%2$L, ''* * * * *'')'),
    ('connector_schedule', 'connector_schedule(%2$L, ''* * * * *'', workspace => %1$L)'),
    ('connector_unschedule', 'connector_unschedule(''s'', workspace => %1$L)'),
    ('connector_trigger_set', 'connector_trigger_set(''t'', ''p'', ''s'', ''c'', workspace => %1$L)'),
    ('connector_trigger_set', 'connector_trigger_set(''t'', ''p'', ''s'', %2$L)'),
    ('connector_trigger_set', 'connector_trigger_set(''t'', ''p'', ''s'', %2$L, workspace => %1$L)'),
    ('connector_trigger_remove', 'connector_trigger_remove(''t'', workspace => %1$L)'),
    ('connector_trigger_enable', 'connector_trigger_enable(''t'', false, workspace => %1$L)'),
    ('connector_trigger_poll_now', 'connector_trigger_poll_now(''t'', workspace => %1$L)'),
    ('_connector_id', '_connector_id(''c'', workspace => %1$L)'),
    ('_connector_id', '_connector_id(%2$L)'),
    ('_connector_version', '_connector_version(''c'', 1, workspace => %1$L)'),
    ('_connector_version', '_connector_version(%2$L, 1)'),
    ('connector_template_publish', 'connector_template_publish(''c'', ''t'', workspace => %1$L)'),
    ('connector_template_publish', 'connector_template_publish(%2$L)'),
    ('connector_template_unpublish', 'connector_template_unpublish(''t'', workspace => %1$L)'),
    ('connector_template_unpublish', 'connector_template_unpublish(%3$L)'),
    ('connector_template_install', 'connector_template_install(''t'', ''stolen'', workspace => %1$L)'),
    ('connector_template_install', 'connector_template_install(%3$L, ''stolen'')'),
    ('connector_template_upgrade', 'connector_template_upgrade(''installed'', true, workspace => %1$L)'),
    ('connector_template_upgrade', 'connector_template_upgrade(%2$L)'),
    ('connector_template_updates', 'connector_template_updates(workspace => %1$L)'),
    ('connector_template_rate', 'connector_template_rate(''t'', 1, workspace => %1$L)'),
    ('connector_template_rate', 'connector_template_rate(%3$L, 1)'),
    ('connector_execute_async', 'connector_execute_async(''c'', workspace => %1$L)'),
    ('connector_execute_async', 'connector_execute_async(%2$L, idempotency_key => ''k'')'),
    ('connector_execute_async_batch', 'connector_execute_async_batch(''c'', ''{}'', workspace => %1$L)'),
    ('connector_execute_async_batch', 'connector_execute_async_batch(%2$L, ''{}'')'),
    ('connector_await', 'connector_await(%4$L, ''0'', workspace => %1$L)'),
    ('connector_await', 'connector_await(%4$L, ''0'')'),
    ('connector_cancel', 'connector_cancel(%4$L, workspace => %1$L)'),
    ('connector_cancel', 'connector_cancel(%4$L)'),
    ('connector_retry', 'connector_retry(%5$L, workspace => %1$L)'),
    ('connector_retry', 'connector_retry(%5$L)'),
    ('connector_redrive', 'connector_redrive(workspace => %1$L)'),
    ('connector_redrive', 'connector_redrive(%2$L)'),
    ('connector_dead_letter_discard', 'connector_dead_letter_discard(%5$L, workspace => %1$L)'),
    ('connector_dead_letter_discard', 'connector_dead_letter_discard(until => ''infinity'', workspace => %1$L)'),
    ('connector_dead_letter_discard', 'connector_dead_letter_discard(%5$L)'),
    ('connector_pause', 'connector_pause(workspace => %1$L)'),
    ('connector_pause', 'connector_pause(%2$L)'),
    ('connector_pause', 'connector_pause(service => ''svc'', workspace => %1$L)'),
    ('connector_resume', 'connector_resume(workspace => %1$L)'),
    ('connector_resume', 'connector_resume(%2$L)');
-- Those that take no workspace and no id of a tenant's, each looked at and found to be harmless.
CREATE TEMP TABLE harmless (name text);
INSERT INTO harmless VALUES
    ('connector_my_workspaces'),    -- of the caller, checked below
    ('connector_whoami'), ('connector_is_admin'), ('connector_check'), ('connector_id_at'),
    ('connector_id_time'),          -- reads only the id itself
    ('_connector_credentials'), ('_connector_json_diff'),   -- of JSON alone
    ('connector_validate_json'), ('connector_json_is_valid'), ('connector_import_openapi'),  -- read only their arguments
    ('connector_audit_definition'), ('_connector_audit_gap'), ('_connector_audit_urls'), ('_connector_audit_requests'),
    ('_connector_audit_coverage'), ('_connector_audit_whole'), ('_connector_audit_page'), ('_connector_provider_problems'),
    ('_connector_provider_requests'), ('_connector_provider_urls'),  -- likewise
    ('connector_audit'), ('connector_catalog_report'), ('connector_catalog_summary'),   -- of rows that the caller may read
    ('connector_catalog_load'),     -- of no tenant, and 42501, checked below
    ('connector_oauth_callback'), ('connector_oauth_device_poll'),      -- by a state that only its member has, checked below
    ('connector_template_browse'), ('connector_template_feature'), ('connector_template_moderate'),     -- checked below
    ('connector_render'), ('_connector_transformations'),   -- of their arguments and of a table in the library
    ('_connector_fence'),           -- of no tenant
    ('_connector_limits'),          -- what tap.live is made of
    ('_connector_pending_stats'), ('_connector_queue_input'), ('_connector_running'), ('_connector_backlogs'),  -- checked below
    ('_connector_installation_alerts'), ('_connector_alert_settings');   -- of no tenant

CREATE VIEW tap.functions AS
SELECT p.oid, p.proname::text AS name, p.proargnames, p.proargtypes
  FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'connector'
 WHERE has_function_privilege('tap_b', p.oid, 'EXECUTE');
SELECT is_empty($$SELECT name FROM tap.functions EXCEPT (SELECT name FROM calls UNION ALL SELECT name FROM harmless)$$,
                'every function that a tenant may call has its case here');
SELECT is_empty($$(SELECT name FROM calls UNION SELECT name FROM harmless) EXCEPT SELECT name FROM tap.functions$$, 'and every case its function');
SELECT is_empty($$SELECT f.name FROM tap.functions f JOIN harmless USING (name)
                   WHERE 'workspace' = ANY (f.proargnames[1:array_length(f.proargtypes, 1)])
                      OR ('uuid'::regtype = ANY (f.proargtypes) AND f.name NOT IN ('connector_id_time', '_connector_queue_input'))$$,
                'none of the harmless ones takes a workspace or an id');
SELECT is_empty($$SELECT f.name FROM tap.functions f WHERE 'workspace' = ANY (f.proargnames[1:array_length(f.proargtypes, 1)])
                     AND NOT EXISTS (SELECT FROM calls c WHERE c.name = f.name AND c.call LIKE '%\%1$L%')$$,
                'every workspace argument is tried');

CREATE TEMP TABLE before AS SELECT rel, tap.state(rel, :'a') AS state FROM tap.stored;
GRANT SELECT ON calls TO PUBLIC;
SELECT is(tap.outcome('tap_b', 'SELECT ' || format(call, ws, :'conn', :'tmpl', :'queued', :'dead')), '42704',
          format(call, CASE ws WHEN :'a' THEN '<id>' ELSE ws END, '<connector>', '<template>', '<execution>', '<dead letter>'))
  FROM calls, (VALUES ('tap-a'), (:'a'), (upper(:'a'))) w(ws) WHERE call LIKE '%\%1$L%' OR ws = 'tap-a'
 ORDER BY call, ws;
-- The setting chooses no other workspace either.
SET LOCAL connector.workspace = 'tap-a';
SELECT is(tap.outcome('tap_b', 'SELECT ' || format(replace(call, 'workspace => %1$L', 'workspace => NULL'), NULL, :'conn', :'tmpl', :'queued', :'dead')), '42704',
          'connector.workspace: ' || replace(call, 'workspace => %1$L', 'workspace => NULL'))
  FROM calls WHERE call LIKE '%workspace => \%1$L%' ORDER BY call;
SELECT is(tap.outcome('tap_b', 'INSERT INTO connectors (name, config) VALUES (''x'', ''{"url": "https://h/"}'')'), '42704', 'connector.workspace: INSERT');
RESET connector.workspace;
SELECT is_empty($$SELECT rel FROM before b WHERE b.state <> tap.state(b.rel, (SELECT id FROM connector_workspaces WHERE slug = 'tap-a'))$$,
                'no call changed anything of the other tenant');

SET LOCAL ROLE tap_b;
SELECT is(connector_my_workspaces(p), ARRAY[:'b'::uuid], 'own workspaces only: ' || p) FROM unnest(ARRAY['read', 'execute', 'write', 'admin', 'own']) p;
SELECT is((SELECT count(*)::int FROM _connector_pending_stats() WHERE workspace_id = :'a'), 0, 'pending counts of the other tenant are not seen');
SELECT is(_connector_queue_input(:'a', :'queued'), NULL, 'the input of the other tenant''s execution is not shown');
SELECT is((SELECT count(*)::int FROM connector_executions e WHERE status = 'pending' AND input_data = '{"secret": "[redacted]"}'), 1, 'one''s own is');
-- Filters that name nobody take one's own only.
SELECT is(connector_redrive(), 1::bigint, 'connector_redrive() takes one''s own');
SELECT is((SELECT array_agg(workspace_id) FROM _connector_running()), ARRAY[:'b'::uuid], 'nor what runs there, and which step is next');
SELECT is((SELECT array_agg(workspace_id) FROM _connector_backlogs()), ARRAY[:'b'::uuid], 'nor what waits there');
SELECT is_empty('SELECT alert FROM _connector_installation_alerts()', 'alerts of the installation are none of theirs');
RESET ROLE;
SELECT is((SELECT count(*)::int FROM connector_dead_letters WHERE workspace_id = :'a' AND redriven_at IS NULL), 1, 'and leaves the other tenant''s');

-- A state is its member's, also for who knows it.
SELECT is(tap.outcome('tap_b', format(call, left(repeat('tap-a-state', 5), 43))), 'NC001', call)
  FROM (VALUES ('SELECT connector_oauth_callback(%L, ''c'')'), ('SELECT connector_oauth_device_poll(%L)')) v(call);

-- Templates: what is not public is nobody else's, and only administrators curate.
SELECT is(tap.outcome('tap_b', format('SELECT 1 FROM connector_template_browse(official => false) WHERE id = %L', :'tmpl')), 'rows 0',
          'connector_template_browse shows no template of the other tenant that is not public');
SELECT is(tap.outcome('tap_b', format(call, :'tmpl')), '42501', format(call, '<template>')) FROM (VALUES
    ('SELECT connector_template_feature(%L)'), ('SELECT connector_template_moderate(%L, ''hide'')'), ('SELECT connector_template_moderate(%L, ''publish'')'),
    ('SELECT connector_template_moderate(%L, ''make_official'')'), ('SELECT connector_template_feature(''t'')')) v(call);

-- What tenants may not call at all.
SELECT results_eq($$SELECT p.proname::text COLLATE "C" FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                     JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'connector'
                    WHERE NOT has_function_privilege('tap_b', p.oid, 'EXECUTE') ORDER BY 1$$,
                  $$VALUES ('_connector_add_history_day' COLLATE "C"), ('_connector_after_save'), ('_connector_before_save'), ('_connector_call_polls'), ('_connector_changed'),
                           ('_connector_check_server'), ('_connector_cron_command'), ('_connector_cron_name'), ('_connector_day_start'), ('_connector_fence_mark_loaded'), ('_connector_fold_batch'),
                           ('_connector_fold_stats'), ('_connector_fold_templates'), ('_connector_history_days'), ('_connector_installed'),
                           ('_connector_missing_history_days'), ('_connector_nightly'), ('_connector_provider_before_insert'), ('_connector_prune_dead_letters'), ('_connector_prune_keys'), ('_connector_queue_loaded'),
                           ('_connector_rate_limit_saved'), ('_connector_renew_tokens'), ('_connector_run_schedule'), ('_connector_sync_jobs'), ('_connector_template_before_save'),
                           ('_connector_template_list'), ('_connector_template_words'), ('_connector_trim_cron_log'), ('_connector_workers'),
                           ('_connector_workspace_gone'), ('connector_acknowledge_clone'), ('connector_create_workspace'), ('connector_maintain'), ('connector_metrics'), ('connector_rotate_keys'),
                           ('connector_setup_cron'), ('connector_tick')$$,
                  'functions of the administrator');

-- A member of both works in the one named, and mixes nothing up.
SELECT connector_add_member('tap_b', 'viewer', workspace => 'tap-a') \g /dev/null
SELECT is(tap.outcome('tap_b', 'SELECT connector_execute(''c'')'), '22023', 'of two workspaces one has to be named');
SELECT is(tap.outcome('tap_b', 'SELECT connector_try_execute(''c'', workspace => ''tap-a'')'), '42501', 'a viewer there executes nothing there');
SELECT is(tap.outcome('tap_b', 'SELECT connector_try_execute(''c'', workspace => ''tap-b'')'), 'rows 1', 'an owner here does here');
SELECT is(tap.outcome('tap_b', format('UPDATE connectors SET description = ''x'' WHERE workspace_id = %L', :'a')), 'rows 0', 'a viewer there changes nothing there');
SELECT is(tap.outcome('tap_b', 'SELECT ' || call), '42501', 'a viewer there manages nothing there: ' || call) FROM (VALUES
    ('connector_create(''x'', ''{"url": "http://h/"}'', workspace => ''tap-a'')'), ('connector_update(''c'', ''{"icon": "x"}'', workspace => ''tap-a'')'),
    ('connector_schedule(''c'', ''* * * * *'', workspace => ''tap-a'')'), ('connector_unschedule(''s'', ''tap-a'')'),
    ('connector_trigger_set(''t'', ''p'', ''s'', ''c'', workspace => ''tap-a'')'), ('connector_trigger_remove(''t'', ''tap-a'')'),
    ('connector_trigger_enable(''t'', true, ''tap-a'')'), ('connector_trigger_poll_now(''t'', ''tap-a'')'),
    ('connector_delete(''c'', ''tap-a'')'), ('connector_set_enabled(''{c}'', false, ''tap-a'')'), ('connector_revert(''deleted'', 1, ''tap-a'')'),
    ('connector_clone(''c'', ''x'', ''tap-a'', ''tap-b'')'), ('connector_clone(''c'', ''x'', workspace => ''tap-a'')'),
    ('connector_import(''{"name": "x", "config": {"url": "http://h/"}}'', workspace => ''tap-a'')'),
    ('connector_execute_async(''c'', workspace => ''tap-a'')'), ('connector_execute_async_batch(''c'', ''{}'', workspace => ''tap-a'')'),
    (format('connector_cancel(%L)', :'queued')), (format('connector_retry(%L)', :'dead')), ('connector_redrive(workspace => ''tap-a'')'),
    (format('connector_dead_letter_discard(%L)', :'dead')), ('connector_pause(workspace => ''tap-a'')'), ('connector_resume(workspace => ''tap-a'')')) v(call);
SELECT is(tap.outcome('tap_b', 'SELECT ' || call), 'rows 1', 'and reads: ' || call) FROM (VALUES
    ('connector_export(workspace => ''tap-a'')'), ('connector_clone(''c'', ''read'', ''tap-b'', ''tap-a'')'),
    (format('connector_await(%L, ''0'')', :'done'))) v(call);
SELECT is(tap.outcome('tap_b', format('SELECT increment_connector_stats(%L, true)', :'conn')), '42501', 'nor counts');
SELECT is(tap.outcome('tap_b', format('SELECT 1 FROM connectors WHERE workspace_id = %L AND name = ''c''', :'a')), 'rows 1', 'and sees it');

SELECT * FROM finish();
ROLLBACK;
