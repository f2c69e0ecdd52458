package sync_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	"go.uber.org/zap/zaptest"

	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/store"
	"dossiersync/store/storetest"
	dossiersync "dossiersync/sync"
	"dossiersync/sync/fhir"
	"dossiersync/sync/source"
)

const tenant = "amaris"

// harness is a source, a replica of its own, and a Syncer between them.
type harness struct {
	*storetest.Replica
	t      *testing.T
	sim    *simulator.Server // nil if the source is another
	base   string            // the address of sim
	tenant dossiersync.Tenant
	opts   dossiersync.Options
	syncer *dossiersync.Syncer // made by restart of tenant and opts
}

// newSimHarness returns a harness whose source is a simulator, behind wrap if that is not nil.
func newSimHarness(t *testing.T, wrap func(http.Handler) http.Handler) *harness {
	t.Helper()
	sim := simulator.New(simulator.Options{})
	handler := http.Handler(sim)
	if wrap != nil {
		handler = wrap(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	// The simulator commits at once, so that no lag is needed. Its Date header has whole seconds,
	// so that its clock may seem to be behind.
	h := newHarness(t, fhirAt(t, server.URL+"/fhir"))
	h.base = server.URL + "/fhir"
	h.sim, h.tenant.Lag, h.tenant.Overlap, h.opts.WindowItems = sim, -2*time.Second, 5*time.Second, 500
	h.restart()
	return h
}

// newHarness returns a harness with a source of the test's own.
func newHarness(t *testing.T, src source.Source) *harness {
	t.Helper()
	schedule, err := cron.ParseStandard("CRON_TZ=Europe/Amsterdam 0 7-23/4 * * *")
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{Replica: storetest.NewReplica(t), t: t,
		opts: dossiersync.Options{Log: zaptest.NewLogger(t), WindowItems: 15}}
	h.tenant = dossiersync.Tenant{ID: tenant, Name: "Amaris", Location: amsterdam(t), Schedule: schedule, Source: src,
		Lag: time.Minute, Overlap: time.Minute}
	h.restart()
	return h
}

// restart makes a new Syncer of the present tenant and options.
func (h *harness) restart() {
	h.t.Helper()
	var err error
	if h.syncer, err = dossiersync.New(h.Store, []dossiersync.Tenant{h.tenant}, h.opts); err != nil {
		h.t.Fatal(err)
	}
}

func fhirAt(t *testing.T, base string, mapping ...fhir.Mapping) source.Source {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	o := fhir.Options{Tenant: tenant, BaseURL: u, PageSize: 100, RequestsPerSecond: 10000, Zone: amsterdam(t)}
	if len(mapping) > 0 {
		o.Mapping = mapping[0]
	}
	s, err := fhir.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func amsterdam(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// sync brings the replica up to date, and returns the run.
func (h *harness) sync(scope store.Scope) store.Run {
	h.t.Helper()
	run, err := h.syncer.Sync(h.t.Context(), dossiersync.SyncRequest{Tenant: tenant, Scope: scope})
	if err != nil {
		h.t.Fatal(err)
	}
	return run
}

// wantSync is sync, and fails the test if the run does not end with the outcome.
func (h *harness) wantSync(want store.Outcome, scope store.Scope) store.Run {
	h.t.Helper()
	run := h.sync(scope)
	if *run.Outcome != want {
		h.t.Fatalf("run %d is %s (%s), want %s", run.ID, *run.Outcome, message(run), want)
	}
	return run
}

// message returns the run's message to operators.
func message(run store.Run) string {
	if run.Message == nil {
		return ""
	}
	return *run.Message
}

// queryText returns the text that a query returns, "" for null.
func (h *harness) queryText(sql string, args ...any) string {
	h.t.Helper()
	var s *string
	if err := h.Pool().QueryRow(h.t.Context(), sql, args...).Scan(&s); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
	if s == nil {
		return ""
	}
	return *s
}

// exec executes a statement that the product itself never does.
func (h *harness) exec(sql string, args ...any) (rows int64) {
	h.t.Helper()
	tag, err := h.Pool().Exec(h.t.Context(), sql, args...)
	if err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
	return tag.RowsAffected()
}

// fill gives the simulator some dossiers with a history.
func (h *harness) fill(clients int, years float64) *dossiers.Dossiers {
	h.t.Helper()
	d, err := dossiers.Generate(dossiers.Options{Clients: clients, Years: years, Seed: 7, Now: time.Now()})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := d.Fill(h.sim); err != nil {
		h.t.Fatal(err)
	}
	return d
}

// What the simulator's dossiers leave out is accepted, so that a demo needs no attention.
func TestSimulatorLeavesOutAcceptedPlacesOnly(t *testing.T) {
	t.Parallel()
	h := newSimHarness(t, nil)
	h.fill(20, 1)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	list, err := h.Store.LeftOutNew(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		t.Errorf("%s %s (%d items) is not in store/dossier/leftout.txt", l.Kind, l.Place, l.Items)
	}
}

func totals(run store.Run) store.Counts {
	all := make(store.Effects)
	for _, t := range run.Types {
		all.Add(t.Effects)
	}
	return all.Counts()
}

func TestFirstSyncCountsEveryRecord(t *testing.T) {
	t.Parallel()
	h := newSimHarness(t, nil)
	h.fill(12, 0.5)
	run := h.sync(store.Scope{})
	if *run.Outcome != store.OutcomeComplete {
		t.Fatalf("outcome %s: %v", *run.Outcome, run.Message)
	}
	counts := h.sim.Counts()
	for _, rt := range run.Types {
		if rt.Type == "Observation" {
			continue // it is searched by code
		}
		if got, want := rt.Effects.Seen(), int64(counts[rt.Type]); got != want {
			t.Errorf("%s: seen %d, the source has %d", rt.Type, got, want)
		}
	}
	t.Logf("%+v", totals(run))
	again := h.sync(store.Scope{})
	if got := totals(again); got.Created+got.Updated != 0 {
		t.Errorf("a second run made changes: %+v", got)
	}
	full := h.sync(store.Scope{Full: true})
	if got, want := totals(full), totals(run); got.Seen != want.Seen || got.Unchanged != want.Created {
		t.Errorf("a full run saw %+v, the first %+v", got, want)
	}
}
