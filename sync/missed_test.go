package sync_test

import (
	"slices"
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// leaveOutOnce returns a script that leaves one record out of the next search that matches.
func leaveOutOnce(f *fakeSource, it dossier.Item, when func(a request) bool) func(a request) error {
	left, done := false, false
	return func(a request) error {
		if left {
			f.put(it)
			left, done = false, true
		}
		if a.act == "search" && a.of(observations) && when(a) && !done {
			f.remove(func(x dossier.Item) bool { return x.Ref == it.Ref })
			left = true
		}
		return nil
	}
}

// A client or type that is shown again is read in full. No later increment brings an item that was
// missed then.
func TestReconcileFindsItemsMissedInABackfill(t *testing.T) {
	t.Parallel()
	ofClient := func(a request) bool { return a.Client == "c1" }
	fromTheBeginning := func(a request) bool { return a.From.IsZero() }
	for _, tc := range []struct {
		name string
		hide func(f *fakeSource, minute int)
		show func(f *fakeSource, minute int)
		when func(a request) bool
	}{{
		"the client was out of care",
		func(f *fakeSource, minute int) {
			f.put(withState(client("c1", minute), dossier.StateHidden, dossier.HiddenInactive))
		},
		func(f *fakeSource, minute int) { f.put(client("c1", minute)) }, ofClient,
	}, {
		"the client was deleted",
		func(f *fakeSource, minute int) {
			f.put(withState(client("c1", minute), dossier.StateWithdrawn, dossier.WithdrawnDeleted))
		},
		func(f *fakeSource, minute int) { f.put(client("c1", minute)) }, ofClient,
	}, {
		"the reports were not shared",
		func(f *fakeSource, _ int) {
			f.types = slices.DeleteFunc(f.types, func(t source.Type) bool { return t.Name == observations.Name })
		},
		func(f *fakeSource, _ int) { f.types = append(f.types, observations) }, fromTheBeginning,
	}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, h := newClientWithReports(t, 5)
			f.behaviour.noTotals = true
			tc.hide(f, 725)
			f.advance(time.Hour)
			h.wantSync(store.OutcomeComplete, store.Scope{})
			if got := h.reportTexts(); len(got) > 0 {
				t.Fatalf("still shown: %v", got)
			}
			tc.show(f, 785)
			f.advance(time.Hour)
			f.script = leaveOutOnce(f, f.records[slices.IndexFunc(f.records, isReport(3))], tc.when)
			h.wantSync(store.OutcomeComplete, store.Scope{})
			if got := h.reportTexts(); len(got) != 4 {
				t.Fatalf("no report is missing: %v", got)
			}
			h.wantSync(store.OutcomeComplete, onlyReconcile)
			if got := h.reportTexts(); len(got) != 5 {
				t.Errorf("after a reconcile %v are shown", h.shownReports())
			}
		})
	}
}

// A record that once came without lastUpdated may have been mapped differently, and no increment
// brings it again.
func TestReconcileRepairsItemsWithoutLastUpdated(t *testing.T) {
	t.Parallel()
	whole := report("c1-0", "c1", "met tijd", 10)
	timeless := report("c1-0", "c1", "zonder tijd", 10)
	timeless.Updated = time.Time{}
	f := newFakeSource(t, client("c1", 0), nurse("n1", "Anna", 0), timeless)
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	f.put(whole)
	f.advance(time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := h.reportTexts()["c1-0"]; got != "zonder tijd" {
		t.Fatalf("an increment brought %q", got)
	}
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	if got := h.reportTexts()["c1-0"]; got != "met tijd" {
		t.Errorf("after a reconcile it is %q", got)
	}
}

// withState returns the item in a state in which it is not shown.
func withState(it dossier.Item, state dossier.State, reason dossier.Reason) dossier.Item {
	it.State, it.Reason, it.Content = state, reason, nil
	return it
}
