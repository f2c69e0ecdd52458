package store_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

func TestApplyCountsEachItemOnceByLastEffect(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0), patient("b", 0))
	got := r.apply(reports,
		report("1", "a", "een", 1), report("2", "a", "twee", 1), report("1", "a", "een", 1), // twice in a page
		hidden(report("3", "a", "drie", 1), dossier.HiddenMarked),
		report("4", "nobody", "vier", 1))
	want := store.Effects{"created": 2, "hidden:marked": 1, "hidden:unknown-client": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	// The same page again, with one corrected meanwhile.
	r.apply(reports, report("1", "a", "een", 1), report("2", "a", "twee, verbeterd", 2))
	r.finish()
	types, err := r.RunTypes(t.Context(), r.claim.Run.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, types[2].Effects); diff != "" {
		t.Error(diff)
	}
	wantTexts := map[string]string{"1": "a: een ()", "2": "a: twee, verbeterd ()"}
	if diff := cmp.Diff(wantTexts, r.texts()); diff != "" {
		t.Error(diff)
	}
}

func TestOlderVersionNeverReplacesNewer(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("1", "a", "nieuw", 5))
	if got := r.apply(reports, report("1", "a", "oud", 4)); got.Of(store.EffectUpdated) != 0 {
		t.Errorf("an older version counts as %v", got)
	}
	if got := r.texts()["1"]; got != "a: nieuw ()" {
		t.Errorf("got %q", got)
	}
	// Equal moments go to the later observation.
	r.apply(reports, report("1", "a", "even nieuw", 5))
	if got := r.texts()["1"]; got != "a: even nieuw ()" {
		t.Errorf("got %q", got)
	}
	// An unchanged version still moves the mark: what lies between is old.
	r.apply(reports, report("1", "a", "even nieuw", 9))
	r.apply(reports, report("1", "a", "ertussen", 7))
	if got := r.texts()["1"]; got != "a: even nieuw ()" {
		t.Errorf("got %q", got)
	}
}

func TestHiddenItemKeepsNoContent(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("1", "a", "geheim", 1))
	r.apply(reports, hidden(report("1", "a", "geheim", 2), dossier.HiddenMarked))
	var n int
	err := r.Pool().QueryRow(t.Context(), `SELECT count(*) FROM items WHERE items::text LIKE '%geheim%'`).Scan(&n)
	if err != nil || n != 0 {
		t.Errorf("%d rows still hold the text (%v)", n, err)
	}
}

func TestCase05ItemOnTheWrongClientLeavesAtOnce(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0), patient("b", 0))
	r.apply(reports, report("1", "a", "een", 1))
	r.apply(reports, report("1", "b", "een", 2))
	if diff := cmp.Diff(map[string]string{"1": "b: een ()"}, r.texts()); diff != "" {
		t.Error(diff)
	}
}

func TestQuarantinedItemKeepsLastGoodVersionIfAllowed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		item dossier.Item
		want int
	}{
		{"envelope allows it", unreadable(report("1", "a", "x", 2), true), 1},
		{"envelope names another client", unreadable(report("1", "b", "x", 2), true), 0},
		{"envelope not read", unreadable(report("1", "", "x", 2), false), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newHarness(t, storetest.NewReplica(t))
			r.apply(patients, patient("a", 0), patient("b", 0))
			r.apply(reports, report("1", "a", "een", 1))
			if got := r.apply(reports, tc.item); got["quarantined:bad-body"] != 1 {
				t.Errorf("effects %v", got)
			}
			if got := len(r.texts()); got != tc.want {
				t.Errorf("%d reports are shown, want %d", got, tc.want)
			}
			list, err := r.Quarantine(t.Context(), store.QuarantineFilter{Tenant: tenant})
			if err != nil || len(list) != 1 || list[0].ID != "1" {
				t.Errorf("quarantine %v (%v)", list, err)
			}
			// A good version ends it.
			r.apply(reports, report("1", "a", "goed", 3))
			if list, _ := r.Quarantine(t.Context(), store.QuarantineFilter{Tenant: tenant}); len(list) != 0 || r.texts()["1"] != "a: goed ()" {
				t.Errorf("quarantine %v, texts %v", list, r.texts())
			}
		})
	}
}

func TestRefusedValueQuarantinesOneItem(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	bad := report("2", "a", "twee", 1)
	bad.Version = "nul\x00nul"
	got := r.apply(reports, report("1", "a", "een", 1), bad, report("3", "a", "drie", 1))
	if diff := cmp.Diff(store.Effects{"created": 2, "quarantined:not-storable": 1}, got); diff != "" {
		t.Error(diff)
	}
}

func TestFencedWorkerCannotWrite(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	asleep := r.claim
	if err := r.ReleaseClaim(t.Context(), r.claim, store.Pause{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ClaimRun(t.Context(), r.claim.Run.ID, "another"); err != nil {
		t.Fatal(err)
	}
	_, err := r.Apply(t.Context(), store.Batch{Claim: asleep, Type: reports, Items: []dossier.Item{report("1", "a", "laat", 1)}}, plain{})
	if !errors.Is(err, store.ErrFenced) {
		t.Errorf("got %v, want ErrFenced", err)
	}
	if got := r.texts(); len(got) != 0 {
		t.Errorf("it wrote %v", got)
	}
}

func TestRenamedAuthorIsRenderedAgain(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	nurse := func(name string, minute int) dossier.Item {
		return dossier.Item{Ref: dossier.Ref{Type: "Practitioner", ID: "p1"}, Stream: dossier.StreamStaff, State: dossier.StateShown,
			Updated: at(minute), Hash: hash(name), Content: &dossier.Staff{What: dossier.StaffPerson, Name: name}}
	}
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("1", "a", "een", 1)) // the author arrives later
	r.apply(staff, nurse("Fatima", 1))
	again := func() {
		t.Helper()
		for {
			n, err := r.Rerender(t.Context(), r.claim, plain{}, 10)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				return
			}
		}
	}
	again()
	if got := r.texts()["1"]; got != "a: een (Fatima)" {
		t.Errorf("got %q", got)
	}
	r.apply(staff, nurse("Fatima de Wit", 2))
	again()
	if got := r.texts()["1"]; got != "a: een (Fatima de Wit)" {
		t.Errorf("got %q", got)
	}
	r.apply(staff, hidden(nurse("Fatima de Wit", 3), dossier.HiddenMarked))
	again()
	if got := r.texts()["1"]; got != "a: een ()" {
		t.Errorf("got %q", got)
	}
}

func TestHiddenClientLosesDossier(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	if err := r.BeginCursor(t.Context(), r.claim, reports); err != nil {
		t.Fatal(err)
	}
	r.apply(reports, report("1", "a", "een", 1))
	r.apply(patients, hidden(patient("a", 2), dossier.HiddenInactive))
	if got := r.texts(); len(got) != 0 {
		t.Errorf("still there: %v", got)
	}
	// Back in care: a backfill is owed, and brings it again.
	r.apply(patients, patient("a", 3))
	owed, _, err := r.Backfills(t.Context(), r.claim)
	if err != nil || !cmp.Equal(owed, []string{"a"}) {
		t.Errorf("owed %v (%v)", owed, err)
	}
	r.apply(reports, report("1", "a", "een", 1))
	if diff := cmp.Diff(map[string]string{"1": "a: een ()"}, r.texts()); diff != "" {
		t.Error(diff)
	}
}
