package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// EnsureSeen checks that table seen still holds the items that the run has counted. A crash of
// the database server empties the table: the run then begins again with an empty accounting,
// and lost is true. It fails with [ErrFenced].
func (s *Store) EnsureSeen(ctx context.Context, c Claim) (lost bool, err error) {
	// A row without a key marks the run as known to the table.
	const mark = `
		INSERT INTO seen (run, key, effect)
		VALUES (@run, '', '')
		ON CONFLICT DO NOTHING`
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
		return false, fmt.Errorf("check what run %d has seen: %w", c.Run.ID, err)
	}
	return lost, nil
}

// ForgetSeen deletes from table seen the items of runs that are done, some at a time.
func (s *Store) ForgetSeen(ctx context.Context) error {
	const next = `
		SELECT s.run, coalesce(r.state = 'done', true)
		FROM (SELECT run FROM seen WHERE run > @after ORDER BY run LIMIT 1) s
		LEFT JOIN runs r ON r.id = s.run`
	const forget = `
		DELETE FROM seen
		WHERE ctid = ANY(ARRAY( -- by place
			SELECT ctid
			FROM seen
			WHERE run = @run
			LIMIT 20000))
		  AND run = @run`
	var run int64
	for {
		var done bool
		err := s.pool.QueryRow(ctx, next, pgx.StrictNamedArgs{"after": run}).Scan(&run, &done)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("look for items that done runs have seen: %w", err)
		}
		for n := int64(1); done && n > 0; {
			tag, err := s.pool.Exec(ctx, forget, pgx.StrictNamedArgs{"run": run})
			if err != nil {
				return fmt.Errorf("forget the items that run %d has seen: %w", run, err)
			}
			n = tag.RowsAffected()
		}
	}
}
