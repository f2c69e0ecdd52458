package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// JobState is the state of a slice's job.
type JobState string

// The states of jobs that are not over.
const (
	JobAvailable JobState = "available" // waits for a free worker
	JobScheduled JobState = "scheduled" // waits for its time: another tenant's turn, or a pause for the source
	JobRunning   JobState = "running"
	JobRetryable JobState = "retryable" // failed, and is tried again
)

// JobStates lists the states of jobs that are not over.
func JobStates() []JobState {
	return []JobState{JobAvailable, JobScheduled, JobRunning, JobRetryable}
}

// Queue is the work that is waiting or going on.
type Queue struct {
	Jobs map[JobState]int64 // has every state
	// Worker reports whether a worker is alive: by its own word, or by the lease of River's leader,
	// which workers of older versions have too.
	Worker bool
	// Tenants has the tenants with waiting or failed runs.
	Tenants map[string]TenantQueue
}

// TenantQueue is the waiting work of one tenant.
type TenantQueue struct {
	Waiting int64 // runs without a first slice
	// Idle is for how long a run could have been worked on but was not; 0: none, or a worker
	// works on it.
	Idle time.Duration
	// Failed is how many of the tenant's latest whole runs failed in a row, up to 50.
	Failed int64
}

// Queue returns the work that is waiting or going on.
func (s *Store) Queue(ctx context.Context) (Queue, error) {
	const jobs = `
		SELECT state::text, count(*)
		FROM river_job
		WHERE kind = 'slice' AND state IN ('available', 'scheduled', 'running', 'retryable')
		GROUP BY state`
	const worker = `
		SELECT EXISTS (SELECT FROM river_leader WHERE expires_at > now())
			OR EXISTS (
				SELECT FROM processes
				WHERE 'worker' = ANY(kinds) AND seen > now() - @alive::interval)`
	var q Queue
	states, err := queryMap[string, int64](ctx, s.pool, jobs)
	if err == nil {
		q.Worker, err = queryOne(ctx, s.pool, pgx.RowTo[bool], worker, pgx.StrictNamedArgs{"alive": aliveFor})
	}
	if err == nil {
		q.Tenants, err = s.tenantQueues(ctx)
	}
	if err != nil {
		return Queue{}, fmt.Errorf("read the queue: %w", err)
	}
	q.Jobs = make(map[JobState]int64)
	for _, state := range JobStates() {
		q.Jobs[state] = states[string(state)]
	}
	return q, nil
}

func (s *Store) tenantQueues(ctx context.Context) (map[string]TenantQueue, error) {
	const q = `
		SELECT t.id, coalesce(open.waiting, 0), greatest(coalesce(open.idle, 0), 0)::float8,
			coalesce(last.failed, 0)
		FROM tenants t
		LEFT JOIN LATERAL (
			SELECT count(*) FILTER (WHERE r.state = 'waiting') AS waiting,
				extract(epoch FROM max(now() - CASE
					WHEN r.state = 'running' THEN r.lease_until
					-- a waiting run can be worked on from the end of the run before it
					WHEN NOT EXISTS (
						SELECT FROM runs o
						WHERE o.tenant = t.id AND o.state = 'running')
					THEN greatest(r.requested_at, (
						SELECT max(d.finished_at)
						FROM (
							SELECT finished_at
							FROM runs
							WHERE tenant = t.id AND state = 'done'
							ORDER BY id DESC
							LIMIT 20) d))
				END)) AS idle
			FROM runs r
			WHERE r.tenant = t.id AND r.state <> 'done'
		) open ON true
		LEFT JOIN LATERAL (
			SELECT count(*) FILTER (WHERE w.outcome = 'failed' AND w.good = 0) AS failed
			FROM (
				SELECT r.outcome,
					-- successful runs among this one and the newer ones
					count(*) FILTER (WHERE r.outcome IN ('complete', 'partial'))
						OVER (ORDER BY r.id DESC) AS good
				FROM runs r
				WHERE r.tenant = t.id AND r.state = 'done'
				  AND r.scope - '{full,keys,approve}'::text[] = '{}'
				ORDER BY r.id DESC
				LIMIT 50) w
		) last ON true`
	rows, err := s.pool.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	all := make(map[string]TenantQueue)
	var id string
	var t TenantQueue
	var idle float64
	_, err = pgx.ForEachRow(rows, []any{&id, &t.Waiting, &idle, &t.Failed}, func() error {
		t.Idle = time.Duration(idle * float64(time.Second))
		if t != (TenantQueue{}) {
			all[id] = t
		}
		return nil
	})
	return all, err
}
