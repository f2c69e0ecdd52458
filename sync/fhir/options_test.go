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
		`search "Basic" of reports: Basic is not a type of this stream; it may be Observation, DocumentReference, Composition`,
		"parameter _lastUpdated is dossiersync's own", `search "Observation?%zz" of reports: not a query`,
		`search "Patient" of reports: Patient is not a type of this stream`, `search "Observation?code=a" of reports: given twice`,
		"Questionnaire is not a type of this stream; it may be QuestionnaireResponse", `search of "post": no such stream`,
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
	want := []string{"Patient?", "RelatedPerson?", "Questionnaire?", "Goal?", "CarePlan?", "Observation?code=a", "Observation?code=b&category=c",
		"QuestionnaireResponse?"}
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
