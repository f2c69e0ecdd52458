-- The portal's role gets no table. It calls functions, one for each kind of answer, which check
-- rights inside and return what is allowed. They run as dossiersync_answers, which cannot log in,
-- owns no table, and sees rows only through the policies below: a forgotten condition in a function
-- shows nothing of others.
--
-- Each call carries a proof that the portal API has made: an HMAC (RFC 2104, SHA-256) of purpose,
-- tenant, user, client and minute, under a key that the tenant alone has. So the password of the
-- portal's role opens nothing by itself.
--
-- A function leaves what it has found in settings that end with the transaction, because policies
-- can read nothing else. Anybody can set a setting: therefore each function first calls
-- portal_reset, which sets all of them anew.
--
--     dossiersync.tenant    the tenant's id
--     dossiersync.user      the user's id
--     dossiersync.purpose   read; grants (the portal's server manages grants); log; keys; alive
--     dossiersync.asked     the client whose dossier is asked for
--     dossiersync.opened    the same client, if the user may open the dossier
--     dossiersync.readable  text[] of the parts of that dossier that the user may read now
--     dossiersync.withheld  text[] of the keys of that client's items that operators withhold, and
--                           of items that may hold words of these
--     dossiersync.managed   the same client, if the user may see the access log
--     dossiersync.logged    text[] of the tenants for which entries are being added to the log

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dossiersync_answers') THEN
        CREATE ROLE dossiersync_answers NOLOGIN;
    END IF;
EXCEPTION
    -- Another database of this cluster made it at this moment.
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
DO $$
BEGIN
    -- Functions can be given only to a role that one is a member of.
    IF NOT pg_has_role('dossiersync_answers', 'USAGE') THEN
        EXECUTE format('GRANT dossiersync_answers TO %I', current_user);
    END IF;
END
$$;
GRANT USAGE ON SCHEMA public TO dossiersync_answers;

-- What the portal's role had.
DROP POLICY reader ON tenants;
DROP POLICY reader ON grants;
DROP POLICY portal_adds ON grants;
DROP POLICY portal_changes ON grants;
DROP POLICY reader ON items;
DROP POLICY reader ON cursors;
DROP POLICY reader ON unread;
DROP POLICY reader ON backfills;
DROP POLICY reader ON quarantine;
DROP POLICY reader ON access_log;
DROP POLICY append ON access_log;
DROP POLICY reader ON held_clients;
DROP FUNCTION note_portal(text, text, integer, text, jsonb);
DROP FUNCTION identify(text, text, text, text);
DROP FUNCTION grants_received();
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM dossiersync_reader;
REVOKE SELECT (id, name, timezone, change, succeeded, since, unreachable, awaiting_grants,
    awaiting_erasures) ON tenants FROM dossiersync_reader;
REVOKE SELECT (tenant, key, kind, client, state, part, at, category, open, ends, plan, goal, card,
    body) ON items FROM dossiersync_reader;
REVOKE SELECT (tenant, client, stream) ON quarantine FROM dossiersync_reader;
REVOKE INSERT (tenant, action, event, outcome, user_id, user_name, user_role, on_behalf_of, purpose,
    access_point, client, object, query, source) ON access_log FROM dossiersync_reader;

-- The keys that proofs are made with. id is the key's short digest. Only dossiersync_answers and
-- the owner can read them.
CREATE TABLE proof_keys (
    tenant    text NOT NULL,
    id        bytea NOT NULL CHECK (length(id) = 8),
    login     text, -- the only log-in that may ask for the tenant; null: any of the portal's
    since     timestamptz NOT NULL DEFAULT now(),
    inner_pad bytea NOT NULL CHECK (length(inner_pad) = 64), -- the key, XOR 0x36
    outer_pad bytea NOT NULL CHECK (length(outer_pad) = 64), -- the key, XOR 0x5c
    PRIMARY KEY (tenant, id)
);
ALTER TABLE proof_keys ENABLE ROW LEVEL SECURITY;

-- What every call needs of a tenant, in one row: how fresh each stream is, as the tables cursors (of
-- whole types) and unread have it, and whether operators withhold items. Triggers of these tables
-- keep it at the end of each transaction: no transaction that has the row's lock waits for another.
CREATE TABLE tenant_states (
    tenant     text PRIMARY KEY, -- no reference: a backup may not know the tenant yet
    streams    text[] NOT NULL DEFAULT '{}', -- of each cursor, and what follows of each
    as_of      timestamptz[] NOT NULL DEFAULT '{}',
    rechecking boolean[] NOT NULL DEFAULT '{}',
    unread     text[] NOT NULL DEFAULT '{}', -- streams of types of which no page has come yet
    withholds  boolean NOT NULL DEFAULT true
);
ALTER TABLE tenant_states ENABLE ROW LEVEL SECURITY;
CREATE INDEX cursors_of_types ON cursors (tenant, stream) WHERE client = '';

CREATE FUNCTION note_tenant_state(of_tenant text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Lock the row before reading, so that the last transaction sees what the others have stored.
    INSERT INTO tenant_states (tenant)
    VALUES (of_tenant)
    ON CONFLICT DO NOTHING;
    PERFORM
    FROM tenant_states t
    WHERE t.tenant = of_tenant
    FOR UPDATE;
    UPDATE tenant_states t
    SET streams = n.streams,
        as_of = n.as_of,
        rechecking = n.rechecking,
        unread = n.unread,
        withholds = n.withholds
    FROM (
        SELECT coalesce(array_agg(c.stream), '{}') AS streams,
               coalesce(array_agg(c.as_of), '{}') AS as_of,
               coalesce(array_agg(c.rechecking), '{}') AS rechecking,
               ARRAY(
                   SELECT u.stream
                   FROM unread u
                   WHERE u.tenant = of_tenant
                     AND NOT u.unsupported) AS unread,
               EXISTS (
                   SELECT
                   FROM withheld w
                   WHERE w.tenant = of_tenant
                     AND w.item IS NOT NULL
                     AND w.released IS NULL) AS withholds
        FROM cursors c
        WHERE c.tenant = of_tenant
          AND c.client = '') n
    WHERE t.tenant = of_tenant
      AND (t.streams, t.as_of, t.rechecking, t.unread, t.withholds)
          IS DISTINCT FROM (n.streams, n.as_of, n.rechecking, n.unread, n.withholds);
END
$$;
REVOKE ALL ON FUNCTION note_tenant_state(text) FROM PUBLIC;
CREATE FUNCTION tenant_state_changes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM note_tenant_state(OLD.tenant);
    ELSE
        PERFORM note_tenant_state(NEW.tenant);
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION tenant_state_changes() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER tenant_state_added AFTER INSERT ON cursors
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.client = '') EXECUTE FUNCTION tenant_state_changes();
CREATE CONSTRAINT TRIGGER tenant_state_changed AFTER UPDATE OF as_of, rechecking ON cursors
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.client = '') EXECUTE FUNCTION tenant_state_changes();
CREATE CONSTRAINT TRIGGER tenant_state_removed AFTER DELETE ON cursors
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.client = '') EXECUTE FUNCTION tenant_state_changes();
CREATE CONSTRAINT TRIGGER tenant_state_changed AFTER INSERT OR UPDATE OR DELETE ON unread
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION tenant_state_changes();
CREATE CONSTRAINT TRIGGER tenant_state_changed AFTER INSERT OR UPDATE OR DELETE ON withheld
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION tenant_state_changes();
SELECT note_tenant_state(id) FROM tenants;
SELECT note_tenant_state(tenant) FROM withheld;

-- What a list of dossiers shows of a client beside the name, for a shown client only.
ALTER TABLE clients
    ADD COLUMN sort_name  text, -- the name with the family name first
    ADD COLUMN birth_date text, -- a FHIR date, which may be a year or a month
    ADD COLUMN team       text;

-- What dossiersync_answers may do.
GRANT SELECT (tenant, id, login, inner_pad, outer_pad),
    INSERT (tenant, id, login, inner_pad, outer_pad), DELETE ON proof_keys TO dossiersync_answers;
GRANT SELECT (id, timezone, succeeded, since, unreachable, awaiting_grants, awaiting_erasures),
    UPDATE (awaiting_grants) ON tenants TO dossiersync_answers;
GRANT SELECT (tenant, id, state, name, sort_name, birth_date, team, deceased, change, grants_after)
    ON clients TO dossiersync_answers;
GRANT SELECT ON contacts TO dossiersync_answers;
GRANT SELECT (tenant, key, kind, client, state, part, at, category, open, ends, plan, goal, card,
    body) ON items TO dossiersync_answers;
GRANT SELECT ON tenant_states TO dossiersync_answers;
GRANT SELECT (tenant, client, recheck) ON backfills TO dossiersync_answers;
GRANT SELECT (tenant, client, stream) ON quarantine TO dossiersync_answers;
GRANT SELECT ON held_clients TO dossiersync_answers;
GRANT SELECT (tenant, client, released) ON withheld TO dossiersync_answers;
GRANT SELECT (id, kinds, tenants), INSERT (id, kinds, host, pid, version, tenants),
    UPDATE (seen, tenants)
    ON processes TO dossiersync_answers;
-- It reads items and keys that the policies below keep from its callers.
ALTER FUNCTION items_withheld(text, text[]) SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp;
GRANT EXECUTE ON FUNCTION items_withheld(text, text[]) TO dossiersync_answers;
GRANT SELECT, INSERT, UPDATE ON grants TO dossiersync_answers;
GRANT SELECT, INSERT (tenant, action, event, outcome, user_id, user_name, user_role, on_behalf_of,
    purpose, access_point, client, object, query, source) ON access_log TO dossiersync_answers;

CREATE POLICY answers ON proof_keys TO dossiersync_answers
    USING (tenant = current_setting('dossiersync.tenant', true)
        OR current_setting('dossiersync.purpose', true) = 'log');
CREATE POLICY answers ON tenants FOR SELECT TO dossiersync_answers
    USING (id = current_setting('dossiersync.tenant', true));
CREATE POLICY received ON tenants FOR UPDATE TO dossiersync_answers
    USING (id = current_setting('dossiersync.tenant', true)
        AND current_setting('dossiersync.purpose', true) = 'grants');
CREATE POLICY answers ON tenant_states FOR SELECT TO dossiersync_answers
    USING (tenant = current_setting('dossiersync.tenant', true));
-- The portal's server reads and writes the grants of its tenant; a reader's request sees only those
-- of the user that can count.
CREATE POLICY answers ON grants FOR SELECT TO dossiersync_answers
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND (user_id = current_setting('dossiersync.user', true) AND state = 'accepted'
            OR current_setting('dossiersync.purpose', true) = 'grants'));
CREATE POLICY added ON grants FOR INSERT TO dossiersync_answers
    WITH CHECK (tenant = current_setting('dossiersync.tenant', true)
        AND current_setting('dossiersync.purpose', true) = 'grants');
CREATE POLICY changed ON grants FOR UPDATE TO dossiersync_answers
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND current_setting('dossiersync.purpose', true) = 'grants');
CREATE POLICY answers ON clients FOR SELECT TO dossiersync_answers
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND state = 'shown'
        AND NOT EXISTS (
            SELECT
            FROM withheld w
            WHERE w.tenant = clients.tenant
              AND w.client = clients.id
              AND w.released IS NULL)
        AND EXISTS (
            SELECT
            FROM grants g
            WHERE g.tenant = clients.tenant
              AND g.client = clients.id
              AND g.user_id = current_setting('dossiersync.user', true)));
CREATE POLICY answers ON contacts FOR SELECT TO dossiersync_answers
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND EXISTS (
            SELECT
            FROM grants g
            WHERE g.tenant = contacts.tenant
              AND g.client = contacts.client
              AND g.user_id = current_setting('dossiersync.user', true)));
CREATE POLICY answers ON backfills FOR SELECT TO dossiersync_answers
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND client = current_setting('dossiersync.asked', true));
CREATE POLICY answers ON withheld FOR SELECT TO dossiersync_answers
    USING (tenant = current_setting('dossiersync.tenant', true));
CREATE POLICY answers ON held_clients FOR SELECT TO dossiersync_answers
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND client = current_setting('dossiersync.asked', true));
-- Any tenant's key lets a process of the portal API say that it is alive.
CREATE POLICY answers ON processes TO dossiersync_answers
    USING (kinds = '{portal}'
        AND current_setting('dossiersync.tenant', true) <> ''
        AND current_setting('dossiersync.purpose', true) = 'alive');
CREATE POLICY answers ON quarantine FOR SELECT TO dossiersync_answers
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND client = current_setting('dossiersync.asked', true));
-- The sub-select is evaluated once, and not for each row.
CREATE POLICY answers ON items FOR SELECT TO dossiersync_answers
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND client = current_setting('dossiersync.opened', true)
        AND state = 'shown'
        AND part = ANY (
            (SELECT nullif(current_setting('dossiersync.readable', true), '')::text[])::text[])
        AND key <> ALL (
            (SELECT nullif(current_setting('dossiersync.withheld', true), '')::text[])::text[]));
CREATE POLICY answers ON access_log FOR SELECT TO dossiersync_answers
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND client = current_setting('dossiersync.managed', true));
CREATE POLICY added ON access_log FOR INSERT TO dossiersync_answers
    WITH CHECK (source = 'portal-api'
        AND tenant = ANY (
            (SELECT nullif(current_setting('dossiersync.logged', true), '')::text[])::text[]));

-- What every answer depends on: the dossier, as far as the user may open it, and how fresh it is.
CREATE TYPE standing AS (
    client            text, -- null: the user may open no dossier of that client
    name              text,
    role              text,
    manager           boolean,
    parts             text[],
    version           bigint,
    deceased          boolean,
    change            bigint,
    user_name         text,
    since             timestamptz,
    succeeded         timestamptz,
    unreachable       timestamptz,
    awaiting          timestamptz,
    awaiting_erasures boolean,
    today             date,          -- in the tenant's zone
    timezone          text,
    owed              boolean,
    streams           text[],        -- of each cursor of a whole type, and what follows of each
    as_of             timestamptz[],
    rechecking        boolean[],
    unread            text[],        -- the streams of types of which no page has come yet
    incomplete        text[],        -- the streams of the client's items in quarantine or held
    withholds         boolean,       -- operators withhold items of the tenant
    readable          text[]         -- the parts that may be read now; null: none
);

-- The MAC of a proof, under a key given as its pads. The fields are apart because none may hold a
-- unit separator (U+001F). PostgreSQL puts this function into the statement that calls it.
CREATE FUNCTION proof_mac(
    inner_pad bytea, outer_pad bytea, purpose text, my_tenant text, me text, asked text,
    minute bigint
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(outer_pad || sha256(inner_pad || convert_to(
        'dossiersync proof 1' || chr(31) || purpose || chr(31) || my_tenant || chr(31) || me
        || chr(31) || asked || chr(31) || minute, 'UTF8')))
$$;

-- The keys that the present log-in may use. A proof is 8 bytes of the key's id and 32 of the MAC. It
-- holds if it was made for just this call within the last minutes. That a comparison of MACs ends
-- at the first difference tells a forger nothing: memcmp compares many bytes in one step, and a step
-- takes a thousandth of the time by which calls differ anyway.
CREATE VIEW usable_keys WITH (security_invoker = true) AS
SELECT k.tenant, k.id, k.inner_pad, k.outer_pad
FROM proof_keys k
WHERE coalesce(k.login = session_user, true);
GRANT SELECT ON usable_keys TO dossiersync_answers;

-- Sets anew what the policies and plans of the following statements depend on. search_path and
-- plan_cache_mode are compared before they are set, because PostgreSQL looks at every plan again
-- after a new search_path. Until then nothing but names with their schema can be trusted.
CREATE FUNCTION portal_reset(purpose text, my_tenant text, me text, asked text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF pg_catalog.current_setting('search_path')
        OPERATOR(pg_catalog.<>) 'pg_catalog, public, pg_temp'
    THEN
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, public, pg_temp', true);
    END IF;
    IF current_setting('plan_cache_mode') <> 'force_generic_plan' THEN
        PERFORM set_config('plan_cache_mode', 'force_generic_plan', true);
    END IF;
    PERFORM set_config('dossiersync.tenant', my_tenant, true),
        set_config('dossiersync.user', me, true),
        set_config('dossiersync.purpose', purpose, true),
        set_config('dossiersync.asked', asked, true),
        set_config('dossiersync.opened', '', true),
        set_config('dossiersync.readable', '', true),
        set_config('dossiersync.withheld', '', true),
        set_config('dossiersync.managed', '', true),
        set_config('dossiersync.logged', '', true);
END
$$;

-- The minute by the database's clock. The time of the statement would stand still while a caller's
-- DO calls again and again, and a proof would count for as long as that lasts.
CREATE FUNCTION this_minute() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT floor(extract(epoch FROM clock_timestamp()) / 60)::bigint
$$;

-- Refuses a call whose proof does not hold, or is not of the last minutes.
CREATE FUNCTION portal_refuse(minute bigint) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF this_minute() - minute NOT BETWEEN -2 AND 2 THEN
        RAISE EXCEPTION 'the clocks of the portal API and the database differ by % minutes',
            this_minute() - minute USING ERRCODE = 'DS001';
    END IF;
    RAISE EXCEPTION 'the database does not accept the proof' USING ERRCODE = 'DS002';
END
$$;

-- For calls that need no standing.
CREATE FUNCTION portal_prove(
    purpose text, my_tenant text, me text, asked text, minute bigint, proof bytea
) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM public.portal_reset(purpose, my_tenant, me, asked);
    IF this_minute() - minute BETWEEN -2 AND 2
        AND EXISTS (
            SELECT
            FROM usable_keys k
            WHERE k.tenant = my_tenant
              AND k.id = substring(proof FOR 8)
              AND substring(proof FROM 9) = proof_mac(
                  k.inner_pad, k.outer_pad, purpose, my_tenant, me, asked, minute))
    THEN
        RETURN;
    END IF;
    PERFORM portal_refuse(minute);
END
$$;

-- Which streams feed a part. The stream of clients feeds every part.
CREATE FUNCTION feeds() RETURNS TABLE (stream text, part text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    VALUES ('clients', 'reports'), ('clients', 'forms'), ('clients', 'care-plans'),
        ('clients', 'contacts'), ('contacts', 'contacts'), ('goals', 'care-plans'),
        ('care-plans', 'care-plans'), ('reports', 'reports'), ('forms', 'forms')
$$;

-- The dossiers that grants open today. A grant counts under the conditions of this view and no
-- others; store.Why names those that a grant does not meet. A condition that keeps a whole dossier
-- from a reader belongs here, and in the policy of clients.
CREATE VIEW open_dossiers WITH (security_invoker = true) AS
SELECT g.tenant, g.client, g.user_id, g.role, g.manager OR g.role = 'client' AS manager, g.parts,
       g.version, g.name AS user_name, c.name, c.deceased, c.change, c.sort_name, c.birth_date,
       c.team
FROM grants g
JOIN tenants t ON t.id = g.tenant
JOIN clients c ON c.tenant = g.tenant AND c.id = g.client
WHERE g.state = 'accepted'
  AND coalesce(g.valid_from <= (now() AT TIME ZONE t.timezone)::date, true)
  AND coalesce(g.valid_until >= (now() AT TIME ZONE t.timezone)::date, true)
  AND c.state = 'shown'
  AND NOT EXISTS (
        SELECT
        FROM withheld w
        WHERE w.tenant = g.tenant
          AND w.client = g.client
          AND w.released IS NULL)
  AND coalesce(g.updated_at > c.grants_after, true)
  AND (g.contact IS NULL OR EXISTS (
        SELECT
        FROM contacts k
        WHERE k.tenant = g.tenant
          AND k.id = g.contact
          AND k.client = g.client
          AND k.active
          AND coalesce(k.ends >= (now() AT TIME ZONE t.timezone)::date, true)));
GRANT SELECT ON open_dossiers TO dossiersync_answers;

-- The items that the policy of items lets through. Every function of the portal reads items through
-- this view and adds the tenant, the client and the parts that it may read. A condition that keeps
-- single items from a reader belongs here, and in the policy of items.
CREATE VIEW shown_items WITH (security_invoker = true) AS
SELECT i.tenant, i.key, i.kind, i.client, i.part, i.at, i.category, i.open, i.ends, i.plan, i.goal,
       i.card, i.body
FROM items i
WHERE i.state = 'shown'
  AND i.key <> ALL (
        (SELECT nullif(current_setting('dossiersync.withheld', true), '')::text[])::text[]);
GRANT SELECT ON shown_items TO dossiersync_answers;

-- The standing of the user towards a client; client '' is for the tenant alone. It leaves in the
-- settings what the policies need. Every function of the portal begins with this, and fails unless
-- the proof holds. Without proof needed, it is for functions that are not the portal's.
CREATE FUNCTION portal_stand(
    purpose text, my_tenant text, me text, asked text, minute bigint, proof bytea, needed boolean
) RETURNS standing LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    s public.standing;
BEGIN
    PERFORM public.portal_reset(purpose, my_tenant, me, asked);
    SELECT d.client, d.name, d.role, d.manager, d.parts, d.version, d.deceased, d.change,
           d.user_name, t.since, t.succeeded, t.unreachable,
           coalesce(t.awaiting_erasures, t.awaiting_grants), t.awaiting_erasures IS NOT NULL,
           (now() AT TIME ZONE t.timezone)::date, t.timezone,
           d.client IS NOT NULL AND EXISTS (
               SELECT
               FROM backfills b
               WHERE b.tenant = my_tenant
                 AND b.client = asked
                 AND NOT b.recheck),
           f.streams, f.as_of, f.rechecking, f.unread,
           CASE WHEN d.client IS NOT NULL THEN ARRAY(
               SELECT q.stream
               FROM quarantine q
               WHERE q.tenant = my_tenant
                 AND q.client = asked
               UNION ALL
               SELECT h.stream
               FROM held_clients h
               WHERE h.tenant = my_tenant
                 AND h.client = asked) END,
           f.withholds,
           CASE WHEN NOT d.deceased THEN CASE WHEN d.manager THEN d.parts || 'contacts'::text
               ELSE d.parts END END
    INTO s
    FROM (VALUES (my_tenant)) asked_for (id) -- a row for an unknown tenant too
    LEFT JOIN tenants t ON t.id = my_tenant
    LEFT JOIN tenant_states f ON f.tenant = my_tenant
    LEFT JOIN open_dossiers d ON d.tenant = my_tenant
        AND d.user_id = me
        AND d.client = asked
    -- PostgreSQL evaluates this first, and reads nothing else where it is false.
    WHERE (SELECT NOT needed
        OR this_minute() - minute BETWEEN -2 AND 2
            AND EXISTS (
                SELECT
                FROM usable_keys k
                WHERE k.tenant = my_tenant
                  AND k.id = substring(proof FOR 8)
                  AND substring(proof FROM 9) = proof_mac(
                      k.inner_pad, k.outer_pad, purpose, my_tenant, me, asked, minute)));
    IF NOT FOUND THEN
        PERFORM portal_refuse(minute);
    END IF;
    IF s.client IS NULL THEN
        RETURN s;
    END IF;
    -- A part is left out while one of the streams that feed it is read again under changed rules,
    -- which may hide more.
    IF true = ANY (s.rechecking) THEN
        s.readable := ARRAY(
            SELECT p
            FROM unnest(s.readable) p
            WHERE NOT EXISTS (
                SELECT
                FROM unnest(s.streams, s.rechecking) r (stream, rechecking)
                JOIN feeds() f ON f.stream = r.stream
                WHERE r.rechecking
                  AND f.part = p));
    END IF;
    IF s.awaiting IS NOT NULL THEN
        s.readable := NULL;
    END IF;
    PERFORM set_config('dossiersync.opened', asked, true),
        set_config('dossiersync.readable', s.readable::text, true),
        set_config('dossiersync.withheld', CASE WHEN s.withholds IS NOT FALSE
            THEN items_withheld(my_tenant, ARRAY[asked])::text ELSE '{}' END, true),
        set_config('dossiersync.managed', CASE WHEN s.manager THEN asked END, true);
    RETURN s;
END
$$;

-- The standing alone.
CREATE FUNCTION portal_standing(
    my_tenant text, me text, asked text, minute bigint, proof bytea
) RETURNS standing LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
BEGIN
    RETURN public.portal_stand('read', my_tenant, me, asked, minute, proof, true);
END
$$;

-- What store.Why shows of the user's standing, without names. An operator needs no proof.
CREATE FUNCTION why_standing(my_tenant text, me text, asked text, OUT s standing, OUT kinds text[],
    OUT counts bigint[], OUT newest timestamptz[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    s := portal_stand('read', my_tenant, me, asked, NULL, NULL, false);
    SELECT c.kinds, c.counts, c.newest
    INTO kinds, counts, newest
    FROM count_items(my_tenant, asked, s.readable) c;
    s.name := NULL;
    s.user_name := NULL;
    -- Also of a client on whom the user has no grant.
    s.owed := EXISTS (
        SELECT
        FROM backfills b
        WHERE b.tenant = my_tenant
          AND b.client = asked
          AND NOT b.recheck);
    s.incomplete := ARRAY(
        SELECT q.stream
        FROM quarantine q
        WHERE q.tenant = my_tenant
          AND q.client = asked
        UNION ALL
        SELECT h.stream
        FROM held_clients h
        WHERE h.tenant = my_tenant
          AND h.client = asked);
END
$$;

-- The number of items of a dossier by kind, with the newest moment.
CREATE FUNCTION count_items(my_tenant text, asked text, readable text[], OUT kinds text[],
    OUT counts bigint[], OUT newest timestamptz[])
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
    IF readable IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(c.kind), array_agg(c.n), array_agg(c.newest)
    INTO kinds, counts, newest
    FROM (
        SELECT i.kind, count(*) AS n, max(i.at) AS newest
        FROM shown_items i
        WHERE i.tenant = my_tenant
          AND i.client = asked
          AND i.kind IN ('report', 'form', 'care-plan')
          AND i.part = ANY (readable)
        GROUP BY i.kind) c;
END
$$;

-- The start panel of a dossier.
CREATE FUNCTION portal_dossier(
    my_tenant text, me text, asked text, minute bigint, proof bytea,
    OUT s standing, OUT kinds text[], OUT counts bigint[], OUT newest timestamptz[],
    OUT sort_name text, OUT birth_date text, OUT team text
) LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
    s := public.portal_stand('read', my_tenant, me, asked, minute, proof, true);
    SELECT d.sort_name, d.birth_date, d.team
    INTO sort_name, birth_date, team
    FROM open_dossiers d
    WHERE d.tenant = my_tenant
      AND d.user_id = me
      AND d.client = asked;
    SELECT c.kinds, c.counts, c.newest
    INTO kinds, counts, newest
    FROM count_items(my_tenant, asked, s.readable) c;
END
$$;

-- The dossiers that the user may open, by client. parts are joined by spaces.
CREATE FUNCTION portal_dossiers(
    my_tenant text, me text, minute bigint, proof bytea, after text, most integer,
    OUT s standing, OUT clients text[], OUT names text[], OUT roles text[], OUT managers boolean[],
    OUT parts text[], OUT versions bigint[], OUT dead boolean[], OUT changes bigint[],
    OUT sort_names text[], OUT birth_dates text[], OUT teams text[]
) LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
    s := public.portal_stand('read', my_tenant, me, '', minute, proof, true);
    IF s.awaiting IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(d.client), array_agg(d.name), array_agg(d.role), array_agg(d.manager),
           array_agg(array_to_string(d.parts, ' ')), array_agg(d.version), array_agg(d.deceased),
           array_agg(d.change), array_agg(d.sort_name), array_agg(d.birth_date), array_agg(d.team)
    INTO clients, names, roles, managers, parts, versions, dead, changes, sort_names, birth_dates,
        teams
    FROM (
        SELECT *
        FROM open_dossiers d
        WHERE d.tenant = my_tenant
          AND d.user_id = me
          AND d.client > after
        ORDER BY d.client
        LIMIT most) d;
END
$$;

-- An item on a page. Its key has the collation of table items, and of the index of lists.
CREATE TYPE listed_item AS (
    key  text COLLATE "C",
    at   timestamptz,
    card json,
    open boolean,
    ends date
);

-- The items of one kind that a list may have, before it is cut into pages. PostgreSQL puts this
-- function into the statements that call it, so that they read along items_by_client.
CREATE FUNCTION listed_items(
    my_tenant text, asked text, readable text[], of_kind text, of_category text,
    plan_keys text[], of_goal text, of_author text, from_at timestamptz, before_at timestamptz,
    is_open boolean, today date
) RETURNS SETOF listed_item LANGUAGE sql STABLE AS $$
    SELECT i.key, i.at, i.card, i.open, i.ends
    FROM shown_items i
    WHERE i.tenant = my_tenant
      AND i.client = asked
      AND i.kind = of_kind
      AND i.part = ANY (readable)
      AND i.at >= from_at
      AND i.at < before_at
      AND (of_category = '' OR i.kind <> 'report' OR i.category = of_category)
      AND (is_open IS NULL OR (i.open AND coalesce(i.ends >= today, true)) = is_open)
      AND (plan_keys IS NULL OR i.plan = ANY (plan_keys))
      AND (of_goal = '' OR i.goal = of_goal)
      AND (of_author = '' OR i.card #>> '{author,id}' = of_author)
$$;

-- A page of items of one or two kinds, the newest first or, with newer, the oldest first; one item
-- more than most shows that there are more. Two kinds are read apart, each along items_by_client,
-- and merged: no row is sorted. With with_bodies the page ends with the first item that takes its
-- bodies past max_bodies bytes. probe asks whether there are newer items than the page's start.
CREATE FUNCTION portal_list(
    my_tenant text, me text, asked text, minute bigint, proof bytea,
    kind1 text, kind2 text, of_category text, of_plan text, of_goal text, of_author text,
    from_at timestamptz, before_at timestamptz, is_open boolean, start_at timestamptz,
    start_key text, newer boolean, probe boolean, most integer, with_bodies boolean,
    max_bodies bigint,
    OUT s standing, OUT keys text[], OUT ats timestamptz[], OUT cards json[], OUT opens boolean[],
    OUT bodies json[], OUT plans json[], OUT goals json[], OUT has_newer boolean
) LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    plan_keys pg_catalog.text[];
BEGIN
    s := public.portal_stand('read', my_tenant, me, asked, minute, proof, true);
    IF s.readable IS NULL THEN
        RETURN;
    END IF;
    IF of_plan <> '' THEN
        plan_keys := plan_and_parts(my_tenant, asked, s.readable, of_plan);
    END IF;
    IF of_goal <> '' AND NOT EXISTS (
        SELECT
        FROM shown_items i
        WHERE i.tenant = my_tenant
          AND i.key = of_goal
          AND i.client = asked
          AND i.part = ANY (s.readable))
    THEN
        RETURN;
    END IF;
    IF newer THEN
        SELECT array_agg(p.key), array_agg(p.at), array_agg(p.card),
               array_agg(p.open AND coalesce(p.ends >= s.today, true))
        INTO keys, ats, cards, opens
        FROM (
            (
                SELECT i.key, i.at, i.card, i.open, i.ends
                FROM listed_items(my_tenant, asked, s.readable, kind1, of_category, plan_keys,
                    of_goal, of_author, from_at, before_at, is_open, s.today) i
                WHERE (i.at, i.key) > (start_at, start_key)
                ORDER BY i.at ASC, i.key ASC
                LIMIT most + 1)
            UNION ALL
            (
                SELECT i.key, i.at, i.card, i.open, i.ends
                FROM listed_items(my_tenant, asked, s.readable, kind2, of_category, plan_keys,
                    of_goal, of_author, from_at, before_at, is_open, s.today) i
                WHERE (i.at, i.key) > (start_at, start_key)
                ORDER BY i.at ASC, i.key ASC
                LIMIT most + 1)
            ORDER BY at ASC, key ASC
            LIMIT most + 1) p;
    ELSE
        SELECT array_agg(p.key), array_agg(p.at), array_agg(p.card),
               array_agg(p.open AND coalesce(p.ends >= s.today, true))
        INTO keys, ats, cards, opens
        FROM (
            (
                SELECT i.key, i.at, i.card, i.open, i.ends
                FROM listed_items(my_tenant, asked, s.readable, kind1, of_category, plan_keys,
                    of_goal, of_author, from_at, before_at, is_open, s.today) i
                WHERE (i.at, i.key) < (start_at, start_key)
                ORDER BY i.at DESC, i.key DESC
                LIMIT most + 1)
            UNION ALL
            (
                SELECT i.key, i.at, i.card, i.open, i.ends
                FROM listed_items(my_tenant, asked, s.readable, kind2, of_category, plan_keys,
                    of_goal, of_author, from_at, before_at, is_open, s.today) i
                WHERE (i.at, i.key) < (start_at, start_key)
                ORDER BY i.at DESC, i.key DESC
                LIMIT most + 1)
            ORDER BY at DESC, key DESC
            LIMIT most + 1) p;
    END IF;
    IF probe THEN
        has_newer := EXISTS (
            (
                SELECT i.key
                FROM listed_items(my_tenant, asked, s.readable, kind1, of_category, plan_keys,
                    of_goal, of_author, from_at, before_at, is_open, s.today) i
                WHERE (i.at, i.key) > (start_at, start_key)
                ORDER BY i.at ASC, i.key ASC
                LIMIT 1)
            UNION ALL
            (
                SELECT i.key
                FROM listed_items(my_tenant, asked, s.readable, kind2, of_category, plan_keys,
                    of_goal, of_author, from_at, before_at, is_open, s.today) i
                WHERE (i.at, i.key) > (start_at, start_key)
                ORDER BY i.at ASC, i.key ASC
                LIMIT 1));
    END IF;
    IF with_bodies THEN
        SELECT array_agg(b.body), array_agg(b.plan), array_agg(b.goal)
        INTO bodies, plans, goals
        FROM (
            SELECT l.body, links.plan, links.goal
            FROM (
                SELECT k.n, i.body, i.plan, i.goal,
                       sum(octet_length(i.body::text)) OVER (ORDER BY k.n)
                           - octet_length(i.body::text) AS before
                FROM unnest(keys[:most]) WITH ORDINALITY k (key, n)
                CROSS JOIN LATERAL (
                    SELECT i.body, i.plan, i.goal
                    FROM shown_items i
                    WHERE i.tenant = my_tenant
                      AND i.key = k.key
                      AND i.client = asked
                      AND i.part = ANY (s.readable)
                    OFFSET 0) i) l
            CROSS JOIN LATERAL links_of(my_tenant, asked, s.readable, l.plan, l.goal) links
            WHERE coalesce(l.before, 0) < max_bodies
            ORDER BY l.n) b;
    END IF;
END
$$;

-- The keys by which items name a plan that the user may read: its own, and those of its parts. None
-- for any other plan: lists narrowed to it are empty.
CREATE FUNCTION plan_and_parts(my_tenant text, asked text, readable text[], of_plan text)
RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT p.key
        FROM shown_items i
        JOIN shown_items p ON p.tenant = i.tenant
        WHERE i.tenant = my_tenant
          AND i.key = of_plan
          AND i.client = asked
          AND i.kind = 'care-plan'
          AND i.part = ANY (readable)
          AND p.tenant = my_tenant
          AND p.client = asked
          AND p.part = ANY (readable)
          AND (p.key = of_plan OR p.kind = 'care-plan-part' AND p.plan = of_plan));
END
$$;

-- The cards of the plan and the goal that an item names, where the user may read these. A link to a
-- part of a plan stands for a link to the plan.
CREATE FUNCTION links_of(
    my_tenant text, asked text, readable text[], of_plan text, of_goal text, OUT plan json,
    OUT goal json
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    whole pg_catalog.text;
BEGIN
    IF of_plan IS NULL AND of_goal IS NULL THEN
        RETURN;
    END IF;
    SELECT coalesce((
        SELECT i.plan
        FROM shown_items i
        WHERE i.tenant = my_tenant
          AND i.key = of_plan
          AND i.client = asked
          AND i.kind = 'care-plan-part'
          AND i.part = ANY (readable)), of_plan)
    INTO whole;
    SELECT (array_agg(i.card) FILTER (WHERE i.key = whole AND i.kind = 'care-plan'))[1],
           (array_agg(i.card) FILTER (WHERE i.key = of_goal))[1]
    INTO plan, goal
    FROM shown_items i
    WHERE i.tenant = my_tenant
      AND i.key IN (whole, of_goal)
      AND i.client = asked
      AND i.part = ANY (readable);
END
$$;

-- One item of a kind; key is null where the dossier has no such item that the user may read.
CREATE FUNCTION portal_item(
    my_tenant text, me text, asked text, minute bigint, proof bytea, of_key text, of_kind text,
    of_category text,
    OUT s standing, OUT key text, OUT card json, OUT body json, OUT is_open boolean, OUT plan json,
    OUT goal json, OUT older json, OUT newer json
) LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    at_time pg_catalog.timestamptz;
BEGIN
    s := public.portal_stand('read', my_tenant, me, asked, minute, proof, true);
    IF s.readable IS NULL THEN
        RETURN;
    END IF;
    SELECT i.key, i.card, i.body, i.open AND coalesce(i.ends >= s.today, true), links.plan,
           links.goal, i.at
    INTO key, card, body, is_open, plan, goal, at_time
    FROM shown_items i
    CROSS JOIN LATERAL links_of(my_tenant, asked, s.readable, i.plan, i.goal) links
    WHERE i.tenant = my_tenant
      AND i.key = of_key
      AND i.client = asked
      AND i.kind = of_kind
      AND i.part = ANY (s.readable);
    IF key IS NULL THEN
        RETURN;
    END IF;
    -- Its neighbours in the list of its kind.
    older := (
        SELECT i.card
        FROM shown_items i
        WHERE i.tenant = my_tenant
          AND i.client = asked
          AND i.kind = of_kind
          AND i.part = ANY (s.readable)
          AND (of_category = '' OR i.category = of_category)
          AND (i.at, i.key) < (at_time, of_key)
        ORDER BY i.at DESC, i.key DESC
        LIMIT 1);
    newer := (
        SELECT i.card
        FROM shown_items i
        WHERE i.tenant = my_tenant
          AND i.client = asked
          AND i.kind = of_kind
          AND i.part = ANY (s.readable)
          AND (of_category = '' OR i.category = of_category)
          AND (i.at, i.key) > (at_time, of_key)
        ORDER BY i.at ASC, i.key ASC
        LIMIT 1);
END
$$;

-- The contacts in the care record, by key.
CREATE FUNCTION portal_contacts(
    my_tenant text, me text, asked text, minute bigint, proof bytea, after text, most integer,
    OUT s standing, OUT keys text[], OUT cards json[], OUT opens boolean[]
) LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
    s := public.portal_stand('read', my_tenant, me, asked, minute, proof, true);
    IF s.readable IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(c.key), array_agg(c.card), array_agg(c.is_open)
    INTO keys, cards, opens
    FROM (
        SELECT i.key, i.card, i.open AND coalesce(i.ends >= s.today, true) AS is_open
        FROM shown_items i
        WHERE i.tenant = my_tenant
          AND i.client = asked
          AND i.kind = 'contact'
          AND i.part = ANY (s.readable)
          AND i.key > after
        ORDER BY i.key
        LIMIT most) c;
END
$$;

-- The number of items by period, the newest first.
CREATE FUNCTION portal_density(
    my_tenant text, me text, asked text, minute bigint, proof bytea, period text, kinds text[],
    of_category text, from_at timestamptz, before_at timestamptz, most integer,
    OUT s standing, OUT starts date[], OUT reports bigint[], OUT forms bigint[]
) LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
    s := public.portal_stand('read', my_tenant, me, asked, minute, proof, true);
    IF s.readable IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(d.start), array_agg(d.reports), array_agg(d.forms)
    INTO starts, reports, forms
    FROM (
        SELECT date_trunc(period, i.at AT TIME ZONE s.timezone)::date AS start,
               count(*) FILTER (WHERE i.kind = 'report') AS reports,
               count(*) FILTER (WHERE i.kind = 'form') AS forms
        FROM shown_items i
        WHERE i.tenant = my_tenant
          AND i.client = asked
          AND i.kind = ANY (kinds)
          AND i.part = ANY (s.readable)
          AND i.at >= from_at
          AND i.at < before_at
          AND (of_category = '' OR i.kind <> 'report' OR i.category = of_category)
        GROUP BY 1
        ORDER BY 1 DESC
        LIMIT most) d;
END
$$;

-- All grants of a tenant are stored in one transaction: portal_begin_list, portal_add_to_list for
-- each bunch, portal_end_list. The list is kept in temporary tables, which only
-- dossiersync_answers may make. portal_begin_list reports false while another list of the tenant is
-- being stored.
CREATE FUNCTION portal_begin_list(my_tenant text, me text, minute bigint, proof bytea)
RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
BEGIN
    PERFORM public.portal_prove('grants', my_tenant, me, '', minute, proof);
    IF NOT pg_try_advisory_xact_lock(
        hashtextextended('dossiersync all grants of ' || my_tenant, 0))
    THEN
        RETURN false;
    END IF;
    -- The list may arrive as slowly as the portal API allows.
    PERFORM set_config('idle_in_transaction_session_timeout', '5min', true);
    CREATE TEMPORARY TABLE listed (
        n bigint, client text, user_id text, role text, manager boolean, parts text[],
        state text, valid_from date, valid_until date, contact text, name text
    ) ON COMMIT DROP;
    CREATE TEMPORARY TABLE changed (
        action text, client text, user_id text
    ) ON COMMIT DROP;
    RETURN true;
END
$$;

CREATE FUNCTION portal_add_to_list(
    my_tenant text, me text, minute bigint, proof bytea, first bigint, clients text[], users text[],
    roles text[], managers boolean[], parts text[], states text[], froms date[], untils date[],
    contacts text[], names text[]
) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
    PERFORM public.portal_prove('grants', my_tenant, me, '', minute, proof);
    INSERT INTO pg_temp.listed
    SELECT first + l.n - 1, l.client, l.user_id, l.role, l.manager, string_to_array(l.parts, ' '),
           l.state, l.valid_from, l.valid_until, l.contact, l.name
    FROM unnest(clients, users, roles, managers, parts, states, froms, untils, contacts, names)
        WITH ORDINALITY l (
        client, user_id, role, manager, parts, state, valid_from, valid_until, contact, name, n);
END
$$;

-- Stores that a process of the portal API is alive now.
CREATE FUNCTION portal_alive(
    my_tenant text, minute bigint, proof bytea, process text, my_host text, my_pid integer,
    my_version text, my_tenants jsonb
) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
BEGIN
    PERFORM public.portal_prove('alive', my_tenant, '', '', minute, proof);
    INSERT INTO processes (id, kinds, host, pid, version, tenants)
    VALUES (process, '{portal}', my_host, my_pid, my_version, my_tenants)
    ON CONFLICT (id) DO UPDATE
    SET seen = now(),
        tenants = excluded.tenants;
END
$$;

-- Makes the keys of a tenant's proofs those that are given. With unless_known, keys that the tenant
-- has already stay as they are.
CREATE FUNCTION put_proof_keys(
    my_tenant text, ids bytea[], inner_pads bytea[], outer_pads bytea[], unless_known boolean
) RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM portal_reset('keys', my_tenant, '', '');
    IF unless_known AND EXISTS (SELECT FROM proof_keys k WHERE k.tenant = my_tenant) THEN
        RETURN;
    END IF;
    -- A worker adds tenants. Only the owner replaces keys.
    IF unless_known IS NOT TRUE AND NOT pg_has_role(
            session_user,
            (SELECT c.relowner FROM pg_class c WHERE c.oid = 'public.proof_keys'::regclass),
            'USAGE')
    THEN
        RAISE EXCEPTION 'only the owner may replace the keys of a tenant'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO proof_keys (tenant, id, login, inner_pad, outer_pad)
    SELECT my_tenant, k.id, (SELECT max(o.login) FROM proof_keys o WHERE o.tenant = my_tenant),
           k.inner_pad, k.outer_pad
    FROM unnest(ids, inner_pads, outer_pads) k (id, inner_pad, outer_pad)
    ON CONFLICT DO NOTHING;
    DELETE FROM proof_keys k
    WHERE k.tenant = my_tenant
      AND k.id <> ALL (ids);
END
$$;

-- All functions above belong to dossiersync_answers. Those that carry a proof are the portal's.
GRANT CREATE ON SCHEMA public TO dossiersync_answers;
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN
        SELECT p.oid
        FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace
          AND (p.proname LIKE 'portal\_%' OR p.proname IN ('proof_mac', 'this_minute', 'feeds',
              'count_items', 'links_of', 'plan_and_parts', 'listed_items', 'why_standing',
              'put_proof_keys'))
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        IF EXISTS (
            SELECT FROM pg_proc WHERE oid = f AND proname LIKE 'portal\_%' AND prosecdef)
        THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO dossiersync_reader', f);
        END IF;
        EXECUTE format('ALTER FUNCTION %s OWNER TO dossiersync_answers', f);
    END LOOP;
END
$$;
REVOKE CREATE ON SCHEMA public FROM dossiersync_answers;

-- The operators' listener may log in as a member of dossiersync_ops. It sees the rows of all tenants,
-- because its users' tenants are a matter of the program, but no column with the content of a
-- dossier or a name. tenants.identity_key tells it nothing: the digests that it is for are closed.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dossiersync_ops') THEN
        CREATE ROLE dossiersync_ops NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
GRANT USAGE ON SCHEMA public TO dossiersync_ops;
-- Whether there are raw bytes, for a role that cannot read them.
ALTER TABLE quarantine ADD COLUMN kept boolean NOT NULL
    GENERATED ALWAYS AS (raw IS NOT NULL) STORED;
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY '{tenants,clients,contacts,items,cursors,unread,backfills,quarantine,runs,
        run_types,seen,grants,absences,holds,decisions,inferred,censuses,census,rereads,stale,
        access_log,held_clients,withheld,withheld_within,type_counts,acknowledgements,processes,
        run_left_out,left_out,refs,definitions}'::text[]
    LOOP
        EXECUTE format('CREATE POLICY ops ON %I TO dossiersync_ops USING (true)', t);
    END LOOP;
END
$$;
GRANT SELECT (id, name, timezone, change, epoch, since, succeeded, unreachable, epoch_since,
    reconciled, rechecked, trouble, trouble_until, trouble_kind, awaiting_grants,
    awaiting_erasures, dormant_after,
    identity_key), INSERT (id, name, timezone, identity_key, awaiting_erasures),
    UPDATE (name, timezone, identity_key, change) ON tenants TO dossiersync_ops;
-- The operators' listener stores tenants, with a key where there is none. Under another key, or an
-- empty one, it would go unnoticed that a client's id was given to somebody else.
CREATE FUNCTION keep_identity_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the identity key of a tenant stays' USING ERRCODE = 'insufficient_privilege';
END
$$;
REVOKE ALL ON FUNCTION keep_identity_key() FROM PUBLIC;
CREATE TRIGGER keep_identity_key BEFORE UPDATE OF identity_key ON tenants
    FOR EACH ROW WHEN (OLD.identity_key <> NEW.identity_key
        OR OLD.identity_key IS NOT NULL AND NEW.identity_key IS NULL)
    EXECUTE FUNCTION keep_identity_key();
GRANT SELECT (tenant, id, state, reason, deceased, replaced_by, change, since, gone, grants_after,
    grants_void), UPDATE (change) ON clients TO dossiersync_ops;
GRANT SELECT (tenant, key, type, id, stream, kind, client, state, reason, part, epoch, version,
    updated, observed, at, category, open, ends, looked) ON items TO dossiersync_ops;
GRANT SELECT (tenant, client, user_id, role, manager, parts, state, valid_from, valid_until, contact,
    version, updated_at, updated_by) ON grants TO dossiersync_ops;
GRANT SELECT (tenant, key, stream, type, id, client, updated, reason, detail, first_seen, last_seen,
    attempts, kept), DELETE ON quarantine TO dossiersync_ops;
GRANT SELECT ON contacts, cursors, unread, backfills, run_types, seen, inferred, censuses, census,
    rereads, stale, held_clients, type_counts, run_left_out, left_out TO dossiersync_ops;
-- What withholding needs, to find the items that may hold words of a withheld one.
GRANT SELECT (tenant, key, target) ON refs TO dossiersync_ops;
GRANT SELECT (tenant, key, alias) ON definitions TO dossiersync_ops;
GRANT INSERT ON stale TO dossiersync_ops;
GRANT SELECT, INSERT, UPDATE (released, released_by, released_note) ON withheld TO dossiersync_ops;
GRANT SELECT, INSERT, DELETE ON withheld_within TO dossiersync_ops;
GRANT EXECUTE ON FUNCTION items_withheld(text, text[]) TO dossiersync_ops;
GRANT SELECT, INSERT, UPDATE, DELETE ON acknowledgements, processes TO dossiersync_ops;
GRANT SELECT, INSERT, UPDATE ON runs, holds TO dossiersync_ops;
GRANT SELECT, INSERT ON decisions TO dossiersync_ops;
GRANT SELECT, UPDATE ON absences TO dossiersync_ops;
GRANT INSERT (tenant, action, event, outcome, user_id, user_name, user_role, on_behalf_of, purpose,
    access_point, client, object, query, source) ON access_log TO dossiersync_ops;
GRANT EXECUTE ON FUNCTION why_standing(text, text, text) TO dossiersync_ops;
-- River's tables, and that of the schema's version.
GRANT SELECT ON dossiersync_schema_version, river_migration TO dossiersync_ops;
GRANT SELECT ON river_leader TO dossiersync_ops;
GRANT SELECT, INSERT, UPDATE ON river_job, river_queue TO dossiersync_ops;
GRANT USAGE ON SEQUENCE river_job_id_seq TO dossiersync_ops;

-- The worker and the commands may log in as a member of dossiersync_worker. It reads and changes what
-- the sources and the operators say, adds to the log, and owns nothing: the functions below make and
-- drop partitions. The policies are for log-ins without BYPASSRLS, which can do everything except
-- COPY items.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dossiersync_worker') THEN
        CREATE ROLE dossiersync_worker NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
GRANT USAGE ON SCHEMA public TO dossiersync_worker;
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY '{tenants,clients,contacts,items,refs,definitions,stale,replacements,rereads,
        cursors,backfills,quarantine,runs,run_types,seen,grants,access_log,censuses,census,holds,
        absences,decisions,erasures,erasure_keys,unread,inferred,withheld,withheld_within,
        type_counts,acknowledgements,processes,run_left_out,left_out,held_clients}'::text[]
    LOOP
        EXECUTE format('CREATE POLICY worker ON %I TO dossiersync_worker USING (true)', t);
        IF t <> 'access_log' THEN
            EXECUTE format('GRANT SELECT ON %I TO dossiersync_worker', t);
        END IF;
    END LOOP;
END
$$;
-- INSERT comes with what it needs on a conflict.
GRANT INSERT, UPDATE ON tenants, run_types, censuses, holds, type_counts, acknowledgements,
    run_left_out TO dossiersync_worker;
GRANT INSERT, UPDATE, DELETE ON clients, contacts, items, definitions, rereads, cursors, backfills,
    quarantine, runs, seen, absences, unread, withheld, processes, left_out TO dossiersync_worker;
GRANT INSERT, DELETE ON refs, stale, replacements, decisions, inferred, withheld_within,
    held_clients TO dossiersync_worker;
GRANT DELETE ON censuses, census TO dossiersync_worker;
GRANT UPDATE (state, version, updated_at, updated_by), DELETE ON grants TO dossiersync_worker;
GRANT INSERT (tenant, client, by, at), UPDATE (at) ON erasures TO dossiersync_worker;
GRANT INSERT ON erasure_keys TO dossiersync_worker;
GRANT SELECT, INSERT (tenant, action, event, outcome, user_id, user_name, user_role, on_behalf_of,
    purpose, access_point, client, object, query, source) ON access_log TO dossiersync_worker;
GRANT EXECUTE ON FUNCTION hmac_pad(bytea, integer), erased_among(text, text[]),
    items_withheld(text, text[]), why_standing(text, text, text),
    put_proof_keys(text, bytea[], bytea[], bytea[], boolean) TO dossiersync_worker;
GRANT SELECT ON dossiersync_schema_version, river_migration TO dossiersync_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON river_job, river_queue, river_leader TO dossiersync_worker;
GRANT USAGE ON SEQUENCE river_job_id_seq TO dossiersync_worker;

-- Makes an empty partition of table census for a run that is not done. The partition is created as
-- a table and then attached, because that does not block writers of other partitions. It exists
-- already if a crash of the server has emptied table censuses.
CREATE FUNCTION make_census(of_run bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    name text := 'census_' || of_run;
BEGIN
    IF NOT EXISTS (SELECT FROM runs r WHERE r.id = of_run AND r.state <> 'done') THEN
        RAISE EXCEPTION 'run % is done, or unknown', of_run;
    END IF;
    IF is_census(of_run) THEN
        EXECUTE format('TRUNCATE public.%I', name);
    ELSE
        EXECUTE format('CREATE UNLOGGED TABLE public.%I (LIKE census INCLUDING DEFAULTS)', name);
        EXECUTE format(
            'ALTER TABLE census ATTACH PARTITION public.%I FOR VALUES IN (%s)', name, of_run);
    END IF;
    EXECUTE format('GRANT SELECT, INSERT ON public.%I TO dossiersync_worker', name);
END
$$;

-- Whether table census has a partition for the run.
CREATE FUNCTION is_census(of_run bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT
        FROM pg_inherits i
        WHERE i.inhparent = 'census'::regclass
          AND i.inhrelid = to_regclass('public.census_' || of_run))
$$;

-- Counts what the partition of a run holds, for the planner. Only the owner of a table may do so.
CREATE FUNCTION analyze_census(of_run bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF is_census(of_run) THEN
        EXECUTE format('ANALYZE public.%I', 'census_' || of_run);
    END IF;
END
$$;

-- Drops the partition of a run that is done.
CREATE FUNCTION drop_census(of_run bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM runs r WHERE r.id = of_run AND r.state <> 'done') THEN
        RAISE EXCEPTION 'run % is not done', of_run;
    END IF;
    IF is_census(of_run) THEN
        EXECUTE format('DROP TABLE public.%I', 'census_' || of_run);
    END IF;
END
$$;

-- The partitions of the access log other than the default one, the oldest first. Months are of UTC:
-- the functions that the worker calls set it, and the form in which bounds are written.
CREATE FUNCTION log_partitions() RETURNS TABLE (name text, since timestamptz, until timestamptz)
LANGUAGE sql VOLATILE AS $$
    WITH partitions AS (
        SELECT c.relname::text AS name,
               -- The catalog has bounds only as text.
               regexp_match(
                   pg_get_expr(c.relpartbound, c.oid),
                   $re$FROM \('([^']+)'\) TO \('([^']+)'\)$re$) AS bounds
        FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'access_log'::regclass)
    SELECT p.name, p.bounds[1]::timestamptz, p.bounds[2]::timestamptz
    FROM partitions p
    WHERE p.bounds IS NOT NULL
    ORDER BY 2
$$;

-- Makes a table that can be attached to the access log as a partition, with the log's protection.
-- CREATE TABLE … PARTITION OF would lock the whole log.
CREATE FUNCTION make_log_table(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE public.%I (LIKE access_log INCLUDING DEFAULTS)', name);
    PERFORM guard_log_partition(format('public.%I', name)::regclass);
END
$$;

-- Makes a table a partition of the access log.
CREATE FUNCTION attach_log_table(name text, since timestamptz, until timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE access_log ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        name, since, until);
END
$$;

-- Makes the partitions of this month and of the next ones, except for months that have entries in
-- another partition, and returns the names of those that it has made. Entries of a month without a
-- partition lie in the default partition: that becomes the partition of all months that it holds
-- entries of, and a new one takes its place. stuck is true if another partition lies between these
-- months.
CREATE FUNCTION provide_log_partitions(ahead integer, OUT created text[], OUT stuck boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    this_month timestamptz := date_trunc('month', clock_timestamp());
    begins timestamptz;
    ends timestamptz;
    name text;
BEGIN
    created := '{}';
    stuck := false;
    IF ahead NOT BETWEEN 0 AND 12 THEN
        RAISE EXCEPTION 'partitions are made for a year at most, not for % months', ahead;
    END IF;
    IF EXISTS (SELECT FROM access_log_rest)
        OR NOT EXISTS (
            SELECT
            FROM log_partitions() p
            WHERE p.since < this_month + interval '1 month'
              AND p.until > this_month)
    THEN
        -- No entry may be added to the default partition while a partition is made for its month.
        LOCK TABLE access_log IN ACCESS EXCLUSIVE MODE;
        SELECT date_trunc('month', min(r.time)),
               date_trunc('month', max(r.time)) + interval '1 month'
        INTO begins, ends
        FROM access_log_rest r;
        stuck := begins IS NOT NULL AND EXISTS (
            SELECT
            FROM log_partitions() p
            WHERE p.since < ends
              AND p.until > begins);
        IF begins IS NOT NULL AND NOT stuck THEN
            name := to_char(begins, '"access_log_"YYYY_MM');
            IF ends > begins + interval '1 month' THEN
                name := name || to_char(ends - interval '1 month', '"_to_"YYYY_MM');
            END IF;
            ALTER TABLE access_log DETACH PARTITION access_log_rest;
            EXECUTE format('ALTER TABLE access_log_rest RENAME TO %I', name);
            PERFORM attach_log_table(name, begins, ends), make_log_table('access_log_rest');
            ALTER TABLE access_log ATTACH PARTITION access_log_rest DEFAULT;
            created := created || name;
        END IF;
    END IF;
    FOR i IN 0..ahead LOOP
        begins := this_month + make_interval(months => i);
        ends := begins + interval '1 month';
        name := to_char(begins, '"access_log_"YYYY_MM');
        CONTINUE WHEN EXISTS (
                SELECT
                FROM log_partitions() p
                WHERE p.since < ends
                  AND p.until > begins)
            OR EXISTS (
                SELECT
                FROM access_log_rest r
                WHERE r.time >= begins
                  AND r.time < ends);
        PERFORM make_log_table(name), attach_log_table(name, begins, ends);
        created := created || name;
    END LOOP;
END
$$;

-- Drops the oldest partition of the access log if all its entries are older than keep_years years,
-- logs the number of dropped entries for each tenant, and returns the partition's name; otherwise
-- null. The law (NEN 7513) requires five years.
CREATE FUNCTION drop_oldest_log_partition(keep_years integer, system_user_id text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    oldest text;
BEGIN
    IF keep_years IS NULL OR keep_years < 5 THEN
        RAISE EXCEPTION 'the access log must be kept for five years';
    END IF;
    SELECT p.name
    INTO oldest
    FROM log_partitions() p
    WHERE p.until <= clock_timestamp() - make_interval(years => keep_years)
    ORDER BY p.since
    LIMIT 1;
    IF oldest IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('
        INSERT INTO access_log (tenant, action, event, outcome, user_id, object, query, source)
        SELECT o.tenant, ''delete'', ''access-log-retention'', ''success'', $1, $2,
               format(''entries=%%s&keep_years=%%s'', count(*), $3), ''worker''
        FROM public.%I o
        GROUP BY o.tenant
        ORDER BY o.tenant', oldest)
    USING system_user_id, oldest, keep_years;
    EXECUTE format('DROP TABLE public.%I', oldest);
    RETURN oldest;
END
$$;

DO $$
DECLARE
    f regprocedure;
    t regclass;
BEGIN
    FOR f IN
        SELECT p.oid
        FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace
          AND p.proname IN ('make_census', 'is_census', 'analyze_census', 'drop_census',
              'log_partitions', 'make_log_table', 'attach_log_table', 'provide_log_partitions',
              'drop_oldest_log_partition')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        IF EXISTS (SELECT FROM pg_proc WHERE oid = f AND prosecdef) THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO dossiersync_worker', f);
        END IF;
    END LOOP;
    FOR t IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'census'::regclass LOOP
        EXECUTE format('GRANT SELECT, INSERT ON %s TO dossiersync_worker', t);
    END LOOP;
END
$$;
