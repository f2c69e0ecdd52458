package source

import (
	"context"
	"time"
)

// Counts is implemented by sources that can count their records of any type, including types that
// no stream reads.
type Counts interface {
	// Count returns how many records of the type were last updated at or before to, in the source's
	// own clock; a zero to: all. The type is one of [Description.Holds]. It fails with a [Failure]
	// of kind [Unsupported] if the source does not count the type.
	Count(ctx context.Context, typeName string, to time.Time) (int64, error)
}
