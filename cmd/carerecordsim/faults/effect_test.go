package faults

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dossiersync/cmd/carerecordsim/simulator"
)

func expr(s string) *regexp.Regexp { return regexp.MustCompile(s) }

// newFaultySource is a source whose searches and reads all meet one fault.
func newFaultySource(t *testing.T, reports int, f Fault) source {
	t.Helper()
	return newSource(t, reports, Rule{Fault: f})
}

func TestRefusalsCarryTheirHeaders(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Refusal{
		"429 Retry-After=30":                            {Status: 429, Header: http.Header{"Retry-After": {"30"}}},
		"429 Retry-After=straks":                        {Status: 429, Header: http.Header{"Retry-After": {"straks"}}},
		"503 Retry-After=Mon, 03 Mar 2025 12:00:30 GMT": {Status: 503, RetryAt: 30 * time.Second},
		"429 Retry-After=1741003230000":                 {Status: 429, RetryAtEpoch: 30 * time.Second},
		`429 RateLimit="default";r=0;t=60`:              {Status: 429, Header: RateLimit(60)},
		"401 Retry-After=":                              {Status: 401},
	} {
		g := newFaultySource(t, 1, Refuse(f)).get(t, "/fhir/Observation")
		_, header, _ := strings.Cut(want, " ")
		name, _, _ := strings.Cut(header, "=")
		if got := fmt.Sprintf("%d %s=%s", g.Code, name, g.Header().Get(name)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if g.bundle.ResourceType != "OperationOutcome" {
			t.Errorf("%s came with %s", want, g.Body)
		}
	}
}

func TestContentFaults(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Fault{
		`^<!DOCTYPE html>`: HTML(),
		`^\{"resourceType":"Bundle","type":"searchset","total":0,"link":\[\{"relation":"self","url":"http://ecd.test/fhir/Observation\?_count=3"\}\]\}$`: EmptyBundle(),
		`^\{"resourceType":"OperationOutcome"`: Outcome(),
	} {
		if g := newFaultySource(t, 9, f).get(t, "/fhir/Observation?_count=3"); g.Code != 200 ||
			!expr(want).MatchString(g.Body.String()) {
			t.Errorf("%s: %d: %s", f, g.Code, g.Body)
		}
	}
	if g := newFaultySource(t, 1, Garbage()).get(t, "/fhir/Observation"); g.Code != 200 ||
		g.bundle.ResourceType != "" || g.Body.Len() != 400 {
		t.Errorf("garbage: %d: %s", g.Code, g.Body)
	}
	if g := newFaultySource(t, 1, ContentType("text/csv")).get(t,
		"/fhir/Observation/o00"); g.Header().Get("Content-Type") != "text/csv" ||
		!strings.Contains(g.Body.String(), "Tekst") {
		t.Errorf("content-type: %v: %s", g.Header(), g.Body)
	}
	if g := newFaultySource(t, 1, STU3()).get(t, "/fhir/metadata"); g.bundle.FHIRVersion != "3.0.2" {
		t.Errorf("stu3: %s", g.Body)
	}
	if g := newFaultySource(t, 9, Truncate(0.5)).get(t, "/fhir/Observation"); g.bundle.ResourceType != "" ||
		g.Header().Get("Content-Length") != fmt.Sprint(g.Body.Len()) {
		t.Errorf("truncated: %v: %s", g.Header(), g.Body)
	}
	if g := newFaultySource(t, 1, ClockSkew(-10*time.Minute)).get(t,
		"/fhir/Observation"); g.Header().Get("Date") != "Mon, 03 Mar 2025 11:50:00 GMT" {
		t.Errorf("clock-skew: %s", g.Header().Get("Date"))
	}
}

func TestEntryFaults(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Fault{
		`"mode":"outcome"`:        OutcomeEntry(),
		`"valueString":"\\u0000T`: Poisoned(NUL),
		`"valueString":"\\ud83dT`: Poisoned(LoneSurrogate),
		`"resource":\{"meta":\{"lastUpdated":"2025-03-03T11:5\d:00Z","versionId":"1"\},"resourceType"`: sequence(SecondsOnly(), Poisoned(NoID)),
		`"resource":\{"id":"o00","resourceType"`:                                                       MissingMeta(),
		`"meta":\{"versionId":"1"\}`:                                                                   MissingMeta("lastUpdated"),
	} {
		if g := newFaultySource(t, 2, f).get(t, "/fhir/Observation"); g.Code != 200 ||
			!expr(want).MatchString(g.Body.String()) {
			t.Errorf("%s: no %s in\n%s", f, want, g.Body)
		}
	}
	if g := newFaultySource(t, 1, SecondsOnly()).get(t, "/fhir/Observation/o00"); !strings.Contains(g.Body.String(),
		`"lastUpdated":"2025-03-03T11:59:00Z"`) {
		t.Errorf("seconds-only does not touch reads: %s", g.Body)
	}
	for _, f := range []Fault{Poisoned(NUL), Drop(3), Duplicates(3), SkipTies(), WrongNext(Repeat)} {
		if g := newFaultySource(t, 0, f).get(t, "/fhir/Observation"); g.Code != 200 || g.ids() != "" {
			t.Errorf("%s on an empty page: %d: %s", f, g.Code, g.Body)
		}
	}
}

// sequence applies f after g.
func sequence(f, g Fault) Fault {
	return onPages(Fault{name: f.name + ", " + g.name, handler: func(next http.Handler, h *occurrence) http.Handler {
		return f.wrap(g.wrap(next, h), h)
	}})
}

func TestRowFaults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault             Fault
		entries, distinct int
	}{
		"duplicates": {Duplicates(3), 13, 10},
		"drop":       {Drop(4), 6, 6},
		"drop all":   {Drop(40), 0, 0},
		"short":      {ShortPage(3), 3, 3},
	} {
		ids := strings.Fields(newFaultySource(t, 10, tt.fault).get(t, "/fhir/Observation").ids())
		entries := len(ids)
		slices.Sort(ids)
		if distinct := len(slices.Compact(ids)); entries != tt.entries || distinct != tt.distinct {
			t.Errorf("%s: %d entries, %d resources; want %d, %d", name, entries, distinct, tt.entries, tt.distinct)
		}
	}
}

func TestShortPagesLoseNothingWhenFollowed(t *testing.T) {
	t.Parallel()
	ids, pages := newFaultySource(t, 10, ShortPage(3)).follow(t, "/fhir/Observation?_count=4&_sort=_lastUpdated")
	if strings.Join(ids, " ") != "o00 o01 o02 o03 o04 o05 o06 o07 o08 o09" || pages != 5 {
		t.Errorf("%v on %d pages, want all ten on 3+1+3+1+2", ids, pages)
	}
}

func TestSkipTiesAtThePageBorder(t *testing.T) {
	t.Parallel()
	s := newFaultySource(t, 0, SkipTies())
	for i := range 9 {
		raw := fmt.Appendf(nil, `{"resourceType":"Goal","id":"g%d"}`, i)
		if _, err := s.PutAt(noon.Add(time.Duration(i/5)*time.Second), raw); err != nil { // five, then four
			t.Fatal(err)
		}
	}
	if ids, _ := s.follow(t, "/fhir/Goal?_count=3"); strings.Join(ids, " ") != "g0 g1 g2 g5" {
		t.Errorf("got %v, want g3, g4 and g6 to g8 skipped", ids)
	}
}

func TestWrongNextLinks(t *testing.T) {
	t.Parallel()
	const target = "/fhir/Observation?_count=2&_sort=_lastUpdated"
	if g := newFaultySource(t, 9, WrongNext(Relative)).get(t, target); !strings.HasPrefix(g.next(),
		"/fhir/Observation?_page=") {
		t.Errorf("relative: %s", g.next())
	}
	if g := newFaultySource(t, 9, WrongNext(OtherOrigin)).get(t, target); !strings.HasPrefix(g.next(),
		"https://ecd.elders.example/fhir/Observation?_page=") {
		t.Errorf("other-origin: %s", g.next())
	}
	if g := newFaultySource(t, 9, WrongNext(Missing)).get(t, target); g.next() != "" || len(g.bundle.Entry) != 2 {
		t.Errorf("missing: %s", g.next())
	}
	if ids, pages := newFaultySource(t, 9, WrongNext(Repeat)).follow(t, target); pages != 20 || ids[39] != "o01" {
		t.Errorf("repeat: %v on %d pages", ids, pages)
	}
	if ids, pages := newSource(t, 9, Rule{Match{Page: 2}, WrongNext(Loop)}).follow(t, target); pages != 20 ||
		strings.Join(ids[:6], " ") != "o00 o01 o02 o03 o00 o01" {
		t.Errorf("loop: %v on %d pages", ids, pages)
	}
	s := newFaultySource(t, 9, WrongNext(Expired))
	if g := s.get(t, s.get(t, target).next()); g.Code != http.StatusGone {
		t.Errorf("expired: %d", g.Code)
	}
}

func TestWrongTotals(t *testing.T) {
	t.Parallel()
	if g := newFaultySource(t, 9, WrongTotal(Dropped)).get(t, "/fhir/Observation"); g.bundle.Total != nil {
		t.Errorf("dropped total is %d", *g.bundle.Total)
	}
	if g := newFaultySource(t, 9, WrongTotal(ZeroTotal)).get(t, "/fhir/Observation"); *g.bundle.Total != 0 {
		t.Errorf("zero total is %d", *g.bundle.Total)
	}
	s, totals := newFaultySource(t, 9, WrongTotal(Scrambled)), map[int]bool{}
	for range 20 {
		totals[*s.get(t, "/fhir/Observation").bundle.Total] = true
	}
	if len(totals) < 5 {
		t.Errorf("scrambled totals are %v", totals)
	}
}

func TestIgnoredParametersAreNotInSelf(t *testing.T) {
	t.Parallel()
	const target = "/fhir/Observation?_lastUpdated=ge2025-03-03T11:58:00Z&_sort=-_lastUpdated&_count=1&status:x"
	for want, f := range map[string]Fault{
		"o08 o07":                             Ignore("_count"),
		"o08":                                 Ignore("_lastUpdated"),
		"o07":                                 Ignore("_sort"),
		"o00 o01 o02 o03 o04 o05 o06 o07 o08": Ignore("_lastUpdated", "_sort", "_count"),
	} {
		s := newFaultySource(t, 9, f)
		g := s.get(t, target, "Prefer: handling=strict")
		for _, name := range strings.Split(strings.TrimPrefix(f.String(), "ignore "), ", ") {
			if self := g.bundle.Link[0].URL; strings.Contains(self, name+"=") && !strings.Contains(self, "_sort=_id") {
				t.Errorf("%s: self = %s", f, self)
			}
		}
		if g.ids() != want {
			t.Errorf("%s: found %s, want %s", f, g.ids(), want)
		}
		post := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/fhir/Observation/_search",
			strings.NewReader(strings.SplitN(target, "?", 2)[1]))
		post.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if g := s.do(post); g.ids() != want {
			t.Errorf("%s by POST: found %s, want %s", f, g.ids(), want)
		}
	}
}

func TestLateCommitsBecomeVisibleLater(t *testing.T) {
	t.Parallel()
	now := noon
	clock := func() time.Time { return now }
	in := New(Options{Seed: 3, Clock: clock}, Rule{Fault: LateCommits(10 * time.Second)})
	s := source{simulator.New(simulator.Options{Clock: clock, Layers: []simulator.Layer{in.Layer}}), in}
	for version := range 2 {
		for i := range 20 {
			if _, err := s.Put(fmt.Appendf(nil, `{"resourceType":"Goal","id":"g%02d","lifecycleStatus":"v%d"}`, i,
				version+1)); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(time.Minute - time.Duration(version)*time.Minute)
	}
	seen := func() int {
		ids, _ := s.follow(t, "/fhir/Goal?_count=3&_sort=_lastUpdated")
		if total := *s.get(t, "/fhir/Goal?_summary=count").bundle.Total; total != len(ids) {
			t.Errorf("total = %d with %d entries", total, len(ids))
		}
		return len(ids)
	}
	read := func(status string) (n int) {
		for i := range 20 {
			if strings.Contains(s.get(t, fmt.Sprintf("/fhir/Goal/g%02d", i)).Body.String(),
				`"lifecycleStatus":"`+status+`"`) {
				n++
			}
		}
		return n
	}
	first := seen()
	if first < 4 || first > 16 || read("v2") != first || read("v1") != 20-first {
		t.Errorf("at once %d of 20 are found, %d read anew, %d as before", first, read("v2"), read("v1"))
	}
	now = now.Add(5 * time.Second)
	if middle := seen(); middle <= first || middle >= 20 {
		t.Errorf("after 5 s %d, after 0 s %d", middle, first)
	}
	now = now.Add(5*time.Second + time.Millisecond*40)
	if last := seen(); last != 20 || read("v2") != 20 {
		t.Errorf("after 10 s %d of 20 are found", last)
	}
}

func TestTimeFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		newFaultySource(t, 1, Delay(3*time.Second)).get(t, "/fhir/Observation")
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("delay took %v", took)
		}
		start = time.Now()
		g := newFaultySource(t, 1, SlowDrip(100, time.Second)).get(t, "/fhir/Observation/o00")
		if took := time.Since(start); took != 2*time.Second || g.bundle.ResourceType != "Observation" {
			t.Errorf("slow-drip of %d bytes took %v", g.Body.Len(), took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		for _, f := range []Fault{Delay(time.Hour), SlowDrip(1, time.Hour)} {
			newFaultySource(t, 1, f).do(httptest.NewRequestWithContext(ctx, http.MethodGet, "/fhir/Observation", nil))
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("a client that left was waited for: %v", took)
		}
	})
}

func TestCachedAnswersOutliveChanges(t *testing.T) {
	t.Parallel()
	now := noon
	in := New(Options{Clock: func() time.Time { return now }}, Rule{Fault: Cached(time.Minute)})
	s := source{simulator.New(simulator.Options{Layers: []simulator.Layer{in.Layer}}), in}
	total := func(target string) int { return *s.get(t, target, "Cache-Control: no-cache").bundle.Total }
	if total("/fhir/Goal") != 0 {
		t.Fatal("there is a goal")
	}
	if _, err := s.Put([]byte(`{"resourceType":"Goal","id":"g"}`)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(59 * time.Second)
	if total("/fhir/Goal") != 0 || total("/fhir/Goal?_count=5") != 1 {
		t.Error("within a minute the same URL gets the same answer, another one does not")
	}
	now = now.Add(time.Second)
	if total("/fhir/Goal") != 1 {
		t.Error("after a minute the answer is the same")
	}
}

// Faults that need a real connection.
func TestConnectionFaults(t *testing.T) {
	t.Parallel()
	s := newSource(t, 9)
	server := httptest.NewServer(s.Server)
	defer server.Close()
	fetch := func(f Fault) (int, error) {
		s.Set(Rule{Fault: f})
		response, err := http.Get(server.URL + "/fhir/Observation")
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		n, err := io.Copy(io.Discard, response.Body)
		return int(n), err
	}
	if _, err := fetch(Close()); !errors.Is(err, io.EOF) {
		t.Errorf("close: %v, want EOF", err)
	}
	if n, err := fetch(CutOff(0.5)); !errors.Is(err, io.ErrUnexpectedEOF) || n < 500 {
		t.Errorf("cut-off: %d bytes, %v; want an unexpected EOF", n, err)
	}
	if n, err := fetch(GzipBomb(20 << 20)); err != nil || n < 20<<20 {
		t.Errorf("gzip-bomb: %d bytes, %v; want 20 MiB", n, err)
	}
	g := s.get(t, "/fhir/Observation")
	if g.Body.Len() > 1<<16 {
		t.Errorf("gzip-bomb is %d bytes on the wire", g.Body.Len())
	}
	if _, err := gzip.NewReader(g.Body); err != nil {
		t.Error(err)
	}
}
