package ops_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/robfig/cron/v3"

	"dossiersync/portalapi/ops"
	"dossiersync/portalapi/portaltest"
	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

type harness struct {
	*storetest.Replica
	t       testing.TB
	handler http.Handler
	ops     *store.Store // as which the handler logs in
}

func newHarness(t testing.TB, change ...func(*ops.Options)) *harness {
	t.Helper()
	schedule, err := cron.ParseStandard("CRON_TZ=Europe/Amsterdam 0 7-23/4 * * *")
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	tenant := func(id, name string) ops.Tenant {
		return ops.Tenant{ID: id, Name: name, Location: zone, Schedule: schedule, Cron: "0 7-23/4 * * *"}
	}
	o := ops.Options{Tenants: []ops.Tenant{tenant("amaris", "Amaris"), tenant("szr", "SZR")}}
	for _, f := range change {
		f(&o)
	}
	d := &harness{t: t, Replica: storetest.NewReplica(t)}
	d.ops = d.OpsStore(t)
	handler, err := ops.New(d.ops, o)
	if err != nil {
		t.Fatal(err)
	}
	contract, err := portaltest.Parse(ops.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	// What programs are answered is checked against the contract.
	checked := portaltest.CheckedBy(t, contract, handler)
	d.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") || slices.Contains([]string{"/healthz", "/readyz", "/openapi.yaml"}, r.URL.Path) {
			checked.ServeHTTP(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	})
	return d
}

func withUsers(o *ops.Options) {
	user := func(name string, tenants, may []string) ops.User {
		return ops.User{Name: name, Tenants: tenants, May: may, Token: func() (string, error) { return "token of " + name, nil }}
	}
	o.Users = []ops.User{
		user("ann", []string{"amaris", "szr"}, []string{"read", "resync"}),
		user("bob", []string{"szr"}, []string{"read"}),
		user("amy", []string{"amaris"}, []string{"read", "resync", "approve"}),
		user("chef", []string{"amaris", "szr"}, []string{"read", "resync", "approve"}),
		user("eve", nil, nil),
		user("zoe", []string{"szr"}, []string{"read", "resync"}),
		{Name: "lost", Tenants: []string{"amaris"}, May: []string{"read"}, Token: func() (string, error) { return "", errors.New("no such file") }},
		{Name: "empty", Tenants: []string{"amaris"}, May: []string{"read"}, Token: func() (string, error) { return "", nil }},
	}
}

func (d *harness) do(method, url, body string, headers ...string) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequestWithContext(d.t.Context(), method, url, strings.NewReader(body))
	r.Host = "127.0.0.1:8081"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	if got := w.Header().Get("Content-Type"); w.Code >= 400 && got != "application/problem+json" {
		d.t.Errorf("%s %s is answered with %d, %s", method, url, w.Code, got)
	}
	return w
}

func as(user string) []string { return []string{"Authorization", "Bearer token of " + user} }

func (d *harness) decode(w *httptest.ResponseRecorder, v any) {
	d.t.Helper()
	if w.Code/100 != 2 {
		d.t.Fatalf("answered with %d: %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
		d.t.Fatal(err)
	}
}

type runs struct {
	Items []store.Run
	Next  *string
}

func (d *harness) putTenants(tenants ...string) {
	d.t.Helper()
	for _, id := range tenants {
		if err := d.PutTenant(d.t.Context(), id, id, "Europe/Amsterdam"); err != nil {
			d.t.Fatal(err)
		}
	}
}

func TestHealthNeedsNoToken(t *testing.T) {
	t.Parallel()
	d := newHarness(t, withUsers)
	for _, url := range []string{"/healthz", "/readyz"} {
		if w := d.do(http.MethodGet, url, ""); w.Code != http.StatusOK {
			t.Errorf("%s is answered with %d", url, w.Code)
		}
	}
	d.ops.Close()
	if w := d.do(http.MethodGet, "/healthz", ""); w.Code != http.StatusOK {
		t.Errorf("without a database /healthz is answered with %d", w.Code)
	}
	if w := d.do(http.MethodGet, "/readyz", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("without a database /readyz is answered with %d", w.Code)
	}
}

func TestUsersHaveOnlyTheirPermissions(t *testing.T) {
	t.Parallel()
	d := newHarness(t, withUsers)
	d.putTenants("amaris", "szr")
	run, _, err := d.RequestRun(t.Context(), store.RunRequest{Tenant: "amaris", Trigger: store.TriggerCommand})
	if err != nil {
		t.Fatal(err)
	}
	own := fmt.Sprintf("/api/runs/%d", run.ID)
	tests := []struct {
		user, method, url string
		want              int
	}{
		{"", "GET", "/api/tenants", 401}, {"", "GET", "/metrics", 401}, {"nobody", "GET", "/api/runs", 401},
		{"ann", "GET", "/api/tenants", 200}, {"ann", "GET", "/metrics", 200}, {"ann", "GET", own, 200},
		{"ann", "POST", "/api/tenants/szr/resync", 202}, {"ann", "POST", "/api/tenants/elders/resync", 404},
		{"bob", "GET", "/api/tenants", 200}, {"bob", "GET", own, 404}, {"bob", "GET", "/api/runs?tenant=amaris", 404},
		{"bob", "GET", "/api/runs?tenant=szr", 200}, {"bob", "POST", "/api/tenants/szr/resync", 403},
		{"eve", "GET", "/api/tenants", 403}, {"eve", "GET", "/metrics", 403},
	}
	for _, tt := range tests {
		var headers []string
		body := ""
		if tt.user != "" {
			headers = as(tt.user)
		}
		if tt.method == "POST" {
			body = "{}"
		}
		if w := d.do(tt.method, tt.url, body, headers...); w.Code != tt.want {
			t.Errorf("%s: %s %s is answered with %d, want %d", tt.user, tt.method, tt.url, w.Code, tt.want)
		}
	}
	for _, token := range []string{"", "Bearer ", "Bearer", "Basic token of ann", "Bearer token of ann ", "token of ann"} {
		if w := d.do("GET", "/api/tenants", "", "Authorization", token); w.Code != http.StatusUnauthorized {
			t.Errorf("%q is answered with %d", token, w.Code)
		}
	}
	var list struct{ Items []struct{ ID string } }
	d.decode(d.do("GET", "/api/tenants", "", as("bob")...), &list)
	if len(list.Items) != 1 || list.Items[0].ID != "szr" {
		t.Errorf("bob sees %v", list.Items)
	}
	var seen runs
	d.decode(d.do("GET", "/api/runs", "", as("bob")...), &seen)
	if len(seen.Items) != 1 || seen.Items[0].Tenant != "szr" || *seen.Items[0].RequestedBy != "ann" {
		t.Errorf("bob sees the runs %v", seen.Items)
	}
}

func TestTenantsListTheirStatus(t *testing.T) {
	t.Parallel()
	d := newHarness(t)
	type tenant struct {
		ID, Name, Timezone, Schedule, State string
		NextSlot                            time.Time
		LastSuccess, UnreachableSince       *time.Time
		AwaitingGrantsSince                 *time.Time
		AgeSeconds                          *int64
		Running                             *store.Run
	}
	get := func() []tenant {
		var list struct{ Items []tenant }
		d.decode(d.do("GET", "/api/tenants", ""), &list)
		return list.Items
	}
	before := get()
	if len(before) != 2 || before[0].State != "waiting" || before[0].LastSuccess != nil || before[0].AgeSeconds != nil {
		t.Errorf("before any run: %+v", before)
	}
	d.putTenants("amaris")
	if get()[0].AwaitingGrantsSince != nil {
		t.Error("the tenant waits for grants")
	}
	if err := d.MarkRestored(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if get()[0].AwaitingGrantsSince == nil {
		t.Error("the tenant does not wait for its grants")
	}
	if _, err := d.Pool().Exec(t.Context(), `
		UPDATE tenants SET succeeded = now() - interval '3 days', unreachable = now() - interval '1 hour' WHERE id = 'amaris'`); err != nil {
		t.Fatal(err)
	}
	run, _, err := d.RequestRun(t.Context(), store.RunRequest{Tenant: "amaris", Trigger: store.TriggerManual})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.ClaimRun(t.Context(), run.ID, "test"); err != nil {
		t.Fatal(err)
	}
	got := get()[0]
	if got.ID != "amaris" || got.Timezone != "Europe/Amsterdam" || got.Schedule != "0 7-23/4 * * *" || got.State != "stale" {
		t.Errorf("tenant is %+v", got)
	}
	if got.AgeSeconds == nil || *got.AgeSeconds < 3*24*3600 || got.UnreachableSince == nil || !got.NextSlot.After(time.Now()) {
		t.Errorf("tenant is %+v", got)
	}
	if got.Running == nil || got.Running.ID != run.ID {
		t.Errorf("the running run is %v", got.Running)
	}
}

func TestResyncIsARowOfRuns(t *testing.T) {
	t.Parallel()
	d := newHarness(t)
	const url = "/api/tenants/amaris/resync"
	w := d.do("POST", url, `{"client":"1042","stream":"reports","from":"2026-03-01","to":"2026-03-29","dryRun":true}`)
	var run store.Run
	d.decode(w, &run)
	if w.Code != http.StatusAccepted || w.Header().Get("Location") != fmt.Sprintf("/api/runs/%d", run.ID) {
		t.Errorf("answered with %d, %s", w.Code, w.Header().Get("Location"))
	}
	want := store.Scope{
		Client: "1042", Stream: dossier.StreamReports, DryRun: true,
		From: time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 29, 21, 59, 59, 0, time.UTC),
	}
	if diff := cmp.Diff(want, run.Scope); diff != "" || run.Trigger != store.TriggerManual || run.State != store.RunWaiting {
		t.Errorf("run is %+v (-want +got):\n%s", run, diff)
	}
	// The same scope, however it is written, waits already.
	var again store.Run
	w = d.do("POST", url, `{"dryRun":true,"to":"2026-03-29T23:59:59+02:00","from":"2026-03-01T00:00:00+01:00","client":"1042","stream":"reports","full":false}`)
	d.decode(w, &again)
	if w.Code != http.StatusOK || again.ID != run.ID {
		t.Errorf("again answered with %d and run %d, want run %d", w.Code, again.ID, run.ID)
	}
	var whole, one store.Run
	d.decode(d.do("POST", url, "", "Content-Type", "application/json"), &whole)
	if !whole.Scope.IsWhole() {
		t.Errorf("without a body the scope is %+v", whole.Scope)
	}
	d.decode(d.do("GET", fmt.Sprintf("/api/runs/%d", whole.ID), ""), &one)
	if diff := cmp.Diff(whole, one); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	tests := map[string]string{
		"client": `{"client":"no id"}`, "stream": `{"stream":"dreams"}`, "from": `{"from":"yesterday"}`,
		"to": `{"from":"2026-03-02","to":"2026-03-01"}`, "tenant": `{"tenant":"szr"}`, "full": `{"full":"yes"}`,
		"dryRun": `{"dryRun":true,"dryRun":false}`,
	}
	for parameter, body := range tests {
		w := d.do("POST", url, body)
		var p struct{ Type, Parameter string }
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusBadRequest || p.Parameter != parameter || !strings.HasSuffix(p.Type, "invalid-parameter") {
			t.Errorf("%s is answered with %d %s %q", body, w.Code, p.Type, p.Parameter)
		}
	}
	if w := d.do("POST", url, `{"full":true,"from":"2026-03-01"}`); w.Code != http.StatusBadRequest {
		t.Errorf("full and from are answered with %d", w.Code)
	}
	if w := d.do("POST", url, `{"client":"`+strings.Repeat("1", 5000)+`"}`); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body is answered with %d", w.Code)
	}
}

func TestRunsArePaged(t *testing.T) {
	t.Parallel()
	d := newHarness(t, withUsers)
	d.putTenants("amaris", "szr")
	var want []int64
	for i := range 6 {
		tenant := []string{"amaris", "szr"}[i%2]
		r, _, err := d.RequestRun(t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerCommand, Scope: store.Scope{Client: fmt.Sprint(i)}})
		if err != nil {
			t.Fatal(err)
		}
		want = append([]int64{r.ID}, want...)
	}
	var got []int64
	for next := new("/api/runs?limit=2&state=waiting"); next != nil; {
		var page runs
		d.decode(d.do("GET", *next, "", as("ann")...), &page)
		for _, r := range page.Items {
			got = append(got, r.ID)
		}
		next = page.Next
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	for _, url := range []string{"/api/runs?limit=0", "/api/runs?state=odd", "/api/runs?before=x", "/api/runs?offset=1", "/api/runs/1?x=1"} {
		if w := d.do("GET", url, "", as("ann")...); w.Code != http.StatusBadRequest {
			t.Errorf("%s is answered with %d", url, w.Code)
		}
	}
	for _, url := range []string{"/api/runs/999999", "/api/runs/x", "/api", "/api/runs/", "/console"} {
		if w := d.do("GET", url, "", as("ann")...); w.Code != http.StatusNotFound {
			t.Errorf("%s is answered with %d", url, w.Code)
		}
	}
	if w := d.do("DELETE", "/api/runs", "", as("ann")...); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("DELETE is answered with %d, %s", w.Code, w.Header().Get("Allow"))
	}
}

// A page in a browser cannot send a request that the API accepts.
func TestOtherSitesCannotResync(t *testing.T) {
	t.Parallel()
	d := newHarness(t)
	const url = "/api/tenants/amaris/resync"
	tests := map[string][]string{
		"cross-site":            {"Sec-Fetch-Site", "cross-site"},
		"same site":             {"Sec-Fetch-Site", "same-site"},
		"another origin":        {"Origin", "https://evil.example"},
		"an opaque origin":      {"Origin", "null"},
		"a rebound name":        {"Host", "evil.example", "Sec-Fetch-Site", "same-origin"},
		"a name that looks so":  {"Host", "localhost.evil.example"},
		"an address of a house": {"Host", "192.168.1.5:8081"},
	}
	for name, headers := range tests {
		if w := d.do("POST", url, "{}", headers...); w.Code != http.StatusForbidden {
			t.Errorf("%s: answered with %d", name, w.Code)
		}
	}
	for _, media := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"} {
		if w := d.do("POST", url, "{}", "Content-Type", media); w.Code != http.StatusUnsupportedMediaType {
			t.Errorf("%s: answered with %d", media, w.Code)
		}
	}
	if w := d.do("GET", "/api/tenants", "", "Host", "evil.example"); w.Code != http.StatusForbidden {
		t.Errorf("reading under a rebound name is answered with %d", w.Code)
	}
	for _, host := range []string{"localhost:8081", "127.0.0.1:8081", "[::1]:8081", "LOCALHOST", "ops.localhost:1"} {
		if w := d.do("GET", "/api/tenants", "", "Host", host); w.Code != http.StatusOK {
			t.Errorf("%s is answered with %d", host, w.Code)
		}
	}
}

func TestMetricsAreServedAndNamedWell(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	d := newHarness(t, func(o *ops.Options) { o.Registerer, o.Gatherer = reg, reg })
	d.putTenants("amaris")
	d.putTenants("szr")
	if _, err := d.Pool().Exec(t.Context(), `UPDATE tenants SET awaiting_grants = now() WHERE id = 'szr'`); err != nil {
		t.Fatal(err)
	}
	d.do("GET", "/api/tenants", "")
	d.do("GET", "/nowhere/amaris", "")
	w := d.do("GET", "/metrics", "")
	for _, want := range []string{
		`dossiersync_ops_http_requests_total{route="/api/tenants",status="200"} 1`,
		`dossiersync_ops_http_requests_total{route="unknown",status="404"} 1`,
		`dossiersync_awaiting_grants{tenant="amaris"} 0`,
		`dossiersync_awaiting_grants{tenant="szr"} 1`,
		`dossiersync_awaiting_erasures{tenant="szr"} 0`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	t.Parallel()
	token := func() (string, error) { return "x", nil }
	for name, o := range map[string]ops.Options{
		"a tenant without zone": {Tenants: []ops.Tenant{{ID: "amaris"}}},
		"a user without name":   {Users: []ops.User{{Token: token}}},
		"a user without token":  {Users: []ops.User{{Name: "ann"}}},
		"a name twice":          {Users: []ops.User{{Name: "ann", Token: token}, {Name: "ann", Token: token}}},
	} {
		if _, err := ops.New(nil, o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
