package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// clock is moved by hand.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func TestOffsetPagesMissMovedEntries(t *testing.T) {
	t.Parallel()
	for paging, mark := range map[Paging]string{Offset: "_offset=2", Stored: "_getpagesoffset=2", Keyset: "_offset=2"} {
		s := New(Options{Behaviour: Behaviour{Paging: paging}})
		fill(t, s, 6, time.Time{})
		r := get(t, s, "/fhir/Observation?_sort=_id&_count=2")
		if !strings.Contains(r.link("next"), mark) || *r.Bundle.Total != 6 {
			t.Errorf("paging %d: next = %s, total %d", paging, r.link("next"), *r.Bundle.Total)
		}
		if _, err := s.Delete("Observation", "o000"); err != nil {
			t.Fatal(err)
		}
		ids, pages := follow(t, s, r.link("next"), func() {})
		if want := []string{"o003", "o004", "o005"}; !slices.Equal(ids, want) || pages != 2 {
			t.Errorf("paging %d: %v on %d pages, want o002 skipped", paging, ids, pages)
		}
	}
}

func TestKeysetPagesContinueAfterTheLastEntry(t *testing.T) {
	t.Parallel()
	s := New(Options{Behaviour: Behaviour{Paging: Keyset, MaxOffset: 10}})
	fill(t, s, 30, noon)
	first := get(t, s, "/fhir/Observation?_sort=_lastUpdated&_count=2")
	if self := get(t, s, first.link("next")).link("self"); !strings.Contains(self,
		"?_sort=_lastUpdated&_count=2&_cursor=") {
		t.Errorf("self of the second page is %s", self)
	}
	ids, _ := follow(t, s, "/fhir/Observation?_sort=_lastUpdated&_count=2", func() {
		_, _ = s.Delete("Observation", "o000")
	})
	if len(ids) != 30 || len(slices.Compact(ids)) != 30 {
		t.Errorf("%d entries: %v", len(ids), ids)
	}
	wantStatus(t, get(t, s, "/fhir/Observation?_offset=11"), http.StatusBadRequest)
	wantStatus(t, get(t, s, "/fhir/Observation?_offset=-1"), http.StatusBadRequest)
	wantStatus(t, get(t, s, "/fhir/Observation?_cursor=x"), http.StatusBadRequest)
	wantStatus(t, get(t, s, strings.Replace(first.link("next"), "Observation?", "Goal?", 1)), http.StatusBadRequest)
}

func TestUnstableTiesSkipAndRepeat(t *testing.T) {
	t.Parallel()
	s := New(Options{Behaviour: Behaviour{Paging: Offset, UnstableTies: true}})
	fill(t, s, 500, noon)
	ids, _ := follow(t, s, "/fhir/Observation?_sort=_lastUpdated&_count=20", func() {})
	slices.Sort(ids)
	if unique := len(slices.Compact(ids)); len(ids) != 500 || unique > 450 || unique < 250 {
		t.Errorf("%d entries, %d resources; want 500 and fewer", len(ids), unique)
	}
	s = New(Options{Behaviour: Behaviour{Paging: Offset, UnstableTies: true}})
	fill(t, s, 40, time.Time{})
	ids, _ = follow(t, s, "/fhir/Observation?_sort=_lastUpdated&_count=7", func() {})
	if len(slices.Compact(ids)) != 40 {
		t.Errorf("without ties: %v", ids)
	}
}

func TestUnstableOrderChangesPerRequest(t *testing.T) {
	t.Parallel()
	for query, skips := range map[string]bool{"": true, "&_sort=status": true, "&_sort=_id": false,
		"&_sort=-_lastUpdated": false} {
		s := New(Options{Behaviour: Behaviour{Paging: Offset, UnstableOrder: true}})
		fill(t, s, 100, time.Time{})
		ids, _ := follow(t, s, "/fhir/Observation?_count=20"+query, func() {})
		slices.Sort(ids)
		if unique := len(slices.Compact(ids)); len(ids) != 100 || (unique < 100) != skips {
			t.Errorf("%q: %d entries, %d resources", query, len(ids), unique)
		}
	}
}

func TestSearchCacheRepeatsAnswers(t *testing.T) {
	t.Parallel()
	c := &clock{noon}
	s := New(Options{Clock: c.now, Behaviour: Behaviour{SearchCache: time.Minute}})
	fill(t, s, 1, time.Time{})
	count := func(query string, headers ...string) int {
		return len(get(t, s, "/fhir/Observation?"+query, headers...).ids())
	}
	if count("") != 1 {
		t.Fatal("the first search found nothing")
	}
	fill(t, s, 3, time.Time{})
	c.t = c.t.Add(59 * time.Second)
	if count("") != 1 || count("_sort=_id") != 3 {
		t.Error("within a minute the same search finds the same, another one does not")
	}
	if count("", "Cache-Control: max-age=0, no-cache") != 3 || count("") != 3 {
		t.Error("no-cache looks again, for who comes after as well")
	}
	fill(t, s, 5, time.Time{})
	c.t = c.t.Add(time.Minute)
	if count("") != 5 {
		t.Error("after a minute the search is done again")
	}
}

func TestNextLinksExpire(t *testing.T) {
	t.Parallel()
	for _, paging := range []Paging{Snapshot, Stored} {
		c := &clock{noon}
		s := New(Options{Clock: c.now, Behaviour: Behaviour{Paging: paging, PageLife: time.Hour}})
		fill(t, s, 9, time.Time{})
		second := get(t, s, "/fhir/Observation?_count=3").link("next")
		c.t = c.t.Add(time.Hour)
		third := get(t, s, second).link("next")
		if third == "" {
			t.Fatalf("paging %d: no third page", paging)
		}
		c.t = c.t.Add(time.Second)
		wantStatus(t, get(t, s, third), http.StatusGone)
	}
}

func TestTotalsOnRequestOnly(t *testing.T) {
	t.Parallel()
	for query, want := range map[string][2]bool{ // with TotalOnRequest, with NoTotals
		"":                {false, false},
		"_total=accurate": {true, false},
		"_total=none":     {false, false},
		"_summary=count":  {true, true},
	} {
		for i, b := range []Behaviour{{TotalOnRequest: true}, {NoTotals: true}} {
			s := New(Options{Behaviour: b})
			fill(t, s, 2, time.Time{})
			if got := get(t, s, "/fhir/Observation?_count=1&"+query).Bundle.Total != nil; got != want[i] {
				t.Errorf("%+v, %q: total there is %v, want %v", b, query, got, want[i])
			}
		}
	}
}

func TestIgnoredAndRefusedParameters(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		behaviour     Behaviour
		query, prefer string
		status        int
		self          string
	}{
		{Behaviour{IgnoredParameters: []string{"_lastUpdated"}}, "_lastUpdated=ge2020&_sort=_id", "", 200,
			"?_sort=_id"},
		{Behaviour{IgnoredParameters: []string{"_lastUpdated"}}, "_lastUpdated=ge2020", "handling=strict", 400, ""},
		{Behaviour{IgnoredParameters: []string{"_lastUpdated"}, IgnoresPreferences: true}, "_lastUpdated=ge2020",
			"handling=strict", 200, ""},
		{Behaviour{IgnoredParameters: []string{"patient"}}, "patient:Patient=q", "", 200, ""},
		{Behaviour{RefusesUnknown: true}, "smaak=zoet", "", 400, ""},
		{Behaviour{RefusesPreferences: true}, "", "handling=strict", 400, ""},
		{Behaviour{RefusesPreferences: true}, "", "return=minimal", 200, ""},
		{Behaviour{NeedsPatient: true}, "status=final", "", 400, ""},
		{Behaviour{NeedsPatient: true}, "status=final&patient=p", "", 200, "?status=final&patient=p"},
		{Behaviour{NeedsPatient: true}, "_id=o000", "", 200, "?_id=o000"},
	} {
		s := New(Options{Behaviour: tt.behaviour})
		fill(t, s, 1, time.Time{})
		var headers []string
		if tt.prefer != "" {
			headers = []string{"Prefer: " + tt.prefer}
		}
		r := get(t, s, "/fhir/Observation?"+tt.query, headers...)
		wantStatus(t, r, tt.status)
		if want := "http://ecd.test:8443/fhir/Observation" + tt.self; tt.status == 200 && r.link("self") != want {
			t.Errorf("%s: self = %s, want %s", tt.query, r.link("self"), want)
		}
	}
	wantStatus(t, get(t, New(Options{Behaviour: Behaviour{NeedsPatient: true}}), "/fhir/Patient"), http.StatusOK)
}

func TestServersWithoutHistory(t *testing.T) {
	t.Parallel()
	for b, want := range map[string]struct {
		behaviour          Behaviour
		typ, one, versions int
	}{
		"none":     {Behaviour{NoHistory: true}, 404, 404, 404},
		"instance": {Behaviour{NoTypeHistory: true}, 404, 200, 200},
	} {
		s := New(Options{Behaviour: want.behaviour})
		fill(t, s, 1, time.Time{})
		for path, status := range map[string]int{"_history": want.typ, "o000/_history": want.one,
			"o000/_history/1": want.versions} {
			wantStatus(t, get(t, s, "/fhir/Observation/"+path), status)
		}
		metadata := string(get(t, s, "/fhir/metadata").Body)
		if strings.Contains(metadata, "history-type") ||
			strings.Contains(metadata, "history-instance") != (want.one == 200) {
			t.Errorf("%s: the CapabilityStatement lies: %s", b, metadata)
		}
	}
}

func TestDeletedParameterListsDeletions(t *testing.T) {
	t.Parallel()
	s := newCorrectedAndDeleted(t, Options{Behaviour: Behaviour{ListsDeleted: true}})
	for query, want := range map[string]string{
		"_deleted=true":                                  "b",
		"_deleted=true&patient=p":                        "b",
		"_deleted=true&_lastUpdated=ge2025-03-03T12:03Z": "b",
		"_deleted=true&_lastUpdated=lt2025-03-03T12:03Z": "",
		"_deleted=true&status=final":                     "",
		"_deleted=true&_elements=id&_sort=_lastUpdated":  "b",
		"":                                "a",
		"_deleted=false":                  "a",
		"_deleted=true&_sort=_id&_id=a,b": "b",
		"_deleted=true&_lastUpdated=ge2025-03-03T12:03Z&": "b",
	} {
		r := get(t, s, "/fhir/Observation?"+query)
		wantStatus(t, r, http.StatusOK)
		if got := strings.Join(r.ids(), " "); got != want {
			t.Errorf("%q finds %q, want %q", query, got, want)
		}
		if want == "b" {
			entry := r.Bundle.Entry[0].Resource
			if fmt.Sprint(entry) != "map[id:b meta:map[lastUpdated:2025-03-03T12:03:00.000Z versionId:2] resourceType:Observation]" {
				t.Errorf("what was deleted is told as %v", entry)
			}
		}
	}
}

func TestIdenticalPutKeepsItsVersion(t *testing.T) {
	t.Parallel()
	for keeps, want := range map[bool]string{true: `W/"1"`, false: `W/"2"`} {
		s := New(Options{Behaviour: Behaviour{KeepsIdentical: keeps}})
		const body = `{"resourceType":"Goal","id":"g","lifecycleStatus":"active"%s}`
		do(t, s, http.MethodPut, "/fhir/Goal/g", fmt.Sprintf(body, ``))
		r := do(t, s, http.MethodPut, "/fhir/Goal/g", fmt.Sprintf(body, `,"meta":{"versionId":"1"}`))
		wantStatus(t, r, http.StatusOK)
		if got := r.Header.Get("ETag"); got != want {
			t.Errorf("KeepsIdentical %v: %s, want %s", keeps, got, want)
		}
		r = do(t, s, http.MethodPut, "/fhir/Goal/g", fmt.Sprintf(body, `,"note":[]`))
		if got := r.Header.Get("ETag"); got == want {
			t.Errorf("KeepsIdentical %v: a change made no version", keeps)
		}
	}
}

func TestLateCommitsAppearInThePast(t *testing.T) {
	t.Parallel()
	s := New(Options{Clock: stopped, Behaviour: Behaviour{LateCommits: 10 * time.Second}})
	fill(t, s, 90, time.Time{})
	late := 0
	for _, v := range s.List("Observation") {
		if v.LastUpdated.Before(noon.Add(-10 * time.Second)) {
			t.Errorf("%s is %v", v.ID, v.LastUpdated)
		}
		if v.LastUpdated.Before(noon) {
			late++
		}
	}
	if late < 25 || late > 30 {
		t.Errorf("%d of 90 writes are late, want every third", late)
	}
	for range 9 {
		before := s.List("Observation")[0].LastUpdated
		fill(t, s, 1, time.Time{})
		if after := s.List("Observation")[0].LastUpdated; !after.After(before) {
			t.Errorf("version of %v follows one of %v", after, before)
		}
	}
}
