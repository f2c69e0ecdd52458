package fhir

import (
	"strings"

	"dossiersync/store/dossier"
)

// A contained is one of the resources that another contains.
type contained struct {
	is     value
	within string // the id of the resource that contains it in turn, which FHIR forbids
	judged bool
	hidden bool
}

// inside returns r's contained resource with this id, if there is one that may be shown.
func (r *resource) inside(id string) value {
	if id == "" || r.hides(id) {
		return value{}
	}
	return r.contained[r.containedID(id)].is
}

// containedID returns the id as the contained resource has it that a reference names, if only its capitals
// differ: whether that is meant is in doubt, and doubt about a mark hides (I6).
func (r *resource) containedID(id string) string {
	if _, ok := r.contained[id]; !ok {
		for one := range r.contained {
			if strings.EqualFold(one, id) {
				return one
			}
		}
	}
	return id
}

// hides reports whether r contains a resource with this id that may not be shown. The envelope is
// read before that can be judged, and takes it as it is.
func (r *resource) hides(id string) bool {
	if r == nil || id == "" {
		return false
	}
	if r.contained == nil {
		r.contained = make(map[string]contained)
		for _, c := range r.get("contained").each() {
			id := strings.TrimPrefix(c.get("id").str(), "#") // which some write
			if _, twice := r.contained[id]; twice && id != "" {
				c.get("id").fault(r.blame, "given twice")
			}
			r.contained[id] = contained{is: c}
		}
		for _, c := range r.get("contained").each() {
			r.addWithin(strings.TrimPrefix(c.get("id").str(), "#"), c)
		}
	}
	id = r.containedID(id)
	c, ok := r.contained[id]
	if !ok || r.judge == nil || r.blame != dossier.BadBody {
		return false
	}
	if !c.judged {
		if c.judged, c.hidden = true, !r.judge(r, c.is) || r.hides(c.within); c.hidden {
			c.is.withhold()
		}
		r.contained[id] = c
	}
	return c.hidden
}

// addWithin adds what outer, a contained resource, contains in turn. FHIR forbids it (dom-2); what is marked
// there must not be named all the same (I6).
func (r *resource) addWithin(outerID string, outer value) {
	for _, c := range outer.get("contained").each() {
		id := strings.TrimPrefix(c.get("id").str(), "#")
		if _, known := r.contained[id]; known || id == "" {
			continue
		}
		r.contained[id] = contained{is: c, within: outerID}
		r.addWithin(id, c)
	}
}

// hidesAny reports whether r contains a resource that may not be shown.
func (r *resource) hidesAny() bool {
	for _, c := range r.get("contained").each() {
		if id := strings.TrimPrefix(c.get("id").str(), "#"); id != "" && r.hides(id) {
			return true
		}
	}
	return false
}

// judge reports whether v, a resource that r contains, may be shown as part of r (I6, I7): by the
// marks, rules, status and subject by which it would be judged if it stood alone. FHIR forbids
// labels in contained resources (dom-5), so a label that is there nevertheless counts too. It is
// called by way of r, because the table of kinds cannot refer to itself.
func (m *mapper) judge(r *resource, v value) bool {
	if !v.ok() {
		return false
	}
	in := &resource{limits: r.limits}
	if err := in.load(v.node().is.of(v.r.raw)); err != nil {
		v.fault(reasonOf(err), err.Error())
		return false
	}
	k, known := kindNamed(in.get("resourceType").str())
	if !known {
		k = &otherKind
	}
	alike := *k
	alike.allow = nil // what a record of its own must be, such as a report, a part need not
	alike.client = func(_ *mapper, in *resource, e *envelope) bool {
		e.client = r.envelope.client
		return m.belongsTo(r, in)
	}
	if k.status == nil {
		alike.status = otherStatus
	}
	if k.label == "" {
		alike.label = "securityLabel"
	}
	verdict := m.readEnvelope(in, &alike).verdict
	if in.failed != nil {
		v.fault(dossier.BadBody, "cannot be judged: "+in.failed.detail)
		return false
	}
	return verdict == shown
}

// otherKind is how a contained resource of a type that is not pulled is judged.
var otherKind = kindOfResource{mark: markOther}

// markOther reads the codes of a resource of any type.
func markOther(_ *mapper, r *resource, e *envelope) {
	e.marks.code = appendAnyConcept(e.marks.code, r.get("code"))
	e.marks.category = appendAnyConcept(e.marks.category, r.get("category"))
}

// appendAnyConcept appends the codes of v if that is a CodeableConcept or a list of them, which
// differs by type. Anything else, such as AllergyIntolerance.category, has none.
func appendAnyConcept(codes []Code, v value) []Code {
	if !v.ok() {
		return codes
	}
	switch v.node().kind {
	case array:
		for _, one := range v.each() {
			if one.ok() && one.node().kind == object {
				codes = appendConcept(codes, one)
			}
		}
	case object:
		codes = appendConcept(codes, v)
	}
	return codes
}

// otherStatus reads the status of a resource of which only that one thing matters.
func otherStatus(_ *mapper, r *resource) verdict {
	for _, member := range [...]string{"status", "lifecycleStatus"} {
		if v := r.get(member); v.ok() && v.node().kind == text && v.str() == "entered-in-error" {
			return withdrawn(dossier.WithdrawnInError)
		}
	}
	for _, c := range appendConcept(nil, r.get("verificationStatus")) {
		if c.Code == "entered-in-error" || c.Code == "refuted" {
			return withdrawn(dossier.WithdrawnInError)
		}
	}
	return shown
}

// belongsTo reports whether in, contained in r, is about r's client, or about nobody in
// particular.
func (m *mapper) belongsTo(r, in *resource) bool {
	for _, member := range [...]string{"subject", "patient", "beneficiary", "for"} {
		if of := in.get(member); of.ok() && of.node().kind == object && !m.isClientOf(r, of) {
			return false
		}
	}
	return m.allowsReader(in, r.envelope.id, r.envelope.client)
}

// isClientOf reports whether v, a Reference in a resource that r contains, is to r's client, or
// names nobody.
func (m *mapper) isClientOf(r *resource, v value) bool {
	ref := v.get("reference").str()
	switch {
	case ref == "", strings.HasPrefix(ref, "#"): // contained patients are judged by themselves
		return true
	case r.envelope.client == "":
		return true // r is of no client itself
	}
	t := m.resolve(ref)
	return t.Type == "Patient" && t.ID == r.envelope.client
}
