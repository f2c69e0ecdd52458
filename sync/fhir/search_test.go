package fhir

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// answering returns a transport that gives the body for every request, and puts
// the requests' URLs into asked.
func answering(asked *[]*url.URL, body func(*http.Request) (int, string)) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		*asked = append(*asked, req.URL)
		status, b := body(req)
		return respond(req, status, b), nil
	})
}

func searchset(more string, resources ...string) string {
	var entries []string
	for _, r := range resources {
		entries = append(entries, `{"resource":`+r+`,"search":{"mode":"match"}}`)
	}
	return `{"resourceType":"Bundle","type":"searchset"` + more + `,"entry":[` + strings.Join(entries, ",") + `]}`
}

func TestSearchURL(t *testing.T) {
	t.Parallel()
	from := time.Date(2025, 3, 4, 9, 15, 22, 123_999_999, time.FixedZone("", 3600))
	to := time.Date(2025, 3, 4, 10, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name, kind string
		change     func(*source.Query)
		want       string
	}{
		{"everything", "DocumentReference", func(*source.Query) {}, "DocumentReference?_count=500&_sort=_lastUpdated&_total=accurate"},
		{"a window, cut off to milliseconds", "DocumentReference", func(q *source.Query) { q.From, q.To = from, to },
			"DocumentReference?_count=500&_lastUpdated=ge2025-03-04T08%3A15%3A22.123Z&_lastUpdated=le2025-03-04T10%3A00%3A00.000Z&_sort=_lastUpdated&_total=accurate"},
		{"one client's", "Observation", func(q *source.Query) { q.Client = "c1" },
			"Observation?_count=500&_sort=_lastUpdated&_total=accurate&code=http%3A%2F%2Fsnomed.info%2Fsct%7C11591000146107&patient=Patient%2Fc1"},
		{"one client", "Patient", func(q *source.Query) { q.Client = "c1" }, "Patient?_count=500&_id=c1&_sort=_lastUpdated&_total=accurate"},
		{"a count", "DocumentReference", func(q *source.Query) { q.CountOnly, q.To = true, to },
			"DocumentReference?_lastUpdated=le2025-03-04T10%3A00%3A00.000Z&_summary=count"},
		{"envelopes", "DocumentReference", func(q *source.Query) { q.Envelope = true },
			"DocumentReference?_count=500&_elements=id%2Cmeta%2CimplicitRules%2CmodifierExtension%2Cstatus%2CdocStatus%2Csubject%2Ctype%2Ccategory%2CsecurityLabel&_sort=_lastUpdated&_total=accurate"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var asked []*url.URL
			s, _ := testSource(t, answering(&asked, func(*http.Request) (int, string) { return 200, emptyBundle }))
			k, _ := kindNamed(test.kind)
			typ, _ := s.typeOf(k.stream(), test.kind)
			q := source.Query{Type: typ}
			test.change(&q)
			if _, err := s.Search(t.Context(), q); err != nil {
				t.Fatal(err)
			}
			if got, want := asked[0].String(), "https://ecd.example/fhir/"+test.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestSearchPage(t *testing.T) {
	t.Parallel()
	var asked []*url.URL
	body := `{"resourceType":"Bundle","type":"searchset","total":7,"entry":[
		{"resource":` + document + `,"search":{"mode":"match"}},
		{"resource":` + strings.Replace(document, `"d1"`, `"d2"`, 1) + `},
		{"resource":{"resourceType":"OperationOutcome","issue":[]},"search":{"mode":"outcome"}},
		{"resource":{"resourceType":"OperationOutcome"}},
		{"resource":` + patient + `,"search":{"mode":"include"}},
		{"resource":` + patient + `,"search":{"mode":"match"}},
		{"fullUrl":"https://ecd.example/fhir/DocumentReference/d9","resource":{"resourceType":"DocumentReference",]},
		{"fullUrl":"urn:uuid:1","search":{"mode":"match"}},
		null,
		{"resource":{"resourceType":"DocumentReference"}}]}`
	s, q := testSource(t, answering(&asked, func(*http.Request) (int, string) { return 200, body }))
	p, err := s.Search(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, it := range p.Items {
		got = append(got, fmt.Sprint(it.Type, "/", it.ID, " ", it.State, " ", it.Reason))
	}
	want := []string{"DocumentReference/d1 shown ", "DocumentReference/d2 shown ", "Patient/ quarantined bad-type",
		"DocumentReference/d9 quarantined bad-json", "DocumentReference/ quarantined bad-json",
		"DocumentReference/ quarantined bad-id"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if p.Total != 7 || p.Warnings != 3 || p.Next != "" || p.Bytes != int64(len(body)) {
		t.Errorf("got total %d, %d warnings, next %q, %d bytes", p.Total, p.Warnings, p.Next, p.Bytes)
	}
}

func TestSearchTotals(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]int{"": -1, `,"total":0`: 0, `,"total":12`: 12, `,"total":-3`: -1, `,"total":null`: -1} {
		var asked []*url.URL
		s, q := testSource(t, answering(&asked, func(*http.Request) (int, string) { return 200, searchset(more) }))
		q.CountOnly = true
		if p, err := s.Search(t.Context(), q); err != nil || p.Total != want || p.Items != nil {
			t.Errorf("%s: got %d %v, want %d", more, p.Total, err, want)
		}
	}
}

func TestNextLinks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, link, next string
		offset           bool
		fails            string
	}{
		{"absolute", "https://ecd.example/fhir?_getpages=1%7C2&_getpagesoffset=500", "https://ecd.example/fhir?_getpages=1%7C2&_getpagesoffset=500", false, ""},
		{"relative to the base", "DocumentReference?page=x", "https://ecd.example/fhir/DocumentReference?page=x", false, ""},
		{"a query alone", "?_getpages=1", "https://ecd.example/fhir/?_getpages=1", false, ""},
		{"from the root", "/fhir/DocumentReference?x=1", "https://ecd.example/fhir/DocumentReference?x=1", false, ""},
		{"offset", "DocumentReference?_offset=500", "https://ecd.example/fhir/DocumentReference?_offset=500", true, ""},
		{"page number", "DocumentReference?page=2", "https://ecd.example/fhir/DocumentReference?page=2", true, ""},
		{"cursor", "DocumentReference?_cursor=2025-1", "https://ecd.example/fhir/DocumentReference?_cursor=2025-1", false, ""},
		{"port of the scheme", "https://ecd.example:443/fhir?a", "https://ecd.example:443/fhir?a", false, ""},
		{"another host", "https://evil.example/fhir?geheim", "", false, "another origin"},
		{"another port", "https://ecd.example:8443/fhir?geheim", "", false, "another origin"},
		{"another scheme", "http://ecd.example/fhir?geheim", "", false, "another origin"},
		{"no scheme", "//evil.example/fhir", "", false, "another origin"},
		{"a user", "https://geheim@ecd.example/fhir", "", false, "another origin"},
		{"no URL", "https://[geheim", "", false, "is not a URL"},
		{"too long", "?x=" + strings.Repeat("y", 70_000), "", false, "too long"},
		{"3 KB", "?x=" + strings.Repeat("y", 3000), "https://ecd.example/fhir/?x=" + strings.Repeat("y", 3000), false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var asked []*url.URL
			s, q := testSource(t, answering(&asked, func(*http.Request) (int, string) {
				return 200, searchset(`,"link":[{"relation":"self","url":"x"},{"relation":"next","url":"` + test.link + `"}]`)
			}))
			p, err := s.Search(t.Context(), q)
			if test.fails != "" {
				if source.KindOf(err) != source.Invalid || !strings.Contains(errorText(err), test.fails) || strings.Contains(errorText(err), "geheim") {
					t.Errorf("got %v", err)
				}
				// A link that was stored is no more trusted than one that comes in.
				q.Next = test.link
				if _, err := s.Search(t.Context(), q); source.KindOf(err) != source.Invalid || len(asked) != 1 {
					t.Errorf("followed: %v", err)
				}
				return
			}
			if err != nil || p.Next != test.next || p.Offset != test.offset {
				t.Fatalf("got %q %v %v, want %q", p.Next, p.Offset, err, test.next)
			}
			q.Next = p.Next
			if _, err := s.Search(t.Context(), q); err == nil && asked[1].String() != test.next {
				t.Errorf("asked %s", asked[1])
			}
		})
	}
}

// A server behind a proxy may write links with the name that it knows itself by.
func TestNextLinksUnderAnAliasAreFollowedAtTheBase(t *testing.T) {
	t.Parallel()
	for link, want := range map[string]string{
		"http://intern:8080/r4/DocumentReference?page=2": "https://ecd.example/fhir/DocumentReference?page=2",
		"http://intern:8080/r4/?page=2":                  "https://ecd.example/fhir/?page=2",
		"http://intern:8080/r4/%2e%2e/x?page=2":          "",
		"http://intern:8080/r4/../x?page=2":              "",
		"http://intern:8080/other/DocumentReference":     "",
		"http://other:8080/r4/DocumentReference":         "",
		"http://u@intern:8080/r4/DocumentReference":      "",
	} {
		var asked []*url.URL
		s, q := testSource(t, answering(&asked, func(*http.Request) (int, string) {
			return 200, searchset(`,"link":[{"relation":"next","url":"` + link + `"}]`)
		}))
		s.mapper.aliases = []*url.URL{mustURL("http://intern:8080/r4")}
		p, err := s.Search(t.Context(), q)
		if p.Next != want || (want == "") != (source.KindOf(err) == source.Invalid) {
			t.Errorf("%s: got %q %v, want %q", link, p.Next, err, want)
		}
	}
}

func TestNextLinkToItselfIsRefused(t *testing.T) {
	t.Parallel()
	var asked []*url.URL
	s, q := testSource(t, answering(&asked, func(*http.Request) (int, string) {
		return 200, searchset(`,"link":[{"relation":"next","url":"?page=abc"}]`)
	}))
	p, err := s.Search(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	q.Next = p.Next
	if _, err := s.Search(t.Context(), q); source.KindOf(err) != source.Invalid {
		t.Errorf("got %v", err)
	}
}

func TestExpiredPages(t *testing.T) { // cases 61 and 62
	t.Parallel()
	for status, want := range map[int]source.FailureKind{410: source.Expired, 404: source.Expired, 400: source.Unsupported, 403: source.Unauthorized} {
		var asked []*url.URL
		s, q := testSource(t, answering(&asked, func(*http.Request) (int, string) { return status, "" }))
		q.Next = "https://ecd.example/fhir?_getpages=1"
		if _, err := s.Search(t.Context(), q); source.KindOf(err) != want || len(asked) != 1 {
			t.Errorf("%d: got %v", status, err)
		}
	}
}

func TestUnfiltered(t *testing.T) { // case 69
	t.Parallel()
	from, to := time.Date(2025, 3, 4, 9, 0, 0, 0, time.UTC), time.Date(2025, 3, 4, 10, 0, 0, 0, time.UTC)
	updated := func(s string) string { return with(t, document, "meta", `{"lastUpdated":"`+s+`"}`) }
	for _, test := range []struct {
		name, self string
		resource   string
		windowed   bool
		want       bool
	}{
		{"honoured", "https://ecd.example/fhir/DocumentReference?_lastUpdated=ge2025", updated("2025-03-04T09:30:00Z"), true, false},
		{"left out of self", "https://ecd.example/fhir/DocumentReference?_count=500", updated("2025-03-04T09:30:00Z"), true, true},
		{"not asked for", "https://ecd.example/fhir/DocumentReference", updated("2020-03-04T09:30:00Z"), false, false},
		{"self says nothing, records do", "", updated("2020-03-04T09:30:00Z"), true, true},
		{"self says so, records do not", "?_lastUpdated=ge2025", updated("2020-03-04T09:30:00Z"), true, true},
		{"changed while paging", "", updated("2025-03-04T11:30:00Z"), true, false},
		{"without lastUpdated", "", with(t, document, "meta", ""), true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			links := `,"link":[{"relation":"next","url":"?_getpages=1"}]`
			if test.self != "" {
				links = `,"link":[{"relation":"self","url":"` + test.self + `"},{"relation":"next","url":"?_getpages=1"}]`
			}
			var asked []*url.URL
			s, q := testSource(t, answering(&asked, func(*http.Request) (int, string) { return 200, searchset(links, test.resource) }))
			if test.windowed {
				q.From, q.To = from, to
			}
			p, err := s.Search(t.Context(), q)
			if err != nil || p.Unfiltered != test.want {
				t.Errorf("got %v %v", p.Unfiltered, err)
			}
		})
	}
}

// A server that refuses something beyond plain FHIR is asked without it, and not
// for it again.
func TestSearchAdapts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		refuses  func(*http.Request) bool
		envelope bool
		count    bool
		learned  feature
		requests int // of the first search
	}{
		{"nothing refused", func(*http.Request) bool { return false }, false, false, 0, 1},
		{"_total", func(r *http.Request) bool { return r.URL.Query().Has("_total") }, false, false, withTotal, 2},
		{"Prefer", func(r *http.Request) bool { return r.Header.Get("Prefer") != "" }, false, false, withStrict, 3},
		{"_elements", func(r *http.Request) bool { return r.URL.Query().Has("_elements") }, true, false, withElements, 4},
		{"_total and Prefer", func(r *http.Request) bool { return r.URL.Query().Has("_total") || r.Header.Get("Prefer") != "" }, false, false, withTotal | withStrict, 8},
		{"_summary", func(r *http.Request) bool { return r.URL.Query().Has("_summary") }, false, true, withSummary, 3},
		{"_sort", func(r *http.Request) bool { return r.URL.Query().Has("_sort") }, false, false, withSort, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var asked []*url.URL
			s, q := testSource(t, answering(&asked, nil))
			s.client.http.Transport = answering(&asked, func(r *http.Request) (int, string) {
				if test.refuses(r) {
					return 400, `{"resourceType":"OperationOutcome","issue":[{"code":"invalid"}]}`
				}
				return 200, emptyBundle
			})
			q.Envelope, q.CountOnly = test.envelope, test.count
			for range 2 {
				if _, err := s.Search(t.Context(), q); err != nil {
					t.Fatal(err)
				}
			}
			if s.learned.refused != test.learned || len(asked) != test.requests+1 {
				t.Errorf("learned %b of %d requests, want %b of %d", s.learned.refused, len(asked), test.learned, test.requests+1)
			}
		})
	}
}

// A server that takes one bound of the interval is asked for the lower, and one
// that takes none for everything.
func TestSearchWithoutAnInterval(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		bounds     int // of _lastUpdated, that the server takes
		want       []string
		unfiltered bool
	}{
		{"both", 2, []string{"ge2025-01-01T00:00:00.000Z", "le2025-02-01T00:00:00.000Z"}, false},
		{"one", 1, []string{"ge2025-01-01T00:00:00.000Z"}, false},
		{"none", 0, nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var asked []*url.URL
			s, q := testSource(t, answering(&asked, func(r *http.Request) (int, string) {
				if len(r.URL.Query()["_lastUpdated"]) > test.bounds {
					return 400, `{"resourceType":"OperationOutcome","issue":[{"code":"invalid"}]}`
				}
				return 200, emptyBundle
			}))
			q.From, q.To = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2025, 2, 1, 0, 0, 0, 0, time.UTC)
			for range 2 {
				p, err := s.Search(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if p.Unfiltered != test.unfiltered {
					t.Errorf("unfiltered: %t, want %t", p.Unfiltered, test.unfiltered)
				}
			}
			if diff := cmp.Diff(test.want, asked[len(asked)-1].Query()["_lastUpdated"]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Servers write what is legal, and now and then what is not.
func TestAnswersInOtherForms(t *testing.T) {
	t.Parallel()
	var asked []*url.URL
	body := "\ufeff" + searchset(`,"link":[{"relation":"Next","url":"?p=2"}]`)
	s, q := testSource(t, answering(&asked, func(*http.Request) (int, string) { return 200, body }))
	p, err := s.Search(t.Context(), q)
	if err != nil || p.Next != "https://ecd.example/fhir/?p=2" {
		t.Errorf("got %q, %v", p.Next, err)
	}
	body = `[{"resourceType":"Bundle"}]`
	if _, err := s.Search(t.Context(), q); !strings.Contains(errorText(err), "the answer is JSON, but not an object") {
		t.Errorf("an array: %v", err)
	}
}

// Where the source says with which bounds it searched, it must have kept the lower.
func TestLowerBoundThatWasDropped(t *testing.T) {
	t.Parallel()
	for self, want := range map[string]bool{
		"x?_lastUpdated=ge2025-01-01&_lastUpdated=le2025-02-01": false, "x?_lastUpdated=ge2025-01-01": false,
		"x?_lastUpdated=2025-01-01": false, "x?_lastUpdated=le2025-02-01": true, "x?_count=5": true,
	} {
		var asked []*url.URL
		s, q := testSource(t, answering(&asked, func(*http.Request) (int, string) {
			return 200, searchset(`,"link":[{"relation":"self","url":"` + self + `"}]`)
		}))
		q.From, q.To = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2025, 2, 1, 0, 0, 0, 0, time.UTC)
		p, err := s.Search(t.Context(), q)
		if err != nil || p.Unfiltered != want {
			t.Errorf("%s: unfiltered %t %v, want %t", self, p.Unfiltered, err, want)
		}
	}
}

func TestSearchThatIsRefusedAltogether(t *testing.T) {
	t.Parallel()
	var asked []*url.URL
	s, q := testSource(t, answering(&asked, func(*http.Request) (int, string) {
		return 400, `{"resourceType":"OperationOutcome","issue":[{"code":"not-supported"}]}`
	}))
	_, err := s.Search(t.Context(), q)
	if got, want := errorText(err), "search DocumentReference: the source does not support it (HTTP 400): not-supported"; got != want || s.learned.refused != 0 {
		t.Errorf("learned %b: got %q, want %q", s.learned.refused, got, want)
	}
}

func TestPagesThatAreTooLargeGetSmaller(t *testing.T) {
	t.Parallel()
	var asked []*url.URL
	s, q := testSource(t, answering(&asked, func(r *http.Request) (int, string) {
		if n, err := strconv.Atoi(r.URL.Query().Get("_count")); err == nil && n <= 10 {
			return 200, searchset(`,"link":[{"relation":"self","url":"?a"}]`)
		}
		return 200, `{"x":"` + strings.Repeat("y", 2000) + `"}`
	}), func(o *Options) { o.Limits.Response = 1000 })
	for range 3 {
		if _, err := s.Search(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	var counts []string
	for _, u := range asked {
		counts = append(counts, u.Query().Get("_count"))
	}
	if want := []string{"500", "125", "31", "7", "14", "3", "6"}; !slices.Equal(counts, want) {
		t.Errorf("asked for %v, want %v: smaller until it fits, then larger again", counts, want)
	}
}

// A later page that is too large costs the window no restart.
func TestLaterPagesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	const records = 200
	var asked []*url.URL
	s, q := testSource(t, answering(&asked, func(r *http.Request) (int, string) {
		params := r.URL.Query()
		from, _ := strconv.Atoi(params.Get("_offset"))
		count, _ := strconv.Atoi(params.Get("_count"))
		to := min(from+count, records)
		var page []string
		for i := from; i < to; i++ {
			description := `"Verslag"`
			if i >= 150 {
				description = `"` + strings.Repeat("x", 20_000) + `"`
			}
			page = append(page, with(t, document, "id", `"d`+strconv.Itoa(i)+`"`, "description", description))
		}
		more := ""
		if to < records {
			more = fmt.Sprintf(`,"link":[{"relation":"next","url":"DocumentReference?_count=%d&_offset=%d"}]`, count, to)
		}
		return 200, searchset(more, page...)
	}), func(o *Options) { o.Limits.Response, o.PageSize, o.RequestsPerSecond = 100_000, 100, 10_000 })
	seen := make(map[string]bool)
	for pages := 0; ; pages++ {
		p, err := s.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range p.Items {
			seen[it.ID] = true
		}
		if q.Next = p.Next; q.Next == "" || pages > 1000 {
			break
		}
	}
	if len(seen) != records {
		t.Errorf("%d of %d records after %d requests", len(seen), records, len(asked))
	}

	// One record alone that is too large is nothing that smaller pages help.
	s.limits.Response, s.client.limits.Response = 10, 10
	q.Next = "DocumentReference?_count=100&_offset=100"
	if _, err := s.Search(t.Context(), q); source.KindOf(err) != source.Invalid || !strings.Contains(errorText(err), string(errTooLarge)) {
		t.Errorf("got %v", err)
	}
}

func TestSearchOfWhatIsNot(t *testing.T) {
	t.Parallel()
	var asked []*url.URL
	s, _ := testSource(t, answering(&asked, func(*http.Request) (int, string) { return 200, emptyBundle }))
	q := source.Query{Type: source.Type{Stream: dossier.StreamForms, Name: "Basic"}}
	if _, err := s.Search(t.Context(), q); source.KindOf(err) != source.Unsupported || len(asked) != 0 {
		t.Errorf("got %v", err)
	}
	// What belongs to no client is none of one client's.
	for _, name := range []string{"Practitioner", "Provenance"} {
		k, _ := kindNamed(name)
		q := source.Query{Type: source.Type{Stream: k.stream(), Name: name}, Client: "c1"}
		if p, err := s.Search(t.Context(), q); err != nil || p.Items != nil || p.Next != "" || p.Total != 0 || len(asked) != 0 {
			t.Errorf("%s: got %+v %v", name, p, err)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		status int
		body   string
		id     string
		kind   source.FailureKind
		state  dossier.State
	}{
		{"there", 200, document, "d1", "", dossier.StateShown},
		{"hidden", 200, with(t, document, "status", `"superseded"`), "d1", "", dossier.StateHidden},
		{"unreadable", 200, with(t, document, "date", `"x"`), "d1", "", dossier.StateQuarantined},
		{"404", 404, "", "d1", source.NotFound, ""},
		{"410", 410, "", "d1", source.NotFound, ""},
		{"case 63 403", 403, "", "d1", source.Unauthorized, ""},
		{"another record", 200, document, "d2", source.Invalid, ""},
		{"an outcome", 200, `{"resourceType":"OperationOutcome","issue":[{"code":"transient"}]}`, "d1", source.Invalid, ""},
		{"another type", 200, patient, "c1", "", dossier.StateQuarantined},
		{"no id to ask for", 200, document, "../Patient", source.Unsupported, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var asked []*url.URL
			s, _ := testSource(t, answering(&asked, func(*http.Request) (int, string) { return test.status, test.body }))
			ref := dossier.Ref{Type: "DocumentReference", ID: test.id}
			it, err := s.Read(t.Context(), dossier.StreamReports, ref)
			if source.KindOf(err) != test.kind || it.State != test.state && err == nil {
				t.Errorf("got %s %s: %v", it.State, it.Reason, err)
			}
			if source.IsGone(err) != (test.status == 410) {
				t.Errorf("is gone: %v", err)
			}
			if err == nil && (it.Ref != ref || asked[0].String() != "https://ecd.example/fhir/DocumentReference/"+test.id) {
				t.Errorf("got %v from %s", it.Ref, asked[0])
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	statement := func(version string) string {
		return `{"resourceType":"CapabilityStatement","fhirVersion":"` + version + `","software":{"name":"ECD","version":"7.1"},"rest":[{}]}`
	}
	for _, test := range []struct {
		name, body string
		status     int
		software   string
		fails      string
	}{
		{"R4", statement("4.0.1"), 200, "ECD 7.1", ""},
		{"R4B", statement("4.3.0"), 200, "ECD 7.1", ""},
		{"none", "", 404, "", ""},
		{"no version", `{"resourceType":"CapabilityStatement"}`, 200, "", ""},
		{"case 76 STU3", statement("3.0.2"), 200, "", "read metadata: the source speaks another version: FHIR 3.0.2; dossiersync needs R4 (4.0.x)"},
		{"case 76 R5", statement("5.0.0"), 200, "", "read metadata: the source speaks another version: FHIR 5.0.0; dossiersync needs R4 (4.0.x)"},
		{"case 76 DSTU2", `{"resourceType":"Conformance","fhirVersion":"1.0.2"}`, 200, "", "read metadata: the source speaks another version: FHIR 1.0.2; dossiersync needs R4 (4.0.x)"},
		{"case 76 gibberish", statement("<b>mw. Jansen</b>"), 200, "", "read metadata: the source speaks another version: FHIR of an unknown version; dossiersync needs R4 (4.0.x)"},
		{"not allowed", "", 401, "", "read metadata: the source refuses our credentials (HTTP 401)"},
		{"something else", `{"resourceType":"Bundle"}`, 200, "", "read metadata: the source's answer cannot be understood (HTTP 200): not a CapabilityStatement"},
		{"an outcome", `{"resourceType":"OperationOutcome","issue":[{"code":"login"}]}`, 200, "",
			"read metadata: the source's answer cannot be understood (HTTP 200): an OperationOutcome instead of a CapabilityStatement: login"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, _ := testSource(t, roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.URL.String() != "https://ecd.example/fhir/metadata" {
					t.Error(req.URL)
				}
				return respond(req, test.status, test.body, "Date", "Tue, 04 Mar 2025 09:15:22 GMT"), nil
			}))
			d, err := s.Describe(t.Context())
			if errorText(err) != test.fails {
				t.Fatalf("got %q, want %q", errorText(err), test.fails)
			}
			if err != nil {
				return
			}
			if want := time.Date(2025, 3, 4, 9, 15, 22, 0, time.UTC); !d.Now.Equal(want) || d.Software != test.software {
				t.Errorf("got %q at %v", d.Software, d.Now)
			}
			var names []string
			for _, typ := range d.Types {
				names = append(names, string(typ.Stream)+" "+typ.Name)
			}
			want := []string{"clients Patient", "contacts RelatedPerson", "staff Practitioner", "staff PractitionerRole", "staff Organization",
				"questionnaires Questionnaire", "goals Goal", "care-plans CarePlan", "care-plans Provenance", "care-plans Consent", "reports Observation", "reports DocumentReference",
				"reports Composition", "forms QuestionnaireResponse"}
			if diff := cmp.Diff(want, names); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMetadataBody(t *testing.T) {
	t.Parallel()
	s, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1","rest":[`+strings.Repeat(`{"a":[1,2,3]},`, 200_000)+`{}]}`)
	})
	if d, err := s.Describe(t.Context()); err != nil || d.Now.IsZero() {
		t.Errorf("a large statement: %v %v", d.Now, err)
	}
}
