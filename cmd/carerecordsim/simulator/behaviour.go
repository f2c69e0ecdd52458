package simulator

import "time"

// Behaviour is how one FHIR server differs from the next. All of it has been
// seen in servers that people use, and none of it is a fault that comes and
// goes: those are the business of package faults. Left zero, the server is
// honest and kind.
type Behaviour struct {
	Paging Paging

	// UnstableTies gives resources with equal lastUpdated another order in each
	// answer, so that pages by offset skip some and repeat others.
	UnstableTies bool

	// UnstableOrder gives everything another order in each answer to a search that
	// does not sort, or whose sort is ignored.
	UnstableOrder bool

	// SearchCache is for how long the same search gets the same answer, unless
	// it asks with Cache-Control: no-cache.
	SearchCache time.Duration

	PageLife  time.Duration // a next link is 410 Gone after that; 0: never
	MaxOffset int           // an offset above it is a 400; 0: none is

	TotalOnRequest bool // no Bundle.total unless _total=accurate
	NoTotals       bool // never a Bundle.total, but for _summary=count

	IgnoredParameters  []string // as if the server had never heard of them
	RefusesUnknown     bool     // an unknown parameter is a 400, strict or not
	RefusesPreferences bool     // a Prefer header with something other than return= is a 400
	IgnoresPreferences bool     // handling=strict means nothing

	// NeedsPatient refuses to search a type that belongs to clients unless
	// patient, subject or _id is given.
	NeedsPatient bool

	NoHistory     bool // neither _history nor vread
	NoTypeHistory bool // _history of one resource only

	// ListsDeleted makes _deleted=true find what was deleted, and nothing else:
	// type, id and meta of it. Codes of deleted resources are forgotten, so that
	// no token parameter finds them.
	ListsDeleted bool

	// OneInterval refuses _lastUpdated given twice with a 400, as servers do that
	// keep one value of a parameter.
	OneInterval bool

	// WideFails is how long an interval of _lastUpdated may be; a longer one, or
	// one without a beginning, is a 500. 0: any.
	WideFails time.Duration

	// CountOff is added to every total and count, which are then wrong.
	CountOff int

	ByteOrderMark bool   // answers begin with U+FEFF (RFC 8259 §8.1 forbids it)
	OutcomeEntry  bool   // a searchset has an entry with search.mode outcome and no resource
	NextRelation  string // how the link to the next page is called; "next"
	LongLinks     int    // next links are padded to this many bytes; 0: not

	KeepsIdentical bool // a PUT of what is there already makes no new version

	// LateCommits is how long before it can be seen a write may have got its
	// lastUpdated: every third write is late, by up to that much. It never falls
	// before the version that it follows.
	LateCommits time.Duration
}

// Paging is how next links go on.
type Paging int

// Snapshot looks, on all pages, at the moment of the first. Offset counts
// entries over the data as they are by then: a parameter _offset beside the
// search. Stored does the same behind an opaque name, as HAPI does. Keyset goes
// on after the last entry's lastUpdated when sorted by _lastUpdated, and is
// Offset otherwise, as Medplum is.
const (
	Snapshot Paging = iota
	Offset
	Stored
	Keyset
)
