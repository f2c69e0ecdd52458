package store_test

import (
	"errors"
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// cancel asks the run to stop, in ann's name.
func (r *harness) cancel(id int64) store.Run {
	r.t.Helper()
	run, err := r.CancelRun(r.t.Context(), id, "ann")
	if err != nil {
		r.t.Fatal(err)
	}
	return run
}

// wantCancelled checks that the run ended as one that ann has cancelled.
func (r *harness) wantCancelled(id int64) {
	r.t.Helper()
	run, err := r.Run(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	if run.State != store.RunDone || *run.Outcome != store.OutcomeCancelled || run.FinishedAt == nil ||
		run.Message == nil || *run.Message != "cancelled by ann" {
		r.t.Errorf("the run is %+v", run)
	}
	if _, err := r.ClaimRun(r.t.Context(), id, "another"); !errors.Is(err, store.ErrRunDone) {
		r.t.Errorf("claimed: %v", err)
	}
}

func TestWaitingRunIsCancelledAtOnce(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	waiting := r.request(store.TriggerManual)
	if got := r.cancel(waiting.ID); got.ID != waiting.ID || got.State != store.RunDone {
		t.Errorf("cancelled, the run is %+v", got)
	}
	r.wantCancelled(waiting.ID)
}

func TestRunningRunIsCancelledAtNextBatch(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	if got := r.cancel(r.claim.Run.ID); got.State != store.RunRunning {
		t.Errorf("cancelled, the run is %+v", got)
	}
	if _, err := r.CancelRun(t.Context(), r.claim.Run.ID, "bob"); err != nil { // ann was first
		t.Error(err)
	}
	applied, err := r.Apply(t.Context(), store.Batch{Claim: r.claim, Type: patients, Items: []dossier.Item{patient("a", 0)}}, plain{})
	if err != nil || !applied.Cancelled {
		t.Errorf("its worker is told %v, %v", applied.Cancelled, err)
	}
	if err := r.FinishRun(t.Context(), r.claim, store.OutcomeCancelled, "cancelled by an operator", false); err != nil {
		t.Fatal(err)
	}
	r.wantCancelled(r.claim.Run.ID)
}

// A run that waits for its source has no worker for minutes.
func TestRunBetweenSlicesIsCancelledAtOnce(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	if err := r.ReleaseClaim(t.Context(), r.claim, store.Pause{For: 5 * time.Minute, Failed: true}); err != nil {
		t.Fatal(err)
	}
	r.cancel(r.claim.Run.ID)
	r.wantCancelled(r.claim.Run.ID)
}

// The worker found its source away before it found that it was to stop.
func TestReleasedRunThatIsCancelledHasEnded(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.cancel(r.claim.Run.ID)
	if err := r.ReleaseClaim(t.Context(), r.claim, store.Pause{For: 5 * time.Minute, Failed: true}); err != nil {
		t.Fatal(err)
	}
	r.wantCancelled(r.claim.Run.ID)
}

func TestCancellingRunOfDeadWorkerFencesWorker(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.exec(`UPDATE runs SET lease_until = now() - interval '1 second'`)
	r.cancel(r.claim.Run.ID)
	r.wantCancelled(r.claim.Run.ID)
	_, err := r.Apply(t.Context(), store.Batch{Claim: r.claim, Type: patients, Items: []dossier.Item{patient("a", 0)}}, plain{})
	if !errors.Is(err, store.ErrFenced) {
		t.Errorf("its worker writes: %v", err)
	}
}

func TestDoneRunIsNotCancelled(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.cancel(r.claim.Run.ID)
	r.finish() // its last page was under way
	run, err := r.CancelRun(t.Context(), r.claim.Run.ID, "bob")
	if !errors.Is(err, store.ErrRunDone) || *run.Outcome != store.OutcomeComplete || run.Message != nil {
		t.Errorf("got %+v, %v", run, err)
	}
	if _, err := r.CancelRun(t.Context(), 999999, "bob"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a run that never was: %v", err)
	}
}
