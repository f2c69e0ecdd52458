package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// EnsureSeen makes sure that what the run has seen so far is known. Table seen
// does not survive a crash of the server: then the run begins anew, with an
// accounting of nothing, and reports true.
func (s *Store) EnsureSeen(ctx context.Context, c Claim) (lost bool, err error) {
	const mark = `INSERT INTO seen (run, key, effect) VALUES (@run, '', '') ON CONFLICT DO NOTHING`
	const again = `
		UPDATE run_types SET done = false, upto = NULL, short = false, failure = NULL, effects = '{}'
		WHERE run = @run AND (upto IS NOT NULL OR effects <> '{}')`
	const clients = `UPDATE cursors SET run = NULL WHERE tenant = @tenant AND client <> '' AND run = @run`
	err = inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, mark, pgx.StrictNamedArgs{"run": c.Run.ID})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		tag, err = tx.Exec(ctx, again, pgx.StrictNamedArgs{"run": c.Run.ID})
		if lost = tag.RowsAffected() > 0; err != nil || !lost {
			return err
		}
		_, err = tx.Exec(ctx, clients, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "run": c.Run.ID})
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look for what run %d has seen: %w", c.Run.ID, err)
	}
	return lost, nil
}

// ForgetSeen removes what runs that are done have seen, in bites.
func (s *Store) ForgetSeen(ctx context.Context) error {
	const oldest = `
		SELECT s.run, coalesce(r.state = 'done', true) FROM (
			SELECT run FROM seen WHERE run > @after ORDER BY run LIMIT 1) s
		LEFT JOIN runs r ON r.id = s.run`
	const bite = `
		DELETE FROM seen WHERE ctid = ANY(ARRAY(SELECT ctid FROM seen WHERE run = @run LIMIT 20000)) AND run = @run`
	var run int64
	for {
		var done bool
		err := s.pool.QueryRow(ctx, oldest, pgx.StrictNamedArgs{"after": run}).Scan(&run, &done)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for what done runs have seen: %w", err)
		}
		for n := int64(1); done && n > 0; {
			tag, err := s.pool.Exec(ctx, bite, pgx.StrictNamedArgs{"run": run})
			if err != nil {
				return fmt.Errorf("forget what run %d has seen: %w", run, err)
			}
			n = tag.RowsAffected()
		}
	}
}
