package config_test

import "testing"

func TestFaultsOfSearches(t *testing.T) {
	t.Parallel()
	check(t, source("search: {clients: []}"),
		"8:tenants[0].source.fhir.search.clients: is empty, but nothing can be shown of clients that are not known; write a search such as Patient, or remove the key")
	check(t, source("search: {report: []}"),
		"8:tenants[0].source.fhir.search.report: is not a key here; did you mean reports?")
	check(t, source("search: {reports: }"),
		"8:tenants[0].source.fhir.search.reports: has no value; write [] for an empty list, or remove the key")
	check(t, source("search: {reports: Observation}"),
		"8:tenants[0].source.fhir.search.reports: must be a list, written [a, b] or with a line `- …` for each item, not a single value")
	check(t, source("search: {reports: [Observatio]}"),
		`8:tenants[0].source.fhir.search.reports[0]: must search for Observation, DocumentReference or Composition, such as Observation?_tag=…, not "Observatio"`)
	check(t, source(`search: {forms: ["Observation?code=x"]}`),
		`8:tenants[0].source.fhir.search.forms[0]: must search for QuestionnaireResponse, such as QuestionnaireResponse?_tag=…, not "Observation?code=x"`)
	check(t, source(`search:
  goals:
    - Goal?_count=5
    - Goal?_lastUpdated:missing=true
    - Goal?a=b+c
    - Goal?a=%zz
    - Goal?a
    - Goal?a=b;c=d
    - Goal?_tag=a
    - Goal?_tag=a`),
		"10:tenants[0].source.fhir.search.goals[0]: has the parameter _count, which dossiersync sets itself; remove it",
		"11:tenants[0].source.fhir.search.goals[1]: has the parameter _lastUpdated, which dossiersync sets itself; remove it",
		"12:tenants[0].source.fhir.search.goals[2]: has a + in it, which stands for a space in some places and for itself in others; write %2B for a plus, %20 for a space",
		"13:tenants[0].source.fhir.search.goals[3]: has parameters that cannot be read; write them as in a web address: name=value&name=value, with %3B for a semicolon and %25 for a percent sign",
		"14:tenants[0].source.fhir.search.goals[4]: has a parameter without a name or a value; write name=value",
		"15:tenants[0].source.fhir.search.goals[5]: has parameters that cannot be read; write them as in a web address: name=value&name=value, with %3B for a semicolon and %25 for a percent sign",
		"17:tenants[0].source.fhir.search.goals[7]: is in the list twice; remove one")
}
