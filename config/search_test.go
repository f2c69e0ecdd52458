package config_test

import "testing"

func TestFaultsOfSearches(t *testing.T) {
	t.Parallel()
	check(t, source("search: {clients: []}"),
		"8:tenants[0].source.fhir.search.clients: is empty, but without clients nothing can be shown; write a search such as Patient, or remove the key")
	check(t, source("search: {report: []}"),
		"8:tenants[0].source.fhir.search.report: is not a key here; did you mean reports?")
	check(t, source("search: {reports: }"),
		"8:tenants[0].source.fhir.search.reports: has no value; write [] for an empty list, or remove the key")
	check(t, source("search: {reports: Observation}"),
		"8:tenants[0].source.fhir.search.reports: must be a list, written [a, b] or with a line `- …` for each item, not a single value")
	check(t, source("search: {reports: [Observatio]}"),
		`8:tenants[0].source.fhir.search.reports[0]: must search for Observation, DocumentReference or Composition, such as Observation?_tag=…; it is "Observatio"`)
	check(t, source(`search:
  forms:
    - QuestionnaireResponse?_tag=a
    - QuestionnaireResponse?_tag=a`),
		"11:tenants[0].source.fhir.search.forms[1]: is in the list twice; remove one")
}
