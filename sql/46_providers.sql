-- Providers: what is refused, who may what, names and aliases, forms, and what credentials take from them.
\pset format unaligned
\pset tuples_only on
\pset null '(null)'

CREATE FUNCTION t.definition(name text, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT quote_literal(jsonb_build_object('name', name, 'title', upper(name), 'base_url', 'https://api.example.com',
        'allowed_hosts', '["api.example.com"]'::jsonb, 'actions', '{"get": {"path": "/"}}'::jsonb) || more) $$;
-- What connector_provider_register gives, all of the problems included.
CREATE FUNCTION t.register(name text, more jsonb DEFAULT '{}', args text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT t.try(format('SELECT connector_provider_register(%s%s)', t.definition(name, more), args)) $$;
-- The title of what a name leads to.
CREATE FUNCTION t.title(name text) RETURNS text LANGUAGE sql AS $$
    SELECT t.value(format('connector_provider_form(%L) ->> ''title''', name)) $$;
SELECT id AS acme FROM connector_workspaces WHERE slug = 'acme' \gset

\echo # what is refused
SET ROLE regress_alice;
SELECT t.try('SELECT connector_provider_register(NULL)');
SELECT t.try('SELECT connector_provider_register(''null'')');
SELECT t.try('SELECT connector_provider_register(''[]'')');
SELECT t.try('SELECT connector_provider_register(''{}'')');
SELECT t.register('p', '{"colour": 1, "availability": "stable", "aliases": ["p"], "allowed_hosts": ["*"],
    "actions": {"get": {"path": "/{{input.x | nofilter}}", "output": "$.((", "input_schema": {"type": "thing"}},
                "post": {"path": "/", "method": "POST", "headers": {"x-api-key": "abc123def456"}, "error_rules": [{"status": 1}]}},
    "test": {"action": "none"}, "auth": [{"kind": "api_key", "parameters": {"in": "cookie"}}]}');
SELECT t.try(format('SELECT connector_provider_register(jsonb_build_object(''x'', repeat(''x'', %s)))', 9 * 1024 * 1024));
SELECT t.register('p', '{}', ', official => true');
SELECT t.register('p', '{}', ', ''acme'', true');
SELECT t.register('p', '{}', ', ''globex''');
SELECT t.register('p', '{}', ', ''nowhere''');
SELECT t.try('SELECT connector_provider_remove(NULL)');
SELECT t.try('SELECT connector_provider_remove(''p'', official => true)');
SELECT t.try('SELECT connector_provider_remove(''p'', ''globex'')');
SELECT t.value('connector_provider_remove(''p'')');
SELECT t.try('SELECT connector_catalog_load()');
SELECT t.title(NULL);
SELECT t.title('p');
SELECT count(*) FROM connector_providers WHERE NOT builtin;

\echo # who may register: admins of the workspace
SET ROLE regress_vic;
SELECT t.register('p');
SET ROLE regress_ed;
SELECT t.register('p');
SELECT t.value('connector_provider_remove(''p'')');
SET ROLE regress_nobody;
SELECT t.register('p');
SET ROLE regress_anna;
SELECT t.register('p', '{"version": 3, "category": "test", "aliases": ["pp", "ppp"]}');
SELECT name, title, category, availability, version, aliases, builtin, created_by, workspace_id = :'acme' FROM connector_providers WHERE NOT builtin;
-- The same once more changes nothing.
SELECT xmin AS before FROM connector_providers WHERE name = 'p' \gset
SELECT t.register('p', '{"version": 3, "category": "test", "aliases": ["pp", "ppp"]}');
SELECT xmin = :'before' FROM connector_providers WHERE name = 'p';
SELECT t.register('p', '{"version": 4, "aliases": ["pp"]}');
SELECT version, category FROM connector_providers WHERE name = 'p';

\echo # no name or alias twice
SELECT t.title('p'), t.title('pp'), t.title('ppp');
SELECT t.register('pp');
SELECT t.register('q', '{"aliases": ["p"]}');
SELECT t.register('q', '{"aliases": ["x", "pp"]}');
SELECT t.register('q', '{"aliases": ["x"]}');

\echo # others see none of it, and may have the same names
SET ROLE regress_vic;
SELECT t.title('p');
SELECT name, actions, streams, triggers, auth FROM connector_catalog WHERE NOT builtin ORDER BY name;
SET ROLE regress_bob;
SELECT t.title('p');
SELECT count(*) FROM connector_catalog WHERE NOT builtin;
SELECT t.register('p', '{"title": "Bob''s"}');
SELECT t.title('p');
SELECT t.try('UPDATE connector_providers SET title = ''x''');
SELECT t.try('DELETE FROM connector_providers');
SET ROLE regress_alice;
SELECT t.title('p');

\echo # official ones: who may; those of the workspace go before them
RESET ROLE;
INSERT INTO connector_admins (kind, member, role) VALUES ('role', 'regress_nobody', 'developer');
SET ROLE regress_nobody;
SELECT t.register('p', '{"title": "Everybody''s"}', ', official => true');
RESET ROLE;
UPDATE connector_admins SET role = 'admin';
SET ROLE regress_nobody;
SELECT t.register('p', '{"title": "Everybody''s"}', ', official => true');
SELECT t.register('r', '{"title": "Another''s", "base_url": "http://api.example.com", "allowed_hosts": ["http://api.example.com"]}', ', official => true');
SELECT t.register('r', '{"title": "Another''s", "aliases": ["pp"]}', ', official => true');
SELECT t.title('p');
SET ROLE regress_alice;
SELECT t.title('p'), t.title('pp'), t.title('r');
SELECT t.value('connector_provider_remove(''p'')');
SELECT t.title('p'), t.title('pp');
-- One that is disabled hides the official one of its name.
SELECT t.register('p', '{"availability": "disabled"}');
SELECT t.title('p'), t.title('pp');
SELECT t.value('connector_provider_remove(''p'')');
SELECT t.value('connector_provider_remove(''r'')');
SET ROLE regress_bob;
SELECT t.title('p');

\echo # a change is seen when its transaction commits, and not when it does not
SET ROLE regress_alice;
BEGIN;
SELECT t.register('p', '{"title": "For a moment"}');
SELECT t.title('p');
ROLLBACK;
SELECT t.title('p');

\echo # forms
SELECT t.register('f', '{"parameters": {"type": "object", "properties": {"subdomain": {"type": "string", "pattern": "^[a-z]+$"}},
    "required": ["subdomain"]}, "base_url": "https://{subdomain}.example.com", "allowed_hosts": ["{subdomain}.example.com", "*.cdn.example.com"],
  "auth": [{"kind": "oauth2", "grant": "authorization_code", "authorize_url": "https://{subdomain}.example.com/a",
            "token_url": "https://{subdomain}.example.com/t", "scopes": {"read": "Read all", "write": "Change all"}, "default_scopes": ["read"]},
           {"kind": "bearer", "title": "Personal token", "fields": {"token": {"title": "Your token", "description": "From the settings."}}},
           {"kind": "api_key", "parameters": {"in": "query", "name": "key"}},
           {"kind": "basic", "fields": {"otp": {"title": "One-time password", "optional": true}}}, {"kind": "none"}]}');
SELECT jsonb_pretty(connector_provider_form('f'));
SELECT value, connector_json_is_valid(connector_provider_form('f'), value::jsonb) FROM (VALUES
    (1, '{"kind": "bearer", "secret": {"token": "x"}, "parameters": {"subdomain": "acme"}}'),
    (2, '{"kind": "bearer", "secret": {}, "parameters": {"subdomain": "acme"}}'),
    (3, '{"kind": "bearer", "secret": {"token": "x"}}'),
    (4, '{"kind": "digest", "secret": {"token": "x"}, "parameters": {"subdomain": "acme"}}'),
    (5, '{"kind": "none", "parameters": {"subdomain": "Acme"}}'),
    (6, '{"kind": "none", "parameters": {"subdomain": "acme"}}')) v(n, value) ORDER BY n;

\echo # credentials: kind, parameters and hosts of the provider
CREATE FUNCTION pg_temp.set(args text) RETURNS text LANGUAGE sql AS $$
    SELECT t.try(format('SELECT connector_credential_set(%s)', args)) $$;
SELECT n, pg_temp.set(args) FROM (VALUES
    (1, $$'f', '{"token": "t"}'$$), (2, $$'f', '{"token": "t"}', parameters => '{"subdomain": "No!", "x": 1}'$$),
    (3, $$'f', '{"token": "t"}', parameters => '{"subdomain": 1}'$$), (4, $$'f', '{"token": "t"}', parameters => '[]'$$),
    (5, $$'f', '{"token": "t"}', 'bearer', '{}', ARRAY['api.example.com']$$),
    (6, $$'f', '{"token": "t"}', parameters => '{"subdomain": "acme"}', allowed_hosts => '{}'$$)) v(n, args) ORDER BY n;
SELECT count(*) FROM workspace_api_credentials WHERE service_name = 'f';
SELECT n, pg_temp.set(args) FROM (VALUES
    (1, $$'f', '{"token": "t"}', parameters => '{"subdomain": "acme"}', label => 'a'$$),
    (2, $$'f', '{"api_key": "t"}', parameters => '{"subdomain": "acme", "region": "eu"}', label => 'b'$$),
    (3, $$'f', '{"api_key": "t"}', parameters => '{"subdomain": "acme", "name": "other"}', label => 'c'$$),
    (4, $$'f', '{"username": "u", "password": "t"}', 'basic', '{"subdomain": "acme"}', ARRAY['elsewhere.example.com'], 'd'$$)) v(n, args) ORDER BY n;
SELECT label, auth_kind, parameters, allowed_hosts FROM workspace_api_credentials WHERE service_name = 'f' ORDER BY label;
-- Under an alias it is stored for the provider, unless all is given or it is there already.
SELECT t.register('g', '{"aliases": ["gg"], "auth": [{"kind": "bearer"}]}');
SELECT pg_temp.set($$'gg', '{"token": "t"}', 'bearer', allowed_hosts => ARRAY['api.example.com'], label => 'a'$$);
SELECT pg_temp.set($$'gg', '{"token": "t"}'$$);
SELECT pg_temp.set($$'gg', '{"token": "t"}', label => 'a'$$);
SELECT service_name, label, auth_kind, allowed_hosts FROM workspace_api_credentials WHERE service_name LIKE 'g%' ORDER BY 1, 2;
-- No hosts without the parameters that are in them.
SELECT t.register('h', '{"base_url": "{instance_url}", "allowed_hosts": ["{instance_url}"], "auth": [{"kind": "bearer"},
    {"kind": "oauth2", "grant": "client_credentials", "token_url": "https://login.example.com/t", "parameters": {"instance_url": "$.instance_url"}}]}');
SELECT pg_temp.set($$'h', '{"token": "t"}'$$);
SELECT pg_temp.set($$'h', '{"token": "t"}', parameters => '{"instance_url": "http://x.example.com"}'$$);
SELECT pg_temp.set($$'h', '{"token": "t"}', parameters => '{"instance_url": "https://x.example.com/path"}'$$);
SELECT allowed_hosts FROM workspace_api_credentials WHERE service_name = 'h';

-- What fits nothing is refused with what would, whatever kind the form asks for.
SELECT pg_temp.set($$'g', '{"key": "t"}'$$);
SELECT t.register('i', '{"auth": [{"kind": "oauth2", "grant": "client_credentials", "token_url": "https://login.example.com/t"}]}');
SELECT pg_temp.set($$'i', '{"client_id": "a", "client_secret": "b"}', label => 'b'$$);
SELECT pg_temp.set($$'i', '{"client_id": "a", "client_secret": "b"}', 'oauth2'$$);

\echo # the workspace in which a definition is checked, of a superuser, too
SELECT * FROM connector_check('{"use": "g.get"}');
RESET ROLE;
SELECT * FROM connector_check('{"use": "g.get"}');
SET connector.workspace = 'acme';
SELECT * FROM connector_check('{"use": "g.get"}');
RESET connector.workspace;
SET ROLE regress_alice;

\echo # who uses what is removed
SELECT t.register('j', '{"actions": {"get": {"path": "/"}}}');
INSERT INTO connectors (name, config) VALUES ('uses-j', '{"steps": [{"id": "a", "use": "j.get"}]}'), ('uses-g', '{"use": "g.get"}');
SELECT connector_provider_remove('j');
SELECT t.register('j');
SELECT connector_set_enabled('{uses-j}', false);
SELECT connector_provider_remove('j');
SELECT connector_delete('uses-j'), connector_delete('uses-g');

\echo # the log
SELECT actor, action, object_name, detail FROM connector_audit_log WHERE object_type = 'provider' ORDER BY id;
RESET ROLE;
SELECT w.slug, actor, action, object_name, detail FROM connector_audit_log l LEFT JOIN connector_workspaces w ON w.id = l.workspace_id
 WHERE object_type = 'provider' AND w.slug IS DISTINCT FROM 'acme' ORDER BY l.id;

\echo # a workspace takes its providers along
SELECT connector_create_workspace('gone') IS NOT NULL;
SELECT t.register('p', '{}', ', ''gone''');
DELETE FROM connector_workspaces WHERE slug = 'gone';
SELECT w.slug, p.name FROM connector_providers p LEFT JOIN connector_workspaces w ON w.id = p.workspace_id WHERE NOT builtin ORDER BY 1, 2;
DELETE FROM connector_admins;
SELECT connector_provider_remove('p', official => true), connector_provider_remove('r', official => true);
DELETE FROM workspace_api_credentials WHERE service_name IN ('f', 'g', 'gg', 'h');
DELETE FROM connector_providers WHERE NOT builtin;
