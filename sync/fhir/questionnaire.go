package fhir

import (
	"strings"

	"dossiersync/store/dossier"
)

// questionnaireStatus shows a questionnaire whatever has become of it: a form
// keeps the words of the version that it answered.
func questionnaireStatus(_ *mapper, r *resource) verdict {
	switch r.get("status").str() {
	case "draft", "active", "retired", "unknown":
		return shown
	}
	return hidden(dossier.HiddenUnknownStatus)
}

// markQuestionnaire lets rules know a questionnaire by its codes and by its
// canonical URL.
func markQuestionnaire(_ *mapper, r *resource, e *envelope) {
	e.marks.code = appendCodings(e.marks.code, r.get("code"))
	e.marks.code = appendCanonical(e.marks.code, r.get("url").str()+"|"+r.get("version").str())
}

func (m *mapper) questionnaire(r *resource, _ *envelope) (dossier.Content, verdict) {
	return m.readQuestionnaire(r, r.get), shown
}

// readQuestionnaire reads the Questionnaire whose members get returns. r is the
// resource that it is, or that it is contained in.
func (m *mapper) readQuestionnaire(r *resource, get func(string) value) *dossier.Questionnaire {
	reading := questionReader{m: m, r: r}
	q := &dossier.Questionnaire{
		URL: line(get("url").str()), Version: line(get("version").str()), Title: dutchLine(get("title")),
		Items: reading.items(get("item")),
	}
	if reading.total.linkID != "" {
		markTotal(q.Items, reading.total.linkID)
	}
	return q
}

// A questionReader reads the items of one questionnaire.
type questionReader struct {
	m     *mapper
	r     *resource
	total surest
}

func (q *questionReader) items(v value) []dossier.Question {
	var all []dossier.Question
	for _, e := range v.each() {
		item := dossier.Question{
			LinkID:  line(e.get("linkId").str()),
			Text:    q.m.questionText(e),
			Hidden:  isHiddenItem(e),
			Options: q.options(e),
			Units:   units(e),
			When:    q.conditions(e),
		}
		behavior := e.get("enableBehavior").str() // R4 asks for it where there are several conditions
		item.Any = behavior == "any" || behavior == "" && len(item.When) > 1
		q.total.take(item.LinkID, rankOf(e, &item))
		item.Items = q.items(e.get("item"))
		all = append(all, item)
	}
	return all
}

// conditions returns when v, an item, is asked.
func (q *questionReader) conditions(v value) []dossier.Condition {
	var all []dossier.Condition
	for _, e := range v.get("enableWhen").each() {
		c := dossier.Condition{LinkID: line(e.get("question").str()), Operator: e.get("operator").str()}
		kind, is := e.choice("answer")
		if read, known := answerKinds[kind]; known {
			read(q.m, q.r, &c.Answer, is)
			c.Answer.Type, c.Answer.Display, c.Answer.Option = kind, "", q.m.option(kind, is)
		}
		all = append(all, c)
	}
	return all
}

// extHidden ends the URL of the extension which says that people are not to see an item.
const extHidden = "questionnaire-hidden"

// isHiddenItem reports whether v, an item, is not for people: doubt about how that is written hides
// (I6).
func isHiddenItem(v value) bool {
	for _, e := range v.get("extension").each() {
		if isExtension(e.get("url").str(), extHidden) {
			_, is := e.choice("value")
			return !is.ok() || is.node().kind != boolean || is.bool()
		}
	}
	return false
}

// isExtension reports whether url is that of an extension called name, however it is written.
func isExtension(url, name string) bool {
	url, _, _ = strings.Cut(strings.TrimSpace(url), "|")
	return strings.HasSuffix(strings.ToLower(strings.TrimRight(url, "/")), name)
}

// questionText returns what v, an item, asks, with its number; without a text what
// it is called by its code.
func (m *mapper) questionText(v value) string {
	s := m.text(v.get("text"))
	if s == "" {
		for _, coding := range v.get("code").each() {
			if s = dutchLine(coding.get("display")); s != "" {
				break
			}
		}
	}
	prefix := dutchLine(v.get("prefix"))
	if prefix == "" || s == "" || strings.HasPrefix(s, prefix) {
		return s
	}
	return prefix + " " + s
}

// rankOf returns how surely v, which became q, asks for the score.
func rankOf(v value, q *dossier.Question) int {
	switch v.get("type").str() {
	case "decimal", "integer", "quantity", "string", "text":
	default:
		return 0
	}
	rank := max(totalRank(q.LinkID), totalRank(line(v.get("text").str())))
	codes := appendCodings(nil, v.get("code"))
	for _, c := range totalCodes {
		if c.matches(codes) {
			return 3
		}
	}
	if rank == 0 && isScoring(v) {
		return 1
	}
	return rank
}

func markTotal(items []dossier.Question, linkID string) {
	for i := range items {
		items[i].Total = items[i].LinkID == linkID
		markTotal(items[i].Items, linkID)
	}
}

// options returns what v, an item, offers to choose from: as it is listed there,
// else in a value set that comes along. Other value sets are not pulled.
func (q *questionReader) options(v value) []dossier.Option {
	var all []dossier.Option
	for _, o := range v.get("answerOption").each() {
		kind, is := o.choice("value")
		one := dossier.Option{Value: q.m.option(kind, is), Score: ordinal(is, o, o.get("_value"+kind))}
		switch kind {
		case "Coding", "Reference":
			one.Display = dutchLine(is.get("display"))
		case "Date":
			one.Display = dutchMoment(q.m.moment(is), q.m.zone)
		case "Time":
			one.Display, _ = dutchTime(is.str())
		default:
			one.Display = one.Value
		}
		if one.Value != "" {
			all = append(all, one)
		}
	}
	if id, ok := strings.CutPrefix(v.get("answerValueSet").str(), "#"); ok && all == nil {
		set := q.r.inside(id)
		for _, include := range set.get("compose").get("include").each() {
			all = appendConceptOptions(all, include.get("system").str(), include.get("concept"))
		}
		if all == nil {
			all = appendConceptOptions(nil, "", set.get("expansion").get("contains"))
		}
	}
	return all
}

// appendConceptOptions appends the concepts of v, of a ValueSet.
func appendConceptOptions(all []dossier.Option, system string, v value) []dossier.Option {
	for _, c := range v.each() {
		code := Code{System: system, Code: c.get("code").str()}
		if s := c.get("system").str(); s != "" {
			code.System = s
		}
		if code.Code != "" && !isAbstract(c) {
			all = append(all, dossier.Option{Value: code.String(), Display: conceptWord(c), Score: ordinal(c)})
		}
		if nested := c.get("contains"); nested.ok() {
			all = appendConceptOptions(all, code.System, nested)
		}
	}
	return all
}

func isAbstract(v value) bool { return v.get("abstract").ok() && v.get("abstract").bool() }

// conceptWord returns what v, a concept of a ValueSet, is called: in Dutch if it has a designation so.
func conceptWord(v value) string {
	for _, d := range v.get("designation").each() {
		lang := strings.ToLower(d.get("language").str())
		if s := line(d.get("value").str()); s != "" && (lang == "nl" || strings.HasPrefix(lang, "nl-")) {
			return s
		}
	}
	return dutchLine(v.get("display"))
}

// The extensions by which an item says in which units its answer may be.
const (
	extUnit       = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"
	extUnitOption = "http://hl7.org/fhir/StructureDefinition/questionnaire-unitOption"
)

// units returns the units in which v, an item, is answered: the one that it fixes, else those that it
// offers.
func units(v value) []dossier.Option {
	var fixed, offered []dossier.Option
	for _, e := range v.get("extension").each() {
		unit := e.get("valueCoding")
		one := dossier.Option{Value: unitCode(unit), Display: dutchLine(unit.get("display"))}
		if one.Display == "" {
			one.Display = unitWord(line(unit.get("code").str()))
		}
		switch url := e.get("url").str(); {
		case one == (dossier.Option{}):
		case url == extUnit:
			fixed = append(fixed, one)
		case url == extUnitOption:
			offered = append(offered, one)
		}
	}
	if fixed != nil {
		return fixed
	}
	return offered
}
