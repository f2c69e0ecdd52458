package store

import (
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Trigger is the cause of a run.
type Trigger string

// The triggers.
const (
	TriggerSchedule Trigger = "schedule" // a slot came
	TriggerCatchUp  Trigger = "catch-up" // a slot was missed
	TriggerManual   Trigger = "manual"   // an operator asked the running service
	TriggerCommand  Trigger = "command"  // `dossiersync sync`
)

// Triggers lists the triggers.
func Triggers() []Trigger {
	return []Trigger{TriggerSchedule, TriggerCatchUp, TriggerManual, TriggerCommand}
}

// RunState is a run's place in its life.
type RunState string

// The states of a run.
const (
	RunWaiting RunState = "waiting"
	RunRunning RunState = "running"
	RunDone    RunState = "done"
)

// Outcome is how a run ended.
type Outcome string

// The outcomes.
const (
	OutcomeComplete  Outcome = "complete"  // everything was read and applied
	OutcomePartial   Outcome = "partial"   // items are quarantined, missing from the count, or of a failed type
	OutcomeFailed    Outcome = "failed"    // the source could not be read
	OutcomeCancelled Outcome = "cancelled" // an operator stopped it
)

// Outcomes lists the outcomes.
func Outcomes() []Outcome {
	return []Outcome{OutcomeComplete, OutcomePartial, OutcomeFailed, OutcomeCancelled}
}

// Scope limits a run. The zero Scope is the whole tenant, from where the last run ended.
type Scope struct {
	Client string         `json:"client,omitempty"`
	Stream dossier.Stream `json:"stream,omitempty"`
	From   time.Time      `json:"from,omitzero"`    // source's clock, inclusive
	To     time.Time      `json:"to,omitzero"`      // source's clock, inclusive
	Full   bool           `json:"full,omitempty"`   // from the beginning
	DryRun bool           `json:"dryRun,omitempty"` // count the changes and make none
	Only   Step           `json:"only,omitempty"`   // only this step of a run
	Keys   []string       `json:"keys,omitempty"`   // with StepQuarantine: only these items
	// Approve lets a reconcile remove confirmed absences beyond the brake.
	Approve bool `json:"approve,omitempty"`
}

// Step is a part of a run that can be asked for by itself.
type Step string

// The steps.
const (
	StepQuarantine Step = "quarantine" // try the items in quarantine again
	StepReconcile  Step = "reconcile"  // compare the whole set of items with the source
)

// IsWhole reports whether a run of this scope brings the whole tenant up to date, and so
// satisfies a slot.
func (s Scope) IsWhole() bool {
	return s.Client == "" && s.Stream == "" && s.From.IsZero() && s.To.IsZero() && !s.DryRun && s.Only == ""
}

// wholeScope is the condition on column scope that [Scope.IsWhole] holds.
const wholeScope = `NOT scope ?| '{client,stream,from,to,dryRun,only}'`

// Run is one attempt to bring one tenant's replica up to date. Times are the database's.
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
	// NotPulled holds the number of records by source type that no search asks for. Only a run
	// that has read everything from the beginning has it.
	NotPulled map[string]int64 `json:"notPulled,omitempty"`
	// LeftOut counts the items by the places whose words reach no reader. It is read with the types.
	LeftOut []PlaceCount `json:"leftOut,omitempty"`
}

const runColumns = `
			id, tenant, trigger, slot, scope, state, outcome, message, requested_by,
			requested_at, started_at, finished_at, slices, not_pulled`

// fields returns the destinations of runColumns.
func (r *Run) fields() []any {
	return []any{&r.ID, &r.Tenant, &r.Trigger, &r.Slot, &r.Scope, &r.State, &r.Outcome, &r.Message,
		&r.RequestedBy, &r.RequestedAt, &r.StartedAt, &r.FinishedAt, &r.Slices, &r.NotPulled}
}

func scanRun(row pgx.CollectableRow) (r Run, err error) {
	err = row.Scan(r.fields()...)
	return r, err
}
