package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/store"
	dossiersync "dossiersync/sync"
)

type verifyCmd struct {
	Tenant string `help:"The tenant." required:"" placeholder:"TENANT"`
	Client string `help:"Only this client's dossier (the source's Patient id)." placeholder:"ID" xor:"which"`
	Sample int    `help:"Only the dossiers of this many clients, drawn at random." placeholder:"N" xor:"which"`
}

// maxListed is the largest number of differences that are listed one by one.
const maxListed = 100

// Help implements kong's HelpProvider.
func (*verifyCmd) Help() string {
	return `Reads everything from the source and compares each item with the replica: its client,
whether it may be shown, and every word of it. Changes nothing. A difference is read
again before it is reported, so that changes of the source meanwhile do not count.

Examples:
  dossiersync verify --tenant amaris
  dossiersync verify --tenant amaris --client 4711
  dossiersync verify --tenant amaris --sample 25

Exit codes: 0 nothing differs; 1 failed; 3 some items differ or could not be read.`
}

// Run implements the command.
func (c *verifyCmd) Run(ctx context.Context, a *session) error {
	if c.Sample < 0 {
		return app.Usagef("--sample must be a number of clients, 1 or more")
	}
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		if _, err := selectTenants(cfg, c.Tenant); err != nil {
			return err
		}
		w, err := newForeground(ctx, a, cfg, st, store.Scope{})
		if err != nil {
			return err
		}
		v, err := w.syncer.Verify(ctx, dossiersync.VerifyRequest{
			Tenant: c.Tenant, Client: c.Client, Sample: c.Sample, Keep: maxListed})
		if err != nil {
			return err
		}
		var worst error
		if !v.IsAlike() {
			worst = errLeftOver
		}
		if a.cli.JSON {
			return errors.Join(printJSON(a.out, v), worst)
		}
		c.print(a.out, v)
		return worst
	})
}

func (c *verifyCmd) print(w io.Writer, v *dossiersync.Verified) {
	fmt.Fprintf(w, "%s: %d items compared", c.Tenant, v.Compared)
	if v.Quarantined > 0 {
		fmt.Fprintf(w, "; %d of them cannot be read (see dossiersync quarantine list)", v.Quarantined)
	}
	fmt.Fprintln(w)
	if v.IsAlike() {
		fmt.Fprintln(w, "  Nothing differs.")
		return
	}
	for _, kind := range slices.Sorted(maps.Keys(v.Counts)) {
		fmt.Fprintf(w, "  %d %s: %s\n", v.Counts[kind], kind, kind.Meaning())
	}
	for _, name := range slices.Sorted(maps.Keys(v.Unread)) {
		fmt.Fprintf(w, "  %s could not be read: %s\n", name, v.Unread[name])
	}
	if len(v.Differences) == 0 {
		return
	}
	table(w, "  DIFFERENCE\tSTREAM\tRECORD\tHIDDEN BECAUSE", func(t io.Writer) {
		for _, d := range v.Differences {
			fmt.Fprintf(t, "  %s\t%s\t%s/%s\t%s\n", d.Kind, d.Stream, d.Type, d.ID, d.Reason.Meaning())
		}
	})
	if len(v.Differences) == maxListed {
		fmt.Fprintf(w, "  Only the first %d differences are listed.\n", maxListed)
	}
}
