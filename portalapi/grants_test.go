package portalapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

func (p *harness) manage(method, url, body string) response {
	p.t.Helper()
	return p.do(method, url, p.token("portal", "dossier:grants"), body, "Dossier-Actor", "daughter", "Content-Type", "application/json")
}

func (p *harness) putGrant(client, user, body string) response {
	p.t.Helper()
	return p.manage(http.MethodPut, "/v1/dossiers/"+client+"/grants/"+user, body)
}

func TestGrantOpensAndClosesDossier(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	status := func() int { return p.get("auth0|son/1", "/v1/dossiers/1/timeline").status }
	const url = "/v1/dossiers/1/grants/auth0%7Cson%2F1"
	if got := status(); got != http.StatusNotFound {
		t.Fatalf("before any grant: %d", got)
	}
	invited := `{"role":"contact","parts":["forms","reports","forms"],"state":"invited","name":"J. de Vries"}`
	got, _ := p.manage(http.MethodPut, url, invited).item(t)
	want := map[string]any{"user": "auth0|son/1", "role": "contact", "manager": false, "parts": []any{"reports", "forms"},
		"state": "invited", "from": nil, "until": nil, "contact": nil, "name": "J. de Vries",
		"roleLabel": "de contact", "stateLabel": "invited", "whySentence": "not-accepted",
		"counts": false, "why": "not-accepted", "invitedAt": got["invitedAt"], "acceptedAt": nil, "grantedBy": "daughter"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stored grant (-want +got):\n%s", diff)
	}
	if got := status(); got != http.StatusNotFound {
		t.Errorf("invited: %d", got)
	}
	want["state"], want["until"], want["manager"] = "accepted", "2099-12-31", true
	accepted, _ := p.manage(http.MethodPut, url, string(marshal(t, want))).item(t)
	want["counts"], want["why"], want["acceptedAt"] = true, nil, accepted["acceptedAt"]
	want["stateLabel"], want["whySentence"] = "accepted", nil
	if got["invitedAt"] == nil || accepted["acceptedAt"] == nil {
		t.Errorf("the moments are %v and %v", got["invitedAt"], accepted["acceptedAt"])
	}
	if diff := cmp.Diff(want, accepted); diff != "" {
		t.Errorf("accepted grant (-want +got):\n%s", diff)
	}
	if got := status(); got != http.StatusOK {
		t.Errorf("accepted: %d", got)
	}
	one, _ := p.manage(http.MethodGet, url, "").item(t)
	if diff := cmp.Diff(want, one); diff != "" {
		t.Errorf("read grant (-want +got):\n%s", diff)
	}
	for range 2 {
		if a := p.manage(http.MethodDelete, url, ""); a.status != http.StatusNoContent || a.body != "" {
			t.Errorf("revoking is answered with %d %s", a.status, a.body)
		}
	}
	if got := status(); got != http.StatusNotFound {
		t.Errorf("revoked: %d", got)
	}
	l := p.manage(http.MethodGet, "/v1/dossiers/1/grants", "").list(t)
	if len(l.Items) != 2 || l.Items[0]["state"] != "revoked" || l.Items[1]["user"] != "daughter" {
		t.Errorf("grants are %v", l.Items)
	}
	if a := p.manage(http.MethodGet, "/v1/dossiers/1/grants/nobody", ""); a.status != http.StatusNotFound {
		t.Errorf("no grant is answered with %d", a.status)
	}
	if a := p.manage(http.MethodDelete, "/v1/dossiers/1/grants/nobody", ""); a.status != http.StatusNotFound {
		t.Errorf("revoking none is answered with %d", a.status)
	}

	var log []string
	for _, e := range p.accesses() {
		if e.Event == "grant" || e.Event == "grants" {
			if e.Behalf != "daughter" || e.User != "portal" || e.Client != "1" {
				t.Errorf("logged as %v", e)
			}
			log = append(log, e.Action+" "+e.Object+" "+e.Outcome)
		}
	}
	wantLog := []string{
		"add auth0|son/1 success", "change auth0|son/1 success", "read auth0|son/1 success",
		"delete auth0|son/1 success", "delete auth0|son/1 success", "read  success",
		"read nobody denied", "delete nobody denied",
	}
	if diff := cmp.Diff(wantLog, log); diff != "" {
		t.Errorf("access log (-want +got):\n%s", diff)
	}
}

func TestGrantWaitsForClient(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	if a := p.putGrant("9", "son", `{"role":"client","parts":["reports"],"state":"accepted"}`); a.status != http.StatusOK {
		t.Fatalf("answered with %d", a.status)
	}
	if a := p.get("son", "/v1/dossiers/9"); a.status != http.StatusNotFound {
		t.Errorf("an unknown client is answered with %d", a.status)
	}
	p.client("amaris", "9", "Nieuw")
	if a := p.get("son", "/v1/dossiers/9"); a.status != http.StatusOK {
		t.Errorf("a client who has come is answered with %d", a.status)
	}
	// The tenant is the token's.
	var tenant string
	if err := p.db.QueryRow(t.Context(), `SELECT string_agg(tenant, ' ') FROM grants WHERE client = '9'`).Scan(&tenant); err != nil || tenant != "amaris" {
		t.Errorf("the grant is of %s, %v", tenant, err)
	}
}

func TestGrantBeforeTenantIsUnavailable(t *testing.T) {
	t.Parallel()
	p := newHarness(t)
	p.exec(`DELETE FROM tenants WHERE id = 'amaris'`)
	if a := p.putGrant("1", "son", `{"role":"client","parts":["reports"],"state":"accepted"}`); a.status != http.StatusServiceUnavailable {
		t.Errorf("answered with %d", a.status)
	}
	if l := p.get("son", "/v1/dossiers").list(t); len(l.Items) != 0 || reasonOf(l) != "not-synced-yet" {
		t.Errorf("dossiers are %v, %s", l.Items, reasonOf(l))
	}
}

func TestGrantIsReadStrictly(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	const good = `"role":"contact","parts":["reports"],"state":"accepted"`
	tests := map[string]struct {
		body, parameter string
	}{
		"no object":        {`[]`, ""},
		"no JSON":          {`{"role":`, ""},
		"two objects":      {`{` + good + `}{}`, ""},
		"empty":            {``, "role"},
		"unknown field":    {`{` + good + `,"admin":true}`, "admin"},
		"strange field":    {`{` + good + `,"jan@example.org":true}`, ""},
		"field in capital": {`{` + good + `,"Manager":true}`, "Manager"},
		"field twice":      {`{` + good + `,"role":"client"}`, "role"},
		"no role":          {`{"parts":[],"state":"accepted"}`, "role"},
		"unknown role":     {`{"role":"nurse","parts":[],"state":"accepted"}`, "role"},
		"role of a kind":   {`{"role":1,"parts":[],"state":"accepted"}`, "role"},
		"no parts":         {`{"role":"contact","state":"accepted"}`, "parts"},
		"unknown part":     {`{"role":"contact","parts":["contacts"],"state":"accepted"}`, "parts"},
		"parts of a kind":  {`{"role":"contact","parts":"reports","state":"accepted"}`, "parts"},
		"no state":         {`{"role":"contact","parts":[]}`, "state"},
		"manager of kind":  {`{` + good + `,"manager":"yes"}`, "manager"},
		"no date":          {`{` + good + `,"from":"tomorrow"}`, "from"},
		"date and time":    {`{` + good + `,"until":"2026-01-01T00:00:00Z"}`, "until"},
		"30 February":      {`{` + good + `,"until":"2026-02-30"}`, "until"},
		"backwards":        {`{` + good + `,"from":"2026-02-02","until":"2026-02-01"}`, "until"},
		"no contact":       {`{` + good + `,"contact":"RelatedPerson/1"}`, "contact"},
		"NUL in the name":  {`{` + good + `,"name":"a\u0000b"}`, "name"},
		"a long name":      {`{` + good + `,"name":"` + strings.Repeat("x", 201) + `"}`, "name"},
		"another user":     {`{` + good + `,"user":"daughter"}`, "user"},
	}
	for name, tt := range tests {
		a := p.putGrant("1", "son", tt.body)
		kind, parameter := a.problem(t)
		if a.status != http.StatusBadRequest || kind != "invalid-parameter" || parameter != tt.parameter {
			t.Errorf("%s: answered with %d %s %q, want %q", name, a.status, kind, parameter, tt.parameter)
		}
	}
	if a := p.putGrant("1", "son", `{"name":"`+strings.Repeat("x", 20_000)+`"}`); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body is answered with %d", a.status)
	}
	token := p.token("portal", "dossier:grants")
	if a := p.do(http.MethodPut, "/v1/dossiers/1/grants/son", token, `{`+good+`}`, "Dossier-Actor", "x", "Content-Type", "text/plain"); a.status != http.StatusUnsupportedMediaType {
		t.Errorf("plain text is answered with %d", a.status)
	}
	for _, actor := range []string{"", "a\x01b", strings.Repeat("x", 256)} {
		a := p.do(http.MethodGet, "/v1/dossiers/1/grants", token, "", "Dossier-Actor", actor)
		if _, parameter := a.problem(t); a.status != http.StatusBadRequest || parameter != "Dossier-Actor" {
			t.Errorf("actor %q is answered with %d", actor, a.status)
		}
	}
	for _, url := range []string{"/v1/dossiers/no%20id/grants", "/v1/dossiers/1/grants/a%00b", "/v1/dossiers/%00/grants/son"} {
		if a := p.manage(http.MethodGet, url, ""); a.status != http.StatusNotFound {
			t.Errorf("%s is answered with %d", url, a.status)
		}
	}
}

func TestContactsAreForManagers(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.exec(`UPDATE grants SET manager = true`)
	yes, no, yesterday := true, false, noon().AddDate(0, 0, -1)
	contact := func(id string, open *bool, ends *time.Time) item {
		return item{tenant: "amaris", client: "1", id: id, kind: dossier.KindContact, title: "P. de Vries", open: open, ends: ends}
	}
	p.items(contact("rp-1", &yes, nil), contact("rp-2", &no, nil), contact("rp-3", &yes, &yesterday))
	active := map[any]any{}
	for _, it := range p.get("daughter", "/v1/dossiers/1/contacts").list(t).Items {
		active[it["id"]] = it["active"]
	}
	if diff := cmp.Diff(map[any]any{"rp-1": true, "rp-2": false, "rp-3": false}, active); diff != "" {
		t.Errorf("contacts (-want +got):\n%s", diff)
	}
}
