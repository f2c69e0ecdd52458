package acceptance

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/store"
)

// held returns the sets that the command held lists.
func (h *harness) held() []store.Hold {
	h.t.Helper()
	var out struct{ Holds []store.Hold }
	if err := json.Unmarshal([]byte(h.mustRun("held", "--tenant", "amaris", "--json")), &out); err != nil {
		h.t.Fatal(err)
	}
	return out.Holds
}

// decideHeld decides on a set, with the flags given in words; on those that the flags select, if set
// is 0.
func (h *harness) decideHeld(verb string, set int64, flags string) (code int, stderr string) {
	h.t.Helper()
	args := []string{"held", verb, "--tenant", "amaris", "--note", "test", "--by", "Anna de Vries"}
	if set != 0 {
		args = append(args, fmt.Sprint(set))
	}
	code, _, stderr = h.runCommand(append(args, strings.Fields(flags)...)...)
	return code, stderr
}

// approveHeld approves every set that is held; there must be one.
func (h *harness) approveHeld() {
	h.t.Helper()
	sets := h.held()
	if len(sets) == 0 {
		h.t.Error("nothing is held")
	}
	for _, set := range sets {
		if code, stderr := h.decideHeld("approve", set.ID, fmt.Sprintf("--items %d", set.Items)); code != exitDone {
			h.t.Errorf("approve ends with %d: %s", code, stderr)
		}
	}
}

// newStoryWithMishap returns a story of four clients with six reports each, after a mishap of the
// source and the reconcile that finds it.
func newStoryWithMishap(t *testing.T, mishap string) *story {
	t.Helper()
	s := newEmptyStory(t, storyOptions{})
	for i := range 4 {
		s.putReports(fmt.Sprintf("client-%02d", i), 6)
	}
	s.sync()
	m, err := simulator.ParseMishap(mishap)
	if err != nil {
		t.Fatal(err)
	}
	s.tenant.sim.SetMishap(m)
	s.runScope(store.Scope{Only: store.StepReconcile})
	return s
}

// An operator keeps the held items of one client and approves the rest; a number that is too low
// decides nothing.
func TestHeldItemsAreDecidedByClient(t *testing.T) {
	t.Parallel()
	s := newStoryWithMishap(t, "unseen=Observation")
	sets := s.held()
	if len(sets) != 1 || sets[0].Items != 24 || sets[0].Clients != 4 || sets[0].Rule != store.HeldHalf {
		t.Fatalf("held are %+v", sets)
	}
	s.wantIncomplete("client-00", "start", "reports", "timeline", "density")
	if code, stderr := s.decideHeld("approve", sets[0].ID, "--items 23"); code != exitFailed || !strings.Contains(stderr, "24 items are held now, not 23") {
		t.Errorf("with too low a number approve ends with %d: %s", code, stderr)
	}
	if code, stderr := s.decideHeld("keep", sets[0].ID, "--items 6 --client client-00"); code != exitDone {
		t.Errorf("keep ends with %d: %s", code, stderr)
	}
	for _, flags := range []string{"--items 18", "--items 18 --type Observation --all", "--items 18 --reveals"} {
		if code, stderr := s.decideHeld("approve", 0, flags); code != exitUsage {
			t.Errorf("approve %s ends with %d: %s", flags, code, stderr)
		}
	}
	if code, stderr := s.decideHeld("approve", 0, "--items 18 --type Goal"); code != exitFailed || !strings.Contains(stderr, "nothing is held of type Goal") {
		t.Errorf("approve ends with %d: %s", code, stderr)
	}
	if code, stderr := s.decideHeld("approve", 0, "--items 18 --type Observation"); code != exitDone {
		t.Errorf("approve ends with %d: %s", code, stderr)
	}
	s.runScope(store.Scope{})
	if a, b := len(s.reportTexts("client-00")), len(s.reportTexts("client-01")); a != 6 || b != 0 {
		t.Errorf("client-00 has %d reports, want the 6 that are kept; client-01 has %d, want none", a, b)
	}
	s.wantIncomplete("client-00", "start", "reports", "timeline", "density")
	s.wantIncomplete("client-01")
	kept := s.held()
	if len(kept) != 1 || kept[0].State != store.HoldKept || kept[0].Items != 6 || kept[0].Until == nil {
		t.Errorf("held are %+v", kept)
	}

	// The time of the kept set is over: it is judged anew, and held again.
	s.exec(`UPDATE holds SET until = now() - interval '1 hour' WHERE state = 'kept'`)
	s.runScope(store.Scope{Only: store.StepReconcile})
	if open := s.held(); len(open) != 1 || open[0].State != store.HoldOpen || open[0].Items != 6 {
		t.Errorf("after its time the set is %+v", open)
	}

	s.tenant.sim.SetMishap(nil)
	s.runScope(store.Scope{})
	s.reconcile()
	if n := len(s.reportTexts("client-01")); n != 6 {
		t.Errorf("client-01 has %d reports once the source shows them again, want 6", n)
	}
	s.wantIncomplete("client-00")
	s.wantVerified()
}

// A held client counts as one item, whatever belongs to it. Once approved, the dossier goes; when
// the source shows the client again, the family reads it again with the grant of before.
func TestHeldClientsAreApprovedWithTheirDossiers(t *testing.T) {
	t.Parallel()
	s := newStoryWithMishap(t, "client=client-00")
	want := s.reportTexts("client-03")
	sets := s.held()
	if len(sets) != 1 || sets[0].Items != 3 || sets[0].Along != 18 {
		t.Fatalf("held are %+v", sets)
	}
	if code, stderr := s.decideHeld("approve", 0, "--all --items 3"); code != exitDone {
		t.Fatalf("approve ends with %d: %s", code, stderr)
	}
	s.runScope(store.Scope{})
	if got := s.listedClients(); !slices.Equal(got, []string{"client-00"}) {
		t.Errorf("listed are %v", got)
	}
	s.tenant.sim.SetMishap(nil)
	s.runScope(store.Scope{})
	s.reconcile()
	if got := s.reportTexts("client-03"); !slices.Equal(got, want) {
		t.Errorf("client-03 has %v, want %v", got, want)
	}
	s.wantVerified()
}
