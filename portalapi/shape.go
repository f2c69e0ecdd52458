package portalapi

import (
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// Shape returns an item of the kind as a reader gets it from the API who may read every part that the
// tenant shares: with a body as an item, else as one of a list.
func Shape(it *store.Listed, kind dossier.Kind, t Tenant) []byte {
	if t.Shared == nil {
		t.Shared = dossier.Parts()
	}
	return itemJSON(it, kind, &t)
}
