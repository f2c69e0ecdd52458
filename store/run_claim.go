package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// LeaseTime is how long a claim on a run lasts without a sign of life, by the
// database's clock. Every page and batch renews it.
const LeaseTime = 60 * time.Second

var (
	// ErrBusy says that another run of the tenant is running, or that somebody
	// else works on this one.
	ErrBusy = errors.New("another run of this tenant is running")
	// ErrFenced says that the claim was lost: the lease passed, and another
	// worker took the run over. Nothing was written.
	ErrFenced = errors.New("the run was taken over by another worker")
	// ErrRunDone says that there is nothing left to do.
	ErrRunDone = errors.New("the run is done")
)

// Claim is the right to work on one run until its lease passes. Its fence
// shuts out whoever held it before.
type Claim struct {
	Run   Run
	Fence int64
	// Failures is how many slices in a row have failed before this one, and
	// Failing since when, by the database's clock.
	Failures int
	Failing  *time.Time
}

// ClaimRun takes the next slice of a run for worker. It fails with [ErrBusy]
// while somebody else works on the run or on another run of its tenant, and with
// [ErrRunDone] when the run has ended.
func (s *Store) ClaimRun(ctx context.Context, id int64, worker string) (Claim, error) {
	const q = `
		UPDATE runs SET state = 'running', fence = fence + 1, slices = slices + 1, worker = @worker,
			started_at = coalesce(started_at, now()), lease_until = now() + @lease
		WHERE id = @id AND (state = 'running' AND lease_until <= now() OR state = 'waiting'
			AND NOT EXISTS (SELECT FROM runs o WHERE o.tenant = runs.tenant AND o.state = 'running'))
		RETURNING ` + runColumns + `, fence, failures, failing`
	scan := func(row pgx.CollectableRow) (Claim, error) {
		var c Claim
		err := row.Scan(append(c.Run.fields(), &c.Fence, &c.Failures, &c.Failing)...)
		return c, err
	}
	c, err := queryOne(ctx, s.pool, scan, q, pgx.StrictNamedArgs{"id": id, "worker": worker, "lease": LeaseTime})
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
		return Claim{}, s.noteBusy(ctx, id)
	case err != nil:
		return Claim{}, fmt.Errorf("claim run %d: %w", id, err)
	}
	return c, nil
}

// noteBusy keeps a run that has a job which waits from being given another.
func (s *Store) noteBusy(ctx context.Context, id int64) error {
	const q = `UPDATE runs SET queued_at = now() WHERE id = @id AND state <> 'done'`
	if _, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"id": id}); err != nil {
		return fmt.Errorf("note that run %d waits: %w", id, err)
	}
	return ErrBusy
}

// RenewClaim renews the lease, and reports whether an operator asked to cancel
// the run. It fails with [ErrFenced].
func (s *Store) RenewClaim(ctx context.Context, c Claim) (cancelled bool, err error) {
	err = inTx(ctx, s.pool, func(tx pgx.Tx) error {
		cancelled, err = holdClaim(ctx, tx, c)
		return err
	})
	return cancelled, err
}

const holdClaimSQL = `
	UPDATE runs SET lease_until = clock_timestamp() + @lease -- it may have waited for the row
	WHERE id = @id AND fence = @fence AND state = 'running'
	RETURNING cancel`

func holdClaimArgs(c Claim) pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{"id": c.Run.ID, "fence": c.Fence, "lease": LeaseTime}
}

// holdClaim renews the lease and locks the run until tx ends, so that nobody
// takes it over meanwhile.
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

// Pause says how a run is given back between two slices.
type Pause struct {
	For time.Duration // it can be claimed again after that long
	// Failed says that the slice made no headway because of a failure.
	Failed bool
	// Fails says that something fails still, though the slice ended for another
	// reason: how often it has is kept.
	Fails bool
}

// ReleaseClaim gives the run back between two slices. One that is to be cancelled
// ends with it.
func (s *Store) ReleaseClaim(ctx context.Context, c Claim, p Pause) error {
	const q = `
		UPDATE runs SET worker = NULL, lease_until = CASE WHEN NOT cancel THEN now() + @pause END, queued_at = now() + @pause,
			state = CASE WHEN cancel THEN 'done' ELSE state END, outcome = CASE WHEN cancel THEN 'cancelled' END,
			finished_at = CASE WHEN cancel THEN now() END,
			failures = CASE WHEN @failed THEN failures + 1 WHEN @fails THEN failures ELSE 0 END,
			failing = CASE WHEN @failed THEN coalesce(failing, now()) END
		WHERE id = @id AND fence = @fence AND state = 'running'`
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{
			"id": c.Run.ID, "fence": c.Fence, "pause": p.For, "failed": p.Failed, "fails": p.Fails})
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

// FinishRun ends the run. success says whether it counts for freshness: the
// whole tenant was read, even if something is left over. Of one that an operator
// has cancelled the message stays that says who. What it has transferred is in the
// access log.
func (s *Store) FinishRun(ctx context.Context, c Claim, outcome Outcome, message string, success bool) error {
	const finish = `
		UPDATE runs SET state = 'done', outcome = @outcome, finished_at = now(), lease_until = NULL,
			message = coalesce(CASE WHEN cancel AND @outcome = 'cancelled' THEN message END, nullif(@message, ''))
		WHERE id = @id AND fence = @fence AND state = 'running'`
	const succeeded = `
		UPDATE tenants SET succeeded = greatest(succeeded, @started) WHERE id = @tenant`
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, finish, pgx.StrictNamedArgs{
			"id": c.Run.ID, "fence": c.Fence, "outcome": outcome, "message": message})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrFenced
		}
		if err := logTransfer(ctx, tx, c.Run.ID); err != nil || !success {
			return err
		}
		_, err = tx.Exec(ctx, succeeded, pgx.StrictNamedArgs{"tenant": c.Run.Tenant, "started": c.Run.StartedAt})
		return err
	})
	if err != nil {
		return fmt.Errorf("finish run %d: %w", c.Run.ID, err)
	}
	return nil
}

// CancelRun asks the run to stop, in the name of by, and returns it as it is then:
// one that nobody works on now has ended, another ends at its next page. It fails
// with [ErrNotFound], or with [ErrRunDone] and the run.
func (s *Store) CancelRun(ctx context.Context, id int64, by string) (Run, error) {
	// Who gave the run back, or whose lease has passed, is shut out by the run's end
	// as by a fence.
	const idle = `(state = 'waiting' OR worker IS NULL OR lease_until <= now())`
	const q = `
		UPDATE runs SET cancel = true, message = CASE WHEN cancel THEN message ELSE @message END,
			state = CASE WHEN ` + idle + ` THEN 'done' ELSE state END,
			outcome = CASE WHEN ` + idle + ` THEN 'cancelled' END,
			finished_at = CASE WHEN ` + idle + ` THEN now() END,
			lease_until = CASE WHEN NOT ` + idle + ` THEN lease_until END
		WHERE id = @id AND state <> 'done'
		RETURNING ` + runColumns
	var run Run
	err := inTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		run, err = queryOne(ctx, tx, scanRun, q, pgx.StrictNamedArgs{
			"id": id, "message": "cancelled by " + cmp.Or(by, "an operator")})
		if err != nil {
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

// CancelWaiting ends a run that nobody has begun; others it leaves alone.
func (s *Store) CancelWaiting(ctx context.Context, id int64) error {
	const q = `
		UPDATE runs SET state = 'done', outcome = 'cancelled', finished_at = now()
		WHERE id = @id AND state = 'waiting'`
	if _, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"id": id}); err != nil {
		return fmt.Errorf("cancel run %d: %w", id, err)
	}
	return nil
}

// endSleepers ends the sessions of workers that fell asleep in the middle of a
// COPY: they hold their run, whose lease has long passed, and while PostgreSQL
// waits for rows no time-out of its own ends them.
const endSleepers = `
	SELECT pg_terminate_backend(a.pid) FROM runs r
	JOIN pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = r.xmax AND l.granted
	JOIN pg_stat_activity a ON a.pid = l.pid
	WHERE r.state = 'running' AND r.lease_until < now() - @grace::interval
	  AND a.datname = current_database() AND a.usename = current_user AND a.wait_event_type = 'Client'
	  AND a.state_change < now() - @asleep::interval`

// QueueLostRuns queues a job again for every run that nobody works on although
// somebody should: its lease has passed, or it waits without a job, for instance
// because the process that asked for it died. A run whose job merely waits for a
// free worker is not lost. It returns how many.
func (s *Store) QueueLostRuns(ctx context.Context) (int, error) {
	// Rows that somebody is writing to are not lost. A job that is running tells
	// nothing: its worker may be dead.
	const q = `
		UPDATE runs SET queued_at = now() WHERE id IN (
			SELECT id FROM runs
			WHERE state <> 'done' AND queued_at < now() - interval '45 seconds'
			  AND (state = 'waiting' OR lease_until <= now())
			  AND NOT EXISTS (
				SELECT FROM river_job j
				WHERE j.kind = 'slice' AND j.state IN ('available', 'scheduled', 'retryable')
				  AND j.scheduled_at < now() + interval '1 minute' AND j.args @> jsonb_build_object('run', runs.id))
			FOR UPDATE SKIP LOCKED)
		RETURNING id`
	if _, err := s.pool.Exec(ctx, endSleepers, pgx.StrictNamedArgs{"grace": LeaseTime / 2, "asleep": s.asleep}); err != nil {
		return 0, fmt.Errorf("end the sessions of workers that sleep: %w", err)
	}
	var n int
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, q)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.jobs.insert(ctx, tx, id); err != nil {
				return err
			}
		}
		n = len(ids)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("look for lost runs: %w", err)
	}
	return n, nil
}
