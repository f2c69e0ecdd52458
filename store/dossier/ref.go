package dossier

import (
	"crypto/sha256"
	"encoding/base64"
)

// Ref names a record of the source: its type (a FHIR resource type) and id.
type Ref struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// ClientRef names the record of a client.
func ClientRef(id string) Ref { return Ref{Type: "Patient", ID: id} }

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r.ID == "" }

// Key returns the opaque id by which readers know the tenant's item r. It is a digest of
// tenant, type and id only, so it survives a resync and a new database.
func Key(tenant string, r Ref) string {
	h := sha256.New()
	for _, s := range [...]string{tenant, r.Type, r.ID} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

// appendRefs appends the elements of more that are not zero.
func appendRefs(refs []Ref, more ...Ref) []Ref {
	for _, r := range more {
		if !r.IsZero() {
			refs = append(refs, r)
		}
	}
	return refs
}
