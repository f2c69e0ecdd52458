package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/config"
	"dossiersync/portalapi/portaltest"
	"dossiersync/store/storetest"
	dossiersync "dossiersync/sync"
)

// harness is a care record simulator for each tenant, a replica, and the
// configuration that joins them: what an operator has.
type harness struct {
	t             *testing.T
	sim           *simulator.Server // the first tenant's
	dir           string
	configFile    string
	portalAddress string // host:port of the portal API
	opsAddress    string // host:port of the operators' listener
	replica       *storetest.Replica
	tenants       []tenant
	signer        signer
	log           syncBuffer // what the service says
}

// tenant is a care organisation, and its care record system.
type tenant struct {
	id, name string
	sim      *simulator.Server
	search   string // the searches per stream, in YAML; empty: the usual ones
	mapping  string // more of the mapping, in YAML
}

func newHarness(t *testing.T, tenants ...tenant) *harness {
	t.Helper()
	r := &harness{t: t, sim: tenants[0].sim, dir: t.TempDir(), replica: storetest.NewReplica(t), signer: newSigner(t), tenants: tenants}
	conf := fmt.Sprintf(`
database: %q
portal_api:
  listen: 127.0.0.1:0
  database: %q
  auth: {issuer: "https://login.example", audience: dossiersync, jwks_file: jwks.json}
ops:
  listen: 127.0.0.1:0
tenants:
`, r.replica.URL, r.replica.ReaderURL)
	for _, tenant := range tenants {
		server := httptest.NewServer(tenant.sim)
		t.Cleanup(server.Close)
		conf += fmt.Sprintf(`  - id: %s
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
	r.configFile = r.writeFile("dossiersync.yaml", conf)
	r.writeFile("jwks.json", r.signer.jwks(t))
	return r
}

// loadConfig loads the configuration file.
func (h *harness) loadConfig() *config.Config {
	h.t.Helper()
	cfg, err := app.LoadConfig(h.configFile, func(string) (string, bool) { return "", false })
	if err != nil {
		h.t.Fatal(err)
	}
	return cfg
}

// newSyncer returns what a worker with this configuration runs.
func (h *harness) newSyncer(cfg *config.Config) *dossiersync.Syncer {
	h.t.Helper()
	syncer, err := app.NewSyncer(cfg, h.replica.Store, app.SyncerOptions{Log: app.NewLog(&h.log, zapcore.DebugLevel)})
	if err != nil {
		h.t.Fatal(err)
	}
	return syncer
}

func (h *harness) writeFile(name, content string) string {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// runCommand runs a command as from a shell.
func (h *harness) runCommand(args ...string) (code int, stdout, stderr string) {
	h.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(h.t.Context(), program, append([]string{"--config", h.configFile}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		h.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// mustRun runs a command that succeeds, and returns what it prints.
func (h *harness) mustRun(args ...string) string {
	h.t.Helper()
	code, out, errs := h.runCommand(args...)
	if code != exitDone {
		h.t.Fatalf("dossiersync %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// serve runs the service in this process, or the part that only names, until the
// test ends.
func (h *harness) serve(only string) {
	h.t.Helper()
	ctx, stop := context.WithCancel(h.t.Context())
	ended := make(chan error, 1)
	service, err := app.New(ctx, h.loadConfig(), app.Options{Only: only, Log: app.NewLog(&h.log, zapcore.InfoLevel)})
	if err != nil {
		h.t.Fatal(err)
	}
	go func() { ended <- errors.Join(service.Run(ctx), service.Close()) }()
	h.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			h.t.Errorf("serve: %v\n%s", err, &h.log)
		}
	})
	deadline := time.Now().Add(30 * time.Second)
	for h.portalAddress == "" || h.opsAddress == "" && only != app.Portal {
		if time.Now().After(deadline) {
			h.t.Fatalf("the service does not listen after 30 s\n%s", &h.log)
		}
		time.Sleep(10 * time.Millisecond)
		for line := range strings.Lines(h.log.String()) {
			var l struct{ Part, Address string }
			if json.Unmarshal([]byte(line), &l) != nil {
				continue
			}
			switch host := strings.TrimPrefix(l.Address, "http://"); l.Part {
			case "portal API":
				h.portalAddress = host
			case "operators' listener":
				h.opsAddress = host
			}
		}
	}
}

// syncBuffer is a buffer that a service writes to while a test reads it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (h *harness) token(user, scope string) string { return h.tenantToken("amaris", user, scope) }

func (h *harness) tenantToken(tenant, user, scope string) string {
	h.t.Helper()
	return h.signer.sign(h.t, tenant, user, scope)
}

// putGrant gives the user all of the client's dossier.
func (h *harness) putGrant(token, client, user string) {
	h.t.Helper()
	body := `{"role": "representative", "manager": true, "parts": ["reports", "forms", "care-plans"], "state": "accepted", "name": "Een dochter"}`
	req, err := http.NewRequest(http.MethodPut, "http://"+h.portalAddress+"/v1/dossiers/"+client+"/grants/"+user, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Dossier-Actor", "beheerder")
	if status, answer := h.send(req, token); status/100 != 2 {
		h.t.Fatalf("grant: %d %s", status, answer)
	}
}

// get fetches an answer of the portal API, checked against the contract.
func (h *harness) get(token, path string) (int, []byte) {
	h.t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+h.portalAddress+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.send(req, token)
}

func (h *harness) send(req *http.Request, token string) (int, []byte) {
	h.t.Helper()
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		h.t.Fatal(err)
	}
	contract, err := portaltest.Contract()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := contract.Check(req, resp.StatusCode, resp.Header, body.Bytes()); err != nil {
		h.t.Errorf("%s: %v", req.URL.Path, err)
	}
	return resp.StatusCode, body.Bytes()
}

// item is what the tests look at of anything in a list.
type item struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Text     string `json:"text"`
	Category string `json:"category"`
	State    string `json:"state"`
	At       string `json:"at"`
	Client   string `json:"client"`
	Author   *struct{ Name *string }
}

// list fetches all pages of a list.
func (h *harness) list(token, path string) []item {
	h.t.Helper()
	var all []item
	for path != "" {
		status, body := h.get(token, path)
		if status != http.StatusOK {
			h.t.Fatalf("%s: %d %s", path, status, body)
		}
		var page struct {
			Items []item `json:"items"`
			Page  struct {
				Next *string `json:"next"`
			} `json:"page"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			h.t.Fatal(err)
		}
		all = append(all, page.Items...)
		path = ""
		if page.Page.Next != nil {
			path = *page.Page.Next
		}
	}
	return all
}
