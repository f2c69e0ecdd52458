-- The clients of whom readers see items that are held: their answers say that they may
-- be incomplete (I5). A run rewrites it when it has judged what is absent.
CREATE TABLE held_clients (
    tenant text NOT NULL,
    client text NOT NULL,
    stream text NOT NULL,
    PRIMARY KEY (tenant, client, stream)
);
ALTER TABLE held_clients ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON held_clients FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND (client = ANY ((( SELECT NULLIF(current_setting('dossiersync.opened', true), '')::text[]))::text[])));
GRANT SELECT ON held_clients TO dossiersync_reader;
