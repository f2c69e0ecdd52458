-- Who may read what. The reader role owns nothing, sees rows only through the
-- policies below, and writes nothing but grants (with the portal's scope) and
-- the access log.

CREATE TABLE grants (
    tenant     text NOT NULL REFERENCES tenants,
    client     text NOT NULL,
    user_id    text NOT NULL,
    role       text NOT NULL CHECK (role IN ('client', 'contact', 'representative')),
    manager    boolean NOT NULL DEFAULT false,
    parts      text[] NOT NULL,
    state      text NOT NULL CHECK (state IN ('invited', 'accepted', 'revoked')),
    valid_from date,
    valid_until date,
    contact    text,
    name       text,
    version    bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text NOT NULL,
    PRIMARY KEY (tenant, user_id, client)
);
CREATE INDEX grants_by_client ON grants (tenant, client);

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dossiersync_reader') THEN
        CREATE ROLE dossiersync_reader NOLOGIN;
    END IF;
EXCEPTION
    -- Another database of this cluster made it at this moment.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
GRANT USAGE ON SCHEMA public TO dossiersync_reader;

-- The grants of the current user that count today. Views run with the reader's own
-- rights, so the policies hold in them too.
CREATE VIEW open_grants WITH (security_invoker = true) AS
SELECT g.tenant, g.client, g.role, g.manager OR g.role = 'client' AS manager, g.parts, g.version
FROM grants g
JOIN tenants t ON t.id = g.tenant
WHERE g.tenant = current_setting('dossiersync.tenant', true)
  AND g.user_id = current_setting('dossiersync.user', true)
  AND g.state = 'accepted'
  AND coalesce(g.valid_from <= (now() AT TIME ZONE t.timezone)::date, true)
  AND coalesce(g.valid_until >= (now() AT TIME ZONE t.timezone)::date, true)
  AND (g.contact IS NULL OR EXISTS (
        SELECT FROM contacts k
        WHERE k.tenant = g.tenant AND k.id = g.contact AND k.client = g.client AND k.active
          AND coalesce(k.ends >= (now() AT TIME ZONE t.timezone)::date, true)));

-- Those of them whose client is known and shown.
CREATE VIEW open_dossiers WITH (security_invoker = true) AS
SELECT g.tenant, g.client, c.name, g.role, g.manager, g.parts, g.version, c.deceased, c.change
FROM open_grants g
JOIN clients c ON c.tenant = g.tenant AND c.id = g.client AND c.state = 'shown';

-- What of which client the current user may read now.
CREATE VIEW open_parts WITH (security_invoker = true) AS
SELECT client, unnest(parts) AS part FROM open_dossiers WHERE NOT deceased
UNION ALL
SELECT client, 'contacts' FROM open_dossiers WHERE manager AND NOT deceased;

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE clients ENABLE ROW LEVEL SECURITY;
ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
ALTER TABLE refs ENABLE ROW LEVEL SECURITY;
ALTER TABLE definitions ENABLE ROW LEVEL SECURITY;
ALTER TABLE replacements ENABLE ROW LEVEL SECURITY;
ALTER TABLE rereads ENABLE ROW LEVEL SECURITY;
ALTER TABLE stale ENABLE ROW LEVEL SECURITY;
ALTER TABLE cursors ENABLE ROW LEVEL SECURITY;
ALTER TABLE backfills ENABLE ROW LEVEL SECURITY;
ALTER TABLE quarantine ENABLE ROW LEVEL SECURITY;
ALTER TABLE runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE run_types ENABLE ROW LEVEL SECURITY;
ALTER TABLE seen ENABLE ROW LEVEL SECURITY;
ALTER TABLE grants ENABLE ROW LEVEL SECURITY;

CREATE POLICY reader ON tenants FOR SELECT TO dossiersync_reader
    USING (id = current_setting('dossiersync.tenant', true));
-- The portal, with its own scope, writes and reads the grants of its tenant; a
-- reader sees only their own.
CREATE POLICY reader ON grants FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND (user_id = current_setting('dossiersync.user', true)
            OR current_setting('dossiersync.scope', true) = 'dossier:grants'));
CREATE POLICY portal_adds ON grants FOR INSERT TO dossiersync_reader
    WITH CHECK (tenant = current_setting('dossiersync.tenant', true)
        AND current_setting('dossiersync.scope', true) = 'dossier:grants');
CREATE POLICY portal_changes ON grants FOR UPDATE TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND current_setting('dossiersync.scope', true) = 'dossier:grants');
CREATE POLICY reader ON clients FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND id IN (SELECT g.client FROM open_grants g));
CREATE POLICY reader ON contacts FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND id IN (SELECT g.contact FROM grants g
                   WHERE g.user_id = current_setting('dossiersync.user', true)));
CREATE POLICY reader ON items FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND state = 'shown'
        AND (client, part) IN (SELECT p.client, p.part FROM open_parts p));
CREATE POLICY reader ON cursors FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true));
CREATE POLICY reader ON backfills FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND client IN (SELECT d.client FROM open_dossiers d));
CREATE POLICY reader ON quarantine FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND client IN (SELECT d.client FROM open_dossiers d));

GRANT SELECT (id, name, timezone, change, succeeded, since, unreachable) ON tenants TO dossiersync_reader;
GRANT SELECT ON clients, contacts, cursors, backfills, grants, open_grants, open_dossiers, open_parts TO dossiersync_reader;
GRANT SELECT (tenant, key, kind, client, state, part, at, category, open, ends, plan, goal, card, body)
    ON items TO dossiersync_reader;
GRANT SELECT (tenant, client, stream) ON quarantine TO dossiersync_reader;
GRANT INSERT, UPDATE ON grants TO dossiersync_reader;

---- create above / drop below ----

DROP VIEW open_parts, open_dossiers, open_grants;
DROP TABLE grants;
