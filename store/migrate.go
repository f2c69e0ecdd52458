package store

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/tern/v2/migrate"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

const versionTable = "public.dossiersync_schema_version"

// Migration is the state of a database's schema.
type Migration struct {
	Current int32 // the version of the database; 0: empty
	Latest  int32 // the version of this program
	Jobs    bool  // River's own tables have the version of its library
}

// Pending reports whether the schema must be migrated before this program can work. The schema of a
// newer program need not be, because it has everything that this program uses.
func (m Migration) Pending() bool { return m.Current < m.Latest || !m.Jobs }

// Migrate brings the schema of the database at url, including River's tables, to this program's
// version. It may be repeated, and of two calls at once one waits for the other.
func Migrate(ctx context.Context, url string) (Migration, error) {
	var m Migration
	err := withMigrator(ctx, url, func(conn *pgx.Conn, t *migrate.Migrator) error {
		if err := migrateRiver(ctx, conn, url); err != nil {
			return err
		}
		var err error
		if m, err = status(ctx, url, t); err != nil || m.Current >= m.Latest {
			return err
		}
		if err := t.Migrate(ctx); err != nil {
			return fmt.Errorf("migrate the database: %w", err)
		}
		m, err = status(ctx, url, t)
		return err
	})
	return m, err
}

// MissingRightError reports that the owner's log-in may not do what a migration has to do.
type MissingRightError struct{ what string }

// Error implements error. It says what an administrator has to run.
func (e *MissingRightError) Error() string { return e.what }

// checkRights fails with a [MissingRightError] if the database has no schema yet and the log-in of
// conn may not make tables there, or may not make [portalRole], which does not exist.
func checkRights(ctx context.Context, conn *pgx.Conn) error {
	const q = `
		SELECT current_user::text, current_database()::text,
		       to_regclass(@version) IS NULL,
		       has_schema_privilege('public', 'CREATE'),
		       EXISTS (SELECT FROM pg_roles WHERE rolname = @role),
		       (SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user)`
	var user, db string
	var empty, makesTables, exists, makesRoles bool
	row := conn.QueryRow(ctx, q, pgx.StrictNamedArgs{"role": portalRole, "version": versionTable})
	if err := row.Scan(&user, &db, &empty, &makesTables, &exists, &makesRoles); err != nil {
		return fmt.Errorf("ask for the rights of the database's owner: %w", err)
	}
	switch {
	case !empty:
		return nil
	case !makesTables:
		return &MissingRightError{fmt.Sprintf("the role %s may not make tables in the schema public of database %s; "+
			"a superuser can let it: ALTER SCHEMA public OWNER TO %[1]s, in that database", user, db)}
	case !exists && !makesRoles:
		return &MissingRightError{fmt.Sprintf("the role %s may not make roles (CREATEROLE), and the role %s, which the "+
			"schema needs, does not exist; let a superuser run deploy/compose/roles.sh once, or CREATE ROLE %[2]s NOLOGIN, "+
			"and then migrate again", user, portalRole)}
	}
	return nil
}

// MigrationStatus returns the state of the schema of the database at url. In an empty database it makes
// the table that holds the version; it changes nothing else.
func MigrationStatus(ctx context.Context, url string) (Migration, error) {
	var m Migration
	err := withMigrator(ctx, url, func(_ *pgx.Conn, t *migrate.Migrator) (err error) {
		m, err = status(ctx, url, t)
		return err
	})
	return m, err
}

// status reads the state of the schema that t migrates.
func status(ctx context.Context, url string, t *migrate.Migrator) (m Migration, err error) {
	m.Latest = int32(len(t.Migrations))
	if m.Current, err = t.GetCurrentVersion(ctx); err != nil {
		return m, fmt.Errorf("read the schema's version: %w", err)
	}
	err = withRiver(ctx, url, func(r *rivermigrate.Migrator[pgx.Tx]) error {
		v, err := r.Validate(ctx, nil)
		if err != nil {
			return fmt.Errorf("read the version of the job queue: %w", err)
		}
		m.Jobs = v.OK
		return nil
	})
	return m, err
}

// withMigrator calls f with a connection to the database and the migrations loaded.
func withMigrator(ctx context.Context, url string, f func(*pgx.Conn, *migrate.Migrator) error) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := checkRights(ctx, conn); err != nil {
		return err
	}
	t, err := migrate.NewMigrator(ctx, conn, versionTable)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err := t.LoadMigrations(sub); err != nil {
		return fmt.Errorf("load migrations: %w", err)
	}
	return f(conn, t)
}

// migrateRiver brings River's own tables to the version of its library. conn holds a lock meanwhile,
// because River takes none and some of its steps cannot share a transaction.
func migrateRiver(ctx context.Context, conn *pgx.Conn, url string) error {
	const lock = `SELECT pg_advisory_lock(hashtext('dossiersync river migrations'))`
	const unlock = `SELECT pg_advisory_unlock(hashtext('dossiersync river migrations'))`
	if _, err := conn.Exec(ctx, lock); err != nil {
		return fmt.Errorf("lock the job queue's migrations: %w", err)
	}
	defer conn.Exec(context.WithoutCancel(ctx), unlock) //nolint:errcheck // the lock ends with the connection
	return withRiver(ctx, url, func(m *rivermigrate.Migrator[pgx.Tx]) error {
		if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
			return fmt.Errorf("migrate the job queue: %w", err)
		}
		return nil
	})
}

// withRiver calls f with the migrator of River's own tables.
func withRiver(ctx context.Context, url string, f func(*rivermigrate.Migrator[pgx.Tx]) error) error {
	pool, err := openPool(ctx, url, "dossiersync migrate", nil)
	if err != nil {
		return err
	}
	defer pool.Close()
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("load the job queue's migrations: %w", err)
	}
	return f(m)
}

// EnsureDatabase creates the database called name, unless it exists, on the server at url, which is the
// address of any other database there.
func EnsureDatabase(ctx context.Context, url, name string) error {
	conn, err := connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	const q = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = @name)`
	if err := conn.QueryRow(ctx, q, pgx.StrictNamedArgs{"name": name}).Scan(&exists); err != nil {
		return fmt.Errorf("look for database %s: %w", name, err)
	}
	if exists {
		return nil
	}
	_, err = conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{name}.Sanitize())
	// Another process may have created it at the same moment.
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && (pg.Code == "42P04" || pg.Code == "23505") {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// portalRole is the role that the policies of row-level security are for. It cannot log in; the roles
// that the portal API logs in as are members of it.
const portalRole = "dossiersync_reader"

// EnsureReader creates the role named in readerURL, unless it exists, sets its password to that of
// readerURL, and makes it a member of [portalRole]. The role in ownerURL must be allowed to create
// roles; where it is not, the error says what an administrator has to run.
func EnsureReader(ctx context.Context, ownerURL, readerURL string) error {
	u, err := url.Parse(readerURL)
	if err != nil {
		return errors.New("make the reader's role: its URL cannot be read")
	}
	password, _ := u.User.Password()
	conn, err := connect(ctx, ownerURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := checkReaderRights(ctx, conn, u.User.Username()); err != nil {
		return err
	}
	// DO takes no parameters: the values travel in settings, and format() quotes them.
	const q = `
		SELECT set_config('dossiersync.reader', @role, true),
		       set_config('dossiersync.password', @password, true)`
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		args := pgx.StrictNamedArgs{"role": u.User.Username(), "password": password}
		if _, err := tx.Exec(ctx, q, args); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, ensureReader)
		return err
	})
	if err != nil {
		return fmt.Errorf("make the reader's role (or let an administrator run "+
			"CREATE ROLE … LOGIN PASSWORD … IN ROLE %s and GRANT CONNECT, TEMPORARY ON DATABASE … TO it, "+
			"and set portal_api.database): %w", portalRole, err)
	}
	return nil
}

// checkReaderRights fails with a [MissingRightError] if the log-in of conn may not make, or change,
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
	return &MissingRightError{fmt.Sprintf("the role %s may not make roles (CREATEROLE), so the portal API's log-in "+
		"%s cannot be made or changed; let a superuser run deploy/compose/roles.sh once, which makes a log-in for it, "+
		"and set portal_api.database", user, role)}
}

const ensureReader = `
	DO $$
	DECLARE
		reader text := current_setting('dossiersync.reader');
		secret text := current_setting('dossiersync.password');
		db     text := current_database();
	BEGIN
		PERFORM pg_advisory_xact_lock(hashtext('dossiersync reader'));
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = reader) THEN
			EXECUTE format(
				'CREATE ROLE %I LOGIN PASSWORD %L IN ROLE dossiersync_reader', reader, secret);
		ELSE
			EXECUTE format('ALTER ROLE %I LOGIN PASSWORD %L', reader, secret);
			EXECUTE format('GRANT dossiersync_reader TO %I', reader);
		END IF;
		-- The portal roles of other databases on this server are members of the same role.
		EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', db);
		-- A list of all grants is read into temporary tables.
		EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO %I', db, reader);
	END
	$$`

// SchemaFingerprint returns a digest of the migrations. Databases migrated under the same fingerprint
// have the same schema.
func SchemaFingerprint() string {
	h := sha256.New()
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, name := range files {
		b, err := migrations.ReadFile(name)
		if err != nil {
			panic(err) // it was embedded
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(b), b)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
