-- Limits of calls, as far as it goes without a network: who sets them, what is refused, what the views say.
\pset format unaligned
\pset tuples_only on
SET connector.allowed_networks = '';

\echo # who may write api_rate_limits
SET ROLE regress_ed;
SELECT t.try($$INSERT INTO api_rate_limits (service_name, requests_per_minute) VALUES ('crm', 60)$$);
SET ROLE regress_vic;
SELECT t.try($$INSERT INTO api_rate_limits (service_name, requests_per_minute) VALUES ('crm', 60)$$);
SET ROLE regress_nobody;
SELECT t.try($$INSERT INTO api_rate_limits (service_name, requests_per_minute) VALUES ('crm', 60)$$);
SET ROLE regress_anna;
SELECT t.try($$INSERT INTO api_rate_limits (service_name, requests_per_minute) VALUES ('crm', 60)$$);
SELECT t.try($$INSERT INTO api_rate_limits (service_name, requests_per_minute) VALUES ('crm', 70)$$);

\echo # what a row may hold
SELECT n, split_part(t.try(format('INSERT INTO api_rate_limits (service_name, requests_per_minute, requests_per_hour, concurrency) VALUES (%L, %s)', name, rest)), E'\n', 1)
  FROM (VALUES (1, '', '1, 1, 1'), (2, 'a b', '1, 1, 1'), (3, '-a', '1, 1, 1'), (4, NULL, '1, 1, 1'), (5, repeat('a', 261), '1, 1, 1'),
    (6, 'https://h', '1, 1, 1'), (7, 's', '0, 1, 1'), (8, 's', '1, -1, 1'), (9, 's', '1, 1, 0'), (10, 's', '1000001, NULL, NULL'),
    (11, 's', '1, NULL, NULL'), (12, 'api.example.com:8443', 'NULL, 1000000, NULL'), (13, '[::1]:8080', 'NULL, NULL, 1000000'),
    (14, repeat('a', 260), 'NULL, NULL, NULL')) v(n, name, rest) ORDER BY n;
SELECT t.try($$UPDATE api_rate_limits SET requests_per_hour = 1000, concurrency = 5 WHERE service_name = 'crm'$$);
SELECT t.try($$UPDATE api_rate_limits SET workspace_id = gen_random_uuid()$$);
SELECT t.try($$DELETE FROM api_rate_limits WHERE service_name <> 'crm'$$);
SET ROLE regress_vic;
SELECT service_name, requests_per_minute, requests_per_hour, concurrency FROM api_rate_limits;
SELECT t.try($$DELETE FROM api_rate_limits$$);
SET ROLE regress_bob;
SELECT count(*) FROM api_rate_limits;
SET ROLE regress_alice;
SELECT actor, action, substr(object_name, 1, 20), detail FROM connector_audit_log WHERE object_type = 'rate_limit' ORDER BY id;

\echo # the limit of a connector
SET ROLE regress_ed;
CREATE FUNCTION pg_temp.run(name text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(t.try(format('SELECT connector_execute(%L)', name)), '\d+ s\)', 'N s)') $$;
INSERT INTO connectors (name, config) VALUES
    ('fails', '{"url": "http://127.0.0.1/", "rateLimiting": {"maxRequestsPerHour": 1, "maxRequestsPerMinute": 10, "strategy": "fail"}}'),
    ('waits', '{"url": "http://127.0.0.1/", "deadline_ms": 1000, "rateLimiting": {"maxRequestsPerMinute": 1}}'),
    ('off', '{"url": "http://127.0.0.1/", "rateLimiting": {"enabled": false, "maxRequestsPerMinute": 1}}')
    ON CONFLICT (workspace_id, name) DO UPDATE SET config = excluded.config, enabled = true;
SELECT pg_temp.run(name) FROM unnest(ARRAY['fails', 'fails', 'fails', 'waits', 'waits', 'off', 'off']) WITH ORDINALITY u(name, n) ORDER BY n;
-- Higher limits count at once, and what was used is carried over.
UPDATE connectors SET config = config || '{"rateLimiting": {"maxRequestsPerHour": 20, "strategy": "fail"}}' WHERE name = 'fails';
SELECT pg_temp.run('fails');
SELECT pg_temp.run('fails');

\echo # the limit of a service
SET ROLE regress_anna;
INSERT INTO api_rate_limits (service_name, requests_per_hour) VALUES ('127.0.0.1:99', 1);
SET ROLE regress_ed;
INSERT INTO connectors (name, config) VALUES
    ('first', '{"url": "http://127.0.0.1:99/", "rateLimiting": {"strategy": "fail"}}'),
    ('second', '{"url": "{{input.base | default(\"http://127.0.0.1:99\")}}/x", "deadline_ms": 1000}');
SELECT pg_temp.run(name) FROM unnest(ARRAY['first', 'second', 'first']) WITH ORDINALITY u(name, n) ORDER BY n;
-- A definition that is not saved counts, too.
SELECT error_code FROM connector_test('{"url": "http://127.0.0.1:99/", "rateLimiting": {"strategy": "fail"}}');
-- Without the row nothing is left of it.
SET ROLE regress_anna;
DELETE FROM api_rate_limits WHERE service_name = '127.0.0.1:99';
SET ROLE regress_ed;
SELECT pg_temp.run('second');

\echo # the view, to each what is theirs
SELECT kind, name, requests_per_minute, minute_available, requests_per_hour, hour_available, concurrency, in_flight,
       next_free_at > clock_timestamp() AS later, held_until FROM connector_rate_limit_status ORDER BY kind, name;
SET ROLE regress_vic;
SELECT count(*) > 0 FROM connector_rate_limit_status;
SET ROLE regress_bob;
SELECT count(*) FROM connector_rate_limit_status;
SELECT count(*) FROM connector_circuit_breakers;
SET ROLE regress_nobody;
SELECT count(*) FROM _connector_limits();

\echo # refusals of ours open no breaker, and only admins reset one
SET ROLE regress_ed;
SELECT count(*) FROM connector_circuit_breakers;
SELECT t.try($$SELECT connector_circuit_reset('crm')$$);
SET ROLE regress_anna;
SELECT t.try($$SELECT connector_circuit_reset(NULL)$$);
SELECT t.try($$SELECT connector_circuit_reset('crm', 'globex')$$);
SELECT connector_circuit_reset('crm');
BEGIN READ ONLY;
SELECT t.try($$SELECT connector_circuit_reset('crm')$$);
ROLLBACK;
SELECT actor, action, object_name FROM connector_audit_log WHERE object_type = 'circuit_breaker';
DELETE FROM api_rate_limits;
RESET ROLE;
RESET connector.allowed_networks;
