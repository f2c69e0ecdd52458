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

// isLong says that tests may wait for leases to pass (make check). Else they let
// them pass by decree.
func isLong() bool { return os.Getenv("DOSSIERSYNC_LONG") != "" }

// crew is two workers, processes of their own, on one database.
type crew struct {
	*rig
	front   *front
	owner   *pgx.Conn
	workers []*process
	come    <-chan struct{} // closed when a run is in the midst of the reports
	release func()          // lets it go on
}

// newCrew starts two workers. One takes the run that is due, and is held up.
func newCrew(t *testing.T, url string) *crew {
	t.Helper()
	sim := simulator.New(simulator.Options{})
	d, err := dossiers.Generate(dossiers.Options{Clients: 4, Years: 0.1, Seed: 5, Now: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Fill(sim); err != nil {
		t.Fatal(err)
	}
	c := &crew{rig: newRigOf(t, rigTenant{id: "amaris", name: "Amaris", sim: sim})}
	c.front = newFront(t, sim, faults.Options{})
	c.rewrite(`base_url: \S+`, "base_url: "+c.front.url)
	c.rewrite(`page_size: \d+`, "page_size: 20")
	if url != "" {
		c.rewrite(regexp.QuoteMeta(c.db.URL), c.db.URL+url)
	}
	if c.owner, err = pgx.Connect(t.Context(), c.db.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.owner.Close(t.Context()) })
	c.come, c.release = c.front.holds(thirdPage())
	t.Cleanup(c.release)
	for range 2 {
		c.workers = append(c.workers, c.start("serve", "--only", "worker"))
	}
	return c
}

// thirdPage fits the request for the third page of reports: then the first is
// applied.
func thirdPage() func(*http.Request) bool {
	pages := 0
	return func(r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/Observation") {
			pages++
		}
		return pages == 3
	}
}

// one returns the only value that q selects.
func (c *crew) one(q string, args ...any) string {
	c.t.Helper()
	var s string
	if err := c.owner.QueryRow(c.t.Context(), q, args...).Scan(&s); err != nil {
		c.t.Fatal(err)
	}
	return s
}

func (c *crew) exec(q string, args ...any) {
	c.t.Helper()
	if _, err := c.owner.Exec(c.t.Context(), q, args...); err != nil {
		c.t.Fatal(err)
	}
}

// working returns who works on the run, and who does not.
func (c *crew) working() (busy, idle *process) {
	c.t.Helper()
	name := c.one(`SELECT worker FROM runs WHERE state = 'running'`)
	busy, idle = c.workers[0], c.workers[1]
	if strings.HasSuffix(name, fmt.Sprintf("-%d", idle.pid())) {
		busy, idle = idle, busy
	}
	return busy, idle
}

// passLease waits until the lease of whoever works has passed, or decrees it; the
// other worker looks for such runs each 15 s.
func (c *crew) passLease() {
	c.t.Helper()
	if isLong() {
		return
	}
	c.t.Log("DOSSIERSYNC_LONG is not set: the lease passes by decree")
	c.exec(`UPDATE runs SET lease_until = now() - interval '1 second', queued_at = now() - interval '1 hour' WHERE state = 'running'`)
	if n, err := c.db.QueueLostRuns(c.t.Context()); n != 1 || err != nil {
		c.t.Fatalf("%d lost runs are found, want 1 (%v)", n, err)
	}
}

// wantFinishedBy waits until the run is done, and fails the test unless the worker
// has done its end, without a person, and within the time that is promised.
func (c *crew) wantFinishedBy(p *process, since time.Time) {
	c.t.Helper()
	const promised = 90 * time.Second
	isDone := func() bool { return c.one(`SELECT state FROM runs ORDER BY id LIMIT 1`) == "done" }
	for !isDone() && time.Since(since) < promised+30*time.Second {
		time.Sleep(20 * time.Millisecond)
	}
	run, err := c.db.Run(c.t.Context(), 1)
	if err != nil {
		c.t.Fatal(err)
	}
	if run.State != store.RunDone || *run.Outcome != store.OutcomeComplete || run.Slices < 2 {
		c.t.Fatalf("the run is %+v\n%s", run, &p.said)
	}
	if took := time.Since(since); took > promised {
		c.t.Errorf("a dead worker was replaced after %s", took)
	}
	if by := c.one(`SELECT worker FROM runs WHERE id = 1`); !strings.HasSuffix(by, fmt.Sprintf("-%d", p.pid())) {
		c.t.Errorf("the run was finished by %s, want %d", by, p.pid())
	}
}

// everything is all that the replica holds, and how far its runs are.
func (c *crew) everything() map[string]string {
	c.t.Helper()
	all := make(map[string]string)
	for _, table := range []string{"items", "clients", "contacts", "refs", "cursors", "backfills", "quarantine", "tenants", "runs", "run_types", "absences", "rereads", "stale"} {
		all[table] = c.one(`SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t::text), '[]')::text FROM ` + table + ` t`)
	}
	return all
}

func (c *crew) wantEqual() {
	c.t.Helper()
	if code, out, errs := c.run("verify", "--tenant", "amaris"); code != exitDone {
		c.t.Errorf("verify: exit %d\n%s%s", code, out, errs)
	}
}

func TestRunOfAKilledWorkerIsFinishedByTheOther(t *testing.T) {
	t.Parallel()
	c := newCrew(t, "")
	waitFor(t, "a run", c.come)
	busy, idle := c.working()
	busy.kill()
	since := time.Now()
	c.passLease()
	c.wantFinishedBy(idle, since)
	c.wantEqual()
}

// A worker that was asleep past its lease writes nothing any more, and says why.
func TestSleeperIsShutOutAndSaysSo(t *testing.T) {
	t.Parallel()
	c := newCrew(t, "")
	waitFor(t, "a run", c.come)
	c.rests()
	busy, idle := c.working()
	busy.signal(syscall.SIGSTOP)
	since := time.Now()
	c.passLease()
	c.wantFinishedBy(idle, since)
	before := c.everything()
	c.wakes(busy)
	if diff := cmp.Diff(before, c.everything()); diff != "" {
		t.Errorf("the sleeper wrote (-before +after):\n%s", diff)
	}
	c.wantEqual()
}

// rests waits until what the worker has of the reports is applied, and it waits
// for the page that is held back.
func (c *crew) rests() {
	c.t.Helper()
	const applied = `
		SELECT coalesce(sum(n::int), 0)::text FROM run_types, jsonb_each_text(effects) e (effect, n) WHERE type = 'Observation'`
	poll(c.t, "two pages are applied", func() bool { return c.one(applied) == "40" })
}

// wakes wakes a worker, which must find itself shut out.
func (c *crew) wakes(p *process) {
	c.t.Helper()
	p.signal(syscall.SIGCONT)
	c.release()
	poll(c.t, "the sleeper says that it was shut out", func() bool {
		return strings.Contains(p.said.String(), "the run was taken over")
	})
	p.sound()
}

// A worker that falls asleep in the midst of a transaction holds locks on its run
// and its tenant. The database ends it before the lease passes.
func TestSleeperInATransactionHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	url := ""
	if !isLong() {
		url = "&idle_in_transaction_session_timeout=300"
	}
	c := newCrew(t, url)
	waitFor(t, "a run", c.come)
	busy, idle := c.working()
	const setting = `SELECT setting::bigint FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'`
	var ends int64 // in milliseconds, where the database's URL says nothing of it
	if err := c.db.Pool().QueryRow(t.Context(), setting).Scan(&ends); err != nil {
		t.Fatal(err)
	}
	if ends == 0 || ends >= store.LeaseTime.Milliseconds() {
		t.Errorf("a transaction may be idle for %d ms, and a lease lasts %s", ends, store.LeaseTime)
	}

	// Every transaction that changes what readers see ends with the tenant's row.
	c.exec(`BEGIN`)
	c.exec(`SELECT FROM tenants FOR UPDATE`)
	c.release()
	other, err := pgx.Connect(t.Context(), c.db.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	const waits = `SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
	poll(t, "the worker waits for the tenant's row", func() bool {
		var so bool
		if err := other.QueryRow(t.Context(), waits).Scan(&so); err != nil {
			t.Fatal(err)
		}
		return so
	})
	busy.signal(syscall.SIGSTOP)
	since := time.Now()
	c.exec(`ROLLBACK`)
	if !isLong() {
		const idles = `SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`
		poll(t, "the sleeper's transaction is ended", func() bool { return c.one(idles) == "0" })
		c.passLease()
	}
	c.wantFinishedBy(idle, since)
	before := c.everything()
	c.wakes(busy)
	if diff := cmp.Diff(before, c.everything()); diff != "" {
		t.Errorf("the sleeper wrote (-before +after):\n%s", diff)
	}
	c.wantEqual()
}
