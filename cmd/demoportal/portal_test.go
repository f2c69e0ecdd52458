package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"dossiersync/portalapi/client"
)

// harness is the portal with an API that answers what a test put there.
type harness struct {
	t       *testing.T
	portal  *httptest.Server
	browser *http.Client
	log     bytes.Buffer

	mu      sync.Mutex
	answers map[string]string // by method and path; others are 404
	asked   []string
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	h := &harness{t: t, answers: make(map[string]string)}
	api := httptest.NewServer(http.HandlerFunc(h.answer))
	t.Cleanup(api.Close)
	people := &people{
		organisations: []organisation{{Tenant: "amaris", Name: "Amaris", Colour: "zee", Clients: []string{"7"}}},
		accounts:      []account{{Tenant: "amaris", User: "zoon", Name: "Peter de Wit"}},
	}
	p := newPortal(api.URL, newTestIssuer(t), people, slog.New(slog.NewJSONHandler(&h.log, nil)))
	h.portal = httptest.NewServer(p.handler())
	t.Cleanup(h.portal.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	h.browser = &http.Client{Jar: jar}
	h.put("GET /v1/dossiers", list(`{"client": "7", "name": "J. Smit", "role": "representative", "manager": true,
		"parts": ["reports", "forms", "care-plans"]}`))
	h.put("GET /v1/dossiers/7", one(`{"client": "7", "name": "J. Smit", "role": "representative", "manager": true,
		"organisation": "Amaris", "timezone": "Europe/Amsterdam", "timeline": ["report", "form"], "parts": [],
		"labels": {"reports": "Rapportages", "forms": "Vragenlijsten", "care-plans": "Zorgplan"}}`))
	return h
}

func newTestIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	i, err := newIssuer(file, "https://login.example", "dossiersync")
	if err != nil {
		t.Fatal(err)
	}
	return i
}

const freshNow = `{"asOf": "2026-03-02T11:00:04+01:00", "nextSync": null, "state": "fresh", "incomplete": false, "reason": null, "reasonSentence": null, "sentence": "Bijgewerkt om 11:00."}`

func list(items string) string {
	return `{"items": [` + items + `], "page": {"next": null, "previous": null, "changed": false}, "freshness": ` + freshNow + `}`
}

func one(item string) string { return `{"item": ` + item + `, "freshness": ` + freshNow + `}` }

func (h *harness) put(route, answer string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers[route] = answer
}

func (h *harness) answer(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, r.Method+" "+r.URL.Path)
	answer, found := h.answers[r.Method+" "+r.URL.Path]
	w.Header().Set("Content-Type", "application/json")
	if !found {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		answer = `{"type": "urn:dossiersync:problem:not-found", "title": "Niet gevonden", "status": 404}`
	}
	if answer == "" {
		w.WriteHeader(http.StatusNoContent)
	}
	_, _ = io.WriteString(w, answer)
}

// get returns the status and the text of a page.
func (h *harness) get(path string) (int, string) {
	h.t.Helper()
	resp, err := h.browser.Get(h.portal.URL + path)
	return h.read(resp, err)
}

func (h *harness) post(path string, form url.Values) (int, string) {
	h.t.Helper()
	resp, err := h.browser.PostForm(h.portal.URL+path, form)
	return h.read(resp, err)
}

func (h *harness) read(resp *http.Response, err error) (int, string) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// signIn signs in, and returns the token of forms.
func (h *harness) signIn() string {
	h.t.Helper()
	_, page := h.get("/inloggen")
	h.post("/inloggen", url.Values{"csrf": {tokenIn(h.t, page)}, "organisatie": {"amaris"}, "persoon": {"zoon"}})
	_, page = h.get("/d/7/afdrukken")
	return tokenIn(h.t, page)
}

func tokenIn(t *testing.T, page string) string {
	t.Helper()
	m := regexp.MustCompile(`name="csrf" value="(\w+)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no token in %s", page)
	}
	return m[1]
}

func TestPagesNeedASession(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, path := range []string{"/", "/d/7", "/d/7/tijdlijn", "/d/7/toegang", "/nergens"} {
		if _, page := h.get(path); !strings.Contains(page, "Welkom bij Mijn dossier") {
			t.Errorf("%s shows more than the page to sign in", path)
		}
	}
	if len(h.asked) > 0 {
		t.Errorf("the API was asked %v", h.asked)
	}
}

func TestFormsNeedTheirToken(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	if status, _ := h.post("/inloggen", url.Values{"organisatie": {"amaris"}, "persoon": {"zoon"}}); status != http.StatusForbidden {
		t.Errorf("signing in without a token answers %d", status)
	}
	token := h.signIn()
	h.asked = nil
	for _, csrf := range []string{"", "wrong", token + "x"} {
		status, _ := h.post("/d/7/toegang", url.Values{"csrf": {csrf}, "doe": {"intrekken"}, "persoon": {"dochter"}})
		if status != http.StatusForbidden {
			t.Errorf("a form with the token %q answers %d", csrf, status)
		}
	}
	if len(h.asked) > 0 {
		t.Errorf("the API was asked %v", h.asked)
	}
	req, err := http.NewRequest(http.MethodPost, h.portal.URL+"/uitloggen", strings.NewReader("csrf="+token))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	if resp, err := h.browser.Do(req); err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site: %v %v", resp.StatusCode, err)
	}
}

// The API lets the portal give rights for anybody, so the portal has to know who may.
func TestOnlyManagersChangeRights(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	token := h.signIn()
	h.put("GET /v1/dossiers", list(`{"client": "7", "name": "J. Smit", "role": "contact", "manager": false, "parts": ["reports"]}`))
	h.asked = nil
	status, _ := h.post("/d/7/toegang", url.Values{"csrf": {token}, "doe": {"veranderen"}, "persoon": {"zoon"}, "deel": {"care-plans"}})
	if status != http.StatusForbidden {
		t.Errorf("answers %d", status)
	}
	for _, path := range []string{"/d/7/toegang", "/d/7/gekeken"} {
		if status, _ := h.get(path); status != http.StatusForbidden {
			t.Errorf("%s answers %d", path, status)
		}
	}
	for _, call := range h.asked {
		if call != "GET /v1/dossiers" {
			t.Errorf("the API was asked %s", call)
		}
	}
}

// Nobody changes their own rights or those of the client, or makes up a person.
func TestRightsOfSomeAreFixed(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	token := h.signIn()
	grant := `{"user": %q, "role": %q, "manager": false, "parts": ["reports"], "state": %q, "from": null, "until": null, "contact": null, "name": null}`
	h.put("GET /v1/dossiers/7/grants", list(fmt.Sprintf(grant, "zoon", "representative", "accepted")+","+
		fmt.Sprintf(grant, "client", "client", "accepted")+","+fmt.Sprintf(grant, "oud", "contact", "revoked")))
	for _, person := range []string{"zoon", "client", "oud", "verzonnen"} {
		h.asked = nil
		status, _ := h.post("/d/7/toegang", url.Values{"csrf": {token}, "doe": {"veranderen"}, "persoon": {person}, "deel": {"forms"}})
		if status != http.StatusForbidden || strings.Contains(fmt.Sprint(h.asked), "PUT") {
			t.Errorf("%s: answers %d, asked %v", person, status, h.asked)
		}
	}
}

func TestTakenRightsCountAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.signIn()
	if status, _ := h.get("/d/7/afdrukken"); status != http.StatusOK {
		t.Fatalf("answers %d", status)
	}
	h.put("GET /v1/dossiers", list(""))
	for _, path := range []string{"/d/7/afdrukken", "/d/7", "/d/7/rapportage/x", "/d/7/vers", "/d/8"} {
		status, page := h.get(path)
		if status != http.StatusNotFound || strings.Contains(page, "Smit") {
			t.Errorf("%s answers %d: %s", path, status, page)
		}
	}
}

func TestTextOfTheSourceIsNoMarkup(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.signIn()
	h.put("GET /v1/dossiers/7/reports/r1", one(`{"id": "r1", "kind": "report", "at": "2026-03-02T09:12:00+01:00", "precision": "second",
		"title": "<b>Titel</b>", "excerpt": "", "author": {"name": "<i>S.</i> Bakker", "role": null}, "category": "general", "correctedAt": null,
		"recordedAt": null, "text": "een\n<script>alert(1)</script>", "attachments": [], "plan": null, "goal": null}`))
	status, page := h.get("/d/7/rapportage/r1")
	if status != http.StatusOK || !strings.Contains(page, "een\n&lt;script&gt;") {
		t.Errorf("answers %d: %s", status, page)
	}
	for _, markup := range []string{"<script>", "<b>", "<i>"} {
		if strings.Contains(page, markup) {
			t.Errorf("the page has %s", markup)
		}
	}
}

// What goes wrong is logged by its route: without ids, names or texts.
func TestLogHasNoPersonalData(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.signIn()
	h.put("GET /v1/dossiers/7/reports/secret-id", `{"item": 5}`)
	if status, _ := h.get("/d/7/rapportage/secret-id?van=2026-01-01"); status < 500 {
		t.Errorf("answers %d", status)
	}
	log := h.log.String()
	if !strings.Contains(log, "GET /d/{client}/rapportage/{id}") {
		t.Errorf("the log lacks the route: %s", log)
	}
	for _, word := range []string{"secret-id", "Smit", "Peter", "2026-01-01"} {
		if strings.Contains(log, word) {
			t.Errorf("the log has %s: %s", word, log)
		}
	}
}

func TestPlanHasEvaluationsAtTheirGoal(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	same := client.Note{At: &at, Text: "Gaat goed."}
	own := client.Note{At: &at, Text: "Met de rollator."}
	var plan client.Plan
	err := json.Unmarshal([]byte(`{"domains": [{"name": "Participatie", "goals": [{"id": "g1"}, {"id": "g2"}],
		"actions": [{"description": "Loopt mee", "goals": ["g1"]}, {"description": "Belt", "goals": []}]}],
		"evaluations": [{"text": "Over het doel", "goals": ["g1"]}, {"text": "Over het geheel"}]}`), &plan)
	if err != nil {
		t.Fatal(err)
	}
	plan.Domains[0].Goals[0].Evaluations = &[]client.Note{same}
	plan.Domains[0].Actions[0].Evaluations = &[]client.Note{same, own}
	body := newPlanBody(plan)
	d := body.Parts[0]
	if got := d.Goals[0].Actions[0].Evaluations; len(got) != 1 || got[0].Text != own.Text {
		t.Errorf("the action has %v, want what its goal does not have", got)
	}
	if len(d.Goals[1].Actions) != 0 || len(d.Loose) != 1 || d.Loose[0].Description != "Belt" {
		t.Errorf("the other actions are %v and %v", d.Goals[1].Actions, d.Loose)
	}
	if len(body.Loose) != 1 || body.Loose[0].Text != "Over het geheel" {
		t.Errorf("the evaluations of the whole are %v", body.Loose)
	}
}

// An empty part has the API's reason and what the reader can do.
func TestEmptyPartSaysWhy(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.signIn()
	h.put("GET /v1/dossiers/7/care-plans", strings.Replace(list(""), `"reason": null, "reasonSentence": null`,
		`"reason": "no-right", "reasonSentence": "U hebt geen toegang tot dit deel."`, 1))
	_, page := h.get("/d/7/plannen")
	for _, want := range []string{"U hebt geen toegang tot dit deel.", "Vraag het aan de beheerder", "Bijgewerkt om 11:00."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// The API is told of a print before the sheet is shown; without that, nothing is printed.
func TestPrintIsToldToTheAPI(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	token := h.signIn()
	h.put("GET /v1/dossiers/7/care-plans", list(``))
	form := url.Values{"csrf": {token}, "wat": {"plannen"}}
	if status, page := h.post("/d/7/afdrukken", form); status != http.StatusNotFound {
		t.Errorf("a print that cannot be told answers %d %s", status, page)
	}
	h.put("POST /v1/dossiers/7/events", ``)
	if status, _ := h.post("/d/7/afdrukken", form); status != http.StatusOK {
		t.Errorf("a print answers %d", status)
	}
}
