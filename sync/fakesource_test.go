package sync_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// fakeSource is a care record system in memory. It holds records as a source maps them, and has a
// clock of its own. Its answers are right and complete unless behaviour or script change them.
type fakeSource struct {
	t reporter

	mu        sync.Mutex
	types     []source.Type
	records   []dossier.Item
	now       time.Time
	pageSize  int
	behaviour behaviour
	snapshots [][]dossier.Item // what searches found, by the number in their links
	requests  []request

	scripted sync.Mutex // held while script is called
	// script is called before each answer. It may change the records; its error is the answer.
	script func(a request) error
}

// reporter is a test of package testing or of rapid.
type reporter interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// behaviour is how care record systems differ in answering searches.
type behaviour struct {
	order           order
	noTotals        bool // pages have no total
	offsets         bool // links count from the start of the present records, not of a snapshot
	ignoresInterval bool // the interval is ignored, and the first page says so
	ignoresEnd      bool // the interval's end is ignored, and no page says so
	countsMore      int  // is added to each total and count
	totalsMore      int  // is added to each page's total
	// fails is the longest interval that does not end in an HTTP 500; 0: none does.
	fails  time.Duration
	circle int // the page after so many links back to the page before it; 0: none does
}

type order int

const (
	ascending order = iota
	descending
	byID
)

// request is one request to the source.
type request struct {
	act string // describe, search, count or read
	source.Query
	ref dossier.Ref // of a read
}

// of reports whether the request asks for records of the type.
func (a request) of(t source.Type) bool { return a.Type.Stream == t.Stream && a.Type.Name == t.Name }

// maxRequests is how many requests one test may make. A run that makes more would never end.
const maxRequests = 2000

var _ source.Source = (*fakeSource)(nil)

// The types of each fakeSource.
var (
	patients      = source.Type{Stream: dossier.StreamClients, Name: "Patient", Fingerprint: "f"}
	practitioners = source.Type{Stream: dossier.StreamStaff, Name: "Practitioner", Fingerprint: "f"}
	goals         = source.Type{Stream: dossier.StreamGoals, Name: "Goal", Fingerprint: "f"}
	carePlans     = source.Type{Stream: dossier.StreamCarePlans, Name: "CarePlan", Fingerprint: "f"}
	observations  = source.Type{Stream: dossier.StreamReports, Name: "Observation", Fingerprint: "f"}
)

// newFakeSource returns a source that holds the records. Its clock stands at noon of the day that
// begins at at(0).
func newFakeSource(t *testing.T, records ...dossier.Item) *fakeSource {
	f := &fakeSource{t: t, now: at(12 * 60), pageSize: 10,
		types: []source.Type{patients, practitioners, goals, carePlans, observations}}
	f.put(records...)
	return f
}

// put stores records, in place of earlier versions.
func (f *fakeSource) put(records ...dossier.Item) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, it := range records {
		i := slices.IndexFunc(f.records, func(old dossier.Item) bool { return it.ID != "" && old.Ref == it.Ref })
		if i < 0 {
			f.records = append(f.records, it)
		} else {
			f.records[i] = it
		}
	}
}

// remove deletes records silently: no deletions feed reports them.
func (f *fakeSource) remove(drop func(it dossier.Item) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.records = slices.DeleteFunc(f.records, drop)
}

// advance moves the source's clock.
func (f *fakeSource) advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// count returns how many requests match; nil: all do.
func (f *fakeSource) count(match func(a request) bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, a := range f.requests {
		if match == nil || match(a) {
			n++
		}
	}
	return n
}

// receive records a request, and returns the script's error.
func (f *fakeSource) receive(ctx context.Context, a request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	f.requests = append(f.requests, a)
	n := len(f.requests)
	f.mu.Unlock()
	if n > maxRequests {
		f.t.Errorf("%d requests were made: the run does not end", n)
		return &source.Failure{Kind: source.BreakerOpen, Act: a.act, Err: errors.New("too many requests")}
	}
	f.scripted.Lock()
	defer f.scripted.Unlock()
	if f.script == nil {
		return nil
	}
	return f.script(a)
}

// Describe implements [source.Source].
func (f *fakeSource) Describe(ctx context.Context) (source.Description, error) {
	if err := f.receive(ctx, request{act: "describe"}); err != nil {
		return source.Description{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return source.Description{Now: f.now, Types: slices.Clone(f.types)}, nil
}

// Read implements [source.Source].
func (f *fakeSource) Read(ctx context.Context, _ dossier.Stream, ref dossier.Ref) (dossier.Item, error) {
	if err := f.receive(ctx, request{act: "read", ref: ref}); err != nil {
		return dossier.Item{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, it := range f.records {
		if it.Ref == ref {
			return it, nil
		}
	}
	return dossier.Item{}, &source.Failure{Kind: source.NotFound, Act: "read " + ref.Type, Status: 404}
}

// Search implements [source.Source].
func (f *fakeSource) Search(ctx context.Context, q source.Query) (source.Page, error) {
	a := request{act: "search", Query: q}
	if q.CountOnly {
		a.act = "count"
	}
	if err := f.receive(ctx, a); err != nil {
		return source.Page{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var number, from int
	if q.Next == "" {
		number = len(f.snapshots)
		f.snapshots = append(f.snapshots, f.matches(q))
	} else if _, err := fmt.Sscanf(q.Next, "%d@%d", &from, &number); err != nil {
		f.t.Errorf("request for a link that no page had: %q", q.Next)
	}
	found := f.snapshots[number]
	if f.behaviour.offsets {
		found = f.matches(q)
	}
	if width := f.now.Sub(q.From); f.behaviour.fails > 0 && q.ID == "" && q.Next == "" {
		if !q.To.IsZero() && q.To.Before(f.now) {
			width = q.To.Sub(q.From)
		}
		if width > f.behaviour.fails {
			return source.Page{}, failure(source.Unreachable, 500)
		}
	}
	page := source.Page{Total: len(found) + f.behaviour.countsMore}
	if f.behaviour.noTotals {
		page.Total = -1
	}
	if q.CountOnly {
		return page, nil
	}
	page.Total += f.behaviour.totalsMore
	page.Unfiltered = f.behaviour.ignoresInterval && q.Next == ""
	from = min(from, len(found))
	to := min(from+f.pageSize, len(found))
	page.Items = slices.Clone(found[from:to])
	if f.behaviour.circle > 0 && from == f.behaviour.circle*f.pageSize {
		to = from - f.pageSize
	}
	if to < len(found) {
		page.Next, page.Offset = fmt.Sprintf("%d@%d", to, number), f.behaviour.offsets
	}
	return page, nil
}

// matches returns what a search finds now, in order.
func (f *fakeSource) matches(q source.Query) []dossier.Item {
	var found []dossier.Item
	for _, it := range f.records {
		switch {
		case it.Stream != q.Type.Stream:
		case it.Type != q.Type.Name && it.Reason != dossier.BadType: // a stray record is found by every search
		case q.ID != "" && it.ID != q.ID:
		case q.Client != "" && it.Client != q.Client && (it.Stream != dossier.StreamClients || it.ID != q.Client):
		case !f.behaviour.ignoresInterval && it.Updated.Before(q.From):
		case !f.behaviour.ignoresInterval && !f.behaviour.ignoresEnd && !q.To.IsZero() && it.Updated.After(q.To):
		default:
			found = append(found, it)
		}
	}
	slices.SortStableFunc(found, func(a, b dossier.Item) int {
		switch f.behaviour.order {
		case descending:
			return b.Updated.Compare(a.Updated)
		case byID:
			return cmp.Compare(a.ID, b.ID)
		}
		return a.Updated.Compare(b.Updated)
	})
	return found
}

// at returns a moment of the source's clock.
func at(minute int) time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(minute) * time.Minute)
}

// record returns a record that got its content at that minute.
func record(t source.Type, id, client string, minute int, c dossier.Content) dossier.Item {
	return dossier.Item{Ref: dossier.Ref{Type: t.Name, ID: id}, Stream: t.Stream, Client: client,
		State:   dossier.StateShown,
		Version: fmt.Sprint(minute), Updated: at(minute), Hash: dossier.IdentityHash(fmt.Sprintf("%+v", c), ""),
		Content: c}
}

func client(id string, minute int) dossier.Item {
	return record(patients, id, id, minute, &dossier.Client{Name: "Mevrouw " + id})
}

func nurse(id, name string, minute int) dossier.Item {
	return record(practitioners, id, "", minute,
		&dossier.Staff{What: dossier.StaffPerson, Name: name, Role: "verpleegkundige"})
}

// report returns a report by nurse n1.
func report(id, client, text string, minute int) dossier.Item {
	return record(observations, id, client, minute, &dossier.Report{
		At: dossier.Moment{Time: at(0), Precision: dossier.PrecisionSecond}, Text: text,
		Category: dossier.CategoryGeneral,
		Authors:  []dossier.Party{{Ref: dossier.Ref{Type: practitioners.Name, ID: "n1"}}}})
}

// reports returns n reports of a client, from minute first on, ofEach of them in each minute.
func reports(client string, n, first, ofEach int) []dossier.Item {
	var list []dossier.Item
	for i := range n {
		list = append(list, report(fmt.Sprintf("%s-%d", client, i), client, fmt.Sprint("nummer ", i), first+i/ofEach))
	}
	return list
}

func goal(id, client, description string, minute int) dossier.Item {
	return record(goals, id, client, minute, &dossier.Goal{Description: description, Status: "active"})
}

// plan returns an open plan with the goals.
func plan(id, client string, minute int, goalIDs ...string) dossier.Item {
	p := &dossier.CarePlan{Title: "Zorgleefplan", Open: true}
	for _, g := range goalIDs {
		p.Goals = append(p.Goals, dossier.Ref{Type: goals.Name, ID: g})
	}
	return record(carePlans, id, client, minute, p)
}

// unreadable returns a version of the record at that minute that could not be decoded. envelope
// tells whether at least its envelope could.
func unreadable(it dossier.Item, minute int, envelope bool) dossier.Item {
	it.State, it.Reason, it.Content, it.EnvelopeRead = dossier.StateQuarantined, dossier.BadBody, nil, envelope
	it.Version, it.Updated, it.Raw = fmt.Sprint(minute), at(minute), []byte("{")
	if !envelope {
		it.Client = ""
	}
	return it
}

// failure returns the error of a source that answers with an HTTP status.
func failure(kind source.FailureKind, status int) error {
	return &source.Failure{Kind: kind, Act: "ask", Status: status}
}

// reportTexts returns the texts of the shown reports, by id.
func (h *harness) reportTexts() map[string]string {
	h.t.Helper()
	rows, err := h.Pool().Query(h.t.Context(),
		`SELECT id, body->>'text' FROM items WHERE kind = 'report' AND state = 'shown'`)
	if err != nil {
		h.t.Fatal(err)
	}
	got := make(map[string]string)
	for rows.Next() {
		var id, text string
		if err := rows.Scan(&id, &text); err != nil {
			h.t.Fatal(err)
		}
		got[id] = text
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return got
}
