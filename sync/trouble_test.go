package sync_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"dossiersync/store"
	dossiersync "dossiersync/sync"
	"dossiersync/sync/source"
)

func (h *harness) trouble() store.Tenant {
	h.t.Helper()
	known, err := h.Tenant(h.t.Context(), tenant)
	if err != nil {
		h.t.Fatal(err)
	}
	return known
}

// wantTrouble fails the test unless the tenant's trouble is of the kind and its text has the words.
func (h *harness) wantTrouble(kind source.FailureKind, words string) {
	h.t.Helper()
	known := h.trouble()
	if known.Trouble == nil || known.TroubleKind == nil {
		h.t.Fatalf("no trouble is kept, want %s", kind)
	}
	if *known.TroubleKind != string(kind) || !strings.Contains(*known.Trouble, words) {
		h.t.Errorf("the trouble is %s: %q, want %s: %q", *known.TroubleKind, *known.Trouble, kind, words)
	}
	if known.Unreachable == nil {
		h.t.Error("the source is not said to be unreachable")
	}
}

// The first cause stays while the circuit is open, and ends with the first type that is read.
func TestFirstCauseOutlivesTheOpenCircuit(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1), report("r", "a", "een", 2))
	h := newHarness(t, f)
	broken := &source.Failure{Kind: source.Unreachable, Act: "search Patient",
		Err: errors.New("connection closed without an answer")}
	for _, failure := range []*source.Failure{
		broken,
		{Kind: source.BreakerOpen, Act: "read metadata", After: time.Minute, Err: broken},
		{Kind: source.BreakerOpen, Act: "read metadata", After: time.Minute}, // of a process that knows no first
	} {
		f.script = func(request) error { return failure }
		run := h.wantSync(store.OutcomeFailed, store.Scope{})
		h.wantTrouble(source.Unreachable, "connection closed without an answer")
		if failure.Err != nil && !strings.Contains(message(run), "connection closed without an answer") {
			t.Errorf("the run says %q", message(run))
		}
	}
	f.script = nil
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if known := h.trouble(); known.Trouble != nil || known.TroubleKind != nil || known.Unreachable != nil {
		t.Errorf("after a complete run the trouble is %+v", known)
	}
}

// The metadata of most servers are open to all, so an answer to them ends no trouble.
func TestRefusedSearchesAreTroubleAlthoughMetadataAnswer(t *testing.T) {
	t.Parallel()
	for kind, tt := range map[source.FailureKind]struct {
		status int
		want   source.FailureKind
		words  string
	}{
		source.Unauthorized: {http.StatusForbidden, source.Unauthorized, "HTTP 403"},
		source.NotFound:     {http.StatusNotFound, source.NotFound, "base_url may be wrong"},
		source.Unsupported:  {http.StatusNotFound, source.NotFound, "base_url may be wrong"},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := newFakeSource(t, client("a", 1), report("r", "a", "een", 2))
			h := newHarness(t, f)
			h.wantSync(store.OutcomeComplete, store.Scope{})
			f.script = func(a request) error {
				if a.act == "describe" {
					return nil
				}
				return failure(kind, tt.status)
			}
			h.wantSync(store.OutcomeFailed, store.Scope{})
			h.wantTrouble(tt.want, tt.words)
			since := h.trouble().Unreachable
			run := h.wantSync(store.OutcomeFailed, store.Scope{})
			if !strings.Contains(message(run), tt.words) {
				t.Errorf("the run says %q", message(run))
			}
			if again := h.trouble().Unreachable; !again.Equal(*since) {
				t.Errorf("unreachable since %s, want %s as before", again, since)
			}
		})
	}
}

// A run in the background that reads its types again says why it waits, and until when.
func TestWaitingRunSaysWhyItWaits(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1))
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{}) // takes the slot
	f.script = func(a request) error {
		if a.act == "describe" {
			return nil
		}
		return failure(source.Unauthorized, http.StatusUnauthorized)
	}
	run := h.requestFullRun()
	h.startWorker()
	h.waitForPause(run.ID, 1)
	h.wantTrouble(source.Unauthorized, "HTTP 401")
	if until := h.trouble().TroubleUntil; until == nil {
		t.Error("the run does not say until when it waits")
	}
}

// waitingSource asks for patience within a request.
type waitingSource struct {
	*fakeSource
	waiting chan *source.Failure // holds the present answer of Waiting
}

func (w *waitingSource) Waiting() *source.Failure {
	f := <-w.waiting
	w.waiting <- f
	return f
}

func TestWaitWithinARequestIsToldUntilItEnds(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1))
	w := &waitingSource{fakeSource: f, waiting: make(chan *source.Failure, 1)}
	h := newHarness(t, w)
	w.waiting <- &source.Failure{Kind: source.Throttled, Act: "search Patient", Status: 429, After: time.Minute}
	wantSoon := func(told bool) {
		for deadline := time.Now().Add(20 * time.Second); (h.trouble().Trouble != nil) != told; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("operators are told of the wait: want %t", told)
				return
			}
		}
	}
	f.script = func(a request) error {
		if a.act == "search" && a.Type.Name == "Patient" && told(w) {
			wantSoon(true)
			if known := h.trouble(); known.Unreachable != nil || known.TroubleUntil == nil {
				t.Errorf("while the source asks for patience it is %+v", known)
			}
			<-w.waiting
			w.waiting <- nil
			wantSoon(false)
		}
		return nil
	}
	h.wantSync(store.OutcomeComplete, store.Scope{})
}

func told(w *waitingSource) bool { return w.Waiting() != nil }

// A tenant that was never read is tried again an hour after its first run failed, not only at its
// next slot.
func TestFailedFirstRunIsTriedAgainHourly(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("a", 1))
	h := newHarness(t, f)
	f.script = func(request) error { return failure(source.Unauthorized, http.StatusUnauthorized) }
	first := h.wantSync(store.OutcomeFailed, store.Scope{})
	// The run was that of the slot before now, so that the slot needs no other.
	slot := dossiersync.LastSlot(h.tenant.Schedule, time.Now())
	h.exec(`UPDATE runs SET slot = $1, finished_at = now() - interval '59 minutes'`, slot)
	for _, since := range []time.Duration{time.Hour, 58 * time.Minute} {
		got, err := h.FirstRunFailed(t.Context(), tenant, since)
		if want := since < time.Hour; err != nil || got != want {
			t.Errorf("tried again after %s: %t (%v), want %t", since, got, err, want)
		}
	}
	h.exec(`UPDATE runs SET finished_at = now() - interval '61 minutes'`)
	f.scripted.Lock()
	f.script = nil
	f.scripted.Unlock()
	h.startWorker()
	deadline := time.Now().Add(20 * time.Second)
	for h.queryText(`SELECT max(id)::text FROM runs WHERE outcome = 'complete'`) == "" {
		if time.Now().After(deadline) {
			t.Fatalf("after run %d no other run was complete", first.ID)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if again, err := h.FirstRunFailed(t.Context(), tenant, 0); again || err != nil {
		t.Errorf("a tenant that was read is tried again: %t (%v)", again, err)
	}
}

// Package store has the words of some kinds for the operators' side, which does not import sync.
func TestStoreHasTheSameWordsForKinds(t *testing.T) {
	t.Parallel()
	for kind, want := range map[source.FailureKind]string{
		source.Unauthorized: store.KindUnauthorized, source.Throttled: store.KindThrottled,
		source.NotFound: store.KindNotFound, source.Unsupported: store.KindUnsupported,
	} {
		if string(kind) != want {
			t.Errorf("store says %q of %q", want, kind)
		}
	}
}
