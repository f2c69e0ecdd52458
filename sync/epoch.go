package sync

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// applyRead applies a record that was read by its id. Where the source has it in
// an older state than was stored, and says so again when asked again, the source
// was put back to an earlier state, or replaced: a new epoch begins (I4).
func (r *slice) applyRead(ctx context.Context, id store.TypeID, item dossier.Item) error {
	older, err := r.applyDirect(ctx, id, item)
	if err != nil || !older {
		return err
	}
	r.asking()
	item, err = r.tenant.Source.Read(ctx, id.Stream, item.Ref)
	if f, ok := errors.AsType[*source.Failure](err); ok && !concernsAll(f) {
		return nil // it does not say so again
	}
	if err != nil {
		return err
	}
	if older, err = r.applyDirect(ctx, id, item); err != nil || !older {
		return err
	}
	opened, err := r.syncer.store.OpenEpoch(ctx, r.claim)
	if err != nil {
		return err
	}
	r.wentBack = true
	if opened {
		r.log.Warn("the source has records in an older state than it had before: it was restored or replaced; everything is read again",
			zap.String("stream", string(id.Stream)), zap.String("type", id.Type))
		if err := r.readAnewLater(ctx); err != nil {
			return err
		}
	}
	_, err = r.applyDirect(ctx, id, item)
	return err
}

func (r *slice) applyDirect(ctx context.Context, id store.TypeID, item dossier.Item) (older bool, err error) {
	applied, err := r.applyBatch(ctx, store.Batch{Kind: store.BatchRead, Type: id, Items: []dossier.Item{item}})
	return len(applied.Older) > 0, err
}

// readAnewLater asks for a run that reads the whole tenant from the beginning.
// Where no worker is there to take it, the next run does the same: its cursors
// were put back.
func (r *slice) readAnewLater(ctx context.Context) error {
	_, _, err := r.syncer.store.RequestRun(ctx, store.RunRequest{
		Tenant: r.tenant.ID, Trigger: store.TriggerCatchUp, Scope: store.Scope{Full: true}})
	return err
}
