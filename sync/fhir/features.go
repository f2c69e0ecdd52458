package fhir

import (
	"slices"
	"sync"

	"dossiersync/sync/source"
)

// A feature is something that a search asks for beyond the plainest FHIR, and
// that a server may refuse as a whole request with a 400: an unknown parameter or
// preference, a parameter given twice.
type feature uint8

// The features, the likeliest to be refused first.
const (
	withBothBounds feature = 1 << iota // _lastUpdated twice: ge and le
	withTotal                          // _total=accurate
	withStrict                         // Prefer: handling=strict
	withElements                       // _elements
	withSummary                        // _summary=count
	withSort                           // _sort=_lastUpdated
	withInterval                       // _lastUpdated at all
	allFeatures    = 1<<iota - 1
)

// each calls f with each feature of set.
func (set feature) each(f func(feature) bool) {
	for one := feature(1); one < allFeatures; one <<= 1 {
		if set&one != 0 && !f(one) {
			return
		}
	}
}

// learned is what the answers of one source have taught about it. It lasts as
// long as the Source.
type learned struct {
	mu      sync.Mutex
	refused feature
	page    map[string]int // of a type: the page size that fits the limit
	feed    feed           // how it tells what was deleted
	mute    []string       // types of which it does not tell
	proven  []string       // types of which it is known to obey _deleted=true
}

// known returns what the source is known to refuse.
func (l *learned) known() feature {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}

// refuse remembers that the source refuses f.
func (l *learned) refuse(f feature) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused |= f
}

// featuresOf returns what a query would have of a source that refuses some. A
// count is had by summary, else by the total of an empty page.
func featuresOf(q source.Query, refused feature) feature {
	want := withTotal | withStrict
	switch {
	case q.CountOnly && refused&withSummary == 0:
		want = withSummary | withStrict
	case q.CountOnly:
	case q.Envelope:
		want |= withElements | withSort
	default:
		want |= withSort
	}
	if !q.From.IsZero() || !q.To.IsZero() {
		want |= withInterval
	}
	if !q.From.IsZero() && !q.To.IsZero() {
		want |= withBothBounds
	}
	return want &^ refused
}

// pageSize returns how many records a page of the type asks for, at most most.
func (l *learned) pageSize(kind string, most int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n, ok := l.page[kind]; ok {
		return min(n, most)
	}
	return most
}

// shrink makes pages of the type smaller, and reports whether they could be:
// one was larger than the limit on answers.
func (l *learned) shrink(kind string, was int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if was <= 1 {
		return false
	}
	if l.page == nil {
		l.page = make(map[string]int)
	}
	l.page[kind] = max(was/4, 1)
	return true
}

// grow makes pages of the type larger again after one of size was well below the
// limit, up to most: what was too large may have been a few records.
func (l *learned) grow(kind string, size, most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.page[kind] != size: // another search has learned more
	case 2*size >= most:
		delete(l.page, kind)
	default:
		l.page[kind] = 2 * size
	}
}

// feeds returns the ways in which the source may tell which records of the type
// were deleted: the one that is known to be its way, else every way; none if it is
// known not to.
func (l *learned) feeds(kind string) []feed {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case slices.Contains(l.mute, kind):
		return nil
	case l.feed != 0:
		return []feed{l.feed}
	}
	return []feed{feedHistory, feedSearch}
}

// tells remembers how the source tells of the type what was deleted: by f, which
// is then its way for every type, or not at all.
func (l *learned) tells(kind string, f feed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f != 0 {
		l.feed = f
	} else if !slices.Contains(l.mute, kind) {
		l.mute = append(l.mute, kind)
	}
}

// hasListed reports whether the source is known to obey _deleted=true for the type.
func (l *learned) hasListed(kind string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.proven, kind)
}

// listed remembers that the source obeys _deleted=true for the type.
func (l *learned) listed(kind string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.proven = append(l.proven, kind)
}
