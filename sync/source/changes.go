package source

import (
	"context"
	"time"

	"dossiersync/store/dossier"
)

// Changes is implemented by sources that can list the records they have deleted. Without it,
// deletions are found by comparing the whole replica with the source.
type Changes interface {
	// Deleted fetches one page of the records of the type that were deleted at or after since, in
	// the source's own clock. next is [DeletedPage.Next] of the page before; empty: the first page.
	// The type's Query is ignored, because a deleted record matches no search. It fails with a
	// [Failure] of kind [Unsupported] if the source has no such list.
	Deleted(ctx context.Context, t Type, since time.Time, next string) (DeletedPage, error)
}

// DeletedPage is one page of deletions, in no order.
type DeletedPage struct {
	Deletions []Deletion
	Next      string // opaque; empty on the last page
	Bytes     int64  // size of the response as received
}

// Deletion is a record that the source has deleted. The record may have been made again since: it
// was if a version newer than At is known.
type Deletion struct {
	dossier.Ref
	At time.Time // in the source's clock; zero: unknown
}
