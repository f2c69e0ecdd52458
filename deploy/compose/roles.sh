#!/bin/sh
# Makes the database and its roles. Run it once, as a superuser, before dossiersync
# migrate. PostgreSQL's image runs it when its data folder is empty. To run it elsewhere,
# set PGHOST, PGUSER and so on, and SECRETS to the folder with the files owner_password
# and reader_password.
#
# dossiersync owns the database. It cannot make roles, so this script makes those that
# the schema needs. dossiersync_reader is the role that the row-level security policies
# are for. dossiersync_portal, as which the portal API logs in, owns nothing and reads
# rows only through these policies; it may make temporary tables, because PUT /v1/grants
# loads its list into one.
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
