package sync_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// quarantined has one good report, and then a version of it that cannot be read,
// in the way of which the good one stays.
func quarantined(t *testing.T) (*fake, *bench) {
	t.Helper()
	good := report("r", "a", "een", 2)
	f := newFake(t, client("a", 1), good)
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{})
	f.put(unreadable(good, 13*60, true))
	f.pass(4 * time.Hour)
	b.syncs(store.OutcomePartial, store.Scope{})
	return f, b
}

var retry = store.Scope{Only: store.StepQuarantine}

// A 410 is the source's own statement.
func TestQuarantinedItemThatTheSourceSaysIsDeletedIsWithdrawn(t *testing.T) {
	t.Parallel()
	f, b := quarantined(t)
	f.script = func(a asked) error {
		if a.act == "read" {
			return failing(source.NotFound, 410)
		}
		return nil
	}
	run := b.syncs(store.OutcomeComplete, retry)
	if got := totals(run).Reasons["withdrawn:deleted"]; got != 1 {
		t.Errorf("counted %+v", totals(run))
	}
	const tombstone = `SELECT concat_ws(' ', state, reason, client, version) FROM items WHERE id = 'r'`
	if got := b.one(tombstone); got != "withdrawn deleted a 2" {
		t.Errorf("stored is %q", got)
	}
	if got := b.one(inQuarantine); got != "" {
		t.Errorf("quarantine holds %s", got)
	}
}

// A 404 may have other causes. Forgetting the item would let its last good version
// pass for the newest.
func TestQuarantinedItemThatIsNotFoundStaysWhileItsLastGoodVersionIsShown(t *testing.T) {
	t.Parallel()
	f, b := quarantined(t)
	f.remove(func(it dossier.Item) bool { return it.ID == "r" })
	b.syncs(store.OutcomePartial, retry)
	if got := b.texts()["r"]; got != "een" {
		t.Errorf("the report says %q", got)
	}
	if got := b.one(inQuarantine); got != "r bad-body" {
		t.Errorf("quarantine holds %s", got)
	}
	// As reconcile does:
	b.exec(`UPDATE items SET state = 'withdrawn', reason = 'absent', card = NULL, body = NULL, model = NULL WHERE id = 'r'`)
	b.syncs(store.OutcomeComplete, retry)
}

func TestRetryOfSomeLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	one, two := report("1", "a", "een", 2), report("2", "a", "twee", 2)
	f := newFake(t, client("a", 1), unreadable(one, 2, true), unreadable(two, 2, true))
	b := newBenchOf(t, f)
	b.syncs(store.OutcomePartial, store.Scope{})
	f.put(one)
	only := retry
	only.Keys = []string{dossier.Key(tenant, one.Ref)}
	reads := f.count(func(a asked) bool { return a.act == "read" })
	b.syncs(store.OutcomeComplete, only)
	if got := f.count(func(a asked) bool { return a.act == "read" }) - reads; got != 1 {
		t.Errorf("read %d times, want once", got)
	}
	if got := b.one(inQuarantine); got != "2 bad-body" {
		t.Errorf("quarantine holds %s", got)
	}
	only.Keys = []string{dossier.Key(tenant, two.Ref)}
	run := b.syncs(store.OutcomePartial, only)
	if got, want := message(run), "1 item in quarantine; see dossiersync quarantine"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if diff := cmp.Diff(only, run.Scope); diff != "" {
		t.Error(diff)
	}
	b.syncs(store.OutcomePartial, retry)
	if got := b.one(`SELECT attempts::text FROM quarantine`); got != "3" {
		t.Errorf("tried %s times, want 3", got)
	}
}

// identifying is a source that finds out of bytes by now which record they are of.
type identifying struct{ *fake }

func (identifying) Identify(_ dossier.Stream, typ string, raw []byte) (dossier.Ref, bool) {
	id, ok := bytes.CutPrefix(raw, []byte("record "))
	return dossier.Ref{Type: typ, ID: string(id)}, ok
}

// The bytes may be of long ago: what counts is what the source has now.
func TestRecordWithoutAnIDIsReadByTheOneThatItsBytesTellByNow(t *testing.T) {
	t.Parallel()
	nameless := func(raw string) dossier.Item {
		it := unreadable(report("", "a", "", 2), 2, false)
		it.Reason, it.Raw = dossier.BadID, []byte(raw)
		return it
	}
	f := newFake(t, client("a", 1), nameless("record r"), nameless("record gone"), nameless("hopeless"))
	b := newBenchOf(t, identifying{f})
	sealer, err := store.NewSealer(make([]byte, store.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	without := b.Store
	b.Replica.Store = b.WithSealer(sealer)
	b.restart()
	b.syncs(store.OutcomePartial, store.Scope{})
	f.remove(func(it dossier.Item) bool { return it.ID == "" && it.Type == "Observation" })
	f.put(report("r", "a", "gerepareerd", 13*60))
	b.syncs(store.OutcomePartial, retry)
	if diff := cmp.Diff(map[string]string{"r": "gerepareerd"}, b.texts()); diff != "" {
		t.Error(diff)
	}
	if got := b.one(inQuarantine); got != "bad-id" {
		t.Errorf("quarantine holds %s, want the hopeless one", got)
	}
	// A key that was lost, or changed, costs the retry, and no more.
	other, err := store.NewSealer(bytes.Repeat([]byte{1}, store.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range []*store.Store{without, b.WithSealer(other)} {
		b.Replica.Store = st
		b.restart()
		b.syncs(store.OutcomePartial, retry)
	}
}
