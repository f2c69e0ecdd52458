-- What a user may read is found once for a request, when it says who asks, by a
-- function with the owner's rights, and kept in settings that end with the
-- transaction. The policies asked for it in views over tables with policies of their
-- own, which asked again: a first page was a plan of hundreds of nodes, whose setting
-- up cost ten times what reading the page did.
--
-- Where the request is about one client, nothing of any other is found.
CREATE FUNCTION identify(my_tenant text, me text, asked text, scope text)
RETURNS TABLE (client text, name text, role text, manager boolean, parts text[], version bigint,
    deceased boolean, change bigint, user_name text)
LANGUAGE plpgsql SECURITY DEFINER ROWS 1 SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    today date;
    d record;
    opened text[] := '{}';
    managed text[] := '{}';
    readable text[] := '{}';
BEGIN
    PERFORM set_config('dossiersync.tenant', my_tenant, true), set_config('dossiersync.user', me, true),
        set_config('dossiersync.scope', scope, true), set_config('plan_cache_mode', 'force_generic_plan', true);
    SELECT (now() AT TIME ZONE t.timezone)::date INTO today FROM tenants t WHERE t.id = my_tenant;
    FOR d IN
        SELECT g.client, c.name, g.role, g.manager OR g.role = 'client' AS manager, g.parts, g.version, c.deceased, c.change,
            g.name AS user_name
        FROM grants g
        JOIN clients c ON c.tenant = g.tenant AND c.id = g.client AND c.state = 'shown'
        WHERE g.tenant = my_tenant AND g.user_id = me AND g.state = 'accepted'
          AND (asked = '' OR g.client = asked)
          AND coalesce(g.valid_from <= today, true)
          AND coalesce(g.valid_until >= today, true)
          AND (g.contact IS NULL OR EXISTS (
                SELECT FROM contacts k
                WHERE k.tenant = g.tenant AND k.id = g.contact AND k.client = g.client AND k.active
                  AND coalesce(k.ends >= today, true)))
    LOOP
        opened := opened || d.client;
        IF d.manager THEN
            managed := managed || d.client;
        END IF;
        IF NOT d.deceased THEN
            readable := readable || ARRAY(SELECT d.client || ' ' || p FROM unnest(d.parts) p);
            IF d.manager THEN
                readable := readable || (d.client || ' contacts');
            END IF;
        END IF;
        client := d.client; name := d.name; role := d.role; manager := d.manager; parts := d.parts; version := d.version;
        deceased := d.deceased; change := d.change; user_name := d.user_name;
        RETURN NEXT;
    END LOOP;
    PERFORM set_config('dossiersync.opened', opened::text, true), set_config('dossiersync.managed', managed::text, true),
        set_config('dossiersync.readable', readable::text, true);
END
$$;
REVOKE ALL ON FUNCTION identify(text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identify(text, text, text, text) TO dossiersync_reader;

DROP POLICY reader ON items;
CREATE POLICY reader ON items FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND state = 'shown'
        AND client || ' ' || part = ANY ((SELECT nullif(current_setting('dossiersync.readable', true), '')::text[])::text[]));
DROP POLICY reader ON backfills;
CREATE POLICY reader ON backfills FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND client = ANY ((SELECT nullif(current_setting('dossiersync.opened', true), '')::text[])::text[]));
DROP POLICY reader ON quarantine;
CREATE POLICY reader ON quarantine FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND client = ANY ((SELECT nullif(current_setting('dossiersync.opened', true), '')::text[])::text[]));
DROP POLICY reader ON access_log;
CREATE POLICY reader ON access_log FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND client = ANY ((SELECT nullif(current_setting('dossiersync.managed', true), '')::text[])::text[]));

-- The reader comes to clients and contacts by nothing else any more.
DROP POLICY reader ON clients;
DROP POLICY reader ON contacts;
REVOKE SELECT ON clients, contacts FROM dossiersync_reader;

DROP VIEW open_parts, open_dossiers, open_grants;
