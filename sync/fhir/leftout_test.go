package fhir

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

// leftOutOf returns what the mapping of raw leaves out, as "kind place".
func leftOutOf(t *testing.T, rules Mapping, raw string) []string {
	t.Helper()
	m := testMapper(rules)
	it := m.item(&resource{limits: m.limits}, testType(t, m, exampleType(t, []byte(raw))), []byte(raw), false)
	if it.State != dossier.StateShown {
		t.Fatalf("%s %s %s", it.State, it.Reason, it.Detail)
	}
	all := []string{}
	for _, l := range it.LeftOut {
		all = append(all, string(l.Kind)+" "+l.Place)
	}
	slices.Sort(all)
	return all
}

func observationWith(members string) string {
	return `{"resourceType":"Observation","id":"o","meta":{"lastUpdated":"2026-01-01T10:00:00Z"},"status":"final",
		"code":{"coding":[{"system":"http://snomed.info/sct","code":"11591000146107","display":"verslag"}]},
		"subject":{"reference":"Patient/1","display":"Mw. J. van Putten"},"valueString":"Goed geslapen.",` + members + `}`
}

func planWith(members string) string {
	return `{"resourceType":"CarePlan","id":"p","status":"active","intent":"plan","subject":{"reference":"Patient/1"},
		"title":"Zorgleefplan","period":{"start":"2026-01-01"},` + members + `}`
}

func TestUnreadMembersAreCountedByPlace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		raw  string
		want []string
	}{
		"nothing":           {observationWith(`"issued":"2026-01-01T10:00:00Z"`), []string{}},
		"a word":            {observationWith(`"bodySite":{"text":"hiel"}`), []string{"unread Observation.bodySite"}},
		"a code only":       {observationWith(`"interpretation":[{"coding":[{"code":"H"}]}]`), []string{"unread Observation.interpretation"}},
		"a whole part":      {observationWith(`"referenceRange":[{"text":"3-5","low":{"value":3}}]`), []string{"unread Observation.referenceRange"}},
		"a name not in R4":  {observationWith(`"geheim":"Jansen"`), []string{"unread Observation.other"}},
		"a nested one":      {planWith(`"note":[{"text":"x","kleur":"rood"}]`), []string{"unread CarePlan.note.other"}},
		"an extension":      {observationWith(`"extension":[{"url":"http://x/mood","valueString":"blij"}]`), []string{"unread Observation.extension"}},
		"beside a member":   {observationWith(`"_valueString":{"extension":[{"url":"http://x/by","valueString":"stagiair"}]}`), []string{"unread Observation.valueString.extension"}},
		"a second value":    {observationWith(`"valueCodeableConcept":{"text":"anders"}`), []string{"unread Observation.valueCodeableConcept"}},
		"a read narrative":  {observationWith(`"text":{"status":"additional","div":"<div xmlns='http://www.w3.org/1999/xhtml'>Meer.</div>"}`), []string{"unread Observation.text"}},
		"within a concept":  {planWith(`"addresses":[{"display":"Vallen","zin":"x"}],"activity":[{"detail":{"status":"scheduled","description":"Bad","reasonCode":[{"text":"zorg","extension":[{"url":"http://x/more","valueString":"nacht"}]}]}}]`), []string{"unread CarePlan.activity.detail.reasonCode.extension", "unread CarePlan.addresses.other"}},
		"within a link":     {observationWith(`"performer":[{"display":"Bos","_display":{"extension":[{"url":"http://x/by","valueString":"stagiair"}]}}]`), []string{"unread Observation.performer.display.extension"}},
		"of R5":             {planWith(`"addresses":[{"concept":{"text":"Vallen"}}]`), []string{"unread CarePlan.addresses.other"}},
		"a link to nothing": {observationWith(`"basedOn":[{"display":"Plan Zomer"}],"focus":[{"reference":"urn:uuid:1","display":"Lopen"}]`), []string{"unread Observation.basedOn", "unread Observation.focus"}},
		"an unknown goal":   {planWith(`"goal":[{"display":"Zelf lopen"},{"reference":"https://elders.example/Goal/1","display":"Lopen"}]`), []string{"unread CarePlan.goal"}},
		"within contained":  {planWith(`"contained":[{"resourceType":"Goal","id":"g","lifecycleStatus":"active","description":{"text":"Lopen"},"priority":{"text":"hoog"}}],"goal":[{"reference":"#g"}]`), []string{"unread CarePlan.contained.Goal.priority"}},
		"contained, unread": {planWith(`"contained":[{"resourceType":"ServiceRequest","id":"s","status":"active","code":{"text":"Wassen"}}]`), []string{"unread CarePlan.contained.ServiceRequest.code"}},
		"contained, other":  {planWith(`"contained":[{"resourceType":"Basic","id":"s","code":{"text":"x"}}]`), []string{"unread CarePlan.contained.other"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, leftOutOf(t, Mapping{}, c.raw)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What says nothing to readers, or is said elsewhere, is not counted.
func TestSilentMembersAreNotCounted(t *testing.T) {
	t.Parallel()
	for _, members := range []string{
		`"identifier":[{"system":"x","value":"R-1"}]`,
		`"text":{"status":"generated","div":"<div xmlns='http://www.w3.org/1999/xhtml'>Verslag</div>"}`,
		`"text":{"status":"extensions","div":"<div xmlns='http://www.w3.org/1999/xhtml'>Verslag</div>"}`,
		`"encounter":{"reference":"Encounter/1"}`,
		`"extension":[{"url":"http://x/code","valueCode":"abc"}]`,
		`"bodySite":{"text":"  "}`,
		`"basedOn":[{"reference":"CarePlan/1","display":"Plan Zomer"}]`,
		`"category":[{"coding":[{"system":"http://x","code":"nacht"}]}]`,
		`"interpretation":null`,
		`"language":"nl"`,
		`"_valueString":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}`,
	} {
		if got := leftOutOf(t, Mapping{}, observationWith(members)); len(got) > 0 {
			t.Errorf("%s: got %v", members, got)
		}
	}
	names := `{"resourceType":"Patient","id":"1","active":true,"name":[{"use":"official","text":"J. de Vries","family":"Vries"},
		{"use":"old","text":"J. Bakker"},{"text":"J. Smit","period":{"end":"2019-01-01"}}],"telecom":[{"system":"phone","value":"020"}]}`
	if got := leftOutOf(t, Mapping{}, names); len(got) > 0 {
		t.Errorf("names: got %v", got)
	}
}

// What a mark, a rule or a status keeps from readers is counted apart.
func TestWithheldMembersAreCountedApart(t *testing.T) {
	t.Parallel()
	hide := Mapping{Hide: []Rule{{Match: Match{Category: Code{"", "juridisch"}}}}}
	for name, c := range map[string]struct {
		raw  string
		want string
	}{
		"contained goal by rule": {planWith(`"contained":[{"resourceType":"Goal","id":"g","lifecycleStatus":"active",
			"category":[{"coding":[{"code":"juridisch"}]}],"description":{"text":"Bewind"}}],"goal":[{"reference":"#g"}]`),
			"withheld CarePlan.contained"},
		"goal by status": {planWith(`"contained":[{"resourceType":"Goal","id":"g","lifecycleStatus":"proposed",
			"description":{"text":"Bewind"}}],"goal":[{"reference":"#g"}]`), "withheld CarePlan.contained"},
		"action by status": {planWith(`"activity":[{"detail":{"status":"entered-in-error","description":"Fout"}}]`),
			"withheld CarePlan.activity.detail"},
		"labelled element": {observationWith(`"note":[{"text":"niet delen","extension":[{
			"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label",
			"valueCoding":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"NOPAT"}}]}]`),
			"withheld Observation.note"},
	} {
		if diff := cmp.Diff([]string{c.want}, leftOutOf(t, hide, c.raw)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Looking for what was not read changes nothing of what was read.
func TestLeftOutLeavesTheItemAsItIs(t *testing.T) {
	t.Parallel()
	for _, members := range []string{
		`"bodySite":"not an object"`, `"note":{}`, `"text":{"status":"additional","div":5}`,
		`"specimen":{"modifierExtension":[{"url":"x"}]}`, `"referenceRange":[[[["deep"]]]]`, `"extension":{"url":"x"}`,
		`"contained":"x"`, `"contained":[1,{"resourceType":7}]`, `"method":{"coding":{"display":"x"}}`, `"issued":"2026"`,
	} {
		m := testMapper(Mapping{})
		it := m.item(&resource{limits: m.limits}, testType(t, m, "Observation"), []byte(observationWith(members)), false)
		if it.Reason == dossier.BadBody && !strings.Contains(it.Detail, "text") && !strings.Contains(it.Detail, "note") &&
			!strings.Contains(it.Detail, "extension") && !strings.Contains(it.Detail, "contained") {
			t.Errorf("%s: %s %s %s", members, it.State, it.Reason, it.Detail)
		}
	}
}

func TestVisibleWordsAreCollectedByPlace(t *testing.T) {
	t.Parallel()
	m := testMapper(Mapping{})
	raw := planWith(`"description":"Elke dag <b>wandelen</b>","created":"2026-01-01","text":{"status":"additional",
		"div":"<div xmlns='http://www.w3.org/1999/xhtml'>Zie <s>niet</s> bijlage</div>"},"category":[{"text":"Zorg"}],
		"note":[{"authorString":"Zus","time":"2026-01-02T10:00:00Z","text":"Belt maandag"}],"author":{"display":"Arts"}`)
	r := &resource{limits: m.limits}
	m.item(r, testType(t, m, "CarePlan"), []byte(raw), false)
	got := make(map[string]string)
	for _, w := range m.sourceWords(r, "CarePlan") {
		got[w.Place] = w.Text
	}
	want := map[string]string{"CarePlan.title": "Zorgleefplan", "CarePlan.description": "Elke dag wandelen", "CarePlan.text": "Zie bijlage",
		"CarePlan.category": "Zorg", "CarePlan.note.authorString": "Zus", "CarePlan.note.text": "Belt maandag"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Every type that is pulled has a table of its members, and every reason in the table is explained.
func TestEveryPulledTypeHasPlaces(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		if r4()[k.name] == nil {
			t.Errorf("r4.txt has no %s", k.name)
		}
	}
	for l := range strings.Lines(r4Table) {
		for _, m := range strings.Fields(l)[1:] {
			_, kind, hasType := strings.Cut(m, ":")
			_, reason, skipped := strings.Cut(m, "-")
			switch {
			case strings.HasPrefix(l, "#"):
			case skipped && notCounted[reason] == "":
				t.Errorf("%s: the reason %s is not explained", m, reason)
			case hasType && kind != "Narrative" && !strings.Contains(r4Table, "\n"+kind+" "):
				t.Errorf("%s: r4.txt has no %s", m, kind)
			}
		}
	}
}

// One record in a hundred, or nearly so, is looked at by its words.
func TestSampleIsOneInAHundred(t *testing.T) {
	t.Parallel()
	n := 0
	for i := range 20_000 {
		if isSampled(dossier.Ref{Type: "Observation", ID: fmt.Sprint(i)}) {
			n++
		}
	}
	if n < 150 || 250 < n {
		t.Errorf("%d of 20,000", n)
	}
}

// No place of the resources that others wrote is one that nobody has looked at.
func TestExamplesLeaveOutAcceptedPlacesOnly(t *testing.T) {
	t.Parallel()
	resources := exampleResources(t)
	m := testMapper(Mapping{ShowSuperseded: true, ShowPreliminary: true, ShowInProgress: true,
		ReportCodes: []Code{reportCode, {Code: "34117-2"}, {Code: "11591000146107"}}})
	r := &resource{limits: m.limits}
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		kind := exampleType(t, resources[name])
		if _, ok := kindNamed(kind); !ok {
			continue
		}
		for _, l := range m.item(r, testType(t, m, kind), resources[name], false).LeftOut {
			if _, ok := dossier.LeftOutReason(l.Place); !ok && l.Kind != dossier.LeftOutWithheld {
				t.Errorf("%s: %s %s is not in store/dossier/leftout.txt", name, l.Kind, l.Place)
			}
		}
	}
}
