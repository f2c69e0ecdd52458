package fhir

import (
	"dossiersync/store/dossier"
)

func (m *mapper) practitioner(r *resource, _ *envelope) (dossier.Content, verdict) {
	return practitioner(r.get("name"), r.get("qualification")), shown
}

// practitioner reads a Practitioner's name and qualification.
func practitioner(name, qualification value) *dossier.Staff {
	s := &dossier.Staff{What: dossier.StaffPerson, Name: nameOf(name)}
	for _, q := range qualification.each() {
		if s.Role = words(q.get("code")); s.Role != "" {
			break
		}
	}
	return s
}

func (m *mapper) organization(r *resource, _ *envelope) (dossier.Content, verdict) {
	return organization(r.get("name")), shown
}

func organization(name value) *dossier.Staff {
	return &dossier.Staff{What: dossier.StaffOrganization, Name: line(name.str())}
}

func (m *mapper) practitionerRole(r *resource, _ *envelope) (dossier.Content, verdict) {
	return m.role(r, r.get), shown
}

// role reads a PractitionerRole, whose members get returns. r is the resource
// that it is, or that it is contained in.
func (m *mapper) role(r *resource, get func(string) value) *dossier.Staff {
	s := &dossier.Staff{What: dossier.StaffRole}
	if s.Role = firstWords(get("code")); s.Role == "" {
		s.Role = firstWords(get("specialty"))
	}
	who := m.reference(get("practitioner"))
	s.PersonName = who.display
	if who.Type == "Practitioner" {
		s.Person = who.Ref
	}
	if in := r.inside(who.inside); in.ok() && s.PersonName == "" {
		s.PersonName = nameOf(in.get("name"))
	}
	where := m.reference(get("organization"))
	s.OrgName = where.display
	if where.Type == "Organization" {
		s.Organization = where.Ref
	}
	if in := r.inside(where.inside); in.ok() && s.OrgName == "" {
		s.OrgName = line(in.get("name").str())
	}
	return s
}
