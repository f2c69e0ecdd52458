package fhir

import (
	"slices"

	"dossiersync/store/dossier"
)

func carePlanStatus(_ *mapper, r *resource) verdict {
	switch r.get("status").str() {
	case "active", "on-hold", "completed", "revoked":
		return intentVerdict(r.get("intent").str())
	case "draft":
		return hidden(dossier.HiddenStatus)
	case "entered-in-error":
		return withdrawn(dossier.WithdrawnInError)
	}
	return hidden(dossier.HiddenUnknownStatus)
}

// intentVerdict is the verdict on a plan or an order with that intent, a modifier element: what was
// only proposed, or is one of several options, is nothing that will be done. Some sources leave it out.
func intentVerdict(intent string) verdict {
	switch intent {
	case "", "plan", "directive", "order", "original-order", "reflex-order", "filler-order", "instance-order":
		return shown
	case "proposal", "option":
		return hidden(dossier.HiddenStatus)
	}
	return hidden(dossier.HiddenUnknownStatus)
}

func (m *mapper) carePlan(r *resource, e *envelope) (dossier.Content, verdict) {
	status, period := r.get("status").str(), r.get("period")
	p := &dossier.CarePlan{
		Title:       dutchLine(r.get("title")),
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
	// A narrative may repeat what was left out above because it is not for readers.
	if !r.withheld && !r.hidesAny() && (text.get("status").str() == "additional" || isBare(p)) {
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
	refs := slices.Collect(eachOf(r.get("goal")))
	for _, e := range r.get("extension").each() {
		if e.get("url").str() == extPertainsToGoal {
			refs = append(refs, e.get("valueReference"))
		}
	}
	for _, v := range refs {
		t := m.reference(v)
		if t.Type == "Goal" && !slices.Contains(p.Goals, t.Ref) {
			p.Goals = append(p.Goals, t.Ref)
		}
		if t.display != "" && isWordsOnly(v) {
			p.OwnGoals = append(p.OwnGoals, dossier.Goal{Description: t.display}) // no record: words are all there is
			continue
		}
		in := r.inside(t.inside)
		_, known := own[t.inside]
		if known || in.get("resourceType").str() != "Goal" {
			continue
		}
		if goalVerdict(in.get("lifecycleStatus").str()) != shown {
			in.withhold()
			continue
		}
		have := marks{category: appendConcepts(nil, in.get("category")), code: appendConcept(nil, in.get("description")),
			tag: appendCodings(nil, in.get("meta").get("tag")), security: appendCodings(nil, in.get("meta").get("security"))}
		if g := m.readGoal(r, in.get, &have); g.Description != "" {
			own[t.inside] = len(p.OwnGoals)
			p.OwnGoals = append(p.OwnGoals, *g)
		}
	}
	return own
}

// isWordsOnly reports whether v, a Reference, leads to no record, and does not keep one back either.
func isWordsOnly(v value) bool {
	return !v.get("reference").ok() && !v.get("_reference").ok() && !v.get("identifier").ok()
}

// activity adds to p what v, one of its activities, says: what is done, and how
// it went. own are the places of p.OwnGoals.
func (m *mapper) activity(r *resource, p *dossier.CarePlan, own map[string]int, v value) {
	goals := activityGoals{m: m, own: own}
	goals.add(v)
	a, is := dossier.Action{}, false
	if detail := v.get("detail"); detail.ok() {
		goals.add(detail)
		if a, is = m.action(r, detail); !is {
			detail.withhold()
		}
	} else if order := v.get("reference"); order.ok() {
		goals.add(r.inside(m.reference(order).inside))
		if a, is = m.ordered(r, order); !is {
			order.withhold()
			r.inside(m.reference(order).inside).withhold()
		}
	}
	place := 0
	if is {
		a.Goals, a.OwnGoals = goals.refs, goals.places
		p.Actions = append(p.Actions, a)
		place = len(p.Actions)
	}
	from := len(p.Evaluations)
	for _, n := range m.notes(nil, r, v.get("progress")) {
		p.Evaluations = append(p.Evaluations, dossier.Evaluation{Note: n})
	}
	p.Evaluations = m.outcomes(p.Evaluations, r, v.get("outcomeCodeableConcept"), v.get("outcomeReference"))
	for i := from; i < len(p.Evaluations); i++ {
		e := &p.Evaluations[i]
		e.Action, e.Goals, e.OwnGoals = place, goals.refs, goals.places
	}
}

// activityGoals collects the goals that an activity is for.
type activityGoals struct {
	m      *mapper
	own    map[string]int // the places of the plan's own goals, by their ids
	refs   []dossier.Ref
	places []int
}

// add adds the goals that v names: by its member goal, or by an extension.
func (g *activityGoals) add(v value) {
	for _, one := range v.get("goal").each() {
		g.one(one)
	}
	for _, e := range v.get("extension").each() {
		if e.get("url").str() == extPertainsToGoal {
			g.one(e.get("valueReference"))
		}
	}
}

func (g *activityGoals) one(v value) {
	t := g.m.reference(v)
	if t.Type == "Goal" && !slices.Contains(g.refs, t.Ref) {
		g.refs = append(g.refs, t.Ref)
	}
	if i, known := g.own[t.inside]; known && !slices.Contains(g.places, i) {
		g.places = append(g.places, i)
	}
}

// action reads v, an activity's detail; ok is false where it may not be shown.
func (m *mapper) action(r *resource, v value) (a dossier.Action, ok bool) {
	a.Status = v.get("status").str()
	switch a.Status {
	case "not-started", "scheduled", "in-progress", "on-hold", "completed", "cancelled", "stopped", "unknown", "":
	default:
		return a, false
	}
	a.Timing, a.Reason = m.scheduled(v, "scheduled"), m.reasons(r, v)
	a.Product, a.Amount = m.product(r, v, "product"), joinWith(", ", quantity(v.get("quantity")), perDay(v.get("dailyAmount")))
	a.Location = m.thing(r, v.get("location"))
	a.Team = m.parties(r, v.get("performer"))
	a.Description = m.text(v.get("description"))
	if a.Description == "" {
		a.Description = wordsOrCode(v.get("code"))
	}
	if a.Description == "" {
		a.Description, a.Product = a.Product, ""
	}
	if a.Description == "" {
		if a.Description = orderKinds[v.get("kind").str()]; a.Description == "" {
			a.Description = "Activiteit"
		}
		a.Description += ": niet beschikbaar"
	}
	if v.get("doNotPerform").bool() { // a modifier: it turns the meaning around
		a.Description = "Niet doen: " + a.Description
	}
	have := marks{code: appendConcept(nil, v.get("code"))}
	if m.rules.isHidden(&have) {
		return a, false
	}
	if set, found := firstMatch(m.rules.Domain, &have); found {
		a.Domain = domainNamed(set)
	}
	return a, true
}
