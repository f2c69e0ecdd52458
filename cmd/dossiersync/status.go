package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"dossiersync/config"
	"dossiersync/portalapi/ops/answer"
	"dossiersync/store"
)

type statusCmd struct {
	Tenant string `help:"Only this tenant." placeholder:"TENANT"`
}

// Help implements kong's HelpProvider.
func (*statusCmd) Help() string {
	return `Exit codes: 0 every tenant is fresh; 3 at least one is late or stale.`
}

// Run implements the command.
func (c *statusCmd) Run(ctx context.Context, a *app) error {
	return a.withStore(ctx, func(cfg *config.Config, st *store.Store) error {
		ids, err := selectTenants(cfg, c.Tenant)
		if err != nil {
			return err
		}
		var tenants []*answer.Tenant
		for _, id := range ids {
			tenants = append(tenants, opsTenant(cfg, id))
		}
		list, err := answer.Statuses(ctx, st, tenants)
		if err != nil {
			return err
		}
		return c.print(a, list)
	})
}

func (c *statusCmd) print(a *app, list []answer.Status) error {
	var worst error
	for _, s := range list {
		if s.State != store.Fresh {
			worst = errLeftOver
		}
	}
	if a.cli.JSON {
		return errors.Join(printJSON(a.out, map[string]any{"items": list}), worst)
	}
	table(a.out, "TENANT\tSTATE\tLAST SUCCESS\tNEXT SLOT\tLAST RUN\tQUARANTINE\tSOURCE", func(t io.Writer) {
		for _, s := range list {
			source := "reachable"
			if s.Unreachable != nil {
				source = "not readable, first " + ago(s.Now, s.Unreachable)
			}
			last := "none"
			switch {
			case s.Running != nil:
				last = fmt.Sprintf("run %d is running", *s.Running)
			case s.LastOutcome != nil:
				last = string(*s.LastOutcome)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", s.ID, s.State, ago(s.Now, s.LastSuccess),
				s.NextSlot.Format("Mon 15:04"), last, s.Quarantined, source)
		}
	})
	for _, s := range list {
		printRemarks(a.out, &s)
	}
	return worst
}

// printRemarks tells what a table has no room for.
func printRemarks(w io.Writer, s *answer.Status) {
	if s.LastMessage != nil {
		fmt.Fprintf(w, "%s: %s\n", s.ID, *s.LastMessage)
	}
	if s.Trouble != nil {
		next := ""
		if s.TroubleUntil != nil && s.TroubleUntil.After(s.Now) {
			next = fmt.Sprintf("; it is left alone for %s", s.TroubleUntil.Sub(s.Now).Round(time.Second))
		}
		fmt.Fprintf(w, "%s: %s%s\n", s.ID, *s.Trouble, next)
	}
	for _, h := range s.Held {
		fmt.Fprintf(w, "%s: %d removals of %s are held, the oldest found %s; look, then: dossiersync reconcile --tenant %s --stream %s --approve\n",
			s.ID, h.Items, h.Stream, ago(s.Now, &h.Since), s.ID, h.Stream)
	}
	if s.AwaitingGrants != nil {
		fmt.Fprintf(w, "%s: nothing is shown to anybody: the database was restored from a backup %s, and waits for the portal to send all grants\n", s.ID, ago(s.Now, s.AwaitingGrants))
	}
	if s.EpochSince != nil {
		fmt.Fprintf(w, "%s: the source was restored or replaced %s (epoch %d)\n", s.ID, ago(s.Now, s.EpochSince), s.Epoch)
	}
	if s.RequestBudget > 0 {
		fmt.Fprintf(w, "%s: the last run made %d requests of the %d that it may\n", s.ID, s.Requests, s.RequestBudget)
	}
}

// withStore opens what the configuration says and closes it after f.
func (a *app) withStore(ctx context.Context, f func(*config.Config, *store.Store) error) (err error) {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	db, err := openDatabase(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	st, err := db.open(ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	return f(cfg, st)
}
