package acceptance

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/cmd/carerecordsim/simulator"
	"dossiersync/store"
)

// Given organisations of 2, 4, 12 and 40 clients, and a source that loses rights without saying so:
// readers keep everything that was not within the limits of I5, and after the source is mended all
// of it is readable again, for the same users, without a full read and without an operator.
func TestMishapTakesNothingAway(t *testing.T) {
	t.Parallel()
	for _, mishap := range []string{
		"empty", "unseen=Observation", "forbidden=Observation", "client=client-00", "tag=unknown",
		"without=valueString", "without=status", "without=subject", "without=code",
	} {
		for _, clients := range []int{2, 4, 12, 40} {
			t.Run(fmt.Sprintf("%s/%d clients", mishap, clients), func(t *testing.T) {
				t.Parallel()
				testMishap(t, mishap, clients)
			})
		}
	}
}

func testMishap(t *testing.T, mishap string, clients int) {
	s := newEmptyStory(t, storyOptions{})
	want := make(map[string][]string)
	for i := range clients {
		client := fmt.Sprintf("client-%02d", i)
		want[client] = s.putReports(client, 6)
	}
	s.sync()
	m, err := simulator.ParseMishap(mishap)
	if err != nil {
		t.Fatal(err)
	}
	shown := func() map[string][]string {
		got := make(map[string][]string)
		for _, client := range s.listedClients() {
			got[client] = s.reportTexts(client)
		}
		return got
	}
	s.tenant.sim.SetMishap(m)
	for _, scope := range []store.Scope{{}, {Full: true}, {Only: store.StepReconcile}, {Only: store.StepReconcile}, {}} {
		run := s.runScope(scope)
		if scope.Only == store.StepReconcile && *run.Outcome == store.OutcomeComplete {
			t.Error("a reconcile is complete, although the source has lost rights")
		}
		if diff := cmp.Diff(want, shown()); diff != "" {
			t.Fatalf("after a run of %+v readers see (-want +got):\n%s", scope, diff)
		}
	}
	s.tenant.sim.SetMishap(nil)
	s.runScope(store.Scope{})
	s.reconcile()
	if diff := cmp.Diff(want, shown()); diff != "" {
		t.Errorf("after the source was mended readers see (-want +got):\n%s", diff)
	}
	if n := s.queryOne(`SELECT count(*)::text FROM holds WHERE state <> 'ended'`); n != "0" {
		t.Errorf("%s sets are still held", n)
	}
	s.wantVerified()
}
