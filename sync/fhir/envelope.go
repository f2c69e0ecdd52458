package fhir

import (
	"strings"

	"dossiersync/store/dossier"
)

// A verdict says whether a record may be shown, and if not, why.
type verdict struct {
	state  dossier.State
	reason dossier.Reason
}

var shown = verdict{state: dossier.StateShown}

func hidden(why dossier.Reason) verdict    { return verdict{dossier.StateHidden, why} }
func withdrawn(why dossier.Reason) verdict { return verdict{dossier.StateWithdrawn, why} }

// An envelope is what must be known of a record before its content may be
// looked at: who it is, whose, and whether it is for the client's eyes (I6, I7).
type envelope struct {
	id      string
	version string
	client  string
	marks   marks
	verdict verdict
}

// readEnvelope reads r's envelope. Where it could not be read r.failed says so,
// and nothing of the record may be shown or stay shown.
func (m *mapper) readEnvelope(r *resource, k *kindOfResource) *envelope {
	r.judging = true
	defer func() { r.judging = false }()
	e := &r.envelope
	*e = envelope{id: r.get("id").str(), marks: e.marks.cleared()}
	meta := r.get("meta")
	e.version = meta.get("versionId").str()
	if len(e.version) > maxVersion {
		meta.get("versionId").fault(dossier.BadEnvelope, "too long")
	}
	e.marks.appendLabels(&e.marks.tag, meta.get("tag"))
	e.marks.appendLabels(&e.marks.security, meta.get("security"))
	if k.label != "" {
		e.marks.appendLabelConcepts(&e.marks.security, r.get(k.label))
	}
	if k.code != "" {
		e.marks.appendNamedConcepts(&e.marks.code, r.get(k.code))
	}
	if k.category != "" {
		e.marks.appendNamedConcepts(&e.marks.category, r.get(k.category))
	}
	if k.mark != nil {
		k.mark(m, r, e)
	}
	own := k.client(m, r, e)
	e.verdict = m.decide(r, k, e, own)
	r.contained = nil // who the client is, by which it is judged, is known only now
	return e
}

// maxVersion is the longest versionId, in bytes, that is taken for one.
const maxVersion = 256

// decide weighs what the envelope says. What withdraws a record outweighs what
// hides it, because it also has to be told to whom has read it.
func (m *mapper) decide(r *resource, k *kindOfResource, e *envelope, own bool) verdict {
	status := shown
	if k.status != nil {
		status = k.status(m, r)
	}
	switch {
	case status.state == dossier.StateWithdrawn:
		return status
	case m.rules.isHidden(&e.marks):
		return hidden(dossier.HiddenMarked)
	case isModified(r):
		return hidden(dossier.HiddenModifierExtension)
	case r.get("implicitRules").ok():
		return hidden(dossier.HiddenImplicitRules)
	case status.state != dossier.StateShown:
		return status
	case !own:
		return hidden(dossier.HiddenNoClient)
	case k.allow != nil:
		return k.allow(m, e)
	}
	return shown
}

// isModified reports whether r has a modifierExtension that says something.
func isModified(r *resource) bool {
	v := r.get("modifierExtension")
	return v.ok() && (v.node().kind != array || v.node().after != v.n+1)
}

// itself takes the record's own id for its client: it is a Patient.
func itself(_ *mapper, _ *resource, e *envelope) bool {
	e.client = e.id
	return true
}

// nobodys is for records that belong to no client.
func nobodys(*mapper, *resource, *envelope) bool { return true }

// clientIn takes the client from a Reference. A reference to a Patient that
// cannot be read is a fault: it may be anybody's.
func clientIn(member string) func(*mapper, *resource, *envelope) bool {
	return func(m *mapper, r *resource, e *envelope) bool {
		where := r.get(member).get("reference")
		t := m.resolve(where.str())
		if t.Type == "Patient" {
			e.client = t.ID
			return true
		}
		if t.IsZero() && strings.HasPrefix(where.str(), "Patient/") {
			where.fault(dossier.BadReference, "holds no FHIR id")
		}
		return false
	}
}
