package faults

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/simulator"
)

var noon = time.Date(2025, 3, 3, 12, 0, 0, 0, time.UTC)

func stopped() time.Time { return noon }

// source is a simulator with reports o00, o01, … behind an injector.
type source struct {
	*simulator.Server
	*Injector
}

func newSource(t *testing.T, reports int, rules ...Rule) source {
	t.Helper()
	in := New(Options{Seed: 1, Clock: stopped}, rules...)
	s := simulator.New(simulator.Options{Clock: stopped, Layers: []simulator.Layer{in.Layer}})
	for i := range reports {
		raw := fmt.Appendf(nil,
			`{"resourceType":"Observation","id":"o%02d","valueString":"Tekst","subject":{"reference":"Patient/p"}}`, i)
		if _, err := s.PutAt(noon.Add(time.Duration(i-reports)*time.Minute), raw); err != nil {
			t.Fatal(err)
		}
	}
	return source{s, in}
}

type got struct {
	*httptest.ResponseRecorder
	bundle struct {
		ResourceType, FHIRVersion string
		Total                     *int
		Link                      []struct{ Relation, URL string }
		Entry                     []struct {
			Resource map[string]any
			Search   struct{ Mode string }
		}
	}
}

func (g got) next() string {
	for _, l := range g.bundle.Link {
		if l.Relation == "next" {
			return l.URL
		}
	}
	return ""
}

func (g got) ids() string {
	var ids []string
	for _, e := range g.bundle.Entry {
		ids = append(ids, fmt.Sprint(e.Resource["id"]))
	}
	return strings.Join(ids, " ")
}

func (s source) get(t *testing.T, target string, headers ...string) got {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	r.Host = "ecd.test"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return s.do(r)
}

func (s source) do(r *http.Request) got {
	g := got{ResponseRecorder: httptest.NewRecorder()}
	s.ServeHTTP(g, r)
	_ = json.Unmarshal(g.Body.Bytes(), &g.bundle) // some faults send no JSON
	return g
}

// follow reads all pages, at most twenty.
func (s source) follow(t *testing.T, target string) (ids []string, pages int) {
	t.Helper()
	for ; target != "" && pages < 20; pages++ {
		g := s.get(t, target)
		if g.Code != http.StatusOK {
			t.Fatalf("%s: %d", target, g.Code)
		}
		ids = append(ids, strings.Fields(g.ids())...)
		target = g.next()
	}
	return ids, pages
}

func TestRulesHitMatchingRequests(t *testing.T) {
	t.Parallel()
	const search, read = "/fhir/Observation?_count=4", "/fhir/Observation/o01"
	for _, tt := range []struct {
		match   Match
		targets []string
		want    string // s: struck
	}{
		{Match{}, []string{search, read, "/fhir/metadata", "/elsewhere"}, "ssss"},
		{Match{Method: "post"}, []string{search}, "-"},
		{Match{Type: "Observation"}, []string{search, read, "/fhir/Patient", "/fhir/metadata"}, "ss--"},
		{Match{Path: expr(`/o0\d$`)}, []string{search, read}, "-s"},
		{Match{Query: expr(`_count=4`)}, []string{search, read}, "s-"},
		{Match{Interaction: Search}, []string{search, read, search + "&x=1", "/fhir/Observation/_history"}, "s-s-"},
		{Match{Interaction: History}, []string{"/fhir/Observation/_history", "/fhir/Observation/o01/_history",
			search}, "ss-"},
		{Match{Interaction: VRead}, []string{"/fhir/Observation/o01/_history/1", read}, "s-"},
		{Match{Interaction: Metadata}, []string{"/fhir/metadata", search}, "s-"},
		{Match{Interaction: Read}, []string{"/fhir/metadata", read, search}, "-s-"},
		{Match{Page: 1}, []string{search, read}, "s-"},
		{Match{After: 2}, []string{read, read, read, read}, "--ss"},
		{Match{Every: 3}, []string{read, read, read, read, read, read}, "--s--s"},
		{Match{After: 1, Every: 2, Times: 1}, []string{read, read, read, read, read}, "--s--"},
		{Match{Times: 2, Type: "Observation"}, []string{read, "/fhir/metadata", read, read}, "s-s-"},
	} {
		s := newSource(t, 9, Rule{tt.match, Status(http.StatusTeapot)})
		marks := ""
		for _, target := range tt.targets {
			mark := "-"
			if s.get(t, target).Code == http.StatusTeapot {
				mark = "s"
			}
			marks += mark
		}
		if marks != tt.want {
			t.Errorf("%+v on %v: %s, want %s", tt.match, tt.targets, marks, tt.want)
		}
	}
}

func TestPagesAreCounted(t *testing.T) {
	t.Parallel()
	for _, paging := range []simulator.Paging{simulator.Snapshot, simulator.Offset, simulator.Stored,
		simulator.Keyset} {
		in := New(Options{}, Rule{Match{Page: 3}, Status(http.StatusServiceUnavailable)})
		s := source{simulator.New(simulator.Options{
			Layers: []simulator.Layer{in.Layer}, Behaviour: simulator.Behaviour{Paging: paging},
		}), in}
		for i := range 9 {
			if _, err := s.Put(fmt.Appendf(nil, `{"resourceType":"Goal","id":"g%d"}`, i)); err != nil {
				t.Fatal(err)
			}
		}
		target, codes := "/fhir/Goal?_sort=_lastUpdated&_count=2", []int{}
		for target != "" {
			g := s.get(t, target)
			codes = append(codes, g.Code)
			target = g.next()
		}
		if fmt.Sprint(codes) != "[200 200 503]" {
			t.Errorf("paging %d: %v, want the third page to fail", paging, codes)
		}
	}
}

// The same seed draws the same, another seed something else; Set starts again.
func TestProbabilityDependsOnTheSeed(t *testing.T) {
	t.Parallel()
	draws := func(seed uint64) string {
		in := New(Options{Seed: seed}, Rule{Match{Probability: 0.3}, Status(500)})
		s := source{simulator.New(simulator.Options{Layers: []simulator.Layer{in.Layer}}), in}
		marks := ""
		for range 60 {
			marks += fmt.Sprint(s.get(t, "/fhir/metadata").Code/100 - 2)
		}
		return marks
	}
	first := draws(1)
	if again := draws(1); again != first || draws(2) == first {
		t.Errorf("seed 1 drew\n%s and\n%s, seed 2 %s", first, again, draws(2))
	}
	if n := strings.Count(first, "3"); n < 8 || n > 30 {
		t.Errorf("struck %d of 60 times, want about 18", n)
	}
}

func TestRulesCombineAndCanBeReplaced(t *testing.T) {
	t.Parallel()
	var events []Event
	in := New(Options{OnFault: func(e Event) { events = append(events, e) }},
		Rule{Match{}, ContentType("text/plain")}, Rule{Match{Type: "Goal"}, Status(503)})
	s := source{simulator.New(simulator.Options{Layers: []simulator.Layer{in.Layer}}), in}
	if g := s.get(t, "/fhir/Goal"); g.Code != 503 || g.Header().Get("Content-Type") != "text/plain" {
		t.Errorf("both rules gave %d, %s", g.Code, g.Header().Get("Content-Type"))
	}
	s.get(t, "/fhir/metadata")
	if fmt.Sprint(events) != "[{1 content-type text/plain GET Goal 1} {2 status 503 GET Goal 1} {1 content-type text/plain GET  1}]" ||
		fmt.Sprint(in.Hits()) != "[2 1]" {
		t.Errorf("events %v, hits %v", events, in.Hits())
	}
	in.Set()
	if g := s.get(t, "/fhir/Goal"); g.Code != 200 || len(events) != 3 {
		t.Errorf("after Set(): %d, %d events", g.Code, len(events))
	}
	in.Set(Rule{})
	if g := s.get(t, "/fhir/Goal"); g.Code != 200 {
		t.Errorf("the zero Fault gave %d", g.Code)
	}
}

// An answer without a fault is unchanged, compressed or not.
func TestOtherRequestsAreUnchanged(t *testing.T) {
	t.Parallel()
	s := newSource(t, 40, Rule{Match{Page: 2}, Drop(1)})
	plain := newSource(t, 40)
	want, err := io.ReadAll(plain.get(t, "/fhir/Observation?_count=40").Body)
	if err != nil {
		t.Fatal(err)
	}
	if g := s.get(t, "/fhir/Observation?_count=40"); g.Body.String() != string(want) {
		t.Errorf("changed:\n%s\n%s", g.Body, want)
	}
	if g := s.get(t, "/fhir/Observation/o01", "Accept-Encoding: gzip"); g.Code != 200 {
		t.Errorf("read: %d", g.Code)
	}
}
