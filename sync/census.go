package sync

import (
	"context"
	"slices"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// takeCensus lists the records that one search finds, window by window, from where an earlier
// slice ended. A search that fails leaves the census incomplete.
func (s *slice) takeCensus(ctx context.Context, c *store.Census) (more bool, err error) {
	// The windows have no end, so that records are listed too that are stamped with a future time.
	t := &store.RunType{TypeID: c.TypeID, To: endOfTime, Upto: c.Upto, Done: c.Listed, Failure: c.Failure}
	for !t.Done && t.Failure == nil {
		err := s.listNext(ctx, c, t)
		if f := localFailure(err); f != nil && ctx.Err() == nil {
			message := f.Error()
			t.Failure = &message
			s.log.Warn("a type cannot be listed", zap.String("type", c.Type), zap.Error(f))
			err = s.syncer.store.FailCensus(ctx, s.claim, c.TypeID, message)
		}
		if err != nil {
			return false, err
		}
		c.Listed, c.Short, c.Failure = t.Done, c.Short || t.Short, t.Failure
		if s.timeIsUp() {
			return true, nil
		}
	}
	return false, nil
}

// listNext lists the type's next window, or as many clients as the slice's time allows.
func (s *slice) listNext(ctx context.Context, c *store.Census, t *store.RunType) error {
	i := slices.IndexFunc(s.types, func(t store.RunType) bool { return t.TypeID == c.TypeID })
	if i >= 0 && s.types[i].ByClient {
		return s.listByClient(ctx, c, t)
	}
	w, err := s.newCensus(t)
	if err != nil {
		return err
	}
	err = w.advance(ctx)
	if err == nil || i < 0 {
		return err
	}
	if by, trying := s.goByClient(ctx, &s.types[i], err); by || trying != nil {
		return trying
	}
	return err
}

// list adds what a page brought to the census. With drained, the census moves on.
func (s *slice) list(ctx context.Context, id store.TypeID, items []dossier.Item, drained *store.Drained) error {
	err := s.syncer.store.AddToCensus(ctx, s.claim, id, items, drained, s.requests.Swap(0))
	s.headway()
	return err
}
