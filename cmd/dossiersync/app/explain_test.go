package app

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/config"
	"dossiersync/store/dossier"
)

// explainExamples explains the resources that others wrote (HL7, Nictiz, Synthea), with every Observation
// and Composition as a report, so that as many as can be are shown.
func explainExamples(t *testing.T) []Explained {
	t.Helper()
	dir := os.Getenv("DOSSIERSYNC_FHIR_EXAMPLES")
	if dir == "" {
		t.Skip("DOSSIERSYNC_FHIR_EXAMPLES names no folder with FHIR R4 resources")
	}
	var all []Explained
	for _, folder := range []string{"hl7-r4", "nictiz-zib2020", "synthea"} {
		var resources []Resource
		files, err := filepath.Glob(filepath.Join(dir, folder, "*.*json"))
		if err != nil {
			t.Fatal(err)
		}
		codes := make(map[config.Code]bool)
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range ReadResources(filepath.Join(folder, filepath.Base(file)), data) {
				resources = append(resources, r)
				for _, c := range codesOf(r.Raw) {
					codes[c] = true
				}
			}
		}
		tenant, err := DefaultTenant()
		if err != nil {
			t.Fatal(err)
		}
		m := &tenant.Mapping
		m.Show.Preliminary, m.Show.Superseded, m.Show.InProgress, m.Show.Stopped = true, true, true, true
		for c := range codes {
			m.ReportCodes = append(m.ReportCodes, c)
		}
		explained, err := Explain(tenant, resources)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, explained...)
	}
	return all
}

var update = flag.Bool("update", false, "write the table of left-out places in docs/real-input.md anew")

// The places that the examples leave out are the accepted ones, no more and no less, and docs/real-input.md
// lists them.
func TestExamplesSetTheAcceptedPlaces(t *testing.T) {
	t.Parallel()
	counts := make(map[string]map[string]int) // by place and folder
	for _, e := range explainExamples(t) {
		seen := make(map[string]bool)
		for _, m := range e.Members {
			if m.Use == dossier.MemberLeftOut {
				seen[m.Place] = true
			}
		}
		for _, w := range e.Words {
			seen[w.Place] = true
		}
		for place := range seen {
			if counts[place] == nil {
				counts[place] = make(map[string]int)
			}
			counts[place][filepath.Dir(e.File)]++
			if _, ok := dossier.LeftOutReason(place); !ok {
				t.Errorf("%s: %s is not in store/dossier/leftout.txt", e.File, place)
			}
		}
	}
	accepted := dossier.AcceptedPlaces()
	var table strings.Builder
	table.WriteString("| place | FHIR, Nictiz, Synthea | why that is right |\n| --- | --- | --- |\n")
	for _, place := range slices.Sorted(maps.Keys(accepted)) {
		n := counts[place]
		if len(n) == 0 {
			if !ofSimulator(t, place) {
				t.Errorf("store/dossier/leftout.txt has %s, which no example leaves out", place)
			}
			continue
		}
		fmt.Fprintf(&table, "| `%s` | %d, %d, %d | %s |\n", place, n["hl7-r4"], n["nictiz-zib2020"], n["synthea"], accepted[place])
	}
	const doc, begins, ends = "../../../docs/real-input.md", "<!-- left-out: begin -->\n", "<!-- left-out: end -->"
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), begins)
	old, after, ok2 := strings.Cut(rest, ends)
	switch {
	case !ok1 || !ok2:
		t.Fatalf("%s has no place for the table", doc)
	case old == table.String():
	case *update:
		if err := os.WriteFile(doc, []byte(before+begins+table.String()+ends+after), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table in %s is not current; write it with: go test ./cmd/dossiersync/app -run %s -update\n%s",
			doc, t.Name(), cmp.Diff(old, table.String()))
	}
}

// ofSimulator reports whether the list has the place among those that only carerecordsim's dossiers have.
func ofSimulator(t *testing.T, place string) bool {
	t.Helper()
	list, err := os.ReadFile("../../../store/dossier/leftout.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, simulated, ok := strings.Cut(string(list), "# Places that the examples do not have")
	if !ok {
		t.Fatal("the list has no places of carerecordsim")
	}
	return strings.Contains(simulated, "\n"+place+" ")
}

// explainText explains the resources in a text, under the default rules.
func explainText(t *testing.T, text string) []Explained {
	t.Helper()
	tenant, err := DefaultTenant()
	if err != nil {
		t.Fatal(err)
	}
	all, err := Explain(tenant, ReadResources("file", []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Records in one file, or in several, resolve each other as in the replica.
func TestExplainResolvesRecords(t *testing.T) {
	t.Parallel()
	all := explainText(t, `{"resourceType":"Bundle","type":"searchset","entry":[
		{"fullUrl":"https://ecd.example/fhir/CarePlan/p","resource":{"resourceType":"CarePlan","id":"p","status":"active","intent":"plan",
			"subject":{"reference":"https://ecd.example/fhir/Patient/1"},"title":"Zorgleefplan","goal":[{"reference":"Goal/g"}],
			"author":{"reference":"https://ecd.example/fhir/Practitioner/d"}}},
		{"resource":{"resourceType":"Goal","id":"g","lifecycleStatus":"active","description":{"text":"Lopen"},"subject":{"reference":"Patient/1"}}},
		{"resource":{"resourceType":"Practitioner","id":"d","name":[{"text":"Dr. Vos"}]}},
		{"resource":{"resourceType":"Patient","id":"1","name":[{"text":"Mw. Smit"}]}},
		{"resource":{"resourceType":"QuestionnaireResponse","id":"r","status":"completed","authored":"2026-01-01","questionnaire":"http://x/q",
			"subject":{"reference":"Patient/1"},"item":[{"linkId":"1","answer":[{"valueBoolean":true}]}]}},
		{"resource":{"resourceType":"Questionnaire","id":"q","url":"http://x/q","status":"active","title":"Pijn","item":[{"linkId":"1","text":"Pijn?","type":"boolean"}]}},
		{"resource":{"resourceType":"DocumentReference","id":"doc","status":"current","date":"2026-01-01T10:00:00Z","subject":{"reference":"Patient/1"},
			"content":[{"attachment":{"contentType":"text/plain","url":"Binary/b"}}]}},
		{"resource":{"resourceType":"Binary","id":"b","contentType":"text/plain","data":"R29lZGVtb3JnZW4="}},
		{"resource":{"resourceType":"Device","id":"x"}}]}`)
	for i, want := range []string{`"Lopen"`, "", "", "", `"Pijn?"`, "", "Goedemorgen"} {
		if want != "" && !strings.Contains(string(all[i].Item), want) {
			t.Errorf("%s: no %s in %s", all[i].Type, want, all[i].Item)
		}
	}
	if !strings.Contains(string(all[0].Card), "Dr. Vos") || all[0].Client != "1" {
		t.Errorf("the plan: %s", all[0].Card)
	}
	if all[8].Outcome != OutcomeNotPulled || all[8].Why[0] != "No search asks for resources of the type Device: they are no reports, forms or care plans." {
		t.Errorf("the device: %+v", all[8])
	}
}

// For what is not shown, the sentences say what is hidden and why, and nothing is served.
func TestExplainSaysWhyRecordIsHidden(t *testing.T) {
	t.Parallel()
	const report = `"resourceType":"Observation","id":"o","meta":{"lastUpdated":"2026-01-01T10:00:00Z"},"subject":{"reference":"Patient/1"},
		"code":{"coding":[{"system":"http://snomed.info/sct","code":"11591000146107"}]},"valueString":"Geslapen"`
	for text, want := range map[string]string{
		`{` + strings.Replace(report, `"meta":{`, `"meta":{"security":[{"code":"NOPAT"}],`, 1) + `,"status":"final"}`: "Its labels and tags: NOPAT.",
		`{` + report + `,"status":"preliminary"}`: "Its status: preliminary.",
		`{` + report + `}`:                        "It has no status.",
		`{` + report + `,"status":"final","modifierExtension":[{"url":"http://x/not"}]}`:                        "The modifierExtension: http://x/not.",
		`{` + report + `,"status":"final","implicitRules":"http://x/rules"}`:                                    "The rules: http://x/rules.",
		`{` + strings.Replace(report, "11591000146107", "1", 1) + `,"status":"final"}`:                          "To show it as a report, name its code in mapping.report_codes.",
		`{` + report + `,"status":"final","effectiveDateTime":"gisteren"}`:                                      "Not applied (bad-date): has an invalid date. What exactly: effectiveDateTime: not a FHIR date.",
		`{"resourceType":"Observation","id":`:                                                                   "It is not JSON",
		`{"resourceType":"Patient","id":"1","link":[{"type":"replaced-by","other":{"reference":"Patient/2"}}]}`: "Hidden (merged)",
	} {
		e := explainText(t, text)[0]
		if said := strings.Join(e.Why, " "); !strings.Contains(said, want) || e.Card != nil || e.Item != nil {
			t.Errorf("%s: got %s %s", want, said, e.Item)
		}
	}
}

// A record that others among the files hide is hidden.
func TestExplainHidesWhatOthersHide(t *testing.T) {
	t.Parallel()
	all := explainText(t, `{"resourceType":"Patient","id":"1","active":false}
{"resourceType":"CarePlan","id":"p","status":"active","intent":"plan","subject":{"reference":"Patient/1"}}
{"resourceType":"DocumentReference","id":"new","status":"current","date":"2026-01-02T10:00:00Z","subject":{"reference":"Patient/2"},"content":[{"attachment":{"contentType":"text/plain","data":"YQ=="}}],"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/old"}}]}
{"resourceType":"DocumentReference","id":"old","status":"current","date":"2026-01-01T10:00:00Z","subject":{"reference":"Patient/2"},"content":[{"attachment":{"contentType":"text/plain","data":"Yg=="}}]}`)
	if all[1].Reason != dossier.HiddenClientHidden || all[3].Reason != dossier.HiddenSuperseded || all[2].Outcome != "shown" {
		t.Errorf("%s %s %s", all[1].Reason, all[2].Outcome, all[3].Reason)
	}
}

// Files hold one record, a Bundle, an array, or one a line.
func TestReadResourcesInEveryForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		`{"resourceType":"Patient"}`:                                    1,
		"\ufeff{\"resourceType\":\"Patient\"}":                          1,
		"{\"resourceType\":\"Patient\"}\n\n{\"resourceType\":\"Goal\"}": 2,
		`[{"resourceType":"Patient"},{"resourceType":"Goal"}]`:          2,
		"{\"resourceType\":\"Patient\"}\n{\"resourceType\":":            2,
		"{\n\"resourceType\":\"Patient\"\n":                             1,
		``:                                                              0,
		`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Goal"}},{"search":{"mode":"outcome"}}]}`: 1,
	} {
		if got := len(ReadResources("f", []byte(text))); got != want {
			t.Errorf("%q: %d resources, want %d", text, got, want)
		}
	}
}

// codesOf returns the codes of an Observation's code or a document's type.
func codesOf(raw []byte) []config.Code {
	var r struct {
		Code, Type struct{ Coding []config.Code }
	}
	_ = json.Unmarshal(raw, &r) // types with other members of those names have none
	return append(r.Code.Coding, r.Type.Coding...)
}

// What is no FHIR resource is called what it is.
func TestExplainSaysWhatIsNoResource(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"resourceType":"Patient",`: "It is not JSON: ends too early.",
		"hello":                      "It is not JSON.",
		"<Patient>\n</Patient>":      "It is XML or HTML. dossiersync reads FHIR as JSON.",
		"\xff\xfe{\x00}\x00":         "It is not UTF-8, in which FHIR is written, but seems to be UTF-16. Save it as UTF-8.",
		"42":                         "It is JSON, but no object, and so no FHIR resource.",
		`{"id":"x"}`:                 "It has no resourceType, and so is no FHIR resource.",
		"{\"resourceType\":\"Patient\",\"id\":\"p\"}\n{\"a\":": "Line 2: It is not JSON: ends too early.",
	} {
		all := explainText(t, text)
		got := all[len(all)-1]
		if got.Outcome != "quarantined" || got.Why[0] != want {
			t.Errorf("%q: got %s %q, want %q", text, got.Outcome, got.Why, want)
		}
	}
}

// Entries of a Bundle that are known by a urn:uuid only are explained as a server stores them.
func TestExplainResolvesEntriesByUUID(t *testing.T) {
	t.Parallel()
	all := explainText(t, `{"resourceType":"Bundle","type":"transaction","entry":[
		{"fullUrl":"urn:uuid:11111111-1111-4111-8111-111111111111","resource":{"resourceType":"Patient","active":true}},
		{"fullUrl":"urn:uuid:22222222-2222-4222-8222-222222222222","resource":{"resourceType":"Observation","status":"final",
			"code":{"coding":[{"system":"http://snomed.info/sct","code":"11591000146107"}]},"effectiveDateTime":"2026-01-01",
			"subject":{"reference":"urn:uuid:11111111-1111-4111-8111-111111111111"},"valueString":"Goed."}}]}`)
	if len(all) != 2 || all[1].Outcome != "shown" || all[1].Client != "11111111-1111-4111-8111-111111111111" || len(all[1].Why) != 1 {
		t.Errorf("got %+v", all)
	}
}

// A hidden person is not named by the display of a reference that has only an identifier either.
func TestExplainHidesPersonByIdentifier(t *testing.T) {
	t.Parallel()
	all := explainText(t, `{"resourceType":"Practitioner","id":"s","meta":{"security":[{"code":"NOPAT"}]},
		"identifier":[{"system":"http://x/agb","value":"1"}],"name":[{"text":"Jansen"}]}
		{"resourceType":"Observation","id":"o","status":"final","effectiveDateTime":"2026-01-01","subject":{"reference":"Patient/1"},
		"code":{"coding":[{"system":"http://snomed.info/sct","code":"11591000146107"}]},"valueString":"Goed.",
		"performer":[{"identifier":{"system":"http://x/agb","value":"1"},"display":"Jansen"}]}`)
	if len(all) != 2 || all[1].Outcome != "shown" || strings.Contains(string(all[1].Item), "Jansen") {
		t.Errorf("got %+v", all)
	}
}

// What is withheld is said, also where another value at the same place is read.
func TestExplainNamesWithheldBesideRead(t *testing.T) {
	t.Parallel()
	all := explainText(t, `{"resourceType":"DocumentReference","id":"d","status":"current","subject":{"reference":"Patient/1"},
		"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PROCESSINLINELABEL"}]},
		"date":"2026-01-01T10:00:00Z","content":[{"attachment":{"contentType":"text/plain","data":"b3Blbg=="}},
		{"attachment":{"contentType":"text/plain","data":"Z2VoZWlt","_data":{"extension":[{
			"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label",
			"valueCoding":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"NOPAT"}}]}}}]}`)
	if said := strings.Join(all[0].Why, " "); !strings.Contains(said, "withheld") || !strings.Contains(said, "content.attachment.data") {
		t.Errorf("got %s", said)
	}
}
