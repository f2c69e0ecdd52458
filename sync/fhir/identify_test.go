package fhir

import (
	"strings"
	"testing"

	"dossiersync/store/dossier"
)

func TestIdentifyTellsWhichRecordBytesAreOf(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Tenant: "amaris", BaseURL: mustURL("https://ecd.example/fhir"), Zone: mustZone()})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		stream    dossier.Stream
		kind, raw string
		want      string
	}{
		"a good record":       {dossier.StreamReports, "Observation", observation, "r1"},
		"a broken body":       {dossier.StreamReports, "Observation", strings.Replace(observation, `"Goed geslapen."`, `nul`, 1), "r1"},
		"no id":               {dossier.StreamReports, "Observation", with(t, observation, "id", ""), ""},
		"no id that FHIR has": {dossier.StreamReports, "Observation", with(t, observation, "id", `"a b"`), ""},
		"no JSON":             {dossier.StreamReports, "Observation", observation[:40], ""},
		"of another type":     {dossier.StreamReports, "Composition", observation, ""},
		"a type nobody pulls": {dossier.StreamReports, "Encounter", observation, ""},
		"of another stream":   {dossier.StreamForms, "Observation", observation, ""},
		"nothing at all":      {dossier.StreamReports, "Observation", "", ""},
	} {
		ref, ok := s.Identify(test.stream, test.kind, []byte(test.raw))
		if ok != (test.want != "") || ref.ID != test.want {
			t.Errorf("%s: got %+v, %v; want %q", name, ref, ok, test.want)
		}
	}
}
