package main

import (
	"context"
	"fmt"
	"io"
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
the law has kept, and a digest under a key: in the database, and in erasures_file,
so that it can be erased again after a backup was restored. The key is beside that
file, in a file of its own (….key): who has both can find out who was erased, by
trying ids. Back both up, apart, and neither with the database.
The source keeps its own records. This cannot be undone, and is recorded under a person's name.

Examples:
  dossiersync erase --tenant amaris --client 4711 --by "Anna de Vries"

Exit codes: 0 nothing is left; 1 failed, or something is.`
}

// Run implements the command.
func (c *eraseCmd) Run(ctx context.Context, a *session) error {
	by, err := a.person()
	if err != nil {
		return err
	}
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		if _, err := selectTenants(cfg, c.Tenant); err != nil {
			return err
		}
		if _, err := st.Tenant(ctx, c.Tenant); err != nil {
			return err
		}
		keys, err := st.ErasureKeys(ctx)
		if err != nil {
			return err
		}
		// First: erased in the database only, a restore would bring it back.
		e := store.Erasure{Tenant: c.Tenant, Client: keys[0].Digest(c.Tenant, c.Client), Key: keys[0].ID(), At: time.Now().UTC(), By: by}
		if err := recordErasure(cfg.ErasuresFile, e, keys[0]); err != nil {
			return err
		}
		erased, err := st.Erase(ctx, c.Tenant, c.Client, by)
		if err != nil {
			return err
		}
		if a.cli.JSON {
			err = printJSON(a.out, erased)
		} else {
			printErased(a.out, c, erased, cfg)
		}
		if err == nil && len(erased.Left) > 0 {
			err = errTold
		}
		return err
	})
}

func printErased(w io.Writer, c *eraseCmd, e store.Erased, cfg *config.Config) {
	fmt.Fprintf(w, "Erased at %s by %s: client %s of %s.\n", moment(e.At, zoneOf(cfg, c.Tenant)), e.By, c.Client, c.Tenant)
	for _, n := range e.Removed {
		fmt.Fprintf(w, "  removed %d from %s\n", n.Rows, n.Table)
	}
	for _, n := range e.Cleared {
		fmt.Fprintf(w, "  cleared %d of %s, where others named the client\n", n.Rows, n.Table)
	}
	if len(e.Removed)+len(e.Cleared) == 0 {
		fmt.Fprintln(w, "  Nothing was stored.")
	}
	for _, n := range e.Left {
		fmt.Fprintf(w, "  STILL THERE: %d in %s\n", n.Rows, n.Table)
	}
	if len(e.Left) == 0 {
		fmt.Fprintln(w, "  Looked again in every table: nothing is left.")
	}
	if e.Nameless > 0 {
		fmt.Fprintf(w, "  %d items in quarantine do not say whose they are, and stay: look at them\n  with dossiersync quarantine list --tenant %s.\n", e.Nameless, c.Tenant)
	}
	fmt.Fprintf(w, "  %d entries of the access log stay, as the law asks.\n", e.Logged)
	file := cfg.ErasuresFile
	fmt.Fprintf(w, "Recorded in %s, under the key in %s. Backups from before still hold the dossier: after restoring one,\nrun dossiersync migrate --restored.\n", file, keyFile(file))
}
