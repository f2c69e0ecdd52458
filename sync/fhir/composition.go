package fhir

import (
	"strings"

	"dossiersync/store/dossier"
)

func compositionStatus(m *mapper, r *resource) verdict {
	switch r.get("status").str() {
	case "final", "amended":
		return shown
	case "preliminary":
		return m.preliminary()
	case "entered-in-error":
		return withdrawn(dossier.WithdrawnInError)
	}
	return hidden(dossier.HiddenUnknownStatus)
}

// markComposition lets rules know a composition by its confidentiality, which
// alone hides nothing.
func markComposition(_ *mapper, r *resource, e *envelope) {
	if code := r.get("confidentiality").str(); code != "" {
		e.marks.security = append(e.marks.security, Code{"http://terminology.hl7.org/CodeSystem/v3-Confidentiality", code})
	}
}

// composition reads a report in sections, such as a SOEP report (zib2020
// SOAPReport).
func (m *mapper) composition(r *resource, e *envelope) (dossier.Content, verdict) {
	p := &dossier.Report{
		Title:    title(r, r.get("title"), r.get("type")),
		Text:     m.sections(r.get("section")),
		Authors:  m.parties(r, r.get("author")),
		Replaces: m.replaced(r, "targetReference", "Composition"),
	}
	updated := r.get("meta").get("lastUpdated")
	m.date(r, p, r.get("date"), updated)
	if r.get("status").str() == "amended" {
		m.correct(p, updated)
	}
	var about []value
	for _, event := range r.get("event").each() {
		about = append(about, event.get("detail"))
	}
	m.file(r, p, e, about...)
	if p.Text == "" {
		p.Text = m.narrative(r.get("text"))
	}
	if p.Text == "" {
		return nil, hidden(dossier.HiddenEmpty)
	}
	if tooLong(p.Text, m.limits.Text) {
		r.fail(dossier.TooLarge, "section: too long")
	}
	return p, shown
}

// sections returns what v, a list of sections, says, each under its title. A
// section without a text, and without sections that have one, is left out.
func (m *mapper) sections(v value) string {
	var all []string
	for _, s := range v.each() {
		parts := []string{m.narrative(s.get("text")), m.sections(s.get("section"))}
		text := clean(strings.Join(parts, "\n\n"))
		if title := sectionTitle(s); title != "" && text != "" {
			text = title + "\n" + text
		}
		if text != "" {
			all = append(all, text)
		}
	}
	return strings.Join(all, "\n\n")
}

// soep holds the Dutch titles of the sections of a SOEP report, which many
// sources send as codes alone (SNOMED CT).
var soep = map[Code]string{
	{"http://snomed.info/sct", "255362007"}: "Subjectief",
	{"http://snomed.info/sct", "260224007"}: "Objectief",
	{"http://snomed.info/sct", "129265001"}: "Evaluatie",
	{"http://snomed.info/sct", "129271007"}: "Plan",
}

func sectionTitle(v value) string {
	if s := line(v.get("title").str()); s != "" {
		return s
	}
	for _, c := range appendConcept(nil, v.get("code")) {
		if s := soep[c]; s != "" {
			return s
		}
	}
	return words(v.get("code"))
}
