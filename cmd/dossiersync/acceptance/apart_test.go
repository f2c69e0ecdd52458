package acceptance

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store"
)

// Given a worker, a portal API and an operators' listener, each a process with a log-in of its own, and
// none with the owner's: a first sync, a retry, a reconcile, removals that are held and approved, the
// access log's maintenance, withholding and erasing all work.
func TestPartsWorkWithLogInsOfTheirOwn(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Options{Zone: amsterdam(t)})
	putEarlier(t, sim, `{"resourceType":"Patient","id":"client-1","active":true,"name":[{"text":"Mevrouw Geheim"}]}`)
	for i := range 30 {
		putEarlier(t, sim, dayReportJSON(fmt.Sprintf("report-%02d", i), "client-1", "2026-03-02", "Geheim"))
	}
	putEarlier(t, sim, dayReportJSON("bad", "client-1", "2026-13-02", "Geheim"))
	h := newAmarisHarness(t, sim)
	files := h.separate()
	parts := make(map[string]*process)
	for _, part := range []string{app.Worker, app.Portal, app.Ops} {
		h.configFile = files[part]
		parts[part] = h.start("serve", "--only", part)
	}
	h.usePortalOf(parts[app.Portal])
	b := newConsoleBrowser(t, parts[app.Ops].addressOf(app.OpsListener))
	b.retryMendedItem(sim)
	reader := h.grantAll("client-1")
	lists := func() int { return len(h.list(reader, "/v1/dossiers/client-1/reports?limit=100")) }
	if n := lists(); n != 31 {
		t.Errorf("after the first sync %d reports are shown, want 31", n)
	}
	b.approveRemovals(sim)
	if n := lists(); n != 6 {
		t.Errorf("after the approved removals %d reports are shown, want 6", n)
	}
	const months = `SELECT count(*)::text FROM pg_inherits WHERE inhparent = 'access_log'::regclass`
	waitUntil(t, "the log has partitions for four months", func() bool { return h.queryOne(months) == "5" })
	const left = `SELECT count(*)::text FROM pg_inherits WHERE inhparent = 'census'::regclass`
	waitUntil(t, "the censuses are dropped", func() bool { return h.queryOne(left) == "0" })

	// The commands of an operator on the worker's machine.
	h.configFile = files[app.Worker]
	h.wantVerified()
	h.mustRun("reconcile", "--tenant", "amaris")
	h.mustRun("withhold", "--tenant", "amaris", "--client", "client-1", "--note", "melding", "--by", "Anna de Vries")
	if status, _ := h.get(reader, "/v1/dossiers/client-1/reports"); status != http.StatusNotFound {
		t.Errorf("a withheld client is answered with %d", status)
	}
	h.mustRun("release", "--tenant", "amaris", "--client", "client-1", "--note", "afgehandeld", "--by", "Anna de Vries")
	if n := lists(); n != 6 {
		t.Errorf("after the release %d reports are shown, want 6", n)
	}
	// The operators' listener writes the record beside the erasures too, which a restore reads.
	record := filepath.Join(h.dir, "data", "erasures.jsonl.withheld")
	lines := func() int {
		text, err := os.ReadFile(record)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), "\n")
	}
	before := lines()
	resp, err := http.Post(parts[app.Ops].addressOf(app.OpsListener)+"/api/tenants/amaris/withhold", "application/json",
		strings.NewReader(`{"client": "client-1", "note": "melding"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || before != 2 || lines() != 3 {
		t.Errorf("withheld through the listener: %d, %d lines after %d", resp.StatusCode, lines(), before)
	}
	h.mustRun("erase", "--tenant", "amaris", "--client", "client-1", "--by", "Anna de Vries")
	if status, _ := h.get(reader, "/v1/dossiers/client-1/reports"); status != http.StatusNotFound {
		t.Errorf("an erased client is answered with %d", status)
	}
	for part, p := range parts {
		p.stop()
		if output := p.output.String(); strings.Contains(output, "permission denied") {
			t.Errorf("the %s lacks a right:\n%s", part, output)
		}
	}
}

// separate gives each part of the service a configuration with its own log-in and no other, in a
// database in which no role has rights that it was not given, and returns the files.
func (h *harness) separate() map[string]string {
	h.t.Helper()
	if err := store.EnsureReader(h.t.Context(), h.replica.URL, h.replica.ReaderURL); err != nil {
		h.t.Fatal(err)
	}
	h.exec(`DO $$ BEGIN
		EXECUTE format('GRANT CONNECT ON DATABASE %I TO dossiersync_ops', current_database());
	END $$`)
	text, err := os.ReadFile(h.configFile)
	if err != nil {
		h.t.Fatal(err)
	}
	owner, err := url.Parse(h.replica.URL)
	if err != nil {
		h.t.Fatal(err)
	}
	owner.User = url.User("nobody")
	own := map[string]string{
		app.Worker: h.replica.WorkerURL, app.Portal: h.replica.ReaderURL, app.Ops: h.replica.OpsURL,
	}
	files := make(map[string]string)
	for part := range own {
		mine := strings.Replace(string(text), "ops:\n", fmt.Sprintf("ops:\n  database: %q\n", h.replica.OpsURL), 1)
		mine = strings.Replace(mine, h.replica.URL, owner.String(), 1)
		for other, address := range own {
			if other != part {
				mine = strings.ReplaceAll(mine, address, owner.String())
			}
		}
		files[part] = h.writeFile(part+".yaml", mine)
	}
	return files
}
