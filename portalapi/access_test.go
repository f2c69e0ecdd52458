package portalapi_test

import (
	stdcmp "cmp"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/portalapi/portaltest"
	"dossiersync/store/dossier"
)

// Each route, requested by each kind of user: the status, and the reason of an empty list.
func TestRoutesByKindOfUser(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	r, f, pl := report("1", "r", noon()), form("1", "f", noon()), plan("1", "p", noon(), true)
	p.items(r, f, pl, item{tenant: "amaris", client: "1", id: "k", kind: dossier.KindContact})
	ended := "contact = 'gone'"
	p.exec(`INSERT INTO contacts (tenant, id, client, active) VALUES ('amaris', 'gone', '1', false), ('amaris', 'there', '1', true)`)
	for user, grant := range map[string][]string{
		"client":        {"role = 'client'"},
		"manager":       {"manager = true"},
		"reader":        {"parts = '{reports}'"},
		"nothing":       {"parts = '{}'"},
		"invited":       {"state = 'invited'"},
		"revoked":       {"state = 'revoked'"},
		"early":         {"valid_from = current_date + 2"},
		"late":          {"valid_until = current_date - 2"},
		"in time":       {"valid_from = current_date - 1, valid_until = current_date + 1"},
		"ended contact": {ended},
		"contact":       {"contact = 'there'"},
		"of nobody":     {"contact = 'unknown'"},
	} {
		p.grant("amaris", user, "1", everyPart, grant...)
	}
	p.grant("szr", "elsewhere", "1", everyPart)
	p.grant("amaris", "of another", "2", everyPart)

	const none, own, shut = "404", "200", "200 no-right"
	routes := []string{
		"", "/timeline", "/timeline/density?by=week", "/reports", "/reports/" + r.key(), "/forms", "/forms/" + f.key(),
		"/care-plans", "/care-plans/" + pl.key(), "/contacts", "/access-log",
	}
	all := func(answer string) []string {
		var out []string
		for range routes {
			out = append(out, answer)
		}
		return out
	}
	plain := []string{own, own, own, own, own, own, own, own, own, shut, shut}
	tests := map[string][]string{
		"client": all(own), "manager": all(own), "daughter": plain, "in time": plain, "contact": plain,
		"reader":  {own, own, own, own, own, shut, none, shut, none, shut, shut},
		"nothing": {own, shut, shut, shut, none, shut, none, shut, none, shut, shut},
		"invited": all(none), "revoked": all(none), "early": all(none), "late": all(none), "ended contact": all(none),
		"of nobody": all(none), "elsewhere": all(none), "of another": all(none), "stranger": all(none),
	}
	for user, want := range tests {
		var got []string
		for _, route := range routes {
			a := p.get(user, "/v1/dossiers/1"+route)
			s := http.StatusText(a.status)
			switch a.status {
			case http.StatusNotFound:
				s = none
			case http.StatusOK:
				s = own
				if strings.HasPrefix(a.body, `{"items"`) {
					s = strings.TrimSpace(own + " " + reasonOf(a.list(t)))
				}
			}
			if head := p.do(http.MethodHead, "/v1/dossiers/1"+route, p.token(user, "dossier:read"), ""); head.status != a.status {
				t.Errorf("%s: HEAD %s is answered with %d, GET with %d", user, route, head.status, a.status)
			}
			got = append(got, s)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", user, diff)
		}
	}
	listed := map[string]int{"client": 1, "ended contact": 0, "stranger": 0, "of another": 0, "early": 0, "in time": 1}
	for user, want := range listed {
		if got := len(p.get(user, "/v1/dossiers").list(t).Items); got != want {
			t.Errorf("%s has %d dossiers, want %d", user, got, want)
		}
	}
}

// The dossier of a client who has died opens, but only the access log has content. A client who was
// merged, removed or marked gets 404 on every route, for every user.
func TestRoutesOfHiddenClients(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	r, f, pl := report("1", "r", noon()), form("1", "f", noon()), plan("1", "p", noon(), true)
	p.items(r, f, pl)
	p.exec(`UPDATE grants SET manager = true`)
	routes := map[string]string{
		"": "", "/timeline": "reading-ended", "/timeline/density?by=week": "reading-ended", "/reports": "reading-ended", "/forms": "reading-ended",
		"/care-plans": "reading-ended", "/contacts": "reading-ended", "/reports/" + r.key(): "404", "/forms/" + f.key(): "404",
		"/care-plans/" + pl.key(): "404", "/access-log": "",
	}
	p.get("daughter", "/v1/dossiers/1") // so that the log is not empty, whichever route comes first
	for _, tt := range []struct{ set, want string }{
		{"deceased = true", ""},
		{"state = 'hidden', reason = 'merged', name = NULL", "404"}, {"state = 'hidden', reason = 'marked', name = NULL", "404"}, {"state = 'withdrawn', reason = 'deleted', name = NULL", "404"},
	} {
		p.exec(`UPDATE clients SET deceased = false, state = 'shown', reason = NULL`)
		p.exec(`UPDATE clients SET ` + tt.set)
		for route, ofDead := range routes {
			a := p.get("daughter", "/v1/dossiers/1"+route)
			got := ""
			switch {
			case a.status == http.StatusNotFound:
				got = "404"
			case strings.HasPrefix(a.body, `{"items"`):
				got = reasonOf(a.list(t))
			case a.status != http.StatusOK:
				got = a.body
			}
			if want := stdcmp.Or(tt.want, ofDead); got != want {
				t.Errorf("%s: %s is answered with %q, want %q", tt.set, route, got, want)
			}
		}
		if n := len(p.get("daughter", "/v1/dossiers").list(t).Items); (n == 1) != (tt.want == "") {
			t.Errorf("%s: %d dossiers are listed", tt.set, n)
		}
	}
}

// I9: without the access log, no request of any kind or user is answered.
func TestCase85LogDownNothingIsShown(t *testing.T) {
	t.Parallel()
	breaks := map[string]func(p *harness) (mend func()){
		"no right to write": func(p *harness) func() {
			p.exec(`REVOKE INSERT ON access_log FROM dossiersync_answers`)
			return func() { p.exec(`GRANT INSERT ON access_log TO dossiersync_answers`) }
		},
		"locked": func(p *harness) func() {
			tx, err := p.db.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec(t.Context(), `LOCK TABLE access_log IN SHARE MODE`); err != nil {
				t.Fatal(err)
			}
			return func() { _ = tx.Rollback(t.Context()) }
		},
	}
	for name, breakLog := range breaks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newDossierHarness(t)
			r := report("1", "r", noon())
			p.items(r)
			tag := p.get("daughter", "/v1/dossiers/1/reports").header.Get("ETag")
			mend := breakLog(p)
			before := time.Now()
			for _, url := range []string{"/v1/dossiers", "/v1/dossiers/1", "/v1/dossiers/1/reports/" + r.key(), "/v1/dossiers/nobody"} {
				a := p.get("daughter", url)
				if kind, _ := a.problem(t); a.status != http.StatusServiceUnavailable || kind != "unavailable" {
					t.Errorf("%s is answered with %d %s", url, a.status, kind)
				}
				if strings.Contains(a.body, "Tekst van") || a.header.Get("Retry-After") == "" {
					t.Errorf("%s is answered with %v", url, a)
				}
			}
			if a := p.get("daughter", "/v1/dossiers/1/reports", "If-None-Match", tag); a.status != http.StatusServiceUnavailable {
				t.Errorf("what had not changed is answered with %d", a.status)
			}
			if a := p.putGrant("1", "son", `{"role":"contact","parts":[],"state":"accepted"}`); a.status != http.StatusServiceUnavailable {
				t.Errorf("a grant is answered with %d", a.status)
			}
			if a := p.putAll(`{"items":[{"client":"1","user":"son","role":"contact","parts":[],"state":"accepted"}]}`); a.status != http.StatusServiceUnavailable {
				t.Errorf("all grants are answered with %d", a.status)
			}
			if a := p.manage(http.MethodDelete, "/v1/dossiers/1/grants/daughter", ""); a.status != http.StatusServiceUnavailable {
				t.Errorf("revoking is answered with %d", a.status)
			}
			if a := p.postEvent("daughter", `{"event":"print","object":null}`); a.status != http.StatusServiceUnavailable {
				t.Errorf("an event is answered with %d", a.status)
			}
			if took := time.Since(before); took > time.Minute {
				t.Errorf("that took %v", took)
			}
			mend()
			if a := p.get("daughter", "/v1/dossiers/1/reports"); a.status != http.StatusOK {
				t.Errorf("with the log back it is answered with %d", a.status)
			}
			var stored int
			if err := p.db.QueryRow(t.Context(), `SELECT count(*) FROM grants WHERE user_id = 'son'`).Scan(&stored); err != nil || stored != 0 {
				t.Errorf("a grant that could not be logged was stored: %d, %v", stored, err)
			}
		})
	}
}

func TestDatabaseDownIsUnavailable(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.exec(`REVOKE EXECUTE ON FUNCTION portal_dossier(text, text, text, bigint, bytea) FROM dossiersync_reader`)
	a := p.get("daughter", "/v1/dossiers/1")
	if kind, _ := a.problem(t); a.status != http.StatusInternalServerError || kind != "internal" {
		t.Errorf("a missing right is answered with %d %s", a.status, kind)
	}
	p.Reader.Close()
	a = p.get("daughter", "/v1/dossiers/1")
	if kind, _ := a.problem(t); a.status != http.StatusServiceUnavailable || kind != "unavailable" {
		t.Errorf("a lost connection is answered with %d %s", a.status, kind)
	}
}

// Every read is logged, with the name of its route and its filters.
func TestEveryReadIsLogged(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	r := report("1", "r", noon())
	p.items(r)
	p.exec(`UPDATE grants SET name = 'P. de Vries'`)
	p.get("daughter", "/v1/dossiers")
	p.get("daughter", "/v1/dossiers/1/timeline?to=2030-01-01&limit=5&kind=report")
	p.get("daughter", "/v1/dossiers/1/reports/"+r.key())
	p.get("daughter", "/v1/dossiers/1/reports/nothing")
	p.get("daughter", "/v1/dossiers/1/contacts")
	p.do(http.MethodHead, "/v1/dossiers/1/forms", p.token("daughter", "dossier:read"), "")
	p.get("daughter", "/v1/dossiers/1/forms?limit=x")
	got := p.accesses()
	of := func(event, outcome, object, query string) logged {
		return logged{Action: "read", Event: event, Outcome: outcome, User: "daughter", UserName: "P. de Vries", Role: "contact",
			Client: "1", Object: object, Query: query}
	}
	want := []logged{
		{Action: "read", Event: "dossiers", Outcome: "success", User: "daughter"},
		of("timeline", "success", "", "kind=report&limit=5&to=2030-01-01"),
		of("report", "success", r.key(), ""),
		of("report", "denied", "nothing", ""),
		of("contacts", "denied", "", ""),
		of("forms", "success", "", ""),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("access log (-want +got):\n%s", diff)
	}
}

func TestContractHasEveryRoute(t *testing.T) {
	t.Parallel()
	c, err := portaltest.Contract()
	if err != nil {
		t.Fatal(err)
	}
	p := newDossierHarness(t)
	for _, path := range c.Paths() {
		method, url, _ := strings.Cut(path, " ")
		url = regexp.MustCompile(`\{\w+\}`).ReplaceAllString(url, "1")
		a := p.do(method, url, "", "")
		if want := http.StatusUnauthorized; a.status != want && !isPublic(url) {
			t.Errorf("%s without a token is answered with %d, want %d", path, a.status, want)
		}
	}
}
