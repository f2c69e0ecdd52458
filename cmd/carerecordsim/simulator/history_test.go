package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// newCorrectedAndDeleted holds two reports, one corrected and one deleted, with a minute between
// the four writes.
func newCorrectedAndDeleted(t *testing.T, o Options) *Server {
	t.Helper()
	s := New(o)
	for i, id := range []string{"a", "b", "a"} {
		raw := fmt.Appendf(nil,
			`{"resourceType":"Observation","id":%q,"status":"final","subject":{"reference":"Patient/p"}}`, id)
		if _, err := s.PutAt(noon.Add(time.Duration(i)*time.Minute), raw); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.DeleteAt(noon.Add(3*time.Minute), "Observation", "b"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (r response) versions() []string {
	var list []string
	for _, e := range r.Bundle.Entry {
		list = append(list, e.Request.Method+" "+e.Request.URL+" "+e.Response.ETag)
	}
	return list
}

func TestHistoryListsVersionsAndDeletions(t *testing.T) {
	t.Parallel()
	s := newCorrectedAndDeleted(t, Options{})
	all := []string{
		`DELETE Observation/b W/"2"`, `PUT Observation/a W/"2"`, `PUT Observation/b W/"1"`, `PUT Observation/a W/"1"`,
	}
	oldest := slices.Clone(all)
	slices.Reverse(oldest)
	for query, want := range map[string][]string{
		"Observation/_history":                                               all,
		"Observation/_history?_sort=-_lastUpdated":                           all,
		"Observation/_history?_sort=_lastUpdated":                            oldest,
		"Observation/_history?_since=2025-03-03T12:02:00Z":                   all[:2],
		"Observation/_history?_since=2025-03-03T13:03:00.000%2B01:00":        all[:1],
		"Observation/_history?_since=2026":                                   nil,
		"Observation/_history?_count=1":                                      all[:1],
		"Observation/_history?_count=0":                                      nil,
		"Observation/a/_history":                                             {all[1], all[3]},
		"Observation/b/_history?_sort=_lastUpdated&_since=2025-03-03T12:01Z": {all[2], all[0]},
		"Goal/_history": nil,
	} {
		r := get(t, s, "/fhir/"+query)
		wantStatus(t, r, http.StatusOK)
		if got := r.versions(); r.Bundle.Type != "history" || !slices.Equal(got, want) {
			t.Errorf("%s is a %s of\n%q, want\n%q", query, r.Bundle.Type, got, want)
		}
	}
	deleted := get(t, s, "/fhir/Observation/_history?_count=1").Bundle.Entry[0]
	if deleted.Resource != nil || deleted.Response.Status != "204" ||
		deleted.Response.LastModified != "2025-03-03T12:03:00.000Z" {
		t.Errorf("deletion is told as %+v", deleted)
	}
}

func TestHistoryPagesShowOneMoment(t *testing.T) {
	t.Parallel()
	s := New(Options{Clock: stopped})
	fill(t, s, 25, noon)
	seen := map[string]int{}
	for target := "/fhir/Observation/_history?_count=4"; target != ""; {
		r := get(t, s, target)
		wantStatus(t, r, http.StatusOK)
		if *r.Bundle.Total != 25 {
			t.Errorf("total = %d, want 25", *r.Bundle.Total)
		}
		for _, v := range r.versions() {
			seen[v]++
		}
		if _, err := s.Put([]byte(`{"resourceType":"Observation","id":"o003"}`)); err != nil {
			t.Fatal(err)
		}
		target = r.link("next")
	}
	for v, n := range seen {
		if n != 1 || strings.Contains(v, `W/"2"`) {
			t.Errorf("%s came %d times", v, n)
		}
	}
	if len(seen) != 25 {
		t.Errorf("%d versions, want 25", len(seen))
	}
	page := get(t, s, "/fhir/Observation/_history?_count=4").link("next")
	wantStatus(t, get(t, s, strings.Replace(page, "/_history", "", 1)), http.StatusBadRequest)
}

func TestBinaryIsContentOrFHIR(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	if _, err := s.Put([]byte(`{"resourceType":"Binary","id":"b","contentType":"text/html","data":"PHA+aG9pPC9wPg=="}`)); err != nil {
		t.Fatal(err)
	}
	for accept, want := range map[string]string{
		"":                                   "<p>hoi</p>",
		"Accept: */*":                        "<p>hoi</p>",
		"Accept: text/html":                  "<p>hoi</p>",
		"Accept: application/fhir+json":      `"contentType":"text/html"`,
		"Accept: application/fhir+json, */*": `"contentType":"text/html"`,
	} {
		r := get(t, s, "/fhir/Binary/b", accept)
		wantStatus(t, r, http.StatusOK)
		raw := r.Header.Get("Content-Type") == "text/html"
		if !strings.Contains(string(r.Body), want) || raw != (want[0] == '<') {
			t.Errorf("%q: %s: %s", accept, r.Header.Get("Content-Type"), r.Body)
		}
	}
	if r := get(t, s, "/fhir/Binary/b?_format=json"); !strings.Contains(string(r.Body), `"id":"b"`) {
		t.Errorf("_format=json: %s", r.Body)
	}
	wantStatus(t, get(t, s, "/fhir/Binary/none", "Accept: application/pdf"), http.StatusNotFound)
}
