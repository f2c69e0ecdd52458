package sync_test

import (
	"context"
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	dossiersync "dossiersync/sync"
	"dossiersync/sync/source"
)

// requestFullRun requests a full run of the tenant, as an operator does.
func (h *harness) requestFullRun() store.Run {
	h.t.Helper()
	if err := h.PutTenant(h.t.Context(), tenant, "Amaris", "Europe/Amsterdam"); err != nil {
		h.t.Fatal(err)
	}
	run, _, err := h.RequestRun(h.t.Context(),
		store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual, Scope: store.Scope{Full: true}})
	if err != nil {
		h.t.Fatal(err)
	}
	return run
}

// waitForPause polls until the run has been released for a pause after so many slices, and returns
// the pause.
func (h *harness) waitForPause(id int64, slices int) time.Duration {
	h.t.Helper()
	const q = `
		SELECT extract(epoch FROM lease_until - now()) FROM runs
		WHERE id = $1 AND slices = $2 AND state = 'running' AND queued_at > now()`
	var seconds *float64
	h.waitUntil("the run pauses", func() bool {
		return h.Pool().QueryRow(h.t.Context(), q, id, slices).Scan(&seconds) == nil && h.jobIsScheduled(id)
	})
	return time.Duration(*seconds * float64(time.Second))
}

// resume ends the run's pause now.
func (h *harness) resume(id int64) {
	h.t.Helper()
	h.exec(`UPDATE runs SET lease_until = now() WHERE id = $1`, id)
	h.makeJobAvailable(id)
}

// jobIsScheduled reports whether the run's job waits for a later time. It reads River's own table,
// because only the worker has a River client, and that is not reachable from outside.
func (h *harness) jobIsScheduled(run int64) bool {
	h.t.Helper()
	const q = `
		SELECT count(*)::text FROM river_job
		WHERE args @> jsonb_build_object('run', $1::bigint) AND state = 'scheduled'`
	return h.queryText(q, run) != "0"
}

// makeJobAvailable makes the run's job due at once. It writes River's own table, because River can
// move a scheduled job only by cancelling it and inserting another.
func (h *harness) makeJobAvailable(run int64) {
	h.t.Helper()
	h.exec(`
		UPDATE river_job SET state = 'available', scheduled_at = now()
		WHERE args @> jsonb_build_object('run', $1::bigint)`, run)
}

func TestRunFailsWhenTheSourceCannotBeDescribed(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{
		failure(source.Unreachable, 0), failure(source.Unauthorized, 401), failure(source.WrongVersion, 200),
		failure(source.Invalid, 200), failure(source.Throttled, 429),
	} {
		kind := source.KindOf(failure)
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := newFakeSource(t, client("a", 1), report("r", "a", "een", 2))
			h := newHarness(t, f)
			h.wantSync(store.OutcomeComplete, store.Scope{})
			before := h.queryText(asOfSQL)
			f.script = func(a request) error {
				if a.act == "describe" {
					return failure
				}
				t.Errorf("unexpected request: %s", a.act)
				return nil
			}
			run := h.wantSync(store.OutcomeFailed, store.Scope{})
			if got, want := message(run), failure.Error(); got != want {
				t.Errorf("message %q, want %q", got, want)
			}
			if h.queryText(`SELECT unreachable::text FROM tenants`) == "" {
				t.Error("readers are not told that the source cannot be read")
			}
			if got := h.queryText(asOfSQL); got != before {
				t.Errorf("as of %s, was %s", got, before)
			}
			f.script = nil
			h.wantSync(store.OutcomeComplete, store.Scope{})
			if got := h.queryText(`SELECT unreachable::text FROM tenants`); got != "" {
				t.Errorf("unreachable since %s, although it has been read", got)
			}
		})
	}
}

func TestRunInTheBackgroundWaitsForTheSource(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), report("r", "a", "een", 2))
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{}) // takes the slot
	f.script = func(request) error { return failure(source.Unreachable, 0) }
	run := h.requestFullRun()
	h.startWorker()
	if got := h.waitForPause(run.ID, 1); got < 10*time.Second || got > 15*time.Second {
		t.Errorf("the run waits for %s, want 15 s", got)
	}
	f.scripted.Lock()
	f.script = nil
	f.scripted.Unlock()
	h.resume(run.ID)
	if got := h.waitForRun(run.ID); *got.Outcome != store.OutcomeComplete {
		t.Errorf("outcome %s: %s", *got.Outcome, message(got))
	}
}

func TestThrottledRunWaitsAsLongAsTheSourceAsks(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1))
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{}) // takes the slot
	searches := func() int { return f.count(func(a request) bool { return a.act != "describe" }) }
	before := searches()
	f.script = func(a request) error {
		if a.act == "describe" {
			return nil
		}
		return &source.Failure{Kind: source.Throttled, Act: "search", Status: 429, After: 2 * time.Minute}
	}
	h.wantSync(store.OutcomeFailed, store.Scope{})
	if got := searches() - before; got != 1 {
		t.Errorf("%d requests in the foreground, want 1", got)
	}
	run := h.requestFullRun()
	h.startWorker()
	if got := h.waitForPause(run.ID, 1); got < 110*time.Second {
		t.Errorf("the run waits for %s, although the source asked for two minutes", got)
	}
	if got := searches() - before; got != 2 {
		t.Errorf("%d requests in the background, want 1", got-1)
	}
}

func TestFailedTypeIsRetriedInTheBackground(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), report("r", "a", "een", 2))
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{}) // takes the slot
	f.put(report("r", "a", "verbeterd", 13*60))
	f.advance(4 * time.Hour)
	failures := 0
	f.script = func(a request) error {
		if a.of(observations) && failures < 4 { // in each slice the window, and a search for recent records
			failures++
			return failure(source.Unreachable, 500)
		}
		return nil
	}
	run := h.requestFullRun()
	h.startWorker()
	for slice := range 2 {
		h.waitForPause(run.ID, slice+1)
		h.resume(run.ID)
	}
	got := h.waitForRun(run.ID)
	if *got.Outcome != store.OutcomeComplete || got.Slices != 3 {
		t.Errorf("%s after %d slices (%s)", *got.Outcome, got.Slices, message(got))
	}
	if got := h.reportTexts()["r"]; got != "verbeterd" {
		t.Errorf("the report says %q", got)
	}
}

func TestTypeThatKeepsFailingMakesTheRunPartial(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), report("r", "a", "een", 2))
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{}) // takes the slot
	f.script = func(a request) error {
		if a.of(observations) {
			return failure(source.Unreachable, 500)
		}
		return nil
	}
	run := h.requestFullRun()
	h.startWorker()
	const retries = 3
	for slice := range retries {
		h.waitForPause(run.ID, slice+1)
		h.resume(run.ID)
	}
	got := h.waitForRun(run.ID)
	if *got.Outcome != store.OutcomePartial || got.Slices != 1+retries {
		t.Errorf("%s after %d slices (%s)", *got.Outcome, got.Slices, message(got))
	}
}

// A 404 for a type that was read before is an error like any other: perhaps the address is wrong,
// or the server is being updated.
func TestTypeReadBeforeFailsWhenUnsupported(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), report("r", "a", "een", 2))
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	asOfBefore, succeeded := h.queryText(asOfSQL), h.queryText(`SELECT succeeded::text FROM tenants`)
	f.put(report("new", "a", "nieuw", 13*60))
	f.advance(4 * time.Hour)
	f.script = func(a request) error {
		if a.of(observations) {
			return failure(source.Unsupported, 404)
		}
		return nil
	}
	h.wantSync(store.OutcomePartial, store.Scope{})
	if h.queryText(asOfSQL) != asOfBefore || h.queryText(`SELECT succeeded::text FROM tenants`) != succeeded {
		t.Error("the type counts as read")
	}
	f.script = nil
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := len(h.reportTexts()); got != 2 {
		t.Errorf("%d reports, want 2", got)
	}
}

func TestTypeTheSourceNeverKnewIsLeftOut(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), report("r", "a", "een", 2))
	f.script = func(a request) error {
		if a.of(goals) {
			return failure(source.Unsupported, 404)
		}
		return nil
	}
	h := newHarness(t, f)
	for range 2 {
		h.wantSync(store.OutcomeComplete, store.Scope{})
	}
	if got := h.queryText(`SELECT count(*)::text FROM cursors WHERE stream = 'goals'`); got != "0" {
		t.Error("the type has a cursor, which would count for freshness")
	}
}

// A type that the tenant did not ask for may be refused. A type that the tenant asked for, or that
// was read before, may not.
func TestOptionalTypeThatIsRefusedIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		optional bool
		fails    error
		want     store.Outcome
	}{
		{"refused", true, failure(source.Unauthorized, 403), store.OutcomeComplete},
		{"unknown", true, failure(source.Unsupported, 404), store.OutcomeComplete},
		{"an error of the server", true, failure(source.Unreachable, 500), store.OutcomeComplete},
		{"asked for", false, failure(source.Unauthorized, 403), store.OutcomePartial},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeSource(t, client("a", 1), report("r", "a", "een", 2))
			consents := source.Type{Stream: dossier.StreamCarePlans, Name: "Consent", Fingerprint: "f",
				Optional: tc.optional}
			f.types = append(f.types, consents)
			refuse := func(a request) error {
				if a.of(consents) {
					return tc.fails
				}
				return nil
			}
			f.script = refuse
			h := newHarness(t, f)
			h.wantSync(tc.want, store.Scope{})
			h.wantSync(tc.want, store.Scope{Only: store.StepReconcile})
			f.script = nil
			f.advance(4 * time.Hour)
			h.wantSync(store.OutcomeComplete, store.Scope{})
			f.script = refuse
			f.advance(4 * time.Hour)
			h.wantSync(store.OutcomePartial, store.Scope{})
		})
	}
}

func TestWorkerLeavesRunsOfUnknownTenants(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), report("r", "a", "een", 2))
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{}) // takes the slot
	run := h.requestFullRun()
	here := h.syncer
	elsewhere := h.tenant
	elsewhere.ID, elsewhere.Name, elsewhere.Source = "szr", "SZR", newFakeSource(t)
	var err error
	if h.syncer, err = dossiersync.New(h.Store, []dossiersync.Tenant{elsewhere}, h.opts); err != nil {
		t.Fatal(err)
	}
	before := f.count(nil)
	stop := h.startWorker()
	h.waitForPause(run.ID, 1)
	stop()
	if got := f.count(nil); got != before {
		t.Errorf("it made %d requests", got-before)
	}
	h.syncer = here
	h.resume(run.ID)
	h.startWorker()
	if got := h.waitForRun(run.ID); *got.Outcome != store.OutcomeComplete {
		t.Errorf("outcome %s: %s", *got.Outcome, message(got))
	}
}

// A crash of the database server empties the unlogged list of what the run has seen. The run starts
// over and counts nothing twice.
func TestRunStartsOverWhenItsSeenRecordsAreLost(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1))
	f.types = []source.Type{patients, observations}
	f.put(reports("a", 30, 2, 30)...)
	slices := 0
	h := newHarness(t, f)
	f.script = func(a request) error {
		if a.act != "describe" {
			return nil
		}
		if slices++; slices == 3 {
			_, err := h.Pool().Exec(context.Background(), `TRUNCATE seen`)
			return err
		}
		return nil
	}
	h.opts.Slice = time.Nanosecond // each slice ends at the first window
	h.restart()
	run := h.requestFullRun()
	h.startWorker()
	got := h.waitForRun(run.ID)
	if *got.Outcome != store.OutcomeComplete {
		t.Errorf("outcome %s: %s", *got.Outcome, message(got))
	}
	if got := totals(got); got.Seen != 31 {
		t.Errorf("seen %d, want 31: %+v", got.Seen, got)
	}
}
