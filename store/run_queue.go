package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// JobState says where the job of a slice is.
type JobState string

// The states of jobs that are not over.
const (
	JobAvailable JobState = "available" // waits for a free worker
	JobScheduled JobState = "scheduled" // waits for its time: another tenant's turn, or a source that is left alone
	JobRunning   JobState = "running"
	JobRetryable JobState = "retryable" // failed, and is tried again
)

// JobStates lists them.
func JobStates() []JobState {
	return []JobState{JobAvailable, JobScheduled, JobRunning, JobRetryable}
}

// Queue is what is to be worked on.
type Queue struct {
	Jobs map[JobState]int64 // has every state
	// Worker tells whether a worker is alive, by the lease of the one that leads.
	Worker bool
	// Tenants has those that a run waits for or that runs have failed for.
	Tenants map[string]TenantQueue
}

// TenantQueue is what is to be worked on of one tenant.
type TenantQueue struct {
	Waiting int64 // runs that nobody has begun
	// Idle is for how long a run could have been worked on by now, and was not;
	// 0: none, or somebody works on it.
	Idle time.Duration
	// Failed is how many of the latest runs of the whole tenant have failed, one
	// after the other, up to 50.
	Failed int64
}

// Queue returns what is to be worked on.
func (s *Store) Queue(ctx context.Context) (Queue, error) {
	const jobs = `
		SELECT state::text, count(*) FROM river_job
		WHERE kind = 'slice' AND state IN ('available', 'scheduled', 'running', 'retryable') GROUP BY state`
	const worker = `SELECT EXISTS (SELECT FROM river_leader WHERE expires_at > now())`
	states := make(map[string]int64)
	var q Queue
	rows, err := s.pool.Query(ctx, jobs)
	if err == nil {
		err = collectMap(states)(rows)
	}
	if err == nil {
		err = s.pool.QueryRow(ctx, worker).Scan(&q.Worker)
	}
	if err == nil {
		q.Tenants, err = s.tenantQueues(ctx)
	}
	if err != nil {
		return Queue{}, fmt.Errorf("look at the queue: %w", err)
	}
	q.Jobs = make(map[JobState]int64)
	for _, state := range JobStates() {
		q.Jobs[state] = states[string(state)]
	}
	return q, nil
}

func (s *Store) tenantQueues(ctx context.Context) (map[string]TenantQueue, error) {
	// A run that waits while another of its tenant runs could not have been worked
	// on; it could from that one's end.
	const q = `
		SELECT t.id, coalesce(open.waiting, 0), greatest(coalesce(open.idle, 0), 0)::float8, coalesce(last.failed, 0)
		FROM tenants t
		LEFT JOIN LATERAL (
			SELECT count(*) FILTER (WHERE r.state = 'waiting') AS waiting,
			       extract(epoch FROM max(now() - CASE
			           WHEN r.state = 'running' THEN r.lease_until
			           WHEN NOT EXISTS (SELECT FROM runs o WHERE o.tenant = t.id AND o.state = 'running')
			           THEN greatest(r.requested_at, (
			               SELECT max(d.finished_at) FROM (
			                   SELECT finished_at FROM runs WHERE tenant = t.id AND state = 'done' ORDER BY id DESC LIMIT 20) d))
			           END)) AS idle
			FROM runs r WHERE r.tenant = t.id AND r.state <> 'done'
		) open ON true
		LEFT JOIN LATERAL (
			SELECT count(*) FILTER (WHERE w.outcome = 'failed' AND w.good = 0) AS failed
			FROM (
				SELECT r.outcome, count(*) FILTER (WHERE r.outcome IN ('complete', 'partial')) OVER (ORDER BY r.id DESC) AS good
				FROM runs r
				WHERE r.tenant = t.id AND r.state = 'done' AND r.scope - '{full,keys,approve}'::text[] = '{}'
				ORDER BY r.id DESC LIMIT 50) w
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
