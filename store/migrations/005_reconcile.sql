-- What finding out needs that increments cannot show: deletions, absences, and
-- a source that was put back to an older state.

-- How much of which types the source has that no stream reads.
ALTER TABLE runs ADD COLUMN not_pulled jsonb NOT NULL DEFAULT '{}';

ALTER TABLE tenants
    -- What keeps the source from being read now, and until when it is left alone;
    -- null: nothing does.
    ADD COLUMN trouble       text,
    ADD COLUMN trouble_until timestamptz,
    ADD COLUMN epoch_since  timestamptz,  -- when the present epoch began; null: it is the first
    ADD COLUMN reconciled   timestamptz,  -- when the last complete reconcile of everything began
    ADD COLUMN rechecked    timestamptz,  -- when the last seventh of the clients was to be read again in full
    ADD COLUMN recheck_turn smallint NOT NULL DEFAULT 0; -- which seventh is next

-- A type that can only be searched client by client has a cursor for each.
ALTER TABLE run_types ADD COLUMN by_client boolean NOT NULL DEFAULT false;
ALTER TABLE cursors
    ADD COLUMN run     bigint,      -- of a client's cursor: the run that read it last
    ADD COLUMN failed  boolean NOT NULL DEFAULT false, -- which could not
    ADD COLUMN deletes timestamptz, -- up to which source time deletions are known; null: they were never asked for
    ADD COLUMN feed    boolean;     -- whether the source tells of deletions; null: not known yet

-- A client who is read again in full although nothing is missing: readers are not
-- told to wait.
ALTER TABLE backfills ADD COLUMN recheck boolean NOT NULL DEFAULT false;

-- The run that last could not read it: a run tries each once, and not the same
-- ones again in every slice.
ALTER TABLE backfills ADD COLUMN tried bigint;
ALTER TABLE rereads ADD COLUMN tried bigint;

-- What a reconcile found the source to have, and how far it is with which search.
-- Lost together in a crash of the server: then it begins anew.
CREATE UNLOGGED TABLE censuses (
    run     bigint NOT NULL,
    ordinal smallint NOT NULL,
    stream  text NOT NULL,
    type    text NOT NULL,
    query   text NOT NULL,
    to_time timestamptz NOT NULL,           -- source's clock
    upto    timestamptz,                    -- the end of the last window that was listed
    client  text NOT NULL DEFAULT '',       -- listed client by client: the last of them
    listed  boolean NOT NULL DEFAULT false,
    short   boolean NOT NULL DEFAULT false, -- it stayed short of the source's count
    failure text,
    judged  boolean NOT NULL DEFAULT false, -- what is absent or different is noted
    PRIMARY KEY (run, stream, type, query)
);
CREATE UNLOGGED TABLE census (
    run     bigint NOT NULL,
    key     text COLLATE "C" NOT NULL,
    stream  text NOT NULL,
    type    text NOT NULL,
    id      text NOT NULL,
    client  text,
    state   text NOT NULL,
    version text NOT NULL,
    updated timestamptz,
    PRIMARY KEY (run, key)
);

-- Items that a complete list of the source's no longer has, until they are read
-- by id: then they are removed, kept, or held for an operator.
CREATE TABLE absences (
    tenant text NOT NULL REFERENCES tenants,
    key    text COLLATE "C" NOT NULL,
    stream text NOT NULL,
    type   text NOT NULL,
    id     text NOT NULL,
    state  text NOT NULL CHECK (state IN ('suspect', 'confirmed', 'held')),
    since  timestamptz NOT NULL DEFAULT now(),
    tried  bigint,                          -- the run that last could not confirm it
    PRIMARY KEY (tenant, key)
);
CREATE INDEX absences_by_stream ON absences (tenant, stream, state, key);

-- What is removed by inference counts towards the brake for a day.
CREATE INDEX items_absent ON items (tenant, stream, observed) WHERE reason = 'absent';

ALTER TABLE census ENABLE ROW LEVEL SECURITY;
ALTER TABLE censuses ENABLE ROW LEVEL SECURITY;
ALTER TABLE absences ENABLE ROW LEVEL SECURITY;

---- create above / drop below ----

DROP INDEX items_absent;
DROP TABLE absences, census, censuses;
ALTER TABLE rereads DROP COLUMN tried;
ALTER TABLE backfills DROP COLUMN recheck, DROP COLUMN tried;
ALTER TABLE cursors DROP COLUMN run, DROP COLUMN failed, DROP COLUMN deletes, DROP COLUMN feed;
ALTER TABLE run_types DROP COLUMN by_client;
ALTER TABLE tenants DROP COLUMN trouble, DROP COLUMN trouble_until, DROP COLUMN epoch_since, DROP COLUMN reconciled, DROP COLUMN rechecked, DROP COLUMN recheck_turn;
ALTER TABLE runs DROP COLUMN not_pulled;
