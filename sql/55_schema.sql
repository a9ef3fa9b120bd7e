-- JSON Schema: problems of schemas, limits, violations; settings, caching, cancelling.
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION t.violations(schema jsonb, instance jsonb) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('%s | %s | %s | %s', instance_path, schema_path, keyword, message) FROM connector_validate_json(schema, instance) $$;

\echo # a schema with problems: all at once, by both functions
SELECT t.try($$SELECT connector_json_is_valid('{"type": "text", "minLength": -1, "properties": {"a/b": {"pattern": "("}}, "required": "a"}', '1')$$);
SELECT t.try($$SELECT * FROM connector_validate_json('[]', '1')$$);
SELECT t.try($$SELECT connector_json_is_valid('{"$ref": "https://example.com/person.json"}', '1')$$);
SELECT t.try($$SELECT connector_json_is_valid('{"$schema": "http://json-schema.org/draft-07/schema#"}', '1')$$);
SELECT t.try($$SELECT connector_json_is_valid('{"$schema": "https://example.com/my-metaschema"}', '1')$$);
SELECT left(t.try($$SELECT connector_json_is_valid(jsonb_build_object('properties', jsonb_object_agg('p' || lpad(i::text, 3, '0'), 1)), '1') FROM generate_series(1, 200) i$$), 120);

\echo # patterns that cannot be had
SELECT t.try(format('SELECT connector_json_is_valid(%L, %L)', jsonb_build_object('pattern', p), '"x"')) FROM (VALUES
    ('[a'), ('\a'), ('(?=(a))\1'), ('\p{Script=Greek}'), ('a{70000}'), ('((a{200}){200}){200}'), (repeat('a', 9000))) v(p);

\echo # limits: a reference that leads back to itself, depth of values, work
SELECT t.try($$SELECT connector_json_is_valid('{"$ref": "#"}', '1')$$);
SELECT t.try($$SELECT * FROM connector_validate_json('{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}, true]}}, "$ref": "#/$defs/a"}', '1')$$);
SELECT t.try(format('SELECT connector_json_is_valid(%L, %L)', '{"items": {"$ref": "#"}}', repeat('[', 2000) || repeat(']', 2000)));
SELECT connector_json_is_valid('{"items": {"$ref": "#"}}', (repeat('[', 400) || repeat(']', 400))::jsonb);
SELECT right(t.try(format('SELECT connector_json_is_valid(%L, %L)', repeat('{"not": ', 300) || 'true' || repeat('}', 300), '1')), 40);
WITH s AS (SELECT jsonb_build_object('$ref', '#/$defs/d0', '$defs', jsonb_object_agg('d' || i, jsonb_build_object('allOf', jsonb_build_array(
            jsonb_build_object('$ref', '#/$defs/d' || i + 1), jsonb_build_object('$ref', '#/$defs/d' || i + 1))))
          || '{"d40": {"type": "integer"}}') AS schema FROM generate_series(0, 39) i)
SELECT t.try(format('SELECT connector_json_is_valid(%L, %L)', schema, '1')) FROM s;
-- Either is over long before the hash of one would have been compared with all others.
SELECT connector_json_is_valid('{"uniqueItems": true}', jsonb_agg(i)) FROM generate_series(1, 100000) i;
SELECT connector_json_is_valid('{"uniqueItems": true}', jsonb_agg(jsonb_build_object('id', i, 'x', repeat('y', 20)))) FROM generate_series(1, 20000) i;
SELECT t.violations('{"uniqueItems": true}', jsonb_agg(i) || '[1.0]') FROM generate_series(1, 100000) i;

\echo # cancelled: in a match that would take ages, in one long validation
CREATE TABLE t.slow AS
SELECT jsonb_build_object('pattern', '^(.+)(.+)(.+)(.+)(.+)(.+)\6\5\4\3\2\1$') AS schema, to_jsonb(repeat('abc', 100) || repeat('bca', 100)) AS instance
UNION ALL
SELECT jsonb_build_object('items', jsonb_build_object('allOf', (SELECT jsonb_agg(jsonb_build_object('not', jsonb_build_object('const', -i))) FROM generate_series(1, 1000) i))),
       (SELECT jsonb_agg(i) FROM generate_series(1, 30000) i);
SET statement_timeout = '200ms';
SELECT connector_json_is_valid(schema, instance) FROM t.slow WHERE schema ? 'pattern';
SELECT connector_json_is_valid(schema, instance) FROM t.slow WHERE schema ? 'items';
RESET statement_timeout;
DROP TABLE t.slow;
SELECT connector_json_is_valid('{"pattern": "^a"}', '"abc"');

\echo # violations: where in the value, where in the schema, what
SELECT t.violations('{
    "type": "object",
    "$defs": {"phone": {"type": "string", "pattern": "^\\+[0-9]{6,15}$"}},
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "phones": {"type": "array", "items": {"$ref": "#/$defs/phone"}, "minItems": 1, "uniqueItems": true},
        "born": {"type": "string", "format": "date"},
        "a/b~c": {"multipleOf": 0.01}
    },
    "required": ["name", "email"],
    "additionalProperties": false}',
    '{"name": "", "phones": ["+4930123456", "030 123", "+4930123456"], "born": "1970-02-30", "a/b~c": 1.005, "age": 5}');
SELECT t.violations('{"enum": ["a", "b"]}', to_jsonb(repeat('secret', 100)));
SELECT t.violations('false', '{}'), count(*) FROM t.violations('true', '{}');
-- A NUL never reaches us; null is a value, NULL is none.
SELECT connector_json_is_valid('{"type": "null"}', 'null'), connector_json_is_valid(NULL, '1') IS NULL, connector_json_is_valid('true', NULL) IS NULL;
SELECT count(*) FROM connector_validate_json('false', NULL);

\echo # numbers keep every digit
SELECT i, connector_json_is_valid('{"type": "integer"}', i::jsonb) AS integer, connector_json_is_valid('{"multipleOf": 0.01}', i::jsonb) AS cents,
       connector_json_is_valid('{"maximum": 9007199254740992}', i::jsonb) AS small
  FROM unnest(ARRAY['1.0', '1e3', '0.07', '9007199254740993', '1e-1', '1e1000', '1.005']) i;

\echo # patterns mean what ECMA-262 says, in every database
SELECT p, left(s, 20), length(s), connector_json_is_valid(jsonb_build_object('pattern', p), to_jsonb(s)) FROM (VALUES
    ('^\d+$', '42'), ('^\d+$', U&'\0664\0662'), ('^\p{Nd}+$', U&'\0664\0662'), ('^\w+$', 'a_1'), ('^\w+$', U&'\00e9'),
    ('^\p{L}[\p{L}\p{M}''-]*$', U&'O''Bri\00e9n'), ('^\p{Lu}', U&'\00c9t\00e9'), ('^\P{Lu}', U&'\00c9t\00e9'), ('^.$', U&'\+01f600'), ('^.$', E'\n'),
    ('^[^]$', E'\n'), ('a$', E'a\n'), ('^a{300,600}$', repeat('a', 300)), ('^a{300,600}$', repeat('a', 299)), ('^a{300,600}$', repeat('a', 601)),
    ('^a{0,1000}$', repeat('a', 1000)), ('^a{0,1000}$', repeat('a', 1001)), ('^(?!.*admin)[a-z]+$', 'adminx'), ('^(?!.*admin)[a-z]+$', 'user'),
    ('(?<=\$)\d+', 'cost $5'), ('(?<=\$)\d+', 'cost 5'), ('^(?<q>["''])[^"'']*\k<q>$', '"x"'), ('^(?<q>["''])[^"'']*\k<q>$', '"x'''),
    ('^(a)(b)?\1$', 'aba'), ('\bfoo\b', 'a foo b'), ('\bfoo\b', 'afoob'), ('^\s$', U&'\feff'), ('^[\w.-]+@[\w.-]+$', 'a.b@c-d.e'),
    ('^[]$', 'x'), ('', ''), ('^\u{1F600}$', U&'\+01f600'), ('^\cA?\x41\/$', 'A/'), ('a|^$', ''), ('^[\s\S]*$', E'a\nb')) v(p, s);

\echo # formats: a check, unless the setting says otherwise
SELECT connector_json_is_valid('{"format": "email"}', '"nobody"');
SET connector.schema_format_assertion = off;
SELECT connector_json_is_valid('{"format": "email"}', '"nobody"');
RESET connector.schema_format_assertion;
SELECT connector_json_is_valid('{"format": "no-such-format"}', '"nobody"');

\echo # one schema for many values, many schemas in one query
SELECT count(*), count(*) FILTER (WHERE connector_json_is_valid('{"type": "integer", "maximum": 500}', to_jsonb(i))) FROM generate_series(1, 1000) i;
SELECT i, connector_json_is_valid(jsonb_build_object('maximum', i % 3), '1') FROM generate_series(1, 6) i;
SELECT i, message FROM generate_series(1, 4) i, LATERAL connector_validate_json('{"multipleOf": 2}', to_jsonb(i));
-- A bad schema in between leaves the good ones alone.
CREATE FUNCTION t.valid(s jsonb, v jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN connector_json_is_valid(s, v);
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN SQLERRM;
END $$;
SELECT t.valid(s::jsonb, '1') FROM unnest(ARRAY['{"minimum": 1}', '{"minimum": "1"}', '{"minimum": 1}', '{"minimum": 2}', '[]', '{"minimum": 1}']) s;

\echo # in a constraint, and for everybody
CREATE TABLE t.people (data jsonb CHECK (connector_json_is_valid('{"required": ["name"], "properties": {"name": {"type": "string"}}}', data)));
GRANT INSERT ON t.people TO regress_nobody;
GRANT USAGE ON SCHEMA t TO regress_nobody;
SET ROLE regress_nobody;
INSERT INTO t.people VALUES ('{"name": "Ada"}'), (NULL);
INSERT INTO t.people VALUES ('{"name": 1}');
RESET ROLE;
REVOKE USAGE ON SCHEMA t FROM regress_nobody;
DROP TABLE t.people;
-- The metaschema is built in, and what it allows is what compiles.
SELECT t.violations('{"$ref": "https://json-schema.org/draft/2020-12/schema"}', '{"minLength": -1}');
SELECT connector_json_is_valid('{"$ref": "https://json-schema.org/draft/2020-12/schema"}', '{"$ref": "https://json-schema.org/draft/2020-12/schema"}');
DROP FUNCTION t.violations, t.valid;
