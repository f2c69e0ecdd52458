package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Trigger says who or what asked for a run.
type Trigger string

// The triggers.
const (
	TriggerSchedule Trigger = "schedule" // a slot came
	TriggerCatchUp  Trigger = "catch-up" // a slot was missed
	TriggerManual   Trigger = "manual"   // an operator asked the running service
	TriggerCommand  Trigger = "command"  // `dossiersync sync`
)

// Triggers lists them.
func Triggers() []Trigger {
	return []Trigger{TriggerSchedule, TriggerCatchUp, TriggerManual, TriggerCommand}
}

// RunState says where a run is in its life.
type RunState string

// The states of a run.
const (
	RunWaiting RunState = "waiting"
	RunRunning RunState = "running"
	RunDone    RunState = "done"
)

// Outcome says how a run ended.
type Outcome string

// The outcomes.
const (
	OutcomeComplete  Outcome = "complete"  // everything was read and applied
	OutcomePartial   Outcome = "partial"   // something is left over: quarantined, short of the source's count, or a type that failed
	OutcomeFailed    Outcome = "failed"    // the source could not be read
	OutcomeCancelled Outcome = "cancelled" // an operator stopped it
)

// Outcomes lists them.
func Outcomes() []Outcome {
	return []Outcome{OutcomeComplete, OutcomePartial, OutcomeFailed, OutcomeCancelled}
}

// Scope limits a run. The zero Scope is the whole tenant, from where the last
// run ended.
type Scope struct {
	Client string         `json:"client,omitempty"`
	Stream dossier.Stream `json:"stream,omitempty"`
	From   time.Time      `json:"from,omitzero"`    // source's clock, inclusive
	To     time.Time      `json:"to,omitzero"`      // source's clock, inclusive
	Full   bool           `json:"full,omitempty"`   // from the beginning
	DryRun bool           `json:"dryRun,omitempty"` // say what would change, and change nothing
	Only   Step           `json:"only,omitempty"`   // only this step of a run
	Keys   []string       `json:"keys,omitempty"`   // of the quarantine only these; with StepQuarantine
	// Approve lets a reconcile remove what is confirmed absent beyond the brake.
	Approve bool `json:"approve,omitempty"`
}

// Step is a part of a run that can be asked for by itself.
type Step string

// The steps.
const (
	StepQuarantine Step = "quarantine" // try again what is in quarantine
	StepReconcile  Step = "reconcile"  // compare the whole set of items with the source
)

// IsWhole reports whether a run of this scope brings the whole tenant up to
// date, and so satisfies a slot.
func (s Scope) IsWhole() bool {
	return s.Client == "" && s.Stream == "" && s.From.IsZero() && s.To.IsZero() && !s.DryRun && s.Only == ""
}

// Run is one attempt to bring one tenant's replica up to date. Times are the
// database's.
type Run struct {
	ID          int64      `json:"id"`
	Tenant      string     `json:"tenant"`
	Trigger     Trigger    `json:"trigger"`
	Slot        *time.Time `json:"slot"`
	Scope       Scope      `json:"scope"`
	State       RunState   `json:"state"`
	Outcome     *Outcome   `json:"outcome"`
	Message     *string    `json:"message"`
	RequestedBy *string    `json:"requestedBy"`
	RequestedAt time.Time  `json:"requestedAt"`
	StartedAt   *time.Time `json:"startedAt"`
	FinishedAt  *time.Time `json:"finishedAt"`
	Slices      int        `json:"slices"`
	Types       []RunType  `json:"types,omitempty"`
	// NotPulled is how many records of which types the source has that no search
	// asks for, where a run has read everything from the beginning.
	NotPulled map[string]int64 `json:"notPulled,omitempty"`
}

const runColumns = `id, tenant, trigger, slot, scope, state, outcome, message, requested_by,
	requested_at, started_at, finished_at, slices, not_pulled`

// fields are where runColumns are scanned to.
func (r *Run) fields() []any {
	return []any{&r.ID, &r.Tenant, &r.Trigger, &r.Slot, &r.Scope, &r.State, &r.Outcome, &r.Message,
		&r.RequestedBy, &r.RequestedAt, &r.StartedAt, &r.FinishedAt, &r.Slices, &r.NotPulled}
}

func scanRun(row pgx.CollectableRow) (Run, error) {
	var r Run
	err := row.Scan(r.fields()...)
	return r, err
}

// RunRequest asks for a run.
type RunRequest struct {
	Tenant  string
	Trigger Trigger
	Slot    time.Time // zero unless scheduled
	Scope   Scope
	By      string // an operator's name; empty for the schedule
}

// RequestRun inserts a run that waits, with a job for it unless its trigger is
// [TriggerCommand], whose process works it itself. Where a run for the slot
// exists, or one of the same scope waits already, it returns that one and false.
func (s *Store) RequestRun(ctx context.Context, req RunRequest) (Run, bool, error) {
	const insert = `
		INSERT INTO runs (tenant, trigger, slot, scope, requested_by, queued_at)
		VALUES (@tenant, @trigger, @slot, @scope, nullif(@by, ''), now())
		ON CONFLICT DO NOTHING
		RETURNING ` + runColumns
	const existing = `
		SELECT ` + runColumns + ` FROM runs
		WHERE tenant = @tenant AND (slot = @slot OR (state = 'waiting' AND scope = @scope))
		ORDER BY slot = @slot DESC NULLS LAST LIMIT 1`
	var slot *time.Time
	if !req.Slot.IsZero() {
		slot = &req.Slot
	}
	args := pgx.StrictNamedArgs{"tenant": req.Tenant, "slot": slot, "scope": req.Scope}
	withBy := pgx.StrictNamedArgs{"tenant": req.Tenant, "slot": slot, "scope": req.Scope, "trigger": req.Trigger, "by": req.By}
	var run Run
	var created bool
	// The row in the way may be done with between the two statements: then the
	// next attempt inserts.
	for range 3 {
		err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
			var err error
			run, err = queryOne(ctx, tx, scanRun, insert, withBy)
			if errors.Is(err, pgx.ErrNoRows) {
				created = false
				run, err = queryOne(ctx, tx, scanRun, existing, args)
				return err
			}
			if err != nil {
				return err
			}
			created = true
			if req.Trigger == TriggerCommand {
				return nil
			}
			return s.jobs.insert(ctx, tx, run.ID)
		})
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			return Run{}, false, fmt.Errorf("request a run of %s: %w", req.Tenant, err)
		}
		return run, created, nil
	}
	return Run{}, false, fmt.Errorf("request a run of %s: other requests are in the way", req.Tenant)
}

// RunFilter selects runs; zero fields select all.
type RunFilter struct {
	Tenant string
	State  RunState
	Before int64     // only runs with a smaller id
	Since  time.Time // only runs asked for since then
	Whole  bool      // only runs of the whole tenant, as [Scope.IsWhole] has it
	Limit  int       // 0: 20
}

// Runs returns runs, the newest first, without their types.
func (s *Store) Runs(ctx context.Context, f RunFilter) ([]Run, error) {
	const q = `
		SELECT ` + runColumns + ` FROM runs
		WHERE (@tenant = '' OR tenant = @tenant) AND (@state = '' OR state = @state)
		  AND (@before = 0 OR id < @before)
		  AND (@since::timestamptz IS NULL OR requested_at >= @since)
		  AND NOT (@whole AND scope ?| '{client,stream,from,to,dryRun,only}')
		ORDER BY id DESC LIMIT @limit`
	if f.Limit == 0 {
		f.Limit = 20
	}
	var since *time.Time
	if !f.Since.IsZero() {
		since = &f.Since
	}
	rows, err := s.pool.Query(ctx, q, pgx.StrictNamedArgs{"tenant": f.Tenant, "state": f.State, "before": f.Before,
		"since": since, "whole": f.Whole, "limit": f.Limit})
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	runs, err := pgx.CollectRows(rows, scanRun)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	return runs, nil
}

// Run returns one run with its types, or [ErrNotFound].
func (s *Store) Run(ctx context.Context, id int64) (Run, error) {
	const q = `SELECT ` + runColumns + ` FROM runs WHERE id = @id`
	run, err := queryOne(ctx, s.pool, scanRun, q, pgx.StrictNamedArgs{"id": id})
	if errors.Is(err, pgx.ErrNoRows) {
		return Run{}, fmt.Errorf("run %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return Run{}, fmt.Errorf("read run %d: %w", id, err)
	}
	run.Types, err = s.RunTypes(ctx, id)
	return run, err
}

// SlotTaken reports whether a scheduled slot needs no further run: it has one,
// or a run of the whole tenant that is not lost began at or after it.
func (s *Store) SlotTaken(ctx context.Context, tenant string, slot time.Time) (bool, error) {
	const q = `
		SELECT EXISTS (
			SELECT FROM runs WHERE tenant = @tenant AND (slot = @slot
				OR (NOT scope ?| '{client,stream,from,to,dryRun,only}'
					AND (state = 'waiting' OR (started_at >= @slot AND (state = 'running' OR outcome IN ('complete', 'partial')))))))`
	var taken bool
	err := s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "slot": slot}).Scan(&taken)
	if err != nil {
		return false, fmt.Errorf("look for a run of %s: %w", tenant, err)
	}
	return taken, nil
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func queryOne[T any](ctx context.Context, db querier, scan pgx.RowToFunc[T], sql string, args ...any) (T, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		var zero T
		return zero, err
	}
	return pgx.CollectExactlyOneRow(rows, scan)
}

// runKeep is for how long runs that have ended are remembered: longer than a year,
// so that every slot can be compared with last year's.
const runKeep = 400 * 24 * time.Hour

// ForgetRuns removes the runs that ended longer ago than [runKeep], with their
// accounting, some at a time, and returns how many.
func (s *Store) ForgetRuns(ctx context.Context) (int64, error) {
	const q = `
		DELETE FROM runs WHERE id IN (
			SELECT id FROM runs WHERE state = 'done' AND finished_at < now() - @keep::interval
			ORDER BY id LIMIT @some FOR UPDATE SKIP LOCKED)`
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
