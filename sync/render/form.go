package render

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

type (
	formJSON struct {
		Questions    []questionJSON `json:"questions"`
		Score        *string        `json:"score"`
		ScoreName    *string        `json:"scoreName"`
		ScoreMeaning *string        `json:"scoreMeaning"`
		Notice       *string        `json:"notice"`
	}
	questionJSON struct {
		Label     string         `json:"label"`
		Answers   []answerJSON   `json:"answers"`
		Questions []questionJSON `json:"questions"`
	}
	answerJSON struct {
		Display   string          `json:"display"`
		Value     json.RawMessage `json:"value"`
		Questions []questionJSON  `json:"questions"`
	}
)

// labelUnknown stands for a question whose questionnaire the source does not
// show; the answers stay.
const labelUnknown = "Vraag niet beschikbaar"

// noticeUnknown says why questions have no words of their own.
const noticeUnknown = "De vragenlijst waar deze antwoorden bij horen, is niet beschikbaar. Daardoor kunnen vragen of de titel ontbreken."

// answerUnknown stands for whom an answer names, where the source does not say or
// show it.
const answerUnknown = "Niet beschikbaar"

// form renders a form with the labels of the questionnaire's version that it
// answers. Questions that the questionnaire hides from people are left out, also of
// the model, which is what is stored beside (I6).
func (r *Renderer) form(key string, f *dossier.Form, look store.Lookup) (card cardJSON, body formJSON, model *dossier.Form) {
	l := labels{definition: definitionOf(f, look), renderer: r, look: look, scoreOf: f.ScoreOf}
	if l.definition != nil {
		l.questions, l.parents = make(map[string]*dossier.Question), make(map[*dossier.Question]*dossier.Question)
		l.absent = make(map[absent]bool)
		l.index(l.definition.Items, nil)
	}
	places := l.plant(f.Items, nil)
	body = formJSON{Questions: l.items(places)}
	body.Score = orNil(cmp.Or(f.Score, l.score.number))
	if body.Score != nil {
		body.ScoreName, body.ScoreMeaning = orNil(l.score.name), orNil(l.score.meaning)
	}
	title := f.Title
	if l.definition != nil {
		title = cmp.Or(title, l.definition.Title)
	}
	if l.definition == nil && (title == "" || l.unlabelled) {
		body.Notice = orNil(noticeUnknown)
	}
	bare := *f
	bare.Items = l.kept(places)
	bare.Pruned = f.Pruned || l.pruned
	return cardJSON{
		ID: key, Kind: dossier.KindForm, At: r.time(f.At), Precision: f.At.Precision,
		Title: cmp.Or(title, r.rules.FormTitle), Excerpt: excerpt(strings.Join(summary(nil, body.Questions), " · ")),
		Author: r.cardAuthor(f.Authors, look), KindLabel: r.word("kind", string(dossier.KindForm)),
		CorrectedAt: r.timeOrNil(f.CorrectedAt),
	}, body, &bare
}

// definitionOf returns the questionnaire that the form answers, or nil. Another
// version's words are not its own; a source may give its questionnaires no versions.
func definitionOf(f *dossier.Form, look store.Lookup) *dossier.Questionnaire {
	if f.Own != nil {
		return f.Own
	}
	_, version, _ := strings.Cut(f.Canonical, "|")
	for _, ref := range append(f.Definitions(), f.Questionnaire) {
		s := look.Shown(ref)
		if s == nil || s.Kind != dossier.KindQuestionnaire {
			continue
		}
		q := new(dossier.Questionnaire)
		if json.Unmarshal(s.Model, q) == nil && (version == "" || q.Version == "" || q.Version == version) {
			return q
		}
	}
	return nil
}

// labels gives a form's items their words.
type labels struct {
	definition *dossier.Questionnaire
	questions  map[string]*dossier.Question            // by linkId
	parents    map[*dossier.Question]*dossier.Question // the group or question that one stands in
	absent     map[absent]bool                         // what disabledAt has found
	scoreOf    string                                  // the linkId of the question that the form's own score answers
	score      score
	pruned     bool // kept has left something out
	unlabelled bool // a question has no words
	renderer   *Renderer
	look       store.Lookup
}

// A score is what the questions say about the form's score.
type score struct{ number, name, meaning string }

func (l *labels) index(items []dossier.Question, up *dossier.Question) {
	for i := range items {
		q := &items[i]
		l.questions[q.LinkID], l.parents[q] = q, up
		l.index(q.Items, q)
	}
}

// items renders places of one list.
func (l *labels) items(places []*place) []questionJSON {
	out := []questionJSON{}
	for _, p := range places {
		if l.isLeftOut(p) {
			continue
		}
		q := p.q
		if q == nil {
			q = &dossier.Question{}
		}
		rendered := questionJSON{Label: cmp.Or(q.Text, p.item.Text), Answers: []answerJSON{}, Questions: l.items(p.items)}
		if rendered.Label == "" && (len(p.item.Items) == 0 || len(p.item.Answers) > 0) {
			rendered.Label, l.unlabelled = labelUnknown, true // a group may do without words
		}
		for i, a := range p.item.Answers {
			rendered.Answers = append(rendered.Answers, l.answer(q, a, p.answers[i]))
		}
		if q.Total && len(rendered.Answers) == 1 || q.LinkID == l.scoreOf && l.scoreOf != "" || p.item.LinkID == l.scoreOf && l.scoreOf != "" {
			l.scored(p, rendered)
		}
		out = append(out, rendered)
	}
	return out
}

// scored notes that p, rendered as q, says the form's score.
func (l *labels) scored(p *place, q questionJSON) {
	if len(q.Answers) == 0 {
		return
	}
	last := len(q.Answers) - 1
	l.score = score{number: scoreOf(p.item.Answers[last], q.Answers[last].Display)}
	if q.Label != labelUnknown {
		l.score.name = strings.TrimRight(q.Label, ": ")
	}
	var meaning []string
	for _, below := range q.Answers[last].Questions {
		for _, a := range below.Answers {
			meaning = append(meaning, a.Display)
		}
	}
	if meaning == nil {
		meaning = l.explained(p)
	}
	l.score.meaning = strings.Join(meaning, ", ")
}

// meaningWords are how a question begins that asks what a score means.
var meaningWords = []string{"interpretatie", "betekenis", "conclusie", "uitslag", "risicoklasse", "risicocategorie", "risiconiveau",
	"interpretation", "meaning"}

// explained returns the answers to the one question beside p, or below it, that asks what the score
// means.
func (l *labels) explained(p *place) []string {
	var found *place
	for _, other := range append(slices.Clip(p.items), p.list...) {
		label := other.item.Text
		if other.q != nil {
			label = cmp.Or(other.q.Text, label)
		}
		label = strings.ToLower(cmp.Or(label, other.item.LinkID))
		means := slices.ContainsFunc(meaningWords, func(w string) bool { return strings.HasPrefix(label, w) })
		if other == p || !means || len(other.item.Answers) == 0 || l.isLeftOut(other) {
			continue
		}
		if found != nil {
			return nil
		}
		found = other
	}
	if found == nil {
		return nil
	}
	q := found.q
	if q == nil {
		q = &dossier.Question{}
	}
	var said []string
	for _, a := range found.item.Answers {
		said = append(said, l.said(q, a))
	}
	return said
}

// kept returns the items without those that are not for people. The conditions by
// which questions are asked are weighed by all there is.
func (l *labels) kept(places []*place) []dossier.FormItem {
	var out []dossier.FormItem
	for _, p := range places {
		if l.isLeftOut(p) {
			l.pruned = true
			continue
		}
		it := *p.item
		it.Items = l.kept(p.items)
		it.Answers = slices.Clone(it.Answers)
		for i := range it.Answers {
			it.Answers[i].Items = l.kept(p.answers[i])
		}
		out = append(out, it)
	}
	return out
}

func (l *labels) answer(q *dossier.Question, a dossier.Answer, below []*place) answerJSON {
	value := a.Value
	if value == nil {
		value = json.RawMessage("null")
	}
	return answerJSON{Display: l.said(q, a), Value: value, Questions: l.items(below)}
}

// said returns the answer a to q as a person would read it.
func (l *labels) said(q *dossier.Question, a dossier.Answer) string {
	if a.Type == "Reference" || a.Option != "" && string(a.Value) == "null" {
		return l.saidOfRecord(a)
	}
	if a.Display != "" {
		if unit := unitFor(q, a); unit != "" {
			return a.Display + " " + unit
		}
		return a.Display
	}
	if a.Option == "" {
		return ""
	}
	system, code := cutCode(a.Option)
	if s := cmp.Or(optionOf(q.Options, a.Option), dossier.CommonWord(system, code), l.optionAnywhere(a.Option)); s != "" {
		return s
	}
	return "Antwoord zonder tekst (code " + printable(code) + ")"
}

// printable returns a code without the characters that are not seen, some of which turn the text around.
func printable(code string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, code)
}

// optionOf returns what an option is called; of one written without its system, if just one has the
// code.
func optionOf(options []dossier.Option, option string) string {
	system, code := cutCode(option)
	found, several := "", false
	for _, o := range options {
		if o.Value == option && o.Display != "" {
			return o.Display
		}
		if s, c := cutCode(o.Value); c == code && (s == "" || system == "") {
			several = several || found != "" && found != o.Display
			found = o.Display
		}
	}
	if several {
		return ""
	}
	return found
}

// optionAnywhere returns what the option is called in another question of the questionnaire.
func (l *labels) optionAnywhere(option string) string {
	if system, _ := cutCode(option); system == "" || l.definition == nil {
		return ""
	}
	return optionWithin(l.definition.Items, option)
}

func optionWithin(items []dossier.Question, option string) string {
	for i := range items {
		for _, o := range items[i].Options {
			if o.Value == option && o.Display != "" {
				return o.Display
			}
		}
		if s := optionWithin(items[i].Items, option); s != "" {
			return s
		}
	}
	return ""
}

// saidOfRecord returns what an answer that names a record says: never what somebody is called who is
// not for readers (I6).
func (l *labels) saidOfRecord(a dossier.Answer) string {
	if l.look.Hidden(a.Ref) {
		return answerUnknown
	}
	if a.Display != "" {
		return a.Display
	}
	named := l.renderer.party(dossier.Party{Ref: a.Ref}, l.look)
	return cmp.Or(named.Name, named.Role, named.Organization, answerUnknown)
}

// summary appends the questions with their answers, each as one text, as far as an excerpt needs them.
func summary(all []string, questions []questionJSON) []string {
	for _, q := range questions {
		if len(all) > excerptRunes {
			break
		}
		if len(q.Answers) > 0 {
			var answers []string
			for _, a := range q.Answers {
				if a.Display != "" {
					answers = append(answers, strings.TrimRight(a.Display, ". "))
				}
			}
			label := strings.TrimRight(q.Label, ": ")
			if label != "" && !strings.ContainsRune("?!.", rune(label[len(label)-1])) {
				label += ":"
			}
			if answers != nil {
				all = append(all, label+" "+strings.Join(answers, ", "))
			}
		}
		for _, a := range q.Answers {
			all = summary(all, a.Questions)
		}
		all = summary(all, q.Questions)
	}
	return all
}
