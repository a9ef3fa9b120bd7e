-- References and filters in every place a template may stand, good and bad, as connector_check sees them.
\set ECHO none
\set QUIET 1
\pset format unaligned
\pset tuples_only on
\set ON_ERROR_STOP 1
BEGIN;
SELECT * FROM no_plan();

-- Where a template may stand: a definition around %s, the path its problems have, and whether it holds secrets.
CREATE TEMP TABLE places (place text, path text, secrets boolean, make text);
INSERT INTO places VALUES
    ('path of the URL', '$.url', true, '{"url": "https://h/{{%s}}"}'),
    ('query of the URL', '$.url', true, '{"url": "https://h/?q={{%s}}"}'),
    ('whole URL', '$.url', true, '{"url": "{{%s}}"}'),
    ('host of the URL', '$.url', true, '{"url": "https://{{%s}}.example.com/"}'),
    ('query', '$.query.q', true, '{"url": "https://h/", "query": {"q": "{{%s}}"}}'),
    ('list in the query', '$.query.q[1]', true, '{"url": "https://h/", "query": {"q": [1, "{{%s}}"]}}'),
    ('header', '$.headers."X-A"', true, '{"url": "https://h/", "headers": {"X-A": "{{%s}}"}}'),
    ('body', '$.body', true, '{"url": "https://h/", "method": "POST", "body": "{{%s}}"}'),
    ('deep in the body', '$.body.a[0].b', true, '{"url": "https://h/", "method": "POST", "body": {"a": [{"b": "x {{%s}} y"}]}}'),
    ('form', '$.body.f', true, '{"url": "https://h/", "method": "POST", "body_type": "form", "body": {"f": "{{%s}}"}}'),
    ('text body', '$.body', true, '{"url": "https://h/", "method": "POST", "body_type": "text", "body": "{{%s}}"}'),
    ('binary body', '$.body', false, '{"url": "https://h/", "method": "POST", "body_type": "binary", "body": "{{%s}}"}'),
    ('text of a part', '$.body[0].text', true, '{"url": "https://h/", "method": "POST", "body_type": "multipart", "body": [{"name": "n", "text": "{{%s}}"}]}'),
    ('base64 of a part', '$.body[0].base64', false, '{"url": "https://h/", "method": "POST", "body_type": "multipart", "body": [{"name": "n", "base64": "{{%s}}"}]}'),
    ('JSON of a part', '$.body[0].json.j', true, '{"url": "https://h/", "method": "POST", "body_type": "multipart", "body": [{"name": "n", "json": {"j": "{{%s}}"}}]}'),
    ('name of a part', '$.body[0].name', false, '{"url": "https://h/", "method": "POST", "body_type": "multipart", "body": [{"name": "{{%s}}", "text": "t"}]}'),
    ('file name of a part', '$.body[0].filename', false, '{"url": "https://h/", "method": "POST", "body_type": "multipart", "body": [{"name": "n", "filename": "{{%s}}", "text": "t"}]}'),
    ('type of a part', '$.body[0].content_type', false, '{"url": "https://h/", "method": "POST", "body_type": "multipart", "body": [{"name": "n", "content_type": "{{%s}}", "text": "t"}]}');

-- The definition with the expression in place; secret: it names a credential.
CREATE FUNCTION pg_temp.definition(make text, expression text, secret boolean) RETURNS jsonb LANGUAGE sql AS $$
    SELECT replace(make, '%s', substr(to_json(expression)::text, 2, length(to_json(expression)::text) - 2))::jsonb
        || CASE WHEN secret THEN '{"credential": "c"}'::jsonb ELSE '{}' END $$;
CREATE FUNCTION pg_temp.problems(config jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(path || ': ' || regexp_replace(problem, ' \(at byte \d+\)$', ''), '; '), 'good') FROM connector_check(config) $$;

-- Good everywhere.
SELECT is(pg_temp.problems(pg_temp.definition(p.make, e, false)), 'good', p.place || ': ' || e)
  FROM places p, unnest(ARRAY[
    'input.a', ' input.a ', 'input', 'input.a.b.c', 'input.a[0]', 'input.a[12].b', 'input["a b"]', 'input.a["x-y"].z', 'input[0]',
    'execution.id', 'now',
    'input.a | trim', 'input.a | trim | upper', 'input.a|trim|lower', 'input.a | default(''x'')', 'input.a | default(7)', 'input.a | default(true)',
    'input.a | default(null)', 'input.a | default(input.b)', 'input.a | default("x")', 'input.a | replace(''a'', ''b'')', 'input.a | substring(1)',
    'input.a | substring(1, 2)', 'input.a | concat(input.b, '' '', input.c)', 'input.a | split('','') | first', 'input.a | join(''-'')', 'input.a | length',
    'input.a | number | round(2)', 'input.a | integer', 'input.a | base64', 'input.a | url', 'input.a | to_json', 'input.a | title', 'input.a | last',
    'input.a | default({})', 'input.a | default([1])', 'input.a | lookup({"a": {"b": 1}})', 'input.a | lookup({''}}'': ''{{''}, ''}}'')',
    'input.a | regex_replace("[{}]+", input.b)', 'input.a | date_format("YYYY") | timezone(input.zone)', 'input.a | each("each", "trim")'
  ]) e ORDER BY p.place, e;

-- Refused everywhere, with what is said.
SELECT is(pg_temp.problems(pg_temp.definition(p.make, e, true)), p.path || ': ' || problem, p.place || ': ' || e)
  FROM places p, (VALUES
    ('', 'expected a name, but the expression ends'),
    ('   ', 'expected a name, but the expression ends'),
    ('nothing', '"nothing" refers to nothing: a reference begins with input, workspace, execution or now'),
    ('Input.a', '"Input.a" refers to nothing: a reference begins with input, workspace, execution or now'),
    ('step_1.a', '"step_1.a" refers to the step it stands in'),
    ('cursor', '"cursor" refers to nothing: a reference begins with input, workspace, execution or now'),
    ('execution', '"execution" refers to nothing: execution has only id'),
    ('execution.name', '"execution.name" refers to nothing: execution has only id'),
    ('now.year', '"now.year" refers to nothing: now has no members'),
    ('input.a | default(nothing)', '"nothing" refers to nothing: a reference begins with input, workspace, execution or now'),
    ('input.a | replace(''a'', execution.x)', '"execution.x" refers to nothing: execution has only id'),
    ('workspace', '"workspace" is not workspace.<field of the credential>'),
    ('workspace.a.b', '"workspace.a.b" is not workspace.<field of the credential>'),
    ('workspace[0]', '"workspace[0]" is not workspace.<field of the credential>'),
    ('input.a | nofilter', 'unknown filter "nofilter"'),
    ('input.a | TRIM', 'unknown filter "TRIM"'),
    ('input.a | default', 'filter "default" takes 1 argument, not 0'),
    ('input.a | default()', 'filter "default" takes 1 argument, not 0'),
    ('input.a | default(1, 2)', 'filter "default" takes 1 argument, not 2'),
    ('input.a | upper(1)', 'filter "upper" takes no arguments, not 1'),
    ('input.a | default({"a": workspace.b})', 'a JSON value holds no references'),
    ('input.a | regex_match("(")', 'filter "regex_match": argument 1 is not a regular expression: parentheses () not balanced'),
    ('input.a | date_format("Foo")', 'filter "date_format": argument 1 does not fit: unknown date pattern at byte 0: "Foo"'),
    ('input.a | timezone("Mars/Olympus")', 'filter "timezone": argument 1 is no time zone: "Mars/Olympus"'),
    ('input.a | round("x")', 'filter "round": argument 1 must be a whole number'),
    ('input.a |', 'expected a filter, but the expression ends'),
    ('input.a | | trim', 'expected a filter instead of "|"'),
    ('input.', 'expected a key, but the expression ends'),
    ('input..a', 'expected a key instead of "."'),
    ('input.a[', 'expected an index or a quoted key, but the expression ends'),
    ('input.a[]', 'expected an index or a quoted key instead of "]"'),
    ('input.a[x]', 'expected an index or a quoted key instead of "x"'),
    ('input.a b', 'expected "|" or the end of the expression instead of "b"')
  ) v(e, problem) ORDER BY p.place, e;

-- Malformed in some other way: refused, whatever is said.
SELECT isnt(pg_temp.problems(pg_temp.definition(p.make, e, true)), 'good', p.place || ': ' || e)
  FROM places p, unnest(ARRAY[
    'input.a | default(', 'input.a | default(''x', 'input.a | default(1', 'input.a | default(1,)', 'input.a | default(,1)', 'input.a[-1]',
    'input.a[1', 'input.a["x]', 'input.a[1.5]', '.a', '[0]', '|', '| trim', '()', 'input()', 'input.a | 7', 'input.a | trim)', 'input.a ; x',
    'input.a + 1', '''text''', '7', 'input.a[99999999999999999999]', 'input.a | default({a: 1})', 'input.a | default([input.b])',
    'input.' || repeat('a.', 5000) || 'a', 'input.a' || repeat(' | trim', 1000)
  ]) e ORDER BY p.place, e;

-- Secrets: where they may stand, and that no filter looks at one.
SELECT is(pg_temp.problems(pg_temp.definition(make, 'workspace.token', true)),
          CASE WHEN secrets THEN 'good' ELSE path || ': "workspace.token" cannot be used here' END, place || ': a secret')
  FROM places ORDER BY place;
SELECT is(pg_temp.problems(pg_temp.definition(make, 'workspace.token', false)),
          path || ': "workspace.token" needs a credential, and the definition names none', place || ': a secret without a credential')
  FROM places WHERE secrets ORDER BY place;
SELECT is(pg_temp.problems(pg_temp.definition(p.make, e, true)), p.path || ': "workspace.token" takes no filter', p.place || ': ' || e)
  FROM places p, unnest(ARRAY['workspace.token | upper', 'workspace.token | default(''x'')', 'workspace.token | base64']) e WHERE secrets ORDER BY p.place, e;
SELECT is(pg_temp.problems(pg_temp.definition(p.make, e, true)), p.path || ': "workspace.token" cannot be the argument of a filter', p.place || ': ' || e)
  FROM places p, unnest(ARRAY['input.a | default(workspace.token)', 'input.a | concat(workspace.token)']) e WHERE secrets ORDER BY p.place, e;

-- Every place is reported at once.
SELECT is((SELECT count(*)::int FROM connector_check('{"url": "https://h/{{a}}/{{b}}", "query": {"q": "{{c}} {{d}}"}, "headers": {"h": "{{e}}"}, "method": "POST", "body": ["{{f}}", {"g": "{{g}}"}]}')),
          7, 'each bad reference is a problem of its own');
-- What is saved is what was checked.
SELECT throws_ok($$INSERT INTO connectors (workspace_id, name, config) VALUES (gen_random_uuid(), 'x', '{"url": "https://h/{{nothing}}"}')$$, '22023');
SELECT * FROM finish();
ROLLBACK;
