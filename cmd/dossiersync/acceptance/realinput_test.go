package acceptance

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"dossiersync/cmd/carerecordsim/load"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store"
	"dossiersync/store/dossier"
	dossiersync "dossiersync/sync"
)

// Searches and rules that read and show as much as possible.
const (
	searchEverything = "reports: [Observation, DocumentReference, Composition], care-plans: [CarePlan, Provenance, Consent]"
	showEverything   = "      show: {preliminary: true, in-progress: true, stopped: true, superseded: true}\n"
)

// Every resource written by others (HL7, Nictiz, Synthea) is accounted for, in the run, the
// summary, --json and the metrics; and the answers of the portal API keep to the contract.
func TestRealInputIsAccountedFor(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("DOSSIERSYNC_FHIR_EXAMPLES")
	if dir == "" {
		t.Skip("DOSSIERSYNC_FHIR_EXAMPLES names no folder with FHIR R4 resources: syncing real ones is not tested")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	folders := 0
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		folders++
		t.Run(e.Name(), func(t *testing.T) {
			t.Parallel()
			h, held := newLoadedHarness(t, filepath.Join(dir, e.Name()))
			reg, run := h.syncWithMetrics()
			h.wantAllAccounted(held, run)
			h.wantSameAccounts(run, reg)
			h.wantAllServed()
		})
	}
	if folders == 0 {
		t.Fatalf("%s holds no folders", dir)
	}
}

// newLoadedHarness returns a harness whose source holds the resources of a folder, and the
// number of resources of each type.
func newLoadedHarness(t *testing.T, dir string) (*harness, map[string]int64) {
	t.Helper()
	sim := simulator.New(simulator.Options{})
	summary, err := load.Into(sim, dir, time.Now().Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range summary.Unread {
		t.Logf("not loaded: %s", p)
	}
	held, total := make(map[string]int64), 0
	for name := range sim.Resources() {
		typ, _, _ := strings.Cut(name, "/")
		held[typ]++
		total++
	}
	if want := summary.Resources - len(summary.Repeated); total != want || total == 0 {
		t.Fatalf("the source holds %d resources of %d that were loaded", total, want)
	}
	t.Logf("%d resources from %d files", total, summary.Files)
	return newHarness(t, tenant{id: "amaris", name: "Amaris", sim: sim, search: searchEverything,
		mapping: showEverything}), held
}

// syncWithMetrics syncs as the command does, and returns the metrics.
func (h *harness) syncWithMetrics() (prometheus.Gatherer, store.Run) {
	h.t.Helper()
	cfg := h.loadConfig()
	reg := prometheus.NewRegistry()
	syncer, err := app.NewSyncer(cfg, h.replica.Store, app.SyncerOptions{Log: zap.NewNop(), Registerer: reg})
	if err != nil {
		h.t.Fatal(err)
	}
	run, err := syncer.Sync(h.t.Context(), dossiersync.SyncRequest{Tenant: "amaris"})
	if err != nil {
		h.t.Fatal(err)
	}
	if outcome := *run.Outcome; outcome != store.OutcomeComplete && outcome != store.OutcomePartial {
		h.t.Fatalf("the run is %s: %s", outcome, *run.Message)
	}
	return reg, run
}

// wantAllAccounted fails the test unless every resource was either seen or not pulled, and
// each one that is not shown has a reason.
func (h *harness) wantAllAccounted(held map[string]int64, run store.Run) {
	h.t.Helper()
	counted := maps.Clone(run.NotPulled)
	for _, rt := range run.Types {
		if n := rt.Effects.Seen(); n > 0 {
			counted[rt.Type] += n
		}
		for e, n := range rt.Effects {
			switch e.Word() {
			case store.EffectHidden, store.EffectWithdrawn, store.EffectQuarantined:
				if !slices.Contains(dossier.Reasons(), e.Reason()) || e.Reason().Meaning() == "" {
					h.t.Errorf("%d %s are %s, which has no known reason", n, rt.Type, e)
				}
			}
		}
	}
	if diff := cmp.Diff(held, counted); diff != "" {
		h.t.Errorf("seen and not-pulled differ from what the source holds (-source +run):\n%s", diff)
	}
}

// accounts are the effects of a run, as one of the places reports them.
type accounts struct {
	Streams   map[dossier.Stream]store.Counts // without reasons
	Reasons   store.Effects
	NotPulled int64
}

func (a *accounts) add(stream dossier.Stream, e store.Effects) {
	if a.Streams == nil {
		a.Streams, a.Reasons = make(map[dossier.Stream]store.Counts), make(store.Effects)
	}
	c, more := a.Streams[stream], e.Counts()
	a.Reasons.Add(more.Reasons)
	a.Streams[stream] = store.Counts{
		Seen: c.Seen + more.Seen, Created: c.Created + more.Created, Updated: c.Updated + more.Updated,
		Unchanged: c.Unchanged + more.Unchanged, Hidden: c.Hidden + more.Hidden,
		Withdrawn:  c.Withdrawn + more.Withdrawn,
		Superseded: c.Superseded + more.Superseded, Quarantined: c.Quarantined + more.Quarantined,
	}
}

func accountsOf(run store.Run) accounts {
	var a accounts
	for _, rt := range run.Types {
		a.add(rt.Stream, rt.Effects)
	}
	for _, n := range run.NotPulled {
		a.NotPulled += n
	}
	return a
}

// wantSameAccounts fails the test unless the run's row, --json, the summary and the metrics
// agree.
func (h *harness) wantSameAccounts(run store.Run, reg prometheus.Gatherer) {
	h.t.Helper()
	row, err := h.replica.Store.Run(h.t.Context(), run.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	want := accountsOf(row)
	again := newHarness(h.t, h.tenants...)
	printed := again.mustRun("sync")
	scripted := again.mustRun("--json", "run", "show", "1")
	h.t.Logf("\n%s", printed)
	var out store.Run
	if err := json.Unmarshal([]byte(scripted), &out); err != nil {
		h.t.Fatal(err)
	}
	for place, got := range map[string]accounts{
		"the summary": parseSummary(h, printed), "--json": accountsOf(out), "the metrics": readMetrics(h, reg),
	} {
		for stream, c := range want.Streams {
			if _, ok := got.Streams[stream]; !ok && c.Seen == 0 {
				got.Streams[stream] = c // metrics leave out zeros
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			h.t.Errorf("%s differs from the run's row: %s", place, diff)
		}
	}
}

var (
	countsLine    = regexp.MustCompile(`(?m)^  ([a-z-]+) +[A-Z]\w+ +\d+ +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$`)
	reasonLine    = regexp.MustCompile(`(?m)^  (\d+) (hidden|withdrawn|quarantined) \(([a-z-]+)\): `)
	notPulledLine = regexp.MustCompile(`(?m)^  (\d+) not-pulled: `)
)

// parseSummary reads the summary that the command prints.
func parseSummary(r *harness, text string) accounts {
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			r.t.Error(err)
		}
		return n
	}
	var a accounts
	for _, m := range countsLine.FindAllStringSubmatch(text, -1) {
		effects := make(store.Effects)
		for i, e := range []store.Effect{store.EffectCreated, store.EffectUpdated, store.EffectUnchanged,
			store.EffectHidden,
			store.EffectWithdrawn, store.EffectSuperseded, store.EffectQuarantined} {
			effects[e] = number(m[i+2])
		}
		a.add(dossier.Stream(m[1]), effects)
	}
	for _, m := range reasonLine.FindAllStringSubmatch(text, -1) {
		a.Reasons[store.Effect(m[2]+":"+m[3])] = number(m[1])
	}
	for _, m := range notPulledLine.FindAllStringSubmatch(text, -1) {
		a.NotPulled = number(m[1])
	}
	return a
}

func readMetrics(r *harness, reg prometheus.Gatherer) accounts {
	families, err := reg.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	var a accounts
	for _, f := range families {
		if f.GetName() != "dossiersync_items_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := make(map[string]string)
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			n := int64(m.GetCounter().GetValue())
			effect := labels["effect"]
			if effect == "not-pulled" {
				a.NotPulled += n
				continue
			}
			if labels["reason"] != "" {
				effect += ":" + labels["reason"]
			}
			a.add(dossier.Stream(labels["stream"]), store.Effects{store.Effect(effect): n})
		}
	}
	return a
}

// wantAllServed fails the test unless readers get every shown item of the living clients.
func (h *harness) wantAllServed() {
	h.t.Helper()
	h.serve(app.Portal)
	got := make(map[string]int)
	for _, client := range h.clientIDs() {
		h.countServed(got, h.grantAll(client), "/v1/dossiers/"+url.PathEscape(client))
	}
	want := make(map[string]int)
	for part := range got {
		const q = `
			SELECT count(*)::text FROM items i JOIN clients c ON c.tenant = i.tenant AND c.id = i.client
			WHERE i.state = 'shown' AND i.part = $1 AND i.kind IN ('report', 'form', 'care-plan') AND NOT c.deceased`
		n, err := strconv.Atoi(h.queryOne(q, part))
		if err != nil {
			h.t.Fatal(err)
		}
		want[part] = n
	}
	if diff := cmp.Diff(want, got); diff != "" {
		h.t.Errorf("readers do not get everything (-stored +served): %s", diff)
	}
	h.t.Log(fmt.Sprint("served: ", got))
}

// countServed reads a dossier, and adds the number of items in each part to counts.
func (h *harness) countServed(counts map[string]int, reader, dossierPath string) {
	h.t.Helper()
	for _, path := range []string{"", "/timeline", "/timeline/density?by=month", "/contacts", "/access-log"} {
		if status, body := h.get(reader, dossierPath+path); status != http.StatusOK {
			h.t.Errorf("%s of a client: %d %s", path, status, body)
		}
	}
	for _, part := range []string{"reports", "forms", "care-plans"} {
		items := h.list(reader, dossierPath+"/"+part+"?limit=100")
		counts[part] += len(items)
		for _, it := range items[:min(len(items), 20)] {
			if status, body := h.get(reader, dossierPath+"/"+part+"/"+it.ID); status != http.StatusOK {
				h.t.Errorf("one of %s: %d %s", part, status, body)
			}
		}
	}
}
