package fhir

import (
	"slices"

	"dossiersync/store/dossier"
)

// party reads v, a Reference to somebody or something that wrote r or part of
// it. What r contains comes along whole; of what is not pulled, or is on another
// server, only the name written beside it remains.
func (m *mapper) party(r *resource, v value) dossier.Party {
	t := m.reference(v)
	p := dossier.Party{Display: t.display}
	switch {
	case t.inside != "":
		in := r.inside(t.inside)
		switch p.Inline = m.inlineStaff(r, in); {
		case p.Inline != nil:
			p.Inline.Identifiers = identifiers(in.get("identifier"))
			if who := m.reference(in.get("practitioner")); p.Inline.What == dossier.StaffRole && r.hides(who.inside) {
				p.Display = "" // it may name the person
			}
		case p.Display == "" && hasPlainName(in.get("resourceType").str()):
			p.Display = dutchLine(in.get("name"))
		}
	case isPulledParty(t.Type):
		p.Ref = t.Ref
	default:
		p.Ref = m.staffReference(v).Ref
	}
	return p
}

// parties reads v, a list of Reference.
func (m *mapper) parties(r *resource, v value) []dossier.Party {
	var all []dossier.Party
	for _, e := range v.each() {
		all = m.appendParty(all, r, e)
	}
	return all
}

// appendParty appends whom v, a Reference, names, if it does.
func (m *mapper) appendParty(all []dossier.Party, r *resource, v value) []dossier.Party {
	if p := m.party(r, v); p != (dossier.Party{}) {
		all = append(all, p)
	}
	return all
}

// isPulledParty reports whether records of the type are in the replica, so that
// a reference to one can be followed.
func isPulledParty(kind string) bool {
	switch kind {
	case "Practitioner", "PractitionerRole", "Organization", "Patient", "RelatedPerson":
		return true
	}
	return false
}

// hasPlainName reports whether the name of a resource of the type is a text.
func hasPlainName(kind string) bool {
	return slices.Contains([]string{"CareTeam", "HealthcareService", "Location", "Group"}, kind)
}

// inlineStaff reads v, a resource that r contains; nil if it says nothing about
// who wrote something.
func (m *mapper) inlineStaff(r *resource, v value) *dossier.Staff {
	switch v.get("resourceType").str() {
	case "Practitioner":
		return m.readPractitioner(v.get)
	case "Organization":
		return readOrganization(v.get)
	case "Patient", "RelatedPerson":
		return &dossier.Staff{What: dossier.StaffPerson, Name: m.nameOf(v.get("name"))}
	case "PractitionerRole":
		return m.role(r, v.get)
	}
	return nil
}

// note reads v, an Annotation.
func (m *mapper) note(r *resource, v value) dossier.Note {
	n := dossier.Note{At: m.moment(v.get("time")), Text: m.text(v.get("text"))}
	if who := v.get("authorReference"); who.ok() {
		n.Author = m.party(r, who)
	} else {
		n.Author.Display = dutchLine(v.get("authorString"))
	}
	return n
}

// notes appends the notes of v, a list of Annotation, that say something.
func (m *mapper) notes(all []dossier.Note, r *resource, v value) []dossier.Note {
	for _, e := range v.each() {
		if n := m.note(r, e); n.Text != "" {
			all = append(all, n)
		}
	}
	return all
}
