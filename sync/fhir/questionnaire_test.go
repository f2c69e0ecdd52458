package fhir

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

func TestQuestionnaire(t *testing.T) {
	t.Parallel()
	got := contentOf[*dossier.Questionnaire](t, Mapping{}, with(t, questionnaire, "item", `[
		{"linkId":"g","prefix":"A.","text":"Lopen","type":"group","item":[
			{"linkId":"g.1","text":"Valt u\r\nvaak?","type":"choice","answerOption":[
				{"valueCoding":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/ordinalValue","valueDecimal":0}],"system":"https://x","code":"nooit","display":"nooit"}},
				{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/itemWeight","valueDecimal":1.5}],"valueCoding":{"code":"soms","display":"soms"}}]},
			{"linkId":"g.2","code":[{"code":"x"},{"code":"y","display":"Bloeddruk"}],"type":"quantity"}]},
		{"linkId":"h","text":"Intern","type":"string","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/questionnaire-hidden","valueBoolean":true}]},
		{"linkId":"i","prefix":"2.","text":"2. Anders","type":"open-choice","answerOption":[{"valueString":"geen"},{"valueInteger":3},{"valueDate":"2025-03-03"},
			{"valueTime":"08:00:00"},{"valueReference":{"reference":"Practitioner/s1","display":"S. de Boer"}},{"valueCoding":{}}]},
		{"linkId":"j","text":"Score","type":"integer","enableBehavior":"any","enableWhen":[
			{"question":"g.1","operator":"=","answerCoding":{"system":"https://x","code":"nooit","display":"nooit"}},
			{"question":"g.2","operator":">","answerQuantity":{"value":1.50,"unit":"mmHg"}},
			{"question":"h","operator":"exists","answerBoolean":true}]}]`))
	want := &dossier.Questionnaire{
		URL: "https://ecd.example/vragen/valrisico", Version: "2", Title: "Valrisico",
		Items: []dossier.Question{
			{LinkID: "g", Text: "A. Lopen", Items: []dossier.Question{
				{LinkID: "g.1", Text: "Valt u\nvaak?", Options: []dossier.Option{
					{Value: "https://x|nooit", Display: "nooit", Score: "0"}, {Value: "soms", Display: "soms", Score: "1.5"}}},
				{LinkID: "g.2", Text: "Bloeddruk"},
			}},
			{LinkID: "h", Text: "Intern", Hidden: true}, // case 34
			{LinkID: "i", Text: "2. Anders", Options: []dossier.Option{
				{Value: "geen", Display: "geen"}, {Value: "3", Display: "3"}, {Value: "2025-03-03", Display: "3 maart 2025"},
				{Value: "08:00:00", Display: "08:00"}, {Value: "Practitioner/s1", Display: "S. de Boer"}}},
			{LinkID: "j", Text: "Score", Total: true, Any: true, When: []dossier.Condition{ // case 34
				{LinkID: "g.1", Operator: "=", Answer: dossier.Answer{Type: "Coding", Value: json.RawMessage(`{"system":"https://x","code":"nooit"}`), Option: "https://x|nooit"}},
				{LinkID: "g.2", Operator: ">", Answer: dossier.Answer{Type: "Quantity", Value: json.RawMessage(`{"value":"1.50","unit":"mmHg"}`)}},
				{LinkID: "h", Operator: "exists", Answer: dossier.Answer{Type: "Boolean", Value: json.RawMessage(`true`)}},
			}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is retired still tells what an old form asked.
func TestQuestionnaireStatus(t *testing.T) { // case 31
	t.Parallel()
	for status, want := range map[string]dossier.Reason{"draft": "", "active": "", "retired": "", "unknown": "",
		"x": dossier.HiddenUnknownStatus, "entered-in-error": dossier.HiddenUnknownStatus} {
		if it := mapOne(t, Mapping{}, with(t, questionnaire, "status", `"`+status+`"`)); it.Reason != want {
			t.Errorf("%s: got %s %s", status, it.State, it.Reason)
		}
	}
}

// The options that a value set brings along are as good as those in the item.
func TestQuestionnaireOptionsFromContained(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		set  string
		want []dossier.Option
	}{
		"listed": {`{"compose":{"include":[{"system":"https://x","concept":[
			{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/ordinalValue","valueDecimal":2}],"code":"a","display":"A"},{"code":"b"}]}]}`,
			[]dossier.Option{{Value: "https://x|a", Display: "A", Score: "2"}, {Value: "https://x|b"}}},
		"expanded": {`{"compose":{"include":[{"system":"https://x"}]},"expansion":{"contains":[{"system":"https://x","code":"a","display":"A"}]}`,
			[]dossier.Option{{Value: "https://x|a", Display: "A"}}},
		"empty": {`{"x":1`, nil},
	} {
		raw := with(t, questionnaire, "contained", `[`+with(t, test.set+"}", "resourceType", `"ValueSet"`, "id", `"v"`)+`]`,
			"item", `[{"linkId":"1","type":"choice","answerValueSet":"#v"}]`)
		if diff := cmp.Diff(test.want, contentOf[*dossier.Questionnaire](t, Mapping{}, raw).Items[0].Options); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestQuestionnaireTotal(t *testing.T) { // case 35
	t.Parallel()
	const computed = `"extension":[{"url":"http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-calculatedExpression","valueExpression":{"language":"text/fhirpath","expression":"%resource.item.answer.value.ordinal().sum()"}}]`
	for _, test := range []struct{ name, items, want string }{
		{"none", `{"linkId":"1","type":"integer","text":"Leeftijd"}`, ""},
		{"by name", `{"linkId":"1","type":"decimal","text":"Totaalscore"}`, "1"},
		{"by linkId", `{"linkId":"total_score","type":"integer"}`, "total_score"},
		{"by LOINC", `{"linkId":"1","type":"integer","code":[{"system":"http://loinc.org","code":"44261-6"}]}`, "1"},
		{"by SNOMED CT", `{"linkId":"1","type":"integer","code":[{"system":"http://snomed.info/sct","code":"273302005"}]}`, "1"},
		{"computed", `{"linkId":"1","type":"decimal",` + computed + `}`, "1"},
		{"computed, but not a score", `{"linkId":"1","type":"decimal","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/cqf-calculatedValue","valueExpression":{"expression":"today() - %birthDate"}}]}`, ""},
		{"by name before computed", `{"linkId":"1","type":"decimal","text":"Totaalscore"},{"linkId":"2","type":"decimal",` + computed + `}`, "1"},
		{"one of equals is none", `{"linkId":"1","type":"decimal",` + computed + `},{"linkId":"2","type":"decimal",` + computed + `}`, ""},
		{"nested", `{"linkId":"g","type":"group","item":[{"linkId":"1","type":"decimal","text":"Totaal-score:"}]}`, "1"},
		{"a group called so", `{"linkId":"totaalscore","type":"group"}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			q := contentOf[*dossier.Questionnaire](t, Mapping{}, with(t, questionnaire, "item", "["+test.items+"]"))
			if got := totals(q.Items); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// totals joins the linkIds of the items that ask for the score.
func totals(items []dossier.Question) string {
	s := ""
	for _, q := range items {
		if q.Total {
			s += q.LinkID
		}
		s += totals(q.Items)
	}
	return s
}
