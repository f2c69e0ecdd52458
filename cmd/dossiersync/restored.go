package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/store"
)

// restoration is what was done to a database that was restored from a backup.
type restoration struct {
	erased int
	known  bool // there was a record of what was erased since
}

// restored makes a database safe that was restored from a backup. Nothing is shown
// before all grants have come and, where there is or has to be a record of erasures,
// before all of them were carried out again.
func restored(ctx context.Context, cfg *config.Config, db *app.Database) (restoration, error) {
	st, err := db.Open(ctx)
	if err != nil {
		return restoration{}, err
	}
	defer st.Close()
	since, unread, err := readErasures(cfg.ErasuresFile)
	absent := errors.Is(err, fs.ErrNotExist)
	r := restoration{known: cfg.ErasuresFileGiven || !absent}
	if err := st.MarkRestored(ctx, r.known); err != nil || !r.known {
		return r, err
	}
	switch {
	case absent:
		err = fmt.Errorf("there is no erasures file %s: bring it here, or make an empty one if nothing was ever erased", cfg.ErasuresFile)
	case err == nil:
		r.erased, err = eraseAgain(ctx, st, cfg.ErasuresFile, since, unread)
	}
	if err != nil {
		err = fmt.Errorf("nothing is shown until what was erased since the backup is erased again; run this again: %w", err)
	}
	return r, err
}

// eraseAgain carries out what could be read of the erasures, and fails where that is
// not all.
func eraseAgain(ctx context.Context, st *store.Store, file string, since []store.Erasure, unread []int) (int, error) {
	keys, err := readErasureKeys(file)
	if err != nil {
		return 0, err
	}
	erased, err := st.EraseAgain(ctx, since, keys, len(unread) == 0)
	if err != nil {
		err = fmt.Errorf("%w (the keys belong in %s)", err, keyFile(file))
	}
	if len(unread) > 0 {
		lines := strings.Trim(fmt.Sprint(unread), "[]")
		err = errors.Join(err, fmt.Errorf("%d dossiers were erased again, but of %s these lines cannot be read: %s; "+
			"repair them; what was torn while it was written may go, for that erasure was not begun", erased, file, lines))
	}
	return erased, err
}

func (r restoration) print(a *session, cfg *config.Config) {
	fmt.Fprintln(a.out, "Nothing is shown until the portal has sent all grants again.")
	if r.known {
		fmt.Fprintf(a.out, "%d dossiers were erased again.\n", r.erased)
		return
	}
	fmt.Fprintf(a.out, "WARNING: what was erased since the backup is not known, and may be back: there is no erasures_file in the configuration, and no %s.\n"+
		"Bring the file there and run this again, or erase them again by hand.\n", cfg.ErasuresFile)
}
