package source

import "dossiersync/store/dossier"

// Identifier is implemented by sources that can find a record's id in bytes received earlier, in
// which an earlier version of this program found none.
type Identifier interface {
	// Identify returns the identity of the record in raw, which was received as one of the stream's
	// type; false if it has none.
	Identify(stream dossier.Stream, typ string, raw []byte) (dossier.Ref, bool)
}
