package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// NoteNotPulled notes how many records of which source types the run has not
// asked for, in place of what it noted before. The requests that counting took
// count with the run's first type, as most are of none.
func (s *Store) NoteNotPulled(ctx context.Context, c Claim, notPulled map[string]int64, requests int64) error {
	const note = `UPDATE runs SET not_pulled = @counts WHERE id = @run`
	const count = `UPDATE run_types SET requests = requests + @requests WHERE run = @run AND ordinal = 0`
	if notPulled == nil {
		notPulled = map[string]int64{}
	}
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := holdClaim(ctx, tx, c); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, note, pgx.StrictNamedArgs{"run": c.Run.ID, "counts": notPulled}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, count, pgx.StrictNamedArgs{"run": c.Run.ID, "requests": requests})
		return err
	})
	if err != nil {
		return fmt.Errorf("note what run %d did not pull: %w", c.Run.ID, err)
	}
	return nil
}
