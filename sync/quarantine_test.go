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

// newQuarantinedReport returns a harness with a report whose newest version cannot be read, so that
// its last good version is shown.
func newQuarantinedReport(t *testing.T) (*fakeSource, *harness) {
	t.Helper()
	good := report("r", "a", "een", 2)
	f := newFakeSource(t, client("a", 1), good)
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	f.put(unreadable(good, 13*60, true))
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomePartial, store.Scope{})
	return f, h
}

var onlyRetry = store.Scope{Only: store.StepQuarantine}

// By a 410 the source states that it has deleted the record.
func TestQuarantinedItemIsWithdrawnOn410(t *testing.T) {
	t.Parallel()
	f, h := newQuarantinedReport(t)
	f.script = func(a request) error {
		if a.act == "read" {
			return failure(source.NotFound, 410)
		}
		return nil
	}
	run := h.wantSync(store.OutcomeComplete, onlyRetry)
	if got := totals(run).Reasons["withdrawn:deleted"]; got != 1 {
		t.Errorf("counted %+v", totals(run))
	}
	const tombstone = `SELECT concat_ws(' ', state, reason, client, version) FROM items WHERE id = 'r'`
	if got := h.queryText(tombstone); got != "withdrawn deleted a 2" {
		t.Errorf("stored is %q", got)
	}
	if got := h.queryText(quarantineSQL); got != "" {
		t.Errorf("quarantine holds %s", got)
	}
}

// A 404 may have other causes. If the item left the quarantine, its last good version would pass
// for the newest.
func TestQuarantinedItemStaysOn404WhileShown(t *testing.T) {
	t.Parallel()
	f, h := newQuarantinedReport(t)
	f.remove(func(it dossier.Item) bool { return it.ID == "r" })
	h.wantSync(store.OutcomePartial, onlyRetry)
	if got := h.reportTexts()["r"]; got != "een" {
		t.Errorf("the report says %q", got)
	}
	if got := h.queryText(quarantineSQL); got != "r bad-body" {
		t.Errorf("quarantine holds %s", got)
	}
	// As a reconcile does:
	h.exec(`
		UPDATE items SET state = 'withdrawn', reason = 'absent', card = NULL, body = NULL, model = NULL
		WHERE id = 'r'`)
	h.wantSync(store.OutcomeComplete, onlyRetry)
}

func TestRetryByKeyLeavesOtherItemsAlone(t *testing.T) {
	t.Parallel()
	one, two := report("1", "a", "een", 2), report("2", "a", "twee", 2)
	f := newFakeSource(t, client("a", 1), unreadable(one, 2, true), unreadable(two, 2, true))
	h := newHarness(t, f)
	h.wantSync(store.OutcomePartial, store.Scope{})
	f.put(one)
	only := onlyRetry
	only.Keys = []string{dossier.Key(tenant, one.Ref)}
	reads := f.count(func(a request) bool { return a.act == "read" })
	h.wantSync(store.OutcomeComplete, only)
	if got := f.count(func(a request) bool { return a.act == "read" }) - reads; got != 1 {
		t.Errorf("read %d times, want once", got)
	}
	if got := h.queryText(quarantineSQL); got != "2 bad-body" {
		t.Errorf("quarantine holds %s", got)
	}
	only.Keys = []string{dossier.Key(tenant, two.Ref)}
	run := h.wantSync(store.OutcomePartial, only)
	if got, want := message(run), "1 item in quarantine; see dossiersync quarantine"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
	if diff := cmp.Diff(only, run.Scope); diff != "" {
		t.Error(diff)
	}
	h.wantSync(store.OutcomePartial, onlyRetry)
	if got := h.queryText(`SELECT attempts::text FROM quarantine`); got != "3" {
		t.Errorf("tried %s times, want 3", got)
	}
}

// sourceWithIdentifier finds the id of a record in its bytes.
type sourceWithIdentifier struct{ *fakeSource }

func (sourceWithIdentifier) Identify(_ dossier.Stream, typ string, raw []byte) (dossier.Ref, bool) {
	id, ok := bytes.CutPrefix(raw, []byte("record "))
	return dossier.Ref{Type: typ, ID: string(id)}, ok
}

// The kept bytes may be old, so that the record is read from the source.
func TestRecordIsReadByTheIDFoundInItsKeptBytes(t *testing.T) {
	t.Parallel()
	nameless := func(raw string) dossier.Item {
		it := unreadable(report("", "a", "", 2), 2, false)
		it.Reason, it.Raw = dossier.BadID, []byte(raw)
		return it
	}
	f := newFakeSource(t, client("a", 1), nameless("record r"), nameless("record gone"), nameless("hopeless"))
	h := newHarness(t, sourceWithIdentifier{f})
	sealer, err := store.NewSealer(make([]byte, store.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	without := h.Store
	h.Replica.Store = h.WithSealer(sealer)
	h.restart()
	h.wantSync(store.OutcomePartial, store.Scope{})
	f.remove(func(it dossier.Item) bool { return it.ID == "" && it.Type == "Observation" })
	f.put(report("r", "a", "gerepareerd", 13*60))
	h.wantSync(store.OutcomePartial, onlyRetry)
	if diff := cmp.Diff(map[string]string{"r": "gerepareerd"}, h.reportTexts()); diff != "" {
		t.Error(diff)
	}
	if got := h.queryText(quarantineSQL); got != "bad-id" {
		t.Errorf("quarantine holds %s, want the hopeless one", got)
	}
	// With a lost or changed key the bytes cannot be read, and the item stays in quarantine.
	other, err := store.NewSealer(bytes.Repeat([]byte{1}, store.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range []*store.Store{without, h.WithSealer(other)} {
		h.Replica.Store = st
		h.restart()
		h.wantSync(store.OutcomePartial, onlyRetry)
	}
}
