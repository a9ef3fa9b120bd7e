-- Transformations inside the server, where regular expressions, time zones and digests are the server's own, compared
-- with what the server says of the same; and connector_render.  Each filter's own cases are in test/unit/cases.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only on
\set ON_ERROR_STOP 1
BEGIN;
SELECT * FROM no_plan();
SET LOCAL timezone = 'UTC';

-- {{input | expression}} with that input.
CREATE FUNCTION pg_temp.render(expression text, input jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT connector_render(to_jsonb('{{input | ' || expression || '}}'), jsonb_build_object('input', input)) $$;
-- The same as text, or the error with its SQLSTATE.
CREATE FUNCTION pg_temp.outcome(template jsonb, context jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN connector_render(template, context)::text;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- connector_render: errors name path and byte.
SELECT is(pg_temp.outcome(t::jsonb, c::jsonb), o, t) FROM (VALUES
    ('"{{input.a}}"', '[]', '22023 the context must be an object, not array'),
    ('"{{input.a}}"', '{}', '22023 $: input.a is missing: there is no input (at byte 2)'),
    ('{"a": ["x {{input.b | trim}}"]}', '{"input": {}}', '22023 $.a[0]: input.b is missing (at byte 4)'),
    ('{"a": "{{input"}', '{}', '22023 $.a: "{{" is not closed (at byte 0)'),
    ('{"a": "{{input", "b": "{{input | nothing}}"}', '{}', '22023 the template has 2 problems'),
    ('{"a": "  {{input | trim | round}}"}', '{"input": "x"}', '22023 $.a: input | round: the text is not a number (at byte 19)'),
    ('"{{input | round(1, 2)}}"', '{}', '22023 $: filter "round" takes 0 to 1 arguments, not 2 (at byte 10)'),
    ('"{{input | round(''x'')}}"', '{}', '22023 $: filter "round": argument 1 must be a whole number (at byte 16)'),
    ('"{{input | regex_match(''a('')}}"', '{}', '22023 $: filter "regex_match": argument 1 is not a regular expression: parentheses () not balanced (at byte 22)'),
    ('"{{input | timezone(''Europe/Paris2'')}}"', '{}', '22023 $: filter "timezone": argument 1 is no time zone: "Europe/Paris2" (at byte 19)'),
    ('"{{input | timezone(''XYZ5'')}}"', '{}', '22023 $: filter "timezone": argument 1 is no time zone: "XYZ5" (at byte 19)'),
    ('"{{input | timezone(''<x>5'')}}"', '{}', '22023 $: filter "timezone": argument 1 is no time zone: "<x>5" (at byte 19)'),
    ('"{{input | cast(''integer'')}}"', '{"input": "abc"}', '22023 $: input | cast: cannot cast "abc" to integer (at byte 10)'),
    ('"{{input | pad_left(1000000000)}}"', '{"input": "abc"}', '54000 $: input | pad_left: the result is larger than allowed (at byte 10)'),
    ('{"{{input}}": [1, true, null, "{{{{"]}', '{"input": "k"}', '{"k": [1, true, null, "{{"]}'),
    ('"{{input}} and {{other.x}}"', '{"input": 1, "other": {"x": [2]}}', '"1 and [2]"'),
    ('"{{input | lookup({''a'': {''b'': 1}})}}{{x}}"', '{"input": "a", "x": "}}"}', '"{\"b\":1}}}"')
    ) v(t, c, o);
SELECT is(connector_render('{"a": 1}'), '{"a": 1}'::jsonb, 'without a context');
SELECT is(connector_render(NULL, '{}'), NULL, 'no template');

-- The table's own examples, and that a definition may hold them.
SELECT is(connector_render(to_jsonb(example), jsonb_build_object('input', example_input)), example_output, name || ': ' || example)
  FROM connector_transformations;
SELECT is_empty($$SELECT t.name, c.problem FROM connector_transformations t,
                  connector_check(jsonb_build_object('url', 'https://h/', 'method', 'POST', 'body', t.example)) c$$,
                'definitions may hold every example');
SELECT set_eq($$SELECT name FROM connector_transformations WHERE takes_null$$,
              $$VALUES ('coalesce'), ('default'), ('equals'), ('get'), ('if'), ('in'), ('is_empty'), ('lookup'), ('to_json')$$,
              'transformations that see null are known');

-- Dates.
CREATE TEMP TABLE moments AS
SELECT to_timestamp(n * 86399.987 * 37 + n * 0.000123) AS at FROM generate_series(-300, 800) n
UNION VALUES ('0001-01-01 00:00:00Z'::timestamptz), ('9999-12-31 23:59:59.999999Z'), ('2024-02-29Z'), ('1900-02-28 12:00Z'),
             ('2026-03-29 00:59:59Z'), ('2026-03-29 01:00:00Z'), ('2026-10-25 00:59:59Z'), ('2026-10-25 01:00:00Z');
-- Those of which the neighbourhood is in years 1 to 9999, too.
CREATE TEMP TABLE inner_moments AS SELECT at FROM moments WHERE at BETWEEN '0100-01-01' AND '9900-01-01';
SELECT is_empty(format($f$SELECT at, pg_temp.render(%L, to_jsonb(at)) #>> '{}', to_char(at, %L) FROM moments
                          WHERE pg_temp.render(%L, to_jsonb(at)) #>> '{}' IS DISTINCT FROM to_char(at, %L)$f$,
                       'date_format(' || to_json(p) || ')', p, 'date_format(' || to_json(p) || ')', p), 'as to_char: ' || p)
  FROM unnest(ARRAY['YYYY-MM-DD"T"HH24:MI:SS.US', 'YY MM/DD HH12:MI:SS.MS AM pm', 'Month MONTH month Mon MON mon', 'FMMonth FMDD FMHH24 FMMI FMDDD',
                    'Day DAY day Dy DY dy FMDay', 'IYYY-"W"IW-ID', 'D DDD Q', 'OF TZH:TZM', 'hh24:mi:ss yyyymmdd', '"x\"y" - ''']) p;
SELECT is_empty(format($f$SELECT at, pg_temp.render(%2$L, to_jsonb(at)) #>> '{}' FROM inner_moments WHERE ((pg_temp.render(%2$L, to_jsonb(at)) #>> '{}')::timestamptz <> at
                           OR to_char(at AT TIME ZONE %1$L, 'YYYY-MM-DD HH24:MI:SS') <> replace(substr(pg_temp.render(%2$L, to_jsonb(at)) #>> '{}', 1, 19), 'T', ' '))$f$,
                       z, 'timezone(' || to_json(z) || ')'), 'as AT TIME ZONE: ' || z)
  FROM unnest(ARRAY['Europe/Paris', 'america/new_york', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Pacific/Apia', 'UTC', 'Etc/GMT+5', 'EST5EDT']) z;
SELECT is_empty(format($f$SELECT at, pg_temp.render(%1$L, to_jsonb(at)) #>> '{}' FROM inner_moments
                          WHERE (pg_temp.render(%1$L, to_jsonb(at)) #>> '{}')::timestamptz <> at + %2$L::interval$f$,
                       'add_interval(' || to_json(i) || ')', i), 'as + interval: ' || i)
  FROM unnest(ARRAY['1 day', '-13 months', '1 year 2 months -3 days 4 hours', 'P1Y2M3W4DT5H6M7.5S', '100000 days', '-90 seconds', 'P-1M']) i;
SELECT is_empty(format($f$SELECT at, pg_temp.render(%1$L, to_jsonb(at)) #>> '{}' FROM inner_moments
                          WHERE (pg_temp.render(%1$L, to_jsonb(at)) #>> '{}')::timestamptz <> date_trunc(%2$L, at, 'Europe/Paris')$f$,
                       'start_of("' || u || '", "Europe/Paris")', u), 'as date_trunc: ' || u)
  FROM unnest(ARRAY['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year']) u;
SELECT is_empty($$SELECT at FROM moments WHERE (pg_temp.render('to_epoch', to_jsonb(at)))::bigint <> floor(extract(epoch FROM at))
                     OR (pg_temp.render('to_epoch_ms', to_jsonb(at)))::bigint <> floor(extract(epoch FROM at) * 1000)
                     OR (pg_temp.render('from_epoch', to_jsonb(extract(epoch FROM at))) #>> '{}')::timestamptz <> at$$, 'epochs');
SELECT is(pg_temp.render('date_parse("YYYY-MM-DD HH24:MI", "Europe/Paris")', to_jsonb(t)) #>> '{}', o, 'local time ' || t) FROM (VALUES
    ('2026-01-31 12:05', '2026-01-31T12:05:00+01:00'), ('2026-07-31 12:05', '2026-07-31T12:05:00+02:00'),
    ('2026-03-29 02:30', '2026-03-29T03:30:00+02:00'), ('2026-10-25 02:30', '2026-10-25T02:30:00+01:00')) v(t, o);

-- Numbers, as numeric has them.
CREATE TEMP TABLE pairs AS
SELECT sign(cos(n))::numeric * ('x' || substr(md5(n::text), 1, 15))::bit(60)::bigint::numeric / 10::numeric ^ (n % 25) AS a,
       sign(sin(n))::numeric * round(('x' || substr(md5(n::text), 20, 1 + n % 12))::bit(48)::bigint::numeric / 10::numeric ^ (n % 7), n % 9) AS b
  FROM generate_series(1, 500) n;
DELETE FROM pairs WHERE b = 0;
SELECT cmp_ok(count(*)::int, '>', 400, 'pairs of numbers') FROM pairs;
SELECT is_empty(format($f$SELECT a, b FROM pairs WHERE (connector_render('"{{a | %s(b)}}"', jsonb_build_object('a', a, 'b', b)))::numeric <> %s$f$, f, e), f)
  FROM (VALUES ('add', 'a + b'), ('subtract', 'a - b'), ('multiply', 'a * b'), ('modulo', 'a % b')) v(f, e);
SELECT is_empty(format($f$SELECT a, b FROM pairs WHERE (connector_render('"{{a | divide(b, %s)}}"', jsonb_build_object('a', a, 'b', b)))::numeric
                          <> round(div(a * 1e60, b) * 1e-60, %s)$f$, n, n), 'divide to ' || n)
  FROM unnest(ARRAY[0, 3, 20]) n;
SELECT is_empty($$SELECT a FROM pairs WHERE (pg_temp.render('ceil', to_jsonb(a)))::numeric <> ceil(a) OR (pg_temp.render('floor', to_jsonb(a)))::numeric <> floor(a)
                     OR (pg_temp.render('round(2)', to_jsonb(a)))::numeric <> round(a, 2)
                     OR pg_temp.render('format_number(3)', to_jsonb(a)) #>> '{}' <> to_char(a, 'FM999,999,999,999,999,999,999,999,990.000')$$, 'rounding');
SELECT is(pg_temp.render('sum', (SELECT jsonb_agg(a) FROM pairs))::numeric, (SELECT sum(a) FROM pairs), 'sum');
SELECT is(pg_temp.render('sort', (SELECT jsonb_agg(a) FROM pairs)), (SELECT jsonb_agg(a ORDER BY a) FROM pairs), 'sort');

-- Regular expressions, as regexp_replace and friends have them.
SELECT is(pg_temp.render('regex_replace(' || to_json(p) || ', ' || to_json(r) || ')', to_jsonb(t)) #>> '{}', regexp_replace(t, p, r, 'g'), 'regex_replace ' || p)
  FROM (VALUES ('x*', '-', 'axb'), ('', '-', 'äb'), ('(\w+) (\w+)', '\2, \1', 'ada lovelace'), ('(?i)Ä', 'e', 'xäÄ'), ('\d+(?=€)', '#', '12€ 13$'),
               ('^', '>', E'a\nb'), ('(a)|b', '<\1\&>', 'aäb'), ('\m', '|', 'one two'), ('(.)\1', '\1', 'aabbc'), ('$', '\\', 'x')) v(p, r, t);
SELECT is(pg_temp.render('regex_extract("(\\d+)-(\\d+)", 2)', '"ab 12-34"'), '"34"'::jsonb, 'regex_extract');
SELECT is(pg_temp.render('each("regex_match", "^\\w+$")', '["äöü", "a b", "日本"]'), '[true, false, true]'::jsonb, 'one pattern for many texts');

-- Digests and encodings.
SELECT is(pg_temp.render('md5', to_jsonb(t)) #>> '{}', md5(t), 'md5') FROM unnest(ARRAY['', 'abc', 'äöü', repeat('x', 1000)]) t;
SELECT is(pg_temp.render('sha256', to_jsonb(t)) #>> '{}', encode(sha256(convert_to(t, 'UTF8')), 'hex'), 'sha256') FROM unnest(ARRAY['', 'abc', 'äöü', repeat('x', 1000)]) t;
SELECT is(pg_temp.render('sha512("base64")', to_jsonb(t)) #>> '{}', replace(encode(sha512(convert_to(t, 'UTF8')), 'base64'), E'\n', ''), 'sha512') FROM unnest(ARRAY['', 'abc']) t;
SELECT is(pg_temp.render('base64 | base64_decode', to_jsonb(t)) #>> '{}', t, 'there and back') FROM unnest(ARRAY['', 'a', 'ab', 'abc', 'äöü€']) t;
SELECT is(pg_temp.render('hmac("sha256", "Jefe")', '"what do ya want for nothing?"'), '"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"'::jsonb, 'RFC 4231, case 2');

-- A member of nothing may try templates, too.
CREATE ROLE tap_nobody;
SET LOCAL ROLE tap_nobody;
SELECT is(connector_render('"{{a | upper}}"', '{"a": "x"}'), '"X"'::jsonb, 'rendering needs no workspace');
SELECT ok(count(*) > 60, 'nor does the list') FROM connector_transformations;
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
