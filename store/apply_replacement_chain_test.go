package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// again lists what is to be read again, by id.
func (r *harness) again() []string {
	r.t.Helper()
	list, err := r.Rereads(r.t.Context(), r.claim, 10)
	if err != nil {
		r.t.Fatal(err)
	}
	ids := []string{}
	for _, x := range list {
		ids = append(ids, x.Ref.ID)
	}
	return ids
}

func TestOnlyTheLastOfAChainOfReportsIsShown(t *testing.T) {
	t.Parallel()
	chain := []dossier.Item{report("1", "a", "oud", 1), replacing(report("2", "a", "nieuwer", 2), "1"), replacing(report("3", "a", "nieuwst", 3), "2")}
	want := map[string]string{"3": "a: nieuwst ()"}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			t.Parallel()
			r := newHarness(t, storetest.NewReplica(t))
			r.apply(patients, patient("a", 0))
			for _, i := range order {
				r.apply(reports, chain[i])
			}
			if diff := cmp.Diff(want, r.texts()); diff != "" {
				t.Error(diff)
			}
			// All is read again, as in a full run.
			for _, i := range order {
				touched := chain[i]
				touched.Updated, touched.Version = at(5), "again"
				r.apply(reports, touched)
			}
			if diff := cmp.Diff(want, r.texts()); diff != "" {
				t.Errorf("read again: %s", diff)
			}
			// When the last is hidden, the one before it comes back, and no other.
			r.apply(reports, hidden(report("3", "a", "nieuwst", 6), dossier.HiddenMarked))
			if got := r.again(); !slices.Equal(got, []string{"2"}) {
				t.Errorf("to be read again: %v, want the second", got)
			}
			second := chain[1]
			second.Updated = at(7)
			r.apply(reports, second)
			if diff := cmp.Diff(map[string]string{"2": "a: nieuwer ()"}, r.texts()); diff != "" {
				t.Errorf("without the last: %s", diff)
			}
			if got := r.again(); slices.Contains(got, "1") {
				t.Errorf("to be read again: %v, the first among them", got)
			}
		})
	}
}

func TestReplacementOfAnotherClientReplacesNothing(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0), patient("b", 0))
	r.apply(reports, report("1", "a", "oud", 1), replacing(report("2", "a", "nieuw", 2), "1"))
	if got := r.texts(); len(got) != 1 {
		t.Fatalf("shown: %v", got)
	}
	// The new one turns out to be another client's.
	r.apply(reports, replacing(report("2", "b", "nieuw", 3), "1"))
	if got := r.again(); !slices.Equal(got, []string{"1"}) {
		t.Errorf("to be read again: %v, want the old one", got)
	}
	// One of the same client's replaces it, whatever others do.
	r.apply(reports, replacing(report("3", "a", "nieuwer", 3), "1"))
	r.apply(reports, report("1", "a", "oud", 4))
	if diff := cmp.Diff(map[string]string{"2": "b: nieuw ()", "3": "a: nieuwer ()"}, r.texts()); diff != "" {
		t.Error(diff)
	}
}

func TestOldVersionReplacesNothing(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("2", "a", "staat op zichzelf", 5))
	// An old page: then it still replaced the other.
	r.apply(reports, replacing(report("2", "a", "nieuw", 2), "1"), report("1", "a", "oud", 1))
	if got := r.again(); !slices.Contains(got, "1") && r.texts()["1"] == "" {
		t.Errorf("shown %v, to be read again %v: the other is lost", r.texts(), got)
	}
}
