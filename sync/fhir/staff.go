package fhir

import (
	"slices"
	"strings"

	"dossiersync/store/dossier"
)

func (m *mapper) practitioner(r *resource, _ *envelope) (dossier.Content, verdict) {
	return m.readPractitioner(r.get), shown
}

// readPractitioner reads the Practitioner whose members get returns.
func (m *mapper) readPractitioner(get func(string) value) *dossier.Staff {
	s := &dossier.Staff{What: dossier.StaffPerson, Name: m.nameOf(get("name")), Identifiers: identifiers(get("identifier"))}
	for _, q := range get("qualification").each() {
		if s.Role = words(q.get("code")); s.Role != "" && m.counts(q.get("period")) {
			return s
		}
		s.Role = ""
	}
	return s
}

func (m *mapper) organization(r *resource, _ *envelope) (dossier.Content, verdict) {
	return readOrganization(r.get), shown
}

func readOrganization(get func(string) value) *dossier.Staff {
	return &dossier.Staff{What: dossier.StaffOrganization, Name: dutchLine(get("name")), Identifiers: identifiers(get("identifier"))}
}

func (m *mapper) practitionerRole(r *resource, _ *envelope) (dossier.Content, verdict) {
	return m.role(r, r.get), shown
}

// role reads a PractitionerRole, whose members get returns. r is the resource
// that it is, or that it is contained in.
func (m *mapper) role(r *resource, get func(string) value) *dossier.Staff {
	s := &dossier.Staff{What: dossier.StaffRole, Identifiers: identifiers(get("identifier"))}
	if s.Role = firstWords(get("code")); s.Role == "" {
		s.Role = firstWords(get("specialty"))
	}
	who := m.staffReference(get("practitioner"))
	s.Person, s.PersonName = who.Ref, who.display
	if in := r.inside(who.inside); in.ok() && s.PersonName == "" {
		s.PersonName = m.nameOf(in.get("name"))
	}
	where := m.staffReference(get("organization"))
	s.Organization, s.OrgName = where.Ref, where.display
	if in := r.inside(where.inside); in.ok() && s.OrgName == "" {
		s.OrgName = dutchLine(in.get("name"))
	}
	return s
}

// staffReference reads v, a Reference to staff: by their record, else by an identifier of theirs.
func (m *mapper) staffReference(v value) target {
	t := m.reference(v)
	switch {
	case dossier.StaffKindOf(t.Type) != "":
		return t
	case t.inside == "" && t.Ref.IsZero() && (t.kind == "" || dossier.StaffKindOf(t.kind) != ""):
		t.Ref = identified(v.get("identifier"))
		return t
	}
	t.Ref = dossier.Ref{}
	return t
}

// identified returns what v, an Identifier, names; zero if it tells nothing apart. A citizen service
// number is never kept (Wabvpz art. 10 gives no ground to keep one here).
func identified(v value) dossier.Ref {
	v = asObject(v)
	system, id := asText(v.get("system")).str(), line(asText(v.get("value")).str())
	if system == "" || id == "" || asText(v.get("use")).str() == "old" || isCitizenNumber(system) {
		return dossier.Ref{}
	}
	return dossier.Identified(system, id)
}

// isCitizenNumber reports whether system is that of the Dutch citizen service number (BSN), however
// it is written.
func isCitizenNumber(system string) bool {
	s := strings.TrimRight(strings.ToLower(strings.TrimSpace(system)), "/")
	return strings.HasSuffix(s, "/bsn") || strings.HasSuffix(s, ":bsn") || s == "bsn" || strings.HasSuffix(s, "2.16.840.1.113883.2.4.6.3")
}

// maxIdentifiers is how many identifiers of one record are kept (I12).
const maxIdentifiers = 16

// identifiers returns what the elements of v, a list of Identifier, name.
func identifiers(v value) []dossier.Ref {
	var all []dossier.Ref
	for _, e := range asList(v) {
		if ref := identified(e); !ref.IsZero() && !slices.Contains(all, ref) && len(all) < maxIdentifiers {
			all = append(all, ref)
		}
	}
	return all
}
