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
		"without=valueString", "without=status", "without=subject", "without=code", "pages=2",
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
	s.tenant.sim.SetMishap(m)
	for _, scope := range []store.Scope{{}, {Full: true}, {Only: store.StepReconcile}, {Only: store.StepReconcile}, {}} {
		run := s.runScope(scope)
		if scope.Only == store.StepReconcile && *run.Outcome == store.OutcomeComplete {
			t.Error("a reconcile is complete, although the source has lost rights")
		}
		if diff := cmp.Diff(want, s.allReportTexts()); diff != "" {
			t.Fatalf("after a run of %+v readers see (-want +got):\n%s", scope, diff)
		}
	}
	s.tenant.sim.SetMishap(nil)
	s.runScope(store.Scope{})
	s.reconcile()
	if diff := cmp.Diff(want, s.allReportTexts()); diff != "" {
		t.Errorf("after the source was mended readers see (-want +got):\n%s", diff)
	}
	if n := s.queryOne(`SELECT count(*)::text FROM holds WHERE state <> 'ended'`); n != "0" {
		t.Errorf("%s sets are still held", n)
	}
	s.wantVerified()
}

// allReportTexts returns the texts of the reports of every client that the daughter can open.
func (s *story) allReportTexts() map[string][]string {
	s.t.Helper()
	texts := make(map[string][]string)
	for _, client := range s.listedClients() {
		texts[client] = s.reportTexts(client)
	}
	return texts
}

// Given reports that are marked as not for the client, and a source that loses the marks: nobody
// reads them, the set of them is held, and it ends when the source has the marks again (I6).
func TestMishapRevealsNothing(t *testing.T) {
	t.Parallel()
	for _, mishap := range []string{"without=meta.security", "without=meta"} {
		t.Run(mishap, func(t *testing.T) {
			t.Parallel()
			testMishapOfMarks(t, mishap)
		})
	}
}

func testMishapOfMarks(t *testing.T, mishap string) {
	s := newEmptyStory(t, storyOptions{})
	want := make(map[string][]string)
	for i := range 4 {
		client := fmt.Sprintf("client-%02d", i)
		want[client] = s.putReports(client, 6)[2:]
		for n := range 2 {
			_, err := s.tenant.sim.Update("Observation", fmt.Sprintf("%s-%02d", client, n), markNotForClient)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	s.sync()
	m, err := simulator.ParseMishap(mishap)
	if err != nil {
		t.Fatal(err)
	}
	s.tenant.sim.SetMishap(m)
	for _, scope := range []store.Scope{{}, {Full: true}, {Only: store.StepReconcile}, {Only: store.StepReconcile}, {}} {
		s.runScope(scope)
		if diff := cmp.Diff(want, s.allReportTexts()); diff != "" {
			t.Fatalf("after a run of %+v readers see (-want +got):\n%s", scope, diff)
		}
	}
	if sets := s.held(); len(sets) != 1 || !sets[0].Reveals || sets[0].Items != 8 {
		t.Errorf("held are %+v, want the 8 reports that were marked", sets)
	}
	s.tenant.sim.SetMishap(nil)
	s.runScope(store.Scope{})
	s.reconcile()
	if diff := cmp.Diff(want, s.allReportTexts()); diff != "" {
		t.Errorf("after the source was mended readers see (-want +got):\n%s", diff)
	}
	if sets := s.held(); len(sets) > 0 {
		t.Errorf("still held are %+v", sets)
	}
	s.wantVerified()
}

// markNotForClient gives a resource the label that hides it from the client.
func markNotForClient(resource map[string]any) {
	resource["meta"] = map[string]any{"security": []any{map[string]any{
		"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"}}}
}
