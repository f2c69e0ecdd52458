package acceptance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store"
)

// refusingLayer makes a source refuse requests whose path contains part, unless part is
// empty.
type refusingLayer struct {
	part   atomic.Pointer[string]
	status int // 0: 403
}

func (f *refusingLayer) refuse(part string) { f.part.Store(&part) }

func (f *refusingLayer) layer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if part := f.part.Load(); part != nil && *part != "" && strings.Contains(r.URL.Path, *part) {
			http.Error(w, "", cmp.Or(f.status, http.StatusForbidden))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// emptyReasons returns, for each list, the reason for which it is empty; "" if it is not.
func (s *story) emptyReasons(token string, paths ...string) []string {
	s.t.Helper()
	list := []string{}
	for _, path := range paths {
		status, body := s.get(token, path)
		var answer struct {
			Items     []json.RawMessage
			Freshness struct{ Reason string }
		}
		if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK {
			s.t.Fatalf("%s: %d %s", path, status, body)
		}
		if (len(answer.Items) == 0) != (answer.Freshness.Reason != "") {
			s.t.Errorf("%s has %d items and the reason %q", path, len(answer.Items), answer.Freshness.Reason)
		}
		list = append(list, answer.Freshness.Reason)
	}
	return list
}

// Every reason of the contract, as the outcome of runs.
func TestEmptyReasonsComeFromRuns(t *testing.T) {
	t.Parallel()
	var source refusingLayer
	s := newEmptyStory(t, storyOptions{search: "forms: []", layers: []simulator.Layer{source.layer}})
	s.client = "zwart"
	const dossier = "/v1/dossiers/zwart"
	want := func(when string, want []string, paths ...string) {
		t.Helper()
		if diff := gocmp.Diff(want, s.emptyReasons(s.readerToken, paths...)); diff != "" {
			t.Errorf("%s, %v (-want +got):\n%s", when, paths, diff)
		}
	}
	run := func(want store.Outcome) {
		t.Helper()
		if run := s.runScope(store.Scope{}); *run.Outcome != want {
			t.Errorf("the run is %s, want %s", *run.Outcome, want)
		}
	}
	want("before the first run", []string{"not-synced-yet"}, "/v1/dossiers")
	s.put(patientZwart)
	s.put(reportZwart)
	s.putGrant(s.portalToken, "zwart", "zoon", `{"role": "contact", "parts": ["care-plans"], "state": "accepted"}`)
	source.refuse("/Observation")
	run(store.OutcomePartial)
	want("while reports cannot be read", []string{"", "not-synced-yet", "not-synced-yet", "not-shared",
		"nothing-yet", "nothing-yet"},
		"/v1/dossiers", dossier+"/reports", dossier+"/timeline", dossier+"/forms", dossier+"/care-plans",
		dossier+"/contacts")
	source.refuse("")
	run(store.OutcomeComplete)
	want("once all is read", []string{"", "no-match", "not-shared", "nothing-yet", "no-match", "not-shared"},
		dossier+"/reports", dossier+"/reports?to=2000-01-01", dossier+"/forms", dossier+"/care-plans",
		dossier+"/timeline/density?by=day&category=general", dossier+"/forms?to=2000-01-01")
	son := s.token("zoon", "dossier:read")
	if diff := gocmp.Diff([]string{"no-right", "not-shared", "nothing-yet", "no-right"},
		s.emptyReasons(son, dossier+"/reports", dossier+"/forms", dossier+"/care-plans",
			dossier+"/contacts")); diff != "" {
		t.Errorf("with a right to plans only (-want +got):\n%s", diff)
	}

	source.refuse("/")
	run(store.OutcomeFailed)
	want("while the source is shut", []string{"", "no-match", "source-unavailable", "not-shared"},
		dossier+"/reports", dossier+"/reports?to=2000-01-01", dossier+"/care-plans", dossier+"/forms")
	source.refuse("")
	run(store.OutcomeComplete)
	want("once it is open again", []string{"nothing-yet"}, dossier+"/care-plans")

	s.changeConfig(`\z`, `      hide: [{match: {tag: "https://ecd.example/kind|intern"}}]`+"\n")
	s.restart()
	source.refuse("/Observation")
	run(store.OutcomePartial)
	want("while reports are checked against new rules", []string{"rechecking", "rechecking", "rechecking"},
		dossier+"/reports", dossier+"/timeline", dossier+"/reports?to=2000-01-01")
	source.refuse("")
	run(store.OutcomeComplete)
	want("once they are", []string{"", "no-match"}, dossier+"/reports", dossier+"/reports?to=2000-01-01")

	s.change("Patient", "", func(p map[string]any) { p["deceasedDateTime"] = "2024-11-21" })
	run(store.OutcomeComplete)
	want("after death", []string{"", "reading-ended", "reading-ended", "reading-ended", "reading-ended"},
		"/v1/dossiers", dossier+"/reports", dossier+"/reports?to=2000-01-01", dossier+"/forms", dossier+"/contacts")
}

// A type that the source does not know does not keep a list at not-synced-yet.
func TestUnknownTypeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	source := refusingLayer{status: http.StatusNotFound}
	s := newEmptyStory(t, storyOptions{layers: []simulator.Layer{source.layer}})
	s.client = "zwart"
	s.put(patientZwart)
	source.refuse("/Composition")
	for range 2 {
		s.runScope(store.Scope{})
		if diff := gocmp.Diff([]string{"nothing-yet"},
			s.emptyReasons(s.readerToken, "/v1/dossiers/zwart/reports")); diff != "" {
			t.Errorf("reports (-want +got):\n%s", diff)
		}
	}
}

// servePortalAfter serves the portal API as if the time d had passed: readers have a
// now() of their own.
func (s *story) servePortalAfter(d time.Duration, schedule string) *harness {
	s.t.Helper()
	s.exec(`CREATE SCHEMA IF NOT EXISTS later`)
	s.exec(fmt.Sprintf(`CREATE OR REPLACE FUNCTION later.now() RETURNS timestamptz LANGUAGE sql STABLE AS
		$$SELECT pg_catalog.now() + interval '%d seconds'$$`, int(d.Seconds())))
	s.exec(`GRANT USAGE ON SCHEMA later TO dossiersync_reader`)
	reader, err := url.Parse(s.replica.ReaderURL)
	if err != nil {
		s.t.Fatal(err)
	}
	q := reader.Query()
	q.Set("search_path", "later,public,pg_catalog")
	reader.RawQuery = q.Encode()
	text, err := os.ReadFile(s.configFile)
	if err != nil {
		s.t.Fatal(err)
	}
	h := &harness{t: s.t, dir: s.dir, replica: s.replica}
	h.configFile = h.writeFile(fmt.Sprint("later-", d, ".yaml"), string(text))
	h.changeConfig(regexp.QuoteMeta(fmt.Sprintf("%q", s.replica.ReaderURL)), fmt.Sprintf("%q", reader))
	h.changeConfig("    source:\n", "    timezone: UTC\n    schedule: \""+schedule+"\"\n    source:\n")
	h.serve(app.Portal)
	return h
}

// A replica that was synced at the last slot of the day is fresh all night, late half an
// hour after the next slot, and stale when two slots were missed.
func TestFreshnessStatesComeFromRuns(t *testing.T) {
	t.Parallel()
	s := newEmptyStory(t, storyOptions{})
	s.client = "zwart"
	s.put(patientZwart)
	s.put(reportZwart)
	s.sync()
	// The last slot of the day was in this minute; the next is in eight hours.
	now := time.Now().UTC()
	slot := now.Truncate(time.Minute)
	hour := slot.Hour()
	schedule := fmt.Sprintf("%d %d,%d,%d,%d,%d * * *", slot.Minute(), hour, (hour+8)%24, (hour+12)%24, (hour+16)%24,
		(hour+20)%24)
	for _, tt := range []struct {
		after    time.Duration // the slot
		want     string
		nextSync time.Duration // after the slot
	}{
		{time.Minute, "fresh", 8 * time.Hour},
		{8*time.Hour - time.Minute, "fresh", 8 * time.Hour},
		{8*time.Hour + 25*time.Minute, "fresh", 12 * time.Hour},
		{8*time.Hour + 35*time.Minute, "late", 12 * time.Hour},
		{12*time.Hour + 25*time.Minute, "late", 16 * time.Hour},
		{12*time.Hour + 35*time.Minute, "stale", 16 * time.Hour},
		{48*time.Hour + time.Minute, "stale", 56 * time.Hour},
	} {
		h := s.servePortalAfter(slot.Add(tt.after).Sub(now), schedule)
		for _, path := range []string{"/v1/dossiers", "/v1/dossiers/zwart", "/v1/dossiers/zwart/reports",
			"/v1/dossiers/zwart/forms"} {
			h.wantFreshness(s.readerToken, path, tt.want, slot.Add(tt.nextSync))
		}
	}
}

func (h *harness) wantFreshness(token, path, state string, nextSync time.Time) {
	h.t.Helper()
	_, body := h.get(token, path)
	var answer struct {
		Freshness struct{ State, AsOf, NextSync string }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		h.t.Fatal(err)
	}
	f := answer.Freshness
	if next := nextSync.Format(time.RFC3339); f.State != state || f.NextSync != next || f.AsOf == "" {
		h.t.Errorf("%s is %s, until %s, as of %q; want %s until %s", path, f.State, f.NextSync, f.AsOf, state, next)
	}
}
