package main

import (
	"context"
	"fmt"
	"io"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

type reconcileCmd struct {
	Tenant  string `help:"Only this tenant; default: all, one after another." placeholder:"TENANT"`
	Stream  string `help:"Only this stream: ${streamList}." enum:",${streams}" default:"" placeholder:"STREAM"`
	Approve bool   `help:"Also remove the items beyond max_removed that are confirmed absent. Needs --tenant."`
	NoWait  bool   `help:"Fail (exit 1) instead of waiting while the tenant has another run."`
}

// Help implements kong's HelpProvider.
func (*reconcileCmd) Help() string {
	return `Compares everything in the source with everything in the replica, and repairs the
differences. An item that the source no longer lists is read by its id before it is
removed. If more items of a type would be removed within 24 hours than max_removed,
and more than 20, or half of the type, none of them is: they are held until you have
checked them (see dossiersync held) and approved them there or with --approve, which
lists and reads everything again.

Examples:
  dossiersync reconcile --tenant amaris
  dossiersync reconcile --tenant amaris --stream reports --approve --by "Anna de Vries"

Exit codes: 0 all differences are repaired; 1 failed; 3 removals are held, or some items
could not be compared.`
}

// Run implements the command.
func (c *reconcileCmd) Run(ctx context.Context, a *session) error {
	if c.Approve && c.Tenant == "" {
		return app.Usagef("--approve needs --tenant: approve one tenant at a time")
	}
	if c.Approve {
		if _, err := a.person(); err != nil {
			return err
		}
	}
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		tenants, err := selectTenants(cfg, c.Tenant)
		if err != nil {
			return err
		}
		scope := store.Scope{Only: store.StepReconcile, Stream: dossier.Stream(c.Stream), Approve: c.Approve}
		w, err := newForeground(ctx, a, cfg, st, scope)
		if err != nil {
			return err
		}
		w.noWait, w.print = c.NoWait, printReconcile
		return w.each(ctx, tenants)
	})
}

// printReconcile prints what a reconcile found and did.
func printReconcile(w io.Writer, run store.Run) {
	var removed, repaired int64
	for _, t := range run.Types {
		removed += t.Removed
		n := t.Effects.Counts()
		repaired += n.Created + n.Updated + n.Hidden + n.Withdrawn
	}
	fmt.Fprintf(w, "%s: %s (run %d)\n", run.Tenant, *run.Outcome, run.ID)
	if removed+repaired == 0 && run.Message == nil {
		fmt.Fprintln(w, "  The replica equals the source.")
		return
	}
	fmt.Fprintf(w, "  removed %d items that the source no longer has, repaired %d\n", removed, repaired)
	if run.Message != nil {
		fmt.Fprintf(w, "  %s\n", *run.Message)
	}
}
