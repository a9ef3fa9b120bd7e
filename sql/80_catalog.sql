-- What the catalogs say of the extension: nothing open that is not on a list, nothing unpinned, nothing bare.
\pset format unaligned
\pset tuples_only on
CREATE VIEW t.member AS
SELECT classid, objid FROM pg_depend
 WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
   AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'connector');
CREATE VIEW t.tables AS
SELECT c.* FROM pg_class c JOIN t.member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
 WHERE c.relkind IN ('r', 'p');
CREATE VIEW t.functions AS
SELECT p.* FROM pg_proc p JOIN t.member m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid;

\echo # members of the extension, by kind
SELECT pg_describe_object(classid, objid, 0) FROM t.member
 WHERE classid <> 'pg_proc'::regclass ORDER BY pg_describe_object(classid, objid, 0) COLLATE "C";

\echo # tables without row security enabled and forced
SELECT relname FROM t.tables WHERE NOT (relrowsecurity AND relforcerowsecurity);
\echo # policies: all four commands on each table; those for PUBLIC only, permissive
SELECT c.relname, string_agg(CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END
           || '(' || coalesce(regexp_replace(pg_get_expr(p.polqual, p.polrelid), '\s+', ' ', 'g'), '-') || ' / '
           || coalesce(regexp_replace(pg_get_expr(p.polwithcheck, p.polrelid), '\s+', ' ', 'g'), '-') || ')', E'\n   ' ORDER BY p.polcmd)
  FROM t.tables c LEFT JOIN pg_policy p ON p.polrelid = c.oid GROUP BY 1 ORDER BY c.relname::text COLLATE "C";
SELECT c.relname FROM t.tables c
 WHERE NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*')
   AND (SELECT count(DISTINCT polcmd) FROM pg_policy p WHERE p.polrelid = c.oid) < 4;
SELECT polname FROM pg_policy WHERE polrelid IN (SELECT oid FROM t.tables) AND (polroles <> '{0}' OR NOT polpermissive);

\echo # primary keys: every table has one, and that of a tenant table begins with workspace_id (a partition may have its own)
SELECT c.relname, pg_get_constraintdef(k.oid)
  FROM t.tables c LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
 ORDER BY c.relname::text COLLATE "C";
SELECT c.relname AS bad FROM t.tables c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'
  JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('p', 'u') AND k.conkey[1] <> a.attnum;
-- Uniqueness and foreign keys never reach across workspaces; no serial, no identity.
SELECT i.indexrelid::regclass AS bad FROM pg_index i JOIN t.tables c ON c.oid = i.indrelid
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id' WHERE i.indisunique AND i.indkey[0] <> a.attnum;
SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint
 WHERE contype = 'f' AND conrelid IN (SELECT oid FROM t.tables) ORDER BY conrelid::regclass::text COLLATE "C", 2;
SELECT c.relname AS bad, a.attname FROM t.tables c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attidentity <> '';
SELECT objid::regclass AS bad FROM t.member WHERE classid = 'pg_class'::regclass
   AND objid IN (SELECT oid FROM pg_class WHERE relkind = 'S');
-- The tables whose rows a dump takes along.
SELECT unnest(extconfig)::regclass::text COLLATE "C" FROM pg_extension WHERE extname = 'connector' ORDER BY 1;

\echo # views: all with the rights of the caller
SELECT c.relname, c.reloptions FROM pg_class c JOIN t.member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
 WHERE c.relkind IN ('v', 'm') ORDER BY 1;

\echo # functions: volatility, parallel safety, strictness, language, settings
SELECT p.proname, p.provolatile, p.proparallel, p.proisstrict, l.lanname, p.prosecdef, p.proconfig
  FROM t.functions p JOIN pg_language l ON l.oid = p.prolang ORDER BY p.proname COLLATE "C";
\echo # definers without a pinned search_path; SQL functions without one
SELECT p.oid::regprocedure FROM t.functions p JOIN pg_language l ON l.oid = p.prolang
 WHERE (p.prosecdef OR l.lanname <> 'c')
   AND NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false);
\echo # C functions keep their name in the library, but for the underscore of private ones
SELECT p.proname, p.prosrc FROM t.functions p JOIN pg_language l ON l.oid = p.prolang
 WHERE l.lanname = 'c' AND p.prosrc <> ltrim(p.proname, '_');
\echo # unnamed arguments
SELECT p.oid::regprocedure FROM t.functions p
 WHERE p.pronargs > 0 AND (p.proargnames IS NULL OR '' = ANY (p.proargnames));

\echo # without a comment
SELECT pg_describe_object(classid, objid, 0) FROM t.member m
 WHERE (classid = 'pg_proc'::regclass OR classid = 'pg_type'::regclass AND (SELECT typtype FROM pg_type WHERE oid = objid) IN ('e', 'd')
        OR classid = 'pg_class'::regclass AND (SELECT relkind FROM pg_class WHERE oid = objid) IN ('r', 'p', 'v', 'm'))
   AND obj_description(objid, classid::regclass::name) IS NULL;
SELECT t.typname FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'c'
  JOIN t.member m ON m.objid = t.oid AND m.classid = 'pg_type'::regclass WHERE obj_description(t.oid, 'pg_type') IS NULL;

\echo # what PUBLIC may do with tables and views: this list and nothing more
SELECT c.relname, string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type)
  FROM pg_class c JOIN t.member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
  CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE a.grantee = 0 GROUP BY 1 ORDER BY c.relname::text COLLATE "C";
\echo # with columns
SELECT c.relname, x.privilege_type, string_agg(a.attname, ', ' ORDER BY a.attnum)
  FROM pg_class c JOIN t.member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
  JOIN pg_attribute a ON a.attrelid = c.oid CROSS JOIN LATERAL aclexplode(a.attacl) x
 WHERE x.grantee = 0 GROUP BY 1, 2 ORDER BY c.relname::text COLLATE "C", 2;
\echo # functions that PUBLIC may execute
SELECT p.oid::regprocedure FROM t.functions p
 WHERE p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee = 0) ORDER BY p.proname COLLATE "C";
\echo # grants to anybody else than PUBLIC and the owner
SELECT c.relname, a.grantee::regrole FROM t.tables c CROSS JOIN LATERAL aclexplode(c.relacl) a
 WHERE a.grantee NOT IN (0, c.relowner);

SELECT x.name, x.grantee::regrole FROM (
       SELECT c.relname::text, a.grantee, c.relowner FROM pg_class c JOIN t.member m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
        CROSS JOIN LATERAL aclexplode(c.relacl) a WHERE c.relkind = 'v'
       UNION ALL
       SELECT p.oid::regprocedure::text, a.grantee, p.proowner FROM t.functions p CROSS JOIN LATERAL aclexplode(p.proacl) a) x(name, grantee, owner)
 WHERE x.grantee NOT IN (0, x.owner) GROUP BY 1, 2 ORDER BY x.name COLLATE "C";

\echo # triggers: those that keep caches right also fire for replicated rows
SELECT tgrelid::regclass::text COLLATE "C", tgname COLLATE "C", tgfoid::regproc, tgenabled FROM pg_trigger
 WHERE tgrelid IN (SELECT oid FROM t.tables) AND NOT tgisinternal ORDER BY 1, 2;

\echo # settings: who may change them, and that each has a description
SELECT name, context, boot_val, unit, vartype, short_desc <> '' FROM pg_settings
 WHERE name LIKE 'connector.%' AND name <> 'connector.test_point'    -- of builds for tests only
 ORDER BY name COLLATE "C";
-- Nobody else can take a name below ours.
SET connector.no_such_setting = 1;
DROP VIEW t.functions, t.tables, t.member;
