package sync

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// readAgain reads by their ids the items that the store asks for: a reconcile found them different,
// what had replaced them is gone, or they were stored without something that may now be shown. An
// item that cannot be read now is left to the next run.
func (s *slice) readAgain(ctx context.Context) (more bool, err error) {
	st := s.syncer.store
	waiting, err := s.outstanding(ctx)
	if err != nil || !waiting.Rereads {
		return false, err
	}
	s.changed()
	done := make(map[string]bool)
	for {
		list, err := st.Rereads(ctx, s.claim, retriedAtOnce)
		if err != nil || len(list) == 0 {
			return false, err
		}
		for _, again := range list {
			result := lookupUnclear
			// Two items may ask for each other for ever: each is read once.
			if !done[again.Key] {
				done[again.Key] = true
				if result, err = s.readByID(ctx, again.Stream, again.Ref); err != nil {
					return false, err
				}
			}
			if err := s.endReread(ctx, again.Key, result); err != nil {
				return false, err
			}
			if again.Unstated && result == lookupApplied {
				if anew, err := s.readTypeAgain(ctx, again); anew || err != nil {
					return anew, err
				}
			}
			if s.timeIsUp() {
				return true, nil
			}
		}
	}
}

// readTypeAgain has the run read the type of an item that was hidden, or held, for a reason that
// the source did not state, and that shows something now: others may too. It does so once in a run.
func (s *slice) readTypeAgain(ctx context.Context, r store.Reread) (bool, error) {
	st := s.syncer.store
	shown, err := st.IsShownAgain(ctx, s.tenant.ID, r.Key)
	whole := !slices.ContainsFunc(s.types, func(t store.RunType) bool {
		return t.Stream == r.Stream && t.Type == r.Ref.Type && t.From != nil
	})
	if err != nil || !shown || whole {
		return false, err
	}
	s.log.Info("the source shows again what it did not; the type is read again", zap.String("type", r.Ref.Type))
	return true, st.ReadTypeAgain(ctx, s.claim, store.AbsentType{Stream: r.Stream, Type: r.Ref.Type})
}

func (s *slice) endReread(ctx context.Context, key string, result lookup) error {
	switch result {
	case lookupUnclear:
		return s.syncer.store.MarkRereadFailed(ctx, s.claim, key)
	case lookupAbsent:
		return s.syncer.store.MarkRereadAbsent(ctx, s.claim, key)
	}
	return s.syncer.store.EndReread(ctx, s.claim, key)
}

// lookup is the result of reading one record by its id.
type lookup int

const (
	lookupUnclear lookup = iota // the source gave no answer that can be relied on
	lookupApplied               // the source has the record, and its state was applied
	lookupAbsent                // it does not: obeyed if it was deleted (410), left to a reconcile if not found (404)
)

// readByID reads one record and applies what the source states of it. It returns an error only if
// more than this record is concerned.
func (s *slice) readByID(ctx context.Context, stream dossier.Stream, ref dossier.Ref) (lookup, error) {
	id, ok := s.runType(stream, ref.Type)
	if !ok {
		return lookupUnclear, nil // this run does not read the type
	}
	item, err := s.read(ctx, stream, ref)
	f := localFailure(err)
	switch {
	case source.IsGone(err):
		return lookupAbsent, s.applyDeletions(ctx, id, deletion(stream, ref, time.Time{}))
	case f != nil && f.Kind == source.NotFound:
		return lookupAbsent, nil
	case f != nil:
		s.log.Warn("a record cannot be read by its id", zap.String("type", ref.Type), zap.Error(f))
		return lookupUnclear, nil
	case err != nil:
		return lookupUnclear, err
	}
	return lookupApplied, s.applyRead(ctx, id, item)
}

// deletion is a record that the source says it has deleted.
func deletion(stream dossier.Stream, ref dossier.Ref, at time.Time) dossier.Item {
	return dossier.Item{Ref: ref, Stream: stream,
		State: dossier.StateWithdrawn, Reason: dossier.WithdrawnDeleted, Updated: at}
}

// applyDeletions removes records that the source says it has deleted.
func (s *slice) applyDeletions(ctx context.Context, id store.TypeID, gone ...dossier.Item) error {
	_, err := s.applyBatch(ctx, store.Batch{Kind: store.BatchDeletions, Type: id, Items: gone})
	return err
}
