package sync_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
	dossiersync "dossiersync/sync"
)

// verify compares source and replica, and returns how many items differ by kind.
func (h *harness) verify(req dossiersync.VerifyRequest) map[store.DifferenceKind]int64 {
	h.t.Helper()
	req.Tenant, req.Keep = tenant, 10
	v, err := h.syncer.Verify(h.t.Context(), req)
	if err != nil {
		h.t.Fatal(err)
	}
	if len(v.Unread) > 0 {
		h.t.Fatalf("types that could not be read: %v", v.Unread)
	}
	return v.Counts
}

func TestVerifyFindsEveryKindOfDifference(t *testing.T) {
	t.Parallel()
	f, h := newClientWithReports(t, 12)
	f.put(client("c2", 0), goal("g1", "c1", "lopen", 5), plan("p1", "c1", 6, "g1"))
	h.wantSync(store.OutcomeComplete, store.Scope{Full: true})
	if got := h.verify(dossiersync.VerifyRequest{}); len(got) != 0 {
		t.Fatalf("differences after a sync: %v", got)
	}

	marked := report("c1-1", "c1", "nummer 1", 10)
	marked.State, marked.Reason, marked.Content = dossier.StateHidden, dossier.HiddenMarked, nil
	f.put(marked,
		report("c1-2", "c2", "nummer 2", 10),
		report("c1-3", "c1", "anders geschreven", 11),
		report("c1-4", "c1", "gewijzigd", 13*60),
		report("c1-50", "c1", "gemist", 12),
		report("c1-51", "c1", "nieuw", 13*60))
	f.remove(isReport(5))
	h.exec(`UPDATE items SET body = '{"text": "vervalst", "attachments": []}' WHERE id = 'c1-6'`)
	h.exec(`
		UPDATE items SET state = 'hidden', reason = 'marked', card = NULL, body = NULL, model = NULL
		WHERE id = 'c1-7'`)
	want := map[store.DifferenceKind]int64{store.DifferenceShown: 1, store.DifferenceClient: 1,
		store.DifferenceContent: 2,
		store.DifferenceBehind:  2, store.DifferenceMissing: 1, store.DifferenceAbsent: 1, store.DifferenceHidden: 1}
	if diff := cmp.Diff(want, h.verify(dossiersync.VerifyRequest{})); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	want = map[store.DifferenceKind]int64{store.DifferenceClient: 1} // it is now in the other dossier
	if diff := cmp.Diff(want, h.verify(dossiersync.VerifyRequest{Client: "c2"})); diff != "" {
		t.Errorf("differences of one client (-want +got):\n%s", diff)
	}
	if got := h.verify(dossiersync.VerifyRequest{Sample: 5}); got[store.DifferenceMissing] != 1 {
		t.Errorf("differences of a sample are %v", got)
	}

	f.advance(2 * time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{Full: true})
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	if got := h.verify(dossiersync.VerifyRequest{}); got[store.DifferenceContent] != 1 || len(got) != 1 {
		t.Errorf("differences after a full run and a reconcile: %v", got) // the forged text stays
	}
}

func TestVerifyIgnoresDifferencesGoneAtASecondLook(t *testing.T) {
	t.Parallel()
	f, h := newClientWithReports(t, 12)
	first := report("c1-3", "c1", "nummer 3", 11)
	f.put(report("c1-3", "c1", "even anders", 11))
	f.script = func(a request) error {
		if a.act == "read" && a.ref.ID == "c1-3" {
			f.put(first)
		}
		return nil
	}
	if got := h.verify(dossiersync.VerifyRequest{}); len(got) != 0 {
		t.Errorf("differences: %v", got)
	}
}

func TestVerifyOfASourceSearchableByClientOnly(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, nurse("n1", "Anna", 0))
	for n := range 3 {
		id := fmt.Sprintf("c%d", n)
		f.put(client(id, 0))
		f.put(reports(id, 12, 10, 3)...)
	}
	onlySearchableByClient(f)
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	f.put(report("c1-3", "c1", "anders", 11))
	if diff := cmp.Diff(map[store.DifferenceKind]int64{store.DifferenceContent: 1},
		h.verify(dossiersync.VerifyRequest{})); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}

// A record that the source has, but that no search finds any more, is no longer shared.
func TestVerifyFindsItemsThatLeftTheSearch(t *testing.T) {
	t.Parallel()
	src, h := newFilteredHarness(t)
	if got := h.verify(dossiersync.VerifyRequest{}); len(got) != 0 {
		t.Fatalf("differences after a sync: %v", got)
	}
	src.left["c1-2"] = true
	want := map[store.DifferenceKind]int64{store.DifferenceAbsent: 1}
	if diff := cmp.Diff(want, h.verify(dossiersync.VerifyRequest{})); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}
