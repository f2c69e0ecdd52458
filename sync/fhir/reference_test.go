package fhir

import (
	"net/url"
	"testing"

	"dossiersync/store/dossier"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		base, ref, want string
	}{
		{"https://ecd.example/fhir", "Patient/1", "Patient/1"},
		{"https://ecd.example/fhir", "Patient/1/_history/2", "Patient/1"},
		{"https://ecd.example/fhir", "https://ecd.example/fhir/Patient/1", "Patient/1"},
		{"https://ecd.example/fhir", "https://ECD.example:443/fhir/Patient/1/_history/x", "Patient/1"},
		{"https://ecd.example/fhir/", "http://ecd.example/fhir/Patient/1", "Patient/1"},
		{"http://localhost:8090/fhir", "http://localhost:8090/fhir/Patient/a.b-C", "Patient/a.b-C"},
		{"http://localhost:8090/fhir", "http://localhost/fhir/Patient/1", ""},
		{"https://ecd.example/fhir", "https://ecd.example/Patient/1", ""},
		{"https://ecd.example/fhir", "https://ecd.example/fhirx/Patient/1", ""},
		{"https://ecd.example/fhir", "https://ecd.example.evil.example/fhir/Patient/1", ""},
		{"https://ecd.example/fhir", "https://ecd.example@evil.example/fhir/Patient/1", ""},
		{"https://ecd.example/fhir", "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", ""},
		{"https://ecd.example/fhir", "Patient?identifier=a|b", ""},
		{"https://ecd.example/fhir", "Patient", ""},
		{"https://ecd.example/fhir", "Patient/", ""},
		{"https://ecd.example/fhir", "/Patient/1", "Patient/1"},
		{"https://ecd.example/fhir", "/fhir/Patient/1", "Patient/1"},
		{"https://ecd.example/fhir", "/other/Patient/1", ""},
		{"https://ecd.example/fhir", "http://intern:8080/r4/Patient/1", "Patient/1"},
		{"https://ecd.example/fhir", "https://extern.example/fhir/Patient/1", ""},
		{"https://ecd.example/fhir", "//ecd.example/fhir/Patient/1", ""},
		{"https://ecd.example/fhir", "Patient/1/2", ""},
		{"https://ecd.example/fhir", "../Patient/1", ""},
		{"https://ecd.example/fhir", "patient/1", ""},
		{"https://ecd.example/fhir", "", ""},
		{"https://ecd.example/fhir", "https://[", ""},
	} {
		m := &mapper{base: mustURL(test.base), aliases: []*url.URL{mustURL("http://intern:8080/r4/")}}
		got := m.resolve(test.ref)
		want := dossier.Ref{}
		if test.want != "" {
			want.Type, want.ID = "Patient", test.want[len("Patient/"):]
		}
		if got != want {
			t.Errorf("%s under %s: got %v, want %v", test.ref, test.base, got, want)
		}
	}
}
