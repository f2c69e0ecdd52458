package fhir

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

// on maps raw on the given local day.
func on(t testing.TB, day, raw string) dossier.Content {
	t.Helper()
	m := testMapper(Mapping{})
	at, err := time.ParseInLocation("2006-01-02T15:04", day+"T00:30", m.zone)
	if err != nil {
		t.Fatal(err)
	}
	m.now = at.UTC
	name := strings.SplitN(raw, `"`, 5)[3]
	it := m.item(&resource{limits: m.limits}, testType(t, m, name), []byte(raw), false)
	if it.Content == nil {
		t.Fatalf("%s %s %s", it.State, it.Reason, it.Detail)
	}
	return it.Content
}

func TestNameByPeriodAndUse(t *testing.T) {
	t.Parallel()
	name := func(use, text, period string) string {
		return `{"use":"` + use + `","text":"` + text + `","period":{` + period + `}}`
	}
	for _, test := range []struct{ label, names, want string }{
		{"ended", name("official", "Oud", `"end":"2025-03-02"`) + "," + name("usual", "Nieuw", ""), "Nieuw"},
		{"ends today", name("official", "Vandaag", `"end":"2025-03-03"`) + "," + name("usual", "Nieuw", ""), "Vandaag"},
		{"ends this year", name("official", "Dit jaar", `"end":"2025"`) + "," + name("usual", "Nieuw", ""), "Dit jaar"},
		{"ended last month", name("official", "Oud", `"end":"2025-02"`) + "," + name("usual", "Nieuw", ""), "Nieuw"},
		{"begins tomorrow", name("official", "Morgen", `"start":"2025-03-04"`) + "," + name("usual", "Nu", ""), "Nu"},
		{"begins today", name("official", "Nu", `"start":"2025-03-03"`) + "," + name("usual", "Anders", ""), "Nu"},
		{"official before usual", name("usual", "Roepnaam", "") + "," + name("official", "Voluit", ""), "Voluit"},
		{"maiden only where there is no other", name("maiden", "Meisjesnaam", "") + "," + name("temp", "Tijdelijk", ""), "Tijdelijk"},
		{"old is all there is", name("old", "Oud", ""), "Oud"},
		{"all have ended", name("official", "Oud", `"end":"2019"`), ""},
	} {
		got := on(t, "2025-03-03", `{"resourceType":"Practitioner","id":"p","name":[`+test.names+`]}`).(*dossier.Staff).Name
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.label, got, test.want)
		}
	}
}

func TestTelecomByPeriodAndRank(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ label, telecom, want string }{
		{"ended", `{"system":"phone","value":"1","period":{"end":"2021-01-01"}},{"system":"phone","value":"2"}`, "2"},
		{"yet to begin", `{"system":"phone","value":"1","period":{"start":"2030"}},{"system":"phone","value":"2"}`, "2"},
		{"rank", `{"system":"phone","value":"1"},{"system":"phone","value":"2","rank":2},{"system":"phone","value":"3","rank":1}`, "3"},
		{"rank before mobile", `{"system":"phone","value":"1","use":"mobile"},{"system":"phone","value":"2","rank":1}`, "2"},
		{"mobile of one rank", `{"system":"phone","value":"1","rank":1},{"system":"phone","value":"2","rank":1,"use":"mobile"}`, "2"},
		{"mobile", `{"system":"phone","value":"1","use":"home"},{"system":"phone","value":"2","use":"mobile"}`, "2"},
		{"old", `{"system":"phone","value":"1","use":"old"}`, ""},
		{"all have ended", `{"system":"phone","value":"1","period":{"end":"2021"}}`, ""},
		{"an unreadable period", `{"system":"phone","value":"1","period":{"start":"0000-00-00","end":7}}`, "1"},
		{"an unreadable rank", `{"system":"phone","value":"1","rank":"a"},{"system":"phone","value":"2","rank":1e9}`, "1"},
		{"with a scheme", `{"system":"phone","value":"tel:+31612345678"}`, "+31612345678"},
	} {
		raw := `{"resourceType":"RelatedPerson","id":"k","patient":{"reference":"Patient/c1"},"name":[{"text":"Ria"}],"telecom":[` + test.telecom + `]}`
		if got := on(t, "2025-03-03", raw).(*dossier.Contact).Phone; got != test.want {
			t.Errorf("%s: got %q, want %q", test.label, got, test.want)
		}
	}
}

// Identifiers and periods that cannot be read cost no person.
func TestUnreadableIdentifiersAreHarmless(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{`"identifier":7`, `"identifier":[7,{"system":1,"value":[]}]`, `"identifier":{"system":"a"}`} {
		raw := `{"resourceType":"Practitioner","id":"p","name":[{"text":"Jan","period":"altijd"}],` + broken + `}`
		if got := on(t, "2025-03-03", raw).(*dossier.Staff); got.Name != "Jan" || got.Identifiers != nil {
			t.Errorf("%s: got %+v", broken, got)
		}
	}
}

func TestEndedQualificationIsNoRole(t *testing.T) {
	t.Parallel()
	raw := `{"resourceType":"Practitioner","id":"p","qualification":[{"code":{"text":"leerling"},"period":{"end":"2020"}},{"code":{"text":"verpleegkundige"}}]}`
	if got := on(t, "2025-03-03", raw).(*dossier.Staff).Role; got != "verpleegkundige" {
		t.Errorf("got %q", got)
	}
}

func TestAuthorByIdentifier(t *testing.T) {
	t.Parallel()
	const agb = `"identifier":{"system":"http://fhir.nl/fhir/NamingSystem/agb-z","value":"01009999"}`
	ref := identifiedBy("http://fhir.nl/fhir/NamingSystem/agb-z", "01009999")
	for performer, want := range map[string][]dossier.Party{
		`{"type":"Practitioner",` + agb + `}`:                                                      {{Ref: ref}},
		`{` + agb + `,"display":"Kees"}`:                                                           {{Ref: ref, Display: "Kees"}},
		`{"reference":"https://elders.example/fhir/Practitioner/1",` + agb + `}`:                   {{Ref: ref}},
		`{"reference":"Practitioner/s1",` + agb + `}`:                                              {{Ref: dossier.Ref{Type: "Practitioner", ID: "s1"}}},
		`{"type":"Patient",` + agb + `,"display":"Jo"}`:                                            {{Ref: ref, Display: "Jo"}}, // to know who is hidden
		`{"identifier":{"system":" http://FHIR.nl/fhir/NamingSystem/agb-z/","value":" 01009999"}}`: {{Ref: ref}},
		`{"identifier":{"value":"1"},"display":"Kees"}`:                                            {{Display: "Kees"}},
		`{"identifier":{"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":"999911120"}}`:     nil,
		`{"identifier":{"system":"urn:oid:2.16.840.1.113883.2.4.6.3","value":"999911120"}}`:        nil,
		`{"identifier":{"system":"HTTP://FHIR.NL/fhir/NamingSystem/BSN/","value":"999911120"}}`:    nil,
	} {
		got := contentOf[*dossier.Report](t, Mapping{}, with(t, observation, "performer", "["+performer+"]")).Authors
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", performer, diff)
		}
	}
	staff := contentOf[*dossier.Staff](t, Mapping{}, `{"resourceType":"Practitioner","id":"p","identifier":[
		{"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":"999911120"},{"system":"http://fhir.nl/fhir/NamingSystem/agb-z","value":"01009999"},
		{"system":"http://fhir.nl/fhir/NamingSystem/agb-z","value":"01009999"},{"value":"x"}]}`)
	if diff := cmp.Diff([]dossier.Ref{ref}, staff.Identifiers); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(ref.ID, "01009999") {
		t.Error("the identifier is kept readably")
	}
}

func TestQuestionnaireInDutch(t *testing.T) {
	t.Parallel()
	translated := func(s string) string {
		return `{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/translation","extension":[{"url":"lang","valueCode":"nl"},{"url":"content","valueString":"` + s + `"}]}]}`
	}
	q := contentOf[*dossier.Questionnaire](t, Mapping{}, with(t, questionnaire, "title", `"Pain"`, "_title", translated("Pijn"),
		"contained", `[{"resourceType":"ValueSet","id":"v","compose":{"include":[{"system":"https://x","concept":[{"code":"1","display":"yes","designation":[{"language":"nl","value":"Ja"}]}]}]}},
			{"resourceType":"ValueSet","id":"w","expansion":{"contains":[{"system":"https://x","abstract":true,"code":"g","contains":[{"code":"2","display":"Nee"}]}]}}]`,
		"item", `[{"linkId":"1","text":"Pain?","_text":`+translated("Pijn?")+`,"answerOption":[{"valueCoding":{"system":"https://x","code":"1","display":"yes","_display":`+translated("ja")+`}}]},
			{"linkId":"2","text":"Set","answerValueSet":"#v"},{"linkId":"3","text":"Nested","answerValueSet":"#w"},
			{"linkId":"4","text":"Gewicht","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/questionnaire-unit","valueCoding":{"system":"http://unitsofmeasure.org","code":"kg"}}]},
			{"linkId":"5","text":"Lengte","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/questionnaire-unitOption","valueCoding":{"system":"http://unitsofmeasure.org","code":"m","display":"meter"}},
				{"url":"http://hl7.org/fhir/StructureDefinition/questionnaire-unitOption","valueCoding":{"system":"http://unitsofmeasure.org","code":"cm"}}]}]`))
	want := &dossier.Questionnaire{URL: "https://ecd.example/vragen/valrisico", Version: "2", Title: "Pijn", Items: []dossier.Question{
		{LinkID: "1", Text: "Pijn?", Options: []dossier.Option{{Value: "https://x|1", Display: "ja"}}},
		{LinkID: "2", Text: "Set", Options: []dossier.Option{{Value: "https://x|1", Display: "Ja"}}},
		{LinkID: "3", Text: "Nested", Options: []dossier.Option{{Value: "https://x|2", Display: "Nee"}}},
		{LinkID: "4", Text: "Gewicht", Units: []dossier.Option{{Value: "http://unitsofmeasure.org|kg", Display: "kg"}}},
		{LinkID: "5", Text: "Lengte", Units: []dossier.Option{{Value: "http://unitsofmeasure.org|m", Display: "meter"}, {Value: "http://unitsofmeasure.org|cm", Display: "cm"}}},
	}}
	if diff := cmp.Diff(want, q); diff != "" {
		t.Error(diff)
	}
}

func FuzzPeriodCounts(f *testing.F) {
	f.Add("2025", "2025-03-03")
	f.Add("2025-03-03T23:30:00Z", "")
	f.Add("", "2025-02-30")
	f.Fuzz(func(t *testing.T, start, end string) {
		m := testMapper(Mapping{})
		from, errFrom := parseMoment(start, m.zone)
		to, errTo := parseMoment(end, m.zone)
		if errFrom != nil || errTo != nil || to.Time.Before(from.Time) {
			return
		}
		// Within its period something counts; long before and long after it does not.
		for _, test := range []struct {
			at   time.Time
			want bool
		}{{from.Time, true}, {to.Time, true}, {from.Time.AddDate(-1, 0, -2), false}, {to.Time.AddDate(1, 0, 2), false}} {
			m.now = func() time.Time { return test.at }
			var r resource
			r.limits = m.limits
			if err := r.load([]byte(`{"period":{"start":"` + from.Literal + `","end":"` + to.Literal + `"}}`)); err != nil {
				t.Fatal(err)
			}
			if y := test.at.Year(); y > 1 && y < 9998 && m.counts(r.get("period")) != test.want {
				t.Errorf("%s to %s on %s: counts %v", start, end, test.at, !test.want)
			}
		}
	})
}
