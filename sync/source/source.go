// Package source says what package sync needs of a care record system. FHIR R4
// (package fhir) is the first kind; nothing outside that package knows FHIR.
//
// A source is asked in pages and answers with items that are mapped already:
// it is the source that knows how its records are read, and package sync that
// knows when, in what order, and what to do when something goes wrong.
package source

import (
	"context"
	"time"

	"dossiersync/store/dossier"
)

// Source is one tenant's care record system. Its methods may be called
// concurrently; each obeys the limits on requests that the tenant's
// configuration sets, retries what is worth a retry, and returns a [*Failure]
// when the source could not answer.
type Source interface {
	// Describe asks what the source is and can do. It is called at the start
	// of a run.
	Describe(ctx context.Context) (Description, error)
	// Search fetches one page. It may repeat records of the pages before it.
	Search(ctx context.Context, q Query) (Page, error)
	// Read fetches one record by its identity, for confirming that it is
	// gone (a Failure of kind [NotFound]; see [IsGone]) and for retrying
	// quarantined ones. The item may be of any state.
	Read(ctx context.Context, stream dossier.Stream, ref dossier.Ref) (dossier.Item, error)
}

// Description is what a source says of itself.
type Description struct {
	Software string // name and version of the server, for operators
	// Now is the source's own clock when it answered, to the second; zero where
	// it does not tell. Cursors and windows are in this clock, never in ours.
	Now time.Time
	// Types lists what is to be pulled, in the order of [store.Streams].
	Types []Type
	// Holds names all types that the source can be searched for, sorted; none
	// where it does not tell. How much there is of them [Counts] says.
	Holds []string
}

// Type is one source type of a stream.
type Type struct {
	Stream dossier.Stream
	Name   string // for FHIR the resource type
	// Query tells apart several searches of one type, in a form that may be
	// logged. It is part of the cursor's identity.
	Query string
	// Fingerprint changes when items would be mapped differently: with the
	// tenant's rules, and with the mapper itself.
	Fingerprint string
	// Hiding changes when other items than before would be hidden: until all
	// have been read again, none of the type's may be shown.
	Hiding string
	// Optional says that the tenant did not ask for the type, so that a source that does not know it,
	// or does not give it to us, lacks nothing.
	Optional bool
}

// Query asks for one page of one type.
type Query struct {
	Type     Type
	Client   string    // only this client's records; empty: all
	ID       string    // only the record of this id; empty: all
	From, To time.Time // a closed interval of the source's lastUpdated; a zero From: from the beginning
	Next     string    // [Page.Next] of the page before; empty: the first page
	// Envelope asks for identity, version and marks only, where the source can
	// leave out the rest; items come without Content.
	Envelope bool
	// CountOnly asks for no items, only for Total.
	CountOnly bool
}

// Page is one answer to a query.
type Page struct {
	Items []dossier.Item
	Next  string // opaque; empty on the last page
	Total int    // how many records match the query in all; -1: the source does not say
	// Offset reports that Next counts records from the start: a record that
	// changes meanwhile shifts those behind it, and one may be skipped.
	Offset bool
	// Unfiltered reports that the source ignored the interval: the answer is
	// of all records.
	Unfiltered bool
	Warnings   int   // remarks of the source among the entries, which are not data
	Bytes      int64 // size of the answer as received
	Size       int64 // and unpacked
}
