// Package source defines what package sync needs of a care record system. FHIR R4 (package fhir) is
// the first implementation.
//
// A source returns pages of items that are mapped already. It knows how to read its records;
// package sync decides when to read, in what order, and what to do about failures.
package source

import (
	"context"
	"time"

	"dossiersync/store/dossier"
)

// Source is one tenant's care record system. Its methods may be called concurrently. Each obeys the
// limits on requests that the tenant's configuration sets, retries requests that may succeed at a
// second try, and returns a [*Failure] when the source could not answer. A source may also
// implement [Changes], [Counts], [Identifier] and [Waiter].
type Source interface {
	// Describe asks what the source is and can do. It is called at the start of each slice.
	Describe(ctx context.Context) (Description, error)
	// Search fetches one page, which may repeat records of earlier pages.
	Search(ctx context.Context, q Query) (Page, error)
	// Read fetches one record by its id, which confirms that it is gone (a Failure of kind
	// [NotFound]; see [IsGone]) or gives its present state. The item may have any state.
	Read(ctx context.Context, stream dossier.Stream, ref dossier.Ref) (dossier.Item, error)
}

// Description is what a source states about itself.
type Description struct {
	Software string // name and version of the server, for operators
	// Now is the source's own clock when it answered, to the second; zero if unknown. Cursors and
	// windows are in this clock, never in ours.
	Now time.Time
	// Types lists what is to be pulled, in the order of [dossier.Streams].
	Types []Type
	// Holds names all types that the source can be searched for, sorted; empty if unknown.
	// [Counts] counts their records.
	Holds []string
}

// Type is one source type of a stream.
type Type struct {
	Stream dossier.Stream
	Name   string // for FHIR the resource type
	// Query distinguishes several searches of one type, in a form that may be logged. It is part
	// of the cursor's identity. Empty: the search is for all records of the type.
	Query string
	// Fingerprint changes when items would be mapped differently: with the tenant's rules, and
	// with the mapper itself.
	Fingerprint string
	// Hiding changes when other items than before would be hidden. No item of the type may then
	// be shown until all have been read again.
	Hiding string
	// Optional reports that the tenant did not ask for the type. A source that does not know the
	// type, or refuses it, then lacks nothing.
	Optional bool
	// Named reports that the tenant's configuration names the search. Operators are warned if the
	// source does not know it.
	Named bool
}

// Query asks for one page of one type.
type Query struct {
	Type     Type
	Client   string    // only this client's records; empty: all
	ID       string    // only the record of this id; empty: all
	From, To time.Time // a closed interval of the source's lastUpdated; a zero From: from the beginning
	Next     string    // [Page.Next] of the page before; empty: the first page
	// Envelope asks for identity, version and marks only, if the source can leave out the rest.
	// Items come without Content.
	Envelope bool
	// CountOnly asks for Total only, and no items.
	CountOnly bool
}

// Page is the source's response to a query.
type Page struct {
	Items []dossier.Item
	Next  string // opaque; empty on the last page
	Total int    // how many records match the query in all; -1: unknown
	// Offset reports that Next counts records from the start. A record that changes meanwhile
	// shifts those behind it, so that one may be skipped.
	Offset bool
	// Unfiltered reports that the source ignored the interval and sends all records.
	Unfiltered bool
	Warnings   int   // the source's remarks among the entries, which are not data
	Bytes      int64 // size of the response as received
	Size       int64 // and unpacked
}
