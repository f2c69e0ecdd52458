package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

func replacing(it store.Item, id string) store.Item {
	it.Content.(*store.Report).Replaces = []store.Ref{{Type: it.Type, ID: id}}
	return it
}

func TestCase11ReportReplacedByANewIDInEitherOrder(t *testing.T) {
	t.Parallel()
	old, newer := report("1", "a", "oud", 1), replacing(report("2", "a", "nieuw", 2), "1")
	for name, batches := range map[string][][]store.Item{
		"old one first": {{old}, {newer}},
		"new one first": {{newer}, {old}},
		"at once":       {{old, newer}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, storetest.NewReplica(t))
			r.apply(patients, patient("a", 0))
			for _, items := range batches {
				r.apply(reports, items...)
			}
			if diff := cmp.Diff(map[string]string{"2": "a: nieuw ()"}, r.texts()); diff != "" {
				t.Error(diff)
			}
			// When the new one is withdrawn, the old one is to be read again.
			r.apply(reports, hidden(newer2(newer), store.HiddenMarked))
			again, err := r.Rereads(t.Context(), tenant, "", 10)
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
func newer2(it store.Item) store.Item {
	it.Updated = at(9)
	return it
}

func TestAnotherClientsReportReplacesNothing(t *testing.T) {
	t.Parallel()
	r := newRun(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0), patient("b", 0))
	r.apply(reports, report("1", "a", "een", 1), replacing(report("2", "b", "twee", 2), "1"))
	want := map[string]string{"1": "a: een ()", "2": "b: twee ()"}
	if diff := cmp.Diff(want, r.texts()); diff != "" {
		t.Error(diff)
	}
}
