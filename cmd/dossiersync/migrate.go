package main

import (
	"context"
	"errors"
	"fmt"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" default:"withargs" help:"Bring the schema up to date."`
	Status migrateStatusCmd `cmd:"" help:"Say where the schema stands."`
	Check  migrateCheckCmd  `cmd:"" help:"Fail while the schema is to be migrated."`
}

// Help implements kong's HelpProvider.
func (*migrateCmd) Help() string {
	return `A new version is brought in while the old one runs: migrate up with the new
program first, for which nothing need stop, then replace the processes one by one.
The version before works with the new schema too, so that going back needs no
migration.

Examples:
  dossiersync migrate
  dossiersync migrate status
  dossiersync migrate check
  dossiersync migrate --restored`
}

type migrateUpCmd struct {
	Restored bool `help:"The database was restored from a backup: nothing is shown until the portal has sent all grants again, and what was erased since is erased again."`
}

// Help implements kong's HelpProvider.
func (*migrateUpCmd) Help() string {
	return `Brings the schema up to date, and makes the portal API's own role where its
log-in is derived from the owner's. Harmless to repeat. A private PostgreSQL (no
database in the configuration) is migrated at every start.

A backup knows rights that were revoked since, and dossiers that were erased.
After restoring one, run this with --restored before anything else is started:
the portal API then answers 503 until the portal has sent all grants of its
organisation again (PUT /v1/grants), and until the erasures in erasures_file have
been carried out once more. Where that fails, repair what it names and run it
again: it goes on, and grants that have come meanwhile stay good. Without an
erasures_file in the configuration, nor one where it is by default, what was erased
since the backup is unknown; that is said, and not waited for.

Examples:
  dossiersync migrate up
  dossiersync migrate up --restored`
}

type migrateStatusCmd struct{}

// Help implements kong's HelpProvider.
func (*migrateStatusCmd) Help() string {
	return `Examples:
  dossiersync migrate status
  dossiersync --json migrate status`
}

// Run implements the command.
func (*migrateStatusCmd) Run(ctx context.Context, a *session) error {
	m, err := a.migration(ctx)
	if err != nil {
		return err
	}
	return m.print(a)
}

type migrateCheckCmd struct{}

// Help implements kong's HelpProvider.
func (*migrateCheckCmd) Help() string {
	return `For scripts that bring in a new version, and for init containers.

Exit codes: 0 this program can work with the schema; 3 it is to be migrated first;
1 the database does not answer.

Examples:
  dossiersync migrate check && systemctl restart dossiersync`
}

// Run implements the command.
func (*migrateCheckCmd) Run(ctx context.Context, a *session) error {
	m, err := a.migration(ctx)
	if err != nil {
		return err
	}
	if err := m.print(a); err != nil {
		return err
	}
	if m.Pending() {
		return errLeftOver
	}
	return nil
}

// migration is where the schema stands, for people and scripts.
type migration struct{ store.Migration }

func (a *session) migration(ctx context.Context) (m migration, err error) {
	cfg, err := a.load()
	if err != nil {
		return m, err
	}
	db, err := app.OpenDatabase(ctx, cfg)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	m.Migration, err = store.MigrationStatus(ctx, db.Owner)
	return m, err
}

func (m migration) print(a *session) error {
	if a.cli.JSON {
		return printJSON(a.out, map[string]any{"current": m.Current, "latest": m.Latest, "pending": m.Pending()})
	}
	switch {
	case m.Current < m.Latest:
		fmt.Fprintf(a.out, "The schema is at version %d, and this program needs %d: run dossiersync migrate.\n", m.Current, m.Latest)
	case !m.Jobs:
		fmt.Fprintf(a.out, "The schema is at version %d, but the job queue's tables are older than this program: run dossiersync migrate.\n", m.Current)
	case m.Current > m.Latest:
		fmt.Fprintf(a.out, "The schema is at version %d, of a newer program; this one knows %d and can work with it.\n", m.Current, m.Latest)
	default:
		fmt.Fprintf(a.out, "The schema is at version %d, as this program needs it.\n", m.Current)
	}
	return nil
}

// Run implements the command.
func (c *migrateUpCmd) Run(ctx context.Context, a *session) (err error) {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	db, err := app.OpenDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	before, err := store.MigrationStatus(ctx, db.Owner)
	if err != nil {
		return err
	}
	after, err := store.Migrate(ctx, db.Owner)
	if err != nil {
		return err
	}
	var r restoration
	if c.Restored { // first: from here on nothing is shown
		if r, err = restored(ctx, cfg, db); err != nil {
			return err
		}
	}
	if cfg.PortalAPI.Database.IsZero() {
		if err := store.EnsureReader(ctx, db.Owner, db.Reader); err != nil {
			return err
		}
	}
	if a.cli.JSON {
		out := map[string]any{"from": before.Current, "to": after.Current}
		if c.Restored {
			out["erased"], out["erasuresKnown"] = r.erased, r.known
		}
		return printJSON(a.out, out)
	}
	if c.Restored {
		r.print(a, cfg)
	}
	if before == after {
		fmt.Fprintf(a.out, "The schema is at version %d already.\n", after.Current)
		return nil
	}
	fmt.Fprintf(a.out, "The schema was migrated from version %d to %d.\n", before.Current, after.Current)
	return nil
}
