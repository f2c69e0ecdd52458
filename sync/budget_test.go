package sync_test

import (
	"testing"

	"dossiersync/store"
)

func TestNextRunContinuesAfterASpentBudget(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("c1", 0), nurse("n1", "Anna", 0))
	f.put(reports("c1", 60, 10, 3)...)
	h := newHarness(t, f)
	h.tenant.RequestsPerRun = 6
	h.restart()
	run := h.wantSync(store.OutcomePartial, store.Scope{})
	if got := message(run); got != "its budget of 6 requests is used up; the next run goes on where it ended" {
		t.Errorf("the run's message is %q", got)
	}
	if got := len(h.reportTexts()); got == 60 {
		t.Fatal("one budget was enough, so the test proves nothing")
	}
	for n := 1; len(h.reportTexts()) < 60; n++ {
		if n > 20 {
			t.Fatalf("after %d runs %d of 60 reports are shown", n, len(h.reportTexts()))
		}
		h.sync(store.Scope{})
	}
}
