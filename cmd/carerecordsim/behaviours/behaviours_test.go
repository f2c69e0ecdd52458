package behaviours

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
)

var noon = time.Date(2025, 3, 3, 12, 0, 0, 0, time.UTC)

func serve(t *testing.T, name string) *simulator.Server {
	t.Helper()
	p, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	o := simulator.Options{Layers: []simulator.Layer{faults.New(faults.Options{}, p.Rules...).Layer}}
	p.Apply(&o)
	s := simulator.New(o)
	for i := range 6 {
		raw := fmt.Appendf(nil, `{"resourceType":"Observation","id":"o%d","subject":{"reference":"Patient/p"}}`, i)
		if _, err := s.PutAt(noon.Add(time.Duration(-i)*time.Minute), raw); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.DeleteAt(noon, "Observation", "o0"); err != nil {
		t.Fatal(err)
	}
	return s
}

// The differences that a client can find in a few requests.
func TestPresetsBehaveLikeTheirServers(t *testing.T) {
	t.Parallel()
	const byTime = "Observation?_sort=_lastUpdated&_count=2"
	for _, tt := range []struct{ preset, query, prefer, want string }{
		{"honest", byTime, "handling=strict", "200 o5,o4 total 5 next _page="},
		{"honest", "Observation/_history?_count=1", "", "200 o0 total 7 next _page="},
		{"hapi", byTime, "handling=strict", "200 o5,o4 total 5 next _getpages="},
		{"hapi", "Observation/_history?_count=1", "", "200 o0 total 7 next _getpages="},
		{"medplum", byTime, "", "200 o5,o4 next _cursor="},
		{"medplum", "Observation?_sort=_id&_count=2&_total=accurate", "", "200 o1,o2 total 5 next _offset="},
		{"medplum", "Observation?_count=5000", "", "200 o5,o4,o3,o2,o1 self _count=1000"},
		{"medplum", "Observation?_offset=10001", "", "400"},
		{"medplum", "Observation?smaak=zoet", "", "400"},
		{"medplum", byTime, "handling=strict", "400"},
		{"medplum", "Observation/_history", "", "404"},
		{"medplum", "Observation/o0/_history", "", "200 o0,o0"},
		{"medplum", "Observation?_deleted=true", "", "200 o0"},
		{"medmij", "Observation?_lastUpdated=ge2030", "", "400"},
		{"medmij", "Observation?patient=p&_lastUpdated=ge2030&_sort=_lastUpdated", "handling=strict",
			"200 o1,o2,o3,o4,o5 total 5"},
		{"medmij", "Observation/o1/_history", "", "404"},
		{"medmij", "Practitioner", "", "200 total 0"},
		{"linuxforhealth", byTime, "handling=strict", "200 o5,o4 total 5 next _offset="},
		{"smart-bulk", byTime, "", "200 o5,o4 next _page="},
		{"unordered", "Observation?_sort=_lastUpdated&_id=o1&_count=5000", "", "200 o1 total 1"},
		{"plain", byTime, "", "200 o1,o2 next _offset="},
		{"plain", "Observation?_summary=count", "", "200 o1,o2,o3,o4,o5"},
		{"plain", "Observation?_sort=_lastUpdated", "handling=strict", "400"},
	} {
		if got := ask(t, serve(t, tt.preset), tt.query, tt.prefer, tt.want); got != tt.want {
			t.Errorf("%s, %s: %s, want %s", tt.preset, tt.query, got, tt.want)
		}
	}
}

// ask returns the part of an answer that want is about.
func ask(t *testing.T, s *simulator.Server, query, prefer, want string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/fhir/"+query, nil)
	r.Header.Set("Prefer", prefer)
	if prefer == "" {
		r.Header.Del("Prefer")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	said := fmt.Sprint(w.Code)
	if w.Code != http.StatusOK {
		return said
	}
	var b struct {
		Total *int
		Link  []struct{ Relation, URL string }
		Entry []struct{ FullURL string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range b.Entry {
		ids = append(ids, e.FullURL[strings.LastIndex(e.FullURL, "/")+1:])
	}
	if len(ids) > 0 {
		said += " " + strings.Join(ids, ",")
	}
	if b.Total != nil {
		said += fmt.Sprintf(" total %d", *b.Total)
	}
	for _, l := range b.Link {
		for _, mark := range []string{"_page=", "_getpages=", "_cursor=", "_offset=", "_count=1000"} {
			if strings.Contains(l.URL, "?"+mark) || strings.Contains(l.URL, "&"+mark) {
				said += " " + l.Relation + " " + mark
				break
			}
		}
	}
	return said
}

func TestLateCommitsOfLinuxForHealth(t *testing.T) {
	t.Parallel()
	s, late, now := serve(t, "linuxforhealth"), 0, time.Now()
	for i := range 30 {
		v, err := s.Put(fmt.Appendf(nil, `{"resourceType":"Goal","id":"g%d"}`, i))
		if err != nil {
			t.Fatal(err)
		}
		if v.LastUpdated.Before(now) {
			late++
		}
	}
	if late < 8 {
		t.Errorf("%d of 30 writes are late", late)
	}
}

func TestSmartBulkSendsRateLimit(t *testing.T) {
	t.Parallel()
	s, refused := serve(t, "smart-bulk"), 0
	for range 30 {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/fhir/Goal", nil))
		if w.Code == http.StatusTooManyRequests {
			refused++
			if w.Header().Get("Retry-After") != "" || w.Header().Get("RateLimit") != `"default";r=0;t=2` {
				t.Errorf("429 with %v", w.Header())
			}
		}
	}
	if refused != 3 {
		t.Errorf("%d of 30 requests were refused, want 3", refused)
	}
}

func TestFindListsTheNames(t *testing.T) {
	t.Parallel()
	if _, err := Find("hopi"); err == nil || !strings.Contains(err.Error(),
		"honest, hapi, medplum, medmij, linuxforhealth, smart-bulk, unordered, one-sided, azure, sloppy, plain") {
		t.Errorf("Find = %v", err)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range All() {
		if !strings.Contains(string(readme), "| `"+p.Name+"` |") {
			t.Errorf("the README does not tell of %s", p.Name)
		}
	}
}

func TestServersThatRefuseOrSayMoreThanExpected(t *testing.T) {
	t.Parallel()
	get := func(preset, query string) (int, string) {
		p, err := Find(preset)
		if err != nil {
			t.Fatal(err)
		}
		o := simulator.Options{Clock: func() time.Time { return noon }}
		p.Apply(&o)
		s := simulator.New(o)
		for _, id := range []string{"a", "b"} {
			if _, err := s.Put([]byte(`{"resourceType":"Patient","id":"` + id + `"}`)); err != nil {
				t.Fatal(err)
			}
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/fhir/Patient?"+query, nil))
		return w.Code, w.Body.String()
	}
	for _, test := range []struct {
		preset, query string
		status        int
		holds         string
	}{
		{"one-sided", "_lastUpdated=ge2024-01-01&_lastUpdated=le2026-01-01", 400, "invalid"},
		{"one-sided", "_lastUpdated=ge2024-01-01", 200, `"id":"b"`},
		{"azure", "", 500, "too long"},
		{"azure", "_lastUpdated=ge2020-01-01&_lastUpdated=le2025-01-01", 500, "too long"},
		{"azure", "_lastUpdated=ge2025-01-01&_count=1", 200, strings.Repeat("A", 3000)},
		{"sloppy", "_count=1", 200, "\ufeff{"},
		{"sloppy", "_count=1", 200, `{"search":{"mode":"outcome"}}`},
		{"sloppy", "_count=1", 200, `"relation":"Next"`},
		{"sloppy", "_summary=count", 200, `"total":9`},
	} {
		status, body := get(test.preset, test.query)
		if status != test.status || !strings.Contains(body, test.holds) {
			t.Errorf("%s %s: %d %.200s", test.preset, test.query, status, body)
		}
	}
}
