-- What operators keep from readers, whatever the source says, until they release it: a client or
-- an item, stored or not. No run and no erasure of another client changes these rows, and a
-- released one stays as history.
CREATE TABLE withheld (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant        text NOT NULL, -- no reference: a backup may not know the tenant yet
    client        text,
    item          text COLLATE "C", -- the key
    since         timestamptz NOT NULL DEFAULT clock_timestamp(),
    by            text NOT NULL, -- the operator
    note          text NOT NULL,
    released      timestamptz,
    released_by   text,
    released_note text,
    CHECK ((client IS NULL) <> (item IS NULL)),
    CHECK ((released IS NULL) = (released_by IS NULL)),
    CHECK ((released IS NULL) = (released_note IS NULL))
);
CREATE UNIQUE INDEX withheld_clients ON withheld (tenant, client)
    WHERE released IS NULL AND client IS NOT NULL;
CREATE UNIQUE INDEX withheld_items ON withheld (tenant, item)
    WHERE released IS NULL AND item IS NOT NULL;

-- The items whose stored shape may hold words of a withheld item, such as the plan of a goal.
-- They are out of every answer until they have been rendered again.
CREATE TABLE withheld_within (
    tenant text NOT NULL,
    key    text COLLATE "C" NOT NULL,
    item   text COLLATE "C" NOT NULL, -- the withheld one
    PRIMARY KEY (tenant, key, item)
);

ALTER TABLE withheld ENABLE ROW LEVEL SECURITY;
ALTER TABLE withheld_within ENABLE ROW LEVEL SECURITY;

-- The keys of the clients' items that are in no answer. By key, a few items at most (OFFSET 0).
-- PL/pgSQL keeps the plan for the session; SQL would plan in every transaction.
CREATE FUNCTION items_withheld(of_tenant text, clients text[]) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(k.key), '{}')
        FROM (
            SELECT w.item AS key
            FROM withheld w
            WHERE w.tenant = of_tenant
              AND w.item IS NOT NULL
              AND w.released IS NULL
            UNION
            SELECT w.key
            FROM withheld_within w
            WHERE w.tenant = of_tenant) k
        CROSS JOIN LATERAL (
            SELECT
            FROM items i
            WHERE i.tenant = of_tenant
              AND i.key = k.key
              AND i.client = ANY (clients)
            OFFSET 0) i);
END
$$;
REVOKE ALL ON FUNCTION items_withheld(text, text[]) FROM PUBLIC;

-- A withheld client is none that the user may open; dossiersync.withheld has the keys of the
-- withheld items of those that the user may open.
CREATE OR REPLACE FUNCTION identify(my_tenant text, me text, asked text, scope text)
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
    PERFORM set_config('dossiersync.tenant', my_tenant, true),
        set_config('dossiersync.user', me, true),
        set_config('dossiersync.scope', scope, true),
        set_config('plan_cache_mode', 'force_generic_plan', true);
    SELECT (now() AT TIME ZONE t.timezone)::date INTO today FROM tenants t WHERE t.id = my_tenant;
    FOR d IN
        SELECT g.client, c.name, g.role, g.manager OR g.role = 'client' AS manager, g.parts,
            g.version, c.deceased, c.change, g.name AS user_name
        FROM grants g
        JOIN clients c ON c.tenant = g.tenant AND c.id = g.client AND c.state = 'shown'
        WHERE g.tenant = my_tenant AND g.user_id = me AND g.state = 'accepted'
          AND (asked = '' OR g.client = asked)
          AND NOT EXISTS (
                SELECT FROM withheld w
                WHERE w.tenant = my_tenant AND w.client = g.client AND w.released IS NULL)
          AND coalesce(g.updated_at > c.grants_after, true)
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
        client := d.client; name := d.name; role := d.role; manager := d.manager;
        parts := d.parts; version := d.version; deceased := d.deceased; change := d.change; user_name := d.user_name;
        RETURN NEXT;
    END LOOP;
    PERFORM set_config('dossiersync.opened', opened::text, true),
        set_config('dossiersync.managed', managed::text, true),
        set_config('dossiersync.readable', readable::text, true),
        set_config('dossiersync.withheld', items_withheld(my_tenant, opened)::text, true);
END
$$;

DROP POLICY reader ON items;
CREATE POLICY reader ON items FOR SELECT TO dossiersync_reader
    USING (tenant = current_setting('dossiersync.tenant', true)
        AND state = 'shown'
        AND client || ' ' || part = ANY (
            (SELECT nullif(current_setting('dossiersync.readable', true), '')::text[])::text[])
        AND key <> ALL (
            (SELECT nullif(current_setting('dossiersync.withheld', true), '')::text[])::text[]));
