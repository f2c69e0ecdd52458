package portalapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/portalapi"
	"dossiersync/store/dossier"
)

func (p *harness) postEvent(user, body string) response {
	p.t.Helper()
	return p.do(http.MethodPost, "/v1/dossiers/1/events", p.token(user, "dossier:read"), body, "Content-Type", "application/json")
}

// What the portal tells of printing and copying is logged, if the user may read it.
func TestEventsOfThePortalAreLogged(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t, func(o *portalapi.Options) { o.Tenants[0].Shared = []dossier.Part{"reports", "care-plans"} })
	p.exec(`UPDATE grants SET name = 'P. de Vries'`)
	p.grant("amaris", "son", "1", []string{"reports"})
	r, f, pl, hidden := report("1", "r", noon()), form("1", "f", noon()), plan("1", "p", noon(), true), report("1", "hidden", noon())
	other := report("2", "other", noon())
	p.items(r, f, pl, hidden, other)
	p.exec(`UPDATE items SET state = 'hidden', reason = 'marked', card = NULL, body = NULL WHERE id = 'hidden'`)
	of := func(user, event, outcome, object string) logged {
		e := logged{Action: "execute", Event: event, Outcome: outcome, User: user, Role: "contact", Client: "1", Object: object}
		if user == "daughter" {
			e.UserName = "P. de Vries"
		}
		return e
	}
	about := func(event, kind, id string) string {
		return `{"event":"` + event + `","object":{"kind":"` + kind + `","id":"` + id + `"}}`
	}
	for _, tt := range []struct {
		user, body string
		status     int
		want       logged
	}{
		{"daughter", `{"event":"print","object":null}`, http.StatusNoContent, of("daughter", "print", "success", "")},
		{"daughter", `{"event":"copy"}`, http.StatusNoContent, of("daughter", "copy", "success", "")},
		{"daughter", about("download", "report", r.key()), http.StatusNoContent, of("daughter", "download", "success", r.key())},
		{"son", about("print", "report", r.key()), http.StatusNoContent, of("son", "print", "success", r.key())},
		{"daughter", about("print", "care-plan", pl.key()), http.StatusNoContent, of("daughter", "print", "success", pl.key())},
		{"daughter", about("print", "care-plan", r.key()), http.StatusNotFound, of("daughter", "print", "denied", r.key())}, // another kind
		{"son", about("print", "care-plan", pl.key()), http.StatusNotFound, of("son", "print", "denied", pl.key())},         // no right
		{"daughter", about("print", "form", f.key()), http.StatusNotFound, of("daughter", "print", "denied", f.key())},      // not shared
		{"daughter", about("print", "report", hidden.key()), http.StatusNotFound, of("daughter", "print", "denied", hidden.key())},
		{"daughter", about("print", "report", other.key()), http.StatusNotFound, of("daughter", "print", "denied", other.key())},
		{"daughter", about("print", "report", "no id at all!"), http.StatusNotFound, of("daughter", "print", "denied", "")},
		{"stranger", `{"event":"print"}`, http.StatusNotFound, logged{Action: "execute", Event: "print", Outcome: "denied", User: "stranger", Client: "1"}},
	} {
		before := len(p.accesses())
		if a := p.postEvent(tt.user, tt.body); a.status != tt.status || tt.status == http.StatusNoContent && a.body != "" {
			t.Errorf("%s by %s is answered with %d %s, want %d", tt.body, tt.user, a.status, a.body, tt.status)
		}
		if diff := cmp.Diff([]logged{tt.want}, p.accesses()[before:]); diff != "" {
			t.Errorf("%s by %s is logged otherwise (-want +got):\n%s", tt.body, tt.user, diff)
		}
	}
	// The client's own log tells of it apart from the visit.
	p.exec(`UPDATE grants SET manager = true WHERE user_id = 'daughter'`)
	var printed []string
	for _, it := range p.get("daughter", "/v1/dossiers/1/access-log").list(t).Items {
		if it["event"] == "print" && it["outcome"] == "success" {
			printed = append(printed, it["user"].(map[string]any)["id"].(string))
		}
	}
	if diff := cmp.Diff([]string{"son", "daughter"}, printed); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}

func TestEventsAreReadStrictly(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	for body, want := range map[string][]string{
		`{}`:                        {"#/event"},
		`{"event":"read"}`:          {"#/event"},
		`{"event":"print","why":1}`: {"#/why"},
		`{"event":1,"object":3}`:    {"#/event", "#/object", "#/object/kind", "#/object/id"},
		`{"event":"x","object":{}}`: {"#/event", "#/object/kind", "#/object/id"},
		`{"event":"print","object":{"kind":"contact","id":"x","x":1}}`: {"#/object/x", "#/object/kind"},
	} {
		if diff := cmp.Diff(want, p.postEvent("daughter", body).faults(t)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
	for body, status := range map[string]int{
		`[]`: http.StatusBadRequest, `{"event":`: http.StatusBadRequest, `{"event":"` + strings.Repeat("x", 5000) + `"}`: http.StatusRequestEntityTooLarge,
	} {
		if a := p.postEvent("daughter", body); a.status != status {
			t.Errorf("%.20s is answered with %d", body, a.status)
		}
	}
	if a := p.do(http.MethodGet, "/v1/dossiers/1/events", p.token("daughter", "dossier:read"), ""); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST" {
		t.Errorf("GET is answered with %d, Allow %s", a.status, a.header.Get("Allow"))
	}
}
