-- The main job of connector from an empty database on, as bin/demo shows it.  Needs bin/example-service on
-- 127.0.0.1:8080 (bin/demo puts the port in that it uses) and connector.allowed_networks with 127.0.0.0/8.

\echo
\echo '--- 1. The database administrator: the extension, a role, a workspace for it'
\echo
CREATE EXTENSION connector;
SELECT connector_maintain();
CREATE ROLE alice LOGIN;
SELECT connector_create_workspace('acme', 'Acme Inc.', owner => 'alice');

\echo '--- 2. Alice stores the key of an API; it goes to this host only, and is encrypted at rest'
\echo
SET ROLE alice;
SELECT connector_credential_set('phone-api', '{"api_key": "demo-key-123"}',
    kind          => 'api_key',
    parameters    => '{"in": "header", "name": "X-Api-Key"}',
    allowed_hosts => '{http://127.0.0.1:8080}') AS credential;

\echo '--- 3. She saves a connector: one step, a URL with a place for the input, the output to pick'
\echo
INSERT INTO connectors (name, description, config) VALUES
('enrich-phone', 'Kind and carrier of a phone number', '{
    "method": "GET",
    "url": "http://127.0.0.1:8080/phones/{{input.phone}}",
    "credential": "phone-api",
    "output": {"type": "$.type", "carrier": "$.carrier.name"}
}');

\echo
\echo '--- 4. She calls it'
\echo
SELECT jsonb_pretty(connector_execute('enrich-phone', '{"phone": "+14155550123"}')) AS output;

\echo '--- 5. A call that fails, as a row instead of an error'
\echo
SELECT status, error_code, http_status, error_message
  FROM connector_try_execute('enrich-phone', '{"phone": "+99000000000"}');

\echo '--- 6. What was recorded'
\echo
SELECT status, error_code, input_data, output_data, execution_time_ms AS ms
  FROM connector_executions ORDER BY created_at;

\echo '--- 7. And counted, exactly'
\echo
SELECT name, total_executions AS total, successful_executions AS ok, failed_executions AS failed
  FROM connector_stats();
RESET ROLE;
