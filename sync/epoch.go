package sync

import (
	"context"

	"go.uber.org/zap"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// applyRead applies a record that was read by its id. If the source twice gives an older state
// than the stored one, it was restored from a backup or replaced: a new epoch begins (I4), in
// which the older state replaces the newer, and everything is read again.
func (s *slice) applyRead(ctx context.Context, id store.TypeID, item dossier.Item) error {
	older, err := s.applyDirect(ctx, id, item)
	if err != nil || !older {
		return err
	}
	item, err = s.read(ctx, id.Stream, item.Ref)
	if localFailure(err) != nil {
		return nil // the older state is not confirmed
	}
	if err != nil {
		return err
	}
	if older, err = s.applyDirect(ctx, id, item); err != nil || !older {
		return err
	}
	if err := s.openEpoch(ctx, id); err != nil {
		return err
	}
	_, err = s.applyDirect(ctx, id, item)
	return err
}

// applyDirect applies a record that was just read by its id, and reports whether it is older than
// the stored version, and so was not stored.
func (s *slice) applyDirect(ctx context.Context, id store.TypeID, item dossier.Item) (older bool, err error) {
	applied, err := s.applyBatch(ctx, store.Batch{Kind: store.BatchRead, Type: id, Items: []dossier.Item{item}})
	return len(applied.Older) > 0, err
}

// openEpoch begins a new epoch, unless this run has begun one, and requests a run that reads the
// whole tenant from the beginning. If no worker takes that run, the next run does the same, because
// the tenant's cursors were put back.
func (s *slice) openEpoch(ctx context.Context, id store.TypeID) error {
	opened, err := s.syncer.store.OpenEpoch(ctx, s.claim)
	if err != nil {
		return err
	}
	s.wentBack = true
	if !opened {
		return nil
	}
	s.log.Warn("the source has older records than before: it was restored or replaced; everything is read again",
		zap.String("stream", string(id.Stream)), zap.String("type", id.Type))
	_, _, err = s.syncer.store.RequestRun(ctx, store.RunRequest{
		Tenant: s.tenant.ID, Trigger: store.TriggerCatchUp, Scope: store.Scope{Full: true}})
	return err
}
