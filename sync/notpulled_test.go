package sync_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// sourceWithCounts holds more than is read of it, and counts its records.
type sourceWithCounts struct {
	*fakeSource
	holds   map[string]int64
	refuses map[string]error

	mu      sync.Mutex
	counted []string
	upto    map[string]time.Time
}

func (src *sourceWithCounts) Describe(ctx context.Context) (source.Description, error) {
	d, err := src.fakeSource.Describe(ctx)
	for name := range src.holds {
		d.Holds = append(d.Holds, name)
	}
	slices.Sort(d.Holds)
	return d, err
}

// Count implements [source.Counts].
func (src *sourceWithCounts) Count(_ context.Context, name string, to time.Time) (int64, error) {
	src.mu.Lock()
	defer src.mu.Unlock()
	src.counted = append(src.counted, name)
	if src.upto == nil {
		src.upto = make(map[string]time.Time)
	}
	src.upto[name] = to
	return src.holds[name], src.refuses[name]
}

func TestFullRunCountsRecordsThatNoSearchAsksFor(t *testing.T) {
	t.Parallel()
	src := &sourceWithCounts{fakeSource: newFakeSource(t, client("a", 1), report("r", "a", "een", 2),
		report("s", "a", "twee", 3)),
		holds: map[string]int64{"Flag": 7, "Observation": 5, "Patient": 1, "Task": 0}}
	h := newHarness(t, src)
	reg := prometheus.NewRegistry()
	h.opts.Registerer = reg
	h.restart()
	want := map[string]int64{"Flag": 7, "Observation": 3}

	run := h.wantSync(store.OutcomeComplete, store.Scope{})
	if diff := cmp.Diff(want, run.NotPulled); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Observation", "Patient", "Flag", "Task"}, src.counted); diff != "" {
		t.Errorf("the types that are read are not counted first: %s", diff)
	}
	// Records that came after the run's end are not counted as left out.
	if end := run.Types[0].To; !src.upto["Observation"].Equal(end) || !src.upto["Flag"].IsZero() {
		t.Errorf("counted up to %v, want %v for types that are read", src.upto, end)
	}
	if got := counter(t, reg, "not-pulled"); got != 10 {
		t.Errorf("metric says %v not pulled, want 10", got)
	}
	var requests int64
	for _, rt := range run.Types {
		requests += rt.Requests
	}
	describing := 1
	if want := src.count(nil) - describing + len(src.counted); requests != int64(want) {
		t.Errorf("the run counts %d requests, want %d", requests, want)
	}

	src.put(report("u", "a", "drie", 13*60))
	src.advance(4 * time.Hour)
	if run := h.wantSync(store.OutcomeComplete, store.Scope{}); len(run.NotPulled) > 0 || len(src.counted) != 4 {
		t.Errorf("an increment counted %v", src.counted[4:])
	}
	want["Observation"] = 2
	if run := h.wantSync(store.OutcomeComplete, store.Scope{Full: true}); !cmp.Equal(want, run.NotPulled) {
		t.Errorf("full: not pulled %v, want %v", run.NotPulled, want)
	}
}

// counter returns how many items had the effect, according to the metrics. It also checks that the
// metrics are named as Prometheus asks.
func counter(t *testing.T, reg prometheus.Gatherer, effect string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
	total := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "effect" && l.GetValue() == effect {
					total += m.GetCounter().GetValue()
				}
			}
		}
	}
	return total
}

func TestPartialScopeCountsNothingAsNotPulled(t *testing.T) {
	t.Parallel()
	src := &sourceWithCounts{fakeSource: newFakeSource(t, client("a", 1), report("r", "a", "een", 2)),
		holds: map[string]int64{"Flag": 7}}
	h := newHarness(t, src)
	for _, scope := range []store.Scope{{DryRun: true}, {Client: "a"}, {Stream: dossier.StreamReports, Full: true},
		{From: at(0)}} {
		if run := h.wantSync(store.OutcomeComplete, scope); len(run.NotPulled) > 0 || len(src.counted) > 0 {
			t.Errorf("%+v: counted %v", scope, src.counted)
		}
	}
}

func TestTypesThatCannotBeCountedAreLeftOut(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		refuses map[string]error
		want    map[string]int64
		asked   int
	}{
		"one is refused": {map[string]error{"Condition": failure(source.Unauthorized, 403)},
			map[string]int64{"Flag": 7, "Task": 4}, 4},
		"the source is down": {map[string]error{"Flag": failure(source.Unreachable, 0)},
			map[string]int64{"Condition": 9}, 3},
		"one is an error": {map[string]error{"Condition": failure(source.Unreachable, 500)},
			map[string]int64{"Flag": 7, "Task": 4}, 4},
		"two are errors": {map[string]error{"Condition": failure(source.Unreachable, 500),
			"Flag": failure(source.Unreachable, 504)},
			map[string]int64{}, 3},
		"the circuit is open": {map[string]error{"Patient": failure(source.BreakerOpen, 0)}, map[string]int64{}, 1},
		"it asks to wait":     {map[string]error{"Condition": failure(source.Throttled, 429)}, map[string]int64{}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := &sourceWithCounts{fakeSource: newFakeSource(t, client("a", 1)), refuses: test.refuses,
				holds: map[string]int64{"Condition": 9, "Flag": 7, "Patient": 1, "Task": 4}}
			run := newHarness(t, src).wantSync(store.OutcomeComplete, store.Scope{})
			if diff := cmp.Diff(test.want, run.NotPulled); diff != "" || len(src.counted) != test.asked {
				t.Errorf("counted %v: %s", src.counted, diff)
			}
		})
	}
}

func TestUnreadTypeIsNotCountedAsNotPulled(t *testing.T) {
	t.Parallel()
	src := &sourceWithCounts{fakeSource: newFakeSource(t, client("a", 1), report("r", "a", "een", 2)),
		holds: map[string]int64{"Flag": 7, "Observation": 1}}
	src.script = func(a request) error {
		if a.of(observations) {
			return failure(source.Unauthorized, 403)
		}
		return nil
	}
	run := newHarness(t, src).wantSync(store.OutcomePartial, store.Scope{})
	if diff := cmp.Diff(map[string]int64{"Flag": 7}, run.NotPulled); diff != "" {
		t.Error(diff)
	}
}
