package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The names of databases:
//
//	migrating_<fingerprint>   a template that is being made
//	migrated_<fingerprint>    a template; its comment is the time at which it was last used
//	test_<process>_<number>   the database of a test

// templateName returns the names of a template, while it is made and afterwards.
func templateName(fingerprint string) (draft, name string) {
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(fingerprint)))[:16]
	return "migrating_" + hash, "migrated_" + hash
}

// template returns the name of the template, and makes the template if no process has made it.
func (p *process) template(ctx context.Context, fingerprint string, migrate Migration) (string, error) {
	draft, name := templateName(fingerprint)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.templates[name] {
		return name, nil
	}
	err := p.alone(func() error {
		var found bool
		const q = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`
		if err := p.conn.QueryRow(context.Background(), q, name).Scan(&found); err != nil {
			return err
		}
		if !found {
			if err := p.migrate(ctx, draft, name, migrate); err != nil {
				return err
			}
		}
		return p.all(fmt.Sprintf("COMMENT ON DATABASE %s IS '%s'", name, usedAt(time.Now())))
	})
	p.templates[name] = err == nil
	return name, err
}

// usedAt returns a time in the form of a template's comment. The texts sort like the times.
func usedAt(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// migrate makes a template, under another name until it is complete.
func (p *process) migrate(ctx context.Context, draft, name string, migrate Migration) error {
	if err := p.all("DROP DATABASE IF EXISTS "+draft+" WITH (FORCE)", "CREATE DATABASE "+draft); err != nil {
		return err
	}
	if err := migrate(ctx, p.server.URL(draft)); err != nil {
		return err
	}
	return p.all(
		"ALTER DATABASE "+draft+" ALLOW_CONNECTIONS false",
		"ALTER DATABASE "+draft+" RENAME TO "+name,
	)
}

// sweep drops the databases of processes that are gone, unfinished templates, and templates that were
// not used for a day. The caller is alone, so no template is being made.
func (p *process) sweep() error {
	const q = `
		SELECT datname
		FROM pg_database d
		WHERE datname LIKE 'test\_%' AND NOT EXISTS (
			SELECT
			FROM pg_locks
			WHERE locktype = 'advisory'
			  AND classid = $1
			  AND objid::text = split_part(d.datname, '_', 2))
		   OR datname LIKE 'migrating\_%'
		   OR datname LIKE 'migrated\_%'
			  AND coalesce(shobj_description(oid, 'pg_database'), '') < $2`
	rows, err := p.conn.Query(context.Background(), q, lockSpace, usedAt(time.Now().AddDate(0, 0, -1)))
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, name := range names {
		// The locks are read later than the names: a process that ended in between dropped its own.
		if err := p.all("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
			return err
		}
	}
	return nil
}

// alone calls do while no other process makes templates or sweeps. The caller holds mu.
func (p *process) alone(do func() error) error {
	const lock, unlock = `SELECT pg_advisory_lock($1, 0)`, `SELECT pg_advisory_unlock($1, 0)`
	if _, err := p.conn.Exec(context.Background(), lock, lockSpace); err != nil {
		return err
	}
	err := do()
	_, unlockErr := p.conn.Exec(context.Background(), unlock, lockSpace)
	return errors.Join(err, unlockErr)
}

// all runs statements on the process's connection, without the context of a test, whose end would close
// the connection. The caller holds mu.
func (p *process) all(statements ...string) error {
	for _, s := range statements {
		if _, err := p.conn.Exec(context.Background(), s); err != nil {
			return err
		}
	}
	return nil
}
