package fhir

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// typicalObservation is a day report as care record systems send it: 1.9 kB, of
// which a third is read.
const typicalObservation = `{"resourceType":"Observation","id":"obs-%d","meta":{"versionId":"3","lastUpdated":"2025-03-04T09:15:22.123+01:00","source":"#Xb3kq7","profile":["http://nictiz.nl/fhir/StructureDefinition/nl-core-Observation"],"tag":[{"system":"https://ecd.example/kind","code":"algemeen","display":"Algemeen"}]},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><table><caption>Observatie. Subject: Patient, status: final</caption><tbody><tr><th>Code</th><td><span title=\"dagrapportage (11591000146107 - SNOMED CT)\">Dagrapportage</span></td></tr></tbody></table></div>"},"identifier":[{"system":"https://ecd.example/rapportage","value":"R-2025-%d"}],"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"survey","display":"Survey"}]}],"code":{"coding":[{"system":"http://snomed.info/sct","code":"11591000146107","display":"patiëntcontactverslag"}],"text":"Dagrapportage"},"subject":{"reference":"Patient/client-%d","type":"Patient","display":"Mw. J. van Putten"},"effectiveDateTime":"2025-03-04T08:40:00+01:00","issued":"2025-03-04T09:15:20.000+01:00","performer":[{"reference":"PractitionerRole/role-17","type":"PractitionerRole","display":"S. de Boer, verzorgende IG"}],"valueString":"Mevrouw heeft vannacht goed geslapen en was om half acht wakker. Bij de ochtendzorg geholpen met wassen en aankleden; kousen aangetrokken.\nZe heeft twee boterhammen gegeten en een kop thee gedronken, medicatie ingenomen. Daarna met de fysiotherapeut een rondje gelopen over de gang, dat ging met de rollator goed.\nVanmiddag komt haar dochter \"rond drie uur\" op bezoek; mevrouw kijkt daar erg naar uit. Graag vanavond opnieuw letten op de huid bij de linkerhiel (lichte roodheid, geen pijn).","basedOn":[{"reference":"CarePlan/plan-4","display":"Zorgleefplan 2025"}]}`

func benchMapper() (*mapper, source.Type) {
	s, err := New(Options{Tenant: "amaris", BaseURL: mustURL("https://ecd.example/fhir"), Zone: mustZone(),
		Mapping: Mapping{
			Category: []Rule{{Match{Tag: Code{"https://ecd.example/kind", "zorgleefplan"}}, dossier.CategoryCarePlan}},
			Hide:     []Rule{{Match: Match{Tag: Code{"https://ecd.example/kind", "intern"}}}},
		}})
	if err != nil {
		panic(err)
	}
	t, _ := s.typeOf(dossier.StreamReports, "Observation")
	return s.mapper, t
}

func BenchmarkObservation(b *testing.B) {
	m, t := benchMapper()
	raw := []byte(fmt.Sprintf(typicalObservation, 1, 1, 1))
	r := &resource{limits: m.limits}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if it := m.item(r, t, raw, false); it.State != dossier.StateShown {
			b.Fatal(it.State, it.Reason, it.Detail)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "items/s")
}

// BenchmarkPage decodes a page of 500 as Search does once it has arrived.
func BenchmarkPage(b *testing.B) {
	m, t := benchMapper()
	body := bundleOf(500)
	q := source.Query{Type: t, From: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		bu, err := readBundle(body, m.limits)
		if err != nil {
			b.Fatal(err)
		}
		var p source.Page
		if m.entries(&p, q, bu.entries); len(p.Items) != 500 {
			b.Fatal(len(p.Items))
		}
	}
	b.ReportMetric(500*float64(b.N)/b.Elapsed().Seconds(), "items/s")
}

func bundleOf(n int) []byte {
	var w bytes.Buffer
	fmt.Fprintf(&w, `{"resourceType":"Bundle","type":"searchset","total":%d,"link":[{"relation":"self","url":"https://ecd.example/fhir/Observation?_lastUpdated=ge2025"}],"entry":[`, n)
	for i := range n {
		if i > 0 {
			w.WriteByte(',')
		}
		fmt.Fprintf(&w, `{"fullUrl":"https://ecd.example/fhir/Observation/obs-%d","resource":`, i)
		fmt.Fprintf(&w, typicalObservation, i, i, i%40)
		w.WriteString(`,"search":{"mode":"match"}}`)
	}
	w.WriteString("]}")
	return w.Bytes()
}

// BenchmarkLeftOut looks for what a mapping did not read, which is part of BenchmarkObservation.
func BenchmarkLeftOut(b *testing.B) {
	m, t := benchMapper()
	raw := fmt.Appendf(nil, typicalObservation, 1, 1, 1)
	r := &resource{limits: m.limits}
	m.item(r, t, raw, false)
	b.ReportAllocs()
	for b.Loop() {
		if len(m.leftOut(r, "Observation")) != 1 {
			b.Fatal(m.leftOut(r, "Observation"))
		}
	}
}
