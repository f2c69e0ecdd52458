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

// wantReasons compares the reasons for which lists are empty, by path; "" if one is not.
func (s *story) wantReasons(token, when string, want map[string]string) {
	s.t.Helper()
	got := make(map[string]string)
	for path := range want {
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
		got[path] = answer.Freshness.Reason
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// Every reason of the contract, as the outcome of runs.
func TestEmptyReasonsComeFromRuns(t *testing.T) {
	t.Parallel()
	const (
		zwart   = "/v1/dossiers/zwart"
		reports = zwart + "/reports"
		before  = reports + "?to=2000-01-01"
		plans   = zwart + "/care-plans"
		forms   = zwart + "/forms"
	)
	var source refusingLayer
	s := newEmptyStory(t, storyOptions{search: "forms: []", layers: []simulator.Layer{source.layer}})
	s.client = "zwart"
	s.wantReasons(s.readerToken, "before the first run", map[string]string{"/v1/dossiers": "not-synced-yet"})
	s.put(patientZwart)
	s.put(reportZwart)
	s.putGrant(s.portalToken, "zwart", "zoon", `{"role": "contact", "parts": ["care-plans"], "state": "accepted"}`)
	for _, tt := range []struct {
		when    string
		change  func()
		refused string // paths that the source refuses
		outcome store.Outcome
		want    map[string]string
	}{
		{"while reports cannot be read", func() {}, "/Observation", store.OutcomePartial, map[string]string{
			"/v1/dossiers": "", reports: "not-synced-yet", zwart + "/timeline": "not-synced-yet",
			forms: "not-shared", plans: "nothing-yet", zwart + "/contacts": "nothing-yet",
		}},
		{"once all is read", func() {}, "", store.OutcomeComplete, map[string]string{
			reports: "", before: "no-match", plans: "nothing-yet",
			zwart + "/timeline/density?by=day&category=general": "no-match",
			forms: "not-shared", forms + "?to=2000-01-01": "not-shared",
		}},
		{"while the source refuses everything", func() {}, "/", store.OutcomeFailed, map[string]string{
			reports: "", before: "no-match", plans: "source-unavailable", forms: "not-shared",
		}},
		{"once the source answers again", func() {}, "", store.OutcomeComplete, map[string]string{plans: "nothing-yet"}},
		{"while reports are checked against new rules", func() {
			s.changeConfig(`\z`, `      hide: [{match: {tag: "https://ecd.example/kind|intern"}}]`+"\n")
			s.restart()
		}, "/Observation", store.OutcomePartial, map[string]string{
			reports: "rechecking", zwart + "/timeline": "rechecking", before: "rechecking",
		}},
		{"once they are checked", func() {}, "", store.OutcomeComplete, map[string]string{reports: "", before: "no-match"}},
		{"after death", func() {
			s.change("Patient", "", func(p map[string]any) { p["deceasedDateTime"] = "2024-11-21" })
		}, "", store.OutcomeComplete, map[string]string{
			"/v1/dossiers": "", reports: "reading-ended", before: "reading-ended", forms: "reading-ended",
			zwart + "/contacts": "reading-ended",
		}},
	} {
		tt.change()
		source.refuse(tt.refused)
		s.wantRun(store.Scope{}, tt.outcome, "")
		s.wantReasons(s.readerToken, tt.when, tt.want)
		if tt.when == "once all is read" {
			s.wantReasons(s.token("zoon", "dossier:read"), "with a right to plans only", map[string]string{
				reports: "no-right", forms: "not-shared", plans: "nothing-yet", zwart + "/contacts": "no-right",
			})
		}
	}
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
		s.wantReasons(s.readerToken, "without a type", map[string]string{"/v1/dossiers/zwart/reports": "nothing-yet"})
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
