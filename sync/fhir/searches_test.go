package fhir

import (
	"testing"

	"dossiersync/store/dossier"
)

func TestFaultsOfSearches(t *testing.T) {
	t.Parallel()
	const unreadable = "has parameters that cannot be read; write them as in a web address: name=value&name=value, " +
		"with %3B for a semicolon and %25 for a percent sign"
	for _, test := range []struct {
		stream       dossier.Stream
		search, want string
	}{
		{"reports", "Observatio", `must search for Observation, DocumentReference or Composition, such as Observation?_tag=…`},
		{"forms", "Observation?code=x", `must search for QuestionnaireResponse, such as QuestionnaireResponse?_tag=…`},
		{"care-plans", "CareTeam", `must search for CarePlan, Provenance or Consent, such as CarePlan?_tag=…`},
		{"goals", "Goal?_count=5", "has the parameter _count, which dossiersync sets itself; remove it"},
		{"goals", "Goal?_lastUpdated:missing=true", "has the parameter _lastUpdated, which dossiersync sets itself; remove it"},
		{"goals", "Goal?a=b+c", "has a + in it, which stands for a space in some places and for itself in others; write %2B for a plus, %20 for a space"},
		{"goals", "Goal?a=%zz", unreadable},
		{"goals", "Goal?a=b;c=d", unreadable},
		{"goals", "Goal?a", "has a parameter without a name or a value; write name=value"},
		{"goals", "Goal?_tag=a", ""},
	} {
		if got := errorText(CheckSearch(test.stream, test.search)); got != test.want {
			t.Errorf("%s: got %q, want %q", test.search, got, test.want)
		}
	}
}
