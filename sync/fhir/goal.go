package fhir

import (
	"strings"

	"dossiersync/store/dossier"
)

func goalStatus(_ *mapper, r *resource) verdict {
	switch r.get("lifecycleStatus").str() {
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
		Description: words(get("description")),
		Domain:      m.domainOf(have, get("category")),
		Status:      get("lifecycleStatus").str(),
		Start:       m.literal(get("startDate")),
		Notes:       m.notes(nil, r, get("note")),
	}
	for _, c := range appendConcept(nil, get("achievementStatus")) {
		if c.System == "http://terminology.hl7.org/CodeSystem/goal-achievement" {
			g.Achievement = c.Code
		}
	}
	for _, v := range get("target").each() {
		t := dossier.Target{Text: targetText(v), Due: m.literal(v.get("dueDate"))}
		if t != (dossier.Target{}) {
			g.Targets = append(g.Targets, t)
		}
	}
	return g
}

// targetText returns v, a Goal's target, in words: what is measured, and what
// it should become.
func targetText(v value) string {
	what, detail := words(v.get("measure")), targetDetail(v)
	if what == "" || detail == "" {
		return what + detail
	}
	return what + ": " + detail
}

func targetDetail(v value) string {
	for _, member := range []string{"detailString", "detailCodeableConcept", "detailQuantity", "detailRange",
		"detailRatio", "detailBoolean", "detailInteger"} {
		d := v.get(member)
		if !d.ok() {
			continue
		}
		switch member {
		case "detailString":
			return line(d.str())
		case "detailCodeableConcept":
			return words(d)
		case "detailQuantity":
			return quantity(d)
		case "detailRange":
			return quantityRange(d)
		case "detailRatio":
			return quantity(d.get("numerator")) + " : " + quantity(d.get("denominator"))
		case "detailBoolean":
			return dutchBool(d.bool())
		case "detailInteger":
			return d.number()
		}
	}
	return ""
}

// quantity returns v, a Quantity, with all the decimals that the source wrote.
func quantity(v value) string {
	return join(v.get("comparator").str(), dutchNumber(v.get("value").number()), unitOf(v))
}

// unitOf returns the unit of v, a Quantity, in the words of the source, else its
// code if that is one that people read: neither 1 nor an {annotation} (UCUM §2.1).
func unitOf(v value) string {
	if s := line(v.get("unit").str()); s != "" {
		return s
	}
	if s := v.get("code").str(); s != "1" && !strings.HasPrefix(s, "{") {
		return s
	}
	return ""
}

func quantityRange(v value) string {
	low, high := v.get("low"), v.get("high")
	switch {
	case !high.ok():
		return join("ten minste", quantity(low))
	case !low.ok():
		return join("ten hoogste", quantity(high))
	case low.get("unit").str() == high.get("unit").str():
		return join(dutchNumber(low.get("value").number()), "tot", quantity(high))
	}
	return join(quantity(low), "tot", quantity(high))
}
