package archive

import (
	"iter"
	"slices"
	"time"
)

// Order is the order of a search's results.
type Order int

// Oldest and Newest go by Position, ByID by id alone.
const (
	Oldest Order = iota
	Newest
	ByID
)

// Which selects versions of a resource.
type Which int

// Current are the newest versions that are no tombstones, Deleted the newest
// that are, and All every version there was.
const (
	Current Which = iota
	Deleted
	All
)

// Query selects versions as of one moment. All conditions must hold.
type Query struct {
	Which       Which
	Type        string
	IDs         []string              // nil: all
	Patient     string                // "": all
	From, Until time.Time             // From ≤ lastUpdated < Until; zero: open
	Match       func(v *Version) bool // nil: all
	Order       Order
	AsOf        int64     // a Seq
	After       *Position // nil: from the beginning
}

// Search returns at most limit versions, and whether there are more.
func (a *Archive) Search(q Query, limit int) (page []*Version, more bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for v := range a.matches(q) {
		if len(page) == limit {
			return page, true
		}
		page = append(page, v)
	}
	return page, false
}

// Count returns the number of versions that match, regardless of q.After.
func (a *Archive) Count(q Query) int {
	q.After = nil
	a.mu.RLock()
	defer a.mu.RUnlock()
	n := 0
	for range a.matches(q) {
		n++
	}
	return n
}

func (a *Archive) matches(q Query) iter.Seq[*Version] {
	return func(yield func(*Version) bool) {
		s := a.types[q.Type]
		if s == nil {
			return
		}
		for v := range s.candidates(q) {
			if q.matches(v) && !yield(v) {
				return
			}
		}
	}
}

func (q *Query) matches(v *Version) bool {
	return q.wants(v) &&
		(q.Patient == "" || q.Patient == v.Patient()) &&
		(q.From.IsZero() || !v.LastUpdated.Before(q.From)) &&
		(q.Until.IsZero() || v.LastUpdated.Before(q.Until)) &&
		(q.Match == nil || q.Match(v))
}

func (q *Query) wants(v *Version) bool {
	switch q.Which {
	case All:
		return v.Seq <= q.AsOf
	case Deleted:
		return v.Deleted && v.newest(q.AsOf)
	default:
		return !v.Deleted && v.newest(q.AsOf)
	}
}

// candidates yields a superset of the matches, in order, from q.After on.
func (s *typeVersions) candidates(q Query) iter.Seq[*Version] {
	switch {
	case q.IDs != nil:
		return s.named(q)
	case q.Order == ByID:
		return s.each(q, s.sortedIDs())
	case q.Patient != "":
		return between(s.byPatient[q.Patient], q)
	default:
		return between(s.byUpdated, q)
	}
}

// between yields the versions of a list, sorted by Position, from From until Until.
func between(list []*Version, q Query) iter.Seq[*Version] {
	if !q.From.IsZero() {
		list = list[search(list, Position{At: q.From}):]
	}
	if !q.Until.IsZero() {
		list = list[:search(list, Position{At: q.Until})]
	}
	if q.Order == Newest {
		if q.After != nil {
			list = list[:search(list, *q.After)]
		}
		return func(yield func(*Version) bool) {
			for _, v := range slices.Backward(list) {
				if !yield(v) {
					return
				}
			}
		}
	}
	if q.After != nil {
		after := *q.After
		after.Seq++
		list = list[search(list, after):]
	}
	return slices.Values(list)
}

// search returns the index of the first version at or after p.
func search(list []*Version, p Position) int {
	i, _ := slices.BinarySearchFunc(list, p, func(e *Version, p Position) int { return e.Position().compare(p) })
	return i
}

// each yields the resources with these ids, which must be sorted.
func (s *typeVersions) each(q Query, ids []string) iter.Seq[*Version] {
	if q.After != nil {
		i, found := slices.BinarySearch(ids, q.After.ID)
		if found {
			i++
		}
		ids = ids[i:]
	}
	return func(yield func(*Version) bool) {
		for _, id := range ids {
			if v := s.heads[id].asOf(q.AsOf); v != nil && !yield(v) {
				return
			}
		}
	}
}

func (s *typeVersions) named(q Query) iter.Seq[*Version] {
	ids := slices.DeleteFunc(slices.Clone(q.IDs), func(id string) bool { return s.heads[id] == nil })
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if q.Order == ByID {
		return s.each(q, ids)
	}
	var list []*Version
	for _, id := range ids {
		for v := s.heads[id].asOf(q.AsOf); v != nil; v = v.previous {
			list = append(list, v)
			if q.Which != All {
				break
			}
		}
	}
	slices.SortFunc(list, func(v, w *Version) int { return v.Position().compare(w.Position()) })
	return between(list, q)
}

func (s *typeVersions) sortedIDs() []string {
	s.idsMu.Lock()
	defer s.idsMu.Unlock()
	if !s.sorted {
		slices.Sort(s.ids)
		s.sorted = true
	}
	return s.ids
}
