package acceptance

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/cmd/carerecordsim/cases"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store"
	"dossiersync/store/dossier"
	dossiersync "dossiersync/sync"
)

// The tests TestCase… are the cases of the founding design, by their numbers.
// Each is a story: somebody writes in the care record system, the worker fetches
// it, and a user with a right to everything looks at what the portal API makes of
// it. What the source writes is in package cases, for most.

// story is one tenant of a replica of its own, from beginning to end.
type story struct {
	*harness
	tenant      tenant
	clock       *clock
	syncer      *dossiersync.Syncer
	readerToken string // tokens: of a user with a right to everything,
	portalToken string // and of the portal
	client      string // whom the case is about
	at          time.Time
	steps       []cases.Step            // that are left
	clients     []string                // that were ever written
	names       map[string]dossier.Ref  // by key: everything ever written, by the names that it has in the story
	views       map[string]*dossierView // by client, since the last run
	owner       *pgx.Conn               // nil: not needed yet
}

// storyOptions is in what a story differs from others.
type storyOptions struct {
	now     time.Time // when it begins; zero: noon
	search  string    // as of [tenant]
	mapping string
	layers  []simulator.Layer // of the sources
}

// defaultStart is when stories begin, by the source's clock, which is never compared with
// the replica's. By that the plans of cases have expired: what is to be in force
// today begins today, by a setting.
var defaultStart = time.Date(2024, 11, 21, 11, 0, 0, 0, time.UTC)

// clock is the source's. It tells whole seconds, as answers do.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now.Truncate(time.Second)
}

func (c *clock) add(d time.Duration) { c.set(c.Now().Add(d)) }

// newEmptyStory begins a story of which nothing is written yet.
func newEmptyStory(t *testing.T, set storyOptions) *story {
	t.Helper()
	return newStories(t, set, "amaris")[0]
}

// newStories begins one story for each tenant of the same replica.
func newStories(t *testing.T, set storyOptions, tenants ...string) []*story {
	t.Helper()
	if set.now.IsZero() {
		set.now = defaultStart
	}
	var list []tenant
	var clocks []*clock
	for _, id := range tenants {
		c := new(clock)
		c.set(set.now)
		clocks = append(clocks, c)
		list = append(list, tenant{id: id, name: strings.ToUpper(id), search: set.search, mapping: set.mapping,
			sim: simulator.New(simulator.Options{Clock: c.Now, Zone: mustZone(t), Layers: set.layers})})
	}
	h := newHarness(t, list...)
	h.serve(app.Portal)
	syncer := h.newSyncer(h.loadConfig())
	var stories []*story
	for i, tenant := range list {
		// As the worker does when it starts: grants are for tenants that are known.
		if err := h.replica.PutTenant(t.Context(), tenant.id, tenant.name, "Europe/Amsterdam"); err != nil {
			t.Fatal(err)
		}
		stories = append(stories, &story{harness: h, tenant: tenant, clock: clocks[i], syncer: syncer, at: clocks[i].Now(),
			readerToken: h.tenantToken(tenant.id, "dochter", "dossier:read"), portalToken: h.tenantToken(tenant.id, "portal", "dossier:grants"),
			names: make(map[string]dossier.Ref), views: make(map[string]*dossierView)})
	}
	return stories
}

// newStory begins the story of a case, of which every step must be told.
func newStory(t *testing.T, number int, set storyOptions) *story {
	t.Helper()
	s := newEmptyStory(t, set)
	s.startCase(number)
	return s
}

func (s *story) startCase(number int) {
	s.t.Helper()
	c, err := cases.Find(number, s.at)
	if err != nil {
		s.t.Fatal(err)
	}
	s.client, s.steps = c.Client(), c.Steps
	s.at = s.at.Add(-c.Steps[0].After)
	s.t.Cleanup(func() {
		if len(s.steps) > 0 && !s.t.Failed() {
			s.t.Errorf("the case goes on: %s", s.steps[0].What)
		}
	})
}

// writeStep does the case's next step, which is called what.
func (s *story) writeStep(what string) {
	s.t.Helper()
	if len(s.steps) == 0 || s.steps[0].What != what {
		s.t.Fatalf("the case does not go on with %q: %+v", what, s.steps)
	}
	step := s.steps[0]
	s.steps, s.at = s.steps[1:], s.at.Add(step.After)
	s.clock.set(s.at)
	if err := step.Do(s.tenant.sim, s.at); err != nil {
		s.t.Fatal(err)
	}
	for _, w := range step.Writes {
		s.register(dossier.Ref{Type: w.Type, ID: w.ID})
	}
}

// step does the case's next step, which is called what, and synchronises.
func (s *story) step(what string) {
	s.t.Helper()
	s.writeStep(what)
	s.sync()
}

// put writes a resource.
func (s *story) put(resource string) {
	s.t.Helper()
	v, err := s.tenant.sim.Put([]byte(resource))
	if err != nil {
		s.t.Fatal(err)
	}
	s.register(dossier.Ref{Type: v.Type, ID: v.ID})
}

// change changes what is written of a record.
func (s *story) change(typ, name string, change func(map[string]any)) {
	s.t.Helper()
	if _, err := s.tenant.sim.Update(typ, s.id(name), change); err != nil {
		s.t.Fatal(err)
	}
}

// id returns the id of what the story calls name.
func (s *story) id(name string) string {
	if name == "" {
		return s.client
	}
	return s.client + "-" + name
}

// register notes what readers know the record as. A new client's dossier is opened
// for the reader.
func (s *story) register(ref dossier.Ref) {
	s.t.Helper()
	name := strings.TrimPrefix(strings.TrimPrefix(ref.ID, s.client), "-")
	s.names[dossier.Key(s.tenant.id, ref)] = dossier.Ref{Type: ref.Type, ID: name}
	if ref.Type != "Patient" || slices.Contains(s.clients, ref.ID) {
		return
	}
	s.clients = append(s.clients, ref.ID)
	s.putGrant(s.portalToken, ref.ID, "dochter")
}

// sync reads what is new in the source, all of which can be read.
func (s *story) sync() {
	s.t.Helper()
	if run := s.runScope(store.Scope{}); *run.Outcome != store.OutcomeComplete {
		s.t.Errorf("the run is %s: %s", *run.Outcome, *run.Message)
	}
	s.wantQuarantine()
}

// syncPartial reads what is new in the source; these records cannot be read, for
// these reasons: "Observation/verslag bad-text".
func (s *story) syncPartial(quarantined ...string) {
	s.t.Helper()
	if run := s.runScope(store.Scope{}); *run.Outcome != store.OutcomePartial {
		s.t.Errorf("the run is %s, want partial", *run.Outcome)
	}
	s.wantQuarantine(quarantined...)
}

// reconcile compares all there is with the source.
func (s *story) reconcile() {
	s.t.Helper()
	if run := s.runScope(store.Scope{Only: store.StepReconcile}); *run.Outcome != store.OutcomeComplete {
		s.t.Errorf("the reconcile is %s: %s", *run.Outcome, *run.Message)
	}
}

// runScope does a run of the scope until it is done, a minute after what was
// written last.
func (s *story) runScope(scope store.Scope) store.Run {
	s.t.Helper()
	s.clock.add(time.Minute)
	s.views = make(map[string]*dossierView)
	run, err := s.syncer.Sync(s.t.Context(), dossiersync.SyncRequest{Tenant: s.tenant.id, Scope: scope, By: "test"})
	if err != nil {
		s.t.Fatal(err)
	}
	return run
}
