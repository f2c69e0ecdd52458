package acceptance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store"
)

// Where the browser is, and where what drives it.
const (
	chromiumVariable = "DOSSIERSYNC_CHROMIUM"
	toolsVariable    = "DOSSIERSYNC_BROWSER_TOOLS"
)

// In a real browser, with its scripts and without, an operator watches a run move,
// brings one client up to date, has mended items tried again, and lets removals go.
// Then every page is looked at by axe.
func TestOperatorWorkInBrowser(t *testing.T) {
	needsBrowser(t)
	h := newBrowserHarness(t)
	h.runScript("operator.mjs")
	h.runScript("axe.mjs")
}

func needsBrowser(t *testing.T) {
	t.Helper()
	if os.Getenv(chromiumVariable) == "" || os.Getenv(toolsVariable) == "" {
		t.Skip(chromiumVariable + " is not set: make browser does this")
	}
}

// browserHarness is an operator's: a service that runs, and a care record system that a
// story can give orders about.
type browserHarness struct {
	*harness
	proxy *proxy
	lost  int // reports so far
	env   []string
}

func newBrowserHarness(t *testing.T) *browserHarness {
	t.Helper()
	sim := simulator.New(simulator.Options{Zone: mustZone(t)})
	d, err := dossiers.Generate(dossiers.Options{Clients: 4, Years: 0.5, Seed: 2, Now: time.Now().Add(-time.Hour)})
	if err == nil {
		err = d.Fill(sim)
	}
	if err != nil {
		t.Fatal(err)
	}
	// A year with one slot: nothing happens that nobody asks for.
	h := newHarness(t, tenant{id: "amaris", name: "Amaris", sim: sim, mapping: "    schedule: \"0 3 1 1 *\"\n"})
	w := &browserHarness{harness: h, proxy: newProxy(t, sim, faults.Options{})}
	for i := range 3 {
		w.putReport(fmt.Sprintf("bad-%d", i+1), "2026-13-02")
	}
	for i := range 300 {
		w.putReport(fmt.Sprintf("lost-%d", i), "2026-03-02")
	}
	h.changeConfig(`base_url: \S+`, "base_url: "+w.proxy.url)
	h.changeConfig(`page_size: \d+`, "page_size: 20")
	h.changeConfig(`(?m)^tenants:`, fmt.Sprintf("  users: [{name: ann, token_file: %q, tenants: [amaris], may: [read, resync, approve]}]\ntenants:", h.writeFile("ann", "the token of ann\n")))
	orders := httptest.NewServer(w.sourceCommands())
	t.Cleanup(orders.Close)
	p := h.start("serve")
	w.env = append(os.Environ(), "CONSOLE="+p.addressOf(app.OpsListener), "SOURCE="+orders.URL, "CLIENT="+sim.List("Patient")[0].ID)
	waitUntil(t, "the first run has ended", func() bool {
		runs, err := h.replica.Runs(t.Context(), store.RunFilter{})
		return err == nil && len(runs) > 0 && runs[0].State == store.RunDone
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.output.String())
		}
	})
	return w
}

// putReport writes a report about somebody else, a moment ago: a run reads up to the
// second in which it begins.
func (h *browserHarness) putReport(id, at string) {
	h.t.Helper()
	client := h.sim.List("Patient")[1].ID
	_, err := h.sim.PutAt(time.Now().Add(-time.Minute), fmt.Appendf(nil, `{"resourceType":"Observation","id":%q,"status":"final",
		"subject":{"reference":"Patient/%s"},"effectiveDateTime":%q,"valueString":"Goed geslapen",
		"code":{"coding":[{"system":"http://snomed.info/sct","code":"11591000146107"}]}}`, id, client, at))
	if err != nil {
		h.t.Error(err)
	}
}

// sourceCommands is what a story can have the care record system do.
func (h *browserHarness) sourceCommands() http.Handler {
	mux := http.NewServeMux()
	for name, delay := range map[string]time.Duration{"fast": 0, "slow": time.Second, "stand": 10 * time.Second} {
		mux.HandleFunc("POST /"+name, func(http.ResponseWriter, *http.Request) {
			h.proxy.faults.Set(faults.Rule{Match: faults.Match{Type: "Observation"}, Fault: faults.Delay(delay)})
		})
	}
	mux.HandleFunc("POST /mend/{id}", func(_ http.ResponseWriter, r *http.Request) { h.putReport(r.PathValue("id"), "2026-03-02") })
	// More than may go in a day: 5% of the reports.
	mux.HandleFunc("POST /lose", func(http.ResponseWriter, *http.Request) {
		for range 100 {
			h.sim.Forget("Observation", fmt.Sprintf("lost-%d", h.lost))
			h.lost++
		}
	})
	return mux
}

// runScript has Node play a story of .ci/browser.
func (h *browserHarness) runScript(story string) {
	h.t.Helper()
	began := time.Now()
	cmd := exec.CommandContext(h.t.Context(), "node", filepath.Join("..", "..", "..", ".ci", "browser", story))
	cmd.Env, cmd.WaitDelay = h.env, 10*time.Second
	out, err := cmd.CombinedOutput()
	h.t.Logf("%s took %s", story, time.Since(began).Round(time.Second))
	if err != nil {
		h.t.Fatalf("%s: %v\n%s", story, err, out)
	}
}
