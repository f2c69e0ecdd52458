package sync_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/sync/source"
)

// newUnreadClient returns a tenant that was read before b was a client, although the source had
// reports of b. Since then b and c have become clients.
func newUnreadClient(t *testing.T) (*fakeSource, *harness) {
	t.Helper()
	f := newFakeSource(t, client("a", 1), report("old", "b", "oud", 2))
	f.put(reports("b", 30, 3, 30)...)
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	f.put(client("b", 13*60), client("c", 13*60))
	f.advance(4 * time.Hour)
	return f, h
}

func (h *harness) owedBackfills() []string {
	h.t.Helper()
	owed, _, err := h.Backfills(h.t.Context(), store.Claim{Run: store.Run{Tenant: tenant}})
	if err != nil {
		h.t.Fatal(err)
	}
	return owed
}

func TestNewClientsHistoryIsBackfilled(t *testing.T) {
	t.Parallel()
	_, h := newUnreadClient(t)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := len(h.reportTexts()); got != 31 {
		t.Errorf("%d reports, want 31", got)
	}
	if got := h.owedBackfills(); len(got) != 0 {
		t.Errorf("still owed: %v", got)
	}
}

// If one client's history cannot be read, the other clients' histories are, and the next run reads
// the missing one.
func TestHistoryThatCannotBeReadStaysOwed(t *testing.T) {
	t.Parallel()
	ofB := func(a request) bool { return a.Client == "b" && a.of(observations) }
	for _, tc := range []struct {
		name   string
		script func(f *fakeSource) func(a request) error
	}{
		{"an error for that client only", func(*fakeSource) func(request) error {
			return func(a request) error {
				if ofB(a) {
					return failure(source.Unreachable, 500)
				}
				return nil
			}
		}},
		{"links in a circle", func(f *fakeSource) func(request) error {
			return func(a request) error {
				f.behaviour.circle = 0
				if ofB(a) {
					f.behaviour.circle = 2
				}
				return nil
			}
		}},
		{"links in a circle, without totals", func(f *fakeSource) func(request) error {
			return func(a request) error {
				f.behaviour = behaviour{noTotals: true}
				if ofB(a) {
					f.behaviour.circle = 2
				}
				return nil
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, h := newUnreadClient(t)
			f.script = tc.script(f)
			for range 2 {
				h.wantSync(store.OutcomePartial, store.Scope{})
				if diff := cmp.Diff([]string{"b"}, h.owedBackfills()); diff != "" {
					t.Error(diff)
				}
			}
			if got := h.queryText(`SELECT unreachable::text FROM tenants`); got != "" {
				t.Errorf("the source counts as unreachable since %s", got)
			}
			f.script, f.behaviour = nil, behaviour{}
			h.wantSync(store.OutcomeComplete, store.Scope{})
			if got := len(h.reportTexts()); got != 31 || len(h.owedBackfills()) != 0 {
				t.Errorf("%d reports, want 31; owed: %v", got, h.owedBackfills())
			}
		})
	}
}

// A type that fails for all clients does not leave a new client without a history.
func TestBackfillFollowsAfterATypeHasFailed(t *testing.T) {
	t.Parallel()
	f, h := newUnreadClient(t)
	f.script = func(a request) error {
		if a.of(observations) && a.Client == "" {
			return failure(source.Unreachable, 500)
		}
		return nil
	}
	h.wantSync(store.OutcomePartial, store.Scope{})
	f.script = nil
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := len(h.reportTexts()); got != 31 {
		t.Errorf("%d reports, want 31", got)
	}
}

// In the first run the clients could not be read, so that their items were hidden.
func TestReportsAppearOnceTheirClientIsRead(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), report("r", "a", "een", 2))
	f.script = func(a request) error {
		if a.of(patients) {
			return failure(source.Unreachable, 500)
		}
		return nil
	}
	h := newHarness(t, f)
	h.wantSync(store.OutcomePartial, store.Scope{})
	if got := len(h.reportTexts()); got != 0 {
		t.Errorf("%d reports of an unknown client are shown", got)
	}
	f.script = nil
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := len(h.reportTexts()); got != 1 {
		t.Errorf("%d reports, want 1", got)
	}
}
