package fhir

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

// section returns a section with a title and a text, and what more there is in it.
func section(title, text, more string) string {
	return `{"title":"` + title + `","text":{"status":"generated","div":"<div>` + text + `</div>"}` + more + `}`
}

func TestComposition(t *testing.T) {
	t.Parallel()
	got := contentOf[*dossier.Report](t, Mapping{}, with(t, composition,
		"status", `"amended"`,
		"author", `[{"reference":"PractitionerRole/s2","display":"S. de Boer"}]`,
		"relatesTo", `[{"code":"replaces","targetReference":{"reference":"Composition/v0"}},{"code":"appends","targetReference":{"reference":"Composition/v9"}},
			{"code":"replaces","targetIdentifier":{"value":"x"}}]`,
		"event", `[{"detail":[{"reference":"CarePlan/p1"},{"reference":"Goal/g1"}]}]`,
		"text", `{"status":"generated","div":"<div>niet dit</div>"}`,
		"section", `[`+section("Subjectief", "<p>Hoest.</p><script>x</script>", "")+`,`+section("Objectief", "", "")+`,`+
			section("Evaluatie", "Bijwerking", `,"section":[`+section("Zekerheid", "hoog", "")+`,`+section("", "los", "")+`]`)+`,`+
			section("Plan", "", `,"section":[`+section("Nu", "Stoppen", "")+`]`)+`]`))
	want := &dossier.Report{
		At: at(t, "2025-03-04T08:40:00+01:00"), CorrectedAt: at(t, "2025-03-04T09:15:22Z"), // case 10
		Title: "Hoest", Category: dossier.CategoryCarePlan,
		Text:     "Subjectief\nHoest.\n\nEvaluatie\nBijwerking\n\nZekerheid\nhoog\n\nlos\n\nPlan\nNu\nStoppen",
		Authors:  []dossier.Party{{Ref: dossier.Ref{Type: "PractitionerRole", ID: "s2"}, Display: "S. de Boer"}},
		Plan:     dossier.Ref{Type: "CarePlan", ID: "p1"},
		Goal:     dossier.Ref{Type: "Goal", ID: "g1"},
		Replaces: []dossier.Ref{{Type: "Composition", ID: "v0"}}, // case 11
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCompositionSectionTitles(t *testing.T) {
	t.Parallel()
	coded := func(code string) string {
		return `{"code":{"coding":[{"system":"http://snomed.info/sct","code":"` + code + `","display":"In English"}]},"text":{"status":"generated","div":"<div>x</div>"}}`
	}
	for code, want := range map[string]string{
		"255362007": "Subjectief\nx", "260224007": "Objectief\nx", "129265001": "Evaluatie\nx", "129271007": "Plan\nx", "1": "In English\nx",
	} {
		if got := contentOf[*dossier.Report](t, Mapping{}, with(t, composition, "section", "["+coded(code)+"]")).Text; got != want {
			t.Errorf("%s: got %q, want %q", code, got, want)
		}
	}
}

func TestCompositionText(t *testing.T) { // case 22
	t.Parallel()
	narrative := []string{"section", `[{"title":"Subjectief","entry":[{"reference":"Observation/1"}]}]`, "text", `{"status":"generated","div":"<div>Alles bijeen</div>"}`}
	if got := contentOf[*dossier.Report](t, Mapping{}, with(t, composition, narrative...)).Text; got != "Alles bijeen" {
		t.Errorf("sections without a text: got %q", got)
	}
	for name, section := range map[string]string{"no sections": "", "empty sections": `[{"title":"Plan"},{"text":{"status":"empty","div":"<div>x</div>"}}]`} {
		if it := mapOne(t, Mapping{}, with(t, composition, "section", section)); it.Reason != dossier.HiddenEmpty {
			t.Errorf("%s: got %s %s", name, it.State, it.Reason)
		}
	}
	half := section("", strings.Repeat("x", 600_000), "")
	if it := mapOne(t, Mapping{}, with(t, composition, "section", "["+half+","+half+"]")); it.Reason != dossier.TooLarge || !it.EnvelopeRead {
		t.Errorf("too long together: got %s %s %s", it.State, it.Reason, it.Detail)
	}
}

func TestCompositionTitleAndDate(t *testing.T) {
	t.Parallel()
	got := contentOf[*dossier.Report](t, Mapping{}, with(t, composition, "title", "", "date", ""))
	if got.Title != "patiëntcontactverslag" || got.At.Literal != "2025-03-04T09:15:22Z" {
		t.Errorf("got %q at %s", got.Title, got.At.Literal)
	}
}

// A tenant may hide by confidentiality, but nobody else does.
func TestCompositionHiddenByConfidentiality(t *testing.T) {
	t.Parallel()
	rules := Mapping{Hide: []Rule{{Match: Match{Security: Code{"http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "V"}}}}}
	for confidentiality, want := range map[string]dossier.Reason{`"V"`: dossier.HiddenMarked, `"N"`: "", "": ""} {
		if it := mapOne(t, rules, with(t, composition, "confidentiality", confidentiality)); it.Reason != want {
			t.Errorf("%s: got %s %s", confidentiality, it.State, it.Reason)
		}
	}
}
