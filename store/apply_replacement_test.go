package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

func replacing(it dossier.Item, id string) dossier.Item {
	it.Content.(*dossier.Report).Replaces = []dossier.Ref{{Type: it.Type, ID: id}}
	return it
}

func TestCase11ReportReplacedByANewIDInEitherOrder(t *testing.T) {
	t.Parallel()
	old, newer := report("1", "a", "oud", 1), replacing(report("2", "a", "nieuw", 2), "1")
	for name, batches := range map[string][][]dossier.Item{
		"old one first": {{old}, {newer}},
		"new one first": {{newer}, {old}},
		"at once":       {{old, newer}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newHarness(t, storetest.NewReplica(t))
			r.apply(patients, patient("a", 0))
			for _, items := range batches {
				r.apply(reports, items...)
			}
			if diff := cmp.Diff(map[string]string{"2": "a: nieuw ()"}, r.texts()); diff != "" {
				t.Error(diff)
			}
			// When the new one is withdrawn, the old one is to be read again.
			r.apply(reports, hidden(newer2(newer), dossier.HiddenMarked))
			again, err := r.Rereads(t.Context(), r.claim, 10)
			if err != nil || len(again) != 1 || again[0].Ref.ID != "1" {
				t.Fatalf("to be read again: %v (%v)", again, err)
			}
			r.apply(reports, old)
			if diff := cmp.Diff(map[string]string{"1": "a: oud ()"}, r.texts()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// newer2 is a later version of the same item.
func newer2(it dossier.Item) dossier.Item {
	it.Updated = at(9)
	return it
}

func TestAnotherClientsReportReplacesNothing(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0), patient("b", 0))
	r.apply(reports, report("1", "a", "een", 1), replacing(report("2", "b", "twee", 2), "1"))
	want := map[string]string{"1": "a: een ()", "2": "b: twee ()"}
	if diff := cmp.Diff(want, r.texts()); diff != "" {
		t.Error(diff)
	}
}

// Of three reports that replace each other in turn only the last is shown. The first stays
// hidden when the second is hidden for another reason.
func TestCase11ReportsReplacedInTurnInEveryOrder(t *testing.T) {
	t.Parallel()
	one, two, three := report("1", "a", "een", 1), replacing(report("2", "a", "twee", 2), "1"), replacing(report("3", "a", "drie", 3), "2")
	for name, order := range map[string][]dossier.Item{
		"123": {one, two, three}, "132": {one, three, two}, "213": {two, one, three},
		"231": {two, three, one}, "312": {three, one, two}, "321": {three, two, one},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newHarness(t, storetest.NewReplica(t))
			r.apply(patients, patient("a", 0))
			for range 2 {
				for _, it := range order {
					r.apply(reports, it)
				}
				if diff := cmp.Diff(map[string]string{"3": "a: drie ()"}, r.texts()); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// A report that another client's report names as well is replaced by the report of its own
// client only, and is shown again when that is hidden.
func TestReportIsReplacedByItsOwnClientsOnly(t *testing.T) {
	t.Parallel()
	for _, others := range []string{"0", "9"} { // keys on either side
		r := newHarness(t, storetest.NewReplica(t))
		r.apply(patients, patient("a", 0), patient("b", 0))
		old, newer := report("1", "a", "oud", 1), replacing(report("2", "a", "nieuw", 2), "1")
		r.apply(reports, replacing(report(others, "b", "van b", 2), "1"))
		r.apply(reports, newer)
		r.apply(reports, old)
		want := map[string]string{"2": "a: nieuw ()", others: "b: van b ()"}
		if diff := cmp.Diff(want, r.texts()); diff != "" {
			t.Error(diff)
		}
		r.apply(reports, hidden(newer2(newer), dossier.HiddenMarked))
		again, err := r.Rereads(t.Context(), r.claim, 10)
		if err != nil || len(again) != 1 || again[0].Ref.ID != "1" {
			t.Errorf("to be read again: %v (%v)", again, err)
		}
	}
}
