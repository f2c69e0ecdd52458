package sync

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/sync/render"
	"dossiersync/sync/source"
)

// mode is how a run is worked on.
type mode int

const (
	background mode = iota // by a worker: the run can wait for its source, and gives way to others
	foreground             // by a command: a person waits for the run
)

// slice is the work on a run under one claim. It ends when the run is done, when its time is up
// or the run's requests are spent, or with an error; see [slice.end].
type slice struct {
	syncer *Syncer
	tenant *Tenant
	claim  store.Claim
	mode   mode
	log    *zap.Logger
	until  time.Time // in the background: when the slice gives way
	render *render.Renderer

	description source.Description
	cursors     map[store.TypeID]store.Cursor // as they were when the slice began
	types       []store.RunType               // in reading order
	failure     *source.Failure               // the first of a type in this slice; nil: none
	unknown     bool                          // that type is one that the source does not know
	isReached   bool                          // a type was read in this slice
	owed        int64                         // clients whose history could not be read
	compared    reconciliation                // what a reconcile has left over
	empty       []store.AbsentType            // read whole, and empty, although items are shown
	wentBack    bool                          // a new epoch began: the source was restored or replaced
	quarantined int64                         // the tenant's items in quarantine, within the run's scope
	notNew      map[store.TypeID]bool         // types of which items were stored before this run
	youngest    map[store.TypeID]time.Time    // by type: of the youngest record that this slice has read
	drained     []store.EmptyWindow           // windows whose cursors have not been moved yet
	waiting     *store.Outstanding            // what waits besides the source's records; nil: not known
	requests    atomic.Int64                  // requests to the source that are not recorded yet
	spent       atomic.Int64                  // requests to the source of the whole run
	last        atomic.Int64                  // when the slice last made headway, in Unix seconds
}

// unknownTenantPause is how long a run of an unknown tenant is left to other workers.
const unknownTenantPause = 15 * time.Second

// workOn works on the claimed run until the run is done, the slice's time is up, or ctx ends. It
// gives the claim back in every case but [store.ErrFenced].
func (s *Syncer) workOn(ctx context.Context, claim store.Claim, m mode) (next, error) {
	run := claim.Run
	log := s.log.With(zap.Int64("run", run.ID), zap.String("tenant", run.Tenant))
	t, ok := s.tenants[run.Tenant]
	if !ok {
		// A newer worker may know the tenant, so the pause is short.
		log.Warn("the run's tenant is not configured here; the run is left to other workers")
		return next{again: true, pause: unknownTenantPause},
			s.store.ReleaseClaim(ctx, claim, store.Pause{For: unknownTenantPause})
	}
	if run.Slices <= 1 {
		log.Info("run begins", zap.String("trigger", string(run.Trigger)), zap.Bool("whole", run.Scope.IsWhole()))
	}
	began := time.Now()

	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	sl := &slice{syncer: s, tenant: t, claim: claim, mode: m, log: log, until: began.Add(s.opts.Slice),
		render: render.New(t.ID, t.Location, t.Rules),
		notNew: make(map[store.TypeID]bool), youngest: make(map[store.TypeID]time.Time)}
	released := sl.keepLease(work, stop)
	more, err := sl.run(work)
	stop(nil)
	<-released
	cause := context.Cause(work)
	if err != nil && (errors.Is(cause, errCancelled) || errors.Is(cause, store.ErrFenced)) {
		err = cause
	}
	next, err := sl.end(ctx, more, err)
	if errors.Is(err, store.ErrFenced) {
		log.Warn("the run was taken over, because this worker did not renew its lease in time")
	}
	log.Info("slice ends", zap.Int("slice", run.Slices), zap.Duration("took", time.Since(began)),
		zap.Bool("more", next.again), zap.Duration("pause", next.pause))
	return next, err
}

// run does what the run has not done yet: the windows of each type, then the other steps. It
// reports more when the slice's time is up first.
func (s *slice) run(ctx context.Context) (more bool, err error) {
	if err := s.prepare(ctx); err != nil {
		return false, err
	}
	if more, err := s.inOrder(ctx, s.unshare, s.readTypes); more || err != nil {
		return more, err
	}
	if more, err := s.inOrder(ctx, s.steps()...); more || err != nil {
		return more, err
	}
	// The run's outcome follows from the store's counts, which cover its earlier slices too.
	if s.types, err = s.syncer.store.RunTypes(ctx, s.claim.Run.ID); err != nil {
		return false, err
	}
	if s.empty, err = s.emptiedTypes(ctx); err != nil {
		return false, err
	}
	waiting, err := s.outstanding(ctx)
	if err == nil && waiting.Quarantined {
		s.quarantined, err = s.syncer.store.CountQuarantine(ctx, s.tenant.ID, s.claim.Run.Scope)
	}
	return false, err
}

// outstanding returns what waits in the tenant besides the source's records. It asks the store
// again after a step that may have changed that (see [slice.changed]).
func (s *slice) outstanding(ctx context.Context) (store.Outstanding, error) {
	if s.waiting != nil {
		return *s.waiting, nil
	}
	o, err := s.syncer.store.Outstanding(ctx, s.claim)
	if err != nil {
		return o, err
	}
	s.waiting = &o
	return o, nil
}

// changed notes that more may wait in the tenant, or less, than before.
func (s *slice) changed() { s.waiting = nil }

// step is a part of a run that later slices can take up again. It reports more when the slice's
// time is up before the step is done.
type step func(ctx context.Context) (more bool, err error)

// steps returns what follows the windows, in order.
func (s *slice) steps() []step {
	switch {
	case s.dry():
		return nil
	case s.claim.Run.Scope.Only == store.StepQuarantine:
		return []step{s.retryQuarantined, s.refresh}
	case s.claim.Run.Scope.Only == store.StepReconcile:
		return []step{s.deletions, s.reconcile, s.readAgain, s.settle, s.learnCounts, s.backfill, s.refresh}
	}
	return []step{
		s.retryQuarantined, s.deletions, s.reconcile, s.readAgain, s.settle, s.learnCounts, s.backfill, s.refresh,
		s.countNotPulled,
	}
}

// inOrder does the steps until one reports more or fails.
func (s *slice) inOrder(ctx context.Context, steps ...step) (more bool, err error) {
	for _, do := range steps {
		if more, err := do(ctx); more || err != nil {
			return more, err
		}
	}
	return false, nil
}

// refresh renders again the items that name something that changed. Rendering may ask for an item
// to be read by its id, because it was stored without something that may now be shown; reading
// that item may in turn change what other items name, so that those are rendered last.
func (s *slice) refresh(ctx context.Context) (more bool, err error) {
	return s.inOrder(ctx, s.renderStale, s.readAgain, s.renderStale)
}

// dry reports whether the run only counts what it would do.
func (s *slice) dry() bool { return s.claim.Run.Scope.DryRun }

// timeIsUp reports whether the slice is to end at the next place where it can.
func (s *slice) timeIsUp() bool {
	return s.mode == background && time.Now().After(s.until) || s.budgetIsSpent()
}

// budgetIsSpent reports whether the run has made as many requests as it may.
func (s *slice) budgetIsSpent() bool {
	return s.tenant.RequestsPerRun > 0 && s.spent.Load() >= s.tenant.RequestsPerRun
}

// headway notes that the slice does not hang.
func (s *slice) headway() { s.last.Store(time.Now().Unix()) }

// countRequest counts a request to the source that is about to be made.
func (s *slice) countRequest() {
	s.requests.Add(1)
	s.spent.Add(1)
}
