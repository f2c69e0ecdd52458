package sync_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/sync/source"
)

// newcomer is a tenant that was read when b was not a client yet, though the
// source had reports of b's, and after whom b and c have come.
func newcomer(t *testing.T) (*fake, *bench) {
	t.Helper()
	f := newFake(t, client("a", 1), report("old", "b", "oud", 2))
	f.put(reports("b", 30, 3, 30)...)
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{})
	f.put(client("b", 13*60), client("c", 13*60))
	f.pass(4 * time.Hour)
	return f, b
}

func (b *bench) owed() []string {
	b.t.Helper()
	owed, _, err := b.Backfills(b.t.Context(), store.Claim{Run: store.Run{Tenant: tenant}})
	if err != nil {
		b.t.Fatal(err)
	}
	return owed
}

func TestNewClientsHistoryIsRead(t *testing.T) {
	t.Parallel()
	_, b := newcomer(t)
	b.syncs(store.OutcomeComplete, store.Scope{})
	if got := len(b.texts()); got != 31 {
		t.Errorf("%d reports, want 31", got)
	}
	if got := b.owed(); len(got) != 0 {
		t.Errorf("still owed: %v", got)
	}
}

// Whatever goes wrong with one history, that client stays owed, others get
// theirs, and the next run makes it good.
func TestHistoryThatCannotBeReadStaysOwed(t *testing.T) {
	t.Parallel()
	ofB := func(a asked) bool { return a.Client == "b" && a.of(observations) }
	for _, tc := range []struct {
		name   string
		script func(f *fake) func(a asked) error
	}{
		{"an error for that client only", func(*fake) func(asked) error {
			return func(a asked) error {
				if ofB(a) {
					return failing(source.Unreachable, 500)
				}
				return nil
			}
		}},
		{"links in a circle", func(f *fake) func(asked) error {
			return func(a asked) error {
				f.manners.circle = 0
				if ofB(a) {
					f.manners.circle = 2
				}
				return nil
			}
		}},
		{"links in a circle, without totals", func(f *fake) func(asked) error {
			return func(a asked) error {
				f.manners = manners{noTotals: true}
				if ofB(a) {
					f.manners.circle = 2
				}
				return nil
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f, b := newcomer(t)
			f.script = tc.script(f)
			for range 2 {
				b.syncs(store.OutcomePartial, store.Scope{})
				if diff := cmp.Diff([]string{"b"}, b.owed()); diff != "" {
					t.Error(diff)
				}
			}
			if got := b.one(`SELECT unreachable::text FROM tenants`); got != "" {
				t.Errorf("the source counts as unreachable since %s", got)
			}
			f.script, f.manners = nil, manners{}
			b.syncs(store.OutcomeComplete, store.Scope{})
			if got := len(b.texts()); got != 31 || len(b.owed()) != 0 {
				t.Errorf("%d reports, want 31; owed: %v", got, b.owed())
			}
		})
	}
}

// A type that fails for all does not leave a newcomer without history.
func TestNewClientsHistorySurvivesATypeThatFails(t *testing.T) {
	t.Parallel()
	f, b := newcomer(t)
	f.script = func(a asked) error {
		if a.of(observations) && a.Client == "" {
			return failing(source.Unreachable, 500)
		}
		return nil
	}
	b.syncs(store.OutcomePartial, store.Scope{})
	f.script = nil
	f.pass(4 * time.Hour)
	b.syncs(store.OutcomeComplete, store.Scope{})
	if got := len(b.texts()); got != 31 {
		t.Errorf("%d reports, want 31", got)
	}
}

// In the first run the clients failed: their items were hidden, and come back
// with the clients.
func TestDossiersComeWithTheirClients(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1), report("r", "a", "een", 2))
	f.script = func(a asked) error {
		if a.of(patients) {
			return failing(source.Unreachable, 500)
		}
		return nil
	}
	b := newBenchOf(t, f)
	b.syncs(store.OutcomePartial, store.Scope{})
	if got := len(b.texts()); got != 0 {
		t.Errorf("%d reports of an unknown client are shown", got)
	}
	f.script = nil
	b.syncs(store.OutcomeComplete, store.Scope{})
	if got := len(b.texts()); got != 1 {
		t.Errorf("%d reports, want 1", got)
	}
}
