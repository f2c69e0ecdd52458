package sync

import (
	"context"
	"net/http"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/sync/source"
)

// readTypes reads the windows of the run's types that have not been read yet. A type that cannot
// be read does not keep the run from the others.
func (s *slice) readTypes(ctx context.Context) (more bool, err error) {
	more, err = s.readEachType(ctx)
	if moving := s.moveCursors(ctx); err == nil {
		err = moving
	}
	return more, err
}

func (s *slice) readEachType(ctx context.Context) (more bool, err error) {
	for i := range s.types {
		t := &s.types[i]
		for !t.Done && t.Failure == nil {
			if err := s.readType(ctx, t); err != nil {
				if err := s.typeFailed(ctx, t, err); err != nil {
					return false, err
				}
			} else if err := s.reached(ctx); err != nil {
				return false, err
			}
			// Only after a window, so that each slice makes some headway.
			if s.timeIsUp() {
				return true, nil
			}
		}
	}
	return false, nil
}

// readType reads the type's next window, or client after client if the source cannot be searched
// for the type as a whole.
func (s *slice) readType(ctx context.Context, t *store.RunType) error {
	if t.ByClient {
		return s.readByClient(ctx, t)
	}
	w, err := s.newRunWindow(t)
	if err != nil {
		return err
	}
	err = w.advance(ctx)
	if by, trying := s.goByClient(ctx, t, err); by || trying != nil {
		return trying
	}
	return err
}

// typeFailed records that the type cannot be read. It returns err if the run cannot go on with
// other types.
func (s *slice) typeFailed(ctx context.Context, t *store.RunType, err error) error {
	f := localFailure(err)
	if f == nil || ctx.Err() != nil {
		return err
	}
	// A type that was read before is known to exist. If the source now denies that, the type has
	// failed, because it would else count as read to its end.
	wasRead := t.Upto != nil || s.cursors[t.TypeID].Upto != nil || t.Effects.Seen() != 0
	typ, _ := s.sourceType(t.TypeID)
	refused := typ.Optional && f.Status >= http.StatusBadRequest && f.Kind != source.Throttled
	unknown := (f.Kind == source.Unsupported || refused) && !wasRead
	message := f.Error()
	t.Failure, t.Done = &message, unknown
	if s.failure == nil || s.unknown && !unknown {
		s.failure, s.unknown = f, unknown
	}
	level := zap.WarnLevel
	if unknown && typ.Optional {
		level = zap.InfoLevel
	}
	s.log.Log(level, "a type cannot be read",
		zap.String("stream", string(t.Stream)), zap.String("type", t.Type), zap.Error(f))
	return s.syncer.store.FailType(ctx, s.claim, t.TypeID, string(f.Kind), message, unknown)
}
