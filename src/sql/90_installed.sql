-- The catalog; a file with problems is left out, with a warning.
SELECT @extschema@.connector_catalog_load();

-- The last thing that CREATE EXTENSION does: this cluster may run what will be queued, and workers
-- start when the transaction commits.
CREATE FUNCTION @extschema@._connector_installed() RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'connector_installed';
COMMENT ON FUNCTION @extschema@._connector_installed() IS
'Called at the end of the install script: makes the first mark of the fence, and starts workers when its transaction commits.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_installed() FROM PUBLIC;

SELECT @extschema@._connector_installed();
