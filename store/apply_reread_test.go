package store_test

import (
	"slices"
	"testing"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// A source that once reports a record as missing by mistake must not keep it hidden for ever.
func TestAbsentItemIsReadAgainWhileStored(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("1", "a", "oud", 1), replacing(report("2", "a", "nieuw", 2), "1"))
	r.apply(reports, hidden(report("2", "a", "nieuw", 3), dossier.HiddenMarked))
	key := dossier.Key(tenant, dossier.Ref{Type: "Observation", ID: "1"})
	absent := func() {
		t.Helper()
		if got := r.again(); !slices.Equal(got, []string{"1"}) {
			t.Fatalf("to be read again: %v", got)
		}
		if err := r.MarkRereadAbsent(t.Context(), r.claim, key); err != nil {
			t.Fatal(err)
		}
		if got := r.again(); len(got) > 0 {
			t.Fatalf("the same run is to read again: %v", got)
		}
	}
	absent()
	r = r.pulling(patients, staff, reports)
	absent()
	// A reconcile has removed it.
	r = r.pulling(patients, staff, reports)
	r.exec(`UPDATE items SET state = 'withdrawn', reason = 'absent' WHERE id = '1'`)
	absent()
	r = r.pulling(patients, staff, reports)
	if got := r.again(); len(got) > 0 {
		t.Errorf("the removed item is still to be read again: %v", got)
	}
}

// A hidden item that each reconcile queues to be read again, and that the source no longer has, does
// not stay queued in between.
func TestAbsentHiddenItemIsReadAgainOncePerReconcile(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, hidden(report("1", "a", "", 1), dossier.HiddenEmpty))
	queue := func() {
		t.Helper()
		kind := store.AbsentType{Stream: dossier.StreamReports, Type: "Observation"}
		if err := r.QueueUnstated(t.Context(), r.claim, kind, 10); err != nil {
			t.Fatal(err)
		}
		if got := r.again(); !slices.Equal(got, []string{"1"}) {
			t.Fatalf("to be read again: %v", got)
		}
	}
	queue()
	key := dossier.Key(tenant, dossier.Ref{Type: "Observation", ID: "1"})
	if err := r.MarkRereadAbsent(t.Context(), r.claim, key); err != nil {
		t.Fatal(err)
	}
	r = r.pulling(patients, staff, reports)
	if got := r.again(); len(got) > 0 {
		t.Errorf("before the next reconcile, to be read again: %v", got)
	}
	queue()
}
