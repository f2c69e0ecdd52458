package ops_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"dossiersync/portalapi/ops"
	"dossiersync/portalapi/ops/operate"
	"dossiersync/portalapi/portaltest"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

func TestContractNamesEveryRoute(t *testing.T) {
	t.Parallel()
	c, err := portaltest.Parse(ops.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"GET /api/held-removals", "GET /api/quarantine", "GET /api/quarantine/{id}", "GET /api/runs", "GET /api/runs/{id}", "GET /api/tenants",
		"GET /api/tenants/{tenant}/held", "GET /api/tenants/{tenant}/held/{set}", "GET /api/tenants/{tenant}/withheld",
		"GET /healthz", "GET /openapi.yaml", "GET /readyz",
		"POST /api/quarantine/{id}/discard", "POST /api/quarantine/{id}/retry", "POST /api/runs/{id}/cancel",
		"POST /api/tenants/{tenant}/attention/{code}", "POST /api/tenants/{tenant}/held",
		"POST /api/tenants/{tenant}/reconcile", "POST /api/tenants/{tenant}/release", "POST /api/tenants/{tenant}/resync", "POST /api/tenants/{tenant}/retry", "POST /api/tenants/{tenant}/why",
		"POST /api/tenants/{tenant}/withhold",
	}
	if diff := cmp.Diff(want, c.Paths()); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	portaltest.CheckExamples(t, c, 10)
}

// Every request to the API is answered according to its contract.
func TestEveryAnswerConformsToContract(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	item := "/api/quarantine/" + s.bad
	run := "/api/runs/" + fmt.Sprint(s.running.ID)
	for _, tt := range []struct {
		user, method, url, body string
		want                    int
	}{
		{"", "GET", "/healthz", "", 200}, {"", "GET", "/readyz", "", 200}, {"", "GET", "/openapi.yaml", "", 200},
		{"ann", "GET", "/api/tenants", "", 200}, {"bob", "HEAD", "/api/tenants", "", 200}, {"", "GET", "/api/tenants", "", 401}, {"eve", "GET", "/api/tenants", "", 403},
		{"ann", "GET", "/api/tenants?x=1", "", 400}, {"ann", "DELETE", "/api/tenants", "", 405},
		{"ann", "GET", "/api/runs", "", 200}, {"ann", "GET", "/api/runs?tenant=szr&state=running&limit=1", "", 200}, {"bob", "GET", "/api/runs?tenant=amaris", "", 404},
		{"ann", "GET", run, "", 200}, {"amy", "GET", run, "", 404}, {"ann", "GET", "/api/runs/" + fmt.Sprint(s.done.ID), "", 200},
		{"ann", "GET", "/api/quarantine", "", 200}, {"bob", "GET", "/api/quarantine?tenant=amaris", "", 404}, {"ann", "GET", "/api/quarantine?limit=201", "", 400},
		{"ann", "GET", "/api/quarantine?after=x", "", 400}, {"eve", "GET", "/api/quarantine", "", 403},
		{"bob", "GET", item, "", 200}, {"amy", "GET", item, "", 404}, {"bob", "GET", "/api/quarantine/nothing", "", 404}, {"bob", "GET", "/api/quarantine/" + url.PathEscape(s.stray), "", 200},
		{"bob", "POST", item + "/retry", "{}", 403}, {"amy", "POST", item + "/retry", "{}", 404}, {"ann", "POST", item + "/retry", `{"x":1}`, 400},
		{"ann", "POST", item + "/retry", "{}", 202}, {"ann", "POST", item + "/retry", "{}", 200}, {"ann", "POST", "/api/quarantine/nothing/retry", "{}", 404},
		{"ann", "POST", item + "/discard", `{"reason":"test record"}`, 403}, {"chef", "POST", item + "/discard", `{}`, 400}, {"chef", "POST", item + "/discard", `{"reason":" "}`, 400},
		{"amy", "POST", item + "/discard", `{"reason":"test record"}`, 404}, {"chef", "POST", item + "/discard", `{"reason":"test record"}`, 204},
		{"chef", "POST", item + "/discard", `{"reason":"test record"}`, 404},
		{"ann", "GET", "/api/held-removals", "", 200}, {"bob", "GET", "/api/held-removals?tenant=szr", "", 200}, {"bob", "GET", "/api/held-removals?tenant=amaris", "", 404},
		{"ann", "POST", "/api/tenants/szr/reconcile", "{}", 202}, {"ann", "POST", "/api/tenants/szr/reconcile", "{}", 200}, {"bob", "POST", "/api/tenants/szr/reconcile", "{}", 403},
		{"ann", "POST", "/api/tenants/szr/reconcile", `{"approve":true}`, 403}, {"chef", "POST", "/api/tenants/szr/reconcile", `{"approve":true,"stream":"reports"}`, 202},
		{"chef", "POST", "/api/tenants/szr/reconcile", `{"stream":"dreams"}`, 400}, {"amy", "POST", "/api/tenants/szr/reconcile", `{"approve":true}`, 404},
		{"bob", "GET", "/api/tenants/szr/held", "", 200}, {"bob", "GET", "/api/tenants/amaris/held", "", 404}, {"bob", "GET", "/api/tenants/szr/held?x=1", "", 400},
		{"bob", "GET", "/api/tenants/szr/held/1?limit=2", "", 200}, {"bob", "GET", "/api/tenants/szr/held/99", "", 404}, {"bob", "GET", "/api/tenants/szr/held/x", "", 404},
		{"ann", "POST", "/api/tenants/szr/held", `{"decision":"keep","set":1,"shown":412,"note":"x"}`, 403},
		{"chef", "POST", "/api/tenants/szr/held", `{"decision":"keep","set":1,"shown":411,"note":"x"}`, 409},
		{"chef", "POST", "/api/tenants/szr/held", `{"decision":"keep","set":1,"shown":412,"note":"x","days":367}`, 400},
		{"chef", "POST", "/api/tenants/szr/held", `{"decision":"drop","set":1,"shown":412,"note":"x"}`, 400},
		{"chef", "POST", "/api/tenants/szr/held", `{"decision":"approve","set":1,"shown":412,"note":" "}`, 400},
		{"chef", "POST", "/api/tenants/szr/held", `{"decision":"approve","set":1,"note":"x"}`, 400},
		{"chef", "POST", "/api/tenants/szr/held", `{"decision":"approve","set":1,"type":"Observation","shown":1,"note":"x"}`, 400},
		{"chef", "POST", "/api/tenants/szr/held", `{"decision":"approve","set":99,"shown":1,"note":"x"}`, 404},
		{"chef", "POST", "/api/tenants/szr/held", `{"decision":"approve","client":"1042","shown":1,"note":"x"}`, 404},
		{"chef", "POST", "/api/tenants/szr/held", `{"decision":"keep","set":1,"shown":412,"note":"x"}`, 200},
		{"chef", "POST", "/api/tenants/szr/held", `{"decision":"reopen","type":"Observation","shown":412,"note":"x"}`, 200},
		{"ann", "POST", "/api/tenants/szr/withhold", `{"client":"1042","note":"x"}`, 403}, {"amy", "POST", "/api/tenants/szr/withhold", `{"client":"1042","note":"x"}`, 404},
		{"chef", "POST", "/api/tenants/szr/withhold", `{"client":"1042","note":"x"}`, 200}, {"chef", "POST", "/api/tenants/szr/withhold", `{"client":"1042","note":"x"}`, 200},
		{"chef", "POST", "/api/tenants/szr/withhold", `{"item":"Observation/o1","note":"x"}`, 200}, {"chef", "POST", "/api/tenants/szr/withhold", `{"item":"k1","note":"x"}`, 200},
		{"chef", "POST", "/api/tenants/szr/withhold", `{"client":"1042","item":"k1","note":"x"}`, 400}, {"chef", "POST", "/api/tenants/szr/withhold", `{"note":"x"}`, 400},
		{"chef", "POST", "/api/tenants/szr/withhold", `{"item":"Patient/1042","note":"x"}`, 400}, {"chef", "POST", "/api/tenants/szr/withhold", `{"client":"a b","note":"x"}`, 400},
		{"chef", "POST", "/api/tenants/szr/withhold", `{"client":"1042"}`, 400},
		{"bob", "GET", "/api/tenants/szr/withheld", "", 200}, {"bob", "GET", "/api/tenants/amaris/withheld", "", 404},
		{"bob", "POST", "/api/tenants/szr/why", `{"client":"1042","user":"dochter"}`, 200},
		{"chef", "POST", "/api/tenants/szr/release", `{"client":"1042","note":"x"}`, 200}, {"chef", "POST", "/api/tenants/szr/release", `{"client":"1042","note":"x"}`, 404},
		{"chef", "POST", "/api/tenants/szr/release", `{"item":"k1","note":"x"}`, 200}, {"bob", "GET", "/api/tenants/szr/withheld?all=yes", "", 200}, {"bob", "GET", "/api/tenants/szr/withheld?all=x", "", 400},
		{"ann", "POST", "/api/tenants/szr/retry", "{}", 202}, {"ann", "POST", "/api/tenants/szr/retry", "{}", 200}, {"bob", "POST", "/api/tenants/szr/retry", "{}", 403},
		{"amy", "POST", "/api/tenants/szr/retry", "{}", 404}, {"ann", "POST", "/api/tenants/szr/retry", `{"keys":[]}`, 400},
		{"ann", "POST", "/api/tenants/szr/resync", `{"client":"1042","from":"2026-03-01"}`, 202},
		{"bob", "POST", "/api/tenants/szr/why", `{"client":"1042"}`, 200}, {"bob", "POST", "/api/tenants/szr/why", `{"client":"1042","user":"dochter"}`, 200},
		{"bob", "POST", "/api/tenants/szr/why", `{"client":"1043","user":"vreemde"}`, 200}, {"bob", "POST", "/api/tenants/szr/why", `{"client":"4711"}`, 200},
		{"bob", "POST", "/api/tenants/szr/why", `{}`, 400}, {"bob", "POST", "/api/tenants/szr/why", `{"client":"1","user":"\u0000"}`, 400}, {"bob", "POST", "/api/tenants/amaris/why", `{"client":"1"}`, 404},
		{"bob", "GET", "/api/tenants/szr/why?client=1042", "", 405},
		{"ann", "POST", run + "/cancel", "{}", 202}, {"bob", "POST", run + "/cancel", "{}", 403},
		{"ann", "GET", "/api/nowhere", "", 404},
	} {
		headers := []string{"Accept", "application/json"}
		if tt.user != "" {
			headers = append(headers, as(tt.user)...)
		}
		w := s.do(tt.method, tt.url, tt.body, headers...)
		if w.Code != tt.want {
			t.Errorf("%s: %s %s %s is answered with %d, want %d: %s", tt.user, tt.method, tt.url, tt.body, w.Code, tt.want, w.Body)
		}
		if strings.Contains(w.Body.String(), marked) {
			t.Errorf("%s %s tells what is written in a dossier: %s", tt.method, tt.url, w.Body)
		}
	}
}

func TestQuarantineIsPagedWithoutItsClients(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	type page struct {
		Items []struct{ Tenant, Key, Stream, ID, Meaning string }
		Next  *string
	}
	read := func(user, url string) (keys []string) {
		t.Helper()
		for next := &url; next != nil; {
			w := s.do("GET", *next, "", as(user)...)
			var p page
			s.decode(w, &p)
			for _, it := range p.Items {
				keys = append(keys, it.Key)
				if it.Meaning == "" || it.Stream == "clients" && it.ID != "" {
					t.Errorf("an item is %+v", it)
				}
			}
			if strings.Contains(w.Body.String(), "1042") || strings.Contains(w.Body.String(), "9999") {
				t.Errorf("a list names a client: %s", w.Body)
			}
			next = p.Next
		}
		slices.Sort(keys)
		return keys
	}
	szr := []string{s.bad, "5xE4w6UEAgpxV2HZxJrlAC", s.stray}
	all := append([]string{"6xE4w6UEAgpxV2HZxJrlAD"}, szr...)
	slices.Sort(szr)
	slices.Sort(all)
	for _, tt := range []struct {
		user, url string
		want      []string
	}{
		{"ann", "/api/quarantine?limit=1", all}, {"ann", "/api/quarantine", all}, {"ann", "/api/quarantine?limit=2&tenant=szr", szr},
		{"bob", "/api/quarantine?limit=1", szr}, {"amy", "/api/quarantine?limit=1", []string{"6xE4w6UEAgpxV2HZxJrlAD"}},
	} {
		if diff := cmp.Diff(tt.want, read(tt.user, tt.url)); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", tt.user, tt.url, diff)
		}
	}
	// Lists show no client of an item, so no dossier was viewed.
	if got := s.looks(); len(got) > 0 {
		t.Errorf("in the access log are %v", got)
	}
}

// looks returns what operators have viewed, from the access log.
func (s *filledHarness) looks() []string {
	s.t.Helper()
	rows, err := s.Pool().Query(s.t.Context(), `
		SELECT concat_ws(' ', action, event, user_id, client, object) FROM access_log WHERE event IN ('quarantine', 'why') ORDER BY time`)
	if err != nil {
		s.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// An item with its client, and the explanation of a dossier, are shown one at a time. API and
// console both write the operator's name to the access log (NEN 7513).
func TestViewsAreLoggedOrRefused(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	item, bob := "/quarantine/"+s.bad, s.as("bob")
	look := func() []*httptest.ResponseRecorder {
		return []*httptest.ResponseRecorder{
			s.do("GET", "/api"+item, "", as("bob")...), bob.get(item),
			s.do("POST", "/api/tenants/szr/why", `{"client":"1042","user":"dochter"}`, as("bob")...),
			bob.post("/tenants/szr/why", url.Values{"client": {"1042"}}),
		}
	}
	for i, w := range look() {
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "1042") {
			t.Errorf("look %d is answered with %d", i, w.Code)
		}
	}
	// A refused view is not logged as one, and an action shows nothing.
	s.do("GET", "/api"+item, "", as("amy")...)
	s.do("POST", "/api/tenants/szr/why", `{"client":"1042"}`, as("amy")...)
	s.do("POST", "/api"+item+"/retry", "{}", as("ann")...)
	opened := "read quarantine bob 1042 " + s.bad
	want := []string{opened, opened, "read why bob 1042 dochter", "read why bob 1042"}
	if diff := cmp.Diff(want, s.looks()); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
	if _, err := s.Pool().Exec(t.Context(), `ALTER TABLE access_log ADD CHECK (source <> 'operator') NOT VALID`); err != nil {
		t.Fatal(err)
	}
	for i, w := range look() {
		if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "1042") {
			t.Errorf("without a log look %d is answered with %d", i, w.Code)
		}
	}
}

func TestActionsByAPIAreRecorded(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	var run store.Run
	s.decode(s.do("POST", "/api/tenants/szr/reconcile", `{"stream":"reports","approve":true}`, as("chef")...), &run)
	want := store.Scope{Only: store.StepReconcile, Stream: dossier.StreamReports, Approve: true}
	if diff := cmp.Diff(want, run.Scope); diff != "" || *run.RequestedBy != "chef" {
		t.Errorf("the run is %+v (-want +got):\n%s", run, diff)
	}
	if w := s.do("POST", "/api/quarantine/"+s.bad+"/discard", `{"reason":"test record"}`, as("chef")...); w.Code != http.StatusNoContent || w.Body.Len() > 0 {
		t.Errorf("a discard is answered with %d, %s", w.Code, w.Body)
	}
	list, err := s.Decisions(t.Context(), "szr", store.DecisionDiscard, 10)
	if err != nil || len(list) != 1 || list[0].By != "chef" {
		t.Errorf("recorded is %+v, %v", list, err)
	}
}

// codes returns the codes of the causes in their order.
func codes(list []operate.Cause) string {
	var words []string
	for _, c := range list {
		words = append(words, string(c.Code))
	}
	return strings.Join(words, " ")
}

func TestCausesAreAcknowledged(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	cause := func(code operate.Code) operate.Cause {
		t.Helper()
		var list struct {
			Items []struct{ Attention []operate.Cause }
		}
		s.decode(s.do("GET", "/api/tenants", "", as("bob")...), &list)
		for _, c := range list.Items[0].Attention {
			if c.Code == code {
				return c
			}
		}
		t.Fatalf("szr has no cause %s", code)
		return operate.Cause{}
	}
	const url1 = "/api/tenants/szr/attention/removals-held"
	for _, tt := range []struct {
		user, url, body string
		want            int
	}{
		{"ann", url1, `{"note":"known"}`, 403}, {"amy", url1, `{"note":"known"}`, 404}, {"chef", url1, `{"note":" "}`, 400},
		{"chef", url1, `{"note":"known","until":"2020-01-01T00:00:00Z"}`, 400}, {"chef", url1, `{"note":"known","until":"2999-01-01T00:00:00Z"}`, 400},
		{"chef", url1, `{"note":"known","fingerprint":"0123"}`, 409}, {"chef", "/api/tenants/szr/attention/refused", `{"note":"known"}`, 404},
		{"chef", "/api/tenants/szr/attention/nothing", `{"note":"known"}`, 404},
		{"chef", url1, `{"note":"asked SZR","fingerprint":"` + cause(operate.RemovalsHeld).Fingerprint + `"}`, 200},
	} {
		if w := s.do("POST", tt.url, tt.body, as(tt.user)...); w.Code != tt.want {
			t.Errorf("%s: %s %s is answered with %d, want %d: %s", tt.user, tt.url, tt.body, w.Code, tt.want, w.Body)
		}
	}
	if a := cause(operate.RemovalsHeld).Acknowledged; a == nil || a.By != "chef" || a.Note != "asked SZR" || time.Until(a.Until) < 6*24*time.Hour {
		t.Errorf("acknowledged is %+v", a)
	}

	// The console does the same, and offers it to those who may decide.
	chef := s.as("chef")
	overdue := cause(operate.ReconcileOverdue)
	action := `action="/tenants/szr/attention/reconcile-overdue"`
	if page := chef.get("/tenants/szr").Body.String(); !strings.Contains(page, action) || !strings.Contains(page, "Known: asked SZR") {
		t.Errorf("the page of szr is\n%s", page)
	}
	if strings.Contains(s.as("ann").get("/tenants/szr").Body.String(), action) {
		t.Error("ann may acknowledge")
	}
	for _, tt := range []struct{ fingerprint, note, until, told string }{
		{"old", "known", "", "changed"}, {overdue.Fingerprint, "", "", "unclear"}, {overdue.Fingerprint, "known", "soon", "unclear"},
		{overdue.Fingerprint, "known", "2020-01-01", "unclear"},
		{overdue.Fingerprint, "known", time.Now().AddDate(0, 0, 3).Format(time.DateOnly), "acknowledged"},
	} {
		w := chef.post("/tenants/szr/attention/reconcile-overdue",
			url.Values{"fingerprint": {tt.fingerprint}, "note": {tt.note}, "until": {tt.until}})
		if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != "/tenants/szr?told="+tt.told {
			t.Errorf("%+v leads to %d %s", tt, w.Code, to)
		}
	}
	checkPage(t, "a tenant with causes", chef.get("/tenants/szr?told=acknowledged"))
	if a := cause(operate.ReconcileOverdue).Acknowledged; a == nil || a.Note != "known" {
		t.Errorf("acknowledged is %+v", a)
	}
	list, err := s.Decisions(t.Context(), "szr", store.DecisionAcknowledge, 10)
	if err != nil || len(list) != 2 || list[1].By != "chef" || list[1].Reason != "asked SZR" {
		t.Errorf("recorded is %+v, %v", list, err)
	}
}

func TestTenantsShowWhatNeedsAttention(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	if _, err := s.Pool().Exec(t.Context(), `UPDATE tenants SET awaiting_grants = now() WHERE id = 'szr'`); err != nil {
		t.Fatal(err)
	}
	var list struct {
		Items []struct {
			State                                                operate.State
			Attention                                            []operate.Cause
			LastMessage, Trouble, TroubleUntil, UnreachableSince *string
			EpochSince, AwaitingGrantsSince                      *string
			LastOutcome                                          *store.Outcome
			Quarantined                                          int64
			HeldRemovals                                         []store.HeldRemovals
			Running                                              *store.Run
		}
	}
	s.decode(s.do("GET", "/api/tenants", "", as("bob")...), &list)
	got := list.Items[0]
	if len(list.Items) != 1 || got.State != operate.Stale || codes(got.Attention) != "awaiting-grants source-unreachable removals-held reconcile-overdue" || got.Trouble == nil || got.TroubleUntil == nil || got.UnreachableSince == nil || got.EpochSince == nil ||
		got.AwaitingGrantsSince == nil || got.Quarantined != 3 || len(got.HeldRemovals) != 1 || got.HeldRemovals[0].Items != 412 || *got.LastOutcome != store.OutcomePartial ||
		*got.LastMessage != "2 items in quarantine" || got.Running == nil || got.Running.ID != s.running.ID {
		t.Errorf("szr is %+v", got)
	}
	if w := s.do("POST", "/api/tenants/szr/why", `{"client":"1042"}`, as("bob")...); !strings.Contains(w.Body.String(), "the portal has not sent all grants again") {
		t.Errorf("why is answered with %d %s", w.Code, w.Body)
	}
	w := s.as("bob").post("/tenants/szr/why", url.Values{"client": {"1042"}})
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "the portal has not sent all grants again. Readers see nothing.") || !strings.Contains(w.Body.String(), "nobody sees any") {
		t.Errorf("the page is answered with %d", w.Code)
	}
	checkPage(t, "why, while grants are awaited", w)
	if err := s.MarkRestored(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	var waits struct {
		Items []struct{ AwaitingErasuresSince *string }
	}
	if s.decode(s.do("GET", "/api/tenants", "", as("bob")...), &waits); waits.Items[0].AwaitingErasuresSince == nil {
		t.Error("szr does not wait for erasures")
	}
	w = s.as("bob").post("/tenants/szr/why", url.Values{"client": {"1042"}})
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "earlier erasures have not been repeated") || !strings.Contains(w.Body.String(), "has not been erased again") {
		t.Errorf("the page is answered with %d", w.Code)
	}
}
