package fhir

import (
	"testing"

	"dossiersync/store/dossier"
)

func TestObservationValues(t *testing.T) {
	t.Parallel()
	const label = `"code":{"text":"Bovendruk"}`
	for _, test := range []struct {
		name   string
		change []string
		want   string
	}{
		{"text of a concept", []string{"valueCodeableConcept", `{"text":"Wond gesloten","coding":[{"display":"closed"}]}`}, "Wond gesloten"},
		{"display of a concept", []string{"valueCodeableConcept", `{"coding":[{"code":"1"},{"display":"Gesloten"}]}`}, "Gesloten"},
		{"common code", []string{"valueCodeableConcept", `{"coding":[{"system":"http://snomed.info/sct","code":"373067005"}]}`}, "Nee"},
		{"code alone", []string{"valueCodeableConcept", `{"coding":[{"system":"https://x","code":"17"}]}`}, "Zonder tekst (code 17)"},
		{"quantity", []string{"valueQuantity", `{"value":7.250E+1,"unit":"kg"}`}, "72,50 kg"},
		{"integer", []string{"valueInteger", `1.2E+2`}, "120"},
		{"boolean", []string{"valueBoolean", `false`}, "Nee"},
		{"range", []string{"valueRange", `{"low":{"value":1,"unit":"mg"},"high":{"value":2.0,"unit":"mg"}}`}, "1 tot 2,0 mg"},
		{"ratio", []string{"valueRatio", `{"numerator":{"value":1},"denominator":{"value":128}}`}, "1 : 128"},
		{"half a ratio", []string{"valueRatio", `{"numerator":{"value":1,"unit":"mg"}}`}, "1 mg : ?"},
		{"time", []string{"valueTime", `"08:05:00"`}, "08:05"},
		{"moment", []string{"valueDateTime", `"2025-03-03"`}, "3 maart 2025"},
		{"period", []string{"valuePeriod", `{"start":"2025-03-03","end":"2025-03-05"}`}, "3 maart 2025 tot en met 5 maart 2025"},
		{"open period", []string{"valuePeriod", `{"start":"2025-03"}`}, "vanaf maart 2025"},
		{"hours of one day", []string{"valuePeriod", `{"start":"2025-03-03T10:00:00+01:00","end":"2025-03-03T11:30:00+01:00"}`}, "3 maart 2025, 10:00 tot 11:30"},
		{"samples", []string{"valueSampledData", `{"origin":{"value":0},"period":10,"dimensions":1,"data":"1 2"}`}, "Meetreeks (niet weergegeven)"},
		{"components", []string{"component", `[{` + label + `,"valueQuantity":{"value":120,"code":"mm[Hg]"}},{"code":{"text":"Pijn"},"valueBoolean":true},
			{"code":{"text":"Gewicht"},"dataAbsentReason":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/data-absent-reason","code":"not-performed"}]}},
			{` + label + `}]`}, "Bovendruk: 120 mmHg\nPijn: Ja\nGewicht: Geen waarde: Niet uitgevoerd"},
		{"value, component and notes", []string{"valueString", `"Rustig."`, "component", `[{` + label + `,"valueInteger":120}]`, "note", `[{"text":"een"},{"text":"twee"}]`},
			"Rustig.\n\nBovendruk: 120\n\neen\n\ntwee"},
		{"no value, and why", []string{"dataAbsentReason", `{"text":"geweigerd"}`}, "Geen waarde: geweigerd"},
		{"notes beat the absence of a value", []string{"dataAbsentReason", `{"text":"geweigerd"}`, "note", `[{"text":"Wilde niet."}]`}, "Wilde niet."},
		{"text in translation", []string{"valueString", `"Good day."`, "_valueString", `{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/translation",
			"extension":[{"url":"lang","valueCode":"nl-NL"},{"url":"content","valueString":"Goede dag."}]}]}`}, "Goede dag."},
		{"text in a third language", []string{"valueString", `"Good day."`, "_valueString", `{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/translation",
			"extension":[{"url":"lang","valueCode":"de"},{"url":"content","valueString":"Guten Tag."}]}]}`}, "Good day."},
	} {
		raw := with(t, observation, append([]string{"valueString", ""}, test.change...)...)
		if got := contentOf[*dossier.Report](t, Mapping{}, raw).Text; got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	for name, value := range map[string]string{"exponent without end": `{"value":1e400}`, "text": `{"value":"5"}`} {
		if it := mapOne(t, Mapping{}, with(t, observation, "valueString", "", "valueQuantity", value)); it.State != dossier.StateQuarantined || it.Reason != dossier.BadBody {
			t.Errorf("%s: got %s %s", name, it.State, it.Reason)
		}
	}
}

func TestObservationStandsAtItsFirstEvent(t *testing.T) {
	t.Parallel()
	for timing, want := range map[string]string{
		`{"event":["2025-03-05","2025-03-03T10:00:00Z","2025-03-04"]}`:          "2025-03-03T10:00:00Z",
		`{"repeat":{"boundsPeriod":{"start":"2025-02-01","end":"2025-02-03"}}}`: "2025-02-01",
	} {
		raw := with(t, observation, "effectiveDateTime", "", "effectiveTiming", timing)
		if got := contentOf[*dossier.Report](t, Mapping{}, raw).At.Literal; got != want {
			t.Errorf("%s: got %s", timing, got)
		}
	}
}

func TestDocumentStandsAtTheCareItIsAbout(t *testing.T) {
	t.Parallel()
	const period = `{"period":{"start":"2019-05-05T09:00:00+02:00","end":"2019-05-05T10:00:00+02:00"}}`
	for _, test := range []struct {
		rule                   DocumentTime
		date, context          string
		at, recorded, whenNone string
	}{
		{"", `"2026-11-01"`, period, "2019-05-05T09:00:00+02:00", "2026-11-01", ""},
		{DocumentService, `"2026-11-01"`, period, "2019-05-05T09:00:00+02:00", "2026-11-01", ""},
		{DocumentIndexed, `"2026-11-01"`, period, "2026-11-01", "", ""},
		{DocumentService, `"2026-11-01"`, ``, "2026-11-01", "", ""},
		{DocumentService, `"2026-11-01"`, `{"period":{"end":"2019-05-05"}}`, "2026-11-01", "", ""},
		{DocumentService, ``, `{"period":{"end":"2019-05-05"}}`, "2019-05-05", "", ""},
		{DocumentIndexed, ``, period, "2019-05-05T09:00:00+02:00", "", ""},
	} {
		got := contentOf[*dossier.Report](t, Mapping{DocumentTime: test.rule}, with(t, document, "date", test.date, "context", test.context))
		if got.At.Literal != test.at || got.RecordedAt.Literal != test.recorded {
			t.Errorf("%q %s %s: at %s, recorded %s", test.rule, test.date, test.context, got.At.Literal, got.RecordedAt.Literal)
		}
	}
	if err := (Mapping{DocumentTime: "scanned"}).validate(); err == nil {
		t.Error("an unknown rule is taken")
	}
	m, n := testMapper(Mapping{}), testMapper(Mapping{DocumentTime: DocumentIndexed})
	if k, _ := kindNamed("DocumentReference"); m.fingerprint(k) == n.fingerprint(k) {
		t.Error("the rule is not part of the fingerprint")
	}
}
