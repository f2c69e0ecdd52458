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
	// Trouble is what keeps the source from being read, and TroubleUntil until
	// when it is left alone.
	Trouble      *string    `json:"trouble"`
	TroubleUntil *time.Time `json:"troubleUntil"`
	Reconciled   *time.Time `json:"lastReconcile"` // of everything
	Epoch        int32      `json:"epoch"`         // rises when the source was restored or replaced
	EpochSince   *time.Time `json:"epochSince"`
	// AwaitingGrants is since when nothing is shown, after a backup was restored,
	// until the portal has sent all grants.
	AwaitingGrants *time.Time `json:"awaitingGrantsSince"`
	// AwaitingErasures is since when nothing is shown, after a backup was restored,
	// until what was erased is erased again.
	AwaitingErasures *time.Time `json:"awaitingErasuresSince"`
	// Requests is how many requests the last run, or the one that is running, has
	// made to the source, of RequestBudget; 0: as many as it likes.
	Requests      int64                `json:"requests"`
	RequestBudget int                  `json:"requestBudget"`
	Pace          Pace                 `json:"pace"`
	Held          []store.HeldRemovals `json:"heldRemovals"`
	Running       *int64               `json:"running"` // the run's id
	LastOutcome   *store.Outcome       `json:"lastOutcome"`
	LastMessage   *string              `json:"lastMessage"`
	Quarantined   int64                `json:"quarantined"`

	// Now is when this was so. Known is false before the tenant's first run, and
	// Since is when it became so.
	// Current is the run that is running and Last the one that has ended last, or
	// nil.
	Now     time.Time  `json:"-"`
	Known   bool       `json:"-"`
	Since   time.Time  `json:"-"`
	Current *store.Run `json:"-"`
	Last    *store.Run `json:"-"`
}

// ShowsNothing reports whether nothing is shown to anybody, after a backup was
// restored.
func (s *Status) ShowsNothing() bool { return s.AwaitingGrants != nil || s.AwaitingErasures != nil }

// Statuses returns how the tenants fare, in their order, by as many statements
// however many they are.
func Statuses(ctx context.Context, st *store.Store, tenants []*Tenant) ([]Status, error) {
	f, err := readFacts(ctx, st)
	if err != nil {
		return nil, err
	}
	list := make([]Status, 0, len(tenants))
	for _, t := range tenants {
		list = append(list, f.of(t))
	}
	return list, nil
}

// StatusOf returns how one tenant fares.
func StatusOf(ctx context.Context, st *store.Store, t *Tenant) (Status, error) {
	list, err := Statuses(ctx, st, []*Tenant{t})
	if err != nil {
		return Status{}, err
	}
	return list[0], nil
}

// facts are what the store knows of every tenant.
type facts struct {
	now         time.Time
	tenants     map[string]store.Tenant
	running     map[string]*store.Run
	last        map[string]store.LastRun
	held        map[string][]store.HeldRemovals
	quarantined map[string]int64
}

func readFacts(ctx context.Context, st *store.Store) (*facts, error) {
	f := &facts{tenants: make(map[string]store.Tenant), running: make(map[string]*store.Run), held: make(map[string][]store.HeldRemovals)}
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
	// There is one running run per tenant at most.
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

// of puts together how the tenant fares. One that the replica does not know,
// because no run was ever begun, is not late yet.
func (f *facts) of(t *Tenant) Status {
	known, last := f.tenants[t.ID], f.last[t.ID]
	s := Status{
		ID: t.ID, Name: t.Name, State: store.Fresh, NextSlot: t.Schedule.Next(f.now.In(t.Location)).In(t.Location),
		LastSuccess: t.in(known.Succeeded), Unreachable: t.in(known.Unreachable),
		Trouble: known.Trouble, TroubleUntil: t.in(known.TroubleUntil), Reconciled: t.in(known.Reconciled),
		Epoch: known.Epoch, EpochSince: t.in(known.EpochSince),
		AwaitingGrants: t.in(known.AwaitingGrants), AwaitingErasures: t.in(known.AwaitingErasures),
		Requests: last.Requests, RequestBudget: t.RequestBudget, Pace: t.Pace, Held: f.held[t.ID], Quarantined: f.quarantined[t.ID],
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
