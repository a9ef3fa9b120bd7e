-- bookkeeping.sql -- the limit beside bench/queue: what the server itself needs for the rows of executions.
--
-- Tables like the queue and the history, indexes and all, hold the same rows; a session inserts them, and
-- then takes and records one batch after the other, a commit each, as a worker would if requests took no time.
-- Wanted: a history row to copy, in public.sample.

CREATE SCHEMA bookkeeping;
CREATE TABLE bookkeeping.queue (LIKE connector_queue INCLUDING ALL);
SELECT format('ALTER TABLE bookkeeping.queue SET (%s)', array_to_string(reloptions, ', '))
  FROM pg_class WHERE oid = 'connector_queue'::regclass \gexec
CREATE TABLE bookkeeping.history (LIKE connector_history_default INCLUDING ALL);

-- What a call of connector_execute_async_batch inserts.
CREATE PROCEDURE bookkeeping.fill(how_many int) LANGUAGE sql AS $$
INSERT INTO bookkeeping.queue (workspace_id, id, connector_id, created_at, attempt, priority, crashes, sending,
							   cancel_requested, notify, trigger, identity, run_as, input)
SELECT s.workspace_id, connector_id_at(now() + g * interval '1 ms'), s.connector_id, now(), 1, 5, 0, false,
	   false, false, 'async', 'role:tenant', 'tenant', jsonb_build_object('n', g)
  FROM public.sample s, generate_series(1, how_many) g
$$;

-- The history's columns that come from the sample, and those that come from the queue's row.
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS names,
	   string_agg(CASE WHEN attname IN ('workspace_id', 'id', 'connector_id', 'created_at') THEN 'gone.' ELSE 's.' END
				  || quote_ident(attname), ', ' ORDER BY attnum) AS expressions
  FROM pg_attribute WHERE attrelid = 'connector_history'::regclass AND attnum > 0 AND NOT attisdropped \gset

-- Take and record all, in batches.  The lease of a row that is taken is written and that committed (durable),
-- or committed without waiting for the disk (lazy), or not written (none): it is in shared memory only.
SELECT format($format$
CREATE PROCEDURE bookkeeping.drain(batch int, lease text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
	s public.sample;
	me uuid := gen_random_uuid();
	last_id uuid := '00000000-0000-0000-0000-000000000000';
	ids uuid[];
	inputs jsonb[];
BEGIN
	SELECT * INTO s FROM public.sample;
	LOOP
		IF lease <> 'none' THEN
			IF lease = 'lazy' THEN
				SET LOCAL synchronous_commit = off;
			END IF;
			WITH claimed AS (
				UPDATE bookkeeping.queue SET lease = me, claimed_at = clock_timestamp()
				 WHERE ctid = ANY (ARRAY(
						SELECT ctid FROM bookkeeping.queue
						 WHERE workspace_id = s.workspace_id AND connector_id = s.connector_id AND priority = 5
						   AND due_at IS NULL AND lease IS NULL AND id > last_id
						 ORDER BY id LIMIT batch FOR UPDATE SKIP LOCKED))
				RETURNING id, input)
			SELECT array_agg(id ORDER BY id), array_agg(input ORDER BY id) INTO ids, inputs FROM claimed;
			COMMIT;
		ELSE
			SELECT array_agg(id), array_agg(input) INTO ids, inputs FROM (
				SELECT id, input FROM bookkeeping.queue
				 WHERE workspace_id = s.workspace_id AND connector_id = s.connector_id AND priority = 5
				   AND due_at IS NULL AND lease IS NULL AND id > last_id
				 ORDER BY id LIMIT batch) claimed;
		END IF;
		EXIT WHEN ids IS NULL;
		last_id := ids[cardinality(ids)];
		WITH gone AS (
			DELETE FROM bookkeeping.queue WHERE workspace_id = s.workspace_id AND id = ANY (ids)
			RETURNING workspace_id, id, connector_id, created_at)
		INSERT INTO bookkeeping.history (%s) SELECT %s FROM gone;
		COMMIT;
	END LOOP;
END
$$
$format$, :'names', :'expressions') \gexec
