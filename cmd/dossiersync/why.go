package main

import (
	"context"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
)

type whyCmd struct {
	Tenant string `help:"The tenant." required:"" placeholder:"TENANT"`
	Client string `help:"The client (the source's Patient id)." required:"" placeholder:"ID"`
	User   string `help:"Also explain what this user sees (the sub of their token)." placeholder:"USER"`
}

// Help implements kong's HelpProvider.
func (*whyCmd) Help() string {
	return `Explains what a client's dossier shows and to whom, and why it does not show more:
whether the client is known, which users have rights and whether they count today,
what is stored, hidden, withdrawn or in quarantine and why, and how up to date it is.
It ends with a sentence on each part. It prints no names and nothing that is written
in the dossier. That you asked is recorded in the access log (NEN 7513); if it cannot
be recorded, nothing is printed.

Examples:
  dossiersync why --tenant amaris --client 4711
  dossiersync why --tenant amaris --client 4711 --user 8f14e45f

Exit codes: 0 the client is known; 1 the client is not known, or failed.`
}

// Run implements the command.
func (c *whyCmd) Run(ctx context.Context, a *session) error {
	by, err := a.operator()
	if err != nil {
		return err
	}
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		if _, err := selectTenants(cfg, c.Tenant); err != nil {
			return err
		}
		why, err := operate.WhyOf(ctx, st, app.OpsTenant(cfg, c.Tenant), c.Client, c.User, by)
		if err != nil {
			return err
		}
		if a.cli.JSON {
			err = printJSON(a.out, why)
		} else {
			(&whyPrinter{why, zoneOf(cfg, c.Tenant)}).print(a.out)
		}
		if err == nil && why.Known == nil {
			err = errPrinted
		}
		return err
	})
}
