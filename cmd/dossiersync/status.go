package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
)

type statusCmd struct {
	Tenant string        `help:"Only this tenant." placeholder:"TENANT"`
	Watch  bool          `help:"Show the status again and again, until stopped."`
	Every  time.Duration `help:"The time between two updates with --watch; default: ${default}." default:"5s" placeholder:"TIME"`
}

// Help implements kong's HelpProvider.
func (*statusCmd) Help() string {
	return `With --json, --watch prints one line for each update.

Examples:
  dossiersync status
  dossiersync status --tenant amaris
  dossiersync status --watch
  dossiersync --json status

Exit codes: 0 every tenant is fresh, or --watch was stopped; 1 failed; 3 a tenant is late
or stale, or shows nothing after a restore.`
}

// Run implements the command.
func (c *statusCmd) Run(ctx context.Context, a *session) error {
	if c.Every < 100*time.Millisecond {
		return app.Usagef("--every must be 100ms or more")
	}
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		ids, err := selectTenants(cfg, c.Tenant)
		if err != nil {
			return err
		}
		if c.Watch {
			return c.watch(ctx, a, cfg, st, ids)
		}
		now, list, err := readStatuses(ctx, cfg, st, ids)
		if err != nil {
			return err
		}
		if a.cli.JSON {
			err = printJSON(a.out, map[string]any{"items": list})
		} else {
			printStatus(a.out, now, list)
		}
		for _, s := range list {
			if (s.State != store.Fresh || s.ShowsNothing()) && err == nil {
				err = errLeftOver
			}
		}
		return err
	})
}

// readStatuses returns how up to date the tenants are, and the time at which they were.
func readStatuses(
	ctx context.Context, cfg *config.Config, st *store.Store, ids []string,
) (time.Time, []operate.Status, error) {
	tenants := make([]*operate.Tenant, 0, len(ids))
	for _, id := range ids {
		tenants = append(tenants, app.OpsTenant(cfg, id))
	}
	list, err := operate.Statuses(ctx, st, tenants)
	if err != nil {
		return time.Time{}, nil, err
	}
	return list[0].Now, list, nil
}

// printStatus prints a table of tenants with remarks below it, on a terminal in colour.
func printStatus(w io.Writer, now time.Time, list []operate.Status) {
	paint := painter(w)
	header := "TENANT\t" + paint(plain, "STATE") + "\tLAST SUCCESS\tNEXT SLOT\tLAST RUN\tQUARANTINE\tSOURCE"
	table(w, header, func(t io.Writer) {
		for _, s := range list {
			source := "reachable"
			if s.Unreachable != nil {
				source = "unreachable, first " + ago(now, s.Unreachable)
			}
			last := "none"
			switch {
			case s.Running != nil:
				last = fmt.Sprintf("run %d is running", *s.Running)
			case s.LastOutcome != nil:
				last = string(*s.LastOutcome)
			}
			state := paint(colourOf[s.State], string(s.State))
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", s.ID, state, ago(now, s.LastSuccess),
				s.NextSlot.Format("Mon 15:04 MST"), last, s.Quarantined, source)
		}
	})
	for _, s := range list {
		printRemarks(w, &s, now)
	}
	if len(list) == 1 {
		s := &list[0]
		fmt.Fprintf(w, "%s: at most %g requests per second to the source, and %d at once; the last run made %d requests\n",
			s.ID, s.Pace.RequestsPerSecond, s.Pace.Concurrency, s.Requests)
	}
}

var colourOf = map[store.FreshnessState]colour{store.Fresh: green, store.Late: yellow, store.Stale: red}

// printRemarks prints what does not fit in the table.
func printRemarks(w io.Writer, s *operate.Status, now time.Time) {
	if s.AwaitingErasures != nil {
		fmt.Fprintf(w, "%s: nothing is shown: the database was restored %s, and the erasures must be repeated first "+
			"(dossiersync migrate --restored)\n", s.ID, ago(now, s.AwaitingErasures))
	}
	if s.AwaitingGrants != nil {
		fmt.Fprintf(w, "%s: nothing is shown: the database was restored %s, and the portal must send all grants first "+
			"(PUT /v1/grants)\n", s.ID, ago(now, s.AwaitingGrants))
	}
	if s.LastMessage != nil {
		fmt.Fprintf(w, "%s: %s\n", s.ID, *s.LastMessage)
	}
	if s.Trouble != nil {
		next := ""
		if s.TroubleUntil != nil && s.TroubleUntil.After(now) {
			next = fmt.Sprintf("; the next try is in %s", s.TroubleUntil.Sub(now).Round(time.Second))
		}
		fmt.Fprintf(w, "%s: %s%s\n", s.ID, *s.Trouble, next)
	}
	for _, h := range s.Held {
		fmt.Fprintf(w, "%s: %d items of %s are held for an operator, the oldest found %s; "+
			"dossiersync held --tenant %s shows why\n", s.ID, h.Items, h.Stream, ago(now, &h.Since), s.ID)
	}
	if s.EpochSince != nil {
		fmt.Fprintf(w, "%s: the source was restored or replaced %s (epoch %d)\n", s.ID, ago(now, s.EpochSince), s.Epoch)
	}
	if s.RequestBudget > 0 {
		fmt.Fprintf(w, "%s: the last run made %d of the %d requests that a run may make\n", s.ID, s.Requests, s.RequestBudget)
	}
}

// withStore calls f with the configuration and its database, which it closes afterwards.
func (a *session) withStore(ctx context.Context, f func(*config.Config, *store.Store) error) (err error) {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	db, err := app.OpenDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	st, err := db.Open(ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	return f(cfg, st)
}
