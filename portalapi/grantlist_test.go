package portalapi_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const allGrants = "/v1/grants"

// A list of all grants takes the place of what is stored.
func TestAllGrantsAreReplaced(t *testing.T) {
	t.Parallel()
	p := newDossier(t) // daughter has a grant on 1
	p.grant("szr", "elsewhere", "1", everyPart)
	p.client("amaris", "2", "Jan")
	body := `{"items":[
		{"client":"2","user":"son","role":"contact","parts":["reports"],"state":"accepted","name":"J. de Vries"},
		{"client":"9","user":"son","role":"client","parts":[],"state":"invited"}]}`
	got, _ := p.manage(http.MethodPut, allGrants, body).item(t)
	if diff := cmp.Diff(map[string]any{"changed": 2.0, "revoked": 1.0}, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if a := p.get("daughter", "/v1/dossiers/1"); a.status != http.StatusNotFound {
		t.Errorf("who is not in the list is answered with %d", a.status)
	}
	if a := p.get("son", "/v1/dossiers/2/reports"); a.status != http.StatusOK {
		t.Errorf("who is in the list is answered with %d", a.status)
	}
	var others int
	if err := p.db.QueryRow(t.Context(), `SELECT count(*) FROM grants WHERE tenant = 'szr' AND state = 'accepted'`).Scan(&others); err != nil || others != 1 {
		t.Errorf("of another organisation %d grants are left, %v", others, err)
	}
	again, _ := p.manage(http.MethodPut, allGrants, body).item(t)
	if diff := cmp.Diff(map[string]any{"changed": 0.0, "revoked": 0.0}, again); diff != "" {
		t.Errorf("sent again (-want +got):\n%s", diff)
	}
	var log []string
	for _, e := range p.accesses() {
		if e.Event == "grants" {
			log = append(log, e.Action+" "+e.Client+" "+e.Object+" "+e.Outcome)
		}
	}
	want := []string{"change 2 son success", "change 9 son success", "delete 1 daughter success", "change   success", "change   success"}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Errorf("access log (-want +got):\n%s", diff)
	}
}

func TestNothingIsShownAfterARestoreUntilAllGrantsHaveCome(t *testing.T) {
	t.Parallel()
	p := newDossier(t)
	p.exec(`UPDATE tenants SET awaiting_grants = now() WHERE id = 'amaris'`)
	for _, url := range []string{"/v1/dossiers", "/v1/dossiers/1", "/v1/dossiers/1/reports", "/v1/dossiers/1/access-log", "/v1/dossiers/unknown"} {
		a := p.get("daughter", url)
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
			t.Errorf("%s is answered with %d", url, a.status)
		}
	}
	if a := p.putGrant("1", "son", `{"role":"client","parts":["reports"],"state":"accepted"}`); a.status != http.StatusServiceUnavailable {
		t.Errorf("one grant is answered with %d", a.status)
	}
	if a := p.get("daughter", "/v1/dossiers"); a.status != http.StatusServiceUnavailable {
		t.Errorf("after one grant: %d", a.status)
	}
	p.manage(http.MethodPut, allGrants, `{"items":[{"client":"1","user":"daughter","role":"contact","parts":["reports"],"state":"accepted"}]}`).item(t)
	if a := p.get("daughter", "/v1/dossiers/1/reports"); a.status != http.StatusOK {
		t.Errorf("after all grants: %d", a.status)
	}
	if a := p.get("son", "/v1/dossiers/1/reports"); a.status != http.StatusNotFound {
		t.Errorf("who is not among them: %d", a.status)
	}
}

func TestAllGrantsAreReadStrictly(t *testing.T) {
	t.Parallel()
	p := newDossier(t)
	const good = `{"client":"1","user":"a","role":"client","parts":[],"state":"accepted"}`
	for body, parameter := range map[string]string{
		`{}`:                                    "items",
		`{"items":null}`:                        "items",
		`{"items":[{"user":"a"}]}`:              "items[0].client",
		`{"items":[` + good + `,` + good + `]}`: "items[1].user",
		`{"items":[{"client":"1","user":"","role":"client","parts":[],"state":"accepted"}]}`:         "items[0].user",
		`{"items":[{"client":"1","user":"a","role":"boss","parts":[],"state":"accepted"}]}`:          "items[0].role",
		`{"items":[{"client":"1","user":"a","role":"client","parts":["money"],"state":"accepted"}]}`: "items[0].parts",
		`{"items":[{"client":"1","user":"a","role":"client","parts":[],"state":"accepted","x":1}]}`:  "",
		`{"items":[],"more":1}`: "",
	} {
		a := p.manage(http.MethodPut, allGrants, body)
		if a.status != http.StatusBadRequest {
			t.Errorf("%s is answered with %d", body, a.status)
		}
		if _, got := a.problem(t); parameter != "" && got != parameter {
			t.Errorf("%s: the parameter is %q, want %q", body, got, parameter)
		}
	}
	if a := p.get("daughter", "/v1/dossiers/1"); a.status != http.StatusOK {
		t.Errorf("a refused list has changed something: %d", a.status)
	}
	if a := p.do(http.MethodPut, allGrants, p.token("daughter", "dossier:read"), `{"items":[]}`); a.status != http.StatusForbidden {
		t.Errorf("a reader's token is answered with %d", a.status)
	}
}
