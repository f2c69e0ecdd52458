package sync

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/robfig/cron/v3"
	"go.uber.org/zap"

	"dossiersync/store"
)

// schedule requests a run of each tenant at each of its slots until ctx ends. At its start and
// every few minutes it also requests the latest slot that was missed. Every worker does this; the
// store makes sure that a slot has one run.
func (s *Syncer) schedule(ctx context.Context) error {
	c := cron.New(cron.WithChain(
		// Skip must be outside Recover, or a job that panicked would count as still running for
		// ever.
		cron.SkipIfStillRunning(cron.DiscardLogger), cron.Recover(cron.DiscardLogger)))
	for _, t := range s.tenants {
		c.Schedule(t.Schedule, cron.FuncJob(func() { s.tick(ctx, t) }))
	}
	began := time.Now()
	c.Start()
	defer func() { <-c.Stop().Done() }()

	again := time.NewTicker(catchUpEvery)
	defer again.Stop()
	for {
		for _, t := range s.tenants {
			s.catchUp(ctx, t, began)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
	}
}

const (
	// catchUpEvery is how often a worker looks for missed slots, for instance because it could not
	// reach the database at a slot.
	catchUpEvery = 5 * time.Minute
	// clockSkew is how far our clock may run ahead of the database's, which decides on slots.
	clockSkew = 10 * time.Second
)

// tick requests the run of the slot that has just come. It first waits for a time that differs by
// tenant, so that not all sources are asked at once.
func (s *Syncer) tick(ctx context.Context, t *Tenant) {
	began := time.Now()
	within := min(s.opts.Spread, t.Schedule.Next(began).Sub(began)/10)
	select {
	case <-ctx.Done():
		return
	case <-time.After(spread(t.ID, within)):
	}
	now, err := s.store.Now(ctx)
	if err != nil {
		s.log.Error("a slot's run could not be requested; the slot will be caught up",
			zap.String("tenant", t.ID), zap.Error(err))
		return
	}
	s.requestSlot(ctx, t, LastSlot(t.Schedule, now.Add(clockSkew)), store.TriggerSchedule)
}

// catchUp requests a run if the latest slot has had none. Earlier slots need none, because a run
// brings everything up to date. began is when this worker began to wait for slots.
func (s *Syncer) catchUp(ctx context.Context, t *Tenant, began time.Time) {
	now, err := s.store.Now(ctx)
	if err != nil {
		s.log.Error("look for missed slots", zap.String("tenant", t.ID), zap.Error(err))
		return
	}
	slot := LastSlot(t.Schedule, now)
	known, err := s.store.Tenant(ctx, t.ID)
	if err != nil {
		s.log.Error("look for missed slots", zap.String("tenant", t.ID), zap.Error(err))
		return
	}
	if known.Succeeded == nil {
		s.retryFirstRun(ctx, t)
	}
	// tick requests a slot that came less than a minute ago, if this worker was waiting for it.
	ticks := slot.After(began) && now.Sub(slot) < s.opts.Spread+clockSkew
	if slot.IsZero() || known.Succeeded != nil && ticks {
		return
	}
	s.requestSlot(ctx, t, slot, store.TriggerCatchUp)
}

// firstRunAgain is how long after its end a failed first run is tried again.
const firstRunAgain = time.Hour

// retryFirstRun requests a run of a tenant that was never read if its last run failed an hour ago:
// a new tenant's mistakes are mended within the day, and readers wait for it.
func (s *Syncer) retryFirstRun(ctx context.Context, t *Tenant) {
	failed, err := s.store.FirstRunFailed(ctx, t.ID, firstRunAgain)
	if err == nil && failed {
		_, _, err = s.store.RequestRun(ctx, store.RunRequest{Tenant: t.ID, Trigger: store.TriggerCatchUp})
	}
	if err != nil && ctx.Err() == nil {
		s.log.Error("a failed first run could not be requested again", zap.String("tenant", t.ID), zap.Error(err))
	}
}

// requestSlot requests the run of a slot, unless a run has served the slot.
func (s *Syncer) requestSlot(ctx context.Context, t *Tenant, slot time.Time, trigger store.Trigger) {
	taken, err := s.store.SlotTaken(ctx, t.ID, slot)
	if err == nil && !taken {
		_, _, err = s.store.RequestRun(ctx, store.RunRequest{Tenant: t.ID, Trigger: trigger, Slot: slot})
	}
	if err != nil && ctx.Err() == nil {
		s.log.Error("a slot's run could not be requested; the slot will be caught up",
			zap.String("tenant", t.ID), zap.Error(err))
	}
}

// spread returns the tenant's delay, below d and the same every time.
func spread(tenant string, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	h := fnv.New64a()
	fmt.Fprint(h, tenant)
	return time.Duration(h.Sum64() % uint64(d))
}

// LastSlot returns the latest moment of the schedule that is not after t, or zero if there was none
// in the five years before.
func LastSlot(s cron.Schedule, t time.Time) time.Time {
	const farthest = 5 * 366 * 24 * time.Hour
	for back := time.Hour; ; back = min(4*back, farthest) {
		slot := s.Next(t.Add(-back))
		if slot.IsZero() || slot.After(t) {
			if back == farthest {
				return time.Time{}
			}
			continue
		}
		for {
			next := s.Next(slot)
			if next.IsZero() || next.After(t) {
				return slot
			}
			slot = next
		}
	}
}
