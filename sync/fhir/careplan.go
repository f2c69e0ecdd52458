package fhir

import (
	"dossiersync/store/dossier"
)

func carePlanStatus(_ *mapper, r *resource) verdict {
	switch r.get("status").str() {
	case "active", "on-hold", "completed", "revoked":
		return shown
	case "draft":
		return hidden(dossier.HiddenStatus)
	case "entered-in-error":
		return withdrawn(dossier.WithdrawnInError)
	}
	return hidden(dossier.HiddenUnknownStatus)
}

func (m *mapper) carePlan(r *resource, e *envelope) (dossier.Content, verdict) {
	status, period := r.get("status").str(), r.get("period")
	p := &dossier.CarePlan{
		Title:       line(r.get("title").str()),
		Description: m.text(r.get("description")),
		Status:      status,
		Open:        status == "active" || status == "on-hold",
		Start:       m.literal(period.get("start")),
		End:         m.literal(period.get("end")),
		Ends:        m.ends(period.get("end")),
		At:          m.firstMoment(period.get("start"), r.get("created"), r.get("meta").get("lastUpdated")),
		Replaces:    m.refs(r.get("replaces"), "CarePlan"),
		Notes:       m.notes(nil, r, r.get("note")),
		Addresses:   m.conditions(r, r.get("addresses")),
		PartOf:      append(m.refs(r.get("partOf"), "CarePlan"), m.refs(r.get("basedOn"), "CarePlan")...),
	}
	if p.Title == "" {
		p.Title = firstWords(r.get("category"))
	}
	m.people(r, e, p)
	own := m.planGoals(r, p)
	for _, a := range r.get("activity").each() {
		m.activity(r, p, own, a)
	}
	text := r.get("text")
	if text.get("status").str() == "additional" || isBare(p) {
		p.Narrative = m.narrative(text)
	}
	return p, shown
}

// isBare reports whether p says nothing but when and what it is called: then it
// is an unstructured plan, and the narrative is all there is of it.
func isBare(p *dossier.CarePlan) bool {
	return p.Description == "" && len(p.Goals) == 0 && len(p.OwnGoals) == 0 && len(p.Actions) == 0 &&
		len(p.Evaluations) == 0 && len(p.Notes) == 0
}

// planGoals sets p's goals, and returns the places in p.OwnGoals of those that r
// contains, by their ids. A contained goal that may not be shown is left out.
func (m *mapper) planGoals(r *resource, p *dossier.CarePlan) map[string]int {
	own := make(map[string]int)
	for _, v := range r.get("goal").each() {
		t := m.reference(v)
		if t.Type == "Goal" {
			p.Goals = append(p.Goals, t.Ref)
		}
		in := r.inside(t.inside)
		_, known := own[t.inside]
		if known || in.get("resourceType").str() != "Goal" || !isShownInside(in) {
			continue
		}
		have := marks{category: appendConcepts(nil, in.get("category")), code: appendConcept(nil, in.get("description"))}
		if g := m.readGoal(r, in.get, &have); g.Description != "" {
			own[t.inside] = len(p.OwnGoals)
			p.OwnGoals = append(p.OwnGoals, *g)
		}
	}
	return own
}

// isShownInside reports whether the status of v, a contained Goal, allows it to
// be shown.
func isShownInside(v value) bool {
	switch v.get("lifecycleStatus").str() {
	case "planned", "accepted", "active", "on-hold", "completed", "cancelled":
		return !v.get("implicitRules").ok()
	}
	return false
}

// activity adds to p what v, one of its activities, says: what is done, and how
// it went. own are the places of p.OwnGoals.
func (m *mapper) activity(r *resource, p *dossier.CarePlan, own map[string]int, v value) {
	if detail := v.get("detail"); detail.ok() {
		if a, ok := m.action(r, own, detail); ok {
			p.Actions = append(p.Actions, a)
		}
	} else if s := m.orderText(r, v.get("reference")); s != "" {
		p.Actions = append(p.Actions, dossier.Action{Description: s})
	}
	p.Evaluations = m.notes(p.Evaluations, r, v.get("progress"))
	for _, outcome := range v.get("outcomeCodeableConcept").each() {
		if s := words(outcome); s != "" {
			p.Evaluations = append(p.Evaluations, dossier.Note{Text: s})
		}
	}
}

// action reads v, an activity's detail; ok is false where it may not be shown,
// or says nothing.
func (m *mapper) action(r *resource, own map[string]int, v value) (a dossier.Action, ok bool) {
	a.Status = v.get("status").str()
	switch a.Status {
	case "not-started", "scheduled", "in-progress", "on-hold", "completed", "cancelled", "stopped", "unknown", "":
	default:
		return a, false
	}
	if a.Description = m.text(v.get("description")); a.Description == "" {
		a.Description = words(v.get("code"))
	}
	if a.Description == "" {
		return a, false
	}
	if v.get("doNotPerform").bool() { // a modifier: it turns the meaning around
		a.Description = "Niet doen: " + a.Description
	}
	have := marks{code: appendConcept(nil, v.get("code"))}
	if set, found := firstMatch(m.rules.Domain, &have); found {
		a.Domain = domainNamed(set)
	}
	for _, g := range v.get("goal").each() {
		t := m.reference(g)
		if t.Type == "Goal" {
			a.Goals = append(a.Goals, t.Ref)
		}
		if i, known := own[t.inside]; known {
			a.OwnGoals = append(a.OwnGoals, i)
		}
	}
	return a, true
}

// orderText returns what v, a Reference to an order, asks for, as far as it is
// written in r.
func (m *mapper) orderText(r *resource, v value) string {
	t := m.reference(v)
	if t.display != "" {
		return t.display
	}
	in := r.inside(t.inside)
	if s := line(in.get("description").str()); s != "" {
		return s
	}
	return words(in.get("code"))
}
