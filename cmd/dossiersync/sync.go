package main

import (
	"context"
	"fmt"
	"time"

	"dossiersync/config"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// scopeFlags limit what a run reads. sync and resync have them both.
type scopeFlags struct {
	Client string   `help:"Only this client (the source's Patient id)." placeholder:"ID"`
	Stream string   `help:"Only this stream: ${streamList}." enum:",${streams}" default:"" placeholder:"STREAM"`
	From   timeFlag `help:"Only what changed in the source since this time (RFC 3339)." placeholder:"TIME"`
	To     timeFlag `help:"Only what changed in the source until this time (RFC 3339)." placeholder:"TIME"`
	Full   bool     `help:"Read everything from the beginning, not only what is new."`
	DryRun bool     `help:"Report what would change, and change nothing."`
}

func (f scopeFlags) scope() store.Scope {
	return store.Scope{
		Client: f.Client, Stream: dossier.Stream(f.Stream), From: f.From.Time, To: f.To.Time, Full: f.Full, DryRun: f.DryRun,
	}
}

// timeFlag is a time in RFC 3339.
type timeFlag struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *timeFlag) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fmt.Errorf("%q is not a time such as 2026-11-30T07:00:00+01:00", text)
	}
	f.Time = t
	return nil
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
		w, err := newForeground(ctx, a, cfg, st, c.scope())
		if err != nil {
			return err
		}
		w.noWait = c.NoWait
		return w.each(ctx, tenants)
	})
}
