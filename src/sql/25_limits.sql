-- Limits of calls to a service; what is used of them is in shared memory.

CREATE TABLE @extschema@.api_rate_limits (
    workspace_id        uuid NOT NULL DEFAULT @extschema@.connector_current_workspace()
                        REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    service_name        text NOT NULL
                        CHECK (service_name OPERATOR(pg_catalog.~) '^[A-Za-z0-9[][A-Za-z0-9_.:\]-]*$'
                               AND pg_catalog.length(service_name) OPERATOR(pg_catalog.<=) 260),
    requests_per_minute integer
                        CHECK (requests_per_minute OPERATOR(pg_catalog.>=) 1 AND requests_per_minute OPERATOR(pg_catalog.<=) 1000000),
    requests_per_hour   integer
                        CHECK (requests_per_hour OPERATOR(pg_catalog.>=) 1 AND requests_per_hour OPERATOR(pg_catalog.<=) 1000000),
    concurrency         integer
                        CHECK (concurrency OPERATOR(pg_catalog.>=) 1 AND concurrency OPERATOR(pg_catalog.<=) 1000000),
    PRIMARY KEY (workspace_id, service_name)
);
COMMENT ON TABLE @extschema@.api_rate_limits IS
'How often a workspace may call a service, over all its connectors; null: no limit. Written by admins; what is left of the limits is in connector_rate_limit_status.';
COMMENT ON COLUMN @extschema@.api_rate_limits.service_name IS
'The service of the credential that is sent; of requests without one the host in lower case, with :port if it is not the scheme''s own.';
COMMENT ON COLUMN @extschema@.api_rate_limits.concurrency IS 'Requests under way at the same time.';

CREATE FUNCTION @extschema@._connector_rate_limit_saved() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'connector_rate_limit_saved';
COMMENT ON FUNCTION @extschema@._connector_rate_limit_saved() IS
'Row trigger of api_rate_limits: writes the audit log.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_rate_limit_saved() FROM PUBLIC;

CREATE TRIGGER saved AFTER INSERT OR UPDATE OR DELETE ON @extschema@.api_rate_limits
    FOR EACH ROW EXECUTE FUNCTION @extschema@._connector_rate_limit_saved();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.api_rate_limits
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._connector_changed();
ALTER TABLE @extschema@.api_rate_limits ENABLE ALWAYS TRIGGER changed;

ALTER TABLE @extschema@.api_rate_limits ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.api_rate_limits FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.api_rate_limits FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.api_rate_limits FOR INSERT
    WITH CHECK (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('admin')));
CREATE POLICY connector_update ON @extschema@.api_rate_limits FOR UPDATE
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('admin')));
CREATE POLICY connector_delete ON @extschema@.api_rate_limits FOR DELETE
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('admin')));
GRANT SELECT, INSERT, DELETE, UPDATE (service_name, requests_per_minute, requests_per_hour, concurrency)
    ON @extschema@.api_rate_limits TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.api_rate_limits', '');

CREATE FUNCTION @extschema@._connector_limits(
    OUT workspace_id uuid, OUT kind text, OUT id uuid, OUT service text,
    OUT requests_per_minute integer, OUT minute_available integer,
    OUT requests_per_hour integer, OUT hour_available integer,
    OUT concurrency integer, OUT in_flight integer,
    OUT next_free_at timestamptz, OUT held_until timestamptz,
    OUT breaker text, OUT requests integer, OUT failures integer, OUT trips integer,
    OUT opened_at timestamptz, OUT next_probe_at timestamptz)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'connector_limits';
COMMENT ON FUNCTION @extschema@._connector_limits() IS
'The table of limits in shared memory, as far as it is of workspaces the caller may read.';

CREATE FUNCTION @extschema@.connector_circuit_reset(service text, workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_circuit_reset';
COMMENT ON FUNCTION @extschema@.connector_circuit_reset(text, text) IS
'Lets a service be called again: closes its circuit breaker, forgets what that has counted, and lifts the pauses it has asked for, of all its credentials; at once for all sessions, whatever becomes of the transaction. False if nothing kept requests back and no failure was counted. Needs admin.';
