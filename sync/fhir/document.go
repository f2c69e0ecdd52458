package fhir

import (
	"dossiersync/store/dossier"
)

// documentStatus reads a DocumentReference's status, and its docStatus, which
// is the document's own.
func documentStatus(m *mapper, r *resource) verdict {
	switch r.get("status").str() {
	case "current":
	case "superseded":
		if !m.rules.ShowSuperseded {
			return hidden(dossier.HiddenSuperseded)
		}
	case "entered-in-error":
		return withdrawn(dossier.WithdrawnInError)
	default:
		return hidden(dossier.HiddenUnknownStatus)
	}
	switch r.get("docStatus").str() {
	case "", "final", "amended":
		return shown
	case "preliminary":
		return m.preliminary()
	case "entered-in-error":
		return withdrawn(dossier.WithdrawnInError)
	}
	return hidden(dossier.HiddenUnknownStatus)
}

// document reads a DocumentReference.
func (m *mapper) document(r *resource, e *envelope) (dossier.Content, verdict) {
	p := &dossier.Report{
		Title:    title(r, r.get("description"), r.get("type")),
		Authors:  m.parties(r, r.get("author")),
		Replaces: m.replaced(r, "target", "DocumentReference"),
	}
	context := r.get("context")
	updated := r.get("meta").get("lastUpdated")
	date, period := r.get("date"), context.get("period")
	created := r.get("content").at(0).get("attachment").get("creation")
	if m.rules.DocumentTime == DocumentIndexed {
		m.date(r, p, date, period.get("start"), period.get("end"), created, updated)
	} else {
		m.date(r, p, period.get("start"), date, period.get("end"), created, updated)
		if indexed := m.moment(date); indexed != p.At {
			p.RecordedAt = indexed
		}
	}
	if r.get("docStatus").str() == "amended" {
		m.correct(p, updated)
	}
	m.file(r, p, e, context.get("related"))
	readable := m.contents(r, p)
	switch {
	case p.Text != "" || len(p.Attachments) > 0:
		return p, shown
	case readable:
		return nil, hidden(dossier.HiddenEmpty)
	}
	return nil, hidden(dossier.HiddenNotADocument)
}
