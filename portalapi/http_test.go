package portalapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"dossiersync/portalapi"
	"dossiersync/store/dossier"
)

func TestETag(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.grant("amaris", "son", "1", everyPart)
	p.items(report("1", "r", noon()))
	const url = "/v1/dossiers/1/timeline"
	tag := p.get("daughter", url).header.Get("ETag")
	// However the portal repeats it.
	for _, sent := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, "*", strings.TrimSuffix(tag, `"`) + `-gzip"`} {
		if a := p.get("daughter", url, "If-None-Match", sent); a.status != http.StatusNotModified || a.body != "" {
			t.Errorf("%s is answered with %d", sent, a.status)
		}
	}
	if n := len(p.accesses()); n != 6 {
		t.Errorf("%d reads are logged, want 6", n)
	}
	steps := []struct {
		name string
		do   func()
		user string
		url  string
	}{
		{"another user", nil, "son", url},
		{"another query", nil, "daughter", url + "?limit=20"},
		{"another route", nil, "daughter", "/v1/dossiers/1/reports"},
		{"the dossier moves on", func() { p.exec(`UPDATE clients SET change = change + 1`) }, "daughter", url},
		{"another grant", func() { p.exec(`UPDATE grants SET version = version + 1`) }, "daughter", url},
		{"a newer sync", func() { p.exec(`UPDATE cursors SET as_of = as_of + interval '1 minute'`) }, "daughter", url},
		{"rules are rechecked", func() { p.exec(`UPDATE cursors SET rechecking = true WHERE stream = 'forms'`) }, "daughter", url},
		{"quarantine", func() {
			p.exec(`INSERT INTO quarantine (tenant, key, stream, type, client, reason, detail) VALUES ('amaris', 'k', 'reports', 'T', '1', 'bad-body', '')`)
		}, "daughter", url},
	}
	for _, s := range steps {
		if s.do != nil {
			s.do()
		}
		a := p.get(s.user, s.url, "If-None-Match", tag)
		if a.status != http.StatusOK {
			t.Errorf("%s: answered with %d", s.name, a.status)
		}
		if s.do != nil {
			tag = a.header.Get("ETag")
		}
	}
	other := newHarness(t, func(o *portalapi.Options) { o.Build = "other" })
	if a := other.get("daughter", "/v1/dossiers"); a.header.Get("ETag") == p.get("daughter", "/v1/dossiers").header.Get("ETag") {
		t.Error("two builds have the same ETag")
	}
}

func TestChangedSinceFirstPage(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	for n := range 5 {
		p.items(report("1", fmt.Sprint(n), noon().AddDate(0, 0, -n)))
	}
	first := p.get("daughter", "/v1/dossiers/1/timeline?limit=2").list(t)
	second := p.get("daughter", *first.Page.Next).list(t)
	if first.Page.Changed || second.Page.Changed {
		t.Error("an unchanged dossier is said to have changed")
	}
	p.exec(`UPDATE clients SET change = change + 1`)
	for _, link := range []*string{first.Page.Next, second.Page.Next, second.Page.Previous} {
		if l := p.get("daughter", *link).list(t); !l.Page.Changed {
			t.Errorf("%s does not say that the dossier has changed", *link)
		}
	}
}

func TestHEADAndGzip(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	for n := range 20 {
		p.items(report("1", fmt.Sprint(n), noon().AddDate(0, 0, -n)))
	}
	const url = "/v1/dossiers/1/reports"
	plain := p.get("daughter", url)
	zipped := p.get("daughter", url, "Accept-Encoding", "br, gzip;q=0.5")
	if got := zipped.header.Get("Content-Encoding"); got != "gzip" || len(zipped.body) >= len(plain.body) {
		t.Fatalf("encoding %q, %d bytes for %d", got, len(zipped.body), len(plain.body))
	}
	r, err := gzip.NewReader(strings.NewReader(zipped.body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil || string(text) != plain.body {
		t.Errorf("gzip holds something else: %v", err)
	}
	if zipped.header.Get("ETag") != plain.header.Get("ETag") {
		t.Error("the ETag depends on the encoding")
	}
	for _, accept := range []string{"", "br", "gzip;q=0", "gzip;q=0, *", "identity"} {
		if a := p.get("daughter", url, "Accept-Encoding", accept); a.header.Get("Content-Encoding") != "" {
			t.Errorf("%q is answered with %s", accept, a.header.Get("Content-Encoding"))
		}
	}
	head := p.do(http.MethodHead, url, p.token("daughter", "dossier:read"), "")
	if head.status != http.StatusOK || head.body != "" {
		t.Errorf("HEAD is answered with %d and %d bytes", head.status, len(head.body))
	}
	for _, name := range []string{"Content-Length", "Content-Type", "ETag", "Vary"} {
		if head.header.Get(name) != plain.header.Get(name) {
			t.Errorf("HEAD has %s %q, GET %q", name, head.header.Get(name), plain.header.Get(name))
		}
	}
	if got := plain.header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("X-Content-Type-Options is %q", got)
	}
}

func TestUnknownRouteAndMethod(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	token := p.token("daughter", "dossier:read")
	for _, url := range []string{
		"/v1", "/v1/", "/v1/dossiers/", "/v1//dossiers", "/v1/dossiers/1/", "/v1/dossiers/1/../2", "/v1/dossiers/1/secrets",
		"/v1/dossiers/1/reports/a/b", "/v2/dossiers", "/metrics",
	} {
		a := p.do(http.MethodGet, url, token, "")
		if kind, _ := a.problem(t); a.status != http.StatusNotFound || kind != "not-found" || a.header.Get("Location") != "" {
			t.Errorf("%s is answered with %d %s", url, a.status, kind)
		}
	}
	tests := []struct{ method, url, allow string }{
		{http.MethodPost, "/v1/dossiers", "GET, HEAD"},
		{http.MethodOptions, "/v1/dossiers/1/reports", "GET, HEAD"},
		{http.MethodPatch, "/v1/dossiers/1/grants/x", "DELETE, GET, HEAD, PUT"},
		{http.MethodDelete, "/v1/dossiers/1/grants", "GET, HEAD"},
		{http.MethodPut, "/openapi.yaml", "GET, HEAD"},
		{"BREW", "/v1/dossiers", "GET, HEAD"},
	}
	for _, tt := range tests {
		a := p.do(tt.method, tt.url, token, "")
		if kind, _ := a.problem(t); a.status != http.StatusMethodNotAllowed || kind != "method-not-allowed" || a.header.Get("Allow") != tt.allow {
			t.Errorf("%s %s is answered with %d %s, %s", tt.method, tt.url, a.status, kind, a.header.Get("Allow"))
		}
	}
	if a := p.do(http.MethodGet, "/openapi.yaml", "", ""); a.status != http.StatusOK || a.body != string(portalapi.OpenAPI()) {
		t.Errorf("the contract is answered with %d", a.status)
	}
	var asJSON struct{ Paths map[string]any }
	a := p.do(http.MethodGet, "/openapi.json", "", "")
	if err := json.Unmarshal([]byte(a.body), &asJSON); err != nil || asJSON.Paths["/v1/dossiers"] == nil {
		t.Errorf("the contract as JSON is answered with %d, %v", a.status, err)
	}
	const about = `{"name":"dossiersync portal API","version":"test","contract":"/openapi.yaml"}`
	if a := p.do(http.MethodGet, "/", "", ""); a.body != about {
		t.Errorf("/ is answered with %d %s", a.status, a.body)
	}
}

func TestParametersAreReadStrictly(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	tests := []struct{ url, parameter string }{
		{"/v1/dossiers?limit=5", "limit"},
		{"/v1/dossiers/1?x=1", "x"},
		{"/v1/dossiers/1/timeline?sort=asc", "sort"},
		{"/v1/dossiers/1/timeline?jan%40example.org=1", ""},
		{"/v1/dossiers/1/timeline?limit=1&limit=2", "limit"},
		{"/v1/dossiers/1/timeline?limit=0", "limit"},
		{"/v1/dossiers/1/timeline?limit=101", "limit"},
		{"/v1/dossiers/1/timeline?limit=010", "limit"},
		{"/v1/dossiers/1/timeline?limit=", "limit"},
		{"/v1/dossiers/1/timeline?from=2026-13-01", "from"},
		{"/v1/dossiers/1/timeline?from=2026-3-1", "from"},
		{"/v1/dossiers/1/timeline?to=0000-01-01", "to"},
		{"/v1/dossiers/1/timeline?from=2026-03-02&to=2026-03-01", "to"},
		{"/v1/dossiers/1/timeline?kind=care-plan", "kind"},
		{"/v1/dossiers/1/timeline?category=Algemeen", "category"},
		{"/v1/dossiers/1/timeline?around=now", "around"},
		{"/v1/dossiers/1/timeline?cursor=AAAA", "cursor"},
		{"/v1/dossiers/1/timeline/density", "by"},
		{"/v1/dossiers/1/timeline/density?by=year", "by"},
		{"/v1/dossiers/1/reports?kind=report", "kind"},
		{"/v1/dossiers/1/forms?category=general", "category"},
		{"/v1/dossiers/1/care-plans?state=open", "state"},
		{"/v1/dossiers/1/reports?from=2026-01-01;to=2026-01-02", ""},
		{"/v1/dossiers/1/reports?%zz", ""},
	}
	for _, tt := range tests {
		a := p.get("daughter", tt.url)
		kind, parameter := a.problem(t)
		if a.status != http.StatusBadRequest || kind != "invalid-parameter" || parameter != tt.parameter {
			t.Errorf("%s is answered with %d %s %q, want %q", tt.url, a.status, kind, parameter, tt.parameter)
		}
		// The refusal comes before the dossier is looked up.
		stranger := p.get("stranger", tt.url)
		if stranger.body != a.body {
			t.Errorf("%s answers a stranger otherwise: %s", tt.url, stranger.body)
		}
	}
	if n := len(p.accesses()); n != 0 {
		t.Errorf("%d refusals are logged", n)
	}
	if a := p.get("daughter", "/v1/dossiers/1/reports?cursor="+strings.Repeat("A", 5000)); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a long URL is answered with %d", a.status)
	}
	if a := p.get("daughter", "/v1/dossiers/1/reports", "X-Long", strings.Repeat("A", 40_000)); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a long header is answered with %d", a.status)
	}
}

// A cursor is only valid in its own list.
func TestCursorBelongsToItsList(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.client("amaris", "2", "Ander")
	p.grant("amaris", "daughter", "2", everyPart)
	for n := range 3 {
		p.items(report("1", fmt.Sprint(n), noon().AddDate(0, 0, -n)))
	}
	next, err := url.Parse(*p.get("daughter", "/v1/dossiers/1/timeline?limit=1&kind=report").list(t).Page.Next)
	if err != nil {
		t.Fatal(err)
	}
	if next.IsAbs() || next.Query().Get("kind") != "report" || next.Query().Get("limit") != "1" {
		t.Errorf("next is %s", next)
	}
	cursor := next.Query().Get("cursor")
	for url, want := range map[string]int{
		"/v1/dossiers/1/timeline?limit=2&kind=report&cursor=" + cursor:                    http.StatusOK,
		"/v1/dossiers/1/timeline?limit=1&cursor=" + cursor:                                http.StatusBadRequest,
		"/v1/dossiers/1/reports?limit=1&kind=report&cursor=" + cursor:                     http.StatusBadRequest,
		"/v1/dossiers/2/timeline?limit=1&kind=report&cursor=" + cursor:                    http.StatusBadRequest,
		"/v1/dossiers/1/timeline?kind=report&cursor=" + cursor + "A":                      http.StatusBadRequest,
		"/v1/dossiers/1/timeline?kind=report&around=2026-01-01&cursor=" + cursor:          http.StatusBadRequest,
		"/v1/dossiers/1/timeline?kind=report&cursor=" + strings.ToLower(cursor[:20]) + "": http.StatusBadRequest,
	} {
		if a := p.get("daughter", url); a.status != want {
			t.Errorf("%s is answered with %d, want %d", url, a.status, want)
		}
	}
}

// Metrics and logs hold route patterns, and no personal data.
func TestMetricsAndLogsHoldNoPersonalData(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	core, lines := observer.New(zap.DebugLevel)
	p := newHarness(t, func(o *portalapi.Options) { o.Registerer, o.Log = registry, zap.New(core) })
	p.markSynced("amaris", time.Now())
	p.client("amaris", "client-77", "Mevrouw De Vries")
	p.grant("amaris", "daughter", "client-77", everyPart)
	r := report("client-77", "r", noon())
	p.items(r)
	p.get("daughter", "/v1/dossiers/client-77/reports/"+r.key(), "X-Request-Id", "portal-1")
	p.get("daughter", "/v1/dossiers/client-77/timeline?from=1999-01-01&zoek=geheim")
	p.get("daughter", "/v1/nergens/client-77")
	p.do("BREW", "/v1/dossiers/client-77", "", "")
	p.exec(`REVOKE EXECUTE ON FUNCTION portal_dossier(text, text, text, bigint, bytea) FROM dossiersync_reader`)
	p.get("daughter", "/v1/dossiers/client-77")

	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "dossiersync_http_requests_total" {
				got[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	want := map[string]float64{
		"/v1/dossiers/{client} 405": 1, "/v1/dossiers/{client} 500": 1, "/v1/dossiers/{client}/reports/{id} 200": 1,
		"/v1/dossiers/{client}/timeline 400": 1, "unknown 404": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	var text bytes.Buffer
	for _, line := range lines.All() {
		fmt.Fprintln(&text, line.Message, line.ContextMap())
	}
	for _, secret := range []string{"client-77", "daughter", "geheim", "zoek", "1999", r.key(), "Vries", "nergens", "BREW"} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, &text)
		}
	}
	for _, part := range []string{"portal-1", "amaris", "/v1/dossiers/{client}/reports/{id}", "200"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("the log does not have %q:\n%s", part, &text)
		}
	}
}

func TestTimelineKindsAreTenants(t *testing.T) {
	t.Parallel()
	p := newHarness(t, func(o *portalapi.Options) { o.Tenants[0].Timeline = []dossier.Kind{dossier.KindForm} })
	p.markSynced("amaris", time.Now())
	p.client("amaris", "1", "Mevrouw De Vries")
	p.grant("amaris", "daughter", "1", everyPart)
	f := form("1", "f", noon())
	p.items(report("1", "r", noon()), f)
	if got := ids(p.get("daughter", "/v1/dossiers/1/timeline").list(t)); !slices.Equal(got, keysOf(f)) {
		t.Errorf("the time line is %v", got)
	}
	l := p.get("daughter", "/v1/dossiers/1/timeline?kind=report").list(t)
	if len(l.Items) != 0 || reasonOf(l) != "not-shared" {
		t.Errorf("reports on the time line are %v, %s", l.Items, reasonOf(l))
	}
	if l := p.get("daughter", "/v1/dossiers/1/reports").list(t); len(l.Items) != 1 {
		t.Errorf("reports are %v", l.Items)
	}
}

// The portal's id of a request is returned, and is in the log lines and in the entry of the access
// log; an impossible id is replaced.
func TestRequestIDIsTheSameEverywhere(t *testing.T) {
	t.Parallel()
	core, lines := observer.New(zap.DebugLevel)
	p := newDossierHarness(t, func(o *portalapi.Options) { o.Log = zap.New(core) })
	in := func(id string) (inLog, inAccesses int) {
		for _, line := range lines.All() {
			if line.ContextMap()["request"] == id {
				inLog++
			}
		}
		err := p.db.QueryRow(t.Context(), `SELECT count(*) FROM access_log WHERE access_point = $1`, id).Scan(&inAccesses)
		if err != nil {
			t.Fatal(err)
		}
		return inLog, inAccesses
	}
	for url, want := range map[string]struct{ status, accesses int }{
		"/v1/dossiers/1/reports": {200, 1}, "/v1/dossiers/2/reports": {404, 1}, "/v1/dossiers/1?x=y": {400, 0}, "/v1/nergens": {404, 0}, "/openapi.yaml": {200, 0},
	} {
		id := "portal-" + strings.NewReplacer("/", ".", "?", "_", "=", "_").Replace(url)
		a := p.get("daughter", url, "X-Request-Id", id)
		if a.status != want.status || a.header.Get("X-Request-Id") != id {
			t.Errorf("%s is answered with %d and the id %q", url, a.status, a.header.Get("X-Request-Id"))
		}
		if log, accesses := in(id); log != 1 || accesses != want.accesses {
			t.Errorf("%s is in %d lines of the log and %d entries of the access log, want %d", url, log, accesses, want.accesses)
		}
	}
	seen := map[string]bool{}
	for _, id := range []string{"", "", "een zin", "regel\neinde", strings.Repeat("x", 65), "<script>"} {
		got := p.get("daughter", "/v1/dossiers", "X-Request-Id", id).header.Get("X-Request-Id")
		if got == id || len(got) < 16 || seen[got] {
			t.Errorf("%q comes back as %q", id, got)
		}
		seen[got] = true
		if log, accesses := in(got); log != 1 || accesses != 1 {
			t.Errorf("%q is in %d lines of the log and %d entries of the access log", got, log, accesses)
		}
	}
}
