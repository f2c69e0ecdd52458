package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// markSeen inserts a row without a key, by which the run is known to table seen.
const markSeen = `
	INSERT INTO seen (run, key, effect)
	VALUES (@run, '', '')
	ON CONFLICT DO NOTHING`

// EnsureSeen checks that table seen still holds the items that the run has counted. A crash of
// the database server empties the table: the run then begins again with an empty accounting,
// and lost is true. It fails with [ErrFenced].
func (s *Store) EnsureSeen(ctx context.Context, c Claim) (lost bool, err error) {
	const again = `
		UPDATE run_types SET
			done = false, upto = NULL, short = false, failure = NULL, effects = '{}'
		WHERE run = @run AND (upto IS NOT NULL OR effects <> '{}')`
	const clients = `
		UPDATE cursors SET run = NULL
		WHERE tenant = @tenant AND client <> '' AND run = @run`
	err = inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, markSeen, pgx.StrictNamedArgs{"run": c.Run.ID})
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
		return false, fmt.Errorf("check what run %d has seen: %w", c.Run.ID, err)
	}
	return lost, nil
}

// ForgetSeen deletes from table seen the items of runs that are done, some at a time.
func (s *Store) ForgetSeen(ctx context.Context) error {
	const atOnce = 20000
	const q = `
		WITH RECURSIVE known (run) AS ( -- from one run to the next, past its items
			SELECT min(run)
			FROM seen
			UNION ALL
			SELECT (SELECT min(s.run) FROM seen s WHERE s.run > known.run)
			FROM known
			WHERE known.run IS NOT NULL)
		DELETE FROM seen
		WHERE ctid = ANY(ARRAY(
			SELECT s.ctid
			FROM known
			CROSS JOIN LATERAL (
				SELECT ctid
				FROM seen
				WHERE run = known.run
				LIMIT @limit) s
			WHERE NOT EXISTS (SELECT FROM runs WHERE id = known.run AND state <> 'done')
			LIMIT @limit))`
	for {
		tag, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"limit": atOnce})
		if err != nil {
			return fmt.Errorf("forget the items that done runs have seen: %w", err)
		}
		if tag.RowsAffected() < atOnce {
			return nil
		}
	}
}
