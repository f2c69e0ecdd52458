package sync

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// deletions asks the source which records it has deleted, type by type, where it
// can tell. What it states is obeyed at once. A type of which it does not tell is
// compared after every scheduled run instead.
func (r *slice) deletions(ctx context.Context) (more bool, err error) {
	feed, ok := r.tenant.Source.(source.Changes)
	scope := r.claim.Run.Scope
	if !ok || scope.Client != "" || !scope.From.IsZero() || !scope.To.IsZero() {
		return false, nil
	}
	asked := make(map[string]bool)
	for i := range r.types {
		t := &r.types[i]
		c := r.cursors[t.TypeID]
		name := string(t.Stream) + " " + t.Type
		if asked[name] || t.Failure != nil || c.Deletes != nil && !c.Deletes.Before(t.To) {
			continue
		}
		asked[name] = true
		noted, err := r.deletionsOf(ctx, feed, t, c)
		if err != nil {
			return false, err
		}
		// What could not be told is asked for again: that is no headway.
		if noted && r.timeIsUp() {
			return true, nil
		}
	}
	return false, nil
}

// deletionsOf obeys what was deleted of one type since it was last asked for. It
// reports whether that need not be asked again in this run.
func (r *slice) deletionsOf(ctx context.Context, feed source.Changes, t *store.RunType, c store.Cursor) (noted bool, err error) {
	typ, ok := r.sourceType(t.TypeID)
	if !ok {
		return false, nil
	}
	// Of what was deleted before it was first read, nothing is here.
	since := t.To
	for _, known := range []*time.Time{c.Upto, c.Deletes} {
		if known != nil && known.Before(since) {
			since = *known
		}
	}
	since = since.Add(-r.tenant.Overlap)
	links := make(map[string]struct{})
	for next := ""; ; {
		r.asking()
		page, err := feed.Deleted(ctx, typ, since, next)
		r.headway()
		f, failed := errors.AsType[*source.Failure](err)
		switch {
		case failed && f.Kind == source.Unsupported:
			_, err := r.noteDeletions(ctx, t, time.Time{})
			return false, err
		case failed && !concernsAll(f):
			// The next run asks again, from where this one did.
			r.log.Warn("deletions cannot be read", zap.String("type", t.Type), zap.Error(f))
			return false, nil
		case err != nil:
			return false, err
		}
		if err := r.obey(ctx, t, page.Deletions); err != nil {
			return false, err
		}
		if next = page.Next; next == "" {
			return r.noteDeletions(ctx, t, t.To)
		}
		if _, again := links[next]; again || len(links) >= maxPages {
			r.log.Warn("the pages of deletions do not end", zap.String("type", t.Type))
			return false, nil
		}
		links[next] = struct{}{}
	}
}

// noteDeletions notes up to when deletions are known. It reports whether that can
// be noted yet.
func (r *slice) noteDeletions(ctx context.Context, t *store.RunType, upto time.Time) (noted bool, err error) {
	if noted, err = r.syncer.store.MarkDeletionsRead(ctx, r.claim, t.TypeID, upto); err != nil {
		return false, err
	}
	feed := !upto.IsZero()
	for id, known := range r.cursors {
		if id.Stream == t.Stream && id.Type == t.Type {
			known.Feed = &feed
			r.cursors[id] = known
		}
	}
	return noted, nil
}

// obey removes what the source says it has deleted, unless it has made it again
// since. Where the times cannot tell, the record is read.
func (r *slice) obey(ctx context.Context, t *store.RunType, deleted []source.Deletion) error {
	refs := make([]dossier.Ref, 0, len(deleted))
	for _, d := range deleted {
		refs = append(refs, d.Ref)
	}
	known, err := r.syncer.store.Versions(ctx, r.tenant.ID, refs)
	if err != nil {
		return err
	}
	var gone []dossier.Item
	for _, d := range deleted {
		updated, here := known[d.Ref]
		switch {
		case !here || !d.At.IsZero() && updated.Sub(d.At) >= time.Second:
			continue
		case d.At.IsZero() || !updated.Before(d.At): // within the same second, or without a time
			if err := r.confirmDeleted(ctx, t.TypeID, d.Ref, updated); err != nil {
				return err
			}
			continue
		}
		gone = append(gone, deletion(t.Stream, d.Ref, d.At))
	}
	if len(gone) == 0 {
		return nil
	}
	_, err = r.applyBatch(ctx, store.Batch{Kind: store.BatchDeletions, Type: t.TypeID, Items: gone})
	return err
}

func deletion(stream dossier.Stream, ref dossier.Ref, at time.Time) dossier.Item {
	return dossier.Item{Ref: ref, Stream: stream, State: dossier.StateWithdrawn, Reason: dossier.WithdrawnDeleted, Updated: at}
}

// confirmDeleted reads a record that was deleted, and perhaps made again.
func (r *slice) confirmDeleted(ctx context.Context, id store.TypeID, ref dossier.Ref, updated time.Time) error {
	r.asking()
	item, err := r.tenant.Source.Read(ctx, id.Stream, ref)
	f, failed := errors.AsType[*source.Failure](err)
	switch {
	case failed && f.Kind == source.NotFound:
		_, err := r.applyBatch(ctx, store.Batch{
			Kind: store.BatchDeletions, Type: id, Items: []dossier.Item{deletion(id.Stream, ref, updated)}})
		return err
	case failed && !concernsAll(f):
		return nil // reconcile will judge
	case err != nil:
		return err
	}
	return r.applyRead(ctx, id, item)
}
