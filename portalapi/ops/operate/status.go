package operate

import (
	"context"
	"time"

	"dossiersync/store"
)

// Status is how up to date one tenant is. Times are the database's, in the
// tenant's zone.
type Status struct {
	ID          string               `json:"id"`
	Name        string               `json:"name"`
	State       store.FreshnessState `json:"state"`
	LastSuccess *time.Time           `json:"lastSuccess"` // when the run began; null: never
	NextSlot    time.Time            `json:"nextSlot"`
	Unreachable *time.Time           `json:"unreachableSince"`
	// Trouble is why the source cannot be read; it is tried again at TroubleUntil.
	Trouble      *string    `json:"trouble"`
	TroubleUntil *time.Time `json:"troubleUntil"`
	Reconciled   *time.Time `json:"lastReconcile"` // of everything
	Epoch        int32      `json:"epoch"`         // rises when the source was restored or replaced
	EpochSince   *time.Time `json:"epochSince"`
	// AwaitingGrants is since when nothing is shown because, after the restore of a backup, the
	// portal has not sent all grants.
	AwaitingGrants *time.Time `json:"awaitingGrantsSince"`
	// AwaitingErasures is since when nothing is shown because, after the restore of a backup,
	// earlier erasures were not repeated.
	AwaitingErasures *time.Time `json:"awaitingErasuresSince"`
	// Requests is how many requests the current or last run has made to the source. RequestBudget
	// is the limit; 0: none.
	Requests      int64                `json:"requests"`
	RequestBudget int                  `json:"requestBudget"`
	Pace          Pace                 `json:"pace"`
	Held          []store.HeldRemovals `json:"heldRemovals"`
	Running       *int64               `json:"running"` // the run's id
	LastOutcome   *store.Outcome       `json:"lastOutcome"`
	LastMessage   *string              `json:"lastMessage"`
	Quarantined   int64                `json:"quarantined"`

	// Now is the time of this status. Known is whether the tenant has had a run, and Since is its
	// first. Current is the running run, and Last the run that ended last, or nil.
	Now     time.Time  `json:"-"`
	Known   bool       `json:"-"`
	Since   time.Time  `json:"-"`
	Current *store.Run `json:"-"`
	Last    *store.Run `json:"-"`
}

// ShowsNothing reports whether nothing is shown to any user, after the restore of a backup.
func (s *Status) ShowsNothing() bool { return s.AwaitingGrants != nil || s.AwaitingErasures != nil }

// Statuses returns the status of each tenant, in the same order. The number of statements does not
// depend on the number of tenants.
func Statuses(ctx context.Context, st *store.Store, tenants []*Tenant) ([]Status, error) {
	f, err := readFacts(ctx, st)
	if err != nil {
		return nil, err
	}
	list := make([]Status, 0, len(tenants))
	for _, t := range tenants {
		list = append(list, f.status(t))
	}
	return list, nil
}

// StatusOf returns the status of one tenant.
func StatusOf(ctx context.Context, st *store.Store, t *Tenant) (Status, error) {
	list, err := Statuses(ctx, st, []*Tenant{t})
	if err != nil {
		return Status{}, err
	}
	return list[0], nil
}

// facts is what the store knows of all tenants.
type facts struct {
	now         time.Time
	tenants     map[string]store.Tenant
	running     map[string]*store.Run
	last        map[string]store.LastRun
	held        map[string][]store.HeldRemovals
	quarantined map[string]int64
}

func readFacts(ctx context.Context, st *store.Store) (*facts, error) {
	f := &facts{
		tenants: make(map[string]store.Tenant), running: make(map[string]*store.Run),
		held: make(map[string][]store.HeldRemovals),
	}
	var err error
	if f.now, err = st.Now(ctx); err != nil {
		return nil, err
	}
	known, err := st.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range known {
		f.tenants[t.ID] = t
	}
	// Each tenant has at most one running run (I11).
	running, err := st.Runs(ctx, store.RunFilter{State: store.RunRunning, Limit: len(known) + 1})
	if err != nil {
		return nil, err
	}
	for i := range running {
		f.running[running[i].Tenant] = &running[i]
	}
	if f.last, err = st.LastRuns(ctx); err != nil {
		return nil, err
	}
	held, err := st.HeldRemovals(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, h := range held {
		f.held[h.Tenant] = append(f.held[h.Tenant], h)
	}
	f.quarantined, err = st.QuarantineSizes(ctx)
	return f, err
}

// status returns the status of a tenant. A tenant without any run so far is not late.
func (f *facts) status(t *Tenant) Status {
	known, last := f.tenants[t.ID], f.last[t.ID]
	s := Status{
		ID: t.ID, Name: t.Name, State: store.Fresh, NextSlot: t.Schedule.Next(f.now.In(t.Location)).In(t.Location),
		LastSuccess: t.in(known.Succeeded), Unreachable: t.in(known.Unreachable),
		Trouble: known.Trouble, TroubleUntil: t.in(known.TroubleUntil), Reconciled: t.in(known.Reconciled),
		Epoch: known.Epoch, EpochSince: t.in(known.EpochSince),
		AwaitingGrants: t.in(known.AwaitingGrants), AwaitingErasures: t.in(known.AwaitingErasures),
		Requests: last.Requests, RequestBudget: t.RequestBudget, Pace: t.Pace,
		Held: f.held[t.ID], Quarantined: f.quarantined[t.ID],
		Now: f.now.In(t.Location), Known: known.ID != "", Since: known.Since, Current: f.running[t.ID], Last: last.Ended,
	}
	if s.Held == nil {
		s.Held = []store.HeldRemovals{}
	}
	if s.Known {
		s.State = store.StateOf(t.Schedule, known.Succeeded, known.Since, f.now)
	}
	if s.Current != nil {
		s.Running = &s.Current.ID
	}
	if s.Last != nil {
		s.LastOutcome, s.LastMessage = s.Last.Outcome, s.Last.Message
	}
	return s
}
