package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/store"
)

type eraseCmd struct {
	Tenant string `help:"The tenant." required:"" placeholder:"TENANT"`
	Client string `help:"The client (the source's Patient id)." required:"" placeholder:"ID"`
}

// Help implements kong's HelpProvider.
func (*eraseCmd) Help() string {
	return `Removes everything that is stored of a client, including grants, and prevents that it
is stored again, whatever the source sends. This cannot be undone, and is recorded
under a person's name. The source keeps its own records.

Two things stay: the access log, as the law requires, and a digest of the client's id,
in the database and in erasures_file, by which the client can be erased again after a
backup was restored. The key of the digests is in a file of its own, with .key after
the name of erasures_file. Anyone with both files can find out who was erased, by
trying ids: back up both, apart from each other and from the database.

Examples:
  dossiersync erase --tenant amaris --client 4711 --by "Anna de Vries"

Exit codes: 0 nothing is left; 1 failed, or something is left.`
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
		// The file comes first: erased in the database alone, a restored backup would
		// bring the client back.
		e := store.Erasure{
			Tenant: c.Tenant, Client: keys[0].Digest(c.Tenant, c.Client), Key: keys[0].ID(), At: time.Now().UTC(), By: by,
		}
		if err := app.RecordErasure(cfg.ErasuresFile, e, keys[0]); err != nil {
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
			err = errPrinted
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
		fmt.Fprintf(w, "  cleared %d of %s, which referred to the client\n", n.Rows, n.Table)
	}
	if len(e.Removed)+len(e.Cleared) == 0 {
		fmt.Fprintln(w, "  Nothing was stored.")
	}
	for _, n := range e.Left {
		fmt.Fprintf(w, "  STILL THERE: %d in %s\n", n.Rows, n.Table)
	}
	if len(e.Left) == 0 {
		fmt.Fprintln(w, "  Checked every table again: nothing is left.")
	}
	if e.Nameless > 0 {
		fmt.Fprintf(w, "  %d items in quarantine have no readable client, and stay. See:\n"+
			"  dossiersync quarantine list --tenant %s\n", e.Nameless, c.Tenant)
	}
	fmt.Fprintf(w, "  %d entries of the access log stay, as the law requires.\n", e.Logged)
	file := cfg.ErasuresFile
	fmt.Fprintf(w, "Recorded in %s, under the key in %s.\n"+
		"Older backups still hold the dossier: after restoring one, run dossiersync migrate --restored.\n", file, app.KeyFile(file))
}
