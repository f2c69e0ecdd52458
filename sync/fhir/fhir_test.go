package fhir

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

func mustZone() *time.Location {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		panic(err)
	}
	return zone
}

// testMapper returns a mapper of a tenant with these rules.
func testMapper(rules Mapping) *mapper {
	base := mustURL("https://ecd.example/fhir")
	return &mapper{base: base, reach: newReach(Options{BaseURL: base}), zone: mustZone(), limits: Limits{}.withDefaults(), rules: rules}
}

// testType returns the type of resources called name.
func testType(t testing.TB, m *mapper, name string) source.Type {
	t.Helper()
	k, ok := kindNamed(name)
	if !ok {
		t.Fatalf("%s is not pulled", name)
	}
	return source.Type{Stream: k.stream(), Name: name, Fingerprint: m.fingerprint(k)}
}

// mapOne maps the resource raw by rules.
func mapOne(t testing.TB, rules Mapping, raw string) dossier.Item {
	t.Helper()
	m := testMapper(rules)
	var head struct{ ResourceType string }
	_ = json.Unmarshal([]byte(raw), &head)
	return m.item(&resource{limits: m.limits}, testType(t, m, head.ResourceType), []byte(raw), false)
}

// with returns the JSON object raw with members replaced or, where the new one
// is empty, left out.
func with(t testing.TB, raw string, members ...string) string {
	t.Helper()
	var o map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &o); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(members); i += 2 {
		if o[members[i]] = json.RawMessage(members[i+1]); members[i+1] == "" {
			delete(o, members[i])
		}
	}
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// contentOf returns the content of a resource that must be shown.
func contentOf[T dossier.Content](t testing.TB, rules Mapping, raw string) T {
	t.Helper()
	it := mapOne(t, rules, raw)
	if it.State != dossier.StateShown {
		t.Fatalf("got %s %s %s, want shown", it.State, it.Reason, it.Detail)
	}
	return it.Content.(T)
}

// at returns the moment that literal names.
func at(t testing.TB, literal string) dossier.Moment {
	t.Helper()
	m, err := parseMoment(literal, mustZone())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const (
	observation = `{"resourceType":"Observation","id":"r1","meta":{"versionId":"2","lastUpdated":"2025-03-04T09:15:22.123+01:00"},
		"status":"final","code":{"coding":[{"system":"http://snomed.info/sct","code":"11591000146107"}],"text":"Rapportage"},
		"subject":{"reference":"Patient/c1"},"effectiveDateTime":"2025-03-04T08:40:00+01:00","valueString":"Goed geslapen."}`
	document = `{"resourceType":"DocumentReference","id":"d1","meta":{"lastUpdated":"2025-03-04T09:15:22Z"},"status":"current",
		"subject":{"reference":"Patient/c1"},"date":"2025-03-04T08:40:00+01:00","description":"Verslag",
		"content":[{"attachment":{"contentType":"text/plain","data":"R29lZGVtb3JnZW4="}}]}`
	carePlan = `{"resourceType":"CarePlan","id":"p1","status":"active","intent":"plan","subject":{"reference":"Patient/c1"},
		"title":"Zorgleefplan","period":{"start":"2025-01-01"},"created":"2024-12-20"}`
	provenance = `{"resourceType":"Provenance","id":"h1","target":[{"reference":"CarePlan/p1"}],"recorded":"2025-01-03T10:00:00Z",
		"agent":[{"who":{"reference":"RelatedPerson/k1"}}],
		"signature":[{"type":[{"system":"urn:iso-astm:E1762-95:2013","code":"1.2.840.10065.1.12.1.1"}],"when":"2025-01-02T10:00:00+01:00",
			"who":{"reference":"RelatedPerson/k1","display":"Jan de Wit"}}]}`
	consent = `{"resourceType":"Consent","id":"t1","status":"active","patient":{"reference":"Patient/c1","display":"Jo de Wit"},"dateTime":"2025-01-02",
		"performer":[{"reference":"RelatedPerson/k1","display":"Jan de Wit"}],
		"provision":{"type":"permit","data":[{"meaning":"instance","reference":{"reference":"CarePlan/p1"}}]}}`
	goal = `{"resourceType":"Goal","id":"g1","lifecycleStatus":"active","subject":{"reference":"Patient/c1"},
		"description":{"text":"Weer buiten wandelen"}}`
	patient     = `{"resourceType":"Patient","id":"c1","name":[{"text":"Jo de Wit"}]}`
	composition = `{"resourceType":"Composition","id":"v1","meta":{"lastUpdated":"2025-03-04T09:15:22Z"},"status":"final",
		"type":{"coding":[{"system":"http://snomed.info/sct","code":"11591000146107","display":"patiëntcontactverslag"}]},
		"subject":{"reference":"Patient/c1"},"date":"2025-03-04T08:40:00+01:00","author":[{"reference":"PractitionerRole/s2"}],"title":"Hoest",
		"section":[{"title":"Subjectief","text":{"status":"generated","div":"<div>Sinds 2 maanden hoesten.</div>"}}]}`
	form = `{"resourceType":"QuestionnaireResponse","id":"f1","meta":{"lastUpdated":"2025-03-04T09:15:22Z"},"status":"completed",
		"questionnaire":"https://ecd.example/vragen/valrisico|2","subject":{"reference":"Patient/c1"},"authored":"2025-03-03T14:05:00+01:00",
		"item":[{"linkId":"1","text":"Gevallen?","answer":[{"valueBoolean":true}]}]}`
	questionnaire = `{"resourceType":"Questionnaire","id":"q1","url":"https://ecd.example/vragen/valrisico","version":"2","title":"Valrisico",
		"status":"active","item":[{"linkId":"1","text":"Gevallen?","type":"boolean"}]}`
	contact = `{"resourceType":"RelatedPerson","id":"k1","patient":{"reference":"Patient/c1"},"name":[{"text":"Jan de Wit"}]}`
)

// everyKind holds a resource that is shown, of every type that is pulled.
var everyKind = map[string]string{
	"Patient": patient, "RelatedPerson": contact, "Observation": observation, "DocumentReference": document,
	"Provenance": provenance, "Consent": consent, "Composition": composition, "CarePlan": carePlan, "Goal": goal, "QuestionnaireResponse": form, "Questionnaire": questionnaire,
	"Practitioner":     `{"resourceType":"Practitioner","id":"s1","name":[{"text":"S. de Boer"}]}`,
	"PractitionerRole": `{"resourceType":"PractitionerRole","id":"s2","practitioner":{"reference":"Practitioner/s1"},"code":[{"text":"verzorgende"}]}`,
	"Organization":     `{"resourceType":"Organization","id":"s3","name":"Zorghuis"}`,
}

func TestEveryKindIsCovered(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		raw, ok := everyKind[k.name]
		if !ok {
			t.Errorf("%s: no example", k.name)
			continue
		}
		it := mapOne(t, Mapping{}, raw)
		if it.State != dossier.StateShown || it.Content == nil || it.Stream != k.stream() || it.Hash == (dossier.Hash{}) {
			t.Errorf("%s: got %s %s %s", k.name, it.State, it.Reason, it.Detail)
		}
		if strings.Contains(raw, "Patient") && it.Client != "c1" {
			t.Errorf("%s: client %q", k.name, it.Client)
		}
	}
}
