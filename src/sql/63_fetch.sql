-- Fetching streams of providers.
--
-- The C function takes a row at a time.  A function in FROM is collected whole before its first
-- row is seen, unless the planner can inline it; so the public one is SQL, and says STABLE, for a
-- volatile one is never inlined.  Nothing is done by that which would not be done otherwise: a
-- function that returns a set is evaluated where it stands, once for each row of what is before it.
-- The cost keeps the planner from putting it where it would be evaluated again and again.

CREATE FUNCTION @extschema@._connector_fetch(
    provider text, stream text, input jsonb, max_pages integer, workspace text)
RETURNS SETOF jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE COST 1000000 ROWS 1000
AS 'MODULE_PATHNAME', '_connector_fetch';
COMMENT ON FUNCTION @extschema@._connector_fetch(text, text, jsonb, integer, text) IS
'What connector_fetch() is made of: the records of a stream, one a call.';

CREATE FUNCTION @extschema@.connector_fetch(
    provider text, stream text, input jsonb DEFAULT '{}', max_pages integer DEFAULT NULL,
    workspace text DEFAULT NULL)
RETURNS SETOF jsonb
LANGUAGE sql STABLE PARALLEL UNSAFE COST 1000000 ROWS 1000
AS 'SELECT @extschema@._connector_fetch($1, $2, $3, $4, $5)';
COMMENT ON FUNCTION @extschema@.connector_fetch(text, text, jsonb, integer, text) IS
'The records of a provider''s stream, fetched page by page while rows are taken: LIMIT fetches no more pages than it needs. max_pages ends it after so many; without it, more pages than the stream''s own limit are an error. provider/label chooses a credential by its label. A failure raises with the SQLSTATE of its code (class NC, docs/errors.md) and says which page. Errors of the caller: 42704 unknown provider or stream, 22023 bad argument, 42501 not allowed, 25006 read-only transaction.';
