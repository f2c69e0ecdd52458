package source

import (
	"context"
	"time"

	"dossiersync/store/dossier"
)

// Changes is what some sources can do beyond [Source]: tell which records they
// have deleted. What a source cannot tell is found by comparing all there is.
type Changes interface {
	// Deleted fetches one page of the records of the type that were deleted at
	// or after since, in the source's own clock. next is [DeletedPage.Next] of
	// the page before; empty: the first page. The type's Query plays no part:
	// what is no more matches nothing. A [Failure] of kind [Unsupported] says
	// that the source has no such list.
	Deleted(ctx context.Context, t Type, since time.Time, next string) (DeletedPage, error)
}

// DeletedPage is one page of deletions, in no order.
type DeletedPage struct {
	Deletions []Deletion
	Next      string // opaque; empty on the last page
	Bytes     int64  // size of the answer as received
}

// Deletion says that a record was deleted. It may have been made again since: a
// record that is known to be newer than At is not deleted.
type Deletion struct {
	dossier.Ref
	At time.Time // in the source's clock; zero where it does not say
}
