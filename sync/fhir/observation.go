package fhir

import (
	"strings"

	"dossiersync/store/dossier"
)

func observationStatus(m *mapper, r *resource) verdict {
	switch r.get("status").str() {
	case "final", "amended", "corrected":
		return shown
	case "preliminary", "registered":
		return m.preliminary()
	case "entered-in-error", "cancelled":
		return withdrawn(dossier.WithdrawnInError)
	}
	return hidden(dossier.HiddenUnknownStatus)
}

// observation reads a day report (MedMij BgLZ+).
func (m *mapper) observation(r *resource, e *envelope) (dossier.Content, verdict) {
	issued := r.get("issued")
	p := &dossier.Report{
		Title:      title(r, value{}, r.get("code")),
		Text:       m.observationText(r),
		Authors:    m.parties(r, r.get("performer")),
		RecordedAt: m.moment(issued),
	}
	updated := r.get("meta").get("lastUpdated")
	m.date(r, p, append(m.effective(r), issued, updated)...)
	if s := r.get("status").str(); s == "amended" || s == "corrected" {
		m.correct(p, updated, issued)
	}
	m.file(r, p, e, r.get("basedOn"), r.get("focus"))
	if p.Text == "" {
		return nil, hidden(dossier.HiddenEmpty)
	}
	return p, shown
}

// observationText returns what was written: the value, the components and the notes; and only where
// there is none of these the narrative, which may be another report's.
func (m *mapper) observationText(r *resource) string {
	stated, _ := m.valueText(r.get)
	if s := interpretation(r.get); s != "" && !strings.Contains(stated, s) {
		stated = strings.TrimSpace(stated + " (" + s + ")")
	}
	parts := []string{stated, strings.Join(m.components(r.get("component")), "\n")}
	for _, n := range r.get("note").each() {
		parts = append(parts, m.text(n.get("text")))
	}
	text := paragraphs(parts...)
	if text == "" && !r.hidesAny() { // else the narrative may hold what is not for readers
		text = m.narrative(r.get("text"))
	}
	if text == "" {
		text = absence(r.get)
	}
	if tooLong(text, m.limits.Text) {
		r.fail(dossier.TooLarge, "resource: too long")
	}
	return text
}
