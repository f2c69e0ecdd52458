package sync_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/sync/source"
)

// work runs the worker until the test ends, or stop is called.
func (b *bench) work() (stop func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.syncer.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
	}
	b.t.Cleanup(stop)
	return stop
}

// poll waits until it is so.
func (b *bench) poll(what string, so func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("after 30 s it is not so that %s", what)
		}
	}
}

// wait polls until the run is done.
func (b *bench) wait(id int64) (run store.Run) {
	b.t.Helper()
	b.poll(fmt.Sprintf("run %d is done", id), func() bool {
		var err error
		if run, err = b.Run(b.t.Context(), id); err != nil {
			b.t.Fatal(err)
		}
		return run.State == store.RunDone
	})
	return run
}

func TestWorkerCatchesUpTheMissedSlotOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.fill(3, 0.1)
	stop := b.work()
	var runs []store.Run
	b.poll("the slot's run is done", func() bool {
		var err error
		if runs, err = b.Runs(t.Context(), store.RunFilter{}); err != nil {
			t.Fatal(err)
		}
		return len(runs) > 0 && runs[0].State == store.RunDone
	})
	if len(runs) != 1 || runs[0].Trigger != store.TriggerCatchUp || *runs[0].Outcome != store.OutcomeComplete {
		t.Fatalf("runs: %+v", runs)
	}
	stop()
	b.work()
	time.Sleep(300 * time.Millisecond)
	if runs, _ := b.Runs(t.Context(), store.RunFilter{}); len(runs) != 1 {
		t.Errorf("the slot was caught up again: %+v", runs)
	}
}

func TestOperatorsRunIsWorkedOnAndNotAskedForTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.fill(3, 0.1)
	b.sync(store.Scope{}) // takes the slot
	ask := store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual, Scope: store.Scope{Full: true}, By: "beheer"}
	first, created, err := b.RequestRun(t.Context(), ask)
	if err != nil || !created {
		t.Fatal(created, err)
	}
	second, created, err := b.RequestRun(t.Context(), ask)
	if err != nil || created || second.ID != first.ID {
		t.Fatalf("asked twice: run %d and %d, created %v (%v)", first.ID, second.ID, created, err)
	}
	b.work()
	if got := b.wait(first.ID); *got.Outcome != store.OutcomeComplete {
		t.Errorf("outcome %s: %v", *got.Outcome, got.Message)
	}
}

func TestRunOfDeadWorkerIsTakenOver(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.fill(3, 0.1)
	if err := b.PutTenant(t.Context(), tenant, "Amaris", "Europe/Amsterdam"); err != nil {
		t.Fatal(err)
	}
	run, _, err := b.RequestRun(t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerCommand})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.ClaimRun(t.Context(), run.ID, "dead"); err != nil {
		t.Fatal(err)
	}
	// The lease runs out, without waiting for it.
	const expire = `UPDATE runs SET lease_until = now() - interval '1 second', queued_at = now() - interval '1 hour'`
	if _, err := b.Pool().Exec(t.Context(), expire); err != nil {
		t.Fatal(err)
	}
	b.work()
	if got := b.wait(run.ID); *got.Outcome != store.OutcomeComplete || got.Slices != 2 {
		t.Errorf("outcome %s after %d slices", *got.Outcome, got.Slices)
	}
}

func TestRunGoesOnAfterItsSliceIsOver(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1), report("r", "a", "een", 2))
	f.types = []source.Type{patients, observations}
	b := newBenchOf(t, f)
	b.opts.Slice = time.Nanosecond // each slice ends at the first window
	b.restart()
	run, _, err := b.RequestRun(t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual})
	if err == nil {
		t.Fatalf("run %d of an unknown tenant was accepted", run.ID)
	}
	if err := b.PutTenant(t.Context(), tenant, "Amaris", "Europe/Amsterdam"); err != nil {
		t.Fatal(err)
	}
	if run, _, err = b.RequestRun(t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual}); err != nil {
		t.Fatal(err)
	}
	b.work()
	got := b.wait(run.ID)
	if *got.Outcome != store.OutcomeComplete || got.Slices < 3 {
		t.Errorf("outcome %s after %d slices", *got.Outcome, got.Slices)
	}
}
