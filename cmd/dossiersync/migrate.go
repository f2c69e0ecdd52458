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
	Status migrateStatusCmd `cmd:"" help:"Show the version of the schema."`
	Check  migrateCheckCmd  `cmd:"" help:"Exit with 3 if the schema has to be migrated."`
}

// Help implements kong's HelpProvider.
func (*migrateCmd) Help() string {
	return `To install a new version while the old one runs, run migrate up with the new program
first, then replace the processes one by one. The previous version works with the new
schema too, so going back needs no migration.

Examples:
  dossiersync migrate
  dossiersync migrate status
  dossiersync migrate check
  dossiersync migrate --restored`
}

type migrateUpCmd struct {
	Restored bool `help:"The database was restored from a backup: show nothing until the portal has sent all grants again, and repeat the erasures since the backup."`
}

// Help implements kong's HelpProvider.
func (*migrateUpCmd) Help() string {
	return `Brings the schema up to date, creates the portal API's role if its log-in is derived
from the owner's, makes portal_api.proof_key_file if there is none, and stores the key
of each configured tenant. It can be repeated without harm; repeat it after you have
added a tenant or changed the key. The private PostgreSQL (no
database in the configuration) is migrated at every start.

A backup holds rights that were revoked since, and dossiers that were erased since.
After restoring one, run this with --restored before you start anything else. The
portal API then answers 503 until the portal has sent all grants of its organisation
again (PUT /v1/grants) and the erasures in erasures_file have been repeated; what was
withheld since, by the record beside that file, is withheld again. If an
erasure fails, mend what the error names and run this again: it continues, and grants
that were sent meanwhile stay valid. If erasures_file is not configured and does not
exist at its default place, the erasures since the backup are unknown; this prints a
warning and does not wait for them.

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
	return `For scripts that install a new version, and for init containers.

Exit codes: 0 this program works with the schema; 1 the database does not answer; 3 the
schema has to be migrated first.

Examples:
  dossiersync migrate check && systemctl restart 'dossiersync@*'`
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

// migration is the version of the schema.
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
	text := "which is up to date"
	switch {
	case m.Current < m.Latest:
		text = fmt.Sprintf("and this program needs %d: run dossiersync migrate", m.Latest)
	case !m.Jobs:
		text = "but the job queue's tables are older than this program: run dossiersync migrate"
	case m.Current > m.Latest:
		text = fmt.Sprintf("of a newer program; this program needs %d and works with it", m.Latest)
	}
	_, err := fmt.Fprintf(a.out, "The schema is at version %d, %s.\n", m.Current, text)
	return err
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
	if c.Restored { // from here on nothing is shown
		if r, err = restored(ctx, cfg, db); err != nil {
			return err
		}
	}
	if cfg.PortalAPI.Database.IsZero() {
		if err := store.EnsureReader(ctx, db.Owner, db.Reader); err != nil {
			return err
		}
	}
	if err := db.PutProofKeys(ctx, false); err != nil {
		return err
	}
	if a.cli.JSON {
		out := map[string]any{"from": before.Current, "to": after.Current}
		if c.Restored {
			out["erased"], out["erasuresKnown"] = r.erased, r.known
			out["withheld"], out["withheldKnown"] = r.withheld, r.withheldKnown
		}
		return printJSON(a.out, out)
	}
	if c.Restored {
		r.print(a, cfg)
	}
	limited, err := store.PortalIsLimited(ctx, db.Owner)
	if err != nil {
		return err
	}
	if !limited {
		fmt.Fprintln(a.out, "The portal API's role may still take advisory locks and make large objects, as any role may. "+
			"To keep it from them, let a superuser run deploy/compose/roles.sh.")
	}
	if before == after {
		fmt.Fprintf(a.out, "The schema is already at version %d.\n", after.Current)
		return nil
	}
	fmt.Fprintf(a.out, "The schema was migrated from version %d to %d.\n", before.Current, after.Current)
	return nil
}
