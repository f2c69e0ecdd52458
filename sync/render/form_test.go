package render

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// filledIn renders a form that answers the questions.
func filledIn(t testing.TB, questions []dossier.Question, f *dossier.Form) (cardJSON, formJSON) {
	t.Helper()
	if questions != nil {
		f.Own = &dossier.Questionnaire{Title: "Lijst", Items: questions}
	}
	f.At = dossier.Moment{Time: time.Date(2025, 3, 3, 9, 0, 0, 0, time.UTC), Precision: dossier.PrecisionSecond}
	r := New("amaris", amsterdam(t), Rules{FormTitle: "Vragenlijst"})
	card, body, _ := r.form("key", f, store.Lookup{})
	return card, body
}

func TestAnswerInWords(t *testing.T) {
	t.Parallel()
	const ucum = "http://unitsofmeasure.org|"
	number := func(display string) dossier.Answer {
		return dossier.Answer{Type: "Decimal", Display: display, Value: json.RawMessage(`"` + strings.Replace(display, ",", ".", 1) + `"`)}
	}
	amount := func(display, unit, code string) dossier.Answer {
		return dossier.Answer{Type: "Quantity", Display: display, Value: json.RawMessage(`{"value":"5","unit":"` + unit + `"}`), Unit: code}
	}
	kilo := []dossier.Option{{Value: ucum + "kg", Display: "kg"}}
	two := []dossier.Option{kilo[0], {Value: ucum + "g", Display: "gram"}}
	for _, test := range []struct {
		name  string
		q     dossier.Question
		given dossier.Answer
		want  string
	}{
		{"a number in the unit of its question", dossier.Question{Units: kilo}, number("72,5"), "72,5 kg"},
		{"a number where there are more units", dossier.Question{Units: two}, number("72,5"), "72,5"},
		{"a quantity with its own unit", dossier.Question{Units: kilo}, amount("5 gram", "gram", ""), "5 gram"},
		{"a quantity without", dossier.Question{Units: kilo}, amount("5", "", ""), "5 kg"},
		{"a quantity by the code of its unit", dossier.Question{Units: two}, amount("5", "", ucum+"g"), "5 gram"},
		{"a text is in no unit", dossier.Question{Units: kilo}, dossier.Answer{Type: "String", Display: "veel", Value: json.RawMessage(`"veel"`)}, "veel"},
		{"words of the answer", dossier.Question{Options: []dossier.Option{{Value: "https://x|1", Display: "ja"}}}, dossier.Answer{Type: "Coding", Display: "Jazeker", Option: "https://x|1"}, "Jazeker"},
		{"words of the option", dossier.Question{Options: []dossier.Option{{Value: "https://x|1", Display: "ja"}}}, coded("https://x|1"), "ja"},
		{"words of the option before common ones", dossier.Question{Options: []dossier.Option{{Value: "http://snomed.info/sct|373066001", Display: "Jazeker"}}}, coded("http://snomed.info/sct|373066001"), "Jazeker"},
		{"option without its system", dossier.Question{Options: []dossier.Option{{Value: "https://x|1", Display: "ja"}}}, coded("1"), "ja"},
		{"option without its system, of two", dossier.Question{Options: []dossier.Option{{Value: "https://x|1", Display: "ja"}, {Value: "https://y|1", Display: "een"}}}, coded("1"), "Antwoord zonder tekst (code 1)"},
		{"common words", dossier.Question{}, coded("http://snomed.info/sct|373067005"), "Nee"},
		{"common words of an edition", dossier.Question{}, coded("http://snomed.info/sct/|261665006"), "Onbekend"},
		{"words of another question", dossier.Question{}, coded("https://z|9"), "negen"},
		{"code alone", dossier.Question{}, coded("https://x|17"), "Antwoord zonder tekst (code 17)"},
		{"a record that is not known", dossier.Question{}, dossier.Answer{Type: "Reference", Display: "Zuster", Value: json.RawMessage("null")}, "Zuster"},
		{"a record without a name", dossier.Question{}, dossier.Answer{Type: "Reference", Value: json.RawMessage("null")}, "Niet beschikbaar"},
	} {
		test.q.LinkID, test.q.Text = "1", "Vraag"
		other := dossier.Question{LinkID: "2", Options: []dossier.Option{{Value: "https://z|9", Display: "negen"}}}
		_, body := filledIn(t, []dossier.Question{test.q, other}, &dossier.Form{Items: []dossier.FormItem{{LinkID: "1", Answers: []dossier.Answer{test.given}}}})
		if got := body.Questions[0].Answers[0].Display; got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestScoreHasNameAndMeaning(t *testing.T) {
	t.Parallel()
	text := func(s string) []dossier.Answer {
		return []dossier.Answer{{Type: "String", Display: s, Value: json.RawMessage(`"` + s + `"`)}}
	}
	total := dossier.FormItem{LinkID: "t", Text: "Totaalscore MUST:", Answers: []dossier.Answer{{Type: "Integer", Display: "2", Value: json.RawMessage("2"), Option: "2"}}}
	raised := total
	raised.Answers = []dossier.Answer{{Type: "Integer", Display: "2", Value: json.RawMessage("2"), Items: []dossier.FormItem{{LinkID: "t.1", Text: "Betekent", Answers: text("hoog risico")}}}}
	for _, test := range []struct {
		name      string
		questions []dossier.Question
		form      dossier.Form
		want      []string
	}{
		{"by the form", nil, dossier.Form{Score: "2", ScoreOf: "t", Items: []dossier.FormItem{total}}, []string{"2", "Totaalscore MUST", ""}},
		{"by the questionnaire", []dossier.Question{{LinkID: "t", Text: "Totaal", Total: true, Units: []dossier.Option{{Display: "punten"}}}}, dossier.Form{Items: []dossier.FormItem{total}}, []string{"2", "Totaal", ""}},
		{"with a meaning below it", nil, dossier.Form{Score: "2", ScoreOf: "t", Items: []dossier.FormItem{raised}}, []string{"2", "Totaalscore MUST", "hoog risico"}},
		{"with a meaning beside it", nil, dossier.Form{Score: "2", ScoreOf: "t", Items: []dossier.FormItem{total, {LinkID: "i", Text: "Interpretatie", Answers: text("hoog risico")}}}, []string{"2", "Totaalscore MUST", "hoog risico"}},
		{"with two meanings", nil, dossier.Form{Score: "2", ScoreOf: "t", Items: []dossier.FormItem{total, {LinkID: "i", Text: "Interpretatie", Answers: text("a")}, {LinkID: "j", Text: "Conclusie", Answers: text("b")}}}, []string{"2", "Totaalscore MUST", ""}},
		{"a sum", nil, dossier.Form{Score: "7", Items: []dossier.FormItem{{LinkID: "1", Answers: text("a")}}}, []string{"7", "", ""}},
		{"none", nil, dossier.Form{Items: []dossier.FormItem{{LinkID: "1", Answers: text("a")}}}, []string{"", "", ""}},
	} {
		_, body := filledIn(t, test.questions, &test.form)
		if diff := cmp.Diff(test.want, []string{orEmpty(body.Score), orEmpty(body.ScoreName), orEmpty(body.ScoreMeaning)}); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestFormWithoutQuestionnaireSaysSo(t *testing.T) {
	t.Parallel()
	yes := []dossier.Answer{{Type: "Boolean", Display: "Ja", Value: json.RawMessage("true")}}
	card, body := filledIn(t, nil, &dossier.Form{Items: []dossier.FormItem{{LinkID: "1", Answers: yes}}})
	if card.Title != "Vragenlijst" || body.Questions[0].Label != labelUnknown || orEmpty(body.Notice) != noticeUnknown {
		t.Errorf("got %q, %q, %q", card.Title, body.Questions[0].Label, orEmpty(body.Notice))
	}
	_, body = filledIn(t, nil, &dossier.Form{Title: "Intake", Items: []dossier.FormItem{{LinkID: "1", Text: "Goed?", Answers: yes}}})
	if body.Notice != nil {
		t.Errorf("a form with words of its own: %q", *body.Notice)
	}
	_, body = filledIn(t, []dossier.Question{{LinkID: "1", Text: "Goed?"}}, &dossier.Form{Items: []dossier.FormItem{{LinkID: "1", Answers: yes}}})
	if body.Notice != nil {
		t.Errorf("a form with its questionnaire: %q", *body.Notice)
	}
}

func TestExcerptOfFormSeparatesQuestions(t *testing.T) {
	t.Parallel()
	text := func(s string) dossier.Answer {
		return dossier.Answer{Type: "String", Display: s, Value: json.RawMessage("null")}
	}
	card, _ := filledIn(t, nil, &dossier.Form{Items: []dossier.FormItem{
		{LinkID: "1", Text: "Hoe slaapt u?", Answers: []dossier.Answer{text("Goed.")}},
		{LinkID: "g", Text: "Groep", Items: []dossier.FormItem{{LinkID: "2", Text: "Gewicht:", Answers: []dossier.Answer{text("72 kg"), text("73 kg")}}}},
		{LinkID: "3", Text: "Niet ingevuld"},
	}})
	if want := "Hoe slaapt u? Goed · Gewicht: 72 kg, 73 kg"; card.Excerpt != want {
		t.Errorf("got %q, want %q", card.Excerpt, want)
	}
}

// What is left out is not stored either, and everything else is.
func TestOnlyWhatIsLeftOutIsPruned(t *testing.T) {
	t.Parallel()
	no := dossier.Answer{Type: "Boolean", Display: "Nee", Value: json.RawMessage("false")}
	yes := dossier.Condition{LinkID: "1", Operator: "=", Answer: answer("Boolean", "true")}
	f := &dossier.Form{Items: []dossier.FormItem{
		{LinkID: "1", Answers: []dossier.Answer{no}}, {LinkID: "2", Answers: []dossier.Answer{no}},
		{LinkID: "3", Answers: []dossier.Answer{no}}, {LinkID: "x", Answers: []dossier.Answer{no}},
	}, Own: &dossier.Questionnaire{Items: []dossier.Question{{LinkID: "1"}, {LinkID: "2", When: []dossier.Condition{yes}}, {LinkID: "3", Hidden: true}}}}
	r := New("amaris", amsterdam(t), Rules{})
	_, body, kept := r.form("key", f, store.Lookup{})
	if len(body.Questions) != 2 || len(kept.Items) != 2 || kept.Items[0].LinkID != "1" || kept.Items[1].LinkID != "x" || !kept.Pruned {
		t.Errorf("got %+v", kept)
	}
}
