package fhir

import (
	"cmp"
	"slices"

	"dossiersync/store/dossier"
)

func goalStatus(_ *mapper, r *resource) verdict { return goalVerdict(r.get("lifecycleStatus").str()) }

// goalVerdict is the verdict on a goal with that lifecycleStatus.
func goalVerdict(status string) verdict {
	switch status {
	case "planned", "accepted", "active", "on-hold", "completed", "cancelled":
		return shown
	case "proposed", "rejected":
		return hidden(dossier.HiddenStatus)
	case "entered-in-error":
		return withdrawn(dossier.WithdrawnInError)
	}
	return hidden(dossier.HiddenUnknownStatus)
}

func (m *mapper) goal(r *resource, e *envelope) (dossier.Content, verdict) {
	g := m.readGoal(r, r.get, &e.marks)
	if g.Description == "" {
		return nil, hidden(dossier.HiddenEmpty)
	}
	return g, shown
}

// readGoal reads the Goal whose members get returns and that carries have. r is
// the resource that it is, or that it is contained in.
func (m *mapper) readGoal(r *resource, get func(string) value, have *marks) *dossier.Goal {
	g := &dossier.Goal{
		Description:  wordsOrCode(get("description")),
		Domain:       m.domainOf(have, get("category")),
		Status:       get("lifecycleStatus").str(),
		Start:        m.literal(get("startDate")),
		Notes:        m.notes(nil, r, get("note")),
		StatusReason: cmp.Or(m.text(asText(get("statusReason"))), wordsOrCode(asObject(get("statusReason")))),
		ExpressedBy:  m.party(r, get("expressedBy")),
	}
	for _, c := range appendConcept(nil, get("achievementStatus")) {
		if c.System == "http://terminology.hl7.org/CodeSystem/goal-achievement" {
			g.Achievement = c.Code
		}
	}
	for _, v := range get("target").each() {
		t := dossier.Target{Text: m.targetText(v), Due: m.literal(v.get("dueDate")), DueWithin: duration(v.get("dueDuration"))}
		if t != (dossier.Target{}) {
			g.Targets = append(g.Targets, t)
		}
	}
	if text := get("text"); text.get("status").str() == "additional" {
		if said := m.narrative(text); said != "" && said != g.Description {
			g.Notes = append(g.Notes, dossier.Note{Text: said})
		}
	}
	g.Outcomes = m.outcomes(nil, r, get("outcomeCode"), get("outcomeReference"))
	if said := words(get("achievementStatus")); said != "" && g.Achievement == "" {
		g.Outcomes = append(g.Outcomes, dossier.Evaluation{Note: dossier.Note{Text: said}})
	}
	return g
}

// outcomes appends what was achieved: by codes, a list of CodeableConcept, and by refs, a list of
// Reference.
func (m *mapper) outcomes(all []dossier.Evaluation, r *resource, codes, refs value) []dossier.Evaluation {
	for _, c := range codes.each() {
		if s := wordsOrCode(c); s != "" {
			all = append(all, dossier.Evaluation{Note: dossier.Note{Text: s}})
		}
	}
	for _, v := range refs.each() {
		if s := m.named(r, v); s != "" {
			all = append(all, dossier.Evaluation{Note: dossier.Note{Text: s}, Of: m.pulled(v)})
		}
	}
	return all
}

// named returns what v, a Reference, is called, or says where r contains it; nothing where that is
// not for readers.
func (m *mapper) named(r *resource, v value) string {
	t := m.reference(v)
	if t.inside == "" {
		return t.display
	}
	in := r.inside(t.inside)
	if !in.ok() {
		return ""
	}
	return cmp.Or(t.display, m.orderWords(r, in))
}

// targetText returns v, a Goal's target, in words: what is measured, and what
// it should become.
func (m *mapper) targetText(v value) string {
	what, detail := wordsOrCode(v.get("measure")), ""
	if kind, d := v.choice("detail"); slices.Contains(valueKinds, kind) {
		detail = line(m.inWords(kind, d))
	}
	if what == "" || detail == "" {
		return what + detail
	}
	return what + ": " + detail
}
