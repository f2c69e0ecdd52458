package fhir

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

func TestGoal(t *testing.T) {
	t.Parallel()
	got := contentOf[*dossier.Goal](t, Mapping{}, with(t, goal,
		"achievementStatus", `{"coding":[{"system":"https://x","code":"y"},{"system":"http://terminology.hl7.org/CodeSystem/goal-achievement","code":"achieved"}]}`,
		"startDate", `"2025-01"`,
		"target", `[{"measure":{"coding":[{"display":"lopen"}]},"detailCodeableConcept":{"coding":[{"display":"lichte beperking"}]},"dueDate":"2025-09-10"},{}]`,
		"note", `[{"time":"2025-02-01","authorString":"S. de Boer","text":"Zou mooi zijn."}]`))
	want := &dossier.Goal{
		Description: "Weer buiten wandelen", Status: "active", Achievement: "achieved", Start: "2025-01", // case 47
		Targets: []dossier.Target{{Text: "lopen: lichte beperking", Due: "2025-09-10"}},
		Notes:   []dossier.Note{{At: at(t, "2025-02-01"), Author: dossier.Party{Display: "S. de Boer"}, Text: "Zou mooi zijn."}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if it := mapOne(t, Mapping{}, with(t, goal, "description", `{}`)); it.Reason != dossier.HiddenEmpty {
		t.Errorf("without a description: got %s %s", it.State, it.Reason)
	}
}

func TestGoalTargets(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		`{"detailString":"zelf\n scheren"}`:                                     "zelf scheren",
		`{"detailBoolean":true}`:                                                "Ja",
		`{"detailBoolean":false}`:                                               "Nee",
		`{"detailInteger":3}`:                                                   "3",
		`{"detailQuantity":{"value":1.50}}`:                                     "1,50",
		`{"detailQuantity":{"comparator":"<","value":7.0,"unit":"%"}}`:          "< 7,0 %",
		`{"detailQuantity":{"value":5,"code":"kg"}}`:                            "5 kg",
		`{"detailRange":{"low":{"value":1,"unit":"x"}}}`:                        "ten minste 1 x",
		`{"detailRange":{"high":{"value":2,"unit":"x"}}}`:                       "ten hoogste 2 x",
		`{"detailRange":{"low":{"value":1,"unit":"x"},"high":{"value":2}}}`:     "1 x tot 2",
		`{"detailRatio":{"numerator":{"value":1},"denominator":{"value":128}}}`: "1 : 128",
		`{"measure":{"text":"lopen"}}`:                                          "lopen",
	} {
		got := contentOf[*dossier.Goal](t, Mapping{}, with(t, goal, "target", "["+target+"]"))
		if len(got.Targets) != 1 || got.Targets[0].Text != want {
			t.Errorf("%s: got %+v, want %q", target, got.Targets, want)
		}
	}
}

func TestGoalDomain(t *testing.T) {
	t.Parallel()
	rules := Mapping{Domain: []Rule{{Match{Category: Code{Code: "D2"}}, "wonen"}, {Match{Tag: Code{Code: "geld"}}, "Financiën"}}}
	for _, test := range []struct {
		name, category, meta string
		want                 dossier.Domain
	}{
		{"by rule", `[{"coding":[{"code":"D2","display":"Mentaal"}]}]`, `{}`, dossier.Domain{Code: "wonen", Name: "Woon- en leefomstandigheden"}},
		{"by rule, another", `[]`, `{"tag":[{"code":"geld"}]}`, dossier.Domain{Name: "Financiën"}},
		{"by display", `[{"coding":[{"code":"1","display":"Mentaal welbevinden/autonomie"}]}]`, `{}`, dossier.Domain{Code: "mentaal", Name: "Mentaal welbevinden"}},
		{"by code", `[{"coding":[{"code":"lichamelijk-welbevinden"}]}]`, `{}`, dossier.Domain{Code: "lichamelijk", Name: "Lichamelijk welbevinden en gezondheid"}},
		{"by text", `[{"text":"Woon- en leefomstandigheden"}]`, `{}`, dossier.Domain{Code: "wonen", Name: "Woon- en leefomstandigheden"}},
		{"participation", `[{"text":"participatie"}]`, `{}`, dossier.Domain{Code: "participatie", Name: "Participatie"}},
		{"by the second category", `[{"text":"Doel"},{"text":"Participatie"}]`, `{}`, dossier.Domain{Code: "participatie", Name: "Participatie"}},
		{"mental health is not physical", `[{"text":"Mentale gezondheid"}]`, `{}`, dossier.Domain{Code: "mentaal", Name: "Mentaal welbevinden"}},
		{"a word inside a word", `[{"text":"Gewoon doel"}]`, `{}`, dossier.Domain{Name: "Gewoon doel"}},
		{"the source's own", `[{"coding":[{"code":"dietary","display":"Voeding"}]}]`, `{}`, dossier.Domain{Name: "Voeding"}},
		{"none", `[{"coding":[{"code":"dietary"}]}]`, `{}`, dossier.Domain{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := contentOf[*dossier.Goal](t, rules, with(t, goal, "category", test.category, "meta", test.meta)).Domain
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
