package render

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

type (
	formJSON struct {
		Questions []questionJSON `json:"questions"`
		Score     *string        `json:"score"`
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

// answerUnknown stands for whom an answer names, where the source does not say or
// show it.
const answerUnknown = "Niet beschikbaar"

// form renders a form with the labels of the questionnaire's version that it
// answers. Questions that the questionnaire hides from people are left out, also of
// the model, which is what is stored beside (I6).
func (r *Renderer) form(key string, f *dossier.Form, look store.Lookup) (card cardJSON, body formJSON, model *dossier.Form) {
	l := labels{definition: definitionOf(f, look), renderer: r, look: look}
	if l.definition != nil {
		l.questions = make(map[string]*dossier.Question)
		l.index(l.definition.Items)
	}
	body = formJSON{Questions: l.items(f.Items, nil)}
	body.Score = orNil(cmp.Or(f.Score, l.total))
	title := f.Title
	if l.definition != nil {
		title = cmp.Or(title, l.definition.Title)
	}
	bare := *f
	bare.Items = l.kept(f.Items, nil)
	bare.Pruned = f.Pruned || l.pruned
	return cardJSON{
		ID: key, Kind: dossier.KindForm, At: r.time(f.At), Precision: f.At.Precision,
		Title: cmp.Or(title, r.rules.FormTitle), Excerpt: excerpt(summary(body.Questions)),
		Author: r.author(f.Authors, look), CorrectedAt: r.timeOrNil(f.CorrectedAt),
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
	questions  map[string]*dossier.Question // by linkId
	total      string                       // the answer to the question that asks for the score
	pruned     bool                         // kept has left something out
	renderer   *Renderer
	look       store.Lookup
}

func (l *labels) index(items []dossier.Question) {
	for i := range items {
		l.questions[items[i].LinkID] = &items[i]
		l.index(items[i].Items)
	}
}

// items renders items, which are within those of around.
func (l *labels) items(items []dossier.FormItem, around [][]dossier.FormItem) []questionJSON {
	out := []questionJSON{}
	around = append(slices.Clip(around), items)
	for _, it := range items {
		q := l.questions[it.LinkID]
		if q == nil {
			q = &dossier.Question{}
		}
		if q.Hidden || !asked(q, around) {
			continue
		}
		rendered := questionJSON{Label: cmp.Or(q.Text, it.Text), Answers: []answerJSON{}, Questions: l.items(it.Items, around)}
		if rendered.Label == "" && len(it.Items) == 0 {
			rendered.Label = labelUnknown // a group may do without words
		}
		for _, a := range it.Answers {
			rendered.Answers = append(rendered.Answers, l.answer(q, a, around))
		}
		if q.Total && len(rendered.Answers) == 1 {
			l.total = rendered.Answers[0].Display
		}
		out = append(out, rendered)
	}
	return out
}

// kept returns the items without those that are not for people. The conditions by
// which questions are asked are weighed by all there is.
func (l *labels) kept(items []dossier.FormItem, around [][]dossier.FormItem) []dossier.FormItem {
	var out []dossier.FormItem
	around = append(slices.Clip(around), items)
	for _, it := range items {
		if q := l.questions[it.LinkID]; q != nil && (q.Hidden || !asked(q, around)) {
			l.pruned = true
			continue
		}
		it.Items = l.kept(it.Items, around)
		it.Answers = slices.Clone(it.Answers)
		for i := range it.Answers {
			it.Answers[i].Items = l.kept(it.Answers[i].Items, around)
		}
		out = append(out, it)
	}
	return out
}

func (l *labels) answer(q *dossier.Question, a dossier.Answer, around [][]dossier.FormItem) answerJSON {
	display := a.Display
	if display == "" {
		for _, o := range q.Options {
			if o.Value == a.Option {
				display = o.Display
			}
		}
	}
	isReference := a.Option != "" && string(a.Value) == "null"
	switch {
	case display != "":
	case isReference:
		named := l.renderer.party(dossier.Party{Ref: a.Ref}, l.look)
		display = cmp.Or(named.Name, named.Role, named.Organization, answerUnknown)
	default:
		// A code without words says at least that something was chosen.
		_, display = cutCode(a.Option)
	}
	value := a.Value
	if value == nil {
		value = json.RawMessage("null")
	}
	return answerJSON{Display: display, Value: value, Questions: l.items(a.Items, around)}
}

// summary is the beginning of a form as one text.
func summary(questions []questionJSON) string {
	var b strings.Builder
	for _, q := range questions {
		if b.Len() > 4*excerptRunes {
			break
		}
		if len(q.Answers) > 0 {
			var answers []string
			for _, a := range q.Answers {
				answers = append(answers, a.Display)
			}
			b.WriteString(strings.TrimRight(q.Label, ":") + " " + strings.TrimRight(strings.Join(answers, ", "), ". ") + ". ")
		}
		b.WriteString(summary(q.Questions))
	}
	return b.String()
}
