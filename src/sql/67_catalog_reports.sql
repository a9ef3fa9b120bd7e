-- How good the catalog is: audit and report.
--
-- What is read is what the caller may see (row security of connector_providers).  The functions that
-- judge read their arguments only, and take nothing for granted: what they are given may be anything.

CREATE FUNCTION @extschema@._connector_provider_problems(
    definition jsonb, official boolean, OUT path text, OUT problem text)
RETURNS SETOF record
LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 20 AS 'MODULE_PATHNAME', 'connector_provider_problems';
COMMENT ON FUNCTION @extschema@._connector_provider_problems(jsonb, boolean) IS
'What connector_provider_register() would refuse in the definition of a provider, each with its JSON path. Compiles paths by trying, which takes subtransactions.';

-- Of stable providers more is expected: what others are warned about is an error there.
CREATE FUNCTION @extschema@._connector_audit_gap(definition jsonb) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE definition ->> 'availability' WHEN 'stable' THEN 'error' ELSE 'warning' END $$;
COMMENT ON FUNCTION @extschema@._connector_audit_gap(jsonb) IS
'How severe it is that the definition of a provider lacks what a stable one must have.';

CREATE FUNCTION @extschema@._connector_provider_requests(
    definition jsonb, OUT kind text, OUT name text, OUT path text, OUT request jsonb)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT k.kind, r ->> 'key', '$.' || k.kind || '.' || (r ->> 'key'), r -> 'value'
      FROM (VALUES ('actions'), ('streams')) k(kind)
     CROSS JOIN LATERAL jsonb_path_query(definition -> k.kind, '$.keyvalue()', '{}', true) r
     WHERE jsonb_typeof(r -> 'value') = 'object'
$$;
COMMENT ON FUNCTION @extschema@._connector_provider_requests(jsonb) IS
'The actions and streams in the definition of a provider.';

CREATE FUNCTION @extschema@._connector_provider_urls(definition jsonb, OUT path text, OUT url text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '$.' || k, definition ->> k FROM unnest('{base_url,documentation}'::text[]) k
    UNION ALL
    SELECT format('$.allowed_hosts[%s]', h.n - 1), h.host #>> '{}'
      FROM jsonb_path_query(definition, '$.allowed_hosts[*]', '{}', true) WITH ORDINALITY h(host, n)
    UNION ALL
    SELECT format('$.auth[%s].%s', a.n - 1, array_to_string(k.path, '.')), a.entry #>> k.path
      FROM jsonb_path_query(definition, '$.auth[*]', '{}', true) WITH ORDINALITY a(entry, n)
     CROSS JOIN (VALUES ('{documentation}'::text[]), ('{authorize_url}'), ('{token_url}'), ('{revoke_url}'),
                        ('{device_url}'), ('{login,path}')) k(path)
    UNION ALL
    SELECT r.path || '.' || k, r.request ->> k
      FROM @extschema@._connector_provider_requests(definition) r
     CROSS JOIN unnest('{base_url,path,documentation}'::text[]) k
$$;
COMMENT ON FUNCTION @extschema@._connector_provider_urls(jsonb) IS
'Every URL, host and path in the definition of a provider that somebody will be sent to.';

-- Names reserved for documentation (RFC 2606, RFC 6761), and what is written to be replaced.  Only in
-- the host may "your-company" be looked for: pages of documentation are called so.
CREATE FUNCTION @extschema@._connector_audit_urls(
    definition jsonb, official boolean, OUT topic text, OUT severity text, OUT finding text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'placeholder', CASE WHEN f.reserved OR official THEN 'error' ELSE 'warning' END,
           format('%s: "%s" is a placeholder', f.path, f.url),
           'Write the address of the service there.'
      FROM (SELECT u.path, u.url,
                   h.host ~* '(^|[.@])example\.(com|net|org|edu)(:|$)'
                   OR h.host ~* '\.(example|invalid|test)(:|$)'
                   OR h.host ~* '(^|[.-])(your[-_]?(sub)?(domain|company|instance|tenant|account|host|site|org)|my(domain|company))'
                   OR u.url ~ '<[^<>]*>'
                   OR u.url ~ '\m(TODO|FIXME|CHANGEME|XXX)\M' AS reserved,
                   h.host ~* '(^|\.)localhost(:|$)' OR h.host ~ '^(127\.|0\.0\.0\.0|\[::1?\])' AS local
              FROM @extschema@._connector_provider_urls(definition) u
             CROSS JOIN LATERAL (SELECT CASE WHEN u.url !~ '^[/?#]'
                                             THEN substring(u.url FROM '^(?:https?://)?([^/?#]*)') ELSE '' END) h(host)
             WHERE u.url IS NOT NULL) f
     WHERE f.reserved OR f.local
$$;
COMMENT ON FUNCTION @extschema@._connector_audit_urls(jsonb, boolean) IS
'Placeholders among the URLs of a provider; the machine itself is one in an official provider, and suspicious in others.';

CREATE FUNCTION @extschema@._connector_audit_requests(
    definition jsonb, OUT topic text, OUT severity text, OUT finding text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    WITH requests AS (
        SELECT r.*, coalesce(r.request -> 'pagination', definition -> 'pagination', 'null') AS paging
          FROM @extschema@._connector_provider_requests(definition) r
    ), declared AS (
        SELECT s ->> 'key' AS scope
          FROM jsonb_path_query(definition, '$.auth[*].scopes.keyvalue()', '{}', true) s
    )
    SELECT 'input_schema', @extschema@._connector_audit_gap(definition),
           format('%s: there is no input schema', path),
           'Add "input_schema": without it a wrong input is noticed by the service only.'
      FROM requests WHERE request -> 'input_schema' IS NULL
    UNION ALL
    SELECT 'error_rules', @extschema@._connector_audit_gap(definition),
           format('%s: there is no error rule, neither its own nor the provider''s', path),
           'Add "error_rules" for what the service answers when it refuses.'
      FROM requests
     WHERE NOT jsonb_path_exists(request, '$.error_rules[0]') AND NOT jsonb_path_exists(definition, '$.error_rules[0]')
    UNION ALL
    SELECT 'documentation', 'info', format('%s: there is no link to its documentation', path),
           'Add "documentation".'
      FROM requests WHERE request -> 'documentation' IS NULL
    UNION ALL
    SELECT 'primary_key', 'warning', format('%s: there is no primary key', path),
           'Add "primary_key": records that come twice are told by it.'
      FROM requests WHERE kind = 'streams' AND NOT jsonb_path_exists(request, '$.primary_key[0]')
    UNION ALL
    SELECT 'pagination', 'warning', format('%s: only its first page is read', path),
           'Add "pagination", or "pagination": null if there is but one page.'
      FROM requests
     WHERE kind = 'streams' AND jsonb_typeof(paging) <> 'object' AND NOT request ? 'pagination'
    UNION ALL
    SELECT 'guess', 'warning', format('%s: how it is paged is a guess', path),
           'Compare it with the service''s documentation and take "guess" away.'
      FROM requests
     WHERE kind = 'streams' AND (paging ->> 'guess' = 'true'
                                 OR NOT paging ? 'kind' AND definition #>> '{pagination,guess}' = 'true')
    UNION ALL
    SELECT 'guess', 'warning', format('%s: it is a guess', path),
           'Compare it with the service''s documentation and set "evidence".'
      FROM requests WHERE request ->> 'evidence' = 'guess'
    UNION ALL
    SELECT 'scopes', 'warning', format('%s: no kind of authentication declares the scope "%s"', path, s #>> '{}'),
           'Add it to "scopes" of the kind that has it, or correct it.'
      FROM requests, jsonb_path_query(request, '$.scopes[*]', '{}', true) s
     WHERE s #>> '{}' NOT IN (SELECT scope FROM declared) AND EXISTS (SELECT FROM declared)
$$;
COMMENT ON FUNCTION @extschema@._connector_audit_requests(jsonb) IS
'What the actions and streams of a provider lack.';

-- What a wave of the catalog is expected to have; a provider of none is measured by nothing.
CREATE FUNCTION @extschema@._connector_audit_coverage(
    definition jsonb, OUT topic text, OUT severity text, OUT finding text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    WITH expected(wave, actions) AS (
        VALUES ('1', 6)
    ), found AS (
        SELECT e.*, (SELECT count(*) FROM @extschema@._connector_provider_requests(definition) r WHERE r.kind = 'actions') AS has
          FROM expected e WHERE e.wave = definition ->> 'wave'
    )
    SELECT 'actions', 'warning', format('$.actions: there are %s, where wave %s asks for %s at least', has, wave, actions),
           'Add what people use the service for most.'
      FROM found WHERE has < actions
    UNION ALL
    SELECT 'incremental_stream', 'warning', format('$.streams: none is incremental, which wave %s asks for', wave),
           'Add "cursor_field" and "incremental" to a stream that can be read from a point in time on.'
      FROM found
     WHERE NOT EXISTS (SELECT FROM @extschema@._connector_provider_requests(definition) r
                        WHERE r.kind = 'streams' AND jsonb_typeof(r.request -> 'incremental') = 'object'
                          AND coalesce(r.request ->> 'cursor_field', r.request #>> '{incremental,reply}') IS NOT NULL)
    UNION ALL
    SELECT 'polling_trigger', 'warning', format('$.triggers: none polls, which wave %s asks for', wave),
           'Add a trigger of type "poll".'
      FROM found
     WHERE NOT jsonb_path_exists(definition, '$.triggers.keyvalue().value ? (@.type == "poll")', '{}', true) IS TRUE
$$;
COMMENT ON FUNCTION @extschema@._connector_audit_coverage(jsonb) IS
'What a provider lacks of the actions, streams and triggers that its wave of the catalog is to have.';

CREATE FUNCTION @extschema@._connector_audit_whole(
    definition jsonb, OUT topic text, OUT severity text, OUT finding text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    WITH test AS (
        SELECT coalesce(a.request ->> 'method', 'GET') AS method, a.request -> 'idempotent' = 'true' AS idempotent
          FROM @extschema@._connector_provider_requests(definition) a
         WHERE a.kind = 'actions' AND a.name = definition #>> '{test,action}'
    ), untested AS (
        SELECT count(*) AS n, count(*) FILTER (WHERE r.request ->> 'evidence' IS DISTINCT FROM 'contract') AS lacking
          FROM @extschema@._connector_provider_requests(definition) r
    )
    SELECT v.topic, v.severity, v.finding, v.hint
      FROM (VALUES
        ('test', @extschema@._connector_audit_gap(definition), '$: there is no test',
         'Add "test" with an action that is cheap and changes nothing: connector_test_connection() runs it.',
         definition #>> '{test,action}' IS NULL),
        ('test', 'info', '$.test: its action may change something',
         'Choose one that only reads, or mark it "idempotent" if it does.',
         (SELECT method NOT IN ('GET', 'HEAD') AND idempotent IS NOT TRUE FROM test)),
        ('contract', 'info', '$.evidence: nothing was tested against the service''s own description',
         'Add "contract" tests; a provider without is not stable.',
         definition ->> 'availability' IS DISTINCT FROM 'stable'
         AND NOT jsonb_path_exists(definition, '$.evidence.contract[0]')),
        ('documentation', @extschema@._connector_audit_gap(definition), '$: there is no link to the service''s documentation',
         'Add "documentation".', definition ->> 'documentation' IS NULL),
        ('description', 'info', '$: there is no description',
         'Add "description", one sentence.', coalesce(definition ->> 'description', '') = ''),
        ('auth', 'info', '$: there is no way to authenticate',
         'Add "auth", unless the service is open to everybody.', NOT jsonb_path_exists(definition, '$.auth[0]')),
        ('renewal', 'warning', '$.error_rules: no rule renews a token that was refused',
         'Add {"status": 401, "code": "auth_failed", "action": "refresh_token_then_retry"}.',
         jsonb_path_exists(definition, '$.auth[*].kind ? (@ == "oauth2" || @ == "session")')
         AND NOT jsonb_path_exists(definition, '$.error_rules[*].action ? (@ == "refresh_token_then_retry")')),
        ('rate_limit', 'warning', '$: there is no rate limit',
         'Add "rate_limit" with figures of the service, the headers that tell it, or a concurrency of your own.',
         NOT coalesce(definition -> 'rate_limit' ?| '{requests_per_minute,requests_per_hour,concurrency,budget}', false)),
        ('webhook_signature', 'warning', '$.webhook: its events are not signed',
         'Add "signature"; an event without one could be anybody''s.',
         (jsonb_path_exists(definition, '$.webhook.events[0]')
          OR jsonb_path_exists(definition, '$.triggers.keyvalue().value ? (@.type == "webhook")', '{}', true) IS TRUE)
         AND definition #>> '{webhook,signature,scheme}' IS NULL)
      ) v(topic, severity, finding, hint, holds)
     WHERE v.holds
    UNION ALL
    SELECT 'contract', CASE definition ->> 'availability' WHEN 'stable' THEN 'error' ELSE 'info' END,
           format('$: %s of %s actions and streams have no contract evidence', lacking, n),
           'Run them against the service''s description and set "evidence": "contract".'
      FROM untested
     WHERE lacking > 0 AND (definition ->> 'availability' = 'stable' OR jsonb_path_exists(definition, '$.evidence.contract[0]'))
    UNION ALL
    SELECT 'scopes', 'info', format('$.auth[%s].default_scopes: no action or stream asks for "%s"', a.n - 1, s #>> '{}'),
           'Ask for no more than is needed, or say in "scopes" of an action that it needs it.'
      FROM jsonb_path_query(definition, '$.auth[*]', '{}', true) WITH ORDINALITY a(entry, n),
           jsonb_path_query(a.entry, '$.default_scopes[*]', '{}', true) s
     WHERE s #>> '{}' NOT IN ('offline', 'offline_access', 'refresh_token', 'openid')
       AND NOT EXISTS (SELECT FROM @extschema@._connector_provider_requests(definition) r
                        WHERE jsonb_typeof(r.request -> 'scopes') = 'array' AND r.request -> 'scopes' @> s)
$$;
COMMENT ON FUNCTION @extschema@._connector_audit_whole(jsonb) IS
'What a provider lacks as a whole.';

CREATE FUNCTION @extschema@._connector_audit_page(
    definition jsonb, page text, OUT topic text, OUT severity text, OUT finding text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 'page', @extschema@._connector_audit_gap(definition), '$: there is no page about it',
           'Write docs/providers/<name>.md: how it is set up, its limits, actions and troubles.'
     WHERE page = ''
    UNION ALL
    SELECT 'page', @extschema@._connector_audit_gap(definition),
           format('$.%s.%s: the page about the provider does not mention it', k.kind, r ->> 'key'),
           'Say there what it is for.'
      FROM (VALUES ('actions'), ('streams'), ('triggers')) k(kind)
     CROSS JOIN LATERAL jsonb_path_query(definition -> k.kind, '$.keyvalue()', '{}', true) r
     WHERE page <> '' AND page !~ ('\m' || regexp_replace(r ->> 'key', '\W', '\\\&', 'g') || '\M')
$$;
COMMENT ON FUNCTION @extschema@._connector_audit_page(jsonb, text) IS
'What the page of documentation about a provider lacks; an empty text if there is no page.';

CREATE FUNCTION @extschema@.connector_audit_definition(
    definition jsonb, official boolean DEFAULT false, page text DEFAULT NULL,
    OUT severity text, OUT topic text, OUT finding text, OUT hint text)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
SET jit = off        -- the estimates make the many small queries seem large
AS $$
    SELECT f.severity, f.topic, f.finding, f.hint
      FROM (SELECT 'malformed' AS topic, 'error' AS severity, p.path || ': ' || p.problem AS finding,
                   'docs/providers.md has the form; connector_provider_register() refuses this.' AS hint
              FROM @extschema@._connector_provider_problems(definition, official) p
            UNION ALL
            SELECT * FROM @extschema@._connector_audit_urls(definition, official)
            UNION ALL
            SELECT * FROM @extschema@._connector_audit_requests(definition)
            UNION ALL
            SELECT * FROM @extschema@._connector_audit_coverage(definition)
            UNION ALL
            SELECT * FROM @extschema@._connector_audit_whole(definition)
            UNION ALL
            SELECT * FROM @extschema@._connector_audit_page(definition, page)) f
     ORDER BY array_position('{error,warning,info}'::text[], f.severity), f.topic COLLATE "C", f.finding COLLATE "C"
$$;
COMMENT ON FUNCTION @extschema@.connector_audit_definition(jsonb, boolean, text) IS
'What is wrong or missing in the definition of a provider, saved or not, the worst first. official: judged as one for everybody, which may not lead to the machine itself. page: the text of the documentation about it, empty if there is none; null: it is not judged.';

CREATE FUNCTION @extschema@.connector_audit(
    INOUT provider text DEFAULT NULL, OUT severity text, OUT finding text, OUT hint text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted CONSTANT text := provider;
BEGIN
    RETURN QUERY
    SELECT p.name, f.severity, f.finding, f.hint
      FROM @extschema@.connector_providers p
     CROSS JOIN LATERAL @extschema@.connector_audit_definition(p.definition, p.owner IS NULL) WITH ORDINALITY f
     WHERE wanted IS NULL OR wanted = p.name OR wanted = ANY (p.aliases)
     ORDER BY p.name COLLATE "C", p.workspace_id, f.ordinality;

    IF NOT FOUND AND wanted IS NOT NULL AND NOT EXISTS (
        SELECT FROM @extschema@.connector_providers p WHERE wanted = p.name OR wanted = ANY (p.aliases))
    THEN
        RAISE EXCEPTION 'provider "%" does not exist', wanted USING
            ERRCODE = 'undefined_object',
            HINT = 'The view connector_catalog lists those there are.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.connector_audit(text) IS
'What is wrong or missing in a provider (name or alias), or in all that the caller may see, the worst first. error: it must not be so; warning: it should not; info: worth knowing. Error 42704 unknown provider.';

-- The report.

CREATE FUNCTION @extschema@.connector_catalog_report(
    OUT wave integer, OUT provider text, OUT availability text, OUT actions integer, OUT streams integer,
    OUT triggers integer, OUT auth_kinds text[], OUT contract boolean, OUT missing text[])
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (p.definition ->> 'wave')::integer, p.name, p.availability,
           jsonb_array_length(jsonb_path_query_array(p.definition, '$.actions.keyvalue()', '{}', true)),
           jsonb_array_length(jsonb_path_query_array(p.definition, '$.streams.keyvalue()', '{}', true)),
           jsonb_array_length(jsonb_path_query_array(p.definition, '$.triggers.keyvalue()', '{}', true)),
           ARRAY(SELECT k.kind #>> '{}' FROM jsonb_path_query(p.definition, '$.auth[*].kind') WITH ORDINALITY k(kind, n)
                  GROUP BY k.kind ORDER BY min(k.n)),
           jsonb_path_exists(p.definition, '$.evidence.contract[0]'),
           ARRAY(SELECT DISTINCT f.topic COLLATE "C" FROM @extschema@.connector_audit_definition(p.definition, true) f
                  WHERE f.severity <> 'info' OR f.topic = 'contract' ORDER BY 1)
      FROM @extschema@.connector_providers p
     WHERE p.owner IS NULL
     ORDER BY 1 NULLS LAST, p.name COLLATE "C"
$$;
COMMENT ON FUNCTION @extschema@.connector_catalog_report() IS
'The official catalog, a row a provider: what it offers, whether requests of it were tested against the service''s own description, and the topics of connector_audit() that it lacks something in.';

CREATE FUNCTION @extschema@.connector_catalog_summary(
    OUT wave integer, OUT providers integer, OUT stable integer, OUT experimental integer, OUT disabled integer,
    OUT contract integer, OUT actions integer, OUT streams integer, OUT triggers integer, OUT missing jsonb)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
    WITH report AS MATERIALIZED (SELECT * FROM @extschema@.connector_catalog_report())
    SELECT r.wave, count(*)::integer,
           (count(*) FILTER (WHERE r.availability = 'stable'))::integer,
           (count(*) FILTER (WHERE r.availability = 'experimental'))::integer,
           (count(*) FILTER (WHERE r.availability = 'disabled'))::integer,
           (count(*) FILTER (WHERE r.contract))::integer,
           sum(r.actions)::integer, sum(r.streams)::integer, sum(r.triggers)::integer,
           (SELECT coalesce(jsonb_object_agg(m.topic, m.names), '{}')
              FROM (SELECT t.topic, jsonb_agg(o.provider ORDER BY o.provider COLLATE "C") AS names
                      FROM report o, unnest(o.missing) t(topic)
                     WHERE o.wave IS NOT DISTINCT FROM r.wave GROUP BY t.topic) m)
      FROM report r
     GROUP BY r.wave
     ORDER BY r.wave NULLS LAST
$$;
COMMENT ON FUNCTION @extschema@.connector_catalog_summary() IS
'connector_catalog_report() summed up, a row a wave: how many providers are stable, and by topic who lacks something.';
