-- Only the source takes away (I5). Whatever would take something readable from
-- readers without the source having stated it is an absence: the record is missing
-- from a whole list, or it came without its content, its client, its status or its
-- code. The mirror is an absent mark: something hidden would become readable (I6).
-- Absences are judged as a set; a set that is too large is held for an operator.

CREATE TABLE holds (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant   text NOT NULL REFERENCES tenants,
    stream   text NOT NULL,
    type     text NOT NULL,
    reveals  boolean NOT NULL DEFAULT false, -- marks are absent: held items stay hidden
    rule     text NOT NULL,                  -- which limit was passed
    state    text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'kept', 'approved', 'ended')),
    since    timestamptz NOT NULL DEFAULT now(),
    run      bigint NOT NULL,                -- the run whose comparison it was
    until    timestamptz,                    -- kept until then
    decided  timestamptz,
    by       text,                           -- the operator
    note     text,
    CHECK ((state = 'kept') = (until IS NOT NULL))
);
CREATE INDEX holds_open ON holds (tenant, id) WHERE state <> 'ended';

ALTER TABLE absences
    ADD COLUMN missing text NOT NULL DEFAULT 'record'
        CHECK (missing IN ('record', 'content', 'client', 'status', 'code', 'mark')),
    ADD COLUMN hold    bigint REFERENCES holds,
    ADD COLUMN refused smallint NOT NULL DEFAULT 0,      -- in how many slots the source refused to show it
    ADD COLUMN slot    timestamptz,                      -- the last of them
    DROP CONSTRAINT absences_state_check,
    -- approved: an operator lets it go; a fresh look comes first.
    ADD CONSTRAINT absences_state_check CHECK (state IN ('suspect', 'confirmed', 'held', 'kept', 'approved'));
-- What was held before belongs to no set. The next complete list judges it anew.
UPDATE absences SET state = 'suspect' WHERE state = 'held';
CREATE INDEX absences_by_hold ON absences (hold) WHERE hold IS NOT NULL;

-- What was removed or revealed by inference, for the limits of a day and of a week.
CREATE TABLE inferred (
    tenant  text NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    stream  text NOT NULL,
    type    text NOT NULL,
    client  text,
    part    text,
    reveals boolean NOT NULL
);
CREATE INDEX inferred_by_type ON inferred (tenant, stream, type, at);

-- Rights outlive mistakes (I5a).
ALTER TABLE clients
    ADD COLUMN gone         timestamptz, -- since when the client is not shown; null: is shown
    ADD COLUMN birth        bytea,       -- keyed digests, kept while the client is not shown
    ADD COLUMN family       bytea,
    ADD COLUMN grants_after timestamptz, -- grants that the portal put before this do not count
    ADD COLUMN grants_void  text CHECK (grants_void IN ('dormant', 'another-person'));
ALTER TABLE tenants
    ADD COLUMN identity_key  bytea,
    ADD COLUMN dormant_after interval NOT NULL DEFAULT '90 days';
UPDATE clients SET gone = since WHERE state <> 'shown';

-- When a reconcile last looked at what is hidden for a reason that the source did
-- not state.
ALTER TABLE items ADD COLUMN looked timestamptz;
-- Such an item is to be read again: if it shows something now, others of its type may.
ALTER TABLE rereads ADD COLUMN unstated boolean NOT NULL DEFAULT false;
CREATE INDEX items_not_stated ON items (tenant, stream, type, looked NULLS FIRST)
    WHERE state = 'hidden' AND reason IN ('empty', 'no-client', 'not-a-document', 'unknown-status', 'quarantined');

ALTER TABLE holds ENABLE ROW LEVEL SECURITY;
ALTER TABLE inferred ENABLE ROW LEVEL SECURITY;

-- Grants on a client count again when the client is shown again, unless the client
-- was away for too long or is somebody else now.
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
        client := d.client; name := d.name; role := d.role; manager := d.manager; parts := d.parts; version := d.version;
        deceased := d.deceased; change := d.change; user_name := d.user_name;
        RETURN NEXT;
    END LOOP;
    PERFORM set_config('dossiersync.opened', opened::text, true), set_config('dossiersync.managed', managed::text, true),
        set_config('dossiersync.readable', readable::text, true);
END
$$;
