package portalapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/portalapi"
	"dossiersync/store"
)

// wantTransfer completes a run of the scope, as a worker would, that finds nothing.
func (p *harness) wantTransfer(scope store.Scope) {
	p.t.Helper()
	asked, _, err := p.RequestRun(p.t.Context(), store.RunRequest{Tenant: "amaris", Trigger: store.TriggerManual, Scope: scope, By: "beheer"})
	if err != nil {
		p.t.Fatal(err)
	}
	claim, err := p.ClaimRun(p.t.Context(), asked.ID, "test")
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.FinishRun(p.t.Context(), claim, store.OutcomeComplete, "", true); err != nil {
		p.t.Fatal(err)
	}
}

// The client's access log lists every kind of use of the dossier, by any user or operator, and
// nothing else.
func TestAccessLogShowsAllUsesOfTheDossier(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.exec(`UPDATE grants SET role = 'client', name = 'Mevrouw De Vries'`)
	p.client("amaris", "2", "Iemand anders")
	p.grant("amaris", "son", "2", everyPart)

	p.putGrant("1", "son", `{"role":"contact","parts":["reports"],"state":"accepted","name":"J. de Vries"}`)
	p.putGrant("1", "son", `{"role":"contact","parts":["forms"],"state":"accepted","name":"J. de Vries"}`)
	p.get("son", "/v1/dossiers/1/forms")
	p.get("son", "/v1/dossiers/1/reports") // no right
	p.manage(http.MethodDelete, "/v1/dossiers/1/grants/son", "")
	p.get("son", "/v1/dossiers/1/forms") // no more
	p.wantTransfer(store.Scope{Client: "1"})
	p.get("daughter", "/v1/dossiers/1/access-log?fold=false")
	// Nobody's, or another's.
	p.get("daughter", "/v1/dossiers")
	p.get("son", "/v1/dossiers/2/forms")
	p.wantTransfer(store.Scope{Client: "2"})
	p.wantTransfer(store.Scope{})

	var got []string
	for _, it := range p.get("daughter", "/v1/dossiers/1/access-log?fold=false").list(t).Items {
		user := it["user"].(map[string]any)
		name, _ := user["name"].(string)
		behalf, _ := it["onBehalfOf"].(string)
		got = append(got, strings.Join([]string{it["action"].(string), it["event"].(string), it["outcome"].(string),
			user["id"].(string), name, behalf}, ","))
	}
	slices.Reverse(got)
	want := []string{
		"add,grant,success,portal,Cliëntportaal,daughter",
		"change,grant,success,portal,Cliëntportaal,daughter",
		"read,forms,success,son,J. de Vries,",
		"read,reports,denied,son,J. de Vries,",
		"delete,grant,success,portal,Cliëntportaal,daughter",
		"read,forms,denied,son,J. de Vries,",
		"transfer,sync,success,beheer,,",
		"read,access-log,success,daughter,Mevrouw De Vries,",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("access log (-want +got):\n%s", diff)
	}
}

// inWords gives the first tenant words for what is in the access log.
func inWords(o *portalapi.Options) {
	o.Tenants[0].Words = map[string]string{
		"event.dossier": "Startscherm", "event.timeline": "Tijdlijn", "event.report": "Rapportage", "event.form": "Vragenlijst",
		"event.print": "Afgedrukt", "event.access-log": "Inzagelog", "event.grant": "Recht", "action.read": "Bekeken",
		"action.add": "Toegevoegd", "action.delete": "Verwijderd", "outcome.denied": "Geweigerd",
	}
}

// addAccess writes an entry of the log of client 1.
func (p *harness) addAccess(at, user, action, event, outcome, object string) {
	p.t.Helper()
	p.exec(`INSERT INTO access_log (time, tenant, action, event, outcome, user_id, user_name, client, object, source)
		VALUES ($1, 'amaris', $3, $4, $5, $2, 'Naam van ' || $2, '1', nullif($6, ''), 'portal-api')`,
		at, user, action, event, outcome, object)
}

// The calls of one user between which no half hour passes are one visit, which stands where it began.
func TestAccessLogIsFoldedToVisits(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t, inWords)
	p.exec(`UPDATE grants SET manager = true`)
	seen, twice, closed, gone := report("1", "seen", noon()), report("1", "twice", noon()), form("1", "closed", noon()), report("1", "gone", noon())
	p.items(seen, twice, closed, gone)
	p.exec(`UPDATE grants SET parts = '{reports}'`)
	p.exec(`UPDATE items SET state = 'hidden', reason = 'marked', card = NULL, body = NULL WHERE id = 'gone'`)
	for _, e := range [][6]string{
		{"2026-01-15T10:00:00+01:00", "son", "read", "timeline", "success", ""},
		{"2026-03-02T09:00:00+01:00", "son", "read", "dossier", "success", ""},
		{"2026-03-02T09:10:00+01:00", "brother", "read", "dossier", "success", ""},
		{"2026-03-02T09:20:00+01:00", "son", "read", "report", "success", twice.key()},
		{"2026-03-02T09:30:00+01:00", "son", "read", "report", "denied", "nothing"},
		{"2026-03-02T09:40:00+01:00", "son", "read", "form", "success", closed.key()},
		{"2026-03-02T09:41:00+01:00", "son", "read", "report", "success", gone.key()},
		{"2026-03-02T09:42:00+01:00", "son", "read", "report", "success", seen.key()},
		{"2026-03-02T09:43:00+01:00", "son", "read", "report", "success", twice.key()},
		{"2026-03-02T09:44:00+01:00", "son", "execute", "print", "success", seen.key()},
		{"2026-03-02T10:13:00+01:00", "son", "read", "timeline", "success", ""},
		{"2026-03-02T10:43:01+01:00", "son", "read", "timeline", "success", ""}, // more than half an hour later
		{"2026-03-02T23:50:00+01:00", "son", "read", "timeline", "success", ""},
		{"2026-03-03T00:05:00+01:00", "son", "read", "timeline", "success", ""}, // tomorrow's
	} {
		p.addAccess(e[0], e[1], e[2], e[3], e[4], e[5])
	}
	p.exec(`INSERT INTO access_log (time, tenant, action, event, outcome, user_id, client, source) VALUES
		('2026-03-02T09:00:00+01:00', 'amaris', 'read', 'report', 'success', 'x', '2', 'test'),
		('2026-03-02T09:00:00+01:00', 'szr', 'read', 'report', 'success', 'x', '1', 'test')`)
	row := func(it map[string]any) string {
		user := it["user"].(map[string]any)
		return fmt.Sprint(it["day"], " ", it["first"].(string)[11:16], "-", it["last"].(string)[11:16], " ", user["id"], " ",
			it["event"], " ", it["outcome"], " ", it["count"], "=", it["pages"], "+", it["opened"], ": ", it["what"])
	}
	want := []string{
		"2026-03-03 00:05-00:05 son timeline success 1=1+0: Tijdlijn bekeken",
		"2026-03-02 23:50-23:50 son timeline success 1=1+0: Tijdlijn bekeken",
		"2026-03-02 10:43-10:43 son timeline success 1=1+0: Tijdlijn bekeken",
		"2026-03-02 09:44-09:44 son print success 1=0+1: Afgedrukt",
		"2026-03-02 09:30-09:30 son report denied 1=0+1: Geweigerd: Rapportage bekeken",
		"2026-03-02 09:10-09:10 brother dossier success 1=1+0: Startscherm bekeken",
		"2026-03-02 09:00-10:13 son visit success 7=2+4: Startscherm, Vragenlijst, Rapportage, Tijdlijn bekeken",
		"2026-01-15 10:00-10:00 son timeline success 1=1+0: Tijdlijn bekeken",
	}
	for _, limit := range []string{"1", "2", "3", "20"} {
		var got []string
		for next := new("/v1/dossiers/1/access-log?to=2026-03-31&limit=" + limit); next != nil; {
			l := p.get("daughter", *next).list(t)
			for _, it := range l.Items {
				got = append(got, row(it))
			}
			next = l.Page.Next
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", limit, diff)
		}
	}
	l := p.get("daughter", "/v1/dossiers/1/access-log?from=2026-01-01&to=2026-01-31").list(t)
	if len(l.Items) != 1 || row(l.Items[0]) != want[7] {
		t.Errorf("in January there is %v", l.Items)
	}

	// Titles are those of items that this reader may read now; of others, only the kind is told.
	all := p.get("daughter", "/v1/dossiers/1/access-log?from=2026-03-02&to=2026-03-02").list(t)
	item := func(event, kind string, it *item) any {
		if it == nil {
			return map[string]any{"event": event, "kind": kind, "id": nil, "title": nil, "at": nil}
		}
		return map[string]any{"event": event, "kind": kind, "id": it.key(), "title": "Rapportage", "at": it.at.In(amsterdam).Format(time.RFC3339)}
	}
	wantObjects := []any{item("report", "report", &twice), item("report", "report", &seen), item("report", "report", nil), item("form", "form", nil)}
	if diff := cmp.Diff(wantObjects, all.Items[5]["objects"]); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	p.exec(`UPDATE clients SET deceased = true`)
	l = p.get("daughter", "/v1/dossiers/1/access-log?from=2026-03-02&to=2026-03-02").list(t)
	if text := fmt.Sprint(l.Items[5]["objects"]); strings.Contains(text, "title:Rapportage") {
		t.Errorf("after the client's death, the log tells titles: %s", text)
	}

	// Without folding, each event is one of its own.
	p.addAccess("2026-03-02T09:42:00+01:00", "son", "read", "reports", "success", "")
	var raw []string
	for next := new("/v1/dossiers/1/access-log?fold=false&limit=4&to=2026-03-02&from=2026-03-02"); next != nil; {
		l := p.get("daughter", *next).list(t)
		for _, it := range l.Items {
			raw = append(raw, fmt.Sprint(it["first"].(string)[11:16], " ", it["event"], it["count"]))
		}
		next = l.Page.Next
	}
	wantRaw := []string{"23:50 timeline1", "10:43 timeline1", "10:13 timeline1", "09:44 print1", "09:43 report1", "09:42 report1", "09:42 reports1",
		"09:41 report1", "09:40 form1", "09:30 report1", "09:20 report1", "09:10 dossier1", "09:00 dossier1"}
	slices.Sort(raw)
	slices.Sort(wantRaw)
	if diff := cmp.Diff(wantRaw, raw); diff != "" {
		t.Errorf("raw (-want +got):\n%s", diff)
	}
	// Reading the log is logged as well, and shown the next time.
	newest := p.get("daughter", "/v1/dossiers/1/access-log").list(t).Items[0]
	if newest["event"] != "access-log" || newest["what"] != "Inzagelog bekeken" {
		t.Errorf("the newest is %v", newest)
	}

	// A visit keeps its place while it goes on.
	var places []string
	for next := new("/v1/dossiers/1/access-log?to=2026-03-31&limit=1"); next != nil; {
		l := p.get("daughter", *next).list(t)
		for _, it := range l.Items {
			places = append(places, it["first"].(string)[:16])
		}
		next = l.Page.Next
		p.addAccess(fmt.Sprintf("2026-03-02T10:1%d:30+01:00", len(places)), "son", "read", "timeline", "success", "")
	}
	if len(places) != len(want) || !slices.IsSortedFunc(places, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("while a visit goes on, the visits are of %v", places)
	}
}

// Names are those that were known at the time: of people whose right has ended, of the person on whose
// behalf a grant was given, of the person whose grant it is, and of the portal's server.
func TestAccessLogHasNames(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t, inWords)
	p.exec(`UPDATE grants SET role = 'client', name = 'Mevrouw De Vries'`)
	p.putGrant("1", "son", `{"role":"contact","parts":["reports"],"state":"accepted","name":"J. de Vries"}`)
	p.get("son", "/v1/dossiers/1")
	p.manage(http.MethodDelete, "/v1/dossiers/1/grants/son", "")
	p.get("son", "/v1/dossiers/1")
	p.get("stranger", "/v1/dossiers/1")
	var got []string
	for _, it := range p.get("daughter", "/v1/dossiers/1/access-log").list(t).Items {
		user := it["user"].(map[string]any)
		text := fmt.Sprint(it["what"], ", ", user["name"], ", ", it["onBehalfOfName"])
		for _, o := range it["objects"].([]any) {
			o := o.(map[string]any)
			text += fmt.Sprint(", ", o["kind"], " ", o["id"], " ", o["title"])
		}
		got = append(got, text)
	}
	want := []string{
		"Geweigerd: Startscherm bekeken, <nil>, <nil>",
		"Geweigerd: Startscherm bekeken, J. de Vries, <nil>",
		"Recht verwijderd, Cliëntportaal, Mevrouw De Vries, user son J. de Vries",
		"Startscherm bekeken, J. de Vries, <nil>",
		"Recht toegevoegd, Cliëntportaal, Mevrouw De Vries, user son J. de Vries",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("access log (-want +got):\n%s", diff)
	}
}
