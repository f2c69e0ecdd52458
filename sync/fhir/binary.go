package fhir

import (
	"strings"
)

// binaryKind is how a Binary is judged: by its marks and by its securityContext.
var binaryKind = kindOfResource{name: "Binary", client: func(m *mapper, r *resource, e *envelope) bool {
	return m.allowsReader(r, e.id, e.client)
}}

// allowsReader reports whether the securityContext of in, a Binary, lets it be read by those who
// may read the document with that id of that client. FHIR R4 (Binary.securityContext) has it that
// who may read the one named there may read the Binary. Without one it is as its document is.
func (m *mapper) allowsReader(in *resource, document, client string) bool {
	context := in.get("securityContext")
	if !context.ok() {
		return true
	}
	s := context.get("reference").str()
	if strings.HasPrefix(s, "#") {
		return s == "#" // the container itself
	}
	t := m.resolve(s)
	switch t.Type {
	case "Patient":
		return client != "" && t.ID == client
	case "DocumentReference":
		return document != "" && t.ID == document
	}
	return false
}
