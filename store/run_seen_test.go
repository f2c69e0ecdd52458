package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

func (r *harness) ensureSeen() (lost bool) {
	r.t.Helper()
	lost, err := r.EnsureSeen(r.t.Context(), r.claim)
	if err != nil {
		r.t.Fatal(err)
	}
	return lost
}

func TestRunCountsAnewAfterServerCrash(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	if r.ensureSeen() {
		t.Error("a new run has lost what it had seen")
	}
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("1", "a", "een", 1))
	if r.ensureSeen() {
		t.Error("lost without a crash")
	}
	r.exec(`TRUNCATE seen`) // what recovery does with an unlogged table
	if !r.ensureSeen() {
		t.Error("not noticed")
	}
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("1", "a", "een", 1))
	types, err := r.RunTypes(t.Context(), r.claim.Run.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(store.Effects{"unchanged": 1}, types[2].Effects); diff != "" {
		t.Error(diff)
	}
}

func TestForgetSeenLeavesRunningRuns(t *testing.T) {
	t.Parallel()
	replica := storetest.NewReplica(t)
	first := newHarness(t, replica)
	first.apply(patients, patient("a", 0))
	first.finish()
	second := newHarness(t, replica)
	second.apply(patients, patient("a", 0))
	if err := replica.ForgetSeen(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := second.one(`SELECT max(id)::text FROM runs`)
	if got := second.one(`SELECT string_agg(DISTINCT run::text, ' ') FROM seen`); got != want {
		t.Errorf("table seen has rows of runs %s, want those of %s", got, want)
	}
}
