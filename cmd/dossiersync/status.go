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
	Watch  bool          `help:"Show it again and again, until you stop it."`
	Every  time.Duration `help:"How often, with --watch." default:"5s" placeholder:"TIME"`
}

// Help implements kong's HelpProvider.
func (*statusCmd) Help() string {
	return `With --json, --watch answers with one line each time.

Examples:
  dossiersync status
  dossiersync status --tenant amaris
  dossiersync status --watch
  dossiersync --json status

Exit codes: 0 every tenant is fresh, or you stopped --watch; 3 at least one is late
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

// readStatuses returns how up to date the tenants are, and when that was.
func readStatuses(ctx context.Context, cfg *config.Config, st *store.Store, ids []string) (time.Time, []operate.Status, error) {
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

// printStatus tells people, on a terminal in colour.
func printStatus(w io.Writer, now time.Time, list []operate.Status) {
	paint := painter(w)
	table(w, "TENANT\t"+paint(plain, "STATE")+"\tLAST SUCCESS\tNEXT SLOT\tLAST RUN\tQUARANTINE\tSOURCE", func(t io.Writer) {
		for _, s := range list {
			source := "reachable"
			if s.Unreachable != nil {
				source = "not readable, first " + ago(now, s.Unreachable)
			}
			last := "none"
			switch {
			case s.Running != nil:
				last = fmt.Sprintf("run %d is running", *s.Running)
			case s.LastOutcome != nil:
				last = string(*s.LastOutcome)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", s.ID, paint(colourOf[s.State], string(s.State)), ago(now, s.LastSuccess),
				s.NextSlot.Format("Mon 15:04 MST"), last, s.Quarantined, source)
		}
	})
	for _, s := range list {
		printRemarks(w, &s, now)
	}
	if len(list) == 1 {
		s := &list[0]
		fmt.Fprintf(w, "%s: the source is asked %g times a second at most, %d at once; the last run asked %d times\n",
			s.ID, s.Pace.RequestsPerSecond, s.Pace.Concurrency, s.Requests)
	}
}

var colourOf = map[store.FreshnessState]colour{store.Fresh: green, store.Late: yellow, store.Stale: red}

// printRemarks tells what a table has no room for.
func printRemarks(w io.Writer, s *operate.Status, now time.Time) {
	if s.AwaitingErasures != nil {
		fmt.Fprintf(w, "%s: nothing is shown since the database was restored %s, until what was erased is erased again (dossiersync migrate --restored)\n", s.ID, ago(now, s.AwaitingErasures))
	}
	if s.AwaitingGrants != nil {
		fmt.Fprintf(w, "%s: nothing is shown since the database was restored %s, until the portal has sent all grants (PUT /v1/grants)\n", s.ID, ago(now, s.AwaitingGrants))
	}
	if s.LastMessage != nil {
		fmt.Fprintf(w, "%s: %s\n", s.ID, *s.LastMessage)
	}
	if s.Trouble != nil {
		next := ""
		if s.TroubleUntil != nil && s.TroubleUntil.After(now) {
			next = fmt.Sprintf("; it is left alone for %s", s.TroubleUntil.Sub(now).Round(time.Second))
		}
		fmt.Fprintf(w, "%s: %s%s\n", s.ID, *s.Trouble, next)
	}
	for _, h := range s.Held {
		fmt.Fprintf(w, "%s: %d removals of %s are held, the oldest found %s; look, then: dossiersync reconcile --tenant %s --stream %s --approve --by YOU\n",
			s.ID, h.Items, h.Stream, ago(now, &h.Since), s.ID, h.Stream)
	}
	if s.EpochSince != nil {
		fmt.Fprintf(w, "%s: the source was restored or replaced %s (epoch %d)\n", s.ID, ago(now, s.EpochSince), s.Epoch)
	}
	if s.RequestBudget > 0 {
		fmt.Fprintf(w, "%s: the last run made %d requests of the %d that it may\n", s.ID, s.Requests, s.RequestBudget)
	}
}

// withStore opens what the configuration says and closes it after f.
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
