package sync

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// retriedAtOnce is how many items are taken from the quarantine, or from the items to be read
// again, at a time.
const retriedAtOnce = 50

// retryQuarantined reads the items in quarantine again by their ids, each once per run.
func (s *slice) retryQuarantined(ctx context.Context) (more bool, err error) {
	if s.claim.Run.Scope.Client != "" || s.claim.Run.Scope.Stream != "" {
		return false, nil
	}
	waiting, err := s.outstanding(ctx)
	if err != nil || !waiting.Quarantined {
		return false, err
	}
	s.changed()
	for {
		list, err := s.syncer.store.QuarantineToRetry(ctx, s.claim, retriedAtOnce)
		if err != nil || len(list) == 0 {
			return false, err
		}
		for _, q := range list {
			if err := s.retry(ctx, q); err != nil {
				return false, err
			}
			if s.timeIsUp() {
				return true, nil
			}
		}
	}
}

// retry reads one item in quarantine again. It leaves the quarantine here if the source does not
// have it, and by [store.Store.Apply] if it can be stored now.
func (s *slice) retry(ctx context.Context, q store.Quarantined) error {
	st := s.syncer.store
	ref := dossier.Ref{Type: q.Type, ID: q.ID}
	hadID := q.ID != ""
	if !hadID {
		var err error
		if ref, err = s.identify(ctx, q); err != nil {
			return err
		}
	}
	result := lookupUnclear
	if !ref.IsZero() {
		var err error
		if result, err = s.readByID(ctx, q.Stream, ref); err != nil {
			return err
		}
	}
	switch {
	case result == lookupAbsent && hadID:
		if err := s.applyUnfound(ctx, q.Stream, ref); err != nil {
			return err
		}
	case result == lookupAbsent || result == lookupApplied && !hadID:
		// A record whose id was found only now has been applied, or quarantined, under that id.
		if err := st.DropQuarantine(ctx, s.claim, q.Key); err != nil {
			return err
		}
	}
	// The try counts also if the item stays: if the source gave an older version, which does not
	// replace the bad one, or if it does not have an item whose last good version is shown.
	return st.TouchQuarantine(ctx, s.claim, q.Key)
}

// applyUnfound takes a record that the source does not have out of the quarantine.
func (s *slice) applyUnfound(ctx context.Context, stream dossier.Stream, ref dossier.Ref) error {
	id, ok := s.runType(stream, ref.Type)
	if !ok {
		return nil
	}
	gone := dossier.Item{Ref: ref, Stream: stream, State: dossier.StateWithdrawn, Reason: dossier.WithdrawnAbsent}
	_, err := s.applyBatch(ctx, store.Batch{Kind: store.BatchUnfound, Type: id, Items: []dossier.Item{gone}})
	return err
}

// identify decodes again the kept bytes of a record without an id, because a newer version of this
// program may find one. Only the id is used: the bytes may be old, and the source is asked for the
// record. It returns zero if there is no id.
func (s *slice) identify(ctx context.Context, q store.Quarantined) (dossier.Ref, error) {
	identifier, ok := s.tenant.Source.(source.Identifier)
	if !ok {
		return dossier.Ref{}, nil
	}
	raw, err := s.syncer.store.RawToRetry(ctx, s.claim, q.Key)
	if errors.Is(err, store.ErrOtherKey) || errors.Is(err, store.ErrNotItsBytes) {
		s.log.Warn("the kept bytes of a quarantined record cannot be decrypted",
			zap.String("key", q.Key), zap.Error(err))
		return dossier.Ref{}, nil
	}
	if err != nil {
		return dossier.Ref{}, err
	}
	if ref, ok := identifier.Identify(q.Stream, q.Type, raw); ok {
		return ref, nil
	}
	return dossier.Ref{}, nil
}
