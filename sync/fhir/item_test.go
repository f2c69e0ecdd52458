package fhir

import (
	"strings"
	"testing"
	"time"

	"dossiersync/store/dossier"
)

func TestEnvelopeVerdicts(t *testing.T) {
	t.Parallel()
	const nopat = `{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"NOPAT"}]}`
	for _, test := range []struct {
		name, raw string
		change    []string
		state     dossier.State
		reason    dossier.Reason
	}{
		{"observation final", observation, nil, dossier.StateShown, ""},
		{"case 10 amended", observation, []string{"status", `"amended"`}, dossier.StateShown, ""},
		{"case 10 corrected", observation, []string{"status", `"corrected"`}, dossier.StateShown, ""},
		{"case 12 entered-in-error", observation, []string{"status", `"entered-in-error"`}, dossier.StateWithdrawn, dossier.WithdrawnInError},
		{"case 12 cancelled", observation, []string{"status", `"cancelled"`}, dossier.StateWithdrawn, dossier.WithdrawnInError},
		{"case 15 preliminary", observation, []string{"status", `"preliminary"`}, dossier.StateHidden, dossier.HiddenStatus},
		{"case 15 registered", observation, []string{"status", `"registered"`}, dossier.StateHidden, dossier.HiddenStatus},
		{"case 27 status unknown to FHIR", observation, []string{"status", `"unknown"`}, dossier.StateHidden, dossier.HiddenUnknownStatus},
		{"case 27 status unknown to us", observation, []string{"status", `"zinvol"`}, dossier.StateHidden, dossier.HiddenUnknownStatus},
		{"case 27 no status", observation, []string{"status", ""}, dossier.StateHidden, dossier.HiddenUnknownStatus},
		{"case 27 unknown extension", observation, []string{"extension", `[{"url":"https://x","valueCode":"y"}]`}, dossier.StateShown, ""},
		{"case 27 unknown member", observation, []string{"nieuw", `{"a":[1]}`}, dossier.StateShown, ""},
		{"case 27 modifierExtension", observation, []string{"modifierExtension", `[{"url":"https://x","valueBoolean":false}]`}, dossier.StateHidden, dossier.HiddenModifierExtension},
		{"case 27 modifierExtension, not a list", observation, []string{"modifierExtension", `{}`}, dossier.StateHidden, dossier.HiddenModifierExtension},
		{"case 27 modifierExtension without elements", observation, []string{"modifierExtension", `[]`}, dossier.StateShown, ""},
		{"case 28 implicitRules", observation, []string{"implicitRules", `"https://x"`}, dossier.StateHidden, dossier.HiddenImplicitRules},
		{"case 14 NOPAT", observation, []string{"meta", nopat}, dossier.StateHidden, dossier.HiddenMarked},
		{"case 14 NOPAT by its OID", observation, []string{"meta", `{"security":[{"system":"urn:oid:2.16.840.1.113883.5.4","code":"NOPAT"}]}`}, dossier.StateHidden, dossier.HiddenMarked},
		{"confidentiality alone", observation, []string{"meta", `{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"}]}`}, dossier.StateShown, ""},
		{"an error outweighs a mark", observation, []string{"status", `"entered-in-error"`, "meta", nopat}, dossier.StateWithdrawn, dossier.WithdrawnInError},
		{"not a report", observation, []string{"code", `{"coding":[{"system":"http://loinc.org","code":"8867-4"}]}`}, dossier.StateHidden, dossier.HiddenNotAReport},
		{"a report's code in another system", observation, []string{"code", `{"coding":[{"system":"http://loinc.org","code":"11591000146107"}]}`}, dossier.StateHidden, dossier.HiddenNotAReport},
		{"no client", observation, []string{"subject", ""}, dossier.StateHidden, dossier.HiddenNoClient},
		{"a group as client", observation, []string{"subject", `{"reference":"Group/c1"}`}, dossier.StateHidden, dossier.HiddenNoClient},
		{"a client on another server", observation, []string{"subject", `{"reference":"https://other.example/fhir/Patient/c1"}`}, dossier.StateHidden, dossier.HiddenNoClient},
		{"a client by identifier only", observation, []string{"subject", `{"type":"Patient","identifier":{"value":"1"}}`}, dossier.StateHidden, dossier.HiddenNoClient},
		{"a conditional client", observation, []string{"subject", `{"reference":"Patient?identifier=1"}`}, dossier.StateHidden, dossier.HiddenNoClient},
		{"a client by its absolute URL", observation, []string{"subject", `{"reference":"https://ecd.example/fhir/Patient/c1"}`}, dossier.StateShown, ""},
		{"a client in one version", observation, []string{"subject", `{"reference":"Patient/c1/_history/4"}`}, dossier.StateShown, ""},

		{"document current", document, nil, dossier.StateShown, ""},
		{"case 11 superseded", document, []string{"status", `"superseded"`}, dossier.StateHidden, dossier.HiddenSuperseded},
		{"document in error", document, []string{"status", `"entered-in-error"`}, dossier.StateWithdrawn, dossier.WithdrawnInError},
		{"document of unknown status", document, []string{"status", `"x"`}, dossier.StateHidden, dossier.HiddenUnknownStatus},
		{"docStatus preliminary", document, []string{"docStatus", `"preliminary"`}, dossier.StateHidden, dossier.HiddenStatus},
		{"docStatus final", document, []string{"docStatus", `"final"`}, dossier.StateShown, ""},
		{"docStatus in error", document, []string{"docStatus", `"entered-in-error"`}, dossier.StateWithdrawn, dossier.WithdrawnInError},
		{"docStatus unknown", document, []string{"docStatus", `"x"`}, dossier.StateHidden, dossier.HiddenUnknownStatus},
		{"document with a label", document, []string{"securityLabel", `[{"coding":[{"code":"NOPAT"}]}]`}, dossier.StateHidden, dossier.HiddenMarked},

		{"composition final", composition, nil, dossier.StateShown, ""},
		{"case 10 composition amended", composition, []string{"status", `"amended"`}, dossier.StateShown, ""},
		{"case 15 composition preliminary", composition, []string{"status", `"preliminary"`}, dossier.StateHidden, dossier.HiddenStatus},
		{"case 12 composition in error", composition, []string{"status", `"entered-in-error"`}, dossier.StateWithdrawn, dossier.WithdrawnInError},
		{"composition of unknown status", composition, []string{"status", `"x"`}, dossier.StateHidden, dossier.HiddenUnknownStatus},
		{"composition that is no report", composition, []string{"type", `{"coding":[{"system":"http://loinc.org","code":"11488-4"}]}`}, dossier.StateHidden, dossier.HiddenNotAReport},
		{"composition, very restricted", composition, []string{"confidentiality", `"V"`}, dossier.StateShown, ""},
		{"composition, a mark", composition, []string{"meta", nopat}, dossier.StateHidden, dossier.HiddenMarked},
		{"composition of nobody", composition, []string{"subject", ""}, dossier.StateHidden, dossier.HiddenNoClient},

		{"plan active", carePlan, nil, dossier.StateShown, ""},
		{"case 43 plan on hold", carePlan, []string{"status", `"on-hold"`}, dossier.StateShown, ""},
		{"case 42 plan revoked", carePlan, []string{"status", `"revoked"`}, dossier.StateShown, ""},
		{"plan completed", carePlan, []string{"status", `"completed"`}, dossier.StateShown, ""},
		{"case 44 plan draft", carePlan, []string{"status", `"draft"`}, dossier.StateHidden, dossier.HiddenStatus},
		{"plan of unknown status", carePlan, []string{"status", `"unknown"`}, dossier.StateHidden, dossier.HiddenUnknownStatus},
		{"plan in error", carePlan, []string{"status", `"entered-in-error"`}, dossier.StateWithdrawn, dossier.WithdrawnInError},

		{"goal", goal, nil, dossier.StateShown, ""},
		{"case 47 goal cancelled", goal, []string{"lifecycleStatus", `"cancelled"`}, dossier.StateShown, ""},
		{"goal completed", goal, []string{"lifecycleStatus", `"completed"`}, dossier.StateShown, ""},
		{"goal proposed", goal, []string{"lifecycleStatus", `"proposed"`}, dossier.StateHidden, dossier.HiddenStatus},
		{"goal rejected", goal, []string{"lifecycleStatus", `"rejected"`}, dossier.StateHidden, dossier.HiddenStatus},
		{"goal in error", goal, []string{"lifecycleStatus", `"entered-in-error"`}, dossier.StateWithdrawn, dossier.WithdrawnInError},
		{"goal of unknown status", goal, []string{"lifecycleStatus", `"x"`}, dossier.StateHidden, dossier.HiddenUnknownStatus},

		{"client inactive", patient, []string{"active", `false`}, dossier.StateHidden, dossier.HiddenInactive},
		{"case 4 client merged", patient, []string{"active", `false`, "link", `[{"type":"replaced-by","other":{"reference":"Patient/c2"}}]`}, dossier.StateHidden, dossier.HiddenMerged},
		{"client who replaces", patient, []string{"link", `[{"type":"replaces","other":{"reference":"Patient/c0"}}]`}, dossier.StateShown, ""},
		{"contact of nobody", contact, []string{"patient", ""}, dossier.StateHidden, dossier.HiddenNoClient},
		{"contact without a name", contact, []string{"name", ""}, dossier.StateHidden, dossier.HiddenEmpty},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			it := mapOne(t, Mapping{}, with(t, test.raw, test.change...))
			if it.State != test.state || it.Reason != test.reason {
				t.Errorf("got %s %s (%s), want %s %s", it.State, it.Reason, it.Detail, test.state, test.reason)
			}
			if it.State != dossier.StateShown && it.Content != nil && it.Reason != dossier.HiddenMerged {
				t.Errorf("content %+v leaks", it.Content)
			}
		})
	}
}

func TestHideRules(t *testing.T) {
	t.Parallel()
	code := Code{"https://ecd.example/kind", "intern"}
	const coding = `{"system":"https://ecd.example/kind","code":"intern"}`
	for _, test := range []struct {
		name   string
		match  Match
		change []string
		hide   bool
	}{
		{"tag", Match{Tag: code}, []string{"meta", `{"tag":[` + coding + `]}`}, true},
		{"tag of another system", Match{Tag: code}, []string{"meta", `{"tag":[{"system":"x","code":"intern"}]}`}, false},
		{"tag of any system", Match{Tag: Code{Code: "intern"}}, []string{"meta", `{"tag":[{"system":"x","code":"intern"}]}`}, true},
		{"security", Match{Security: code}, []string{"meta", `{"security":[` + coding + `]}`}, true},
		{"category", Match{Category: code}, []string{"category", `[{"coding":[` + coding + `]}]`}, true},
		{"code", Match{Code: code}, []string{"code", `{"coding":[` + coding + `]}`}, true},
		{"one of two", Match{Tag: code, Category: code}, []string{"category", `[{"coding":[` + coding + `]}]`}, false},
		{"elsewhere", Match{Tag: code}, []string{"category", `[{"coding":[` + coding + `]}]`}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rules := Mapping{Hide: []Rule{{Match: test.match}}, ReportCodes: []Code{reportCode, code}}
			it := mapOne(t, rules, with(t, observation, test.change...))
			if got := it.Reason == dossier.HiddenMarked; got != test.hide {
				t.Errorf("got %s %s", it.State, it.Reason)
			}
		})
	}
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	rules := Mapping{ShowPreliminary: true, ShowSuperseded: true, ReportCodes: []Code{{Code: "x"}}}
	for _, raw := range []string{
		with(t, observation, "status", `"preliminary"`, "code", `{"coding":[{"code":"x"}]}`),
		with(t, document, "status", `"superseded"`),
		with(t, document, "docStatus", `"preliminary"`),
	} {
		if it := mapOne(t, rules, raw); it.State != dossier.StateShown {
			t.Errorf("got %s %s", it.State, it.Reason)
		}
	}
	if it := mapOne(t, Mapping{ReportCodes: []Code{}}, observation); it.Reason != dossier.HiddenNotAReport {
		t.Errorf("no report codes at all: got %s %s", it.State, it.Reason)
	}
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"extension":[`, 40) + `1` + strings.Repeat(`]}`, 40)
	for _, test := range []struct {
		name, raw string
		envelope  bool
		reason    dossier.Reason
		detail    string
	}{
		{"not JSON", `{"resourceType":"Observation","id":}`, false, dossier.BadJSON, "resource: not JSON"},
		{"cut off", `{"resourceType":"Observation","id":"r1"`, false, dossier.BadJSON, "resource: ends too early"},
		{"no object", `[]`, false, dossier.BadJSON, "resource: not JSON"},
		{"no id", with(t, observation, "id", ""), false, dossier.BadID, "id: missing"},
		{"not a FHIR id", with(t, observation, "id", `"a b"`), false, dossier.BadID, "id: not a FHIR id"},
		{"id a number", with(t, observation, "id", `7`), false, dossier.BadEnvelope, "id: not a text"},
		{"another type", with(t, observation, "resourceType", `"Patient"`), false, dossier.BadType, "resourceType: not what was asked for"},
		{"status a number", with(t, observation, "status", `1`), false, dossier.BadEnvelope, "status: not a text"},
		{"status with NUL", with(t, observation, "status", `"fin\u0000al"`), false, dossier.BadText, "status: holds U+0000"},
		{"marks not a list", with(t, observation, "meta", `{"security":{"code":"NOPAT"}}`), false, dossier.BadEnvelope, "meta.security: not a list"},
		{"mark unreadable", with(t, observation, "meta", `{"security":[{"code":1}]}`), false, dossier.BadEnvelope, "meta.security[0].code: not a text"},
		{"subject mangled", with(t, observation, "subject", `{"reference":"Patient/"}`), false, dossier.BadReference, "subject.reference: holds no FHIR id"},
		{"subject a text", with(t, observation, "subject", `"Patient/c1"`), false, dossier.BadEnvelope, "subject: not an object"},
		{"case 22 NUL", with(t, observation, "valueString", `"a\u0000b"`), true, dossier.BadText, "valueString: holds U+0000"},
		{"case 22 half a surrogate pair", with(t, observation, "valueString", `"a\ud83db"`), true, dossier.BadText, "valueString: holds half a surrogate pair"},
		{"case 22 no UTF-8", strings.Replace(observation, "Goed", "Go\xe9d", 1), true, dossier.BadText, "valueString: not UTF-8"},
		{"value a number", with(t, observation, "valueString", `12`), true, dossier.BadBody, "valueString: not a text"},
		{"bad JSON inside", strings.Replace(observation, `"Goed geslapen."`, `nul`, 1), true, dossier.BadJSON, "valueString: not JSON"},
		{"bad date", with(t, observation, "effectiveDateTime", `"2024-13-01"`), true, dossier.BadDate, "effectiveDateTime: not a FHIR date"},
		{"bad lastUpdated", with(t, observation, "meta", `{"lastUpdated":"gisteren"}`), true, dossier.BadDate, "meta.lastUpdated: not a FHIR date"},
		{"no date at all", with(t, observation, "meta", "", "effectiveDateTime", ""), true, dossier.BadDate, "resource: no date"},
		{"performer unreadable", with(t, observation, "performer", `[{"reference":"Practitioner/1"},{"reference":1}]`), true, dossier.BadBody, "performer[1].reference: not a text"},
		{"given twice", strings.Replace(observation, `"status"`, `"valueString":"Slecht","status"`, 1), true, dossier.BadBody, "valueString: given twice"},
		{"status twice", strings.Replace(observation, `"status"`, `"status":"entered-in-error","status"`, 1), false, dossier.BadEnvelope, "status: given twice"},
		{"too deep", with(t, observation, "extension", `[`+deep+`]`), true, dossier.TooDeep, "resource: nested too deep"},
		{"too large", with(t, observation, "valueString", `"`+strings.Repeat("x", 4<<20)+`"`), true, dossier.TooLarge, "resource: too large"},
		{"text too long", with(t, observation, "valueString", `"`+strings.Repeat("x", 1<<20+1)+`"`), true, dossier.TooLarge, "valueString: too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := testMapper(Mapping{})
			it := m.item(&resource{limits: m.limits}, testType(t, m, "Observation"), []byte(test.raw), false)
			if it.State != dossier.StateQuarantined || it.Reason != test.reason || it.Detail != test.detail || it.EnvelopeRead != test.envelope {
				t.Errorf("got %s %s %q envelope %v, want quarantined %s %q envelope %v",
					it.State, it.Reason, it.Detail, it.EnvelopeRead, test.reason, test.detail, test.envelope)
			}
			if test.envelope && (it.Client != "c1" || it.ID != "r1") {
				t.Errorf("got client %q of %q", it.Client, it.ID)
			}
			want := test.raw[:min(len(test.raw), 256<<10)]
			if cut := len(want) < len(test.raw); string(it.Raw) != want || it.RawCut != cut || it.Content != nil {
				t.Errorf("got %d raw bytes (cut: %v), want %d; content %v", len(it.Raw), it.RawCut, len(want), it.Content)
			}
		})
	}
}

// I6 and I7 beat I2: an envelope that hides is obeyed, however broken the body.
func TestHidingOutweighsABrokenBody(t *testing.T) {
	t.Parallel()
	broken := strings.Replace(observation, `"Goed geslapen."`, `"\u0000`+strings.Repeat("x", 5<<20)+`"`, 1)
	for _, test := range []struct {
		name, raw string
		reason    dossier.Reason
	}{
		{"withdrawn", with(t, broken, "status", `"entered-in-error"`, "effectiveDateTime", `"x"`), dossier.WithdrawnInError},
		{"marked", with(t, broken, "meta", `{"security":[{"code":"NOPAT"}],"lastUpdated":"x"}`), dossier.HiddenMarked},
		{"not JSON", strings.Replace(with(t, observation, "status", `"preliminary"`), `"Goed geslapen."`, `nul`, 1), dossier.HiddenStatus},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if it := mapOneOf(t, "Observation", test.raw); it.Reason != test.reason || it.Content != nil || it.Raw != nil {
				t.Errorf("got %s %s %s", it.State, it.Reason, it.Detail)
			}
		})
	}
}

// A fault of the program's own costs one record, and what was shown of it.
func TestPanicQuarantinesTheItem(t *testing.T) {
	t.Parallel()
	m := testMapper(Mapping{})
	k, _ := kindNamed("Observation")
	broken := *k
	broken.body = func(*mapper, *resource, *envelope) (dossier.Content, verdict) { panic(observation) }
	it := m.itemOf(&resource{limits: m.limits}, &broken, testType(t, m, "Observation"), []byte(observation), false)
	if it.State != dossier.StateQuarantined || it.Reason != dossier.BadBody || it.Detail != "the program failed on it" || it.EnvelopeRead {
		t.Errorf("got %s %s %q, envelope %v", it.State, it.Reason, it.Detail, it.EnvelopeRead)
	}
	if it.ID != "r1" || string(it.Raw) != observation || it.Content != nil {
		t.Errorf("got %q with %d raw bytes", it.ID, len(it.Raw))
	}
}

// What nobody reads can be as broken as it likes.
func TestFaultsInUnreadMembersAreHarmless(t *testing.T) {
	t.Parallel()
	raw := strings.Replace(observation, `"status"`, `"text":{"div":"`+"\xff"+`\u0000"},"referenceRange":[nul],"identifier":7,"status"`, 1)
	if it := mapOneOf(t, "Observation", raw); it.State != dossier.StateShown {
		t.Errorf("got %s %s %s", it.State, it.Reason, it.Detail)
	}
}

// A modifierExtension on a part of a resource counts like one on the whole.
func TestModifierExtensionInsideHides(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		with(t, carePlan, "activity", `[{"modifierExtension":[{"url":"x"}],"detail":{"description":"Wandelen"}}]`),
		with(t, document, "content", `[{"modifierExtension":[{"url":"x"}],"attachment":{"title":"x"}}]`),
		with(t, document, "content", `[{"modifierExtension":[{"url":"x"}],"attachment":{"title":7}}]`),
	} {
		if it := mapOne(t, Mapping{}, raw); it.Reason != dossier.HiddenModifierExtension || it.Content != nil {
			t.Errorf("got %s %s", it.State, it.Reason)
		}
	}
}

func TestMetaIsOptional(t *testing.T) {
	t.Parallel()
	it := mapOne(t, Mapping{}, with(t, observation, "meta", ""))
	if it.State != dossier.StateShown || !it.Updated.IsZero() || it.Version != "" {
		t.Errorf("got %+v", it)
	}
	it = mapOne(t, Mapping{}, observation)
	if want := time.Date(2025, 3, 4, 8, 15, 22, 123e6, time.UTC); !it.Updated.Equal(want) || it.Version != "2" {
		t.Errorf("got version %q of %v, want 2 of %v", it.Version, it.Updated, want)
	}
}

// Equal hashes mean that a reader would see no difference.
func TestHash(t *testing.T) {
	t.Parallel()
	was := mapOne(t, Mapping{}, observation).Hash
	same := func(rules Mapping, change ...string) bool {
		return mapOne(t, rules, with(t, observation, change...)).Hash == was
	}
	if !same(Mapping{}, "meta", `{"versionId":"9","lastUpdated":"2026-01-01T00:00:00Z","source":"x"}`, "identifier", `[{"value":"1"}]`) {
		t.Error("changed with what nobody sees")
	}
	for name, changed := range map[string]bool{
		"text":     !same(Mapping{}, "valueString", `"Slecht geslapen."`),
		"client":   !same(Mapping{}, "subject", `{"reference":"Patient/c2"}`),
		"state":    !same(Mapping{}, "status", `"preliminary"`),
		"reason":   mapOne(t, Mapping{}, with(t, observation, "status", `"preliminary"`)).Hash != mapOne(t, Mapping{}, with(t, observation, "status", `"x"`)).Hash,
		"author":   !same(Mapping{}, "performer", `[{"display":"S. de Boer"}]`),
		"moment":   !same(Mapping{}, "effectiveDateTime", `"2025-03-04T08:40:01+01:00"`),
		"literal":  !same(Mapping{}, "effectiveDateTime", `"2025-03-04T07:40:00Z"`),
		"rules":    !same(Mapping{Hide: []Rule{{Match: Match{Tag: Code{Code: "x"}}}}}),
		"category": !same(Mapping{}, "basedOn", `[{"reference":"CarePlan/p1"}]`),
	} {
		if !changed {
			t.Errorf("%s: not in the hash", name)
		}
	}
}

func TestEnvelopeQueryLooksAtNoBody(t *testing.T) {
	t.Parallel()
	m := testMapper(Mapping{})
	raw := []byte(with(t, observation, "valueString", `7`))
	it := m.item(&resource{limits: m.limits}, testType(t, m, "Observation"), raw, true)
	if it.State != dossier.StateShown || it.Content != nil || it.Hash != (dossier.Hash{}) || it.Client != "c1" || it.Version != "2" {
		t.Errorf("got %+v", it)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	mark := func(name string, rules Mapping) string {
		k, _ := kindNamed(name)
		return testMapper(rules).fingerprint(k)
	}
	hide := Mapping{Hide: []Rule{{Match: Match{Tag: Code{Code: "x"}}}}}
	domain := Mapping{Domain: []Rule{{Match{Category: Code{Code: "x"}}, "wonen"}}}
	for _, test := range []struct {
		kind    string
		rules   Mapping
		changes bool
	}{
		{"Observation", hide, true},
		{"Patient", hide, true},
		{"Goal", domain, true},
		{"Observation", domain, false},
		{"Observation", Mapping{ShowPreliminary: true}, true},
		{"Observation", Mapping{ReportCodes: []Code{reportCode}}, false},
		{"Observation", Mapping{ReportCodes: []Code{}}, true},
		{"Patient", Mapping{ShowPreliminary: true}, false},
	} {
		if got := mark(test.kind, test.rules) != mark(test.kind, Mapping{}); got != test.changes {
			t.Errorf("%s by %+v: changes %v, want %v", test.kind, test.rules, got, test.changes)
		}
	}
	if mark("Patient", Mapping{}) == mark("Goal", Mapping{}) {
		t.Error("two kinds share a fingerprint")
	}
}

// mapOneOf maps raw, which may be no JSON at all, as a resource called name.
func mapOneOf(t testing.TB, name, raw string) dossier.Item {
	t.Helper()
	m := testMapper(Mapping{})
	return m.item(&resource{limits: m.limits}, testType(t, m, name), []byte(raw), false)
}
