package portalapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// The tests TestCase… are the cases of docs/design.md, by their numbers.
//
// A revoked right is refused for every later request: for the next page of a list, for unchanged
// content, and for a single item.

// A right that is revoked holds for no further request: not for the page that a
// link leads to, not for what has not changed, not for one item.
func TestCase77RevokedWhileReading(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	for n := range 5 {
		p.items(report("1", fmt.Sprint(n), noon().AddDate(0, 0, -n)))
	}
	first := p.get("daughter", "/v1/dossiers/1/timeline?limit=2")
	second := p.get("daughter", *first.list(t).Page.Next)
	one := "/v1/dossiers/1/reports/" + ids(first.list(t))[0]
	if a := p.get("daughter", one); a.status != http.StatusOK {
		t.Fatalf("before, one report is answered with %d", a.status)
	}
	if a := p.manage(http.MethodDelete, "/v1/dossiers/1/grants/daughter", ""); a.status != http.StatusNoContent {
		t.Fatalf("revoking is answered with %d", a.status)
	}
	for _, url := range []string{*second.list(t).Page.Next, *second.list(t).Page.Previous, one, "/v1/dossiers/1"} {
		a := p.get("daughter", url, "If-None-Match", "*")
		if kind, _ := a.problem(t); a.status != http.StatusNotFound || kind != "not-found" {
			t.Errorf("%s is answered with %d", url, a.status)
		}
	}
	if a := p.get("daughter", "/v1/dossiers/1/timeline?limit=2", "If-None-Match", first.header.Get("ETag")); a.status != http.StatusNotFound {
		t.Errorf("what has not changed is answered with %d", a.status)
	}
	if n := len(p.get("daughter", "/v1/dossiers").list(t).Items); n != 0 {
		t.Errorf("%d dossiers are listed", n)
	}
}

// A right is revoked while answers are being sent. The revocation is answered at once, although old
// answers are still being received; those arrive complete; and a request after the revocation gets
// 404.
func TestCase77RevokedWhileAnAnswerIsBeingSent(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	for n := range 20 {
		it := report("1", fmt.Sprint(n), noon().AddDate(0, 0, -n))
		it.text = strings.Repeat(it.text+". ", 50_000)
		p.items(it)
	}
	server := httptest.NewServer(p.api)
	t.Cleanup(server.Close)
	token := p.token("daughter", "dossier:read")
	get := func(url string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Accept-Encoding", "identity")
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	whole := get("/v1/dossiers/1/reports") // of which only the beginning has been read
	if whole.StatusCode != http.StatusOK || whole.ContentLength < 1<<20 {
		t.Fatalf("answered with %d and %d bytes", whole.StatusCode, whole.ContentLength)
	}
	if a := p.manage(http.MethodDelete, "/v1/dossiers/1/grants/daughter", ""); a.status != http.StatusNoContent {
		t.Fatalf("revoking is answered with %d", a.status)
	}
	for _, url := range []string{"/v1/dossiers/1/reports", "/v1/dossiers/1/timeline?limit=1", "/v1/dossiers/1"} {
		if res := get(url); res.StatusCode != http.StatusNotFound {
			t.Errorf("once it is revoked, %s is answered with %d", url, res.StatusCode)
		}
	}
	text, err := io.ReadAll(whole.Body)
	if err != nil || int64(len(text)) != whole.ContentLength || !json.Valid(text) {
		t.Errorf("of what was on its way %d bytes of %d arrive, %v", len(text), whole.ContentLength, err)
	}
}

// While a right changes, every answer is complete under either the old or the new right, never a
// mixture. After the change was answered, no answer uses the old right.
func TestCase77RightsAndContentAreOfOneMoment(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	for n := range 5 {
		p.items(report("1", fmt.Sprint(n), noon().AddDate(0, 0, -n)), form("1", fmt.Sprint(n), noon().AddDate(0, 0, -n)))
	}
	parts := [2]string{"reports", "forms"}
	p.manage(http.MethodDelete, "/v1/dossiers/1/grants/daughter", "") // of both parts
	ctx, stop := context.WithCancel(t.Context())
	var g errgroup.Group
	for range 4 {
		g.Go(func() error {
			for ctx.Err() == nil {
				a := p.get("daughter", "/v1/dossiers/1/timeline")
				reports, forms := strings.Count(a.body, `"kind":"report"`), strings.Count(a.body, `"kind":"form"`)
				if a.status != http.StatusNotFound && (a.status != http.StatusOK || reports+forms != 5 || reports*forms != 0) {
					return fmt.Errorf("%d with %d reports and %d forms", a.status, reports, forms)
				}
			}
			return nil
		})
	}
	for n := range 20 {
		part := parts[n%2]
		if a := p.putGrant("1", "daughter", `{"role":"contact","parts":["`+part+`"],"state":"accepted"}`); a.status != http.StatusOK {
			t.Errorf("the grant is answered with %d", a.status)
		}
		if l := p.get("daughter", "/v1/dossiers/1/timeline").list(t); len(l.Items) != 5 || l.Items[0]["kind"] != strings.TrimSuffix(part, "s") {
			t.Errorf("with a right to %s the time line is %v", part, ids(l))
		}
		p.manage(http.MethodDelete, "/v1/dossiers/1/grants/daughter", "")
		if a := p.get("daughter", "/v1/dossiers/1/timeline"); a.status != http.StatusNotFound {
			t.Errorf("revoked, the time line is answered with %d", a.status)
		}
	}
	stop()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}

// statements records the statements that readers send to the database.
type statements struct {
	mu   sync.Mutex
	list []string
}

func (s *statements) add(sql string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, strings.Join(strings.Fields(sql), " "))
}

// since returns the statements since its previous call.
func (s *statements) since() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.list
	s.list = nil
	return list
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.add(data.SQL)
	return ctx
}
func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (*statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (s *statements) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	s.add(data.SQL)
}
func (*statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// newTraced returns a harness with daughter's dossier, and the recorder of its statements.
func newTraced(t *testing.T) (*harness, *statements) {
	t.Helper()
	r, asked := storetest.NewReplica(t), new(statements)
	var err error
	if r.Reader, err = store.OpenPortal(t.Context(), r.ReaderURL, r.Keys, store.WithTracer(asked)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Reader.Close)
	return newHarnessOn(t, r).withDossier(), asked
}

// I8: another user's dossier cannot be told from one that does not exist or has an impossible id:
// not by the answer, nor the entry in the access log, nor the statements.
func TestCase79AnothersIDLooksLikeNone(t *testing.T) {
	t.Parallel()
	p, asked := newTraced(t)
	r, f, pl := report("1", "r", noon()), form("1", "f", noon()), plan("1", "p", noon(), true)
	p.items(r, f, pl)
	p.client("szr", "of another organisation", "Mevrouw Jansen")
	routes := []string{"", "/timeline", "/timeline?kind=report&around=2026-01-01", "/timeline/density?by=month", "/reports", "/reports/" + r.key(), "/forms",
		"/forms/" + f.key(), "/care-plans", "/care-plans?state=current", "/care-plans/" + pl.key(), "/contacts", "/access-log"}
	clients := []string{"1", "nobody", "no id at all!", strings.Repeat("x", 65), "of another organisation"}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, route := range routes {
			p.wantAlike(asked, "stranger", clients, method, route)
		}
	}
	for _, body := range []string{`{"event":"print"}`, `{"event":"print","object":{"kind":"report","id":"` + r.key() + `"}}`} {
		p.wantAlike(asked, "stranger", clients, "POST "+body, "/events")
	}
	// Nor does a dossier that one may open tell which items there are in others,
	// or in parts of it that one may not read.
	p.grant("amaris", "son", "1", []string{"reports"})
	other := report("2", "other", noon())
	p.items(other)
	for _, route := range []string{"/reports/", "/forms/", "/care-plans/"} {
		list := []string{other.key(), f.key(), pl.key(), "nothing", "no id at all!", strings.Repeat("x", 65)}
		p.wantAlike(asked, "son", []string{"1"}, http.MethodGet, items(route, list)...)
	}
	for kind, it := range map[string]item{"report": other, "form": f, "care-plan": pl} {
		for n, id := range []string{it.key(), "nothing", "no id at all!", strings.Repeat("x", 65)} {
			want := p.do(http.MethodPost, "/v1/dossiers/2/events", p.token("son", "dossier:read"), eventOf(kind, id), "Content-Type", "application/json")
			got := p.do(http.MethodPost, "/v1/dossiers/1/events", p.token("son", "dossier:read"), eventOf(kind, id), "Content-Type", "application/json")
			want.header.Del("X-Request-Id")
			got.header.Del("X-Request-Id")
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(response{})); diff != "" || got.status != http.StatusNotFound {
				t.Errorf("event about %s %d can be told from one about another dossier (-other +this):\n%s", kind, n, diff)
			}
		}
	}
}

func items(route string, ids []string) []string {
	var list []string
	for _, id := range ids {
		list = append(list, route+strings.ReplaceAll(id, " ", "%20"))
	}
	return list
}

func eventOf(kind, id string) string {
	return `{"event":"print","object":{"kind":"` + kind + `","id":"` + id + `"}}`
}

// wantAlike requests each route for each client, and checks that the answers, entries and
// statements are alike. A body may follow the method.
func (p *harness) wantAlike(asked *statements, user string, clients []string, method string, routes ...string) {
	p.t.Helper()
	method, body, _ := strings.Cut(method, " ")
	type trace struct {
		answer  response
		asked   []string
		entries []logged
	}
	var first *trace
	for _, client := range clients {
		for _, route := range routes {
			before := len(p.accesses())
			asked.since()
			a := p.do(method, "/v1/dossiers/"+strings.ReplaceAll(client, " ", "%20")+route, p.token(user, "dossier:read"), body,
				"Content-Type", "application/json")
			if a.status != http.StatusNotFound {
				p.t.Errorf("%s %s of %s is answered with %d", method, route, client, a.status)
			}
			a.header.Del("X-Request-Id")
			got := &trace{a, asked.since(), p.accesses()[before:]}
			if len(got.entries) != 1 || got.entries[0].Outcome != "denied" {
				p.t.Errorf("%s %s of %s is logged as %v", method, route, client, got.entries)
			}
			if first == nil {
				first = got
			}
			diff := cmp.Diff(first, got, cmp.AllowUnexported(response{}, trace{}), cmpopts.IgnoreFields(logged{}, "Client", "Object"))
			if diff != "" {
				p.t.Errorf("%s %s of %s can be told from another (-first +this):\n%s", method, route, client, diff)
			}
		}
	}
}

// Hidden items change nothing in an answer: no list, count, density, link or ETag.
func TestCase83SearchLeaksNothingHidden(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.grant("amaris", "son", "1", []string{"reports"})
	seen := report("1", "seen", noon())
	p.items(seen)
	hidden, late := report("1", "hidden", noon().Add(-1)), report("1", "late", noon().AddDate(0, -2, 0))
	late.category = "care-plan"
	f, pl := form("1", "f", noon()), plan("1", "p", noon(), true)
	day := noon().Format("2006-01-02")
	urls := []string{"", "/reports/" + hidden.key(), "/forms/" + f.key(), "/care-plans/" + pl.key()}
	for _, route := range []string{"/timeline", "/reports", "/forms", "/care-plans"} {
		for _, query := range []string{"", "?limit=1", "?from=" + day, "?to=" + day, "?to=2020-01-01"} {
			urls = append(urls, route+query)
		}
	}
	urls = append(urls, "/timeline?around="+day, "/timeline?kind=form", "/timeline?category=care-plan", "/reports?category=care-plan",
		"/care-plans?state=current", "/care-plans?state=expired", "/timeline/density?by=day", "/timeline/density?by=month&kind=form",
		"/timeline/density?by=week&category=care-plan", "/contacts", "/access-log")
	look := func() map[string]response {
		all := make(map[string]response)
		for _, url := range urls {
			a := p.get("son", "/v1/dossiers/1"+url)
			a.header.Del("X-Request-Id")
			if url == "/access-log" { // as of now
				a.body = reasonOf(a.list(t))
			}
			all[url] = a
		}
		return all
	}
	before := look()
	// Not the change number, which apply raises for what is shown to somebody: see
	// TestHiddenItemRaisesNoChangeNumber, and below.
	p.items(hidden, late, f, pl, item{tenant: "amaris", client: "1", id: "k", kind: dossier.KindContact})
	p.exec(`UPDATE items SET state = 'hidden', reason = 'marked', card = NULL, body = NULL WHERE id IN ('hidden', 'late')`)
	if diff := cmp.Diff(before, look(), cmp.AllowUnexported(response{})); diff != "" {
		t.Errorf("what is hidden shows (-before +after):\n%s", diff)
	}
	// Changes in parts that the user may not read do not show in these
	// parts' ETags either.
	p.exec(`UPDATE clients SET change = change + 1 WHERE id = '1'`)
	after := look()
	for _, url := range []string{"/forms", "/care-plans", "/contacts", "/timeline?kind=form", "/timeline/density?by=month&kind=form"} {
		if diff := cmp.Diff(before[url], after[url], cmp.AllowUnexported(response{})); diff != "" {
			t.Errorf("%s tells that the dossier has moved on (-before +after):\n%s", url, diff)
		}
	}
}

// Reading a whole dossier, page by page and item by item, leaves an entry for each answer: for each
// page with its filters, and for each item with its id.
func TestCase84ExportIsLogged(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	for n := range 25 {
		p.items(report("1", fmt.Sprint("r", n), noon().AddDate(0, 0, -n)), form("1", fmt.Sprint("f", n), noon().AddDate(0, 0, -n)),
			plan("1", fmt.Sprint("p", n), noon().AddDate(0, 0, -n), true))
	}
	var want []logged
	entry := func(event, object, query string) {
		want = append(want, logged{Action: "read", Event: event, Outcome: "success", User: "daughter", Role: "contact", Client: "1", Object: object, Query: query})
	}
	for list, one := range map[string]string{"timeline": "", "reports": "report", "forms": "form", "care-plans": "care-plan"} {
		for next := new("/v1/dossiers/1/" + list + "?limit=10"); next != nil; {
			a := p.get("daughter", *next, "Accept-Encoding", "gzip", "If-None-Match", `"x"`)
			entry(list, "", "limit=10")
			a = p.get("daughter", *next, "If-None-Match", a.header.Get("ETag")) // a 304 is a read
			entry(list, "", "limit=10")
			if a.status != http.StatusNotModified {
				t.Errorf("what has not changed is answered with %d", a.status)
			}
			l := p.get("daughter", *next).list(t)
			entry(list, "", "limit=10")
			for _, id := range ids(l) {
				if one != "" {
					p.get("daughter", "/v1/dossiers/1/"+list+"/"+id)
					entry(one, id, "")
				}
			}
			next = l.Page.Next
		}
	}
	if diff := cmp.Diff(want, p.accesses()); diff != "" {
		t.Errorf("access log (-want +got):\n%s", diff)
	}
}
