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
	Sample int    `help:"Only so many clients' dossiers, drawn at random." placeholder:"N" xor:"which"`
}

// differencesTold is how many differences are told one by one.
const differencesTold = 100

// Help implements kong's HelpProvider.
func (*verifyCmd) Help() string {
	return `Reads everything from the source, and compares it item by item with what is
stored: who it belongs to, whether it may be shown, and every word of it. Changes
nothing. What differs is read again before it is told, so that a source that
moves on meanwhile does not count.

Examples:
  dossiersync verify --tenant amaris
  dossiersync verify --tenant amaris --client 4711
  dossiersync verify --tenant amaris --sample 25

Exit codes: 0 nothing differs; 3 something does, or could not be read; 1 failed.`
}

// Run implements the command.
func (c *verifyCmd) Run(ctx context.Context, a *session) error {
	if c.Sample < 0 {
		return app.Usagef("--sample takes a number of clients")
	}
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		if _, err := selectTenants(cfg, c.Tenant); err != nil {
			return err
		}
		w, err := newForeground(a, cfg, st, store.Scope{})
		if err != nil {
			return err
		}
		v, err := w.syncer.Verify(ctx, dossiersync.VerifyRequest{
			Tenant: c.Tenant, Client: c.Client, Sample: c.Sample, Keep: differencesTold})
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
		fmt.Fprintf(w, ", of which %d cannot be read (see dossiersync quarantine list)", v.Quarantined)
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
	if told := int64(len(v.Differences)); told == differencesTold {
		fmt.Fprintln(w, "  Only the first are told one by one.")
	}
}
