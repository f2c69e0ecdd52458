#!/bin/sh
# Makes the database and its roles, as a superuser, once: PostgreSQL's image runs this
# when its folder is empty. Elsewhere set PGHOST, PGUSER and such, and SECRETS to the
# folder with the two passwords.
#
# dossiersync owns the database and nothing else: it can neither make roles nor reach
# another database. dossiersync_portal owns nothing at all, and sees rows through
# row-level security only; a list of all grants it stages in a temporary table.
set -eu
secrets=${SECRETS:-/run/secrets}

psql -v ON_ERROR_STOP=1 -X -q -d postgres \
	-v owner="$(cat "$secrets/owner_password")" -v reader="$(cat "$secrets/reader_password")" <<'SQL'
CREATE ROLE dossiersync LOGIN PASSWORD :'owner';
CREATE ROLE dossiersync_reader NOLOGIN;
CREATE ROLE dossiersync_portal LOGIN PASSWORD :'reader' IN ROLE dossiersync_reader;
CREATE DATABASE dossiersync OWNER dossiersync;
REVOKE ALL ON DATABASE dossiersync FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE dossiersync TO dossiersync_portal;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
\connect dossiersync
ALTER SCHEMA public OWNER TO dossiersync;
SQL
