package config_test

import "testing"

func TestFaultsOfMappings(t *testing.T) {
	t.Parallel()
	check(t, mapping(`report_codes: [abc, "a|", "a|b|c", "a b|c"]`),
		`7:tenants[0].mapping.report_codes[0]: must be system|code, such as http://snomed.info/sct|11591000146107, or |code for a code without a system, not "abc"`,
		`7:tenants[0].mapping.report_codes[1]: must be system|code, such as http://snomed.info/sct|11591000146107, or |code for a code without a system, not "a|"`,
		`7:tenants[0].mapping.report_codes[2]: must be system|code, such as http://snomed.info/sct|11591000146107, or |code for a code without a system, not "a|b|c"`,
		`7:tenants[0].mapping.report_codes[3]: must be system|code, such as http://snomed.info/sct|11591000146107, or |code for a code without a system, not "a b|c"`)
	check(t, mapping(`category:
  - {match: {tag: "a|b"}, set: careplan}
  - {set: general}
  - {match: {}, set: general}
  - {match: {code: "a|b"}}`),
		`8:tenants[0].mapping.category[0].set: must be general or care-plan, not "careplan"`,
		`9:tenants[0].mapping.category[1].match: is missing; write what to match, such as {tag: "https://ecd.example/kind|zorgleefplan"}`,
		`10:tenants[0].mapping.category[2].match: matches nothing; write what to match, such as {tag: "https://ecd.example/kind|zorgleefplan"}`,
		"11:tenants[0].mapping.category[3].set: is missing; write general or care-plan")
	check(t, mapping(`hide: [{match: {status: x}}, {code: "a|b"}, "a|b"]`),
		"7:tenants[0].mapping.hide[0].match.status: is not a key here; the keys here are code, category, tag, security",
		`7:tenants[0].mapping.hide[1].match: is missing; write what to match, such as {tag: "https://ecd.example/kind|zorgleefplan"}`,
		"7:tenants[0].mapping.hide[1].code: is not a key here; the keys here are match",
		"7:tenants[0].mapping.hide[2]: must be a section of keys with values, not a single value")
	check(t, mapping(`domains: [{match: {code: "a|b"}, set: Wonen}]`),
		`7:tenants[0].mapping.domains[0].set: must be mentaal, lichamelijk, participatie or wonen, not "Wonen"`)
	check(t, mapping(`show: {stopped: yes, preliminary: "true", final: true}`),
		`7:tenants[0].mapping.show.stopped: must be true or false, without quotes, not "yes"`,
		`7:tenants[0].mapping.show.preliminary: must be true or false, without quotes, not "true"`,
		"7:tenants[0].mapping.show.final: is not a key here; the keys here are stopped, in-progress, preliminary, superseded")
	check(t, mapping("timeline: [report, report, forms]"),
		"7:tenants[0].mapping.timeline[1]: is in the list twice; remove one",
		`7:tenants[0].mapping.timeline[2]: must be report or form, not "forms"`)
	check(t, mapping("author: name"),
		`7:tenants[0].mapping.author: must be name-and-role, role or organisation, not "name"`)
	check(t, mapping("labels: {report: x, forms: }"),
		"7:tenants[0].mapping.labels.report: is not a key here; did you mean reports?",
		"7:tenants[0].mapping.labels.forms: has no value; give it one, or remove the key")
}

func TestTitleOfSingleItemFollowsItsLabel(t *testing.T) {
	t.Parallel()
	for labels, want := range map[string]string{
		"labels: {reports: Verslagen, forms: Formulieren}":               "Verslag, Formulier",
		"labels: {reports: Logboek, forms: Logboek}":                     "Rapportage, Vragenlijst",
		"labels: {reports: Verslagen, single_report: A, single_form: B}": "A, B",
	} {
		got := mustParse(t, mapping(labels)).Tenants[0].Mapping.Labels
		if got := got["single_report"] + ", " + got["single_form"]; got != want {
			t.Errorf("%s: got %s, want %s", labels, got, want)
		}
	}
}

func TestWordsForCodesCanBeOverridden(t *testing.T) {
	t.Parallel()
	labels := mustParse(t, mapping(`labels: {reports: Verslagen, goal_status: {active: Bezig}, reason: {no-match: Niets}}`)).Tenants[0].Mapping.Labels
	for key, want := range map[string]string{
		"goal_status.active": "Bezig", "goal_status.planned": "Gepland", "reason.no-match": "Niets",
		"kind.report": "Verslag", "part.reports": "Verslagen", "category.general": "Algemeen",
	} {
		if got := labels[key]; got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	check(t, mapping("labels: {goal_status: {actief: x}, role: contact}"),
		"7:tenants[0].mapping.labels.goal_status.actief: is not a key here; did you mean active?",
		"7:tenants[0].mapping.labels.role: must be a section of keys with values, not a single value")
}
