package fhir

import (
	"strings"
	"testing"

	"dossiersync/store/dossier"
)

func TestClinicalDocument(t *testing.T) { // case 18
	t.Parallel()
	cda := func(sections string) string {
		return `<?xml version="1.0" encoding="UTF-8"?><ClinicalDocument xmlns="urn:hl7-org:v3"><title>Overdracht</title><confidentialityCode code="N"/>
			<recordTarget><patientRole><patient><name>Jo</name></patient></patientRole></recordTarget>
			<component><structuredBody>` + sections + `</structuredBody></component></ClinicalDocument>`
	}
	section := func(head, text, more string) string {
		return `<component><section>` + head + `<text>` + text + `</text>` + more + `</section></component>`
	}
	rules := Mapping{Hide: []Rule{{Match: Match{Code: Code{"http://loinc.org", "1-1"}}}}}
	for _, test := range []struct{ name, src, want string }{
		{"sections", cda(section("<title>Beloop</title>", "<paragraph>Herstelt goed.</paragraph>", "") + section("<title>Leeg</title>", "", "")), "Beloop\nHerstelt goed."},
		{"within sections", cda(section("<title>A</title>", "een", section("<title>B</title>", "twee", ""))), "A\neen\n\nB\ntwee"},
		{"title of sections within", cda(section("<title>A</title>", "", section("", "twee", ""))), "A\n\ntwee"},
		{"markup", cda(section("", `<list listType="ordered"><item>een</item><item>10<sup>9</sup></item></list><table><tbody><tr><td>a</td><td>b</td></tr></tbody></table><content revised="delete">weg</content>`, "")),
			"1. een\n2. 10⁹\n\na | b"},
		{"prefix", `<v3:ClinicalDocument xmlns:v3="urn:hl7-org:v3"><v3:component><v3:structuredBody><v3:component><v3:section><v3:text><v3:paragraph>a</v3:paragraph><v3:paragraph>b</v3:paragraph></v3:text></v3:section></v3:component></v3:structuredBody></v3:component></v3:ClinicalDocument>`, "a\n\nb"},
		{"a section by rule", cda(section(`<code code="1-1" codeSystem="2.16.840.1.113883.6.1"/>`, "weg", "") + section("", "blijft", "")), "blijft"},
		{"a section by label", cda(section(`<confidentialityCode code="NOPAT"/>`, "weg", "") + section("", "blijft", "")), "blijft"},
		{"plain body", `<ClinicalDocument xmlns="urn:hl7-org:v3"><component><nonXMLBody><text mediaType="text/plain">tekst</text></nonXMLBody></component></ClinicalDocument>`, "tekst"},
		{"packed body", `<ClinicalDocument xmlns="urn:hl7-org:v3"><component><nonXMLBody><text mediaType="text/plain" representation="B64">dGVrc3Q=</text></nonXMLBody></component></ClinicalDocument>`, "tekst"},
		{"XHTML called XML", `<html xmlns="http://www.w3.org/1999/xhtml"><body><p>a</p><p>b</p></body></html>`, "a\n\nb"},
	} {
		for _, kind := range []string{"text/plain", "text/xml", "application/hl7-v3+xml", "application/hl7-cda+xml;charset=utf-8"} {
			got := contentOf[*dossier.Report](t, rules, with(t, document, content(inline(kind, test.src))...))
			if got.Text != test.want || got.Attachments != nil {
				t.Errorf("%s as %s: got %q and %v", test.name, kind, got.Text, got.Attachments)
			}
		}
	}
	for name, test := range map[string]struct {
		src    string
		state  dossier.State
		reason dossier.Reason
	}{
		"marked":         {strings.Replace(cda(section("", "weg", "")), `code="N"`, `code="NOPAT"`, 1), dossier.StateHidden, dossier.HiddenModifierExtension},
		"all marked":     {cda(section(`<confidentialityCode code="NOPAT"/>`, "weg", "")), dossier.StateHidden, dossier.HiddenModifierExtension},
		"empty":          {cda(section("", "", "")), dossier.StateHidden, dossier.HiddenEmpty},
		"not understood": {cda(section("", `<content revised="delete">weg</content>`, "")), dossier.StateQuarantined, dossier.BadBody},
		"entries alone":  {cda(section("", "", "<entry><observation/></entry>")), dossier.StateQuarantined, dossier.BadBody},
		"broken":         {"<ClinicalDocument><a></ClinicalDocument>", dossier.StateQuarantined, dossier.BadBody},
		"PDF in it": {`<ClinicalDocument xmlns="urn:hl7-org:v3"><component><nonXMLBody><text mediaType="application/pdf" representation="B64">JVBERi0=</text></nonXMLBody></component></ClinicalDocument>`,
			dossier.StateShown, ""},
	} {
		it := mapOne(t, rules, with(t, document, content(inline("text/xml", test.src))...))
		if it.State != test.state || it.Reason != test.reason {
			t.Errorf("%s: got %s %s %q", name, it.State, it.Reason, it.Detail)
		}
	}
}

// FuzzClinicalDocument: whatever XML comes in, a document comes of it that can be stored.
func FuzzClinicalDocument(f *testing.F) {
	f.Add(`<ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component><section><title>a</title><text><list><item>b</item></list></text></section></component></structuredBody></component></ClinicalDocument>`)
	m := testMapper(Mapping{})
	f.Fuzz(func(t *testing.T, src string) {
		text, _, wrong := m.plainXML(src)
		if wrong != "" && text != "" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }) {
			t.Fatalf("%q: %q %s", src, text, wrong)
		}
	})
}
