package fhir

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"dossiersync/store/dossier"
)

// A Binary is judged like any record before its text is shown (cases 58, 80).
func TestBinariesAreJudged(t *testing.T) {
	t.Parallel()
	rules := Mapping{Hide: []Rule{{Match: Match{Tag: Code{Code: "intern"}}}}}
	for name, test := range map[string]struct {
		more  string
		shown bool
	}{
		"plain":                {``, true},
		"this client":          {`,"securityContext":{"reference":"Patient/c1"}`, true},
		"this client, in full": {`,"securityContext":{"reference":"https://ecd.example/fhir/Patient/c1"}`, true},
		"this document":        {`,"securityContext":{"reference":"DocumentReference/d"}`, true},
		"another client":       {`,"securityContext":{"reference":"Patient/c2"}`, false},
		"another document":     {`,"securityContext":{"reference":"DocumentReference/e"}`, false},
		"another server":       {`,"securityContext":{"reference":"https://elders.example/fhir/Patient/c1"}`, false},
		"a context of words":   {`,"securityContext":{"display":"iemand"}`, false},
		"NOPAT":                {`,"meta":{"security":[{"code":"NOPAT"}]}`, false},
		"by rule":              {`,"meta":{"tag":[{"code":"Intern"}]}`, false},
		"implicit rules":       {`,"implicitRules":"x"`, false},
		"modifier extension":   {`,"modifierExtension":[{"url":"x"}]`, false},
		"marks given twice":    {`,"meta":{},"meta":{"security":[{"code":"NOPAT"}]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binary := `{"resourceType":"Binary","id":"1","contentType":"text/plain","data":"dGVrc3Q="` + test.more + `}`
			var asked atomic.Value // the Accept of the last request; there are two at once
			files := map[string]func(*http.Request) (*http.Response, error){"/fhir/Binary/1": func(req *http.Request) (*http.Response, error) {
				asked.Store(req.Header.Get("Accept"))
				return respond(req, 200, binary, "Content-Type", "application/fhir+json"), nil
			}}
			l := &library{files: files, documents: []string{pointing(t, "d", "text/plain", "Binary/1"),
				with(t, document, "id", `"e"`, "content", `[{"attachment":`+inline("text/html", "<p>hier</p>")+`},{"attachment":{"contentType":"text/plain","url":"Binary/1"}}]`)}}
			items, err := searchLibrary(t, l, func(o *Options) { o.Mapping = rules })
			if accept, _ := asked.Load().(string); err != nil || !strings.HasPrefix(accept, "application/fhir+json") {
				t.Fatalf("asked for %q: %v", accept, err)
			}
			if it := items[0]; (it.State == dossier.StateShown) != test.shown || !test.shown && it.State != dossier.StateHidden {
				t.Errorf("got %s %s %q", it.State, it.Reason, it.Detail)
			}
			want := "hier"
			if test.shown && name != "this document" || name == "another document" {
				want = "tekst"
			}
			if p, _ := items[1].Content.(*dossier.Report); p == nil || p.Text != want || len(p.Attachments) != 0 {
				t.Errorf("beside a text: got %s %s %+v", items[1].State, items[1].Reason, p)
			}
		})
	}
	for context, shown := range map[string]bool{"Patient/c1": true, "Patient/c2": false, "": true} {
		l := &library{documents: []string{pointing(t, "d", "text/plain", "Binary/1")}, files: map[string]func(*http.Request) (*http.Response, error){
			"/fhir/Binary/1": says(200, "tekst", "Content-Type", "text/plain", "X-Security-Context", context)}}
		if items, err := searchLibrary(t, l); err != nil || (items[0].State == dossier.StateShown) != shown {
			t.Errorf("header %q: got %s %s, %v", context, items[0].State, items[0].Reason, err)
		}
	}
	for more, shown := range map[string]bool{`,"meta":{"security":[{"code":"NOPAT"}]}`: false, `,"securityContext":{"reference":"Patient/c2"}`: false, ``: true} {
		raw := with(t, pointing(t, "d", "text/plain", "#b"), "contained", `[{"resourceType":"Binary","id":"b","contentType":"text/plain","data":"dGVrc3Q="`+more+`}]`)
		if it := mapOne(t, Mapping{}, raw); (it.State == dossier.StateShown) != shown {
			t.Errorf("contained %s: got %s %s", more, it.State, it.Reason)
		}
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	r := newReach(Options{BaseURL: mustURL("https://ecd.example/a/fhir"), AttachmentPrefixes: []string{"https://ecd.example/files", "/b"}})
	for u, want := range map[string]string{
		"https://ecd.example/a/fhir":                       "ask",
		"https://ecd.example/a/fhir?_getpages=x":           "ask",
		"https://ecd.example/a/fhir/Binary/1":              "ask binary",
		"https://ecd.example/a/fhir/Binary/1/_history/2":   "ask binary",
		"https://ecd.example/a/fhir/Binary/1?x=y":          "ask",
		"https://ecd.example/a/fhir/Binary/1/_history/2/3": "ask",
		"https://ecd.example/a/fhir/Patient/1":             "ask",
		"https://ecd.example:443/a/fhir/Binary/1":          "ask binary",
		"https://ecd.example/files/x/y?z":                  "ask prefix",
		"https://ecd.example/b/1":                          "ask prefix",
		"https://ecd.example/filesystem/1":                 "",
		"https://ecd.example/files/../geheim":              "",
		"https://ecd.example/files/%2e%2e/geheim":          "",
		"https://ecd.example/files/..%2fgeheim":            "",
		"https://ecd.example/files/%252e%252e/x":           "",
		"https://ecd.example/a/fhirx/Binary/1":             "",
		"https://ecd.example/a/fhir/../fhir2/Binary/1":     "",
		"https://ecd.example/b/fhir/Binary/1":              "ask prefix",
		"https://ecd.example/intern":                       "",
		"http://ecd.example/a/fhir/Binary/1":               "",
		"https://elders.example/a/fhir/Binary/1":           "",
		"https://jo@ecd.example/a/fhir/Binary/1":           "",
	} {
		var got []string
		at := mustURL(u)
		if r.trouble(at) == "" {
			got = append(got, "ask")
		}
		if r.isBinary(at) {
			got = append(got, "binary")
		}
		if r.underPrefix(at) {
			got = append(got, "prefix")
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %q", u, got, want)
		}
	}
	for _, prefix := range []string{"", "https://elders.example/", "https://ecd.example/x?y", "https://jo:x@ecd.example/", "http://ecd.example/x", "%", "/a/%2e%2e/b"} {
		if _, wrong := parsePrefix(r.base, prefix); wrong == "" {
			t.Errorf("prefix %q is taken", prefix)
		}
	}
}

func TestFilesUnderAConfiguredPrefix(t *testing.T) {
	t.Parallel()
	l := &library{documents: []string{pointing(t, "d", "text/plain", "https://ecd.example/files/1?v=2")}, files: map[string]func(*http.Request) (*http.Response, error){
		"/files/1": served("text/plain", "tekst")}}
	items, err := searchLibrary(t, l, func(o *Options) { o.AttachmentPrefixes = []string{"https://ecd.example/files/"} })
	if err != nil || items[0].State != dossier.StateShown || items[0].Content.(*dossier.Report).Text != "tekst" {
		t.Errorf("got %+v %v", items, err)
	}
}

// Links to a next page outside the base path are another tenant's, or none of ours.
func TestNextPagesStayUnderTheBase(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"https://ecd.example/fhir?_getpages=1":             "",
		"https://ecd.example/szr/fhir/DocumentReference?p": string(errOutside),
		"/szr/fhir/DocumentReference":                      string(errOutside),
		"https://elders.example/fhir/DocumentReference":    string(errOtherOrigin),
	} {
		s, q := testSource(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			return respond(req, 200, searchset(fmt.Sprintf(`,"link":[{"relation":"next","url":%q}]`, next), document)), nil
		}))
		_, err := s.Search(t.Context(), q)
		if got := errorText(err); want == "" && err != nil || !strings.HasSuffix(got, want) {
			t.Errorf("%s: got %q, want %q", next, got, want)
		}
	}
}
