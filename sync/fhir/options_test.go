package fhir

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

func TestOptionsFaultsAllAtOnce(t *testing.T) {
	t.Parallel()
	_, err := New(Options{
		BaseURL: mustURL("ftp://ecd.example/fhir"), PageSize: -1,
		Searches: map[dossier.Stream][]string{
			dossier.StreamReports: {"Basic", "Observation?_lastUpdated=ge2020", "Observation?%zz", "Patient", "Observation?code=a", "Observation?code=a"},
			dossier.StreamForms:   {"Questionnaire"},
			"post":                {"Patient"},
		},
		Mapping: Mapping{
			Category: []Rule{{Match{Tag: Code{Code: "x"}}, "plan"}},
			Hide:     []Rule{{}},
			Domain:   []Rule{{Match: Match{Tag: Code{Code: "x"}}}},
		},
	})
	for _, want := range []string{
		"no tenant", "base URL: not an http or https URL", "must not be negative",
		`search "Basic" of reports must search for Observation, DocumentReference or Composition, such as Observation?_tag=…`,
		"has the parameter _lastUpdated, which dossiersync sets itself", `search "Observation?%zz" of reports has parameters that cannot be read`,
		`search "Patient" of reports must search for`, `search "Observation?code=a" of reports is given twice`,
		`search "Questionnaire" of forms must search for QuestionnaireResponse`, `search of "post": no such stream`,
		`category rule 1 sets "plan", which is none`, "hide rule 1 matches everything", `domain rule 1 sets "", which is none`,
	} {
		if !strings.Contains(errorText(err), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
	for _, base := range []string{"https://ecd.example/fhir?x", "https://u:p@ecd.example/fhir", "https://ecd.example/fhir#x", "/fhir"} {
		if _, err := New(Options{Tenant: "a", BaseURL: mustURL(base)}); err == nil {
			t.Errorf("%s: accepted", base)
		}
	}
	if _, err := New(Options{Tenant: "a"}); err == nil {
		t.Error("no base URL: accepted")
	}
}

func TestSearchesOfATenant(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Tenant: "a", BaseURL: mustURL("https://ecd.example/fhir/"), Searches: map[dossier.Stream][]string{
		dossier.StreamReports:  {"Observation?code=a", "Observation?code=b&category=c"},
		dossier.StreamStaff:    {},
		dossier.StreamContacts: nil,
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, typ := range s.types {
		got = append(got, typ.Name+"?"+typ.Query)
		if typ.Fingerprint == "" {
			t.Errorf("%s: no fingerprint", typ.Name)
		}
	}
	want := []string{"Patient?", "RelatedPerson?", "Questionnaire?", "Goal?", "CarePlan?", "Provenance?", "Consent?", "Observation?code=a", "Observation?category=c&code=b",
		"QuestionnaireResponse?"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUsualSearches(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		codes []Code
		want  []string
	}{
		"without report codes in the configuration": {nil, []string{
			"Observation?code=http%3A%2F%2Fsnomed.info%2Fsct%7C11591000146107", "DocumentReference",
			"Composition?type=http%3A%2F%2Fsnomed.info%2Fsct%7C11591000146107"}},
		"the tenant's own": {[]Code{{"s", "a,b"}, {"", "c$"}}, []string{
			"Observation?code=s%7Ca%5C%2Cb%2C%7Cc%5C%24", "DocumentReference", "Composition?type=s%7Ca%5C%2Cb%2C%7Cc%5C%24"}},
		"none": {[]Code{}, []string{"DocumentReference"}},
	} {
		if diff := cmp.Diff(test.want, Searches(nil, test.codes)[dossier.StreamReports]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A type that the table names and nothing can read would be pulled by nobody.
func TestEveryTypeOfTheTableCanBeRead(t *testing.T) {
	t.Parallel()
	var want, got []string
	for _, stream := range dossier.Streams() {
		want = append(want, stream.Types()...)
	}
	for _, k := range kinds {
		got = append(got, k.name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseCode(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]Code{
		"http://snomed.info/sct|11591000146107": {"http://snomed.info/sct", "11591000146107"},
		"NOPAT":                                 {"", "NOPAT"},
		"a|b|c":                                 {"a|b", "c"},
	} {
		got, err := ParseCode(s)
		if err != nil || got != want || got.String() != s {
			t.Errorf("%s: got %+v %v", s, got, err)
		}
	}
	for _, s := range []string{"", "x|", "|", " a", "a "} {
		if _, err := ParseCode(s); err == nil {
			t.Errorf("%q: accepted", s)
		}
	}
}
