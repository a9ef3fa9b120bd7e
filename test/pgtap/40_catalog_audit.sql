-- The audit of providers: a definition nothing is wrong with, and each way to make it worse; the built-in catalog.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only on
\set ON_ERROR_STOP 1
BEGIN;
SELECT * FROM no_plan();
CREATE SCHEMA tap;

CREATE FUNCTION tap.good() RETURNS jsonb LANGUAGE sql AS $$ SELECT '{
  "name": "parcels", "title": "Parcels", "description": "Parcels and where they are.", "availability": "stable", "wave": 1,
  "documentation": "https://parcels.io/docs", "base_url": "https://{company}.parcels.io/v1", "allowed_hosts": ["*.parcels.io"],
  "parameters": {"type": "object", "properties": {"company": {"type": "string", "examples": ["acme"]}}, "required": ["company"]},
  "auth": [
    {"kind": "oauth2", "grant": "authorization_code", "authorize_url": "https://parcels.io/authorize",
     "token_url": "https://parcels.io/token", "scopes": {"read": "Read", "write": "Write", "offline_access": "Go on"}, "default_scopes": ["read", "offline_access"]},
    {"kind": "bearer"}],
  "test": {"action": "get_me", "input": {}},
  "rate_limit": {"requests_per_minute": 60},
  "error_rules": [{"status": 401, "code": "auth_failed", "action": "refresh_token_then_retry"}],
  "pagination": {"kind": "cursor", "cursor": "$.next", "parameter": "after"},
  "actions": {
    "get_me": {"path": "/me", "input_schema": {"type": "object"}, "documentation": "https://parcels.io/docs/me", "evidence": "contract"},
    "a1": {"path": "/1", "input_schema": {"type": "object"}, "documentation": "https://parcels.io/docs/1", "evidence": "contract"},
    "a2": {"path": "/2", "input_schema": {"type": "object"}, "documentation": "https://parcels.io/docs/2", "evidence": "contract"},
    "a3": {"path": "/3", "input_schema": {"type": "object"}, "documentation": "https://parcels.io/docs/3", "evidence": "contract"},
    "a4": {"path": "/4", "input_schema": {"type": "object"}, "documentation": "https://parcels.io/docs/4", "evidence": "contract"},
    "a5": {"path": "/5", "method": "POST", "scopes": ["write"], "input_schema": {"type": "object"},
           "documentation": "https://parcels.io/docs/5", "evidence": "contract"}},
  "streams": {
    "parcels": {"path": "/parcels", "query": [{"name": "since", "input": "since", "optional": true}], "scopes": ["read"],
      "input_schema": {"type": "object", "properties": {"since": {"type": "string"}}}, "records": "$.items[*]",
      "primary_key": ["id"], "cursor_field": "updated_at", "incremental": {"input": "since", "format": "iso8601"},
      "documentation": "https://parcels.io/docs/parcels", "evidence": "contract"}},
  "triggers": {"new_parcel": {"type": "poll", "stream": "parcels", "interval": 300}, "moved": {"type": "webhook", "events": ["moved"]}},
  "webhook": {"signature": {"scheme": "hmac"}, "events": ["moved"]},
  "evidence": {"contract": ["parcels.json"]}
}'::jsonb $$;
-- The same, which nobody promises anything about.
CREATE FUNCTION tap.trial() RETURNS jsonb LANGUAGE sql AS $$ SELECT tap.good() || '{"availability": "experimental"}' $$;

CREATE FUNCTION tap.findings(definition jsonb, official boolean DEFAULT true) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', severity, topic, finding), E'\n') FROM connector_audit_definition(definition, official)
$$;

SELECT is(tap.findings(tap.good()), NULL, 'nothing is wrong with the good one');
SELECT is(tap.findings(tap.good(), false), NULL, 'nor as one of a workspace');
SELECT is(tap.findings(tap.trial()), NULL, 'nor if it is experimental');
SELECT is_empty($$SELECT FROM connector_audit_definition(NULL)$$, 'null has no findings');

-- What is no provider at all has them, and does not raise.
SELECT cmp_ok((SELECT count(*)::int FROM connector_audit_definition(d) WHERE severity = 'error' AND topic = 'malformed'), '>=', 1, 'malformed: ' || left(d::text, 60))
  FROM (VALUES ('null'::jsonb), ('1'), ('"x"'), ('[]'), ('[{"actions": {}}]'), ('{}'),
        (tap.good() || '{"actions": [], "streams": 1, "triggers": "x", "auth": {}, "allowed_hosts": "x", "evidence": [], "rate_limit": 3}'),
        (tap.good() || '{"actions": {"x": null, "y": [], "z": "z"}, "streams": {"s": {"pagination": "x", "primary_key": 1, "scopes": {}}}}'),
        (tap.good() || '{"auth": [null, 1, {"scopes": [], "default_scopes": {"a": 1}, "login": 1}], "webhook": 1, "test": [], "error_rules": 1}'),
        (tap.good() || '{"pagination": [], "parameters": 1, "triggers": {"t": 1, "u": {"type": null}}, "wave": {}, "availability": 1}')) v(d);

SELECT is(tap.findings(definition), expected, name) FROM (VALUES
    ('every problem of the check is an error', tap.good() || '{"title": "", "colour": "red"}',
     E'error malformed $.colour: this property is not allowed\nerror malformed $.title: has 0 characters, has to have at least 1'),
    ('stable without evidence', tap.good() || '{"evidence": {"contract": []}}',
     'error malformed $.availability: stable needs evidence of contract tests in "evidence"'),
    ('experimental without evidence', tap.trial() #- '{evidence}' #- '{actions,a1,evidence}',
     'info contract $.evidence: nothing was tested against the service''s own description'),
    ('stable, and some is not tested', tap.good() #- '{actions,a1,evidence}' #- '{streams,parcels,evidence}',
     'error contract $: 2 of 7 actions and streams have no contract evidence'),
    ('experimental, and some is not tested', jsonb_set(tap.trial(), '{actions,a1,evidence}', '"documentation"'),
     'info contract $: 1 of 7 actions and streams have no contract evidence'),
    -- what is an error of a stable provider only
    ('stable without test', tap.good() #- '{test}', 'error test $: there is no test'),
    ('without test', tap.trial() #- '{test}', 'warning test $: there is no test'),
    ('stable without documentation', tap.good() #- '{documentation}', 'error documentation $: there is no link to the service''s documentation'),
    ('without documentation', tap.trial() #- '{documentation}', 'warning documentation $: there is no link to the service''s documentation'),
    ('stable without input schema', tap.good() #- '{actions,a1,input_schema}', 'error input_schema $.actions.a1: there is no input schema'),
    ('without input schema', tap.trial() #- '{actions,a1,input_schema}' #- '{actions,a2,input_schema}',
     E'warning input_schema $.actions.a1: there is no input schema\nwarning input_schema $.actions.a2: there is no input schema'),
    ('without error rules', jsonb_set(jsonb_set(tap.trial(), '{actions,a1,error_rules}', '[{"status": 404, "code": "not_found"}]'), '{error_rules}', '[]')
         #- '{actions,a2}' #- '{actions,a3}' #- '{actions,a4}' #- '{actions,a5}' #- '{auth,0}' #- '{streams,parcels,scopes}' #- '{wave}',
     E'warning error_rules $.actions.get_me: there is no error rule, neither its own nor the provider''s\n'
     'warning error_rules $.streams.parcels: there is no error rule, neither its own nor the provider''s'),
    -- the rest
    ('no rule renews a token', jsonb_set(tap.good(), '{error_rules}', '[{"status": 404, "code": "not_found"}]'),
     'warning renewal $.error_rules: no rule renews a token that was refused'),
    ('a test that writes', jsonb_set(tap.good(), '{test}', '{"action": "a5"}'), 'info test $.test: its action may change something'),
    ('a test that looks so', jsonb_set(jsonb_set(tap.good(), '{test}', '{"action": "a5"}'), '{actions,a5,idempotent}', 'true'), NULL),
    ('no description', tap.good() #- '{description}', 'info description $: there is no description'),
    ('no authentication', jsonb_set(tap.good(), '{auth}', '[]'), 'info auth $: there is no way to authenticate'),
    ('no rate limit', tap.good() #- '{rate_limit}', 'warning rate_limit $: there is no rate limit'),
    ('a rate limit that limits nothing', jsonb_set(tap.good(), '{rate_limit}', '{"note": "none is known"}'), 'warning rate_limit $: there is no rate limit'),
    ('a rate limit by headers', jsonb_set(tap.good(), '{rate_limit}', '{"budget": {"remaining": "x-left"}}'), NULL),
    ('no signature', tap.good() #- '{webhook,signature}', 'warning webhook_signature $.webhook: its events are not signed'),
    ('a trigger, and no webhook', tap.good() #- '{webhook}', 'warning webhook_signature $.webhook: its events are not signed'),
    ('no webhooks at all', tap.good() #- '{webhook}' #- '{triggers,moved}', NULL),
    ('an action without documentation', tap.good() #- '{actions,a1,documentation}',
     'info documentation $.actions.a1: there is no link to its documentation'),
    ('no primary key', jsonb_set(tap.good() #- '{streams,parcels,primary_key}', '{triggers,new_parcel,dedupe}', '["id"]'),
     'warning primary_key $.streams.parcels: there is no primary key'),
    ('no paging', tap.good() #- '{pagination}', 'warning pagination $.streams.parcels: only its first page is read'),
    ('one page, as it says', jsonb_set(tap.good(), '{streams,parcels,pagination}', 'null'), NULL),
    ('guessed paging of all', jsonb_set(tap.good(), '{pagination,guess}', 'true'), 'warning guess $.streams.parcels: how it is paged is a guess'),
    ('changed in one', jsonb_set(jsonb_set(tap.good(), '{pagination,guess}', 'true'), '{streams,parcels,pagination}', '{"parameter": "since"}'),
     'warning guess $.streams.parcels: how it is paged is a guess'),
    ('but known of one', jsonb_set(jsonb_set(tap.good(), '{pagination,guess}', 'true'), '{streams,parcels,pagination}',
     '{"kind": "cursor", "cursor": "$.next", "parameter": "after"}'), NULL),
    ('a guess', jsonb_set(tap.trial(), '{actions,a1,evidence}', '"guess"'),
     E'warning guess $.actions.a1: it is a guess\ninfo contract $: 1 of 7 actions and streams have no contract evidence'),
    ('a scope nobody declares', jsonb_set(tap.good(), '{actions,a1,scopes}', '["admin"]'),
     'warning scopes $.actions.a1: no kind of authentication declares the scope "admin"'),
    ('no kind declares scopes', jsonb_set(tap.good(), '{actions,a1,scopes}', '["admin"]') #- '{auth,0}', NULL),
    ('a scope nobody needs', jsonb_set(tap.good(), '{auth,0,default_scopes}', '["read", "write"]') #- '{actions,a5,scopes}',
     'info scopes $.auth[0].default_scopes: no action or stream asks for "write"'),
    -- coverage
    ('five actions', tap.good() #- '{actions,a5}', 'warning actions $.actions: there are 5, where wave 1 asks for 6 at least'),
    ('five actions of no wave', tap.good() #- '{actions,a5}' #- '{wave}', NULL),
    ('no incremental stream', tap.good() #- '{streams,parcels,incremental}', 'warning incremental_stream $.streams: none is incremental, which wave 1 asks for'),
    ('no cursor field', tap.good() #- '{streams,parcels,cursor_field}' #- '{streams,parcels,incremental}',
     'warning incremental_stream $.streams: none is incremental, which wave 1 asks for'),
    ('no polling trigger', tap.good() #- '{triggers,new_parcel}', 'warning polling_trigger $.triggers: none polls, which wave 1 asks for'),
    ('no trigger', tap.good() #- '{triggers}' #- '{webhook}', 'warning polling_trigger $.triggers: none polls, which wave 1 asks for')
  ) v(name, definition, expected);

-- Placeholders, wherever somebody is sent.
SELECT is(tap.findings(jsonb_set(tap.good(), path, to_jsonb(url)), false), format('error placeholder %s: "%s" is a placeholder', place, url), url)
  FROM (VALUES
    ('{documentation}'::text[], '$.documentation', 'https://example.com/docs'), ('{documentation}', '$.documentation', 'https://docs.example.org'),
    ('{documentation}', '$.documentation', 'https://api.service.test:8443/'), ('{documentation}', '$.documentation', 'https://service.invalid'),
    ('{documentation}', '$.documentation', 'https://parcels.io/TODO'), ('{documentation}', '$.documentation', 'https://<host>/docs'),
    ('{allowed_hosts,1}', '$.allowed_hosts[1]', 'your-domain.parcels.io'), ('{allowed_hosts,1}', '$.allowed_hosts[1]', '*.example.net'),
    ('{auth,0,authorize_url}', '$.auth[0].authorize_url', 'https://yourcompany.parcels.io/authorize'),
    ('{auth,0,token_url}', '$.auth[0].token_url', 'https://login.example.com/token'),
    ('{auth,1,documentation}', '$.auth[1].documentation', 'https://www.example.com'),
    ('{actions,a1,documentation}', '$.actions.a1.documentation', 'https://your_subdomain.parcels.io/'),
    ('{actions,a1,path}', '$.actions.a1.path', '/things/<id>'), ('{streams,parcels,path}', '$.streams.parcels.path', '/FIXME')
  ) v(path, place, url);
SELECT is(tap.findings(jsonb_set(tap.good(), '{documentation}', to_jsonb(url))), NULL, 'no placeholder: ' || url) FROM unnest(ARRAY[
    'https://parcels.io/docs/your-company', 'https://parcels.io/example.com', 'https://notexample.com/', 'https://example.community/',
    'https://latest.parcels.io/', 'https://parcels.io/todo', 'https://my.parcels.io/', 'https://parcels.io/?u=http://localhost']) url;
-- The machine itself may be meant by whoever runs it.
SELECT is(tap.findings(jsonb_set(tap.good(), '{documentation}', to_jsonb(url)), official), severity || ' placeholder $.documentation: "' || url || '" is a placeholder',
          url || ', official: ' || official)
  FROM (VALUES ('http://localhost:8080/'), ('http://127.0.0.1/'), ('http://[::1]:8080/'), ('https://app.localhost')) u(url),
       (VALUES (true, 'error'), (false, 'warning')) o(official, severity);

-- The page about it: judged if it is given.
SELECT is((SELECT string_agg(concat_ws(' ', severity, topic, finding), E'\n') FROM connector_audit_definition(tap.good() || more, true, page)), expected, name)
  FROM (VALUES
    ('{}'::jsonb, NULL::text, NULL::text, 'no page is judged'),
    ('{}', '', 'error page $: there is no page about it', 'no page of a stable one'),
    ('{"availability": "experimental"}', '', 'warning page $: there is no page about it', 'no page of another'),
    ('{}', 'get_me, `a1` and (a2), a3; a4 has no a50; parcels, moved, new_parcel',
     'error page $.actions.a5: the page about the provider does not mention it', 'a page without an action'),
    ('{"wave": 2}', 'get_me a1 a2 a3 a4 a5 new_parcel',
     E'error page $.streams.parcels: the page about the provider does not mention it\nerror page $.triggers.moved: the page about the provider does not mention it',
     'nor a stream and a trigger'),
    ('{}', 'get_me a1 a2 a3 a4 a5 new_parcel parcels moved', NULL, 'a page with all')) v(more, page, expected, name);
SELECT is((SELECT count(*)::int FROM connector_audit_definition(tap.good() || '{"actions": {"a(*": {}, "": {}, "\\": {}, "a.b": {}}}', true, 'axb') WHERE topic = 'page'), 7,
          'odd names are only looked for');

-- The built-in catalog.
SELECT cmp_ok((SELECT count(*)::int FROM connector_providers WHERE builtin), '>=', 18, 'there is a catalog');
SELECT is((SELECT string_agg(concat_ws(' ', provider, finding), E'\n') FROM connector_audit() WHERE severity = 'error'), NULL, 'no provider of it has an error');
SELECT results_eq('SELECT provider, finding FROM connector_audit()',
                  $$SELECT p.name, f.finding FROM connector_providers p, connector_audit_definition(p.definition, true) WITH ORDINALITY f
                     ORDER BY p.name COLLATE "C", ordinality$$, 'connector_audit() is the audit of each');

-- One in a bad state, as an earlier version may have left it; and who sees what.
CREATE ROLE tap_a;
CREATE ROLE tap_b;
SELECT connector_create_workspace('tap-a', owner => 'tap_a') AS a \gset
SELECT connector_create_workspace('tap-b', owner => 'tap_b') \g /dev/null
INSERT INTO connector_providers (workspace_id, name, title, definition, aliases)
VALUES (:'a', 'parcels', 'Parcels', tap.trial() #- '{test}', '{boxes}');
INSERT INTO connector_providers (name, title, availability, definition)
VALUES ('old', 'Old', 'stable', (tap.good() #- '{test}') || '{"name": "old", "wave": 7}'), ('older', 'Older', 'disabled', '{"name": "older", "actions": 3}');
SET LOCAL ROLE tap_a;
SELECT results_eq($$SELECT provider, severity, finding FROM connector_audit('parcels')$$, $$VALUES ('parcels', 'warning', '$: there is no test')$$, 'one''s own, by name');
SELECT results_eq($$SELECT provider FROM connector_audit('boxes')$$, $$VALUES ('parcels')$$, 'or alias');
SELECT ok(EXISTS (SELECT FROM connector_audit() WHERE provider = 'parcels'), 'and among all');
SELECT throws_ok($$SELECT * FROM connector_audit('nobody')$$, '42704', 'provider "nobody" does not exist', 'an unknown one');
SELECT throws_ok($$SELECT * FROM connector_audit('')$$, '42704', 'provider "" does not exist', 'an empty name');
SET LOCAL ROLE tap_b;
SELECT throws_ok($$SELECT * FROM connector_audit('parcels')$$, '42704', 'provider "parcels" does not exist', 'another workspace''s is unknown');
SELECT ok(NOT EXISTS (SELECT FROM connector_audit() WHERE provider = 'parcels'), 'and not among all');
SELECT results_eq($$SELECT severity, finding FROM connector_audit('old')$$, $$VALUES ('error', '$: there is no test')$$, 'official ones are everybody''s');

-- The report.
SELECT results_eq($$SELECT * FROM connector_catalog_report() WHERE provider LIKE 'old%'$$, $$VALUES
    (7, 'old', 'stable', 6, 1, 2, '{oauth2,bearer}'::text[], true, '{test}'::text[]),
    (NULL, 'older', 'disabled', 0, 0, 0, '{}', false, '{contract,documentation,malformed,rate_limit,test}')$$, 'a row a provider, and what it lacks');
SELECT results_eq($$SELECT * FROM connector_catalog_summary() WHERE wave = 7 OR wave IS NULL$$, $$VALUES
    (7, 1, 1, 0, 0, 1, 6, 1, 2, '{"test": ["old"]}'::jsonb),
    (NULL, 1, 0, 0, 1, 0, 0, 0, 0, '{"test": ["older"], "contract": ["older"], "malformed": ["older"], "rate_limit": ["older"], "documentation": ["older"]}')$$,
    'and a row a wave');
SELECT results_eq('SELECT provider FROM connector_catalog_report()', $$SELECT name FROM connector_providers WHERE workspace_id = '00000000-0000-0000-0000-000000000000'
    ORDER BY (definition ->> 'wave')::int NULLS LAST, name COLLATE "C"$$, 'of the official catalog, wave by wave');
SELECT is((SELECT sum(providers) FROM connector_catalog_summary()), (SELECT count(*) FROM connector_catalog_report()), 'nobody is left out of the sums');

SELECT * FROM finish();
ROLLBACK;
