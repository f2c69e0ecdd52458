package sync

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"dossiersync/sync/source"
)

// backfill reads the whole history of each client who is owed one. A client
// whose history cannot be read stays owed, and keeps no other waiting.
func (r *slice) backfill(ctx context.Context) (more bool, err error) {
	if r.claim.Run.Scope.Client != "" || r.claim.Run.Scope.Stream != "" {
		return false, nil
	}
	st := r.syncer.store
	owed, inVain, err := st.Backfills(ctx, r.claim)
	if err != nil {
		return false, err
	}
	r.owed = inVain
	for _, client := range owed {
		err := r.backfillClient(ctx, client)
		if f, ok := errors.AsType[*source.Failure](err); ok && ctx.Err() == nil && !concernsAll(f) && f.Kind != source.Unauthorized {
			r.log.Warn("a client's history cannot be read", zap.Error(f))
			r.owed++
			err = st.MarkBackfillFailed(ctx, r.claim, client)
		}
		if err != nil {
			return false, fmt.Errorf("backfill a client: %w", err)
		}
		if r.timeIsUp() {
			return true, nil
		}
	}
	return false, nil
}

// backfillClient reads everything of one client. It is owed until all of it has
// been read.
func (r *slice) backfillClient(ctx context.Context, client string) error {
	for i := range r.types {
		t := &r.types[i]
		if !t.Stream.OfClients() || t.Done && t.Failure != nil { // the source does not know the type
			continue
		}
		if err := r.history(ctx, t, client); err != nil {
			return err
		}
	}
	return r.syncer.store.EndBackfill(ctx, r.claim, client)
}
