package fhir

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

func TestObservation(t *testing.T) {
	t.Parallel()
	got := contentOf[*dossier.Report](t, Mapping{}, with(t, observation,
		"issued", `"2025-03-04T09:15:20+01:00"`,
		"performer", `[{"reference":"PractitionerRole/s2","display":"S. de Boer"}]`,
		"basedOn", `[{"reference":"ServiceRequest/1"},{"reference":"CarePlan/p1"}]`,
		"focus", `[{"reference":"Goal/g1"}]`))
	want := &dossier.Report{
		At: at(t, "2025-03-04T08:40:00+01:00"), RecordedAt: at(t, "2025-03-04T09:15:20+01:00"),
		Title: "Rapportage", Category: dossier.CategoryCarePlan, Text: "Goed geslapen.",
		Authors: []dossier.Party{{Ref: dossier.Ref{Type: "PractitionerRole", ID: "s2"}, Display: "S. de Boer"}},
		Plan:    dossier.Ref{Type: "CarePlan", ID: "p1"}, Goal: dossier.Ref{Type: "Goal", ID: "g1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestObservationText(t *testing.T) {
	t.Parallel()
	const narrative = `{"status":"generated","div":"<div><p>Uit de <b>narrative</b></p></div>"}`
	long := strings.Repeat("Een lange dag. ", 13_000)
	for _, test := range []struct {
		name   string
		change []string
		want   string
	}{
		{"case 24 value before narrative", []string{"text", narrative}, "Goed geslapen."},
		{"notes after the value", []string{"note", `[{"text":"noot"}]`}, "Goed geslapen.\n\nnoot"},
		{"notes without a value", []string{"valueString", "", "note", `[{"text":"een"},{"text":" "},{"text":"twee"}]`, "text", narrative}, "een\n\ntwee"},
		{"narrative without either", []string{"valueString", "", "text", narrative}, "Uit de narrative"},
		{"empty value", []string{"valueString", `"  "`, "note", `[{"text":"noot"}]`}, "noot"},
		{"case 22 200 kB", []string{"valueString", `"` + long + `"`}, strings.TrimSpace(long)},
		{"case 22 emoji", []string{"valueString", `"Fijne dag 😀👍🏽 \ud83d\ude00"`}, "Fijne dag 😀👍🏽 😀"},
		{"case 22 right-to-left", []string{"valueString", `"שלום \u200f(a)"`}, "שלום \u200f(a)"},
		{"case 22 CRLF", []string{"valueString", `"een\r\ntwee\rdrie\n\nvier\r\n"`}, "een\ntwee\ndrie\n\nvier"},
		{"markup is text", []string{"valueString", `"<b>niet</b> & zo"`}, "<b>niet</b> & zo"},
		{"markup gives its words", []string{"valueString", `"<b>wel</b> &amp; zo"`}, "wel & zo"},
		{"prose is no markup", []string{"valueString", `"a < b > c"`}, "a < b > c"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := contentOf[*dossier.Report](t, Mapping{}, with(t, observation, test.change...)).Text; got != test.want {
				t.Errorf("got %.80q, want %.80q", got, test.want)
			}
		})
	}
}

func TestObservationWithoutTextIsHidden(t *testing.T) { // case 22
	t.Parallel()
	for _, change := range [][]string{
		{"valueString", ""},
		{"valueString", `""`},
		{"valueString", `"\u0007\r\n"`},
		{"valueString", "", "text", `{"status":"empty","div":"<div>niets</div>"}`},
		{"valueString", "", "text", `{"status":"generated","div":"<div><script>x</script></div>"}`},
	} {
		if it := mapOne(t, Mapping{}, with(t, observation, change...)); it.State != dossier.StateHidden || it.Reason != dossier.HiddenEmpty {
			t.Errorf("%v: got %s %s", change, it.State, it.Reason)
		}
	}
}

func TestObservationTitle(t *testing.T) {
	t.Parallel()
	coding := func(display string) string {
		return `{"coding":[{"system":"http://snomed.info/sct","code":"11591000146107"` + display + `}]}`
	}
	for name, test := range map[string]struct{ code, want string }{
		"display":    {coding(`,"display":"Dagrapportage"`), "Dagrapportage"},
		"no words":   {coding(""), ""},
		"white room": {coding(`,"display":" a\n b "`), "a b"},
	} {
		if got := contentOf[*dossier.Report](t, Mapping{}, with(t, observation, "code", test.code)).Title; got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
	for url, want := range map[string]string{
		"http://medmij.nl/fhir/StructureDefinition/ext-NursingReport.ReportTitle": "Nachtdienst",
		"http://medmij.nl/fhir/StructureDefinition/ext-NursingReport.Title":       "Nachtdienst",
		"https://ecd.example/titel": "Rapportage",
	} {
		raw := with(t, observation, "extension", `[{"url":"`+url+`","valueString":"Nachtdienst"}]`)
		if got := contentOf[*dossier.Report](t, Mapping{}, raw).Title; got != want {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
	}
}

func TestObservationMoments(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name                    string
		change                  []string
		at, recorded, corrected string
	}{
		{"case 16 late entry", []string{"effectiveDateTime", `"2025-02-25"`, "issued", `"2025-03-04T09:15:00Z"`}, "2025-02-25", "2025-03-04T09:15:00Z", ""},
		{"case 17 backdated a year", []string{"effectiveDateTime", `"2024-03-04T08:40:00+01:00"`}, "2024-03-04T08:40:00+01:00", "", ""},
		{"case 18 in the future", []string{"effectiveDateTime", `"2031-03-04"`}, "2031-03-04", "", ""},
		{"case 52 a year", []string{"effectiveDateTime", `"2024"`}, "2024", "", ""},
		{"case 53 no offset", []string{"effectiveDateTime", `"2025-07-01T08:00:00"`}, "2025-07-01T08:00:00", "", ""},
		{"case 54 winter offset in summer", []string{"effectiveDateTime", `"2025-07-01T08:00:00+01:00"`}, "2025-07-01T08:00:00+01:00", "", ""},
		{"case 55 leap second", []string{"effectiveDateTime", `"2016-12-31T23:59:60Z"`}, "2016-12-31T23:59:60Z", "", ""},
		{"case 52 period without a start", []string{"effectiveDateTime", "", "effectivePeriod", `{"end":"2025-03-02"}`}, "2025-03-02", "", ""},
		{"period", []string{"effectiveDateTime", "", "effectivePeriod", `{"start":"2025-03-01","end":"2025-03-02"}`}, "2025-03-01", "", ""},
		{"instant", []string{"effectiveDateTime", "", "effectiveInstant", `"2025-03-01T00:00:00Z"`}, "2025-03-01T00:00:00Z", "", ""},
		{"issued only", []string{"effectiveDateTime", "", "issued", `"2025-03-05T00:00:00Z"`}, "2025-03-05T00:00:00Z", "2025-03-05T00:00:00Z", ""},
		{"lastUpdated only", []string{"effectiveDateTime", ""}, "2025-03-04T09:15:22.123+01:00", "", ""},
		{"case 10 amended", []string{"status", `"amended"`}, "2025-03-04T08:40:00+01:00", "", "2025-03-04T09:15:22.123+01:00"},
		{"case 10 corrected, without lastUpdated", []string{"status", `"corrected"`, "meta", "", "issued", `"2025-03-05T00:00:00Z"`},
			"2025-03-04T08:40:00+01:00", "2025-03-05T00:00:00Z", "2025-03-05T00:00:00Z"},
		{"case 10 corrected, nobody knows when", []string{"status", `"corrected"`, "meta", ""}, "2025-03-04T08:40:00+01:00", "", "2025-03-04T08:40:00+01:00"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := contentOf[*dossier.Report](t, Mapping{}, with(t, observation, test.change...))
			got := []string{p.At.Literal, p.RecordedAt.Literal, p.CorrectedAt.Literal}
			if diff := cmp.Diff([]string{test.at, test.recorded, test.corrected}, got); diff != "" {
				t.Error(diff)
			}
			if !p.At.Time.Equal(at(t, test.at).Time) {
				t.Errorf("at %v", p.At.Time)
			}
		})
	}
}

func TestReportCategory(t *testing.T) {
	t.Parallel()
	kind := func(code string) string {
		return `{"tag":[{"system":"https://ecd.example/kind","code":"` + code + `"}]}`
	}
	rules := Mapping{Category: []Rule{
		{Match{Tag: Code{"https://ecd.example/kind", "plan"}}, dossier.CategoryCarePlan},
		{Match{Category: Code{Code: "social"}}, dossier.CategoryGeneral},
		{Match{Category: Code{Code: "social"}}, dossier.CategoryCarePlan},
	}}
	for _, test := range []struct {
		name   string
		change []string
		want   string
	}{
		{"nothing said", nil, dossier.CategoryGeneral},
		{"case 19 by tag", []string{"meta", kind("plan")}, dossier.CategoryCarePlan},
		{"case 19 by another tag", []string{"meta", kind("algemeen")}, dossier.CategoryGeneral},
		{"by plan", []string{"basedOn", `[{"reference":"CarePlan/p1"}]`}, dossier.CategoryCarePlan},
		{"by goal", []string{"focus", `[{"reference":"Goal/g1"}]`}, dossier.CategoryCarePlan},
		{"case 20 by a plan that is nowhere", []string{"basedOn", `[{"type":"CarePlan","display":"Plan"}]`}, dossier.CategoryCarePlan},
		{"by the extension for goals", []string{"extension", `[{"url":"http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal","valueReference":{"reference":"Goal/g1"}}]`}, dossier.CategoryCarePlan},
		{"by something else", []string{"basedOn", `[{"reference":"ServiceRequest/1"}]`}, dossier.CategoryGeneral},
		{"a rule outweighs a plan", []string{"basedOn", `[{"reference":"CarePlan/p1"}]`, "category", `[{"coding":[{"code":"social"}]}]`}, dossier.CategoryGeneral},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := contentOf[*dossier.Report](t, rules, with(t, observation, test.change...)).Category; got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestReportAuthors(t *testing.T) { // case 21
	t.Parallel()
	inside := `[{"resourceType":"Practitioner","id":"s","name":[{"family":"Boer","given":["S."]}],"qualification":[{"code":{"text":"verpleegkundige"}}]},
		{"resourceType":"Organization","id":"o","name":"Zorghuis"},
		{"resourceType":"PractitionerRole","id":"ro","practitioner":{"reference":"#s"},"organization":{"reference":"#o"},"specialty":[{"text":"wijkzorg"}]}]`
	ref := func(s string) dossier.Ref {
		return dossier.Ref{Type: strings.Split(s, "/")[0], ID: strings.Split(s, "/")[1]}
	}
	for _, test := range []struct {
		name, performer string
		want            []dossier.Party
	}{
		{"missing", `[]`, nil},
		{"empty", `[{}]`, nil},
		{"organisation only", `[{"reference":"Organization/o1"}]`, []dossier.Party{{Ref: ref("Organization/o1")}}},
		{"display only", `[{"display":" S. de Boer "}]`, []dossier.Party{{Display: "S. de Boer"}}},
		{"absolute", `[{"reference":"https://ecd.example/fhir/Practitioner/s1"}]`, []dossier.Party{{Ref: ref("Practitioner/s1")}}},
		{"absolute, http behind a proxy", `[{"reference":"http://ecd.example/fhir/Practitioner/s1"}]`, []dossier.Party{{Ref: ref("Practitioner/s1")}}},
		{"elsewhere", `[{"reference":"https://other.example/fhir/Practitioner/s1","display":"X"}]`, []dossier.Party{{Display: "X"}}},
		{"conditional", `[{"reference":"Practitioner?identifier=x|1","display":"X"}]`, []dossier.Party{{Ref: identifiedBy("x", "1"), Display: "X"}}},
		{"urn", `[{"reference":"urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0","display":"X"}]`, []dossier.Party{{Display: "X"}}},
		{"not pulled", `[{"reference":"CareTeam/1","display":"Team"}]`, []dossier.Party{{Display: "Team"}}},
		{"contained person", `[{"reference":"#s","display":"X"}]`, []dossier.Party{{Display: "X",
			Inline: &dossier.Staff{What: dossier.StaffPerson, Name: "S. Boer", Role: "verpleegkundige"}}}},
		{"contained role", `[{"reference":"#ro"}]`, []dossier.Party{{
			Inline: &dossier.Staff{What: dossier.StaffRole, Role: "wijkzorg", PersonName: "S. Boer", OrgName: "Zorghuis"}}}},
		{"contained organisation", `[{"reference":"#o"}]`, []dossier.Party{{Inline: &dossier.Staff{What: dossier.StaffOrganization, Name: "Zorghuis"}}}},
		{"contained nowhere", `[{"reference":"#none","display":"X"}]`, []dossier.Party{{Display: "X"}}},
		{"several", `[{"reference":"Practitioner/a"},{"reference":"Practitioner/b"}]`, []dossier.Party{{Ref: ref("Practitioner/a")}, {Ref: ref("Practitioner/b")}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := contentOf[*dossier.Report](t, Mapping{}, with(t, observation, "contained", inside, "performer", test.performer))
			if diff := cmp.Diff(test.want, got.Authors); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTwoReportsStayTwo(t *testing.T) { // cases 23 and 26
	t.Parallel()
	shared := []string{"identifier", `[{"value":"7"}]`}
	a := mapOne(t, Mapping{}, with(t, observation, shared...))
	b := mapOne(t, Mapping{}, with(t, observation, append(shared, "id", `"r2"`)...))
	if a.Ref == b.Ref || a.Hash != b.Hash {
		t.Errorf("got %v and %v", a.Ref, b.Ref)
	}
}
