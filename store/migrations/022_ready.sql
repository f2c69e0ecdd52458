-- The version of the schema, for the portal API's role: it may read no table that says so.
CREATE FUNCTION schema_version() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT version FROM public.dossiersync_schema_version
$$;
REVOKE ALL ON FUNCTION schema_version() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION schema_version()
    TO dossiersync_reader, dossiersync_ops, dossiersync_worker;
