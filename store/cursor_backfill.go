package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Backfills returns clients whose whole history is owed, the oldest debt first,
// and how many of all that are owed the run has tried to read in vain: those are
// not among them.
func (s *Store) Backfills(ctx context.Context, c Claim) (clients []string, inVain int64, err error) {
	const q = `
		SELECT client, tried IS NOT DISTINCT FROM @run FROM backfills
		WHERE tenant = @tenant ORDER BY recheck, since, client`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID})
	if err != nil {
		return nil, 0, fmt.Errorf("read the backfills of %s: %w", c.Run.Tenant, err)
	}
	var client string
	var tried bool
	_, err = pgx.ForEachRow(rows, []any{&client, &tried}, func() error {
		if tried {
			inVain++
		} else {
			clients = append(clients, client)
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read the backfills of %s: %w", c.Run.Tenant, err)
	}
	return clients, inVain, nil
}

// MarkBackfillFailed notes that the run could not read the client's history, which
// stays owed.
func (s *Store) MarkBackfillFailed(ctx context.Context, c Claim, client string) error {
	const q = `UPDATE backfills SET tried = @run WHERE tenant = @tenant AND client = @client`
	err := s.asClaimant(ctx, c, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID, "client": client})
	if err != nil {
		return fmt.Errorf("note a backfill of %s that failed: %w", c.Run.Tenant, err)
	}
	return nil
}

// EndBackfill notes that the client's whole history has been read. What readers
// of the dossier see changes with it: its parts are no longer to come.
func (s *Store) EndBackfill(ctx context.Context, c Claim, client string) error {
	const q = `DELETE FROM backfills WHERE tenant = @tenant AND client = @client RETURNING recheck`
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		recheck := true
		err := tx.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "client": client}).Scan(&recheck)
		if errors.Is(err, pgx.ErrNoRows) {
			err = nil
		}
		if err != nil || recheck {
			return err
		}
		return raiseChange(ctx, tx, c.Run.Tenant, []string{client})
	})
	if err != nil {
		return fmt.Errorf("note a backfill of %s: %w", c.Run.Tenant, err)
	}
	return nil
}
