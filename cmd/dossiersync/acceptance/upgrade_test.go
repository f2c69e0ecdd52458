package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store"
)

// nextMigration is what a release may do to the schema: add.
const nextMigration = `
ALTER TABLE runs ADD COLUMN next_release text;
ALTER TABLE items ADD COLUMN next_release jsonb NOT NULL DEFAULT '{}';
CREATE TABLE next_release (tenant text PRIMARY KEY REFERENCES tenants);
CREATE INDEX items_next_release ON items (tenant, observed);
---- create above / drop below ----
DROP TABLE next_release;
`

// nextRelease builds this program as its next release would be: with one migration
// more. It returns the program, and the version of its schema.
func nextRelease(t *testing.T) (program string, version int) {
	t.Helper()
	folder, err := filepath.Abs("../../../store/migrations")
	if err != nil {
		t.Fatal(err)
	}
	known, err := filepath.Glob(filepath.Join(folder, "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	version = len(known) + 1
	files := map[string]string{filepath.Join(folder, fmt.Sprintf("%03d_next_release.sql", version)): filepath.Join(dir, "next.sql")}
	overlay, err := json.Marshal(map[string]any{"Replace": files})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"next.sql": nextMigration, "overlay.json": string(overlay)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program = filepath.Join(dir, "dossiersync")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-overlay", filepath.Join(dir, "overlay.json"),
		"-ldflags", "-X dossiersync/cmd/dossiersync/app.version=next", "-o", program, "dossiersync/cmd/dossiersync")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the next release: %v\n%s", err, out)
	}
	return program, version
}

// readers read all the time, each request over a connection of its own, at whichever
// portal API has the address; none may fail.
type readers struct {
	address atomic.Pointer[string]
	asked   atomic.Int64
	stop    context.CancelFunc
	ended   sync.WaitGroup
}

func (h *harness) startReaders(token, client string) *readers {
	h.t.Helper()
	ctx, stop := context.WithCancel(h.t.Context())
	readers := &readers{stop: stop}
	readers.address.Store(&h.portalAddress)
	http := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for range 2 {
		readers.ended.Go(func() {
			for ctx.Err() == nil {
				url := "http://" + *readers.address.Load() + "/v1/dossiers/" + client + "/timeline"
				if status, err := requestStatus(http, url, token); err != nil || status != 200 {
					h.t.Errorf("a reader is answered with %d, %v", status, err)
				}
				readers.asked.Add(1)
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	h.t.Cleanup(func() { stop(); readers.ended.Wait() })
	return readers
}

func requestStatus(client *http.Client, url, token string) (int, error) {
	req, err := http.NewRequest(http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// moveTo sends readers to another portal API, and ends the one before when some have
// been there.
func (s *readers) moveTo(t *testing.T, from, to *process) {
	t.Helper()
	address := strings.TrimPrefix(to.addressOf(app.PortalListener), "http://")
	s.address.Store(&address)
	asked := s.asked.Load()
	waitUntil(t, "readers have moved", func() bool { return s.asked.Load() > asked+10 })
	from.signal(syscall.SIGTERM)
	if code := from.wait(); code != exitDone {
		t.Errorf("%s: exit %d\n%s", from.name, code, &from.output)
	}
}

// A new version comes in while the old one runs, in the midst of a run and of
// reading, and can be taken back: the schema is migrated first, and then process by
// process replaced. The next release is this one with a migration more: that the
// changes of a real one are compatible is for its author to see to, who may only add.
func TestUpgradeWhileRunning(t *testing.T) {
	t.Parallel()
	if !isLongRun() {
		t.Skip("DOSSIERSYNC_LONG is not set: make check builds a next release")
	}
	next, version := nextRelease(t)
	sim := simulator.New(simulator.Options{})
	d, err := dossiers.Generate(dossiers.Options{Clients: 4, Years: 0.1, Seed: 5, Now: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Fill(sim); err != nil {
		t.Fatal(err)
	}
	h := newHarness(t, tenant{id: "amaris", name: "Amaris", sim: sim})
	front := newProxy(t, sim, faults.Options{})
	h.changeConfig(`base_url: \S+`, "base_url: "+front.url)
	h.changeConfig(`page_size: \d+`, "page_size: 20")
	come, release := front.holdOne(isThirdReportPage())
	t.Cleanup(release)
	finishes := func(want int, p *process) string {
		t.Helper()
		if code := p.wait(); code != want {
			t.Errorf("%s: exit %d, want %d\n%s", p.name, code, want, &p.output)
		}
		return p.output.String()
	}

	// The old version is at work.
	oldPortal, oldWorker := h.start("serve", "--only", "portal"), h.start("serve", "--only", "worker")
	h.portalAddress = strings.TrimPrefix(oldPortal.addressOf(app.PortalListener), "http://")
	waitFor(t, "the old worker is in the midst of a run", come)
	client := sim.List("Patient")[0].ID
	h.putGrant(h.token("portal", "dossier:grants"), client, "dochter")
	readers := h.startReaders(h.token("dochter", "dossier:read"), client)

	// The new one does not work with the old schema, says so, and harms nobody.
	finishes(exitLeftOver, h.startBuild(next, "migrate", "check"))
	if said := finishes(exitUsage, h.startBuild(next, "serve", "--only", "worker")); !strings.Contains(said, "run dossiersync migrate") {
		t.Errorf("on the old schema it says %s", said)
	}
	// Migrating waits for nobody, and the old version works on.
	if said := finishes(exitDone, h.startBuild(next, "migrate", "up")); !strings.Contains(said, fmt.Sprintf("to %d.", version)) {
		t.Errorf("migrating says %s", said)
	}
	finishes(exitDone, h.startBuild(next, "migrate", "check"))

	// Old and new side by side; the run that the old worker gives back is finished.
	newPortal, newWorker := h.startBuild(next, "serve", "--only", "portal"), h.startBuild(next, "serve", "--only", "worker")
	readers.moveTo(t, oldPortal, newPortal)
	oldWorker.signal(syscall.SIGTERM)
	finishes(exitDone, oldWorker)
	release()
	waitUntil(t, "the new worker has finished the run", func() bool {
		run, err := h.replica.Run(t.Context(), 1)
		return err == nil && run.State == store.RunDone && *run.Outcome == store.OutcomeComplete && run.Slices > 1
	})

	// And back again, on the schema as it is now.
	finishes(exitDone, h.start("migrate", "check"))
	if said := finishes(exitDone, h.start("migrate", "up")); !strings.Contains(said, fmt.Sprintf("at version %d already", version)) {
		t.Errorf("the old version migrates: %s", said)
	}
	oldPortal, oldWorker = h.start("serve", "--only", "portal"), h.start("serve", "--only", "worker")
	readers.moveTo(t, newPortal, oldPortal)
	newWorker.signal(syscall.SIGTERM)
	finishes(exitDone, newWorker)
	run, _, err := h.replica.RequestRun(t.Context(), store.RunRequest{Tenant: "amaris", Trigger: store.TriggerManual, Scope: store.Scope{Full: true}})
	if err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the old worker works", func() bool {
		run, err := h.replica.Run(t.Context(), run.ID)
		return err == nil && run.State == store.RunDone && *run.Outcome == store.OutcomeComplete
	})
	finishes(exitDone, h.start("verify", "--tenant", "amaris"))
	readers.stop()
	readers.ended.Wait()
	t.Logf("readers asked %d times", readers.asked.Load())
	for _, p := range []*process{oldPortal, oldWorker} {
		p.signal(syscall.SIGTERM)
		finishes(exitDone, p)
	}
}
