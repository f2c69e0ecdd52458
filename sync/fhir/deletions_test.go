package fhir

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

var since = time.Date(2025, 3, 4, 8, 0, 0, 0, time.UTC)

// historyOf returns a history Bundle of the entries, each method, url, moment.
func historyOf(more string, entries ...[3]string) string {
	var all []string
	for _, e := range entries {
		resource := ""
		if e[0] != "DELETE" {
			resource = `"resource":` + document + `,`
		}
		all = append(all, fmt.Sprintf(`{%s"request":{"method":%q,"url":%q},"response":{"status":"200","lastModified":%q}}`, resource, e[0], e[1], e[2]))
	}
	return `{"resourceType":"Bundle","type":"history"` + more + `,"entry":[` + strings.Join(all, ",") + `]}`
}

func TestDeletedInHistory(t *testing.T) {
	t.Parallel()
	const early, late = "2025-03-04T09:00:00Z", "2025-03-04T10:00:00Z"
	for _, test := range []struct {
		name    string
		entries [][3]string
		want    []string
	}{
		{"nothing", nil, nil},
		{"deleted", [][3]string{{"DELETE", "DocumentReference/a", late}, {"PUT", "DocumentReference/a", early}}, []string{"a 10:00"}},
		{"made again", [][3]string{{"PUT", "DocumentReference/a", late}, {"DELETE", "DocumentReference/a", early}}, nil},
		{"made again, oldest first", [][3]string{{"DELETE", "DocumentReference/a", early}, {"PUT", "DocumentReference/a", late}}, nil},
		{"when, not said", [][3]string{{"DELETE", "DocumentReference/a", ""}, {"PUT", "DocumentReference/a", ""}}, []string{"a 00:00"}},
		{"absolute, with a version", [][3]string{{"DELETE", "https://ecd.example/fhir/DocumentReference/a/_history/2", late}}, []string{"a 10:00"}},
		{"from the root", [][3]string{{"DELETE", "/DocumentReference/a", late}}, []string{"a 10:00"}},
		{"another type", [][3]string{{"DELETE", "Patient/a", late}}, nil},
		{"by a condition", [][3]string{{"DELETE", "DocumentReference?identifier=1", late}}, nil},
		{"elsewhere", [][3]string{{"DELETE", "https://other.example/fhir/DocumentReference/a", late}}, nil},
		{"several", [][3]string{{"DELETE", "DocumentReference/a", late}, {"POST", "DocumentReference/c", late}, {"DELETE", "DocumentReference/b", early}}, []string{"a 10:00", "b 09:00"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var asked []*url.URL
			s, q := testSource(t, answering(&asked, func(*http.Request) (int, string) { return 200, historyOf("", test.entries...) }))
			p, err := s.Deleted(t.Context(), q.Type, since, "")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range p.Deletions {
				if d.Type != "DocumentReference" {
					t.Error(d.Ref)
				}
				got = append(got, d.ID+" "+d.At.Format("15:04"))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if got, want := asked[0].String(), "https://ecd.example/fhir/DocumentReference/_history?_count=500&_since=2025-03-04T08%3A00%3A00.000Z"; got != want {
				t.Errorf("asked %s", got)
			}
		})
	}
}

func TestDeletedInHistoryByFullURL(t *testing.T) {
	t.Parallel()
	s, q := testSource(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		return respond(req, 200, `{"resourceType":"Bundle","type":"history","entry":[{"fullUrl":"https://ecd.example/fhir/DocumentReference/a","request":{"method":"DELETE"}},7]}`), nil
	}))
	p, err := s.Deleted(t.Context(), q.Type, since, "")
	if diff := cmp.Diff([]source.Deletion{{Ref: dossier.Ref{Type: "DocumentReference", ID: "a"}}}, p.Deletions); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// An answer that may be of records that are there must never pass for deletions.
func TestDeletedInSearchMustBeCertain(t *testing.T) {
	t.Parallel()
	const stub = `{"resourceType":"DocumentReference","id":"a","meta":{"lastUpdated":"2025-03-04T09:00:00Z"}}`
	const self = `,"link":[{"relation":"self","url":"https://ecd.example/fhir/DocumentReference?_deleted=true"}]`
	for _, test := range []struct {
		name, body string
		ok         bool
	}{
		{"certain", searchset(self, stub), true},
		{"nothing deleted", searchset(self), true},
		{"with a remark", searchset(self, stub, `{"resourceType":"OperationOutcome","issue":[]}`), true},
		{"does not say how it searched", searchset("", stub), false},
		{"searched without", searchset(`,"link":[{"relation":"self","url":"https://ecd.example/fhir/DocumentReference?_count=500"}]`, stub), false},
		{"a record with a body", searchset(self, stub, document), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var asked []*url.URL
			s, q := testSource(t, answering(&asked, func(r *http.Request) (int, string) {
				if strings.HasSuffix(r.URL.Path, "_history") {
					return 404, ""
				}
				return 200, test.body
			}))
			for range 2 {
				p, err := s.Deleted(t.Context(), q.Type, since, "")
				if test.ok != (err == nil) || !test.ok && (source.KindOf(err) != source.Unsupported || p.Deletions != nil) {
					t.Fatalf("got %+v %v", p, err)
				}
			}
			want := 3 // the history was asked for once
			switch {
			case !test.ok:
				want = 2
			case test.name == "nothing deleted": // it may not know the parameter: both are asked for again, and a count
				want = 9
			}
			if len(asked) != want {
				t.Errorf("asked %v", asked)
			}
		})
	}
}

// A server that ignores _deleted has nothing to show where nothing has changed, and may repeat the
// parameter in its self link all the same.
func TestIgnoredDeletedIsFoundOut(t *testing.T) {
	t.Parallel()
	for held, want := range map[string]source.FailureKind{document: source.Unsupported, "": ""} {
		var asked []*url.URL
		s, q := testSource(t, answering(&asked, func(r *http.Request) (int, string) {
			self := `,"total":0,"link":[{"relation":"self","url":"https://ecd.example` + r.URL.RequestURI() + `"}]`
			switch {
			case strings.HasSuffix(r.URL.Path, "_history"):
				return 404, ""
			case r.URL.Query().Has("_lastUpdated") || held == "":
				return 200, searchset(self)
			}
			return 200, searchset(self, held)
		}))
		if _, err := s.Deleted(t.Context(), q.Type, since, ""); source.KindOf(err) != want {
			t.Errorf("got %v, want %q", err, want)
		}
		if s.learned.feed != 0 {
			t.Error("it is taken for a way to tell of deletions")
		}
	}
}

func TestDeletedFailures(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]source.FailureKind{401: source.Unauthorized, 403: source.Unauthorized, 404: source.Unsupported,
		400: source.Unsupported, 405: source.Unsupported, 501: source.Unsupported} {
		var asked []*url.URL
		s, q := testSource(t, answering(&asked, func(*http.Request) (int, string) { return status, "" }))
		if _, err := s.Deleted(t.Context(), q.Type, since, ""); source.KindOf(err) != want {
			t.Errorf("%d: got %v", status, err)
		}
		if learned := s.learned.mute != nil; learned != (want == source.Unsupported) {
			t.Errorf("%d: learned %v", status, s.learned.mute)
		}
	}
	for status, want := range map[int]source.FailureKind{410: source.Expired, 404: source.Expired} {
		var asked []*url.URL
		s, q := testSource(t, answering(&asked, func(*http.Request) (int, string) { return status, "" }))
		if _, err := s.Deleted(t.Context(), q.Type, since, "DocumentReference/_history?_page=2"); source.KindOf(err) != want {
			t.Errorf("next %d: got %v", status, err)
		}
	}
	var asked []*url.URL
	s, q := testSource(t, answering(&asked, func(*http.Request) (int, string) {
		return 200, historyOf(`,"link":[{"relation":"next","url":"https://evil.example/"}]`)
	}))
	if _, err := s.Deleted(t.Context(), q.Type, since, ""); source.KindOf(err) != source.Invalid {
		t.Errorf("another origin: got %v", err)
	}
	if _, err := s.Deleted(t.Context(), q.Type, since, "https://evil.example/"); source.KindOf(err) != source.Invalid || len(asked) != 1 {
		t.Errorf("another origin: got %v", err)
	}
	if _, err := s.Deleted(t.Context(), source.Type{Name: "Basic"}, since, ""); source.KindOf(err) != source.Unsupported {
		t.Errorf("got %v", err)
	}
}

// Against a server that others wrote, and in every way that it has.
func TestDeletedFromServers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		behaviour simulator.Behaviour
		feed      feed
	}{
		"history":         {simulator.Behaviour{}, feedHistory},
		"history by page": {simulator.Behaviour{Paging: simulator.Stored}, feedHistory},
		"like Medplum":    {simulator.Behaviour{Paging: simulator.Keyset, NoTypeHistory: true, ListsDeleted: true, RefusesUnknown: true, RefusesPreferences: true}, feedSearch},
		"oldest first":    {simulator.Behaviour{HistoryOldestFirst: true}, feedHistory},
		"gone versions":   {simulator.Behaviour{HistoryShowsGone: true, HistoryOldestFirst: true}, feedHistory},
		"ignored, echoed": {simulator.Behaviour{NoTypeHistory: true, IgnoresPreferences: true, EchoesSelf: true}, 0},
		"neither":         {simulator.Behaviour{NoTypeHistory: true}, 0},
		"neither, silent": {simulator.Behaviour{NoTypeHistory: true, IgnoresPreferences: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := since
			server := simulator.New(simulator.Options{Clock: func() time.Time { return now }, Behaviour: test.behaviour})
			web := httptest.NewServer(server)
			t.Cleanup(web.Close)
			base := web.URL + server.BasePath()
			send := func(method, id string) {
				t.Helper()
				now = now.Add(time.Second)
				body := with(t, document, "id", `"`+id+`"`)
				req, _ := http.NewRequestWithContext(t.Context(), method, base+"/DocumentReference/"+id, strings.NewReader(body))
				req.Header.Set("Content-Type", "application/fhir+json")
				resp, err := http.DefaultClient.Do(req)
				if err != nil || resp.StatusCode >= 300 {
					t.Fatal(resp, err)
				}
				resp.Body.Close()
			}
			var want []string
			for i := range 30 {
				id := fmt.Sprintf("d%02d", i)
				send(http.MethodPut, id)
				if i%3 == 0 {
					send(http.MethodDelete, id)
					want = append(want, id)
				}
			}
			s, q := sourceAt(t, base, func(o *Options) { o.PageSize = 4 })
			var got []string
			for next := ""; ; {
				p, err := s.Deleted(t.Context(), q.Type, since, next)
				if test.feed == 0 {
					if source.KindOf(err) != source.Unsupported {
						t.Fatalf("got %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range p.Deletions {
					got = append(got, d.ID)
					if d.At.Before(since) {
						t.Errorf("%s deleted at %v", d.ID, d.At)
					}
				}
				if next = p.Next; next == "" {
					break
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, slices.Compact(got)); diff != "" || s.learned.feed != test.feed {
				t.Error(diff, s.learned.feed)
			}
		})
	}
}

func TestDeletionsThatAreTooLarge(t *testing.T) {
	t.Parallel()
	var asked []*url.URL
	s, q := testSource(t, answering(&asked, func(r *http.Request) (int, string) {
		if count := r.URL.Query().Get("_count"); count == "500" || count == "125" || count == "" {
			return 200, `{"x":"` + strings.Repeat("y", 2000) + `"}`
		}
		return 200, historyOf(`,"link":[{"relation":"next","url":"DocumentReference/_history?_page=2"}]`, [3]string{"DELETE", "DocumentReference/a", ""})
	}), func(o *Options) { o.Limits.Response = 1000 })
	next := ""
	for range 2 { // the second page is too large too: the list begins anew
		p, err := s.Deleted(t.Context(), q.Type, since, next)
		if err != nil || len(p.Deletions) != 1 {
			t.Fatal(p, err)
		}
		next = p.Next
	}
	var counts []string
	for _, u := range asked {
		counts = append(counts, u.Query().Get("_count"))
	}
	if want := []string{"500", "125", "31", "", "7"}; !slices.Equal(counts, want) {
		t.Errorf("asked for %v, want %v", counts, want)
	}
}
