package portalapi_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Any query is answered according to the contract, and never with a 500.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "limit=5", "limit=-1", "limit=9999999999999999999", "from=2026-01-01&to=2026-12-31", "from=0001-01-01", "to=9999-12-31",
		"to=9998-12-31", "around=9998-12-31", "around=0001-01-01&limit=1", "kind=form&category=general", "by=day", "by=month&to=2026-02-31",
		"state=current", "cursor=", "cursor=AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "a=%00", "%", "=", "&&", ";", "from=%ff", "limit=1e2",
		"from=2026-03-29&to=2026-03-29", "limit=١", "cursor=%0A",
	} {
		for route := range fuzzRoutes {
			f.Add(seed, route)
		}
	}
	p := fuzzHarness(f)
	f.Fuzz(func(t *testing.T, query string, route int) {
		p := p.forTest(t)
		path := fuzzRoutes[uint(route)%uint(len(fuzzRoutes))]
		p.send(path, query)
	})
}

// Any cursor gives a page or is refused.
func FuzzCursor(f *testing.F) {
	p := fuzzHarness(f)
	q := p.forTest(f)
	next, err := url.Parse(*q.get("daughter", fuzzRoutes[0]+"?limit=1").list(f).Page.Next)
	if err != nil {
		f.Fatal(err)
	}
	good, err := base64.RawURLEncoding.DecodeString(next.Query().Get("cursor"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for i := range good {
		for _, b := range []byte{0, 1, 0x7f, 0xff} {
			changed := append([]byte{}, good...)
			changed[i] = b
			f.Add(changed)
		}
	}
	f.Add(append(good, 0))
	f.Add(append(good[:26:26], strings.Repeat("x", 600)...))
	f.Add(append(good[:26:26], 0xff, 0xfe))
	f.Fuzz(func(t *testing.T, cursor []byte) {
		p.forTest(t).send(fuzzRoutes[0], "cursor="+base64.RawURLEncoding.EncodeToString(cursor))
	})
}

// Any ids in the path are answered according to the contract.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{"1", "", "..", "%00", "%2f", "a b", "1;drop", "\xff", strings.Repeat("x", 3000), "{client}", "%25"} {
		f.Add(seed, "x")
		f.Add("1", seed)
	}
	p := fuzzHarness(f)
	f.Fuzz(func(t *testing.T, client, id string) {
		p := p.forTest(t)
		p.send("/v1/dossiers/"+url.PathEscape(client)+"/reports/"+url.PathEscape(id), "")
	})
}

// Any token but the right one is refused.
func FuzzToken(f *testing.F) {
	p := fuzzHarness(f)
	good := p.token("daughter", "dossier:read")
	for _, seed := range []string{good[:len(good)-2], "", ".", "..", "a.b.c", "e30.e30.", "eyJhbGciOiJFUzI1NiJ9..", good + "=", "null", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if a := p.forTest(t).do(http.MethodGet, "/v1/dossiers", token, ""); a.status != http.StatusUnauthorized && token != good {
			t.Errorf("%q is answered with %d", token, a.status)
		}
	})
}

// Any grant, for any user, is stored or refused.
func FuzzGrant(f *testing.F) {
	const good = `"role":"contact","parts":["reports"],"state":"accepted"`
	for _, body := range []string{
		"", "{", "[]", "null", "{}", `{` + good + `}`, `{` + good + `,"from":"2026-02-30"}`, `{` + good + `,"name":"\u0000"}`, `{` + good + `,"name":"\ud800"}`,
		`{` + good + `,"contact":""}`, `{` + good + `,"manager":null}`, `{` + good + `,"version":1}`, `{` + good + `,` + good + `}`, `{"Role":"client"}`,
		`{` + good + `,"from":"0001-01-01","until":"9998-12-31"}`, `{` + good + `,"name":"` + "\xff" + `"}`, `{"parts":` + strings.Repeat("[", 5000),
	} {
		f.Add("1", "son", body, "daughter")
	}
	f.Add("%00", "..", "{}", "a\x00")
	f.Add("9", "auth0|x/y", "{}", "")
	f.Add("1", "\xff", "{}", "dossiersync")
	p := fuzzHarness(f)
	f.Fuzz(func(t *testing.T, client, user, body, actor string) {
		q := p.forTest(t)
		for _, method := range []string{http.MethodPut, http.MethodGet, http.MethodDelete} {
			q.sendGrants(method, "/v1/dossiers/"+url.PathEscape(client)+"/grants/"+url.PathEscape(user), body, actor)
		}
		q.sendGrants(http.MethodGet, "/v1/dossiers/"+url.PathEscape(client)+"/grants", "", actor)
	})
}

// Any list of all grants is stored completely or refused.
func FuzzGrants(f *testing.F) {
	const one = `{"client":"1","user":"son","role":"contact","parts":["reports"],"state":"accepted"}`
	for _, body := range []string{
		"", "{", "[]", "null", `{"items":[]}`, `{"items":[` + one + `]}`, `{"items":[` + one + `,` + one + `]}`, `{"items":[` + one + `]`, `{"items":null}`,
		`{"items":[null]}`, `{"items":[[]]}`, `{"items":[],"asOf":"2026-01-01T00:00:00Z"}`, `{"asOf":"9999-12-31T23:59:59-23:59","items":[]}`,
		`{"asOf":"0000-01-01T00:00:00+23:59","items":[]}`, `{"asOf":1,"items":[]}`, `{"items":[]}{}`, `{"items":[` + one + ` ` + one + `]}`, `{"items":[],}`,
		`{"items":` + strings.Repeat("[", 3000), `{"` + strings.Repeat("x", 100_000) + `":1}`, `{"items":["` + strings.Repeat("x", 100_000) + `"]}`,
	} {
		f.Add(body)
	}
	p := fuzzHarness(f)
	f.Fuzz(func(t *testing.T, body string) {
		p.forTest(t).sendGrants(http.MethodPut, allGrants, body, "beheer")
	})
}

// sendGrants sends a request about grants as the portal does.
func (p *harness) sendGrants(method, path, body, actor string) {
	p.t.Helper()
	u, err := url.Parse(path)
	if err != nil {
		return
	}
	r := httptest.NewRequestWithContext(p.t.Context(), method, "/", strings.NewReader(body))
	r.URL = u
	r.Header = http.Header{"Authorization": {"Bearer " + p.token("portal", "dossier:grants")}, "Dossier-Actor": {actor}, "Content-Type": {"application/json"}}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	if w.Code >= http.StatusInternalServerError {
		p.t.Errorf("%s %q with %.200q is answered with %d: %s", method, path, body, w.Code, w.Body)
	}
}

var fuzzRoutes = []string{
	"/v1/dossiers/1/timeline", "/v1/dossiers/1/timeline/density", "/v1/dossiers/1/reports", "/v1/dossiers/1/forms",
	"/v1/dossiers/1/care-plans", "/v1/dossiers/1/contacts", "/v1/dossiers/1/access-log", "/v1/dossiers", "/v1/dossiers/1",
	"/v1/dossiers/1/reports/x", "/v1/dossiers/1/forms/x", "/v1/dossiers/1/care-plans/x", "/v1/dossiers/1/grants", "/v1/dossiers/1/grants/son",
}

func fuzzHarness(f *testing.F) *harness {
	f.Helper()
	p := newDossierHarness(f)
	for n := range 3 {
		p.items(report("1", fmt.Sprint(n), noon().AddDate(0, 0, -n)), form("1", fmt.Sprint(n), noon().Add(-time.Duration(n)*time.Hour)))
	}
	return p
}

func (p *harness) send(path, query string) {
	p.t.Helper()
	u, err := url.Parse(path)
	if err != nil {
		return
	}
	u.RawQuery = query
	r := httptest.NewRequestWithContext(p.t.Context(), http.MethodGet, "/", nil)
	r.URL = u
	r.Header.Set("Authorization", "Bearer "+p.token("daughter", "dossier:read dossier:grants"))
	r.Header.Set("Dossier-Actor", "daughter")
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	if w.Code >= http.StatusInternalServerError {
		p.t.Errorf("%q ? %q is answered with %d: %s", path, query, w.Code, w.Body)
	}
}
