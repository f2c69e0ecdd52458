package acceptance

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
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

// marker is in every name, id and text of the source and of what is asked here, and
// nowhere else.
const marker = "Kwikzilver"

// markedResources are resources all of whose words are marked.
func markedResources() []map[string]any {
	const client = marker + "-client"
	subject := map[string]any{"reference": "Patient/" + client, "display": marker + " subject"}
	performer := []any{map[string]any{"reference": "Practitioner/" + marker + "-staff", "display": marker + " staff"}}
	report := map[string]any{"coding": []any{map[string]any{"system": "http://snomed.info/sct", "code": "11591000146107", "display": marker}}, "text": marker}
	narrative := map[string]any{"status": "generated", "div": `<div xmlns="http://www.w3.org/1999/xhtml">` + marker + `</div>`}
	return []map[string]any{
		{"resourceType": "Patient", "id": client, "active": true, "birthDate": "1940-01-02", "gender": "female", "text": narrative,
			"name":       []any{map[string]any{"text": marker, "family": marker, "given": []any{marker}, "use": "official"}},
			"identifier": []any{map[string]any{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": marker}},
			"telecom":    []any{map[string]any{"system": "email", "value": marker + "@example.org"}},
			"address":    []any{map[string]any{"line": []any{marker + "straat 1"}, "city": marker}}},
		{"resourceType": "RelatedPerson", "id": marker + "-contact", "active": true, "patient": subject,
			"name": []any{map[string]any{"text": marker}}, "telecom": []any{map[string]any{"system": "phone", "value": marker}},
			"relationship": []any{map[string]any{"text": marker}}, "period": map[string]any{"start": "2020-01-01"}},
		{"resourceType": "Practitioner", "id": marker + "-staff", "active": true, "name": []any{map[string]any{"text": marker, "family": marker}}},
		{"resourceType": "Questionnaire", "id": marker + "-questions", "url": "https://ecd.example/" + marker, "version": "1", "status": "active", "title": marker,
			"item": []any{map[string]any{"linkId": marker, "text": marker, "type": "string"}}},
		{"resourceType": "Goal", "id": marker + "-goal", "lifecycleStatus": "active", "subject": subject, "description": map[string]any{"text": marker}},
		{"resourceType": "CarePlan", "id": marker + "-plan", "status": "active", "intent": "plan", "title": marker, "subject": subject, "description": marker,
			"goal": []any{map[string]any{"reference": "Goal/" + marker + "-goal"}}, "period": map[string]any{"start": "2026-01-01"}, "text": narrative,
			"activity": []any{map[string]any{"detail": map[string]any{"status": "in-progress", "description": marker}}}},
		{"resourceType": "Observation", "id": marker + "-report", "status": "final", "code": report, "subject": subject, "performer": performer,
			"effectiveDateTime": "2026-01-02T10:00:00+01:00", "issued": "2026-01-02T10:00:00.000+01:00", "valueString": marker, "note": []any{map[string]any{"text": marker}}},
		{"resourceType": "DocumentReference", "id": marker + "-document", "status": "current", "subject": subject, "description": marker, "date": "2026-01-02T10:00:00Z",
			"author": performer, "content": []any{map[string]any{"attachment": map[string]any{"contentType": "text/plain", "title": marker, "data": "S3dpa3ppbHZlcg=="}}}},
		{"resourceType": "QuestionnaireResponse", "id": marker + "-form", "status": "completed", "subject": subject, "authored": "2026-01-02T10:00:00Z",
			"questionnaire": "https://ecd.example/" + marker + "|1",
			"item":          []any{map[string]any{"linkId": marker, "text": marker, "answer": []any{map[string]any{"valueString": marker}}}}},
	}
}

// spoiledCopies returns copies of v, an object, in each of which one value somewhere is a
// marked text instead, whatever it should be.
func spoiledCopies(v any) (all []any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if k == "resourceType" || k == "id" {
				continue
			}
			for _, changed := range append(spoiledCopies(v[k]), marker+"<&\\\"'\x7f") {
				c := maps.Clone(v)
				c[k] = changed
				all = append(all, c)
			}
		}
	case []any:
		for i := range v {
			for _, changed := range append(spoiledCopies(v[i]), marker) {
				c := slices.Clone(v)
				c[i] = changed
				all = append(all, c)
			}
		}
	}
	return all
}

// badAnswer answers a request in a way that puts marked words into an error's way.
type badAnswer func(w http.ResponseWriter, r *http.Request)

func answerWith(status int, header, value, body string) badAnswer {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		if header != "" {
			w.Header().Set(header, value)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

var badAnswers = map[string]badAnswer{
	"refuses":          answerWith(403, "WWW-Authenticate", marker, `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"forbidden","diagnostics":"`+marker+`"}]}`),
	"does not know":    answerWith(404, "", "", `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found","details":{"text":"`+marker+`"}}]}`),
	"finds it wrong":   answerWith(400, "Warning", marker, marker),
	"fails":            answerWith(500, "", "", `<html><body>`+marker+`</body></html>`),
	"redirects":        answerWith(302, "Location", "https://"+marker+".example/"+marker, ""),
	"throttles":        answerWith(429, "Retry-After", "7200", marker),
	"is no JSON":       answerWith(200, "", "", marker+`{"`+marker),
	"is no Bundle":     answerWith(200, "", "", `{"resourceType":"`+marker+`","id":"`+marker+`"}`),
	"is another type":  answerWith(200, "Content-Type", marker+"/"+marker, `{"resourceType":"Bundle"}`),
	"has bad entries":  answerWith(200, "", "", `{"resourceType":"Bundle","type":"searchset","total":3,"entry":[{"resource":"`+marker+`"},{"resource":{"resourceType":"`+marker+`"}},{"fullUrl":"`+marker+`","resource":{"resourceType":"Observation","id":"`+marker+` `+marker+`"}}]}`),
	"leads elsewhere":  answerWith(200, "", "", `{"resourceType":"Bundle","type":"searchset","link":[{"relation":"next","url":"https://`+marker+`.example/`+marker+`"}],"entry":[]}`),
	"has a wrong link": answerWith(200, "", "", `{"resourceType":"Bundle","type":"searchset","link":[{"relation":"next","url":"://`+marker+`"},{"relation":"self","url":"`+marker+`"}],"entry":[]}`),
	"hangs up": func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			conn.Close()
		}
	},
}

// Whatever goes through it and whatever goes wrong, the words and ids of people stay
// out of logs, metrics, errors, problem documents, and the rows and jobs of runs. What
// is exempt: the scope of a run, where an operator has named a client; what an
// operator asks to see of one item or client; and the portal's own request ids.
func TestPersonalDataStaysOutOfLogsAndErrors(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Options{})
	put := func(resource any) {
		t.Helper()
		raw, err := json.Marshal(resource)
		if err == nil {
			_, err = sim.PutAt(time.Now().Add(-10*time.Minute), raw)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for _, resource := range markedResources() {
		put(resource)
		for _, bad := range spoiledCopies(resource) {
			n++
			bad.(map[string]any)["id"] = fmt.Sprintf("%s-%d", marker, n)
			put(bad)
		}
	}
	t.Logf("%d resources are spoiled", n)
	r := newHarness(t, tenant{id: "amaris", name: "Amaris", sim: sim})
	r.writeFile("quarantine.key", r.mustRun("quarantine", "key"))
	r.changeConfig(`^`, "quarantine: {key_file: quarantine.key}\nerasures_file: "+filepath.Join(r.dir, "erasures.jsonl")+"\n")
	front := newProxy(t, sim, faults.Options{})
	r.changeConfig(`base_url: \S+`, "base_url: "+front.url)
	var bad atomic.Pointer[badAnswer]
	front.wrap(func(good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if m := bad.Load(); m != nil && !strings.HasSuffix(r.URL.Path, "/metadata") {
				(*m)(w, r)
				return
			}
			good.ServeHTTP(w, r)
		})
	})
	h := &markerSearch{harness: r, t: t}

	// The service is well, and logs all that it can.
	p := r.start("serve")
	base := p.addressOf(app.OpsListener)
	r.portalAddress = strings.TrimPrefix(p.addressOf(app.PortalListener), "http://")
	p.signal(syscall.SIGUSR1)
	waitUntil(t, "the first run has ended", func() bool { return strings.Contains(p.output.String(), `"run ends"`) })
	if !strings.Contains(p.output.String(), `"the log's level changes","to":"debug"`) {
		t.Errorf("the level of the log was not changed:\n%s", &p.output)
	}
	h.usePortal()
	h.useOpsAPI(base)
	h.searchCommand("status")
	h.searchCommand("runs")
	h.searchCommand("migrate", "status")

	// Everything that goes wrong goes wrong with one client's dossier, and with all.
	for what, m := range badAnswers {
		bad.Store(&m)
		before := front.requests.Load()
		h.searchCommand("sync", "--client", marker+"-client", "--stream", "reports")
		if front.requests.Load() == before {
			t.Errorf("a source that %s was not asked", what)
		}
	}
	m := badAnswers["hangs up"]
	bad.Store(&m)
	h.useOpsAPI(base)
	waitUntil(t, "the service has met the fault", func() bool { return strings.Contains(p.output.String(), "the source cannot be read now") })
	h.searchDatabase()
	h.searchMetrics(base)
	bad.Store(nil)
	h.cancelRuns()
	h.searchCommand("sync", "--full")
	h.searchCommand("reconcile", "--tenant", "amaris")
	h.usePortal()
	r.runCommand("--by", "anna", "erase", "--tenant", "amaris", "--client", marker+"-client")
	h.searchDatabase()
	h.searchMetrics(base)
	erasures, err := os.ReadFile(filepath.Join(r.dir, "erasures.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	h.wantNoMarker("the erasures file", string(erasures))
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != exitDone {
		t.Errorf("the service ends with %d", code)
	}
	h.wantNoMarker("the log", p.output.String())
	for _, word := range []string{`"level":"debug"`, `"run begins"`, `"slice ends"`, `"run ends"`, `"msg":"request","route":"/v1/dossiers/{client}/timeline"`} {
		if !strings.Contains(p.output.String(), word) {
			t.Errorf("the log has no %s", word)
		}
	}
}

// markerSearch looks for the mark.
type markerSearch struct {
	*harness
	t *testing.T
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

// searchCommand runs a command that tells nothing of single items.
func (m *markerSearch) searchCommand(args ...string) {
	m.t.Helper()
	_, out, errs := m.runCommand(args...)
	m.wantNoMarker("dossiersync "+args[0], out+errs)
}

// request sends a request, and looks through the answer where it is a problem.
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
		// It names the parameter that is wrong as its caller does.
		said := strings.ReplaceAll(string(text), `"parameter":"`+marker+`"`, "")
		m.wantNoMarker(fmt.Sprintf("the problem document of %s (%d)", method, resp.StatusCode), said)
	}
	return resp.StatusCode
}

// usePortal has a portal's server do what it may and what it may not.
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
	for _, path := range []string{"", "/timeline", "/timeline/density?by=day", "/reports", "/forms", "/care-plans", "/contacts", "/access-log"} {
		if status := m.request("GET", dossier+path, reader, ""); status != http.StatusOK {
			m.t.Errorf("%s is answered with %d", path, status)
		}
	}
	for _, bad := range []struct{ method, path, token, body string }{
		{"GET", "/timeline?from=" + marker, reader, ""}, {"GET", "/timeline?" + marker + "=1", reader, ""}, {"GET", "/timeline?cursor=" + marker, reader, ""},
		{"GET", "/timeline?kind=" + marker + "&category=" + marker, reader, ""}, {"GET", "/reports/" + marker, reader, ""}, {"GET", "/" + marker, reader, ""},
		{"GET", "-ander/timeline", reader, ""}, {"GET", "/timeline", marker + ".x.y", ""}, {"GET", "/timeline", m.tenantToken(strings.ToLower(marker), user, "dossier:read"), ""},
		{"POST", "/timeline", reader, marker}, {"PUT", "/grants/" + user, reader, grant}, {"PUT", "/grants/" + user, portal, marker},
		{"PUT", "/grants/" + user, portal, `{"role":"` + marker + `"}`}, {"PUT", "/grants/" + user, portal, `{"` + marker + `":1}`},
		{"PUT", "/grants/" + user, portal, strings.Replace(grant, "reports", marker, 1)}, {"PUT", "/grants/" + user, portal, strings.Replace(grant, `"accepted"`, `"accepted","from":"`+marker+`"`, 1)},
		{"GET", "/grants?cursor=" + marker, portal, ""}, {"DELETE", "/grants/" + marker + "-niemand", portal, ""},
	} {
		if status := m.request(bad.method, dossier+bad.path, bad.token, bad.body); status < 400 && bad.method != "DELETE" {
			m.t.Errorf("%s %s is answered with %d", bad.method, bad.path, status)
		}
	}
	m.request("PUT", base+"/grants", portal, `{"grants":[{"client":"`+marker+`","user":"`+marker+`","role":"`+marker+`"}]}`)
}

// useOpsAPI has an operator do what they may and what they may not.
func (m *markerSearch) useOpsAPI(base string) {
	m.t.Helper()
	resync := base + "/api/tenants/amaris/resync"
	for _, body := range []string{`{"client":"` + marker + ` !"}`, `{"stream":"` + marker + `"}`, `{"from":"` + marker + `"}`, `{"` + marker + `":1}`, marker} {
		m.request("POST", resync, "", body)
	}
	for _, path := range []string{"/api/runs?tenant=" + marker, "/api/runs?" + marker + "=1", "/api/runs/" + marker, "/" + marker, "/api/tenants?" + marker} {
		m.request("GET", base+path, "", "")
	}
	m.request("POST", base+"/api/tenants/"+marker+"/resync", "", "{}")
	if status := m.request("POST", resync, "", `{"client":"`+marker+`-client"}`); status/100 != 2 {
		m.t.Errorf("a resync of one client is answered with %d", status)
	}
}

// cancelRuns ends what would wait for the source for a while.
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

// searchDatabase looks through what the database keeps of runs, jobs and tenants.
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
