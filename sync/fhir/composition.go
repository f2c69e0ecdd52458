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
		Text:     m.sections(r, r.get("section")),
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
	if p.Text == "" && !r.withheld && !r.hidesAny() { // else the narrative may hold what was left out
		p.Text = m.narrative(r.get("text"))
	}
	if p.Text == "" {
		if hasEntries(r.get("section")) && !r.withheld {
			r.fail(dossier.BadBody, "section: entries without a text") // it says something, in a way that is not read
		}
		return nil, hidden(dossier.HiddenEmpty)
	}
	if tooLong(p.Text, m.limits.Text) {
		r.fail(dossier.TooLarge, "section: too long")
	}
	return p, shown
}

// sections returns what v, a list of sections, says, each under its title. A
// section without a text, and without sections that have one, is left out, and so is one
// that is not for readers.
func (m *mapper) sections(r *resource, v value) string {
	var all []string
	for _, s := range v.each() {
		if m.hidesSection(r, s) {
			r.withheld = true
			s.withhold()
			continue
		}
		parts := []string{m.narrative(s.get("text")), m.sections(r, s.get("section"))}
		text := clean(strings.Join(parts, "\n\n"))
		if text == "" {
			text = wordsOrCode(s.get("emptyReason"))
		}
		if title := sectionTitle(s); title != "" && text != "" {
			text = title + "\n" + text
		}
		if text != "" {
			all = append(all, text)
		}
	}
	return strings.Join(all, "\n\n")
}

// hasEntries reports whether v, a list of sections, refers to records that say what it says.
func hasEntries(v value) bool {
	for _, s := range v.each() {
		for range s.get("entry").each() {
			return true
		}
		if hasEntries(s.get("section")) {
			return true
		}
	}
	return false
}

// hidesSection reports whether v, a section of r, is not for readers: a hide rule matches its
// code, which serves as its category too, or it is labelled, or about another client (I6, I7).
func (m *mapper) hidesSection(r *resource, v value) bool {
	r.judging = true
	defer func() { r.judging = false }()
	var have marks
	have.appendNamedConcepts(&have.code, v.get("code"))
	have.category = have.code
	for _, e := range v.get("extension").each() {
		if !isSecurityLabel(e.get("url").str()) {
			continue
		}
		if concept := e.get("valueCodeableConcept"); concept.ok() {
			have.appendLabels(&have.security, concept.get("coding"))
		} else {
			have.appendLabel(&have.security, e.get("valueCoding"))
		}
	}
	return m.rules.isHidden(&have) || m.isOfAnother(r, v.get("focus"))
}

// isOfAnother reports whether v, a Reference in r, is to a Patient who is not known to be r's client.
func (m *mapper) isOfAnother(r *resource, v value) bool {
	t := m.reference(v)
	if t.inside != "" {
		in := r.inside(t.inside)
		return !in.ok() || in.get("resourceType").str() == "Patient"
	}
	isPatient := t.kind == "Patient" || strings.Contains("/"+v.get("reference").str(), "/Patient/")
	return isPatient && (t.Type != "Patient" || t.ID != r.envelope.client)
}

// isSecurityLabel reports whether an extension with this URL labels the element that carries it.
func isSecurityLabel(url string) bool {
	url, _, _ = strings.Cut(strings.TrimRight(strings.TrimSpace(url), "/"), "|")
	url = strings.TrimRight(url, "/")
	name := bare(url[strings.LastIndexByte(url, '/')+1:])
	return strings.Contains(name, "SECLABEL") || strings.Contains(name, "SECURITYLABEL")
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
