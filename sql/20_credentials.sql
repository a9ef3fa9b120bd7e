-- Credentials: what is refused, who may store which, and that nothing gives a secret back.
\pset format unaligned
\pset tuples_only on

\echo # missing and malformed parts
SET ROLE regress_anna;
CREATE FUNCTION pg_temp.set(args text) RETURNS text LANGUAGE sql AS $$
    SELECT t.try(format('SELECT connector_credential_set(%s)', args)) $$;
SELECT n, pg_temp.set(args) FROM (VALUES
    (1, $$NULL, '{"api_key": "k"}', allowed_hosts => ARRAY['h']$$),
    (2, $$'svc', NULL, allowed_hosts => ARRAY['h']$$),
    (3, $$'svc', '{"api_key": "k"}', '', allowed_hosts => ARRAY['h']$$),
    (4, $$'svc', '{"api_key": "k"}', label => NULL, allowed_hosts => ARRAY['h']$$),
    (5, $$'svc', '{"api_key": "k"}', scope => NULL, allowed_hosts => ARRAY['h']$$),
    (6, $$'', '{"api_key": "k"}', allowed_hosts => ARRAY['h']$$),
    (7, $$'a/b', '{"api_key": "k"}', allowed_hosts => ARRAY['h']$$),
    (8, $$'-a', '{"api_key": "k"}', allowed_hosts => ARRAY['h']$$),
    (9, $$repeat('a', 64), '{"api_key": "k"}', allowed_hosts => ARRAY['h']$$),
    (10, $$'svc', '{"api_key": "k"}', label => 'a b', allowed_hosts => ARRAY['h']$$),
    (11, $$'svc', '{"api_key": "k"}', label => '', allowed_hosts => ARRAY['h']$$),
    (12, $$'svc', '{"api_key": "k"}', 'oauth9', allowed_hosts => ARRAY['h']$$),
    (13, $$'svc', '{}', allowed_hosts => ARRAY['h']$$),
    (14, $$'svc', '{"token": "k"}', allowed_hosts => ARRAY['h']$$),
    (15, $$'svc', '{"api_key": "k"}', 'bearer', allowed_hosts => ARRAY['h']$$),
    (16, $$'svc', '{"username": "k"}', 'basic', allowed_hosts => ARRAY['h']$$),
    (17, $$'svc', '{"password": "k"}', 'basic', allowed_hosts => ARRAY['h']$$),
    (18, $$'svc', '[]', allowed_hosts => ARRAY['h']$$),
    (19, $$'svc', '"k"', allowed_hosts => ARRAY['h']$$),
    (20, $$'svc', '{"api_key": 7}', allowed_hosts => ARRAY['h']$$),
    (21, $$'svc', '{"api_key": null}', allowed_hosts => ARRAY['h']$$),
    (22, $$'svc', '{"api_key": ""}', allowed_hosts => ARRAY['h']$$),
    (23, $$'svc', '{"api_key": "a\r\nb"}', allowed_hosts => ARRAY['h']$$),
    (24, $$'svc', '{"api_key": {"a": 1}}', allowed_hosts => ARRAY['h']$$),
    (25, $$'svc', '{"api_key": "k"}', scope => 'team', allowed_hosts => ARRAY['h']$$),
    (26, $$'svc', '{"api_key": "k"}'$$),
    (27, $$'svc', '{"api_key": "k"}', allowed_hosts => '{}'$$),
    (28, $$'svc', '{"username": "a:b", "password": "k"}', 'basic', allowed_hosts => ARRAY['h']$$),
    (29, $$'svc', '{"token": "a\n"}', 'bearer', allowed_hosts => ARRAY['h']$$),
    (30, $$'svc', '{"token": "a\u007fb"}', 'bearer', allowed_hosts => ARRAY['h']$$),
    (31, $$'svc', '{"api_key": "\ta"}', parameters => '{"in": "query", "name": "k"}', allowed_hosts => ARRAY['h']$$),
    (32, $$'svc', '{"username": "a\u0001", "password": "k"}', 'basic', allowed_hosts => ARRAY['h']$$),
    (33, $$'svc', '{"username": "a", "password": "k\r"}', 'basic', allowed_hosts => ARRAY['h']$$)
    ) v(n, args) ORDER BY n;

\echo # parameters
SELECT n, pg_temp.set(format($$'svc', '{"api_key": "k"}', parameters => %L, allowed_hosts => ARRAY['h']$$, p))
  FROM (VALUES (1, '[]'), (2, '"x"'), (3, '{"in": "body"}'), (4, '{"in": "query"}'), (5, '{"name": "a b"}'),
    (6, '{"name": ""}'), (7, '{"prefix": "a\r\nb"}'), (8, '{"api_key": "k"}'), (9, '{"in": 1}'),
    (10, '{"subdomain": {"a": 1}}')) v(n, p) ORDER BY n;

\echo # hosts
SELECT h, pg_temp.set(format($$'svc', '{"api_key": "k"}', allowed_hosts => ARRAY[%L]$$, h))
  FROM (VALUES (1, ''), (2, NULL), (3, 'a b'), (4, 'https://h/path'), (5, 'ftp://h'), (6, 'u@h'), (7, 'h:0'),
    (8, 'h:99999'), (9, 'h:x'), (10, '*'), (11, '*.'), (12, 'a.*.b'), (13, '*.1.2.3.4'), (14, 'h?q'), (15, 'h#f'),
    (16, '999.1.1.1'), (17, '[::1'), (18, '[zz]'), (19, 'h\x'), (20, E'h\nx'), (21, 'a..b'),
    (22, repeat('a', 64) || '.b')) v(n, h) ORDER BY n;
SELECT pg_temp.set($$'svc', '{"api_key": "k"}', allowed_hosts => ARRAY['good.example.com', 'b@d']$$);
SELECT count(*) FROM workspace_api_credentials;

\echo # good ones
SELECT pg_temp.set($$'svc', '{"api_key": "k-0123456789"}', allowed_hosts => ARRAY['api.example.com', 'api.example.com:8443',
    '*.example.org', 'http://plain.example.com:8080', '192.0.2.1', '[2001:db8::1]:443', 'https://x.example.com']$$);
SELECT pg_temp.set($$'svc', '{"api_key": "q-0123456789"}', label => 'query', parameters => '{"in": "query", "name": "key"}',
    allowed_hosts => ARRAY['api.example.com']$$);
SELECT pg_temp.set($$'github', '{"token": "t-0123456789"}', 'bearer', allowed_hosts => ARRAY['api.github.com']$$);
SELECT pg_temp.set($$'jira', '{"username": "me", "password": "p-0123456789"}', 'basic', '{"subdomain": "acme"}',
    ARRAY['*.atlassian.net']$$);
-- A colon in a password, letters beyond ASCII, and line breaks in fields that only templates read are no harm.
SELECT pg_temp.set($$'odd', '{"username": "é", "password": "p:0123456789"}', 'basic', allowed_hosts => ARRAY['h.example.com']$$);
SELECT pg_temp.set($$'pem', '{"token": "t-0123456789", "pem": "a\nb-0123456789"}', 'bearer', allowed_hosts => ARRAY['h.example.com']$$);
SELECT connector_credential_delete(s) FROM unnest(ARRAY['odd', 'pem']) s;
SELECT service_name, label, scope, owner, auth_kind, key_id, parameters, allowed_hosts, status, expires_at,
       last_used_at, created_by
  FROM workspace_api_credentials ORDER BY service_name, label;

\echo # setting again replaces, under the same id
SELECT id AS before FROM workspace_api_credentials WHERE service_name = 'github' \gset
SELECT connector_credential_set('github', '{"token": "u-0123456789"}', 'bearer',
    allowed_hosts => ARRAY['uploads.github.com']) = :'before';
SELECT allowed_hosts, updated_at >= created_at FROM workspace_api_credentials WHERE service_name = 'github';

\echo # nobody reads the secret
SELECT t.try('SELECT secret FROM workspace_api_credentials');
SELECT t.try('SELECT * FROM workspace_api_credentials');
SELECT t.try('SELECT c FROM workspace_api_credentials c');
SELECT t.try('SELECT to_jsonb(c) FROM workspace_api_credentials c');
SELECT t.try('SELECT 1 FROM workspace_api_credentials WHERE secret IS NOT NULL');
SELECT t.try('SELECT 1 FROM workspace_api_credentials ORDER BY secret');
COPY workspace_api_credentials TO STDOUT;
COPY workspace_api_credentials (id, secret) TO STDOUT;
SELECT t.try('UPDATE workspace_api_credentials SET allowed_hosts = ARRAY[''evil.example.com'']');
SELECT t.try('UPDATE workspace_api_credentials SET status = ''x''');
SELECT t.try('INSERT INTO workspace_api_credentials (workspace_id, id, service_name, auth_kind, secret, key_id, allowed_hosts) VALUES (gen_random_uuid(), gen_random_uuid(), ''s'', ''bearer'', '''', ''k'', ''{}'')');
SELECT t.try('DELETE FROM workspace_api_credentials');
SELECT t.try('SELECT id FROM workspace_api_credentials FOR UPDATE');
RESET ROLE;
-- The stored bytes hold no plaintext, and no two are alike.
SELECT count(*), count(DISTINCT secret), bool_or(position('0123456789'::bytea IN secret) > 0),
       bool_and(get_byte(secret, 0) = 1)
  FROM workspace_api_credentials;
-- All functions that have to do with secrets; none of them returns one.
SELECT p.oid::regprocedure, pg_get_function_result(p.oid) FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'connector'
 WHERE d.deptype = 'e' AND p.proname ~ 'credential|secret|crypt|key' ORDER BY p.proname;

\echo # who may: workspace scope needs admin, user scope needs editor
CREATE FUNCTION t.matrix(role name) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', role, true);
    RETURN NEXT 'set workspace: ' || t.try($q$SELECT connector_credential_set('m', '{"token": "m-0123456789"}', 'bearer', allowed_hosts => ARRAY['h.example.com'])$q$);
    RETURN NEXT 'set user: ' || t.try($q$SELECT connector_credential_set('m', '{"token": "m-0123456789"}', 'bearer', allowed_hosts => ARRAY['h.example.com'], scope => 'user')$q$);
    RETURN NEXT 'test: ' || t.value($q$connector_credential_test('m')$q$);
    RETURN NEXT 'delete workspace: ' || t.value($q$connector_credential_delete('m')$q$);
    RETURN NEXT 'delete user: ' || t.value($q$connector_credential_delete('m', scope => 'user')$q$);
    RETURN NEXT 'rotate: ' || t.value($q$connector_rotate_keys()$q$);
    PERFORM set_config('role', 'none', true);
END $$;
SELECT r || ' ' || t.matrix(r)
  FROM unnest(ARRAY['regress_alice', 'regress_anna', 'regress_ed', 'regress_vic', 'regress_nobody']) r;
SELECT t.value($$connector_credential_test('m', workspace => 'acme')$$);

\echo # a user credential comes before that of the workspace
SELECT t.try($$SELECT connector_credential_set('own', '{"token": "w-0123456789"}', 'bearer',
    allowed_hosts => ARRAY['shared.example.com'], workspace => 'acme')$$);
SET ROLE regress_ed;
SELECT connector_credential_test('own');
SELECT t.try($$SELECT connector_credential_set('own', '{"token": "e-0123456789"}', 'bearer',
    allowed_hosts => ARRAY['ed.example.com'], scope => 'user')$$);
SELECT connector_credential_test('own');
INSERT INTO connectors (name, config) VALUES ('own', '{"url": "http://127.0.0.1/", "credential": "own"}');
-- Which one is taken is seen from the hosts it is bound to.
SELECT t.try($$SELECT connector_execute('own')$$);
SELECT owner, scope FROM workspace_api_credentials WHERE service_name = 'own' ORDER BY owner;
SET ROLE regress_anna;
SELECT connector_credential_test('own');
SELECT connector_credential_delete('own', scope => 'user');
SET ROLE regress_ed;
SELECT connector_credential_delete('own', scope => 'user');
SELECT connector_credential_test('own');
SELECT connector_credential_delete('own', scope => 'team');
DELETE FROM connectors;
RESET ROLE;
SELECT connector_credential_delete('own', workspace => 'acme');

\echo # a member who leaves takes the credentials along
SET ROLE regress_ed;
SELECT t.try($$SELECT connector_credential_set('own', '{"token": "e-0123456789"}', 'bearer',
    allowed_hosts => ARRAY['ed.example.com'], scope => 'user')$$);
SET ROLE regress_alice;
SELECT connector_remove_member('regress_ed');
SELECT count(*) FROM workspace_api_credentials WHERE owner <> '';
SELECT t.try($$SELECT connector_add_member('regress_ed', 'editor')$$);
SET ROLE regress_ed;
SELECT connector_credential_test('own');
RESET ROLE;

\echo # expired
SELECT t.try($$SELECT connector_credential_set('old', '{"token": "o-0123456789"}', 'bearer',
    allowed_hosts => ARRAY['h.example.com'], expires_at => '2001-01-01', workspace => 'acme')$$);
SELECT t.try($$SELECT connector_credential_set('new', '{"token": "n-0123456789"}', 'bearer',
    allowed_hosts => ARRAY['h.example.com'], expires_at => 'infinity', workspace => 'acme')$$);
SELECT connector_credential_test('old', workspace => 'acme');
SELECT connector_credential_test('new', workspace => 'acme');
SELECT connector_credential_test('none', 'label', 'acme');
SELECT t.try($$SELECT connector_credential_test(NULL, workspace => 'acme')$$);

\echo # ciphertext copied from another row or workspace does not decrypt
SELECT t.try($$SELECT connector_credential_set('stolen', '{"token": "s-0123456789"}', 'bearer',
    allowed_hosts => ARRAY['h.example.com'], workspace => 'globex')$$);
BEGIN;
UPDATE workspace_api_credentials c SET secret = s.secret FROM workspace_api_credentials s
 WHERE c.service_name = 'stolen' AND s.service_name = 'github';
SELECT connector_credential_test('stolen', workspace => 'globex');
ROLLBACK;
SELECT connector_credential_test('stolen', workspace => 'globex');
BEGIN;                          -- another workspace, all else the same
INSERT INTO workspace_api_credentials
SELECT (r).* FROM (SELECT jsonb_populate_record(c, jsonb_build_object('workspace_id', w.id)) AS r
  FROM workspace_api_credentials c, connector_workspaces w
 WHERE c.service_name = 'github' AND w.slug = 'globex') x;
SELECT connector_credential_test('github', workspace => 'globex');
ROLLBACK;
BEGIN;                          -- another name, another id, another key
UPDATE workspace_api_credentials SET service_name = 'renamed' WHERE service_name = 'github';
SELECT connector_credential_test('renamed', workspace => 'acme');
ROLLBACK;
BEGIN;
UPDATE workspace_api_credentials SET id = gen_random_uuid() WHERE service_name = 'github';
SELECT connector_credential_test('github', workspace => 'acme');
ROLLBACK;
BEGIN;
UPDATE workspace_api_credentials SET key_id = 'gone' WHERE service_name = 'github';
SELECT connector_credential_test('github', workspace => 'acme');
SELECT connector_rotate_keys() FROM (SELECT set_config('client_min_messages', 'error', true)) s;
SELECT connector_credential_test('github', workspace => 'acme');
ROLLBACK;
BEGIN;                          -- cut, flipped, empty
UPDATE workspace_api_credentials SET secret = set_byte(secret, 20, get_byte(secret, 20) # 1) WHERE service_name = 'github';
SELECT connector_credential_test('github', workspace => 'acme');
UPDATE workspace_api_credentials SET secret = substr(secret, 1, 20) WHERE service_name = 'github';
SELECT connector_credential_test('github', workspace => 'acme');
UPDATE workspace_api_credentials SET secret = '' WHERE service_name = 'github';
SELECT connector_credential_test('github', workspace => 'acme');
ROLLBACK;
SELECT connector_credential_test('github', workspace => 'acme');

\echo # rotation
SELECT connector_rotate_keys(), connector_rotate_keys(1);
SELECT t.try('SELECT connector_rotate_keys(0)');
SELECT t.try('SELECT connector_rotate_keys(NULL)');
SELECT t.try('SELECT connector_rotate_keys(100001)');

\echo # settings of the server
SET ROLE regress_alice;
SELECT t.try('SHOW connector.key_file');
SELECT t.try('SET connector.key_file = ''/tmp/x''');
RESET ROLE;
SELECT t.try('SET connector.key_file = ''/tmp/x''');
SELECT t.try('SET connector.key_command = ''id''');
DELETE FROM workspace_api_credentials;
