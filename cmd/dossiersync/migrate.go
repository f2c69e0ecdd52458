package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"dossiersync/config"
	"dossiersync/store"
)

type migrateCmd struct {
	Restored bool `help:"The database was restored from a backup: nothing is shown until the portal has sent all grants again, and what was erased since is erased again."`
}

// Help implements kong's HelpProvider.
func (*migrateCmd) Help() string {
	return `Brings the schema up to date, and makes the portal API's own role where its
log-in is derived from the owner's. Harmless to repeat. A private PostgreSQL (no
database in the configuration) is migrated at every start.

A backup knows rights that were revoked since, and dossiers that were erased.
After restoring one, run this with --restored before anything else is started:
the portal API then answers 503 until the portal has sent all grants of its
organisation again (PUT /v1/grants), and the erasures in erasures_file are
carried out once more.`
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
	erased := 0
	if c.Restored {
		if erased, err = restored(ctx, cfg, db); err != nil {
			return err
		}
	}
	if a.cli.JSON {
		out := map[string]any{"from": before.Current, "to": after.Current}
		if c.Restored {
			out["erased"] = erased
		}
		return printJSON(a.out, out)
	}
	if c.Restored {
		fmt.Fprintf(a.out, "Nothing is shown until the portal has sent all grants again. %d dossiers were erased again.\n", erased)
	}
	if before.Current == after.Current {
		fmt.Fprintf(a.out, "The schema is at version %d already.\n", after.Current)
		return nil
	}
	fmt.Fprintf(a.out, "The schema was migrated from version %d to %d.\n", before.Current, after.Current)
	return nil
}

// restored makes a database safe that was restored from a backup. Whatever comes of
// the erasures, nothing is shown before all grants have come.
func restored(ctx context.Context, cfg *config.Config, db *database) (int, error) {
	st, err := db.open(ctx)
	if err != nil {
		return 0, err
	}
	defer st.Close()
	if err := st.AwaitGrants(ctx); err != nil {
		return 0, err
	}
	since, err := readErasures(cfg.ErasuresFile)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("nothing is shown until the portal has sent all grants again, but what was erased since the backup may be back: "+
			"there is no erasures file %s; bring it here, or make an empty one if nothing was ever erased", cfg.ErasuresFile)
	}
	if err != nil {
		return 0, err
	}
	keys, err := readErasureKeys(cfg.ErasuresFile)
	if err != nil {
		return 0, err
	}
	erased, err := st.EraseAgain(ctx, since, keys)
	if err != nil {
		err = fmt.Errorf("nothing is shown until the portal has sent all grants again, but %w (the keys belong in %s)", err, keyFile(cfg.ErasuresFile))
	}
	return erased, err
}
