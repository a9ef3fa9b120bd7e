-- Schedules: connectors that pg_cron starts, and the jobs that keep the extension in order.
--
-- A schedule is a row here and a job in pg_cron, in whatever database that lives.  The row is
-- the truth: a job without one does nothing, and connector_tick() makes the jobs as the rows say.

CREATE TABLE @extschema@.connector_schedules (
    workspace_id      uuid NOT NULL
                      REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    id                uuid NOT NULL,
    name              text NOT NULL CHECK (pg_catalog.length(name) OPERATOR(pg_catalog.>=) 1
                                           AND pg_catalog.length(name) OPERATOR(pg_catalog.<=) 128),
    connector_id      uuid NOT NULL,
    cron              text NOT NULL,
    priority          smallint NOT NULL,
    overlap           boolean NOT NULL,
    enabled           boolean NOT NULL,
    identity          text NOT NULL,
    run_as            name NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT pg_catalog.now(),
    last_run_at       timestamptz,
    last_execution_id uuid,
    last_error        text,
    input             jsonb NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, name),
    FOREIGN KEY (workspace_id, connector_id)
        REFERENCES @extschema@.connectors (workspace_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX connector_schedules_connector ON @extschema@.connector_schedules (workspace_id, connector_id);
COMMENT ON TABLE @extschema@.connector_schedules IS
'Connectors that are started by pg_cron. Changed by connector_schedule() and connector_unschedule() only.';
COMMENT ON COLUMN @extschema@.connector_schedules.overlap IS 'Whether it starts while the execution before it has not ended.';
COMMENT ON COLUMN @extschema@.connector_schedules.identity IS 'Whose rights it runs with: who scheduled it.';
COMMENT ON COLUMN @extschema@.connector_schedules.run_as IS 'The database role of who scheduled it; field mappings write with its rights.';
COMMENT ON COLUMN @extschema@.connector_schedules.last_run_at IS 'When it was last due and looked at, whether or not it started anything.';
COMMENT ON COLUMN @extschema@.connector_schedules.last_error IS 'Why it started nothing when it was last due; null: it did.';

ALTER TABLE @extschema@.connector_schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_schedules FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_schedules FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_schedules FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_schedules FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_schedules FOR DELETE USING (false);
-- Not the input: what is scheduled may hold what the history redacts.
GRANT SELECT (workspace_id, id, name, connector_id, cron, priority, overlap, enabled, identity, run_as,
              created_at, last_run_at, last_execution_id, last_error)
    ON @extschema@.connector_schedules TO PUBLIC;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_schedules', '');

CREATE FUNCTION @extschema@.connector_schedule(
    connector text, cron text, input jsonb DEFAULT '{}', name text DEFAULT NULL,
    workspace text DEFAULT NULL, priority integer DEFAULT 5, overlap boolean DEFAULT true,
    enabled boolean DEFAULT true)
RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_schedule';
COMMENT ON FUNCTION @extschema@.connector_schedule(text, text, jsonb, text, text, integer, boolean, boolean) IS
'Has pg_cron start a connector (name or id) again and again, with the rights the caller has then; returns the id of the schedule. A schedule of that name (the connector''s, unless given) is replaced. Needs execute. Errors: 22023 pg_cron does not take the expression, 42704 unknown connector, input_invalid the input does not fit, 54000 too many schedules, 55000 there is no pg_cron.';

CREATE FUNCTION @extschema@.connector_unschedule(name text, workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_unschedule';
COMMENT ON FUNCTION @extschema@.connector_unschedule(text, text) IS
'Removes the schedule of that name and its job; false if there is none. What it has started goes on. Needs execute.';

-- What the jobs call.

CREATE FUNCTION @extschema@._connector_run_schedule(workspace uuid, id uuid) RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE
SET lock_timeout = '10s'
AS 'MODULE_PATHNAME', 'connector_run_schedule';
COMMENT ON FUNCTION @extschema@._connector_run_schedule(uuid, uuid) IS
'Queues an execution of a schedule and returns its id; null if there is none to be queued now, and why in last_error. Once in a minute, or in a second where the expression counts seconds.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_run_schedule(uuid, uuid) FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_cron_name(what text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_cron_name';
COMMENT ON FUNCTION @extschema@._connector_cron_name(text) IS
'Name of a job of this database.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_cron_name(text) FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_cron_command(function text, arguments text) RETURNS text
LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'connector_cron_command';
COMMENT ON FUNCTION @extschema@._connector_cron_command(text, text) IS
'Command of a job that calls a function of the extension and does nothing where that has gone.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_cron_command(text, text) FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_sync_jobs() RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_sync_jobs';
COMMENT ON FUNCTION @extschema@._connector_sync_jobs() IS
'Makes the jobs of schedules as connector_schedules says and returns what had to be done. Error 55000: there is no pg_cron.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_sync_jobs() FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_trim_cron_log() RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_trim_cron_log';
COMMENT ON FUNCTION @extschema@._connector_trim_cron_log() IS
'Deletes from cron.job_run_details what our jobs left there more than a week ago; returns how many.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_trim_cron_log() FROM PUBLIC;

-- Each part by itself: what goes wrong in one is told and does not undo the others.  The jobs come
-- first, because maintenance takes locks that nobody should hold while waiting for another process.
CREATE FUNCTION @extschema@.connector_tick() RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '2s'
AS $$
DECLARE
    jobs       jsonb;
    maintained jsonb;
    tokens     jsonb;
    polls      jsonb;
BEGIN
    IF NOT pg_try_advisory_xact_lock('@extschema@.connector_schedules'::regclass::oid::bigint) THEN
        RETURN jsonb_build_object('skipped', 'another run is in progress');
    END IF;

    BEGIN
        jobs := @extschema@._connector_sync_jobs();
    EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE = '55000' THEN      -- there is no pg_cron
            jobs := jsonb_build_object('skipped', SQLERRM);
        ELSE
            jobs := jsonb_build_object('error', SQLERRM);
            RAISE WARNING 'could not compare the schedules with pg_cron: %', SQLERRM;
        END IF;
    END;

    BEGIN
        maintained := @extschema@.connector_maintain();
    EXCEPTION WHEN OTHERS THEN
        maintained := jsonb_build_object('error', SQLERRM);
        RAISE WARNING 'could not maintain: %', SQLERRM;
    END;

    BEGIN
        tokens := @extschema@._connector_renew_tokens();
    EXCEPTION WHEN OTHERS THEN
        tokens := jsonb_build_object('error', SQLERRM);
        RAISE WARNING 'could not look for tokens to renew: %', SQLERRM;
    END;

    BEGIN
        polls := to_jsonb(@extschema@._connector_call_polls());
    EXCEPTION WHEN OTHERS THEN
        polls := jsonb_build_object('error', SQLERRM);
        RAISE WARNING 'could not look for triggers that are due: %', SQLERRM;
    END;

    RETURN jsonb_build_object('jobs', jobs, 'maintenance', maintained, 'tokens', tokens, 'polls', polls);
END
$$;
COMMENT ON FUNCTION @extschema@.connector_tick() IS
'What has to be done every minute: connector_maintain(), the jobs of pg_cron made as connector_schedules says, tokens renewed that end soon, and triggers polled that are due. Cheap when there is nothing to do; waits for no lock longer than two seconds; of two at a time one does it. Returns what it did. For the database administrator, and the job that connector_setup_cron() makes.';
REVOKE EXECUTE ON FUNCTION @extschema@.connector_tick() FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_nightly() RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN @extschema@.connector_maintain(14)
           || jsonb_build_object('runs_forgotten', @extschema@._connector_trim_cron_log());
END
$$;
COMMENT ON FUNCTION @extschema@._connector_nightly() IS
'What has to be done once a day: partitions for a fortnight, should the minutely job fail, and the log of pg_cron.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_nightly() FROM PUBLIC;

CREATE FUNCTION @extschema@.connector_setup_cron(remove boolean DEFAULT false) RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_setup_cron';
COMMENT ON FUNCTION @extschema@.connector_setup_cron(boolean) IS
'Makes the jobs of this database in pg_cron, wherever it lives: connector_tick() every minute, maintenance every night, and those of the schedules; or removes them all. Jobs of databases that are gone are removed. May be called again at any time. Returns what had to be done. For the database administrator. Error 55000: there is no pg_cron.';
REVOKE EXECUTE ON FUNCTION @extschema@.connector_setup_cron(boolean) FROM PUBLIC;
