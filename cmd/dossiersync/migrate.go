package main

import (
	"context"
	"errors"
	"fmt"

	"dossiersync/store"
)

type migrateCmd struct{}

// Help implements kong's HelpProvider.
func (*migrateCmd) Help() string {
	return `Brings the schema up to date, and makes the portal API's own role where its
log-in is derived from the owner's. Harmless to repeat. A private PostgreSQL (no
database in the configuration) is migrated at every start.`
}

// Run implements the command.
func (c *migrateCmd) Run(ctx context.Context, a *app) (err error) {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	db, err := openDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	before, err := store.MigrationStatus(ctx, db.owner)
	if err != nil {
		return err
	}
	after, err := store.Migrate(ctx, db.owner)
	if err != nil {
		return err
	}
	if cfg.PortalAPI.Database.IsZero() {
		if err := store.EnsureReader(ctx, db.owner, db.reader); err != nil {
			return err
		}
	}
	if a.cli.JSON {
		return printJSON(a.out, map[string]any{"from": before.Current, "to": after.Current})
	}
	if before.Current == after.Current {
		fmt.Fprintf(a.out, "The schema is at version %d already.\n", after.Current)
		return nil
	}
	fmt.Fprintf(a.out, "The schema was migrated from version %d to %d.\n", before.Current, after.Current)
	return nil
}
