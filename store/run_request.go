package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// RunRequest asks for a run.
type RunRequest struct {
	Tenant  string
	Trigger Trigger
	Slot    time.Time // zero unless scheduled
	Scope   Scope
	By      string // an operator's name; empty for the schedule
}

// RequestRun inserts a waiting run and returns it and true. If a run for the slot exists, or a
// run of the same scope is waiting, it returns that run and false. It queues a job for a new
// run, unless the trigger is [TriggerCommand]: that process works on the run itself.
func (s *Store) RequestRun(ctx context.Context, req RunRequest) (run Run, created bool, err error) {
	// The existing run may end between the two statements; the next attempt then inserts.
	for range 3 {
		err = inTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
			run, created, err = s.insertRun(ctx, tx, req)
			return err
		})
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return Run{}, false, fmt.Errorf("request a run of %s: %w", req.Tenant, err)
		}
		return run, created, nil
	}
	return Run{}, false, fmt.Errorf("request a run of %s: other requests came in between", req.Tenant)
}

// insertRun inserts the run, or returns the run that stands in its way. It fails with
// [pgx.ErrNoRows] if that run has ended meanwhile.
func (s *Store) insertRun(ctx context.Context, tx pgx.Tx, req RunRequest) (run Run, created bool, err error) {
	const insert = `
		INSERT INTO runs (tenant, trigger, slot, scope, requested_by, queued_at)
		VALUES (@tenant, @trigger, @slot, @scope, nullif(@by, ''), now())
		ON CONFLICT DO NOTHING
		RETURNING` + runColumns
	const existing = `
		SELECT` + runColumns + `
		FROM runs
		WHERE tenant = @tenant AND (slot = @slot OR state = 'waiting' AND scope = @scope)
		ORDER BY slot = @slot DESC NULLS LAST
		LIMIT 1`
	slot := timeOrNull(req.Slot)
	run, err = queryOne(ctx, tx, scanRun, insert, pgx.StrictNamedArgs{"tenant": req.Tenant,
		"slot": slot, "scope": req.Scope, "trigger": req.Trigger, "by": req.By})
	if errors.Is(err, pgx.ErrNoRows) {
		run, err = queryOne(ctx, tx, scanRun, existing, pgx.StrictNamedArgs{
			"tenant": req.Tenant, "slot": slot, "scope": req.Scope})
		return run, false, err
	}
	if err != nil || req.Trigger == TriggerCommand {
		return run, err == nil, err
	}
	return run, true, s.jobs.insert(ctx, tx, run.ID)
}

// SlotTaken reports whether a scheduled slot needs no further run: it has one, or a run of the
// whole tenant is waiting, or one that began at or after the slot is running or succeeded.
func (s *Store) SlotTaken(ctx context.Context, tenant string, slot time.Time) (bool, error) {
	const q = `
		SELECT EXISTS (
			SELECT FROM runs
			WHERE tenant = @tenant
			  AND (slot = @slot
				OR ` + wholeScope + ` AND (
					state = 'waiting'
					OR started_at >= @slot
						AND (state = 'running' OR outcome IN ('complete', 'partial')))))`
	args := pgx.StrictNamedArgs{"tenant": tenant, "slot": slot}
	taken, err := queryOne(ctx, s.pool, pgx.RowTo[bool], q, args)
	if err != nil {
		return false, fmt.Errorf("look for a run of %s: %w", tenant, err)
	}
	return taken, nil
}

// FirstRunFailed reports whether no run of the tenant has succeeded, its last whole run failed at
// least that long ago, and no run of it waits or runs.
func (s *Store) FirstRunFailed(ctx context.Context, tenant string, since time.Duration) (bool, error) {
	const q = `
		SELECT t.succeeded IS NULL
			AND NOT EXISTS (
				SELECT FROM runs
				WHERE tenant = t.id AND state <> 'done')
			AND coalesce((
				SELECT outcome = 'failed' AND finished_at <= now() - @since::interval
				FROM runs
				WHERE tenant = t.id AND state = 'done' AND ` + wholeScope + `
				ORDER BY id DESC
				LIMIT 1), false)
		FROM tenants t
		WHERE t.id = @tenant`
	args := pgx.StrictNamedArgs{"tenant": tenant, "since": since}
	over, err := queryOne(ctx, s.pool, pgx.RowTo[bool], q, args)
	if err != nil {
		return false, fmt.Errorf("look for a failed first run of %s: %w", tenant, err)
	}
	return over, nil
}
