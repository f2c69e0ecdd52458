-- The replica: what the sources said, as readers may see it.

REVOKE ALL ON SCHEMA public FROM PUBLIC;

CREATE TABLE tenants (
    id         text PRIMARY KEY,
    name       text NOT NULL,
    timezone   text NOT NULL,
    -- One rising number, raised last in every transaction that changes what a
    -- reader sees, under this row's lock: numbers become visible in order.
    change     bigint NOT NULL DEFAULT 0,
    -- Raised when the source was restored or replaced: versions of different
    -- epochs are not compared.
    epoch      integer NOT NULL DEFAULT 1,
    since      timestamptz NOT NULL DEFAULT now(),
    -- The database's time at which the last run began that counts as success
    -- for the whole tenant; null: never.
    succeeded  timestamptz,
    -- Since when the source could not be reached; null: it could.
    unreachable timestamptz
);

-- Every client ever known. The content (a name) is here only while shown.
CREATE TABLE clients (
    tenant      text NOT NULL REFERENCES tenants,
    id          text NOT NULL,
    state       text NOT NULL CHECK (state IN ('shown', 'hidden', 'withdrawn')),
    reason      text,
    name        text,
    deceased    boolean NOT NULL DEFAULT false,
    replaced_by text,
    -- The tenant's change number at which this dossier last changed.
    change      bigint NOT NULL DEFAULT 0,
    since       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, id),
    CHECK (state = 'shown' OR name IS NULL)
);

-- What decides whether a grant that names a contact still counts.
CREATE TABLE contacts (
    tenant text NOT NULL REFERENCES tenants,
    id     text NOT NULL,
    client text,
    active boolean NOT NULL,
    ends   date,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX contacts_by_client ON contacts (tenant, client);

-- One row for every record of every stream, tombstones included. key is the
-- opaque id that readers know; it is a digest of (tenant, type, id), so that the
-- primary key is the identity.
CREATE TABLE items (
    tenant   text NOT NULL REFERENCES tenants,
    key      text COLLATE "C" NOT NULL,
    type     text NOT NULL,
    id       text NOT NULL,
    stream   text NOT NULL,
    kind     text,
    client   text,
    state    text NOT NULL CHECK (state IN ('shown', 'hidden', 'withdrawn')),
    reason   text,
    -- What a right must be given for; null: never read by itself.
    part     text,
    epoch    integer NOT NULL,
    version  text NOT NULL,
    updated  timestamptz,
    observed timestamptz NOT NULL DEFAULT now(),
    hash     bytea NOT NULL,
    at       timestamptz,
    category text,
    -- In force according to the source; together with ends it decides at
    -- reading time whether a plan is current.
    open     boolean,
    ends     date,
    plan     text,
    goal     text,
    -- card is what a list shows, body what one item adds to it; both as served.
    -- model is what rendering them again needs and readers do not.
    card     json,
    body     json,
    model    json,
    PRIMARY KEY (tenant, key),
    CHECK (state = 'shown' OR (card IS NULL AND body IS NULL AND model IS NULL))
);
CREATE INDEX items_by_client ON items (tenant, client, kind, at, key) WHERE client IS NOT NULL;

-- Who names whom, resolved or not: target is a key that may not be in items yet.
CREATE TABLE refs (
    tenant text NOT NULL,
    target text COLLATE "C" NOT NULL,
    key    text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, target, key)
);
CREATE INDEX refs_by_key ON refs (tenant, key);

-- What questionnaires are called by whom they name: alias is the key of a canonical
-- URL, with and without a version. A version stays when a newer one takes its
-- place in the source, since forms that answer it keep its labels.
CREATE TABLE definitions (
    tenant  text NOT NULL,
    alias   text COLLATE "C" NOT NULL,
    key     text COLLATE "C" NOT NULL,
    updated timestamptz,
    model   json NOT NULL,
    PRIMARY KEY (tenant, alias)
);
CREATE INDEX definitions_by_key ON definitions (tenant, key);

-- Items to be rendered again, because something that they name has changed.
CREATE TABLE stale (
    tenant text NOT NULL,
    key    text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, key)
);

-- Which items replace which, as those that are shown say. Neither need be there.
CREATE TABLE replacements (
    tenant text NOT NULL,
    target text COLLATE "C" NOT NULL, -- what is replaced
    key    text COLLATE "C" NOT NULL, -- by what
    PRIMARY KEY (tenant, target, key)
);
CREATE INDEX replacements_by_key ON replacements (tenant, key);

-- Items to be read again by id, because what they were hidden for is no more.
CREATE TABLE rereads (
    tenant text NOT NULL,
    key    text COLLATE "C" NOT NULL,
    stream text NOT NULL,
    type   text NOT NULL,
    id     text NOT NULL,
    PRIMARY KEY (tenant, key)
);

-- Up to which source time a type is known to be read. query tells apart several
-- searches of one type.
CREATE TABLE cursors (
    tenant      text NOT NULL REFERENCES tenants,
    stream      text NOT NULL,
    type        text NOT NULL,
    query       text NOT NULL DEFAULT '',
    client      text NOT NULL DEFAULT '',
    upto        timestamptz,             -- in the source's clock; null: begun, nothing drained yet
    as_of       timestamptz,             -- in the database's clock: as of when that is true; null: never complete
    fingerprint text NOT NULL,           -- of the rules under which it was stored
    hiding      text NOT NULL DEFAULT '', -- of those of them that hide items
    rechecking  boolean NOT NULL DEFAULT false, -- rules changed, and the re-read is not done
    PRIMARY KEY (tenant, stream, type, query, client)
);

-- The whole history of one client is owed.
CREATE TABLE backfills (
    tenant text NOT NULL REFERENCES tenants,
    client text NOT NULL,
    since  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, client)
);

-- What could not be applied, and why. raw is encrypted, or null.
CREATE TABLE quarantine (
    tenant     text NOT NULL REFERENCES tenants,
    key        text COLLATE "C" NOT NULL,
    stream     text NOT NULL,
    type       text NOT NULL,
    id         text,
    client     text,
    updated    timestamptz,              -- the bad version's lastUpdated in the source
    reason     text NOT NULL,
    detail     text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen  timestamptz NOT NULL DEFAULT now(),
    attempts   integer NOT NULL DEFAULT 1,
    raw        bytea,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX quarantine_by_client ON quarantine (tenant, client) WHERE client IS NOT NULL;

---- create above / drop below ----

DROP TABLE quarantine, backfills, cursors, rereads, replacements, stale, definitions, refs, items, contacts, clients, tenants;
