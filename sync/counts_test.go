package sync_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// countingSource is a source whose counts can be wrong, with a feed of deletions that has none.
type countingSource struct {
	*sourceWithDeletions
	count func(n int) int // of reports: the count, from how many there are; nil: the same
	pages bool            // the totals of pages are wrong too
}

// Search implements [source.Source].
func (f *countingSource) Search(ctx context.Context, q source.Query) (source.Page, error) {
	page, err := f.fakeSource.Search(ctx, q)
	if err == nil && f.count != nil && q.Type.Name == observations.Name && (q.CountOnly || f.pages) {
		page.Total = f.count(page.Total)
	}
	return page, err
}

// newCountHarness returns a synced harness with a client and n reports.
func newCountHarness(t *testing.T, n int) (*countingSource, *harness) {
	t.Helper()
	f := &countingSource{sourceWithDeletions: &sourceWithDeletions{
		fakeSource: newFakeSource(t, client("c1", 0), nurse("n1", "Anna", 0))}}
	f.pageSize = 100
	f.put(reports("c1", n, 10, 3)...)
	h := newHarness(t, f)
	h.opts.WindowItems = 1000
	h.restart()
	h.wantSync(store.OutcomeComplete, store.Scope{})
	return f, h
}

// lists returns how often the reports were listed for a reconcile.
func (f *countingSource) lists() int {
	return f.fakeSource.count(func(a request) bool {
		return a.act == "search" && a.of(observations) && a.Envelope && a.Next == "" && a.Client == ""
	})
}

// nextDay has everything that the replica keeps about counts be a day older.
func (h *harness) nextDay() {
	h.t.Helper()
	h.exec(`UPDATE type_counts SET
		moved = moved - interval '1 day', returned = returned - interval '1 day',
		disbelieved = disbelieved - interval '1 day'`)
}

func firstReports(n int) func(dossier.Item) bool {
	return func(it dossier.Item) bool {
		var i int
		_, err := fmt.Sscanf(it.ID, "c1-%d", &i)
		return err == nil && it.Type == observations.Name && i < n
	}
}

// difference returns what the run says about the reports: source, replica, difference.
func difference(run store.Run) string {
	for _, t := range run.Types {
		if t.Type != observations.Name {
			continue
		}
		if t.Count == nil {
			return "no count"
		}
		text := fmt.Sprint(t.Count.Source)
		for _, n := range []*int64{t.Count.Replica, t.Count.Difference} {
			if n == nil {
				text += " ?"
			} else {
				text += fmt.Sprint(" ", *n)
			}
		}
		if !t.Count.Believed {
			text += " not believed"
		}
		return text
	}
	return "not read"
}

func TestCountShowsWhatIncrementsDoNot(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		removed int
		lists   []int // after each run
		want    string
	}{
		{"as many as may be", 5, []int{0, 0, 0}, "95 100 -5"},
		{"more, twice in a row", 6, []int{0, 1, 1}, "94 94 0"},
		{"almost half", 49, []int{0, 1, 1}, "51 51 0"},
		{"half, at once", 50, []int{1, 1, 1}, "50 50 0"},
		{"all, at once", 100, []int{1, 1, 1}, "0 0 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f, h := newCountHarness(t, 100)
			f.remove(firstReports(test.removed))
			var run store.Run
			for i, want := range test.lists {
				f.advance(4 * time.Hour)
				run = h.sync(store.Scope{})
				if got := f.lists(); got != want {
					t.Errorf("after run %d the reports were listed %d times, want %d (%s)", i+1, got, want, difference(run))
				}
			}
			if got := difference(run); got != test.want {
				t.Errorf("the last run says %s, want %s", got, test.want)
			}
		})
	}
}

func TestCountContradictsUntilReconciled(t *testing.T) {
	t.Parallel()
	f, h := newCountHarness(t, 100)
	f.remove(firstReports(7))
	h.wantSync(store.OutcomeComplete, store.Scope{})
	list, err := h.CountContradictions(t.Context(), tenant)
	if err != nil || len(list) != 1 || list[0].Source != 93 || list[0].Replica != 100 || list[0].Runs != 1 {
		t.Errorf("the contradictions are %+v, %v", list, err)
	}
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if list, err := h.CountContradictions(t.Context(), tenant); err != nil || len(list) > 0 {
		t.Errorf("after a reconcile they are %+v, %v", list, err)
	}
}

func TestHonestCountsCauseNoReconcile(t *testing.T) {
	t.Parallel()
	f, h := newCountHarness(t, 60)
	f.count = func(n int) int { return n + 13 } // what the search drops
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	before := f.lists()
	for i := range 6 {
		minute := 13*60 + i*60
		f.advance(time.Hour)
		f.put(reports(fmt.Sprintf("c1-%d", 1000+i), 12, minute-50, 3)...)
		for j := range f.records {
			if strings.HasPrefix(f.records[j].ID, fmt.Sprintf("c1-%d", 1000+i)) {
				f.records[j].Client = "c1"
			}
		}
		f.put(unreadable(report(fmt.Sprint("slecht-", i), "c1", "x", 0), minute-40, true))
		f.delete(fmt.Sprint("c1-", i), at(minute-30))
		hidden := report(fmt.Sprint("c1-", 30+i), "c1", "x", minute-20)
		hidden.State, hidden.Reason, hidden.Content = dossier.StateHidden, dossier.HiddenMarked, nil
		f.put(hidden)
		wrong := report(fmt.Sprint("c1-", 40+i), "c1", "x", minute-20)
		wrong.State, wrong.Reason, wrong.Content = dossier.StateWithdrawn, dossier.WithdrawnInError, nil
		f.put(wrong)
		run := h.sync(store.Scope{})
		if got := difference(run); !strings.HasSuffix(got, " 0") {
			t.Errorf("run %d says %s", i, got)
		}
		h.nextDay()
	}
	if got := f.lists() - before; got != 0 {
		t.Errorf("the reports were listed %d times", got)
	}
}

// A server whose counts lie is reconciled once because of them, and again after a week at most.
func TestCountsThatLieAreNotBelieved(t *testing.T) {
	t.Parallel()
	turn := 0
	for name, count := range map[string]func(n int) int{
		"random":          func(n int) int { turn++; return (turn*7919 + 13) % 400 },
		"capped":          func(n int) int { return min(n, 60) },
		"always 0":        func(int) int { return 0 },
		"always the same": func(int) int { return 50 },
		"an estimate":     func(n int) int { turn++; return n + (turn%3-1)*n/4 },
		"the half":        func(n int) int { return n / 2 },
		"none":            func(int) int { return -1 },
		"none at times":   func(n int) int { turn++; return []int{n, -1}[turn%2] },
	} {
		for _, pages := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", pages), func(t *testing.T) {
				f, h := newCountHarness(t, 60)
				f.count, f.pages = count, pages
				days := 0
				for i := range 7 {
					f.advance(time.Hour)
					minute := 13*60 + i*60
					f.put(reports("c1", 60+30*(i+1), 10, 3)...)
					for j := range f.records {
						if firstReports(60+30*i)(f.records[j]) || f.records[j].Type != observations.Name || f.records[j].Updated.After(at(minute-61)) {
							continue
						}
						f.records[j].Updated, f.records[j].Version = at(minute-30), fmt.Sprint(minute)
					}
					before := f.lists()
					h.sync(store.Scope{})
					if f.lists() > before {
						days++
					}
					if i < 6 {
						h.nextDay()
					}
				}
				if days > 2 {
					t.Errorf("the reports were listed on %d of 7 days", days)
				}
				if got := len(h.reportTexts()); got != 270 {
					t.Errorf("%d reports are shown, want 270", got)
				}
			})
		}
	}
}

// A source that always counts as many more as it lists is understood.
func TestConstantExcessIsNotShort(t *testing.T) {
	t.Parallel()
	f, h := newCountHarness(t, 60)
	f.count, f.pages = func(n int) int { return n + 3 }, true
	f.advance(time.Hour)
	f.put(report("nieuw", "c1", "nieuw", 13*60-30))
	h.wantSync(store.OutcomeComplete, store.Scope{})
}

// The source counts more than it lists wherever it has records, so that every run is short.
func TestShortListsAreReconciledOnceADay(t *testing.T) {
	t.Parallel()
	f, h := newCountHarness(t, 60)
	f.count, f.pages = func(n int) int { return n + min(n, 3) }, true
	const passes = 4 // of a list that stays short
	for i, want := range []int{passes, passes, passes, 2 * passes} {
		f.advance(time.Hour)
		f.put(report(fmt.Sprint("nieuw-", i), "c1", "nieuw", 13*60+i*60-30))
		if i == 3 {
			h.nextDay()
		}
		if run := h.wantSync(store.OutcomePartial, store.Scope{}); f.lists() != want {
			t.Errorf("after run %d the reports were listed %d times, want %d (%s)", i, f.lists(), want, message(run))
		}
	}
}

func TestCountIsLearnedAnewAfterAWeek(t *testing.T) {
	t.Parallel()
	f, h := newCountHarness(t, 60)
	f.count = func(int) int { return 0 }
	if run := h.wantSync(store.OutcomeComplete, store.Scope{}); difference(run) != "0 60 0 not believed" {
		t.Errorf("the run says %s", difference(run))
	}
	f.count = nil
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	f.remove(firstReports(40))
	for range 6 {
		h.nextDay()
		if run := h.wantSync(store.OutcomeComplete, store.Scope{}); difference(run) != "20 60 -40 not believed" {
			t.Errorf("the run says %s", difference(run))
		}
	}
	h.nextDay()
	h.nextDay()
	before := f.lists()
	run := h.sync(onlyReconcile)
	if got := difference(run); got != "20 20 0" || f.lists() != before+1 {
		t.Errorf("after a week the reconcile says %s", got)
	}
	f.remove(firstReports(60))
	h.sync(store.Scope{})
	if f.lists() != before+2 {
		t.Error("the count has no effect after it was learned anew")
	}
}

func TestHeldRecordsThatComeAgainAreReconciled(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		counts bool
		mend   func(f *countingSource, all []dossier.Item)
	}{
		{"the count is back", true, func(f *countingSource, all []dossier.Item) { f.put(all...) }},
		{"a list has one of them", false, func(f *countingSource, all []dossier.Item) {
			f.put(all...)
			f.put(report("c1-3", "c1", "bijgewerkt", 14*60-30))
			f.advance(time.Hour)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f, h := newCountHarness(t, 60)
			f.behaviour.noTotals = !test.counts
			all := reports("c1", 60, 10, 3)
			f.remove(firstReports(40))
			h.wantSync(store.OutcomePartial, onlyReconcile)
			f.advance(time.Hour)
			if run := h.wantSync(store.OutcomePartial, store.Scope{}); f.lists() != 1 {
				t.Errorf("what stays held is listed again: %s", difference(run))
			}
			test.mend(f, all)
			h.wantSync(store.OutcomeComplete, store.Scope{})
			if held, err := h.HeldRemovals(t.Context(), tenant); err != nil || len(held) > 0 || f.lists() != 2 {
				t.Errorf("still held: %+v, %v", held, err)
			}
			h.wantSync(store.OutcomeComplete, store.Scope{})
			if f.lists() != 2 || len(h.reportTexts()) != 60 {
				t.Errorf("the reports were listed %d times, %d are shown", f.lists(), len(h.reportTexts()))
			}
		})
	}
}

func TestFullReadOfNothingIsNotComplete(t *testing.T) {
	t.Parallel()
	f, h := newCountHarness(t, 12)
	all := reports("c1", 12, 10, 3)
	f.remove(firstReports(12))
	run := h.wantSync(store.OutcomePartial, store.Scope{Full: true})
	if len(h.reportTexts()) != 12 || f.lists() != 1 || !strings.Contains(message(run), "held") {
		t.Errorf("%d are shown, listed %d times: %s", len(h.reportTexts()), f.lists(), message(run))
	}
	run = h.wantSync(store.OutcomePartial, store.Scope{Full: true, Stream: dossier.StreamReports})
	if len(h.reportTexts()) != 12 {
		t.Errorf("%d are shown: %s", len(h.reportTexts()), message(run))
	}
	f.script = func(a request) error { // not even the list can be had
		if a.Envelope && a.of(observations) {
			return failure(source.Unauthorized, 403)
		}
		return nil
	}
	h.exec(`DELETE FROM absences`)
	run = h.wantSync(store.OutcomePartial, store.Scope{Full: true})
	if got := message(run); got != "the source answers with nothing of Observation, although items of it are shown" {
		t.Errorf("the message is %q", got)
	}
	f.script = nil
	f.put(all...)
	h.wantSync(store.OutcomeComplete, store.Scope{Full: true})
}

func TestCountIsAskedOncePerType(t *testing.T) {
	t.Parallel()
	f, h := newCountHarness(t, 12)
	counts := func() int {
		return f.fakeSource.count(func(a request) bool { return a.act == "count" && a.of(observations) })
	}
	for i, scope := range []store.Scope{{}, {Full: true}, onlyReconcile,
		{Stream: dossier.StreamReports}, {Client: "c1"}, {DryRun: true}} {
		before := counts() // the first run asked too
		h.wantSync(store.OutcomeComplete, scope)
		if got, want := counts()-before, []int{1, 1, 1, 0, 0, 0}[i]; got != want {
			t.Errorf("a run of %+v asked %d times, want %d", scope, got, want)
		}
	}
	if got := counts(); got != 4 {
		t.Errorf("all runs asked %d times", got)
	}
}

func TestCountThatFailsFailsNoRun(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"refused": failure(source.Unauthorized, 403), "an error": failure(source.Unreachable, 500),
		"unsupported": failure(source.Unsupported, 400), "the circuit is open": failure(source.BreakerOpen, 0),
		"it asks to wait": failure(source.Throttled, 429),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, h := newCountHarness(t, 3)
			f.script = func(a request) error {
				if a.act == "count" {
					return err
				}
				return nil
			}
			f.put(report("nieuw", "c1", "nieuw", 13*60-30))
			f.advance(time.Hour)
			run := h.wantSync(store.OutcomeComplete, store.Scope{})
			if got := difference(run); got != "no count" || h.reportTexts()["nieuw"] == "" {
				t.Errorf("the run says %s, shown are %v", got, h.shownReports())
			}
		})
	}
}

// A run that lists nothing is partial too while the source will not say whether records exist: status
// would be green although the source hides half of a type.
func TestUnsureAbsencesKeepRunsPartial(t *testing.T) {
	t.Parallel()
	f, h := newCountHarness(t, 12)
	f.advance(time.Hour)
	f.remove(firstReports(7))
	f.script = func(a request) error {
		if a.act == "read" {
			return failure(source.Unauthorized, 403)
		}
		return nil
	}
	for range 4 {
		run := h.wantSync(store.OutcomePartial, store.Scope{})
		if got := message(run); got != "the source would not say whether 7 items are still there" {
			t.Errorf("the message is %q", got)
		}
	}
	f.script = nil
	f.put(reports("c1", 12, 10, 3)...)
	h.wantSync(store.OutcomeComplete, store.Scope{})
}

// I5: a feed that names half or more of a type is not obeyed before each deletion is confirmed.
func TestManyStatedDeletionsAreHeld(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name             string
		of, named, false int // false: that many of them can still be read
		shown            int
		held             int64
	}{
		{"4 of 10", 10, 4, 0, 6, 0},
		{"5 of 10", 10, 5, 0, 10, 5},
		{"9 of 10", 10, 9, 0, 10, 9},
		{"10 of 10", 10, 10, 0, 10, 10},
		{"9 of 9", 9, 9, 0, 0, 0},
		{"9 of 10, 5 of them still there", 10, 9, 5, 6, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f, h := newCountHarness(t, test.of)
			f.put(client("c2", 0)) // its report keeps the searches from finding nothing
			f.advance(time.Hour)
			all := reports("c1", test.of, 10, 3)
			for n := range test.named {
				f.delete(fmt.Sprint("c1-", n), at(13*60-30))
			}
			f.put(all[:test.false]...)
			for range 2 { // the second run's feed names them again
				run := h.sync(store.Scope{})
				if got := len(h.reportTexts()); got != test.shown {
					t.Errorf("%d reports are shown, want %d (%s)", got, test.shown, message(run))
				}
				if wantPartial := test.held > 0; wantPartial != (*run.Outcome == store.OutcomePartial) {
					t.Errorf("the run is %s: %s", *run.Outcome, message(run))
				}
			}
			holds, err := h.Holds(t.Context(), tenant)
			if err != nil || (test.held > 0) != (len(holds) == 1) {
				t.Fatalf("the holds are %+v, %v", holds, err)
			}
			if test.held == 0 {
				return
			}
			if holds[0].Rule != store.HeldDeletions || holds[0].Items != test.held {
				t.Errorf("the hold is %+v", holds[0])
			}
			_, err = h.DecideHold(t.Context(), store.HoldDecision{Tenant: tenant, Hold: holds[0].ID,
				State: store.HoldApproved, By: "beheer", Seen: test.held})
			if err != nil {
				t.Fatal(err)
			}
			h.wantSync(store.OutcomeComplete, store.Scope{})
			if got := len(h.reportTexts()); got != test.of-test.named {
				t.Errorf("%d reports are shown after the approval", got)
			}
		})
	}
}

func TestHeldDeletionsEndWhenTheRecordsAreBack(t *testing.T) {
	t.Parallel()
	f, h := newCountHarness(t, 10)
	all := reports("c1", 10, 10, 3)
	f.advance(time.Hour)
	for n := range 8 {
		f.delete(fmt.Sprint("c1-", n), at(13*60-30))
	}
	h.wantSync(store.OutcomePartial, store.Scope{})
	f.deleted = nil
	f.put(all...)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if held, err := h.HeldRemovals(t.Context(), tenant); err != nil || len(held) > 0 || len(h.reportTexts()) != 10 {
		t.Errorf("held are %+v, %v; shown %v", held, err, h.shownReports())
	}
}

func TestDeletionOfQuarantinedItemIsCounted(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"410": 410, "404": 404, "the feed": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, h := newCountHarness(t, 3)
			f.put(unreadable(report("slecht", "c1", "x", 0), 13*60-50, true))
			f.advance(time.Hour)
			h.wantSync(store.OutcomePartial, store.Scope{})
			f.delete("slecht", at(14*60-30))
			if status != 404 {
				f.script = func(a request) error {
					switch {
					case a.act != "read" || a.ref.ID != "slecht":
						return nil
					case status == 0: // only the feed tells
						return failure(source.Unreachable, 500)
					}
					return failure(source.NotFound, status)
				}
			} else {
				f.deleted = nil
			}
			f.advance(time.Hour)
			run := h.wantSync(store.OutcomeComplete, store.Scope{})
			if got := totals(run); got.Withdrawn != 1 {
				t.Errorf("the run counts %+v", got)
			}
			if got := h.queryText(`SELECT count(*)::text FROM quarantine`); got != "0" {
				t.Errorf("%s items are in quarantine", got)
			}
			if got := h.queryText(`SELECT count(*)::text FROM items WHERE id = 'slecht'`); got != "0" {
				t.Error("there is a tombstone of an item that was never here")
			}
			if got := difference(run); !strings.HasSuffix(got, " 0") {
				t.Errorf("the counts are %s", got)
			}
		})
	}
}
