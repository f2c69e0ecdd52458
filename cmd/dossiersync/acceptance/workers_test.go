package acceptance

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/store"
)

// isLongRun says that tests may wait for leases to pass (make check). Else they let
// them pass by decree.
func isLongRun() bool { return os.Getenv("DOSSIERSYNC_LONG") != "" }

// workerPair is two workers, processes of their own, on one database.
type workerPair struct {
	*harness
	proxy   *proxy
	owner   *pgx.Conn
	workers []*process
	reached <-chan struct{} // closed when a run is in the midst of the reports
	release func()          // lets it go on
}

// newWorkerPair starts two workers. One takes the run that is due, and is held up.
func newWorkerPair(t *testing.T, url string) *workerPair {
	t.Helper()
	sim := simulator.New(simulator.Options{})
	d, err := dossiers.Generate(dossiers.Options{Clients: 4, Years: 0.1, Seed: 5, Now: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Fill(sim); err != nil {
		t.Fatal(err)
	}
	c := &workerPair{harness: newHarness(t, tenant{id: "amaris", name: "Amaris", sim: sim})}
	c.proxy = newProxy(t, sim, faults.Options{})
	c.changeConfig(`base_url: \S+`, "base_url: "+c.proxy.url)
	c.changeConfig(`page_size: \d+`, "page_size: 20")
	if url != "" {
		c.changeConfig(regexp.QuoteMeta(c.replica.URL), c.replica.URL+url)
	}
	if c.owner, err = pgx.Connect(t.Context(), c.replica.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.owner.Close(t.Context()) })
	c.reached, c.release = c.proxy.holdOne(isThirdReportPage())
	t.Cleanup(c.release)
	for range 2 {
		c.workers = append(c.workers, c.start("serve", "--only", "worker"))
	}
	return c
}

// isThirdReportPage fits the request for the third page of reports: then the first is
// applied.
func isThirdReportPage() func(*http.Request) bool {
	pages := 0
	return func(r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/Observation") {
			pages++
		}
		return pages == 3
	}
}

// queryOne returns the only value that q selects.
func (c *workerPair) queryOne(q string, args ...any) string {
	c.t.Helper()
	var s string
	if err := c.owner.QueryRow(c.t.Context(), q, args...).Scan(&s); err != nil {
		c.t.Fatal(err)
	}
	return s
}

func (c *workerPair) exec(q string, args ...any) {
	c.t.Helper()
	if _, err := c.owner.Exec(c.t.Context(), q, args...); err != nil {
		c.t.Fatal(err)
	}
}

// busyAndIdle returns who works on the run, and who does not.
func (c *workerPair) busyAndIdle() (busy, idle *process) {
	c.t.Helper()
	name := c.queryOne(`SELECT worker FROM runs WHERE state = 'running'`)
	busy, idle = c.workers[0], c.workers[1]
	if strings.HasSuffix(name, fmt.Sprintf("-%d", idle.pid())) {
		busy, idle = idle, busy
	}
	return busy, idle
}

// expireLease waits until the lease of whoever works has passed, or decrees it; the
// other worker looks for such runs each 15 s.
func (c *workerPair) expireLease() {
	c.t.Helper()
	if isLongRun() {
		return
	}
	c.t.Log("DOSSIERSYNC_LONG is not set: the lease passes by decree")
	c.exec(`UPDATE runs SET lease_until = now() - interval '1 second', queued_at = now() - interval '1 hour' WHERE state = 'running'`)
	if n, err := c.replica.QueueLostRuns(c.t.Context()); n != 1 || err != nil {
		c.t.Fatalf("%d lost runs are found, want 1 (%v)", n, err)
	}
}

// wantFinishedBy waits until the run is done, and fails the test unless the worker
// has done its end, without a person, and within the time that is promised.
func (c *workerPair) wantFinishedBy(p *process, since time.Time) {
	c.t.Helper()
	const promised = 90 * time.Second
	isDone := func() bool { return c.queryOne(`SELECT state FROM runs ORDER BY id LIMIT 1`) == "done" }
	for !isDone() && time.Since(since) < promised+30*time.Second {
		time.Sleep(20 * time.Millisecond)
	}
	run, err := c.replica.Run(c.t.Context(), 1)
	if err != nil {
		c.t.Fatal(err)
	}
	if run.State != store.RunDone || *run.Outcome != store.OutcomeComplete || run.Slices < 2 {
		c.t.Fatalf("the run is %+v\n%s", run, &p.output)
	}
	if took := time.Since(since); took > promised {
		c.t.Errorf("a dead worker was replaced after %s", took)
	}
	if by := c.queryOne(`SELECT worker FROM runs WHERE id = 1`); !strings.HasSuffix(by, fmt.Sprintf("-%d", p.pid())) {
		c.t.Errorf("the run was finished by %s, want %d", by, p.pid())
	}
}

// replicaContent is all that the replica holds, and how far its runs are.
func (c *workerPair) replicaContent() map[string]string {
	c.t.Helper()
	all := make(map[string]string)
	for _, table := range []string{"items", "clients", "contacts", "refs", "cursors", "backfills", "quarantine", "tenants", "runs", "run_types", "absences", "rereads", "stale"} {
		all[table] = c.queryOne(`SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t::text), '[]')::text FROM ` + table + ` t`)
	}
	return all
}

func (c *workerPair) wantVerified() {
	c.t.Helper()
	if code, out, errs := c.runCommand("verify", "--tenant", "amaris"); code != exitDone {
		c.t.Errorf("verify: exit %d\n%s%s", code, out, errs)
	}
}

func TestOtherWorkerFinishesKilledWorkersRun(t *testing.T) {
	t.Parallel()
	c := newWorkerPair(t, "")
	waitFor(t, "a run", c.reached)
	busy, idle := c.busyAndIdle()
	busy.kill()
	since := time.Now()
	c.expireLease()
	c.wantFinishedBy(idle, since)
	c.wantVerified()
}

// A worker that was asleep past its lease writes nothing any more, and says why.
func TestSuspendedWorkerIsShutOut(t *testing.T) {
	t.Parallel()
	c := newWorkerPair(t, "")
	waitFor(t, "a run", c.reached)
	c.waitForTwoPages()
	busy, idle := c.busyAndIdle()
	busy.signal(syscall.SIGSTOP)
	since := time.Now()
	c.expireLease()
	c.wantFinishedBy(idle, since)
	before := c.replicaContent()
	c.wakeShutOut(busy)
	if diff := cmp.Diff(before, c.replicaContent()); diff != "" {
		t.Errorf("the sleeper wrote (-before +after):\n%s", diff)
	}
	c.wantVerified()
}

// waitForTwoPages waits until what the worker has of the reports is applied, and it waits
// for the page that is held back.
func (c *workerPair) waitForTwoPages() {
	c.t.Helper()
	const applied = `
		SELECT coalesce(sum(n::int), 0)::text FROM run_types, jsonb_each_text(effects) e (effect, n) WHERE type = 'Observation'`
	waitUntil(c.t, "two pages are applied", func() bool { return c.queryOne(applied) == "40" })
}

// wakeShutOut wakes a worker, which must find itself shut out.
func (c *workerPair) wakeShutOut(p *process) {
	c.t.Helper()
	p.signal(syscall.SIGCONT)
	c.release()
	waitUntil(c.t, "the sleeper says that it was shut out", func() bool {
		return strings.Contains(p.output.String(), "the run was taken over")
	})
	p.wantNoCrash()
}

// A worker that falls asleep in the midst of a transaction holds locks on its run
// and its tenant. The database ends it before the lease passes.
func TestSuspendedTransactionBlocksNoWorker(t *testing.T) {
	t.Parallel()
	url := ""
	if !isLongRun() {
		url = "&idle_in_transaction_session_timeout=300"
	}
	c := newWorkerPair(t, url)
	waitFor(t, "a run", c.reached)
	busy, idle := c.busyAndIdle()
	const setting = `SELECT setting::bigint FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'`
	var ends int64 // in milliseconds, where the database's URL says nothing of it
	if err := c.replica.Pool().QueryRow(t.Context(), setting).Scan(&ends); err != nil {
		t.Fatal(err)
	}
	if ends == 0 || ends >= store.LeaseTime.Milliseconds() {
		t.Errorf("a transaction may be idle for %d ms, and a lease lasts %s", ends, store.LeaseTime)
	}

	// Every transaction that changes what readers see ends with the tenant's row.
	c.exec(`BEGIN`)
	c.exec(`SELECT FROM tenants FOR UPDATE`)
	c.release()
	other, err := pgx.Connect(t.Context(), c.replica.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	const waits = `SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
	waitUntil(t, "the worker waits for the tenant's row", func() bool {
		var so bool
		if err := other.QueryRow(t.Context(), waits).Scan(&so); err != nil {
			t.Fatal(err)
		}
		return so
	})
	busy.signal(syscall.SIGSTOP)
	since := time.Now()
	c.exec(`ROLLBACK`)
	if !isLongRun() {
		const idles = `SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`
		waitUntil(t, "the sleeper's transaction is ended", func() bool { return c.queryOne(idles) == "0" })
		c.expireLease()
	}
	c.wantFinishedBy(idle, since)
	before := c.replicaContent()
	c.wakeShutOut(busy)
	if diff := cmp.Diff(before, c.replicaContent()); diff != "" {
		t.Errorf("the sleeper wrote (-before +after):\n%s", diff)
	}
	c.wantVerified()
}
