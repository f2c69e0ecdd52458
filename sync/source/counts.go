package source

import (
	"context"
	"time"
)

// Counts is what some sources can do beyond [Source]: say how much they hold of a
// type, of those too that no stream reads.
type Counts interface {
	// Count returns how many records of the type there are that were last updated
	// at or before to, in the source's own clock; a zero to: all. The type is one
	// of [Description.Holds]. A [Failure] of kind [Unsupported] says that the
	// source does not tell.
	Count(ctx context.Context, typeName string, to time.Time) (int64, error)
}
