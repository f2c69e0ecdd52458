-- Runs: attempts to bring one tenant's replica up to date.

CREATE TABLE runs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant       text NOT NULL REFERENCES tenants,
    trigger      text NOT NULL CHECK (trigger IN ('schedule', 'catch-up', 'manual', 'command')),
    slot         timestamptz,            -- the nominal moment; null unless scheduled
    scope        jsonb NOT NULL DEFAULT '{}',
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done')),
    outcome      text CHECK (outcome IN ('complete', 'partial', 'failed', 'cancelled')),
    message      text,                   -- a sentence for operators
    requested_by text,
    requested_at timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    finished_at  timestamptz,
    cancel       boolean NOT NULL DEFAULT false,
    -- Whoever takes a slice raises the fence; every transaction that applies
    -- something checks it.
    fence        bigint NOT NULL DEFAULT 0,
    lease_until  timestamptz,
    queued_at    timestamptz,            -- when a job was last queued for it
    worker       text,
    slices       integer NOT NULL DEFAULT 0,
    -- How many slices in a row have failed, and since when; 0: the last did not.
    failures     integer NOT NULL DEFAULT 0,
    failing      timestamptz,
    CHECK ((state = 'done') = (outcome IS NOT NULL))
);
CREATE UNIQUE INDEX runs_slot ON runs (tenant, slot) WHERE slot IS NOT NULL;
CREATE UNIQUE INDEX runs_waiting ON runs (tenant, scope) WHERE state = 'waiting';
CREATE UNIQUE INDEX runs_running ON runs (tenant) WHERE state = 'running';
CREATE INDEX runs_by_tenant ON runs (tenant, id);
CREATE INDEX runs_open ON runs (state) WHERE state <> 'done';

-- One row for each type that a run reads: how far it is, and its accounting.
CREATE TABLE run_types (
    run         bigint NOT NULL REFERENCES runs ON DELETE CASCADE,
    ordinal     smallint NOT NULL,
    stream      text NOT NULL,
    type        text NOT NULL,
    query       text NOT NULL DEFAULT '',
    from_time   timestamptz,             -- source's clock; null: from the beginning
    to_time     timestamptz NOT NULL,
    upto        timestamptz,             -- the end of the last drained window
    fingerprint text NOT NULL,           -- of the rules under which it is mapped
    hiding      text NOT NULL DEFAULT '', -- of those of them that hide items
    as_of       timestamptz NOT NULL,    -- in the database's clock, what to_time stands for
    expected    bigint,                  -- how many the source said there are
    done        boolean NOT NULL DEFAULT false,
    short       boolean NOT NULL DEFAULT false, -- a window stayed short of the source's count
    failure     text,                    -- why it could not be read
    requests    bigint NOT NULL DEFAULT 0,
    removed     bigint NOT NULL DEFAULT 0, -- by reconcile, counted apart
    -- How many distinct items had which effect: {"created": 12, "hidden:marked": 1}
    effects     jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (run, stream, type, query)
);

-- Which items a run has seen, and with what effect: for the accounting by
-- distinct ids, and for finding what is absent. Lost in a crash of the server,
-- which the row with the empty key tells.
CREATE UNLOGGED TABLE seen (
    run    bigint NOT NULL,
    key    text COLLATE "C" NOT NULL,
    effect text NOT NULL,
    PRIMARY KEY (run, key)
);

---- create above / drop below ----

DROP TABLE seen, run_types, runs;
