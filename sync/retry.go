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

// retryQuarantined reads what is in quarantine again, by id, once per run.
func (r *slice) retryQuarantined(ctx context.Context) (more bool, err error) {
	if r.claim.Run.Scope.Client != "" || r.claim.Run.Scope.Stream != "" {
		return false, nil
	}
	for {
		list, err := r.syncer.store.QuarantineToRetry(ctx, r.claim, 50)
		if err != nil || len(list) == 0 {
			return false, err
		}
		for _, q := range list {
			if err := r.retry(ctx, q); err != nil {
				return false, err
			}
			if r.timeIsUp() {
				return true, nil
			}
		}
	}
}

func (r *slice) retry(ctx context.Context, q store.Quarantined) error {
	st := r.syncer.store
	ref := dossier.Ref{Type: q.Type, ID: q.ID}
	nameless := q.ID == ""
	if nameless {
		var err error
		if ref, err = r.identify(ctx, q); err != nil {
			return err
		}
	}
	told := silence
	if !ref.IsZero() {
		var err error
		if told, err = r.readByID(ctx, q.Stream, ref); err != nil {
			return err
		}
	}
	if told == absence || nameless && told == statement {
		if err := st.DropQuarantine(ctx, r.claim, q.Key); err != nil {
			return err
		}
	}
	// Tried, whatever came of it: an older version may have come, which says
	// nothing of the bad one; or nothing, although the last good one is shown.
	return st.TouchQuarantine(ctx, r.claim, q.Key)
}

// identify decodes again the bytes that were kept of a record without an id, in
// case that this program now finds one. The bytes may be of long ago: what the
// source has by that id counts.
func (r *slice) identify(ctx context.Context, q store.Quarantined) (dossier.Ref, error) {
	identifier, ok := r.tenant.Source.(source.Identifier)
	if !ok {
		return dossier.Ref{}, nil
	}
	raw, err := r.syncer.store.RawToRetry(ctx, r.claim, q.Key)
	if errors.Is(err, store.ErrOtherKey) || errors.Is(err, store.ErrNotItsBytes) {
		r.log.Warn("what is kept of a quarantined record cannot be decrypted", zap.String("key", q.Key), zap.Error(err))
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

// readAgain reads by id what was hidden for a reason that is no more, or has been
// replaced meanwhile. What cannot be read now is left to the next run.
func (r *slice) readAgain(ctx context.Context) (more bool, err error) {
	st := r.syncer.store
	done := make(map[string]bool)
	for {
		list, err := st.Rereads(ctx, r.claim, 50)
		if err != nil || len(list) == 0 {
			return false, err
		}
		for _, again := range list {
			told := silence
			if !done[again.Key] { // one may ask for another, and that for the first
				done[again.Key] = true
				if told, err = r.readByID(ctx, again.Stream, again.Ref); err != nil {
					return false, err
				}
			}
			note := st.EndReread
			switch told {
			case silence:
				note = st.MarkRereadFailed
			case absence:
				note = st.MarkRereadAbsent
			}
			if err := note(ctx, r.claim, again.Key); err != nil {
				return false, err
			}
			if r.timeIsUp() {
				return true, nil
			}
		}
	}
}

// told is what a source says of one record.
type told int

const (
	silence   told = iota // nothing that can be relied on
	statement             // how it is now, which is applied
	absence               // that it is not there: obeyed if deleted (410), else left to reconcile (404)
)

// readByID reads one record and applies what the source states of it. An error is
// one that concerns more than this record.
func (r *slice) readByID(ctx context.Context, stream dossier.Stream, ref dossier.Ref) (told, error) {
	id, ok := r.runType(stream, ref.Type)
	if !ok {
		return silence, nil // of no type that this run reads
	}
	r.asking()
	item, err := r.tenant.Source.Read(ctx, stream, ref)
	r.headway()
	f, failed := errors.AsType[*source.Failure](err)
	switch {
	case source.IsGone(err):
		_, err := r.applyBatch(ctx, store.Batch{
			Kind: store.BatchDeletions, Type: id, Items: []dossier.Item{deletion(stream, ref, time.Time{})}})
		return absence, err
	case failed && f.Kind == source.NotFound:
		return absence, nil
	case failed && !concernsAll(f):
		r.log.Warn("a record cannot be read by its id", zap.String("type", ref.Type), zap.Error(f))
		return silence, nil
	case err != nil:
		return silence, err
	}
	return statement, r.applyRead(ctx, id, item)
}

func (r *slice) runType(stream dossier.Stream, name string) (store.TypeID, bool) {
	for _, t := range r.types {
		if t.Stream == stream && t.Type == name {
			return t.TypeID, true
		}
	}
	return store.TypeID{}, false
}
