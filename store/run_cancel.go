package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// CancelRun asks the run to stop, in the name of by, and returns it as it then is: a run
// without a worker has ended; any other ends at its next page. It fails with [ErrNotFound], or
// with [ErrRunDone] and the run.
func (s *Store) CancelRun(ctx context.Context, id int64, by string) (Run, error) {
	// No fence is needed: every later write requires state = 'running'.
	const idle = `(state = 'waiting' OR worker IS NULL OR lease_until <= now())`
	const q = `
		UPDATE runs SET
			cancel = true,
			message = CASE WHEN cancel THEN message ELSE @message END,
			state = CASE WHEN ` + idle + ` THEN 'done' ELSE state END,
			outcome = CASE WHEN ` + idle + ` THEN 'cancelled' END,
			finished_at = CASE WHEN ` + idle + ` THEN now() END,
			lease_until = CASE WHEN NOT ` + idle + ` THEN lease_until END
		WHERE id = @id AND state <> 'done'
		RETURNING` + runColumns
	args := pgx.StrictNamedArgs{"id": id, "message": "cancelled by " + cmp.Or(by, "an operator")}
	var run Run
	err := inTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		if run, err = queryOne(ctx, tx, scanRun, q, args); err != nil {
			return err
		}
		return logTransfer(ctx, tx, id)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		if run, err = s.Run(ctx, id); err == nil {
			err = ErrRunDone
		}
		return run, err
	}
	if err != nil {
		return Run{}, fmt.Errorf("cancel run %d: %w", id, err)
	}
	return run, nil
}

// CancelWaiting ends a run that has had no slice yet; other runs it leaves alone.
func (s *Store) CancelWaiting(ctx context.Context, id int64) error {
	const q = `
		UPDATE runs SET state = 'done', outcome = 'cancelled', finished_at = now()
		WHERE id = @id AND state = 'waiting'`
	if _, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"id": id}); err != nil {
		return fmt.Errorf("cancel run %d: %w", id, err)
	}
	return nil
}
