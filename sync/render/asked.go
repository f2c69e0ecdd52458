package render

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"dossiersync/store/dossier"
)

// A form is shown as it was filled in: the source called it completed. Its conditions
// (FHIR R4, Questionnaire.item.enableWhen) are judged again for one purpose, to leave out answers that
// were given before another answer disabled their question. Only what is surely disabled is left out.
// Whatever cannot be decided counts as asked.

// A truth is the outcome of a condition.
type truth int8

// The outcomes.
const (
	no truth = iota - 1
	unknown
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// A place is an item of a form in its surroundings.
type place struct {
	item *dossier.FormItem
	q    *dossier.Question // nil: the questionnaire does not have it
	up   *place            // whose item or answer it is below; nil: none
	list []*place          // the list in which it stands, itself included

	items   []*place
	answers [][]*place // what each answer raised

	state placeState
}

// A placeState is how far the judgement of a place has come.
type placeState int8

const (
	unjudged placeState = iota
	judging
	isAsked
	isDisabled
)

// plant returns the items as places.
func (l *labels) plant(items []dossier.FormItem, up *place) []*place {
	list := make([]*place, len(items))
	for i := range items {
		list[i] = &place{item: &items[i], q: l.questions[items[i].LinkID], up: up}
	}
	for _, p := range list {
		p.list = list
		p.items = l.plant(p.item.Items, p)
		for i := range p.item.Answers {
			p.answers = append(p.answers, l.plant(p.item.Answers[i].Items, p))
		}
	}
	return list
}

// isLeftOut reports whether p is not for readers: hidden by the questionnaire, or surely disabled.
func (l *labels) isLeftOut(p *place) bool {
	for q := p.q; q != nil; q = l.parents[q] { // a response may list an item outside its group
		if q.Hidden {
			return true
		}
	}
	return l.disabled(p)
}

// disabled reports whether p is surely disabled, or stands below something that is. Where questions
// depend on each other in a circle, the one that is looked at first counts as asked by the others.
func (l *labels) disabled(p *place) bool {
	switch p.state {
	case judging, isAsked:
		return false
	case isDisabled:
		return true
	}
	p.state = judging
	if p.up != nil && l.disabled(p.up) || p.q != nil && l.asked(p.q, p) == no {
		p.state = isDisabled
		return true
	}
	p.state = isAsked
	return false
}

// disabledAt reports whether q, which the form does not have, is surely disabled as seen from the
// place at: that is why it is not there.
func (l *labels) disabledAt(q *dossier.Question, at *place) bool {
	key := absent{q, at}
	if is, known := l.absent[key]; known {
		return is
	}
	l.absent[key] = false // while it is looked at, and for those of a circle
	for ; q != nil && !l.absent[key]; q = l.parents[q] {
		l.absent[key] = l.asked(q, at) == no
	}
	return l.absent[key]
}

// absent is a question that the form does not have, as seen from a place.
type absent struct {
	q  *dossier.Question
	at *place
}

// asked weighs the conditions of q, as seen from the place at.
func (l *labels) asked(q *dossier.Question, at *place) truth {
	if len(q.When) == 0 {
		return yes
	}
	least, most := yes, no
	for _, c := range q.When {
		is := l.isMet(c, at)
		least, most = min(least, is), max(most, is)
	}
	if q.Any {
		return most
	}
	return least
}

// isMet weighs one condition. Of a question that is there more than once, the nearest counts.
func (l *labels) isMet(c dossier.Condition, at *place) truth {
	found := at.nearest(c.LinkID)
	var given []dossier.Answer
	some := false
	for _, p := range found {
		if l.disabled(p) {
			continue
		}
		some = true
		given = append(given, p.item.Answers...)
	}
	q := l.questions[c.LinkID]
	switch {
	case len(found) > 0 && !some, len(found) == 0 && q != nil && l.disabledAt(q, at):
		return withoutAnswer(c)
	case len(given) == 0, q != nil && q.Hidden:
		return unknown // it may have been answered, but not sent, or have been computed since
	}
	return l.weigh(c, q, given)
}

// withoutAnswer weighs a condition on a question that surely has no answer.
func withoutAnswer(c dossier.Condition) truth {
	switch c.Operator {
	case "exists":
		return truthOf(string(c.Answer.Value) == "false")
	case "!=":
		return yes
	case "=", ">", "<", ">=", "<=":
		return no
	}
	return unknown
}

// weigh weighs a condition on q by the answers given to it.
func (l *labels) weigh(c dossier.Condition, q *dossier.Question, given []dossier.Answer) truth {
	most, least := no, yes
	for _, a := range given {
		is := l.compare(c.Operator, l.inUnitOf(a, q), l.inUnitOf(c.Answer, q))
		most, least = max(most, is), min(least, is)
	}
	switch {
	case c.Operator == "!=" && most != least: // FHIR R4 and later versions differ on several answers
		return unknown
	case c.Operator == "exists":
		return truthOf(string(c.Answer.Value) == "true")
	}
	return most
}

// compare compares one answer with that of a condition.
func (l *labels) compare(operator string, a, b dossier.Answer) truth {
	if operator == "=" || operator == "!=" {
		is := l.equal(a, b)
		if operator == "!=" {
			return -is
		}
		return is
	}
	order, ok := l.order(a, b)
	switch {
	case !ok:
		return unknown
	case operator == ">":
		return truthOf(order > 0)
	case operator == "<":
		return truthOf(order < 0)
	case operator == ">=":
		return truthOf(order >= 0)
	case operator == "<=":
		return truthOf(order <= 0)
	}
	return unknown
}

// equal reports whether a and b say the same.
func (l *labels) equal(a, b dossier.Answer) truth {
	if order, ok := l.order(a, b); ok {
		return truthOf(order == 0)
	}
	if a.Type != b.Type {
		return unknown
	}
	switch a.Type {
	case "Boolean":
		return truthOf(string(a.Value) == string(b.Value))
	case "Coding":
		return equalCodes(a.Option, b.Option)
	case "String":
		s, t := textOf(a), textOf(b)
		if s != t && strings.EqualFold(s, t) {
			return unknown
		}
		return truthOf(s == t)
	case "Reference":
		kindA, _, isA := strings.Cut(a.Option, "/")
		kindB, _, isB := strings.Cut(b.Option, "/")
		if a.Option == b.Option && a.Option != "" {
			return yes
		}
		if isA && isB && kindA == kindB {
			return no
		}
	}
	return unknown
}

// equalCodes compares two codes as options. Those of different systems may still mean the same.
func equalCodes(a, b string) truth {
	systemA, codeA := cutCode(a)
	systemB, codeB := cutCode(b)
	switch {
	case codeA == "" || codeB == "":
		return unknown
	case systemA == systemB && codeA == codeB:
		return yes
	case systemA != "" && systemB != "" && systemA != systemB, strings.EqualFold(codeA, codeB):
		return unknown
	}
	return no
}

func cutCode(option string) (system, code string) {
	if i := strings.LastIndex(option, "|"); i >= 0 {
		return option[:i], option[i+1:]
	}
	return "", option
}

// order compares numbers, quantities of one unit, moments and times; ok is false for what has no
// order, or none that can be known.
func (l *labels) order(a, b dossier.Answer) (order int, ok bool) {
	switch {
	case isNumber(a) && isNumber(b):
		return compareNumbers(numberOf(a), numberOf(b))
	case a.Type == "Quantity" && b.Type == "Quantity":
		x, y := quantityOf(a), quantityOf(b)
		if x.Comparator != "" || y.Comparator != "" || !sameUnit(a.Unit, x.Unit, b.Unit, y.Unit) {
			return 0, false
		}
		return compareNumbers(x.Value, y.Value)
	case a.Type == "Time" && b.Type == "Time":
		return compareSpans(clockSpan(textOf(a)), clockSpan(textOf(b)))
	case !a.Moment.IsZero() && !b.Moment.IsZero():
		return compareSpans(l.span(a.Moment), l.span(b.Moment))
	}
	return 0, false
}

// sameUnit reports whether two quantities are surely of one unit: by its code where both have one,
// else by its word.
func sameUnit(codeA, wordA, codeB, wordB string) bool {
	systemA, a := cutCode(codeA)
	systemB, b := cutCode(codeB)
	if a != "" && b != "" && (systemA == systemB || systemA == "" || systemB == "") {
		return a == b
	}
	return strings.EqualFold(strings.TrimSpace(wordA), strings.TrimSpace(wordB))
}

// A span is the time for which a moment stands, until end: of a partial date more than an instant.
type span struct {
	start, end time.Time
	precision  dossier.Precision
}

// span returns the time for which m stands, in the tenant's zone.
func (l *labels) span(m dossier.Moment) span {
	t := m.Time.In(l.renderer.zone)
	s := span{start: t, end: t.Add(1), precision: m.Precision}
	switch m.Precision {
	case dossier.PrecisionYear:
		s.end = t.AddDate(1, 0, 0)
	case dossier.PrecisionMonth:
		s.end = t.AddDate(0, 1, 0)
	case dossier.PrecisionDay:
		s.end = t.AddDate(0, 0, 1)
	}
	return s
}

// clockSpan reads a FHIR time; zero for what is none.
func clockSpan(s string) span {
	if t, err := time.Parse("15:04:05", s); err == nil { // a fraction may follow
		return span{t.AddDate(1, 0, 0), t.AddDate(1, 0, 0).Add(1), dossier.PrecisionSecond}
	}
	if t, err := time.Parse("15:04", s); err == nil {
		return span{t.AddDate(1, 0, 0), t.AddDate(1, 0, 0).Add(time.Minute), dossier.PrecisionDay}
	}
	return span{}
}

// compareSpans orders two spans; ok is false where one is part of the other (FHIRPath, "comparison":
// of different precision, undecided).
func compareSpans(a, b span) (order int, ok bool) {
	switch {
	case a.start.IsZero() || b.start.IsZero():
		return 0, false
	case !a.end.After(b.start):
		return -1, true
	case !b.end.After(a.start):
		return 1, true
	}
	return 0, a.precision == b.precision && a.start.Equal(b.start)
}

// nearest returns the places of the question called link that are nearest to p: in its own list or
// below that, else in or below the list that this is part of.
func (p *place) nearest(link string) []*place {
	for ; p != nil; p = p.up {
		if found := within(link, p.list); len(found) > 0 {
			return found
		}
	}
	return nil
}

func within(link string, list []*place) (found []*place) {
	for _, p := range list {
		if p.item.LinkID == link {
			found = append(found, p)
		}
		for _, below := range append(slices.Clip(p.answers), p.items) {
			found = append(found, within(link, below)...)
		}
	}
	return found
}

// textOf returns an answer that is a text.
func textOf(a dossier.Answer) string {
	var s string
	_ = json.Unmarshal(a.Value, &s)
	return strings.TrimSpace(s)
}
