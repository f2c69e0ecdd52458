package sync_test

import (
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// The source was restored from a backup: the bad version is gone, and the present one is older. The
// source gives it twice, and a new epoch begins.
func TestRetryThatReadsAnOlderVersionOpensAnEpoch(t *testing.T) {
	t.Parallel()
	good := report("r", "a", "een", 2)
	f := newFakeSource(t, client("a", 1), good)
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	f.put(unreadable(good, 13*60, false))
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomePartial, store.Scope{})
	f.put(good)
	h.wantSync(store.OutcomePartial, store.Scope{})
	reads := f.count(func(a request) bool { return a.act == "read" })
	if reads != 2 {
		t.Errorf("read %d times, want twice", reads)
	}
	if got := h.queryText(`SELECT epoch::text FROM tenants`); got != "2" {
		t.Errorf("the epoch is %s, want 2", got)
	}
	if got := h.reportTexts()["r"]; got != "een" {
		t.Errorf("the report says %q", got)
	}
	h.wantSync(store.OutcomeComplete, store.Scope{})
}

// I2: a run is partial while items are in quarantine, also if the run did not meet them.
func TestRunIsPartialWhileItemsAreQuarantined(t *testing.T) {
	t.Parallel()
	bad := unreadable(report("r", "a", "een", 2), 2, true)
	f := newFakeSource(t, client("a", 1), bad)
	h := newHarness(t, f)
	h.wantSync(store.OutcomePartial, store.Scope{})
	f.advance(4 * time.Hour)
	f.script = func(a request) error {
		if a.act == "read" {
			return failure(source.Unreachable, 500)
		}
		return nil
	}
	run := h.wantSync(store.OutcomePartial, store.Scope{})
	if got, want := message(run), "1 item in quarantine; see dossiersync quarantine"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if got := h.queryText(`SELECT (succeeded = (SELECT max(started_at) FROM runs))::text FROM tenants`); got != "true" {
		t.Error("it does not count as success, although all windows were drained")
	}
	f.script = nil
	f.put(report("r", "a", "gerepareerd", 2))
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := h.reportTexts()["r"]; got != "gerepareerd" {
		t.Errorf("the report says %q", got)
	}
}

func TestQuarantinedItemNeverStoredIsDroppedWhenGone(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), unreadable(report("r", "a", "een", 2), 2, true))
	h := newHarness(t, f)
	h.wantSync(store.OutcomePartial, store.Scope{})
	f.remove(func(it dossier.Item) bool { return it.ID == "r" })
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
}

func TestRunRetriesAQuarantinedItemOnce(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), unreadable(report("r", "a", "een", 2), 2, true))
	h := newHarness(t, f)
	for _, want := range []string{"1", "2", "3"} {
		h.wantSync(store.OutcomePartial, store.Scope{})
		if got := h.queryText(`SELECT attempts::text FROM quarantine`); got != want {
			t.Errorf("tried %s times, want %s", got, want)
		}
		f.advance(4 * time.Hour)
	}
}

const quarantineSQL = `SELECT string_agg(concat_ws(' ', id, reason), ',' ORDER BY id) FROM quarantine`

// These records cannot be read by an id of their type. Only a full read shows whether the source
// still has them.
func TestFullReadDropsQuarantinedRecordsWithoutID(t *testing.T) {
	t.Parallel()
	nameless := unreadable(report("", "a", "zonder id", 2), 2, false)
	nameless.Reason = dossier.BadID
	stray := unreadable(report("", "a", "van een andere soort", 2), 2, false)
	stray.Type, stray.ID, stray.Reason = "Encounter", "e", dossier.BadType
	f := newFakeSource(t, client("a", 1), nameless, stray)
	h := newHarness(t, f)
	h.wantSync(store.OutcomePartial, store.Scope{})
	h.wantSync(store.OutcomePartial, store.Scope{Full: true}) // they are still there
	if got := h.queryText(quarantineSQL); got != "e bad-type,bad-id" {
		t.Errorf("quarantine holds %s", got)
	}
	f.remove(func(it dossier.Item) bool { return it.State == dossier.StateQuarantined })
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomePartial, store.Scope{}) // an increment does not show that they are gone
	h.wantSync(store.OutcomeComplete, store.Scope{Full: true})
}
