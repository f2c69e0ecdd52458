package archive

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrNotFound is returned for a resource that was never written.
var ErrNotFound = errors.New("resource not found")

// Archive is safe for use by several goroutines.
type Archive struct {
	zone *time.Location

	mu     sync.RWMutex
	seq    int64
	types  map[string]*typeVersions
	intern *interner
}

// typeVersions holds the versions of one resource type.
type typeVersions struct {
	heads     map[string]*Version
	byUpdated []*Version            // every version, by Position
	byPatient map[string][]*Version // the same, per patient

	idsMu  sync.Mutex // readers sort, under Archive.mu held for reading
	ids    []string
	sorted bool
}

// New returns an empty archive. lastUpdated is written with the zone's offset; nil is UTC.
func New(zone *time.Location) *Archive {
	if zone == nil {
		zone = time.UTC
	}
	return &Archive{zone: zone, types: map[string]*typeVersions{}, intern: newInterner()}
}

// Put adds a version of the resource in raw. Its lastUpdated is at, truncated to
// milliseconds; the meta in raw does not matter.
func (a *Archive) Put(raw []byte, at time.Time) (*Version, error) {
	r, err := parse(raw)
	if err != nil {
		return nil, err
	}
	if !validID(r.id) {
		return nil, fmt.Errorf("%w: id %q", ErrInvalid, r.id)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.shelf(r.typ)
	v := a.next(s, r.typ, r.id, at.Truncate(time.Millisecond))
	v.index = a.intern.index(&r)
	v.Body = r.stamp(v.Number, v.LastUpdated)
	s.add(v)
	return v, nil
}

// PutAsIs adds a version that keeps the order of members and the meta; only white space is
// removed. A missing versionId or lastUpdated is set, the latter to at. A lastUpdated that is
// no instant stays in the body, and the version is ordered by at.
func (a *Archive) PutAsIs(raw []byte, at time.Time) (*Version, error) {
	o, err := parseOriginal(raw)
	if err != nil {
		return nil, err
	}
	if !validID(o.id) {
		return nil, fmt.Errorf("%w: id %q", ErrInvalid, o.id)
	}
	if own, err := time.Parse(time.RFC3339, o.lastUpdated); err == nil {
		at = own
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.shelf(o.typ)
	v := a.next(s, o.typ, o.id, at.Truncate(time.Microsecond))
	if number, err := strconv.Atoi(o.versionID); err == nil && number > v.Number {
		v.Number = number
	}
	v.label = o.versionID
	v.index = a.intern.index(&o.resource)
	v.Body = o.complete(v.VersionID(), v.LastUpdated)
	s.add(v)
	return v, nil
}

// Create is like Put, with an id that replaces the one in raw.
func (a *Archive) Create(raw []byte, id string, at time.Time) (*Version, error) {
	r, err := parse(raw)
	if err != nil {
		return nil, err
	}
	r.id = id
	return a.Put(r.stamp(0, at), at)
}

// Delete adds a tombstone. A second call changes nothing and returns the first tombstone.
func (a *Archive) Delete(typ, id string, at time.Time) (*Version, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.types[typ]
	if s == nil || s.heads[id] == nil {
		return nil, fmt.Errorf("delete %s/%s: %w", typ, id, ErrNotFound)
	}
	if head := s.heads[id]; head.Deleted {
		return head, nil
	}
	v := a.next(s, typ, id, at.Truncate(time.Millisecond))
	v.Deleted = true
	v.index.patient = v.previous.index.patient
	s.add(v)
	return v, nil
}

// Forget removes a resource with all its versions, also from pages of an earlier moment, and
// reports whether it existed.
func (a *Archive) Forget(typ, id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.types[typ]
	if s == nil || s.heads[id] == nil {
		return false
	}
	own := func(v *Version) bool { return v.ID == id }
	for v := s.heads[id]; v != nil; v = v.previous {
		if p := v.Patient(); p != "" {
			s.byPatient[p] = slices.DeleteFunc(s.byPatient[p], own)
		}
	}
	s.byUpdated = slices.DeleteFunc(s.byUpdated, own)
	s.ids = slices.DeleteFunc(slices.Clone(s.ids), func(other string) bool { return other == id })
	delete(s.heads, id)
	return true
}

func (a *Archive) shelf(typ string) *typeVersions {
	s := a.types[typ]
	if s == nil {
		s = &typeVersions{heads: map[string]*Version{}, byPatient: map[string][]*Version{}}
		a.types[strings.Clone(typ)] = s
	}
	return s
}

func (a *Archive) next(s *typeVersions, typ, id string, at time.Time) *Version {
	a.seq++
	v := &Version{Type: typ, ID: id, Number: 1, Seq: a.seq, LastUpdated: at.In(a.zone)}
	if previous := s.heads[id]; previous != nil {
		v.Number, v.previous, v.ID, v.Type = previous.Number+1, previous, previous.ID, previous.Type
		previous.superseded = v.Seq
	}
	return v
}

func (s *typeVersions) add(v *Version) {
	if v.previous == nil {
		s.ids, s.sorted = append(s.ids, v.ID), false
	}
	s.heads[v.ID] = v
	s.byUpdated = insert(s.byUpdated, v)
	if p := v.Patient(); p != "" {
		s.byPatient[p] = insert(s.byPatient[p], v)
	}
}

func insert(list []*Version, v *Version) []*Version {
	at := v.Position()
	if n := len(list); n == 0 || list[n-1].Position().compare(at) < 0 {
		return append(list, v)
	}
	i, _ := slices.BinarySearchFunc(list, at, func(e *Version, p Position) int { return e.Position().compare(p) })
	return slices.Insert(list, i, v)
}

// Head returns the newest version, which may be a tombstone, or nil.
func (a *Archive) Head(typ, id string) *Version {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if s := a.types[typ]; s != nil {
		return s.heads[id]
	}
	return nil
}

// Version returns the version with that versionId, or nil.
func (a *Archive) Version(typ, id, versionID string) *Version {
	v := a.Head(typ, id)
	for v != nil && v.VersionID() != versionID {
		v = v.previous
	}
	return v
}

// Seq returns the sequence number of the last write.
func (a *Archive) Seq() int64 {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.seq
}

// Types returns every type ever written, in no order.
func (a *Archive) Types() []string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.Collect(maps.Keys(a.types))
}

// Counts returns the number of resources by type, without deleted ones.
func (a *Archive) Counts() map[string]int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	counts := make(map[string]int, len(a.types))
	for typ, s := range a.types {
		for _, v := range s.heads {
			if !v.Deleted {
				counts[typ]++
			}
		}
	}
	return counts
}
