package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/sync/source"
)

// mode says who works on a run.
type mode int

const (
	background mode = iota // a worker: it can wait for the source, and give way to others
	foreground             // a person at a terminal waits
)

// next says what is to follow a slice.
type next struct {
	again bool          // the run is not done
	pause time.Duration // and may go on after this long
}

// giveUpAfter is how long a run in the background waits for a source that
// cannot be reached, before it fails.
const giveUpAfter = 30 * time.Minute

var errCancelled = errors.New("an operator cancelled the run")

// turn is how long a run of an unknown tenant is left to other workers.
const turn = 15 * time.Second

// slice works on the claimed run until it is done, its time is up, or ctx ends.
// It gives the claim back in every case but [store.ErrFenced].
func (s *Syncer) slice(ctx context.Context, claim store.Claim, m mode) (next, error) {
	run := claim.Run
	log := s.log.With(zap.Int64("run", run.ID), zap.String("tenant", run.Tenant))
	t, ok := s.tenants[run.Tenant]
	if !ok {
		// Another worker may know it, for instance one that is newer. Whose turn is
		// next is not ours to say: it comes soon.
		log.Warn("a run of a tenant that is not configured here is left to others")
		return next{again: true, pause: turn}, s.store.ReleaseClaim(ctx, claim, store.Pause{For: turn})
	}
	if run.Slices <= 1 {
		log.Info("run begins", zap.String("trigger", string(run.Trigger)), zap.Bool("whole", run.Scope.IsWhole()))
	}
	began := time.Now()

	work, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r := &slice{syncer: s, tenant: t, claim: claim, log: log, until: began.Add(s.opts.Slice), endless: m == foreground}
	held := s.holdClaim(work, r, stop)
	more, err := r.run(work)
	stop(nil)
	<-held
	if cause := context.Cause(work); err != nil && (errors.Is(cause, errCancelled) || errors.Is(cause, store.ErrFenced)) {
		err = cause
	}
	next, err := s.afterSlice(ctx, claim, m, r, more, err, log)
	if errors.Is(err, store.ErrFenced) {
		log.Warn("the run was taken over; this worker was away for too long")
	}
	log.Info("slice ends", zap.Int("slice", run.Slices), zap.Duration("took", time.Since(began)),
		zap.Bool("more", next.again), zap.Duration("pause", next.pause))
	return next, err
}

// afterSlice gives the claim back, or ends the run.
func (s *Syncer) afterSlice(ctx context.Context, claim store.Claim, m mode, r *slice, more bool, err error, log *zap.Logger) (next, error) {
	// What follows is short, and must happen even while the process stops.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	failure, isFailure := errors.AsType[*source.Failure](err)
	switch {
	case errors.Is(err, store.ErrFenced):
		return next{}, store.ErrFenced
	case errors.Is(err, errCancelled):
		return next{}, s.finish(ctx, claim, store.OutcomeCancelled, "cancelled by an operator", false)
	case errors.Is(err, errRulesChanged):
		return next{}, s.beginAnew(ctx, claim)
	case errors.Is(err, context.Canceled):
		return next{again: true}, s.store.ReleaseClaim(ctx, claim, store.Pause{})
	case isFailure:
		return s.afterFailure(ctx, claim, m, failure, log)
	case err != nil:
		return s.afterFault(ctx, claim, m, err, log)
	case more && r.budgetIsSpent():
		// What names something that was hidden is rendered again all the same: it
		// takes no request.
		if err := r.renderAllStale(ctx); err != nil {
			return next{}, err
		}
		return next{}, s.finish(ctx, claim, store.OutcomePartial, fmt.Sprintf(
			"its budget of %d requests is used up; the next run goes on where it ended", r.tenant.RequestsPerRun), false)
	case more:
		return next{again: true}, s.store.ReleaseClaim(ctx, claim, store.Pause{Fails: r.fails()})
	}
	if m == background && r.worthRetrying() {
		pause := backoff(claim)
		log.Warn("some types could not be read; the run tries them again", zap.Duration("pause", pause))
		if err := s.store.RetryTypes(ctx, claim); err != nil {
			return next{}, err
		}
		return next{again: true, pause: pause}, s.store.ReleaseClaim(ctx, claim, store.Pause{For: pause, Failed: true})
	}
	outcome, message, success := r.conclude()
	return next{}, s.finish(ctx, claim, outcome, message, success)
}

// afterFailure waits for a source that cannot be reached now, or gives up.
func (s *Syncer) afterFailure(ctx context.Context, claim store.Claim, m mode, f *source.Failure, log *zap.Logger) (next, error) {
	pause := min(max(f.After, backoff(claim)), 5*time.Minute)
	if f.Kind != source.Unsupported {
		if err := s.store.SetUnreachable(ctx, claim.Run.Tenant, f.Error(), pause); err != nil {
			log.Error("note that the source cannot be reached", zap.Error(err))
		}
	}
	waiting := f.Kind == source.Unreachable || f.Kind == source.BreakerOpen || f.Kind == source.Throttled
	giveUp, err := s.failsTooLong(ctx, claim)
	if err != nil {
		return next{}, err
	}
	if m == foreground || !waiting || giveUp {
		return next{}, s.finish(ctx, claim, store.OutcomeFailed, f.Error(), false)
	}
	log.Warn("the source cannot be read now; the run waits", zap.Duration("pause", pause), zap.Error(f))
	return next{again: true, pause: pause}, s.store.ReleaseClaim(ctx, claim, store.Pause{For: pause, Failed: true})
}

// afterFault is what follows a fault that is not the source's: the database's, or
// this program's own.
func (s *Syncer) afterFault(ctx context.Context, claim store.Claim, m mode, fault error, log *zap.Logger) (next, error) {
	log.Error("slice failed", zap.Error(fault))
	giveUp, err := s.failsTooLong(ctx, claim)
	if err != nil {
		return next{}, errors.Join(fault, err)
	}
	if m == foreground || giveUp {
		return next{}, errors.Join(fault, s.finish(ctx, claim, store.OutcomeFailed, "dossiersync failed; see its log", false))
	}
	pause := backoff(claim)
	return next{again: true, pause: pause}, s.store.ReleaseClaim(ctx, claim, store.Pause{For: pause, Failed: true})
}

// failsTooLong reports whether the run has made no headway for so long that it is
// to be given up.
func (s *Syncer) failsTooLong(ctx context.Context, claim store.Claim) (bool, error) {
	if claim.Failing == nil {
		return false, nil
	}
	now, err := s.store.Now(ctx)
	return now.Sub(*claim.Failing) > giveUpAfter, err
}

// backoff is how long a run waits after one more failure: 15 s, 30 s, and so on
// up to four minutes.
func backoff(claim store.Claim) time.Duration { return 15 * time.Second << min(claim.Failures, 4) }

// beginAnew ends a run that began under other rules, in favour of one that reads
// everything by the present ones.
func (s *Syncer) beginAnew(ctx context.Context, claim store.Claim) error {
	if err := s.finish(ctx, claim, store.OutcomeCancelled, errRulesChanged.Error()+"; another run follows", false); err != nil {
		return err
	}
	_, _, err := s.store.RequestRun(ctx, store.RunRequest{
		Tenant: claim.Run.Tenant, Trigger: store.TriggerCatchUp, Scope: claim.Run.Scope})
	return err
}

func (s *Syncer) finish(ctx context.Context, claim store.Claim, outcome store.Outcome, message string, success bool) error {
	if err := s.store.FinishRun(ctx, claim, outcome, message, success); err != nil {
		return err
	}
	took := time.Duration(0)
	if now, err := s.store.Now(ctx); err == nil && claim.Run.StartedAt != nil {
		took = now.Sub(*claim.Run.StartedAt)
	}
	s.metrics.ended(claim.Run, outcome, took)
	s.log.Info("run ends", zap.Int64("run", claim.Run.ID), zap.String("tenant", claim.Run.Tenant),
		zap.String("outcome", string(outcome)), zap.String("message", message), zap.Duration("took", took))
	// What it has seen is of no more use. Whatever is left now goes with the next.
	if err := errors.Join(s.store.ForgetSeen(ctx), s.store.ForgetCensus(ctx)); err != nil {
		s.log.Warn("what done runs have seen is still there", zap.Error(err))
	}
	return nil
}

// hangsAfter is after how long without headway a slice is given up.
const hangsAfter = 15 * time.Minute

// holdClaim renews the lease while the slice works, and stops the slice when the
// claim is lost or an operator cancels. A slice that hangs must not hold its
// tenant for ever: without headway the lease is left to pass. The channel is
// closed when it has ended.
func (s *Syncer) holdClaim(ctx context.Context, r *slice, stop context.CancelCauseFunc) <-chan struct{} {
	r.headway()
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(store.LeaseTime / 4)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if time.Since(time.Unix(r.last.Load(), 0)) > hangsAfter {
				r.log.Error("the slice hangs; the run is left to another worker")
				return
			}
			cancelled, err := s.store.RenewClaim(ctx, r.claim)
			switch {
			case errors.Is(err, store.ErrFenced):
				stop(store.ErrFenced)
				return
			case cancelled:
				stop(errCancelled)
				return
			}
		}
	}()
	return done
}

// worthRetrying reports whether types could not be read that may be readable a
// little later.
func (r *slice) worthRetrying() bool {
	return r.claim.Failures < typeRetries && r.fails()
}

// fails reports whether some types cannot be read.
func (r *slice) fails() bool {
	return slices.ContainsFunc(r.types, func(t store.RunType) bool { return t.Failure != nil && !t.Done })
}

// typeRetries is how often a run tries again what it could not read.
const typeRetries = 3

// conclude sums up what the run has led to.
func (r *slice) conclude() (outcome store.Outcome, message string, success bool) {
	var failed, known, short int64
	var first string
	success = r.claim.Run.Scope.IsWhole()
	for _, t := range r.types {
		if t.Short {
			short++
		}
		if t.Failure != nil && t.Done {
			continue // the source does not know the type
		}
		known++
		if t.Failure != nil {
			failed++
			success = false
			if first == "" {
				first = *t.Failure
			}
		}
	}
	quarantined := r.quarantined
	switch {
	case known == 0:
		return store.OutcomeFailed, "the source knows none of the types that are pulled", false
	case failed == known:
		return store.OutcomeFailed, first, false
	case failed > 0:
		return store.OutcomePartial, fmt.Sprintf("%d of %d types could not be read: %s", failed, len(r.types), first), false
	case r.wentBack:
		return store.OutcomePartial, "the source was restored or replaced, it has older records than before; everything is read again", success
	case r.compared.held > 0:
		return store.OutcomePartial, fmt.Sprintf("%s held, more than may be removed without an operator; see dossiersync reconcile",
			count(r.compared.held, "removal")), success
	case r.compared.failed > 0:
		return store.OutcomePartial, fmt.Sprintf("%s could not be compared in full", count(r.compared.failed, "type")), success
	case r.compared.unsure > 0:
		return store.OutcomePartial, fmt.Sprintf("the source would not say whether %s still there",
			isOrAre(r.compared.unsure, "item")), success
	case r.owed > 0:
		return store.OutcomePartial, fmt.Sprintf("the history of %s could not be read", count(r.owed, "client")), success
	case quarantined > 0:
		return store.OutcomePartial, fmt.Sprintf("%s in quarantine; see dossiersync quarantine", count(quarantined, "item")), success
	case short > 0:
		return store.OutcomePartial, fmt.Sprintf("%s stayed short of what the source had counted", count(short, "type")), success
	}
	return store.OutcomeComplete, "", success
}

func isOrAre(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return fmt.Sprintf("%d %ss are", n, noun)
}

func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
