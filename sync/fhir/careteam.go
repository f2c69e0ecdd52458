package fhir

import (
	"slices"

	"dossiersync/store/dossier"
)

// people sets who made p and who else works on it: its author and contributors,
// and the members of the teams that come along with it. Of other teams only what
// they are called is known.
func (m *mapper) people(r *resource, e *envelope, p *dossier.CarePlan) {
	p.Author = m.appendParty(nil, r, r.get("author"))
	contributors := m.parties(r, r.get("contributor"))
	if p.Author == nil {
		p.Author, contributors = contributors, nil
	}
	for _, v := range r.get("careTeam").each() {
		t := m.reference(v)
		in := r.inside(t.inside)
		if in.get("resourceType").str() != "CareTeam" {
			p.Team = m.appendParty(p.Team, r, v)
			continue
		}
		if isActiveTeam(in) && m.counts(in.get("period")) {
			p.Team = append(p.Team, m.members(r, e, in)...)
		}
	}
	for _, c := range contributors {
		if !slices.Contains(p.Team, c) {
			p.Team = append(p.Team, c)
		}
	}
}

func isActiveTeam(v value) bool {
	switch v.get("status").str() {
	case "", "active", "suspended":
		return !v.get("implicitRules").ok()
	}
	return false
}

// members returns the participants of v, a CareTeam in r, with what they do; the
// client, who is often one of them, apart.
func (m *mapper) members(r *resource, e *envelope, v value) []dossier.Party {
	var all []dossier.Party
	for _, one := range v.get("participant").each() {
		if !m.counts(one.get("period")) {
			continue
		}
		p := m.party(r, one.get("member"))
		role := firstWords(one.get("role"))
		switch {
		case p == (dossier.Party{}) || p.Ref == (dossier.Ref{Type: "Patient", ID: e.client}):
			continue
		case p.Inline != nil && p.Inline.Role == "":
			p.Inline.Role = role
		case role != "" && (p.Ref.Type == "Practitioner" || p.Ref.IsZero() && p.Inline == nil):
			p.Inline = &dossier.Staff{What: dossier.StaffRole, Role: role, Person: p.Ref, PersonName: p.Display}
		}
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// conditions returns in words what v, a list of references to conditions, names,
// as far as it is written in r.
func (m *mapper) conditions(r *resource, v value) []string {
	var all []string
	for _, e := range v.each() {
		t := m.reference(e)
		s := t.display
		if !m.pulled(e).IsZero() {
			continue // whether that may be named is not known here
		}
		if s == "" {
			s = wordsOrCode(r.inside(t.inside).get("code"))
		}
		if s != "" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
