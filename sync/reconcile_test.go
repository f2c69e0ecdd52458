package sync_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
	dossiersync "dossiersync/sync"
	"dossiersync/sync/source"
)

var onlyReconcile = store.Scope{Only: store.StepReconcile}

// newClientWithReports returns a synced harness with a client, n reports, and a nurse.
func newClientWithReports(t *testing.T, n int) (*fakeSource, *harness) {
	t.Helper()
	f := newFakeSource(t, client("c1", 0), nurse("n1", "Anna", 0))
	f.put(reports("c1", n, 10, 3)...)
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := len(h.reportTexts()); got != n {
		t.Fatalf("%d reports are shown, want %d", got, n)
	}
	return f, h
}

func isReport(numbers ...int) func(dossier.Item) bool {
	return func(it dossier.Item) bool {
		return slices.ContainsFunc(numbers, func(n int) bool { return it.ID == fmt.Sprintf("c1-%d", n) })
	}
}

func (h *harness) shownReports() []string { return slices.Sorted(maps.Keys(h.reportTexts())) }

func TestReconcileRemovesItemsDeletedSilently(t *testing.T) {
	t.Parallel()
	f, h := newClientWithReports(t, 25)
	f.remove(isReport(3, 17))
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := len(h.reportTexts()); got != 25 {
		t.Fatalf("an increment removed something: %d reports are shown", got)
	}
	run := h.wantSync(store.OutcomeComplete, onlyReconcile)
	got := h.reportTexts()
	if got["c1-3"] != "" || got["c1-17"] != "" || len(got) != 23 {
		t.Errorf("shown are %v", slices.Sorted(maps.Keys(got)))
	}
	var removed int64
	for _, rt := range run.Types {
		removed += rt.Removed
	}
	if removed != 2 || totals(run).Seen != 0 {
		t.Errorf("the run counts %d removals and %+v", removed, totals(run))
	}
	const tombstones = `
		SELECT string_agg(state || ' ' || reason || ' ' || version, ',' ORDER BY id DESC) FROM items
		WHERE id IN ('c1-3', 'c1-17')`
	if got := h.queryText(tombstones); got != "withdrawn absent 11,withdrawn absent 15" {
		t.Errorf("the tombstones are %s", got)
	}
	f.put(report("c1-3", "c1", "terug", 730))
	f.advance(time.Hour)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := h.reportTexts()["c1-3"]; got != "terug" {
		t.Errorf("made again it is %q", got)
	}
}

// I5: a lost authorisation is not a deletion.
func TestReconcileKeepsUnconfirmedAbsences(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 500, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			f, h := newClientWithReports(t, 12)
			f.remove(isReport(4))
			kind := source.Unauthorized
			if status >= 500 {
				kind = source.Unreachable
			}
			f.script = func(a request) error {
				if a.act == "read" {
					return failure(kind, status)
				}
				return nil
			}
			run := h.wantSync(store.OutcomePartial, onlyReconcile)
			if got := h.reportTexts()["c1-4"]; got == "" {
				t.Error("it was removed")
			}
			if got := message(run); got != "the source would not say whether 1 item is still there" {
				t.Errorf("the run's message is %q", got)
			}
			f.script = nil
			h.wantSync(store.OutcomeComplete, onlyReconcile)
			if got := h.reportTexts()["c1-4"]; got != "" {
				t.Error("it was not removed")
			}
		})
	}
}

func TestBrakeHoldsManyRemovalsUntilApproved(t *testing.T) {
	t.Parallel()
	f, h := newClientWithReports(t, 60)
	f.remove(func(it dossier.Item) bool {
		return isReport(30, 31, 32)(it) || strings.HasPrefix(it.ID, "c1-1") || strings.HasPrefix(it.ID, "c1-2")
	})
	f.put(report("c1-30", "c1", "bijgewerkt", 700))
	left := len(f.records) - 2
	for range 2 { // the second reconcile does not read the held items again
		run := h.wantSync(store.OutcomePartial, onlyReconcile)
		if got := len(h.reportTexts()); got != 60 {
			t.Fatalf("%d reports are shown, want all 60", got)
		}
		if got := message(run); !strings.Contains(got, "items held") {
			t.Errorf("the run's message is %q", got)
		}
	}
	held, err := h.Store.HeldRemovals(t.Context(), tenant)
	if err != nil || len(held) != 1 || held[0].Stream != dossier.StreamReports || held[0].Items < 21 {
		t.Errorf("held is %+v, %v", held, err)
	}
	f.advance(10 * time.Minute)
	h.wantSync(store.OutcomePartial, store.Scope{}) // held removals stop neither upserts nor cursors
	if got := h.reportTexts()["c1-30"]; got != "bijgewerkt" {
		t.Errorf("a held item that was updated says %q", got)
	}
	h.wantSync(store.OutcomeComplete, store.Scope{Only: store.StepReconcile, Approve: true})
	if got := len(h.reportTexts()); got != left {
		t.Errorf("%d reports are shown, want %d", got, left)
	}
	if got := h.queryText(`SELECT string_agg(what || ' ' || object, ',') FROM decisions`); got != "approve "+fmt.Sprint(60-left)+" items" {
		t.Errorf("the operator's decisions are %q", got)
	}
	if held, err := h.Store.HeldRemovals(t.Context(), tenant); err != nil || len(held) != 0 {
		t.Errorf("held is %+v, %v", held, err)
	}
}

// I5: removals of 24 hours count together, so that many small ones are held like one large one.
func TestBrakeCountsRemovalsOf24Hours(t *testing.T) {
	t.Parallel()
	f, h := newClientWithReports(t, 60)
	f.remove(isReport(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14))
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	h.exec(`UPDATE inferred SET at = at - interval '25 hours'`)
	f.remove(isReport(15, 16, 17, 18, 19, 20, 21, 22))
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	if got := len(h.reportTexts()); got != 37 {
		t.Errorf("%d reports are shown a day later, want 37", got)
	}
	f.remove(isReport(23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35))
	h.wantSync(store.OutcomePartial, onlyReconcile)
	if got := len(h.reportTexts()); got != 37 {
		t.Errorf("%d reports are shown after 21 of one day are gone, want 37", got)
	}
}

func TestReconcileFindsMarksWithoutANewVersion(t *testing.T) {
	t.Parallel()
	f, h := newClientWithReports(t, 12)
	marked := report("c1-5", "c1", "nummer 5", 11)
	marked.State, marked.Reason, marked.Content = dossier.StateHidden, dossier.HiddenMarked, nil
	f.put(marked, client("c2", 0))
	moved := report("c1-6", "c2", "nummer 6", 12)
	f.put(moved)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	if got := h.reportTexts()["c1-5"]; got != "" {
		t.Errorf("marked as not for the client, it says %q", got)
	}
	if got := h.queryText(`SELECT client FROM items WHERE id = 'c1-6'`); got != "c2" {
		t.Errorf("corrected to another client, it is of %s", got)
	}
	f.put(report("c1-5", "c1", "nummer 5", 11))
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	if got := h.reportTexts()["c1-5"]; got != "nummer 5" {
		t.Errorf("no longer marked, it says %q", got)
	}
}

func TestReconcileReadsItemsThatIncrementsMissed(t *testing.T) {
	t.Parallel()
	f, h := newClientWithReports(t, 12)
	f.put(report("laat", "c1", "ver na zijn tijd vastgelegd", 20))
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if h.reportTexts()["laat"] != "" {
		t.Fatal("the increment read it, so the test proves nothing")
	}
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	if got := h.reportTexts()["laat"]; got == "" {
		t.Error("it was not read")
	}
	// A type that lacks very many items is not repaired one by one.
	reads := f.count(func(a request) bool { return a.act == "read" })
	f.put(reports("c1", 1200, 30, 100)...)
	f.pageSize = 500
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	if got := len(h.reportTexts()); got != 1201 {
		t.Errorf("%d reports are shown, want 1201", got)
	}
	if got := f.count(func(a request) bool { return a.act == "read" }) - reads; got > 1000 {
		t.Errorf("%d records were read one by one", got)
	}
}

// sourceWithFilter is a source with a search that asks for certain records only.
type sourceWithFilter struct {
	*fakeSource
	left map[string]bool // ids of records that no longer match
}

func (f sourceWithFilter) Search(ctx context.Context, q source.Query) (source.Page, error) {
	page, err := f.fakeSource.Search(ctx, q)
	if q.Type.Query != "" {
		n := len(page.Items)
		page.Items = slices.DeleteFunc(page.Items, func(it dossier.Item) bool { return f.left[it.ID] })
		page.Total -= n - len(page.Items)
	}
	return page, err
}

// newFilteredHarness returns a synced harness of such a source, with eight reports of one client.
func newFilteredHarness(t *testing.T) (sourceWithFilter, *harness) {
	t.Helper()
	f := newFakeSource(t, client("c1", 0), nurse("n1", "Anna", 0))
	f.types[4].Query = "category=dagrapportage"
	f.put(reports("c1", 8, 10, 3)...)
	src := sourceWithFilter{f, map[string]bool{}}
	h := newHarness(t, src)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	return src, h
}

func TestReconcileRemovesItemsThatLeftTheSearch(t *testing.T) {
	t.Parallel()
	src, h := newFilteredHarness(t)
	src.left["c1-2"] = true
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	if got := h.reportTexts(); got["c1-2"] != "" || len(got) != 7 {
		t.Errorf("shown are %v", h.shownReports())
	}
}

func TestPartialCensusRemovesNothing(t *testing.T) {
	t.Parallel()
	f, h := newClientWithReports(t, 25)
	f.remove(isReport(3))
	f.script = func(a request) error {
		if a.act == "search" && a.Envelope && a.of(observations) && strings.HasPrefix(a.Next, "10@") {
			return failure(source.Invalid, 200)
		}
		return nil
	}
	run := h.wantSync(store.OutcomePartial, onlyReconcile)
	if got := len(h.reportTexts()); got != 25 {
		t.Errorf("%d reports are shown, want 25", got)
	}
	if got := message(run); got != "1 type could not be compared in full" {
		t.Errorf("the run says %q", got)
	}
	if got := h.queryText(`SELECT reconciled::text FROM tenants`); got != "" {
		t.Error("it counts as a reconcile of everything")
	}
}

func TestAbsentClientsDossierIsRemoved(t *testing.T) {
	t.Parallel()
	f, h := newClientWithReports(t, 30)
	f.put(client("c2", 0), client("c3", 0))
	h.wantSync(store.OutcomeComplete, store.Scope{Full: true})
	f.remove(func(it dossier.Item) bool { return it.Client == "c1" })
	h.wantSync(store.OutcomeComplete, onlyReconcile) // the 30 reports go with the one client, and are not held
	if got := h.reportTexts(); len(got) != 0 {
		t.Errorf("shown are %v", h.shownReports())
	}
	const content = `
		SELECT string_agg(DISTINCT coalesce(card::text, '') || coalesce(body::text, ''), '') FROM items
		WHERE client = 'c1'`
	if got := h.queryText(content); got != "" {
		t.Errorf("still stored is %s", got)
	}
}

func TestReconcileRestartsAfterADatabaseCrash(t *testing.T) {
	t.Parallel()
	f, h := newClientWithReports(t, 25)
	f.remove(isReport(3))
	once := false
	f.script = func(a request) error {
		if a.act == "search" && a.Envelope && a.of(observations) && strings.HasPrefix(a.Next, "10@") && !once {
			once = true
			h.exec(`TRUNCATE census, censuses, seen`) // as the server does when it recovers
		}
		return nil
	}
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	if got := h.reportTexts(); len(got) != 24 || got["c1-3"] != "" {
		t.Errorf("shown are %v", h.shownReports())
	}
	if !once {
		t.Error("there was no crash, so the test proves nothing")
	}
}

func TestReconcileContinuesInTheNextSlice(t *testing.T) {
	t.Parallel()
	f, h := newClientWithReports(t, 60)
	f.remove(isReport(3, 40, 59))
	h.opts.Slice = time.Nanosecond
	h.restart()
	run := h.requestRun(store.Scope{Only: store.StepReconcile})
	h.workOn(run)
	if got := h.reportTexts(); len(got) != 57 {
		t.Errorf("%d reports are shown, want 57", len(got))
	}
	if got := h.queryText(`SELECT (slices > 5)::text FROM runs WHERE id = $1`, run); got != "true" {
		t.Error("it took few slices, so the test proves nothing")
	}
}

func TestRestoredSourceOpensAnEpoch(t *testing.T) {
	t.Parallel()
	f, h := newClientWithReports(t, 12)
	backup := slices.Clone(f.records)
	f.advance(time.Hour)
	f.put(report("c1-5", "c1", "later gewijzigd", 730), report("nieuw", "c1", "na de back-up", 735))
	h.wantSync(store.OutcomeComplete, store.Scope{})
	f.mu.Lock()
	f.records = backup
	f.mu.Unlock()
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if got := h.reportTexts()["c1-5"]; got != "later gewijzigd" {
		t.Fatalf("an increment noticed: %q", got)
	}
	run := h.sync(onlyReconcile)
	if got := h.reportTexts()["c1-5"]; got != "nummer 5" {
		t.Errorf("restored it says %q (run: %s)", got, message(run))
	}
	if got := h.queryText(`SELECT epoch::text FROM tenants`); got != "2" {
		t.Errorf("the epoch is %s, want 2", got)
	}
	h.wantSync(store.OutcomeComplete, store.Scope{})
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	if got := h.reportTexts(); got["nieuw"] != "" || len(got) != 12 {
		t.Errorf("shown are %v", h.shownReports())
	}
	if got := h.queryText(`SELECT epoch::text FROM tenants`); got != "2" {
		t.Errorf("the epoch is %s, want 2 still", got)
	}
}

// sourceWithDeletions is a source with a feed of its deletions.
type sourceWithDeletions struct {
	*fakeSource
	deleted []source.Deletion
}

func (f *sourceWithDeletions) Deleted(ctx context.Context, t source.Type, since time.Time,
	_ string) (source.DeletedPage, error) {
	if err := f.receive(ctx, request{act: "deletions", Query: source.Query{Type: t, From: since}}); err != nil {
		return source.DeletedPage{}, err
	}
	var page source.DeletedPage
	for _, d := range f.deleted {
		if d.Type == t.Name && !d.At.Before(since) {
			page.Deletions = append(page.Deletions, d)
		}
	}
	return page, nil
}

func (f *sourceWithDeletions) delete(id string, at time.Time) {
	f.remove(func(it dossier.Item) bool { return it.ID == id })
	f.deleted = append(f.deleted, source.Deletion{Ref: dossier.Ref{Type: observations.Name, ID: id}, At: at})
}

func TestStatedDeletionsAreObeyedAtOnce(t *testing.T) {
	t.Parallel()
	f := &sourceWithDeletions{fakeSource: newFakeSource(t, client("c1", 0), nurse("n1", "Anna", 0))}
	f.put(reports("c1", 60, 10, 3)...)
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	f.advance(time.Hour)
	now := at(13*60 - 5)
	for n := range 28 { // fewer than half: the brake does not apply to stated deletions
		f.delete(fmt.Sprintf("c1-%d", n), now)
	}
	f.delete("nooit-gezien", now)
	f.put(report("c1-7", "c1", "opnieuw gemaakt", 13*60-4))
	// The report is deleted and made again within one second, and the feed has whole seconds.
	again := report("c1-8", "c1", "in dezelfde seconde", 13*60-5)
	again.Updated = again.Updated.Add(400 * time.Millisecond)
	f.put(again)
	run := h.wantSync(store.OutcomeComplete, store.Scope{})
	got := h.reportTexts()
	if len(got) != 34 || got["c1-7"] != "opnieuw gemaakt" || got["c1-8"] != "in dezelfde seconde" {
		t.Errorf("shown are %v", h.shownReports())
	}
	if got := totals(run).Reasons["withdrawn:deleted"]; got != 26 {
		t.Errorf("the run counts %d deletions", got)
	}
	if got := h.queryText(`SELECT count(*)::text FROM items WHERE id = 'nooit-gezien'`); got != "0" {
		t.Error("there is a tombstone of an item that was never here")
	}
}

func TestScheduledRunReconcilesWhenDue(t *testing.T) {
	t.Parallel()
	listed := func(f *fakeSource) int {
		return f.count(func(a request) bool { return a.act == "search" && a.Envelope })
	}
	evening := time.Date(2026, 1, 1, 23, 0, 0, 0, amsterdam(t))
	for _, test := range []struct {
		name string
		feed bool
		slot time.Time
		want bool
	}{
		{"without a feed at any slot", false, evening.Add(-12 * time.Hour), true},
		{"with a feed at noon", true, evening.Add(-12 * time.Hour), false},
		{"with a feed at the day's last slot", true, evening, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFakeSource(t, client("c1", 0), nurse("n1", "Anna", 0))
			f.put(reports("c1", 12, 10, 3)...)
			h := newHarness(t, f)
			if test.feed {
				h.tenant.Source = &sourceWithDeletions{fakeSource: f}
				h.restart()
			}
			h.wantSync(store.OutcomeComplete, store.Scope{})
			h.wantSync(store.OutcomeComplete, onlyReconcile)
			h.wantSync(store.OutcomeComplete, store.Scope{}) // now it is known whether the source has a feed
			before := listed(f)
			run, _, err := h.Store.RequestRun(t.Context(), store.RunRequest{
				Tenant: tenant, Trigger: store.TriggerSchedule, Slot: test.slot})
			if err != nil {
				t.Fatal(err)
			}
			h.workOn(run.ID)
			if got := listed(f) > before; got != test.want {
				t.Errorf("the run reconciled: %t, want %t", got, test.want)
			}
			if got := h.queryText(`SELECT (rechecked IS NOT NULL)::text FROM tenants`); test.want && test.feed &&
				got != "true" {
				t.Error("no seventh of the clients was read again")
			}
		})
	}
}

func TestEveryClientIsReadAgainWithinAWeek(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, nurse("n1", "Anna", 0))
	for n := range 20 {
		f.put(client(fmt.Sprintf("c%d", n), 0))
	}
	f.put(reports("c3", 5, 10, 3)...)
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	read := make(map[string]int)
	f.script = func(a request) error {
		if a.act == "search" && a.Client != "" && a.of(observations) {
			read[a.Client]++
		}
		return nil
	}
	for range 7 {
		h.exec(`UPDATE tenants SET rechecked = now() - interval '21 hours', reconciled = now() - interval '31 hours'`)
		run, _, err := h.Store.RequestRun(t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerCatchUp})
		if err != nil {
			t.Fatal(err)
		}
		h.workOn(run.ID)
		if got := h.queryText(`SELECT count(*)::text FROM backfills`); got != "0" {
			t.Errorf("%s clients are still owed", got)
		}
	}
	if len(read) != 20 {
		t.Errorf("%d of 20 clients were read again", len(read))
	}
	want := make(map[string]int)
	for id := range read {
		want[id] = 1
	}
	if diff := cmp.Diff(want, read); diff != "" {
		t.Errorf("how often each was read (-want +got):\n%s", diff)
	}
}

// requestRun requests a run and returns its id.
func (h *harness) requestRun(scope store.Scope) int64 {
	h.t.Helper()
	run, _, err := h.Store.RequestRun(h.t.Context(),
		store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual, Scope: scope})
	if err != nil {
		h.t.Fatal(err)
	}
	return run.ID
}

// workOn works on the run as a worker does, slice by slice, until it is done.
func (h *harness) workOn(run int64) {
	h.t.Helper()
	if err := dossiersync.WorkOn(h.t.Context(), h.syncer, run); err != nil {
		h.t.Fatal(err)
	}
}

// Case 56: the source's clock was wrong when it stamped a record with a future time. No increment
// reads it.
func TestReconcileReadsRecordsStampedInTheFuture(t *testing.T) {
	t.Parallel()
	f, h := newClientWithReports(t, 12)
	ahead := report("c1-90", "c1", "uit de toekomst", 60*24*365)
	f.put(ahead)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if h.reportTexts()["c1-90"] != "" {
		t.Fatal("the increment read it, so the test proves nothing")
	}
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	if got := h.reportTexts()["c1-90"]; got != "uit de toekomst" {
		t.Errorf("it says %q", got)
	}
	f.remove(func(it dossier.Item) bool { return it.ID == "c1-90" })
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	if got := len(h.reportTexts()); got != 12 {
		t.Errorf("%d reports are shown, want 12", got)
	}
}

// putConfirmedAbsence stores the state that a run leaves which ended between confirming that a
// record is gone and removing it.
func (h *harness) putConfirmedAbsence(id string) {
	h.t.Helper()
	h.exec(`INSERT INTO absences (tenant, key, stream, type, id, state)
		SELECT tenant, key, stream, type, id, 'confirmed' FROM items WHERE id = $1`, id)
}

// I5: an earlier run's confirmation does not count if the source has the item again.
func TestConfirmedAbsenceEndsWhenTheItemIsBack(t *testing.T) {
	t.Parallel()
	f, h := newClientWithReports(t, 25)
	h.putConfirmedAbsence("c1-3")
	f.advance(4 * time.Hour)
	f.put(report("c1-3", "c1", "toch niet weg", 15*60))
	h.wantSync(store.OutcomeComplete, store.Scope{})
	if n := h.queryText(`SELECT count(*) FROM absences`); n != "0" {
		t.Errorf("%s records count as absent", n)
	}
	h.wantSync(store.OutcomeComplete, onlyReconcile)
	if got := h.reportTexts(); got["c1-3"] != "toch niet weg" {
		t.Errorf("shown are %v", h.shownReports())
	}
}

// I5: no item of a type that cannot be listed is removed, also if the stream's other types were
// listed whole.
func TestTypeThatCannotBeListedLosesNothing(t *testing.T) {
	t.Parallel()
	f := newFakeSource(t, client("c1", 0), nurse("n1", "Anna", 0))
	notes := source.Type{Stream: dossier.StreamReports, Name: "DocumentReference", Fingerprint: "f"}
	f.types = append(f.types, notes)
	f.put(reports("c1", 8, 10, 3)...)
	f.put(record(notes, "n-1", "c1", 9, &dossier.Report{Text: "brief"}))
	h := newHarness(t, f)
	h.wantSync(store.OutcomeComplete, store.Scope{})
	h.putConfirmedAbsence("c1-3")
	f.script = func(a request) error {
		if a.act == "search" && a.of(observations) {
			return failure(source.Unreachable, 500)
		}
		return nil
	}
	h.wantSync(store.OutcomePartial, onlyReconcile)
	if got := h.reportTexts(); len(got) != 9 {
		t.Errorf("shown are %v", h.shownReports())
	}
}
