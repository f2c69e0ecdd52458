package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"dossiersync/config"
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
or stale, or waits for its grants after a restore.`
}

// tenantStatus is how up to date one tenant is. Times are the database's.
type tenantStatus struct {
	ID          string               `json:"id"`
	Name        string               `json:"name"`
	State       store.FreshnessState `json:"state"`
	LastSuccess *time.Time           `json:"lastSuccess"`
	NextSlot    time.Time            `json:"nextSlot"`
	Unreachable *time.Time           `json:"unreachableSince"`
	// Trouble is what keeps the source from being read, and TroubleUntil until
	// when it is left alone.
	Trouble      *string    `json:"trouble"`
	TroubleUntil *time.Time `json:"troubleUntil"`
	Reconciled   *time.Time `json:"lastReconcile"` // of everything
	Epoch        int32      `json:"epoch"`         // rises when the source was restored or replaced
	EpochSince   *time.Time `json:"epochSince"`
	// Requests is how many requests the last run, or the one that is running, has
	// made to the source, of RequestBudget; 0: as many as it likes.
	Requests      int64                `json:"requests"`
	RequestBudget int                  `json:"requestBudget"`
	Held          []store.HeldRemovals `json:"heldRemovals"`
	Running       *int64               `json:"running"` // the run's id
	LastOutcome   *store.Outcome       `json:"lastOutcome"`
	LastMessage   *string              `json:"lastMessage"`
	Quarantined   int64                `json:"quarantined"`
	// AwaitingGrants is since when nothing is shown, until the portal has sent all
	// grants again after a restore.
	AwaitingGrants *time.Time `json:"awaitingGrantsSince"`
}

// Run implements the command.
func (c *statusCmd) Run(ctx context.Context, a *app) error {
	if c.Every < 100*time.Millisecond {
		return usagef("--every must be 100ms or more")
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
			if (s.State != store.Fresh || s.AwaitingGrants != nil) && err == nil {
				err = errLeftOver
			}
		}
		return err
	})
}

// readStatuses returns how up to date the tenants are, and when that was.
func readStatuses(ctx context.Context, cfg *config.Config, st *store.Store, ids []string) (time.Time, []tenantStatus, error) {
	now, err := st.Now(ctx)
	if err != nil {
		return now, nil, err
	}
	list := []tenantStatus{}
	for i := range cfg.Tenants {
		if t := &cfg.Tenants[i]; slices.Contains(ids, t.ID) {
			s, err := readStatus(ctx, st, t, now)
			if err != nil {
				return now, nil, err
			}
			list = append(list, s)
		}
	}
	return now, list, nil
}

// printStatus tells people, on a terminal in colour.
func printStatus(w io.Writer, now time.Time, list []tenantStatus) {
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
				s.NextSlot.Format("Mon 15:04"), last, s.Quarantined, source)
		}
	})
	for _, s := range list {
		s.remarks(w, now)
	}
}

var colourOf = map[store.FreshnessState]colour{store.Fresh: green, store.Late: yellow, store.Stale: red}

// remarks are what a table has no room for.
func (s *tenantStatus) remarks(w io.Writer, now time.Time) {
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
		fmt.Fprintf(w, "%s: %d removals of %s are held, the oldest found %s; look, then: dossiersync reconcile --tenant %s --stream %s --approve\n",
			s.ID, h.Items, h.Stream, ago(now, &h.Since), s.ID, h.Stream)
	}
	if s.EpochSince != nil {
		fmt.Fprintf(w, "%s: the source was restored or replaced %s (epoch %d)\n", s.ID, ago(now, s.EpochSince), s.Epoch)
	}
	if s.RequestBudget > 0 {
		fmt.Fprintf(w, "%s: the last run made %d requests of the %d that it may\n", s.ID, s.Requests, s.RequestBudget)
	}
}

func readStatus(ctx context.Context, st *store.Store, t *config.Tenant, now time.Time) (tenantStatus, error) {
	s := tenantStatus{ID: t.ID, Name: t.Name, NextSlot: t.Schedule.Next(now).In(t.Location)}
	known, err := st.Tenant(ctx, t.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return s, err
	}
	s.LastSuccess, s.Unreachable = known.Succeeded, known.Unreachable
	s.Trouble, s.TroubleUntil, s.Reconciled = known.Trouble, known.TroubleUntil, known.Reconciled
	s.AwaitingGrants = known.AwaitingGrants
	s.Epoch, s.EpochSince, s.RequestBudget = known.Epoch, known.EpochSince, t.Source.FHIR.RequestsPerRun
	s.State = store.StateOf(t.Schedule, s.LastSuccess, now, now)
	if s.LastSuccess == nil && err == nil {
		s.State = store.StateOf(t.Schedule, nil, known.Since, now)
	}
	runs, err := st.Runs(ctx, store.RunFilter{Tenant: t.ID, Limit: 5})
	if err != nil {
		return s, err
	}
	for _, r := range runs[:min(len(runs), 1)] {
		types, err := st.RunTypes(ctx, r.ID)
		if err != nil {
			return s, err
		}
		for _, rt := range types {
			s.Requests += rt.Requests
		}
	}
	if s.Held, err = st.HeldRemovals(ctx, t.ID); err != nil {
		return s, err
	}
	for _, r := range runs {
		if r.State == store.RunRunning && s.Running == nil {
			s.Running = &r.ID
		}
		if r.State == store.RunDone && s.LastOutcome == nil {
			s.LastOutcome, s.LastMessage = r.Outcome, r.Message
		}
	}
	s.Quarantined, err = st.CountQuarantine(ctx, t.ID)
	return s, err
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
