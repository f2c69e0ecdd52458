package store_test

import (
	"testing"

	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

// A hidden record does not raise its client's change number, which would tell readers that it
// exists.
func TestHiddenItemRaisesNoChangeNumber(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, report("shown", "a", "Goed geslapen", 1))
	change := func() string { return r.one(`SELECT change::text FROM clients WHERE id = 'a'`) }
	before := change()
	hidden := func(id string, state dossier.State, reason dossier.Reason, minute int) dossier.Item {
		it := report(id, "a", id, minute)
		it.State, it.Reason, it.Content = state, reason, nil
		return it
	}
	r.apply(reports, hidden("marked", dossier.StateHidden, dossier.HiddenMarked, 2))
	r.apply(reports, hidden("marked", dossier.StateHidden, dossier.HiddenMarked, 3))
	r.apply(reports, hidden("error", dossier.StateWithdrawn, dossier.WithdrawnInError, 2))
	if after := change(); after != before {
		t.Errorf("hidden records have moved the dossier on, from %s to %s", before, after)
	}
	r.apply(reports, hidden("shown", dossier.StateHidden, dossier.HiddenMarked, 4))
	if after := change(); after == before {
		t.Error("a report that was shown has gone, and the dossier has not moved on")
	}
}
