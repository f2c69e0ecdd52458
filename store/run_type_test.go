package store_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

func TestRunTypeSurvivesJSON(t *testing.T) {
	t.Parallel()
	failure := "no"
	want := store.RunType{
		TypeID: store.TypeID{Stream: dossier.StreamReports, Type: "Observation", Query: "code=x"}, To: at(1), Failure: &failure,
		Effects: store.Effects{"created": 3, "unchanged": 4, "hidden:marked": 2, "quarantined:bad-date": 1},
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got store.RunType
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Two searches of one type may bring the same item.
func TestItemOfTwoSearchesIsCountedByOne(t *testing.T) {
	t.Parallel()
	other := store.TypeID{Stream: dossier.StreamReports, Type: "Observation", Query: "code=x"}
	r := newHarness(t, storetest.NewReplica(t), other)
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("1", "a", "een", 1))
	r.apply(other, hidden(report("1", "a", "een", 2), dossier.HiddenMarked), report("2", "a", "twee", 2))
	types, err := r.RunTypes(t.Context(), r.claim.Run.ID)
	if err != nil {
		t.Fatal(err)
	}
	got := []store.Effects{types[2].Effects, types[3].Effects}
	if diff := cmp.Diff([]store.Effects{{"created": 1}, {"created": 1}}, got); diff != "" {
		t.Error(diff)
	}
}
