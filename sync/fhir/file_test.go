package fhir

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// library is a source with documents, and files by their paths.
type library struct {
	documents []string
	files     map[string]func(*http.Request) (*http.Response, error)

	mu    sync.Mutex
	asked []string
}

func (l *library) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasPrefix(req.URL.Path, "/fhir/DocumentReference") {
		if id := strings.TrimPrefix(req.URL.Path, "/fhir/DocumentReference/"); id != req.URL.Path {
			return respond(req, 200, l.documents[0]), nil
		}
		return respond(req, 200, searchset("", l.documents...)), nil
	}
	l.mu.Lock()
	l.asked = append(l.asked, req.URL.String())
	l.mu.Unlock()
	if f := l.files[req.URL.Path]; f != nil {
		return f(req)
	}
	return respond(req, 404, ""), nil
}

// served is a file as it is served.
func served(contentType, body string) func(*http.Request) (*http.Response, error) {
	return says(200, body, "Content-Type", contentType)
}

// pointing returns a document whose text is in a file.
func pointing(t testing.TB, id, contentType, url string, more ...string) string {
	t.Helper()
	return with(t, document, "id", `"`+id+`"`, "content",
		fmt.Sprintf(`[{"attachment":{"contentType":%q,"url":%q%s}}]`, contentType, url, strings.Join(more, "")))
}

func searchLibrary(t testing.TB, l *library, change ...func(*Options)) ([]dossier.Item, error) {
	t.Helper()
	s, q := testSource(t, l, append(change, func(o *Options) { o.RequestsPerSecond = 10_000 })...)
	p, err := s.Search(t.Context(), q)
	return p.Items, err
}

func TestDocumentTextInAFile(t *testing.T) {
	t.Parallel()
	hash := sha1.Sum([]byte("tekst"))
	right := `,"size":5,"hash":"` + base64.StdEncoding.EncodeToString(hash[:]) + `"`
	for _, test := range []struct {
		name, document string
		file           func(*http.Request) (*http.Response, error)
		want           string
	}{
		{"plain", pointing(t, "d", "text/plain", "Binary/1"), served("text/plain", "caf\u00e9\r\nwijn"), "café\nwijn"},
		{"case 57 HTML", pointing(t, "d", "text/html", "Binary/1"), served("text/html; charset=utf-8", "<script>x</script><p onclick='y'>Dag <b>Jo</b></p>"), "Dag Jo"},
		{"XHTML served as HTML", pointing(t, "d", "application/xhtml+xml", "Binary/1"), served("text/html", "<p>a</p>"), "a"},
		{"absolute", pointing(t, "d", "text/plain", "https://ecd.example/fhir/Binary/1"), served("text/plain", "tekst"), "tekst"},
		{"absolute, http behind a proxy", pointing(t, "d", "text/plain", "http://ecd.example/fhir/Binary/1"), served("text/plain", "tekst"), "tekst"},
		{"from the root", pointing(t, "d", "text/plain", "/fhir/Binary/1"), served("text/plain", "tekst"), "tekst"},
		{"in a Binary", pointing(t, "d", "text/plain", "Binary/1"), served("application/fhir+json", `{"resourceType":"Binary","contentType":"text/plain","data":"dGVrc3Q="}`), "tekst"},
		{"as octets", pointing(t, "d", "text/plain", "Binary/1"), served("application/octet-stream", "tekst"), "tekst"},
		{"of a type not said", pointing(t, "d", "text/plain", "Binary/1"), served("", "tekst"), "tekst"},
		{"character set by the document", pointing(t, "d", "text/plain; charset=iso-8859-1", "Binary/1"), served("text/plain; charset=utf-8", "caf\xe9"), "café"},
		{"character set by the server", pointing(t, "d", "text/plain", "Binary/1"), served("text/plain; charset=iso-8859-15", "\xa4"), "€"},
		{"size and hash", pointing(t, "d", "text/plain", "Binary/1", right), served("text/plain", "tekst"), "tekst"},
		{"contained", with(t, pointing(t, "d", "text/plain", "#b"), "contained", `[{"resourceType":"Binary","id":"b","data":"dGVrc3Q="}]`), nil, "tekst"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			items, err := searchLibrary(t, &library{documents: []string{test.document}, files: map[string]func(*http.Request) (*http.Response, error){"/fhir/Binary/1": test.file}})
			if err != nil || len(items) != 1 || items[0].State != dossier.StateShown {
				t.Fatalf("got %+v %v", items, err)
			}
			if got := items[0].Content.(*dossier.Report); got.Text != test.want || got.Attachments != nil {
				t.Errorf("got %q and %v", got.Text, got.Attachments)
			}
		})
	}
}

// A document whose only text cannot be had is retried, not shown without it.
func TestDocumentFileFaults(t *testing.T) { // case 59
	t.Parallel()
	const at = "content[0].attachment."
	for _, test := range []struct {
		name, document string
		file           func(*http.Request) (*http.Response, error)
		reason         dossier.Reason
		detail         string
	}{
		{"dead", pointing(t, "d", "text/plain", "Binary/1"), says(404, ""), dossier.BadBody, at + "url: the file cannot be fetched: the source does not have it (HTTP 404)"},
		{"gone", pointing(t, "d", "text/plain", "Binary/1"), says(410, ""), dossier.BadBody, at + "url: the file cannot be fetched: the source does not have it (HTTP 410)"},
		{"forbidden", pointing(t, "d", "text/plain", "Binary/1"), says(403, ""), dossier.BadBody, at + "url: the file cannot be fetched: the source refuses our credentials (HTTP 403)"},
		{"size mismatch", pointing(t, "d", "text/plain", "Binary/1", `,"size":4`), served("text/plain", "tekst"), dossier.BadBody, at + "size: not the size of the data"},
		{"hash mismatch", pointing(t, "d", "text/plain", "Binary/1", `,"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAA="`), served("text/plain", "tekst"), dossier.BadBody, at + "hash: not the hash of the data"},
		{"wrong content type", pointing(t, "d", "text/plain", "Binary/1"), served("text/html", "<p>log in</p>"), dossier.BadBody, at + "url: the file is of another content type than it is said to be"},
		{"a PDF", pointing(t, "d", "text/plain", "Binary/1"), served("application/octet-stream", "%PDF-\x00\xff"), dossier.BadText, at + "url: not a text in the character set it claims"},
		{"unknown character set", pointing(t, "d", "text/plain; charset=x-onbekend", "Binary/1"), served("text/plain", "caf\xe9"), dossier.BadText, at + "url: it is in an unknown character set"},
		{"an outcome", pointing(t, "d", "text/plain", "Binary/1"), served("application/fhir+json", `{"resourceType":"OperationOutcome"}`), dossier.BadBody, at + "url: an OperationOutcome instead of the file"},
		{"a Binary that is none", pointing(t, "d", "text/plain", "Binary/1"), served("application/fhir+json", `{"resourceType":"Binary","data":"@"}`), dossier.BadBody, at + "url: the file's Binary cannot be read"},
		{"to another host", pointing(t, "d", "text/plain", "Binary/1"), says(302, "", "Location", "https://evil.example/"), dossier.BadBody, at + "url: the file cannot be fetched: the source's answer cannot be understood: " + string(errOtherOrigin)},
		{"too large", pointing(t, "d", "text/plain", "Binary/1"), served("text/plain", strings.Repeat("x", 3000)), dossier.BadBody, at + "url: the file cannot be fetched: the source's answer cannot be understood (HTTP 200): the answer is larger than the limit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			paths := map[string]func(*http.Request) (*http.Response, error){"/fhir/Binary/1": test.file, "/fhir/Patient/1": test.file}
			items, err := searchLibrary(t, &library{documents: []string{test.document, document}, files: paths}, func(o *Options) { o.Limits.Entry = 1000 })
			if err != nil || len(items) != 2 || items[1].State != dossier.StateShown {
				t.Fatalf("got %+v %v", items, err)
			}
			it := items[0]
			if it.State != dossier.StateQuarantined || it.Reason != test.reason || it.Detail != test.detail || !it.EnvelopeRead || it.ID != "d" {
				t.Errorf("got %s %s %q", it.State, it.Reason, it.Detail)
			}
			if string(it.Raw) != test.document {
				t.Errorf("%d raw bytes", len(it.Raw))
			}
		})
	}
}

// Nothing is asked of another host, with or without our credentials.
func TestFilesElsewhereAreNotFetched(t *testing.T) { // case 58
	t.Parallel()
	for _, u := range []string{"https://evil.example/x", "http://evil.example/fhir/Binary/1", "//evil.example/x", "https://ecd.example:8443/fhir/Binary/1",
		"https://jo@ecd.example/fhir/Binary/1", "Patient/1", "/intern/geheim", "../intern/geheim", "/szr/fhir/Binary/1", "Binary/1?_format=html",
		"Binary/..", "Binary/%2e%2e", "Binary/1/x", "Binary/1/_history/", "Binary%2f1", "Observation/1?_format=json", "/fhir/Binary/../Patient/1", "urn:uuid:1", "data:text/plain,x", "https://[x", "file:///etc/passwd"} {
		l := &library{documents: []string{pointing(t, "d", "text/plain", u, `,"title":"Brief"`)}}
		items, err := searchLibrary(t, l)
		if err != nil || len(l.asked) != 0 {
			t.Fatalf("%s: asked %v: %v", u, l.asked, err)
		}
		want := []dossier.Attachment{{Title: "Brief", ContentType: "text/plain"}}
		if diff := cmp.Diff(want, items[0].Content.(*dossier.Report).Attachments); diff != "" {
			t.Errorf("%s: %s", u, diff)
		}
	}
}

// Of several formats the best text counts, and what is not needed is not fetched.
func TestDocumentFormatsInFiles(t *testing.T) {
	t.Parallel()
	files := map[string]func(*http.Request) (*http.Response, error){
		"/fhir/Binary/plain": served("text/plain", "plat"), "/fhir/Binary/html": served("text/html", "<p>html</p>"), "/fhir/Binary/dead": says(404, ""),
	}
	file := func(contentType, name string) string {
		return fmt.Sprintf(`{"attachment":{"contentType":%q,"url":"Binary/%s"}}`, contentType, name)
	}
	here := func(contentType, text string) string { return `{"attachment":` + inline(contentType, text) + `}` }
	for _, test := range []struct {
		name    string
		content []string
		want    string
		asked   int
	}{
		{"plain before HTML", []string{file("text/html", "html"), file("text/plain", "plain")}, "plat", 2},
		{"plain in a file before HTML here", []string{here("text/html", "<p>hier</p>"), file("text/plain", "plain")}, "plat", 1},
		{"plain here before HTML in a file", []string{file("text/html", "html"), here("text/plain", "hier")}, "hier", 0},
		{"a dead one beside another", []string{file("text/plain", "dead"), file("text/html", "html")}, "html", 2},
		{"a dead one beside a text here", []string{file("text/plain", "dead"), here("text/html", "<p>hier</p>")}, "hier", 1},
		{"twice the same", []string{file("text/plain", "plain"), file("text/plain", "plain")}, "plat", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := &library{documents: []string{with(t, document, "content", "["+strings.Join(test.content, ",")+"]")}, files: files}
			items, err := searchLibrary(t, l)
			if err != nil || items[0].State != dossier.StateShown {
				t.Fatalf("got %+v %v", items, err)
			}
			if got := items[0].Content.(*dossier.Report); got.Text != test.want || len(l.asked) != test.asked || got.Attachments != nil {
				t.Errorf("got %q after asking for %v", got.Text, l.asked)
			}
		})
	}
}

func TestHiddenDocumentsFetchNothing(t *testing.T) {
	t.Parallel()
	raw := pointing(t, "d", "text/plain", "Binary/1")
	l := &library{documents: []string{
		with(t, raw, "status", `"superseded"`), with(t, raw, "meta", `{"security":[{"code":"NOPAT"}]}`),
		with(t, raw, "content", `[{"modifierExtension":[{"url":"x"}],"attachment":{"contentType":"text/plain","url":"Binary/1"}}]`)}}
	items, err := searchLibrary(t, l)
	if err != nil || len(l.asked) != 0 {
		t.Fatalf("asked for %v: %v", l.asked, err)
	}
	for _, it := range items {
		if it.State != dossier.StateHidden {
			t.Errorf("got %s %s", it.State, it.Reason)
		}
	}
}

// A retry by id fetches the file again.
func TestReadFetchesFiles(t *testing.T) {
	t.Parallel()
	l := &library{documents: []string{pointing(t, "d1", "text/plain", "Binary/1")},
		files: map[string]func(*http.Request) (*http.Response, error){"/fhir/Binary/1": served("text/plain", "tekst")}}
	var kinds []string
	s, _ := testSource(t, l, func(o *Options) { o.Observe = func(r Request) { kinds = append(kinds, r.Type+" "+r.Class) } })
	it, err := s.Read(t.Context(), dossier.StreamReports, dossier.Ref{Type: "DocumentReference", ID: "d1"})
	if err != nil || it.State != dossier.StateShown || it.Content.(*dossier.Report).Text != "tekst" {
		t.Errorf("got %+v %v", it, err)
	}
	if got := strings.Join(kinds, ", "); got != "DocumentReference 2xx, Binary 2xx" {
		t.Errorf("counted %s", got)
	}
}

// When the source as a whole cannot be asked, that is no fault of its documents.
func TestFilesOfASourceThatIsDown(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"throttled": says(429, "", "Retry-After", "3600"), "down": says(503, ""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &library{files: make(map[string]func(*http.Request) (*http.Response, error))}
				for i := range 8 {
					path := fmt.Sprintf("Binary/%d", i)
					l.documents = append(l.documents, pointing(t, fmt.Sprint("d", i), "text/plain", path))
					l.files["/fhir/"+path] = answer
				}
				_, err := searchLibrary(t, l)
				if kind := source.KindOf(err); kind != source.Throttled && kind != source.BreakerOpen {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestFilesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		l := &library{files: make(map[string]func(*http.Request) (*http.Response, error))}
		for i := range 40 {
			path := fmt.Sprintf("Binary/%d", i)
			l.documents = append(l.documents, pointing(t, fmt.Sprint("d", i), "text/plain", path))
			l.files["/fhir/"+path] = func(req *http.Request) (*http.Response, error) {
				most.Store(max(most.Load(), now.Add(1)))
				time.Sleep(time.Second)
				now.Add(-1)
				return respond(req, 200, strings.Repeat("x", 1000), "Content-Type", "text/plain"), nil
			}
		}
		items, err := searchLibrary(t, l, func(o *Options) { o.Concurrency, o.Limits.Response = 3, 20_000 })
		if err != nil {
			t.Fatal(err)
		}
		shown := 0
		for _, it := range items {
			if it.State == dossier.StateShown {
				shown++
			}
		}
		if most.Load() != 3 || shown < 20 || shown > 24 || len(l.asked) != shown {
			t.Errorf("%d at once, %d files, %d shown", most.Load(), len(l.asked), shown)
		}
	})

	var many []string
	for i := range 10 {
		many = append(many, fmt.Sprintf(`{"attachment":{"contentType":"text/plain","url":"Binary/%d"}}`, i))
	}
	l := &library{documents: []string{with(t, document, "content", "["+strings.Join(many, ",")+"]")}}
	if items, err := searchLibrary(t, l); err != nil || len(l.asked) != maxFiles || items[0].State != dossier.StateQuarantined {
		t.Errorf("asked for %d files of one document: %v", len(l.asked), err)
	}
}

func TestBinaryAfterAByteOrderMarkIsOpened(t *testing.T) {
	t.Parallel()
	body := []byte("\ufeff" + `{"resourceType":"Binary","contentType":"text/plain","data":"SGFsbG8="}`)
	f := openFile(body, "application/fhir+json", Limits{Depth: 64})
	if string(f.data) != "Hallo" || f.contentType != "text/plain" || f.binary == nil || f.binary[0] != '{' {
		t.Errorf("got %+v", f)
	}
}
