package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// OpenEpoch begins a new epoch of the run's tenant: its source was put back to an
// older state, or replaced, so that versions from before say nothing of those
// from now on (I4). Everything is to be read again, while readers keep what they
// have, and a reconcile is due. At most one epoch begins during a run: then it
// returns false.
func (s *Store) OpenEpoch(ctx context.Context, c Claim) (opened bool, err error) {
	const raise = `
		UPDATE tenants SET epoch = epoch + 1, epoch_since = now(), reconciled = NULL
		WHERE id = @tenant AND coalesce(epoch_since < @started, true)`
	const again = `UPDATE cursors SET upto = NULL, deletes = NULL WHERE tenant = @tenant`
	// How new a bad version was says nothing any more of what may take its place.
	const bad = `UPDATE quarantine SET updated = NULL WHERE tenant = @tenant`
	err = inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, raise, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "started": c.Run.StartedAt})
		if opened = tag.RowsAffected() > 0; err != nil || !opened {
			return err
		}
		for _, q := range []string{again, bad} {
			if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("begin a new epoch of %s: %w", c.Run.Tenant, err)
	}
	return opened, nil
}
