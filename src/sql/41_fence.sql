-- The clone fence: workers call out only from the cluster that was told to.

CREATE TABLE @extschema@.connector_fence_marks (
    id                uuid PRIMARY KEY,
    system_identifier bigint NOT NULL,
    timeline          bigint NOT NULL,
    database          oid NOT NULL,
    installation      oid NOT NULL,
    control_inode     bigint NOT NULL,
    control_birth     bigint,
    made_at           timestamptz NOT NULL,
    made_by           text NOT NULL,
    foreign_since     timestamptz,
    foreign_because   text
);
COMMENT ON TABLE @extschema@.connector_fence_marks IS
'Which cluster may run what is queued here: the fence is open while every mark is its own. A dump takes the marks along, and where they arrive they are foreign; see connector_fence.';
COMMENT ON COLUMN @extschema@.connector_fence_marks.installation IS 'OID of the extension, another one after each CREATE EXTENSION.';
COMMENT ON COLUMN @extschema@.connector_fence_marks.control_inode IS 'Of global/pg_control, which is written in place and so tells a data directory from its copies.';
COMMENT ON COLUMN @extschema@.connector_fence_marks.control_birth IS 'When that file was created, nanoseconds since 1970; null where the file system does not say.';
COMMENT ON COLUMN @extschema@.connector_fence_marks.foreign_since IS 'The mark was loaded, or found to be another cluster''s; it stays so until connector_acknowledge_clone().';

-- Whatever puts a mark here that is not the fence itself loads a backup.
CREATE FUNCTION @extschema@._connector_fence_mark_loaded() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'connector_fence_mark_loaded';
COMMENT ON FUNCTION @extschema@._connector_fence_mark_loaded() IS
'Row trigger: a mark that comes by SQL is foreign, whatever it says, and never collides with another one.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_fence_mark_loaded() FROM PUBLIC;

CREATE TRIGGER loaded BEFORE INSERT ON @extschema@.connector_fence_marks
    FOR EACH ROW EXECUTE FUNCTION @extschema@._connector_fence_mark_loaded();
ALTER TABLE @extschema@.connector_fence_marks ENABLE ALWAYS TRIGGER loaded;

ALTER TABLE @extschema@.connector_fence_marks ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_fence_marks FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_fence_marks FOR SELECT USING (false);
CREATE POLICY connector_insert ON @extschema@.connector_fence_marks FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_fence_marks FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_fence_marks FOR DELETE USING (false);

SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_fence_marks', '');

-- Restored work must not run before the marks of the backup have been loaded too, and a restore by
-- several processes may load them last.
CREATE FUNCTION @extschema@._connector_queue_loaded() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'connector_queue_loaded';
COMMENT ON FUNCTION @extschema@._connector_queue_loaded() IS
'Statement trigger: rows of the queue that come by SQL are a restored backup, and close the fence.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_queue_loaded() FROM PUBLIC;

CREATE FUNCTION @extschema@._connector_fence(
    OUT state text, OUT reason text, OUT since timestamptz, OUT marked_at timestamptz, OUT marked_by text)
RETURNS record
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_fence';
COMMENT ON FUNCTION @extschema@._connector_fence() IS 'The row of connector_fence.';

CREATE VIEW @extschema@.connector_fence WITH (security_invoker = true) AS
SELECT f.state, f.reason, f.since, f.marked_at, f.marked_by FROM @extschema@._connector_fence() f;
COMMENT ON VIEW @extschema@.connector_fence IS
'Whether workers may run what is queued in this database: state is open, closed or standby; reason says why not, since when that was found; marked_at and marked_by when and by what this cluster was told that it may.';
GRANT SELECT ON @extschema@.connector_fence TO PUBLIC;

CREATE FUNCTION @extschema@.connector_acknowledge_clone() RETURNS integer
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_acknowledge_clone';
COMMENT ON FUNCTION @extschema@.connector_acknowledge_clone() IS
'Tells this cluster that it is the one to run what is queued in this database, after a restore, a copy or a recovery; returns how many marks of others were removed. For the database administrator, who first makes sure that the original does not run the same work.';
REVOKE EXECUTE ON FUNCTION @extschema@.connector_acknowledge_clone() FROM PUBLIC;
