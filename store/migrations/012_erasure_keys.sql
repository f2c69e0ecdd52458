-- An erased client is known by an HMAC (RFC 2104, SHA-256) under a key of this
-- database: without the key nobody finds an id by trying all there may be. The key
-- is kept beside the erasures file too, see store.ErasureKey. There are several
-- where that of the file was made by another database than this one, which has
-- learnt it; a digest counts under any of them.

CREATE FUNCTION hmac_pad(key bytea, pad integer) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    block bytea := key || decode(repeat('00', 64 - length(key)), 'hex');
BEGIN
    FOR i IN 0..63 LOOP
        block := set_byte(block, i, get_byte(block, i) # pad);
    END LOOP;
    RETURN block;
END
$$;

CREATE TABLE erasure_keys (
    key       bytea PRIMARY KEY CHECK (length(key) = 32),
    since     timestamptz NOT NULL DEFAULT clock_timestamp(), -- the youngest is for new erasures
    inner_pad bytea NOT NULL GENERATED ALWAYS AS (hmac_pad(key, 54)) STORED, -- 0x36
    outer_pad bytea NOT NULL GENERATED ALWAYS AS (hmac_pad(key, 92)) STORED  -- 0x5c
);
ALTER TABLE erasure_keys ENABLE ROW LEVEL SECURITY;
INSERT INTO erasure_keys (key) VALUES (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- Which of the clients were erased. What the key is laid over is the digest of
-- earlier versions, which had none. OFFSET 0: by the index, one client at a time.
CREATE FUNCTION erased_among(of_tenant text, clients text[]) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT c FROM unnest(clients) c
    WHERE EXISTS (SELECT FROM erasures WHERE tenant = of_tenant)
      AND EXISTS (
        SELECT FROM erasure_keys k CROSS JOIN LATERAL (
            SELECT FROM erasures e
            WHERE e.tenant = of_tenant AND e.client = sha256(k.outer_pad || sha256(k.inner_pad || sha256(
                convert_to('erasure', 'UTF8') || '\x00' || convert_to(of_tenant, 'UTF8') || '\x00' || convert_to(c, 'UTF8') || '\x00')))
            OFFSET 0) e)
$$;
REVOKE ALL ON FUNCTION hmac_pad(bytea, integer), erased_among(text, text[]) FROM PUBLIC;

UPDATE erasures e SET client = sha256(k.outer_pad || sha256(k.inner_pad || e.client)) FROM erasure_keys k;

-- A backup that does not know a tenant yet must not lose the tenant's erasures.
ALTER TABLE erasures DROP CONSTRAINT erasures_tenant_fkey;

-- No grant on an erased client is stored, whoever sends it: the row is left out.
-- An erasure waits for those who hold the lock; who gets it later sees the erasure.
CREATE FUNCTION keep_out_erased() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('dossiersync grants of ' || NEW.tenant, 0));
    IF EXISTS (SELECT FROM erased_among(NEW.tenant, ARRAY[NEW.client])) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION keep_out_erased() FROM PUBLIC;
CREATE TRIGGER keep_out_erased BEFORE INSERT OR UPDATE OF tenant, client ON grants
    FOR EACH ROW EXECUTE FUNCTION keep_out_erased();

-- Of the clients that were erased before this, some may have come again.
DELETE FROM grants g WHERE g.client IN (SELECT erased_among(g.tenant, ARRAY[g.client]));
