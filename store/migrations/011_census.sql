-- What a reconcile lists goes into a partition of its own, by COPY and without an
-- index: it is read whole, and goes with the run.
DROP TABLE census;
TRUNCATE censuses;
CREATE TABLE census (
    run     bigint NOT NULL,
    batch   xid8   NOT NULL DEFAULT pg_current_xact_id(), -- what was listed later counts
    key     text COLLATE "C" NOT NULL,
    stream  text NOT NULL,
    type    text NOT NULL,
    id      text NOT NULL,
    client  text,
    state   text NOT NULL,
    version text NOT NULL,
    updated timestamptz
) PARTITION BY LIST (run);
ALTER TABLE census ENABLE ROW LEVEL SECURITY;

---- create above / drop below ----

DROP TABLE census;
TRUNCATE censuses;
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
ALTER TABLE census ENABLE ROW LEVEL SECURITY;
