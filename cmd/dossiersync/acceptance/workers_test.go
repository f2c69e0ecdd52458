package acceptance

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/cmd/carerecordsim/dossiers"
	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/store"
)

// workerPair is a harness with two workers, processes of their own, on one
// database. One of them takes the run that is due; the source holds back its third
// page of reports until release is called.
type workerPair struct {
	*harness
	workers []*process
	reached <-chan struct{} // closed when the third page is asked for
	release func()
}

// newWorkerPair starts two workers. databaseOptions is added to the database's URL.
func newWorkerPair(t *testing.T, databaseOptions string) *workerPair {
	t.Helper()
	sim := simulator.New(simulator.Options{})
	fillDossiers(t, sim, dossiers.Options{Clients: 4, Years: 0.1, Seed: 5, Now: time.Now().Add(-time.Hour)})
	w := &workerPair{harness: newAmarisHarness(t, sim)}
	p := w.putBehindProxy(faults.Options{})
	w.changeConfig(`page_size: \d+`, "page_size: 20")
	if databaseOptions != "" {
		w.changeConfig(regexp.QuoteMeta(w.replica.WorkerURL), w.replica.WorkerURL+databaseOptions)
	}
	w.reached, w.release = p.holdOne(isThirdReportPage())
	t.Cleanup(w.release)
	for range 2 {
		w.workers = append(w.workers, w.start("serve", "--only", "worker"))
	}
	return w
}

// busyAndIdle returns the worker that performs the run, and the other.
func (w *workerPair) busyAndIdle() (busy, idle *process) {
	w.t.Helper()
	name := w.queryOne(`SELECT split_part(worker, ' ', 1) FROM runs WHERE state = 'running'`)
	busy, idle = w.workers[0], w.workers[1]
	if strings.HasSuffix(name, fmt.Sprintf("-%d", idle.pid())) {
		busy, idle = idle, busy
	}
	return busy, idle
}

// expireLease lets the lease of the busy worker expire. In a long run the test waits
// for that, and for the other worker's search for such runs every 15 s; else both
// happen at once.
func (w *workerPair) expireLease() {
	w.t.Helper()
	if isLongRun() {
		return
	}
	w.t.Log("DOSSIERSYNC_LONG is not set: the lease is expired in the database")
	w.exec(`UPDATE runs SET lease_until = now() - interval '1 second', queued_at = now() - interval '1 hour' WHERE state = 'running'`)
	if n, err := w.replica.QueueLostRuns(w.t.Context()); n != 1 || err != nil {
		w.t.Fatalf("%d lost runs are found, want 1 (%v)", n, err)
	}
}

// wantFinishedBy waits until the run is complete. The worker must have done its last
// slice, within 90 s since the other one died.
func (w *workerPair) wantFinishedBy(p *process, since time.Time) {
	w.t.Helper()
	const limit = 90 * time.Second
	isDone := func() bool { return w.queryOne(`SELECT state FROM runs ORDER BY id LIMIT 1`) == "done" }
	for !isDone() && time.Since(since) < limit+30*time.Second {
		time.Sleep(20 * time.Millisecond)
	}
	// Its number may be 2, because both workers try to request the run of the slot.
	id, err := strconv.ParseInt(w.queryOne(`SELECT min(id)::text FROM runs`), 10, 64)
	if err != nil {
		w.t.Fatal(err)
	}
	run, err := w.replica.Run(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	if run.State != store.RunDone || *run.Outcome != store.OutcomeComplete || run.Slices < 2 {
		w.t.Fatalf("the run is %+v\n%s", run, &p.output)
	}
	if took := time.Since(since); took > limit {
		w.t.Errorf("a dead worker was replaced after %s", took)
	}
	if by := w.queryOne(`SELECT split_part(worker, ' ', 1) FROM runs WHERE id = $1`, id); !strings.HasSuffix(by, fmt.Sprintf("-%d", p.pid())) {
		w.t.Errorf("the run was finished by %s, want %d", by, p.pid())
	}
}

// replicaContent returns the rows of every table that a run writes to.
func (w *workerPair) replicaContent() map[string]string {
	w.t.Helper()
	all := make(map[string]string)
	for _, table := range []string{
		"items", "clients", "contacts", "refs", "cursors", "backfills", "quarantine", "tenants", "runs",
		"run_types", "absences", "rereads", "stale",
	} {
		all[table] = w.queryOne(`SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t::text), '[]')::text FROM ` + table + ` t`)
	}
	return all
}

// waitForTwoPages waits until two pages of reports are applied: the worker then
// waits for the page that is held back.
func (w *workerPair) waitForTwoPages() {
	w.t.Helper()
	const applied = `
		SELECT coalesce(sum(n::int), 0)::text FROM run_types, jsonb_each_text(effects) e (effect, n) WHERE type = 'Observation'`
	waitUntil(w.t, "two pages are applied", func() bool { return w.queryOne(applied) == "40" })
}

// wantShutOut wakes a suspended worker whose run was taken over. It must say so, and
// write nothing.
func (w *workerPair) wantShutOut(p *process) {
	w.t.Helper()
	before := w.replicaContent()
	p.signal(syscall.SIGCONT)
	w.release()
	waitUntil(w.t, "the worker says that its run was taken over", func() bool {
		return strings.Contains(p.output.String(), "the run was taken over")
	})
	p.wantNoCrash()
	if diff := cmp.Diff(before, w.replicaContent()); diff != "" {
		w.t.Errorf("the suspended worker wrote (-before +after):\n%s", diff)
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

// A worker that was suspended past its lease writes nothing any more, and says why.
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
	w.wantShutOut(busy)
	w.wantVerified()
}

// A worker that is suspended within a transaction holds locks on its run and its
// tenant. PostgreSQL ends the transaction before the lease expires.
func TestSuspendedTransactionBlocksNoWorker(t *testing.T) {
	t.Parallel()
	options := ""
	if !isLongRun() {
		options = "&idle_in_transaction_session_timeout=300"
	}
	w := newWorkerPair(t, options)
	waitFor(t, "a run", w.reached)
	busy, idle := w.busyAndIdle()
	// The store's sessions have the program's own setting, in milliseconds.
	const setting = `SELECT setting::bigint FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'`
	var timeout int64
	if err := w.replica.RiverPool().QueryRow(t.Context(), setting).Scan(&timeout); err != nil {
		t.Fatal(err)
	}
	if timeout == 0 || timeout >= store.LeaseTime.Milliseconds() {
		t.Errorf("a transaction may be idle for %d ms, and a lease lasts %s", timeout, store.LeaseTime)
	}

	// Every transaction that changes what readers see locks the tenant's row last.
	blocker, err := w.replica.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := blocker.Exec(t.Context(), `SELECT FROM tenants FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	w.release()
	const waiting = `
		SELECT (count(*) > 0)::text FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock'`
	waitUntil(t, "the worker waits for the tenant's row", func() bool { return w.queryOne(waiting) == "true" })
	busy.signal(syscall.SIGSTOP)
	since := time.Now()
	if err := blocker.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !isLongRun() {
		const idling = `
			SELECT count(*)::text FROM pg_stat_activity
			WHERE datname = current_database() AND state LIKE 'idle in transaction%'`
		waitUntil(t, "the suspended transaction is ended", func() bool { return w.queryOne(idling) == "0" })
		w.expireLease()
	}
	w.wantFinishedBy(idle, since)
	w.wantShutOut(busy)
	w.wantVerified()
}
