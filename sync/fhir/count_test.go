package fhir

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/sync/source"
)

// However a server counts, what it holds of every type is known, of those too that
// are not read here; or it is said that it does not count.
func TestCountsWhatTheServerHolds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		behaviour simulator.Behaviour
		counts    bool
	}{
		{"honest", simulator.Behaviour{}, true},
		{"totals on request, _summary refused", simulator.Behaviour{TotalOnRequest: true, RefusesUnknown: true,
			RefusesPreferences: true, IgnoredParameters: []string{"_summary"}}, true},
		{"_summary ignored", simulator.Behaviour{NoTotals: true, IgnoredParameters: []string{"_total", "_summary"}, IgnoresPreferences: true}, true},
		{"no totals", simulator.Behaviour{NoTotals: true, IgnoredParameters: []string{"_total", "_summary", "_count"}, IgnoresPreferences: true}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2025, 3, 4, 9, 0, 0, 0, time.UTC)
			server := simulator.New(simulator.Options{Clock: func() time.Time { return now }, Behaviour: test.behaviour})
			for i := range 3 {
				put(t, server, now, fmt.Sprintf(`{"resourceType":"Patient","id":"c%d"}`, i))
			}
			put(t, server, now, `{"resourceType":"Flag","id":"v1","status":"active"}`)
			put(t, server, now.Add(time.Hour), `{"resourceType":"Flag","id":"v2","status":"active"}`)
			web := httptest.NewServer(server)
			t.Cleanup(web.Close)
			s, _ := sourceAt(t, web.URL+server.BasePath())
			d, err := s.Describe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !slices.IsSorted(d.Holds) || !slices.Contains(d.Holds, "Patient") || !slices.Contains(d.Holds, "Flag") {
				t.Errorf("holds %v", d.Holds)
			}
			var got []string
			for _, of := range []struct {
				typ string
				to  time.Time
			}{{"Patient", time.Time{}}, {"Flag", time.Time{}}, {"Flag", now}} {
				n, err := s.Count(t.Context(), of.typ, of.to)
				if err != nil && source.KindOf(err) != source.Unsupported {
					t.Error(err)
				}
				got = append(got, fmt.Sprint(of.typ, " ", n, " ", err == nil))
			}
			want := []string{"Patient 3 true", "Flag 2 true", "Flag 1 true"}
			if !test.counts {
				want = []string{"Patient 0 false", "Flag 0 false", "Flag 0 false"}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func put(t *testing.T, server *simulator.Server, at time.Time, raw string) {
	t.Helper()
	if _, err := server.PutAsIs(at, []byte(raw)); err != nil {
		t.Fatal(err)
	}
}

// There may be more than a hundred types that are not read: what is amiss with one
// is not looked into.
func TestCountOfWhatIsNotReadAsksOnce(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 403, 404} {
		var asked []*url.URL
		var kinds []string
		s, _ := testSource(t, answering(&asked, func(*http.Request) (int, string) {
			return status, `{"resourceType":"OperationOutcome","issue":[{"code":"invalid"}]}`
		}), func(o *Options) { o.Observe = func(r Request) { kinds = append(kinds, r.Type) } })
		if _, err := s.Count(t.Context(), "Flag", time.Time{}); err == nil || len(asked) != 1 || s.learned.refused != 0 {
			t.Errorf("%d: %v after %d requests, learned %b", status, err, len(asked), s.learned.refused)
		}
		if diff := cmp.Diff([]string{"other"}, kinds); diff != "" {
			t.Errorf("metrics name it: %s", diff)
		}
	}
	s, _ := testSource(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		t.Errorf("asked for %s", req.URL)
		return respond(req, 404, ""), nil
	}))
	if _, err := s.Count(t.Context(), "Flag/../Patient", time.Time{}); source.KindOf(err) != source.Unsupported {
		t.Errorf("got %v", err)
	}
}

func TestOnlyWhatCanBeSearchedIsHeld(t *testing.T) {
	t.Parallel()
	const statement = `{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1","rest":[
		{"mode":"client","resource":[{"type":"Task","interaction":[{"code":"search-type"}]}]},
		{"mode":"server","resource":[
			{"type":"Patient","interaction":[{"code":"read"},{"code":"search-type"},{"code":"search-type"}]},
			{"type":"Binary","interaction":[{"code":"read"}]},
			{"type":"Flag"}, {"interaction":[{"code":"search-type"}]}, {"type":"a b","interaction":[{"code":"search-type"}]},
			{"type":"Condition","interaction":[{"code":"search-type"}]}]}]}`
	s, _ := testSource(t, roundTripper(says(200, statement)))
	d, err := s.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Condition", "Patient"}, d.Holds); diff != "" {
		t.Error(diff)
	}
}
