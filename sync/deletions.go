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

// deletions asks the source type by type which records it has deleted, if it can tell. Those
// statements are obeyed at once, unless they take half of the type or more. A type without such a feed is compared after every scheduled run
// instead; see [slice.dueForReconcile].
func (s *slice) deletions(ctx context.Context) (more bool, err error) {
	feed, ok := s.tenant.Source.(source.Changes)
	scope := s.claim.Run.Scope
	if !ok || scope.Client != "" || !scope.From.IsZero() || !scope.To.IsZero() {
		return false, nil
	}
	var reading deletionsRead
	asked := make(map[string]bool) // the feed is by type: several searches of a type share it
	for i := range s.types {
		t := &s.types[i]
		c := s.cursors[t.TypeID]
		name := string(t.Stream) + " " + t.Type
		isRead := c.Deletes != nil && !c.Deletes.Before(t.To)
		if asked[name] || t.Failure != nil || isRead {
			continue
		}
		asked[name] = true
		if err := s.readDeletions(ctx, feed, t, c, &reading); err != nil {
			return false, err
		}
		// A type whose deletions could not be noted is asked for again by the next slice: ending
		// the slice after it could repeat for ever.
		if s.timeIsUp() {
			if noted, err := s.noteDeletionsRead(ctx, &reading); noted || err != nil {
				return noted, err
			}
		}
	}
	_, err = s.noteDeletionsRead(ctx, &reading)
	return false, err
}

// deletionsRead collects the types of which the deletions have been read, until that is stored.
type deletionsRead []store.DeletionsRead

// readDeletions obeys the deletions of one type since they were last read, and adds the type to
// reading unless they need to be read again.
func (s *slice) readDeletions(
	ctx context.Context, feed source.Changes, t *store.RunType, c store.Cursor, reading *deletionsRead,
) error {
	typ, ok := s.sourceType(t.TypeID)
	if !ok {
		return nil
	}
	since := s.deletionsSince(t, c)
	var deleted []known
	links := make(map[string]struct{})
	for next := ""; ; {
		s.countRequest()
		page, err := feed.Deleted(ctx, typ, since, next)
		s.headway()
		f := localFailure(err)
		switch {
		case f != nil && f.Kind == source.Unsupported:
			s.deletionsAreRead(reading, t, time.Time{})
			return nil
		case f != nil: // the next run asks again, from the same moment
			s.log.Warn("deletions cannot be read", zap.String("type", t.Type), zap.Error(f))
			return s.obey(ctx, t, deleted)
		case err != nil:
			return err
		}
		if deleted, err = s.addKnown(ctx, deleted, page.Deletions); err != nil {
			return err
		}
		if next = page.Next; next == "" {
			if err := s.obey(ctx, t, deleted); err != nil {
				return err
			}
			s.deletionsAreRead(reading, t, t.To)
			return nil
		}
		if _, again := links[next]; again || len(links) >= maxPages {
			s.log.Warn("the pages of deletions do not end", zap.String("type", t.Type))
			return s.obey(ctx, t, deleted)
		}
		links[next] = struct{}{}
	}
}

// deletionsSince returns from when on the deletions of t matter. Nothing is stored of records that
// were deleted before the type was first read.
func (s *slice) deletionsSince(t *store.RunType, c store.Cursor) time.Time {
	since := t.To
	for _, known := range []*time.Time{c.Upto, c.Deletes} {
		if known != nil && known.Before(since) {
			since = *known
		}
	}
	return since.Add(-s.tenant.Overlap)
}

// deletionsAreRead notes up to when deletions have been read; zero: the source has no feed of them.
func (s *slice) deletionsAreRead(reading *deletionsRead, t *store.RunType, upto time.Time) {
	feed := !upto.IsZero()
	for id, known := range s.cursors {
		if id.Stream == t.Stream && id.Type == t.Type {
			known.Feed = &feed
			s.cursors[id] = known
		}
	}
	*reading = append(*reading, store.DeletionsRead{Stream: t.Stream, Type: t.Type, Upto: upto})
}

// noteDeletionsRead stores what has been read. It reports whether a type need not be asked for again
// in this run: that cannot be stored before the type has a cursor.
func (s *slice) noteDeletionsRead(ctx context.Context, reading *deletionsRead) (noted bool, err error) {
	if len(*reading) == 0 {
		return false, nil
	}
	noted, err = s.syncer.store.NoteDeletionsRead(ctx, s.claim, *reading)
	*reading = nil
	return noted, err
}

// known is a deletion of a record that is stored, or in quarantine.
type known struct {
	source.Deletion
	updated time.Time // of the stored version
}

// addKnown adds the deletions of one page to list, except those of records that are not here, or
// that were made again since.
func (s *slice) addKnown(ctx context.Context, list []known, deleted []source.Deletion) ([]known, error) {
	if len(deleted) == 0 {
		return list, nil
	}
	refs := make([]dossier.Ref, 0, len(deleted))
	for _, d := range deleted {
		refs = append(refs, d.Ref)
	}
	versions, err := s.syncer.store.Versions(ctx, s.tenant.ID, refs)
	if err != nil {
		return nil, err
	}
	for _, d := range deleted {
		if updated, here := versions[d.Ref]; here && (d.At.IsZero() || updated.Sub(d.At) < time.Second) {
			list = append(list, known{d, updated})
		}
	}
	return list, nil
}

const (
	// manyShown is how many items of a type must be shown for half of them to be too many to be
	// deleted at once.
	manyShown = 10
	// deletedAtOnce is how many deletions one transaction applies.
	deletedAtOnce = 1000
)

// obey removes what the source says it has deleted. A record is read if the times do not show
// whether the deletion came last. If the deletions take half of the type or more, each is confirmed
// by a read and the set is judged; see [slice.settle].
func (s *slice) obey(ctx context.Context, t *store.RunType, deleted []known) error {
	deleted, err := s.confirmMany(ctx, t, deleted)
	if err != nil {
		return err
	}
	var gone []dossier.Item
	for _, d := range deleted {
		if d.At.IsZero() || !d.updated.Before(d.At) { // within the same second, or without a time
			if err := s.confirmDeleted(ctx, t.TypeID, d.Ref, d.updated); err != nil {
				return err
			}
			continue
		}
		gone = append(gone, deletion(t.Stream, d.Ref, d.At))
	}
	for some := range slices.Chunk(gone, deletedAtOnce) {
		if err := s.applyDeletions(ctx, t.TypeID, some...); err != nil {
			return err
		}
	}
	return nil
}

// confirmMany notes the deletions as suspects if they take half or more of a type of which ten
// items or more are shown. It returns those that are to be carried out at once: all, or those of
// items that are not shown.
func (s *slice) confirmMany(ctx context.Context, t *store.RunType, deleted []known) ([]known, error) {
	if 2*len(deleted) < manyShown {
		return deleted, nil
	}
	st := s.syncer.store
	refs, all := make([]dossier.Ref, 0, len(deleted)), make([]source.Deletion, 0, len(deleted))
	for _, d := range deleted {
		refs, all = append(refs, d.Ref), append(all, d.Deletion)
	}
	of := store.AbsentType{Stream: t.Stream, Type: t.Type}
	half, named, err := st.DeletesHalf(ctx, s.tenant.ID, of, refs, manyShown)
	if err != nil || !half {
		return deleted, err
	}
	s.log.Warn("the source says that half of a type or more is deleted; each deletion is confirmed by a read",
		zap.String("type", t.Type), zap.Int64("items", named))
	if err := st.AddDeletions(ctx, s.claim, of, refs); err != nil {
		return nil, err
	}
	s.changed()
	return s.addKnown(ctx, nil, all) // without those that were noted
}

// confirmDeleted reads a record that was deleted, and perhaps made again at the same moment.
func (s *slice) confirmDeleted(ctx context.Context, id store.TypeID, ref dossier.Ref, updated time.Time) error {
	item, err := s.read(ctx, id.Stream, ref)
	f := localFailure(err)
	switch {
	case f != nil && f.Kind == source.NotFound:
		return s.applyDeletions(ctx, id, deletion(id.Stream, ref, updated))
	case f != nil:
		return nil // a reconcile finds out
	case err != nil:
		return err
	}
	return s.applyRead(ctx, id, item)
}
