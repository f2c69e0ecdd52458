package fhir

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

func TestCarePlan(t *testing.T) {
	t.Parallel()
	got := contentOf[*dossier.CarePlan](t, Mapping{}, with(t, carePlan,
		"description", `"Samen op pad.\r\nElke dag."`,
		"period", `{"start":"2025-01-01","end":"2025-06"}`,
		"author", `{"reference":"Practitioner/s1"}`,
		"replaces", `[{"reference":"CarePlan/p0"}]`,
		"partOf", `[{"reference":"CarePlan/pp"}]`,
		"basedOn", `[{"reference":"CarePlan/pb"},{"reference":"ServiceRequest/1"}]`,
		"goal", `[{"reference":"Goal/g1"},{"display":"los doel"}]`,
		"text", `{"status":"generated","div":"<div>niet dit</div>"}`,
		"activity", `[
			{"detail":{"description":"Samen wandelen","code":{"text":"lopen"},"status":"in-progress","goal":[{"reference":"Goal/g1"}]},
			 "progress":[{"time":"2025-02-01T10:00:00Z","authorReference":{"reference":"Practitioner/s1"},"text":"Ging goed."}]},
			{"detail":{"code":{"coding":[{"display":"thuiszorg"}]},"status":"scheduled"},
			 "outcomeCodeableConcept":[{"text":"Geslaagd"}]},
			{"detail":{"code":{"text":"tillen"},"status":"not-started","doNotPerform":true}},
			{"detail":{"description":"Vergissing","status":"entered-in-error"}},
			{"detail":{"description":"Vreemd","status":"x"}},
			{"reference":{"display":"Fysiotherapie"}},
			{"progress":[{"authorString":"Mw. X","text":"Losse noot"},{"text":" "}]}]`))
	want := &dossier.CarePlan{
		Title: "Zorgleefplan", Description: "Samen op pad.\nElke dag.", Status: "active", Open: true,
		Start: "2025-01-01", End: "2025-06", Ends: "2025-06-30", At: at(t, "2025-01-01"),
		Author: []dossier.Party{{Ref: dossier.Ref{Type: "Practitioner", ID: "s1"}}},
		Goals:  []dossier.Ref{{Type: "Goal", ID: "g1"}}, OwnGoals: []dossier.Goal{{Description: "los doel"}},
		Actions: []dossier.Action{
			{Description: "Samen wandelen", Status: "in-progress", Goals: []dossier.Ref{{Type: "Goal", ID: "g1"}}},
			{Description: "thuiszorg", Status: "scheduled"},
			{Description: "Niet doen: tillen", Status: "not-started"},
			{Description: "Fysiotherapie"},
		},
		Evaluations: []dossier.Evaluation{
			{Note: dossier.Note{At: at(t, "2025-02-01T10:00:00Z"), Author: dossier.Party{Ref: dossier.Ref{Type: "Practitioner", ID: "s1"}}, Text: "Ging goed."},
				Action: 1, Goals: []dossier.Ref{{Type: "Goal", ID: "g1"}}},
			{Note: dossier.Note{Text: "Geslaagd"}, Action: 2},
			{Note: dossier.Note{Author: dossier.Party{Display: "Mw. X"}, Text: "Losse noot"}},
		},
		Replaces: []dossier.Ref{{Type: "CarePlan", ID: "p0"}}, // case 38
		PartOf:   []dossier.Ref{{Type: "CarePlan", ID: "pp"}, {Type: "CarePlan", ID: "pb"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCarePlanIsOpen(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]bool{"active": true, "on-hold": true, "completed": false, "revoked": false} { // cases 42, 43, 50
		if got := contentOf[*dossier.CarePlan](t, Mapping{}, with(t, carePlan, "status", `"`+status+`"`)); got.Open != want || got.Status != status {
			t.Errorf("%s: got %v, %s", status, got.Open, got.Status)
		}
	}
}

func TestCarePlanPeriod(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, period, start, ends, at string }{
		{"case 41 none", `{}`, "", "", "2024-12-20"},
		{"case 39 a day", `{"start":"2025-01-01","end":"2025-02-28"}`, "2025-01-01", "2025-02-28", "2025-01-01"},
		{"a moment after midnight here", `{"end":"2025-06-30T22:30:00Z"}`, "", "2025-07-01", "2024-12-20"},
		{"a year", `{"start":"2024","end":"2025"}`, "2024", "2025-12-31", "2024"},
	} {
		got := contentOf[*dossier.CarePlan](t, Mapping{}, with(t, carePlan, "period", test.period))
		if got.Start != test.start || got.Ends != test.ends || got.At.Literal != test.at {
			t.Errorf("%s: got %+v", test.name, got)
		}
	}
	if it := mapOne(t, Mapping{}, with(t, carePlan, "period", `{"end":"31-12-2025"}`)); it.Reason != dossier.BadDate {
		t.Errorf("got %s %s", it.State, it.Reason)
	}
}

func TestCarePlanNarrative(t *testing.T) { // case 45
	t.Parallel()
	const div = `"div":"<div><p>Plan</p><script>x</script><p>in proza</p></div>"`
	for _, test := range []struct {
		name, status string
		change       []string
		want         string
	}{
		{"additional", "additional", []string{"description", `"kort"`}, "Plan\n\nin proza"},
		{"all there is", "generated", nil, "Plan\n\nin proza"},
		{"generated from the rest", "generated", []string{"goal", `[{"reference":"Goal/g1"}]`}, ""},
		{"empty", "empty", nil, ""},
	} {
		raw := with(t, carePlan, append(test.change, "text", `{"status":"`+test.status+`",`+div+`}`)...)
		if got := contentOf[*dossier.CarePlan](t, Mapping{}, raw).Narrative; got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// zib2020 sends one plan per intervention, without a title.
func TestCarePlanTitleFromCategory(t *testing.T) { // case 46
	t.Parallel()
	raw := with(t, carePlan, "title", "", "category", `[{"coding":[{"code":"243114000","display":"ondersteuning"}]}]`)
	if got := contentOf[*dossier.CarePlan](t, Mapping{}, raw).Title; got != "ondersteuning" {
		t.Errorf("got %q", got)
	}
}

func TestCarePlanOwnGoals(t *testing.T) {
	t.Parallel()
	got := contentOf[*dossier.CarePlan](t, Mapping{}, with(t, carePlan,
		"contained", `[{"resourceType":"Goal","id":"a","lifecycleStatus":"active","description":{"text":"Afvallen"},"target":[{"measure":{"text":"gewicht"},"detailRange":{"low":{"value":160,"unit":"lbs"},"high":{"value":180.50,"unit":"lbs"}},"dueDate":"2025-04-05"}]},
			{"resourceType":"Goal","id":"b","lifecycleStatus":"entered-in-error","description":{"text":"Fout"}},
			{"resourceType":"Goal","id":"c","lifecycleStatus":"completed","description":{"text":"Gestopt met roken"}},
			{"resourceType":"CareTeam","id":"d"}]`,
		"goal", `[{"reference":"#a"},{"reference":"#b"},{"reference":"#c"},{"reference":"#d"},{"reference":"#nergens"}]`,
		"activity", `[{"detail":{"description":"Diëet","goal":[{"reference":"#c"},{"reference":"#b"},{"reference":"#a"}]}}]`))
	goals := []dossier.Goal{
		{Description: "Afvallen", Status: "active", Targets: []dossier.Target{{Text: "gewicht: 160 tot 180,50 lbs", Due: "2025-04-05"}}},
		{Description: "Gestopt met roken", Status: "completed"},
	}
	if diff := cmp.Diff(goals, got.OwnGoals); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{1, 0}, got.Actions[0].OwnGoals); diff != "" {
		t.Error(diff)
	}
}

func TestActionDomain(t *testing.T) {
	t.Parallel()
	rules := Mapping{Domain: []Rule{{Match{Code: Code{Code: "bad"}}, "lichamelijk"}, {Match{Code: Code{Code: "geld"}}, "Financiën"}}}
	got := contentOf[*dossier.CarePlan](t, rules, with(t, carePlan, "activity", `[
		{"detail":{"code":{"coding":[{"code":"bad"}],"text":"Baden"}}},{"detail":{"code":{"coding":[{"code":"geld"}],"text":"Sparen"}}},
		{"detail":{"code":{"text":"Anders"}}}]`))
	var domains []dossier.Domain
	for _, a := range got.Actions {
		domains = append(domains, a.Domain)
	}
	want := []dossier.Domain{{Code: "lichamelijk", Name: "Lichamelijk welbevinden en gezondheid"}, {Name: "Financiën"}, {}}
	if diff := cmp.Diff(want, domains); diff != "" {
		t.Error(diff)
	}
}
