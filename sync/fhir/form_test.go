package fhir

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

// answers returns the form with one question that has these answers.
func answers(t testing.TB, all string) string {
	t.Helper()
	return with(t, form, "item", `[{"linkId":"1","answer":`+all+`}]`)
}

func TestForm(t *testing.T) {
	t.Parallel()
	got := contentOf[*dossier.Form](t, Mapping{}, with(t, form,
		"_questionnaire", `{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/display","valueString":"Valrisico (Morse)"}]}`,
		"author", `{"reference":"PractitionerRole/s2","display":"S. de Boer"}`,
		"source", `{"reference":"RelatedPerson/k1","display":"Jan de Wit"}`,
		"item", `[{"linkId":"1","text":"Gevallen?","answer":[{"valueBoolean":true}]},{"linkId":"2","text":"Niet ingevuld"}]`))
	want := &dossier.Form{
		At: at(t, "2025-03-03T14:05:00+01:00"), Title: "Valrisico (Morse)",
		Authors: []dossier.Party{
			{Ref: dossier.Ref{Type: "PractitionerRole", ID: "s2"}, Display: "S. de Boer"},
			{Ref: dossier.Ref{Type: "RelatedPerson", ID: "k1"}, Display: "Jan de Wit"},
		},
		Canonical: "https://ecd.example/vragen/valrisico|2",
		Items: []dossier.FormItem{
			{LinkID: "1", Text: "Gevallen?", Answers: []dossier.Answer{{Type: "Boolean", Display: "Ja", Value: json.RawMessage("true")}}},
			{LinkID: "2", Text: "Niet ingevuld"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFormStatus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, status string
		rules        Mapping
		state        dossier.State
		reason       dossier.Reason
	}{
		{"case 29 completed", "completed", Mapping{}, dossier.StateShown, ""},
		{"case 29 in-progress, or reopened", "in-progress", Mapping{}, dossier.StateHidden, dossier.HiddenStatus},
		{"case 29 in-progress, by rule", "in-progress", Mapping{ShowInProgress: true}, dossier.StateShown, ""},
		{"case 30 amended", "amended", Mapping{}, dossier.StateShown, ""},
		{"case 37 stopped", "stopped", Mapping{}, dossier.StateHidden, dossier.HiddenStatus},
		{"case 37 stopped, by rule", "stopped", Mapping{ShowStopped: true}, dossier.StateShown, ""},
		{"one rule is not the other", "stopped", Mapping{ShowInProgress: true}, dossier.StateHidden, dossier.HiddenStatus},
		{"in error", "entered-in-error", Mapping{ShowStopped: true}, dossier.StateWithdrawn, dossier.WithdrawnInError},
		{"unknown", "zinvol", Mapping{}, dossier.StateHidden, dossier.HiddenUnknownStatus},
	} {
		if it := mapOne(t, test.rules, with(t, form, "status", `"`+test.status+`"`)); it.State != test.state || it.Reason != test.reason {
			t.Errorf("%s: got %s %s", test.name, it.State, it.Reason)
		}
	}
}

func TestFormMoments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		change        []string
		at, corrected string
		unknown       bool
	}{
		{"a date only", []string{"authored", `"2025-03-03"`}, "2025-03-03", "", false},
		{"none", []string{"authored", ""}, "2025-03-04T09:15:22Z", "", true},
		{"case 30 amended", []string{"status", `"amended"`}, "2025-03-03T14:05:00+01:00", "2025-03-04T09:15:22Z", false},
		{"case 30 amended, nobody knows when", []string{"status", `"amended"`, "meta", ""}, "2025-03-03T14:05:00+01:00", "2025-03-03T14:05:00+01:00", false},
	} {
		f := contentOf[*dossier.Form](t, Mapping{}, with(t, form, test.change...))
		if f.At.Literal != test.at || f.CorrectedAt.Literal != test.corrected || f.AtUnknown != test.unknown {
			t.Errorf("%s: got %s, corrected %q, unknown %v", test.name, f.At.Literal, f.CorrectedAt.Literal, f.AtUnknown)
		}
	}
	if it := mapOne(t, Mapping{}, with(t, form, "authored", "", "meta", "")); it.Reason != dossier.BadDate {
		t.Errorf("no date at all: got %s %s", it.State, it.Reason)
	}
}

func TestFormAuthors(t *testing.T) {
	t.Parallel()
	client := dossier.Party{Ref: dossier.Ref{Type: "Patient", ID: "c1"}, Display: "Jo de Wit"}
	for name, test := range map[string]struct {
		change []string
		want   []dossier.Party
	}{
		"nobody":                  {nil, nil},
		"the client":              {[]string{"author", `{"reference":"Patient/c1","display":"Jo de Wit"}`}, []dossier.Party{client}},
		"who answered too":        {[]string{"author", `{"reference":"Patient/c1","display":"Jo de Wit"}`, "source", `{"reference":"Patient/c1"}`}, []dossier.Party{client}},
		"only who answered":       {[]string{"source", `{"reference":"Patient/c1","display":"Jo de Wit"}`}, []dossier.Party{client}},
		"two by their names only": {[]string{"author", `{"display":"A"}`, "source", `{"display":"B"}`}, []dossier.Party{{Display: "A"}, {Display: "B"}}},
		"a device":                {[]string{"author", `{"reference":"Device/1","display":"Weegschaal"}`}, []dossier.Party{{Display: "Weegschaal"}}},
	} {
		if diff := cmp.Diff(test.want, contentOf[*dossier.Form](t, Mapping{}, with(t, form, test.change...)).Authors); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestFormQuestionnaire(t *testing.T) { // case 31
	t.Parallel()
	own := `[{"resourceType":"Questionnaire","id":"q","title":"Ter plekke","status":"active","item":[{"linkId":"1","text":"Gevallen?"}]}]`
	record := dossier.Ref{Type: "Questionnaire", ID: "q1"}
	for _, test := range []struct {
		name, questionnaire string
		canonical           string
		ref                 dossier.Ref
		own                 *dossier.Questionnaire
	}{
		{"with a version", `"https://x.example/q|1.0"`, "https://x.example/q|1.0", dossier.Ref{}, nil},
		{"without", `"https://x.example/q"`, "https://x.example/q", dossier.Ref{}, nil},
		{"a part of it", `"https://x.example/q|2#groep"`, "https://x.example/q|2", dossier.Ref{}, nil},
		{"a urn", `"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0|2"`, "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0|2", dossier.Ref{}, nil},
		{"contained", `"#q"`, "", dossier.Ref{}, &dossier.Questionnaire{Title: "Ter plekke", Items: []dossier.Question{{LinkID: "1", Text: "Gevallen?"}}}},
		{"contained nowhere", `"#niet"`, "", dossier.Ref{}, nil},
		{"a record", `"Questionnaire/q1"`, "", record, nil},
		{"a record in one version", `"Questionnaire/q1|7"`, "", record, nil},
		{"a record by its URL, which may be its canonical", `"https://ecd.example/fhir/Questionnaire/q1|7"`, "https://ecd.example/fhir/Questionnaire/q1|7", record, nil},
		{"on another server", `"https://other.example/fhir/Questionnaire/q1"`, "https://other.example/fhir/Questionnaire/q1", dossier.Ref{}, nil},
		{"a Reference, as before R4", `{"reference":"Questionnaire/q1"}`, "", record, nil},
		{"a word", `"valrisico"`, "valrisico", dossier.Ref{}, nil},
		{"not said", ``, "", dossier.Ref{}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := contentOf[*dossier.Form](t, Mapping{}, with(t, form, "contained", own, "questionnaire", test.questionnaire))
			if f.Canonical != test.canonical || f.Questionnaire != test.ref {
				t.Errorf("got %q and %v", f.Canonical, f.Questionnaire)
			}
			if diff := cmp.Diff(test.own, f.Own); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A tenant's rules know a form by what it answers.
func TestFormHiddenByQuestionnaire(t *testing.T) {
	t.Parallel()
	for rule, hide := range map[string]bool{
		"https://ecd.example/vragen/valrisico":   true,
		"https://ecd.example/vragen/valrisico|2": true,
		"https://ecd.example/vragen/valrisico|1": false,
		"https://ecd.example/vragen":             false,
	} {
		code, err := ParseCode(rule)
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range []string{form, questionnaire} {
			it := mapOne(t, Mapping{Hide: []Rule{{Match: Match{Code: code}}}}, raw)
			if got := it.Reason == dossier.HiddenMarked; got != hide {
				t.Errorf("%s: got %s %s", rule, it.State, it.Reason)
			}
		}
	}
}

func TestFormTree(t *testing.T) { // case 32
	t.Parallel()
	yes := []dossier.Answer{{Type: "Boolean", Display: "Ja", Value: json.RawMessage("true")}}
	got := contentOf[*dossier.Form](t, Mapping{}, with(t, form, "item", `[
		{"linkId":"g","text":"Groep","item":[
			{"linkId":"g.1","answer":[{"valueBoolean":true,"item":[{"linkId":"g.1.1","answer":[{"valueBoolean":true}]}]}]},
			{"linkId":"g.2","item":[{"linkId":"g.2.1","answer":[{"valueBoolean":true},{"valueBoolean":false}]}]}]},
		{"linkId":"g","text":"Groep","item":[{"linkId":"g.1","answer":[{"item":[{"linkId":"los","answer":[{"valueBoolean":true}]}]}]}]}]`)).Items
	want := []dossier.FormItem{
		{LinkID: "g", Text: "Groep", Items: []dossier.FormItem{
			{LinkID: "g.1", Answers: []dossier.Answer{{Type: "Boolean", Display: "Ja", Value: json.RawMessage("true"),
				Items: []dossier.FormItem{{LinkID: "g.1.1", Answers: yes}}}}},
			{LinkID: "g.2", Items: []dossier.FormItem{{LinkID: "g.2.1", Answers: append(yes[:1:1], dossier.Answer{Type: "Boolean", Display: "Nee", Value: json.RawMessage("false")})}}},
		}},
		{LinkID: "g", Text: "Groep", Items: []dossier.FormItem{{LinkID: "g.1", Answers: []dossier.Answer{{Value: json.RawMessage("null"),
			Items: []dossier.FormItem{{LinkID: "los", Answers: yes}}}}}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFormDepth(t *testing.T) { // case 32
	t.Parallel()
	nested := func(n int) string {
		return with(t, form, "item", strings.Repeat(`[{"linkId":"x","item":`, n)+`[{"linkId":"y","answer":[{"valueInteger":1}]}]`+strings.Repeat(`}]`, n))
	}
	if it := mapOne(t, Mapping{}, nested(25)); it.State != dossier.StateShown {
		t.Errorf("25 deep: got %s %s %s", it.State, it.Reason, it.Detail)
	}
	if it := mapOne(t, Mapping{}, nested(40)); it.Reason != dossier.TooDeep || !it.EnvelopeRead {
		t.Errorf("40 deep: got %s %s", it.State, it.Reason)
	}
}

func TestFormWithoutAnswersIsHidden(t *testing.T) {
	t.Parallel()
	for _, item := range []string{"", `[]`, `[{"linkId":"1","text":"Gevallen?"}]`, `[{"linkId":"1","answer":[{}]}]`, `[{"linkId":"1","answer":[{"valueString":" "}]}]`} {
		if it := mapOne(t, Mapping{}, with(t, form, "item", item)); it.State != dossier.StateHidden || it.Reason != dossier.HiddenEmpty {
			t.Errorf("%s: got %s %s", item, it.State, it.Reason)
		}
	}
}

func TestFormAnswers(t *testing.T) { // case 33
	t.Parallel()
	for _, test := range []struct{ name, answer, display, value, option string }{
		{"boolean", `"valueBoolean":true`, "Ja", `true`, ""},
		{"boolean, no", `"valueBoolean":false`, "Nee", `false`, ""},
		{"decimal", `"valueDecimal":1.50`, "1,50", `"1.50"`, ""},
		{"decimal, negative", `"valueDecimal":-0.5`, "-0,5", `"-0.5"`, ""},
		{"decimal with an exponent", `"valueDecimal":7.20e1`, "72,0", `"72.0"`, ""},
		{"small decimal with an exponent", `"valueDecimal":5E-7`, "0,0000005", `"0.0000005"`, ""},
		{"integer with an exponent", `"valueInteger":1.2E+2`, "120", `120`, "120"},
		{"quantity with an exponent", `"valueQuantity":{"value":1.2E+2,"unit":"mmHg"}`, "120 mmHg", `{"value":"120","unit":"mmHg"}`, ""},
		{"quantity in UCUM", `"valueQuantity":{"value":120,"system":"http://unitsofmeasure.org","code":"mm[Hg]"}`, "120 mmHg", `{"value":"120","unit":"mmHg"}`, ""},
		{"decimal beyond a float", `"valueDecimal":0.10000000000000000000000001`, "0,10000000000000000000000001", `"0.10000000000000000000000001"`, ""},
		{"integer", `"valueInteger":42`, "42", `42`, "42"},
		{"date", `"valueDate":"2025-03-03"`, "3 maart 2025", `"2025-03-03"`, "2025-03-03"},
		{"case 52 month", `"valueDate":"2025-03"`, "maart 2025", `"2025-03"`, "2025-03"},
		{"case 52 year", `"valueDate":"1948"`, "1948", `"1948"`, "1948"},
		{"dateTime", `"valueDateTime":"2025-03-03T13:05:59Z"`, "3 maart 2025, 14:05", `"2025-03-03T13:05:59Z"`, ""},
		{"dateTime, a date", `"valueDateTime":"2025-12-31"`, "31 december 2025", `"2025-12-31"`, ""},
		{"time", `"valueTime":"08:05:00"`, "08:05", `"08:05:00"`, "08:05:00"},
		{"string", `"valueString":"Geen \"klachten\" < 3\r\nVerder goed"`, "Geen \"klachten\" < 3\nVerder goed", `"Geen \"klachten\" < 3\nVerder goed"`, "Geen \"klachten\" < 3\nVerder goed"},
		{"text, too long for an option", `"valueString":"` + strings.Repeat("é", 201) + `"`, strings.Repeat("é", 201), `"` + strings.Repeat("é", 201) + `"`, ""},
		{"url", `"valueUri":"https://zorghuis.example/a?b&c"`, "https://zorghuis.example/a?b&c", `"https://zorghuis.example/a?b&c"`, ""},
		{"choice with words", `"valueCoding":{"system":"https://x","code":"2","display":" soms "}`, "soms", `{"system":"https://x","code":"2"}`, "https://x|2"},
		{"choice, code only", `"valueCoding":{"system":"https://x","code":"2"}`, "", `{"system":"https://x","code":"2"}`, "https://x|2"},
		{"choice, words only", `"valueCoding":{"display":"soms"}`, "soms", `{"system":"","code":""}`, ""},
		{"open choice", `"valueString":"anders, namelijk"`, "anders, namelijk", `"anders, namelijk"`, "anders, namelijk"},
		{"quantity", `"valueQuantity":{"value":37.50,"unit":"°C","code":"Cel"}`, "37,50 °C", `{"value":"37.50","unit":"°C"}`, ""},
		{"quantity without unit", `"valueQuantity":{"value":1.50}`, "1,50", `{"value":"1.50","unit":""}`, ""},
		{"quantity by code", `"valueQuantity":{"value":5,"code":"kg"}`, "5 kg", `{"value":"5","unit":"kg"}`, ""},
		{"quantity of nothing", `"valueQuantity":{"value":5,"code":"1"}`, "5", `{"value":"5","unit":""}`, ""},
		{"quantity, annotated", `"valueQuantity":{"value":5,"code":"{score}"}`, "5", `{"value":"5","unit":""}`, ""},
		{"quantity, about", `"valueQuantity":{"comparator":"<","value":5,"unit":"mg"}`, "< 5 mg", `{"value":"5","unit":"mg","comparator":"<"}`, ""},
		{"case 36 attachment", `"valueAttachment":{"contentType":"image/png","title":"huid.png","size":12,"url":"https://evil.example/x"}`, "huid.png", `{"title":"huid.png","contentType":"image/png","size":12}`, ""},
		{"case 36 attachment without a title", `"valueAttachment":{"contentType":"image/png","data":"aGFsbG8="}`, "bijlage", `{"title":"","contentType":"image/png","size":5}`, ""},
		{"reference", `"valueReference":{"reference":"Practitioner/s1","display":"S. de Boer"}`, "S. de Boer", `null`, "Practitioner/s1"},
		{"reference without words", `"valueReference":{"reference":"Practitioner/s1"}`, "", `null`, "Practitioner/s1"},
		{"reference by name only", `"valueReference":{"display":"S. de Boer"}`, "S. de Boer", `null`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := []dossier.Answer{{Display: test.display, Value: json.RawMessage(test.value), Option: test.option}}
			if strings.HasPrefix(test.option, "Practitioner/") {
				want[0].Ref = dossier.Ref{Type: "Practitioner", ID: "s1"}
			}
			got := contentOf[*dossier.Form](t, Mapping{}, answers(t, `[{`+test.answer+`}]`)).Items[0].Answers
			if !strings.HasPrefix(test.answer, `"value`+got[0].Type+`"`) {
				t.Errorf("type %s", got[0].Type)
			}
			got[0].Type, got[0].Unit, got[0].Moment = "", "", dossier.Moment{}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if !json.Valid(got[0].Value) {
				t.Errorf("%s is not JSON", got[0].Value)
			}
		})
	}
}

func TestFormAnswerOfAContainedPerson(t *testing.T) {
	t.Parallel()
	raw := with(t, answers(t, `[{"valueReference":{"reference":"#k"}}]`), "contained", `[{"resourceType":"RelatedPerson","id":"k","name":[{"text":"Jan de Wit"}]}]`)
	if got := contentOf[*dossier.Form](t, Mapping{}, raw).Items[0].Answers[0].Display; got != "Jan de Wit" {
		t.Errorf("got %q", got)
	}
}

func TestFormAnswerFaults(t *testing.T) { // case 33
	t.Parallel()
	for _, test := range []struct {
		name, answer string
		reason       dossier.Reason
		detail       string
	}{
		{"unknown kind", `{"valueRatio":{}}`, dossier.BadBody, "item[0].answer[0].valueRatio: an answer of an unknown kind"},
		{"two values", `{"valueInteger":1,"valueString":"x"}`, dossier.BadBody, "item[0].answer[0].valueString: given beside another"},
		{"a decimal as a whole number", `{"valueInteger":1.5}`, dossier.BadBody, "item[0].answer[0].valueInteger: not a whole number"},
		{"a whole number without end", `{"valueInteger":99999999999999999999999}`, dossier.BadBody, "item[0].answer[0].valueInteger: not a whole number"},
		{"a decimal without end", `{"valueDecimal":1e999999999}`, dossier.BadBody, "item[0].answer[0].valueDecimal: a number of more digits than are read"},
		{"a quantity of too many digits", `{"valueQuantity":{"value":` + strings.Repeat("1", 4000) + `}}`, dossier.BadBody, "item[0].answer[0].valueQuantity.value: a number of more digits than are read"},
		{"a text as a decimal", `{"valueDecimal":"1,5"}`, dossier.BadBody, "item[0].answer[0].valueDecimal: not a number"},
		{"no date", `{"valueDate":"31-12-2025"}`, dossier.BadDate, "item[0].answer[0].valueDate: not a FHIR date"},
		{"no time", `{"valueTime":"25:00:00"}`, dossier.BadDate, "item[0].answer[0].valueTime: not a FHIR time"},
		{"NUL", `{"valueString":"a\u0000"}`, dossier.BadText, "item[0].answer[0].valueString: holds U+0000"},
		{"no answer", `7`, dossier.BadBody, "item[0].answer[0]: not an object"},
	} {
		it := mapOne(t, Mapping{}, answers(t, "["+test.answer+"]"))
		if it.Reason != test.reason || it.Detail != test.detail || !it.EnvelopeRead {
			t.Errorf("%s: got %s %s %q", test.name, it.State, it.Reason, it.Detail)
		}
	}
}

func TestFormScore(t *testing.T) { // case 35
	t.Parallel()
	coded := func(ordinal string) string {
		if ordinal == "" {
			return `{"valueCoding":{"code":"x"}}`
		}
		return `{"valueCoding":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/ordinalValue","valueDecimal":` + ordinal + `}],"code":"x"}}`
	}
	item := func(link, text, answer string) string {
		return fmt.Sprintf(`{"linkId":%q,"text":%q,"answer":[%s]}`, link, text, answer)
	}
	for _, test := range []struct {
		name  string
		items []string
		want  string
	}{
		{"none", []string{item("1", "", `{"valueInteger":3}`)}, ""},
		{"ordinals", []string{item("1", "", coded("4")), item("2", "", coded("5")), item("3", "", coded("4"))}, "13"},
		{"ordinals with decimals", []string{item("1", "", coded("0.5")), item("2", "", coded("1.25")), item("3", "", coded("-1"))}, "0.75"},
		{"ordinals of some answers only", []string{item("1", "", coded("4")), item("2", "", coded(""))}, ""},
		{"an ordinal on another type", []string{`{"linkId":"1","answer":[{"valueInteger":2,"_valueInteger":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/itemWeight","valueDecimal":3}]}}]}`}, "3"},
		{"ordinals with an exponent", []string{item("1", "", coded("1E+1")), item("2", "", coded("2"))}, "12"},
		{"total with an exponent", []string{item("9", "Totaalscore", `{"valueDecimal":1.3E+1}`)}, "13"},
		{"an absurd ordinal", []string{item("1", "", coded("1e999999999"))}, ""},
		{"total by its text", []string{item("1", "", coded("4")), item("9", "Totaalscore", `{"valueDecimal":7.0}`)}, "7.0"},
		{"total by its linkId", []string{item("totaal-score", "", `{"valueInteger":7}`)}, "7"},
		{"total as a quantity", []string{item("TotalScore", "", `{"valueQuantity":{"value":7,"code":"{score}"}}`)}, "7"},
		{"total as a text", []string{item("somscore", "", `{"valueString":" 7 "}`)}, "7"},
		{"total in words", []string{item("somscore", "", `{"valueString":"zeven"}`)}, ""},
		{"the whole of two", []string{item("1", "Totaalscore lopen", `{"valueInteger":2}`), item("2", "Totaalscore", `{"valueInteger":5}`), item("3", "Totaalscore eten", `{"valueInteger":3}`)}, "5"},
		{"parts only", []string{item("1", "Totaalscore lopen", `{"valueInteger":2}`), item("2", "Totaalscore eten", `{"valueInteger":3}`)}, ""},
		{"three parts", []string{item("1", "Score", `{"valueInteger":2}`), item("2", "Score", `{"valueInteger":3}`), item("3", "Score", `{"valueInteger":4}`)}, ""},
		{"repeated", []string{item("1", "Totaalscore", `{"valueInteger":2}`), item("1", "Totaalscore", `{"valueInteger":3}`)}, "3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			raw := with(t, form, "item", "["+strings.Join(test.items, ",")+"]")
			if got := contentOf[*dossier.Form](t, Mapping{}, raw).Score; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	got := contentOf[*dossier.Form](t, Mapping{}, answers(t, "["+coded("2")+"]")).Items[0].Answers[0].Score
	if got != "2" {
		t.Errorf("an answer's own score: got %q", got)
	}
}
