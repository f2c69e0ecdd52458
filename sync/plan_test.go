package sync_test

import (
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// asOfSQL selects the moment as of which readers are told the reports are true.
const asOfSQL = `SELECT min(as_of)::text FROM cursors WHERE stream = 'reports'`

// I10: reading an hour of yesterday again shows nothing about today.
func TestRunOverAPeriodLeavesFreshness(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1))
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	before, succeeded := h.queryText(asOfSQL), h.queryText(`SELECT succeeded::text FROM tenants`)
	f.advance(24 * time.Hour)
	f.put(report("r", "a", "nieuw", 24*60))
	h.wantSync(store.OutcomeComplete, store.Scope{From: at(0), To: at(60)})
	if got := h.queryText(asOfSQL); got != before {
		t.Errorf("as of %s, was %s", got, before)
	}
	if got := h.queryText(`SELECT succeeded::text FROM tenants`); got != succeeded {
		t.Errorf("succeeded at %s, was %s", got, succeeded)
	}
	// The cursor has not passed the new report either.
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := h.reportTexts()["r"]; got != "nieuw" {
		t.Errorf("the report says %q", got)
	}
}

func TestUnknownStreamInScopeIsNoOutage(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1))
	h := newHarness(t, f)
	run := h.wantSync(store.OutcomeFailed, store.Scope{Stream: dossier.StreamForms})
	if message(run) == "" {
		t.Error("the run has no message")
	}
	if got := h.queryText(`SELECT unreachable::text FROM tenants`); got != "" {
		t.Errorf("readers are told that the source is unavailable since %s", got)
	}
}

func TestRemovedSearchNoLongerDelaysFreshness(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1))
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	before := h.queryText(asOfSQL)
	for i := range f.types {
		if f.types[i] == observations {
			f.types[i].Query = "code=x"
		}
	}
	f.advance(24 * time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := h.queryText(asOfSQL); got == before {
		t.Errorf("still as of %s", got)
	}
}

// Case 56: the source's clock was put back, so that new records lie before the cursor.
func TestNothingIsMissedAfterTheClockGoesBack(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1))
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{}) // up to 11:59
	before := h.queryText(asOfSQL)
	f.advance(-2 * time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	f.put(report("r", "a", "na de klok", 10*60+5)) // five past ten, once more
	f.advance(time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := h.reportTexts()["r"]; got != "na de klok" {
		t.Errorf("the report says %q", got)
	}
	if h.queryText(asOfSQL) == before {
		t.Error("freshness did not move")
	}
}
