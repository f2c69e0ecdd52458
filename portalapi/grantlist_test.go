package portalapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v3/jwa"

	"dossiersync/portalapi"
	"dossiersync/store"
)

const allGrants = "/v1/grants"

// putAll sends all grants, as of now unless body says otherwise.
func (p *harness) putAll(body string) response {
	p.t.Helper()
	return p.manage(http.MethodPut, allGrants, asOfNow(body))
}

// asOfNow makes a list of all grants one of now, unless it says otherwise.
func asOfNow(body string) string {
	if strings.Contains(body, `"asOf"`) {
		return body
	}
	return `{"asOf":"` + time.Now().Format(time.RFC3339Nano) + `",` + strings.TrimPrefix(body, "{")
}

// A list of all grants replaces the stored grants.
func TestAllGrantsAreReplaced(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t) // daughter has a grant on 1
	p.grant("szr", "elsewhere", "1", everyPart)
	p.client("amaris", "2", "Jan")
	body := `{"items":[
		{"client":"2","user":"son","role":"contact","parts":["reports"],"state":"accepted","name":"J. de Vries"},
		{"client":"9","user":"son","role":"client","parts":[],"state":"invited"}]}`
	got, _ := p.putAll(body).item(t)
	if diff := cmp.Diff(map[string]any{"changed": 2.0, "revoked": 1.0, "kept": 0.0}, got); diff != "" {
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
	again, _ := p.putAll(body).item(t)
	if diff := cmp.Diff(map[string]any{"changed": 0.0, "revoked": 0.0, "kept": 0.0}, again); diff != "" {
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

func TestRestoredReplicaShowsNothingBeforeAllGrants(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
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
	var stored int
	if err := p.db.QueryRow(t.Context(), `SELECT count(*) FROM grants WHERE user_id = 'son'`).Scan(&stored); err != nil || stored != 0 {
		t.Errorf("one grant is refused and stored %d times, %v", stored, err)
	}
	if a := p.get("daughter", "/v1/dossiers"); a.status != http.StatusServiceUnavailable {
		t.Errorf("after one grant: %d", a.status)
	}
	if a := p.manage(http.MethodDelete, "/v1/dossiers/1/grants/daughter", ""); a.status != http.StatusNoContent {
		t.Errorf("revoking is answered with %d", a.status)
	}
	old := time.Now().Add(-time.Hour).Format(time.RFC3339)
	a := p.putAll(`{"asOf":"` + old + `","items":[]}`)
	if _, parameter := a.problem(t); a.status != http.StatusBadRequest || parameter != "asOf" {
		t.Errorf("a list from before the restore is answered with %d %s", a.status, parameter)
	}
	p.exec(`UPDATE grants SET updated_at = now() - interval '2 minutes'`) // else the revocation may be later than the list
	p.putAll(`{"items":[{"client":"1","user":"daughter","role":"contact","parts":["reports"],"state":"accepted"}]}`).item(t)
	if a := p.get("daughter", "/v1/dossiers/1/reports"); a.status != http.StatusOK {
		t.Errorf("after all grants: %d", a.status)
	}
	if a := p.get("son", "/v1/dossiers/1/reports"); a.status != http.StatusNotFound {
		t.Errorf("who is not among them: %d", a.status)
	}
}

// Receiving all grants does not end the wait for erasures.
func TestRestoredReplicaShowsNothingBeforeErasures(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	if err := p.MarkRestored(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := p.PutTenant(t.Context(), "later", "Later", "Europe/Amsterdam"); err != nil {
		t.Fatal(err)
	}
	put := func() {
		p.putAll(`{"items":[{"client":"1","user":"daughter","role":"contact","parts":["reports"],"state":"accepted"}]}`).item(t)
	}
	nothing := func(when string) {
		t.Helper()
		for _, url := range []string{"/v1/dossiers", "/v1/dossiers/1", "/v1/dossiers/1/reports", "/v1/dossiers/1/access-log", "/v1/dossiers/unknown"} {
			a := p.get("daughter", url)
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
				t.Errorf("%s, %s is answered with %d", when, url, a.status)
			}
		}
	}
	nothing("before all grants")
	put()
	nothing("after all grants")
	// It is begun again, in vain and then with success: the grants stay good.
	if err := p.MarkRestored(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	key := store.NewErasureKey()
	since := []store.Erasure{{Tenant: "amaris", Client: key.Digest("amaris", "2"), Key: key.ID(), At: time.Now(), By: "beheer"}}
	if _, err := p.EraseAgain(t.Context(), since, nil, true); err == nil {
		t.Error("without the key it succeeds")
	}
	nothing("without the key")
	if _, err := p.EraseAgain(t.Context(), since, []store.ErasureKey{key}, false); err != nil {
		t.Error(err)
	}
	nothing("after some erasures")
	for _, tenant := range []string{"amaris", "later"} {
		if got, err := p.Tenant(t.Context(), tenant); err != nil || got.AwaitingErasures == nil {
			t.Errorf("%s is %+v, %v", tenant, got, err)
		}
	}
	if _, err := p.EraseAgain(t.Context(), since, []store.ErasureKey{key}, true); err != nil {
		t.Error(err)
	}
	if a := p.get("daughter", "/v1/dossiers/1/reports"); a.status != http.StatusOK {
		t.Errorf("after all erasures: %d", a.status)
	}
}

func TestAllGrantsAreReadStrictly(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	const good = `{"client":"1","user":"a","role":"client","parts":[],"state":"accepted"}`
	for body, parameter := range map[string]string{
		`{}`:                                    "items",
		`{"items":null}`:                        "items",
		`{"items":[{"user":"a"}]}`:              "items[0].client",
		`{"items":[` + good + `,` + good + `]}`: "items[1].user",
		`{"items":[{"client":"1","user":"","role":"client","parts":[],"state":"accepted"}]}`:         "items[0].user",
		`{"items":[{"client":"1","user":"a","role":"boss","parts":[],"state":"accepted"}]}`:          "items[0].role",
		`{"items":[{"client":"1","user":"a","role":"client","parts":["money"],"state":"accepted"}]}`: "items[0].parts",
		`{"items":[{"client":"1","user":"a","role":"client","parts":[],"state":"accepted","x":1}]}`:  "items[0].x",
		`{"items":[],"more":1}`:                      "more",
		`{"items":[],"items":[]}`:                    "items",
		`{"items":{}}`:                               "items",
		`{"items":[` + good + `]`:                    "",
		`{"items":[` + good + `]} x`:                 "",
		`{"items":[` + good + ` ` + good:             "",
		`[]`:                                         "",
		`{"items":[],"asOf":"yesterday"}`:            "asOf",
		`{"asOf":"2999-01-01T00:00:00Z","items":[]}`: "asOf",
		`{"items":[]}`:                               "asOf",
		`{"items":[],"asOf":null}`:                   "asOf",
		`{"items":[],"asOf":"2026-01-01T00:00:00Z","confirm":-1}`:   "confirm",
		`{"items":[],"asOf":"2026-01-01T00:00:00Z","confirm":true}`: "confirm",
		`{"items":[` + good + `,` + good + `],"asOf":null}`:         "items[1].user",
	} {
		a := p.manage(http.MethodPut, allGrants, body)
		if a.status != http.StatusBadRequest {
			t.Errorf("%s is answered with %d", body, a.status)
		}
		if _, got := a.problem(t); got != parameter {
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

// A list keeps changes that it cannot know of: revocations by the merge of a client, and changes
// after the list was made.
func TestUploadKeepsLaterChanges(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	const one = `{"client":"1","user":%q,"role":"contact","parts":["reports"],"state":"accepted"}`
	ago := func(d string) string { return "state = 'revoked', updated_at = now() - interval '" + d + "'" }
	for user, set := range map[string]string{
		"merged":     "state = 'revoked', updated_by = 'dossiersync', updated_at = now() - interval '1 year'",
		"before":     ago("1 hour"),
		"about then": ago("10 minutes 30 seconds"),
		"after":      ago("5 minutes"),
		"new":        "updated_at = now() - interval '5 minutes'", // and not in the list
		"gone":       "updated_at = now() - interval '1 hour'",    // neither
		"narrowed":   "parts = '{}', updated_at = now() - interval '5 minutes'",
	} {
		p.grant("amaris", user, "1", []string{"reports"}, set)
	}
	var items []string
	for _, user := range []string{"merged", "before", "about then", "after", "narrowed"} {
		items = append(items, fmt.Sprintf(one, user))
	}
	send := func(asOf string) map[string]any {
		put, _ := p.putAll(`{"items":[` + strings.Join(items, ",") + `]` + asOf + `}`).item(t)
		return put
	}
	p.items(report("1", "r", noon()))
	p.exec(`UPDATE grants SET updated_at = now() - interval '1 hour' WHERE user_id = 'daughter'`)
	open := func() (list []string) {
		for _, user := range []string{"merged", "before", "about then", "after", "new", "gone", "narrowed", "daughter"} {
			if a := p.get(user, "/v1/dossiers/1/reports"); a.status == http.StatusOK && len(a.list(t).Items) > 0 {
				list = append(list, user)
			}
		}
		return list
	}
	asOf := time.Now().Add(-10 * time.Minute).Format(time.RFC3339)
	if diff := cmp.Diff(map[string]any{"changed": 1.0, "revoked": 2.0, "kept": 4.0}, send(`,"asOf":"`+asOf+`"`)); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"before", "new"}, open()); diff != "" {
		t.Errorf("who may read (-want +got):\n%s", diff)
	}
	// A list of just now knows all that was revoked by the portal.
	if diff := cmp.Diff(map[string]any{"changed": 3.0, "revoked": 1.0, "kept": 1.0}, send("")); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"before", "about then", "after", "narrowed"}, open()); diff != "" {
		t.Errorf("who may read (-want +got):\n%s", diff)
	}
	// The portal itself may grant the right again.
	if a := p.putGrant("1", "merged", `{"role":"contact","parts":["reports"],"state":"accepted"}`); a.status != http.StatusOK {
		t.Errorf("a grant by itself is answered with %d", a.status)
	}
	if got := open(); len(got) != 5 {
		t.Errorf("then may read %v", got)
	}
	if a := p.do(http.MethodPut, allGrants, p.token("portal", "dossier:grants"), `{"items":[]}`, "Dossier-Actor", store.SystemUser, "Content-Type", "application/json"); a.status != http.StatusBadRequest {
		t.Errorf("in this program's own name: %d", a.status)
	}
}

// A grant on an erased client is not stored, by either route, and is answered like a grant on an
// unknown client.
func TestGrantsOnAnErasedClientAreNotStored(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	if _, err := p.Erase(t.Context(), "amaris", "1", "beheer"); err != nil {
		t.Fatal(err)
	}
	const body = `{"role":"contact","manager":true,"parts":["reports"],"state":"accepted","name":"J. de Vries"}`
	erased, _ := p.putGrant("1", "son", body).item(t)
	unknown, _ := p.putGrant("9", "son", body).item(t)
	for _, g := range []map[string]any{erased, unknown} {
		if at, _ := g["acceptedAt"].(string); at == "" {
			t.Errorf("the answer is %v", g)
		}
		g["acceptedAt"] = "now"
	}
	if diff := cmp.Diff(unknown, erased); diff != "" {
		t.Errorf("an erased client is told from an unknown one (-unknown +erased):\n%s", diff)
	}
	put, _ := p.putAll(`{"items":[
		{"client":"1","user":"son","role":"contact","parts":[],"state":"accepted"},
		{"client":"2","user":"son","role":"contact","parts":[],"state":"accepted"}]}`).item(t)
	if diff := cmp.Diff(map[string]any{"changed": 1.0, "revoked": 1.0, "kept": 0.0}, put); diff != "" {
		t.Errorf("answer to a list (-want +got):\n%s", diff)
	}
	p.exec(`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by) VALUES ('amaris', '1', 'x', 'contact', '{}', 'accepted', 'x')`)
	p.exec(`UPDATE grants SET client = '1' WHERE client = '2'`)
	var n int
	if err := p.db.QueryRow(t.Context(), `SELECT count(*) FROM grants WHERE tenant = 'amaris' AND client = '1'`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d grants are stored, %v", n, err)
	}
	log := p.accesses()
	if e := log[len(log)-1]; e.Event != "grants" {
		t.Errorf("last in the log is %+v", e)
	}
	for _, e := range log {
		if e.Event == "grant" && e.Outcome != map[string]string{"1": "denied", "9": "success"}[e.Client] {
			t.Errorf("logged is %+v", e)
		}
	}
}

// An erasure waits for a grant that is being stored, and removes it.
func TestErasureWaitsForGrants(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	tx := p.lock(`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by) VALUES ('amaris', '1', 'son', 'contact', '{}', 'accepted', 'x')`)
	done := make(chan error, 1)
	go func() {
		_, err := p.Erase(t.Context(), "amaris", "1", "beheer")
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("it does not wait: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var n int
	if err := p.db.QueryRow(t.Context(), `SELECT count(*) FROM grants WHERE client = '1'`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d grants are left, %v", n, err)
	}
}

// 200,000 grants, half of them revoked, are stored in time and with little memory, over a
// connection whose ordinary limits are too short for them.
func TestVeryManyGrants(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	server := httptest.NewUnstartedServer(p.api)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 300*time.Millisecond, 300*time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	p.exec(`INSERT INTO erasures (tenant, client, by) SELECT 'amaris', sha256(n::text::bytea), 'x' FROM generate_series(1, 100) n`)

	// A tenth of what there may be, unless there is time.
	many, long := 20_000, os.Getenv("DOSSIERSYNC_LONG") != ""
	if long {
		many = 200_000
	}
	token := p.token("portal", "dossier:grants")
	put := func(role string, n int) (int, string, time.Duration) {
		began := time.Now()
		body, w := io.Pipe()
		go func() {
			b := bufio.NewWriter(w)
			fmt.Fprintf(b, `{"asOf":%q,"confirm":%d,"items":[`, time.Now().Format(time.RFC3339), many/2)
			for i := range n {
				if i > 0 {
					b.WriteByte(',')
				}
				fmt.Fprintf(b, `{"client":"c-%d","user":"auth0|user-%d","role":%q,"manager":false,"parts":["reports","forms"],"state":"accepted",`+
					`"from":"2026-01-01","until":null,"contact":"rp-%d","name":"Mevrouw A. van der Berg-de Vries (%d)"}`, i/3, i, role, i, i)
			}
			fmt.Fprint(b, `]}`)
			_ = b.Flush()
			_ = w.Close()
		}()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+allGrants, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Dossier-Actor", "beheer")
		r.Header.Set("Content-Type", "application/json")
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text), time.Since(began)
	}
	var most uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	for _, tt := range []struct {
		n    int
		want string
	}{
		{many, fmt.Sprintf(`{"item":{"changed":%d,"revoked":1,"kept":0}}`, many)},
		{many / 2, fmt.Sprintf(`{"item":{"changed":0,"revoked":%d,"kept":0}}`, many/2)},
	} {
		status, answer, took := put("contact", tt.n)
		if status != http.StatusOK || answer != tt.want || took > 4*time.Minute {
			t.Errorf("answered with %d %s in %v, want %s", status, answer, took, tt.want)
		}
		t.Logf("%d grants in %v", tt.n, took)
	}
	close(stop)
	<-stopped
	// The list is 40 MB; other tests run in this process.
	t.Logf("at most %d MB of heap", most>>20)
	if !long {
		return
	}
	if status, answer, _ := put("contact", many+1); status != http.StatusBadRequest || !strings.Contains(answer, `"parameter":"items"`) {
		t.Errorf("one too many is answered with %d %s", status, answer)
	}
	var n, logged int
	err := p.db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM grants WHERE state = 'accepted'),
		(SELECT count(*) FROM access_log WHERE event = 'grants' AND client IS NOT NULL)`).Scan(&n, &logged)
	if err != nil || n != many/2 || logged != many+1+many/2 {
		t.Errorf("%d grants are stored and %d changes logged, %v", n, logged, err)
	}
}

// waitFor waits until a query returns true.
func (p *harness) waitFor(sql string) {
	p.t.Helper()
	for range 6000 {
		var yes bool
		if err := p.db.QueryRow(p.t.Context(), sql).Scan(&yes); err != nil {
			p.t.Fatal(err)
		}
		if yes {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.t.Fatalf("not yet after a minute: %s", sql)
}

// During an upload, another upload of the tenant gets a 503.
func TestOneUploadPerTenantAtATime(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	server := httptest.NewServer(p.handler)
	t.Cleanup(server.Close)
	p.exec(`UPDATE grants SET updated_at = now() - interval '1 hour'`)
	first := p.beginUpload(server, p.token("portal", "dossier:grants"))
	p.waitFor(`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT portal_begin_list%' AND state = 'idle in transaction')`)
	a := p.putAll(`{"items":[]}`)
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "30" {
		t.Errorf("another list is answered with %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
	// Meanwhile single grants change as ever, and this list does not undo it.
	if a := p.putGrant("1", "son", `{"role":"contact","parts":["reports"],"state":"accepted"}`); a.status != http.StatusOK {
		t.Errorf("a single grant is answered with %d", a.status)
	}
	if _, err := io.WriteString(first, `]}`); err != nil {
		t.Fatal(err)
	}
	_ = first.Close()
	if status := <-first.status; status != http.StatusOK {
		t.Errorf("the first is answered with %d", status)
	}
	if a := p.get("son", "/v1/dossiers/1"); a.status != http.StatusOK {
		t.Errorf("what was granted meanwhile is answered with %d", a.status)
	}
	if a := p.get("daughter", "/v1/dossiers/1"); a.status != http.StatusNotFound {
		t.Errorf("who is not in the list is answered with %d", a.status)
	}
}

// upload is a list of all grants that the test sends in pieces.
type upload struct {
	*io.PipeWriter
	status chan int
	text   string // of the answer, once there is a status
}

func (p *harness) beginUpload(server *httptest.Server, token string) *upload {
	p.t.Helper()
	body, w := io.Pipe()
	c := &upload{PipeWriter: w, status: make(chan int, 1)}
	p.t.Cleanup(func() { _ = w.Close() })
	go func() {
		r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPut, server.URL+allGrants, body)
		if err != nil {
			p.t.Error(err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Dossier-Actor", "beheer")
		r.Header.Set("Content-Type", "application/json")
		res, err := server.Client().Do(r)
		if err != nil {
			c.text = err.Error()
			c.status <- 0
			return
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		c.text = string(text)
		c.status <- res.StatusCode
	}()
	asOf := time.Now().Add(-2 * time.Minute).Format(time.RFC3339)
	if _, err := io.WriteString(w, `{"asOf":"`+asOf+`","items":[`); err != nil {
		p.t.Fatal(err)
	}
	return c
}

// The upload of one tenant does not block that of another, up to the limit.
func TestUploadsOfSeveralTenantsRunAtOnce(t *testing.T) {
	t.Parallel()
	p := newHarness(t, func(o *portalapi.Options) {
		o.Tenants = nil
		for _, id := range []string{"amaris", "szr", "drie", "vier"} {
			o.Tenants = append(o.Tenants, tenantNamed(t, id, id))
		}
	})
	server := httptest.NewServer(p.api)
	t.Cleanup(server.Close)
	token := func(tenant string) string {
		c := claimsOf("portal", "dossier:grants")
		c["tenant"] = tenant
		return sign(t, jwa.ES256(), p.keys.private, c)
	}
	var first []*upload
	for n, tenant := range []string{"amaris", "szr", "drie"} {
		first = append(first, p.beginUpload(server, token(tenant)))
		p.waitFor(fmt.Sprintf(`SELECT count(*) = %d FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT portal_begin_list%%' AND state = 'idle in transaction'`, n+1))
	}
	for _, tenant := range []string{"amaris", "vier"} {
		a := p.do(http.MethodPut, allGrants, token(tenant), asOfNow(`{"items":[]}`), "Content-Type", "application/json", "Dossier-Actor", "beheer")
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
			t.Errorf("another of %s is answered with %d", tenant, a.status)
		}
	}
	for _, c := range first {
		if _, err := io.WriteString(c, `]}`); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		if status := <-c.status; status != http.StatusOK {
			t.Errorf("one of the first is answered with %d %s", status, c.text)
		}
	}
	a := p.do(http.MethodPut, allGrants, token("vier"), asOfNow(`{"items":[]}`), "Content-Type", "application/json", "Dossier-Actor", "beheer")
	if a.status != http.StatusOK {
		t.Errorf("the fourth is answered with %d when there is room", a.status)
	}
}

// An upload that is too slow is cut off; a steady one is not, however long it takes.
func TestSlowUploadIsCutOff(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	const wait = 2 * time.Second // much longer than a busy machine keeps a test waiting
	p.api.SetReadWait(wait)
	server := httptest.NewServer(p.api)
	t.Cleanup(server.Close)
	token := p.token("portal", "dossier:grants")

	began := time.Now()
	slow := p.beginUpload(server, token)
	go func() {
		for { // a byte now and then
			time.Sleep(wait / 10)
			if _, err := io.WriteString(slow, " "); err != nil {
				return
			}
		}
	}()
	if status := <-slow.status; status != http.StatusBadRequest || !strings.Contains(slow.text, "te langzaam") {
		t.Errorf("a list that hardly comes is answered with %d %s", status, slow.text)
	}
	if took := time.Since(began); took < wait || took > 10*wait {
		t.Errorf("it is cut off after %s", took)
	}

	steady := p.beginUpload(server, token)
	for n := range 8 {
		time.Sleep(wait / 4)
		var chunk strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&chunk, `{"client":"c-%d","user":"u-%d","role":"contact","parts":["reports"],"state":"accepted"},`, n, i)
		}
		if _, err := io.WriteString(steady, chunk.String()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(steady, `{"client":"1","user":"son","role":"contact","parts":["reports"],"state":"accepted"}]}`); err != nil {
		t.Fatal(err)
	}
	_ = steady.Close()
	if status := <-steady.status; status != http.StatusOK {
		t.Errorf("a list that comes steadily is answered with %d %s", status, steady.text)
	}
	if a := p.get("son", "/v1/dossiers/1"); a.status != http.StatusOK {
		t.Errorf("what it granted is answered with %d", a.status)
	}
}

// A list that leaves many grants in place, but opens nothing by them, takes as much as one that leaves
// them out.
func TestListThatOpensNothingMustBeConfirmed(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	const many = 11
	for i := range many {
		p.grant("amaris", fmt.Sprintf("u-%d", i), "1", everyPart)
	}
	p.exec(`UPDATE grants SET updated_at = now() - interval '1 hour'`)
	for how, status := range map[string]int{
		`"state":"accepted","parts":["reports"],"until":"2020-01-01"`: http.StatusConflict,
		`"state":"accepted","parts":["reports"],"from":"2999-01-01"`:  http.StatusConflict,
		`"state":"accepted","parts":[]`:                               http.StatusConflict,
		`"state":"invited","parts":["reports"]`:                       http.StatusConflict,
		`"state":"accepted","parts":["reports"]`:                      http.StatusOK,
	} {
		var items strings.Builder
		for i := range many {
			fmt.Fprintf(&items, `{"client":"1","user":"u-%d","role":"contact",%s},`, i, how)
		}
		a := p.manage(http.MethodPut, allGrants, asOfNow(`{"items":[`+items.String()+
			`{"client":"1","user":"daughter","role":"contact","parts":["reports"],"state":"accepted"}]}`))
		if a.status != status {
			t.Errorf("%s is answered with %d %s", how, a.status, a.body)
		}
		p.exec(`UPDATE grants SET updated_at = now() - interval '1 hour'`)
	}
}
