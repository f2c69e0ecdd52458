-- What waits for a person, what a person knows of already, and which processes are alive.

-- A cause of attention that an operator knows of. It covers the cause as long as the cause
-- does not grow: extent holds its parts, each with its size.
CREATE TABLE acknowledgements (
    tenant text NOT NULL REFERENCES tenants,
    code   text NOT NULL,        -- the cause's
    extent jsonb NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    until  timestamptz NOT NULL,
    by     text NOT NULL,        -- the operator
    note   text NOT NULL CHECK (note <> ''),
    PRIMARY KEY (tenant, code)
);
ALTER TABLE acknowledgements ENABLE ROW LEVEL SECURITY;

-- The processes of the service, each of which says every few seconds that it is alive. All
-- times are the database's.
CREATE TABLE processes (
    id      text PRIMARY KEY,     -- drawn at its start
    kinds   text[] NOT NULL,      -- worker, portal, ops
    host    text NOT NULL,
    pid     integer NOT NULL,
    version text NOT NULL,
    tenants jsonb NOT NULL,       -- by tenant: a digest of its configuration, without secrets
    started timestamptz NOT NULL DEFAULT now(),
    seen    timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE processes ENABLE ROW LEVEL SECURITY;

-- The portal's role owns nothing. It may say that its process is alive, and nothing else.
CREATE FUNCTION note_portal(me text, my_host text, my_pid integer, my_version text, my_tenants jsonb)
RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO processes (id, kinds, host, pid, version, tenants)
    VALUES (me, '{portal}', my_host, my_pid, my_version, my_tenants)
    ON CONFLICT (id) DO UPDATE SET seen = now(), tenants = excluded.tenants
    WHERE processes.kinds = '{portal}'
$$;
REVOKE EXECUTE ON FUNCTION note_portal(text, text, integer, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_portal(text, text, integer, text, jsonb) TO dossiersync_reader;

-- The kind of the trouble with the source: unauthorized, unreachable, not-found, throttled …
ALTER TABLE tenants ADD COLUMN trouble_kind text;

-- What kept a run from being complete, by kind, with numbers.
ALTER TABLE runs ADD COLUMN left_over jsonb NOT NULL DEFAULT '{}';

ALTER TABLE run_types
    ADD COLUMN named        boolean NOT NULL DEFAULT false, -- the configuration names it
    ADD COLUMN failure_kind text;

---- create above / drop below ----

ALTER TABLE run_types DROP COLUMN failure_kind, DROP COLUMN named;
ALTER TABLE runs DROP COLUMN left_over;
ALTER TABLE tenants DROP COLUMN trouble_kind;
DROP FUNCTION note_portal(text, text, integer, text, jsonb);
DROP TABLE processes, acknowledgements;
