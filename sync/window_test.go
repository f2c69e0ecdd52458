package sync_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// However a source answers searches, everything is read, the run ends, and the next run reads later
// changes.
func TestEverySourceBehaviourIsReadInFull(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		manners behaviour
	}{
		{"honestly", behaviour{}},
		{"newest first", behaviour{order: descending}},
		{"in no order", behaviour{order: byID}},
		{"without totals", behaviour{noTotals: true}},
		{"by offsets", behaviour{offsets: true}},
		{"by offsets, without totals", behaviour{offsets: true, noTotals: true}},
		{"with everything, whatever the interval", behaviour{ignoresInterval: true}},
		{"with everything, without totals", behaviour{ignoresInterval: true, noTotals: true}},
		{"with everything, newest first", behaviour{ignoresInterval: true, order: descending}},
		{"with all that is newer", behaviour{ignoresEnd: true}},
		{"with all that is newer, without totals", behaviour{ignoresEnd: true, noTotals: true}},
		{"with all that is newer, by offsets", behaviour{ignoresEnd: true, offsets: true}},
	} {
		for _, ofEach := range []int{1, 2, 25} {
			t.Run(fmt.Sprintf("%s, %d of each moment", tc.name, ofEach), func(t *testing.T) {
				t.Parallel()
				f := newFakeSource(t, client("a", 1))
				f.behaviour = tc.manners
				f.put(reports("a", 60, 2, ofEach)...)
				f.put(report("late", "a", "na afloop", 12*60)) // within the lag
				h := newHarness(t, f)
				run := h.wantSync(store.OutcomeComplete, store.Scope{})
				if got := len(h.reportTexts()); got < 60 {
					t.Errorf("%d reports, want 60", got)
				}
				if got := totals(run); got.Seen != got.Created || got.Seen < 61 {
					t.Errorf("accounted for %+v", got)
				}
				f.put(report("a-3", "a", "verbeterd", 12*60+1))
				f.advance(4 * time.Hour)
				h.wantSync(store.OutcomeComplete, store.Scope{})
				got := h.reportTexts()
				if len(got) != 61 || got["a-3"] != "verbeterd" {
					t.Errorf("%d reports, want 61; the corrected one says %q", len(got), got["a-3"])
				}
			})
		}
	}
}

// The same against a real server, whose self link tells which parameters it obeyed.
func TestServerThatIgnoresTheIntervalIsReadInFull(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	h := newSimHarness(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n := requests.Add(1); n > maxRequests {
				t.Errorf("%d requests were made: the run does not end", n)
				http.Error(w, "too many requests", http.StatusUnauthorized)
				return
			}
			q := r.URL.Query()
			q.Del("_lastUpdated")
			r.URL.RawQuery = q.Encode()
			next.ServeHTTP(w, r)
		})
	})
	h.fill(4, 1)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := totals(h.wantSync(store.OutcomeComplete, store.Scope{})); got.Unchanged == 0 || got.Created+
		got.Updated != 0 {
		t.Errorf("a second run counts %+v", got)
	}
}

// I2: links in a circle do not end a window, unless all counted records have come.
func TestCircularLinksMakeTheRunPartial(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		manners behaviour
	}{
		{"with totals", behaviour{circle: 2}},
		{"without totals", behaviour{circle: 2, noTotals: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeSource(t, client("a", 1))
			f.put(reports("a", 60, 2, 30)...)
			f.behaviour = tc.manners
			h := newHarness(t, f)
			run := h.wantSync(store.OutcomePartial, store.Scope{})
			if message(run) == "" {
				t.Error("the run has no message")
			}
			f.behaviour = behaviour{}
			h.wantSync(store.OutcomeComplete, store.Scope{Full: true})
			if got := len(h.reportTexts()); got != 60 {
				t.Errorf("%d reports, want 60", got)
			}
		})
	}
}

func TestRecordSkippedByOffsetsIsFound(t *testing.T) {
	t.Parallel()
	for _, noTotals := range []bool{false, true} {
		t.Run(fmt.Sprintf("without totals %t", noTotals), func(t *testing.T) {
			t.Parallel()
			f := newFakeSource(t, client("a", 1))
			f.put(reports("a", 60, 2, 60)...)
			f.behaviour = behaviour{offsets: true, noTotals: noTotals}
			moved := false
			f.script = func(a request) error {
				if a.act == "search" && a.of(observations) && a.Next != "" && !moved {
					// A record of the first page is corrected meanwhile: it leaves the window,
					// and the records behind it move up.
					moved = true
					f.put(report("a-1", "a", "verbeterd", 12*60))
				}
				return nil
			}
			h := newHarness(t, f)
			run := h.sync(store.Scope{})
			if got := len(h.reportTexts()); got != 60 {
				t.Errorf("%d reports, want 60; the run is %s", got, *run.Outcome)
			}
		})
	}
}

func TestWindowRestartsWhenItsPagesExpire(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1))
	f.put(reports("a", 60, 2, 60)...)
	expired := 0
	f.script = func(a request) error {
		if a.of(observations) && a.Next != "" && expired < 2 {
			expired++
			return failure(source.Expired, 410)
		}
		return nil
	}
	h := newHarness(t, f)
	run := h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := totals(run); got.Created != 61 || got.Seen != 61 {
		t.Errorf("accounted for %+v", got)
	}
}

// I3: after a failed page, the cursor stands at the end of the last drained window, and drained
// windows are not read again.
func TestCursorStopsAtTheLastDrainedWindow(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1))
	f.put(reports("a", 60, 2, 1)...)
	f.script = func(a request) error {
		if a.of(observations) && a.From.After(at(20)) {
			return failure(source.Unreachable, 500)
		}
		return nil
	}
	h := newHarness(t, f)
	h.wantSync(store.OutcomePartial, store.Scope{})
	cursors, err := h.Cursors(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	c := cursors[store.TypeID{Stream: dossier.StreamReports, Type: "Observation"}]
	if c.Upto == nil || !c.Upto.After(at(20)) || c.AsOf != nil {
		t.Fatalf("cursor %+v", c)
	}
	got := len(h.reportTexts())
	if want := int(c.Upto.Sub(at(2)).Minutes()) + 1; got < want || got == 60 {
		t.Errorf("%d reports, want at least %d and not all", got, want)
	}
	f.script = func(a request) error {
		if a.act == "search" && a.of(observations) && a.Next == "" && a.From.Before(c.Upto.Add(-h.tenant.Overlap)) {
			t.Errorf("a search from %s, although all up to %s has been read", a.From, c.Upto)
		}
		return nil
	}
	h.wantSync(store.OutcomeComplete, store.Scope{})
	want := make(map[string]string)
	for i := range 60 {
		want[fmt.Sprint("a-", i)] = fmt.Sprint("nummer ", i)
	}
	if diff := cmp.Diff(want, h.reportTexts()); diff != "" {
		t.Error(diff)
	}
}
