package portalapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"dossiersync/portalapi"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// newDossierHarness returns a harness where daughter may see every part of client 1.
func newDossierHarness(t testing.TB, change ...func(*portalapi.Options)) *harness {
	t.Helper()
	return newHarness(t, change...).withDossier()
}

func (p *harness) withDossier() *harness {
	p.t.Helper()
	p.markSynced("amaris", time.Now())
	p.client("amaris", "1", "Mevrouw De Vries")
	p.grant("amaris", "daughter", "1", everyPart)
	return p
}

func keysOf(items ...item) []string {
	out := []string{}
	for _, it := range items {
		out = append(out, it.key())
	}
	return out
}

func TestTimelineMixesReportsAndForms(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	day := func(n int) time.Time { return noon().AddDate(0, 0, -n) }
	r1, f2, r3 := report("1", "r1", day(1)), form("1", "f2", day(2)), report("1", "r3", day(3))
	r3.category = "care-plan"
	p.items(r1, f2, r3, plan("1", "p", day(0), true), report("2", "other", day(0)))

	date := func(n int) string { return day(n).Format(time.DateOnly) }
	tests := map[string][]string{
		"":                                     keysOf(r1, f2, r3),
		"?kind=report":                         keysOf(r1, r3),
		"?kind=form":                           keysOf(f2),
		"?category=care-plan":                  keysOf(f2, r3),
		"?from=" + date(2):                     keysOf(r1, f2),
		"?to=" + date(2):                       keysOf(f2, r3),
		"?from=" + date(2) + "&to=" + date(2):  keysOf(f2),
		"?around=" + date(2):                   keysOf(f2, r3),
		"?around=" + date(9):                   {},
		"?around=" + date(0) + "&kind=report":  keysOf(r1, r3),
		"?limit=2":                             keysOf(r1, f2),
		"?kind=report&category=care-plan":      keysOf(r3),
		"?from=" + date(-1):                    {},
		"?category=general&kind=form&limit=99": keysOf(f2),
	}
	for query, want := range tests {
		got := ids(p.get("daughter", "/v1/dossiers/1/timeline"+query).list(t))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("timeline%s (-want +got):\n%s", query, diff)
		}
	}
}

func TestAroundLinksBothWays(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	var all []item
	for n := range 9 {
		all = append(all, report("1", fmt.Sprint(n), noon().AddDate(0, 0, -n)))
	}
	p.items(all...)
	l := p.get("daughter", "/v1/dossiers/1/timeline?limit=2&around="+all[4].at.Format(time.DateOnly)).list(t)
	if diff := cmp.Diff(keysOf(all[4], all[5]), ids(l)); diff != "" {
		t.Fatalf("around (-want +got):\n%s", diff)
	}
	newer := p.get("daughter", *l.Page.Previous).list(t)
	if diff := cmp.Diff(keysOf(all[2], all[3]), ids(newer)); diff != "" {
		t.Errorf("previous (-want +got):\n%s", diff)
	}
	older := p.get("daughter", *l.Page.Next).list(t)
	if diff := cmp.Diff(keysOf(all[6], all[7]), ids(older)); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
	newest := p.get("daughter", "/v1/dossiers/1/timeline?around="+all[0].at.Format(time.DateOnly)).list(t)
	if newest.Page.Previous != nil {
		t.Errorf("previous of the newest is %s", *newest.Page.Previous)
	}
}

// The last page may have become empty since the page before it was read. It links back all the same.
func TestEmptyPageLinksBack(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	r1, r2 := report("1", "r1", noon()), report("1", "r2", noon().AddDate(0, 0, -1))
	p.items(r1, r2)
	first := p.get("daughter", "/v1/dossiers/1/timeline?limit=1").list(t)
	p.exec(`DELETE FROM items WHERE tenant = 'amaris' AND id = 'r2'`)
	empty := p.get("daughter", *first.Page.Next).list(t)
	if len(empty.Items) != 0 || empty.Page.Previous == nil {
		t.Fatalf("the second page has %d items and links back to %v", len(empty.Items), empty.Page.Previous)
	}
	if diff := cmp.Diff(keysOf(r1), ids(p.get("daughter", *empty.Page.Previous).list(t))); diff != "" {
		t.Error(diff)
	}
}

// For any dossier, filter and limit, the next links show every card once, newest first, and so do
// the previous links from the end.
func TestPagingShowsEveryCardOnce(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	start := time.Date(2026, 3, 1, 0, 0, 0, 0, amsterdam)
	rapid.Check(t, func(rt *rapid.T) {
		p.exec(`DELETE FROM items`)
		// Few moments for many cards, so that pages end within one.
		var all []item
		for i := range rapid.IntRange(0, 30).Draw(rt, "cards") {
			at := start.Add(time.Duration(rapid.IntRange(0, 4).Draw(rt, "hour")) * 12 * time.Hour)
			it := report("1", fmt.Sprint("r", i), at)
			switch rapid.IntRange(0, 2).Draw(rt, "kind") {
			case 1:
				it = form("1", fmt.Sprint("f", i), at)
			case 2:
				it.category = "care-plan"
			}
			all = append(all, it)
		}
		p.items(all...)
		query := rapid.SampledFrom([]string{"", "kind=report", "kind=form", "category=care-plan", "from=2026-03-02", "to=2026-03-01"}).Draw(rt, "filter")
		route := "/v1/dossiers/1/timeline"
		if rapid.Bool().Draw(rt, "reports") && !strings.Contains(query, "kind") {
			route = "/v1/dossiers/1/reports"
		}
		want := keysOf(expected(all, route, query)...)
		limit := rapid.IntRange(1, 12).Draw(rt, "limit")
		first := fmt.Sprintf("%s?limit=%d&%s", route, limit, query)
		forwards, last := p.followLinks(rt, strings.TrimSuffix(first, "&"), func(l list) (*string, []string) { return l.Page.Next, ids(l) })
		if diff := cmp.Diff(want, forwards); diff != "" {
			rt.Fatalf("next (-want +got):\n%s", diff)
		}
		backwards, _ := p.followLinks(rt, last, func(l list) (*string, []string) {
			page := ids(l) // the newest first, whichever way one came
			slices.Reverse(page)
			return l.Page.Previous, page
		})
		slices.Reverse(want)
		if diff := cmp.Diff(want, backwards); diff != "" {
			rt.Fatalf("previous (-want +got):\n%s", diff)
		}
	})
}

// followLinks reads the pages from url on. It returns what read takes from them, and the URL of the
// last page.
func (p *harness) followLinks(rt *rapid.T, url string, read func(list) (*string, []string)) (all []string, last string) {
	all = []string{}
	for range 100 {
		next, page := read(p.get("daughter", url).list(p.t))
		all = append(all, page...)
		if next == nil {
			return all, url
		}
		url = *next
	}
	rt.Fatal("the pages do not end")
	return nil, ""
}

// expected does in Go what a list does in SQL.
func expected(all []item, route, query string) []item {
	var out []item
	for _, it := range all {
		isReport := it.kind == dossier.KindReport
		second := !it.at.Before(time.Date(2026, 3, 2, 0, 0, 0, 0, amsterdam))
		switch {
		case strings.HasSuffix(route, "reports") && !isReport,
			query == "kind=report" && !isReport, query == "kind=form" && isReport,
			query == "category=care-plan" && isReport && it.category != "care-plan",
			query == "from=2026-03-02" && !second, query == "to=2026-03-01" && second:
			continue
		}
		out = append(out, it)
	}
	slices.SortFunc(out, func(a, b item) int {
		if c := b.at.Compare(a.at); c != 0 {
			return c
		}
		return strings.Compare(b.key(), a.key())
	})
	return out
}

func TestReportIsServedWithTextAndLinks(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.grant("amaris", "son", "1", []string{"reports"})
	pl := plan("1", "plan", noon(), true)
	goal := item{tenant: "amaris", client: "1", id: "goal", kind: dossier.KindGoal, title: "Zelf lopen"}
	theirs := plan("2", "theirs", noon(), true)
	r := report("1", "r", noon())
	r.plan, r.goal, r.text = pl.key(), goal.key(), "Regel 1\nRegel <2> & \u2028"
	stray := report("1", "stray", noon())
	stray.plan, stray.goal = theirs.key(), "nowhere"
	p.items(pl, goal, theirs, r, stray)

	one, _ := p.get("daughter", "/v1/dossiers/1/reports/"+r.key()).item(t)
	link := func(it item) any { return map[string]any{"id": it.key(), "title": it.title} }
	if one["text"] != r.text || !cmp.Equal(one["plan"], link(pl)) || !cmp.Equal(one["goal"], link(goal)) {
		t.Errorf("report is %v", one)
	}
	// Case 78: a report does not reveal what its reader may not see.
	hidden, _ := p.get("son", "/v1/dossiers/1/reports/"+r.key()).item(t)
	if hidden["plan"] != nil || hidden["goal"] != nil || hidden["text"] != r.text {
		t.Errorf("without a right to plans the report is %v", hidden)
	}
	// A link into another dossier, or to nothing, is none.
	loose, _ := p.get("daughter", "/v1/dossiers/1/reports/"+stray.key()).item(t)
	if loose["plan"] != nil || loose["goal"] != nil {
		t.Errorf("the stray report is %v", loose)
	}
	l := p.get("daughter", "/v1/dossiers/1/reports").list(t)
	if len(l.Items) != 2 {
		t.Fatalf("reports are %v", l.Items)
	}
	for _, it := range l.Items {
		if it["id"] == r.key() && !cmp.Equal(it, one) {
			t.Errorf("in the list the report differs: %s", cmp.Diff(one, it))
		}
	}
}

func TestLongReportsMakeShortPages(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	var want []string
	for n := range 8 {
		r := report("1", fmt.Sprint(n), noon().AddDate(0, 0, -n))
		r.text = strings.Repeat("lang verhaal ", 70_000) // some 900 kB
		p.items(r)
		want = append(want, r.key())
	}
	a := p.get("daughter", "/v1/dossiers/1/reports?limit=100")
	if len(a.body) > 2*store.MaxBodies {
		t.Errorf("a page has %d bytes", len(a.body))
	}
	got := ids(a.list(t))
	for next := a.list(t).Page.Next; next != nil; {
		l := p.get("daughter", *next).list(t)
		got, next = append(got, ids(l)...), l.Page.Next
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

func TestPlanIsCurrentOrExpiredAtReadingTime(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	yesterday, today := noon().AddDate(0, 0, -1), noon()
	running := plan("1", "running", noon().AddDate(0, 0, -4), true)
	lastDay := plan("1", "last-day", noon().AddDate(0, 0, -5), true)
	lastDay.ends = &today
	over := plan("1", "over", noon().AddDate(0, 0, -6), true)
	over.ends = &yesterday
	revoked := plan("1", "revoked", noon().AddDate(0, 0, -7), false)
	p.items(running, lastDay, over, revoked)

	for state, want := range map[string][]string{"current": keysOf(running, lastDay), "expired": keysOf(over, revoked)} {
		l := p.get("daughter", "/v1/dossiers/1/care-plans?state="+state).list(t)
		if diff := cmp.Diff(want, ids(l)); diff != "" {
			t.Errorf("%s plans (-want +got):\n%s", state, diff)
		}
		for _, it := range l.Items {
			if it["state"] != state {
				t.Errorf("%s has the state %s, want %s", it["id"], it["state"], state)
			}
		}
	}
	one, _ := p.get("daughter", "/v1/dossiers/1/care-plans/"+over.key()).item(t)
	if one["state"] != "expired" || one["domains"] == nil {
		t.Errorf("plan is %v", one)
	}
}

func TestFormIsServedWithAnswers(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	f := form("1", "f", noon())
	p.items(f)
	if got := ids(p.get("daughter", "/v1/dossiers/1/forms").list(t)); !slices.Equal(got, keysOf(f)) {
		t.Errorf("forms are %v", got)
	}
	one, _ := p.get("daughter", "/v1/dossiers/1/forms/"+f.key()).item(t)
	if one["questions"] == nil {
		t.Errorf("form is %v", one)
	}
	// One kind's id does not open another kind's route.
	if a := p.get("daughter", "/v1/dossiers/1/reports/"+f.key()); a.status != http.StatusNotFound {
		t.Errorf("a form as a report is answered with %d", a.status)
	}
}

func TestDensityCountsPerPeriod(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	p.items(
		report("1", "a", at("2026-03-01T00:30:00+01:00")), // a Sunday; still February in UTC
		report("1", "b", at("2026-03-02T09:00:00+01:00")),
		form("1", "c", at("2026-03-02T10:00:00+01:00")),
		report("1", "d", at("2026-01-31T23:30:00+01:00")),
	)
	type row = map[string]any
	tests := map[string][]row{
		"by=day": {
			{"from": "2026-03-02", "to": "2026-03-02", "reports": 1.0, "forms": 1.0},
			{"from": "2026-03-01", "to": "2026-03-01", "reports": 1.0, "forms": 0.0},
			{"from": "2026-01-31", "to": "2026-01-31", "reports": 1.0, "forms": 0.0}},
		"by=week": {
			{"from": "2026-03-02", "to": "2026-03-08", "reports": 1.0, "forms": 1.0},
			{"from": "2026-02-23", "to": "2026-03-01", "reports": 1.0, "forms": 0.0},
			{"from": "2026-01-26", "to": "2026-02-01", "reports": 1.0, "forms": 0.0}},
		"by=month": {
			{"from": "2026-03-01", "to": "2026-03-31", "reports": 2.0, "forms": 1.0},
			{"from": "2026-01-01", "to": "2026-01-31", "reports": 1.0, "forms": 0.0}},
		"by=month&kind=form":       {{"from": "2026-03-01", "to": "2026-03-31", "reports": 0.0, "forms": 1.0}},
		"by=month&from=2026-03-02": {{"from": "2026-03-01", "to": "2026-03-31", "reports": 1.0, "forms": 1.0}},
	}
	for query, want := range tests {
		l := p.get("daughter", "/v1/dossiers/1/timeline/density?"+query).list(t)
		if diff := cmp.Diff(want, l.Items); diff != "" {
			t.Errorf("density?%s (-want +got):\n%s", query, diff)
		}
	}
	p.exec(`INSERT INTO items (tenant, key, type, id, stream, kind, client, state, part, epoch, version, hash, at, card)
		SELECT 'amaris', 'many-' || n, 'T', 'many-' || n, 'reports', 'report', '1', 'shown', 'reports', 1, '1', '\x00',
			timestamptz '2020-01-01 12:00+01' - n * interval '1 day', '{}' FROM generate_series(1, 1500) n`)
	days := 0
	for next := new("/v1/dossiers/1/timeline/density?by=day&to=2020-12-31"); next != nil; {
		l := p.get("daughter", *next).list(t)
		days, next = days+len(l.Items), l.Page.Next
	}
	if days != 1500 {
		t.Errorf("found %d days, want 1500", days)
	}
}

// Lists are narrowed by plan, goal and author; a plan or goal that the user may not see narrows to
// nothing, as one that does not exist does.
func TestListsNarrowByPlanGoalAndAuthor(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.grant("amaris", "son", "1", []string{"reports"})
	goal := item{tenant: "amaris", client: "1", id: "g", kind: dossier.KindGoal}
	whole, other := plan("1", "whole", noon(), true), plan("1", "other", noon(), true)
	r1, r2, r3 := report("1", "r1", noon()), report("1", "r2", noon().Add(-time.Hour)), report("1", "r3", noon().Add(-2*time.Hour))
	r1.plan, r2.plan, r2.goal, r3.plan = whole.key(), "part", goal.key(), other.key()
	p.items(r1, r2, r3, goal, whole, other)
	p.exec(`INSERT INTO items (tenant, key, type, id, stream, kind, client, state, part, epoch, version, hash, plan)
		VALUES ('amaris', 'part', 'CarePlan', 'part', 'care-plans', 'care-plan-part', '1', 'shown', 'care-plans', 1, '1', '', $1)`, whole.key())
	p.exec(`UPDATE items SET card = jsonb_set(card::jsonb, '{author,id}', '"bakker"') WHERE key IN ($1, $2)`, r1.key(), r3.key())
	hidden := strings.Repeat("x", 22)
	for query, want := range map[string][]string{
		"":                       keysOf(r1, r2, r3),
		"?plan=" + whole.key():   keysOf(r1, r2),
		"?plan=" + other.key():   keysOf(r3),
		"?goal=" + goal.key():    keysOf(r2),
		"?goal=" + whole.key():   {},
		"?plan=" + hidden:        {},
		"?goal=" + hidden:        {},
		"?plan=part":             {},
		"?author=bakker":         keysOf(r1, r3),
		"?author=bakker&limit=1": keysOf(r1),
		"?author=nobody":         {},
		"?plan=" + whole.key() + "&author=bakker&category=general": keysOf(r1),
	} {
		for _, path := range []string{"timeline", "reports"} {
			if diff := cmp.Diff(want, ids(p.get("daughter", "/v1/dossiers/1/"+path+query).list(t))); diff != "" {
				t.Errorf("%s%s (-want +got):\n%s", path, query, diff)
			}
		}
	}
	for _, query := range []string{"?plan=" + whole.key(), "?goal=" + goal.key(), "?plan=" + hidden} {
		a := p.get("son", "/v1/dossiers/1/reports"+query).list(t)
		if len(a.Items) > 0 || a.Freshness.Reason == nil || *a.Freshness.Reason != "no-match" || *a.Freshness.ReasonSentence != "Niets gevonden." {
			t.Errorf("without a right to plans, %s gives %d items and %+v", query, len(a.Items), a.Freshness)
		}
	}
	for _, query := range []string{"?plan=a%20b", "?goal=", "?author=%27"} {
		if a := p.get("daughter", "/v1/dossiers/1/reports"+query); query != "?goal=" && a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", query, a.status)
		}
	}
	p.withhold(store.Withholding{Tenant: "amaris", Item: whole.key()})
	if got := ids(p.get("daughter", "/v1/dossiers/1/reports?plan="+whole.key()).list(t)); len(got) > 0 {
		t.Errorf("a hidden plan narrows to %v", got)
	}
}

// An opened item names its neighbours in the list of its kind, as far as the user may read them.
func TestOpenedItemHasNeighbours(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	r1, r2, r3 := report("1", "r1", noon()), report("1", "r2", noon().Add(-time.Hour)), report("1", "r3", noon().Add(-2*time.Hour))
	r3.category = "care-plan"
	h := report("1", "hidden", noon().Add(-30*time.Minute))
	p.items(r1, r2, r3, h, form("1", "f", noon().Add(-90*time.Minute)), report("2", "other", noon().Add(-100*time.Minute)))
	p.withhold(store.Withholding{Tenant: "amaris", Item: h.key()})
	beside := func(url string) (next, previous string) {
		t.Helper()
		var a struct {
			Next, Previous *struct{ ID, Kind, At, Title string }
		}
		if err := json.Unmarshal([]byte(p.get("daughter", url).body), &a); err != nil {
			t.Fatal(err)
		}
		if a.Next != nil {
			next = a.Next.ID
		}
		if a.Previous != nil {
			previous = a.Previous.ID
		}
		return next, previous
	}
	for of, want := range map[item][2]string{r1: {r2.key(), ""}, r2: {r3.key(), r1.key()}, r3: {"", r2.key()}} {
		next, previous := beside("/v1/dossiers/1/reports/" + of.key())
		if next != want[0] || previous != want[1] {
			t.Errorf("beside %s are %q and %q, want %q", of.id, next, previous, want)
		}
	}
	if next, previous := beside("/v1/dossiers/1/reports/" + r2.key() + "?category=general"); next != "" || previous != r1.key() {
		t.Errorf("of the same category are %q and %q", next, previous)
	}
}

// The cursors beside the links are those of the links.
func TestPageHasCursorsOfItsLinks(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	for n := range 5 {
		p.items(report("1", fmt.Sprint(n), noon().AddDate(0, 0, -n)))
	}
	first := p.get("daughter", "/v1/dossiers/1/reports?limit=2").list(t)
	second := p.get("daughter", "/v1/dossiers/1/reports?limit=2&cursor="+*first.Page.NextCursor).list(t)
	if got, want := ids(second), ids(p.get("daughter", *first.Page.Next).list(t)); len(got) != 2 || !slices.Equal(got, want) {
		t.Errorf("the page at the cursor is %v, that at the link %v", got, want)
	}
	back := p.get("daughter", "/v1/dossiers/1/reports?limit=2&cursor="+*second.Page.PreviousCursor).list(t)
	if !slices.Equal(ids(back), ids(first)) || first.Page.PreviousCursor != nil {
		t.Errorf("back from the second page are %v", ids(back))
	}
}
