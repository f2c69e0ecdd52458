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
	Tenant  string `help:"Only this tenant; default: each in turn." placeholder:"TENANT"`
	Stream  string `help:"Only this stream: clients, contacts, staff, questionnaires, goals, care-plans, reports or forms." enum:",clients,contacts,staff,questionnaires,goals,care-plans,reports,forms" default:"" placeholder:"STREAM"`
	Approve bool   `help:"Also remove what is confirmed absent beyond max_removed. Needs --tenant."`
	NoWait  bool   `help:"Fail (exit 1) if another run holds the tenant, instead of waiting."`
}

// Help implements kong's HelpProvider.
func (*reconcileCmd) Help() string {
	return `Compares everything that the source has with everything that is stored, and
repairs what differs. Each item that the source no longer lists is read by its
id before it is removed. If more would be removed within 24 hours than
max_removed of a stream (and more than 20), nothing of that stream is: it is
held until you have looked at it and run this command with --approve, which
lists and reads everything afresh.

Examples:
  dossiersync reconcile --tenant amaris
  dossiersync reconcile --tenant amaris --stream reports --approve --by "Anna de Vries"

Exit codes: 0 what was found is repaired; 3 removals are held, or something could
not be told; 1 failed.`
}

// Run implements the command.
func (c *reconcileCmd) Run(ctx context.Context, a *session) error {
	if c.Approve && c.Tenant == "" {
		return app.Usagef("--approve needs --tenant: look at each organisation by itself")
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
		w, err := newForeground(a, cfg, st, scope)
		if err != nil {
			return err
		}
		w.noWait, w.print = c.NoWait, printReconcile
		return w.each(ctx, tenants)
	})
}

// printReconcile tells people what was found, and what was done about it.
func printReconcile(w io.Writer, run store.Run) {
	var removed, repaired int64
	for _, t := range run.Types {
		removed += t.Removed
		n := t.Effects.Counts()
		repaired += n.Created + n.Updated + n.Hidden + n.Withdrawn
	}
	fmt.Fprintf(w, "%s: %s (run %d)\n", run.Tenant, *run.Outcome, run.ID)
	if removed+repaired == 0 && run.Message == nil {
		fmt.Fprintln(w, "  The replica is as the source is.")
		return
	}
	fmt.Fprintf(w, "  removed %d that the source no longer has, repaired %d\n", removed, repaired)
	if run.Message != nil {
		fmt.Fprintf(w, "  %s\n", *run.Message)
	}
}
