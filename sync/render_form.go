package sync

import (
	"cmp"
	"encoding/json"
	"strings"

	"dossiersync/store"
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

// form renders a form with the labels of the questionnaire's version that it
// answers. Questions that the questionnaire hides from people are left out.
func (r *renderer) form(key string, f *store.Form, look store.Lookup) (cardJSON, formJSON) {
	l := labels{definition: definitionOf(f, look)}
	if l.definition != nil {
		l.questions = make(map[string]*store.Question)
		l.index(l.definition.Items)
	}
	body := formJSON{Questions: l.items(f.Items)}
	body.Score = orNil(cmp.Or(f.Score, l.total))
	title := f.Title
	if l.definition != nil {
		title = cmp.Or(title, l.definition.Title)
	}
	return cardJSON{
		ID: key, Kind: store.KindForm, At: r.time(f.At), Precision: f.At.Precision,
		Title: cmp.Or(title, r.rules.FormTitle), Excerpt: excerpt(summary(body.Questions)),
		Author: r.author(f.Authors, look), CorrectedAt: r.timeOrNil(f.CorrectedAt),
	}, body
}

// definitionOf returns the questionnaire that the form answers, or nil.
func definitionOf(f *store.Form, look store.Lookup) *store.Questionnaire {
	if f.Own != nil {
		return f.Own
	}
	for _, ref := range append(f.Definitions(), f.Questionnaire) {
		s := look(ref)
		if s == nil || s.Kind != store.KindQuestionnaire {
			continue
		}
		q := new(store.Questionnaire)
		if json.Unmarshal(s.Model, q) == nil {
			return q
		}
	}
	return nil
}

// labels gives a form's items their words.
type labels struct {
	definition *store.Questionnaire
	questions  map[string]*store.Question // by linkId
	total      string                     // the answer to the question that asks for the score
}

func (l *labels) index(items []store.Question) {
	for i := range items {
		l.questions[items[i].LinkID] = &items[i]
		l.index(items[i].Items)
	}
}

func (l *labels) items(items []store.FormItem) []questionJSON {
	out := []questionJSON{}
	for _, it := range items {
		q := l.questions[it.LinkID]
		if q == nil {
			q = &store.Question{}
		}
		if q.Hidden {
			continue
		}
		rendered := questionJSON{
			Label: cmp.Or(q.Text, it.Text, labelUnknown), Answers: []answerJSON{}, Questions: l.items(it.Items),
		}
		for _, a := range it.Answers {
			rendered.Answers = append(rendered.Answers, l.answer(q, a))
		}
		if q.Total && len(rendered.Answers) == 1 {
			l.total = rendered.Answers[0].Display
		}
		out = append(out, rendered)
	}
	return out
}

func (l *labels) answer(q *store.Question, a store.Answer) answerJSON {
	display := a.Display
	if display == "" {
		for _, o := range q.Options {
			if o.Value == a.Option {
				display = o.Display
			}
		}
	}
	if display == "" {
		// A code without words says at least that something was chosen.
		display = a.Option[strings.LastIndex(a.Option, "|")+1:]
	}
	value := a.Value
	if value == nil {
		value = json.RawMessage("null")
	}
	return answerJSON{Display: display, Value: value, Questions: l.items(a.Items)}
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
