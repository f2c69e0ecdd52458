-- How many records of each type the source counts, beside how many it is believed
-- to have.

-- What a search counts beyond what it lists, as the last complete list showed; null:
-- not known yet.
ALTER TABLE cursors ADD COLUMN beyond bigint;

CREATE TABLE type_counts (
    tenant     text NOT NULL REFERENCES tenants,
    stream     text NOT NULL,
    type       text NOT NULL,
    -- Stored records that the source was last known to have, those that are missing
    -- from a list among them; null: unknown until the next complete list.
    records    bigint DEFAULT 0,
    source     bigint,                          -- by the last count, less what is beyond; null: no count
    replica    bigint,                          -- what the replica believed then
    counted    timestamptz,                     -- when that was
    run        bigint,                          -- and in which run
    strikes    smallint NOT NULL DEFAULT 0,     -- runs in a row whose count contradicted the replica
    since      timestamptz,                     -- of the first of them
    believed   boolean NOT NULL DEFAULT true,   -- false: a reconcile did not bear the count out
    disbelieved timestamptz,                    -- since when
    caused     bigint,                          -- the run that the count made reconcile
    moved      timestamptz,                     -- when the count last made a run reconcile
    returned   timestamptz,                     -- when records that came again last did
    PRIMARY KEY (tenant, stream, type)
);
-- Items that were stored before there was a counter. Counting them here would take
-- too long; the next complete list counts them.
INSERT INTO type_counts (tenant, stream, type, records)
SELECT DISTINCT tenant, stream, type, NULL::bigint
FROM cursors
WHERE client = '';

ALTER TABLE run_types
    ADD COLUMN source_count  bigint, -- null: not asked; -1: the source gives none
    ADD COLUMN replica_count bigint,
    ADD COLUMN difference    bigint,
    ADD COLUMN believed      boolean,
    -- The run's list has something that was missing, or hidden, without a statement.
    ADD COLUMN contradicted  boolean NOT NULL DEFAULT false;

ALTER TABLE censuses
    ADD COLUMN ids   bigint NOT NULL DEFAULT 0, -- how many records were listed
    ADD COLUMN found bigint NOT NULL DEFAULT 0; -- how many of the type's were absent or different

-- A feed of deletions names the item, together with many others.
ALTER TABLE absences ADD COLUMN named boolean NOT NULL DEFAULT false;

ALTER TABLE type_counts ENABLE ROW LEVEL SECURITY;
