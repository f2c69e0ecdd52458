package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/store"
)

// restoration is what was done to a database that was restored from a backup.
type restoration struct {
	erased int
	known  bool // there is a record of the erasures since the backup
	// withheld counts what is withheld according to the record beside the erasures, if there is one.
	withheld      int
	withheldKnown bool
}

// restored makes a database safe that was restored from a backup. Nothing is shown until
// the portal has sent all grants and, if a record of erasures exists or has to, until all
// erasures have been repeated.
func restored(ctx context.Context, cfg *config.Config, db *app.Database) (restoration, error) {
	st, err := db.OpenOwner(ctx)
	if err != nil {
		return restoration{}, err
	}
	defer st.Close()
	since, unread, err := app.ReadErasures(cfg.ErasuresFile)
	absent := errors.Is(err, fs.ErrNotExist)
	r := restoration{known: cfg.ErasuresFileGiven || !absent}
	if err := r.withholdAgain(ctx, cfg, st); err != nil || !r.known {
		return r, err
	}
	switch {
	case absent:
		err = fmt.Errorf("there is no erasures file %s: put it there, or an empty one if nothing was ever erased",
			cfg.ErasuresFile)
	case err == nil:
		r.erased, err = eraseAgain(ctx, st, cfg.ErasuresFile, since, unread)
	}
	if err != nil {
		err = fmt.Errorf("nothing is shown until the erasures since the backup have been repeated; run this again: %w", err)
	}
	return r, err
}

// withholdAgain marks the database as restored, and withholds again what the record beside the
// erasures names. If that fails, nothing is shown.
func (r *restoration) withholdAgain(ctx context.Context, cfg *config.Config, st *store.Store) error {
	_, err := os.Stat(app.WithheldFile(cfg.ErasuresFile))
	r.withheldKnown = !errors.Is(err, fs.ErrNotExist)
	if err := st.MarkRestored(ctx, r.known || r.withheldKnown); err != nil || !r.withheldKnown {
		return err
	}
	if r.withheld, err = app.WithholdAgain(ctx, cfg, st); err != nil {
		return fmt.Errorf("nothing is shown until what was withheld since the backup is withheld again; "+
			"run this again: %w", err)
	}
	if !r.known { // there are no erasures to wait for
		_, err = st.EraseAgain(ctx, nil, nil, true)
	}
	return err
}

// eraseAgain repeats the erasures that could be read, and fails if those are not all.
func eraseAgain(ctx context.Context, st *store.Store, file string, since []store.Erasure, unread []int) (int, error) {
	keys, err := app.ReadErasureKeys(file)
	if err != nil {
		return 0, err
	}
	erased, err := st.EraseAgain(ctx, since, keys, len(unread) == 0)
	if err != nil {
		err = fmt.Errorf("%w (the keys belong in %s)", err, app.KeyFile(file))
	}
	if len(unread) > 0 {
		lines := strings.Trim(fmt.Sprint(unread), "[]")
		err = errors.Join(err, fmt.Errorf("%d dossiers were erased again, but these lines of %s cannot be read: %s; "+
			"mend them, or remove a line that was not written completely, because its erasure was not begun",
			erased, file, lines))
	}
	return erased, err
}

func (r restoration) print(a *session, cfg *config.Config) {
	fmt.Fprintln(a.out, "Nothing is shown until the portal has sent all grants again.")
	file := app.WithheldFile(cfg.ErasuresFile)
	if r.withheldKnown {
		fmt.Fprintf(a.out, "%d clients and items are withheld, as recorded in %s.\n", r.withheld, file)
	} else {
		fmt.Fprintf(a.out, "There is no %s: withhold again what was withheld since the backup.\n", file)
	}
	if r.known {
		fmt.Fprintf(a.out, "%d dossiers were erased again.\n", r.erased)
		return
	}
	fmt.Fprintf(a.out, "WARNING: dossiers that were erased since the backup may be back: "+
		"erasures_file is not configured, and there is no %s.\n"+
		"Put the file there and run this again, or erase the dossiers again by hand.\n", cfg.ErasuresFile)
}
