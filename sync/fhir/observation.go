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
	period := r.get("effectivePeriod")
	m.date(r, p, r.get("effectiveDateTime"), period.get("start"), r.get("effectiveInstant"), period.get("end"),
		issued, updated)
	if s := r.get("status").str(); s == "amended" || s == "corrected" {
		m.correct(p, updated, issued)
	}
	m.file(r, p, e, r.get("basedOn"), r.get("focus"))
	if p.Text == "" {
		return nil, hidden(dossier.HiddenEmpty)
	}
	return p, shown
}

// observationText returns what was written: the value, else the notes, and only
// where there is neither the narrative, which may be another report's.
func (m *mapper) observationText(r *resource) string {
	if s := m.text(r.get("valueString")); s != "" {
		return s
	}
	var all []string
	for _, n := range r.get("note").each() {
		if s := m.text(n.get("text")); s != "" {
			all = append(all, s)
		}
	}
	if len(all) > 0 {
		return strings.Join(all, "\n\n")
	}
	return m.narrative(r.get("text"))
}
