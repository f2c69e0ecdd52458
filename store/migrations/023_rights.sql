-- What a portal needs to manage rights: whether a grant counts and why not, the moments at which it
-- was given, a check that the acting person may manage, and a brake on lists that take many away.
-- And an access log that tells of reading: visits, and the names as they were known.

-- The functions of grants see whether the client that is asked for is shown, and the client's
-- contacts, whoever the user is.
GRANT SELECT (grants_void) ON clients TO dossiersync_answers;
CREATE POLICY managed ON clients FOR SELECT TO dossiersync_answers
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND id = current_setting('dossiersync.asked', true)
        AND current_setting('dossiersync.purpose', true) = 'grants');
CREATE POLICY managed ON contacts FOR SELECT TO dossiersync_answers
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND client = current_setting('dossiersync.asked', true)
        AND current_setting('dossiersync.purpose', true) = 'grants');

-- The first condition of view open_dossiers that a grant does not meet; null where it meets all.
-- The grant need not be stored. Of a client that is not shown it says no more, and a contact of
-- another client is as unknown as any other.
CREATE FUNCTION why_closed(
    my_tenant text, of_client text, of_state text, first_day date, last_day date, of_contact text,
    updated timestamptz
) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN of_state <> 'accepted' THEN 'not-accepted'
        WHEN first_day > l.today THEN 'not-yet'
        WHEN last_day < l.today THEN 'ended'
        WHEN c.id IS NULL THEN 'unknown-client'
        WHEN c.state <> 'shown' OR w.client IS NOT NULL THEN 'client-not-shown'
        WHEN updated <= c.grants_after THEN coalesce(c.grants_void, 'dormant')
        WHEN of_contact IS NOT NULL AND k.id IS NULL THEN 'unknown-contact'
        WHEN NOT k.active OR k.ends < l.today THEN 'contact-ended'
        END
    FROM (
        SELECT (now() AT TIME ZONE t.timezone)::date AS today
        FROM tenants t
        WHERE t.id = my_tenant) l
    LEFT JOIN clients c
        ON c.tenant = my_tenant
        AND c.id = of_client
    LEFT JOIN withheld w
        ON w.tenant = my_tenant
        AND w.client = of_client
        AND w.released IS NULL
    LEFT JOIN contacts k
        ON k.tenant = my_tenant
        AND k.id = of_contact
        AND k.client = of_client
    LIMIT 1
$$;

-- When a grant was given, as the database saw it. Null: before this migration, or it did not
-- happen.
ALTER TABLE grants
    ADD COLUMN invited_at  timestamptz, -- the last invitation; of a grant given without one, null
    ADD COLUMN accepted_at timestamptz, -- since when the grant is, or was, accepted
    ADD COLUMN granted_by  text;        -- on whose behalf the grant was given
CREATE FUNCTION note_grant_moments() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was text := 'revoked';
BEGIN
    NEW.invited_at := NULL;
    NEW.accepted_at := NULL;
    NEW.granted_by := NULL;
    IF TG_OP = 'UPDATE' THEN
        was := OLD.state;
        NEW.invited_at := OLD.invited_at;
        NEW.accepted_at := OLD.accepted_at;
        NEW.granted_by := OLD.granted_by;
    END IF;
    IF NEW.state = was OR NEW.state = 'revoked' THEN
        RETURN NEW;
    END IF;
    IF was = 'revoked' OR NEW.state = 'invited' THEN
        NEW.granted_by := NEW.updated_by;
        NEW.invited_at := CASE WHEN NEW.state = 'invited' THEN now() END;
    END IF;
    NEW.accepted_at := CASE WHEN NEW.state = 'accepted' THEN now() END;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION note_grant_moments() FROM PUBLIC;
CREATE TRIGGER note_moments BEFORE INSERT OR UPDATE ON grants
    FOR EACH ROW EXECUTE FUNCTION note_grant_moments();

-- The names of the person on whose behalf a system acts, and of the person whose grant it is about.
-- user_name, these two, and nothing of a dossier are kept as they were known at the time.
ALTER TABLE access_log
    ADD COLUMN on_behalf_of_name text,
    ADD COLUMN object_name       text;
GRANT INSERT (on_behalf_of_name, object_name) ON access_log TO dossiersync_answers;
-- The names of people whose right has ended are in their grants.
CREATE POLICY named ON grants FOR SELECT TO dossiersync_answers
    USING (current_setting('dossiersync.purpose', true) = 'log'
        AND tenant = ANY (
            (SELECT nullif(current_setting('dossiersync.logged', true), '')::text[])::text[]));

-- Adds an entry about a grant, in the transaction of its change: where the log cannot be written
-- within a second, nothing is changed.
CREATE FUNCTION portal_log_grant(
    my_tenant text, me text, my_name text, act text, of_event text, of_outcome text, behalf text,
    point text, of_client text, of_object text, of_query text
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM set_config('dossiersync.logged', ARRAY[my_tenant]::text, true),
        set_config('lock_timeout', '1s', true);
    INSERT INTO access_log (
        tenant, action, event, outcome, user_id, user_name, on_behalf_of, on_behalf_of_name,
        access_point, client, object, object_name, query, source)
    SELECT my_tenant, act, of_event, of_outcome, me, nullif(my_name, ''), nullif(behalf, ''),
           grantee_name(my_tenant, of_client, behalf), nullif(point, ''), nullif(of_client, ''),
           nullif(of_object, ''), grantee_name(my_tenant, of_client, of_object),
           nullif(of_query, ''), 'portal-api';
EXCEPTION WHEN OTHERS THEN
    RAISE EXCEPTION 'the access log cannot be written' USING ERRCODE = 'DS003', DETAIL = SQLSTATE;
END
$$;

-- The name in a user's grant on a client, whether or not the grant counts.
CREATE FUNCTION grantee_name(my_tenant text, of_client text, of_user text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT max(g.name)
    FROM grants g
    WHERE g.tenant = my_tenant
      AND g.client = of_client
      AND g.user_id = of_user
$$;

-- Refuses a change of a user's grant unless the acting person may manage the dossier today. A
-- revocation of that person's own right waits, or is seen here. Both grants are locked, by user:
-- two people who change each other's would wait for each other.
CREATE FUNCTION portal_check_actor(my_tenant text, asked text, of_user text, actor text)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM
    FROM grants g
    WHERE g.tenant = my_tenant
      AND g.client = asked
      AND g.user_id IN (of_user, actor)
    ORDER BY g.user_id
    FOR UPDATE;
    IF NOT EXISTS (
        SELECT
        FROM open_dossiers d
        WHERE d.tenant = my_tenant
          AND d.client = asked
          AND d.user_id = actor
          AND d.manager)
    THEN
        RAISE EXCEPTION 'the acting person may not manage this dossier' USING ERRCODE = 'DS005';
    END IF;
END
$$;

-- The grants on a client, or one user's where of_user is not empty, by user. parts are joined by
-- spaces. whys has null for each that counts.
CREATE FUNCTION portal_grants(
    my_tenant text, me text, asked text, minute bigint, proof bytea, of_user text, after text,
    most integer,
    OUT s standing, OUT users text[], OUT roles text[], OUT managers boolean[], OUT parts text[],
    OUT states text[], OUT froms date[], OUT untils date[], OUT contacts text[], OUT names text[],
    OUT versions bigint[], OUT counts boolean[], OUT whys text[], OUT invited timestamptz[],
    OUT accepted timestamptz[], OUT givers text[]
) LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
    PERFORM public.portal_prove('grants', my_tenant, me, asked, minute, proof);
    SELECT array_agg(g.user_id), array_agg(g.role), array_agg(g.manager),
           array_agg(array_to_string(g.parts, ' ')), array_agg(g.state), array_agg(g.valid_from),
           array_agg(g.valid_until), array_agg(g.contact), array_agg(g.name), array_agg(g.version),
           array_agg(g.counts), array_agg(g.why), array_agg(g.invited_at),
           array_agg(g.accepted_at), array_agg(g.granted_by)
    INTO users, roles, managers, parts, states, froms, untils, contacts, names, versions, counts,
        whys, invited, accepted, givers
    FROM (
        SELECT g.*, d.user_id IS NOT NULL AS counts,
               CASE WHEN d.user_id IS NULL THEN why_closed(my_tenant, asked, g.state, g.valid_from,
                   g.valid_until, g.contact, g.updated_at) END AS why
        FROM grants g
        LEFT JOIN open_dossiers d
            ON d.tenant = g.tenant
            AND d.client = g.client
            AND d.user_id = g.user_id
        WHERE g.tenant = my_tenant
          AND g.client = asked
          AND (of_user = '' OR g.user_id = of_user)
          AND g.user_id > after
        ORDER BY g.user_id
        LIMIT most) g;
    s := portal_stand('grants', my_tenant, me, '', NULL, NULL, false);
END
$$;

-- Stores a grant in place of the user's grant on the client, and logs it. version is null where
-- trigger keep_out_erased left the row out; the answer is then that to an unknown client. While the
-- portal has to send all grants, nothing is stored. With check_actor, the acting person must be
-- able to manage the dossier, unless all that changes is that the person accepts an invitation.
CREATE FUNCTION portal_put_grant(
    my_tenant text, me text, asked text, minute bigint, proof bytea, of_user text, new_role text,
    new_manager boolean, new_parts text[], new_state text, new_from date, new_until date,
    new_contact text, new_name text, behalf text, of_event text, point text, my_name text,
    check_actor boolean,
    OUT s standing, OUT changed boolean, OUT version bigint, OUT counts boolean, OUT why text,
    OUT invited timestamptz, OUT accepted timestamptz, OUT giver text
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    n pg_catalog.int8;
    g public.grants;
BEGIN
    PERFORM public.portal_prove('grants', my_tenant, me, asked, minute, proof);
    PERFORM FROM tenants t
    WHERE t.id = my_tenant
      AND t.awaiting_grants IS NOT NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'the portal has to send all grants' USING ERRCODE = 'DS004';
    END IF;
    IF check_actor THEN
        PERFORM
        FROM grants o
        WHERE o.tenant = my_tenant
          AND o.client = asked
          AND o.user_id = of_user
          AND of_user = behalf
          AND o.state = 'invited'
          AND new_state = 'accepted'
          AND (o.role, o.manager, o.parts, o.valid_from, o.valid_until, o.contact, o.name)
              IS NOT DISTINCT FROM (new_role, new_manager, new_parts, new_from, new_until,
               new_contact, new_name)
        FOR UPDATE;
        IF NOT FOUND THEN
            PERFORM portal_check_actor(my_tenant, asked, of_user, behalf);
        END IF;
    END IF;
    INSERT INTO grants (tenant, client, user_id, updated_by, role, manager, parts, state,
        valid_from, valid_until, contact, name)
    VALUES (my_tenant, asked, of_user, behalf, new_role, new_manager, new_parts, new_state,
        new_from, new_until, new_contact, new_name)
    ON CONFLICT ON CONSTRAINT grants_pkey DO UPDATE
    SET (role, manager, parts, state, valid_from, valid_until, contact, name) =
            (excluded.role, excluded.manager, excluded.parts, excluded.state, excluded.valid_from,
             excluded.valid_until, excluded.contact, excluded.name),
        version = grants.version + 1,
        updated_at = now(),
        updated_by = excluded.updated_by
    -- Leaves an equal grant, and its version, alone.
    WHERE (grants.role, grants.manager, grants.parts, grants.state, grants.valid_from,
           grants.valid_until, grants.contact, grants.name)
       IS DISTINCT FROM (excluded.role, excluded.manager, excluded.parts, excluded.state,
           excluded.valid_from, excluded.valid_until, excluded.contact, excluded.name);
    GET DIAGNOSTICS n = ROW_COUNT;
    changed := n = 1;
    SELECT o.*
    INTO g
    FROM grants o
    WHERE o.tenant = my_tenant
      AND o.client = asked
      AND o.user_id = of_user;
    IF NOT FOUND THEN
        g.tenant := my_tenant;
        g.client := asked;
        g.state := new_state;
        g.valid_from := new_from;
        g.valid_until := new_until;
        g.invited_at := CASE WHEN new_state = 'invited' THEN now() END;
        g.accepted_at := CASE WHEN new_state = 'accepted' THEN now() END;
        g.granted_by := CASE WHEN new_state <> 'revoked' THEN behalf END;
    END IF;
    version := g.version;
    invited := g.invited_at;
    accepted := g.accepted_at;
    giver := g.granted_by;
    counts := EXISTS (
        SELECT
        FROM open_dossiers d
        WHERE d.tenant = my_tenant
          AND d.client = asked
          AND d.user_id = of_user);
    why := CASE WHEN NOT counts THEN why_closed(my_tenant, asked, g.state, g.valid_from,
        g.valid_until, g.contact, g.updated_at) END;
    PERFORM portal_log_grant(my_tenant, me, my_name,
        CASE WHEN version IS NULL OR version = 1 AND changed THEN 'add' ELSE 'change' END,
        of_event, CASE WHEN version IS NULL THEN 'denied' ELSE 'success' END, behalf, point, asked,
        of_user, '');
    s := portal_stand('grants', my_tenant, me, '', NULL, NULL, false);
END
$$;

-- Revokes the user's grant on the client, logs it, and reports whether there was one. A revoked
-- grant stays as it is. With check_actor, the acting person must be able to manage the dossier,
-- unless it is that person's own grant.
CREATE FUNCTION portal_revoke_grant(
    my_tenant text, me text, asked text, minute bigint, proof bytea, of_user text, behalf text,
    of_event text, point text, my_name text, check_actor boolean
) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
BEGIN
    PERFORM public.portal_prove('grants', my_tenant, me, asked, minute, proof);
    IF check_actor AND behalf <> of_user THEN
        PERFORM portal_check_actor(my_tenant, asked, of_user, behalf);
    END IF;
    -- A revoked grant is updated too, to itself: FOUND tells whether there is a grant.
    UPDATE grants g
    SET version = g.version + (g.state <> 'revoked')::int,
        state = 'revoked',
        updated_at = CASE WHEN g.state = 'revoked' THEN g.updated_at ELSE now() END,
        updated_by = CASE WHEN g.state = 'revoked' THEN g.updated_by ELSE behalf END
    WHERE g.tenant = my_tenant
      AND g.client = asked
      AND g.user_id = of_user;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM portal_log_grant(my_tenant, me, my_name, 'delete', of_event, 'success', behalf, point,
        asked, of_user, '');
    RETURN true;
END
$$;

-- Makes the tenant's grants equal to the list, as far as they were not changed after it was taken
-- at as_of (by the portal's clock), logs each change, and lets the tenant's dossiers be read again
-- if it was waiting for its grants. Where a grant is in the list twice, it fails. possible is false
-- if the list cannot be as of that time. taken counts the grants that were not revoked and are now,
-- or are no longer accepted, of any part, or of today;
-- excessive is true if these are more than confirmed, more than ten, and more than a tenth of the
-- standing ones. Where it is not possible, or excessive, nothing is changed: a thief who commits all
-- the same has changed nothing without an entry in the log.
CREATE FUNCTION portal_end_list(
    my_tenant text, me text, minute bigint, proof bytea, as_of timestamptz, confirmed bigint,
    behalf text, of_event text, point text, my_name text, system_user_id text,
    OUT possible boolean, OUT excessive boolean, OUT total bigint, OUT taken bigint,
    OUT changed bigint, OUT revoked bigint, OUT kept bigint
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    -- The clocks of the portal and the database may differ by a minute. Within it, the choice is to
    -- show less.
    later pg_catalog.timestamptz;
    earlier pg_catalog.timestamptz;
    today pg_catalog.date;
BEGIN
    PERFORM public.portal_prove('grants', my_tenant, me, '', minute, proof);
    later := as_of + interval '1 minute';
    earlier := as_of - interval '1 minute';
    -- Generic plans know nothing of the list's size, and nor does the planner without statistics.
    PERFORM set_config('plan_cache_mode', 'force_custom_plan', true);
    CREATE UNIQUE INDEX ON pg_temp.listed (user_id, client);
    ANALYZE pg_temp.listed;
    -- An unknown tenant passes, because storing its grants fails.
    possible := coalesce((
        SELECT as_of >= coalesce(t.awaiting_grants - interval '1 minute', '-infinity')
                   AND as_of <= now() + interval '1 minute'
        FROM tenants t
        WHERE t.id = my_tenant), true);
    IF NOT possible THEN
        RETURN;
    END IF;
    today := (
        SELECT (now() AT TIME ZONE t.timezone)::date
        FROM tenants t
        WHERE t.id = my_tenant);
    SELECT count(*), count(*) FILTER (
               WHERE NOT g.updated_at > later
                 AND (coalesce(l.state, 'revoked') = 'revoked'
                     OR g.state = 'accepted' AND (
                         l.state <> 'accepted'
                         OR l.parts = '{}' AND g.parts <> '{}'
                         OR l.valid_until < today AND coalesce(g.valid_until >= today, true)
                         OR l.valid_from > today AND coalesce(g.valid_from <= today, true))))
    INTO total, taken
    FROM grants g
    LEFT JOIN pg_temp.listed l
        ON l.client = g.client
        AND l.user_id = g.user_id
    WHERE g.tenant = my_tenant
      AND g.state <> 'revoked';
    excessive := taken > greatest(10, total / 10, confirmed);
    IF excessive THEN
        RETURN;
    END IF;
    WITH put AS (
        INSERT INTO grants AS g (tenant, client, user_id, updated_by, role, manager, parts, state,
            valid_from, valid_until, contact, name)
        SELECT my_tenant, l.client, l.user_id, behalf, l.role, l.manager, l.parts, l.state,
               l.valid_from, l.valid_until, l.contact, l.name
        FROM pg_temp.listed l
        -- Most grants are as they were: an upsert would lock each of them.
        WHERE NOT EXISTS (
            SELECT
            FROM grants o
            WHERE o.tenant = my_tenant
              AND o.client = l.client
              AND o.user_id = l.user_id
              AND (o.role, o.manager, o.parts, o.state, o.valid_from, o.valid_until, o.contact,
                   o.name)
                  IS NOT DISTINCT FROM (l.role, l.manager, l.parts, l.state, l.valid_from,
                   l.valid_until, l.contact, l.name))
        ORDER BY l.user_id, l.client
        ON CONFLICT ON CONSTRAINT grants_pkey DO UPDATE
        SET (role, manager, parts, state, valid_from, valid_until, contact, name) =
                (excluded.role, excluded.manager, excluded.parts, excluded.state,
                 excluded.valid_from, excluded.valid_until, excluded.contact, excluded.name),
            version = g.version + 1,
            updated_at = now(),
            updated_by = excluded.updated_by
        WHERE (g.role, g.manager, g.parts, g.state, g.valid_from, g.valid_until, g.contact, g.name)
              IS DISTINCT FROM (excluded.role, excluded.manager, excluded.parts, excluded.state,
                  excluded.valid_from, excluded.valid_until, excluded.contact, excluded.name)
          AND NOT (g.updated_at > later
              -- Revoked for a reason that the list does not know.
              OR g.state = 'revoked' AND (g.updated_by = system_user_id OR g.updated_at > earlier))
        RETURNING g.client, g.user_id)
    INSERT INTO pg_temp.changed
    SELECT 'change', p.client, p.user_id
    FROM put p;
    GET DIAGNOSTICS changed = ROW_COUNT;
    WITH gone AS (
        UPDATE grants g
        SET state = 'revoked',
            version = g.version + 1,
            updated_at = now(),
            updated_by = behalf
        WHERE g.tenant = my_tenant
          AND g.state <> 'revoked'
          AND NOT g.updated_at > later
          AND NOT EXISTS (
            SELECT
            FROM pg_temp.listed l
            WHERE l.client = g.client
              AND l.user_id = g.user_id)
        RETURNING g.client, g.user_id)
    INSERT INTO pg_temp.changed
    SELECT 'delete', g.client, g.user_id
    FROM gone g;
    GET DIAGNOSTICS revoked = ROW_COUNT;
    SELECT count(*)
    INTO kept
    FROM pg_temp.listed l
    JOIN grants g ON g.tenant = my_tenant AND g.client = l.client AND g.user_id = l.user_id
    WHERE (g.role, g.manager, g.parts, g.state, g.valid_from, g.valid_until, g.contact, g.name)
          IS DISTINCT FROM (l.role, l.manager, l.parts, l.state, l.valid_from, l.valid_until,
              l.contact, l.name);
    UPDATE tenants t
    SET awaiting_grants = NULL
    WHERE t.id = my_tenant
      AND t.awaiting_grants IS NOT NULL;
    PERFORM set_config('dossiersync.logged', ARRAY[my_tenant]::text, true),
        set_config('lock_timeout', '1s', true);
    BEGIN
        INSERT INTO access_log (
            tenant, action, event, outcome, user_id, user_name, on_behalf_of, access_point, client,
            object, object_name, source)
        SELECT my_tenant, c.action, of_event, 'success', me, nullif(my_name, ''),
               nullif(behalf, ''), nullif(point, ''), c.client, c.user_id,
               grantee_name(my_tenant, c.client, c.user_id), 'portal-api'
        FROM pg_temp.changed c;
    EXCEPTION WHEN OTHERS THEN
        RAISE EXCEPTION 'the access log cannot be written'
            USING ERRCODE = 'DS003', DETAIL = SQLSTATE;
    END;
    PERFORM portal_log_grant(my_tenant, me, my_name, 'change', of_event, 'success', behalf, point,
        '', '', format('changed=%s&revoked=%s&kept=%s', changed, revoked, kept));
END
$$;

-- A page of the access log, the last begun first. With folded, the reads of one user between which
-- no half hour passes are one visit, and so are other equal events; no visit goes past midnight.
-- Else each event is one of its own. A visit keeps its place while events are added to it, because
-- it stands where it began. Only the days of the page are read. days finds them one by one along
-- access_log_by_client, so that a page of a long log costs no more than one of a short log. objects
-- has the last 50 objects of a visit; titles and moments are those of the items that the asking
-- user may read now, and null of others.
CREATE FUNCTION portal_accesses(
    my_tenant text, me text, asked text, minute bigint, proof bytea, from_time timestamptz,
    before_time timestamptz, start_at timestamptz, start_key text, most integer, folded boolean,
    OUT s standing, OUT days date[], OUT firsts timestamptz[], OUT lasts timestamptz[],
    OUT counts bigint[], OUT pages bigint[], OUT opened bigint[], OUT actions text[],
    OUT events text[], OUT outcomes text[], OUT users text[], OUT user_names text[],
    OUT user_roles text[], OUT on_behalf_of text[], OUT behalf_names text[], OUT objects json[],
    OUT keys text[]
) LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
    s := public.portal_stand('read', my_tenant, me, asked, minute, proof, true);
    IF s.manager IS NOT TRUE OR s.awaiting IS NOT NULL THEN
        RETURN;
    END IF;
    WITH RECURSIVE
    -- The days on which there are events, the newest first; the last row is NULL. LIMIT in page
    -- ends the recursion, since PostgreSQL computes no more rows than are asked for.
    days (day) AS (
        (SELECT (a.time AT TIME ZONE s.timezone)::date
        FROM access_log a
        WHERE a.tenant = my_tenant
          AND a.client = asked
          AND a.time >= from_time
          AND a.time < before_time
        ORDER BY a.time DESC
        LIMIT 1)
        UNION ALL
        SELECT (
            SELECT (a.time AT TIME ZONE s.timezone)::date
            FROM access_log a
            WHERE a.tenant = my_tenant
              AND a.client = asked
              AND a.time >= from_time
              AND a.time < d.day::timestamp AT TIME ZONE s.timezone
            ORDER BY a.time DESC
            LIMIT 1)
        FROM days d
        WHERE d.day IS NOT NULL),
    page AS MATERIALIZED (
        SELECT d.day, w.*
        FROM days d
        CROSS JOIN LATERAL (
            SELECT v.stem, v.visit, min(v.time) AS first, max(v.time) AS last, count(*) AS count,
                   count(*) FILTER (WHERE v.object IS NULL) AS pages,
                   count(DISTINCT v.object) AS opened, min(v.action) AS action,
                   min(v.outcome) AS outcome, min(v.user_id) AS user_id,
                   string_agg(DISTINCT v.event, '|') AS events,
                   min(v.on_behalf_of) AS on_behalf_of,
                   (array_agg(v.user_name ORDER BY v.time DESC)
                       FILTER (WHERE v.user_name IS NOT NULL))[1] AS user_name,
                   (array_agg(v.user_role ORDER BY v.time DESC)
                       FILTER (WHERE v.user_role IS NOT NULL))[1] AS user_role,
                   (array_agg(v.on_behalf_of_name ORDER BY v.time DESC)
                       FILTER (WHERE v.on_behalf_of_name IS NOT NULL))[1] AS behalf_name,
                   -- What was opened, the last first.
                   array_agg(v.event ORDER BY v.time DESC, v.id)
                       FILTER (WHERE v.object IS NOT NULL) AS about_event,
                   array_agg(v.object ORDER BY v.time DESC, v.id)
                       FILTER (WHERE v.object IS NOT NULL) AS about,
                   array_agg(v.object_name ORDER BY v.time DESC, v.id)
                       FILTER (WHERE v.object IS NOT NULL) AS about_name
            FROM (
                SELECT *, count(*) FILTER (WHERE g.gap) OVER same AS visit
                FROM (
                    SELECT *,
                           coalesce(e.time - lag(e.time) OVER same > interval '30 minutes', true)
                               AS gap
                    FROM (
                        SELECT a.*,
                               -- Events with the same stem may be of one visit.
                               md5(ROW(
                                   CASE
                                       WHEN NOT folded THEN a.id::text
                                       WHEN a.action NOT IN ('read', 'search')
                                           OR a.source <> 'portal-api' OR a.on_behalf_of <> ''
                                       THEN a.action || ' ' || a.event
                                       ELSE 'visit'
                                   END, a.outcome, a.user_id, a.on_behalf_of)::text)
                                   COLLATE "C" AS stem
                        FROM access_log a
                        WHERE a.tenant = my_tenant
                          AND a.client = asked
                          AND a.time >= from_time
                          AND a.time < before_time
                          AND a.time >= d.day::timestamp AT TIME ZONE s.timezone
                          AND a.time < (d.day + 1)::timestamp AT TIME ZONE s.timezone) e
                    WINDOW same AS (PARTITION BY e.stem ORDER BY e.time, e.id)) g
                WINDOW same AS (PARTITION BY g.stem ORDER BY g.time, g.id)) v
            GROUP BY v.stem, v.visit
            ORDER BY min(v.time) DESC, v.stem DESC) w
        WHERE (w.first, w.stem) < (start_at, start_key)
        LIMIT most)
    SELECT array_agg(p.day), array_agg(p.first), array_agg(p.last), array_agg(p.count),
           array_agg(p.pages), array_agg(p.opened), array_agg(p.action), array_agg(p.events),
           array_agg(p.outcome), array_agg(p.user_id), array_agg(p.user_name),
           array_agg(p.user_role), array_agg(p.on_behalf_of), array_agg(p.behalf_name),
           array_agg(o.objects), array_agg(p.stem)
    INTO days, firsts, lasts, counts, pages, opened, actions, events, outcomes, users, user_names,
        user_roles, on_behalf_of, behalf_names, objects, keys
    FROM page p
    CROSS JOIN LATERAL (
        SELECT coalesce(json_agg(json_build_object('event', k.event, 'user', k.of_user,
                   'name', k.name, 'key', i.key, 'kind', i.kind, 'title', i.card ->> 'title',
                   'at', i.at) ORDER BY k.place), '[]') AS objects
        FROM (
            SELECT o.event, o.object, min(o.n) AS place,
                   -- The object of an event about a grant is a user.
                   max(o.object) FILTER (WHERE o.event IN ('grant', 'grants')) AS of_user,
                   (array_agg(o.name ORDER BY o.n))[1] AS name
            FROM unnest(p.about_event, p.about, p.about_name) WITH ORDINALITY
                o (event, object, name, n)
            GROUP BY o.event, o.object
            ORDER BY min(o.n)
            LIMIT 50) k
        LEFT JOIN shown_items i
            ON i.tenant = my_tenant
            AND i.key = k.object
            AND i.client = asked
            AND i.part = ANY (s.readable)
            AND i.kind IN ('report', 'form', 'care-plan')) o;
END
$$;

-- Adds entries to the log, those of several tenants at once. An entry needs a proof of its own, of
-- its tenant, user and client; refused has the places of those whose proof is not accepted. Names
-- that the portal API does not know are those in the grants on the client.
CREATE FUNCTION portal_log(
    minutes bigint[], proofs bytea[], tenants text[], actions text[], events text[],
    outcomes text[], users text[], user_names text[], user_roles text[], behalves text[],
    purposes text[], points text[], clients text[], objects text[], queries text[],
    OUT refused integer[]
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    proven pg_catalog.int8[];
BEGIN
    PERFORM public.portal_reset('log', '', '', '');
    PERFORM set_config('dossiersync.logged', tenants::text, true);
    proven := ARRAY(
        SELECT e.n
        FROM unnest(minutes, proofs, tenants, users, clients) WITH ORDINALITY
            e (minute, proof, tenant, user_id, client, n)
        WHERE this_minute() - e.minute BETWEEN -2 AND 2
          AND EXISTS (
            SELECT
            FROM usable_keys k
            WHERE k.tenant = e.tenant
              AND k.id = substring(e.proof FOR 8)
              AND substring(e.proof FROM 9) = proof_mac(
                  k.inner_pad, k.outer_pad, 'log', e.tenant, e.user_id, e.client, e.minute)));
    PERFORM set_config('dossiersync.logged', ARRAY(
        SELECT DISTINCT tenants[n]
        FROM unnest(proven) n)::text, true);
    INSERT INTO access_log (
        tenant, action, event, outcome, user_id, user_name, user_role, on_behalf_of,
        on_behalf_of_name, purpose, access_point, client, object, query, source)
    SELECT e.tenant, e.action, e.event, e.outcome, e.user_id,
           CASE WHEN e.user_name <> '' THEN e.user_name
               ELSE grantee_name(e.tenant, e.client, e.user_id) END,
           nullif(e.user_role, ''), nullif(e.on_behalf_of, ''),
           CASE WHEN e.on_behalf_of <> ''
               THEN grantee_name(e.tenant, e.client, e.on_behalf_of) END,
           nullif(e.purpose, ''), nullif(e.access_point, ''), nullif(e.client, ''),
           nullif(e.object, ''), nullif(e.query, ''), 'portal-api'
    FROM unnest(tenants, actions, events, outcomes, users, user_names, user_roles, behalves,
        purposes, points, clients, objects, queries) WITH ORDINALITY e (
        tenant, action, event, outcome, user_id, user_name, user_role, on_behalf_of, purpose,
        access_point, client, object, query, n)
    WHERE e.n = ANY (proven);
    IF cardinality(proven) < cardinality(tenants) THEN
        refused := ARRAY(
            SELECT n
            FROM generate_series(1, cardinality(tenants)) n
            WHERE n <> ALL (proven));
    END IF;
END
$$;

-- As in migration answers, the functions belong to dossiersync_answers, and those that carry a
-- proof are the portal's.
GRANT CREATE ON SCHEMA public TO dossiersync_answers;
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN
        SELECT p.oid
        FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace
          AND p.proname IN ('portal_grants', 'portal_put_grant', 'portal_revoke_grant',
              'portal_end_list', 'portal_accesses', 'portal_log', 'portal_log_grant',
              'portal_check_actor', 'grantee_name', 'why_closed')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
        IF EXISTS (SELECT FROM pg_proc WHERE oid = f AND prosecdef) THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO dossiersync_reader', f);
        END IF;
        EXECUTE format('ALTER FUNCTION %s OWNER TO dossiersync_answers', f);
    END LOOP;
END
$$;
REVOKE CREATE ON SCHEMA public FROM dossiersync_answers;

-- The key that seals the ids of withheld clients in the record beside erasures_file, with the id of
-- the key of erasures that it is made of. It opens that record and nothing else, so that the
-- operators' listener can write the record without the keys of erasures.
CREATE FUNCTION withholding_key(OUT id text, OUT key bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT encode(substring(sha256(k.key) FOR 6), 'hex'),
           sha256(k.outer_pad || sha256(k.inner_pad || convert_to('withheld', 'UTF8')))
    FROM erasure_keys k
    ORDER BY k.since DESC, k.key
    LIMIT 1
$$;
REVOKE ALL ON FUNCTION withholding_key() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION withholding_key() TO dossiersync_worker, dossiersync_ops;
