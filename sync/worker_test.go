package sync_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store"
	"dossiersync/sync/source"
)

// startWorker runs the worker until the test ends or stop is called.
func (h *harness) startWorker() (stop func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.syncer.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	}
	h.t.Cleanup(stop)
	return stop
}

// waitUntil polls until the condition holds.
func (h *harness) waitUntil(what string, holds func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("after 2 min this does not hold: %s", what)
		}
	}
}

// waitForRun polls until the run is done.
func (h *harness) waitForRun(id int64) (run store.Run) {
	h.t.Helper()
	h.waitUntil(fmt.Sprintf("run %d is done", id), func() bool {
		var err error
		if run, err = h.Run(h.t.Context(), id); err != nil {
			h.t.Fatal(err)
		}
		return run.State == store.RunDone
	})
	return run
}

func TestWorkerCatchesUpTheMissedSlotOnce(t *testing.T) {
	t.Parallel()
	h := newSimHarness(t, nil)
	h.fill(3, 0.1)
	stop := h.startWorker()
	var runs []store.Run
	h.waitUntil("the slot's run is done", func() bool {
		var err error
		if runs, err = h.Runs(t.Context(), store.RunFilter{}); err != nil {
			t.Fatal(err)
		}
		return len(runs) > 0 && runs[0].State == store.RunDone
	})
	if len(runs) != 1 || runs[0].Trigger != store.TriggerCatchUp || *runs[0].Outcome != store.OutcomeComplete {
		t.Fatalf("runs: %+v", runs)
	}
	stop()
	h.startWorker()
	time.Sleep(300 * time.Millisecond)
	if runs, _ := h.Runs(t.Context(), store.RunFilter{}); len(runs) != 1 {
		t.Errorf("the slot was caught up again: %+v", runs)
	}
}

// A worker that starts just after a slot has missed it too: no tick of this worker comes for it.
func TestWorkerStartedJustAfterASlotCatchesItUp(t *testing.T) {
	t.Parallel()
	h := newSimHarness(t, nil)
	h.fill(3, 0.1)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	h.exec(`UPDATE runs SET slot = slot - interval '1 day', started_at = started_at - interval '1 day'`)
	h.tenant.Schedule = scheduled(t, time.Now().In(h.tenant.Location).Format("4 15 * * *")) // the slot is this minute's
	h.restart()
	h.startWorker()
	h.waitUntil("the slot's run is done", func() bool {
		runs, err := h.Runs(t.Context(), store.RunFilter{})
		if err != nil {
			t.Fatal(err)
		}
		return len(runs) == 2 && runs[0].State == store.RunDone
	})
}

func TestRepeatedRequestReturnsTheWaitingRun(t *testing.T) {
	t.Parallel()
	h := newSimHarness(t, nil)
	h.fill(3, 0.1)
	h.sync(store.Scope{}) // takes the slot
	ask := store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual, Scope: store.Scope{Full: true}, By: "beheer"}
	first, created, err := h.RequestRun(t.Context(), ask)
	if err != nil || !created {
		t.Fatal(created, err)
	}
	second, created, err := h.RequestRun(t.Context(), ask)
	if err != nil || created || second.ID != first.ID {
		t.Fatalf("the second request gives run %d, created %v (%v); want run %d", second.ID, created, err, first.ID)
	}
	h.startWorker()
	if got := h.waitForRun(first.ID); *got.Outcome != store.OutcomeComplete {
		t.Errorf("outcome %s: %v", *got.Outcome, got.Message)
	}
}

func TestRunOfDeadWorkerIsTakenOver(t *testing.T) {
	t.Parallel()
	h := newSimHarness(t, nil)
	h.fill(3, 0.1)
	if err := h.PutTenant(t.Context(), tenant, "Amaris", "Europe/Amsterdam"); err != nil {
		t.Fatal(err)
	}
	run, _, err := h.RequestRun(t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerCommand})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.ClaimRun(t.Context(), run.ID, "dead"); err != nil {
		t.Fatal(err)
	}
	// The lease expires without a wait.
	const expire = `UPDATE runs SET lease_until = now() - interval '1 second', queued_at = now() - interval '1 hour'`
	if _, err := h.Pool().Exec(t.Context(), expire); err != nil {
		t.Fatal(err)
	}
	h.startWorker()
	if got := h.waitForRun(run.ID); *got.Outcome != store.OutcomeComplete || got.Slices != 2 {
		t.Errorf("outcome %s after %d slices", *got.Outcome, got.Slices)
	}
}

func TestRunContinuesInTheNextSlice(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), report("r", "a", "een", 2))
	f.types = []source.Type{patients, observations}
	h := newHarness(t, f)
	h.opts.Slice = time.Nanosecond // each slice ends at the first window
	h.restart()
	run, _, err := h.RequestRun(t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual})
	if err == nil {
		t.Fatalf("run %d of an unknown tenant was accepted", run.ID)
	}
	if err := h.PutTenant(t.Context(), tenant, "Amaris", "Europe/Amsterdam"); err != nil {
		t.Fatal(err)
	}
	if run, _, err = h.RequestRun(t.Context(),
		store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual}); err != nil {
		t.Fatal(err)
	}
	h.startWorker()
	got := h.waitForRun(run.ID)
	if *got.Outcome != store.OutcomeComplete || got.Slices < 3 {
		t.Errorf("outcome %s after %d slices", *got.Outcome, got.Slices)
	}
}

// The portal API's log-in may send notifications, as every log-in of PostgreSQL, and River would obey
// those that pause its queue.
func TestPortalRoleCannotPauseTheWorker(t *testing.T) {
	t.Parallel()
	h := newSimHarness(t, nil)
	h.fill(3, 0.1)
	h.startWorker()
	done := func() int {
		runs, err := h.Runs(t.Context(), store.RunFilter{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, r := range runs {
			if r.State == store.RunDone {
				n++
			}
		}
		return n
	}
	h.waitUntil("the first run is done", func() bool { return done() == 1 })
	thief, err := pgx.Connect(t.Context(), h.ReaderURL)
	if err != nil {
		t.Fatal(err)
	}
	defer thief.Close(context.Background())
	const pause = `NOTIFY "public.river_control", '{"action": "pause", "queue": "*"}'`
	if _, err := thief.Exec(t.Context(), pause); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond) // what listens has heard it by then
	asked, _, err := h.RequestRun(t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual})
	if err != nil {
		t.Fatal(err)
	}
	h.waitForRun(asked.ID)
}
