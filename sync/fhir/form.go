package fhir

import (
	"strings"

	"dossiersync/store/dossier"
)

func formStatus(m *mapper, r *resource) verdict {
	switch r.get("status").str() {
	case "completed", "amended":
		return shown
	case "in-progress": // also of a form that was completed, and is open again
		return shownIf(m.rules.ShowInProgress)
	case "stopped":
		return shownIf(m.rules.ShowStopped)
	case "entered-in-error":
		return withdrawn(dossier.WithdrawnInError)
	}
	return hidden(dossier.HiddenUnknownStatus)
}

// shownIf is the verdict on a status that is shown only where a rule says so.
func shownIf(rule bool) verdict {
	if rule {
		return shown
	}
	return hidden(dossier.HiddenStatus)
}

// markForm lets rules know a form by the questionnaire that it answers.
func markForm(_ *mapper, r *resource, e *envelope) {
	e.marks.code = appendCanonical(e.marks.code, questionnaireOf(r))
}

// form reads a QuestionnaireResponse.
func (m *mapper) form(r *resource, _ *envelope) (dossier.Content, verdict) {
	updated := r.get("meta").get("lastUpdated")
	f := &dossier.Form{
		At:      m.firstMoment(r.get("authored"), updated),
		Title:   dutchLine(extension(r.get("_questionnaire"), extDisplay).get("valueString")),
		Authors: m.formAuthors(r),
	}
	f.AtUnknown = !r.get("authored").ok()
	if f.At.IsZero() {
		r.fail(dossier.BadDate, "resource: no date")
	}
	if r.get("status").str() == "amended" {
		if f.CorrectedAt = m.moment(updated); f.CorrectedAt.IsZero() {
			f.CorrectedAt = f.At
		}
	}
	m.answered(r, f)
	reading := formReader{m: m, r: r}
	f.Items = reading.items(r.get("item"))
	f.Score, f.ScoreOf = reading.score.total()
	if !reading.answered {
		return nil, hidden(dossier.HiddenEmpty)
	}
	return f, shown
}

// extDisplay is what a canonical reference is called (FHIR core extension).
const extDisplay = "http://hl7.org/fhir/StructureDefinition/display"

// formAuthors returns who wrote the answers down, and who gave them if that is
// somebody else.
func (m *mapper) formAuthors(r *resource) []dossier.Party {
	all := m.appendParty(nil, r, r.get("author"))
	source := r.get("source")
	if s := source.get("reference").str(); s != "" && s == r.get("author").get("reference").str() {
		return all
	}
	return m.appendParty(all, r, source)
}

// questionnaireOf returns how r says which questionnaire it answers: a canonical
// URL; of some servers a reference, as before R4.
func questionnaireOf(r *resource) string {
	v := r.get("questionnaire")
	if v.ok() && v.node().kind == object {
		v = v.get("reference")
	}
	return v.str()
}

// answered sets which questionnaire f answers.
func (m *mapper) answered(r *resource, f *dossier.Form) {
	s := questionnaireOf(r)
	if id, ok := strings.CutPrefix(s, "#"); ok {
		if in := r.inside(id); in.get("resourceType").str() == "Questionnaire" {
			f.Own = m.readQuestionnaire(r, in.get)
		}
		return
	}
	s, _, _ = strings.Cut(s, "#") // a part of it is still that questionnaire
	url, _, _ := strings.Cut(s, "|")
	ref := m.resolve(url)
	if ref.Type == "Questionnaire" {
		f.Questionnaire = ref
	}
	if strings.Contains(url, ":") || ref.IsZero() {
		f.Canonical = s
	}
}

// appendCanonical appends the codes that mean a canonical reference in a rule: the
// URL alone, and URL|version.
func appendCanonical(codes []Code, canonical string) []Code {
	url, version, _ := strings.Cut(canonical, "|")
	if url == "" {
		return codes
	}
	if version != "" {
		codes = append(codes, Code{System: url, Code: version})
	}
	return append(codes, Code{Code: url})
}

// A formReader reads the items of one form.
type formReader struct {
	m        *mapper
	r        *resource
	answered bool // there is at least one answer
	score    scoring
}

func (f *formReader) items(v value) []dossier.FormItem {
	var all []dossier.FormItem
	for _, e := range v.each() {
		it := dossier.FormItem{LinkID: line(e.get("linkId").str()), Text: f.m.text(e.get("text"))}
		for _, v := range e.get("answer").each() {
			if a, ok := f.answer(&it, v); ok {
				it.Answers = append(it.Answers, a)
				f.answered = true
			}
		}
		it.Items = f.items(e.get("item"))
		all = append(all, it)
	}
	return all
}
