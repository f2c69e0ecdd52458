package acceptance

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap/zapcore"

	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/store/storetest"
	dossiersync "dossiersync/sync"
)

// harness is what an operator has: a care record simulator for each tenant, a
// replica, and the configuration that joins them.
type harness struct {
	t          *testing.T
	sim        *simulator.Server // of the first tenant
	dir        string
	configFile string
	tenants    []tenant
	replica    *storetest.Replica
	signer     signer
	resources  func() map[string][]byte // what the first tenant's source holds; nil: what sim holds

	portalAddress string // host:port; set by serve
	opsAddress    string // host:port; set by serve
	log           syncBuffer
}

// tenant is a care organisation with its care record system.
type tenant struct {
	id, name string
	sim      *simulator.Server
	search   string // the searches per stream, in YAML; empty: the defaults
	mapping  string // more of the mapping, in YAML
}

func newHarness(t *testing.T, tenants ...tenant) *harness {
	t.Helper()
	h := &harness{t: t, sim: tenants[0].sim, dir: t.TempDir(), replica: storetest.NewReplica(t),
		signer: newSigner(t), tenants: tenants}
	text := fmt.Sprintf(`
database: %q
worker: {database: %q}
portal_api:
  listen: 127.0.0.1:0
  database: %q
  auth: {issuer: "https://login.example", audience: dossiersync, jwks_file: jwks.json}
ops:
  listen: 127.0.0.1:0
tenants:
`, h.replica.URL, h.replica.WorkerURL, h.replica.ReaderURL)
	for _, tenant := range tenants {
		server := httptest.NewServer(tenant.sim)
		t.Cleanup(server.Close)
		text += fmt.Sprintf(`  - id: %s
    name: %s
    source:
      fhir:
        base_url: %s/fhir
        lag: 0s
        overlap: 30s
        page_size: 100
        requests_per_second: 5000
        search: {%s}
    mapping:
      category: [{match: {tag: "https://ecd.example/kind|zorgleefplan"}, set: care-plan}]
%s`, tenant.id, tenant.name, server.URL, tenant.search, tenant.mapping)
	}
	h.configFile = h.writeFile("dossiersync.yaml", text)
	h.writeFile("jwks.json", h.signer.jwks(t))
	if err := os.Mkdir(filepath.Join(h.dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.writeFile("data/portal.key", storetest.ProofKey)
	return h
}

// newAmarisHarness returns a harness with one tenant, amaris.
func newAmarisHarness(t *testing.T, sim *simulator.Server) *harness {
	t.Helper()
	return newHarness(t, tenant{id: "amaris", name: "Amaris", sim: sim})
}

// newSmallHarness returns a harness with one tenant, which has three dossiers of
// a few weeks.
func newSmallHarness(t *testing.T) *harness {
	t.Helper()
	sim := simulator.New(simulator.Options{})
	fillDossiers(t, sim, dossiers.Options{Clients: 3, Years: 0.1, Seed: 9, Now: time.Now()})
	return newAmarisHarness(t, sim)
}

// fillDossiers puts generated dossiers into a simulator.
func fillDossiers(t *testing.T, sim *simulator.Server, o dossiers.Options) *dossiers.Dossiers {
	t.Helper()
	d, err := dossiers.Generate(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Fill(sim); err != nil {
		t.Fatal(err)
	}
	return d
}

// putBehindProxy places a proxy between the first tenant's simulator and the
// program.
func (h *harness) putBehindProxy(o faults.Options, rules ...faults.Rule) *proxy {
	h.t.Helper()
	p := newProxy(h.t, h.sim, o, rules...)
	h.changeConfig(`base_url: \S+`, "base_url: "+p.url)
	return p
}

func (h *harness) loadConfig() *config.Config {
	h.t.Helper()
	cfg, err := app.LoadConfig(h.configFile, func(string) (string, bool) { return "", false })
	if err != nil {
		h.t.Fatal(err)
	}
	return cfg
}

// changeConfig replaces whatever matches the pattern in the configuration file.
// There must be a match.
func (h *harness) changeConfig(pattern, replacement string) {
	h.t.Helper()
	text, err := os.ReadFile(h.configFile)
	if err != nil {
		h.t.Fatal(err)
	}
	re := regexp.MustCompile(pattern)
	if !re.Match(text) {
		h.t.Fatalf("the configuration has no match of %s", pattern)
	}
	h.writeFile(filepath.Base(h.configFile), string(re.ReplaceAllLiteral(text, []byte(replacement))))
}

// addOpsUser configures ann, who may do everything on the operators' side.
func (h *harness) addOpsUser(tenants, token string) {
	h.t.Helper()
	h.changeConfig(`(?m)^tenants:`,
		fmt.Sprintf("  users: [{name: ann, token_file: %q, tenants: [%s], may: [read, resync, approve]}]\ntenants:",
			h.writeFile("ann", token+"\n"), tenants))
}

// newSyncer returns the syncer that a worker with this configuration runs.
func (h *harness) newSyncer(cfg *config.Config) *dossiersync.Syncer {
	h.t.Helper()
	syncer, err := app.NewSyncer(cfg, h.replica.Store, app.SyncerOptions{Log: app.NewLog(&h.log, zapcore.DebugLevel)})
	if err != nil {
		h.t.Fatal(err)
	}
	return syncer
}

// writeFile writes a file into the harness's folder, and returns its path.
func (h *harness) writeFile(name, content string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// query returns the first column, a text, of the rows that q returns to the
// database's owner.
func (h *harness) query(q string, args ...any) []string {
	h.t.Helper()
	rows, err := h.replica.Pool().Query(h.t.Context(), q, args...)
	if err != nil {
		h.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		h.t.Fatal(err)
	}
	return append([]string{}, list...)
}

// queryOne returns the only value that q returns, a text.
func (h *harness) queryOne(q string, args ...any) string {
	h.t.Helper()
	list := h.query(q, args...)
	if len(list) != 1 {
		h.t.Fatalf("%d rows, want 1: %s", len(list), q)
	}
	return list[0]
}

func (h *harness) exec(q string, args ...any) {
	h.t.Helper()
	if _, err := h.replica.Pool().Exec(h.t.Context(), q, args...); err != nil {
		h.t.Fatalf("%v\n%s", err, q)
	}
}

// expireLeases ends the leases of all runs at once, as if their workers had died
// long ago.
func (h *harness) expireLeases() {
	h.t.Helper()
	h.exec(`UPDATE runs SET lease_until = now() - interval '1 second' WHERE state = 'running'`)
}

// wantVerified fails the test unless dossiersync verify finds no difference.
func (h *harness) wantVerified() {
	h.t.Helper()
	if code, out, errs := h.runCommand("verify", "--tenant", h.tenants[0].id); code != exitDone {
		h.t.Errorf("verify: exit %d\n%s%s", code, out, errs)
	}
}

// isLongRun reports whether DOSSIERSYNC_LONG is set (make check): tests then wait
// for leases to expire instead of expiring them in the database.
func isLongRun() bool { return os.Getenv("DOSSIERSYNC_LONG") != "" }

func amsterdam(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}
