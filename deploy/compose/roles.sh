#!/bin/sh
# Makes the database and its roles. Run it once, as a superuser, before dossiersync
# migrate, and again before migrating a database of an earlier version: what exists is
# kept, and its rights are brought up to date. PostgreSQL's image runs it when its data
# folder is empty. To run it elsewhere, set PGHOST, PGUSER and so on, and SECRETS to the
# folder with the files owner_password, worker_password, reader_password and ops_password.
#
# dossiersync          owns the database; migrate logs in as it. It cannot make roles.
# dossiersync_sync     the worker and all other commands log in as it. It is a member of
#                      dossiersync_worker, which cannot log in, and changes rows but no
#                      tables. It has BYPASSRLS, because PostgreSQL refuses COPY to a role
#                      for which row-level security holds.
# dossiersync_console  the operators' listener logs in as it: it is a member of
#                      dossiersync_ops, which cannot log in, and cannot read what dossiers
#                      say.
# dossiersync_portal   the portal API logs in as it. It owns nothing and can read no
#                      table: it is a member of dossiersync_reader.
# dossiersync_reader   cannot log in. It may call the functions of the portal API, which
#                      demand a proof that only the portal API can make.
# dossiersync_answers  cannot log in, and owns no table. The functions run as this role,
#                      and see only the rows that row-level security lets it see.
set -eu
secrets=${SECRETS:-/run/secrets}
# How many connections all processes of the portal API may have together: 17 each, unless
# their URL has pool_max_conns.
connections=${READER_CONNECTIONS:-200}

psql -v ON_ERROR_STOP=1 -X -q -d postgres -v connections="$connections" \
	-v owner="$(cat "$secrets/owner_password")" -v reader="$(cat "$secrets/reader_password")" \
	-v worker="$(cat "$secrets/worker_password")" -v ops="$(cat "$secrets/ops_password")" <<'SQL'
SELECT format('CREATE ROLE %I', name)
FROM unnest('{dossiersync,dossiersync_reader,dossiersync_answers,dossiersync_portal,
	dossiersync_ops,dossiersync_console,dossiersync_worker,dossiersync_sync}'::text[]) name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE dossiersync LOGIN PASSWORD :'owner';
ALTER ROLE dossiersync_worker NOLOGIN;
ALTER ROLE dossiersync_sync LOGIN PASSWORD :'worker' BYPASSRLS;
ALTER ROLE dossiersync_reader NOLOGIN;
ALTER ROLE dossiersync_answers NOLOGIN;
ALTER ROLE dossiersync_portal LOGIN PASSWORD :'reader' CONNECTION LIMIT :connections;
ALTER ROLE dossiersync_ops NOLOGIN;
ALTER ROLE dossiersync_console LOGIN PASSWORD :'ops' CONNECTION LIMIT :connections;
GRANT dossiersync_worker TO dossiersync_sync;
GRANT dossiersync_reader TO dossiersync_portal;
GRANT dossiersync_ops TO dossiersync_console;
-- To give functions to a role one must be a member of it.
GRANT dossiersync_answers TO dossiersync;

-- A thief of a password may have changed the role's settings.
ALTER ROLE dossiersync_portal RESET ALL;
ALTER ROLE dossiersync_console RESET ALL;
ALTER ROLE dossiersync_sync RESET ALL;
-- The first two save the functions a step. The others bound what a request costs, not what
-- a thief of the password does, who may change them; except for the last.
ALTER ROLE dossiersync_portal SET search_path = pg_catalog, public, pg_temp;
ALTER ROLE dossiersync_portal SET plan_cache_mode = force_generic_plan;
ALTER ROLE dossiersync_portal SET lock_timeout = '5s';
ALTER ROLE dossiersync_portal SET statement_timeout = '60s';
ALTER ROLE dossiersync_portal SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE dossiersync_portal SET temp_file_limit = '256MB';

SELECT 'CREATE DATABASE dossiersync OWNER dossiersync'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'dossiersync') \gexec
REVOKE ALL ON DATABASE dossiersync FROM PUBLIC, dossiersync_portal, dossiersync_console, dossiersync_sync;
GRANT CONNECT ON DATABASE dossiersync TO dossiersync_portal, dossiersync_console, dossiersync_worker;
-- verify keeps what it has compared in a temporary table.
GRANT TEMPORARY ON DATABASE dossiersync TO dossiersync_worker;
-- PUT /v1/grants loads its list into a temporary table of the functions' role.
GRANT TEMPORARY ON DATABASE dossiersync TO dossiersync_answers;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
\connect dossiersync
ALTER SCHEMA public OWNER TO dossiersync;
-- Advisory locks and large objects are for everybody by default. The portal's role could
-- hold up others with them, and store what no policy covers.
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', p.oid::regprocedure)
FROM pg_proc p
WHERE p.pronamespace = 'pg_catalog'::regnamespace
  AND (p.proname ~ '^pg_(try_)?advisory_' OR p.proname ~ '^lo_' OR p.proname IN ('lowrite', 'loread'))
\gexec
SELECT format('GRANT EXECUTE ON FUNCTION %s TO dossiersync, dossiersync_answers, dossiersync_ops, dossiersync_worker', p.oid::regprocedure)
FROM pg_proc p
WHERE p.pronamespace = 'pg_catalog'::regnamespace
  AND p.proname ~ '^pg_(try_)?advisory_'
\gexec
SQL
