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
	w := &workerPair{harness: newHarness(t, tenant{id: "amaris", name: "Amaris", sim: sim})}
	w.proxy = newProxy(t, sim, faults.Options{})
	w.changeConfig(`base_url: \S+`, "base_url: "+w.proxy.url)
	w.changeConfig(`page_size: \d+`, "page_size: 20")
	if url != "" {
		w.changeConfig(regexp.QuoteMeta(w.replica.URL), w.replica.URL+url)
	}
	if w.owner, err = pgx.Connect(t.Context(), w.replica.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.owner.Close(t.Context()) })
	w.reached, w.release = w.proxy.holdOne(isThirdReportPage())
	t.Cleanup(w.release)
	for range 2 {
		w.workers = append(w.workers, w.start("serve", "--only", "worker"))
	}
	return w
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
func (w *workerPair) queryOne(q string, args ...any) string {
	w.t.Helper()
	var s string
	if err := w.owner.QueryRow(w.t.Context(), q, args...).Scan(&s); err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *workerPair) exec(q string, args ...any) {
	w.t.Helper()
	if _, err := w.owner.Exec(w.t.Context(), q, args...); err != nil {
		w.t.Fatal(err)
	}
}

// busyAndIdle returns who works on the run, and who does not.
func (w *workerPair) busyAndIdle() (busy, idle *process) {
	w.t.Helper()
	name := w.queryOne(`SELECT worker FROM runs WHERE state = 'running'`)
	busy, idle = w.workers[0], w.workers[1]
	if strings.HasSuffix(name, fmt.Sprintf("-%d", idle.pid())) {
		busy, idle = idle, busy
	}
	return busy, idle
}

// expireLease waits until the lease of whoever works has passed, or decrees it; the
// other worker looks for such runs each 15 s.
func (w *workerPair) expireLease() {
	w.t.Helper()
	if isLongRun() {
		return
	}
	w.t.Log("DOSSIERSYNC_LONG is not set: the lease passes by decree")
	w.exec(`UPDATE runs SET lease_until = now() - interval '1 second', queued_at = now() - interval '1 hour' WHERE state = 'running'`)
	if n, err := w.replica.QueueLostRuns(w.t.Context()); n != 1 || err != nil {
		w.t.Fatalf("%d lost runs are found, want 1 (%v)", n, err)
	}
}

// wantFinishedBy waits until the run is done, and fails the test unless the worker
// has done its end, without a person, and within the time that is promised.
func (w *workerPair) wantFinishedBy(p *process, since time.Time) {
	w.t.Helper()
	const promised = 90 * time.Second
	isDone := func() bool { return w.queryOne(`SELECT state FROM runs ORDER BY id LIMIT 1`) == "done" }
	for !isDone() && time.Since(since) < promised+30*time.Second {
		time.Sleep(20 * time.Millisecond)
	}
	run, err := w.replica.Run(w.t.Context(), 1)
	if err != nil {
		w.t.Fatal(err)
	}
	if run.State != store.RunDone || *run.Outcome != store.OutcomeComplete || run.Slices < 2 {
		w.t.Fatalf("the run is %+v\n%s", run, &p.output)
	}
	if took := time.Since(since); took > promised {
		w.t.Errorf("a dead worker was replaced after %s", took)
	}
	if by := w.queryOne(`SELECT worker FROM runs WHERE id = 1`); !strings.HasSuffix(by, fmt.Sprintf("-%d", p.pid())) {
		w.t.Errorf("the run was finished by %s, want %d", by, p.pid())
	}
}

// replicaContent is all that the replica holds, and how far its runs are.
func (w *workerPair) replicaContent() map[string]string {
	w.t.Helper()
	all := make(map[string]string)
	for _, table := range []string{"items", "clients", "contacts", "refs", "cursors", "backfills", "quarantine", "tenants", "runs", "run_types", "absences", "rereads", "stale"} {
		all[table] = w.queryOne(`SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t::text), '[]')::text FROM ` + table + ` t`)
	}
	return all
}

func (w *workerPair) wantVerified() {
	w.t.Helper()
	if code, out, errs := w.runCommand("verify", "--tenant", "amaris"); code != exitDone {
		w.t.Errorf("verify: exit %d\n%s%s", code, out, errs)
	}
}

func TestOtherWorkerFinishesKilledWorkersRun(t *testing.T) {
	t.Parallel()
	w := newWorkerPair(t, "")
	waitFor(t, "a run", w.reached)
	busy, idle := w.busyAndIdle()
	busy.kill()
	since := time.Now()
	w.expireLease()
	w.wantFinishedBy(idle, since)
	w.wantVerified()
}

// A worker that was asleep past its lease writes nothing any more, and says why.
func TestSuspendedWorkerIsShutOut(t *testing.T) {
	t.Parallel()
	w := newWorkerPair(t, "")
	waitFor(t, "a run", w.reached)
	w.waitForTwoPages()
	busy, idle := w.busyAndIdle()
	busy.signal(syscall.SIGSTOP)
	since := time.Now()
	w.expireLease()
	w.wantFinishedBy(idle, since)
	before := w.replicaContent()
	w.wakeShutOut(busy)
	if diff := cmp.Diff(before, w.replicaContent()); diff != "" {
		t.Errorf("the sleeper wrote (-before +after):\n%s", diff)
	}
	w.wantVerified()
}

// waitForTwoPages waits until what the worker has of the reports is applied, and it waits
// for the page that is held back.
func (w *workerPair) waitForTwoPages() {
	w.t.Helper()
	const applied = `
		SELECT coalesce(sum(n::int), 0)::text FROM run_types, jsonb_each_text(effects) e (effect, n) WHERE type = 'Observation'`
	waitUntil(w.t, "two pages are applied", func() bool { return w.queryOne(applied) == "40" })
}

// wakeShutOut wakes a worker, which must find itself shut out.
func (w *workerPair) wakeShutOut(p *process) {
	w.t.Helper()
	p.signal(syscall.SIGCONT)
	w.release()
	waitUntil(w.t, "the sleeper says that it was shut out", func() bool {
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
	w := newWorkerPair(t, url)
	waitFor(t, "a run", w.reached)
	busy, idle := w.busyAndIdle()
	const setting = `SELECT setting::bigint FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'`
	var ends int64 // in milliseconds, where the database's URL says nothing of it
	if err := w.replica.Pool().QueryRow(t.Context(), setting).Scan(&ends); err != nil {
		t.Fatal(err)
	}
	if ends == 0 || ends >= store.LeaseTime.Milliseconds() {
		t.Errorf("a transaction may be idle for %d ms, and a lease lasts %s", ends, store.LeaseTime)
	}

	// Every transaction that changes what readers see ends with the tenant's row.
	w.exec(`BEGIN`)
	w.exec(`SELECT FROM tenants FOR UPDATE`)
	w.release()
	other, err := pgx.Connect(t.Context(), w.replica.URL)
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
	w.exec(`ROLLBACK`)
	if !isLongRun() {
		const idles = `SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`
		waitUntil(t, "the sleeper's transaction is ended", func() bool { return w.queryOne(idles) == "0" })
		w.expireLease()
	}
	w.wantFinishedBy(idle, since)
	before := w.replicaContent()
	w.wakeShutOut(busy)
	if diff := cmp.Diff(before, w.replicaContent()); diff != "" {
		t.Errorf("the sleeper wrote (-before +after):\n%s", diff)
	}
	w.wantVerified()
}
