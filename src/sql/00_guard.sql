\echo Use "CREATE EXTENSION connector" to load this file. \quit

-- connector--1.0.sql is put together from src/sql/*.sql by make; edit the parts.

-- Nothing below depends on a search path: our names carry @extschema@, and the
-- rest resolves in pg_catalog alone.
SET LOCAL search_path = pg_catalog, pg_temp;

-- Loading the library fails with a hint unless it is in shared_preload_libraries.
CREATE FUNCTION @extschema@._connector_check_server() RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'connector_check_server';
COMMENT ON FUNCTION @extschema@._connector_check_server() IS
'Raises unless this database can hold the extension (encoding UTF8).';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_check_server() FROM PUBLIC;

SELECT @extschema@._connector_check_server();
