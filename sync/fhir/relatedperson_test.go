package fhir

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

func TestRelatedPerson(t *testing.T) {
	t.Parallel()
	got := contentOf[*dossier.Contact](t, Mapping{}, with(t, contact,
		"active", `true`,
		"relationship", `[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-RoleCode","code":"DAU","display":"daughter"}]}]`,
		"telecom", `[{"system":"phone","value":"020 1234567","use":"home"},{"system":"phone","value":"06 12345678","use":"mobile"},
			{"system":"phone","value":"06 0","use":"old"},{"system":"email","value":"jan@example.nl"},{"system":"fax","value":"1"}]`,
		"period", `{"start":"2020-01-01","end":"2025-06-30T22:30:00Z"}`))
	want := &dossier.Contact{Name: "Jan de Wit", Relationship: "dochter", Email: "jan@example.nl", Phone: "06 12345678", Active: true, Ends: "2025-07-01"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A contact who has ended stays known, so that its grant can stop counting.
func TestEndedContactStaysKnown(t *testing.T) { // case 80
	t.Parallel()
	if got := contentOf[*dossier.Contact](t, Mapping{}, with(t, contact, "active", `false`)); got.Active {
		t.Error("still active")
	}
	if got := contentOf[*dossier.Contact](t, Mapping{}, with(t, contact, "period", `{"end":"2025-03"}`)).Ends; got != "2025-03-31" {
		t.Errorf("got %q", got)
	}
}

func TestRelationship(t *testing.T) {
	t.Parallel()
	role := func(code string) string {
		return `{"system":"http://terminology.hl7.org/CodeSystem/v3-RoleCode","code":"` + code + `"}`
	}
	for _, test := range []struct{ name, list, want string }{
		{"text first", `[{"text":"Schoondochter","coding":[` + role("DAU") + `]}]`, "Schoondochter"},
		{"kinship before the part played", `[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0131","code":"N"},` + role("WIFE") + `]}]`, "echtgenote"},
		{"the part played", `[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0131","code":"C"}]}]`, "contactpersoon bij nood"},
		{"both, as zib has them", `[{"coding":[{"code":"01","display":"Eerste relatie/contactpersoon"}]},{"coding":[` + role("HUSB") + `]}]`, "Eerste relatie/contactpersoon, echtgenoot"},
		{"a display where we have no word", `[{"coding":[{"system":"x","code":"DAU","display":"Dochter van"}]}]`, "Dochter van"},
		{"twice the same", `[{"coding":[` + role("SON") + `]},{"text":"zoon"}]`, "zoon"},
		{"none", `[]`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := contentOf[*dossier.Contact](t, Mapping{}, with(t, contact, "relationship", test.list)).Relationship; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestMobileByZib(t *testing.T) {
	t.Parallel()
	const mobile = `{"extension":[{"url":"http://nictiz.nl/fhir/StructureDefinition/ext-CodeSpecification","valueCodeableConcept":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-AddressUse","code":"MC"}]}}]}`
	got := contentOf[*dossier.Contact](t, Mapping{}, with(t, contact, "telecom", `[{"system":"phone","value":"1"},{"system":"phone","_system":`+mobile+`,"value":"2"}]`))
	if got.Phone != "2" {
		t.Errorf("got %q", got.Phone)
	}
}
