package sync

import (
	"context"
	"errors"
	"time"

	"dossiersync/store"
)

// Spread returns the tenant's delay after a slot.
func Spread(tenant string, within time.Duration) time.Duration { return spread(tenant, within) }

// WorkOn works on a run in the background, slice by slice, until it is done.
func WorkOn(ctx context.Context, s *Syncer, run int64) error {
	for {
		claim, err := s.store.ClaimRun(ctx, run, "test")
		if errors.Is(err, store.ErrRunDone) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := s.workOn(ctx, claim, background); err != nil {
			return err
		}
	}
}
