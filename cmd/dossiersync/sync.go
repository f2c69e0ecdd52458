package main

import (
	"context"
	"time"

	"dossiersync/config"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// scopeFlags limit a run, the same for sync and resync.
type scopeFlags struct {
	Client string    `help:"Only this client (the source's Patient id)." placeholder:"ID"`
	Stream string    `help:"Only this stream: clients, contacts, staff, questionnaires, goals, care-plans, reports or forms." enum:",clients,contacts,staff,questionnaires,goals,care-plans,reports,forms" default:"" placeholder:"STREAM"`
	From   time.Time `help:"Only what changed in the source since then (RFC 3339)." placeholder:"TIME"`
	To     time.Time `help:"Only what changed in the source until then (RFC 3339)." placeholder:"TIME"`
	Full   bool      `help:"Everything from the beginning, not just what is new."`
	DryRun bool      `help:"Say what would change, and change nothing."`
}

func (f scopeFlags) scope() store.Scope {
	return store.Scope{Client: f.Client, Stream: dossier.Stream(f.Stream), From: f.From, To: f.To, Full: f.Full, DryRun: f.DryRun}
}

type syncCmd struct {
	scopeFlags
	Tenant string `help:"Only this tenant; default: each in turn." placeholder:"TENANT"`
	NoWait bool   `help:"Fail (exit 1) if another run holds the tenant, instead of waiting."`
}

// Help implements kong's HelpProvider.
func (*syncCmd) Help() string {
	return `Examples:
  dossiersync sync                                  every tenant, what is new
  dossiersync sync --tenant amaris --full           all of one tenant again
  dossiersync sync --tenant amaris --client 4711    all of one client

Exit codes: 0 everything was read and applied; 3 something is left over (see the
reasons below the table); 1 failed.`
}

// Run implements the command.
func (c *syncCmd) Run(ctx context.Context, a *session) error {
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		tenants, err := selectTenants(cfg, c.Tenant)
		if err != nil {
			return err
		}
		w, err := newForeground(a, cfg, st, c.scope())
		if err != nil {
			return err
		}
		w.noWait = c.NoWait
		return w.each(ctx, tenants)
	})
}
