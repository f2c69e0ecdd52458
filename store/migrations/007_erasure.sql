-- Clients whose dossier was erased for good, by a digest of who they are: nothing
-- of them is stored again.
CREATE TABLE erasures (
    tenant text NOT NULL REFERENCES tenants,
    client bytea NOT NULL, -- a digest; see store.ErasureDigest
    at     timestamptz NOT NULL DEFAULT now(),
    by     text NOT NULL,  -- an operator's name
    PRIMARY KEY (tenant, client)
);
ALTER TABLE erasures ENABLE ROW LEVEL SECURITY;

-- Since when the portal has to send all grants again, because the database was
-- restored from a backup that may know rights which were revoked since; null: it
-- does not. Until then nothing is shown.
ALTER TABLE tenants ADD COLUMN awaiting_grants timestamptz;
GRANT SELECT (awaiting_grants) ON tenants TO dossiersync_reader;

-- What the portal calls, with its own scope, in the transaction that stores all
-- grants. The reader role has no right to change table tenants.
CREATE FUNCTION grants_received() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    UPDATE public.tenants SET awaiting_grants = NULL
    WHERE id = current_setting('dossiersync.tenant', true)
      AND current_setting('dossiersync.scope', true) = 'dossier:grants'
      AND awaiting_grants IS NOT NULL
$$;
REVOKE ALL ON FUNCTION grants_received() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION grants_received() TO dossiersync_reader;

---- create above / drop below ----

DROP FUNCTION grants_received();
ALTER TABLE tenants DROP COLUMN awaiting_grants;
DROP TABLE erasures;
