package sync

import (
	"context"
	"errors"
	"slices"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// rereadsAtMost is how many differences of a type a reconcile repairs one by one. A type with more
// is read anew.
const rereadsAtMost = 1000

// unstatedAtMost is how many items of a type, that are hidden or held for a reason that the source
// did not state, a reconcile looks at. One that shows something has the whole type read.
const unstatedAtMost = 2000

// reconciliation counts what a reconcile has left over.
type reconciliation struct {
	failed int64 // searches that could not be listed in full
	unsure int64 // absences that could not be confirmed
	held   int64 // removals that the brake holds
}

// reconcile finds what increments cannot show, if that is due: it lists all items of the source
// (a census), compares the list with the replica, asks for items that differ to be read again, and
// removes items that are confirmed absent.
func (s *slice) reconcile(ctx context.Context) (more bool, err error) {
	st := s.syncer.store
	list, err := s.censusesBegun(ctx)
	if err != nil {
		return false, err
	}
	if len(list) == 0 {
		due, more, err := s.dueForReconcile(ctx)
		if err != nil || more || len(due) == 0 {
			return more, err
		}
		if err := st.BeginCensuses(ctx, s.claim, due); err != nil {
			return false, err
		}
		s.changed()
		if list, err = st.Censuses(ctx, s.claim.Run.ID); err != nil {
			return false, err
		}
	}
	s.compared = reconciliation{}
	defer s.changed()
	for _, streams := range comparedTogether {
		more, err := s.reconcileStreams(ctx, streams, list)
		if errors.Is(err, store.ErrCensusLost) {
			s.log.Warn("the database lost what a reconcile had listed; it begins anew")
			return true, nil // with the next slice
		}
		if more || err != nil {
			return more, err
		}
	}
	return false, s.concludeReconcile(ctx, len(list))
}

// censusesBegun returns the run's censuses; none: its reconcile has not begun.
func (s *slice) censusesBegun(ctx context.Context) ([]store.Census, error) {
	waiting, err := s.outstanding(ctx)
	if err != nil || !waiting.Censuses {
		return nil, err
	}
	return s.syncer.store.Censuses(ctx, s.claim.Run.ID)
}

// comparedTogether are the streams that are listed and compared together. Clients come first,
// because items that go with an absent client are not absent by themselves.
var comparedTogether = [][]dossier.Stream{
	{dossier.StreamClients},
	slices.DeleteFunc(dossier.Streams(), func(s dossier.Stream) bool { return s == dossier.StreamClients }),
}

// reconcileStreams lists the streams and compares them. It reports more
// also if a type is to be read anew, because that comes before other streams are compared.
func (s *slice) reconcileStreams(
	ctx context.Context, streams []dossier.Stream, list []store.Census,
) (more bool, err error) {
	compared := true
	for i := range list {
		if !slices.Contains(streams, list[i].Stream) {
			continue
		}
		if more, err := s.takeCensus(ctx, &list[i]); more || err != nil {
			return more, err
		}
		if !list[i].IsWhole() {
			s.compared.failed++
		}
		compared = compared && list[i].Compared
	}
	if compared { // by an earlier slice
		return false, nil
	}
	anew, err := s.compareCensuses(ctx, streams)
	if err != nil {
		return false, err
	}
	for _, stream := range streams {
		for _, typ := range s.listedWhole(stream, list) {
			if err := s.syncer.store.QueueUnstated(ctx, s.claim, store.AbsentType{Stream: stream, Type: typ}, unstatedAtMost); err != nil {
				return false, err
			}
		}
	}
	return anew, nil
}

// compareCensuses compares the census of the streams with the replica. It reports whether a type
// is to be read anew.
func (s *slice) compareCensuses(ctx context.Context, streams []dossier.Stream) (anew bool, err error) {
	all, err := s.syncer.store.CompareCensuses(ctx, s.claim, streams, rereadsAtMost)
	if err != nil {
		return false, err
	}
	s.headway()
	for _, found := range all {
		s.log.Info("the replica differs from the source",
			zap.String("stream", string(found.Stream)), zap.String("type", found.Type),
			zap.Int64("absent", found.Absent), zap.Int64("different", found.Different))
		anew = anew || found.ReadAgain
	}
	return anew, nil
}

// listedWhole returns the source types of the stream whose searches were all listed whole.
func (s *slice) listedWhole(stream dossier.Stream, list []store.Census) (types []string) {
	for _, c := range list {
		if c.Stream != stream || slices.Contains(types, c.Type) {
			continue
		}
		partly := slices.ContainsFunc(list, func(o store.Census) bool {
			return o.Stream == stream && o.Type == c.Type && !o.IsWhole()
		})
		fails := slices.ContainsFunc(s.types, func(t store.RunType) bool {
			return t.Stream == stream && t.Type == c.Type && t.Failure != nil && !t.Done
		})
		if !partly && !fails {
			types = append(types, c.Type)
		}
	}
	return types
}

// concludeReconcile counts what is left over, and records the reconcile if it was of everything. n
// is how many searches were listed.
func (s *slice) concludeReconcile(ctx context.Context, n int) error {
	readable := 0
	for _, t := range s.types {
		if t.Failure == nil || !t.Done {
			readable++
		}
	}
	if s.compared.failed > 0 || n < readable || s.claim.Run.Scope.Stream != "" {
		return nil
	}
	return s.syncer.store.MarkReconciled(ctx, s.claim)
}
