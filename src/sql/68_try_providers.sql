-- Whether providers work: tests of connections, smoke tests.

CREATE FUNCTION @extschema@.connector_test_connection(
    provider text, workspace text DEFAULT NULL,
    OUT execution_id uuid, OUT status text, OUT output jsonb, OUT error_code text, OUT error_message text,
    OUT http_status integer, OUT steps jsonb, OUT execution_time_ms double precision, OUT hint text)
RETURNS record
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_test_connection';
COMMENT ON FUNCTION @extschema@.connector_test_connection(text, text) IS
'Calls the action that a provider names as its test, with the workspace''s credential, and returns the outcome as a row, as connector_result with what helps in hint: success means that the service takes the credential. Success and auth_failed go into the status of the credential, too. provider/label chooses another credential than "default". Needs execute. Errors: 42704 unknown provider, 55000 it has no test, or is disabled.';

CREATE FUNCTION @extschema@._connector_provider_test(
    provider text, workspace text DEFAULT NULL, OUT name text, OUT test jsonb)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here CONSTANT uuid := @extschema@.connector_current_workspace(workspace);
    called CONSTANT text := split_part(provider, '/', 1);
BEGIN
    SELECT p.name, p.definition -> 'test' INTO name, test
      FROM @extschema@.connector_providers p
     WHERE (p.workspace_id = here OR p.owner IS NULL) AND (p.name = called OR called = ANY (p.aliases))
     ORDER BY p.workspace_id = here DESC, p.name = called DESC
     LIMIT 1;
    IF name IS NULL THEN
        RAISE EXCEPTION 'provider "%" does not exist', called USING
            ERRCODE = 'undefined_object',
            HINT = 'The view connector_catalog lists those there are.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@._connector_provider_test(text, text) IS
'Name and test of the provider that a call in the workspace finds; test is {"action", "input"}, or null if it has none. Error 42704 unknown provider.';

-- What the caller has no right to ends a smoke test; what is wrong with one provider is its outcome.  A
-- credential that is there and cannot be used is "missing", too, but nothing to skip.
CREATE FUNCTION @extschema@._connector_smoke_check(
    provider text, action text, input jsonb, workspace text, OUT outcome text, OUT detail text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here CONSTANT text := @extschema@.connector_current_workspace(workspace);
    credential CONSTANT text := coalesce(NULLIF(split_part(provider, '/', 2), ''), 'default');
    called record;
    result record;
BEGIN
    called := @extschema@._connector_provider_test(provider, here);
    IF action IS NULL AND called.test ->> 'action' IS NULL THEN
        outcome := 'skip';
        detail := 'the provider has no test';
        RETURN;
    END IF;
    IF action IS NULL THEN
        SELECT t.status, t.error_code, t.error_message, t.http_status, t.execution_time_ms INTO result
          FROM @extschema@.connector_test_connection(provider, here) t;
    ELSE
        SELECT t.status, t.error_code, t.error_message, t.http_status, t.execution_time_ms INTO result
          FROM @extschema@.connector_try_call(provider, action, input, here) t;
    END IF;
    outcome := CASE WHEN result.status = 'success' THEN 'pass'
                    WHEN result.error_code = 'credential_missing' AND NOT EXISTS (
                        SELECT FROM @extschema@.workspace_api_credentials c
                         WHERE c.workspace_id = here::uuid AND c.service_name = called.name AND c.label = credential
                           AND c.owner IN ('', @extschema@.connector_whoami())) THEN 'skip'
                    ELSE 'fail' END;
    detail := CASE outcome
                  WHEN 'pass' THEN concat_ws(', ', 'HTTP ' || result.http_status, round(result.execution_time_ms::numeric) || ' ms')
                  ELSE concat_ws(': ', result.error_code, result.error_message) END;
EXCEPTION
    -- an unknown provider or action, a provider that is disabled
    WHEN undefined_object OR object_not_in_prerequisite_state THEN
        outcome := 'fail';
        detail := SQLERRM;
END
$$;
COMMENT ON FUNCTION @extschema@._connector_smoke_check(text, text, jsonb, text) IS
'One check of connector_smoke(): calls an action (null: the test) and says what came of it.';

CREATE FUNCTION @extschema@.connector_smoke(
    config jsonb, workspace text DEFAULT NULL,
    OUT provider text, OUT check_name text, OUT outcome text, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    form CONSTANT jsonb := '{
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {"actions": {"type": "object", "additionalProperties": {"type": "object"}}},
            "additionalProperties": false
        }
    }';
    here CONSTANT text := @extschema@.connector_current_workspace(workspace);
    problems text;
    spec jsonb;
    broken boolean;
    action text;
    input jsonb;
BEGIN
    SELECT string_agg(concat_ws(': ', NULLIF(v.instance_path, ''), v.message), E'\n') INTO problems
      FROM @extschema@.connector_validate_json(form, coalesce(config, 'null')) v;
    IF problems IS NOT NULL THEN
        RAISE EXCEPTION 'the configuration of the smoke test is not valid' USING
            ERRCODE = 'invalid_parameter_value',
            DETAIL = problems,
            HINT = 'It has the form {"<provider>": {"actions": {"<name>": <input>}}}.';
    END IF;

    FOR provider, spec IN SELECT e.key, e.value FROM jsonb_each(config) e ORDER BY e.key COLLATE "C" LOOP
        check_name := 'test';
        SELECT c.outcome, c.detail INTO outcome, detail
          FROM @extschema@._connector_smoke_check(provider, NULL, NULL, here) c;
        broken := outcome = 'fail';
        RETURN NEXT;

        FOR action, input IN SELECT e.key, e.value FROM jsonb_each(spec -> 'actions') e ORDER BY e.key COLLATE "C" LOOP
            check_name := action;
            outcome := 'skip';
            detail := 'the test failed';
            IF NOT broken THEN
                SELECT c.outcome, c.detail INTO outcome, detail
                  FROM @extschema@._connector_smoke_check(provider, action, input, here) c;
            END IF;
            RETURN NEXT;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.connector_smoke(jsonb, text) IS
'Tries providers with the workspace''s credentials: the test of each that config names, then the actions it names, with their inputs ({"github": {"actions": {"get_repository": {...}}}, "slack/bot": {}}). A row a check: pass, fail, or skip where there is no credential, no test, or the test has failed. Real requests are sent and recorded. Needs execute. Errors: 22023 malformed config, 42501 not allowed.';
