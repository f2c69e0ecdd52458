package sync

import (
	"context"
	"errors"
	"time"

	"dossiersync/store"
)

// hangsAfter is how long a slice may make no headway before it loses its lease.
const hangsAfter = 15 * time.Minute

// waitsEvery is how often a slice looks whether its source asks for patience.
const waitsEvery = 2 * time.Second

// keepLease renews the run's lease while the slice works, beside the renewals that come with
// each batch. It stops the slice when the claim is lost or an operator cancels the run. The
// lease of a slice that hangs is left to expire, so that the tenant is not held forever. The
// channel is closed when no more renewal will come.
func (s *slice) keepLease(ctx context.Context, stop context.CancelCauseFunc) <-chan struct{} {
	s.headway()
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(store.LeaseTime / 4)
		defer tick.Stop()
		waits := time.NewTicker(waitsEvery)
		defer waits.Stop()
		told := false
		for {
			select {
			case <-ctx.Done():
				return
			case <-waits.C:
				told = s.noteWaits(ctx, told)
				continue
			case <-tick.C:
			}
			if time.Since(time.Unix(s.last.Load(), 0)) > hangsAfter {
				s.log.Error("the slice hangs; its run is left to another worker")
				return
			}
			cancelled, err := s.syncer.store.RenewClaim(ctx, s.claim)
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
