package operate

import "dossiersync/store/dossier"

// ItemReading is an item as the source has it now: what becomes of it and of its members, without words.
type ItemReading struct {
	Client  string
	State   dossier.State
	Reason  dossier.Reason // why it is not shown; else empty
	Detail  string         // of what could not be read
	Members []dossier.Member
}
