-- History: partitions made, filled and dropped by connector_maintain, and closed to direct access.
\pset format unaligned
\pset tuples_only on
SELECT connector_maintain() IS NOT NULL;
CREATE FUNCTION t.add(days_ago numeric, ws text DEFAULT 'acme', n int DEFAULT 1) RETURNS void LANGUAGE sql AS $$
    INSERT INTO connector_history (workspace_id, id, connector_name, status, trigger, attempt, execution_time_ms,
                                   started_at, completed_at, created_at)
    SELECT (SELECT id FROM connector_workspaces WHERE slug = ws),
           -- an id of that time, made unique in its last bytes
           overlay(connector_id_at(now() - make_interval(secs => (days_ago * 86400)::float8))::text
                   PLACING lpad(to_hex(g), 12, '0') FROM 25)::uuid,
           format('%s days ago', days_ago), 'success', 'sql', 1, g, now(), now(), now()
      FROM generate_series(1, n) g $$;

\echo # ids and time
SELECT connector_id_at('2024-02-29 12:34:56.789+00');
SELECT connector_id_time('018df4e8-3d95-7000-8000-000000000000') AT TIME ZONE 'UTC';
SELECT connector_id_time(connector_id_at(at)) = at FROM (VALUES
    ('1970-01-01 00:00:00+00'::timestamptz), ('2024-02-29 12:34:56.789+00'), ('2500-01-01 00:00:00.001+00')) v(at);
SELECT connector_id_at('-infinity'), connector_id_at('infinity'), connector_id_at(NULL), connector_id_time(NULL);
SELECT connector_id_at('1969-12-31 23:59:59+00'), connector_id_at('0044-03-15 BC'), connector_id_at('9999-12-31');
SELECT connector_id_at('10889-08-02 05:31:50.655999+00'), connector_id_at('10889-08-02 05:31:50.656+00'), connector_id_at('294276-12-31 23:59:59+00');
SELECT bool_and(connector_id_at(a) < connector_id_at(a + '1 ms')) FROM generate_series('1970-01-01'::timestamptz, '2100-01-01', '400 days') a;
SELECT isfinite(connector_id_time(gen_random_uuid())), connector_id_time('00000000-0000-0000-0000-000000000000') AT TIME ZONE 'UTC';

\echo # today and the next days have a partition; a second run has nothing to do
SELECT count(*) >= 8 FROM _connector_history_days();
SELECT bool_and(EXISTS (SELECT FROM _connector_history_days() h WHERE h.day = (now() AT TIME ZONE 'UTC')::date + g))
  FROM generate_series(0, 7) g;
SELECT connector_maintain() - 'partitions_created' = '{"partitions_dropped": 0, "postponed": 0, "statistics_folded": 0, "keys_pruned": 0, "dead_letters_pruned": 0}';
SELECT (connector_maintain(9) ->> 'partitions_created')::int >= 2;
SELECT t.try('SELECT connector_maintain(0)');
SELECT t.try('SELECT connector_maintain(367)');
SELECT t.try('SELECT connector_maintain(NULL)');
-- Each partition holds exactly its day, in UTC whatever the session's zone is.
SET timezone = 'Pacific/Kiritimati';
SELECT connector_maintain(10) IS NOT NULL;
SET timezone = 'Pacific/Pago_Pago';
SELECT connector_maintain(11) IS NOT NULL;
RESET timezone;
SELECT count(*) FROM _connector_history_days() h
 WHERE pg_get_expr((SELECT relpartbound FROM pg_class WHERE oid = h.partition), h.partition) <>
       format('FOR VALUES FROM (%L) TO (%L)', connector_id_at(h.day::timestamp AT TIME ZONE 'UTC'),
              connector_id_at((h.day + 1)::timestamp AT TIME ZONE 'UTC'));
-- The partitions are no members of the extension, locked up, and indexed like the parent.
SELECT count(*) FROM _connector_history_days() h JOIN pg_depend d ON d.objid = h.partition AND d.deptype = 'e';
SELECT DISTINCT c.relrowsecurity, c.relforcerowsecurity, replace(c.relacl::text, current_user, 'owner'),
       (SELECT string_agg(p.polname || ' ' || pg_get_expr(polqual, polrelid) || ' ' || pg_get_expr(polwithcheck, polrelid), ',')
          FROM pg_policy p WHERE p.polrelid = c.oid),
       (SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid)
  FROM pg_class c JOIN _connector_history_days() h ON h.partition = c.oid;
SELECT c.relrowsecurity, c.relforcerowsecurity, (SELECT count(*) FROM pg_index i WHERE i.indrelid = c.oid)
  FROM pg_class c WHERE c.oid = 'connector_history_default'::regclass;

\echo # rows go to the partition of their id; those of days without one to the default
SELECT t.add(0), t.add(20, n => 3), t.add(20, 'globex'), t.add(3), t.add(45), t.add(400, n => 2);
SELECT connector_name, tableoid = 'connector_history_default'::regclass AS in_default, count(*)
  FROM connector_history GROUP BY 1, 2 ORDER BY connector_name COLLATE "C";
SELECT (r ->> 'partitions_created')::int >= 4, (r ->> 'partitions_dropped')::int >= 2, r -> 'postponed'
  FROM connector_maintain() r;
\echo # moved to their own, and what is older than connector.retention went
SHOW connector.retention;
SELECT connector_name, tableoid = 'connector_history_default'::regclass AS in_default, count(*)
  FROM connector_history GROUP BY 1, 2 ORDER BY connector_name COLLATE "C";
SELECT count(*) FROM connector_history h JOIN _connector_history_days() d ON d.partition = h.tableoid
 WHERE d.day <> (connector_id_time(h.id) AT TIME ZONE 'UTC')::date;
SELECT count(*) FROM _connector_history_days() WHERE day < (now() AT TIME ZONE 'UTC')::date - 31;
-- The day of the limit itself is kept whole.
SELECT t.add(29.9);
SELECT connector_maintain() IS NOT NULL;
SELECT count(*) FROM connector_history WHERE connector_name = '29.9 days ago';

\echo # what is not a partition of ours is left alone
CREATE TABLE connector_history_20010101 (a int);
CREATE TABLE connector_history_custom (LIKE connector_history INCLUDING ALL);
ALTER TABLE connector_history ATTACH PARTITION connector_history_custom
    FOR VALUES FROM ('00000000-0000-0000-0000-000000000000') TO ('00000000-0000-7000-8000-000000000001');
SELECT connector_maintain() IS NOT NULL;
SELECT to_regclass('connector_history_20010101'), to_regclass('connector_history_custom');
DROP TABLE connector_history_20010101, connector_history_custom;

\echo # reading: through the parent and the view, each tenant its own
CREATE FUNCTION t.reads() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE rel regclass; n text; open int := 0; closed int := 0;
BEGIN
    RETURN NEXT 'executions ' || (SELECT count(*) FROM connector_executions);
    RETURN NEXT 'history ' || (SELECT count(*) FROM connector_history);
    FOR rel IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'connector_history'::regclass LOOP
        n := t.value(format('(SELECT count(*) FROM %s)', rel));
        IF n LIKE '42501%' THEN closed := closed + 1; ELSE open := open + 1; END IF;
    END LOOP;
    RETURN NEXT format('partitions open %s, closed %s', open, CASE WHEN closed > 0 THEN 'all' ELSE 'none' END);
END $$;
SET ROLE regress_vic;
SELECT t.reads();
SELECT DISTINCT w.slug FROM connector_executions e JOIN connector_workspaces w ON w.id = e.workspace_id;
SET ROLE regress_bob;
SELECT t.reads();
SET ROLE regress_nobody;
SELECT t.reads();
SET ROLE regress_alice;
SELECT t.try('SELECT * FROM connector_history_default');
SELECT t.try('INSERT INTO connector_history SELECT * FROM connector_history');
SELECT t.try('UPDATE connector_history SET status = ''x''');
SELECT t.try('DELETE FROM connector_history');
SELECT t.try('TRUNCATE connector_history');
SELECT t.try('INSERT INTO connector_executions (connector_name) VALUES (''x'')');
SELECT t.try('UPDATE connector_executions SET status = ''x''');
SELECT t.try('DELETE FROM connector_executions');
SELECT t.try('SELECT connector_maintain()');
SELECT t.try('SELECT _connector_add_history_day(''2001-01-01'')');
SELECT t.try('SELECT _connector_fold_stats()');
SELECT t.try('SELECT * FROM _connector_history_days()');
SELECT t.try('SELECT _connector_day_start(''2001-01-01'')');
SELECT t.try('SELECT _connector_missing_history_days(1)');
RESET ROLE;
-- Even granted, a partition shows no row.
GRANT SELECT ON connector_history_default TO regress_alice;
SELECT t.add(1000);
SELECT count(*) FROM connector_history_default;
SET ROLE regress_alice;
SELECT count(*) FROM connector_history_default;
RESET ROLE;
REVOKE SELECT ON connector_history_default FROM regress_alice;

\echo # periods read only the partitions they need
CREATE FUNCTION t.partitions_read(q text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE line text; n int := 0;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || q LOOP
        IF line ~ 'on connector_history_' THEN n := n + 1; END IF;
    END LOOP;
    RETURN n;
END $$;
SELECT t.partitions_read($$SELECT * FROM connector_executions WHERE id >= connector_id_at('2999-01-01')$$);

SELECT connector_maintain() IS NOT NULL;
DELETE FROM connector_history;
DROP FUNCTION t.reads(), t.partitions_read(text);
