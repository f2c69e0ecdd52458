package fhir

import (
	"cmp"
	"net/url"
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
	if in := r.inside(who.inside); in.ok() {
		s.PersonName = cmp.Or(s.PersonName, m.nameOf(in.get("name")))
		if all := identifiers(in.get("identifier")); len(all) > 0 {
			s.Person = all[0]
		}
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
	case t.inside == "" && t.Ref.IsZero() && (t.kind == "" || isPulledParty(t.kind)):
		t.Ref = identified(v.get("identifier"))
		if _, query, ok := strings.Cut(v.get("reference").str(), "?"); ok && t.Ref.IsZero() {
			t.Ref = searchedFor(query)
		}
		return t
	}
	t.Ref = dossier.Ref{}
	return t
}

// searchedFor returns what a conditional reference with this query names by an identifier
// (FHIR R4 §3.1.0.11.1).
func searchedFor(query string) dossier.Ref {
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return dossier.Ref{}
	}
	system, id, _ := strings.Cut(parameters.Get("identifier"), "|")
	return identifiedBy(system, id)
}

// identified returns what v, an Identifier, names; zero if it tells nothing apart. A citizen service
// number is never kept (Wabvpz art. 10 gives no ground to keep one here).
func identified(v value) dossier.Ref {
	v = asObject(v)
	if asText(v.get("use")).str() == "old" {
		return dossier.Ref{}
	}
	return identifiedBy(asText(v.get("system")).str(), asText(v.get("value")).str())
}

// identifiedBy is identified for an identifier of that system; spelling that differs in case, blanks
// or a slash at the end makes no other system.
func identifiedBy(system, id string) dossier.Ref {
	system, id = foldCode(strings.TrimRight(strings.TrimSpace(system), "/")), line(id)
	if system == "" || id == "" || isCitizenNumber(system) {
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
