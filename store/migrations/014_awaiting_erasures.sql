-- Since when erasures have to be carried out again, because the database was restored
-- from a backup that may be older than they are; null: they have not. Until then
-- nothing is shown, whatever grants have come.
ALTER TABLE tenants ADD COLUMN awaiting_erasures timestamptz;
GRANT SELECT (awaiting_erasures) ON tenants TO dossiersync_reader;

---- create above / drop below ----

ALTER TABLE tenants DROP COLUMN awaiting_erasures;
