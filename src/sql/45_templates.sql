-- Templates: definitions without secrets, published by a workspace or official, to install elsewhere.

-- Official templates belong to no workspace: they have the nil uuid in its place.  So a name is unique
-- within each publisher and among the official ones, and no key reaches across workspaces.
CREATE TABLE @extschema@.connector_templates (
    workspace_id   uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    id             uuid NOT NULL,
    publisher      uuid GENERATED ALWAYS AS (
                       NULLIF(workspace_id, '00000000-0000-0000-0000-000000000000'::uuid)) STORED
                   REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    name           text NOT NULL CHECK (name OPERATOR(pg_catalog.~) '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    title          text NOT NULL CHECK (title OPERATOR(pg_catalog.<>) ''),
    description    text,
    category       text NOT NULL DEFAULT 'other'
                   CHECK (category OPERATOR(pg_catalog.~) '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    icon           text,
    tags           text[] NOT NULL DEFAULT '{}',
    config         jsonb NOT NULL,
    input_schema   jsonb,
    field_mappings jsonb,
    timeout_ms     integer NOT NULL DEFAULT 30000
                   CHECK (timeout_ms OPERATOR(pg_catalog.>=) 1000 AND timeout_ms OPERATOR(pg_catalog.<=) 60000),
    max_retries    integer NOT NULL DEFAULT 0
                   CHECK (max_retries OPERATOR(pg_catalog.>=) 0 AND max_retries OPERATOR(pg_catalog.<=) 5),
    continue_on_error boolean NOT NULL DEFAULT false,
    log_response_data boolean NOT NULL DEFAULT true,
    requires_credentials jsonb NOT NULL DEFAULT '[]'
                   CHECK (pg_catalog.jsonb_typeof(requires_credentials) OPERATOR(pg_catalog.=) 'array'),
    version        integer NOT NULL DEFAULT 1,
    is_official    boolean NOT NULL GENERATED ALWAYS AS (
                       workspace_id OPERATOR(pg_catalog.=) '00000000-0000-0000-0000-000000000000'::uuid) STORED,
    is_featured    boolean NOT NULL DEFAULT false,
    is_public      boolean NOT NULL DEFAULT true,
    status         text NOT NULL DEFAULT 'published'
                   CHECK (status OPERATOR(pg_catalog.=) ANY (ARRAY['draft', 'published', 'unpublished', 'hidden'])),
    status_reason  text,
    builtin        boolean NOT NULL DEFAULT false,
    install_count  bigint NOT NULL DEFAULT 0,
    rating_sum     bigint NOT NULL DEFAULT 0,
    rating_count   bigint NOT NULL DEFAULT 0,
    rating         numeric GENERATED ALWAYS AS (pg_catalog.round(
                       rating_sum::numeric OPERATOR(pg_catalog./) NULLIF(rating_count, 0), 2)) STORED,
    published_by   text,
    published_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (workspace_id, id),
    UNIQUE (workspace_id, name)
);
CREATE INDEX connector_templates_id ON @extschema@.connector_templates (id);
CREATE INDEX connector_templates_publisher ON @extschema@.connector_templates (publisher);
COMMENT ON TABLE @extschema@.connector_templates IS
'Connector definitions to install, without secrets: official ones, and those that workspaces published. Written by the connector_template_... functions; the counters are folded in from time to time, connector_template_browse() is exact.';
COMMENT ON COLUMN @extschema@.connector_templates.workspace_id IS
'The workspace that published it; the nil uuid for official templates.';
COMMENT ON COLUMN @extschema@.connector_templates.requires_credentials IS
'The credentials the definition refers to: [{"service", "label", "kind", "parameters", "allowed_hosts", "description"}], all but service optional.';
COMMENT ON COLUMN @extschema@.connector_templates.status IS
'published; unpublished by its publisher; hidden by a moderator; draft: an official one that waits for approval.';
COMMENT ON COLUMN @extschema@.connector_templates.builtin IS
'It came with the extension and was not changed since.';

CREATE TABLE @extschema@.connector_template_ratings (
    workspace_id uuid NOT NULL
                 REFERENCES @extschema@.connector_workspaces (id) ON DELETE CASCADE,
    template_id  uuid NOT NULL,
    rating       smallint NOT NULL
                 CHECK (rating OPERATOR(pg_catalog.>=) 1 AND rating OPERATOR(pg_catalog.<=) 5),
    previous     smallint,
    rated_by     text,
    rated_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (workspace_id, template_id)
);
COMMENT ON TABLE @extschema@.connector_template_ratings IS
'Which rating a workspace gave a template; one each.';
COMMENT ON COLUMN @extschema@.connector_template_ratings.previous IS
'The rating this one replaced, by which the sum of the template changed less; null for the first one.';

-- How a connector that was made from a template was made, for its upgrade.
CREATE TABLE @extschema@.connector_template_installs (
    workspace_id      uuid NOT NULL,
    connector_id      uuid NOT NULL,
    template_id       uuid NOT NULL,
    connector_version integer NOT NULL,
    credentials       jsonb NOT NULL,
    installed_by      text,
    installed_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (workspace_id, connector_id),
    FOREIGN KEY (workspace_id, connector_id)
        REFERENCES @extschema@.connectors (workspace_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE @extschema@.connector_template_installs IS
'Connectors that were installed from a template: which version of the connector that made, and which credentials were chosen.';
COMMENT ON COLUMN @extschema@.connector_template_installs.credentials IS
'{"service/label in the template": "service/label in the workspace"}.';

-- Counts that are not in connector_templates yet: rows are only added, so nobody waits for a counter.
-- workspace_id is that of the template; who installed or rated is not said.
CREATE TABLE @extschema@.connector_template_deltas (
    workspace_id uuid NOT NULL,
    id           uuid NOT NULL,
    template_id  uuid NOT NULL,
    installs     integer NOT NULL,
    rating_sum   integer NOT NULL,
    ratings      integer NOT NULL,
    PRIMARY KEY (workspace_id, id)
);
COMMENT ON TABLE @extschema@.connector_template_deltas IS
'Installs and ratings that connector_maintain() has not added to connector_templates yet.';

-- The words a template is found by.
CREATE FUNCTION @extschema@._connector_template_words(
    name text, title text, description text, category text, tags text[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT to_tsvector('simple'::regconfig, concat_ws(' ', name, title, description, category, array_to_string(tags, ' '))) $$;
COMMENT ON FUNCTION @extschema@._connector_template_words(text, text, text, text, text[]) IS
'What the text search of connector_template_browse looks through.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_template_words(text, text, text, text, text[]) FROM PUBLIC;
CREATE INDEX connector_templates_words ON @extschema@.connector_templates
    USING gin (@extschema@._connector_template_words(name, title, description, category, tags));

CREATE FUNCTION @extschema@._connector_template_before_save() RETURNS trigger
LANGUAGE c AS 'MODULE_PATHNAME', 'connector_template_before_save';
COMMENT ON FUNCTION @extschema@._connector_template_before_save() IS
'Row trigger of connector_templates: refuses a definition with problems or with a literal secret (22023, every path in DETAIL), and joins what a dump has of the built-in templates with those of this version.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_template_before_save() FROM PUBLIC;

-- Neither the counters nor what a moderator sets are among the columns.
CREATE TRIGGER before_save BEFORE INSERT OR UPDATE OF workspace_id, id, name, title, description, category,
        icon, tags, config, input_schema, field_mappings, requires_credentials
    ON @extschema@.connector_templates
    FOR EACH ROW EXECUTE FUNCTION @extschema@._connector_template_before_save();

-- A member of any workspace sees what is public.  What is not, its own workspace and the
-- administrators of the installation see; asking for those comes last, it is a query.
ALTER TABLE @extschema@.connector_templates ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_templates FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_templates FOR SELECT
    USING ((is_public AND status OPERATOR(pg_catalog.=) 'published'
            AND @extschema@.connector_my_workspaces('read') OPERATOR(pg_catalog.<>) '{}')
        OR workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read'))
        OR @extschema@.connector_is_admin());
CREATE POLICY connector_insert ON @extschema@.connector_templates FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_templates FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_templates FOR DELETE USING (false);
GRANT SELECT ON @extschema@.connector_templates TO PUBLIC;

ALTER TABLE @extschema@.connector_template_ratings ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_template_ratings FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_template_ratings FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_template_ratings FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_template_ratings FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_template_ratings FOR DELETE USING (false);
GRANT SELECT ON @extschema@.connector_template_ratings TO PUBLIC;

ALTER TABLE @extschema@.connector_template_installs ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_template_installs FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_template_installs FOR SELECT
    USING (workspace_id OPERATOR(pg_catalog.=) ANY (@extschema@.connector_my_workspaces('read')));
CREATE POLICY connector_insert ON @extschema@.connector_template_installs FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_template_installs FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_template_installs FOR DELETE USING (false);
GRANT SELECT ON @extschema@.connector_template_installs TO PUBLIC;

ALTER TABLE @extschema@.connector_template_deltas ENABLE ROW LEVEL SECURITY;
ALTER TABLE @extschema@.connector_template_deltas FORCE ROW LEVEL SECURITY;
CREATE POLICY connector_select ON @extschema@.connector_template_deltas FOR SELECT USING (false);
CREATE POLICY connector_insert ON @extschema@.connector_template_deltas FOR INSERT WITH CHECK (false);
CREATE POLICY connector_update ON @extschema@.connector_template_deltas FOR UPDATE USING (false);
CREATE POLICY connector_delete ON @extschema@.connector_template_deltas FOR DELETE USING (false);

-- A dump has the rows of built-in templates, too: whether they are featured or hidden, and their counters,
-- are the installation's own.  The trigger takes those from it, and the definitions from this version.
SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_templates', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_template_ratings', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_template_installs', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.connector_template_deltas', '');

-- Publishing and installing.

CREATE FUNCTION @extschema@.connector_template_publish(
    connector text, name text DEFAULT NULL, title text DEFAULT NULL, description text DEFAULT NULL,
    category text DEFAULT NULL, tags text[] DEFAULT NULL, is_public boolean DEFAULT true,
    workspace text DEFAULT NULL)
RETURNS uuid
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_publish';
COMMENT ON FUNCTION @extschema@.connector_template_publish(text, text, text, text, text, text[], boolean, text) IS
'Publishes a connector (name or id) as a template of the workspace and returns the template''s id; under a name that the workspace has published before it makes a new version. Needs write. Errors: 22023 malformed name, category or tags, or a literal secret in the definition (every path in DETAIL), 42704 unknown connector.';

CREATE FUNCTION @extschema@.connector_template_unpublish(template text, workspace text DEFAULT NULL)
RETURNS void
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_unpublish';
COMMENT ON FUNCTION @extschema@.connector_template_unpublish(text, text) IS
'Takes a template of the workspace (name or id) back: others do not see it any more. Connectors made from it stay. Publishing it again undoes it. Needs write. Error 42704 unknown template.';

CREATE FUNCTION @extschema@.connector_template_install(
    template text, name text DEFAULT NULL, credentials jsonb DEFAULT '{}', workspace text DEFAULT NULL)
RETURNS uuid
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_install';
COMMENT ON FUNCTION @extschema@.connector_template_install(text, text, jsonb, text) IS
'Makes a connector of a template (name or id) and returns the connector''s id. credentials says for each service either the label of a stored credential or, as an object, one to store. Needs write, and admin to store a credential. Errors: 42704 unknown template or credential, 42710 name taken, NC019 credentials are missing (all of them in DETAIL), 22023 bad argument.';

CREATE FUNCTION @extschema@.connector_template_upgrade(
    connector text, force boolean DEFAULT false, workspace text DEFAULT NULL)
RETURNS integer
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_upgrade';
COMMENT ON FUNCTION @extschema@.connector_template_upgrade(text, boolean, text) IS
'Brings a connector to the newest version of the template it was installed from, with its name and its choice of credentials, and returns that version. Needs write. Errors: 55000 not made from a template, or changed since and not forced, 42704 unknown connector or template, NC019 credentials are missing.';

CREATE FUNCTION @extschema@.connector_template_updates(
    workspace text DEFAULT NULL,
    OUT connector text, OUT connector_id uuid, OUT template text, OUT template_id uuid,
    OUT installed_version integer, OUT latest_version integer)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.name, c.id, t.name, t.id, c.created_from_template_version, t.version
      FROM @extschema@.connectors c
      JOIN @extschema@.connector_templates t ON t.id = c.created_from_template
     WHERE c.workspace_id = @extschema@.connector_current_workspace(connector_template_updates.workspace)
       AND t.version > c.created_from_template_version
     ORDER BY c.name
$$;
COMMENT ON FUNCTION @extschema@.connector_template_updates(text) IS
'Connectors of the workspace whose template has a newer version than the one they were made from.';

-- Finding and rating.

CREATE TYPE @extschema@.connector_template_entry AS (
    id                   uuid,
    name                 text,
    title                text,
    description          text,
    category             text,
    icon                 text,
    tags                 text[],
    version              integer,
    is_official          boolean,
    is_featured          boolean,
    is_public            boolean,
    status               text,
    install_count        bigint,
    rating               numeric,
    rating_count         bigint,
    requires_credentials jsonb,
    published_by         text,
    published_at         timestamptz,
    updated_at           timestamptz
);
COMMENT ON TYPE @extschema@.connector_template_entry IS
'A template as connector_template_browse() shows it: all but its definition.';

-- Run as the owner, so it says itself who sees what, as the policy does.
CREATE FUNCTION @extschema@._connector_template_list(
    category text, search text, featured boolean, official boolean, max_rows integer,
    skip_rows integer, workspaces uuid[], sees_all boolean)
RETURNS SETOF @extschema@.connector_template_entry
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT t.id, t.name, t.title, t.description, t.category, t.icon, t.tags, t.version,
           t.is_official, t.is_featured, t.is_public, t.status,
           t.install_count + coalesce(d.installs, 0), c.rating, c.count, t.requires_credentials,
           t.published_by, t.published_at, t.updated_at
      FROM @extschema@.connector_templates t
      LEFT JOIN (SELECT p.workspace_id, p.template_id, sum(p.installs) AS installs,
                        sum(p.rating_sum) AS rating_sum, sum(p.ratings) AS ratings
                   FROM @extschema@.connector_template_deltas p
                  GROUP BY p.workspace_id, p.template_id) d
        ON d.workspace_id = t.workspace_id AND d.template_id = t.id
     CROSS JOIN LATERAL (
        SELECT t.rating_count + coalesce(d.ratings, 0) AS count,
               round((t.rating_sum + coalesce(d.rating_sum, 0))::numeric
                     / nullif(t.rating_count + coalesce(d.ratings, 0), 0), 2) AS rating) c
     WHERE ((t.is_public AND t.status = 'published' AND workspaces <> '{}')
            OR t.workspace_id = ANY (workspaces) OR sees_all)
       AND (_connector_template_list.category IS NULL OR t.category = _connector_template_list.category)
       AND (featured IS NULL OR t.is_featured = featured)
       AND (official IS NULL OR t.is_official = official)
       AND (search IS NULL
            OR @extschema@._connector_template_words(t.name, t.title, t.description, t.category, t.tags)
               @@ websearch_to_tsquery('simple'::regconfig, search))
     ORDER BY t.is_featured DESC, c.rating DESC NULLS LAST,
              t.install_count + coalesce(d.installs, 0) DESC, t.name, t.id
     LIMIT max_rows OFFSET skip_rows
$$;
COMMENT ON FUNCTION @extschema@._connector_template_list(text, text, boolean, boolean, integer, integer, uuid[], boolean) IS
'What connector_template_browse gives to a member of these workspaces.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_template_list(text, text, boolean, boolean, integer, integer, uuid[], boolean) FROM PUBLIC;

CREATE FUNCTION @extschema@.connector_template_browse(
    category text DEFAULT NULL, search text DEFAULT NULL, featured boolean DEFAULT NULL,
    official boolean DEFAULT NULL, max_rows integer DEFAULT 50, skip_rows integer DEFAULT 0)
RETURNS SETOF @extschema@.connector_template_entry
LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_browse';
COMMENT ON FUNCTION @extschema@.connector_template_browse(text, text, boolean, boolean, integer, integer) IS
'Templates the caller may install, with exact counts: featured ones first, then by rating and installs. search is in the syntax of web searches, over name, title, description, category and tags. Error 22023 max_rows not in 1 to 1000 or skip_rows negative.';

CREATE FUNCTION @extschema@.connector_template_rate(
    template text, rating integer, workspace text DEFAULT NULL) RETURNS void
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_rate';
COMMENT ON FUNCTION @extschema@.connector_template_rate(text, integer, text) IS
'Gives a template (name or id) the workspace''s rating, 1 to 5, in place of an earlier one. Needs execute. Errors: 22023 another rating, 42704 unknown template.';

-- Curating.

CREATE FUNCTION @extschema@.connector_template_feature(template text, featured boolean DEFAULT true)
RETURNS void
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_feature';
COMMENT ON FUNCTION @extschema@.connector_template_feature(text, boolean) IS
'Features a template, or no longer. Needs the permission templates.feature (connector_admins). Errors: 42501 not allowed, 42704 unknown template.';

CREATE FUNCTION @extschema@.connector_template_moderate(
    template text, action text, reason text DEFAULT NULL) RETURNS uuid
LANGUAGE c PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'connector_template_moderate';
COMMENT ON FUNCTION @extschema@.connector_template_moderate(text, text, text) IS
'hide: only its publisher and administrators see the template any more. publish: everybody does again; approves an official draft. make_official: copies it among the official ones, or makes a new version of the official one of its name; a draft unless the caller has templates.official. Returns the id of the template, or of the copy. Errors: 42501 not allowed, 42704 unknown template, 22023 unknown action, 55000 wrong state.';

-- Folding, as with the statistics of connectors: templates that somebody is changing wait for the next time.
CREATE FUNCTION @extschema@._connector_fold_templates() RETURNS bigint
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH locked AS (
        SELECT t.workspace_id, t.id FROM @extschema@.connector_templates t
         WHERE EXISTS (SELECT FROM @extschema@.connector_template_deltas d
                        WHERE d.workspace_id = t.workspace_id AND d.template_id = t.id)
           FOR NO KEY UPDATE SKIP LOCKED
    ), taken AS (
        DELETE FROM @extschema@.connector_template_deltas d
         WHERE EXISTS (SELECT FROM locked l
                        WHERE l.workspace_id = d.workspace_id AND l.id = d.template_id)
            OR NOT EXISTS (SELECT FROM @extschema@.connector_templates t
                            WHERE t.workspace_id = d.workspace_id AND t.id = d.template_id)
        RETURNING d.*
    ), folded AS (
        UPDATE @extschema@.connector_templates t
           SET install_count = t.install_count + s.installs,
               rating_sum = t.rating_sum + s.rating_sum,
               rating_count = t.rating_count + s.ratings
          FROM (SELECT k.workspace_id, k.template_id, sum(k.installs) AS installs,
                       sum(k.rating_sum) AS rating_sum, sum(k.ratings) AS ratings
                  FROM taken k GROUP BY k.workspace_id, k.template_id) s
         WHERE t.workspace_id = s.workspace_id AND t.id = s.template_id
    )
    SELECT count(*) FROM taken
$$;
COMMENT ON FUNCTION @extschema@._connector_fold_templates() IS
'Adds the pending installs and ratings to connector_templates and returns how many rows it took. Never waits for a row.';
REVOKE EXECUTE ON FUNCTION @extschema@._connector_fold_templates() FROM PUBLIC;
