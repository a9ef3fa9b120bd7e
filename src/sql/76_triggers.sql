-- Polling triggers: streams of providers that are looked at again and again, and start a connector for
-- each record that is new or has changed.
--
-- A row is leased by the database's poll process, which asks the remote without a transaction, and
-- then, for each page, queues executions and remembers records and cursor in one.

CREATE TABLE @extschema@.connector_triggers (
    workspace_id      uuid NOT NULL
                      REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    id                uuid NOT NULL,
    name              text NOT NULL CHECK (pg_catalog.length(name) OPERATOR(pg_catalog.>=) 1
                                           AND pg_catalog.length(name) OPERATOR(pg_catalog.<=) 128),
    provider          text NOT NULL,
    trigger           text,
    stream            text NOT NULL,
    label             text,
    event             text NOT NULL CHECK (event OPERATOR(pg_catalog.=) ANY (ARRAY['created', 'updated'])),
    connector_id      uuid NOT NULL,
    poll_interval     integer NOT NULL CHECK (poll_interval OPERATOR(pg_catalog.>=) 60
                                              AND poll_interval OPERATOR(pg_catalog.<=) 86400),
    priority          smallint NOT NULL,
    from_now          boolean NOT NULL,
    told_by           uuid NOT NULL,
    enabled           boolean NOT NULL,
    identity          text NOT NULL,
    run_as            name NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT pg_catalog.now(),
    primed            boolean NOT NULL DEFAULT false,
    known_since       timestamptz,
    cursor            jsonb,
    last_poll_at      timestamptz,
    next_poll_at      timestamptz NOT NULL,
    failures          integer NOT NULL DEFAULT 0,
    error_code        text,
    last_error        text,
    hint              text,
    started           bigint NOT NULL DEFAULT 0,
    last_execution_id uuid,
    lease             uuid,
    lease_until       timestamptz,
    input             jsonb NOT NULL,
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, name),
    FOREIGN KEY (workspace_id, connector_id)
        REFERENCES @extschema@.connectors (workspace_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX connector_triggers_connector ON @extschema@.connector_triggers (workspace_id, connector_id);
CREATE INDEX connector_triggers_due ON @extschema@.connector_triggers (next_poll_at) WHERE enabled;
COMMENT ON TABLE @extschema@.connector_triggers IS
'Streams of providers that are polled, and the connector that is started for each new or changed record. Changed by connector_trigger_set() and the functions beside it only.';
COMMENT ON COLUMN @extschema@.connector_triggers.trigger IS 'The trigger in the provider''s definition; null: a stream without one.';
COMMENT ON COLUMN @extschema@.connector_triggers.poll_interval IS 'Seconds from one poll to the next.';
COMMENT ON COLUMN @extschema@.connector_triggers.from_now IS 'Whether its first poll starts nothing and only remembers what is there.';
COMMENT ON COLUMN @extschema@.connector_triggers.told_by IS 'Digest of what told records apart when it was set: with another one all that it remembers would be new.';
COMMENT ON COLUMN @extschema@.connector_triggers.identity IS 'Whose rights and credentials it has: who set it, or enabled it last.';
COMMENT ON COLUMN @extschema@.connector_triggers.run_as IS 'The database role of that one; field mappings write with its rights.';
COMMENT ON COLUMN @extschema@.connector_triggers.primed IS 'Whether the first poll has come to its end.';
COMMENT ON COLUMN @extschema@.connector_triggers.known_since IS 'Records created before then are not new, even if they are not remembered; null: any may be.';
COMMENT ON COLUMN @extschema@.connector_triggers.cursor IS 'Where the next poll goes on: the lower bound that the stream is asked with; null: everything is asked for.';
COMMENT ON COLUMN @extschema@.connector_triggers.failures IS 'Polls that failed since one did not.';
COMMENT ON COLUMN @extschema@.connector_triggers.lease IS 'The incarnation of the process that polls it; null: nobody does.';

ALTER TABLE @extschema@.connector_triggers ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_triggers FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_triggers FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_triggers FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_triggers FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_triggers FOR DELETE USING (false);
-- Not the input, which may hold what the history redacts, nor the cursor, which some remotes take
-- in place of everything else.
GRANT SELECT (workspace_id, id, name, provider, trigger, stream, label, event, connector_id, poll_interval,
              priority, from_now, enabled, identity, run_as, created_at, primed, known_since, last_poll_at,
              next_poll_at, failures, error_code, last_error, hint, started, last_execution_id, lease, lease_until)
    ON @extschema@.connector_triggers TO PUBLIC;

-- A restored one must not poll before the marks of the backup have been loaded too.
CREATE TRIGGER loaded AFTER INSERT ON @extschema@.connector_triggers
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@._connector_queue_loaded();
ALTER TABLE @extschema@.connector_triggers ENABLE ALWAYS TRIGGER loaded;

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_triggers', '');

CREATE TABLE @extschema@.connector_trigger_seen (
    workspace_id uuid NOT NULL,
    trigger_id   uuid NOT NULL,
    key          uuid NOT NULL,
    version      uuid NOT NULL,
    seen_at      timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, trigger_id, key),
    FOREIGN KEY (workspace_id, trigger_id)
        REFERENCES @extschema@.connector_triggers (workspace_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
COMMENT ON TABLE @extschema@.connector_trigger_seen IS
'Records that a trigger knows, so that none starts anything twice. Forgotten when they have not been seen for connector.trigger_retention.';
COMMENT ON COLUMN @extschema@.connector_trigger_seen.key IS 'First half of the SHA-256 of what tells records apart.';
COMMENT ON COLUMN @extschema@.connector_trigger_seen.version IS 'Likewise of what tells that one has changed; zeros: that does not count.';
COMMENT ON COLUMN @extschema@.connector_trigger_seen.seen_at IS 'When it was seen last, give or take a day.';

-- No grants: only functions read it.
ALTER TABLE @extschema@.connector_trigger_seen ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_trigger_seen FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_trigger_seen FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_trigger_seen FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_trigger_seen FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_trigger_seen FOR DELETE USING (false);

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_trigger_seen', '');

CREATE FUNCTION @extschema@.connector_trigger_set(
    name text, provider text, trigger text, connector text, input jsonb DEFAULT '{}',
    "interval" integer DEFAULT NULL, label text DEFAULT NULL, workspace text DEFAULT NULL,
    from_now boolean DEFAULT true, event text DEFAULT NULL, priority integer DEFAULT 5,
    enabled boolean DEFAULT true)
RETURNS uuid
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_trigger_set';
COMMENT ON FUNCTION @extschema@.connector_trigger_set(text, text, text, text, jsonb, integer, text, text, boolean, text, integer, boolean) IS
'Has a provider''s trigger (or a stream of it) polled every so many seconds, with the rights and credentials the caller has then, and a connector (name or id) started for each record that is new or has changed; returns the id of the trigger. label: of the credential. One of that name is replaced; it goes on where it was if it reads the same. from_now: what is there at the first poll starts nothing. Needs execute. Errors: 0A000 the trigger waits for webhooks, 42704 unknown provider, trigger or connector, 22023 bad argument, input_invalid the input does not fit, 54000 too many triggers.';

CREATE FUNCTION @extschema@.connector_trigger_remove(name text, workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_trigger_remove';
COMMENT ON FUNCTION @extschema@.connector_trigger_remove(text, text) IS
'Removes the trigger of that name and all it remembers; false if there is none. What it has started goes on. Needs execute.';

CREATE FUNCTION @extschema@.connector_trigger_enable(name text, enabled boolean DEFAULT true, workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_trigger_enable';
COMMENT ON FUNCTION @extschema@.connector_trigger_enable(text, boolean, text) IS
'Enables the trigger of that name, which has the rights and credentials of the caller from then on and is polled at once, or disables it: a poll under way starts nothing more. False if there is none. Needs execute.';

CREATE FUNCTION @extschema@.connector_trigger_poll_now(name text, workspace text DEFAULT NULL)
RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_trigger_poll_now';
COMMENT ON FUNCTION @extschema@.connector_trigger_poll_now(text, text) IS
'Has the trigger of that name polled as soon as the transaction has committed, whenever it is due; false if there is none, or it is disabled. Does not wait. Needs execute.';

CREATE FUNCTION @extschema@._connector_call_polls() RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_call_polls';
COMMENT ON FUNCTION @extschema@._connector_call_polls() IS
'Has the triggers that are due polled, by the database''s poll process, and returns how many they are, with those that are being polled. Does not wait.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_call_polls() FROM PUBLIC;

CREATE VIEW @extschema@.connector_trigger_status WITH (security_invoker = true) AS
SELECT t.workspace_id, t.name, t.provider, coalesce(t.trigger, t.stream) AS trigger, t.event, c.name AS connector_name,
       CASE WHEN NOT t.enabled THEN CASE WHEN t.last_error IS NULL THEN 'disabled' ELSE 'stopped' END
            WHEN t.lease IS NOT NULL THEN 'polling'
            WHEN t.failures OPERATOR(pg_catalog.>) 0 THEN 'failing'
            WHEN t.last_poll_at IS NULL THEN 'new'
            ELSE 'waiting' END AS status,
       t.poll_interval, t.last_poll_at, t.next_poll_at, t.failures, t.error_code, t.last_error, t.hint,
       t.started, t.last_execution_id, t.identity
  FROM @extschema@.connector_triggers t
  LEFT JOIN @extschema@.connectors c
    ON c.workspace_id OPERATOR(pg_catalog.=) t.workspace_id AND c.id OPERATOR(pg_catalog.=) t.connector_id;
COMMENT ON VIEW @extschema@.connector_trigger_status IS
'How the triggers of the caller''s workspaces are: status is new (not polled yet), waiting, polling, failing (tried again at next_poll_at), disabled, or stopped (disabled because whose rights it had may not execute any more); what went wrong last and what to do about it, and how many executions it has started.';
GRANT SELECT ON @extschema@.connector_trigger_status TO PUBLIC;
