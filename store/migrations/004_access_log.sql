-- The access log (NEN 7513): who did what with whose dossier, and when. Nobody
-- changes or removes a row; old months are dropped whole, by the owner.

CREATE TABLE access_log (
    time         timestamptz NOT NULL DEFAULT clock_timestamp(), -- event: time
    id           uuid NOT NULL DEFAULT gen_random_uuid(),        -- event: id
    tenant       text NOT NULL,
    action       text NOT NULL,   -- event: action; read, search, add, change, delete, transfer, execute
    event        text NOT NULL,   -- event: type; the route or the act
    outcome      text NOT NULL,   -- event: outcome; success, denied, failed
    user_id      text NOT NULL,   -- user: id
    user_name    text,            -- user: name, as the portal gave it
    user_role    text,            -- user: role
    on_behalf_of text,            -- user: for whom a system acts
    purpose      text,            -- user: purpose
    access_point text,            -- user: access point; the request's id
    client       text,            -- object: id
    object       text,            -- object: type and key, where it is one item
    query        text,            -- object: query; the filters, never free text
    source       text NOT NULL    -- source: which part of this system
) PARTITION BY RANGE (time);
CREATE INDEX access_log_by_client ON access_log (tenant, client, time);

CREATE TABLE access_log_rest PARTITION OF access_log DEFAULT;

CREATE FUNCTION access_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the access log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON access_log
    FOR EACH ROW EXECUTE FUNCTION access_log_is_append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON access_log
    FOR EACH STATEMENT EXECUTE FUNCTION access_log_is_append_only();

ALTER TABLE access_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY append ON access_log FOR INSERT TO dossiersync_reader WITH CHECK (true);
CREATE POLICY reader ON access_log FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND client IN (SELECT d.client FROM open_dossiers d WHERE d.manager));
GRANT INSERT, SELECT ON access_log TO dossiersync_reader;

---- create above / drop below ----

DROP TABLE access_log;
DROP FUNCTION access_log_is_append_only();
