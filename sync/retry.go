package sync

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/sync/source"
)

// retryQuarantined reads what is in quarantine again, by id, once per run.
func (r *reading) retryQuarantined(ctx context.Context) (more bool, err error) {
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

func (r *reading) retry(ctx context.Context, q store.Quarantined) error {
	st := r.syncer.store
	id, ok := r.runType(q.Stream, q.Type)
	if !ok {
		return st.TouchQuarantine(ctx, r.claim, q.Key)
	}
	r.requests.Add(1)
	item, err := r.tenant.Source.Read(ctx, q.Stream, store.Ref{Type: q.Type, ID: q.ID})
	f, failed := errors.AsType[*source.Failure](err)
	switch {
	case err == nil:
		if err := r.apply(ctx, id, []store.Item{item}, nil); err != nil {
			return err
		}
	case !failed || concernsAll(f):
		return err
	case f.Kind == source.NotFound:
		// It is gone: nothing is left to apply. What was stored of it, if
		// anything, is reconcile's to judge.
		return st.DropQuarantine(ctx, r.claim, q.Key)
	}
	// Tried, whatever came of it: an older version may have come, which says
	// nothing of the bad one.
	return st.TouchQuarantine(ctx, r.claim, q.Key)
}

// readAgain reads by id what was hidden for a reason that is no more, or has been
// replaced meanwhile. What cannot be read now is left to the next run.
func (r *reading) readAgain(ctx context.Context) (more bool, err error) {
	for after := ""; ; {
		list, err := r.syncer.store.Rereads(ctx, r.tenant.ID, after, 50)
		if err != nil || len(list) == 0 {
			return false, err
		}
		for _, again := range list {
			after = again.Key
			if err := r.readOne(ctx, again); err != nil {
				return false, err
			}
			if r.timeIsUp() {
				return true, nil
			}
		}
	}
}

func (r *reading) readOne(ctx context.Context, again store.Reread) error {
	id, ok := r.runType(again.Stream, again.Ref.Type)
	if !ok {
		return nil // of no type that this run reads
	}
	r.requests.Add(1)
	item, err := r.tenant.Source.Read(ctx, again.Stream, again.Ref)
	f, failed := errors.AsType[*source.Failure](err)
	switch {
	case failed && f.Kind == source.NotFound:
		// Gone: reconcile will judge.
	case failed && !concernsAll(f):
		r.log.Warn("a record cannot be read again", zap.String("type", again.Ref.Type), zap.Error(f))
		return nil
	case err != nil:
		return err
	default:
		if err := r.apply(ctx, id, []store.Item{item}, nil); err != nil {
			return err
		}
	}
	return r.syncer.store.RereadDone(ctx, r.claim, again.Key)
}

func (r *reading) runType(stream store.Stream, name string) (store.TypeID, bool) {
	for _, t := range r.types {
		if t.Stream == stream && t.Type == name {
			return t.TypeID, true
		}
	}
	return store.TypeID{}, false
}
