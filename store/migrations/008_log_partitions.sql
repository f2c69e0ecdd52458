-- The access log by month. Its partitions are made and dropped by the owner; see
-- store.MaintainLog.

-- A partition is append-only by itself too: when it is named directly, and after
-- it was detached. Nobody but the owner has a right to it.
CREATE FUNCTION guard_log_partition(partition regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER append_only_by_itself BEFORE UPDATE OR DELETE ON %s
        FOR EACH ROW EXECUTE FUNCTION access_log_is_append_only()', partition);
    EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON %s
        FOR EACH STATEMENT EXECUTE FUNCTION access_log_is_append_only()', partition);
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', partition);
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC, dossiersync_reader', partition);
END
$$;
REVOKE ALL ON FUNCTION guard_log_partition(regclass) FROM PUBLIC;
SELECT guard_log_partition('access_log_rest');

-- When something happened, and the id of its entry, are the database's to say.
REVOKE INSERT ON access_log FROM dossiersync_reader;
GRANT INSERT (tenant, action, event, outcome, user_id, user_name, user_role, on_behalf_of, purpose, access_point,
    client, object, query, source) ON access_log TO dossiersync_reader;

---- create above / drop below ----

GRANT INSERT ON access_log TO dossiersync_reader;
DROP TRIGGER append_only_by_itself ON access_log_rest;
DROP TRIGGER append_only_truncate ON access_log_rest;
DROP FUNCTION guard_log_partition(regclass);
