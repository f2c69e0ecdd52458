package fhir

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// FuzzBundle: whatever a source answers, a page comes of it or a plain error,
// and every entry is accounted for.
func FuzzBundle(f *testing.F) {
	f.Add(searchset(`,"total":2,"link":[{"relation":"next","url":"?x"}]`, observation, patient))
	f.Add(`{"resourceType":"Bundle","entry":[null,1,"x",{},{"resource":{}},{"search":{"mode":"outcome"},"resource":{"resourceType":"OperationOutcome"}}]}`)
	f.Add(`{"resourceType":"OperationOutcome","issue":[{"code":"invalid"}]}`)
	f.Add(`{"resourceType":"Bundle","link":{},"total":"x"}`)
	m := testMapper(Mapping{})
	f.Fuzz(func(t *testing.T, body string) {
		if checkJSON("", []byte(body)) != nil {
			return
		}
		b, err := readBundle([]byte(body), m.limits)
		if err != nil {
			if _, ok := err.(plain); !ok {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		var p source.Page
		m.entries(&p, source.Query{Type: testType(t, m, "Observation")}, b.entries)
		if len(p.Items)+p.Warnings > len(b.entries) {
			t.Fatalf("%d items and %d warnings of %d entries", len(p.Items), p.Warnings, len(b.entries))
		}
		for i := range p.Items {
			checkItem(t, m, &p.Items[i])
		}
	})
}

func FuzzPatient(f *testing.F)           { fuzzKind(f, "Patient") }
func FuzzRelatedPerson(f *testing.F)     { fuzzKind(f, "RelatedPerson") }
func FuzzPractitioner(f *testing.F)      { fuzzKind(f, "Practitioner") }
func FuzzPractitionerRole(f *testing.F)  { fuzzKind(f, "PractitionerRole") }
func FuzzOrganization(f *testing.F)      { fuzzKind(f, "Organization") }
func FuzzObservation(f *testing.F)       { fuzzKind(f, "Observation") }
func FuzzDocumentReference(f *testing.F) { fuzzKind(f, "DocumentReference") }
func FuzzCarePlan(f *testing.F)          { fuzzKind(f, "CarePlan") }
func FuzzGoal(f *testing.F)              { fuzzKind(f, "Goal") }
func FuzzComposition(f *testing.F)       { fuzzKind(f, "Composition") }
func FuzzProvenance(f *testing.F)        { fuzzKind(f, "Provenance") }
func FuzzConsent(f *testing.F)           { fuzzKind(f, "Consent") }

func FuzzQuestionnaire(f *testing.F) {
	f.Add(with(f, questionnaire, "contained", `[{"resourceType":"ValueSet","id":"v","expansion":{"contains":[{"code":"x"}]}}]`,
		"item", `[{"linkId":"1","type":"choice","answerValueSet":"#v","item":[{"linkId":"2","prefix":"a","type":"integer","text":"Totaalscore"}]},
			{"linkId":"3","answerOption":[{"valueDate":"2025-13"},{"valueCoding":{"code":"x","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/ordinalValue","valueDecimal":1e9}]}}]}]`))
	fuzzKind(f, "Questionnaire")
}

func FuzzQuestionnaireResponse(f *testing.F) {
	f.Add(with(f, form, "questionnaire", `"#q"`, "contained", `[`+questionnaire+`]`, "item", `[{"linkId":"1","answer":[
		{"valueDecimal":1.50},{"valueDateTime":"2025-03-03T14:05:00Z"},{"valueTime":"24:00"},{"valueUri":"x"},{"valueCoding":{"code":"a"}},
		{"valueQuantity":{"value":1e5,"unit":"x"}},{"valueAttachment":{"data":"eA=="}},{"valueReference":{"reference":"#q"}},
		{"valueInteger":1,"item":[{"linkId":"score","answer":[{"valueString":"2"}]}]}]}]`))
	fuzzKind(f, "QuestionnaireResponse")
}

// FuzzDeletions: whatever a history or a search holds, what is taken for deleted is
// a record of the type.
func FuzzDeletions(f *testing.F) {
	f.Add(historyOf("", [3]string{"DELETE", "DocumentReference/a", "2025-03-04T09:00:00Z"}, [3]string{"PUT", "DocumentReference/a", "x"}))
	f.Add(searchset("", `{"resourceType":"DocumentReference","id":"a","meta":{"lastUpdated":"2025-03-04T09:00:00Z"}}`))
	f.Add(`{"resourceType":"Bundle","entry":[null,{"request":{"method":"DELETE","url":"//DocumentReference/a"}},{"fullUrl":7}]}`)
	m := testMapper(Mapping{})
	k, _ := kindNamed("DocumentReference")
	f.Fuzz(func(t *testing.T, body string) {
		b, err := readBundle([]byte(body), m.limits)
		if err != nil {
			return
		}
		found, _ := m.deletedInSearch(k, b.entries)
		for _, d := range append(found, m.deletedInHistory(k, b.entries)...) {
			if d.Type != "DocumentReference" || !isID(d.ID) {
				t.Fatalf("%v", d.Ref)
			}
		}
	})
}

// FuzzFile: whatever is served for a file, a document comes of it that can be
// stored.
func FuzzFile(f *testing.F) {
	f.Add([]byte("tekst"), "text/plain; charset=utf-8", true)
	f.Add([]byte("<p>tekst"), "text/html; charset=iso-8859-15", false)
	f.Add([]byte(`{"resourceType":"Binary","contentType":"text/plain","data":"dGVrc3Q="}`), "application/fhir+json", true)
	m := testMapper(Mapping{})
	t := testType(f, m, "DocumentReference")
	f.Fuzz(func(tt *testing.T, body []byte, contentType string, plain bool) {
		kind := "text/html"
		if plain {
			kind = "text/plain"
		}
		raw := []byte(pointing(tt, "d", kind, "Binary/1"))
		r := &resource{limits: m.limits, files: map[string]file{"https://ecd.example/fhir/Binary/1": openFile(body, contentType, m.limits)}}
		it := m.item(r, t, raw, false)
		checkItem(tt, m, &it)
		if len(r.wanted) > 0 {
			tt.Fatalf("still wants %v", r.wanted)
		}
	})
}

// FuzzToken: whatever a token URL answers, what is sent to the source is a token.
func FuzzToken(f *testing.F) {
	f.Add(200, []byte(`{"access_token":"a","token_type":"Bearer","expires_in":300}`))
	f.Add(401, []byte(`{"error":"invalid_client"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		var o tokens
		err := o.take(status, nil, body)
		if (err == nil) != isToken(o.token) || err != nil && o.token != "" {
			t.Fatalf("token %q: %v", o.token, err)
		}
	})
}

// fuzzKind: whatever a resource holds, an item comes of it that can be stored.
func fuzzKind(f *testing.F, name string) {
	f.Add(everyKind[name])
	f.Add(with(f, everyKind[name], "meta", `{"security":[{"code":"NOPAT"}],"lastUpdated":"2025-01-01T00:00:00Z","versionId":"1"}`,
		"modifierExtension", `[]`, "active", `false`))
	f.Add(with(f, everyKind[name], "contained", `[{"resourceType":"Practitioner","id":"a","name":[{"family":"x"}]}]`,
		"performer", `[{"reference":"#a"}]`, "author", `[{"reference":"#a"}]`,
		"text", `{"status":"additional","div":"<div><p>x<script>y</div>"}`,
		"activity", `[{"detail":{"description":"x","goal":[{"reference":"#a"}]},"progress":[{"text":"y"}]}]`,
		"note", `[{"time":"2025-01-01","text":"\u0000"}]`, "period", `{"start":"2025","end":"2025-02-30"}`,
		"link", `[{"type":"replaced-by","other":{"reference":"Patient/2"}}]`))
	m := testMapper(Mapping{ReportCodes: []Code{reportCode, {Code: "x"}}, ShowPreliminary: true, ShowSuperseded: true,
		Domain: []Rule{{Match{Category: Code{Code: "x"}}, "wonen"}}})
	t := testType(f, m, name)
	f.Fuzz(func(tt *testing.T, raw string) {
		r := &resource{limits: m.limits}
		it := m.item(r, t, []byte(raw), false)
		checkItem(tt, m, &it)
		if again := m.item(r, t, []byte(raw), false); again.Hash != it.Hash || again.State != it.State {
			tt.Fatalf("read twice: %+v and %+v", it, again)
		}
		if light := m.item(r, t, []byte(raw), true); light.Content != nil && light.Reason != dossier.HiddenMerged {
			tt.Fatal("an envelope with content")
		}
	})
}

// checkItem checks what everybody relies on.
func checkItem(t *testing.T, m *mapper, it *dossier.Item) {
	t.Helper()
	switch {
	case it.State == dossier.StateShown:
		if it.Content == nil || !isID(it.ID) || it.Reason != "" || it.Raw != nil {
			t.Fatalf("shown: %+v", it)
		}
	case it.Reason == "":
		t.Fatalf("%s without a reason", it.State)
	case it.State == dossier.StateQuarantined && it.Detail == "":
		t.Fatalf("quarantined without a detail: %s", it.Reason)
	case it.Content != nil && it.Reason != dossier.HiddenMerged:
		t.Fatalf("%s %s leaks content", it.State, it.Reason)
	}
	b, err := json.Marshal(it.Content)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{string(b), it.Detail, it.ID, it.Client, it.Version} {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) || strings.Contains(s, `\u0000`) && !strings.Contains(s, `\\u0000`) {
			t.Fatalf("%q cannot be stored", s)
		}
	}
	if len(it.Raw) > m.limits.Raw {
		t.Fatalf("%d raw bytes", len(it.Raw))
	}
}
