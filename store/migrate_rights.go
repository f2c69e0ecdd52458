package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// MissingRightsError reports that a role cannot migrate a database, or make the portal API's log-in.
type MissingRightsError struct {
	Role string
	act  string
	// Statements give the role what it lacks. A superuser, connected to the same database, can run
	// them.
	Statements []string
}

func (e *MissingRightsError) Error() string {
	return fmt.Sprintf("the role %s lacks rights to %s. Let a superuser run deploy/compose/roles.sh, "+
		"or in this database: %s", e.Role, e.act, strings.Join(e.Statements, "; "))
}

// checkMigrator fails with a [MissingRightsError] if the role that conn has logged in as lacks what the
// migrations need, before any of them has run. With onlyEmpty it looks at an empty database only.
func checkMigrator(ctx context.Context, conn *pgx.Conn, onlyEmpty bool) error {
	// A role that may create roles makes those that do not exist. From PostgreSQL 16 on it is given
	// the membership with those that it makes; before, it may give it to itself.
	const q = `
		WITH me AS (
			SELECT *
			FROM pg_roles
			WHERE rolname = current_user),
		answers AS (
			SELECT oid
			FROM pg_roles
			WHERE rolname = 'dossiersync_answers')
		SELECT current_user, array_remove(ARRAY[
		           CASE WHEN NOT m.rolcreaterole
		               AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dossiersync_reader')
		               THEN 'CREATE ROLE dossiersync_reader NOLOGIN' END,
		           CASE WHEN NOT m.rolcreaterole AND NOT EXISTS (SELECT FROM answers)
		               THEN 'CREATE ROLE dossiersync_answers NOLOGIN' END,
		           CASE WHEN NOT m.rolcreaterole
		               AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dossiersync_ops')
		               THEN 'CREATE ROLE dossiersync_ops NOLOGIN' END,
		           CASE WHEN NOT m.rolcreaterole
		               AND NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'dossiersync_worker')
		               THEN 'CREATE ROLE dossiersync_worker NOLOGIN' END,
		           CASE WHEN NOT EXISTS (SELECT FROM answers a WHERE pg_has_role(a.oid, 'USAGE'))
		               AND NOT (m.rolcreaterole
		                   AND (current_setting('server_version_num')::int < 160000
		                       OR NOT EXISTS (SELECT FROM answers)))
		               THEN format('GRANT dossiersync_answers TO %I', current_user) END,
		           CASE WHEN NOT pg_has_role(n.nspowner, 'USAGE')
		               THEN format('ALTER SCHEMA public OWNER TO %I', current_user) END], NULL)
		FROM me m
		CROSS JOIN pg_namespace n
		WHERE n.nspname = 'public'
		  AND NOT m.rolsuper
		  AND (NOT @onlyEmpty OR to_regclass(@version) IS NULL)`
	missing := MissingRightsError{act: "migrate the database"}
	rows, err := conn.Query(ctx, q, pgx.StrictNamedArgs{"onlyEmpty": onlyEmpty, "version": versionTable})
	if err != nil {
		return fmt.Errorf("look at the rights of the database's owner: %w", plainly(err))
	}
	_, err = pgx.ForEachRow(rows, []any{&missing.Role, &missing.Statements}, func() error { return nil })
	if err != nil {
		return fmt.Errorf("look at the rights of the database's owner: %w", plainly(err))
	}
	if len(missing.Statements) > 0 {
		return &missing
	}
	return nil
}

// checkReaderRights fails with a [MissingRightsError] if the log-in of conn may not make, or change,
// the role as which the portal API logs in.
func checkReaderRights(ctx context.Context, conn *pgx.Conn, role string) error {
	const q = `SELECT current_user::text, rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user`
	var user string
	var may bool
	if err := conn.QueryRow(ctx, q).Scan(&user, &may); err != nil {
		return fmt.Errorf("ask for the rights of the database's owner: %w", err)
	}
	if may {
		return nil
	}
	return &MissingRightsError{Role: user, act: "make or change the portal API's log-in " + role, Statements: []string{
		fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '…' IN ROLE %s (and set portal_api.database)", role, portalRole)}}
}

// CheckCopy fails with a [MissingRightsError] if row-level security holds for the log-in of s: PostgreSQL
// then refuses to COPY into table items, which is how a sync stores them.
func (s *Store) CheckCopy(ctx context.Context) error {
	const q = `SELECT current_user::text, format('ALTER ROLE %I BYPASSRLS', current_user), row_security_active('items')`
	var user, statement string
	var refused bool
	if err := s.pool.QueryRow(ctx, q).Scan(&user, &statement, &refused); err != nil {
		return fmt.Errorf("look at the rights of the worker's log-in: %w", plainly(err))
	}
	if refused {
		return &MissingRightsError{Role: user, act: "store what a source says", Statements: []string{statement}}
	}
	return nil
}

// OwnsJobs reports whether the log-in of s may rebuild the indexes of River's tables.
func (s *Store) OwnsJobs(ctx context.Context) (bool, error) {
	const q = `
		SELECT pg_has_role(relowner, 'USAGE')
		FROM pg_class
		WHERE oid = 'river_job'::regclass`
	var owns bool
	if err := s.pool.QueryRow(ctx, q).Scan(&owns); err != nil {
		return false, fmt.Errorf("ask for the owner of the job queue: %w", plainly(err))
	}
	return owns, nil
}

// PortalIsLimited reports whether the portal API's role is kept from advisory locks and large objects,
// which every role may use by default. Only a superuser can keep it from them.
func PortalIsLimited(ctx context.Context, url string) (bool, error) {
	conn, err := connect(ctx, url)
	if err != nil {
		return false, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	const q = `
		SELECT NOT has_function_privilege('dossiersync_reader', 'pg_advisory_lock(bigint)', 'EXECUTE')
		       AND NOT has_function_privilege('dossiersync_reader', 'lo_create(oid)', 'EXECUTE')`
	var limited bool
	if err := conn.QueryRow(ctx, q).Scan(&limited); err != nil {
		return false, fmt.Errorf("look at the rights of the portal API's role: %w", plainly(err))
	}
	return limited, nil
}
