package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// endSleepers ends the sessions of workers that stopped sending rows in the middle of a COPY.
// Such a worker holds its run although the lease has long passed, and PostgreSQL has no
// time-out for a COPY that waits for rows.
const endSleepers = `
	SELECT pg_terminate_backend(a.pid)
	FROM runs r
	-- the transaction that has locked the run's row
	JOIN pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = r.xmax AND l.granted
	JOIN pg_stat_activity a ON a.pid = l.pid
	WHERE r.state = 'running' AND r.lease_until < now() - @grace::interval
	  AND a.datname = current_database() AND a.usename = current_user
	  AND a.wait_event_type = 'Client'
	  AND a.state_change < now() - @asleep::interval`

// QueueLostRuns queues a job for every lost run, and returns how many there were. A run is
// lost if its lease has passed, or if it waits and has no job (for instance because the
// process that asked for it died). A run whose job waits for a free worker is not lost.
func (s *Store) QueueLostRuns(ctx context.Context) (int, error) {
	const q = `
		UPDATE runs SET queued_at = now()
		WHERE id IN (
			SELECT id
			FROM runs
			WHERE state <> 'done' AND queued_at < now() - interval '45 seconds'
			  AND (state = 'waiting' OR lease_until <= now())
			  AND NOT EXISTS (
				SELECT FROM river_job j
				WHERE j.kind = 'slice'
				  -- a running job does not count, because its worker may be dead
				  AND j.state IN ('available', 'scheduled', 'retryable')
				  AND j.scheduled_at < now() + interval '1 minute'
				  AND j.args @> jsonb_build_object('run', runs.id))
			FOR UPDATE SKIP LOCKED) -- a locked run has a worker
		RETURNING id`
	args := pgx.StrictNamedArgs{"grace": LeaseTime / 2, "asleep": s.asleep}
	if _, err := s.pool.Exec(ctx, endSleepers, args); err != nil {
		return 0, fmt.Errorf("end the sessions of workers that sleep: %w", err)
	}
	var n int
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		ids, err := queryList(ctx, tx, pgx.RowTo[int64], q)
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
