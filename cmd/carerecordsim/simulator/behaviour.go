package simulator

import "time"

// Behaviour is a difference between FHIR servers. All of it was seen in real servers, and none of
// it is a fault that comes and goes: package faults has those. The zero Behaviour keeps to FHIR.
type Behaviour struct {
	Paging Paging

	// UnstableTies gives resources with equal lastUpdated another order in each
	// answer, so that pages by offset skip some and repeat others.
	UnstableTies bool

	// UnstableOrder gives everything another order in each answer to a search without a sort, or
	// whose sort is ignored.
	UnstableOrder bool

	// SearchCache is how long the same search gets the same answer, unless the request has
	// Cache-Control: no-cache.
	SearchCache time.Duration

	PageLife  time.Duration // a next link is 410 Gone after that; 0: never
	MaxOffset int           // a larger offset is a 400; 0: no limit

	TotalOnRequest bool // no Bundle.total unless _total=accurate
	NoTotals       bool // no Bundle.total except for _summary=count

	IgnoredParameters  []string // unknown to the server
	RefusesUnknown     bool     // an unknown parameter is a 400, strict or not
	RefusesPreferences bool     // a Prefer header with something other than return= is a 400
	IgnoresPreferences bool     // handling=strict has no effect

	// NeedsPatient refuses to search a type that belongs to clients unless
	// patient, subject or _id is given.
	NeedsPatient bool

	NoHistory     bool // neither _history nor vread
	NoTypeHistory bool // no _history of a type

	// ListsDeleted makes _deleted=true find deleted resources only, with type, id and meta. Their
	// codes are gone, so that no token parameter finds them.
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

	LinkBase   string // links begin with this in place of the server's own base URL; "": its own
	EchoesSelf bool   // the self link repeats the request, also what was ignored
	EmptyPages bool   // a search may have pages without entries, with a link to the next

	HistoryOldestFirst bool // a history begins with the oldest version
	// HistoryShowsGone lists a deletion in a history as a GET of that version whose status is 410.
	HistoryShowsGone bool

	// ReferencePrefix is written before each relative reference to a client: "/".
	ReferencePrefix string

	KeepsIdentical bool // a PUT of the same content makes no new version

	// LateCommits is how long before a write becomes visible its lastUpdated may lie: every third
	// write is late, by up to that much. It is never before the version that it follows.
	LateCommits time.Duration
}

// Paging is how next links work.
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
