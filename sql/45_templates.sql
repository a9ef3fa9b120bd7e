-- Templates: what is refused, who may what, publishing, installing, following, rating and curating.
\pset format unaligned
\pset tuples_only on
\pset null '(null)'

CREATE FUNCTION t.publish(args text) RETURNS text LANGUAGE sql AS $$
    SELECT t.try(format('SELECT connector_template_publish(%s)', args)) $$;
CREATE FUNCTION t.install(args text) RETURNS text LANGUAGE sql AS $$
    SELECT t.try(format('SELECT connector_template_install(%s)', args)) $$;

SET ROLE regress_ed;
INSERT INTO connectors (name, description, icon, category, config, input_schema, timeout_ms, max_retries, log_response_data) VALUES
    ('Notify team', 'Posts a message.', 'bell', 'Chat & more', '{"method": "POST", "url": "https://chat.example.com/post",
      "credential": "chat/ops", "headers": {"X-Api-Version": "2024-01-01"}, "body": {"text": "{{input.text}}"}}',
     '{"type": "object"}', 5000, 2, false),
    ('leaky', NULL, NULL, NULL, '{"method": "POST", "url": "https://h.example.com/?api_key=abc", "headers": {"Authorization": "Bearer abc123"},
      "query": {"token": "t"}, "body": {"client_secret": "s", "note": "sk_live_4eC39HqLyjWDarjtT1"}}', NULL, 30000, 0, true),
    ('plain', NULL, NULL, NULL, '{"url": "https://h.example.com/"}', '{"properties": {"k": {"default": "ghp_abcdefghij0123456789"}}}', 30000, 0, true),
    ('two', NULL, NULL, NULL, '{"url": "https://h.example.com/"}', NULL, 30000, 0, true);

\echo # publishing: bad arguments
SELECT n, t.publish(args) FROM (VALUES
    (1, 'NULL'), (2, '''nothing'''), (3, '''00000000-0000-0000-0000-000000000000'''), (4, '''two'', '''''), (5, '''two'', ''Two'''),
    (6, '''two'', ''-two'''), (7, '''two'', ''two_'''), (8, '''two'', repeat(''a'', 64)'), (9, '''two'', title => '''''),
    (10, '''two'', category => ''A b'''), (11, '''two'', tags => ARRAY[NULL]'), (12, '''two'', tags => ARRAY['''']'),
    (13, '''two'', tags => array_fill(''x''::text, ARRAY[21])'), (14, '''two'', tags => ARRAY[repeat(''a'', 64)]'),
    (15, '''two'', workspace => ''globex'''), (16, '''two'', workspace => ''nowhere''')) v(n, args) ORDER BY n;

\echo # literal secrets: every place at once, and never the secret
SELECT t.publish('''leaky''');
SELECT t.publish('''plain''');
SELECT t.publish($$'two', description => 'Use AKIAIOSFODNN7EXAMPLE.'$$);
SELECT t.publish($$'two', title => 'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl'$$);
SELECT count(*) FROM connector_templates WHERE NOT builtin;

\echo # who may publish
SET ROLE regress_vic;
SELECT t.publish('''two''');
SET ROLE regress_nobody;
SELECT t.publish('''two''');

\echo # a template of its connector; labels and secrets stay at home
SET ROLE regress_anna;
SELECT t.try($$SELECT connector_credential_set('chat', '{"api_key": "chat-0123456789"}', parameters => '{"name": "X-Chat", "prefix": "Key ", "team": "red"}',
    label => 'ops', allowed_hosts => ARRAY['chat.example.com', 'internal.example.com'])$$);
SET ROLE regress_ed;
SELECT connector_template_publish('Notify team', tags => '{chat,notify}') AS notify \gset
SELECT name, title, description, category, icon, tags, config, input_schema, timeout_ms, max_retries, log_response_data, requires_credentials,
       version, is_official, is_featured, is_public, status, builtin, install_count, rating, rating_count, published_by, published_at = updated_at
  FROM connector_templates WHERE id = :'notify';
SELECT workspace_id = publisher, workspace_id = connector_current_workspace() FROM connector_templates WHERE id = :'notify';
-- Two credentials of one service are told apart by their labels, which stay then.
INSERT INTO connectors (name, config) VALUES ('labelled', '{"url": "http://127.0.0.1:1/", "credential": {"service": "chat", "label": "ops"}}');
SELECT connector_template_publish('labelled', 'labelled-1', 'One label', 'd', 'chat', is_public => false) IS NOT NULL;
SELECT config, requires_credentials FROM connector_templates WHERE name = 'labelled-1';

\echo # again, under the same name: a new version; what is not said stays
UPDATE connectors SET config = jsonb_set(config, '{body}', '{"text": "{{input.text | trim}}"}') WHERE name = 'Notify team';
SELECT connector_template_publish('Notify team', title => 'Tell the team') = :'notify';
SELECT title, description, category, tags, version, config -> 'body' FROM connector_templates WHERE id = :'notify';
SELECT t.publish('''two'', ''notify-team''');     -- another connector may go on with it
SELECT connector_template_publish('Notify team') = :'notify';
SELECT version FROM connector_templates WHERE id = :'notify';

\echo # nobody writes the table
SELECT t.try(sql) FROM (VALUES (1, 'INSERT INTO connector_templates (id, name, title, config) VALUES (gen_random_uuid(), ''x'', ''x'', ''{"url": "https://h/"}'')'),
    (2, 'UPDATE connector_templates SET is_featured = true'), (3, 'DELETE FROM connector_templates'),
    (4, 'UPDATE connector_template_ratings SET rating = 5'), (5, 'DELETE FROM connector_template_installs'),
    (6, 'SELECT * FROM connector_template_deltas')) v(n, sql) ORDER BY n;
SELECT t.try('SELECT _connector_template_list(NULL, NULL, NULL, NULL, 10, 0, ''{}'', true)');
RESET ROLE;
-- Whoever does it: no secret gets in, and nothing that could not be saved as a connector.
SELECT t.try($$UPDATE connector_templates SET config = '{"url": "https://h/", "headers": {"X-Api-Key": "abc"}}' WHERE name = 'notify-team'$$);
SELECT t.try($$INSERT INTO connector_templates (id, name, title, config) VALUES (gen_random_uuid(), 'x', 'x', '{"url": "https://h/", "bogus": 1}')$$);
SELECT left(t.try($$INSERT INTO connector_templates (id, name, title, config, requires_credentials) VALUES (gen_random_uuid(), 'x', 'x', '{"url": "https://h/"}', '{}')$$), 60);
SELECT t.try('SELECT _connector_template_before_save()');

\echo # installing: bad arguments
SET ROLE regress_bob;
SELECT n, t.install(args) FROM (VALUES
    (1, 'NULL'), (2, '''nothing'''), (3, '''00000000-0000-0000-0000-000000000000'''), (4, '''notify-team'', credentials => ''[]'''),
    (5, '''notify-team'', credentials => ''7'''), (6, '''notify-team'', credentials => ''{"crm": "x"}'''), (7, '''notify-team'', credentials => ''{"chat": 7}'''),
    (8, '''notify-team'', credentials => ''{"chat": "nothing"}'''), (9, '''notify-team'', credentials => ''{"chat": "other/default"}'''),
    (10, '''notify-team'', workspace => ''acme'''), (11, '''labelled-1'''), (12, '''notify-team'''),
    (13, '''notify-team'', credentials => ''{"chat": null}''')) v(n, args) ORDER BY n;

\echo # a new credential: it must be said where it may be sent, and be right
SELECT n, t.install(format('''notify-team'', credentials => %L', c)) FROM (VALUES
    (1, '{"chat": {"api_key": "bob-0123456789"}}'), (2, '{"chat": {"api_key": "bob-0123456789", "allowed_hosts": []}}'),
    (3, '{"chat": {"api_key": "bob-0123456789", "allowed_hosts": "h"}}'), (4, '{"chat": {"api_key": "bob-0123456789", "allowed_hosts": [1]}}'),
    (5, '{"chat": {"api_key": "bob-0123456789", "allowed_hosts": ["https://h/x"]}}'), (6, '{"chat": {"allowed_hosts": ["h"]}}'),
    (7, '{"chat": {"api_key": "k", "kind": 7, "allowed_hosts": ["h"]}}'), (8, '{"chat": {"api_key": "k", "kind": "magic", "allowed_hosts": ["h"]}}'),
    (9, '{"chat": {"api_key": "k", "label": "a b", "allowed_hosts": ["h"]}}'), (10, '{"chat": {"api_key": "k", "parameters": 1, "allowed_hosts": ["h"]}}'),
    (11, '{"chat": {"api_key": "k", "scope": "all", "allowed_hosts": ["h"]}}')) v(n, c) ORDER BY n;
SELECT t.install($$'notify-team', 'bad/name', '{"chat": {"api_key": "bob-0123456789", "allowed_hosts": ["chat.example.com"]}}'$$);
-- Nothing is left of what failed.
SELECT (SELECT count(*) FROM workspace_api_credentials WHERE service_name = 'chat'), (SELECT count(*) FROM connectors), (SELECT count(*) FROM connector_template_installs);

\echo # with a new credential
SELECT connector_template_install('notify-team', credentials => '{"chat": {"api_key": "bob-0123456789", "allowed_hosts": ["chat.example.com"], "label": "mine"}}') AS first \gset
SELECT c.name, c.description, c.icon, c.category, c.config, c.input_schema, c.timeout_ms, c.max_retries, c.log_response_data, c.version, c.created_by,
       c.created_from_template = :'notify', c.created_from_template_version FROM connectors c WHERE id = :'first';
SELECT service_name, label, scope, auth_kind, parameters, allowed_hosts, created_by FROM workspace_api_credentials WHERE service_name = 'chat';
SELECT connector_version, credentials, installed_by FROM connector_template_installs;
SELECT version, changed_by FROM connector_versions WHERE connector_id = :'first';

\echo # with a stored one, by its label or as service/label; a name that is taken
SELECT t.install($$'notify-team', credentials => '{"chat": "mine"}'$$);
SELECT t.install($$'notify-team', 'second', '{"chat": "mine"}'$$);
SELECT t.install($$'notify-team', 'third', '{"chat": "chat/mine"}'$$);
SELECT name, config ->> 'credential' FROM connectors ORDER BY name;
-- What others may use is not replaced.
SELECT t.install($$'notify-team', 'fourth', '{"chat": {"api_key": "x-0123456789", "label": "mine", "allowed_hosts": ["h.example.com"]}}'$$);
SELECT t.install($$'notify-team', 'fourth', '{"chat": {"api_key": "x-0123456789", "label": "mine", "scope": "user", "allowed_hosts": ["h.example.com"]}}'$$);
SELECT label, owner FROM workspace_api_credentials WHERE service_name = 'chat' ORDER BY owner;
-- What is there under the template's own name needs not be said.
SELECT t.try($$SELECT connector_credential_set('chat', '{"api_key": "d-0123456789"}', allowed_hosts => ARRAY['chat.example.com'])$$);
SELECT t.install($$'notify-team', 'fifth'$$);
SELECT config ->> 'credential' FROM connectors WHERE name = 'fifth';
SELECT actor, action, object_name, detail FROM connector_audit_log WHERE object_type = 'template' ORDER BY id;

\echo # who may install, and who may store credentials with it
RESET ROLE;
SELECT t.try(format('SELECT connector_add_member(%L, %L, workspace => %L)', m, r, 'globex')) FROM (VALUES ('regress_team', 'editor')) v(m, r);
SET ROLE regress_team;
SELECT t.install($$'notify-team', 'editor', '{"chat": {"api_key": "e-0123456789", "label": "e", "allowed_hosts": ["h.example.com"]}}'$$);
SELECT t.install($$'notify-team', 'editor', '{"chat": {"api_key": "e-0123456789", "label": "e", "scope": "user", "allowed_hosts": ["h.example.com"]}}'$$);
SELECT created_by FROM connectors WHERE name = 'editor';
SET ROLE regress_vic;
SELECT t.install($$'notify-team', 'viewer'$$);
RESET ROLE;
SELECT t.value($$connector_remove_member('regress_team', workspace => 'globex')$$);

\echo # a newer version
SET ROLE regress_bob;
SELECT connector, template, installed_version, latest_version FROM connector_template_updates();
SET ROLE regress_ed;
UPDATE connectors SET config = config || '{"timeout_ms": 7000}' WHERE name = 'Notify team';
SELECT connector_template_publish('Notify team') = :'notify';
SET ROLE regress_bob;
SELECT connector, connector_id = :'first', template, template_id = :'notify', installed_version, latest_version FROM connector_template_updates()
 WHERE connector IN ('notify-team', 'second');
SELECT count(*) FROM connector_template_updates('globex');
SELECT t.value($$(SELECT count(*) FROM connector_template_updates('acme'))$$);
INSERT INTO connectors (name, config) VALUES ('own', '{"url": "https://h.example.com/"}');
SELECT n, t.value(format('connector_template_upgrade(%s)', args)) FROM (VALUES (1, 'NULL'), (2, '''nothing'''), (3, '''own'''),
    (4, '''own'', force => true'), (5, '''second'', workspace => ''acme''')) v(n, args) ORDER BY n;
SELECT connector_template_upgrade('notify-team');
SELECT name, config, version, created_from_template_version FROM connectors WHERE id = :'first';
SELECT connector_template_upgrade('notify-team');       -- nothing to do
SELECT connector_version, credentials FROM connector_template_installs WHERE connector_id = :'first';
-- Changed here: only by force.
UPDATE connectors SET config = config || '{"timeout_ms": 9000}' WHERE name = 'second';
SELECT t.try($$SELECT connector_template_upgrade('second')$$);
UPDATE connectors SET description = 'only the description' WHERE name = 'third';
SELECT connector_template_upgrade('third');
SELECT connector_template_upgrade('second', force => true);
SELECT config -> 'timeout_ms', description FROM connectors WHERE name IN ('second', 'third') ORDER BY name;
SELECT connector FROM connector_template_updates();
-- A credential more than before.
SET ROLE regress_ed;
UPDATE connectors SET config = jsonb_set(config, '{credential}', '"chat2"') WHERE name = 'Notify team';
SELECT connector_template_publish('Notify team') = :'notify';
SET ROLE regress_bob;
SELECT t.try($$SELECT connector_template_upgrade('second')$$);
SELECT t.try($$SELECT connector_credential_set('chat2', '{"api_key": "d-0123456789"}', allowed_hosts => ARRAY['chat.example.com'])$$);
SELECT connector_template_upgrade('second');
SELECT config ->> 'credential' FROM connectors WHERE name = 'second';

\echo # field mappings are taken over within the workspace, but not from others
SET ROLE regress_ed;
INSERT INTO connectors (name, config, field_mappings) VALUES ('mapped', '{"url": "https://h.example.com/"}',
    '{"table": "people", "key": {"id": "{{input.id}}"}, "set": {"name": "$.name"}}');
SELECT connector_template_publish('mapped') IS NOT NULL, connector_template_install('mapped', 'mapped here') IS NOT NULL;
SELECT name, field_mappings IS NOT NULL FROM connectors WHERE name LIKE 'mapped%' ORDER BY name;
SET ROLE regress_bob;
SELECT connector_template_install('mapped') IS NOT NULL;
SELECT field_mappings FROM connectors WHERE name = 'mapped';
UPDATE connectors SET field_mappings = '{"table": "mine", "key": {"id": "{{input.id}}"}, "set": {"name": "$.name"}}' WHERE name = 'mapped';
SET ROLE regress_ed;
UPDATE connectors SET config = '{"url": "https://h.example.com/2"}' WHERE name = 'mapped';
UPDATE connectors SET field_mappings = NULL WHERE name = 'mapped here';
SELECT connector_template_publish('mapped') IS NOT NULL;
SELECT t.try($$SELECT connector_template_upgrade('mapped here')$$);
SET ROLE regress_bob;
SELECT connector_template_upgrade('mapped');
SELECT config ->> 'url', field_mappings ->> 'table' FROM connectors WHERE name = 'mapped';

\echo # a clone follows the template as well, by force: it was never installed
SELECT connector_clone('third', 'cloned') IS NOT NULL;
SELECT t.try($$SELECT connector_template_upgrade('cloned')$$);
SELECT created_from_template_version, connector_template_upgrade('cloned', true) FROM connectors WHERE name = 'cloned';
SELECT config ->> 'credential' FROM connectors WHERE name = 'cloned';

\echo # a stored credential that may not be sent where the template sends it
SELECT connector_credential_set('chat2', '{"api_key": "d-0123456789"}', allowed_hosts => ARRAY['elsewhere.example.com'], label => 'other') IS NOT NULL;
SELECT connector_template_install('notify-team', 'warned', '{"chat2": "other"}') IS NOT NULL;

\echo # rating: bad arguments, then once a workspace
SELECT n, t.value(format('connector_template_rate(%s)', args)) FROM (VALUES (1, 'NULL, 3'), (2, '''notify-team'', NULL'), (3, '''notify-team'', 0'),
    (4, '''notify-team'', 6'), (5, '''nothing'', 3'), (6, '''labelled-1'', 3'), (7, '''notify-team'', 3, ''acme''')) v(n, args) ORDER BY n;
SELECT connector_template_rate('notify-team', 2), connector_template_rate('notify-team', 4), connector_template_rate('notify-team', 4);
SET ROLE regress_vic;
SELECT t.value($$connector_template_rate('notify-team', 1)$$);
SET ROLE regress_ed;
SELECT connector_template_rate('notify-team', 5);
SELECT rating, previous, rated_by FROM connector_template_ratings;
SELECT install_count, rating, rating_count FROM connector_template_browse(search => 'notify');
RESET ROLE;
SELECT connector_maintain() IS NOT NULL;
SELECT count(*) FROM connector_template_deltas;
SELECT install_count, rating_sum, rating_count, rating FROM connector_templates WHERE id = :'notify';
SET ROLE regress_bob;
SELECT connector_template_rate('notify-team', 3);
SELECT install_count, rating, rating_count FROM connector_template_browse(search => 'notify');

\echo # browsing
SELECT n, t.value(format('(SELECT count(*) FROM connector_template_browse(%s))', args)) FROM (VALUES (1, 'max_rows => 0'), (2, 'max_rows => 1001'),
    (3, 'max_rows => NULL'), (4, 'skip_rows => -1'), (5, 'search => ''''''; DROP TABLE x; "(''')) v(n, args) ORDER BY n;
SELECT name, title, category, tags, version, status, published_by FROM connector_template_browse(official => false);
SELECT count(*) FROM connector_template_browse(search => 'TEAM notify', official => false);
SELECT count(*) FROM connector_template_browse(search => 'team -notify', official => false);
SELECT count(*) FROM connector_template_browse(search => 'nothing or chat', category => 'chat-more');
SELECT count(*) FROM connector_template_browse(category => 'chat-more', featured => true);
SELECT count(*) FROM connector_template_browse(category => 'chat-more', skip_rows => 1);
SET ROLE regress_nobody;
SELECT count(*), (SELECT count(*) FROM connector_templates) FROM connector_template_browse();
SET ROLE regress_vic;                   -- its own workspace's, public or not
SELECT name, is_public FROM connector_template_browse(official => false) ORDER BY name;
SELECT name FROM connector_templates WHERE NOT is_official ORDER BY name;

\echo # names: the official one counts, then that of the workspace, then the only one
SET ROLE regress_bob;
INSERT INTO connectors (name, config) VALUES ('shared', '{"url": "https://bob.example.com/"}');
SELECT connector_template_publish('shared') AS bobs \gset
SET ROLE regress_ed;
INSERT INTO connectors (name, config) VALUES ('shared', '{"url": "https://ed.example.com/"}');
SELECT connector_template_publish('shared') AS eds \gset
SELECT connector_template_install('shared', 'mine') IS NOT NULL, config ->> 'url' FROM connectors WHERE name = 'shared';
SELECT config ->> 'url' FROM connectors WHERE name = 'mine';
RESET ROLE;
SELECT connector_create_workspace('third', owner => 'regress_team') IS NOT NULL;
SET ROLE regress_team;
SELECT t.install('''shared''');
SELECT connector_template_install(:'bobs') IS NOT NULL;
SELECT config ->> 'url' FROM connectors;
-- In the other's workspace its private one does not exist.
SELECT t.install('''labelled-1'''), t.value($$connector_template_unpublish('shared')$$),
       replace(t.value(format('connector_template_unpublish(%L)', :'bobs')), :'bobs', '<id>');

\echo # curating: nobody may who is not listed
SELECT t.value(call) FROM (VALUES (1, 'connector_template_feature(''shared'')'), (2, 'connector_template_moderate(''shared'', ''hide'')'),
    (3, 'connector_template_moderate(''shared'', ''publish'')'), (4, 'connector_template_moderate(''shared'', ''make_official'')')) v(n, call) ORDER BY n;
RESET ROLE;
INSERT INTO connector_admins (kind, member, role, permissions) VALUES ('role', 'regress_team', 'developer', '{}');
CREATE FUNCTION t.curate(id uuid) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT 'feature: ' || t.value(format('connector_template_feature(%L)', id));
    RETURN NEXT 'hide: ' || t.value(format('connector_template_moderate(%L, ''hide'', ''because'') = %L', id, id));
    RETURN NEXT 'publish: ' || t.value(format('connector_template_moderate(%L, ''publish'') = %L', id, id));
    RETURN NEXT 'make_official: ' || t.value(format('connector_template_moderate(%L, ''make_official'') <> %L', id, id));
END $$;
SET ROLE regress_team;
SELECT n, t.value(format('connector_template_moderate(%s)', args)) FROM (VALUES (1, 'NULL, ''hide'''), (2, '''shared'', NULL'), (3, '''shared'', ''burn'''),
    (4, '''nothing'', ''hide'''), (5, '''shared'', ''hide''')) v(n, args) ORDER BY n;

\echo # a developer drafts
SELECT t.curate(:'bobs');
SELECT name, version, status, published_by FROM connector_templates WHERE is_official AND NOT builtin;
SELECT t.value(format('connector_template_moderate(%L, ''make_official'') <> %L', :'eds', :'bobs'));     -- over its own draft
SELECT version, status, published_by FROM connector_templates WHERE is_official AND NOT builtin;
SELECT t.value($$connector_template_moderate('shared', 'publish')$$);
SET ROLE regress_bob;                   -- nobody else sees it
SELECT name, is_official FROM connector_templates WHERE NOT builtin ORDER BY name, is_official;
RESET ROLE;

\echo # permissions come before the role
UPDATE connector_admins SET permissions = '{"templates.official": true, "templates.draft": false, "templates.feature": "no", "templates.moderate": null}';
SET ROLE regress_team;
SELECT t.curate(:'bobs');
SELECT t.value($$connector_template_moderate('shared', 'publish') IS NOT NULL$$);
SELECT version, status FROM connector_templates WHERE is_official AND NOT builtin;
RESET ROLE;
UPDATE connector_admins SET permissions = '{"templates.draft": true}';
SET ROLE regress_team;                  -- no draft over what is published
SELECT t.value(format('connector_template_moderate(%L, ''make_official'')', :'bobs'));
RESET ROLE;
UPDATE connector_admins SET role = 'admin', permissions = '["templates.feature"]';

\echo # an administrator
SET ROLE regress_team;
SELECT t.curate(:'bobs');
SELECT version, status, published_by FROM connector_templates WHERE is_official AND NOT builtin;
SELECT t.value($$connector_template_moderate('shared', 'make_official')$$);
SELECT t.value(format('connector_template_feature(%L, false)', :'bobs'));
SELECT is_featured FROM connector_templates WHERE id = :'bobs';
SELECT t.value(format('connector_template_feature(%L)', :'bobs'));
SET ROLE regress_bob;
SELECT name, is_official, is_featured FROM connector_template_browse(search => 'shared');
SELECT connector_template_install('shared', 'official', workspace => 'globex') IS NOT NULL;
SELECT config ->> 'url' FROM connectors WHERE name = 'official';

\echo # hidden: publisher and administrators see it, and why; publishing again does not undo it
SET ROLE regress_team;
SELECT connector_template_moderate(:'eds', 'hide', 'asks for too much') = :'eds';
SET ROLE regress_bob;
SELECT count(*) FROM connector_templates WHERE id = :'eds';
SELECT replace(t.install(format('%L', :'eds')), :'eds', '<id>');
SELECT replace(t.value(format('connector_template_rate(%L, 1)', :'eds')), :'eds', '<id>');
SELECT count(*) FROM connector_template_browse() WHERE id = :'eds';
SET ROLE regress_ed;
SELECT status, status_reason FROM connector_templates WHERE id = :'eds';
SELECT connector_template_publish('shared') = :'eds', connector_template_unpublish('shared');
SELECT status, version FROM connector_templates WHERE id = :'eds';
SET ROLE regress_alice;
SELECT actor, action, object_name, detail FROM connector_audit_log WHERE object_type = 'template' AND action NOT IN ('publish', 'install') ORDER BY id;
SET ROLE regress_team;
SELECT connector_template_moderate(:'eds', 'publish') = :'eds';
SET ROLE regress_ed;
SELECT status, status_reason FROM connector_templates WHERE id = :'eds';

\echo # taken back by its publisher: what was made of it stays
SELECT connector_template_unpublish('shared'), connector_template_unpublish('shared');
SET ROLE regress_bob;
SELECT count(*) FROM connector_templates WHERE id = :'eds';
SET ROLE regress_team;
SELECT t.value(format('connector_template_moderate(%L, ''publish'')', :'eds'));
SELECT t.value(format('connector_template_moderate(%L, ''make_official'')', :'eds'));
SET ROLE regress_ed;
SELECT connector_template_publish('shared') = :'eds';
SELECT status FROM connector_templates WHERE id = :'eds';

\echo # a workspace that goes takes its templates along, and leaves what was made of them
RESET ROLE;
SELECT connector_template_publish(id::text, 'gone', workspace => 'third') AS gone FROM connectors WHERE workspace_id = connector_current_workspace('third') \gset
SET ROLE regress_bob;
SELECT connector_template_install('gone') IS NOT NULL;
RESET ROLE;
DELETE FROM connector_workspaces WHERE slug = 'third';
SELECT count(*) FROM connector_templates WHERE id = :'gone';
SELECT connector_maintain() IS NOT NULL;
SELECT count(*) FROM connector_template_deltas;
SET ROLE regress_bob;
SELECT t.try($$SELECT connector_template_upgrade('gone')$$);
RESET ROLE;

DELETE FROM connector_admins;
DELETE FROM connector_templates WHERE NOT builtin;
DELETE FROM connector_template_ratings;
DELETE FROM connectors;
DELETE FROM workspace_api_credentials WHERE service_name LIKE 'chat%';
DROP FUNCTION t.curate, t.publish, t.install;
