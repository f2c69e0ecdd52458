package acceptance

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store"
)

// Names, ids and texts of people stay out of logs, metrics, errors, problem documents,
// and the rows and jobs of runs, whatever the source, the portal and the operator send.
// Exempt are the scope of a run in which an operator names a client, what an operator asks
// to see of one item or client, and the portal's own request ids.
func TestPersonalDataStaysOutOfLogsAndErrors(t *testing.T) {
	t.Parallel()
	m := newMarkerSearch(t)
	p := m.start("serve")
	opsAPI := p.addressOf(app.OpsListener)
	m.usePortalOf(p)
	p.signal(syscall.SIGUSR1)
	waitUntil(t, "the first run has ended", func() bool { return strings.Contains(p.output.String(), `"run ends"`) })
	if !strings.Contains(p.output.String(), `"log level changed","to":"debug"`) {
		t.Errorf("the level of the log was not changed:\n%s", &p.output)
	}
	m.usePortal()
	m.useOpsAPI(opsAPI)
	// A run that met the faults below would pause, and the commands would wait for it.
	waitUntil(t, "the requested run has ended", func() bool {
		return m.queryOne(`SELECT count(*)::text FROM runs WHERE state <> 'done'`) == "0"
	})
	m.searchCommand("status")
	m.searchCommand("runs")
	m.searchCommand("migrate", "status")

	for name, answer := range badAnswers {
		m.badAnswer.Store(&answer)
		before := m.proxy.requests.Load()
		m.searchCommand("sync", "--client", marker+"-client", "--stream", "reports")
		if m.proxy.requests.Load() == before {
			t.Errorf("a source that %s got no request", name)
		}
	}
	hangsUp := badAnswers["hangs up"]
	m.badAnswer.Store(&hangsUp)
	m.useOpsAPI(opsAPI)
	waitUntil(t, "the service has met the fault", func() bool {
		return strings.Contains(p.output.String(),
			"the source cannot be read now")
	})
	m.searchDatabase()
	m.searchMetrics(opsAPI)

	m.badAnswer.Store(nil)
	m.cancelRuns()
	m.searchCommand("sync", "--full")
	m.searchCommand("reconcile", "--tenant", "amaris")
	m.usePortal()
	m.runCommand("--by", "anna", "erase", "--tenant", "amaris", "--client", marker+"-client")
	m.searchDatabase()
	m.searchMetrics(opsAPI)
	erasures, err := os.ReadFile(filepath.Join(m.dir, "erasures.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	m.wantNoMarker("the erasures file", string(erasures))
	p.stop()
	m.wantNoMarker("the log", p.output.String())
	for _, word := range []string{`"level":"debug"`, `"run begins"`, `"slice ends"`, `"run ends"`,
		`"msg":"request","route":"/v1/dossiers/{client}/timeline"`} {
		if !strings.Contains(p.output.String(), word) {
			t.Errorf("the log has no %s", word)
		}
	}
}

// markerSearch is a harness whose source is full of the marker, and which looks for the
// marker elsewhere.
type markerSearch struct {
	*harness
	proxy     *proxy
	badAnswer atomic.Pointer[badAnswer] // nil: the source answers as it should
}

// newMarkerSearch fills a source with marked resources, and with copies in which one value
// is wrong.
func newMarkerSearch(t *testing.T) *markerSearch {
	t.Helper()
	sim := simulator.New(simulator.Options{})
	copies := 0
	for _, resource := range markedResources() {
		putMarked(t, sim, resource)
		for _, bad := range spoiledCopies(resource) {
			copies++
			bad.(map[string]any)["id"] = fmt.Sprintf("%s-%d", marker, copies)
			putMarked(t, sim, bad)
		}
	}
	t.Logf("%d resources have a wrong value", copies)
	m := &markerSearch{harness: newAmarisHarness(t, sim)}
	m.writeFile("quarantine.key", m.mustRun("quarantine", "key"))
	m.changeConfig(`^`, "quarantine: {key_file: quarantine.key}\nerasures_file: "+filepath.Join(m.dir,
		"erasures.jsonl")+"\n")
	m.proxy = m.putBehindProxy(faults.Options{})
	m.proxy.wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if answer := m.badAnswer.Load(); answer != nil && !strings.HasSuffix(r.URL.Path, "/metadata") {
				(*answer)(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	return m
}

func putMarked(t *testing.T, sim *simulator.Server, resource any) {
	t.Helper()
	raw, err := json.Marshal(resource)
	if err == nil {
		_, err = sim.PutAt(time.Now().Add(-10*time.Minute), raw)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (m *markerSearch) wantNoMarker(where, text string) {
	m.t.Helper()
	low := strings.ToLower(text)
	for _, form := range []string{strings.ToLower(marker), "s3dpa3ppbhzlcg"} { // base64, in lower case
		if i := strings.Index(low, form); i >= 0 {
			m.t.Errorf("%s: …%s…", where, text[max(0, i-200):min(len(text), i+100)])
		}
	}
}

// searchCommand runs a command that prints nothing about single items.
func (m *markerSearch) searchCommand(args ...string) {
	m.t.Helper()
	_, out, errs := m.runCommand(args...)
	m.wantNoMarker("dossiersync "+args[0], out+errs)
}

// request sends a request. If the answer is a problem document, it must not have the
// marker, except in the name of the parameter that the request itself had.
func (m *markerSearch) request(method, url, token, body string) int {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Dossier-Actor", marker)
	req.Header.Set("User-Agent", marker)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	if resp.StatusCode >= 400 {
		// A name that the caller made up is told to the caller.
		document := strings.NewReplacer(`"parameter":"`+marker+`"`, "", `"pointer":"#/`+marker+`"`, "").Replace(string(text))
		m.wantNoMarker(fmt.Sprintf("the problem document of %s (%d)", method, resp.StatusCode), document)
	}
	return resp.StatusCode
}

// usePortal sends what a portal may and may not send.
func (m *markerSearch) usePortal() {
	m.t.Helper()
	const user = marker + "-dochter"
	base := "http://" + m.portalAddress + "/v1"
	dossier := base + "/dossiers/" + marker + "-client"
	portal, reader := m.token(marker+"-portal", "dossier:grants"), m.token(user, "dossier:read")
	grant := `{"role":"representative","manager":true,"parts":["reports","forms","care-plans"],"state":"accepted","name":"` + marker + `"}`
	if status := m.request("PUT", dossier+"/grants/"+user, portal, grant); status/100 != 2 {
		m.t.Fatalf("the grant is answered with %d", status)
	}
	for _, path := range []string{"", "/timeline", "/timeline/density?by=day", "/reports", "/forms", "/care-plans",
		"/contacts", "/access-log"} {
		if status := m.request("GET", dossier+path, reader, ""); status != http.StatusOK {
			m.t.Errorf("%s is answered with %d", path, status)
		}
	}
	for _, bad := range []struct{ method, path, token, body string }{
		{"GET", "/timeline?from=" + marker, reader, ""}, {"GET", "/timeline?" + marker + "=1", reader, ""},
		{"GET", "/timeline?cursor=" + marker, reader, ""},
		{"GET", "/timeline?kind=" + marker + "&category=" + marker, reader, ""},
		{"GET", "/reports/" + marker, reader, ""}, {"GET", "/" + marker, reader, ""},
		{"GET", "-ander/timeline", reader, ""}, {"GET", "/timeline", marker + ".x.y", ""},
		{"GET", "/timeline", m.tenantToken(strings.ToLower(marker), user, "dossier:read"), ""},
		{"POST", "/timeline", reader, marker}, {"PUT", "/grants/" + user, reader, grant},
		{"PUT", "/grants/" + user, portal, marker},
		{"PUT", "/grants/" + user, portal, `{"role":"` + marker + `"}`},
		{"PUT", "/grants/" + user, portal, `{"` + marker + `":1}`},
		{"PUT", "/grants/" + user, portal, strings.Replace(grant, "reports", marker, 1)},
		{"PUT", "/grants/" + user, portal, strings.Replace(grant, `"accepted"`, `"accepted","from":"`+marker+`"`, 1)},
		{"GET", "/grants?cursor=" + marker, portal, ""}, {"DELETE", "/grants/" + marker + "-niemand", portal, ""},
	} {
		if status := m.request(bad.method, dossier+bad.path, bad.token, bad.body); status < 400 &&
			bad.method != "DELETE" {
			m.t.Errorf("%s %s is answered with %d", bad.method, bad.path, status)
		}
	}
	m.request("PUT", base+"/grants", portal,
		`{"grants":[{"client":"`+marker+`","user":"`+marker+`","role":"`+marker+`"}]}`)
}

// useOpsAPI sends what an operator may and may not send.
func (m *markerSearch) useOpsAPI(base string) {
	m.t.Helper()
	resync := base + "/api/tenants/amaris/resync"
	for _, body := range []string{`{"client":"` + marker + ` !"}`, `{"stream":"` + marker + `"}`,
		`{"from":"` + marker + `"}`, `{"` + marker + `":1}`, marker} {
		m.request("POST", resync, "", body)
	}
	for _, path := range []string{"/api/runs?tenant=" + marker, "/api/runs?" + marker + "=1", "/api/runs/" + marker,
		"/" + marker, "/api/tenants?" + marker} {
		m.request("GET", base+path, "", "")
	}
	m.request("POST", base+"/api/tenants/"+marker+"/resync", "", "{}")
	if status := m.request("POST", resync, "", `{"client":"`+marker+`-client"}`); status/100 != 2 {
		m.t.Errorf("a resync of one client is answered with %d", status)
	}
}

// cancelRuns cancels runs that wait for the source.
func (m *markerSearch) cancelRuns() {
	m.t.Helper()
	runs, err := m.replica.Runs(m.t.Context(), store.RunFilter{Tenant: "amaris", Limit: 100})
	if err != nil {
		m.t.Fatal(err)
	}
	for _, run := range runs {
		if run.State != store.RunDone {
			m.searchCommand("run", "cancel", fmt.Sprint(run.ID))
		}
	}
}

func (m *markerSearch) searchMetrics(base string) {
	m.t.Helper()
	resp, err := http.Get(base + "/metrics")
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	m.wantNoMarker("metrics", string(text))
}

// searchDatabase looks at the rows and jobs of runs and tenants.
func (m *markerSearch) searchDatabase() {
	m.t.Helper()
	for table, q := range map[string]string{
		"runs":      `SELECT coalesce(jsonb_agg(to_jsonb(t) - '{scope,requested_by}'::text[]), '[]')::text FROM runs t`,
		"run_types": `SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text FROM run_types t`,
		"river_job": `SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text FROM river_job t`,
		"tenants":   `SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text FROM tenants t`,
	} {
		var text string
		if err := m.replica.Pool().QueryRow(m.t.Context(), q).Scan(&text); err != nil {
			m.t.Fatal(err)
		}
		if len(text) < 20 {
			m.t.Errorf("%s is empty", table)
		}
		m.wantNoMarker(table, text)
	}
}
