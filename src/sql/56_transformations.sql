-- Transformations: the library's table as a view, and a way to try a template.

CREATE FUNCTION @extschema@._connector_transformations(
    OUT name text, OUT category text, OUT arguments text, OUT takes_null boolean,
    OUT description text, OUT example text, OUT example_input jsonb, OUT example_output jsonb)
RETURNS SETOF record
LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_transformations';
COMMENT ON FUNCTION @extschema@._connector_transformations() IS
'The library''s table of transformations; what the view connector_transformations shows.';

CREATE VIEW @extschema@.connector_transformations WITH (security_invoker = true) AS
SELECT t.name, t.category, t.arguments, t.takes_null, t.description, t.example, t.example_input, t.example_output
  FROM @extschema@._connector_transformations() t;
COMMENT ON VIEW @extschema@.connector_transformations IS
'The transformations (filters) that templates may use. With {"input": example_input} as context the example gives example_output.';
GRANT SELECT ON @extschema@.connector_transformations TO PUBLIC;

CREATE FUNCTION @extschema@.connector_render(template jsonb, context jsonb DEFAULT '{}') RETURNS jsonb
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_render';
COMMENT ON FUNCTION @extschema@.connector_render(jsonb, jsonb) IS
'Evaluates a template, to try one: the members of context are what references begin with. Error 22023 names the JSON path, what failed and the byte at which it stands.';
