package fhir

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

func TestPatient(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change []string
		want   *dossier.Client
	}{
		{"plain", nil, &dossier.Client{Name: "Jo de Wit", SortName: "Wit, Jo de"}},
		{"active", []string{"active", `true`}, &dossier.Client{Name: "Jo de Wit", SortName: "Wit, Jo de"}},
		{"case 3 deceased", []string{"deceasedBoolean", `true`}, &dossier.Client{Name: "Jo de Wit", SortName: "Wit, Jo de", Deceased: true}},
		{"case 3 deceased, and no longer active", []string{"active", `false`, "deceasedBoolean", `true`}, &dossier.Client{Name: "Jo de Wit", SortName: "Wit, Jo de", Deceased: true}},
		{"case 3 deceased some day", []string{"deceasedDateTime", `"2025"`}, &dossier.Client{Name: "Jo de Wit", SortName: "Wit, Jo de", Deceased: true}},
		{"case 3 corrected to alive", []string{"deceasedBoolean", `false`}, &dossier.Client{Name: "Jo de Wit", SortName: "Wit, Jo de"}},
		{"no name", []string{"name", ""}, &dossier.Client{}},
		{"a BSN is not stored", []string{"identifier", `[{"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":"111222333"}]`}, &dossier.Client{Name: "Jo de Wit", SortName: "Wit, Jo de"}},
		{"a partial date of birth", []string{"birthDate", `"1934"`}, &dossier.Client{Name: "Jo de Wit", SortName: "Wit, Jo de", BirthDate: "1934"}},
		{"a date of birth that is none", []string{"birthDate", `1934`}, &dossier.Client{Name: "Jo de Wit", SortName: "Wit, Jo de"}},
		{"a team", []string{"managingOrganization", `{"display":"De  Vlieger"}`}, &dossier.Client{Name: "Jo de Wit", SortName: "Wit, Jo de", Team: "De Vlieger"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, contentOf[*dossier.Client](t, Mapping{}, with(t, patient, test.change...))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Of a merged client the engine must know into whom, and nobody anything else.
func TestMergedPatient(t *testing.T) { // case 4
	t.Parallel()
	for other, want := range map[string]dossier.Content{
		`{"reference":"Patient/c2"}`: &dossier.Client{ReplacedBy: "c2"},
		`{"display":"iemand"}`:       nil,
		`{"reference":"Group/c2"}`:   nil,
	} {
		it := mapOne(t, Mapping{}, with(t, patient, "link", `[{"type":"seealso","other":{"reference":"Patient/x"}},{"type":"replaced-by","other":`+other+`}]`))
		if diff := cmp.Diff(want, it.Content); diff != "" || it.Reason != dossier.HiddenMerged {
			t.Error(it.Reason, diff)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	ext := func(pairs ...string) string {
		s := `{"extension":[`
		for i := 0; i < len(pairs); i += 2 {
			if i > 0 {
				s += ","
			}
			s += `{"url":"http://hl7.org/fhir/StructureDefinition/humanname-` + pairs[i] + `","valueString":"` + pairs[i+1] + `"}`
		}
		return s + `]}`
	}
	q := func(code string) string {
		return `{"extension":[{"url":"` + extQualifier + `","valueCode":"` + code + `"}]}`
	}
	for _, test := range []struct{ name, names, want string }{
		{"text first", `[{"text":"Jo van Putten","family":"x","given":["y"]}]`, "Jo van Putten"},
		{"official before usual", `[{"use":"usual","text":"Jo"},{"use":"official","text":"Johanna van Putten"}]`, "Johanna van Putten"},
		{"usual before a nickname", `[{"use":"nickname","text":"Jopie"},{"use":"usual","text":"Jo de Wit"}]`, "Jo de Wit"},
		{"old only when there is no other", `[{"use":"old","text":"Oud"},{"use":"temp","text":"Nieuw"}]`, "Nieuw"},
		{"an empty official one", `[{"use":"official"},{"use":"usual","text":"Jo"}]`, "Jo"},
		{"composed", `[{"prefix":["Dr."],"given":["Pieter","Jan"],"family":"van de Heuvel","suffix":["MSc"]}]`, "Dr. Pieter Jan van de Heuvel MSc"},
		{"family in parts", `[{"given":["Ingrid"],"_family":` + ext("own-prefix", "de", "own-name", "Jong", "partner-prefix", "de", "partner-name", "Wit") + `}]`, "Ingrid de Jong-de Wit"},
		{"own name only", `[{"_family":` + ext("own-prefix", "van", "own-name", "Heck") + `}]`, "van Heck"},
		{"partner's name only", `[{"_family":` + ext("partner-name", "Wit") + `}]`, "Wit"},
		{"initials", `[{"given":["J.","H.","R."],"_given":[` + q("IN") + `,` + q("IN") + `,` + q("IN") + `],"family":"Peters"}]`, "J.H.R. Peters"},
		{"names before initials", `[{"given":["J.","Johanna","Jo"],"_given":[` + q("IN") + `,` + q("BR") + `,` + q("CL") + `],"family":"Wit"}]`, "Johanna Wit"},
		{"name for daily use before initials", `[{"given":["J.","Jo"],"_given":[` + q("IN") + `,` + q("CL") + `],"family":"Wit"}]`, "Jo Wit"},
		{"a prefix of the family name", `[{"prefix":["mw.","van der"],"_prefix":[null,` + q("VV") + `],"given":["Jo"],"family":"Linden"}]`, "mw. Jo van der Linden"},
		{"null among the given names", `[{"given":[null,"Jo"],"_given":[{"id":"x"},null],"family":"Wit"}]`, "Jo Wit"},
		{"white space", `[{"text":"  Jo \n de\tWit "}]`, "Jo de Wit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := contentOf[*dossier.Client](t, Mapping{}, with(t, patient, "name", test.names)).Name; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestSortNameBeginsWithTheFamilyName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		`{"text": "Antje van der Meer"}`:                                               "Meer, Antje van der",
		`{"text": "Antje van der Meer", "family": "van der Meer", "given": ["Antje"]}`: "Meer, Antje van der",
		`{"family": "Meer-de Wit", "prefix": ["van der"], "given": ["Antje", "Maria"], "_prefix": [{"extension": [
			{"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier", "valueCode": "VV"}]}]}`: "Meer-de Wit, Antje Maria van der",
		`{"text": "Dhr. J. de Vries MSc", "family": "de Vries"}`: "Vries, Dhr. J. de MSc",
		`{"text": "Meer, van der, Antje"}`:                       "Meer, van der, Antje",
		`{"family": "Jansen"}`:                                   "Jansen",
		`{"given": ["Lotte"]}`:                                   "Lotte",
		`{"family": "De"}`:                                       "De",
		`{"text": "T. 't Hart", "family": "'t Hart"}`:            "Hart, T. 't",
		`{"text": "Jan Jansen", "family": "Pietersen"}`:          "Jansen, Jan",
		`{}`: "",
	} {
		got := contentOf[*dossier.Client](t, Mapping{}, with(t, patient, "name", "["+name+"]")).SortName
		if got != want {
			t.Errorf("the sort name of %s is %q, want %q", name, got, want)
		}
	}
}
