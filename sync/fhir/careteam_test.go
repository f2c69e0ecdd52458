package fhir

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

func TestCarePlanPeople(t *testing.T) {
	t.Parallel()
	ref := func(kind, id string) dossier.Ref { return dossier.Ref{Type: kind, ID: id} }
	team := func(more, participants string) string {
		return `[{"resourceType":"CareTeam","id":"team"` + more + `,"participant":` + participants + `},
			{"resourceType":"Practitioner","id":"p","name":[{"text":"S. de Boer"}]}]`
	}
	const contained = `[{"reference":"#team"}]`
	everybody := team("", `[
		{"role":[{"text":"begeleider"}],"member":{"reference":"Practitioner/s1","display":"A. Bakker"}},
		{"role":[{"text":"behandelaar"}],"member":{"reference":"PractitionerRole/s2"}},
		{"role":[{"text":"verzorgende"}],"member":{"reference":"#p"}},
		{"role":[{"text":"buur"}],"member":{"display":"Mw. Smit"}},
		{"member":{"reference":"RelatedPerson/k1","display":"Jan de Wit"}},
		{"member":{"reference":"RelatedPerson/k1","display":"Jan de Wit"}},
		{"member":{"reference":"Patient/c1","display":"Jo de Wit"}},
		{}]`)
	members := []dossier.Party{
		{Ref: ref("Practitioner", "s1"), Display: "A. Bakker", Inline: &dossier.Staff{What: dossier.StaffRole, Role: "begeleider", Person: ref("Practitioner", "s1"), PersonName: "A. Bakker"}},
		{Ref: ref("PractitionerRole", "s2")},
		{Inline: &dossier.Staff{What: dossier.StaffPerson, Name: "S. de Boer", Role: "verzorgende"}},
		{Display: "Mw. Smit", Inline: &dossier.Staff{What: dossier.StaffRole, Role: "buur", PersonName: "Mw. Smit"}},
		{Ref: ref("RelatedPerson", "k1"), Display: "Jan de Wit"},
	}
	for _, test := range []struct {
		name         string
		change       []string
		author, team []dossier.Party
	}{
		{"nobody", nil, nil, nil},
		{"a team that comes along", []string{"careTeam", contained, "contained", everybody}, nil, members},
		{"a team that has ended", []string{"careTeam", contained, "contained", team(`,"status":"inactive"`, `[{"member":{"display":"A"}}]`)}, nil, nil},
		{"a team elsewhere", []string{"careTeam", `[{"reference":"CareTeam/1","display":"Wijkteam Noord"},{"reference":"CareTeam/2"}]`}, nil, []dossier.Party{{Display: "Wijkteam Noord"}}},
		{"contributors beside an author", []string{"author", `{"display":"A"}`, "contributor", `[{"display":"B"},{"reference":"Practitioner/s1"}]`},
			[]dossier.Party{{Display: "A"}}, []dossier.Party{{Display: "B"}, {Ref: ref("Practitioner", "s1")}}},
		{"contributors only", []string{"contributor", `[{"display":"B"}]`}, []dossier.Party{{Display: "B"}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := contentOf[*dossier.CarePlan](t, Mapping{}, with(t, carePlan, test.change...))
			if diff := cmp.Diff(test.author, p.Author); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.team, p.Team); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCarePlanNotesAndConditions(t *testing.T) {
	t.Parallel()
	got := contentOf[*dossier.CarePlan](t, Mapping{}, with(t, carePlan,
		"note", `[{"time":"2025-02-01","authorString":"A. Bakker","text":"Let op: valgevaar."},{"text":" "}]`,
		"addresses", `[{"reference":"Condition/1","display":"valrisico"},{"reference":"#c"},{"reference":"Condition/2"},{"display":"valrisico"}]`,
		"contained", `[{"resourceType":"Condition","id":"c","code":{"coding":[{"code":"1","display":"duizeligheid"}]}}]`,
		"text", `{"status":"generated","div":"<div>niet dit</div>"}`))
	if diff := cmp.Diff([]dossier.Note{{At: at(t, "2025-02-01"), Author: dossier.Party{Display: "A. Bakker"}, Text: "Let op: valgevaar."}}, got.Notes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"valrisico", "duizeligheid"}, got.Addresses); diff != "" || got.Narrative != "" {
		t.Error(diff, got.Narrative)
	}
}
