-- Leaves nothing behind in the cluster: roles are not the database's.
DROP EXTENSION connector;
SELECT relname FROM pg_class WHERE relname LIKE 'connector%' OR relname LIKE 'workspace_api%';
SELECT proname FROM pg_proc WHERE proname LIKE '%connector%';
DROP ROLE regress_alice, regress_anna, regress_ed, regress_vic, regress_bob, regress_nobody, regress_auth, regress_web, regress_team;
