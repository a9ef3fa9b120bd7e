-- JWT subjects: believed only from session roles in connector.jwt_roles.
\pset format unaligned
\pset tuples_only on
SELECT t.try($$SELECT connector_add_member('auth0|carol', 'admin', 'jwt', 'acme')$$);
SELECT t.try($$SELECT connector_add_member('dave', 'viewer', 'jwt', 'globex')$$);
SET connector.jwt_roles = 'regress_auth';

\echo # the front end: its session role is listed
SET SESSION AUTHORIZATION regress_auth;
SET ROLE regress_web;
SELECT t.rights();              -- no claims: no identity
SELECT t.try($$SELECT connector_current_workspace()$$);
SET request.jwt.claims = '{"sub": "auth0|carol", "role": "regress_web"}';
SELECT t.rights();
SELECT slug FROM connector_workspaces;
SET request.jwt.claims = '{"sub": "dave"}';
SELECT t.rights();
SELECT slug FROM connector_workspaces;
SELECT t.try($$SELECT connector_current_workspace('acme')$$);
SET request.jwt.claims = '{"sub": "erin"}';     -- a subject nobody knows
SELECT t.rights();
SELECT slug FROM connector_workspaces;
SELECT t.try($$SELECT connector_current_workspace()$$);

\echo # claims that name no subject
CREATE TEMP TABLE bad (n int, claims text);
INSERT INTO bad VALUES (1, ''), (2, '{}'), (3, '{"sub": ""}'), (4, '{"sub": null}'), (5, '{"sub": 7}'),
    (6, '{"sub": {"sub": "dave"}}'), (7, '{"Sub": "dave"}'), (8, '[{"sub": "dave"}]'), (9, '"dave"'),
    (10, 'dave'), (11, '{"sub": "dave"'), (12, '{"sub": "dave"} x'), (13, '{"sub": "dave\u0000"}'),
    (14, '{"x": {"sub": "dave"}}'), (15, '{sub: "dave"}'), (16, '{"sub": " dave"}'), (17, '{"sub": "DAVE"}'),
    (18, repeat('[', 10000)), (19, '{"sub": ["dave"]}');
CREATE FUNCTION pg_temp.as_claims(claims text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('request.jwt.claims', claims, false);
    RETURN t.rights();
END $$;
SELECT n, left(claims, 30), pg_temp.as_claims(claims) FROM bad ORDER BY n;

\echo # claims that change within a transaction
BEGIN;
SELECT set_config('request.jwt.claims', '{"sub": "auth0|carol"}', true) IS NULL;
SELECT t.rights();
SELECT slug FROM connector_workspaces;
SAVEPOINT s;
SELECT set_config('request.jwt.claims', '{"sub": "dave"}', true) IS NULL;
SELECT slug FROM connector_workspaces;
ROLLBACK TO s;
SELECT slug FROM connector_workspaces;
COMMIT;
SELECT t.rights();
-- The same prepared statement and the same cached plan serve every identity.
PREPARE mine AS SELECT slug FROM connector_workspaces ORDER BY slug;
SET request.jwt.claims = '{"sub": "auth0|carol"}';
EXECUTE mine;
EXECUTE mine;
EXECUTE mine;
EXECUTE mine;
EXECUTE mine;
EXECUTE mine;
SET request.jwt.claims = '{"sub": "dave"}';
EXECUTE mine;
RESET request.jwt.claims;
EXECUTE mine;
DEALLOCATE mine;

\echo # the identity is the subject, and not the role as well
RESET ROLE;
SET SESSION AUTHORIZATION DEFAULT;
SELECT t.try($$SELECT connector_add_member('regress_web', 'owner', workspace => 'globex')$$);
SELECT t.try($$SELECT connector_add_member('regress_auth', 'owner', workspace => 'globex')$$);
SET SESSION AUTHORIZATION regress_auth;
SET ROLE regress_web;
SET request.jwt.claims = '{"sub": "auth0|carol"}';
SELECT t.rights();
SELECT slug FROM connector_workspaces;
RESET request.jwt.claims;
SELECT t.rights();
-- What it does is recorded under the subject.
SET request.jwt.claims = '{"sub": "auth0|carol"}';
INSERT INTO connectors (name, config) VALUES ('by-carol', '{"url": "https://api.example.com/"}')
RETURNING created_by;
SELECT changed_by FROM connector_versions;
SELECT t.try($$SELECT connector_add_member('frank', 'viewer', 'jwt')$$);
SELECT added_by FROM connector_members WHERE member = 'frank';
SELECT t.value($$connector_remove_member('frank', 'jwt')$$);
DELETE FROM connectors;
-- A subject may leave.
SET request.jwt.claims = '{"sub": "dave"}';
SELECT t.value($$connector_remove_member('dave', 'role')$$);
SELECT t.value($$connector_remove_member('dave', 'jwt')$$);
SELECT t.rights();

\echo # a session whose role is not listed cannot use claims
SET SESSION AUTHORIZATION DEFAULT;
SET SESSION AUTHORIZATION regress_nobody;
SET request.jwt.claims = '{"sub": "auth0|carol"}';
SELECT t.rights();
SELECT slug FROM connector_workspaces;
SET connector.jwt_roles = 'regress_nobody';
SET connector.jwt_roles = '';
SELECT set_config('connector.jwt_roles', 'regress_nobody', true);
ALTER ROLE regress_nobody SET connector.jwt_roles = 'regress_nobody';
SELECT t.rights();
SET ROLE regress_auth;
SET SESSION AUTHORIZATION DEFAULT;
-- Member of a listed role is not the listed role.
GRANT regress_auth TO regress_nobody;
SET SESSION AUTHORIZATION regress_nobody;
SET ROLE regress_auth;
SELECT t.rights();
SET ROLE regress_web;
SELECT t.rights();
SET SESSION AUTHORIZATION DEFAULT;
REVOKE regress_auth FROM regress_nobody;
-- The same current role and claims, in turn under a session that is believed and one that is not.
GRANT regress_web TO regress_nobody;
SET SESSION AUTHORIZATION regress_auth;
SET ROLE regress_web;
SELECT t.rights();
SET SESSION AUTHORIZATION regress_nobody;
SET ROLE regress_web;
SELECT t.rights();
SET SESSION AUTHORIZATION regress_auth;
SET ROLE regress_web;
SELECT t.rights();
SET SESSION AUTHORIZATION regress_web;
SELECT t.rights();
SET SESSION AUTHORIZATION DEFAULT;
REVOKE regress_web FROM regress_nobody;
-- Nor do claims make a superuser's session anybody else.
SELECT connector_whoami() = 'role:' || current_user;
RESET request.jwt.claims;

\echo # the list
SET connector.jwt_roles = 'regress_auth, "regress_web"';
SET connector.jwt_roles = 'a b';
SET connector.jwt_roles = '"';
SET request.jwt.claims = '{"sub": "auth0|carol"}';
SET SESSION AUTHORIZATION regress_web;
SELECT t.rights();
SET SESSION AUTHORIZATION DEFAULT;
SET connector.jwt_roles = 'regress_auth';
SET SESSION AUTHORIZATION regress_web;
SELECT t.rights();
SET SESSION AUTHORIZATION DEFAULT;
RESET request.jwt.claims;
RESET connector.jwt_roles;
SELECT t.value($$connector_remove_member('auth0|carol', 'jwt', 'acme')$$);
SELECT t.value($$connector_remove_member('regress_web', 'role', 'globex')$$);
SELECT t.value($$connector_remove_member('regress_auth', 'role', 'globex')$$);
