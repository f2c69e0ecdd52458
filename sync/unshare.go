package sync

import (
	"context"
	"slices"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// unsharedAtOnce is how many items one transaction checks for being shared.
const unsharedAtOnce = 2000

// unshare removes items of types that the configuration no longer shares. Items of a type that the
// source does not know, or cannot give today, stay.
func (s *slice) unshare(ctx context.Context) (more bool, err error) {
	if !s.claim.Run.Scope.IsWhole() {
		return false, nil
	}
	if !s.hasUnshared() {
		return false, nil
	}
	removed := make(map[dossier.Stream]int64)
	defer func() {
		for stream, n := range removed {
			s.log.Info("items that are no longer shared were removed",
				zap.String("stream", string(stream)), zap.Int64("items", n))
		}
	}()
	for {
		u, err := s.syncer.store.Unshare(ctx, s.claim, unsharedAtOnce)
		if err != nil {
			return false, err
		}
		for stream, n := range u.Items {
			removed[stream] += n
		}
		s.headway()
		switch {
		case !u.More:
			return false, nil
		case s.timeIsUp():
			return true, nil
		}
	}
}

// hasUnshared reports whether a type that was pulled before this run no longer is.
func (s *slice) hasUnshared() bool {
	for id, c := range s.cursors {
		isPulled := slices.ContainsFunc(s.types, func(t store.RunType) bool {
			return t.Stream == id.Stream && t.Type == id.Type
		})
		if !isPulled || c.IsUnshared() {
			return true
		}
	}
	return false
}
