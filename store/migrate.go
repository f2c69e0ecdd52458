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
	"strconv"

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
// version. It fails with a [MissingRightsError] where the role in url cannot. It may be repeated, and
// of two calls at once one waits for the other.
func Migrate(ctx context.Context, url string) (Migration, error) {
	var m Migration
	err := withMigrator(ctx, url, func(conn *pgx.Conn, t *migrate.Migrator) error {
		var err error
		if m, err = status(ctx, url, t); err == nil && m.Pending() {
			err = checkMigrator(ctx, conn, false)
		}
		if err != nil {
			return err
		}
		if err := migrateRiver(ctx, conn, url); err != nil {
			return err
		}
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
	// The table of the version is made first of all, so that an empty database is judged before.
	if err := checkMigrator(ctx, conn, true); err != nil {
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

// portalRole is the role that may execute the functions of the portal API, and has no other right. It
// cannot log in; the roles that the portal API logs in as are members of it.
const portalRole = "dossiersync_reader"

// EnsureReader creates the role named in readerURL, unless it exists, sets its password to that of
// readerURL, makes it a member of [portalRole], and limits it (see deploy/compose/roles.sh). The role
// in ownerURL must be allowed to create roles; where it is not, the error says what an administrator
// has to run.
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
		if _, err := tx.Exec(ctx, ensureReader); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, limitFunctions)
		return err
	})
	if err != nil {
		return fmt.Errorf("make the reader's role (or let an administrator run deploy/compose/roles.sh, or "+
			"CREATE ROLE … LOGIN PASSWORD … IN ROLE %s and GRANT CONNECT ON DATABASE … TO it, "+
			"and set portal_api.database): %w", portalRole, err)
	}
	return nil
}

// readerConnections is how many connections the portal API's role may have, unless an administrator
// has set another number.
const readerConnections = 200

var ensureReader = `
	DO $$
	DECLARE
		reader text := current_setting('dossiersync.reader');
		secret text := current_setting('dossiersync.password');
		db     text := current_database();
	BEGIN
		PERFORM pg_advisory_xact_lock(hashtext('dossiersync reader'));
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = reader) THEN
			EXECUTE format(
				'CREATE ROLE %I LOGIN PASSWORD %L CONNECTION LIMIT ` + strconv.Itoa(readerConnections) + `
					IN ROLE dossiersync_reader', reader, secret);
		ELSE
			EXECUTE format('ALTER ROLE %I LOGIN PASSWORD %L', reader, secret);
			EXECUTE format('GRANT dossiersync_reader TO %I', reader);
		END IF;
		-- The functions set the first two themselves where they differ, which takes longer.
		EXECUTE format('ALTER ROLE %I SET search_path = pg_catalog, public, pg_temp', reader);
		EXECUTE format('ALTER ROLE %I SET plan_cache_mode = force_generic_plan', reader);
		EXECUTE format('ALTER ROLE %I SET lock_timeout = ''5s''', reader);
		EXECUTE format('ALTER ROLE %I SET statement_timeout = ''60s''', reader);
		EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''60s''', reader);
		-- The portal roles of other databases on this server are members of the same role.
		EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', db);
		EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM %I', db, reader);
		EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', db, reader);
		-- A list of all grants is read into temporary tables, by functions of this role.
		EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO dossiersync_answers', db);
		-- verify makes a temporary table.
		EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO dossiersync_worker', db);
	END
	$$`

// limitFunctions takes from everybody what the portal API's role could harm others with: advisory
// locks, large objects, and temporary files without bound. Only a superuser can; for an owner who is
// none, deploy/compose/roles.sh does the same.
const limitFunctions = `
	DO $$
	DECLARE
		f regprocedure;
	BEGIN
		IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
			RETURN;
		END IF;
		EXECUTE format('ALTER ROLE %I SET temp_file_limit = ''256MB''', current_setting('dossiersync.reader'));
		FOR f IN
			SELECT oid
			FROM pg_proc
			WHERE pronamespace = 'pg_catalog'::regnamespace
			  AND (proname ~ '^pg_(try_)?advisory_' OR proname ~ '^lo_' OR proname IN ('lowrite', 'loread'))
		LOOP
			EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
			IF f::text LIKE 'pg\_%' THEN
				EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO dossiersync_answers, dossiersync_ops,
					dossiersync_worker', f);
			END IF;
		END LOOP;
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
