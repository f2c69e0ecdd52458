package app

import (
	"net/url"
	"testing"
	"time"

	"dossiersync/config"
)

func digestOf(t *testing.T, change func(*config.Tenant)) string {
	t.Helper()
	base, err := url.Parse("https://ecd.example/fhir")
	if err != nil {
		t.Fatal(err)
	}
	tenant := config.Tenant{ID: "amaris", Name: "Amaris", Location: time.UTC, Schedule: config.Schedule{Text: "0 7 * * *"},
		Source: config.Source{FHIR: config.FHIR{BaseURL: base}}}
	change(&tenant)
	digests, err := configDigests(&config.Config{Tenants: []config.Tenant{tenant}})
	if err != nil {
		t.Fatal(err)
	}
	return digests["amaris"]
}

func TestDigestChangesWithTheTenantButNotWithSecrets(t *testing.T) {
	t.Parallel()
	want := digestOf(t, func(*config.Tenant) {})
	for name, tt := range map[string]struct {
		change func(*config.Tenant)
		same   bool
	}{
		"nothing": {func(*config.Tenant) {}, true},
		"a secret": {func(t *config.Tenant) {
			t.Source.FHIR.Auth.Bearer = &config.Bearer{Token: config.Credential{Value: "geheim"}}
		}, true},
		"the address":  {func(t *config.Tenant) { t.Source.FHIR.BaseURL = &url.URL{Scheme: "https", Host: "other.example"} }, false},
		"the schedule": {func(t *config.Tenant) { t.Schedule.Text = "0 8 * * *" }, false},
		"the zone":     {func(t *config.Tenant) { t.Location = time.FixedZone("CET", 3600) }, false},
		"a rule": {func(t *config.Tenant) {
			t.Mapping.Hide = []config.Match{{Security: config.Code{System: "s", Code: "geheim"}}}
		}, false},
		"the searches": {func(t *config.Tenant) { t.Source.FHIR.Search = map[string][]string{"reports": {"Observation"}} }, false},
	} {
		if got := digestOf(t, tt.change); (got == want) != tt.same {
			t.Errorf("after a change of %s the digest is %s, was %s", name, got, want)
		}
	}
}
