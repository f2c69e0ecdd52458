-- Types that runs set out to read and of which no page has come yet: until one has,
-- nobody can say as of when their stream is true. One that the source does not know
-- is left at that; the stream goes without it.
CREATE TABLE unread (
    tenant      text NOT NULL REFERENCES tenants,
    stream      text NOT NULL,
    type        text NOT NULL,
    query       text NOT NULL DEFAULT '',
    unsupported boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant, stream, type, query)
);

ALTER TABLE unread ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader ON unread FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true));
GRANT SELECT ON unread TO dossiersync_reader;

---- create above / drop below ----

DROP TABLE unread;
