package ops_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"dossiersync/portalapi/ops"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// newest returns the run that was requested last.
func (s *filledHarness) newest() store.Run {
	s.t.Helper()
	runs, err := s.Runs(s.t.Context(), store.RunFilter{Limit: 1})
	if err != nil {
		s.t.Fatal(err)
	}
	return runs[0]
}

func TestFormsRequestRunsUnderTheUsersName(t *testing.T) {
	t.Parallel()
	core, logged := observer.New(zapcore.InfoLevel)
	s := newFilledHarness(t, func(o *ops.Options) { o.Log = zap.New(core) })
	v := s.as("chef")
	for _, tt := range []struct {
		url  string
		form url.Values
		want store.Scope
	}{
		{"/tenants/amaris/resync", url.Values{"client": {""}, "stream": {""}, "from": {""}, "to": {""}}, store.Scope{}},
		{"/tenants/amaris/resync", url.Values{"client": {"77"}, "stream": {"reports"}, "full": {"yes"}, "dryRun": {"yes"}},
			store.Scope{Client: "77", Stream: dossier.StreamReports, Full: true, DryRun: true}},
		{"/tenants/amaris/resync", url.Values{"from": {"2026-03-01"}, "to": {"2026-03-29"}},
			store.Scope{From: time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 29, 21, 59, 59, 0, time.UTC)}},
		{"/tenants/amaris/retry", nil, store.Scope{Only: store.StepQuarantine}},
		{"/tenants/amaris/reconcile", nil, store.Scope{Only: store.StepReconcile}},
		{"/quarantine/" + s.bad + "/retry", nil, store.Scope{Only: store.StepQuarantine, Keys: []string{s.bad}}},
		{"/quarantine/" + url.PathEscape(s.stray) + "/retry", nil, store.Scope{Only: store.StepQuarantine, Keys: []string{s.stray}}},
	} {
		w := v.post(tt.url, tt.form)
		run := s.newest()
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != runPage(run)+"?told=asked" {
			t.Errorf("%s %v is answered with %d, %s", tt.url, tt.form, w.Code, w.Header().Get("Location"))
			continue
		}
		if diff := cmp.Diff(tt.want, run.Scope); diff != "" || run.Trigger != store.TriggerManual || *run.RequestedBy != "chef" {
			t.Errorf("%s asks for %+v (-want +got):\n%s", tt.url, run, diff)
		}
		if w := v.post(tt.url, tt.form); w.Header().Get("Location") != runPage(run)+"?told=waits" {
			t.Errorf("%s again leads to %s", tt.url, w.Header().Get("Location"))
		}
	}
	by := 0
	for _, e := range logged.FilterMessage("an operator requests a run").All() {
		if e.ContextMap()["by"] == "chef" {
			by++
		}
	}
	if by != 14 {
		t.Errorf("%d requests are logged with who made them", by)
	}
	for _, e := range logged.All() {
		for name, value := range e.ContextMap() {
			if text, ok := value.(string); ok && (text == "77" || strings.Contains(text, "token of")) {
				t.Errorf("the log says %s=%s", name, text)
			}
		}
	}
}

func TestFormShowsItsFaults(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	v := s.as("ann")
	before := s.newest()
	for field, form := range map[string]url.Values{
		"client": {"client": {"geen id"}}, "stream": {"stream": {"dreams"}}, "from": {"from": {"gisteren"}, "full": {""}}, "to": {"from": {"2026-03-02"}, "to": {"2026-03-01"}},
	} {
		w := v.post("/tenants/amaris/resync", form)
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `class="fault"`) || field != "stream" && !strings.Contains(w.Body.String(), form.Get(field)) {
			t.Errorf("%v is answered with %d\n%s", form, w.Code, w.Body)
		}
		if field != "stream" && !strings.Contains(w.Body.String(), `aria-describedby="resync-`+field+`-fault"`) {
			t.Errorf("%v does not say which field it is", form)
		}
	}
	for name, form := range map[string]url.Values{"an unknown field": {"tenant": {"szr"}}, "a field twice": {"client": {"1", "2"}}} {
		if w := v.post("/tenants/amaris/resync", form); w.Code != http.StatusBadRequest {
			t.Errorf("%s is answered with %d", name, w.Code)
		}
	}
	if w := v.post("/tenants/amaris/resync", url.Values{"client": {strings.Repeat("1", 5000)}}); w.Code < 400 {
		t.Errorf("a large form is answered with %d", w.Code)
	}
	if got := s.newest(); got.ID != before.ID {
		t.Errorf("a run was asked for: %+v", got)
	}
}

func TestDiscardIsConfirmedWithAReasonAndRecorded(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	v := s.as("chef")
	page := "/quarantine/" + s.bad + "/discard"
	for _, reason := range []string{"", "  ", "one line\nand another", strings.Repeat("x", 501)} {
		if w := v.post(page, url.Values{"reason": {reason}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "Say why in one line") {
			t.Errorf("the reason %q is answered with %d", reason, w.Code)
		}
	}
	if n, err := s.CountQuarantine(t.Context(), "szr", store.Scope{}); err != nil || n != 3 {
		t.Fatalf("%d items are in quarantine, %v", n, err)
	}
	w := v.post(page, url.Values{"reason": {" test record of the supplier "}})
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || !strings.Contains(v.get(to).Body.String(), "The item is discarded.") {
		t.Errorf("it is answered with %d, %s", w.Code, to)
	}
	list, err := s.Decisions(t.Context(), "szr", store.DecisionDiscard, 10)
	if err != nil || len(list) != 1 || list[0].By != "chef" || list[0].Object != "Observation/"+s.bad || list[0].Reason != "test record of the supplier" {
		t.Errorf("recorded is %+v, %v", list, err)
	}
	if w := v.post(page, url.Values{"reason": {"again"}}); w.Code != http.StatusNotFound {
		t.Errorf("discarded again, it is answered with %d", w.Code)
	}
}

// An approval covers no more removals than the operator has seen.
func TestApprovalCoversOnlyTheShownNumber(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	before := s.newest()
	if _, err := s.Pool().Exec(t.Context(), `
		WITH h AS (INSERT INTO holds (tenant, stream, type, rule, run) VALUES
			('szr', 'reports', 'Observation', 'day', 1), ('szr', 'forms', 'QuestionnaireResponse', 'day', 1) RETURNING id, stream, type)
		INSERT INTO absences (tenant, key, stream, type, id, state, hold) SELECT 'szr', h.stream, h.stream, h.type, h.stream, 'held', h.id FROM h`); err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]int{
		`{"approve":true,"stream":"reports","atMost":412}`: 409, `{"approve":true,"atMost":413}`: 409, `{"approve":true,"atMost":0}`: 409,
		`{"approve":true,"atMost":-1}`: 400, `{"atMost":413}`: 400, `{"approve":true,"atMost":"413"}`: 400,
	} {
		if w := s.do("POST", "/api/tenants/szr/reconcile", body, as("chef")...); w.Code != want {
			t.Errorf("%s is answered with %d, want %d: %s", body, w.Code, want, w.Body)
		}
	}
	if got := s.newest(); got.ID != before.ID {
		t.Errorf("a run was asked for: %+v", got)
	}
	for _, body := range []string{`{"approve":true,"stream":"reports","atMost":413}`, `{"approve":true,"atMost":414}`, `{"approve":true,"stream":"goals","atMost":0}`} {
		if w := s.do("POST", "/api/tenants/szr/reconcile", body, as("chef")...); w.Code != http.StatusAccepted {
			t.Errorf("%s is answered with %d: %s", body, w.Code, w.Body)
		}
	}
}

func TestRunIsCancelledFromItsPage(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	v := s.as("ann")
	w := v.post(runPage(s.waiting)+"/cancel", nil)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != runPage(s.waiting)+"?told=cancelled" {
		t.Errorf("answered with %d, %s", w.Code, w.Header().Get("Location"))
	}
	run, err := s.Run(t.Context(), s.waiting.ID)
	if err != nil || run.State != store.RunDone || *run.Message != "cancelled by ann" {
		t.Errorf("the run is %+v, %v", run, err)
	}
	if w := v.post(runPage(s.waiting)+"/cancel", nil); w.Header().Get("Location") != runPage(s.waiting)+"?told=ended" {
		t.Errorf("again it leads to %s", w.Header().Get("Location"))
	}
}

// An action without its permission, or from another site, is refused even if it is sent.
func TestForbiddenActionsAreRefused(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t)
	before := s.newest()
	forms := map[string]url.Values{
		"/tenants/szr/resync": nil, "/tenants/szr/reconcile": nil, "/tenants/szr/retry": nil, "/tenants/szr/held/1": {"of": {"412"}, "decision": {"approve"}, "note": {"x"}},
		"/withheld": {"tenant": {"szr"}, "client": {"1042"}, "note": {"x"}}, "/withheld/release": {"tenant": {"szr"}, "client": {"1042"}, "note": {"x"}}, runPage(s.running) + "/cancel": nil,
		"/quarantine/" + s.bad + "/retry": nil, "/quarantine/" + s.bad + "/discard": {"reason": {"x"}},
	}
	for address, form := range forms {
		if w := s.as("bob").post(address, form); w.Code != http.StatusForbidden {
			t.Errorf("bob, who may only read: %s is answered with %d", address, w.Code)
		}
		if approving := strings.Contains(address, "held") || strings.Contains(address, "discard"); approving {
			if w := s.as("ann").post(address, form); w.Code != http.StatusForbidden {
				t.Errorf("ann, who may not approve: %s is answered with %d", address, w.Code)
			}
		}
		if w := s.as("amy").post(address, form); w.Code != http.StatusNotFound {
			t.Errorf("amy, who sees another tenant: %s is answered with %d", address, w.Code)
		}
		if w := s.as("").post(address, form); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login" {
			t.Errorf("nobody: %s is answered with %d", address, w.Code)
		}
		if w := s.as("chef").get(address); w.Code != http.StatusMethodNotAllowed && w.Code != http.StatusOK {
			t.Errorf("with GET %s is answered with %d", address, w.Code)
		}
		for name, headers := range map[string][]string{
			"another site":     {"Sec-Fetch-Site", "cross-site"},
			"the same site":    {"Sec-Fetch-Site", "same-site"},
			"another origin":   {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
			"an opaque origin": {"Sec-Fetch-Site", "", "Origin", "null"},
		} {
			if w := s.as("chef").post(address, form, headers...); w.Code != http.StatusForbidden {
				t.Errorf("from %s %s is answered with %d", name, address, w.Code)
			}
		}
		if w := s.as("chef").ask("POST", address, `{"reason":"x"}`, "Content-Type", "application/json"); w.Code != http.StatusUnsupportedMediaType {
			t.Errorf("as JSON %s is answered with %d", address, w.Code)
		}
	}
	if w := s.as("bob").post("/tenants/amaris/why", url.Values{"client": {"1"}}); w.Code != http.StatusNotFound {
		t.Errorf("why of another tenant is answered with %d", w.Code)
	}
	if n, err := s.CountQuarantine(t.Context(), "szr", store.Scope{}); err != nil || n != 3 {
		t.Errorf("%d items are in quarantine, %v", n, err)
	}
	if got := s.newest(); got.ID != before.ID {
		t.Errorf("a run was asked for: %+v", got)
	}
}

// Without users, the console is open like the API: from this machine, under a loopback name.
func TestConsoleWithoutUsersIsForLoopbackOnly(t *testing.T) {
	t.Parallel()
	s := newFilledHarness(t, func(o *ops.Options) { o.Users = nil })
	v := s.as("")
	for _, address := range []string{"/", "/tenants/szr", "/quarantine/" + s.bad + "/discard"} {
		w := v.get(address)
		if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "Log out") {
			t.Errorf("%s is answered with %d", address, w.Code)
			continue
		}
		checkPage(t, address, w)
		if w := v.get(address, "Host", "evil.example"); w.Code != http.StatusForbidden {
			t.Errorf("%s under a rebound name is answered with %d", address, w.Code)
		}
	}
	if w := v.get("/login"); w.Code != http.StatusSeeOther {
		t.Errorf("there is a log-in: %d", w.Code)
	}
	if w := v.post("/tenants/szr/reconcile", nil); w.Code != http.StatusSeeOther || s.newest().RequestedBy != nil {
		t.Errorf("a form is answered with %d, by %v", w.Code, s.newest().RequestedBy)
	}
	if w := v.post("/tenants/szr/reconcile", nil, "Host", "evil.example"); w.Code != http.StatusForbidden {
		t.Errorf("a form under a rebound name is answered with %d", w.Code)
	}
	if w := v.post("/quarantine/"+s.bad+"/discard", url.Values{"reason": {"x"}}); w.Code != http.StatusSeeOther {
		t.Errorf("a discard is answered with %d", w.Code)
	}
}
