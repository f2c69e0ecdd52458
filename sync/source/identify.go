package source

import (
	"dossiersync/store/dossier"
)

// Identifier is what some sources can do beyond [Source]: tell which record bytes
// are of that were received before, and had no id that could be read.
type Identifier interface {
	// Identify returns the record of the stream's type that raw is of, and
	// false where that cannot be told.
	Identify(stream dossier.Stream, typ string, raw []byte) (dossier.Ref, bool)
}
