package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

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
	// Waits is called when the run begins to wait for another, which until then is held by what
	// the text names, if not nil.
	Waits func(run int64, by string, until time.Time)
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
	for told := int64(0); ; {
		err := s.complete(ctx, run.ID, req.Began)
		if !errors.Is(err, store.ErrBusy) {
			if err != nil {
				return store.Run{}, err
			}
			return s.store.Run(ctx, run.ID)
		}
		held, ended, failed := s.holder(ctx, req.Tenant)
		if failed != nil {
			return store.Run{}, failed
		}
		if req.NoWait && !ended {
			if created { // a run that was waiting already goes on waiting
				err = s.store.CancelWaiting(ctx, run.ID)
			}
			return store.Run{}, cmp.Or(err, store.ErrBusy)
		}
		if held.Run != told && held.Run != 0 && req.Waits != nil {
			req.Waits(held.Run, s.describe(held), held.Until)
			told = held.Run
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

// holder returns the claim of another process on a run of the tenant, if there is one. A claim of a
// process that is known to be dead is ended instead.
func (s *Syncer) holder(ctx context.Context, tenant string) (held store.Holder, ended bool, err error) {
	list, err := s.store.Holders(ctx, tenant)
	if err != nil {
		return held, false, err
	}
	for _, h := range list {
		if !parseProcess(h.Worker).isDead(s.here) {
			held = h
			continue
		}
		if err := s.store.EndLease(ctx, h); err != nil {
			return held, ended, err
		}
		s.log.Info("the process that worked on a run is dead; the run is taken over", zap.Int64("run", h.Run))
		ended = true
	}
	return held, ended, nil
}

// describe returns which process has the claim.
func (s *Syncer) describe(h store.Holder) string {
	p := parseProcess(h.Worker)
	switch {
	case h.Worker == "":
		return ""
	case p.space != "" && p.space == s.here.space:
		return fmt.Sprintf("process %d on this host", p.pid)
	case p.pid != 0:
		return fmt.Sprintf("process %d on host %s", p.pid, p.host)
	}
	return "another process on host " + p.host
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
