-- Workspaces and members: who may do what, and what they are told if they may not.
\pset format unaligned
\pset tuples_only on

\echo # creating workspaces
SELECT t.try($$SELECT connector_create_workspace('acme', 'Acme Inc.', 'regress_alice')$$);
SELECT t.try($$SELECT connector_create_workspace('globex', owner => 'regress_bob')$$);
SELECT slug, name, settings, created_by = 'role:' || current_user, connector_id_time(id) <= clock_timestamp()
  FROM connector_workspaces ORDER BY slug;
SELECT t.try($$SELECT connector_create_workspace('acme')$$);
SELECT t.try(format('SELECT connector_create_workspace(%L)', slug))
  FROM (VALUES (1, ''), (2, 'Acme'), (3, '-acme'), (4, 'acme_'), (5, 'a b'), (6, 'ä'),
               (7, repeat('a', 64)), (8, NULL)) v(n, slug) ORDER BY n;
SELECT t.try(format('SELECT connector_create_workspace(%L)', slug))
  FROM (VALUES (1, 'a'), (2, '0'), (3, 'a-b_c'), (4, repeat('a', 63))) v(n, slug) ORDER BY n;
DELETE FROM connector_workspaces WHERE slug NOT IN ('acme', 'globex');
SELECT t.try($$SELECT connector_create_workspace('other', owner => 'regress_missing')$$);
SELECT t.try($$SELECT connector_create_workspace('other', owner => '')$$);
SELECT t.try($$SELECT connector_create_workspace('other', owner => 'x', owner_kind => 'group')$$);
SELECT t.try($$SELECT connector_create_workspace('other', owner => 'x', owner_kind => NULL)$$);
SELECT t.try($$SELECT connector_create_workspace('other', owner => 'anybody', owner_kind => 'jwt')$$);
SELECT kind, member, role, added_by = 'role:' || current_user FROM connector_members m JOIN connector_workspaces w ON w.id = m.workspace_id
 WHERE slug = 'other';
DELETE FROM connector_workspaces WHERE slug = 'other';
-- A tenant may not, unless it is granted; then it becomes the owner.
SET ROLE regress_alice;
SELECT t.try($$SELECT connector_create_workspace('mine')$$);
RESET ROLE;
GRANT EXECUTE ON FUNCTION connector_create_workspace TO regress_nobody;
SET ROLE regress_nobody;
SELECT t.try($$SELECT connector_create_workspace('mine', '')$$);
SELECT slug, name, created_by FROM connector_workspaces;
SELECT kind, member, role, added_by FROM connector_members;
SELECT t.try($$DELETE FROM connector_workspaces$$);
SELECT count(*) FROM connector_workspaces;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION connector_create_workspace FROM regress_nobody;
SELECT count(*) FROM connector_workspaces;
SELECT count(*) FROM connector_members;

\echo # adding members
SET ROLE regress_alice;
SELECT t.try($$SELECT connector_add_member('regress_anna', 'admin')$$);
SELECT t.try($$SELECT connector_add_member('regress_ed', 'editor')$$);
SELECT t.try($$SELECT connector_add_member('regress_vic')$$);
SELECT kind, member, role, added_by FROM connector_members WHERE member <> 'regress_alice' ORDER BY member;
SELECT t.try($$SELECT connector_add_member('regress_missing')$$);
SELECT t.try($$SELECT connector_add_member('')$$);
SELECT t.try($$SELECT connector_add_member(NULL)$$);
SELECT t.try($$SELECT connector_add_member('regress_vic', NULL)$$);
SELECT t.try($$SELECT connector_add_member('regress_vic', 'boss')$$);
SELECT t.try($$SELECT connector_add_member('regress_vic', 'none')$$);
SELECT t.try($$SELECT connector_add_member('regress_vic', 'viewer', 'group')$$);
SELECT t.try($$SELECT connector_add_member('regress_vic', 'viewer', NULL)$$);
SELECT t.try($$SELECT connector_add_member('regress_bob', 'viewer', workspace => 'globex')$$);
SELECT t.try($$SELECT connector_add_member('regress_bob', 'viewer', workspace => 'nowhere')$$);

\echo # an admin appoints up to admin, and touches no owner
SET ROLE regress_anna;
SELECT t.try($$SELECT connector_add_member('regress_nobody', 'admin')$$);
SELECT t.try($$SELECT connector_add_member('regress_nobody', 'viewer')$$);
SELECT t.try($$SELECT connector_remove_member('regress_nobody')$$);
SELECT t.try($$SELECT connector_add_member('regress_nobody', 'owner')$$);
SELECT t.try($$SELECT connector_add_member('regress_anna', 'owner')$$);
SELECT t.try($$SELECT connector_add_member('regress_alice', 'viewer')$$);
SELECT t.try($$SELECT connector_add_member('regress_alice', 'owner')$$);
SELECT t.try($$SELECT connector_remove_member('regress_alice')$$);

\echo # editors and viewers manage nobody but themselves
SET ROLE regress_ed;
SELECT t.try($$SELECT connector_add_member('regress_nobody')$$);
SELECT t.try($$SELECT connector_remove_member('regress_vic')$$);
SELECT t.try($$SELECT connector_remove_member('regress_nobody')$$);
SET ROLE regress_vic;
SELECT t.try($$SELECT connector_add_member('regress_vic', 'editor')$$);
SELECT t.try($$SELECT connector_remove_member('regress_vic', 'jwt')$$);
SELECT t.value($$connector_remove_member('regress_vic')$$);
SELECT t.value($$connector_remove_member('regress_vic')$$);
SET ROLE regress_nobody;
SELECT t.try($$SELECT connector_add_member('regress_nobody', 'owner')$$);
SELECT t.try($$SELECT connector_add_member('regress_nobody', 'owner', workspace => 'acme')$$);
SELECT t.try($$SELECT connector_remove_member('regress_alice', workspace => 'acme')$$);

\echo # the last owner
SET ROLE regress_alice;
SELECT t.try($$SELECT connector_add_member('regress_vic', 'viewer')$$);
SELECT t.try($$SELECT connector_remove_member('regress_alice')$$);
SELECT t.try($$SELECT connector_add_member('regress_alice', 'admin')$$);
SELECT t.try($$SELECT connector_add_member('regress_alice', 'owner')$$);
SELECT t.try($$SELECT connector_add_member('someone', 'owner', 'jwt')$$);
SELECT t.try($$SELECT connector_add_member('regress_alice', 'admin')$$);
SELECT t.try($$SELECT connector_add_member('regress_alice', 'owner')$$);
RESET ROLE;
SELECT t.try($$SELECT connector_remove_member('someone', 'jwt', 'acme')$$);
SELECT t.try($$SELECT connector_add_member('regress_alice', 'owner', workspace => 'acme')$$);
SELECT t.try($$SELECT connector_remove_member('someone', 'jwt', 'acme')$$);
SELECT t.value($$connector_remove_member('someone', 'jwt', 'acme')$$);
SELECT t.try($$SELECT connector_remove_member('regress_alice', 'role', 'acme')$$);
SELECT t.try($$SELECT connector_remove_member('x', 'group', 'acme')$$);
SELECT t.try($$SELECT connector_remove_member(NULL, 'role', 'acme')$$);
SELECT t.try($$SELECT connector_remove_member('', 'role', 'acme')$$);

\echo # members, workspaces and administrators as plain tables
SET ROLE regress_alice;
SELECT t.try($$INSERT INTO connector_members SELECT id, 'role', 'regress_nobody', 'owner' FROM connector_workspaces$$);
SELECT t.try($$UPDATE connector_members SET role = 'viewer'$$);
SELECT t.try($$DELETE FROM connector_members$$);
SELECT t.try($$INSERT INTO connector_workspaces (slug, name) VALUES ('x', 'x')$$);
SELECT t.try($$UPDATE connector_workspaces SET slug = 'x'$$);
SELECT t.try($$UPDATE connector_workspaces SET name = ''$$);
SELECT t.try($$TRUNCATE connector_workspaces CASCADE$$);
SELECT t.try($$TRUNCATE connector_members$$);
UPDATE connector_workspaces SET name = 'Acme', settings = '{"a": 1}' RETURNING slug, name, settings;
SELECT t.try($$INSERT INTO connector_admins VALUES ('role', 'regress_alice', 'owner')$$);
SELECT t.try($$UPDATE connector_admins SET role = 'owner'$$);
SELECT t.try($$DELETE FROM connector_admins$$);
SET ROLE regress_anna;
UPDATE connector_workspaces SET name = 'Acme Inc.' RETURNING slug, name;
DELETE FROM connector_workspaces RETURNING slug;
SET ROLE regress_ed;
UPDATE connector_workspaces SET name = 'Ed' RETURNING slug, name;
DELETE FROM connector_workspaces RETURNING slug;
SET ROLE regress_bob;
SELECT slug, name FROM connector_workspaces;
SELECT kind, member, role FROM connector_members;
RESET ROLE;
INSERT INTO connector_admins (kind, member, role) VALUES ('role', 'regress_ed', 'developer');
SET ROLE regress_ed;
SELECT connector_is_admin();
SELECT member FROM connector_admins;
SET ROLE regress_alice;
SELECT connector_is_admin();
SELECT member FROM connector_admins;
RESET ROLE;
SELECT connector_is_admin();
DELETE FROM connector_admins;

\echo # identity and permissions
CREATE FUNCTION t.rights() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(connector_whoami(), '(nobody)') || ': '
        || string_agg(p || ' ' || coalesce(array_length(connector_my_workspaces(p), 1), 0), ', ' ORDER BY n)
      FROM unnest(ARRAY['read', 'execute', 'write', 'admin', 'own']) WITH ORDINALITY u(p, n) $$;
SELECT replace(t.rights(), current_user, '<superuser>');
SET ROLE regress_alice;
SELECT t.rights();
SET ROLE regress_anna;
SELECT t.rights();
SET ROLE regress_ed;
SELECT t.rights();
SET ROLE regress_vic;
SELECT t.rights();
SET ROLE regress_nobody;
SELECT t.rights();
SELECT t.try($$SELECT connector_my_workspaces('fly')$$);
SELECT t.try($$SELECT connector_my_workspaces('')$$);
SELECT connector_my_workspaces(NULL) IS NULL;

\echo # membership through a group: only with its privileges
RESET ROLE;
SELECT t.try($$SELECT connector_add_member('regress_team', 'viewer', workspace => 'acme')$$);
SELECT t.try($$SELECT connector_add_member('regress_team', 'admin', workspace => 'globex')$$);
GRANT regress_team TO regress_ed, regress_nobody;
SET ROLE regress_ed;
SELECT t.rights();              -- the higher of two roles counts
SET ROLE regress_nobody;
SELECT t.rights();
RESET ROLE;
ALTER ROLE regress_nobody NOINHERIT;
SET ROLE regress_nobody;
SELECT t.rights();
SET ROLE regress_team;
SELECT t.rights();
RESET ROLE;
REVOKE regress_team FROM regress_ed, regress_nobody;
ALTER ROLE regress_nobody INHERIT;
SET ROLE regress_ed;
SELECT t.rights();
RESET ROLE;

\echo # a role that is gone; a new one of its name
CREATE ROLE regress_tmp;
SELECT t.try($$SELECT connector_add_member('regress_tmp', 'editor', workspace => 'acme')$$);
SET ROLE regress_tmp;
SELECT t.rights();
RESET ROLE;
ALTER ROLE regress_tmp RENAME TO regress_tmp2;
SET ROLE regress_tmp2;
SELECT t.rights();
RESET ROLE;
DROP ROLE regress_tmp2;
SELECT t.value($$connector_remove_member('regress_tmp', workspace => 'acme')$$);

\echo # changes reach the same session at once, and roll back
BEGIN;
SELECT t.try($$SELECT connector_add_member('regress_nobody', 'editor', workspace => 'acme')$$);
SET LOCAL ROLE regress_nobody;
SELECT t.rights();
SAVEPOINT s;
RESET ROLE;
SELECT t.try($$SELECT connector_remove_member('regress_nobody', workspace => 'acme')$$);
SET LOCAL ROLE regress_nobody;
SELECT t.rights();
ROLLBACK TO s;
SELECT t.rights();
ROLLBACK;
SET ROLE regress_nobody;
SELECT t.rights();
RESET ROLE;

\echo # the current workspace: argument, setting, the only one
CREATE FUNCTION t.current(ws text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text := t.try(format('SELECT connector_current_workspace(%L)', ws));
BEGIN
    IF result = 'ok' THEN
        SELECT slug INTO result FROM connector_workspaces WHERE id = connector_current_workspace(ws);
    END IF;
    RETURN result;
END $$;
SELECT id AS acme FROM connector_workspaces WHERE slug = 'acme' \gset
SELECT id AS globex FROM connector_workspaces WHERE slug = 'globex' \gset
SET ROLE regress_vic;
SELECT t.current();
SELECT t.current('acme'), t.current(:'acme'), t.current(upper(:'acme'));
SELECT t.current('globex');
SELECT t.current('');
SELECT replace(t.current(:'globex'), :'globex', '<id>');
SET connector.workspace = 'acme';
SELECT t.current();
SET connector.workspace = 'globex';
SELECT t.current();
SELECT t.current('acme');       -- the argument comes first
SET connector.workspace = '';
SELECT t.current();
SET ROLE regress_nobody;
SELECT t.current();
SELECT t.current('acme');
SET connector.workspace = 'acme';   -- grants nothing
SELECT t.current();
SELECT t.rights();
RESET connector.workspace;
RESET ROLE;
SELECT t.try($$SELECT connector_add_member('regress_vic', 'viewer', workspace => 'globex')$$);
SET ROLE regress_vic;
SELECT t.current();
SET connector.workspace = 'globex';
SELECT t.current();
RESET connector.workspace;
RESET ROLE;
SELECT t.value($$connector_remove_member('regress_vic', workspace => 'globex')$$);
-- A superuser names any workspace, and has to name one of several.
SELECT t.current();
SELECT t.current('globex'), t.current(:'globex'), t.current(upper(:'globex'));
SELECT t.current('nowhere');
SET ROLE regress_team;          -- viewer of acme, admin of globex: rights differ by workspace
SELECT t.try($$SELECT connector_add_member('regress_vic', 'viewer', workspace => 'acme')$$);
SELECT t.try($$SELECT connector_add_member('regress_vic', 'viewer', workspace => 'globex')$$);
RESET ROLE;
SELECT t.value($$connector_remove_member('regress_vic', workspace => 'globex')$$);
SELECT t.value($$connector_remove_member('regress_team', workspace => 'globex')$$);
SELECT t.value($$connector_remove_member('regress_team', workspace => 'acme')$$);
SELECT slug, kind, member, role FROM connector_members m JOIN connector_workspaces w ON w.id = m.workspace_id
 ORDER BY slug, member COLLATE "C";
