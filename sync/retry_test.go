package sync_test

import (
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// The source was restored from a backup: the bad version is gone, and what it has
// is older than that. It says so twice, and a new epoch begins.
func TestRetryThatBringsAnOlderVersionOpensAnEpoch(t *testing.T) {
	t.Parallel()
	good := report("r", "a", "een", 2)
	f := newFake(t, client("a", 1), good)
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{})
	f.put(unreadable(good, 13*60, false))
	f.pass(4 * time.Hour)
	b.syncs(store.OutcomePartial, store.Scope{})
	f.put(good)
	b.syncs(store.OutcomePartial, store.Scope{})
	reads := f.count(func(a asked) bool { return a.act == "read" })
	if reads != 2 {
		t.Errorf("read %d times, want twice", reads)
	}
	if got := b.one(`SELECT epoch::text FROM tenants`); got != "2" {
		t.Errorf("the epoch is %s, want 2", got)
	}
	if got := b.texts()["r"]; got != "een" {
		t.Errorf("the report says %q", got)
	}
	b.syncs(store.OutcomeComplete, store.Scope{})
}

// I2: as long as something is in quarantine the run is partial, whether the run
// met it or not.
func TestRunIsPartialWhileTheQuarantineIsNotEmpty(t *testing.T) {
	t.Parallel()
	bad := unreadable(report("r", "a", "een", 2), 2, true)
	f := newFake(t, client("a", 1), bad)
	b := newBenchOf(t, f)
	b.syncs(store.OutcomePartial, store.Scope{})
	f.pass(4 * time.Hour)
	f.script = func(a asked) error {
		if a.act == "read" {
			return failing(source.Unreachable, 500)
		}
		return nil
	}
	run := b.syncs(store.OutcomePartial, store.Scope{})
	if got, want := message(run), "1 item in quarantine; see dossiersync quarantine"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if got := b.one(`SELECT (succeeded = (SELECT max(started_at) FROM runs))::text FROM tenants`); got != "true" {
		t.Error("it does not count as success, although all windows were drained")
	}
	f.script = nil
	f.put(report("r", "a", "gerepareerd", 2))
	b.syncs(store.OutcomeComplete, store.Scope{})
	if got := b.texts()["r"]; got != "gerepareerd" {
		t.Errorf("the report says %q", got)
	}
}

func TestQuarantinedItemThatIsGoneIsForgotten(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1), unreadable(report("r", "a", "een", 2), 2, true))
	b := newBenchOf(t, f)
	b.syncs(store.OutcomePartial, store.Scope{})
	f.remove(func(it dossier.Item) bool { return it.ID == "r" })
	f.pass(4 * time.Hour)
	b.syncs(store.OutcomeComplete, store.Scope{})
}

func TestEachRunTriesAQuarantinedItemOnce(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("a", 1), unreadable(report("r", "a", "een", 2), 2, true))
	b := newBenchOf(t, f)
	for _, want := range []string{"1", "2", "3"} {
		b.syncs(store.OutcomePartial, store.Scope{})
		if got := b.one(`SELECT attempts::text FROM quarantine`); got != want {
			t.Errorf("tried %s times, want %s", got, want)
		}
		f.pass(4 * time.Hour)
	}
}

const inQuarantine = `SELECT string_agg(concat_ws(' ', id, reason), ',' ORDER BY id) FROM quarantine`

// What cannot be asked for by an id of its type: a full read tells whether it is
// still there.
func TestQuarantineForgetsWhatHasNoIDWhenAFullReadLacksIt(t *testing.T) {
	t.Parallel()
	nameless := unreadable(report("", "a", "zonder id", 2), 2, false)
	nameless.Reason = dossier.BadID
	stray := unreadable(report("", "a", "van een andere soort", 2), 2, false)
	stray.Type, stray.ID, stray.Reason = "Encounter", "e", dossier.BadType
	f := newFake(t, client("a", 1), nameless, stray)
	b := newBenchOf(t, f)
	b.syncs(store.OutcomePartial, store.Scope{})
	b.syncs(store.OutcomePartial, store.Scope{Full: true}) // it is still there
	if got := b.one(inQuarantine); got != "e bad-type,bad-id" {
		t.Errorf("quarantine holds %s", got)
	}
	f.remove(func(it dossier.Item) bool { return it.State == dossier.StateQuarantined })
	f.pass(4 * time.Hour)
	b.syncs(store.OutcomePartial, store.Scope{}) // nothing tells
	b.syncs(store.OutcomeComplete, store.Scope{Full: true})
}
