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
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/cmd/dossiersync/app"
	"dossiersync/store"
)

// nextMigration is a migration of the next release. A release may only add to the
// schema.
const nextMigration = `
ALTER TABLE runs ADD COLUMN next_release text;
ALTER TABLE items ADD COLUMN next_release jsonb NOT NULL DEFAULT '{}';
CREATE TABLE next_release (tenant text PRIMARY KEY REFERENCES tenants);
CREATE INDEX items_next_release ON items (tenant, observed);
---- create above / drop below ----
DROP TABLE next_release;
`

// nextRelease builds the program with one more migration, and returns the program and
// the version of its schema.
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
	files := map[string]string{filepath.Join(folder,
		fmt.Sprintf("%03d_next_release.sql", version)): filepath.Join(dir, "next.sql")}
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

// readers send requests without a pause, each over a new connection, to the portal API
// at the address. None may fail.
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

// moveTo sends the readers to another portal API. Once that has answered some requests,
// the old process is stopped.
func (s *readers) moveTo(t *testing.T, from, to *process) {
	t.Helper()
	address := strings.TrimPrefix(to.addressOf(app.PortalListener), "http://")
	s.address.Store(&address)
	asked := s.asked.Load()
	waitUntil(t, "the readers have moved", func() bool { return s.asked.Load() > asked+10 })
	from.stop()
}

// upgrade is a program that is replaced by its next release while it runs.
type upgrade struct {
	*harness
	next       string // the next release
	version    int    // the schema version of the next release
	oldPortal  *process
	oldWorker  *process
	runReached <-chan struct{} // closed when the first run asks for its third page of reports
	releaseRun func()
	readers    *readers
}

// newUpgrade starts the old release, whose worker is in the middle of a run, and
// readers.
func newUpgrade(t *testing.T) *upgrade {
	t.Helper()
	u := new(upgrade)
	u.next, u.version = nextRelease(t)
	sim := simulator.New(simulator.Options{})
	fillDossiers(t, sim, dossiers.Options{Clients: 4, Years: 0.1, Seed: 5, Now: time.Now().Add(-time.Hour)})
	u.harness = newAmarisHarness(t, sim)
	p := u.putBehindProxy(faults.Options{})
	u.changeConfig(`page_size: \d+`, "page_size: 20")
	u.runReached, u.releaseRun = p.holdOne(isThirdReportPage())
	t.Cleanup(u.releaseRun)
	u.oldPortal, u.oldWorker = u.start("serve", "--only", "portal"), u.start("serve", "--only", "worker")
	u.usePortalOf(u.oldPortal)
	waitFor(t, "the old worker is in the middle of a run", u.runReached)
	client := u.clientIDs()[0]
	u.readers = u.startReaders(u.grantAll(client), client)
	return u
}

// migrate migrates the schema while the old release runs. Before that, the next
// release refuses to start.
func (u *upgrade) migrate() {
	u.t.Helper()
	u.startBuild(u.next, "migrate", "check").wantExit(exitLeftOver)
	if output := u.startBuild(u.next, "serve", "--only", "worker").wantExit(exitUsage); !strings.Contains(output,
		"run dossiersync migrate") {
		u.t.Errorf("on the old schema the next release says %s", output)
	}
	if output := u.startBuild(u.next, "migrate", "up").wantExit(exitDone); !strings.Contains(output,
		fmt.Sprintf("to %d.", u.version)) {
		u.t.Errorf("migrating says %s", output)
	}
	u.startBuild(u.next, "migrate", "check").wantExit(exitDone)
}

// wantComplete waits until the run is complete, in at least that many slices.
func (u *upgrade) wantComplete(id int64, slices int) {
	u.t.Helper()
	waitUntil(u.t, fmt.Sprintf("run %d is complete", id), func() bool {
		run, err := u.replica.Run(u.t.Context(), id)
		return err == nil && run.State == store.RunDone && *run.Outcome == store.OutcomeComplete && run.Slices >= slices
	})
}

// A new release replaces the old one during a run and during reads, and is rolled back:
// the schema is migrated first, then each process is replaced. The next release is this
// one with one more migration. Whether the migrations of a real release are compatible
// is not tested here.
func TestUpgradeWhileRunning(t *testing.T) {
	t.Parallel()
	if !isLongRun() {
		t.Skip("DOSSIERSYNC_LONG is not set: make check builds a next release")
	}
	u := newUpgrade(t)
	u.migrate()

	// Both releases run; the new worker finishes the run that the old one gives back.
	newPortal, newWorker := u.startBuild(u.next, "serve", "--only", "portal"),
		u.startBuild(u.next, "serve", "--only", "worker")
	u.readers.moveTo(t, u.oldPortal, newPortal)
	u.oldWorker.stop()
	u.releaseRun()
	u.wantComplete(1, 2)

	// Roll back, on the new schema.
	u.start("migrate", "check").wantExit(exitDone)
	if output := u.start("migrate", "up").wantExit(exitDone); !strings.Contains(output,
		fmt.Sprintf("already at version %d", u.version)) {
		t.Errorf("the old release migrates: %s", output)
	}
	portal, worker := u.start("serve", "--only", "portal"), u.start("serve", "--only", "worker")
	u.readers.moveTo(t, newPortal, portal)
	newWorker.stop()
	run, _, err := u.replica.RequestRun(t.Context(),
		store.RunRequest{Tenant: "amaris", Trigger: store.TriggerManual, Scope: store.Scope{Full: true}})
	if err != nil {
		t.Fatal(err)
	}
	u.wantComplete(run.ID, 1)
	u.start("verify", "--tenant", "amaris").wantExit(exitDone)
	u.readers.stop()
	u.readers.ended.Wait()
	t.Logf("readers sent %d requests", u.readers.asked.Load())
	portal.stop()
	worker.stop()
}
