package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/store"
	dossiersync "dossiersync/sync"
)

// foreground works on runs in this process, one tenant after another, while the operator
// waits.
type foreground struct {
	session *session
	store   *store.Store
	cfg     *config.Config
	syncer  *dossiersync.Syncer
	scope   store.Scope
	by      string
	noWait  bool
	print   func(io.Writer, store.Run) // prints how a run ended
}

func newForeground(ctx context.Context, a *session, cfg *config.Config, st *store.Store, scope store.Scope) (*foreground, error) {
	by, err := a.operator()
	if err != nil {
		return nil, err
	}
	if err := app.PrepareToSync(ctx, cfg, st); err != nil {
		return nil, err
	}
	syncer, err := app.NewSyncer(cfg, st, app.SyncerOptions{})
	if err != nil {
		return nil, err
	}
	return &foreground{session: a, cfg: cfg, store: st, syncer: syncer, scope: scope, by: by, print: printRun}, nil
}

// each runs the tenants one after another. A tenant that fails does not stop the next.
func (f *foreground) each(ctx context.Context, tenants []string) error {
	var runs []store.Run
	var worst error
	for _, tenant := range tenants {
		run, err := f.one(ctx, tenant)
		switch {
		case errors.Is(err, store.ErrBusy):
			fmt.Fprintf(f.session.err, "%s: %v\n", tenant, err)
			worst = errPrinted
			continue
		case err != nil:
			return err
		}
		runs = append(runs, run)
		if !f.session.cli.JSON {
			f.print(f.session.out, run)
		}
		switch outcome := *run.Outcome; {
		case outcome == store.OutcomePartial && worst == nil:
			worst = errLeftOver
		case outcome == store.OutcomeFailed || outcome == store.OutcomeCancelled:
			worst = errPrinted
		}
	}
	if f.session.cli.JSON {
		if err := printJSON(f.session.out, map[string]any{"items": runs}); err != nil {
			return err
		}
	}
	return worst
}

func (f *foreground) one(ctx context.Context, tenant string) (store.Run, error) {
	follow := newFollower(f.session, f.store, app.OpsTenant(f.cfg, tenant))
	defer follow.stop()
	return f.syncer.Sync(ctx, dossiersync.SyncRequest{
		Tenant: tenant, Scope: f.scope, By: f.by, NoWait: f.noWait,
		Began: func(run int64) { follow.start(ctx, run) },
		Waits: func(run int64, by string, until time.Time) {
			at := until.In(zoneOf(f.cfg, tenant)).Format(time.TimeOnly + " MST")
			if by == "" {
				fmt.Fprintf(f.session.err, "%s: run %d pauses until %s; waiting for it\n", tenant, run, at)
				return
			}
			fmt.Fprintf(f.session.err, "%s: run %d is held by %s until %s, unless it renews that; waiting for it\n",
				tenant, run, by, at)
		},
	})
}
