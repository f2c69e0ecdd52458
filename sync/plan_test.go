package sync_test

import (
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// asOf is as of when the reports are known to be true, as readers are told.
const asOf = `SELECT min(as_of)::text FROM cursors WHERE stream = 'reports'`

// I10: who reads an hour of yesterday again knows nothing of today.
func TestRunOverAPeriodLeavesFreshnessAsItIs(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1))
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{})
	before, succeeded := b.one(asOf), b.one(`SELECT succeeded::text FROM tenants`)
	f.pass(24 * time.Hour)
	f.put(report("r", "a", "nieuw", 24*60))
	b.syncs(store.OutcomeComplete, store.Scope{From: at(0), To: at(60)})
	if got := b.one(asOf); got != before {
		t.Errorf("as of %s, was %s", got, before)
	}
	if got := b.one(`SELECT succeeded::text FROM tenants`); got != succeeded {
		t.Errorf("succeeded at %s, was %s", got, succeeded)
	}
	// Nor has anything been passed over.
	b.syncs(store.OutcomeComplete, store.Scope{})
	if got := b.texts()["r"]; got != "nieuw" {
		t.Errorf("the report says %q", got)
	}
}

func TestScopeThatTheSourceDoesNotHaveIsNoOutage(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1))
	b := newBenchOf(t, f)
	run := b.syncs(store.OutcomeFailed, store.Scope{Stream: dossier.StreamForms})
	if message(run) == "" {
		t.Error("the run does not say why")
	}
	if got := b.one(`SELECT unreachable::text FROM tenants`); got != "" {
		t.Errorf("readers are told that the source is unavailable since %s", got)
	}
}

func TestSearchThatIsNoLongerConfiguredHoldsFreshnessBackNoLonger(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1))
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{})
	before := b.one(asOf)
	for i := range f.types {
		if f.types[i] == observations {
			f.types[i].Query = "code=x"
		}
	}
	f.pass(24 * time.Hour)
	b.syncs(store.OutcomeComplete, store.Scope{})
	if got := b.one(asOf); got == before {
		t.Errorf("still as of %s", got)
	}
}

// Case 56: the source's clock was put back. What it writes by its new time lies
// before the cursor.
func TestNothingIsMissedWhenTheSourcesClockIsPutBack(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1))
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{}) // up to 11:59
	before := b.one(asOf)
	f.pass(-2 * time.Hour)
	b.syncs(store.OutcomeComplete, store.Scope{})
	f.put(report("r", "a", "na de klok", 10*60+5)) // five past ten, once more
	f.pass(time.Hour)
	b.syncs(store.OutcomeComplete, store.Scope{})
	if got := b.texts()["r"]; got != "na de klok" {
		t.Errorf("the report says %q", got)
	}
	if b.one(asOf) == before {
		t.Error("freshness stands still")
	}
}
