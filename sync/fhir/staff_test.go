package fhir

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
)

func TestStaff(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, raw string
		want      *store.Staff
	}{
		{"person", `{"resourceType":"Practitioner","id":"1","active":false,"name":[{"text":"S. de Boer"}],"qualification":[{},{"code":{"text":"verpleegkundige"}}]}`,
			&store.Staff{What: store.StaffPerson, Name: "S. de Boer", Role: "verpleegkundige"}},
		{"role", `{"resourceType":"PractitionerRole","id":"1","practitioner":{"reference":"Practitioner/2","display":"S. de Boer"},"organization":{"reference":"Organization/3","display":"Zorghuis"},"code":[{"coding":[{"code":"x"}]},{"text":"verzorgende IG"}]}`,
			&store.Staff{What: store.StaffRole, Role: "verzorgende IG", Person: store.Ref{Type: "Practitioner", ID: "2"}, PersonName: "S. de Boer",
				Organization: store.Ref{Type: "Organization", ID: "3"}, OrgName: "Zorghuis"}},
		{"role by specialty", `{"resourceType":"PractitionerRole","id":"1","specialty":[{"coding":[{"display":"Neuroloog"}]}]}`,
			&store.Staff{What: store.StaffRole, Role: "Neuroloog"}},
		{"organisation", `{"resourceType":"Organization","id":"1","name":" Thuiszorg  X "}`,
			&store.Staff{What: store.StaffOrganization, Name: "Thuiszorg X"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, contentOf[*store.Staff](t, Mapping{}, test.raw)); diff != "" {
				t.Error(diff)
			}
			if it := mapOne(t, Mapping{}, test.raw); it.Client != "" {
				t.Errorf("belongs to %q", it.Client)
			}
		})
	}
}
