package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// LeaseTime is how long a claim on a run lasts without being renewed, by the database's clock.
// A timer of the worker renews it, and so does every batch.
const LeaseTime = 60 * time.Second

var (
	// ErrBusy is returned while another run of the tenant is running, or another worker works
	// on this run.
	ErrBusy = errors.New("another run of this tenant is running")
	// ErrFenced is returned when the claim was lost: the lease passed, and another worker took
	// the run over. Nothing was written.
	ErrFenced = errors.New("the run was taken over by another worker")
	// ErrRunDone is returned for a run that has ended.
	ErrRunDone = errors.New("the run is done")
)

// Claim is the right to work on one run until its lease passes. Each claim raises the run's
// fence, which invalidates the claims before it.
type Claim struct {
	Run   Run
	Fence int64
	// Failures is how many slices in a row failed before this one, and Failing since when, by
	// the database's clock.
	Failures int
	Failing  *time.Time

	claimed time.Time // by the database's clock
	since   time.Time // the same moment by this process's clock
}

// Now returns the time by the database's clock, as this process has counted it since the claim.
func (c Claim) Now() time.Time { return c.claimed.Add(time.Since(c.since)) }

// ClaimRun takes the next slice of a run for worker. It fails with [ErrBusy] while another
// worker works on the run or another run of its tenant is running, and with [ErrRunDone] if
// the run has ended.
func (s *Store) ClaimRun(ctx context.Context, id int64, worker string) (Claim, error) {
	const q = `
		UPDATE runs SET
			state = 'running',
			fence = fence + 1,
			slices = slices + 1,
			worker = @worker,
			started_at = coalesce(started_at, now()),
			lease_until = now() + @lease
		WHERE id = @id
		  AND (state = 'running' AND lease_until <= now()
			OR state = 'waiting' AND NOT EXISTS (
				SELECT FROM runs o
				WHERE o.tenant = runs.tenant AND o.state = 'running'))
		RETURNING` + runColumns + `, fence, failures, failing, clock_timestamp()`
	scan := func(row pgx.CollectableRow) (c Claim, err error) {
		err = row.Scan(append(c.Run.fields(), &c.Fence, &c.Failures, &c.Failing, &c.claimed)...)
		c.since = time.Now()
		return c, err
	}
	args := pgx.StrictNamedArgs{"id": id, "worker": worker, "lease": LeaseTime}
	c, err := queryOne(ctx, s.pool, scan, q, args)
	switch {
	case isUniqueViolation(err, "runs_running"):
		return Claim{}, ErrBusy
	case errors.Is(err, pgx.ErrNoRows):
		run, err := s.Run(ctx, id)
		if err != nil {
			return Claim{}, err
		}
		if run.State == RunDone {
			return Claim{}, ErrRunDone
		}
		if err := s.noteQueued(ctx, id); err != nil {
			return Claim{}, err
		}
		return Claim{}, ErrBusy
	case err != nil:
		return Claim{}, fmt.Errorf("claim run %d: %w", id, err)
	}
	return c, nil
}

// noteQueued stores that the run has a waiting job, so that [Store.QueueLostRuns] does not
// queue another.
func (s *Store) noteQueued(ctx context.Context, id int64) error {
	const q = `
		UPDATE runs SET queued_at = now()
		WHERE id = @id AND state <> 'done'`
	if _, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"id": id}); err != nil {
		return fmt.Errorf("store that run %d waits: %w", id, err)
	}
	return nil
}

// RenewClaim renews the lease, and reports whether an operator asked to cancel the run. It
// fails with [ErrFenced].
func (s *Store) RenewClaim(ctx context.Context, c Claim) (cancelled bool, err error) {
	err = inTx(ctx, s.pool, func(tx pgx.Tx) error {
		cancelled, err = holdClaim(ctx, tx, c)
		return err
	})
	return cancelled, err
}

const holdClaimSQL = `
	UPDATE runs SET lease_until = clock_timestamp() + @lease -- not now(): it may have waited for the row
	WHERE id = @id AND fence = @fence AND state = 'running'
	RETURNING cancel`

// insistOnClaimSQL is holdClaimSQL for a pipeline: if the claim was lost, it fails, and so do the
// statements behind it.
const insistOnClaimSQL = `
	WITH held AS (` + holdClaimSQL + `)
	SELECT coalesce(bool_or(cancel), false), 1 / count(*)
	FROM held`

// scanClaim reads the answer to insistOnClaimSQL.
func scanClaim(cancelled *bool) func(pgx.Row) error {
	return func(row pgx.Row) error {
		err := row.Scan(cancelled, nil)
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "22012" { // division_by_zero
			return ErrFenced
		}
		return err
	}
}

func holdClaimArgs(c Claim) pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{"id": c.Run.ID, "fence": c.Fence, "lease": LeaseTime}
}

// holdClaim renews the lease and locks the run until tx ends, so that no other worker can take
// it over meanwhile. It fails with [ErrFenced].
func holdClaim(ctx context.Context, tx pgx.Tx, c Claim) (cancelled bool, err error) {
	err = tx.QueryRow(ctx, holdClaimSQL, holdClaimArgs(c)).Scan(&cancelled)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, ErrFenced
	}
	if err != nil {
		return false, fmt.Errorf("renew the claim on run %d: %w", c.Run.ID, err)
	}
	return cancelled, nil
}

// Pause is the pause between two slices of a run.
type Pause struct {
	For time.Duration // the run can be claimed again after that long
	// Failed reports that the slice made no progress because of a failure: the run's failures
	// are raised.
	Failed bool
	// Fails reports that a failure persists although the slice ended for another reason: the
	// run's failures are kept. Otherwise they are reset.
	Fails bool
}

// ReleaseClaim gives the run back between two slices. A run that is to be cancelled ends. It
// fails with [ErrFenced].
func (s *Store) ReleaseClaim(ctx context.Context, c Claim, p Pause) error {
	const q = `
		UPDATE runs SET
			worker = NULL,
			lease_until = CASE WHEN NOT cancel THEN now() + @pause END,
			queued_at = now() + @pause,
			state = CASE WHEN cancel THEN 'done' ELSE state END,
			outcome = CASE WHEN cancel THEN 'cancelled' END,
			finished_at = CASE WHEN cancel THEN now() END,
			failures = CASE WHEN @failed THEN failures + 1 WHEN @fails THEN failures ELSE 0 END,
			failing = CASE WHEN @failed THEN coalesce(failing, now()) END
		WHERE id = @id AND fence = @fence AND state = 'running'`
	args := pgx.StrictNamedArgs{
		"id": c.Run.ID, "fence": c.Fence, "pause": p.For, "failed": p.Failed, "fails": p.Fails}
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, q, args)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrFenced
		}
		return logTransfer(ctx, tx, c.Run.ID)
	})
	if err != nil {
		return fmt.Errorf("release run %d: %w", c.Run.ID, err)
	}
	return nil
}

// FinishRun ends the run, and logs what it transferred in the access log. success means that
// the run counts for freshness: the whole tenant was read, even if something is left over. If
// an operator cancelled the run, its message (who did) is kept. It fails with [ErrFenced].
func (s *Store) FinishRun(ctx context.Context, c Claim, outcome Outcome, message string, success bool) error {
	const finish = `
		UPDATE runs SET
			state = 'done',
			outcome = @outcome,
			finished_at = now(),
			lease_until = NULL,
			message = coalesce(
				CASE WHEN cancel AND @outcome = 'cancelled' THEN message END,
				nullif(@message, ''))
		WHERE id = @id`
	const succeeded = `
		UPDATE tenants SET succeeded = greatest(succeeded, @started)
		WHERE id = @tenant`
	args := pgx.StrictNamedArgs{"id": c.Run.ID, "outcome": outcome, "message": message}
	_, err := s.allAsClaimant(ctx, c, func(b *pgx.Batch) {
		b.Queue(finish, args)
		b.Queue(logTransferSQL, pgx.StrictNamedArgs{"run": c.Run.ID})
		if success {
			b.Queue(succeeded, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "started": c.Run.StartedAt})
		}
	})
	if err != nil {
		return fmt.Errorf("finish run %d: %w", c.Run.ID, err)
	}
	return nil
}
