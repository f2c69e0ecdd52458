package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"dossiersync/config"
	"dossiersync/store"
)

type eraseCmd struct {
	Tenant string `help:"The tenant." required:"" placeholder:"TENANT"`
	Client string `help:"The client (the source's Patient id)." required:"" placeholder:"ID"`
}

// Help implements kong's HelpProvider.
func (*eraseCmd) Help() string {
	return `Removes everything that is stored of a client, grants included, and keeps it from
being stored again whatever the source sends. What stays is the access log, which
the law has kept, and a digest that names nobody: in the database, and in
erasures_file, so that it can be erased again after a backup was restored.
The source keeps its own records. This cannot be undone.

Examples:
  dossiersync erase --tenant amaris --client 4711

Exit codes: 0 nothing is left; 1 failed, or something is.`
}

// Run implements the command.
func (c *eraseCmd) Run(ctx context.Context, a *app) error {
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		if _, err := selectTenants(cfg, c.Tenant); err != nil {
			return err
		}
		if _, err := st.Tenant(ctx, c.Tenant); err != nil {
			return err
		}
		// First: erased in the database only, a restore would bring it back.
		e := store.Erasure{Tenant: c.Tenant, Client: store.ErasureDigest(c.Tenant, c.Client), At: time.Now().UTC(), By: operator()}
		if err := recordErasure(cfg.ErasuresFile, e); err != nil {
			return err
		}
		erased, err := st.Erase(ctx, c.Tenant, c.Client, operator())
		if err != nil {
			return err
		}
		if a.cli.JSON {
			err = printJSON(a.out, erased)
		} else {
			printErased(a.out, c, erased, cfg.ErasuresFile)
		}
		if err == nil && len(erased.Left) > 0 {
			err = errTold
		}
		return err
	})
}

func printErased(w io.Writer, c *eraseCmd, e store.Erased, file string) {
	fmt.Fprintf(w, "Erased at %s by %s: client %s of %s.\n", e.At.Format(time.RFC3339), e.By, c.Client, c.Tenant)
	for _, n := range e.Removed {
		fmt.Fprintf(w, "  removed %d from %s\n", n.Rows, n.Table)
	}
	if len(e.Removed) == 0 {
		fmt.Fprintln(w, "  Nothing was stored.")
	}
	for _, n := range e.Left {
		fmt.Fprintf(w, "  STILL THERE: %d in %s\n", n.Rows, n.Table)
	}
	if len(e.Left) == 0 {
		fmt.Fprintln(w, "  Looked again in every table: nothing is left.")
	}
	fmt.Fprintf(w, "  %d entries of the access log stay, as the law asks.\n", e.Logged)
	fmt.Fprintf(w, "Recorded in %s. Backups from before still hold the dossier: after restoring one,\nrun dossiersync migrate --restored.\n", file)
}

// recordErasure appends to the file outside the database, and makes sure that it
// is on disk.
func recordErasure(file string, e store.Erasure) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("record the erasure: %w", err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("record the erasure: %w", err)
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// readErasures reads what was recorded.
func readErasures(file string) ([]store.Erasure, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the erasures: %w", err)
	}
	defer f.Close()
	var list []store.Erasure
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		var e store.Erasure
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("read the erasures: line %d of %s: %w", n, file, err)
		}
		list = append(list, e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the erasures: %w", err)
	}
	return list, nil
}
