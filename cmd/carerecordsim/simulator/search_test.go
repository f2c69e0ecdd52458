package simulator

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// dossier holds a few resources, an hour apart, whose ids describe them.
func dossier(t *testing.T, o Options) *Server {
	t.Helper()
	o.Zone = time.FixedZone("CET", 3600)
	s := New(o)
	const report = `"code":{"coding":[{"system":"http://snomed.info/sct","code":"11591000146107"}]}`
	for i, raw := range []string{
		`{"resourceType":"Observation","id":"report-p","status":"final",` + report + `,"subject":{"reference":"Patient/p"}}`,
		`{"resourceType":"Observation","id":"report-q","status":"amended",` + report + `,"subject":{"reference":"http://ecd.test/fhir/Patient/q"},
			"category":[{"coding":[{"code":"a,b"}]}],"meta":{"tag":[{"system":"https://ecd.example/kind","code":"zorgleefplan"}]}}`,
		`{"resourceType":"Observation","id":"weight-p","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},
			"subject":{"reference":"Patient/p"},"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"NOPAT"}]}}`,
		`{"resourceType":"RelatedPerson","id":"daughter-p","patient":{"reference":"Patient/p"},"active":false}`,
		`{"resourceType":"Goal","id":"goal-p","lifecycleStatus":"active","subject":{"reference":"Patient/p"}}`,
		`{"resourceType":"DocumentReference","id":"mdo","status":"current","type":{"coding":[{"code":"mdo"}]},"subject":{"reference":"Patient/p"}}`,
	} {
		if _, err := s.PutAt(noon.Add(time.Duration(i)*time.Hour), []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestSearchParameters(t *testing.T) {
	t.Parallel()
	s := dossier(t, Options{})
	for query, want := range map[string]string{
		"Observation?":                                                             "report-p report-q weight-p",
		"Observation?_sort=_lastUpdated":                                           "report-p report-q weight-p",
		"Observation?_sort=-_lastUpdated":                                          "weight-p report-q report-p",
		"Observation?_sort=_id&_id=weight-p,report-q,none":                         "report-q weight-p",
		"Observation?_id=weight-p&_id=report-q":                                    "",
		"Observation?_count=2":                                                     "report-p report-q",
		"Observation?patient=p":                                                    "report-p weight-p",
		"Observation?patient=Patient/q":                                            "report-q",
		"Observation?subject=q":                                                    "report-q",
		"Observation?subject=Patient/p,Patient/q":                                  "report-p report-q weight-p",
		"Observation?subject:Patient=p":                                            "report-p weight-p",
		"Observation?subject=Group/p":                                              "",
		"Observation?patient=p&subject=q":                                          "",
		"Observation?patient=p&subject=Patient/p":                                  "report-p weight-p",
		"RelatedPerson?patient=p&active=false":                                     "daughter-p",
		"Observation?code=http://snomed.info/sct|11591000146107":                   "report-p report-q",
		"Observation?code=11591000146107,29463-7":                                  "report-p report-q weight-p",
		"Observation?code=http://loinc.org|":                                       "weight-p",
		"Observation?code=|11591000146107":                                         "",
		"Observation?status=|final":                                                "report-p weight-p",
		"Observation?status=final&status=amended":                                  "",
		"Observation?status=final,amended&patient=q":                               "report-q",
		`Observation?category=a\,b`:                                                "report-q",
		"Observation?_tag=https://ecd.example/kind|zorgleefplan":                   "report-q",
		"Observation?_security=NOPAT":                                              "weight-p",
		"Goal?lifecycle-status=active":                                             "goal-p",
		"DocumentReference?type=mdo&status=current":                                "mdo",
		"Observation?_lastUpdated=ge2025-03-03T13:00:00Z":                          "report-q weight-p",
		"Observation?_lastUpdated=gt2025-03-03T13:00:00Z":                          "weight-p",
		"Observation?_lastUpdated=le2025-03-03T14:00:00%2B01:00":                   "report-p report-q",
		"Observation?_lastUpdated=lt2025-03-03T13:00:00.000Z":                      "report-p",
		"Observation?_lastUpdated=2025-03-03T13:00":                                "report-p",
		"Observation?_lastUpdated=eq2025-03":                                       "report-p report-q weight-p",
		"Observation?_lastUpdated=gt2025":                                          "",
		"Observation?_lastUpdated=ge2025-03-03&_lastUpdated=lt2025-03-03T14:30:00": "report-p report-q",
	} {
		r := get(t, s, "/fhir/"+query, "Prefer: respond-async, handling=strict")
		wantStatus(t, r, http.StatusOK)
		if got := strings.Join(r.ids(), " "); got != want {
			t.Errorf("%s found %q, want %q", query, got, want)
		}
		if got := *r.Bundle.Total; !strings.Contains(query, "_count") && got != len(r.ids()) {
			t.Errorf("%s: total = %d with %d entries", query, got, len(r.ids()))
		}
		for _, e := range r.Bundle.Entry {
			want := fmt.Sprintf("http://ecd.test:8443/fhir/%s/%s", e.Resource["resourceType"], e.Resource["id"])
			if e.FullURL != want || e.Search.Mode != "match" {
				t.Errorf("entry %q, mode %q; want %q", e.FullURL, e.Search.Mode, want)
			}
		}
	}
}

func TestPostSearchEqualsGetSearch(t *testing.T) {
	t.Parallel()
	s := dossier(t, Options{})
	r := do(t, s, http.MethodPost, "/fhir/Observation/_search?_count=1", "patient=p&status=final",
		"Content-Type: application/x-www-form-urlencoded")
	wantStatus(t, r, http.StatusOK)
	if want := "http://ecd.test:8443/fhir/Observation?_count=1&patient=p&status=final"; r.link("self") != want {
		t.Errorf("self = %q, want %q", r.link("self"), want)
	}
	if got := get(t, s, r.link("next")).ids(); !slices.Equal(got, []string{"weight-p"}) {
		t.Errorf("next page has %v", got)
	}
}

func TestUnknownParametersAreIgnoredUnlessStrict(t *testing.T) {
	t.Parallel()
	s := dossier(t, Options{MaxCount: 100})
	for _, unknown := range []string{"foo=bar", "patient.name=x", "_sort=status", "_summary=text",
		"_total=estimate", "_has:Goal:patient:status=x", "_deleted=true"} {
		r := get(t, s, "/fhir/Observation?_count=5000&"+unknown+"&status=final")
		wantStatus(t, r, http.StatusOK)
		if want := "http://ecd.test:8443/fhir/Observation?_count=100&status=final"; r.link("self") != want {
			t.Errorf("%s: self = %q, want %q", unknown, r.link("self"), want)
		}
		wantStatus(t, get(t, s, "/fhir/Observation?"+unknown, "Prefer: handling=strict"), http.StatusBadRequest)
	}
	for _, wrong := range []string{
		"_count=x", "_count=-1", "_lastUpdated=yesterday", "_lastUpdated=ap2025",
		"_lastUpdated=ge2025-03-03T12:00:00+01:00",
		"_lastUpdated=ge2025-02-30", "status:not=final", "subject:Group=x", "_page=x", "_page=e30",
	} {
		wantStatus(t, get(t, s, "/fhir/Observation?"+wrong), http.StatusBadRequest)
	}
}

func TestCountsWithoutEntries(t *testing.T) {
	t.Parallel()
	s := dossier(t, Options{})
	for _, query := range []string{"_summary=count", "_count=0", "_summary=count&_total=none"} {
		r := get(t, s, "/fhir/Observation?"+query)
		if r.Bundle.Total == nil || *r.Bundle.Total != 3 || strings.Contains(string(r.Body), `"entry"`) ||
			r.link("next") != "" {
			t.Errorf("%s: %s", query, r.Body)
		}
	}
	if r := get(t, s, "/fhir/Observation?_total=none&_count=1"); r.Bundle.Total != nil ||
		get(t, s, r.link("next")).Bundle.Total != nil {
		t.Errorf("_total=none: %s", r.Body)
	}
}

func TestElementsAreSubsetted(t *testing.T) {
	t.Parallel()
	s := dossier(t, Options{})
	for id, want := range map[string]string{
		"report-p": `"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]},"status":"final"}`,
		"report-q": `"tag":[{"system":"https://ecd.example/kind","code":"zorgleefplan"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]},"status":"amended"}`,
	} {
		r := get(t, s, "/fhir/Observation?_elements=id,status&_id="+id)
		if !strings.Contains(string(r.Body), want) || strings.Contains(string(r.Body), "snomed") {
			t.Errorf("%s", r.Body)
		}
	}
}

func TestPagesOverEqualInstantsAreComplete(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	fill(t, s, 500, noon)
	for _, order := range []string{"", "&_sort=_lastUpdated", "&_sort=-_lastUpdated", "&_sort=_id"} {
		ids, pages := follow(t, s, "/fhir/Observation?_count=20"+order, func() {})
		slices.Sort(ids)
		if unique := len(slices.Compact(ids)); unique != 500 || len(ids) != 500 || pages != 25 {
			t.Errorf("%q: %d entries, %d resources, %d pages; want 500, 500, 25", order, len(ids), unique, pages)
		}
	}
}

// Everything moves between pages, yet each resource of the beginning comes once.
func TestPagesShowOneMomentDuringWrites(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"_lastUpdated", "-_lastUpdated", "_id"} {
		s := New(Options{Clock: stopped, EqualInstants: order == "_id"})
		fill(t, s, 60, time.Time{})
		want := []string{}
		for _, v := range s.List("Observation") {
			want = append(want, v.ID)
		}
		n := 0
		ids, _ := follow(t, s, "/fhir/Observation?_count=7&_sort="+order, func() {
			for i := range 60 {
				if i%7 == n%7 {
					_, _ = s.Delete("Observation", fmt.Sprintf("o%03d", i))
				} else if _, err := s.Put(fmt.Appendf(nil, `{"resourceType":"Observation","id":"o%03d"}`,
					i)); err != nil {
					t.Fatal(err)
				}
			}
			n++
			if _, err := s.Create([]byte(`{"resourceType":"Observation"}`)); err != nil {
				t.Fatal(err)
			}
		})
		slices.Sort(ids)
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("%s (-want +got):\n%s", order, diff)
		}
	}
}

func TestPagesAreCompleteUnderConcurrentWrites(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	fill(t, s, 300, time.Time{})
	var writers sync.WaitGroup
	stop := make(chan struct{})
	for w := range 3 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					_, _ = s.Put(fmt.Appendf(nil, `{"resourceType":"Observation","id":"o%03d","status":"w%d"}`,
						i%300, w))
				}
			}
		})
	}
	for _, order := range []string{"_lastUpdated", "-_lastUpdated", "_id"} {
		ids, _ := follow(t, s, "/fhir/Observation?_count=40&_sort="+order, func() {})
		slices.Sort(ids)
		if len(ids) != 300 || len(slices.Compact(ids)) != 300 {
			t.Errorf("%s: %d entries, want each of 300 once", order, len(ids))
		}
	}
	close(stop)
	writers.Wait()
}

func TestLateCommitAppearsInThePast(t *testing.T) {
	t.Parallel()
	s := New(Options{Clock: stopped})
	fill(t, s, 3, time.Time{})
	if _, err := s.PutAt(noon.Add(-time.Hour), []byte(`{"resourceType":"Observation","id":"late"}`)); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, "/fhir/Observation?_sort=_lastUpdated&_count=1").ids(); got[0] != "late" {
		t.Errorf("first by _lastUpdated is %v, want the late commit", got)
	}
}

func FuzzSearch(f *testing.F) {
	for _, q := range []string{
		"_lastUpdated=ge2025-03-03T12:00:00%2B01:00&_lastUpdated=lt2026", "_sort=-_lastUpdated&_count=0&_summary=count",
		`code=http%3A%2F%2Fsnomed.info%2Fsct%7C115,b\,c|\|`, "patient=Patient/a,b&subject=&&=x&_id=,&_elements=,a",
		"_page=e30", "subject:Patient=%zz",
	} {
		f.Add(q)
	}
	rules := searchRules{zone: time.UTC, defaultCount: 50, maxCount: 100}
	f.Fuzz(func(t *testing.T, raw string) {
		pairs, err := parseQuery(raw)
		if err != nil {
			return
		}
		q, err := parseSearch("Observation", pairs, rules)
		if err != nil {
			return
		}
		// What link self says must be understood again, and by the strict.
		again, err := parseQuery(encodeQuery(q.used))
		if err != nil {
			t.Fatalf("%q: self cannot be read: %v", raw, err)
		}
		strict := rules
		strict.strict = true
		r, err := parseSearch("Observation", again, strict)
		if err != nil {
			t.Fatalf("%q: self is refused: %v", raw, err)
		}
		if diff := cmp.Diff(q.used, r.used, cmp.AllowUnexported(pair{})); diff != "" {
			t.Errorf("%q: self means something else:\n%s", raw, diff)
		}
		if _, err := url.Parse(withQuery("http://h/fhir/Observation", q.used)); err != nil {
			t.Error(err)
		}
	})
}
