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

// next is what follows a slice.
type next struct {
	again bool          // the run is not done
	pause time.Duration // how long to wait before the run's next slice
}

const (
	// giveUpAfter is how long a run in the background fails without headway before it ends.
	giveUpAfter = 30 * time.Minute
	// typeRetries is how often a run in the background reads again the types that failed.
	typeRetries = 3
)

var errCancelled = errors.New("an operator cancelled the run")

// end ends the slice that [slice.run] returned from: it gives the claim back, or finishes the run.
func (s *slice) end(ctx context.Context, more bool, err error) (next, error) {
	// The few statements that follow must be executed even while the process stops.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	switch {
	case err != nil:
		return s.endWithError(ctx, err)
	case more && s.budgetIsSpent():
		return next{}, s.finishOverBudget(ctx)
	case more:
		return next{again: true}, s.release(ctx, store.Pause{Fails: s.someTypesFail()})
	case s.worthRetrying():
		return s.retryTypes(ctx)
	}
	return next{}, s.finish(ctx, s.conclude())
}

// endWithError ends a slice that did not get through.
func (s *slice) endWithError(ctx context.Context, err error) (next, error) {
	failure, isFailure := errors.AsType[*source.Failure](err)
	switch {
	case errors.Is(err, store.ErrFenced):
		return next{}, store.ErrFenced
	case errors.Is(err, errCancelled):
		return next{}, s.finish(ctx, conclusion{outcome: store.OutcomeCancelled, message: "cancelled by an operator"})
	case errors.Is(err, errRulesChanged):
		return next{}, s.startOver(ctx)
	case errors.Is(err, context.Canceled):
		return next{again: true}, s.release(ctx, store.Pause{})
	case isFailure:
		return s.endWithFailure(ctx, failure)
	}
	return s.endWithFault(ctx, err)
}

// endWithFailure pauses the run until the source can perhaps be read again, or fails the run.
func (s *slice) endWithFailure(ctx context.Context, f *source.Failure) (next, error) {
	pause := min(max(f.After, s.backoff()), 5*time.Minute)
	mayPass := f.Kind == source.Unreachable || f.Kind == source.BreakerOpen || f.Kind == source.Throttled
	giveUp := s.failsTooLong()
	ends := s.mode == foreground || !mayPass || giveUp
	if ends {
		pause = 0
	}
	if f.Kind != source.Unsupported {
		s.noteTrouble(ctx, f, pause)
	}
	if ends {
		return next{}, s.finish(ctx, conclusion{outcome: store.OutcomeFailed, message: f.First().Error()})
	}
	s.log.Warn("the source cannot be read now; the run waits", zap.Duration("pause", pause), zap.Error(f))
	return next{again: true, pause: pause}, s.release(ctx, store.Pause{For: pause, Failed: true})
}

// endWithFault pauses or fails the run after an error that is not the source's, but the database's
// or this program's own.
func (s *slice) endWithFault(ctx context.Context, fault error) (next, error) {
	s.log.Error("slice failed", zap.Error(fault))
	giveUp := s.failsTooLong()
	if s.mode == foreground || giveUp {
		c := conclusion{outcome: store.OutcomeFailed, message: "dossiersync failed; see its log"}
		return next{}, errors.Join(fault, s.finish(ctx, c))
	}
	pause := s.backoff()
	return next{again: true, pause: pause}, s.release(ctx, store.Pause{For: pause, Failed: true})
}

// finishOverBudget finishes a run that may make no more requests. What names something that was
// hidden is rendered again first, because that needs no request.
func (s *slice) finishOverBudget(ctx context.Context) error {
	if err := s.renderAllStale(ctx); err != nil {
		return err
	}
	return s.finish(ctx, conclusion{
		outcome: store.OutcomePartial,
		message: fmt.Sprintf(
			"its budget of %d requests is used up; the next run goes on where it ended", s.tenant.RequestsPerRun),
		left: store.LeftOver{store.LeftBudget: s.tenant.RequestsPerRun},
	})
}

// retryTypes pauses the run before it reads the types that failed once more.
func (s *slice) retryTypes(ctx context.Context) (next, error) {
	pause := s.backoff()
	if f := s.wholeFailure(); f != nil {
		s.noteTrouble(ctx, f, pause)
	}
	s.log.Warn("some types could not be read; the run tries them again", zap.Duration("pause", pause))
	if err := s.syncer.store.RetryTypes(ctx, s.claim); err != nil {
		return next{}, err
	}
	return next{again: true, pause: pause}, s.release(ctx, store.Pause{For: pause, Failed: true})
}

// worthRetrying reports whether some types failed that may be readable a little later.
func (s *slice) worthRetrying() bool {
	return s.mode == background && s.claim.Failures < typeRetries && s.someTypesFail()
}

// someTypesFail reports whether some types could not be read that the source knows.
func (s *slice) someTypesFail() bool {
	return slices.ContainsFunc(s.types, func(t store.RunType) bool { return t.Failure != nil && !t.Done })
}

// failsTooLong reports whether the run has failed for so long that it is to be given up.
func (s *slice) failsTooLong() bool {
	if s.claim.Failing == nil {
		return false
	}
	return s.claim.Now().Sub(*s.claim.Failing) > giveUpAfter
}

// backoff is how long the run waits after one more failure: 15 s, 30 s, and so on up to four
// minutes.
func (s *slice) backoff() time.Duration { return 15 * time.Second << min(s.claim.Failures, 4) }

func (s *slice) release(ctx context.Context, p store.Pause) error {
	return s.syncer.store.ReleaseClaim(ctx, s.claim, p)
}

// startOver ends a run that began under other rules, and requests one under the present rules.
func (s *slice) startOver(ctx context.Context) error {
	c := conclusion{outcome: store.OutcomeCancelled, message: errRulesChanged.Error() + "; another run follows"}
	if err := s.finish(ctx, c); err != nil {
		return err
	}
	_, _, err := s.syncer.store.RequestRun(ctx, store.RunRequest{
		Tenant: s.claim.Run.Tenant, Trigger: store.TriggerCatchUp, Scope: s.claim.Run.Scope})
	return err
}

// finish records the run's end.
func (s *slice) finish(ctx context.Context, c conclusion) error {
	st, run := s.syncer.store, s.claim.Run
	if err := s.noteEnd(ctx, c); err != nil {
		return err
	}
	if err := st.FinishRun(ctx, s.claim, c.outcome, c.message, c.success); err != nil {
		return err
	}
	took := time.Duration(0)
	if run.StartedAt != nil {
		took = s.claim.Now().Sub(*run.StartedAt)
	}
	s.syncer.metrics.ended(run, c.outcome, took)
	s.log.Info("run ends", zap.String("outcome", string(c.outcome)), zap.String("message", c.message),
		zap.Duration("took", took))
	// The lists of what the run has seen are of no more use. If they cannot be deleted now, the
	// end of the next run deletes them.
	if err := errors.Join(st.ForgetSeen(ctx), st.ForgetCensus(ctx)); err != nil {
		s.log.Warn("the lists of what ended runs have seen could not be deleted", zap.Error(err))
	}
	return nil
}
