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

var reconcile = store.Scope{Only: store.StepReconcile}

// caredFor is a source with a client, n reports, and a nurse.
func caredFor(t *testing.T, n int) (*fake, *bench) {
	t.Helper()
	f := newFake(t, client("c1", 0), nurse("n1", "Anna", 0))
	f.put(reports("c1", n, 10, 3)...)
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{})
	if got := len(b.texts()); got != n {
		t.Fatalf("%d reports are shown, want %d", got, n)
	}
	return f, b
}

func isReport(numbers ...int) func(dossier.Item) bool {
	return func(it dossier.Item) bool {
		return slices.ContainsFunc(numbers, func(n int) bool { return it.ID == fmt.Sprintf("c1-%d", n) })
	}
}

func (b *bench) shownReports() []string { return slices.Sorted(maps.Keys(b.texts())) }

func TestReconcileRemovesWhatIsGoneWithoutATrace(t *testing.T) {
	t.Parallel()
	f, b := caredFor(t, 25)
	f.remove(isReport(3, 17))
	b.syncs(store.OutcomeComplete, store.Scope{})
	if got := len(b.texts()); got != 25 {
		t.Fatalf("an increment removed something: %d reports are shown", got)
	}
	run := b.syncs(store.OutcomeComplete, reconcile)
	got := b.texts()
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
	if got := b.one(`SELECT string_agg(state || ' ' || reason || ' ' || version, ',' ORDER BY id DESC) FROM items WHERE id IN ('c1-3', 'c1-17')`); got != "withdrawn absent 11,withdrawn absent 15" {
		t.Errorf("the tombstones are %s", got)
	}
	f.put(report("c1-3", "c1", "terug", 730))
	f.pass(time.Hour)
	b.syncs(store.OutcomeComplete, store.Scope{})
	if got := b.texts()["c1-3"]; got != "terug" {
		t.Errorf("made again it is %q", got)
	}
}

// Authorisation lost is not deletion: only a direct read confirms.
func TestReconcileKeepsWhatItCannotConfirm(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 500, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			f, b := caredFor(t, 12)
			f.remove(isReport(4))
			kind := source.Unauthorized
			if status >= 500 {
				kind = source.Unreachable
			}
			f.script = func(a asked) error {
				if a.act == "read" {
					return failing(kind, status)
				}
				return nil
			}
			run := b.syncs(store.OutcomePartial, reconcile)
			if got := b.texts()["c1-4"]; got == "" {
				t.Error("it was removed")
			}
			if got := message(run); got != "the source would not say whether 1 item is still there" {
				t.Errorf("the run says %q", got)
			}
			f.script = nil
			b.syncs(store.OutcomeComplete, reconcile)
			if got := b.texts()["c1-4"]; got != "" {
				t.Error("it was not removed")
			}
		})
	}
}

func TestBrakeHoldsManyRemovalsUntilApproved(t *testing.T) {
	t.Parallel()
	f, b := caredFor(t, 60)
	f.remove(func(it dossier.Item) bool {
		return isReport(30, 31, 32)(it) || strings.HasPrefix(it.ID, "c1-1") || strings.HasPrefix(it.ID, "c1-2")
	})
	f.put(report("c1-30", "c1", "bijgewerkt", 700))
	left := len(f.records) - 2
	for range 2 { // the second finds the same, and does not read them again
		run := b.syncs(store.OutcomePartial, reconcile)
		if got := len(b.texts()); got != 60 {
			t.Fatalf("%d reports are shown, want all 60", got)
		}
		if got := message(run); got != "23 removals are held, more than may be removed without an operator; see dossiersync reconcile" &&
			!strings.Contains(got, "removals held") {
			t.Errorf("the run says %q", got)
		}
	}
	held, err := b.Store.HeldRemovals(t.Context(), tenant)
	if err != nil || len(held) != 1 || held[0].Stream != dossier.StreamReports || held[0].Items < 21 {
		t.Errorf("held is %+v, %v", held, err)
	}
	f.pass(10 * time.Minute)
	b.syncs(store.OutcomeComplete, store.Scope{}) // holding stops neither upserts nor cursors
	if got := b.texts()["c1-30"]; got != "bijgewerkt" {
		t.Errorf("an update beside what is held is %q", got)
	}
	b.syncs(store.OutcomeComplete, store.Scope{Only: store.StepReconcile, Approve: true})
	if got := len(b.texts()); got != left {
		t.Errorf("%d reports are shown, want %d", got, left)
	}
	if got := b.one(`SELECT string_agg(what || ' ' || object, ',') FROM decisions`); got != "approve reports/"+fmt.Sprint(60-left) {
		t.Errorf("decided is %q", got)
	}
	if held, err := b.Store.HeldRemovals(t.Context(), tenant); err != nil || len(held) != 0 {
		t.Errorf("held is %+v, %v", held, err)
	}
}

// Twenty in a day may go, and the rest of the day's count as well: a trickle is
// held like a flood.
func TestBrakeCountsADaysRemovals(t *testing.T) {
	t.Parallel()
	f, b := caredFor(t, 60)
	f.remove(isReport(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14))
	b.syncs(store.OutcomeComplete, reconcile)
	f.remove(isReport(15, 16, 17, 18, 19, 20, 21, 22))
	b.syncs(store.OutcomePartial, reconcile)
	if got := len(b.texts()); got != 45 {
		t.Errorf("%d reports are shown, want 45", got)
	}
	b.exec(`UPDATE items SET observed = observed - interval '25 hours' WHERE reason = 'absent'`)
	b.syncs(store.OutcomeComplete, reconcile)
	if got := len(b.texts()); got != 37 {
		t.Errorf("%d reports are shown, want 37", got)
	}
}

func TestReconcileSeesMarksWithoutANewVersion(t *testing.T) {
	t.Parallel()
	f, b := caredFor(t, 12)
	marked := report("c1-5", "c1", "nummer 5", 11)
	marked.State, marked.Reason, marked.Content = dossier.StateHidden, dossier.HiddenMarked, nil
	f.put(marked, client("c2", 0))
	moved := report("c1-6", "c2", "nummer 6", 12)
	f.put(moved)
	b.syncs(store.OutcomeComplete, store.Scope{})
	b.syncs(store.OutcomeComplete, reconcile)
	if got := b.texts()["c1-5"]; got != "" {
		t.Errorf("marked as not for the client, it says %q", got)
	}
	if got := b.one(`SELECT client FROM items WHERE id = 'c1-6'`); got != "c2" {
		t.Errorf("corrected to another client, it is of %s", got)
	}
	f.put(report("c1-5", "c1", "nummer 5", 11))
	b.syncs(store.OutcomeComplete, reconcile)
	if got := b.texts()["c1-5"]; got != "nummer 5" {
		t.Errorf("no longer marked, it says %q", got)
	}
}

func TestReconcileBringsWhatIncrementsHaveMissed(t *testing.T) {
	t.Parallel()
	f, b := caredFor(t, 12)
	f.put(report("laat", "c1", "ver na zijn tijd vastgelegd", 20))
	b.syncs(store.OutcomeComplete, store.Scope{})
	if b.texts()["laat"] != "" {
		t.Fatal("the increment saw it: the test tests nothing")
	}
	b.syncs(store.OutcomeComplete, reconcile)
	if got := b.texts()["laat"]; got == "" {
		t.Error("it was not brought")
	}
	// Very much that is missing is not read one by one.
	reads := f.count(func(a asked) bool { return a.act == "read" })
	f.put(reports("c1", 1200, 30, 100)...)
	f.pageSize = 500
	b.syncs(store.OutcomeComplete, reconcile)
	if got := len(b.texts()); got != 1201 {
		t.Errorf("%d reports are shown, want 1201", got)
	}
	if got := f.count(func(a asked) bool { return a.act == "read" }) - reads; got > 1000 {
		t.Errorf("%d records were read one by one", got)
	}
}

// filtered is a source of which one search asks for certain records only.
type filtered struct {
	*fake
	left map[string]bool // what no longer matches
}

func (f filtered) Search(ctx context.Context, q source.Query) (source.Page, error) {
	page, err := f.fake.Search(ctx, q)
	if q.Type.Query != "" {
		n := len(page.Items)
		page.Items = slices.DeleteFunc(page.Items, func(it dossier.Item) bool { return f.left[it.ID] })
		page.Total -= n - len(page.Items)
	}
	return page, err
}

// filteredReports is a replica of such a source, with eight reports of one client.
func filteredReports(t *testing.T) (filtered, *bench) {
	t.Helper()
	f := newFake(t, client("c1", 0), nurse("n1", "Anna", 0))
	f.types[4].Query = "category=dagrapportage"
	f.put(reports("c1", 8, 10, 3)...)
	src := filtered{f, map[string]bool{}}
	b := newBenchOf(t, src)
	b.syncs(store.OutcomeComplete, store.Scope{})
	return src, b
}

func TestReconcileRemovesWhatHasLeftTheSearch(t *testing.T) {
	t.Parallel()
	src, b := filteredReports(t)
	src.left["c1-2"] = true
	b.syncs(store.OutcomeComplete, reconcile)
	if got := b.texts(); got["c1-2"] != "" || len(got) != 7 {
		t.Errorf("shown are %v", b.shownReports())
	}
}

func TestReconcileOfAPartialListRemovesNothing(t *testing.T) {
	t.Parallel()
	f, b := caredFor(t, 25)
	f.remove(isReport(3))
	f.script = func(a asked) error {
		if a.act == "search" && a.Envelope && a.of(observations) && strings.HasPrefix(a.Next, "10@") {
			return failing(source.Invalid, 200)
		}
		return nil
	}
	run := b.syncs(store.OutcomePartial, reconcile)
	if got := len(b.texts()); got != 25 {
		t.Errorf("%d reports are shown, want 25", got)
	}
	if got := message(run); got != "1 type could not be compared in full" {
		t.Errorf("the run says %q", got)
	}
	if got := b.one(`SELECT reconciled::text FROM tenants`); got != "" {
		t.Error("it counts as a reconcile of everything")
	}
}

func TestAbsentClientTakesTheDossierAlong(t *testing.T) {
	t.Parallel()
	f, b := caredFor(t, 30)
	f.put(client("c2", 0))
	b.syncs(store.OutcomeComplete, store.Scope{Full: true})
	f.remove(func(it dossier.Item) bool { return it.Client == "c1" })
	b.syncs(store.OutcomeComplete, reconcile) // one client: the 30 reports go with it, and are not held
	if got := b.texts(); len(got) != 0 {
		t.Errorf("shown are %v", b.shownReports())
	}
	if got := b.one(`SELECT string_agg(DISTINCT coalesce(card::text, '') || coalesce(body::text, ''), '') FROM items WHERE client = 'c1'`); got != "" {
		t.Errorf("still stored is %s", got)
	}
}

func TestCrashOfTheDatabaseMidwayRemovesNothing(t *testing.T) {
	t.Parallel()
	f, b := caredFor(t, 25)
	f.remove(isReport(3))
	once := false
	f.script = func(a asked) error {
		if a.act == "search" && a.Envelope && a.of(observations) && strings.HasPrefix(a.Next, "10@") && !once {
			once = true
			b.exec(`TRUNCATE census, censuses, seen`) // as the server does when it recovers
		}
		return nil
	}
	b.syncs(store.OutcomeComplete, reconcile)
	if got := b.texts(); len(got) != 24 || got["c1-3"] != "" {
		t.Errorf("shown are %v", b.shownReports())
	}
	if !once {
		t.Error("there was no crash: the test tests nothing")
	}
}

func TestReconcileGoesOnWhereASliceEnded(t *testing.T) {
	t.Parallel()
	f, b := caredFor(t, 60)
	f.remove(isReport(3, 40, 59))
	b.opts.Slice = time.Nanosecond
	b.restart()
	run := b.request(store.Scope{Only: store.StepReconcile})
	b.worksUntilDone(run)
	if got := b.texts(); len(got) != 57 {
		t.Errorf("%d reports are shown, want 57", len(got))
	}
	if got := b.one(`SELECT (slices > 5)::text FROM runs WHERE id = $1`, run); got != "true" {
		t.Error("it took few slices: the test tests nothing")
	}
}

func TestSourceRestoredFromABackupOpensAnEpoch(t *testing.T) {
	t.Parallel()
	f, b := caredFor(t, 12)
	backup := slices.Clone(f.records)
	f.pass(time.Hour)
	f.put(report("c1-5", "c1", "later gewijzigd", 730), report("nieuw", "c1", "na de back-up", 735))
	b.syncs(store.OutcomeComplete, store.Scope{})
	f.mu.Lock()
	f.records = backup
	f.mu.Unlock()
	b.syncs(store.OutcomeComplete, store.Scope{})
	if got := b.texts()["c1-5"]; got != "later gewijzigd" {
		t.Fatalf("an increment noticed: %q", got)
	}
	run := b.sync(reconcile)
	if got := b.texts()["c1-5"]; got != "nummer 5" {
		t.Errorf("restored it says %q (run: %s)", got, message(run))
	}
	if got := b.one(`SELECT epoch::text FROM tenants`); got != "2" {
		t.Errorf("the epoch is %s, want 2", got)
	}
	b.syncs(store.OutcomeComplete, store.Scope{})
	b.syncs(store.OutcomeComplete, reconcile)
	if got := b.texts(); got["nieuw"] != "" || len(got) != 12 {
		t.Errorf("shown are %v", b.shownReports())
	}
	if got := b.one(`SELECT epoch::text FROM tenants`); got != "2" {
		t.Errorf("the epoch is %s, want 2 still", got)
	}
}

// fed is a source that tells what it has deleted.
type fed struct {
	*fake
	deleted []source.Deletion
}

func (f *fed) Deleted(ctx context.Context, t source.Type, since time.Time, _ string) (source.DeletedPage, error) {
	if err := f.answer(ctx, asked{act: "deletions", Query: source.Query{Type: t, From: since}}); err != nil {
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

func (f *fed) delete(id string, at time.Time) {
	f.remove(func(it dossier.Item) bool { return it.ID == id })
	f.deleted = append(f.deleted, source.Deletion{Ref: dossier.Ref{Type: observations.Name, ID: id}, At: at})
}

func TestStatedDeletionsAreObeyedAtOnce(t *testing.T) {
	t.Parallel()
	f := &fed{fake: newFake(t, client("c1", 0), nurse("n1", "Anna", 0))}
	f.put(reports("c1", 60, 10, 3)...)
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{})
	f.pass(time.Hour)
	now := at(13*60 - 5)
	for n := range 40 { // no brake: it is stated
		f.delete(fmt.Sprintf("c1-%d", n), now)
	}
	f.delete("nooit-gezien", now)
	f.put(report("c1-7", "c1", "opnieuw gemaakt", 13*60-4))
	// Deleted and made again within one second, and the source counts in seconds.
	again := report("c1-8", "c1", "in dezelfde seconde", 13*60-5)
	again.Updated = again.Updated.Add(400 * time.Millisecond)
	f.put(again)
	run := b.syncs(store.OutcomeComplete, store.Scope{})
	got := b.texts()
	if len(got) != 22 || got["c1-7"] != "opnieuw gemaakt" || got["c1-8"] != "in dezelfde seconde" {
		t.Errorf("shown are %v", b.shownReports())
	}
	if got := totals(run).Reasons["withdrawn:deleted"]; got != 38 {
		t.Errorf("the run counts %d deletions", got)
	}
	if got := b.one(`SELECT count(*)::text FROM items WHERE id = 'nooit-gezien'`); got != "0" {
		t.Error("there is a tombstone of what was never here")
	}
}

func TestScheduledRunsReconcileWhenItIsDue(t *testing.T) {
	t.Parallel()
	listed := func(f *fake) int { return f.count(func(a asked) bool { return a.act == "search" && a.Envelope }) }
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
			f := newFake(t, client("c1", 0), nurse("n1", "Anna", 0))
			f.put(reports("c1", 12, 10, 3)...)
			b := newBenchOf(t, f)
			if test.feed {
				b.tenant.Source = &fed{fake: f}
				b.restart()
			}
			b.syncs(store.OutcomeComplete, store.Scope{})
			b.syncs(store.OutcomeComplete, reconcile)
			b.syncs(store.OutcomeComplete, store.Scope{}) // what the source tells is known now
			before := listed(f)
			run, _, err := b.Store.RequestRun(t.Context(), store.RunRequest{
				Tenant: tenant, Trigger: store.TriggerSchedule, Slot: test.slot})
			if err != nil {
				t.Fatal(err)
			}
			b.worksUntilDone(run.ID)
			if got := listed(f) > before; got != test.want {
				t.Errorf("it reconciled: %t, want %t", got, test.want)
			}
			if got := b.one(`SELECT (rechecked IS NOT NULL)::text FROM tenants`); test.want && test.feed && got != "true" {
				t.Error("no seventh of the clients was read again")
			}
		})
	}
}

// In a week every client is read again in full.
func TestEveryClientIsReadAgainWithinAWeek(t *testing.T) {
	t.Parallel()
	f := newFake(t, nurse("n1", "Anna", 0))
	for n := range 20 {
		f.put(client(fmt.Sprintf("c%d", n), 0))
	}
	f.put(reports("c3", 5, 10, 3)...)
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{})
	read := make(map[string]int)
	f.script = func(a asked) error {
		if a.act == "search" && a.Client != "" && a.of(observations) {
			read[a.Client]++
		}
		return nil
	}
	for range 7 {
		b.exec(`UPDATE tenants SET rechecked = now() - interval '21 hours', reconciled = now() - interval '31 hours'`)
		run, _, err := b.Store.RequestRun(t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerCatchUp})
		if err != nil {
			t.Fatal(err)
		}
		b.worksUntilDone(run.ID)
		if got := b.one(`SELECT count(*)::text FROM backfills`); got != "0" {
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

// request asks for a run that a worker would take.
func (b *bench) request(scope store.Scope) int64 {
	b.t.Helper()
	run, _, err := b.Store.RequestRun(b.t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual, Scope: scope})
	if err != nil {
		b.t.Fatal(err)
	}
	return run.ID
}

// worksUntilDone works on a run as a worker does, slice by slice.
func (b *bench) worksUntilDone(run int64) {
	b.t.Helper()
	if err := dossiersync.WorkOn(b.t.Context(), b.syncer, run); err != nil {
		b.t.Fatal(err)
	}
}

// Case 56: the source's clock was wrong when it stamped a record with a time that
// has not come. No increment finds it.
func TestReconcileBringsWhatIsStampedInTheFuture(t *testing.T) {
	t.Parallel()
	f, b := caredFor(t, 12)
	ahead := report("c1-90", "c1", "uit de toekomst", 60*24*365)
	f.put(ahead)
	b.syncs(store.OutcomeComplete, store.Scope{})
	if b.texts()["c1-90"] != "" {
		t.Fatal("the increment saw it: the test tests nothing")
	}
	b.syncs(store.OutcomeComplete, reconcile)
	if got := b.texts()["c1-90"]; got != "uit de toekomst" {
		t.Errorf("it says %q", got)
	}
	f.remove(func(it dossier.Item) bool { return it.ID == "c1-90" })
	b.syncs(store.OutcomeComplete, reconcile)
	if got := len(b.texts()); got != 12 {
		t.Errorf("%d reports are shown, want 12", got)
	}
}

// confirmedGone is what an earlier run leaves that ended after it had confirmed that
// a record is gone, and before it removed it.
func (b *bench) confirmedGone(id string) {
	b.t.Helper()
	b.exec(`INSERT INTO absences (tenant, key, stream, type, id, state)
		SELECT tenant, key, stream, type, id, 'confirmed' FROM items WHERE id = $1`, id)
}

// I5: what an earlier run confirmed says nothing where the source has it again.
func TestWhatTheSourceHasAgainIsNotRemoved(t *testing.T) {
	t.Parallel()
	f, b := caredFor(t, 25)
	b.confirmedGone("c1-3")
	f.pass(4 * time.Hour)
	f.put(report("c1-3", "c1", "toch niet weg", 15*60))
	b.syncs(store.OutcomeComplete, store.Scope{})
	if n := b.one(`SELECT count(*) FROM absences`); n != "0" {
		t.Errorf("%s records count as absent", n)
	}
	b.syncs(store.OutcomeComplete, reconcile)
	if got := b.texts(); got["c1-3"] != "toch niet weg" {
		t.Errorf("shown are %v", b.shownReports())
	}
}

// I5: of a type that cannot be listed today nothing is removed, although others of
// its stream were listed whole.
func TestNothingIsRemovedOfATypeThatCannotBeListed(t *testing.T) {
	t.Parallel()
	f := newFake(t, client("c1", 0), nurse("n1", "Anna", 0))
	notes := source.Type{Stream: dossier.StreamReports, Name: "DocumentReference", Fingerprint: "f"}
	f.types = append(f.types, notes)
	f.put(reports("c1", 8, 10, 3)...)
	f.put(record(notes, "n-1", "c1", 9, &dossier.Report{Text: "brief"}))
	b := newBenchOf(t, f)
	b.syncs(store.OutcomeComplete, store.Scope{})
	b.confirmedGone("c1-3")
	f.script = func(a asked) error {
		if a.act == "search" && a.of(observations) {
			return failing(source.Unreachable, 500)
		}
		return nil
	}
	b.syncs(store.OutcomePartial, reconcile)
	if got := b.texts(); len(got) != 9 {
		t.Errorf("shown are %v", b.shownReports())
	}
}
