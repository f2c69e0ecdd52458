package portalapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"dossiersync/portalapi"
)

// A grant answers whether it counts and why not, by the answers to PUT, to GET of one and of the list.
// It counts exactly if the dossier opens.
func TestGrantTellsWhetherItCounts(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.exec(`INSERT INTO contacts (tenant, id, client, active) VALUES ('amaris', 'there', '1', true),
		('amaris', 'inactive', '1', false), ('amaris', 'another', '2', true), ('szr', 'elsewhere', '1', true)`)
	p.exec(`INSERT INTO contacts (tenant, id, client, active, ends) VALUES ('amaris', 'past', '1', true, current_date - 3)`)
	p.client("szr", "of-szr", "Van een ander huis")
	day := func(days int) string { return time.Now().AddDate(0, 0, days).Format(time.DateOnly) }
	const reset = `UPDATE clients SET state = 'shown', reason = NULL, grants_after = NULL, grants_void = NULL; DELETE FROM withheld`
	for _, tt := range []struct{ client, grant, set, why string }{
		{"1", `"state":"accepted"`, ``, ""},
		{"1", `"state":"accepted","from":"` + day(-1) + `","until":"` + day(1) + `","contact":"there"`, ``, ""},
		{"1", `"state":"invited"`, ``, "not-accepted"},
		{"1", `"state":"revoked"`, ``, "not-accepted"},
		{"1", `"state":"accepted","from":"` + day(2) + `"`, ``, "not-yet"},
		{"1", `"state":"accepted","until":"` + day(-2) + `"`, ``, "ended"},
		{"9", `"state":"accepted"`, ``, "unknown-client"},
		{"of-szr", `"state":"accepted"`, ``, "unknown-client"},
		{"1", `"state":"accepted"`, `UPDATE clients SET state = 'hidden', reason = 'marked', name = NULL`, "client-not-shown"},
		{"1", `"state":"accepted"`, `UPDATE clients SET state = 'withdrawn', reason = 'deleted', name = NULL`, "client-not-shown"},
		{"1", `"state":"accepted"`, `INSERT INTO withheld (tenant, client, by, note) VALUES ('amaris', '1', 'x', 'x')`, "client-not-shown"},
		{"1", `"state":"accepted"`, `INSERT INTO withheld (tenant, client, by, note, released, released_by, released_note)
			VALUES ('amaris', '1', 'x', 'x', now(), 'x', 'x')`, ""},
		{"1", `"state":"accepted","contact":"unknown"`, ``, "unknown-contact"},
		{"1", `"state":"accepted","contact":"another"`, ``, "unknown-contact"},
		{"1", `"state":"accepted","contact":"elsewhere"`, ``, "unknown-contact"},
		{"1", `"state":"accepted","contact":"inactive"`, ``, "contact-ended"},
		{"1", `"state":"accepted","contact":"past"`, ``, "contact-ended"},
		{"1", `"state":"accepted"`, `UPDATE clients SET grants_after = now() + interval '1 hour', grants_void = 'dormant'`, "dormant"},
		{"1", `"state":"accepted"`, `UPDATE clients SET grants_after = now() + interval '1 hour', grants_void = 'another-person'`, "another-person"},
		{"1", `"state":"accepted"`, `UPDATE clients SET grants_after = now() - interval '1 hour', grants_void = 'dormant'`, ""},
	} {
		p.exec(reset)
		p.exec(`DELETE FROM grants WHERE user_id = 'son'`)
		if tt.set != "" {
			p.exec(tt.set)
		}
		name := tt.client + " " + tt.grant + " " + tt.set
		stored, _ := p.putGrant(tt.client, "son", `{"role":"contact","parts":["reports"],`+tt.grant+`}`).item(t)
		one, _ := p.manage(http.MethodGet, "/v1/dossiers/"+tt.client+"/grants/son", "").item(t)
		if diff := cmp.Diff(stored, one); diff != "" {
			t.Errorf("%s: PUT and GET differ (-put +get):\n%s", name, diff)
		}
		list := p.manage(http.MethodGet, "/v1/dossiers/"+tt.client+"/grants", "").list(t).Items
		if diff := cmp.Diff(one, list[len(list)-1]); diff != "" {
			t.Errorf("%s: one and the list differ (-one +list):\n%s", name, diff)
		}
		why, _ := one["why"].(string)
		if why != tt.why || one["counts"] != (tt.why == "") {
			t.Errorf("%s: counts is %v, because of %q; want %q", name, one["counts"], why, tt.why)
		}
		if status := p.get("son", "/v1/dossiers/"+tt.client).status; (status == http.StatusOK) != (one["counts"] == true) {
			t.Errorf("%s: counts is %v, and the dossier is answered with %d", name, one["counts"], status)
		}
	}
}

// Whatever is wrong with a grant, it counts exactly if it opens the dossier, and else there is a reason.
func TestGrantCountsExactlyIfItOpens(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.exec(`INSERT INTO contacts (tenant, id, client, active, ends) VALUES ('amaris', 'there', '1', true, NULL),
		('amaris', 'past', '1', true, current_date - 1), ('amaris', 'today', '1', true, (now() AT TIME ZONE 'Europe/Amsterdam')::date)`)
	const url = "/v1/dossiers/1/grants/son"
	today := `(now() AT TIME ZONE 'Europe/Amsterdam')::date`
	rapid.Check(t, func(rt *rapid.T) {
		pick := func(what string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, what) }
		p.exec(`DELETE FROM grants WHERE user_id = 'son'; DELETE FROM withheld; DELETE FROM clients WHERE id = '1'`)
		if pick("client", "there", "there", "there", "unknown") == "there" {
			p.exec(`INSERT INTO clients (tenant, id, state, reason, grants_after) VALUES ('amaris', '1', ` +
				pick("state", `'shown', NULL`, `'shown', NULL`, `'hidden', 'marked'`) + `, ` +
				pick("after", `NULL`, `now() - interval '1 day'`, `now() + interval '1 day'`) + `)`)
		}
		if pick("withheld", "no", "no", "yes") == "yes" {
			p.exec(`INSERT INTO withheld (tenant, client, by, note) VALUES ('amaris', '1', 'x', 'x')`)
		}
		p.grant("amaris", "son", "1", everyPart, `state = `+pick("grant", `'accepted'`, `'accepted'`, `'invited'`, `'revoked'`)+
			`, valid_from = `+today+pick("from", ` + NULL::int`, ` - 1`, ``, ` + 1`)+
			`, valid_until = `+today+pick("until", ` + NULL::int`, ` - 1`, ``, ` + 1`)+
			`, contact = `+pick("contact", `NULL`, `'there'`, `'past'`, `'today'`, `'unknown'`))
		one, _ := p.manage(http.MethodGet, url, "").item(t)
		opens := p.get("son", "/v1/dossiers/1").status == http.StatusOK
		if one["counts"] != opens || (one["why"] == nil) != opens {
			rt.Fatalf("counts is %v and why %v; the dossier opens: %v", one["counts"], one["why"], opens)
		}
	})
}

// The moments at which a grant was given are those of its states, and a list of all grants keeps them.
func TestGrantKeepsMoments(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	send := func(actor, state string) (moments [3]bool) {
		a := p.do(http.MethodPut, "/v1/dossiers/1/grants/son", p.token("portal", "dossier:grants"),
			`{"role":"contact","parts":[],"state":"`+state+`"}`, "Dossier-Actor", actor, "Content-Type", "application/json")
		g, _ := a.item(t)
		return [3]bool{g["invitedAt"] != nil, g["acceptedAt"] != nil, g["grantedBy"] == "mother"}
	}
	for _, tt := range []struct {
		actor, state string
		want         [3]bool
	}{
		{"mother", "revoked", [3]bool{}},
		{"mother", "invited", [3]bool{true, false, true}},
		{"son", "accepted", [3]bool{true, true, true}},
		{"father", "revoked", [3]bool{true, true, true}},
		{"father", "accepted", [3]bool{false, true, false}},
		{"mother", "invited", [3]bool{true, false, true}},
		{"son", "accepted", [3]bool{true, true, true}},
	} {
		if got := send(tt.actor, tt.state); got != tt.want {
			t.Errorf("%s by %s: invited, accepted and given by the mother are %v, want %v", tt.state, tt.actor, got, tt.want)
		}
	}
	p.exec(`ALTER TABLE grants DISABLE TRIGGER note_moments`)
	p.exec(`UPDATE grants SET invited_at = '2026-01-01T12:00:00Z', accepted_at = '2026-01-02T12:00:00Z' WHERE user_id = 'son'`)
	p.exec(`ALTER TABLE grants ENABLE TRIGGER note_moments`)
	p.putAll(`{"items":[{"client":"1","user":"son","role":"contact","parts":["reports"],"state":"accepted"},
		{"client":"1","user":"sister","role":"contact","parts":["reports"],"state":"accepted"}]}`).item(t)
	son, _ := p.manage(http.MethodGet, "/v1/dossiers/1/grants/son", "").item(t)
	if son["invitedAt"] != "2026-01-01T13:00:00+01:00" || son["acceptedAt"] != "2026-01-02T13:00:00+01:00" || son["grantedBy"] != "mother" {
		t.Errorf("after a list, the grant is %v", son)
	}
	sister, _ := p.manage(http.MethodGet, "/v1/dossiers/1/grants/sister", "").item(t)
	if sister["invitedAt"] != nil || sister["acceptedAt"] == nil || sister["grantedBy"] != "daughter" {
		t.Errorf("a new grant of a list is %v", sister)
	}
	// An answer can be sent back as it came.
	if a := p.putGrant("1", "sister", string(marshal(t, sister))); a.status != http.StatusOK {
		t.Errorf("an answer that is sent back is answered with %d %s", a.status, a.body)
	}
}

// Managers who change each other's grants at the same time do not wait for each other.
func TestManagersChangeEachOther(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t, func(o *portalapi.Options) { o.CheckActor = true })
	for _, user := range []string{"a", "b"} {
		p.grant("amaris", user, "1", everyPart, "manager = true")
	}
	token := p.token("portal", "dossier:grants")
	var g sync.WaitGroup
	for _, pair := range [][2]string{{"a", "b"}, {"b", "a"}} {
		g.Go(func() {
			for n := range 60 {
				body := fmt.Sprintf(`{"role":"contact","manager":true,"parts":["reports"],"state":"accepted","name":"%d"}`, n)
				a := p.do(http.MethodPut, "/v1/dossiers/1/grants/"+pair[1], token, body,
					"Dossier-Actor", pair[0], "Content-Type", "application/json")
				if a.status != http.StatusOK {
					t.Errorf("answered with %d %s", a.status, a.body)
				}
			}
		})
	}
	g.Wait()
}

// With check_actor, single grants are changed on behalf of people who may manage the dossier only. To
// anybody else all clients are alike.
func TestActorMustManage(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t, func(o *portalapi.Options) { o.CheckActor = true })
	p.client("amaris", "2", "Iemand anders")
	for actor, set := range map[string]string{
		"client": "role = 'client'", "manager": "manager = true", "invited manager": "manager = true, state = 'invited'",
		"past manager": "manager = true, valid_until = current_date - 2", "ended": "manager = true, contact = 'gone'",
	} {
		p.grant("amaris", actor, "1", everyPart, set)
	}
	p.grant("amaris", "manager of another", "2", everyPart, "manager = true")
	p.grant("szr", "elsewhere", "1", everyPart, "manager = true")
	p.exec(`INSERT INTO withheld (tenant, client, by, note) VALUES ('amaris', 'withheld', 'x', 'x')`)
	p.client("amaris", "withheld", "Mevrouw X")
	p.grant("amaris", "manager", "withheld", everyPart, "manager = true")
	change := func(method, client, user, actor, state string) response {
		body := ""
		if method == http.MethodPut {
			body = `{"role":"contact","parts":["reports"],"state":"` + state + `"}`
		}
		a := p.do(method, "/v1/dossiers/"+client+"/grants/"+user, p.token("portal", "dossier:grants"), body,
			"Dossier-Actor", actor, "Content-Type", "application/json")
		a.header.Del("X-Request-Id")
		return a
	}
	for _, actor := range []string{"client", "manager"} {
		if a := change(http.MethodPut, "1", "son", actor, "accepted"); a.status != http.StatusOK {
			t.Errorf("%s: PUT is answered with %d %s", actor, a.status, a.body)
		}
		if a := change(http.MethodDelete, "1", "son", actor, ""); a.status != http.StatusNoContent {
			t.Errorf("%s: DELETE is answered with %d %s", actor, a.status, a.body)
		}
	}
	refused := change(http.MethodPut, "nobody", "thief", "thief", "accepted")
	if kind, _ := refused.problem(t); refused.status != http.StatusForbidden || kind != "not-manager" {
		t.Fatalf("answered with %d %s", refused.status, refused.body)
	}
	for _, actor := range []string{"daughter", "invited manager", "past manager", "ended", "manager of another", "elsewhere", "portal", "stranger"} {
		for _, client := range []string{"1", "nobody"} {
			for _, method := range []string{http.MethodPut, http.MethodDelete} {
				before := len(p.accesses())
				a := change(method, client, "daughter-in-law", actor, "accepted")
				if diff := cmp.Diff(refused, a, cmp.AllowUnexported(response{})); diff != "" {
					t.Errorf("%s %s on behalf of %s (-want +got):\n%s", method, client, actor, diff)
				}
				log := p.accesses()[before:]
				if len(log) != 1 || log[0].Outcome != "denied" || log[0].Behalf != actor || log[0].Client != client || log[0].Event != "grant" {
					t.Errorf("%s %s on behalf of %s is logged as %v", method, client, actor, log)
				}
			}
		}
	}
	if a := change(http.MethodPut, "withheld", "son", "manager", "accepted"); a.body != refused.body {
		t.Errorf("a withheld client is answered with %d %s", a.status, a.body)
	}
	var n int
	if err := p.db.QueryRow(t.Context(), `SELECT count(*) FROM grants WHERE user_id IN ('daughter-in-law', 'thief')`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d refused grants are stored, %v", n, err)
	}

	// The invited person accepts what was offered, and no more; and gives up their own right.
	p.exec(`UPDATE grants SET state = 'invited', parts = '{reports}', contact = NULL WHERE user_id = 'son' AND client = '1'`)
	more := p.do(http.MethodPut, "/v1/dossiers/1/grants/son", p.token("portal", "dossier:grants"),
		`{"role":"contact","parts":["reports","forms"],"state":"accepted"}`, "Dossier-Actor", "son", "Content-Type", "application/json")
	if more.status != http.StatusForbidden {
		t.Errorf("accepting more than was offered is answered with %d", more.status)
	}
	if a := change(http.MethodPut, "1", "son", "daughter", "accepted"); a.status != http.StatusForbidden {
		t.Errorf("accepting for another is answered with %d", a.status)
	}
	if a := change(http.MethodPut, "1", "son", "son", "accepted"); a.status != http.StatusOK {
		t.Errorf("accepting is answered with %d %s", a.status, a.body)
	}
	if a := change(http.MethodDelete, "1", "son", "son", ""); a.status != http.StatusNoContent {
		t.Errorf("giving up is answered with %d", a.status)
	}
	if a := change(http.MethodPut, "1", "son", "son", "accepted"); a.status != http.StatusForbidden {
		t.Errorf("taking back what was given up is answered with %d", a.status)
	}
	// The list of all grants is the server's own.
	if a := p.putAll(`{"items":[{"client":"1","user":"son","role":"contact","parts":["reports"],"state":"accepted"}]}`); a.status != http.StatusOK {
		t.Errorf("a list is answered with %d", a.status)
	}
}

// A change on behalf of a person whose own right is being revoked waits for that, and is refused.
func TestActorWhoseRightIsBeingRevoked(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t, func(o *portalapi.Options) { o.CheckActor = true })
	p.exec(`UPDATE grants SET manager = true`)
	tx := p.lock(`UPDATE grants SET state = 'revoked' WHERE user_id = 'daughter'`)
	answer := make(chan int, 1)
	go func() {
		answer <- p.putGrant("1", "son", `{"role":"contact","parts":[],"state":"accepted"}`).status
	}()
	p.waitFor(`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%portal_put_grant%' AND wait_event_type = 'Lock')`)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status := <-answer; status != http.StatusForbidden {
		t.Errorf("answered with %d", status)
	}
}

// faults returns the pointers of a problem's errors.
func (a response) faults(t *testing.T) (pointers []string) {
	t.Helper()
	var p struct {
		Detail string
		Errors []struct{ Pointer, Detail string }
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != http.StatusBadRequest || len(p.Errors) == 0 || p.Errors[0].Detail != p.Detail {
		t.Fatalf("answered with %d %s", a.status, a.body)
	}
	for _, e := range p.Errors {
		pointers = append(pointers, e.Pointer)
	}
	return pointers
}

func TestAllFaultsOfAGrantAreTold(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	a := p.putGrant("1", "son", `{"admin":true,"user":"daughter","role":1,"parts":["money"],"state":"maybe","manager":"yes","jan@example.org":1,
		"from":"tomorrow","until":"2026-02-30","contact":"Related/1","name":""}`)
	want := []string{"#/admin", "#", "#/role", "#/manager", "#/user", "#/state", "#/contact", "#/name", "#/parts", "#/from", "#/until"}
	if diff := cmp.Diff(want, a.faults(t)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if strings.Contains(a.body, "jan@") || strings.Contains(a.body, "money") {
		t.Errorf("the problem repeats what was sent: %s", a.body)
	}
}

func TestAllFaultsOfAListAreTold(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	const good = `{"client":"1","user":"a","role":"client","parts":[],"state":"accepted"}`
	a := p.manage(http.MethodPut, allGrants, `{"asOf":"yesterday","items":[`+good+`,{"client":"no id","user":"a","role":"boss","parts":[],"state":"accepted"},3,`+
		good+`,{"client":"1","user":"b","role":"client","parts":[],"state":"accepted","x":1}],"confirm":"all"}`)
	want := []string{"#/asOf", "#/items/1/client", "#/items/1/role", "#/items/2", "#/items/3/user", "#/items/4/x", "#/confirm"}
	if diff := cmp.Diff(want, a.faults(t)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	// What cannot be read ends the list, and the faults before are told.
	a = p.manage(http.MethodPut, allGrants, `{"items":[{"client":"1"},`)
	if diff := cmp.Diff([]string{"#/items/0/user", "#/items/0/role", "#/items/0/state", "#/items/0/parts", "#"}, a.faults(t)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	// They are bounded.
	var many []string
	for range 1000 {
		many = append(many, `{}`)
	}
	if got := p.putAll(`{"items":[` + strings.Join(many, ",") + `]}`).faults(t); len(got) != 50 {
		t.Errorf("%d faults are told", len(got))
	}
	if a := p.get("daughter", "/v1/dossiers/1"); a.status != http.StatusOK {
		t.Errorf("a refused list has changed something: %d", a.status)
	}
}

// A list that would revoke many grants changes nothing unless that number is confirmed.
func TestListThatRevokesManyNeedsConfirmation(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.exec(`DELETE FROM grants`)
	seed := func(n int) {
		p.exec(`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by, updated_at)
			SELECT 'amaris', '1', 'u' || n, 'contact', '{reports}', 'accepted', 'x', now() - interval '1 hour'
			FROM generate_series(1, $1) n ON CONFLICT (tenant, user_id, client) DO UPDATE SET state = 'accepted', updated_at = now() - interval '1 hour'`, n)
	}
	// list has the grants of all users up to n but those that are left out, with some of them revoked.
	list := func(n, without, revoked int, more string) string {
		var items []string
		for i := without + 1; i <= n; i++ {
			state := "accepted"
			if i <= without+revoked {
				state = "revoked"
			}
			items = append(items, fmt.Sprintf(`{"client":"1","user":"u%d","role":"contact","parts":["reports"],"state":%q}`, i, state))
		}
		return `{"items":[` + strings.Join(items, ",") + `]` + more + `}`
	}
	standing := func() (n int) {
		if err := p.db.QueryRow(t.Context(), `SELECT count(*) FROM grants WHERE state = 'accepted'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, tt := range []struct {
		have, without, revoked int
		more                   string
		refused                bool
	}{
		{20, 10, 0, "", false},               // ten
		{20, 11, 0, "", true},                // more than ten and more than a tenth
		{20, 6, 5, "", true},                 // also those that the list itself revokes
		{200, 20, 0, "", false},              // a tenth
		{200, 21, 0, "", true},               // more
		{200, 21, 0, `,"confirm":20`, true},  // not that many
		{200, 21, 0, `,"confirm":21`, false}, // as told
		{200, 200, 0, `,"confirm":21`, true}, // the confirmation of another list
		{200, 200, 0, "", true},              // an empty list
		{200, 200, 0, `,"confirm":200`, false},
		{5, 5, 0, "", false},
	} {
		p.exec(`DELETE FROM grants`)
		seed(tt.have)
		a := p.putAll(list(tt.have, tt.without, tt.revoked, tt.more))
		name := fmt.Sprintf("%d of %d%s", tt.without+tt.revoked, tt.have, tt.more)
		if !tt.refused {
			if a.status != http.StatusOK || standing() != tt.have-tt.without-tt.revoked {
				t.Errorf("%s: answered with %d, %d stand", name, a.status, standing())
			}
			continue
		}
		var told struct {
			Type, Detail string
			Revokes, Of  int
		}
		if err := json.Unmarshal([]byte(a.body), &told); err != nil {
			t.Fatal(err)
		}
		if a.status != http.StatusConflict || !strings.HasSuffix(told.Type, ":revokes-many") || told.Revokes != tt.without+tt.revoked || told.Of != tt.have {
			t.Errorf("%s: answered with %d %s", name, a.status, a.body)
		}
		if n := standing(); n != tt.have {
			t.Errorf("%s: refused, and %d of %d stand", name, n, tt.have)
		}
	}
}

// Senders of slow bodies, of single grants and of lists, take no place from others.
func TestSlowSendersTakeNoPlace(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t, func(o *portalapi.Options) { o.Tenants = o.Tenants[:1] })
	p.items(report("1", "r", noon()))
	began := make(chan struct{}, 1000)
	token := p.token("portal", "dossier:grants")
	release := make(chan struct{})
	var senders sync.WaitGroup
	slow := func(url string) {
		senders.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, &slowBody{began: began, release: release})
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Dossier-Actor", "beheer")
			r.Header.Set("Content-Type", "application/json")
			p.api.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
	many := 20 * p.Reader.Connections() // five times the places
	for n := range many {
		slow(fmt.Sprintf("http://portal/v1/dossiers/1/grants/u%d", n))
	}
	slow("http://portal" + allGrants)
	for range many + 1 {
		select {
		case <-began:
		case <-time.After(time.Minute):
			t.Fatal("a slow sender waits for a place")
		}
	}
	before := time.Now()
	for range 20 {
		if a := p.get("daughter", "/v1/dossiers/1/reports"); a.status != http.StatusOK {
			t.Fatalf("a reader beside %d slow senders is answered with %d", many, a.status)
		}
		if a := p.putGrant("1", "son", `{"role":"contact","parts":[],"state":"accepted"}`); a.status != http.StatusOK {
			t.Fatalf("a grant beside slow senders is answered with %d", a.status)
		}
	}
	t.Logf("20 reads and 20 grants beside %d slow senders: %s", many+1, time.Since(before))
	close(release)
	senders.Wait()
}

// slowBody sends nothing until it is released, and then ends.
type slowBody struct {
	began   chan<- struct{}
	release <-chan struct{}
	once    sync.Once
}

func (b *slowBody) Read([]byte) (int, error) {
	b.once.Do(func() { b.began <- struct{}{} })
	<-b.release
	return 0, fmt.Errorf("hung up")
}

func (b *slowBody) Close() error { return nil }
