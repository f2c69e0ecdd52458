package sync

import (
	"context"
	"slices"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// rerenderedAtOnce is how many items one transaction renders again.
const rerenderedAtOnce = 500

// apply stores what a page brought. With drained, which says that these are a window's last items,
// the same transaction moves the cursor.
func (s *slice) apply(ctx context.Context, id store.TypeID, items []dossier.Item, drained *store.Drained) error {
	if len(items) == 0 && !s.dry() {
		if drained != nil {
			s.endEmpty(store.EmptyWindow{TypeID: id, Drained: *drained})
		}
		return nil
	}
	_, err := s.applyBatch(ctx, store.Batch{Type: id, Items: items, Drained: drained})
	return err
}

// applyBatch stores a batch of this run, and leaves the caller's items as they are.
func (s *slice) applyBatch(ctx context.Context, b store.Batch) (store.Applied, error) {
	if err := s.moveCursors(ctx); err != nil {
		return store.Applied{}, err
	}
	s.changed()
	b.Digest = s.render.Digest
	b.Claim, b.Requests, b.RulesChanged = s.claim, s.requests.Swap(0), s.hidingChanged(b.Type)
	applied, err := s.syncer.store.Apply(ctx, b, s.render)
	if err != nil {
		return applied, err
	}
	s.headway()
	s.syncer.metrics.applied(s.tenant.ID, b.Type.Stream, applied)
	if applied.Cancelled {
		return applied, errCancelled
	}
	return applied, nil
}

// endEmpty ends a window that brought nothing. Its cursor is moved together with those of the
// windows that follow, before anything is applied.
func (s *slice) endEmpty(w store.EmptyWindow) {
	w.Requests = s.requests.Swap(0)
	s.drained = append(s.drained, w)
}

// moveCursors stores the drained windows that brought nothing, and moves their cursors.
func (s *slice) moveCursors(ctx context.Context) error {
	if len(s.drained) == 0 {
		return nil
	}
	cancelled, err := s.syncer.store.MoveCursors(ctx, s.claim, s.drained)
	if err != nil {
		return err
	}
	s.drained = nil
	s.headway()
	if cancelled {
		return errCancelled
	}
	return nil
}

// hidingChanged reports whether other items of the type than before are to be hidden, and not all
// have been read again since.
func (s *slice) hidingChanged(id store.TypeID) bool {
	c, known := s.cursors[id]
	i := slices.IndexFunc(s.types, func(t store.RunType) bool { return t.TypeID == id })
	return known && (c.Rechecking || i >= 0 && s.types[i].Hiding != c.Hiding)
}

// withDigest returns copies of the items with the hashes they are stored with, which cover the
// rules of rendering too. The originals keep their hashes, because a batch may be applied twice.
func withDigest(items []dossier.Item, digest dossier.Hash) []dossier.Item {
	items = slices.Clone(items)
	for i := range items {
		items[i].Hash = items[i].Hash.Mix(digest)
	}
	return items
}

// renderStale renders again the items that name something that has changed.
func (s *slice) renderStale(ctx context.Context) (more bool, err error) {
	waiting, err := s.outstanding(ctx)
	if err != nil || !waiting.Stale {
		return false, err
	}
	s.changed()
	for {
		n, err := s.syncer.store.Rerender(ctx, s.claim, s.render, rerenderedAtOnce)
		if err != nil || n == 0 {
			return false, err
		}
		s.headway()
		if s.timeIsUp() {
			return true, nil
		}
	}
}

// renderAllStale is [slice.renderStale] without regard to the slice's time.
func (s *slice) renderAllStale(ctx context.Context) error {
	for {
		more, err := s.renderStale(ctx)
		if err != nil || !more {
			return err
		}
	}
}
