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

// The browser's executable, and the folder of the tools that drive it.
const (
	chromiumVariable = "DOSSIERSYNC_CHROMIUM"
	toolsVariable    = "DOSSIERSYNC_BROWSER_TOOLS"
)

// In a real browser, with scripts and without, an operator follows a run, syncs one
// client, retries mended items, and approves removals. Then axe checks every page.
func TestOperatorWorkInBrowser(t *testing.T) {
	needsBrowser(t)
	t.Parallel()
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

// browserHarness is a harness with a running service, whose source takes commands from
// the scripts that drive the browser.
type browserHarness struct {
	*harness
	proxy *proxy
	lost  int // reports removed so far
	env   []string
}

func newBrowserHarness(t *testing.T) *browserHarness {
	t.Helper()
	sim := simulator.New(simulator.Options{Zone: amsterdam(t)})
	fillDossiers(t, sim, dossiers.Options{Clients: 4, Years: 0.5, Seed: 2, Now: time.Now().Add(-time.Hour)})
	// One slot a year: runs start only on request.
	h := newHarness(t, tenant{id: "amaris", name: "Amaris", sim: sim, mapping: "    schedule: \"0 3 1 1 *\"\n"})
	b := &browserHarness{harness: h, proxy: h.putBehindProxy(faults.Options{})}
	for i := range 3 {
		b.putReport(fmt.Sprintf("bad-%d", i+1), "2026-13-02")
	}
	for i := range 300 {
		b.putReport(fmt.Sprintf("lost-%d", i), "2026-03-02")
	}
	h.changeConfig(`page_size: \d+`, "page_size: 20")
	h.addOpsUser("amaris", "the token of ann")
	commands := httptest.NewServer(b.sourceCommands())
	t.Cleanup(commands.Close)
	p := h.start("serve")
	b.env = append(os.Environ(), "SITE="+p.addressOf(app.OpsListener), "SOURCE="+commands.URL,
		"CLIENT="+h.clientIDs()[0])
	waitUntil(t, "the first run has ended", func() bool {
		runs, err := h.replica.Runs(t.Context(), store.RunFilter{})
		return err == nil && len(runs) > 0 && runs[0].State == store.RunDone
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.output.String())
		}
	})
	return b
}

// putReport writes a report about the second client, a minute ago: a run reads up to the
// second in which it begins.
func (b *browserHarness) putReport(id, at string) {
	b.t.Helper()
	client := b.sim.List("Patient")[1].ID
	_, err := b.sim.PutAt(time.Now().Add(-time.Minute), []byte(dayReportJSON(id, client, at, "Goed geslapen")))
	if err != nil {
		b.t.Error(err)
	}
}

// sourceCommands are requests by which a script changes the source.
func (b *browserHarness) sourceCommands() http.Handler {
	mux := http.NewServeMux()
	for name, delay := range map[string]time.Duration{"fast": 0, "slow": time.Second, "stand": 10 * time.Second} {
		mux.HandleFunc("POST /"+name, func(http.ResponseWriter, *http.Request) {
			b.proxy.faults.Set(faults.Rule{Match: faults.Match{Type: "Observation"}, Fault: faults.Delay(delay)})
		})
	}
	mux.HandleFunc("POST /mend/{id}", func(_ http.ResponseWriter, r *http.Request) {
		b.putReport(r.PathValue("id"), "2026-03-02")
	})
	// More than the 5% of reports that a day may remove.
	mux.HandleFunc("POST /lose", func(http.ResponseWriter, *http.Request) {
		for range 100 {
			b.sim.Forget("Observation", fmt.Sprintf("lost-%d", b.lost))
			b.lost++
		}
	})
	return mux
}

// runScript runs a script of .ci/browser in Node.
func (b *browserHarness) runScript(script string) {
	b.t.Helper()
	began := time.Now()
	cmd := exec.CommandContext(b.t.Context(), "node", filepath.Join("..", "..", "..", ".ci", "browser", script))
	cmd.Env, cmd.WaitDelay = b.env, 10*time.Second
	out, err := cmd.CombinedOutput()
	b.t.Logf("%s took %s", script, time.Since(began).Round(time.Second))
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", script, err, out)
	}
}
