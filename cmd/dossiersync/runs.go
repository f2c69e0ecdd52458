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

type runsCmd struct {
	Tenant string `help:"Only this tenant." placeholder:"TENANT"`
	Limit  int    `help:"The largest number of runs; default: ${default}." default:"20" placeholder:"N"`
}

// Help implements kong's HelpProvider.
func (*runsCmd) Help() string {
	return `Examples:
  dossiersync runs
  dossiersync runs --tenant amaris --limit 5
  dossiersync --json runs`
}

// Run implements the command.
func (c *runsCmd) Run(ctx context.Context, a *session) error {
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		if _, err := selectTenants(cfg, c.Tenant); err != nil {
			return err
		}
		if c.Limit < 1 {
			return app.Usagef("--limit must be 1 or more")
		}
		runs, err := st.Runs(ctx, store.RunFilter{Tenant: c.Tenant, Limit: c.Limit})
		if err != nil {
			return err
		}
		if a.cli.JSON {
			if runs == nil {
				runs = []store.Run{}
			}
			return printJSON(a.out, map[string]any{"items": runs})
		}
		if len(runs) == 0 {
			fmt.Fprintln(a.out, "No runs yet. The first run starts at the next slot; to start one now: dossiersync sync")
			return nil
		}
		table(a.out, "RUN\tTENANT\tTRIGGER\tREQUESTED\tTOOK\tOUTCOME\tMESSAGE", func(t io.Writer) {
			for _, r := range runs {
				took := ""
				if r.StartedAt != nil && r.FinishedAt != nil {
					took = r.FinishedAt.Sub(*r.StartedAt).Round(10 * time.Millisecond).String()
				}
				message := ""
				if r.Message != nil {
					message = *r.Message
				}
				fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Tenant, r.Trigger,
					moment(r.RequestedAt, zoneOf(cfg, r.Tenant)), took, outcomeWord(r), message)
			}
		})
		return nil
	})
}
