package fhir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dossiersync/store/dossier"
)

// exampleResources returns the resources that others wrote (HL7, Nictiz,
// Synthea), by where they are from.
func exampleResources(t testing.TB) map[string][]byte {
	t.Helper()
	dir := os.Getenv("DOSSIERSYNC_FHIR_EXAMPLES")
	if dir == "" {
		t.Skip("DOSSIERSYNC_FHIR_EXAMPLES names no folder with FHIR R4 resources: mapping of real resources is not tested")
	}
	all := make(map[string][]byte)
	for _, pattern := range []string{"*/*.json", "*/*.ndjson"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file)
			if filepath.Ext(file) == ".json" {
				all[name] = b
				continue
			}
			for i, one := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
				all[fmt.Sprintf("%s:%d", name, i+1)] = one
			}
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s holds no resources", dir)
	}
	return all
}

func exampleType(t testing.TB, raw []byte) string {
	t.Helper()
	var head struct{ ResourceType string }
	if err := json.Unmarshal(raw, &head); err != nil {
		t.Fatal(err)
	}
	return head.ResourceType
}

// Every resource that others wrote comes out with a state, and with content if
// it is shown; and as it is well-formed FHIR, none is quarantined.
func TestExamples(t *testing.T) {
	t.Parallel()
	resources := exampleResources(t)
	m := testMapper(Mapping{ShowSuperseded: true, ReportCodes: []Code{reportCode, {Code: "34117-2"}, {Code: "11591000146107"}}})
	counts := make(map[string]int)
	r := &resource{limits: m.limits}
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		raw := resources[name]
		kind := exampleType(t, raw)
		if _, ok := kindNamed(kind); !ok {
			counts[kind+": not pulled"]++
			continue
		}
		it := m.item(r, testType(t, m, kind), raw, false)
		switch it.State {
		case dossier.StateShown:
			if it.Content == nil || it.Reason != "" {
				t.Errorf("%s: shown with %v, %s", name, it.Content, it.Reason)
			}
		case dossier.StateHidden, dossier.StateWithdrawn:
			if it.Reason == "" || it.Content != nil && it.Reason != dossier.HiddenMerged {
				t.Errorf("%s: %s with %v, %q", name, it.State, it.Content, it.Reason)
			}
		case dossier.StateQuarantined:
			t.Errorf("%s: quarantined: %s %s", name, it.Reason, it.Detail)
		default:
			t.Errorf("%s: state %q", name, it.State)
		}
		counts[fmt.Sprintf("%s: %s %s", kind, it.State, it.Reason)]++
	}
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%5d %s", counts[k], k)
	}
}

// What others wrote comes out as a reader would have it.
func TestExampleContents(t *testing.T) {
	t.Parallel()
	resources := exampleResources(t)
	one := func(name string, change ...string) dossier.Content {
		t.Helper()
		it := mapOne(t, Mapping{}, with(t, string(resources[name]), change...))
		if it.State != dossier.StateShown {
			t.Fatalf("%s: %s %s", name, it.State, it.Reason)
		}
		return it.Content
	}
	coma := one("hl7-r4/QuestionnaireResponse-gcs.json").(*dossier.Form)
	if coma.Score != "13" || coma.Questionnaire.ID != "gcs" || len(coma.Items) != 3 || coma.Items[0].Answers[0].Display != "Confused" {
		t.Errorf("Glasgow Coma Scale: got %+v", coma)
	}
	labels := one("hl7-r4/Questionnaire-gcs.json").(*dossier.Questionnaire)
	if o := labels.Items[0].Options; len(o) != 5 || o[3].Value != coma.Items[0].Answers[0].Option || o[3].Display != "Confused" {
		t.Errorf("Glasgow Coma Scale, its options: got %+v", o)
	}
	if got := totals(one("hl7-r4/Questionnaire-phq-9-questionnaire.json").(*dossier.Questionnaire).Items); got != "TotalScore" {
		t.Errorf("PHQ-9: the total is %q", got)
	}
	birth := one("hl7-r4/QuestionnaireResponse-bb.json", "subject", `{"reference":"Patient/1"}`).(*dossier.Form)
	details := birth.Items[0].Items[1].Items
	if details[0].Answers[0].Display != "3,25" || details[2].Answers[0].Items[0].Items[0].Answers[0].Display != "30 november 1972" {
		t.Errorf("birth details: got %+v", details)
	}
	soep := one("nictiz-zib2020/nl-core-SOAPReport-01.json", "subject", `{"reference":"Patient/1"}`).(*dossier.Report)
	if !strings.HasPrefix(soep.Text, "Subjectief\n") || strings.Count(soep.Text, "\n\n") != 3 || soep.Title != "Geneesmiddelbijwerking" {
		t.Errorf("SOEP: got %q: %q", soep.Title, soep.Text)
	}
	if notes := one("nictiz-zib2020/nl-core-HelpFromOthers-02.json").(*dossier.CarePlan).Notes; len(notes) != 1 {
		t.Errorf("help from others: got %v", notes)
	}
}

// BenchmarkExamples maps Synthea's documents, whose text is inline base64.
func BenchmarkExamples(b *testing.B) {
	var docs [][]byte
	size := 0
	for _, raw := range exampleResources(b) {
		if exampleType(b, raw) == "DocumentReference" {
			docs, size = append(docs, raw), size+len(raw)
		}
	}
	m := testMapper(Mapping{ShowSuperseded: true})
	t, r := testType(b, m, "DocumentReference"), &resource{limits: m.limits}
	b.SetBytes(int64(size))
	for b.Loop() {
		for _, raw := range docs {
			m.item(r, t, raw, false)
		}
	}
	b.ReportMetric(float64(len(docs)*b.N)/b.Elapsed().Seconds(), "items/s")
}
