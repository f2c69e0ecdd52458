package acceptance

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCase29InProgressCompletedReopenedCompleted(t *testing.T) {
	t.Parallel()
	s := tell(t, 29, setting{})
	unseen := func() {
		t.Helper()
		s.wantForms(s.client)
		s.wantEmpty(s.client, "nothing-yet", everyList...)
		s.wantRow("QuestionnaireResponse", "formulier", "hidden status")
	}
	s.next("a form is begun")
	unseen()
	s.wantNowhere("Nog bezig")
	s.next("it is completed")
	s.wantForms(s.client, filled("formulier", "Intake", "Hoe gaat het? = Klaar"))
	s.next("it is opened again")
	unseen()
	s.wantNowhere("Klaar", "Toch nog bezig")
	s.next("it is completed again")
	s.wantForms(s.client, filled("formulier", "Intake", "Hoe gaat het? = Nu echt klaar"))
}

func TestCase30Amended(t *testing.T) {
	t.Parallel()
	s := tell(t, 30, setting{})
	s.next("a form is completed")
	f := filled("formulier", "Intake", "Hoe gaat het? = Goed")
	s.wantForms(s.client, f)
	s.next("it is amended")
	f.CorrectedAt, f.Questions = oneOClock, []string{"Hoe gaat het? = Redelijk"}
	s.wantForms(s.client, f)
	s.wantNowhere("Goed")
}

// A form keeps the words of the version that it answers; those of another version
// may ask something else. One that names no version has the newest words.
func TestCase31QuestionnaireChangedVersionOrMissingOrLate(t *testing.T) {
	t.Parallel()
	s := tell(t, 31, setting{})
	const none = "Vraag niet beschikbaar = Antwoord zonder tekst (code 1)"
	first := filled("versie-1", "Vragen van 2024", "Hoe slaapt u? = Goed")
	second := filled("versie-2", "Vragen van 2025", "Hoe was uw nacht? = Prima")
	third := filled("versie-3", "Vragenlijst", none)
	missing := filled("nergens", "Vragenlijst", none)
	without := first
	without.ID = "zonder-versie"
	s.next("forms of a version, of another one, of none, of a missing questionnaire and of a late one")
	s.wantForms(s.client, first, third, missing, without)
	s.next("a new version comes, with other words")
	without.Title, without.Questions = second.Title, second.Questions
	s.wantForms(s.client, first, second, third, missing, without)
	s.next("the late one comes")
	third = filled("versie-3", "Vragen van later", "Sliep u goed? = Ja")
	without.Title, without.Questions = third.Title, third.Questions
	s.wantForms(s.client, first, second, third, missing, without)
	s.next("the first version is corrected")
	first.Questions = []string{"Hoe slaapt u meestal? = Goed"}
	without.Title, without.Questions = first.Title, first.Questions
	s.wantForms(s.client, first, second, third, missing, without)
}

func TestCase32NestedGroupsAnswerItemRepeats(t *testing.T) {
	t.Parallel()
	s := tell(t, 32, setting{})
	s.next("groups in groups, questions below answers, groups and answers that repeat")
	s.wantForms(s.client, filled("formulier", "Wensen",
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

func TestCase33EveryAnswerType(t *testing.T) {
	t.Parallel()
	s := tell(t, 33, setting{})
	s.next("a form asks for everything")
	answers := filled("formulier", "Alle soorten vragen",
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
	s.wantValues(`false`, `"1.50"`, `3`, `"2025-03-03"`, `"2025-07-01T14:30:00+02:00"`, `"22:15:00"`, `"Jo"`, `"Eerste regel.\nTweede regel."`,
		`"https://casus.example/jo?a=1\u0026b=2"`, `{"code":"2","system":"https://ecd.example/antwoord"}`, `"Iets anders: humanist"`,
		`{"contentType":"image/png","size":71,"title":"foto.png"}`, `{"unit":"kg","value":"64.0"}`, `{"unit":"","value":"6"}`, `null`)
	// Whom an answer names may be called otherwise later, and may be hidden.
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

// notForPatient marks a resource as not for the client's eyes.
func notForPatient(resource map[string]any) {
	meta, _ := resource["meta"].(map[string]any)
	meta["security"] = []any{map[string]any{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "NOPAT"}}
}

// wantValues compares the values of the first form's answers, as JSON.
func (s *story) wantValues(want ...string) {
	s.t.Helper()
	var got []string
	for _, q := range s.look(s.client).forms[0].all("questions") {
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

func TestCase34HiddenItems(t *testing.T) {
	t.Parallel()
	s := tell(t, 34, setting{})
	s.next("some answers are not for eyes")
	s.wantForms(s.client, filled("formulier", "Pijn", "Heeft u pijn? = Nee", "Wat gaat er goed? = Het lopen"))
	// What is not asked depends on the answers, and on the questionnaire.
	s.change("QuestionnaireResponse", "formulier", func(f map[string]any) {
		items, _ := f["item"].([]any)
		items[0].(map[string]any)["answer"] = []any{map[string]any{"valueBoolean": true}}
	})
	s.sync()
	s.wantForms(s.client, filled("formulier", "Pijn", "Heeft u pijn? = Ja", "Waar heeft u pijn? = Oud antwoord op een vraag die niet gesteld is"))
	s.change("Questionnaire", "vragen-1", func(q map[string]any) {
		items, _ := q["item"].([]any)
		delete(items[3].(map[string]any), "extension")
	})
	s.sync()
	s.wantForms(s.client, filled("formulier", "Pijn", "Heeft u pijn? = Ja", "Waar heeft u pijn? = Oud antwoord op een vraag die niet gesteld is", "Intern nummer = INT-4711"))
}

// What the questionnaire hides is not stored either (I6).
func TestCase34HiddenItemsAreNotStored(t *testing.T) {
	t.Parallel()
	s := tell(t, 34, setting{})
	s.next("some answers are not for eyes")
	s.wantNowhere("INT-4711", "Niet tonen", "Oud antwoord")
}

func TestCase35Score(t *testing.T) {
	t.Parallel()
	s := tell(t, 35, setting{})
	s.next("answers have scores, and there is a total")
	f := filled("formulier", "MUST", "BMI = 18,5 tot 20", "Gewichtsverlies = Meer dan 10%", "Totaalscore = 3")
	f.Score = "3"
	s.wantForms(s.client, f)
}

// Readers are told of a picture, and given neither it nor where it is.
func TestCase36AttachmentInAForm(t *testing.T) {
	t.Parallel()
	s := tell(t, 36, setting{})
	s.next("pictures are added to a form")
	s.wantForms(s.client, filled("formulier", "Wonen", "Foto van de kamer = kamer.png | kamer.png | kamer.png"))
	picture := `{"contentType":"image/png","size":71,"title":"kamer.png"}`
	s.wantValues(picture, picture, picture)
	s.wantNowhere("elders.example", "Binary/", "iVBORw0KGgo") // as a PNG begins in base64
}

func TestCase37Stopped(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, mapping string
		begun, after  []form
	}{
		{"usually hidden", "", nil, nil},
		{"shown by rule", "      show: {stopped: true}\n", nil, []form{filled("formulier", "Intake", "Hoe gaat het? = Goed")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := tell(t, 37, setting{mapping: test.mapping})
			s.next("a form is begun and never finished")
			s.wantForms(s.client, test.begun...)
			s.wantEmpty(s.client, "nothing-yet", everyList...)
			s.wantNowhere("Goed")
			s.next("it is stopped")
			s.wantForms(s.client, test.after...)
			if test.after == nil {
				s.wantRow("QuestionnaireResponse", "formulier", "hidden status")
				s.wantEmpty(s.client, "nothing-yet", everyList...)
				s.wantNowhere("Goed")
			}
		})
	}
}
