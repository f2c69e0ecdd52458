package main

import (
	"context"
	"time"

	"dossiersync/config"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// scopeFlags limit what a run reads. sync and resync have them both.
type scopeFlags struct {
	Client string    `help:"Only this client (the source's Patient id)." placeholder:"ID"`
	Stream string    `help:"Only this stream: ${streamList}." enum:",${streams}" default:"" placeholder:"STREAM"`
	From   time.Time `help:"Only what changed in the source since this time (RFC 3339)." placeholder:"TIME"`
	To     time.Time `help:"Only what changed in the source until this time (RFC 3339)." placeholder:"TIME"`
	Full   bool      `help:"Read everything from the beginning, not only what is new."`
	DryRun bool      `help:"Report what would change, and change nothing."`
}

func (f scopeFlags) scope() store.Scope {
	return store.Scope{
		Client: f.Client, Stream: dossier.Stream(f.Stream), From: f.From, To: f.To, Full: f.Full, DryRun: f.DryRun,
	}
}

type syncCmd struct {
	scopeFlags
	Tenant string `help:"Only this tenant; default: all, one after another." placeholder:"TENANT"`
	NoWait bool   `help:"Fail (exit 1) instead of waiting while the tenant has another run."`
}

// Help implements kong's HelpProvider.
func (*syncCmd) Help() string {
	return `Examples:
  dossiersync sync                                  what is new, of every tenant
  dossiersync sync --tenant amaris --full           everything of one tenant again
  dossiersync sync --tenant amaris --client 4711    everything of one client

Exit codes: 0 everything was read and applied; 1 failed; 3 something is left over: the
reasons are below the table.`
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
