package fhir

import (
	"strings"
	"testing"

	"dossiersync/store/dossier"
)

func TestContainedResourcesAreJudged(t *testing.T) { // cases 64, 82
	t.Parallel()
	rules := Mapping{Hide: []Rule{
		{Match: Match{Category: Code{"https://ecd.example/domein", "juridisch"}}},
		{Match: Match{Code: Code{Code: "geheim"}}},
	}}
	for name, test := range map[string]struct {
		more  string
		shown bool
	}{
		"unmarked":            {``, true},
		"own subject":         {`,"subject":{"reference":"Patient/c1"}`, true},
		"own subject in full": {`,"subject":{"reference":"https://ecd.example/fhir/Patient/c1"}`, true},
		"another's":           {`,"subject":{"reference":"Patient/c2"}`, false},
		"of another server":   {`,"subject":{"reference":"https://elders.example/fhir/Patient/c1"}`, false},
		"NOPAT":               {`,"meta":{"security":[{"code":"NOPAT"}]}`, false},
		"tagged NOPAT":        {`,"meta":{"tag":[{"code":"NOPAT"}]}`, false},
		"badly written":       {`,"meta":{"security":[{"display":"no-pat"}]}`, false},
		"rule by category":    {`,"category":[{"coding":[{"system":"https://ecd.example/domein","code":"juridisch"}]}]`, false},
		"rule, no system":     {`,"category":[{"coding":[{"code":"juridisch"}]}]`, false},
		"implicit rules":      {`,"implicitRules":"x"`, false},
	} {
		raw := with(t, carePlan, "goal", `[{"reference":"#g"}]`,
			"contained", `[{"resourceType":"Goal","id":"g","lifecycleStatus":"active","description":{"text":"Zelf koken"}`+test.more+`}]`)
		if got := len(contentOf[*dossier.CarePlan](t, rules, raw).OwnGoals) == 1; got != test.shown {
			t.Errorf("%s: shown is %t", name, got)
		}
		raw = with(t, observation, "performer", `[{"reference":"#s","display":"S. de Boer"}]`,
			"contained", `[{"resourceType":"Practitioner","id":"s","name":[{"text":"S. de Boer"}]`+test.more+`}]`)
		if strings.Contains(name, "category") || strings.Contains(name, "rule, no") {
			continue // a Practitioner has none
		}
		if got := len(contentOf[*dossier.Report](t, rules, raw).Authors) == 1; got != test.shown {
			t.Errorf("%s: author shown is %t", name, got)
		}
	}
}

// Types that are not pulled have codes in several shapes.
func TestContainedResourcesOfOtherTypesAreJudged(t *testing.T) {
	t.Parallel()
	rules := Mapping{Hide: []Rule{
		{Match: Match{Category: Code{Code: "juridisch"}}}, {Match: Match{Code: Code{Code: "geheim"}}},
	}}
	for name, test := range map[string]struct {
		more  string
		shown bool
	}{
		"unmarked":             {``, true},
		"category of codes":    {`,"category":["food"]`, true},
		"one category":         {`,"category":{"coding":[{"code":"juridisch"}]}`, false},
		"a list of categories": {`,"category":[{"coding":[{"code":"x"}]},{"coding":[{"code":"juridisch"}]}]`, false},
		"code":                 {`,"code":{"coding":[{"code":"geheim"}],"text":"Noten"}`, false},
		"label":                {`,"securityLabel":[{"coding":[{"code":"NOPAT"}]}]`, false},
		"another's":            {`,"patient":{"reference":"Patient/c2"}`, false},
		"refuted":              {`,"verificationStatus":{"coding":[{"code":"refuted"}]}`, false},
	} {
		if !strings.Contains(test.more, `"code":{`) {
			test.more += `,"code":{"text":"Noten"}`
		}
		raw := with(t, carePlan, "addresses", `[{"reference":"#a"}]`,
			"contained", `[{"resourceType":"AllergyIntolerance","id":"a"`+test.more+`}]`)
		if got := len(contentOf[*dossier.CarePlan](t, rules, raw).Addresses) == 1; got != test.shown {
			t.Errorf("%s: shown is %t", name, got)
		}
	}
}

func TestMarksInAnySpellingHide(t *testing.T) {
	t.Parallel()
	const system = `"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode",`
	for name, label := range map[string]string{
		"right": system + `"code":"NOPAT"`, "lower case": `"code":"nopat"`, "blank": `"code":"NOPAT "`, "zero width": `"code":"NO\u200bPAT"`,
		"wide": `"code":"ＮＯＰＡＴ"`, "display": `"display":"NOPAT"`, "its display": system + `"display":"no disclosure to patient, family or caregivers without attending provider's authorization"`,
		"Dutch": `"display":"Niet voor de cliënt"`, "other code, its display": `"code":"x","display":"(NOPAT)"`, "nothing": ``, "a system alone": system[:len(system)-1],
	} {
		raw := with(t, observation, "meta", `{"security":[{`+label+`}]}`)
		if it := mapOne(t, Mapping{}, raw); it.Reason != dossier.HiddenMarked {
			t.Errorf("%s: got %s %s", name, it.State, it.Reason)
		}
	}
	for name, meta := range map[string]string{
		"V":         `{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V","display":"very restricted"}]}`,
		"a display": `{"security":[{"display":"Normaal"}]}`, "a word": `{"tag":[{"code":"NOPATTERN"},{}]}`,
	} {
		if it := mapOne(t, Mapping{}, with(t, observation, "meta", meta)); it.State != dossier.StateShown {
			t.Errorf("%s: got %s %s", name, it.State, it.Reason)
		}
	}
	rules := Mapping{Hide: []Rule{{Match: Match{Tag: Code{"https://ecd.example/kind", "Intern"}}}}}
	for tag, hide := range map[string]bool{
		`"code":"intern"`: true, `"system":"http://ecd.example/kind/","code":"Intern "`: true, `"system":"https://ecd.example/x","code":"Intern"`: false,
		`"system":"https://ecd.example/kind","code":"Extern"`: false,
	} {
		it := mapOne(t, rules, with(t, observation, "meta", `{"tag":[{`+tag+`}]}`))
		if (it.Reason == dossier.HiddenMarked) != hide {
			t.Errorf("%s: got %s %s", tag, it.State, it.Reason)
		}
	}
}

func TestCompositionSectionsAreJudged(t *testing.T) {
	t.Parallel()
	rules := Mapping{Hide: []Rule{{Match: Match{Category: Code{Code: "intern"}}}, {Match: Match{Code: Code{Code: "werk"}}}}}
	for name, test := range map[string]struct {
		more  string
		shown bool
	}{
		"plain":          {`,"code":{"coding":[{"code":"x"}]}`, true},
		"by code":        {`,"code":{"coding":[{"code":"werk"}]}`, false},
		"by category":    {`,"code":{"coding":[{"code":"intern"}]}`, false},
		"label":          {`,"extension":[{"url":"https://ecd.example/fhir/StructureDefinition/section-security-label","valueCoding":{"code":"NOPAT"}}]`, false},
		"concept":        {`,"extension":[{"url":"x/security-label","valueCodeableConcept":{"coding":[{"code":"NOPAT"}]}}]`, false},
		"other label":    {`,"extension":[{"url":"x/security-label","valueCoding":{"code":"R"}}]`, true},
		"empty label":    {`,"extension":[{"url":"x/security-label"}]`, false},
		"inline":         {`,"extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label","valueCoding":{"code":"NOPAT"}}]`, false},
		"another client": {`,"focus":{"reference":"Patient/c2"}`, false},
		"this client":    {`,"focus":{"reference":"Patient/c1"}`, true},
	} {
		raw := with(t, composition, "section", "["+section("A", "blijft", "")+","+section("B", "woorden", test.more)+"]")
		got := contentOf[*dossier.Report](t, rules, raw).Text
		if strings.Contains(got, "woorden") != test.shown || !strings.Contains(got, "blijft") {
			t.Errorf("%s: got %q", name, got)
		}
		raw = with(t, composition, "section", "["+section("B", "woorden", test.more)+"]", "text", `{"status":"generated","div":"<div>woorden</div>"}`)
		if it := mapOne(t, rules, raw); (it.State == dossier.StateShown) != test.shown || it.Reason == dossier.HiddenEmpty {
			t.Errorf("%s alone: got %s %s", name, it.State, it.Reason)
		}
	}
}

func TestInlineLabels(t *testing.T) {
	t.Parallel()
	label := func(coding string) string {
		return `{"extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label"` + coding + `}]}`
	}
	const processed = `{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PROCESSINLINELABEL"}]}`
	hide := label(`,"valueCoding":{"code":"NOPAT"}`)
	restricted := label(`,"valueCoding":{"code":"R"}`)
	for name, test := range map[string]struct {
		change []string
		want   string // empty: hidden
	}{
		"on the text":      {[]string{"meta", processed, "_valueString", hide, "note", `[{"text":"rest"}]`, "text", `{"div":"<div>Goed geslapen.</div>"}`}, "rest"},
		"narrative too":    {[]string{"meta", processed, "_valueString", hide, "text", `{"div":"<div>Goed geslapen.</div>"}`}, ""},
		"on a note":        {[]string{"valueString", "", "note", `[{"text":"a"},{"text":"b",` + hide[1:] + `]`}, "a"},
		"not hiding":       {[]string{"meta", processed, "_valueString", restricted}, "Goed geslapen."},
		"not understood":   {[]string{"meta", processed, "_valueString", label("")}, ""},
		"none":             {[]string{"meta", processed}, ""},
		"none, badly":      {[]string{"meta", `{"security":[{"code":"processinlinelabel "}]}`}, ""},
		"on the resource":  {[]string{"extension", hide[len(`{"extension":`) : len(hide)-1]}, ""},
		"without the mark": {[]string{"_valueString", hide}, ""},
		"on the subject":   {[]string{"subject", `{"reference":"Patient/c1",` + hide[1:]}, ""},
	} {
		it := mapOne(t, Mapping{}, with(t, observation, test.change...))
		if test.want == "" {
			if it.State != dossier.StateHidden || it.Reason == dossier.HiddenEmpty {
				t.Errorf("%s: got %s %s", name, it.State, it.Reason)
			}
			continue
		}
		if p, _ := it.Content.(*dossier.Report); p == nil || p.Text != test.want {
			t.Errorf("%s: got %s %s %+v", name, it.State, it.Reason, p)
		}
	}
}
