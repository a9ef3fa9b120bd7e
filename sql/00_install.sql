-- Installing, and what all following tests use: helpers, roles, two workspaces.
SET client_min_messages = error;
DROP ROLE IF EXISTS regress_alice, regress_anna, regress_ed, regress_vic, regress_bob, regress_nobody,
    regress_auth, regress_web, regress_team, regress_tmp;
RESET client_min_messages;

-- A name planted beforehand is not adopted.
CREATE TABLE connector_members (evil int);
\set VERBOSITY terse
CREATE EXTENSION connector;
DROP TABLE connector_members;

-- UTF8 only.
SET client_min_messages = error;
DROP DATABASE IF EXISTS regress_connector_latin;
RESET client_min_messages;
CREATE DATABASE regress_connector_latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
SELECT current_database() AS here \gset
\set VERBOSITY default
\c regress_connector_latin
CREATE EXTENSION connector;
\c :here
DROP DATABASE regress_connector_latin;

-- Not relocatable; in a schema with an odd name all references still work.
CREATE SCHEMA "Odd schema";
CREATE EXTENSION connector SCHEMA "Odd schema";
ALTER EXTENSION connector SET SCHEMA public;
SELECT "Odd schema".connector_create_workspace('acme') IS NOT NULL AS created;
INSERT INTO "Odd schema".connectors (name, config) VALUES ('c', '{"url": "http://127.0.0.1/"}');
SELECT (e).status, (e).error_code FROM "Odd schema".connector_try_execute('c') e;
SELECT "Odd schema".connector_update('c', '{"icon": "i"}') AS version, jsonb_array_length("Odd schema".connector_export('c') -> 'connectors') AS exported;
SELECT action, version FROM "Odd schema".connector_import("Odd schema".connector_export(), 'replace');
SELECT count(*) FROM "Odd schema".connector_version_diff('c', 1, 1);
SELECT "Odd schema".connector_maintain() ->> 'statistics_folded' AS folded;
SELECT total_executions, failed_executions FROM "Odd schema".connector_stats();
SELECT count(*) FROM "Odd schema".connector_executions;
SELECT "Odd schema".connector_maintain(1) IS NOT NULL AS maintained;
-- Counted, and dropped before it could be written.
BEGIN;
SELECT (e).error_code FROM "Odd schema".connector_try_execute('c') e;
DROP EXTENSION connector;
COMMIT;
-- Partitions are no members of the extension, and still go with it.
SELECT relname FROM pg_class WHERE relnamespace = '"Odd schema"'::regnamespace;
DROP SCHEMA "Odd schema";

CREATE EXTENSION connector;
SELECT extversion, extrelocatable FROM pg_extension WHERE extname = 'connector';
CREATE EXTENSION connector;
-- Every function finds the extension gone rather than a broken cache.
BEGIN;
SELECT connector_whoami() = 'role:' || current_user AS me;
DROP EXTENSION connector;
CREATE FUNCTION gone() RETURNS text AS '$libdir/connector', 'connector_whoami' LANGUAGE c;
SELECT gone();
ROLLBACK;
SELECT connector_whoami() = 'role:' || current_user AS me;

-- try(sql) runs a statement and says how it ended: "ok", or SQLSTATE, message, detail and hint.
CREATE SCHEMA t;
CREATE FUNCTION t.try(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; detail text; hint text;
BEGIN
    EXECUTE sql;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN format('%s: %s', state, message)
        || CASE WHEN detail <> '' THEN E'\n   detail: ' || detail ELSE '' END
        || CASE WHEN hint <> '' THEN E'\n   hint: ' || hint ELSE '' END;
END $$;
-- The same, with the value of an expression.
CREATE FUNCTION t.value(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text; state text; message text;
BEGIN
    EXECUTE 'SELECT (' || expression || ')::text' INTO result;
    RETURN coalesce(result, '(null)');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
    RETURN format('%s: %s', state, message);
END $$;
GRANT USAGE ON SCHEMA t TO PUBLIC;

CREATE ROLE regress_alice;      -- owner of acme
CREATE ROLE regress_anna;       -- admin
CREATE ROLE regress_ed;         -- editor
CREATE ROLE regress_vic;        -- viewer
CREATE ROLE regress_bob;        -- owner of globex
CREATE ROLE regress_nobody;     -- member of nothing
CREATE ROLE regress_team;       -- a group
CREATE ROLE regress_auth;       -- a front end that authenticates JWTs
CREATE ROLE regress_web;        -- what it switches to
GRANT regress_web TO regress_auth;
