-- Managing connectors: what INSERT, UPDATE and DELETE do, with an answer to every mistake.
--
-- Nothing here has more rights than its caller; row security decides.

CREATE FUNCTION @extschema@.connector_create(
    name text, config jsonb, description text DEFAULT NULL, input_schema jsonb DEFAULT NULL,
    field_mappings jsonb DEFAULT NULL, icon text DEFAULT NULL, category text DEFAULT NULL,
    enabled boolean DEFAULT true, timeout_ms integer DEFAULT 30000, max_retries integer DEFAULT 0,
    continue_on_error boolean DEFAULT false, log_response_data boolean DEFAULT true,
    workspace text DEFAULT NULL)
RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_create';
COMMENT ON FUNCTION @extschema@.connector_create(text, jsonb, text, jsonb, jsonb, text, text, boolean, integer, integer, boolean, boolean, text) IS
'Creates a connector and returns its id. Needs write in the workspace. Errors: 22023 with every problem and its JSON path, 42710 the name is taken.';

CREATE FUNCTION @extschema@.connector_update(
    connector text, changes jsonb, expected_version integer DEFAULT NULL, workspace text DEFAULT NULL)
RETURNS integer
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_update';
COMMENT ON FUNCTION @extschema@.connector_update(text, jsonb, integer, text) IS
'Changes the columns of a connector (name or id) that the keys of an object name; null clears one that may be null. Returns the version now. Needs write. Errors: 22023 with every problem and its JSON path, 42704 unknown connector, 42710 the new name is taken, 40001 it is not at expected_version any more.';

CREATE FUNCTION @extschema@.connector_delete(connector text, workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_delete';
COMMENT ON FUNCTION @extschema@.connector_delete(text, text) IS
'Deletes a connector (name or id) and returns true; error 42704 if there is none. Needs write. Its versions and executions stay, and connector_revert() brings it back.';

CREATE FUNCTION @extschema@.connector_clone(
    connector text, new_name text, target_workspace text DEFAULT NULL, workspace text DEFAULT NULL)
RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_clone';
COMMENT ON FUNCTION @extschema@.connector_clone(text, text, text, text) IS
'Copies a connector (name or id) under a new name, into its own or another workspace, and returns the id of the copy. Needs read here and write there. Credentials and statistics are not copied. Errors: 42704 unknown connector, 42710 the name is taken, 22023 it cannot be a name.';

CREATE FUNCTION @extschema@.connector_set_enabled(
    names text[], enabled boolean, workspace text DEFAULT NULL)
RETURNS integer
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_set_enabled';
COMMENT ON FUNCTION @extschema@.connector_set_enabled(text[], boolean, text) IS
'Switches connectors (names or ids) on or off and returns how many were not so before. Needs write. Error 42704 lists all that do not exist; then none is changed.';

CREATE FUNCTION @extschema@.connector_revert(
    connector text, version integer, workspace text DEFAULT NULL)
RETURNS integer
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_revert';
COMMENT ON FUNCTION @extschema@.connector_revert(text, integer, text) IS
'Gives a connector (name or id) the content of an earlier version again, as a new version, and returns that; its name stays. One that was deleted comes back under its id and its last name. Needs write. Errors: 42704 unknown connector or version, 42710 another one has the name now, 22023 several deleted ones had it.';

CREATE FUNCTION @extschema@.connector_import(
    document jsonb, on_conflict text DEFAULT 'error', workspace text DEFAULT NULL,
    OUT name text, OUT id uuid, OUT action text, OUT version integer)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_import';
COMMENT ON FUNCTION @extschema@.connector_import(jsonb, text, text) IS
'Saves the connectors of a document that connector_export() wrote, or one connector as an object: all or none. on_conflict says what to do where a name is taken: error, skip, replace or rename. Needs write. Errors: 22023 with every problem and its JSON path, 42710 the names that are taken.';

-- What the functions below need in C: they raise what SQL cannot.
CREATE FUNCTION @extschema@._connector_id(connector text, workspace text DEFAULT NULL) RETURNS uuid
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_id';
COMMENT ON FUNCTION @extschema@._connector_id(text, text) IS
'Id of a connector (name or id) in a workspace the caller may read; error 42704 if there is none.';

CREATE FUNCTION @extschema@._connector_version(
    connector text, version integer, workspace text DEFAULT NULL)
RETURNS jsonb
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_version';
COMMENT ON FUNCTION @extschema@._connector_version(text, integer, text) IS
'What a version of a connector (name or id, a deleted one too) holds, as an object; error 42704 if there is none.';

-- Steps may name credentials of their own, and steps within a group too.
CREATE FUNCTION @extschema@._connector_credentials(config jsonb) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_credentials';
COMMENT ON FUNCTION @extschema@._connector_credentials(jsonb) IS
'The credentials a definition mentions, as "service/label", in order.';

-- The first CTE is what is scanned, so that unknown names are refused whatever else there is.
CREATE FUNCTION @extschema@.connector_export(name text DEFAULT NULL, workspace text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH wanted AS MATERIALIZED (
        SELECT @extschema@.connector_current_workspace(connector_export.workspace) AS workspace_id,
               CASE WHEN connector_export.name IS NOT NULL
                    THEN @extschema@._connector_id(connector_export.name, connector_export.workspace)
               END AS id
    )
    SELECT jsonb_build_object('format', 'connector/1', 'connectors', coalesce((
        SELECT jsonb_agg(jsonb_build_object(
                   'name', c.name, 'description', c.description, 'icon', c.icon, 'category', c.category,
                   'config', c.config, 'input_schema', c.input_schema, 'field_mappings', c.field_mappings,
                   'timeout_ms', c.timeout_ms, 'max_retries', c.max_retries,
                   'continue_on_error', c.continue_on_error, 'log_response_data', c.log_response_data,
                   'enabled', c.enabled, 'credentials', @extschema@._connector_credentials(c.config))
                   ORDER BY c.name COLLATE "C")
          FROM @extschema@.connectors c
         WHERE c.workspace_id = wanted.workspace_id AND (wanted.id IS NULL OR c.id = wanted.id)), '[]'))
      FROM wanted
$$;
COMMENT ON FUNCTION @extschema@.connector_export(text, text) IS
'The connector of that name (or id), or all of the workspace, as a document for connector_import(). The same connectors always give the same document: no ids, times or counts, and of credentials only the names. Literal secrets in a definition are part of it. Needs read; error 42704 unknown connector.';

CREATE FUNCTION @extschema@._connector_json_diff(old jsonb, new jsonb)
RETURNS TABLE (path text, old_value jsonb, new_value jsonb)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE pair (place, path, a, b) AS (
        SELECT ARRAY[]::text[], '$', _connector_json_diff.old, _connector_json_diff.new
        UNION ALL
        SELECT p.place || step.place, p.path || step.path, step.a, step.b
          FROM pair p CROSS JOIN LATERAL (
            SELECT k.key, CASE WHEN k.key ~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN '.' || k.key
                               ELSE '.' || to_jsonb(k.key)::text END,
                   p.a -> k.key, p.b -> k.key
              FROM (SELECT jsonb_object_keys(p.a) UNION SELECT jsonb_object_keys(p.b)) k(key)
             WHERE jsonb_typeof(p.a) = 'object' AND jsonb_typeof(p.b) = 'object'
            UNION ALL
            SELECT lpad(n::text, 10, '0'), format('[%s]', n), p.a -> n, p.b -> n
              FROM generate_series(0, greatest(jsonb_array_length(p.a), jsonb_array_length(p.b)) - 1) n
             WHERE jsonb_typeof(p.a) = 'array' AND jsonb_typeof(p.b) = 'array') step(place, path, a, b)
         WHERE p.a IS DISTINCT FROM p.b
    )
    SELECT pair.path, pair.a, pair.b
      FROM pair
     WHERE pair.a IS DISTINCT FROM pair.b
       AND NOT coalesce(jsonb_typeof(pair.a) = jsonb_typeof(pair.b)
                        AND jsonb_typeof(pair.a) IN ('object', 'array'), false)
     ORDER BY pair.place COLLATE "C"
$$;
COMMENT ON FUNCTION @extschema@._connector_json_diff(jsonb, jsonb) IS
'The places where two JSON values differ, with what is there in each; null where one has nothing.';

CREATE FUNCTION @extschema@.connector_version_diff(
    connector text, from_version integer, to_version integer, workspace text DEFAULT NULL)
RETURNS TABLE (path text, old jsonb, new jsonb)
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.path, d.old_value, d.new_value
      FROM @extschema@._connector_json_diff(
               @extschema@._connector_version(connector, from_version, workspace),
               @extschema@._connector_version(connector, to_version, workspace)) d
$$;
COMMENT ON FUNCTION @extschema@.connector_version_diff(text, integer, integer, text) IS
'What changed in a connector (name or id, a deleted one too) between two versions: JSON path, old and new value; null where one has nothing. Needs read; error 42704 unknown connector or version.';
