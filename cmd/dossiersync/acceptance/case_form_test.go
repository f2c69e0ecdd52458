package acceptance

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Given a form that is begun, completed, reopened and completed: it is shown only while it
// is complete.
func TestCase29ReopenedForm(t *testing.T) {
	t.Parallel()
	s := newStory(t, 29, storyOptions{})
	wantHidden := func() {
		t.Helper()
		s.wantForms(s.client)
		s.wantEmpty(s.client, "nothing-yet", everyList...)
		s.wantRow("QuestionnaireResponse", "formulier", "hidden status")
	}
	s.step("a form is begun")
	wantHidden()
	s.wantNowhere("Nog bezig")
	s.step("it is completed")
	s.wantForms(s.client, completedForm("formulier", "Intake", "Hoe gaat het? = Klaar"))
	s.step("it is opened again")
	wantHidden()
	s.wantNowhere("Klaar", "Toch nog bezig")
	s.step("it is completed again")
	s.wantForms(s.client, completedForm("formulier", "Intake", "Hoe gaat het? = Nu echt klaar"))
}

// Given a form that is amended an hour later.
func TestCase30AmendedForm(t *testing.T) {
	t.Parallel()
	s := newStory(t, 30, storyOptions{})
	s.step("a form is completed")
	f := completedForm("formulier", "Intake", "Hoe gaat het? = Goed")
	s.wantForms(s.client, f)
	s.step("it is amended")
	f.CorrectedAt, f.Questions = oneOClock, []string{"Hoe gaat het? = Redelijk"}
	s.wantForms(s.client, f)
	s.wantNowhere("Goed")
}

// Given forms that answer version 1 and 2 of a questionnaire, version 3, which comes late, no
// version, and a missing questionnaire. A form has the words of its own version, because
// another version may ask something else; without a version it has the newest words.
func TestCase31QuestionnaireVersions(t *testing.T) {
	t.Parallel()
	s := newStory(t, 31, storyOptions{})
	const none = "Vraag niet beschikbaar = Antwoord zonder tekst (code 1)"
	first := completedForm("versie-1", "Vragen van 2024", "Hoe slaapt u? = Goed")
	second := completedForm("versie-2", "Vragen van 2025", "Hoe was uw nacht? = Prima")
	third := completedForm("versie-3", "Vragenlijst", none)
	missing := completedForm("nergens", "Vragenlijst", none)
	without := first
	without.ID = "zonder-versie"
	s.step("forms answer several versions of a questionnaire")
	s.wantForms(s.client, first, third, missing, without)
	s.step("version 2 comes, with other words")
	without.Title, without.Questions = second.Title, second.Questions
	s.wantForms(s.client, first, second, third, missing, without)
	s.step("version 3 comes")
	third = completedForm("versie-3", "Vragen van later", "Sliep u goed? = Ja")
	without.Title, without.Questions = third.Title, third.Questions
	s.wantForms(s.client, first, second, third, missing, without)
	s.step("version 1 is corrected")
	first.Questions = []string{"Hoe slaapt u meestal? = Goed"}
	without.Title, without.Questions = first.Title, first.Questions
	s.wantForms(s.client, first, second, third, missing, without)
}

// Given a form with groups in groups, questions below answers, and repeated groups and
// answers.
func TestCase32NestedAndRepeatedQuestions(t *testing.T) {
	t.Parallel()
	s := newStory(t, 32, storyOptions{})
	s.step("a form has nested and repeated groups and answers")
	s.wantForms(s.client, completedForm("formulier", "Wensen",
		"De dag",
		"  Ochtend",
		"    Wat eet u? = Brood | Een eitje",
		"  Slaapt u overdag? = Ja",
		"  > Waar? = In de stoel bij het raam",
		"Een naaste",
		"  Naam = Annie",
		"Een naaste",
		"  Naam = Piet"))
}

// Given a form with an answer of every type, among these 1.50 and a quantity without unit.
func TestCase33EveryAnswerType(t *testing.T) {
	t.Parallel()
	s := newStory(t, 33, storyOptions{})
	s.step("a form has an answer of every type")
	answers := completedForm("formulier", "Alle soorten vragen",
		"Heeft u pijn? = Nee",
		"Lengte in meters = 1,50",
		"Aantal kinderen = 3",
		"Datum van verhuizing = 3 maart 2025",
		"Tijdstip van het gesprek = 1 juli 2025, 14:30",
		"Bedtijd = 22:15",
		"Roepnaam = Jo",
		"Toelichting = Eerste regel.\nTweede regel.",
		"Website = https://casus.example/jo?a=1&b=2",
		"Burgerlijke staat = Weduwe",
		"Geloof = Iets anders: humanist",
		"Foto = foto.png",
		"Gewicht = 64,0 kg",
		"Glazen water per dag = 6",
		"Contactpersoon = Dochter van casus")
	s.wantForms(s.client, answers)
	s.wantValues(`false`, `"1.50"`, `3`, `"2025-03-03"`, `"2025-07-01T14:30:00+02:00"`, `"22:15:00"`, `"Jo"`,
		`"Eerste regel.\nTweede regel."`,
		`"https://casus.example/jo?a=1\u0026b=2"`, `{"code":"2","system":"https://ecd.example/antwoord"}`,
		`"Iets anders: humanist"`,
		`{"contentType":"image/png","size":71,"title":"foto.png"}`, `{"unit":"kg","value":"64.0"}`,
		`{"unit":"","value":"6"}`, `null`)
	// A person in an answer may get another name, and may be hidden.
	last := len(answers.Questions) - 1
	s.change("RelatedPerson", "dochter", func(p map[string]any) { p["name"] = []any{map[string]any{"text": "Annie"}} })
	s.sync()
	answers.Questions[last] = "Contactpersoon = Annie"
	s.wantForms(s.client, answers)
	s.change("RelatedPerson", "dochter", notForPatient)
	s.sync()
	answers.Questions[last] = "Contactpersoon = Niet beschikbaar"
	s.wantForms(s.client, answers)
	s.wantNowhere("Annie")
}

// notForPatient marks a resource as not for the client.
func notForPatient(resource map[string]any) {
	meta, _ := resource["meta"].(map[string]any)
	meta["security"] = []any{map[string]any{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
		"code": "NOPAT"}}
}

// wantValues compares the values of the first form's answers, as JSON.
func (s *story) wantValues(want ...string) {
	s.t.Helper()
	var got []string
	for _, q := range s.readDossier(s.client).forms[0].all("questions") {
		for _, a := range q.all("answers") {
			text, err := json.Marshal(a["value"])
			if err != nil {
				s.t.Fatal(err)
			}
			got = append(got, string(text))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("values (-want +got):\n%s", diff)
	}
}

// Given a form with a hidden question, and one that is asked only after the answer yes to
// another.
func TestCase34HiddenItems(t *testing.T) {
	t.Parallel()
	s := newStory(t, 34, storyOptions{})
	s.step("a form has hidden and disabled questions")
	s.wantForms(s.client, completedForm("formulier", "Pijn", "Heeft u pijn? = Nee", "Wat gaat er goed? = Het lopen"))
	// Another answer enables the question; another questionnaire shows the hidden one.
	s.change("QuestionnaireResponse", "formulier", func(f map[string]any) {
		items, _ := f["item"].([]any)
		items[0].(map[string]any)["answer"] = []any{map[string]any{"valueBoolean": true}}
	})
	s.sync()
	s.wantForms(s.client, completedForm("formulier", "Pijn", "Heeft u pijn? = Ja",
		"Waar heeft u pijn? = Oud antwoord op een vraag die niet gesteld is"))
	s.change("Questionnaire", "vragen-1", func(q map[string]any) {
		items, _ := q["item"].([]any)
		delete(items[3].(map[string]any), "extension")
	})
	s.sync()
	s.wantForms(s.client, completedForm("formulier", "Pijn", "Heeft u pijn? = Ja",
		"Waar heeft u pijn? = Oud antwoord op een vraag die niet gesteld is", "Intern nummer = INT-4711"))
}

// Given the same form: answers that are not shown are not stored either (I6).
func TestCase34HiddenItemsAreNotStored(t *testing.T) {
	t.Parallel()
	s := newStory(t, 34, storyOptions{})
	s.step("a form has hidden and disabled questions")
	s.wantNowhere("INT-4711", "Niet tonen", "Oud antwoord")
}

// Given a form whose answers have scores, with a total.
func TestCase35Score(t *testing.T) {
	t.Parallel()
	s := newStory(t, 35, storyOptions{})
	s.step("a form has answers with scores, and a total")
	f := completedForm("formulier", "MUST", "BMI = 18,5 tot 20", "Gewichtsverlies = Meer dan 10%", "Totaalscore = 3")
	f.Score = "3"
	s.wantForms(s.client, f)
}

// Given a form with three pictures: readers get title, type and size, neither the bytes nor
// the address.
func TestCase36AttachmentInAForm(t *testing.T) {
	t.Parallel()
	s := newStory(t, 36, storyOptions{})
	s.step("pictures are added to a form")
	s.wantForms(s.client, completedForm("formulier", "Wonen", "Foto van de kamer = kamer.png | kamer.png | kamer.png"))
	picture := `{"contentType":"image/png","size":71,"title":"kamer.png"}`
	s.wantValues(picture, picture, picture)
	s.wantNowhere("elders.example", "Binary/", "iVBORw0KGgo") // as a PNG begins in base64
}

// Given a form that is begun and then stopped: it is shown only if the tenant's rules say so.
func TestCase37StoppedForm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, mapping       string
		inProgress, stopped []form
	}{
		{"hidden by default", "", nil, nil},
		{"shown by rule", "      show: {stopped: true}\n", nil,
			[]form{completedForm("formulier", "Intake", "Hoe gaat het? = Goed")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t, 37, storyOptions{mapping: tt.mapping})
			s.step("a form is begun and never finished")
			s.wantForms(s.client, tt.inProgress...)
			s.wantEmpty(s.client, "nothing-yet", everyList...)
			s.wantNowhere("Goed")
			s.step("it is stopped")
			s.wantForms(s.client, tt.stopped...)
			if tt.stopped == nil {
				s.wantRow("QuestionnaireResponse", "formulier", "hidden status")
				s.wantEmpty(s.client, "nothing-yet", everyList...)
				s.wantNowhere("Goed")
			}
		})
	}
}
