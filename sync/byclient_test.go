package sync_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// onlySearchableByClient makes the source refuse searches without a client for all that belongs to
// clients.
func onlySearchableByClient(f *fakeSource) {
	f.script = func(a request) error {
		if (a.act == "search" || a.act == "count") && a.Client == "" && a.Type.Stream != dossier.StreamClients &&
			a.Type.Stream != dossier.StreamStaff {
			return failure(source.Unsupported, 400)
		}
		return nil
	}
}

func TestSourceSearchableByClientOnlyIsRead(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, nurse("n1", "Anna", 0))
	for n := range 5 {
		id := fmt.Sprintf("c%d", n)
		f.put(client(id, 0))
		f.put(reports(id, 12, 10+n, 3)...)
	}
	onlySearchableByClient(f)
	h := newHarness(t, f)
	run := h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := len(h.reportTexts()); got != 60 {
		t.Fatalf("%d reports are shown, want 60", got)
	}
	if got := totals(run).Created; got != 60+6 {
		t.Errorf("the run counts %d created", got)
	}

	// An increment reads each client from that client's cursor.
	f.advance(4 * time.Hour)
	f.put(report("nieuw", "c3", "nieuw", 15*60), client("c9", 15*60), report("van-c9", "c9", "van vroeger", 5))
	run = h.wantSync(store.OutcomeComplete, store.Scope{})
	got := h.reportTexts()
	if got["nieuw"] != "nieuw" || got["van-c9"] != "van vroeger" || len(got) != 62 {
		t.Errorf("%d reports are shown", len(got))
	}
	if n := totals(run).Unchanged; n > 5 {
		t.Errorf("the increment read %d records again", n)
	}

	f.remove(func(it dossier.Item) bool { return it.ID == "c2-5" })
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	if got := h.reportTexts(); got["c2-5"] != "" || len(got) != 61 {
		t.Errorf("after a reconcile %d reports are shown", len(got))
	}
}

// Case 65: the source fails for one client only.
func TestFailingClientDoesNotStopOtherClients(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, nurse("n1", "Anna", 0), client("c1", 0), client("c2", 0), client("c3", 0))
	for _, id := range []string{"c1", "c2", "c3"} {
		f.put(reports(id, 4, 10, 3)...)
	}
	onlySearchableByClient(f)
	asScripted := f.script
	f.script = func(a request) error {
		if a.act == "search" && a.Client == "c2" && a.of(observations) && !a.Envelope {
			return failure(source.Unreachable, 500)
		}
		return asScripted(a)
	}
	h := newHarness(t, f)
	run := h.wantSync(store.OutcomePartial, store.Scope{})
	if got := len(h.reportTexts()); got != 8 {
		t.Errorf("%d reports are shown, want 8", got)
	}
	if got := message(run); !strings.Contains(got, "the records of 1 client could not be read") {
		t.Errorf("the run's message is %q", got)
	}
	onlySearchableByClient(f)
	f.advance(4 * time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := len(h.reportTexts()); got != 12 {
		t.Errorf("%d reports are shown, want 12", got)
	}
}
