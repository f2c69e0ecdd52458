package sync_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// modelSource shows a model as a source: a fakeSource with more kinds of behaviour, whose answers
// can be interfered with by their number.
type modelSource struct {
	*fakeSource
	model   *model
	special modelBehaviour
	// before is called before the n-th answer of a run; its error is the answer.
	before  func(n int, a request) error
	n       int  // answers of the run
	calm    bool // the faults have stopped
	mishap  mishap
	answers map[string]*answers // of the run, by id
}

// modelBehaviour is behaviour that a fakeSource does not have.
type modelBehaviour struct {
	feed     bool // there is a feed of deletions
	gone     bool // reading a deleted record gives 410 instead of 404
	short    bool // pages have different lengths
	shuffled bool // the order changes with each request
	cached   bool // searches find the records as they were before the clock last moved
	inflated bool // totals are one too high
	empty    bool // searches find nothing, as after a loss of rights
}

var (
	_ source.Source  = (*modelSource)(nil)
	_ source.Changes = (*modelSource)(nil)
)

func newModelSource(t reporter, m *model) *modelSource {
	s := &modelSource{model: m, answers: make(map[string]*answers), fakeSource: &fakeSource{t: t, pageSize: 3,
		types: []source.Type{patients, relatedPersons, practitioners,
			roles, questionnaires, goals, carePlans, dayReports, responses}}}
	s.script = s.prepare
	return s
}

// prepare is called before each answer, one at a time.
func (s *modelSource) prepare(a request) error {
	s.n++
	var err error
	if s.before != nil {
		err = s.before(s.n, a)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = s.mishap.refuses(a, s.model.records[a.ref.ID])
	}
	s.now = s.model.now
	search := a.act != "read"
	switch c := s.special; {
	case search && c.empty:
		s.records = nil
	case search && c.cached:
		s.records = s.items(s.model.beforeClock, true)
	default:
		s.records = s.items(s.model.records, search)
	}
	if s.special.shuffled {
		s.fakeSource.behaviour.order = order(s.n % 3)
	}
	if s.special.short {
		s.pageSize = 1 + s.n%3
	}
	return err
}

// Search implements [source.Source].
func (s *modelSource) Search(ctx context.Context, q source.Query) (source.Page, error) {
	page, err := s.fakeSource.Search(ctx, q)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		before := 0
		_, _ = fmt.Sscanf(q.Next, "%d@", &before) // as a fakeSource makes its links
		s.mishap.cut(&page, before)
	}
	for i := range page.Items {
		if q.Envelope {
			page.Items[i] = envelope(page.Items[i])
		}
		s.note(page.Items[i], false)
	}
	if s.special.inflated && page.Total >= 0 && !s.calm {
		page.Total++
	}
	return page, err
}

// Read implements [source.Source].
func (s *modelSource) Read(ctx context.Context, stream dossier.Stream, ref dossier.Ref) (dossier.Item, error) {
	it, err := s.fakeSource.Read(ctx, stream, ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	f, missing := err.(*source.Failure)
	switch {
	case err == nil:
		s.note(it, true)
	case missing && f.Kind == source.NotFound:
		a := s.answersOf(ref.ID)
		a.looked = true
		wasDeleted := slices.ContainsFunc(s.model.deleted, func(d source.Deletion) bool { return d.Ref == ref })
		if f.Status == 410 || s.special.gone && wasDeleted {
			f.Status, a.deleted = 410, true
		}
	}
	return it, err
}

// Deleted implements [source.Changes].
func (s *modelSource) Deleted(ctx context.Context, t source.Type, since time.Time, next string) (source.DeletedPage,
	error) {
	var page source.DeletedPage
	if err := s.receive(ctx, request{act: "deletions",
		Query: source.Query{Type: t, From: since, Next: next}}); err != nil {
		return page, err
	}
	if !s.special.feed {
		return page, failure(source.Unsupported, 404)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from := 0
	_, _ = fmt.Sscan(next, &from)
	for i, d := range s.model.deleted[min(from, len(s.model.deleted)):] {
		if d.Type != t.Name || d.At.Before(since) {
			continue
		}
		if len(page.Deletions) == 2 {
			page.Next = fmt.Sprint(from + i)
			break
		}
		page.Deletions = append(page.Deletions, d)
		s.answersOf(d.ID).deleted = true
	}
	return page, nil
}

// failureNamed returns the failure with the name that scripts use.
func failureNamed(name string) error {
	switch name {
	case "unreachable":
		return failure(source.Unreachable, 0)
	case "500":
		return failure(source.Unreachable, 500)
	case "401", "403":
		return failure(source.Unauthorized, 401)
	case "404":
		return failure(source.NotFound, 404)
	case "410":
		return failure(source.NotFound, 410)
	case "429":
		return failure(source.Throttled, 429)
	case "expired":
		return failure(source.Expired, 410)
	case "invalid":
		return failure(source.Invalid, 200)
	case "unsupported":
		return failure(source.Unsupported, 400)
	case "breaker":
		return failure(source.BreakerOpen, 0)
	}
	panic("unknown failure: " + name)
}

// canFail reports whether the request can fail with the failure of that name.
func canFail(name string, a request) bool {
	switch name {
	case "404", "410":
		return a.act == "read"
	case "expired":
		return strings.HasPrefix(a.act, "search") && a.Next != ""
	case "unsupported":
		return a.act != "describe" && a.act != "read"
	}
	return true
}
