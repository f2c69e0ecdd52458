package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"dossiersync/store"
)

// SyncRequest asks for a run that the caller's own process works on.
type SyncRequest struct {
	Tenant string
	Scope  store.Scope
	By     string // the operator's name, for the run's record
	NoWait bool   // fail with [store.ErrBusy] while another run holds the tenant
	// Began is called with the run's id when work on the run begins, if not nil.
	Began func(run int64)
}

// Sync brings a tenant up to date in this process, under the same lease and fence as a worker, and
// returns the run as it ended. It waits while another run holds the tenant; if that run's worker
// has died, Sync finishes that run first. When ctx ends, the run is left to the next worker or
// Sync.
func (s *Syncer) Sync(ctx context.Context, req SyncRequest) (store.Run, error) {
	t, ok := s.tenants[req.Tenant]
	if !ok {
		return store.Run{}, fmt.Errorf("tenant %s is not configured", req.Tenant)
	}
	if err := s.putTenant(ctx, t); err != nil {
		return store.Run{}, err
	}
	run, created, err := s.store.RequestRun(ctx, store.RunRequest{
		Tenant: req.Tenant, Trigger: store.TriggerCommand, Scope: req.Scope, By: req.By})
	if err != nil {
		return store.Run{}, err
	}
	for {
		err := s.complete(ctx, run.ID, req.Began)
		if !errors.Is(err, store.ErrBusy) {
			if err != nil {
				return store.Run{}, err
			}
			return s.store.Run(ctx, run.ID)
		}
		if req.NoWait {
			if created { // a run that was waiting already goes on waiting
				err = s.store.CancelWaiting(ctx, run.ID)
			}
			return store.Run{}, cmp.Or(err, store.ErrBusy)
		}
		if err := s.takeOver(ctx, req.Tenant); err != nil {
			return store.Run{}, err
		}
		select {
		case <-ctx.Done():
			return store.Run{}, context.Cause(ctx)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// complete works on the run until it is done. It fails with [store.ErrBusy] while another worker
// holds the tenant.
func (s *Syncer) complete(ctx context.Context, id int64, began func(int64)) error {
	for {
		claim, err := s.store.ClaimRun(ctx, id, s.opts.Worker)
		if errors.Is(err, store.ErrRunDone) {
			return nil
		}
		if err != nil {
			return err
		}
		if began != nil {
			began(id)
			began = nil
		}
		next, err := s.workOn(ctx, claim, foreground)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !next.again {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(next.pause):
		}
	}
}

// takeOver finishes the tenant's running run if its worker has died.
func (s *Syncer) takeOver(ctx context.Context, tenant string) error {
	running, err := s.store.Runs(ctx, store.RunFilter{Tenant: tenant, State: store.RunRunning})
	if err != nil {
		return err
	}
	for _, run := range running {
		err := s.complete(ctx, run.ID, nil)
		if err != nil && !errors.Is(err, store.ErrBusy) && !errors.Is(err, store.ErrFenced) {
			return err
		}
	}
	return nil
}
