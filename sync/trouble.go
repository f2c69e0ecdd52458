package sync

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/sync/source"
)

// The trouble with a tenant's source is kept until a type was read again, so that operators see its
// first cause: also while the circuit is open, and while /metadata answers and every search is
// refused.

// noteTrouble stores why the source cannot be read, and for how long the run leaves it alone; 0: the
// run ends. An error is logged only, because the run's own end matters more.
func (s *slice) noteTrouble(ctx context.Context, f *source.Failure, pause time.Duration) {
	s.storeTrouble(ctx, f, pause, false)
}

func (s *slice) storeTrouble(ctx context.Context, f *source.Failure, pause time.Duration, waits bool) {
	first := f.First()
	err := s.syncer.store.SetTrouble(ctx, s.claim.Run.Tenant, store.Trouble{
		Kind: string(first.Kind), Text: first.Error(), For: pause,
		Waits: waits, Repeats: f.Kind == source.BreakerOpen,
	})
	if err != nil {
		s.log.Error("note that the source cannot be reached", zap.Error(err))
	}
}

// reached stores, once in a slice, that the source can be read.
func (s *slice) reached(ctx context.Context) error {
	if s.isReached {
		return nil
	}
	if err := s.syncer.store.SetReachable(ctx, s.claim.Run.Tenant); err != nil {
		return err
	}
	s.isReached = true
	return nil
}

// noteEnd stores what a run that ends knows of its source, and what the run has left over.
func (s *slice) noteEnd(ctx context.Context, c conclusion) error {
	switch f := s.wholeFailure(); {
	case c.outcome == store.OutcomeFailed && f != nil:
		s.noteTrouble(ctx, f, 0)
	case s.showsReach(c.outcome):
		if err := s.reached(ctx); err != nil {
			return err
		}
	}
	if len(c.left) == 0 {
		return nil
	}
	return s.syncer.store.NoteLeftOver(ctx, s.claim, c.left)
}

// showsReach reports whether a run that ends so has read the source. A run that only looks into the
// quarantine may have asked for nothing.
func (s *slice) showsReach(outcome store.Outcome) bool {
	switch s.claim.Run.Scope.Only {
	case store.StepQuarantine:
		return false
	case store.StepReconcile:
		return outcome == store.OutcomeComplete
	}
	return outcome == store.OutcomeComplete || outcome == store.OutcomePartial
}

// errWrongAddress explains that every search is answered with 404.
var errWrongAddress = errors.New("the source knows none of the types that are pulled: base_url may be wrong")

// wholeFailure returns the failure because of which the run could read none of its types; nil: it
// has read some, or this slice has asked for none.
func (s *slice) wholeFailure() *source.Failure {
	read := func(t store.RunType) bool { return t.Failure == nil }
	if s.failure == nil || slices.ContainsFunc(s.types, read) {
		return nil
	}
	if s.failure.Status == http.StatusNotFound {
		return &source.Failure{Kind: source.NotFound, Act: s.failure.Act, Status: http.StatusNotFound, Err: errWrongAddress}
	}
	return s.failure
}

// toldWait is the shortest pause that operators are told of.
const toldWait = 3 * time.Second

// noteWaits stores until when the source asks for patience, while the slice waits within a request,
// and that the wait is over. told is whether the last call has stored a wait.
func (s *slice) noteWaits(ctx context.Context, told bool) bool {
	waiter, ok := s.tenant.Source.(source.Waiter)
	if !ok {
		return false
	}
	f := waiter.Waiting()
	switch {
	case f != nil && f.After > toldWait:
		s.storeTrouble(ctx, f, f.After, true)
		return true
	case f == nil && told:
		if err := s.syncer.store.EndWait(ctx, s.claim.Run.Tenant, string(source.Throttled)); err != nil {
			s.log.Error("note that the source can be asked again", zap.Error(err))
		}
		return false
	}
	return told
}
