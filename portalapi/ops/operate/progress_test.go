package operate_test

import (
	"slices"
	"testing"
	"time"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

func TestProgressByStream(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	many := func(n int64) *int64 { return &n }
	typ := func(stream dossier.Stream, name string, done bool, expected *int64, seen int64) store.RunType {
		return store.RunType{TypeID: store.TypeID{Stream: stream, Type: name}, Done: done, Expected: expected,
			Effects: store.Effects{store.EffectUnchanged: seen}, Requests: 1}
	}
	run := store.Run{ID: 1, State: store.RunRunning, StartedAt: &began, Types: []store.RunType{
		typ(dossier.StreamStaff, "Practitioner", true, many(100), 90), typ(dossier.StreamStaff, "Organization", true, nil, 10),
		typ(dossier.StreamReports, "Observation", false, many(1000), 400), typ(dossier.StreamReports, "Composition", false, many(100), 0),
	}}
	progress := func(run store.Run, after time.Duration) operate.Progress {
		t.Helper()
		p, err := operate.ProgressOf(t.Context(), nil, &run, began.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := progress(run, 10*time.Second)
	if len(p.Streams) != 2 || p.Streams[0].State != "read" || p.Streams[0].Percent() != 100 || p.Streams[0].Seen != 100 {
		t.Errorf("staff: %+v", p.Streams)
	}
	if s := p.Streams[1]; s.State != "reading" || *s.Expected != 1100 || s.Percent() != 36 || p.Current != &p.Streams[1] {
		t.Errorf("reports: %+v", s)
	}
	if p.Phase != "reading reports, stream 2 of 2" || p.Total.Seen != 500 || *p.Total.Expected != 1200 || p.Rate != 50 || *p.Remaining != 14*time.Second || p.Requests != 4 {
		t.Errorf("in all: %+v", p)
	}
	// Without a count of the source, the rest is not known.
	unknown := run
	unknown.Types = slices.Concat(run.Types, []store.RunType{typ(dossier.StreamForms, "QuestionnaireResponse", false, nil, 0)})
	if p := progress(unknown, 10*time.Second); p.Total.Expected != nil || p.Streams[2].State != "to come" || p.Streams[2].Percent() != -1 || p.Remaining == nil {
		t.Errorf("with forms to come: %+v", p)
	}
	// More than the source has counted is no more than all.
	more := run
	more.Types = []store.RunType{typ(dossier.StreamReports, "Observation", false, many(10), 40)}
	if p := progress(more, 10*time.Second); p.Streams[0].Percent() != 100 || p.Remaining != nil {
		t.Errorf("with more than was expected: %+v", p)
	}
	failure := "search Observation: HTTP 500"
	failed := run
	failed.Types = []store.RunType{typ(dossier.StreamReports, "Observation", false, many(10), 4)}
	failed.Types[0].Failure = &failure
	failed.State, failed.FinishedAt = store.RunDone, &[]time.Time{began.Add(8 * time.Second)}[0]
	if p := progress(failed, time.Hour); p.Phase != "" || p.Streams[0].State != "failed" || len(p.Streams[0].Failures) != 1 || p.Took != 8*time.Second || p.Remaining != nil {
		t.Errorf("failed: %+v", p)
	}
	for phase, run := range map[string]store.Run{
		"waiting for its turn":               {State: store.RunWaiting},
		"trying again what is in quarantine": {State: store.RunRunning, StartedAt: &began, Types: run.Types, Scope: store.Scope{Only: store.StepQuarantine}},
	} {
		if p := progress(run, time.Second); p.Phase != phase {
			t.Errorf("a run that is %s is %q", phase, p.Phase)
		}
	}
}
