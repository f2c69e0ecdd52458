package fhir

import (
	"strings"
)

// allowsReader reports whether the securityContext of in, a Binary, lets it be read by those who
// may read the document with that id of that client. FHIR R4 (Binary.securityContext) has it that
// who may read the one named there may read the Binary. Without one it is as its document is.
func (m *mapper) allowsReader(in *resource, document, client string) bool {
	context := in.get("securityContext")
	if !context.ok() {
		return true
	}
	return m.allowsContext(context.get("reference").str(), document, client)
}

func (m *mapper) allowsContext(s, document, client string) bool {
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

// allowsFile reports whether a file that was fetched for r, a document, may be read as part of it:
// the Binary that it came in is judged as any record is (I6, I7).
func (m *mapper) allowsFile(r *resource, f file) bool {
	if f.context != "" && !m.allowsContext(f.context, r.envelope.id, r.envelope.client) {
		return false
	}
	if f.binary == nil {
		return true
	}
	in := &resource{limits: r.limits}
	if in.load(f.binary) != nil {
		return false
	}
	kind := kindOfResource{name: "Binary", status: otherStatus, client: func(_ *mapper, in *resource, _ *envelope) bool {
		return m.allowsReader(in, r.envelope.id, r.envelope.client)
	}}
	verdict := m.readEnvelope(in, &kind).verdict
	return in.failed == nil && verdict == shown
}
