package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Backfills returns the clients that are owed a backfill and that the run has not tried: new
// clients before rechecked ones, the longest owed first. failed is the number of those that
// the run has tried and could not read.
func (s *Store) Backfills(ctx context.Context, c Claim) (clients []string, failed int64, err error) {
	const q = `
		SELECT client, tried IS NOT DISTINCT FROM @run
		FROM backfills
		WHERE tenant = @tenant
		ORDER BY recheck, since, client`
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID})
	if err != nil {
		return nil, 0, fmt.Errorf("read the backfills of %s: %w", c.Run.Tenant, err)
	}
	var client string
	var tried bool
	_, err = pgx.ForEachRow(rows, []any{&client, &tried}, func() error {
		if tried {
			failed++
		} else {
			clients = append(clients, client)
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read the backfills of %s: %w", c.Run.Tenant, err)
	}
	return clients, failed, nil
}

// MarkBackfillFailed stores that the run could not read the client's history, which stays
// owed. It fails with [ErrFenced].
func (s *Store) MarkBackfillFailed(ctx context.Context, c Claim, client string) error {
	const q = `
		UPDATE backfills SET tried = @run
		WHERE tenant = @tenant AND client = @client`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID, "client": client}
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("mark a backfill of %s as failed: %w", c.Run.Tenant, err)
	}
	return nil
}

// EndBackfill stores that the client's whole history was read. Unless it was a recheck, the
// dossier changes for its readers, because its parts are no longer not-synced-yet. It fails
// with [ErrFenced].
func (s *Store) EndBackfill(ctx context.Context, c Claim, client string) error {
	const q = `
		DELETE FROM backfills
		WHERE tenant = @tenant AND client = @client
		RETURNING recheck`
	args := pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "client": client}
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		recheck, err := queryOne(ctx, tx, pgx.RowTo[bool], q, args)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil || recheck {
			return err
		}
		return raiseChange(ctx, tx, c.Run.Tenant, []string{client})
	})
	if err != nil {
		return fmt.Errorf("end a backfill of %s: %w", c.Run.Tenant, err)
	}
	return nil
}
