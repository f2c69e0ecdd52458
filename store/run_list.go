package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// RunFilter selects runs; zero fields select all.
type RunFilter struct {
	Tenant string
	State  RunState
	Before int64     // only runs with a smaller id
	Since  time.Time // only runs asked for since then
	Whole  bool      // only runs of the whole tenant; see [Scope.IsWhole]
	Limit  int       // 0: 20
}

// Runs returns the runs that f selects, the newest first, without their types.
func (s *Store) Runs(ctx context.Context, f RunFilter) ([]Run, error) {
	const q = `
		SELECT` + runColumns + `
		FROM runs
		WHERE (@tenant = '' OR tenant = @tenant)
		  AND (@state = '' OR state = @state)
		  AND (@before = 0 OR id < @before)
		  AND (@since::timestamptz IS NULL OR requested_at >= @since)
		  AND (NOT @whole OR ` + wholeScope + `)
		ORDER BY id DESC
		LIMIT @limit`
	if f.Limit == 0 {
		f.Limit = 20
	}
	runs, err := queryList(ctx, s.pool, scanRun, q, pgx.StrictNamedArgs{
		"tenant": f.Tenant, "state": f.State, "before": f.Before,
		"since": timeOrNull(f.Since), "whole": f.Whole, "limit": f.Limit})
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	return runs, nil
}

// Run returns one run with its types. It fails with [ErrNotFound].
func (s *Store) Run(ctx context.Context, id int64) (Run, error) {
	const q = `
		SELECT` + runColumns + `
		FROM runs
		WHERE id = @id`
	run, err := queryOne(ctx, s.pool, scanRun, q, pgx.StrictNamedArgs{"id": id})
	if errors.Is(err, pgx.ErrNoRows) {
		return Run{}, fmt.Errorf("run %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return Run{}, fmt.Errorf("read run %d: %w", id, err)
	}
	if run.Types, err = s.RunTypes(ctx, id); err != nil {
		return Run{}, err
	}
	run.LeftOut, err = s.RunLeftOut(ctx, id)
	return run, err
}

// LastRun is a tenant's last runs in short.
type LastRun struct {
	Ended *Run // the last run that has ended, without its types; nil: none has
	// Requests is how many requests the newest run has made to the source.
	Requests int64
}

// LastRuns returns the last runs of each tenant that has any.
func (s *Store) LastRuns(ctx context.Context) (map[string]LastRun, error) {
	const ended = `
		SELECT d.*
		FROM tenants t
		CROSS JOIN LATERAL (
			SELECT` + runColumns + `
			FROM runs
			WHERE tenant = t.id AND state = 'done'
			ORDER BY id DESC
			LIMIT 1) d`
	const requests = `
		SELECT t.id, (
			SELECT coalesce(sum(requests), 0)::bigint
			FROM run_types
			WHERE run = newest.id)
		FROM tenants t
		CROSS JOIN LATERAL (
			SELECT id
			FROM runs
			WHERE tenant = t.id
			ORDER BY id DESC
			LIMIT 1) newest`
	made, err := queryMap[string, int64](ctx, s.pool, requests)
	if err != nil {
		return nil, fmt.Errorf("read the last runs: %w", err)
	}
	runs, err := queryList(ctx, s.pool, scanRun, ended)
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

// runKeep is for how long ended runs are kept: longer than a year, so that every slot can be
// compared with last year's.
const runKeep = 400 * 24 * time.Hour

// ForgetRuns deletes the runs that ended longer ago than runKeep, with their accounting, some
// at a time, and returns how many it deleted.
func (s *Store) ForgetRuns(ctx context.Context) (int64, error) {
	const q = `
		DELETE FROM runs
		WHERE id IN (
			SELECT id
			FROM runs
			WHERE state = 'done' AND finished_at < now() - @keep::interval
			ORDER BY id
			LIMIT @some
			FOR UPDATE SKIP LOCKED)`
	const some = 1000
	var forgotten int64
	for {
		tag, err := s.pool.Exec(ctx, q, pgx.StrictNamedArgs{"keep": runKeep, "some": some})
		if err != nil {
			return forgotten, fmt.Errorf("forget old runs: %w", err)
		}
		forgotten += tag.RowsAffected()
		if tag.RowsAffected() < some {
			return forgotten, nil
		}
	}
}
