package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// OpenEpoch begins a new epoch of the run's tenant, because its source was put back to an
// older state, or replaced: versions of earlier epochs are not compared with later ones (I4).
// All types are then to be read again and a reconcile is due; readers keep the present state
// meanwhile. If an epoch has begun since the run started, it returns false and changes
// nothing. It fails with [ErrFenced].
func (s *Store) OpenEpoch(ctx context.Context, c Claim) (opened bool, err error) {
	const raise = `
		UPDATE tenants SET epoch = epoch + 1, epoch_since = now(), reconciled = NULL
		WHERE id = @tenant AND coalesce(epoch_since < @started, true)`
	const readAgain = `
		UPDATE cursors SET upto = NULL, deletes = NULL
		WHERE tenant = @tenant`
	// A version of the new epoch may replace a bad version, whatever their times.
	const undateBad = `
		UPDATE quarantine SET updated = NULL
		WHERE tenant = @tenant`
	err = inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, raise, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "started": c.Run.StartedAt})
		if opened = tag.RowsAffected() > 0; err != nil || !opened {
			return err
		}
		for _, q := range []string{readAgain, undateBad} {
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
