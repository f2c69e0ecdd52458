package acceptance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/behaviours"
	"dossiersync/cmd/carerecordsim/cases"
	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store"
	"dossiersync/store/dossier"
	dossiersync "dossiersync/sync"
)

// story is the test of one case at one tenant: the source writes, the worker
// syncs, and the test compares what the portal API serves to a daughter with a
// right to everything.
//
// Its methods stand in story_test.go (what the source does and the worker runs),
// story_dossier_test.go (reading a dossier) and story_want_test.go (checks).
type story struct {
	*harness
	tenant      tenant
	clock       *clock // the source's
	proxy       *proxy // nil unless the story was made by newStoryBehindProxy
	syncer      *dossiersync.Syncer
	readerToken string
	portalToken string

	client  string                 // the client whom the case is about
	steps   []cases.Step           // that are still to come
	at      time.Time              // of the last step
	clients []string               // every client ever written
	names   map[string]dossier.Ref // every record ever written, by key, with the name it has in the story as its ID
	views   map[string]*dossierView
}

// storyOptions are the differences of a story from the usual one.
type storyOptions struct {
	start   time.Time // zero: defaultStart
	search  string    // as in tenant
	mapping string    // as in tenant
	layers  []simulator.Layer
	server  behaviours.Preset // how the source behaves; zero: as FHIR asks
}

// defaultStart is noon on 21 November 2024 in Amsterdam, by the source's clock. The
// plans of the cases have expired since: stories about plans in force start today.
var defaultStart = time.Date(2024, 11, 21, 11, 0, 0, 0, time.UTC)

// Times of most stories: what the cases write is dated at noon of the day before
// defaultStart, and each later step comes an hour after the one before.
const (
	yesterdayNoon = "2024-11-20T12:00:00+01:00"
	startNoon     = "2024-11-21T12:00:00+01:00"
	oneOClock     = "2024-11-21T13:00:00+01:00"
	twoOClock     = "2024-11-21T14:00:00+01:00"
)

// newStory returns the story of a case of package cases. The test must play all
// of the case's steps.
func newStory(t *testing.T, number int, o storyOptions) *story {
	t.Helper()
	s := newEmptyStory(t, o)
	s.startCase(number)
	return s
}

// newEmptyStory returns a story whose source is empty.
func newEmptyStory(t *testing.T, o storyOptions) *story {
	t.Helper()
	return newStories(t, o, "amaris")[0]
}

// newStoryBehindProxy returns a story with an empty source behind a proxy. A page
// has five records.
func newStoryBehindProxy(t *testing.T) *story {
	t.Helper()
	s := newEmptyStory(t, storyOptions{})
	s.proxy = s.putBehindProxy(faults.Options{Seed: 1, Clock: s.clock.Now})
	s.changeConfig(`page_size: \d+`, "page_size: 5")
	s.restart()
	return s
}

// newStories returns a story with an empty source for each tenant of one replica.
func newStories(t *testing.T, o storyOptions, ids ...string) []*story {
	t.Helper()
	if o.start.IsZero() {
		o.start = defaultStart
	}
	var tenants []tenant
	var clocks []*clock
	for _, id := range ids {
		c := newClock(o.start)
		clocks = append(clocks, c)
		options := simulator.Options{Clock: c.Now, Zone: amsterdam(t), Layers: o.layers}
		o.server.Apply(&options)
		tenants = append(tenants, tenant{id: id, name: strings.ToUpper(id), search: o.search, mapping: o.mapping,
			sim: simulator.New(options)})
	}
	h := newHarness(t, tenants...)
	h.serve(app.Portal)
	syncer := h.newSyncer(h.loadConfig())
	var stories []*story
	for i, tenant := range tenants {
		// A worker stores its tenants when it starts; a grant needs a known tenant.
		if err := h.replica.PutTenant(t.Context(), tenant.id, tenant.name, "Europe/Amsterdam"); err != nil {
			t.Fatal(err)
		}
		stories = append(stories, &story{harness: h, tenant: tenant, clock: clocks[i], syncer: syncer,
			at:          clocks[i].Now(),
			readerToken: h.tenantToken(tenant.id, "dochter", "dossier:read"),
			portalToken: h.tenantToken(tenant.id, "portal", "dossier:grants"),
			names:       make(map[string]dossier.Ref), views: make(map[string]*dossierView)})
	}
	return stories
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
			s.t.Errorf("a step of the case was not played: %s", s.steps[0].Name)
		}
	})
}

// step plays the case's next step, which must have that name, and syncs.
func (s *story) step(name string) {
	s.t.Helper()
	s.writeStep(name)
	s.sync()
}

// writeStep plays the case's next step, which must have that name.
func (s *story) writeStep(name string) {
	s.t.Helper()
	if len(s.steps) == 0 || s.steps[0].Name != name {
		s.t.Fatalf("the case's next step is not %q: %+v", name, s.steps)
	}
	step := s.steps[0]
	s.steps, s.at = s.steps[1:], s.at.Add(step.After)
	s.clock.set(s.at)
	if err := step.Play(s.tenant.sim, s.at); err != nil {
		s.t.Fatal(err)
	}
	for _, w := range step.Writes {
		s.register(dossier.Ref{Type: w.Type, ID: w.ID})
	}
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

// putReport writes a day report. Its id is the name with hyphens for spaces.
func (s *story) putReport(name, client, text string) {
	s.t.Helper()
	s.put(dayReportJSON(reportID(name), client, "2024-11-20T12:00:00+01:00", text))
}

func reportID(name string) string { return strings.ReplaceAll(name, " ", "-") }

// dayReportJSON is a day report as an Observation.
func dayReportJSON(id, client, at, text string) string {
	return fmt.Sprintf(`{"resourceType": "Observation", "id": %q, "status": "final", "subject": {"reference": "Patient/%s"},
		"code": {"coding": [{"system": "http://snomed.info/sct", "code": "11591000146107"}]},
		"effectiveDateTime": %q, "valueString": %q}`, id, client, at, text)
}

// putReports writes a client with n day reports, named "anna 00", "anna 01" and so
// on, and returns their texts, which are their names.
func (s *story) putReports(client string, n int) (texts []string) {
	s.t.Helper()
	s.put(fmt.Sprintf(`{"resourceType": "Patient", "id": %q, "name": [{"text": "Mevrouw %s"}]}`, client, client))
	for i := range n {
		texts = append(texts, fmt.Sprintf("%s %02d", client, i))
		s.putReport(texts[i], client, texts[i])
	}
	return texts
}

// change edits the record that the story calls name; "" is the client.
func (s *story) change(typ, name string, edit func(map[string]any)) {
	s.t.Helper()
	if _, err := s.tenant.sim.Update(typ, s.id(name), edit); err != nil {
		s.t.Fatal(err)
	}
}

// remove deletes a record in the source.
func (s *story) remove(typ, id string) {
	s.t.Helper()
	if _, err := s.tenant.sim.Delete(typ, id); err != nil {
		s.t.Fatal(err)
	}
}

// id returns the id of the record that the story calls name; "" is the client.
func (s *story) id(name string) string {
	if name == "" {
		return s.client
	}
	return s.client + "-" + name
}

// register remembers the key and the name of a record. The daughter gets a right
// to the dossier of a new client.
func (s *story) register(ref dossier.Ref) {
	s.t.Helper()
	name := strings.TrimPrefix(strings.TrimPrefix(ref.ID, s.client), "-")
	s.names[dossier.Key(s.tenant.id, ref)] = dossier.Ref{Type: ref.Type, ID: name}
	if ref.Type != "Patient" || slices.Contains(s.clients, ref.ID) {
		return
	}
	s.clients = append(s.clients, ref.ID)
	s.putGrant(s.portalToken, ref.ID, "dochter", fullGrant)
}

// nameOf returns the story's name of the item with that key.
func (s *story) nameOf(key string) string {
	if ref, ok := s.names[key]; ok {
		return ref.ID
	}
	return key
}

// runScope performs one run of the scope to its end, a minute after the last write.
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

// sync performs a run, which must be complete and leave nothing in quarantine.
func (s *story) sync() {
	s.t.Helper()
	if run := s.runScope(store.Scope{}); *run.Outcome != store.OutcomeComplete {
		s.t.Errorf("the run is %s: %s", *run.Outcome, *run.Message)
	}
	s.wantQuarantine()
}

// syncPartial performs a run, which must be partial and leave exactly these records
// in quarantine: "Observation/verslag bad-text".
func (s *story) syncPartial(quarantined ...string) {
	s.t.Helper()
	if run := s.runScope(store.Scope{}); *run.Outcome != store.OutcomePartial {
		s.t.Errorf("the run is %s, want partial", *run.Outcome)
	}
	s.wantQuarantine(quarantined...)
}

// reconcile compares everything with the source; the run must be complete.
func (s *story) reconcile() {
	s.t.Helper()
	if run := s.runScope(store.Scope{Only: store.StepReconcile}); *run.Outcome != store.OutcomeComplete {
		s.t.Errorf("the reconcile is %s: %s", *run.Outcome, *run.Message)
	}
}

// restart starts the worker again with the configuration as it is now.
func (s *story) restart() {
	s.t.Helper()
	s.syncer = s.newSyncer(s.loadConfig())
}
