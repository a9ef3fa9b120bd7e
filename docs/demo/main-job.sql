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

\echo '--- 8. Several requests: the second and third use the first and run at the same time'
\echo
INSERT INTO connectors (name, description, config) VALUES
('enrich-contact', 'A contact with its company, and its phone if there is one', '{
    "credential": "phone-api",
    "steps": [
        {"id": "contact", "url": "http://127.0.0.1:8080/contacts/{{input.id}}"},
        {"id": "more", "type": "parallel", "steps": [
            {"id": "company", "url": "http://127.0.0.1:8080/companies/{{contact.company}}",
             "retries": 2, "continue_on_error": true},
            {"id": "phone", "url": "http://127.0.0.1:8080/phones/{{input.phone}}",
             "condition": "{{input.phone}} !== null"}]}],
    "result": {"name": "{{contact.name}}", "employees": "{{company.employees | default(null)}}",
               "carrier": "{{phone.carrier.name | default(\"unknown\")}}"}
}');
SELECT connector_execute('enrich-contact', '{"id": 1, "phone": "+33123456789"}') AS with_phone,
       connector_execute('enrich-contact', '{"id": 4}') AS without;

\echo '--- 9. Many inputs in one statement, up to ten requests at a time, outcomes in order'
\echo
SELECT status, output, error_code
  FROM connector_execute_batch('enrich-phone', ARRAY(
       SELECT jsonb_build_object('phone', number)
         FROM unnest(ARRAY['+14155550123', '+99000000000', '+33123456789']) WITH ORDINALITY AS n(number, place) ORDER BY place));

\echo '--- 10. Queued: a background worker makes the call once this is committed, and the session goes on'
\echo
SELECT connector_execute_async('enrich-phone', '{"phone": "+33123456789"}') AS execution \gset
SELECT status, output FROM connector_await(:'execution');

\echo '--- 11. What is queued and fails for good is kept as a dead letter, to be queued again'
\echo
SELECT connector_execute_async('enrich-phone', '{"phone": "+99000000000"}') AS execution \gset
SELECT status, error_code FROM connector_await(:'execution');
SELECT connector_name, error_code, error_message, attempt FROM connector_dead_letters;
SELECT connector_retry(:'execution') AS execution \gset
SELECT status, error_code FROM connector_await(:'execution');

\echo '--- 12. Services as data: the catalog, and a provider of one''s own; its action is called without a connector'
\echo
SELECT title, cardinality(actions) AS actions, cardinality(streams) AS streams, auth, availability
  FROM connector_catalog WHERE name IN ('github', 'hubspot', 'stripe') ORDER BY name;
SELECT connector_provider_register('{
    "name": "demo-crm", "title": "Demo CRM",
    "base_url": "http://127.0.0.1:8080", "allowed_hosts": ["http://127.0.0.1:8080"],
    "auth": [{"kind": "api_key"}],
    "actions": {"get_contact": {
        "path": "/contacts/{{input.id}}",
        "input_schema": {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}}},
    "streams": {"contacts": {
        "path": "/contacts", "records": "$.data[*]", "primary_key": ["id"],
        "pagination": {"kind": "cursor", "cursor": "$.next_cursor", "parameter": "cursor",
                       "page_size": {"parameter": "limit", "value": 2}}}}
}') AS registered;
SELECT connector_credential_set('demo-crm', '{"api_key": "demo-key-123"}') IS NOT NULL AS stored;
SELECT connector_call('demo-crm', 'get_contact', '{"id": 1}') ->> 'name' AS name;

\echo '--- 13. Its stream as rows, a page at a time'
\echo
SELECT r ->> 'name' AS name, r ->> 'company' AS company FROM connector_fetch('demo-crm', 'contacts') r;
RESET ROLE;
