-- Maintenance: partitions of the history and folding of statistics.

-- The lower bound of a day as an id.
CREATE FUNCTION @extschema@._connector_day_start(day date) RETURNS uuid
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT @extschema@.connector_id_at(day::timestamp AT TIME ZONE 'UTC') $$;
COMMENT ON FUNCTION @extschema@._connector_day_start(date) IS
'The smallest execution id of a day (UTC).';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_day_start(date) FROM PUBLIC;

-- The time partitions that exist, by the day in their name.
CREATE FUNCTION @extschema@._connector_history_days()
RETURNS TABLE (day date, partition regclass)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT to_date(substring(c.relname from '^connector_history_(\d{8})$'), 'YYYYMMDD'), c.oid::regclass
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = '@extschema@.connector_history'::regclass
       AND c.relname ~ '^connector_history_\d{8}$'
$$;
COMMENT ON FUNCTION @extschema@._connector_history_days() IS
'Days (UTC) that have a partition of the history.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_history_days() FROM PUBLIC;

-- Attaching locks out those who write to the default partition, which is empty
-- unless maintenance did not run for days; rows of the day move over first.
CREATE FUNCTION @extschema@._connector_add_history_day(day date) RETURNS void
LANGUAGE plpgsql PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    first_id  uuid := @extschema@._connector_day_start(day);
    next_id   uuid := @extschema@._connector_day_start(day + 1);
    partition text := format('@extschema@.%I', 'connector_history_' || to_char(day, 'YYYYMMDD'));
BEGIN
    EXECUTE format('CREATE TABLE %s (LIKE @extschema@.connector_history_default INCLUDING ALL)', partition);
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', partition);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', partition);
    EXECUTE format('CREATE POLICY connector_none ON %s USING (false) WITH CHECK (false)', partition);

    LOCK TABLE @extschema@.connector_history_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format(
        'WITH moved AS (DELETE FROM @extschema@.connector_history_default
                         WHERE id >= $1 AND id < $2 RETURNING *)
         INSERT INTO %s SELECT * FROM moved', partition)
        USING first_id, next_id;
    EXECUTE format('ALTER TABLE @extschema@.connector_history ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)',
                   partition, first_id, next_id);
END
$$;
COMMENT ON FUNCTION @extschema@._connector_add_history_day(date) IS
'Creates the partition of a day (UTC) and moves what the default partition holds of it.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_add_history_day(date) FROM PUBLIC;

-- The set of days that shall have a partition and have none.
CREATE FUNCTION @extschema@._connector_missing_history_days(ahead integer) RETURNS SETOF date
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.day FROM (
        SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date + n
          FROM generate_series(0, ahead) n
        UNION
        SELECT (@extschema@.connector_id_time(id) AT TIME ZONE 'UTC')::date
          FROM @extschema@.connector_history_default) d(day)
     WHERE NOT EXISTS (SELECT FROM @extschema@._connector_history_days() h WHERE h.day = d.day)
     ORDER BY d.day
$$;
COMMENT ON FUNCTION @extschema@._connector_missing_history_days(integer) IS
'Days from today on, and days of rows in the default partition, without a partition.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_missing_history_days(integer) FROM PUBLIC;

-- Takes deltas whose connector and credential nobody is changing right now.  Only _connector_fold_stats
-- and workers call this, one at a time (src/stats/fold.c), so a delta stays at its place meanwhile.
CREATE FUNCTION @extschema@._connector_fold_batch(
    at_most bigint DEFAULT NULL, OUT seen bigint, OUT taken bigint)
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH batch AS MATERIALIZED (
        SELECT d.ctid AS place, d.workspace_id, d.connector_id, d.credential_id
          FROM @extschema@.connector_stat_deltas d
         LIMIT _connector_fold_batch.at_most
    ), free_connectors AS MATERIALIZED (
        SELECT c.workspace_id, c.id FROM @extschema@.connectors c
         WHERE (c.workspace_id, c.id) IN (SELECT b.workspace_id, b.connector_id FROM batch b)
           FOR NO KEY UPDATE SKIP LOCKED
    ), free_credentials AS MATERIALIZED (
        SELECT c.workspace_id, c.id FROM @extschema@.workspace_api_credentials c
         WHERE (c.workspace_id, c.id) IN (SELECT b.workspace_id, b.credential_id FROM batch b)
           FOR NO KEY UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM @extschema@.connector_stat_deltas d USING batch b
         WHERE d.ctid = b.place
           AND ((b.workspace_id, b.connector_id) IN (SELECT f.workspace_id, f.id FROM free_connectors f)
                OR NOT EXISTS (SELECT FROM @extschema@.connectors c
                                WHERE c.workspace_id = b.workspace_id AND c.id = b.connector_id))
           AND (b.credential_id IS NULL
                OR (b.workspace_id, b.credential_id) IN (SELECT f.workspace_id, f.id FROM free_credentials f)
                OR NOT EXISTS (SELECT FROM @extschema@.workspace_api_credentials c
                                WHERE c.workspace_id = b.workspace_id AND c.id = b.credential_id))
        RETURNING d.*
    ), used AS (
        UPDATE @extschema@.workspace_api_credentials c
           SET last_used_at = greatest(c.last_used_at, u.last_at)
          FROM (SELECT g.workspace_id, g.credential_id, max(g.last_at) AS last_at
                  FROM gone g WHERE g.credential_id IS NOT NULL
                 GROUP BY g.workspace_id, g.credential_id) u
         WHERE c.workspace_id = u.workspace_id AND c.id = u.credential_id
    ), folded AS (
        UPDATE @extschema@.connectors c
           SET total_executions = c.total_executions + s.successes + s.failures,
               successful_executions = c.successful_executions + s.successes,
               failed_executions = c.failed_executions + s.failures,
               last_executed_at = greatest(c.last_executed_at, s.last_at)
          FROM (SELECT g.workspace_id, g.connector_id, sum(g.successes)::bigint AS successes,
                       sum(g.failures)::bigint AS failures, max(g.last_at) AS last_at
                  FROM gone g GROUP BY g.workspace_id, g.connector_id) s
         WHERE c.workspace_id = s.workspace_id AND c.id = s.connector_id
    )
    SELECT (SELECT count(*) FROM batch), (SELECT count(*) FROM gone)
$$;
COMMENT ON FUNCTION @extschema@._connector_fold_batch(bigint) IS
'Adds pending deltas, at most so many, to connectors; says how many it saw and took. Never waits for a row.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_fold_batch(bigint) FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_fold_stats() RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_fold_stats';
COMMENT ON FUNCTION @extschema@._connector_fold_stats() IS
'Folds all pending deltas that can be folded without waiting, and returns how many it took.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_fold_stats() FROM PUBLIC;

-- Rows that somebody has locked are for the next run.
CREATE FUNCTION @extschema@._connector_prune_keys(max_count integer DEFAULT 200000) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH pruned AS (
        DELETE FROM @extschema@.connector_idempotency_keys WHERE ctid = ANY (ARRAY(
            SELECT k.ctid FROM @extschema@.connector_idempotency_keys k
             WHERE k.created_at < clock_timestamp() - make_interval(mins => (
                       SELECT setting::integer FROM pg_settings WHERE name = 'connector.idempotency_retention'))
             ORDER BY k.created_at LIMIT max_count FOR UPDATE SKIP LOCKED))
        RETURNING 1
    )
    SELECT count(*) FROM pruned
$$;
COMMENT ON FUNCTION @extschema@._connector_prune_keys(integer) IS
'Deletes idempotency keys older than connector.idempotency_retention, the oldest first and at most so many; returns how many.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_prune_keys(integer) FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_prune_dead_letters(max_count integer DEFAULT 50000) RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH pruned AS (
        DELETE FROM @extschema@.connector_dead_letters WHERE ctid = ANY (ARRAY(
            SELECT d.ctid FROM @extschema@.connector_dead_letters d,
                   (SELECT setting::integer FROM pg_settings WHERE name = 'connector.dead_letter_retention') s(minutes)
             WHERE s.minutes > 0 AND d.failed_at < clock_timestamp() - make_interval(mins => s.minutes)
             ORDER BY d.failed_at LIMIT max_count FOR UPDATE OF d SKIP LOCKED))
        RETURNING 1
    )
    SELECT count(*) FROM pruned
$$;
COMMENT ON FUNCTION @extschema@._connector_prune_dead_letters(integer) IS
'Deletes dead letters older than connector.dead_letter_retention, the oldest first and at most so many; returns how many.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_prune_dead_letters(integer) FROM PUBLIC;

CREATE FUNCTION @extschema@.connector_maintain(days_ahead integer DEFAULT 7) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    retention interval := make_interval(mins => (
        SELECT setting::integer FROM pg_settings WHERE name = 'connector.retention'));
    created   integer := 0;
    dropped   integer := 0;
    skipped   integer := 0;
    folded    bigint;
    keys      bigint;
    letters   bigint;
    item      record;
BEGIN
    IF days_ahead IS NULL OR days_ahead NOT BETWEEN 1 AND 366 THEN
        RAISE EXCEPTION 'days_ahead must be between 1 and 366' USING ERRCODE = '22023';
    END IF;

    -- One run at a time; another one has nothing left to do.
    IF NOT pg_try_advisory_xact_lock('@extschema@.connector_history'::regclass::oid::bigint) THEN
        RETURN jsonb_build_object('skipped', 'another run is in progress');
    END IF;

    FOR item IN SELECT d AS day FROM @extschema@._connector_missing_history_days(days_ahead) d LOOP
        BEGIN
            PERFORM @extschema@._connector_add_history_day(item.day);
            created := created + 1;
        EXCEPTION WHEN lock_not_available THEN
            skipped := skipped + 1;
            RAISE WARNING 'could not create the history partition of % now', item.day
                USING HINT = 'A long query holds connector_history; the next run tries again.';
            EXIT;               -- others wait behind us while we wait
        WHEN duplicate_table THEN
            skipped := skipped + 1;
            RAISE WARNING 'could not create the history partition of %', item.day
                USING DETAIL = SQLERRM, HINT = 'Rename or drop the table that has its name.';
        END;
    END LOOP;

    IF retention > interval '0' THEN
        FOR item IN SELECT h.day, h.partition FROM @extschema@._connector_history_days() h
                     WHERE (h.day + 1)::timestamp AT TIME ZONE 'UTC' <= clock_timestamp() - retention
                     ORDER BY h.day LOOP
            BEGIN
                EXECUTE format('DROP TABLE %s', item.partition);
                dropped := dropped + 1;
            EXCEPTION WHEN lock_not_available THEN
                skipped := skipped + 1;
                RAISE WARNING 'could not drop the history partition of % now', item.day
                    USING HINT = 'A long query holds connector_history; the next run tries again.';
                EXIT;
            END;
        END LOOP;
    END IF;

    -- Last: others wait for the rows these change until this transaction ends.
    letters := @extschema@._connector_prune_dead_letters();
    keys := @extschema@._connector_prune_keys();
    folded := @extschema@._connector_fold_stats();
    PERFORM @extschema@._connector_fold_templates();

    RETURN jsonb_build_object('partitions_created', created, 'partitions_dropped', dropped,
                              'postponed', skipped, 'statistics_folded', folded,
                              'keys_pruned', keys, 'dead_letters_pruned', letters);
END
$$;
COMMENT ON FUNCTION @extschema@.connector_maintain(integer) IS
'Folds statistics, creates the history partitions of the next days, drops those older than connector.retention, and deletes dead letters and idempotency keys that are past theirs. Cheap when there is nothing to do; schedule it with pg_cron every minute. Returns what it did. For the database administrator.';
REVOKE EXECUTE ON FUNCTION @extschema@.connector_maintain(integer) FROM PUBLIC;
