package sync_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
)

const dayReport = `"code":{"coding":[{"system":"http://snomed.info/sct","code":"11591000146107"}]}`

// observation returns a report as FHIR JSON.
func observation(id, status, effective, text string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,
		"meta":{"versionId":"1","lastUpdated":"2026-01-02T10:00:00Z"},
		"status":%q,%s,"subject":{"reference":"Patient/p1"},"effectiveDateTime":%q,"valueString":%s}`,
		id, status, dayReport, effective, text)
}

const patientP1 = `{"resourceType":"Patient","id":"p1","meta":{"versionId":"1","lastUpdated":"2026-01-01T10:00:00Z"},
	"active":true,"name":[{"text":"Mevrouw P. Eén"}]}`

func bundle(entries ...string) string {
	var list []string
	for _, e := range entries {
		list = append(list, `{"resource":`+e+`,"search":{"mode":"match"}}`)
	}
	return fmt.Sprintf(`{"resourceType":"Bundle","type":"searchset","total":%d,"entry":[%s]}`, len(entries),
		strings.Join(list, ","))
}

// cannedServer answers the searches for each type with a literal body.
type cannedServer map[string]string

func (s cannedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/fhir+json")
	name := strings.TrimPrefix(r.URL.Path, "/fhir/")
	switch body, ok := s[name]; {
	case name == "metadata":
		fmt.Fprint(w, `{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}`)
	case ok && r.URL.Query().Get("_summary") == "count":
		fmt.Fprintf(w, `{"resourceType":"Bundle","type":"searchset","total":%d}`, strings.Count(body, `"mode":"match"`))
	case ok:
		fmt.Fprint(w, body)
	case strings.Contains(name, "/"):
		http.Error(w, `{"resourceType":"OperationOutcome"}`, http.StatusNotFound)
	default:
		fmt.Fprint(w, bundle())
	}
}

func TestBadInputIsCountedAndTheRestApplied(t *testing.T) {
	t.Parallel()
	h := newSimHarness(t, func(http.Handler) http.Handler {
		return cannedServer{
			"Patient": bundle(patientP1),
			"Observation": bundle(
				observation("good-1", "final", "2026-01-02T09:00:00+01:00", `"Goed geslapen."`),
				strings.Replace(observation("x", "final", "2026-01-02T09:00:00+01:00", `"Zonder id."`), `"id":"x",`,
					"", 1),
				observation("odd-status", "vervallen", "2026-01-02T09:00:00+01:00", `"Wat is dit?"`),
				observation("nul", "final", "2026-01-02T09:00:00+01:00", `"Een \u0000 erin."`),
				observation("bad-date", "final", "2024-13-01", `"Dertiende maand."`),
				observation("long", "final", "2026-01-02T09:00:00+01:00", `"`+strings.Repeat("lang ", 40_000)+`"`),
				observation("good-2", "final", "2026-01-03", `"Ook goed."`),
			),
			"CarePlan": `this is no JSON`,
		}
	})
	run := h.sync(store.Scope{})
	if *run.Outcome != store.OutcomePartial {
		t.Errorf("outcome %s", *run.Outcome)
	}
	want := store.Effects{
		"quarantined:bad-id": 1, "hidden:unknown-status": 1, "quarantined:bad-text": 1, "quarantined:bad-date": 1,
	}
	got := totals(run)
	if diff := cmp.Diff(want, got.Reasons); diff != "" {
		t.Errorf("reasons: %s", diff)
	}
	if got.Created != 4 || got.Seen != 8 { // with the client
		t.Errorf("created %d of %d seen, want 4 of 8", got.Created, got.Seen)
	}
	for _, rt := range run.Types {
		failed := rt.Failure != nil
		if want := rt.Type == "CarePlan"; failed != want {
			t.Errorf("%s: failure %v", rt.Type, rt.Failure)
		}
	}
	if run.Message == nil || !strings.Contains(*run.Message, "CarePlan") {
		t.Errorf("message %v does not name the type that could not be read", run.Message)
	}
}

func TestUnreachableSourceKeepsTheCursor(t *testing.T) {
	t.Parallel()
	h := newSimHarness(t, nil)
	h.fill(3, 0.1)
	h.sync(store.Scope{})
	before, err := h.Cursors(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	h.tenant.Source = fhirAt(t, gone.URL+"/fhir")
	h.restart()
	if run := h.wantSync(store.OutcomeFailed, store.Scope{}); message(run) == "" {
		t.Error("the run has no message")
	}
	after, err := h.Cursors(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

func TestCursorStopsBeforeFailedPage(t *testing.T) {
	t.Parallel()
	fail := false
	h := newSimHarness(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if fail && strings.HasSuffix(r.URL.Path, "/Observation") && !r.URL.Query().Has("_lastUpdated") {
				http.Error(w, "no", http.StatusForbidden) // every page but the first
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	h.fill(6, 0.5)
	fail = true
	run := h.sync(store.Scope{})
	if *run.Outcome != store.OutcomePartial {
		t.Fatalf("outcome %s", *run.Outcome)
	}
	cursors, err := h.Cursors(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	for id, c := range cursors {
		if id.Type == "Observation" && c.AsOf != nil {
			t.Errorf("Observation counts as complete: %+v", c)
		}
	}
	fail = false
	if run := h.sync(store.Scope{}); *run.Outcome != store.OutcomeComplete {
		t.Fatalf("outcome %s: %v", *run.Outcome, run.Message)
	}
	fresh := newSimHarness(t, nil)
	fresh.fill(6, 0.5)
	fresh.sync(store.Scope{})
	if diff := cmp.Diff(fresh.storedItems(t.Context()), h.storedItems(t.Context())); diff != "" {
		t.Error(diff)
	}
}

// storedItems returns the replica's items as text, by type and id.
func (h *harness) storedItems(ctx context.Context) map[string]string {
	h.t.Helper()
	rows, err := h.Pool().Query(ctx, `
		SELECT type || '/' || id, concat_ws(' ', state, reason, client, card::text, body::text) FROM items`)
	if err != nil {
		h.t.Fatal(err)
	}
	got := make(map[string]string)
	for rows.Next() {
		var k, v string
		if err := rows.Scan(&k, &v); err != nil {
			h.t.Fatal(err)
		}
		got[k] = v
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return got
}
