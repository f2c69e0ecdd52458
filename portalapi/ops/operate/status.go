package operate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"dossiersync/store"
)

// State is how well a tenant's replica keeps up with its schedule, for operators.
type State string

// The states of tenants.
const (
	Waiting State = "waiting" // for its first run: none has failed, and its slot is not 30 minutes past
	Never   State = "never"   // no run has succeeded
	Fresh   State = "fresh"
	Late    State = "late"  // 30 minutes past a due slot without success
	Stale   State = "stale" // two due slots missed
)

// States returns every state, the best first.
func States() []State { return []State{Fresh, Waiting, Late, Stale, Never} }

// Status is how up to date one tenant is. Times are the database's, in the
// tenant's zone.
type Status struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	State       State      `json:"state"`
	Attention   []Cause    `json:"attention"`   // what needs a person, or is good to know
	LastSuccess *time.Time `json:"lastSuccess"` // when the run began; null: never
	NextSlot    time.Time  `json:"nextSlot"`
	Unreachable *time.Time `json:"unreachableSince"`
	// Trouble is the first cause why the source cannot be read; it is tried again at TroubleUntil.
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

	troubleKind string
}

// TroubleWords returns the trouble with the source, and when it is tried again; empty: there is none.
func (s *Status) TroubleWords() string {
	if s.Trouble == nil {
		return ""
	}
	switch next := s.NextTry(); {
	case !next.IsZero():
		return fmt.Sprintf("%s; tries again at %s", *s.Trouble, next.Format("15:04 MST"))
	case s.Current != nil:
		return *s.Trouble + "; is being tried now"
	}
	return *s.Trouble
}

// WaitWords returns why a run that has not ended cannot read its source now, and when it tries
// again; empty: it can.
func WaitWords(ctx context.Context, st *store.Store, t *Tenant, run *store.Run) (string, error) {
	if run.State == store.RunDone {
		return "", nil
	}
	known, err := st.Tenant(ctx, run.Tenant)
	if err != nil || known.Trouble == nil {
		return "", err
	}
	now, err := st.Now(ctx)
	if err != nil {
		return "", err
	}
	s := Status{Now: now.In(t.Location), Trouble: known.Trouble, TroubleUntil: t.in(known.TroubleUntil), Current: run}
	return s.TroubleWords(), nil
}

// NextTry returns when the source is tried again; zero: it is being tried now, or there is no trouble.
func (s *Status) NextTry() time.Time {
	switch {
	case s.Trouble == nil:
		return time.Time{}
	case s.TroubleUntil != nil && s.TroubleUntil.After(s.Now):
		return *s.TroubleUntil
	case s.Current != nil:
		return time.Time{}
	}
	if s.State == Never && s.Last != nil && s.Last.FinishedAt != nil {
		if hour := s.Last.FinishedAt.Add(firstRunAgain).In(s.Now.Location()); hour.After(s.Now) && hour.Before(s.NextSlot) {
			return hour
		}
	}
	return s.NextSlot
}

// firstRunAgain is how long after its end a failed first run is tried again.
const firstRunAgain = time.Hour

// ShowsNothing reports whether nothing is shown to any user, after the restore of a backup.
func (s *Status) ShowsNothing() bool { return s.AwaitingGrants != nil || s.AwaitingErasures != nil }

// Service is the status of the whole service.
type Service struct {
	Now     time.Time
	Tenants []Status
	// Worker reports whether a worker is alive. Processes are those that are alive.
	Worker    bool
	Processes []store.Process
}

// IsWell reports whether nobody has to look at any of the tenants (I10).
func (s *Service) IsWell() bool {
	return !slices.ContainsFunc(s.Tenants, func(t Status) bool { return !t.IsWell() })
}

// Workers returns the processes that work on runs.
func (s *Service) Workers() []store.Process {
	return slices.DeleteFunc(slices.Clone(s.Processes), func(p store.Process) bool {
		return !slices.Contains(p.Kinds, store.ProcessWorker)
	})
}

// WorkerWords describes the workers in a line.
func (s *Service) WorkerWords() string {
	list := s.Workers()
	switch {
	case !s.Worker:
		return "No worker is alive."
	case len(list) == 0:
		return "A worker is alive."
	case len(list) == 1:
		return fmt.Sprintf("1 worker is alive: %s (process %d).", list[0].Host, list[0].PID)
	}
	words := make([]string, 0, len(list))
	for _, p := range list {
		words = append(words, fmt.Sprintf("%s (process %d)", p.Host, p.PID))
	}
	return fmt.Sprintf("%d workers are alive: %s.", len(list), joined(words, ", "))
}

// ServiceOf returns the status of the service and of each tenant, in the same order. The number of
// statements does not depend on the number of tenants.
func ServiceOf(ctx context.Context, st *store.Store, tenants []*Tenant) (Service, error) {
	f, err := readFacts(ctx, st)
	if err != nil {
		return Service{}, err
	}
	s := Service{Now: f.now, Worker: f.queue.Worker, Processes: f.processes, Tenants: make([]Status, 0, len(tenants))}
	for _, t := range tenants {
		s.Tenants = append(s.Tenants, f.status(t))
	}
	return s, nil
}

// Statuses returns the status of each tenant, in the same order.
func Statuses(ctx context.Context, st *store.Store, tenants []*Tenant) ([]Status, error) {
	s, err := ServiceOf(ctx, st, tenants)
	return s.Tenants, err
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

	queue            store.Queue
	processes        []store.Process
	holds            map[string][]store.Hold // the open ones, the oldest first
	unread           map[string][]store.UnreadType
	ended            map[string][]store.EndedRun
	compared         map[string]store.EndedRun
	newlyQuarantined map[string]int64
	contradictions   map[string][]store.Contradiction
	leftOut          map[string][]store.LeftOutNews
	empty            map[string][]store.UnreadableType
	withheld         map[string][]store.Withholding // the oldest first
	acknowledged     map[string]map[Code]store.Acknowledgement
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
	if f.quarantined, err = st.QuarantineSizes(ctx); err != nil {
		return nil, err
	}
	return f, f.readCauses(ctx, st)
}

// readCauses reads what the causes of attention are found in.
func (f *facts) readCauses(ctx context.Context, st *store.Store) (err error) {
	if f.queue, err = st.Queue(ctx); err != nil {
		return err
	}
	if f.processes, err = st.Processes(ctx); err != nil {
		return err
	}
	if f.unread, err = st.UnreadTypes(ctx); err != nil {
		return err
	}
	if f.ended, err = st.EndedRuns(ctx); err != nil {
		return err
	}
	if f.empty, err = st.UnreadableTypes(ctx, emptyMany); err != nil {
		return err
	}
	if f.compared, err = st.LastCompared(ctx); err != nil {
		return err
	}
	if f.newlyQuarantined, err = st.NewlyQuarantined(ctx, 24*time.Hour); err != nil {
		return err
	}
	holds, err := st.Holds(ctx, "")
	if err != nil {
		return err
	}
	f.holds = make(map[string][]store.Hold)
	for _, h := range holds {
		if h.State == store.HoldOpen {
			f.holds[h.Tenant] = append(f.holds[h.Tenant], h)
		}
	}
	contradictions, err := st.CountContradictions(ctx, "")
	if err != nil {
		return err
	}
	f.contradictions = make(map[string][]store.Contradiction)
	for _, c := range contradictions {
		f.contradictions[c.Tenant] = append(f.contradictions[c.Tenant], c)
	}
	leftOut, err := st.LeftOutNew(ctx, "")
	if err != nil {
		return err
	}
	f.leftOut = make(map[string][]store.LeftOutNews)
	for _, l := range leftOut {
		f.leftOut[l.Tenant] = append(f.leftOut[l.Tenant], l)
	}
	withheld, err := st.Withheld(ctx, "")
	if err != nil {
		return err
	}
	f.withheld = make(map[string][]store.Withholding)
	for _, w := range withheld {
		f.withheld[w.Tenant] = append(f.withheld[w.Tenant], w)
	}
	acknowledged, err := st.Acknowledgements(ctx)
	if err != nil {
		return err
	}
	f.acknowledged = make(map[string]map[Code]store.Acknowledgement)
	for _, a := range acknowledged {
		if f.acknowledged[a.Tenant] == nil {
			f.acknowledged[a.Tenant] = make(map[Code]store.Acknowledgement)
		}
		f.acknowledged[a.Tenant][Code(a.Code)] = a
	}
	return nil
}

// dueFor returns for how long a slot without a successful run has been due; 0: there is none.
func (f *facts) dueFor(t *Tenant) time.Duration {
	known := f.tenants[t.ID]
	return store.LagOf(t.Schedule, known.Succeeded, known.Since, f.now)
}

// state returns the state of a tenant.
func (f *facts) state(t *Tenant) State {
	known, ok := f.tenants[t.ID]
	switch {
	case !ok:
		return Waiting
	case known.Succeeded != nil:
		return State(store.StateOf(t.Schedule, known.Succeeded, known.Since, f.now))
	case len(f.ended[t.ID]) > 0, f.dueFor(t) > store.LateAfter:
		return Never
	}
	return Waiting
}

// status returns the status of a tenant.
func (f *facts) status(t *Tenant) Status {
	known, last := f.tenants[t.ID], f.last[t.ID]
	s := Status{
		ID: t.ID, Name: t.Name, State: f.state(t), NextSlot: t.Schedule.Next(f.now.In(t.Location)).In(t.Location),
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
	if known.TroubleKind != nil {
		s.troubleKind = *known.TroubleKind
	}
	if s.Current != nil {
		s.Running = &s.Current.ID
	}
	if s.Last != nil {
		s.LastOutcome, s.LastMessage = s.Last.Outcome, s.Last.Message
	}
	s.Attention = f.attention(t, &s)
	return s
}
