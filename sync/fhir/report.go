package fhir

import (
	"dossiersync/store/dossier"
)

// isReport lets through the Observations and Compositions that the tenant's
// report_codes name.
func isReport(m *mapper, e *envelope) verdict {
	if !m.rules.isReport(&e.marks) {
		return hidden(dossier.HiddenNotAReport)
	}
	return shown
}

// preliminary is the verdict on what is not final yet.
func (m *mapper) preliminary() verdict {
	if m.rules.ShowPreliminary {
		return shown
	}
	return hidden(dossier.HiddenStatus)
}

// extPertainsToGoal is how any resource names a goal (FHIR core extension).
const extPertainsToGoal = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"

// file sets what p is filed under: the plan and the goal that links or an
// extension name, and the category by rule, else by these.
func (m *mapper) file(r *resource, p *dossier.Report, e *envelope, links ...value) {
	p.Category = dossier.CategoryGeneral
	for _, list := range links {
		for _, link := range list.each() {
			m.link(p, link)
		}
	}
	m.link(p, r.extension(extPertainsToGoal).get("valueReference"))
	if set, ok := firstMatch(m.rules.Category, &e.marks); ok {
		p.Category = set
	}
}

// link files p under what v, a Reference, names, if that is a plan or a goal.
func (m *mapper) link(p *dossier.Report, v value) {
	t := m.reference(v)
	switch t.kind {
	case "CarePlan":
		p.Category = dossier.CategoryCarePlan
		if p.Plan.IsZero() {
			p.Plan = t.Ref
		}
	case "Goal":
		p.Category = dossier.CategoryCarePlan
		if p.Goal.IsZero() {
			p.Goal = t.Ref
		}
	}
}

// replaced returns the records of the kind that r says it replaces, in the member
// target of its relatesTo; none if those stay shown. What it appends to, or
// transforms, stays as it is.
func (m *mapper) replaced(r *resource, target, kind string) []dossier.Ref {
	var refs []dossier.Ref
	if m.rules.ShowSuperseded {
		return nil
	}
	for _, rel := range r.get("relatesTo").each() {
		if rel.get("code").str() != "replaces" {
			continue
		}
		if t := m.reference(rel.get(target)); t.Type == kind {
			refs = append(refs, t.Ref)
		}
	}
	return refs
}

// titleExtensions are those by which profiles give a report a title: of MedMij's
// long-term care, in its final and its beta form.
var titleExtensions = []string{
	"http://medmij.nl/fhir/StructureDefinition/ext-NursingReport.ReportTitle",
	"http://medmij.nl/fhir/StructureDefinition/ext-NursingReport.Title",
}

// title returns what r is called: by a title of its own, else by what it is.
func title(r *resource, own, kind value) string {
	for _, url := range titleExtensions {
		if s := dutchLine(r.extension(url).get("valueString")); s != "" {
			return s
		}
	}
	if s := dutchLine(own); s != "" {
		return s
	}
	return words(kind)
}

// firstMoment returns the first of the moments that is there, else zero.
func (m *mapper) firstMoment(from ...value) dossier.Moment {
	for _, v := range from {
		if d := m.moment(v); !d.IsZero() {
			return d
		}
	}
	return dossier.Moment{}
}

// date sets p's place on the time line. A report without any date has none.
func (m *mapper) date(r *resource, p *dossier.Report, from ...value) {
	if p.At = m.firstMoment(from...); p.At.IsZero() {
		r.fail(dossier.BadDate, "resource: no date")
	}
}

// correct marks p as corrected, at the first of the moments that is there.
func (m *mapper) correct(p *dossier.Report, at ...value) {
	if p.CorrectedAt = m.firstMoment(at...); p.CorrectedAt.IsZero() {
		p.CorrectedAt = p.At
	}
}
