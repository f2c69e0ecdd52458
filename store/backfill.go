package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Backfills returns clients whose whole history is owed, the oldest debt first.
func (s *Store) Backfills(ctx context.Context, tenant string) ([]string, error) {
	const q = `SELECT client FROM backfills WHERE tenant = @tenant ORDER BY since, client`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": tenant})
	if err != nil {
		return nil, fmt.Errorf("read the backfills of %s: %w", tenant, err)
	}
	clients, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the backfills of %s: %w", tenant, err)
	}
	return clients, nil
}

// BackfillDone notes that the client's whole history has been read. What readers
// of the dossier see changes with it: its parts are no longer to come.
func (s *Store) BackfillDone(ctx context.Context, c Claim, client string) error {
	const q = `DELETE FROM backfills WHERE tenant = @tenant AND client = @client`
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "client": client}); err != nil {
			return err
		}
		return raiseChange(ctx, tx, c.Run.Tenant, []string{client})
	})
	if err != nil {
		return fmt.Errorf("note a backfill of %s: %w", c.Run.Tenant, err)
	}
	return nil
}
