package fhir

import (
	"strings"
	"testing"

	"dossiersync/store"
)

func TestIdentifyTellsWhichRecordBytesAreOf(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Tenant: "amaris", BaseURL: mustURL("https://ecd.example/fhir"), Zone: mustZone()})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		stream    store.Stream
		kind, raw string
		want      string
	}{
		"a good record":       {store.StreamReports, "Observation", observation, "r1"},
		"a broken body":       {store.StreamReports, "Observation", strings.Replace(observation, `"Goed geslapen."`, `nul`, 1), "r1"},
		"no id":               {store.StreamReports, "Observation", with(t, observation, "id", ""), ""},
		"no id that FHIR has": {store.StreamReports, "Observation", with(t, observation, "id", `"a b"`), ""},
		"no JSON":             {store.StreamReports, "Observation", observation[:40], ""},
		"of another type":     {store.StreamReports, "Composition", observation, ""},
		"a type nobody pulls": {store.StreamReports, "Encounter", observation, ""},
		"of another stream":   {store.StreamForms, "Observation", observation, ""},
		"nothing at all":      {store.StreamReports, "Observation", "", ""},
	} {
		ref, ok := s.Identify(test.stream, test.kind, []byte(test.raw))
		if ok != (test.want != "") || ref.ID != test.want {
			t.Errorf("%s: got %+v, %v; want %q", name, ref, ok, test.want)
		}
	}
}
