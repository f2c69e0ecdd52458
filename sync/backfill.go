package sync

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// backfill reads the whole history of each client who is owed one. A client whose history cannot
// be read stays owed, and the others are read.
func (s *slice) backfill(ctx context.Context) (more bool, err error) {
	if s.claim.Run.Scope.Client != "" || s.claim.Run.Scope.Stream != "" {
		return false, nil
	}
	st := s.syncer.store
	waiting, err := s.outstanding(ctx)
	if err != nil || !waiting.Backfills {
		return false, err
	}
	s.changed()
	owed, failed, err := st.Backfills(ctx, s.claim)
	if err != nil {
		return false, err
	}
	s.owed = failed // in earlier slices of this run
	for _, client := range owed {
		err := s.backfillClient(ctx, client)
		if f := clientFailure(ctx, err); f != nil {
			s.log.Warn("a client's history cannot be read", zap.Error(f))
			s.owed++
			err = st.MarkBackfillFailed(ctx, s.claim, client)
		}
		if err != nil {
			return false, fmt.Errorf("backfill a client: %w", err)
		}
		if s.timeIsUp() {
			return true, nil
		}
	}
	return false, nil
}

// backfillClient reads everything of one client. The history is owed until all of it has been read.
func (s *slice) backfillClient(ctx context.Context, client string) error {
	for i := range s.types {
		t := &s.types[i]
		unknown := t.Done && t.Failure != nil // to the source
		if !t.Stream.OfClients() || unknown {
			continue
		}
		w, err := s.newHistory(t, client, time.Time{})
		if err != nil {
			return err
		}
		if err := w.readWhole(ctx); err != nil {
			return err
		}
	}
	return s.syncer.store.EndBackfill(ctx, s.claim, client)
}
