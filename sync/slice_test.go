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

// ask asks the running workers for a run of the whole tenant.
func (b *bench) ask() store.Run {
	b.t.Helper()
	if err := b.PutTenant(b.t.Context(), tenant, "Amaris", "Europe/Amsterdam"); err != nil {
		b.t.Fatal(err)
	}
	run, _, err := b.RequestRun(b.t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual, Scope: store.Scope{Full: true}})
	if err != nil {
		b.t.Fatal(err)
	}
	return run
}

// pauses polls until the run has been given back for a while after so many
// slices, and returns for how long.
func (b *bench) pauses(id int64, slices int) time.Duration {
	b.t.Helper()
	const q = `
		SELECT extract(epoch FROM lease_until - now()) FROM runs r
		WHERE id = $1 AND slices = $2 AND state = 'running' AND queued_at > now()
		  AND EXISTS (SELECT FROM river_job j WHERE j.args @> jsonb_build_object('run', r.id) AND j.state = 'scheduled')`
	var seconds *float64
	b.poll("the run pauses", func() bool {
		return b.Pool().QueryRow(b.t.Context(), q, id, slices).Scan(&seconds) == nil
	})
	return time.Duration(*seconds * float64(time.Second))
}

// goOn lets a run that pauses go on, without waiting for it.
func (b *bench) goOn(id int64) {
	b.t.Helper()
	b.exec(`UPDATE runs SET lease_until = now() WHERE id = $1`, id)
	b.exec(`UPDATE river_job SET state = 'available', scheduled_at = now() WHERE args @> jsonb_build_object('run', $1::bigint)`, id)
}

func TestSourceThatDoesNotSayWhatItIsFailsTheRun(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{
		failing(source.Unreachable, 0), failing(source.Unauthorized, 401), failing(source.WrongVersion, 200),
		failing(source.Invalid, 200), failing(source.Throttled, 429),
	} {
		kind := source.KindOf(failure)
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := newFake(t, client("a", 1), report("r", "a", "een", 2))
			b := newBenchOf(t, f)
			b.syncs(store.OutcomeComplete, store.Scope{})
			before := b.one(asOf)
			f.script = func(a asked) error {
				if a.act == "describe" {
					return failure
				}
				t.Errorf("asked to %s", a.act)
				return nil
			}
			run := b.syncs(store.OutcomeFailed, store.Scope{})
			if got, want := message(run), failure.Error(); got != want {
				t.Errorf("message %q, want %q", got, want)
			}
			if b.one(`SELECT unreachable::text FROM tenants`) == "" {
				t.Error("readers are not told")
			}
			if got := b.one(asOf); got != before {
				t.Errorf("as of %s, was %s", got, before)
			}
			f.script = nil
			b.syncs(store.OutcomeComplete, store.Scope{})
			if got := b.one(`SELECT unreachable::text FROM tenants`); got != "" {
				t.Errorf("unreachable since %s, though it has been read", got)
			}
		})
	}
}

func TestRunInTheBackgroundWaitsForTheSource(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1), report("r", "a", "een", 2))
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{}) // takes the slot
	f.script = func(asked) error { return failing(source.Unreachable, 0) }
	run := b.ask()
	b.work()
	if got := b.pauses(run.ID, 1); got < 10*time.Second || got > 15*time.Second {
		t.Errorf("it waits for %s, want 15 s", got)
	}
	f.scripted.Lock()
	f.script = nil
	f.scripted.Unlock()
	b.goOn(run.ID)
	if got := b.wait(run.ID); *got.Outcome != store.OutcomeComplete {
		t.Errorf("outcome %s: %s", *got.Outcome, message(got))
	}
}

func TestThrottledRunAsksNoMoreUntilItMay(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1))
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{}) // takes the slot
	searches := func() int { return f.count(func(a asked) bool { return a.act != "describe" }) }
	before := searches()
	f.script = func(a asked) error {
		if a.act == "describe" {
			return nil
		}
		return &source.Failure{Kind: source.Throttled, Act: "search", Status: 429, After: 2 * time.Minute}
	}
	b.syncs(store.OutcomeFailed, store.Scope{})
	if got := searches() - before; got != 1 {
		t.Errorf("in the foreground it asked %d times, want once", got)
	}
	run := b.ask()
	b.work()
	if got := b.pauses(run.ID, 1); got < 110*time.Second {
		t.Errorf("it waits for %s, although the source asked for two minutes", got)
	}
	if got := searches() - before; got != 2 {
		t.Errorf("in the background it asked %d times, want once", got-1)
	}
}

func TestTypeThatFailedIsTriedAgainInTheBackground(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1), report("r", "a", "een", 2))
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{}) // takes the slot
	f.put(report("r", "a", "verbeterd", 13*60))
	f.pass(4 * time.Hour)
	failures := 0
	f.script = func(a asked) error {
		if a.of(observations) && failures < 2 {
			failures++
			return failing(source.Unreachable, 500)
		}
		return nil
	}
	run := b.ask()
	b.work()
	for slice := range 2 {
		b.pauses(run.ID, slice+1)
		b.goOn(run.ID)
	}
	got := b.wait(run.ID)
	if *got.Outcome != store.OutcomeComplete || got.Slices != 3 {
		t.Errorf("%s after %d slices (%s)", *got.Outcome, got.Slices, message(got))
	}
	if got := b.texts()["r"]; got != "verbeterd" {
		t.Errorf("the report says %q", got)
	}
}

func TestTypeThatFailsOnMakesTheRunPartial(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1), report("r", "a", "een", 2))
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{}) // takes the slot
	f.script = func(a asked) error {
		if a.of(observations) {
			return failing(source.Unreachable, 500)
		}
		return nil
	}
	run := b.ask()
	b.work()
	const retries = 3
	for slice := range retries {
		b.pauses(run.ID, slice+1)
		b.goOn(run.ID)
	}
	got := b.wait(run.ID)
	if *got.Outcome != store.OutcomePartial || got.Slices != 1+retries {
		t.Errorf("%s after %d slices (%s)", *got.Outcome, got.Slices, message(got))
	}
}

// A 404 for a type that was read before is an error like any other: a wrong
// address, perhaps, or a server half way through an update.
func TestTypeThatTheSourceHasForgottenIsNotTheEndOfIt(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1), report("r", "a", "een", 2))
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{})
	asOfBefore, succeeded := b.one(asOf), b.one(`SELECT succeeded::text FROM tenants`)
	f.put(report("new", "a", "nieuw", 13*60))
	f.pass(4 * time.Hour)
	f.script = func(a asked) error {
		if a.of(observations) {
			return failing(source.Unsupported, 404)
		}
		return nil
	}
	b.syncs(store.OutcomePartial, store.Scope{})
	if b.one(asOf) != asOfBefore || b.one(`SELECT succeeded::text FROM tenants`) != succeeded {
		t.Error("it counts as read")
	}
	f.script = nil
	b.syncs(store.OutcomeComplete, store.Scope{})
	if got := len(b.texts()); got != 2 {
		t.Errorf("%d reports, want 2", got)
	}
}

func TestTypeThatTheSourceNeverKnewIsLeftOut(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1), report("r", "a", "een", 2))
	f.script = func(a asked) error {
		if a.of(goals) {
			return failing(source.Unsupported, 404)
		}
		return nil
	}
	b := newBenchOf(t, f)
	for range 2 {
		b.syncs(store.OutcomeComplete, store.Scope{})
	}
	if got := b.one(`SELECT count(*)::text FROM cursors WHERE stream = 'goals'`); got != "0" {
		t.Error("it has a cursor, and so a say in how fresh all is")
	}
}

// A type that nobody asked for may be refused; one that the tenant asked for, or that was read, may not.
func TestOptionalTypeThatIsRefusedIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		optional bool
		fails    error
		want     store.Outcome
	}{
		{"refused", true, failing(source.Unauthorized, 403), store.OutcomeComplete},
		{"unknown", true, failing(source.Unsupported, 404), store.OutcomeComplete},
		{"an error of the server", true, failing(source.Unreachable, 500), store.OutcomeComplete},
		{"asked for", false, failing(source.Unauthorized, 403), store.OutcomePartial},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, client("a", 1), report("r", "a", "een", 2))
			f.types = append(f.types, source.Type{Stream: dossier.StreamCarePlans, Name: "Consent", Fingerprint: "f", Optional: test.optional})
			f.script = func(a asked) error {
				if a.Type.Name == "Consent" {
					return test.fails
				}
				return nil
			}
			b := newBenchOf(t, f)
			b.syncs(test.want, store.Scope{})
			b.syncs(test.want, store.Scope{Only: store.StepReconcile})
			f.script = nil
			f.pass(4 * time.Hour)
			b.syncs(store.OutcomeComplete, store.Scope{})
			f.script = func(a asked) error {
				if a.Type.Name == "Consent" {
					return test.fails
				}
				return nil
			}
			f.pass(4 * time.Hour)
			b.syncs(store.OutcomePartial, store.Scope{})
		})
	}
}

func TestWorkerLeavesARunOfAnotherTenantToOthers(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1), report("r", "a", "een", 2))
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{}) // takes the slot
	run := b.ask()
	here := b.syncer
	elsewhere := b.tenant
	elsewhere.ID, elsewhere.Name, elsewhere.Source = "szr", "SZR", newFake(t)
	var err error
	if b.syncer, err = dossiersync.New(b.Store, []dossiersync.Tenant{elsewhere}, b.opts); err != nil {
		t.Fatal(err)
	}
	before := f.count(nil)
	stop := b.work()
	b.pauses(run.ID, 1)
	stop()
	if got := f.count(nil); got != before {
		t.Errorf("it asked the source %d times", got-before)
	}
	b.syncer = here
	b.goOn(run.ID)
	b.work()
	if got := b.wait(run.ID); *got.Outcome != store.OutcomeComplete {
		t.Errorf("outcome %s: %s", *got.Outcome, message(got))
	}
}

// A crash of the database server takes the record of what the run has seen with
// it: the run begins anew, and counts nothing twice.
func TestRunBeginsAnewWhenItsSightingsAreLost(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1))
	f.types = []source.Type{patients, observations}
	f.put(reports("a", 30, 2, 30)...)
	slices := 0
	b := newBenchOf(t, f)
	f.script = func(a asked) error {
		if a.act != "describe" {
			return nil
		}
		if slices++; slices == 3 {
			_, err := b.Pool().Exec(context.Background(), `TRUNCATE seen`)
			return err
		}
		return nil
	}
	b.opts.Slice = time.Nanosecond // each slice ends at the first window
	b.restart()
	run := b.ask()
	b.work()
	got := b.wait(run.ID)
	if *got.Outcome != store.OutcomeComplete {
		t.Errorf("outcome %s: %s", *got.Outcome, message(got))
	}
	if got := totals(got); got.Seen != 31 {
		t.Errorf("seen %d, want 31: %+v", got.Seen, got)
	}
}
