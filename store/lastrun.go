package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// LastRun is what the last runs of a tenant came to.
type LastRun struct {
	Ended *Run // the last that has ended, without its types; nil: none has
	// Requests is how many requests the newest run has made to the source.
	Requests int64
}

// LastRuns returns the last runs of each tenant that has any.
func (s *Store) LastRuns(ctx context.Context) (map[string]LastRun, error) {
	const ended = `
		SELECT d.* FROM tenants t CROSS JOIN LATERAL (
			SELECT ` + runColumns + ` FROM runs WHERE tenant = t.id AND state = 'done' ORDER BY id DESC LIMIT 1) d`
	const requests = `
		SELECT t.id, (SELECT coalesce(sum(requests), 0)::bigint FROM run_types WHERE run = d.id)
		FROM tenants t CROSS JOIN LATERAL (
			SELECT id FROM runs WHERE tenant = t.id ORDER BY id DESC LIMIT 1) d`
	rows, err := s.pool.Query(ctx, requests)
	if err != nil {
		return nil, fmt.Errorf("read the last runs: %w", err)
	}
	made := make(map[string]int64)
	if err := collectMap(made)(rows); err != nil {
		return nil, fmt.Errorf("read the last runs: %w", err)
	}
	if rows, err = s.pool.Query(ctx, ended); err != nil {
		return nil, fmt.Errorf("read the last runs: %w", err)
	}
	runs, err := pgx.CollectRows(rows, scanRun)
	if err != nil {
		return nil, fmt.Errorf("read the last runs: %w", err)
	}
	last := make(map[string]LastRun, len(made))
	for tenant, n := range made {
		last[tenant] = LastRun{Requests: n}
	}
	for i := range runs {
		l := last[runs[i].Tenant]
		l.Ended = &runs[i]
		last[runs[i].Tenant] = l
	}
	return last, nil
}
