-- Executing, as far as it goes without a network: every refusal, what it says, and what is recorded.
\pset format unaligned
\pset tuples_only on
SET connector.allowed_networks = '';
CREATE FUNCTION t.define(name text, config jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO connectors (name, config) VALUES (name, config)
    ON CONFLICT (workspace_id, name) DO UPDATE SET config = excluded.config $$;
CREATE FUNCTION t.run(config jsonb, input jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE r connector_result; raised text;
BEGIN
    PERFORM t.define('run', config);
    r := connector_try_execute('run', input);
    raised := t.try(format('SELECT connector_execute(''run'', %L)', input));
    RETURN format('%s/%s%s: %s', r.status, r.error_code, coalesce(' ' || r.http_status, ''), r.error_message)
        || E'\n   raised ' || split_part(raised, E'\n', 1)
        || coalesce(E'\n' || substring(raised FROM '   hint:.*'), '');
END $$;

\echo # mistakes of the caller are raised by both functions, and not recorded
SET ROLE regress_ed;
SELECT t.define('off', '{"url": "http://127.0.0.1/"}');
UPDATE connectors SET enabled = false WHERE name = 'off';
SELECT t.define('on', '{"url": "http://127.0.0.1/"}');
SELECT id AS on FROM connectors WHERE name = 'on' \gset
RESET ROLE;
CREATE FUNCTION t.both(args text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT f || '(' || args || ') ' || t.try(format('SELECT %s(%s)', f, args))
      FROM unnest(ARRAY['connector_execute', 'connector_try_execute']) WITH ORDINALITY u(f, n) ORDER BY n $$;
SET ROLE regress_ed;
SELECT t.both($$'nothing'$$);
SELECT t.both($$''$$);
SELECT t.both($$NULL$$);
SELECT t.both($$'off'$$);
SELECT t.both($$'ON'$$);
SELECT t.both($$'on', workspace => 'globex'$$);
SELECT t.both($$'on', workspace => 'nowhere'$$);
SELECT t.both($$'00000000-0000-0000-0000-000000000000'$$);
SET ROLE regress_vic;
SELECT t.both($$'on'$$);
SELECT t.both($$'nothing'$$);
SET ROLE regress_nobody;
SELECT t.both($$'on'$$);
SELECT t.both($$'on', workspace => 'acme'$$);
SET ROLE regress_bob;
SELECT t.both($$'on'$$);
SELECT replace(t.both(format('%L', :'on')), :'on', '<id>');
SET ROLE regress_ed;
BEGIN READ ONLY;
SELECT t.both($$'on'$$);
SELECT t.try($$SELECT connector_test('{"url": "http://127.0.0.1/"}')$$);
ROLLBACK;
SELECT count(*) FROM connector_executions;
SELECT sum(total_executions) FROM connector_stats();

\echo # by name, and by id however it is spelled
SELECT (connector_try_execute('on')).error_code;
SELECT (connector_try_execute(:'on')).error_code;
SELECT (connector_try_execute(upper(:'on'))).error_code;
SELECT (connector_try_execute('on', NULL)).error_code;
SELECT (connector_try_execute('on', '[]')).error_code;
SELECT (connector_try_execute('on', '7', 'acme')).error_code;

\echo # the row
SELECT execution_id AS ran, status, output, error_code, error_message, http_status, steps #- '{0,duration_ms}' #- '{0,started_ms}' AS steps, execution_time_ms >= 0 AS timed
  FROM connector_try_execute('on') \gset
\echo :status :error_code :error_message :steps :timed
SELECT status, connector_name, connector_id = :'on', connector_version, trigger, attempt, current_step, steps_executed #- '{0,duration_ms}' #- '{0,started_ms}',
       input_data, output_data, error_code, error_message, http_status, executed_by, completed_at >= started_at
  FROM connector_executions WHERE id = :'ran';

\echo # blocked addresses, as literals in every spelling
SELECT u, t.run(jsonb_build_object('url', '{{input.url}}'), jsonb_build_object('url', u)) FROM (VALUES
    (1, 'http://127.0.0.1/'), (2, 'http://127.0.0.1:1/'), (3, 'http://127.255.255.254/'), (4, 'http://0.0.0.0/'), (5, 'http://0.1.2.3/'),
    (6, 'http://10.0.0.1/'), (7, 'http://172.16.0.1/'), (8, 'http://172.31.255.255/'), (9, 'http://192.168.1.1/'),
    (10, 'http://169.254.169.254/latest/meta-data'), (11, 'http://100.64.0.1/'), (12, 'http://100.100.100.200/'), (13, 'http://168.63.129.16/'),
    (14, 'http://192.0.2.1/'), (15, 'http://198.18.0.1/'), (16, 'http://224.0.0.1/'), (17, 'http://240.0.0.1/'), (18, 'http://255.255.255.255/'),
    (19, 'http://2130706433/'), (20, 'http://0177.0.0.1/'), (21, 'http://0x7f.0.0.1/'), (22, 'http://0x7f000001/'), (23, 'http://127.1/'),
    (24, 'http://017700000001/'), (25, 'http://0/'), (26, 'http://[::1]/'), (27, 'http://[::]/'), (28, 'http://[0:0:0:0:0:0:0:1]:8080/'),
    (29, 'http://[::ffff:127.0.0.1]/'), (30, 'http://[::ffff:7f00:1]/'), (31, 'http://[::ffff:a9fe:a9fe]/'), (32, 'http://[::127.0.0.1]/'),
    (33, 'http://[fe80::1]/'), (34, 'http://[fc00::1]/'), (35, 'http://[fd00:ec2::254]/'), (36, 'http://[ff02::1]/'), (37, 'http://[64:ff9b::7f00:1]/'),
    (38, 'http://[2002:7f00:1::]/'), (39, 'http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/'), (40, 'http://[2001:db8::1]/'), (41, 'http://[fec0::1]/'),
    (42, 'https://127.0.0.1/'), (43, 'https://[::1]/'), (44, 'http://127.0.0.1./')) v(n, u) ORDER BY n;

\echo # no address at all, or not one to call
SELECT u, t.run(jsonb_build_object('url', '{{input.url}}'), jsonb_build_object('url', u)) FROM (VALUES
    (1, ''), (2, 'ftp://h/'), (3, 'file:///etc/passwd'), (4, 'gopher://127.0.0.1/'), (5, 'h/x'), (6, '//h/x'), (7, 'http:/h'), (8, 'http://'),
    (9, 'http://u:p@h/'), (10, 'http://h#f'), (11, 'http://h:0/'), (12, 'http://h:65536/'), (13, 'http://h:x/'), (14, 'http://[fe80::1%25eth0]/'),
    (15, 'http://a b/'), (16, E'http://h/\r\nx'), (17, 'http://256.1.1.1/'), (18, 'http://1.2.3.4.5/'), (19, 'http://ex ample/'),
    (20, 'http://h\@127.0.0.1/'), (21, 'http://ä.example/'), (22, 'javascript:alert(1)'), (23, ' http://h/'), (24, 'http://.h/'),
    (25, 'http://0x7f.0.0.0x100000000/'), (26, 'http://%31%32%37.0.0.1/')) v(n, u) ORDER BY n;

\echo # input
SELECT t.run('{"url": "http://127.0.0.1/{{input.a.b}}"}');
SELECT t.run('{"url": "http://127.0.0.1/{{input.a.b}}"}', '{"a": null}');
SELECT t.run('{"url": "http://127.0.0.1/{{input.a.b}}"}', '{"a": {"b": null}}');
SELECT t.run('{"url": "http://127.0.0.1/{{input.a}}"}', '{"a": {"b": 1}}');
SELECT t.run('{"url": "http://127.0.0.1/{{input.a}}"}', '{"a": ""}');
SELECT t.run('{"url": "http://127.0.0.1/{{input.a}}/x"}', '{"a": ".."}');
SELECT t.run('{"url": "http://127.0.0.1/{{input.a}}"}', '[]');
SELECT t.run('{"url": "http://127.0.0.1/{{input.a | default(''x'')}}"}');
SELECT t.run('{"url": "http://127.0.0.1/", "query": {"q": "{{input.q}}"}}');
SELECT t.run('{"url": "http://127.0.0.1/", "query": [{"name": "q", "input": "q"}]}');
SELECT t.run('{"url": "http://127.0.0.1/", "query": [{"name": "q", "input": "q", "optional": true}]}');
SELECT t.run('{"url": "http://127.0.0.1/", "method": "POST", "body": {"a": {"b": "{{input.q}}"}}}');
SELECT t.run('{"url": "http://127.0.0.1/", "method": "POST", "body_type": "form", "body": {"a": "{{input.q}}"}}');
SELECT t.run('{"url": "http://127.0.0.1/", "method": "POST", "body_type": "text", "body": "{{input.q}}"}');
SELECT t.run('{"url": "http://127.0.0.1/", "method": "POST", "body_type": "binary", "body": "{{input.q}}"}', '{"q": "not base64!"}');
SELECT t.run('{"url": "http://127.0.0.1/", "method": "POST", "body_type": "multipart", "body": [{"name": "f", "base64": "{{input.q}}"}]}', '{"q": "%"}');
SELECT t.run('{"url": "http://127.0.0.1/", "headers": {"x": "{{input.q}}"}}');
SELECT t.run('{"url": "http://127.0.0.1/{{input.q | first}}"}', '{"q": 7}');

\echo # a step that left nothing to refer to
SELECT t.run('{"steps": [{"id": "a", "url": "http://127.0.0.1/", "condition": "false"}, {"id": "b", "url": "http://127.0.0.1/{{a.x}}"}]}');
SELECT t.run('{"steps": [{"id": "a", "url": "http://127.0.0.1/", "continue_on_error": true}, {"id": "b", "url": "http://127.0.0.1/{{a.x | upper}}"}]}');
SELECT t.run('{"steps": [{"id": "a", "url": "http://127.0.0.1/", "condition": "false"}], "result": {"x": [1, "{{a.x}}"]}}');
SELECT t.run('{"steps": [{"id": "g", "condition": "false", "steps": [{"id": "a", "url": "http://127.0.0.1/"}]}], "result": "{{g.a}}{{a}}"}');
SELECT t.run('{"steps": [{"id": "g", "condition": "{{input | length}} > 0", "continue_on_error": true, "steps": [{"id": "a", "url": "http://127.0.0.1/"}]}], "result": "{{a}}"}', '7');

\echo # line breaks and other controls in a header
SELECT t.run('{"url": "http://127.0.0.1/", "headers": {"x": "a{{input.q}}"}}', jsonb_build_object('q', q))
  FROM unnest(ARRAY[E'b\r\nEvil: 1', E'\n', E'\r', E'\u0001', E'\u007f', E'tab\tis fine']) q;
SELECT t.run('{"url": "http://127.0.0.1/", "method": "POST", "body_type": "multipart", "body": [{"name": "{{input.n}}", "filename": "{{input.f}}", "content_type": "{{input.t}}", "text": "x"}]}', i)
  FROM (VALUES (1, '{"n": "a\r\nb", "f": "f", "t": "text/plain"}'::jsonb), (2, '{"n": "a", "f": "f\r\ng", "t": "text/plain"}'),
               (3, '{"n": "a", "f": "f", "t": "text/plain\r\nEvil: 1"}')) v(o, i) ORDER BY o;

\echo # sizes
RESET ROLE;
SET connector.max_request_size = '1kB';
SET ROLE regress_ed;
SELECT t.run('{"url": "http://127.0.0.1/", "method": "POST", "body_type": "text", "body": "{{input.q}}"}', jsonb_build_object('q', repeat('x', 1024)));
SELECT t.run('{"url": "http://127.0.0.1/", "method": "POST", "body_type": "text", "body": "{{input.q}}"}', jsonb_build_object('q', repeat('x', 1025)));
SELECT t.run('{"url": "http://127.0.0.1/", "method": "POST", "body": {"a": "{{input.q}}", "b": "{{input.q}}"}}', jsonb_build_object('q', repeat('x', 600)));
SELECT t.run('{"url": "http://127.0.0.1/", "method": "POST", "body_type": "form", "body": {"a": "{{input.q}}", "b": "{{input.q}}"}}', jsonb_build_object('q', repeat('x', 600)));
SELECT t.run('{"url": "http://127.0.0.1/", "method": "POST", "body_type": "multipart", "body": [{"name": "a", "text": "{{input.q}}"}, {"name": "b", "text": "{{input.q}}"}]}', jsonb_build_object('q', repeat('x', 600)));
RESET ROLE;
RESET connector.max_request_size;
SET ROLE regress_ed;
SELECT t.run('{"url": "http://127.0.0.1/?q={{input.q}}"}', jsonb_build_object('q', repeat('x', 70000)));
SELECT t.run('{"url": "http://127.0.0.1/", "headers": {"x": "{{input.q}}"}}', jsonb_build_object('q', repeat('x', 2000000)));

\echo # credentials: none, another host, one with a line break, expired
SELECT t.run('{"url": "http://127.0.0.1/", "credential": "none"}');
SELECT t.run('{"url": "http://127.0.0.1/", "credential": "none/label"}');
SET ROLE regress_anna;
SELECT t.try($$SELECT connector_credential_set('svc', '{"token": "t-0123456789"}', 'bearer', '{"sub": "acme"}', ARRAY['api.example.com', 'http://127.0.0.1:81'])$$);
SELECT t.try($$SELECT connector_credential_set('broken', '{"token": "t-0123456789", "note": "n-0123456789\r\nEvil: 1"}', 'bearer', allowed_hosts => ARRAY['http://127.0.0.1'])$$);
SELECT t.try($$SELECT connector_credential_set('old', '{"token": "t-0123456789"}', 'bearer', allowed_hosts => ARRAY['http://127.0.0.1'], expires_at => '2001-01-01')$$);
SET ROLE regress_ed;
SELECT u, t.run(jsonb_build_object('url', u, 'credential', 'svc')) FROM (VALUES
    (1, 'http://127.0.0.1/'), (2, 'http://127.0.0.1:81/'), (3, 'https://127.0.0.1:81/'), (4, 'http://api.example.com/'),
    (5, 'https://api.example.com.evil.example/'), (6, 'https://evil.example/?api.example.com'), (7, 'https://api.example.com:8443/'),
    (8, 'http://0x7f.1:81/')) v(n, u) ORDER BY n;
SELECT t.run('{"url": "http://127.0.0.1/", "credential": "broken", "headers": {"X-Note": "{{workspace.note}}"}}');
SELECT t.run('{"url": "http://127.0.0.1/", "credential": "old"}');
SELECT t.run('{"url": "http://{{workspace.token}}/", "credential": "svc"}');
SELECT t.run('{"url": "http://127.0.0.1:81/{{workspace.nothing}}", "credential": "svc"}');
SELECT t.run('{"url": "http://127.0.0.1:81/{{workspace.sub}}/{{workspace.token}}", "query": {"k": "{{workspace.token}}"}, "credential": "svc"}');
SELECT steps_executed #- '{0,duration_ms}' #- '{0,started_ms}' FROM connector_executions ORDER BY id DESC LIMIT 1;

\echo # what is kept of bodies: JSON and forms with secrets blanked by name, text, no parts and no bytes
SELECT body_type, t.run(jsonb_build_object('url', 'http://127.0.0.1/', 'method', 'POST', 'body_type', body_type, 'body', body),
       '{"pass": "hunter22", "list": ["a", "b"], "q": null}') AS outcome
  FROM (VALUES (1, 'json', '{"user": "u", "password": "{{input.pass}}"}'::jsonb), (2, 'form', '{"user": "u", "password": "{{input.pass}}", "list": "{{input.list}}", "q": "{{input.q}}"}'),
               (3, 'form', '[{"name": "token", "input": "pass"}, {"name": "none", "input": "none", "optional": true}, {"name": "n", "static": 1}]'),
               (4, 'text', '"<pass>{{input.pass}}</pass>"'), (5, 'multipart', '[{"name": "password", "text": "{{input.pass}}"}]'), (6, 'binary', '"aGFsbG8="'),
               (7, 'text', '""')) v(n, body_type, body) ORDER BY n;
SELECT steps_executed -> 0 -> 'request' FROM connector_executions ORDER BY id DESC LIMIT 7;

\echo # connector_test: the same, recorded nowhere
SELECT count(*) AS before FROM connector_executions \gset
SELECT step, status, output, error_code, error_message, http_status, request, response, duration_ms >= 0
  FROM connector_test('{"url": "http://127.0.0.1:81/a", "query": {"q": 1, "k": "{{workspace.token}}"}, "method": "POST", "headers": {"X-Own": "{{workspace.token}}", "X-Plain": "1"}, "credential": "svc", "body": {"a": "{{input.a}}", "t": "{{workspace.token}}"}}', '{"a": [1]}');
SELECT step, status, error_code, error_message, request FROM connector_test('{"url": "http://127.0.0.1/{{input.x}}"}');
SELECT request -> 'body' FROM connector_test('{"url": "http://127.0.0.1/", "method": "POST", "body_type": "form", "body": {"a b": "{{input.a}}"}}', '{"a": ["x y", 1]}');
SELECT step, status, attempts, output, error_code FROM connector_test('{"continue_on_error": true, "steps": [
    {"id": "a", "url": "http://127.0.0.1/", "retries": 2}, {"id": "b", "url": "http://127.0.0.1/", "condition": "false"}, {"id": "c", "url": "http://127.0.0.1/{{a}}"},
    {"id": "g", "steps": [{"id": "d", "url": "http://127.0.0.1/"}, {"id": "e", "url": "http://127.0.0.1/", "condition": "false"}]}]}');
SELECT t.try('SELECT connector_test(NULL)');
SELECT count(*) - :before FROM connector_executions;
SELECT count(*) FROM connector_stats() WHERE name = '(test)';

\echo # what the history keeps: redacted by name, capped by size
SELECT t.define('log', '{"url": "http://127.0.0.1/"}');
CREATE FUNCTION pg_temp.logged(input jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r connector_result;
BEGIN
    r := connector_try_execute('log', input);
    RETURN (SELECT left(input_data::text, 300) FROM connector_executions WHERE id = r.execution_id);
END $$;
SELECT pg_temp.logged('{"user": "u", "password": "p", "Api-Key": "k", "access_token": "t", "client_secret": {"a": [1]}, "nested": [{"authorization": ["x", "y"]}], "passwordHint": "h", "tokens": 3, "Card Number": 4111, "cvv": null}');
SELECT pg_temp.logged('"password"');
SELECT pg_temp.logged('["password", {"password": {"password": 1}, "after": 1}]');
SELECT pg_temp.logged('{}');
SELECT pg_temp.logged('null');
SELECT pg_temp.logged(jsonb_build_object('a', repeat('x', 70000)));
RESET ROLE;
SET connector.max_logged_payload = '1kB';
SET ROLE regress_ed;
SELECT length(pg_temp.logged(jsonb_build_object('a', repeat('x', 1000))));
SELECT pg_temp.logged(jsonb_build_object('a', repeat('x', 1100)));
SELECT pg_temp.logged(jsonb_build_object('password', repeat('x', 1100)));
RESET ROLE;
SET connector.max_logged_payload = 0;
SET ROLE regress_ed;
SELECT pg_temp.logged('{"a": 1}');
RESET ROLE;
SET connector.max_logged_payload = -1;
SET ROLE regress_ed;
SELECT pg_temp.logged(jsonb_build_object('a', repeat('x', 100000))) LIKE '{"a": "xxx%';
RESET ROLE;
RESET connector.max_logged_payload;
SET ROLE regress_ed;
SELECT t.try('SET connector.max_logged_payload = -1');
SELECT t.try('SET connector.allowed_networks = ''127.0.0.0/8''');
SELECT t.try('SET connector.max_request_size = ''1GB''');
\echo # what callers find their executions by
SET connector.correlation_id = 'corr-1';
SELECT pg_temp.logged('{"contact_id": "c-1", "flow_run_id": "f-1"}');
RESET connector.correlation_id;
SELECT pg_temp.logged('{"contact_id": 7, "flow_run_id": null}');
SELECT contact_id, flow_run_id, correlation_id FROM connector_executions ORDER BY id DESC LIMIT 2;
\echo # log_response_data stores no output, here as elsewhere; the error stays
UPDATE connectors SET log_response_data = false WHERE name = 'log';
SELECT pg_temp.logged('{"a": 1}');
SELECT output_data, error_code FROM connector_executions ORDER BY id DESC LIMIT 1;

\echo # a failure that is raised takes its record along; the other is counted and kept
RESET ROLE;
DELETE FROM connector_history;
SELECT connector_maintain() IS NOT NULL;
SET ROLE regress_ed;
SELECT total_executions AS before FROM connector_stats('log') \gset
SELECT t.try($$SELECT connector_execute('log')$$);
SELECT count(*) FROM connector_executions;
SELECT total_executions - :before FROM connector_stats('log');
SELECT status FROM connector_try_execute('log');
SELECT count(*) FROM connector_executions;
SELECT total_executions - :before, last_error_code, last_error_message FROM connector_stats('log');
BEGIN;
SELECT status FROM connector_try_execute('log');
SELECT count(*) FROM connector_executions;
ROLLBACK;
SELECT count(*) FROM connector_executions;
-- Many in one statement.
SELECT count(*), count(DISTINCT (r).execution_id), bool_and((r).error_code = 'blocked_address')
  FROM (SELECT connector_try_execute('log', jsonb_build_object('n', g)) AS r FROM generate_series(1, 100) g OFFSET 0) x;
SELECT total_executions - :before FROM connector_stats('log');
-- Ids are in order of time.
SELECT bool_and(n = row_number) FROM (SELECT (input_data ->> 'n')::int AS n, row_number() OVER (ORDER BY id)
  FROM connector_executions WHERE input_data ? 'n') x;
\echo # a change is seen at once, in the transaction that makes it and after it is rolled back
BEGIN;
UPDATE connectors SET config = '{"url": "http://10.0.0.1/"}' WHERE name = 'log';
SELECT error_message FROM connector_try_execute('log');
UPDATE connectors SET enabled = false WHERE name = 'log';
SELECT t.try($$SELECT connector_try_execute('log')$$);
ROLLBACK;
SELECT error_message FROM connector_try_execute('log');
UPDATE connectors SET config = '{"url": "http://10.0.0.2/"}' WHERE name = 'log';
SELECT error_message FROM connector_try_execute('log');
UPDATE connectors SET name = 'log2' WHERE name = 'log';
SELECT t.try($$SELECT connector_try_execute('log')$$);
SELECT error_message FROM connector_try_execute('log2');
DELETE FROM connectors WHERE name = 'log2';
SELECT t.try($$SELECT connector_try_execute('log2')$$);
RESET ROLE;
\echo # allowed networks
SET connector.allowed_networks = 'nonsense';
SET connector.allowed_networks = '127.0.0.1/33';
SET connector.allowed_networks = '127.0.0.1,';
SET connector.allowed_networks = '300.0.0.1';
SET connector.allowed_networks = '127.0.0.2/32, ::1/128';
SET ROLE regress_ed;
SELECT (connector_try_execute('on')).error_code;
RESET ROLE;
RESET connector.allowed_networks;
DELETE FROM connectors;
DELETE FROM connector_versions;
DELETE FROM workspace_api_credentials;
DELETE FROM connector_history;
SELECT connector_maintain() IS NOT NULL;
