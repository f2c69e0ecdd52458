package fhir

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

func TestStaff(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, raw string
		want      *dossier.Staff
	}{
		{"person", `{"resourceType":"Practitioner","id":"1","active":false,"name":[{"text":"S. de Boer"}],"qualification":[{},{"code":{"text":"verpleegkundige"}}]}`,
			&dossier.Staff{What: dossier.StaffPerson, Name: "S. de Boer", Role: "verpleegkundige"}},
		{"role", `{"resourceType":"PractitionerRole","id":"1","practitioner":{"reference":"Practitioner/2","display":"S. de Boer"},"organization":{"reference":"Organization/3","display":"Zorghuis"},"code":[{"coding":[{"code":"x"}]},{"text":"verzorgende IG"}]}`,
			&dossier.Staff{What: dossier.StaffRole, Role: "verzorgende IG", Person: dossier.Ref{Type: "Practitioner", ID: "2"}, PersonName: "S. de Boer",
				Organization: dossier.Ref{Type: "Organization", ID: "3"}, OrgName: "Zorghuis"}},
		{"role by specialty", `{"resourceType":"PractitionerRole","id":"1","specialty":[{"coding":[{"display":"Neuroloog"}]}]}`,
			&dossier.Staff{What: dossier.StaffRole, Role: "Neuroloog"}},
		{"organisation", `{"resourceType":"Organization","id":"1","name":" Thuiszorg  X "}`,
			&dossier.Staff{What: dossier.StaffOrganization, Name: "Thuiszorg X"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, contentOf[*dossier.Staff](t, Mapping{}, test.raw)); diff != "" {
				t.Error(diff)
			}
			if it := mapOne(t, Mapping{}, test.raw); it.Client != "" {
				t.Errorf("belongs to %q", it.Client)
			}
		})
	}
}
