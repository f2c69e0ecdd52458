package sync_test

import (
	"fmt"
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	dossiersync "dossiersync/sync"
	"dossiersync/sync/source"
)

const day = 24 * time.Hour

// A source that fails on a long interval is read in shorter ones: by a run, by a reconcile, by a
// backfill and by a verification.
func TestLongIntervalsThatFailAreReadInParts(t *testing.T) {
	t.Parallel()
	for _, longest := range []time.Duration{366 * day, 100 * day} {
		t.Run(fmt.Sprint(longest), func(t *testing.T) {
			t.Parallel()
			old := report("old", "a", "lang geleden", 0)
			old.Updated = at(0).Add(-3 * 365 * day)
			f := newFakeSource(t, client("a", 1), client("b", 2), report("r1", "a", "een", 3), old)
			f.behaviour.fails = longest
			f.types = []source.Type{patients, observations}
			h := newHarness(t, f)
			h.wantSync(store.OutcomeComplete, store.Scope{})
			if got := h.reportTexts(); len(got) != 2 {
				t.Fatalf("%d reports, want 2", len(got))
			}
			f.remove(func(it dossier.Item) bool { return it.ID == "old" })
			f.put(client("c", 12*60+1), report("r2", "c", "nieuw", 12*60+1))
			f.advance(4 * time.Hour)
			h.wantSync(store.OutcomeComplete, store.Scope{})
			h.wantSync(store.OutcomeComplete, store.Scope{Only: store.StepReconcile})
			if got := h.reportTexts(); len(got) != 2 || got["r2"] != "nieuw" {
				t.Errorf("the reports are %v, want those that are left and the new one", got)
			}
			if got := h.verify(dossiersync.VerifyRequest{}); len(got) > 0 {
				t.Errorf("verify finds %v", got)
			}
		})
	}
}

// A source that fails on a type altogether is not asked for ever shorter intervals.
func TestTypeThatAlwaysFailsIsNotReadInParts(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), report("r1", "a", "een", 3))
	f.script = func(a request) error {
		if a.of(observations) {
			return failure(source.Unreachable, 500)
		}
		return nil
	}
	h := newHarness(t, f)
	h.wantSync(store.OutcomePartial, store.Scope{})
	if n := f.count(func(a request) bool { return a.of(observations) }); n > 8 {
		t.Errorf("%d requests for a type that cannot be read", n)
	}
}

// A source that counts more records than it shows is not partial for ever, and its deletions are
// found. One that shows fewer than it has is.
func TestCountsThatAreAlwaysTooHighAreLearned(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), client("b", 2))
	f.put(reports("a", 30, 3, 2)...)
	f.behaviour.countsMore = 7
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	f.remove(func(it dossier.Item) bool { return it.ID == "a-3" })
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{Only: store.StepReconcile})
	if got := h.reportTexts(); len(got) != 29 {
		t.Errorf("%d reports, want 29", len(got))
	}
	before := f.count(nil)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if n := f.count(nil) - before; n > 15 {
		t.Errorf("%d requests for a run without news: the excess is not remembered", n)
	}
}

// A total may be wrong where a count is right.
func TestTotalIsCheckedByACount(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1))
	f.put(reports("a", 30, 3, 2)...)
	f.behaviour.totalsMore = 2
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
}
