package fhir

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
)

func TestCarePlanPeople(t *testing.T) {
	t.Parallel()
	ref := func(kind, id string) store.Ref { return store.Ref{Type: kind, ID: id} }
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
	members := []store.Party{
		{Ref: ref("Practitioner", "s1"), Display: "A. Bakker", Inline: &store.Staff{What: store.StaffRole, Role: "begeleider", Person: ref("Practitioner", "s1"), PersonName: "A. Bakker"}},
		{Ref: ref("PractitionerRole", "s2")},
		{Inline: &store.Staff{What: store.StaffPerson, Name: "S. de Boer", Role: "verzorgende"}},
		{Display: "Mw. Smit", Inline: &store.Staff{What: store.StaffRole, Role: "buur", PersonName: "Mw. Smit"}},
		{Ref: ref("RelatedPerson", "k1"), Display: "Jan de Wit"},
	}
	for _, test := range []struct {
		name         string
		change       []string
		author, team []store.Party
	}{
		{"nobody", nil, nil, nil},
		{"a team that comes along", []string{"careTeam", contained, "contained", everybody}, nil, members},
		{"a team that has ended", []string{"careTeam", contained, "contained", team(`,"status":"inactive"`, `[{"member":{"display":"A"}}]`)}, nil, nil},
		{"a team elsewhere", []string{"careTeam", `[{"reference":"CareTeam/1","display":"Wijkteam Noord"},{"reference":"CareTeam/2"}]`}, nil, []store.Party{{Display: "Wijkteam Noord"}}},
		{"contributors beside an author", []string{"author", `{"display":"A"}`, "contributor", `[{"display":"B"},{"reference":"Practitioner/s1"}]`},
			[]store.Party{{Display: "A"}}, []store.Party{{Display: "B"}, {Ref: ref("Practitioner", "s1")}}},
		{"contributors only", []string{"contributor", `[{"display":"B"}]`}, []store.Party{{Display: "B"}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := contentOf[*store.CarePlan](t, Mapping{}, with(t, carePlan, test.change...))
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
	got := contentOf[*store.CarePlan](t, Mapping{}, with(t, carePlan,
		"note", `[{"time":"2025-02-01","authorString":"A. Bakker","text":"Let op: valgevaar."},{"text":" "}]`,
		"addresses", `[{"reference":"Condition/1","display":"valrisico"},{"reference":"#c"},{"reference":"Condition/2"},{"display":"valrisico"}]`,
		"contained", `[{"resourceType":"Condition","id":"c","code":{"coding":[{"code":"1","display":"duizeligheid"}]}}]`,
		"text", `{"status":"generated","div":"<div>niet dit</div>"}`))
	if diff := cmp.Diff([]store.Note{{At: at(t, "2025-02-01"), Author: store.Party{Display: "A. Bakker"}, Text: "Let op: valgevaar."}}, got.Notes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"valrisico", "duizeligheid"}, got.Addresses); diff != "" || got.Narrative != "" {
		t.Error(diff, got.Narrative)
	}
}
